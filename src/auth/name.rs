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

    /// The name that a list of parameters begins with, where it is one of those that nearly all have, as the standards spell it and
    /// with `=` behind it. Letters are looked at one after the other: no search for the end of the name, no call.
    #[inline]
    pub(super) fn usual(list: &[u8]) -> Option<Name> {
        match list {
            [b'a', b'l', b'g', b'o', b'r', b'i', b't', b'h', b'm', b'=', ..] => Some(Name::Algorithm),
            [b'c', b'n', b'o', b'n', b'c', b'e', b'=', ..] => Some(Name::Cnonce),
            [b'n', b'c', b'=', ..] => Some(Name::NonceCount),
            [b'n', b'o', b'n', b'c', b'e', b'=', ..] => Some(Name::Nonce),
            [b'o', b'p', b'a', b'q', b'u', b'e', b'=', ..] => Some(Name::Opaque),
            [b'q', b'o', b'p', b'=', ..] => Some(Name::Qop),
            [b'r', b'e', b'a', b'l', b'm', b'=', ..] => Some(Name::Realm),
            [b'r', b'e', b's', b'p', b'o', b'n', b's', b'e', b'=', ..] => Some(Name::Response),
            [b's', b't', b'a', b'l', b'e', b'=', ..] => Some(Name::Stale),
            [b'u', b'r', b'i', b'=', ..] => Some(Name::Uri),
            [b'u', b's', b'e', b'r', b'n', b'a', b'm', b'e', b'=', ..] => Some(Name::Username),
            _ => None,
        }
    }

    /// The known name that `bytes` spell, in any letter case (RFC 3261 §7.3.1).
    pub fn from_bytes(bytes: &[u8]) -> Option<Name> {
        // Nearly all stand as the standards spell them, and each parameter of each header asks: no call, no letter case.
        let usual = match bytes {
            b"algorithm" => Name::Algorithm,
            b"auts" => Name::Auts,
            b"charset" => Name::Charset,
            b"cnonce" => Name::Cnonce,
            b"domain" => Name::Domain,
            b"nc" => Name::NonceCount,
            b"nextnonce" => Name::NextNonce,
            b"nonce" => Name::Nonce,
            b"opaque" => Name::Opaque,
            b"qop" => Name::Qop,
            b"realm" => Name::Realm,
            b"response" => Name::Response,
            b"rspauth" => Name::RspAuth,
            b"stale" => Name::Stale,
            b"uri" => Name::Uri,
            b"userhash" => Name::UserHash,
            b"username" => Name::Username,
            b"username*" => Name::UsernameStar,
            _ => {
                let known = NAMES.iter().find(|(_, text)| bytes.eq_ignore_ascii_case(text.as_bytes()));
                return known.map(|(name, _)| *name);
            }
        };
        Some(usual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_order_of_the_enum() {
        for (index, (name, text)) in NAMES.iter().enumerate() {
            assert_eq!(*name as usize, index);
            assert_eq!(Name::from_bytes(text.as_bytes()), Some(*name));
            assert_eq!(Name::from_bytes(text.to_ascii_uppercase().as_bytes()), Some(*name));
            assert_eq!(name.as_str(), *text);
            let found = Name::usual(format!("{text}=").as_bytes());
            assert!(found.is_none_or(|found| found == *name));
            assert_eq!(Name::usual(text.as_bytes()), None);
        }
    }
}
