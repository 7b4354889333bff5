//! The authentication scheme: the word before the parameters.

/// The schemes that servers and clients are known to use (the registry of RFC 7235 §5.1, Bearer of RFC 8898, Kerberos of Microsoft).
pub const SCHEMES: [&str; 6] = ["Digest", "Basic", "Bearer", "NTLM", "Negotiate", "Kerberos"];

/// Whether a word is one of [`SCHEMES`], in any letter case.
pub fn is_known_scheme(word: &[u8]) -> bool {
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme.as_bytes()))
}

/// A scheme, compared in any letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme<'a> {
    /// Digest (RFC 2617, RFC 7616).
    Digest,
    /// Basic, which RFC 3261 §22 forbids.
    Basic,
    /// Another one as sent (Bearer, NTLM…); empty when the scheme is missing.
    Other(&'a [u8]),
}

impl<'a> Scheme<'a> {
    /// The scheme that `raw` spells.
    pub fn from_bytes(raw: &'a [u8]) -> Scheme<'a> {
        if raw == b"Digest" || raw.eq_ignore_ascii_case(b"Digest") {
            Scheme::Digest
        } else if raw.eq_ignore_ascii_case(b"Basic") {
            Scheme::Basic
        } else {
            Scheme::Other(raw)
        }
    }
}
