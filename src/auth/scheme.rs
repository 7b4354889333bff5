//! The authentication scheme: the word before the parameters.

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
