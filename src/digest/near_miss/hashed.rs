//! What goes into one digest but the secret, in the form in which it is tried, and the digest over it.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::auth::HashName;
use crate::digest::hash::Hasher;
use crate::digest::hash::Hex;
use crate::digest::hash::hash_joined;

/// Bytes from the wire, or made of some.
pub(super) type Text<'t> = Cow<'t, [u8]>;

/// The inputs of one digest.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hashed<'t> {
    /// The hash function.
    pub(super) hash: HashName,
    /// Whether A1 is that of `-sess`.
    pub(super) sess: bool,
    /// How the hash function is used.
    pub(super) form: Form,
    /// Goes into A1 (RFC 7616 §3.4.2).
    pub(super) username: Text<'t>,
    /// Goes into A1.
    pub(super) realm: Text<'t>,
    /// Goes into the response, and into the A1 of `-sess`.
    pub(super) nonce: Text<'t>,
    /// Goes into the response where there is a qop, and into the A1 of `-sess`.
    pub(super) cnonce: Text<'t>,
    /// Goes into the response, where there is a qop.
    pub(super) nonce_count: Text<'t>,
    /// `None` is the form of RFC 2069.
    pub(super) qop: Option<Text<'t>>,
    /// Goes into A2 (RFC 7616 §3.4.3).
    pub(super) method: Text<'t>,
    /// Goes into A2.
    pub(super) uri: Text<'t>,
    /// Goes into A2; `None` where the body is left out.
    pub(super) body: Option<Text<'t>>,
}

/// What is known of the response.
#[derive(Clone, Copy)]
pub(super) struct Sent<'s> {
    /// Its hex digits.
    pub(super) len: usize,
    /// Whether it is this one.
    pub(super) is_response: &'s dyn Fn(&[u8]) -> bool,
    /// The first cnonce of its `-sess` session.
    pub(super) first_cnonce: Option<&'s [u8]>,
}

/// How the hash function is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As RFC 7616 says.
    Standard,
    /// SHA-512 cut to the 64 digits of SHA-512/256, as in the example that RFC 7616 prints (§3.9.2, erratum 4897).
    Sha512Cut,
    /// `-sess` over the bytes of HA1, as Kamailio does.
    BinaryHa1,
}

impl<'t> Hashed<'t> {
    /// The same inputs, borrowed.
    pub(super) fn view(&self) -> Hashed<'_> {
        let Hashed { hash, sess, form, username, realm, nonce, cnonce, nonce_count, qop, method, uri, body } = self;
        Hashed {
            hash: *hash,
            sess: *sess,
            form: *form,
            username: Cow::Borrowed(username),
            realm: Cow::Borrowed(realm),
            nonce: Cow::Borrowed(nonce),
            cnonce: Cow::Borrowed(cnonce),
            nonce_count: Cow::Borrowed(nonce_count),
            qop: qop.as_deref().map(Cow::Borrowed),
            method: Cow::Borrowed(method),
            uri: Cow::Borrowed(uri),
            body: body.as_deref().map(Cow::Borrowed),
        }
    }

    /// Whether A1, without what `-sess` adds, is the same.
    pub(super) fn has_same_a1(&self, other: &Hashed<'_>) -> bool {
        self.hash == other.hash
            && self.is_cut() == other.is_cut()
            && self.username == other.username
            && self.realm == other.realm
    }

    /// Whether A2 is the same.
    pub(super) fn has_same_a2(&self, other: &Hashed<'_>) -> bool {
        self.hash == other.hash
            && self.is_cut() == other.is_cut()
            && self.method == other.method
            && self.uri == other.uri
            && self.body == other.body
    }

    /// Whether what the response holds between A1 and A2 is the same.
    pub(super) fn has_same_middle(&self, other: &Hashed<'_>) -> bool {
        self.nonce == other.nonce
            && self.qop == other.qop
            && self.nonce_count == other.nonce_count
            && self.cnonce == other.cnonce
    }

    /// What the response holds between A1 and A2, with the colons around it.
    pub(super) fn middle(&self) -> Vec<u8> {
        match &self.qop {
            Some(qop) => [b":", &*self.nonce, b":", &self.nonce_count, b":", &self.cnonce, b":", qop, b":"].concat(),
            None => [b":", &*self.nonce, b":"].concat(),
        }
    }

    fn is_cut(&self) -> bool {
        self.form == Form::Sha512Cut
    }

    fn joined(&self, parts: &[&[u8]]) -> Hex {
        match self.form {
            Form::Sha512Cut => hash_joined(HashName::Sha512, parts).cut(HashName::Sha512_256.hex_len()),
            Form::Standard | Form::BinaryHa1 => hash_joined(self.hash, parts),
        }
    }

    /// `H(username:realm:password)`
    pub(super) fn ha1(&self, password: &[u8]) -> Zeroizing<Hex> {
        Zeroizing::new(self.joined(&[&self.username, &self.realm, password]))
    }

    /// `H(method:uri)` or `H(method:uri:H(body))`
    pub(super) fn ha2(&self) -> Hex {
        match &self.body {
            None => self.joined(&[&self.method, &self.uri]),
            Some(body) => self.joined(&[&self.method, &self.uri, self.joined(&[body]).as_bytes()]),
        }
    }

    /// Whether the response over this HA1 and HA2, with that middle between them, is the one that was sent.
    pub(super) fn fits(&self, sent: Sent<'_>, ha1: &[u8], middle: &[u8], ha2: &Hex) -> bool {
        if sent.len != self.hash.hex_len() {
            return false;
        }
        if !self.sess {
            return self.ends_as(sent, self.begun(ha1, middle), ha2);
        }
        let start = Zeroizing::new(if self.form == Form::BinaryHa1 { binary(ha1) } else { ha1.to_vec() });
        [Some(&*self.cnonce), sent.first_cnonce].into_iter().flatten().any(|cnonce| {
            let a1 = Zeroizing::new(self.joined(&[&start, &self.nonce, cnonce]));
            self.ends_as(sent, self.begun(a1.as_bytes(), middle), ha2)
        })
    }

    /// The hash of the response as far as its A2.
    pub(super) fn begun(&self, a1: &[u8], middle: &[u8]) -> Hasher {
        let mut begun = Hasher::new(if self.is_cut() { HashName::Sha512 } else { self.hash });
        begun.update(a1);
        begun.update(middle);
        begun
    }

    /// Whether the response that was begun so, and ends with this HA2, is the one that was sent.
    pub(super) fn ends_as(&self, sent: Sent<'_>, mut begun: Hasher, ha2: &Hex) -> bool {
        begun.update(ha2.as_bytes());
        let computed = begun.finish().cut(self.hash.hex_len());
        (sent.is_response)(computed.as_bytes())
    }
}

/// The bytes that hex digits stand for.
fn binary(hex: &[u8]) -> Vec<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0);
    let pairs = hex.chunks_exact(2).map(|pair| pair.iter().fold(0_u8, |byte, digit| (byte << 4) | value(*digit)));
    pairs.collect()
}
