//! The verdict on every digest in the samples, against a second implementation: its own arithmetic, on the fields that
//! tshark shows, with the passwords of the sample's credentials file.

use std::collections::BTreeMap;
use std::collections::HashMap;

use md5::Digest;
use md5::Md5;
use sha2::Sha256;
use sha2::Sha512_256;

use crate::corpus;
use crate::corpus::Sample;
use crate::tshark;
use crate::tshark::AuthHeader;
use crate::tshark::Message;

/// Verdicts that need more than one message and its credentials file, or more than tshark shows.
const NOT_CHECKED: &[(&str, u64, &str)] =
    &[("folded-authorization", 3, "tshark 4.0 does not know `aUTHORIZATION  :`, so there is nothing to compute from")];

#[test]
fn verdicts_are_those_of_a_second_implementation() {
    let mut checked = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut not_checked: Vec<(&str, u64)> = NOT_CHECKED.iter().map(|(sample, frame, _)| (*sample, *frame)).collect();
    for sample in corpus::samples().iter().filter(|sample| sample.credentials.is_some()) {
        let ours = verdicts(sample);
        let theirs = recomputed(sample, &tshark::messages()[&sample.name]);
        for ((frame, row), verdict) in &ours {
            if NOT_CHECKED.iter().any(|(name, number, _)| *name == sample.name && number == frame) {
                not_checked.retain(|entry| *entry != (sample.name.as_str(), *frame));
                continue;
            }
            let expect = theirs.get(&(*frame, *row)).map_or("absent", String::as_str);
            if expect != verdict {
                wrong.push(format!("{} frame {frame} row {row}: sipauth {verdict}, recomputed {expect}", sample.name));
            }
            *checked.entry(verdict.clone()).or_insert(0) += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(not_checked.is_empty(), "listed, and not met: {not_checked:?}");
    assert!(checked.get("match") > Some(&150), "{checked:?}");
    assert!(checked.get("mismatch") > Some(&80), "{checked:?}");
}

/// What the report says of each row of credentials, by frame and place in the message.
fn verdicts(sample: &Sample) -> BTreeMap<(u64, usize), String> {
    let mut verdicts = BTreeMap::new();
    let report = sample.report();
    for attempt in report.sessions.iter().flat_map(|session| &session.attempts) {
        let request = attempt.request.iter().map(|frame| (frame, &attempt.credentials));
        let ack = attempt.ack.iter().map(|ack| (&ack.request, &ack.credentials));
        for (frame, rows) in request.chain(ack) {
            for (row, credentials) in rows.iter().enumerate() {
                let result = credentials.verification.as_ref().map_or("none", |verification| verification.result);
                // That a changed input makes it right is near_misses.rs's matter.
                let lacks_count = credentials.qop.is_some() && credentials.nc.is_none();
                let result = match result {
                    "near_miss" if lacks_count => "unverifiable",
                    "near_miss" => "mismatch",
                    result => result,
                };
                verdicts.insert((frame.number, row), result.to_owned());
            }
        }
    }
    verdicts
}

/// The same, computed here.
fn recomputed(sample: &Sample, messages: &[Message]) -> BTreeMap<(u64, usize), String> {
    let secrets = secrets(sample);
    let mut challenge_realms: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    let mut first_cnonces: HashMap<(Vec<u8>, Vec<u8>), Vec<u8>> = HashMap::new();
    let mut verdicts = BTreeMap::new();
    for message in messages {
        if message.method.is_none() {
            for challenge in &message.auth {
                if let (Some(nonce), Some(realm)) = (param(challenge, "nonce"), param(challenge, "realm")) {
                    challenge_realms.entry(nonce).or_insert(realm);
                }
            }
            continue;
        }
        // The report has the Authorization rows and the Proxy-Authorization rows in the order sent; samples do not mix them.
        for (row, header) in message.auth.iter().enumerate() {
            let verdict = verdict(header, message, &secrets, &challenge_realms, &mut first_cnonces);
            verdicts.entry((message.frame, row)).or_insert(verdict.to_owned());
        }
    }
    verdicts
}

/// A row of a credentials file.
struct Secret {
    user: Vec<u8>,
    realm: Vec<u8>,
    password: Option<Vec<u8>>,
    ha1: Vec<u8>,
}

/// RFC 4180 as far as the samples need it, and `user:realm:HA1`.
fn secrets(sample: &Sample) -> Vec<Secret> {
    let (file, bytes) = sample.credentials.as_ref().expect("the sample has credentials");
    let text = std::str::from_utf8(bytes).expect("credentials of samples are UTF-8");
    if file.ends_with(".htdigest") {
        let lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
        return lines.map(|part| secret(part[0], part[1], None, part[2])).collect();
    }
    let rows: Vec<Vec<String>> = csv_rows(text);
    assert_eq!(rows[0], ["user", "realm", "password"], "{}", sample.name);
    rows[1..].iter().map(|row| secret(&row[0], &row[1], Some(&row[2]), "")).collect()
}

fn secret(user: &str, realm: &str, password: Option<&str>, ha1: &str) -> Secret {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Secret { user: bytes(user), realm: bytes(realm), password: password.map(bytes), ha1: bytes(ha1) }
}

fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut characters = text.trim_end().chars().peekable();
    while let Some(character) = characters.next() {
        let row = rows.last_mut().expect("there is always a row");
        let cell = row.last_mut().expect("there is always a cell");
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(String::new()),
            '\n' if !is_quoted => rows.push(vec![String::new()]),
            '\r' if !is_quoted => {}
            other => cell.push(other),
        }
    }
    rows
}

/// The value of a parameter without quotes and escapes (RFC 3261 §25.1).
fn param(header: &AuthHeader, name: &str) -> Option<Vec<u8>> {
    let (_, text) = header.params.iter().find(|(param, _)| *param == name)?;
    let Some(inner) = text.strip_prefix(b"\"") else { return Some(text.trim_ascii().to_vec()) };
    let mut value = Vec::new();
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => value.extend(bytes.next()),
            other => value.push(*other),
        }
    }
    Some(value)
}

fn verdict(
    header: &AuthHeader,
    message: &Message,
    secrets: &[Secret],
    challenge_realms: &HashMap<Vec<u8>, Vec<u8>>,
    first_cnonces: &mut HashMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
) -> &'static str {
    let get = |name: &str| param(header, name);
    if !get("scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"Digest")) {
        return "unverifiable";
    }
    let Some(user) = get("username") else { return "unverifiable" };
    let known: Vec<&Secret> = secrets.iter().filter(|secret| secret.user == user).collect();
    let (Some(realm), Some(nonce)) = (get("realm"), get("nonce")) else { return "unverifiable" };
    let usable = |name: &[u8]| known.iter().copied().filter(|secret| secret.realm == name).collect::<Vec<_>>();
    // The realm that was sent, else any, else that of the challenge, of which a password is good for the realm sent.
    let by_challenge = challenge_realms.get(&nonce).map(|realm| usable(realm)).unwrap_or_default();
    let by_challenge = by_challenge.into_iter().filter(|secret| secret.password.is_some()).collect();
    let Some(group) = [usable(&realm), usable(b"*"), by_challenge].into_iter().find(|group| !group.is_empty()) else {
        return "none";
    };
    let algorithm = get("algorithm").unwrap_or_else(|| b"MD5".to_vec()).to_ascii_uppercase();
    let (base, is_sess) = match algorithm.strip_suffix(b"-SESS") {
        Some(base) => (base.to_vec(), true),
        None => (algorithm, false),
    };
    let hash: fn(&[u8]) -> String = match &base[..] {
        b"MD5" => hex::<Md5>,
        b"SHA-256" => hex::<Sha256>,
        b"SHA-512-256" => hex::<Sha512_256>,
        _ => return "unverifiable",
    };
    let (Some(uri), Some(response)) = (get("uri"), get("response")) else { return "unverifiable" };
    if nonce.is_empty() || response.is_empty() {
        return "unverifiable";
    }
    let qop = get("qop").filter(|qop| !qop.is_empty());
    let (cnonce, nc) = (get("cnonce"), get("nc"));
    if (qop.is_some() || is_sess) && cnonce.is_none() || qop.is_some() && nc.as_ref().is_none_or(Vec::is_empty) {
        return "unverifiable";
    }
    let cnonce = cnonce.unwrap_or_default();
    let first_cnonce = first_cnonces.entry((user.clone(), nonce.clone())).or_insert_with(|| cnonce.clone()).clone();
    let method = message.method.clone().unwrap_or_default();
    let methods = if method == b"ACK" { vec![b"INVITE".to_vec(), method] } else { vec![method] };
    for (secret, method) in group.iter().flat_map(|secret| methods.iter().map(move |method| (secret, method))) {
        let ha1 = match &secret.password {
            Some(password) => hash(&[&user[..], b":", &realm, b":", password].concat()),
            None => String::from_utf8(secret.ha1.clone()).expect("an HA1 is hex"),
        };
        let a2 = match qop.as_deref() {
            Some(b"auth-int") => hash(&[method, &b":"[..], &uri, b":", hash(&message.body).as_bytes()].concat()),
            Some(b"auth") | None => hash(&[method, &b":"[..], &uri].concat()),
            Some(_) => return "unverifiable",
        };
        for session_cnonce in [&cnonce, &first_cnonce] {
            let a1 = if is_sess {
                hash(&[ha1.as_bytes(), b":", &nonce, b":", session_cnonce].concat())
            } else {
                ha1.clone()
            };
            let middle = match (&qop, &nc) {
                (Some(qop), Some(nc)) => [&nonce[..], b":", nc, b":", &cnonce, b":", qop].concat(),
                _ => nonce.clone(),
            };
            let computed = hash(&[a1.as_bytes(), b":", &middle, b":", a2.as_bytes()].concat());
            if computed.as_bytes().eq_ignore_ascii_case(&response) {
                return "match";
            }
        }
    }
    "mismatch"
}

fn hex<D: Digest>(bytes: &[u8]) -> String {
    D::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
