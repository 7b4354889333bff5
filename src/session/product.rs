//! What product answers, by its own word (RFC 3261 §20.35): two names at one address are two servers, one behind the other.

use crate::session::Answer;
use crate::session::Run;

/// Whether two answers name products of different names. Versions may differ within a cluster, and who says nothing may be either.
pub(super) fn is_of_other_product(run: &Run, one: &Answer, other: &Answer) -> bool {
    let name = |answer: &Answer| answer.server.map(|text| product(run.text(text))).filter(|name| !name.is_empty());
    name(one).zip(name(other)).is_some_and(|(one, other)| !one.eq_ignore_ascii_case(other))
}

/// `Asterisk PBX 18.9` and `Asterisk/18.10` are of one product.
fn product(text: &[u8]) -> &[u8] {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_');
    let end = text.iter().position(|byte| !is_letter(byte)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_make_no_other_product() {
        for text in ["Asterisk PBX 18.9.0", "Asterisk/18", "Asterisk"] {
            assert_eq!(product(text.as_bytes()), b"Asterisk", "{text}");
        }
        assert_eq!(product(b"Cisco-SIPGateway/IOS-16"), b"Cisco-SIPGateway");
        assert_eq!(product(b"3CX"), b"");
    }
}
