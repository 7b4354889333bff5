//! Digests: what is signed by other code is a match, and no changed byte of it is; text that is no digest never verifies.

use super::Tape;
use md5::Digest;
use md5::Md5;
use sipauth::auth::parse_credentials;
use sipauth::digest::Keyring;
use sipauth::digest::Reason;
use sipauth::digest::Secret;
use sipauth::digest::Verdict;
use sipauth::digest::Verifier;
use sipauth::digest::verify::Request;

const PASSWORD: &[u8] = b"correct-horse";

fn md5(parts: &[&[u8]]) -> Vec<u8> {
    let digest = Md5::digest(parts.join(&b':'));
    digest.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

/// RFC 3261 §25.1: a quoted string.
fn quoted(text: &[u8]) -> Vec<u8> {
    let escaped = text.iter().flat_map(|byte| match byte {
        b'"' | b'\\' => vec![b'\\', *byte],
        byte => vec![*byte],
    });
    [b'"'].into_iter().chain(escaped).chain([b'"']).collect()
}

struct Signed {
    fields: [Vec<u8>; 6],
    response: Vec<u8>,
    method: Vec<u8>,
    body: Vec<u8>,
    qop: Option<&'static [u8]>,
}

impl Signed {
    fn new(tape: &mut Tape<'_>) -> Signed {
        let qop = [None, Some(&b"auth"[..]), Some(b"auth-int")][usize::from(tape.byte() % 3)];
        let mut field = || {
            let len = usize::from(tape.byte() % 24);
            tape.bytes(len).to_vec()
        };
        let mut fields = [field(), field(), field(), field(), field(), b"00000001".to_vec()];
        // Line ends within quotes are folds, which a value does not keep; a user name needs an entry that is not blank.
        fields.iter_mut().for_each(|field| field.retain(|byte| !matches!(byte, b'\r' | b'\n')));
        let [username, realm, nonce, uri, cnonce, nonce_count] = &fields;
        let (method, body) = (b"REGISTER".to_vec(), tape.0.to_vec());
        let ha1 = md5(&[username, realm, PASSWORD]);
        let ha2 = match qop {
            Some(b"auth-int") => md5(&[&method, uri, &md5(&[&body])]),
            _ => md5(&[&method, uri]),
        };
        let response = match qop {
            Some(qop) => md5(&[&ha1, nonce, nonce_count, cnonce, qop, &ha2]),
            None => md5(&[&ha1, nonce, &ha2]),
        };
        Signed { response, method, body, qop, fields }
    }

    fn header(&self) -> Vec<u8> {
        let [username, realm, nonce, uri, cnonce, nonce_count] = &self.fields;
        let mut header = b"Digest username=".to_vec();
        header.extend(quoted(username));
        for (name, value) in [("realm", realm), ("nonce", nonce), ("uri", uri), ("response", &self.response)] {
            header.extend([b", ", name.as_bytes(), b"="].concat());
            header.extend(quoted(value));
        }
        if let Some(qop) = self.qop {
            header.extend([b", nc=", &nonce_count[..], b", cnonce=", &quoted(cnonce), b", qop=", qop].concat());
        }
        header
    }

    fn verdict(&self) -> Option<Verdict> {
        let mut keyring = Keyring::new();
        let user = self.fields[0].clone();
        for user in [&user[..], b"someone"] {
            keyring.account(user, b"*", Secret::password(PASSWORD), "--user").ok()?;
        }
        let header = self.header();
        let request = Request { method: &self.method, body: Some(&self.body), ambiguous: false, headers_cut: false };
        Some(Verifier::new(keyring).check(parse_credentials(&header).first()?, &request, None)?.verdict)
    }
}

/// One input.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let (place, bit) = (tape.byte(), tape.byte() % 8);
    let at = usize::from(tape.byte());
    let signed = Signed::new(&mut tape);
    let Some(verdict) = signed.verdict() else { return };
    if matches!(verdict, Verdict::Unverifiable(Reason::EmptyParameter(_))) {
        return;
    }
    assert_eq!(verdict, Verdict::Match, "{}", String::from_utf8_lossy(&signed.header()));
    let mut changed =
        Signed { response: signed.response.clone(), ..Signed::new(&mut Tape(&bytes[3.min(bytes.len())..])) };
    let mut places: Vec<&mut Vec<u8>> = changed.fields.iter_mut().take(4).collect();
    places.extend([&mut changed.method, &mut changed.response]);
    if signed.qop == Some(b"auth-int") {
        places.push(&mut changed.body);
    }
    let index = usize::from(place) % places.len();
    let Some(byte) = places[index].get_mut(at) else { return };
    let before = *byte;
    *byte ^= 1 << bit;
    let is_fold = matches!(*byte, b'\r' | b'\n');
    // A response in upper case is the same number.
    let is_same = index == 5 && before.eq_ignore_ascii_case(byte);
    if !is_fold && !is_same {
        assert_ne!(changed.verdict(), Some(Verdict::Match), "{}", String::from_utf8_lossy(&changed.header()));
    }
}
