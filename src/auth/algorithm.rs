//! The `algorithm` parameter (RFC 7616 §3.3, RFC 8760, RFC 3310, RFC 4169). Unknown values are kept.

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashName {
    /// MD5: 32 hex digits.
    Md5,
    /// SHA-256: 64 hex digits.
    Sha256,
    /// SHA-512/256, with its own initial value: 64 hex digits.
    Sha512_256,
    /// SHA-512, in no RFC; Kamailio from 6.1 offers it: 128 hex digits.
    Sha512,
}

impl HashName {
    /// Every hash function.
    pub const ALL: [HashName; 4] = [HashName::Md5, HashName::Sha256, HashName::Sha512_256, HashName::Sha512];

    /// How the standards write it: `MD5`, `SHA-256`, `SHA-512-256`, `SHA-512`.
    pub fn name(self) -> &'static str {
        match self {
            HashName::Md5 => "MD5",
            HashName::Sha256 => "SHA-256",
            HashName::Sha512_256 => "SHA-512-256",
            HashName::Sha512 => "SHA-512",
        }
    }

    /// The function of that name, in any letter case.
    pub fn from_bytes(raw: &[u8]) -> Option<HashName> {
        HashName::ALL.into_iter().find(|hash| hash.name().as_bytes().eq_ignore_ascii_case(raw))
    }

    /// How many hex digits a response has.
    pub fn hex_len(self) -> usize {
        match self {
            HashName::Md5 => 32,
            HashName::Sha256 | HashName::Sha512_256 => 64,
            HashName::Sha512 => 128,
        }
    }
}

/// Which AKA specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AkaVersion {
    /// RFC 3310: the password is RES.
    V1,
    /// RFC 4169: the password is derived from RES, IK and CK.
    V2,
}

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm<'a> {
    /// A password hashed with `hash`.
    Plain {
        /// The hash function.
        hash: HashName,
        /// `-sess`: A1 is bound to the session's first nonce and cnonce (RFC 7616 §3.4.2).
        sess: bool,
    },
    /// AKA: the password comes from the SIM's key and the nonce.
    Aka {
        /// RFC 3310 or RFC 4169.
        version: AkaVersion,
        /// The hash function.
        hash: HashName,
        /// `-sess`, as above.
        sess: bool,
    },
    /// The text as sent.
    Unknown(&'a [u8]),
}

/// What an absent parameter means (RFC 7616 §3.3).
impl Default for Algorithm<'_> {
    fn default() -> Self {
        Algorithm::Plain { hash: HashName::Md5, sess: false }
    }
}

/// The known names, once: the table is both the reader's and the writer's.
const NAMES: [(&str, Algorithm<'static>); 20] = {
    use HashName::{Md5, Sha256, Sha512, Sha512_256};
    const fn plain(hash: HashName, sess: bool) -> Algorithm<'static> {
        Algorithm::Plain { hash, sess }
    }
    const fn v1(hash: HashName, sess: bool) -> Algorithm<'static> {
        Algorithm::Aka { version: AkaVersion::V1, hash, sess }
    }
    const fn v2(hash: HashName, sess: bool) -> Algorithm<'static> {
        Algorithm::Aka { version: AkaVersion::V2, hash, sess }
    }
    [
        ("MD5", plain(Md5, false)),
        ("MD5-sess", plain(Md5, true)),
        ("SHA-256", plain(Sha256, false)),
        ("SHA-256-sess", plain(Sha256, true)),
        ("SHA-512-256", plain(Sha512_256, false)),
        ("SHA-512-256-sess", plain(Sha512_256, true)),
        ("SHA-512", plain(Sha512, false)),
        ("SHA-512-sess", plain(Sha512, true)),
        ("AKAv1-MD5", v1(Md5, false)),
        ("AKAv1-MD5-sess", v1(Md5, true)),
        ("AKAv1-SHA-256", v1(Sha256, false)),
        ("AKAv1-SHA-256-sess", v1(Sha256, true)),
        ("AKAv1-SHA-512-256", v1(Sha512_256, false)),
        ("AKAv1-SHA-512-256-sess", v1(Sha512_256, true)),
        ("AKAv2-MD5", v2(Md5, false)),
        ("AKAv2-MD5-sess", v2(Md5, true)),
        ("AKAv2-SHA-256", v2(Sha256, false)),
        ("AKAv2-SHA-256-sess", v2(Sha256, true)),
        ("AKAv2-SHA-512-256", v2(Sha512_256, false)),
        ("AKAv2-SHA-512-256-sess", v2(Sha512_256, true)),
    ]
};

impl<'a> Algorithm<'a> {
    /// The algorithm that `raw` spells, in any letter case.
    pub fn from_bytes(raw: &'a [u8]) -> Algorithm<'a> {
        let known = NAMES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(raw));
        known.map_or(Algorithm::Unknown(raw), |(_, algorithm)| *algorithm)
    }

    /// The name as the standards write it; None when unknown.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(_, algorithm)| *algorithm == self).map(|(name, _)| *name)
    }

    /// The name as the standards write it; the text as sent where it is unknown.
    pub fn text(self) -> &'a [u8] {
        match self {
            Algorithm::Unknown(raw) => raw,
            known => known.name().unwrap_or_default().as_bytes(),
        }
    }

    /// Whether both are one algorithm: names have no letter case, those of unknown ones neither.
    pub fn is_same(self, other: Algorithm<'_>) -> bool {
        match (self, other) {
            (Algorithm::Unknown(one), Algorithm::Unknown(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        }
    }

    /// The hash function; None when unknown.
    pub fn hash(self) -> Option<HashName> {
        match self {
            Algorithm::Plain { hash, .. } | Algorithm::Aka { hash, .. } => Some(hash),
            Algorithm::Unknown(_) => None,
        }
    }

    /// Whether it is one of `-sess`; not so when unknown.
    pub fn is_sess(self) -> bool {
        matches!(self, Algorithm::Plain { sess: true, .. } | Algorithm::Aka { sess: true, .. })
    }

    /// The names of all known algorithms.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_written_in_one() {
        for name in Algorithm::names() {
            assert_eq!(Algorithm::from_bytes(name.to_lowercase().as_bytes()).name(), Some(name));
        }
        assert_eq!(Algorithm::default().name(), Some("MD5"));
        assert_eq!(Algorithm::from_bytes(b"SHA256"), Algorithm::Unknown(b"SHA256"));
        assert_eq!(Algorithm::from_bytes(b"SHA256").name(), None);
    }

    #[test]
    fn letter_case_makes_no_other_algorithm() {
        let is_same = |one: &str, other: &str| {
            Algorithm::from_bytes(one.as_bytes()).is_same(Algorithm::from_bytes(other.as_bytes()))
        };
        assert!(is_same("md5", "MD5") && is_same("sha256", "SHA256"));
        assert!(!is_same("MD5", "MD5-sess") && !is_same("SHA256", "SHA-256") && !is_same("SHA256", "SHA384"));
    }
}
