//! The parameter names that the standards define for Digest (RFC 7616 §3.3–3.5, RFC 3310 §3.4).

use serde::Deserialize;
use serde::Serialize;

/// The parameters that this crate reads by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Name {
    /// `algorithm`
    Algorithm,
    /// `auts` (RFC 3310 §3.4)
    Auts,
    /// `charset` (RFC 7616 §3.3)
    Charset,
    /// `cnonce`
    Cnonce,
    /// `domain`
    Domain,
    /// `nc`
    NonceCount,
    /// `nextnonce`
    NextNonce,
    /// `nonce`
    Nonce,
    /// `opaque`
    Opaque,
    /// `qop`
    Qop,
    /// `realm`
    Realm,
    /// `response`
    Response,
    /// `rspauth`
    RspAuth,
    /// `stale`
    Stale,
    /// `uri`
    Uri,
    /// `userhash` (RFC 7616 §3.4.4)
    UserHash,
    /// `username`
    Username,
    /// `username*` (RFC 7616 §3.4, RFC 5987)
    UsernameStar,
}

/// Every [`Name`] with its spelling, in the order of the enum.
const NAMES: [(Name, &str); 18] = [
    (Name::Algorithm, "algorithm"),
    (Name::Auts, "auts"),
    (Name::Charset, "charset"),
    (Name::Cnonce, "cnonce"),
    (Name::Domain, "domain"),
    (Name::NonceCount, "nc"),
    (Name::NextNonce, "nextnonce"),
    (Name::Nonce, "nonce"),
    (Name::Opaque, "opaque"),
    (Name::Qop, "qop"),
    (Name::Realm, "realm"),
    (Name::Response, "response"),
    (Name::RspAuth, "rspauth"),
    (Name::Stale, "stale"),
    (Name::Uri, "uri"),
    (Name::UserHash, "userhash"),
    (Name::Username, "username"),
    (Name::UsernameStar, "username*"),
];

impl Name {
    /// How many there are.
    pub const COUNT: usize = NAMES.len();

    /// The name as the standards spell it: lower case.
    pub fn as_str(self) -> &'static str {
        // The test below holds the order of the table to that of the enum.
        NAMES.get(self as usize).map_or("", |(_, text)| text)
    }

    /// The known name that `bytes` spell, in any letter case (RFC 3261 §7.3.1).
    pub fn from_bytes(bytes: &[u8]) -> Option<Name> {
        // Length and first letter leave one or two candidates: each parameter of each header asks.
        let candidates: &[Name] = match (bytes.len(), bytes.first()?.to_ascii_lowercase()) {
            (2, b'n') => &[Name::NonceCount],
            (3, b'q') => &[Name::Qop],
            (3, b'u') => &[Name::Uri],
            (4, b'a') => &[Name::Auts],
            (5, b'n') => &[Name::Nonce],
            (5, b'r') => &[Name::Realm],
            (5, b's') => &[Name::Stale],
            (6, b'c') => &[Name::Cnonce],
            (6, b'd') => &[Name::Domain],
            (6, b'o') => &[Name::Opaque],
            (7, b'c') => &[Name::Charset],
            (7, b'r') => &[Name::RspAuth],
            (8, b'r') => &[Name::Response],
            (8, b'u') => &[Name::Username, Name::UserHash],
            (9, b'a') => &[Name::Algorithm],
            (9, b'n') => &[Name::NextNonce],
            (9, b'u') => &[Name::UsernameStar],
            _ => &[],
        };
        let is_named = |name: &Name| {
            let usual = name.as_str().as_bytes();
            bytes == usual || bytes.eq_ignore_ascii_case(usual)
        };
        candidates.iter().copied().find(is_named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_the_enum() {
        for (index, (name, text)) in NAMES.iter().enumerate() {
            assert_eq!(*name as usize, index);
            assert_eq!(Name::from_bytes(text.to_ascii_uppercase().as_bytes()), Some(*name));
            assert_eq!(name.as_str(), *text);
        }
    }
}
