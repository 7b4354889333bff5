//! Base64, hex and percent escapes, as nonces, secrets and users are written in them.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

/// RFC 4648 §4, from whoever wrote it: some leave out the padding, and what was cut ends in bits that belong to no byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The bytes of base64 text, with or without its padding; `None` where it is none.
pub fn base64_decoded(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// Bytes as base64 text, with its padding.
pub fn base64_encoded(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The bytes of hex digits in either case, wiped after use; `None` where there is anything else, or half a byte.
pub fn unhex(digits: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    // Of its final size from the start: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; digits.len() / 2]);
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// `%41` as `A` (RFC 3986 §2.1); what is no such escape stays.
pub fn percent_decoded(text: &[u8]) -> Vec<u8> {
    // Texts may be secrets: no copies are left behind by growing.
    let mut decoded = Vec::with_capacity(text.len());
    decoded.extend(percent_decode(text));
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")]
        {
            assert_eq!(base64_encoded(bytes.as_bytes()), text);
            assert_eq!(base64_decoded(text.as_bytes()).unwrap(), bytes.as_bytes());
            assert_eq!(base64_decoded(text.trim_end_matches('=').as_bytes()).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64_encoded(b"\xfb\xff"), "+/8=");
        assert_eq!(base64_decoded(b"Zh").unwrap(), b"f", "the last four bits belong to no byte");
        assert_eq!(base64_decoded(b"Zm9v Zg"), None);
        assert_eq!(base64_decoded("Zm9v\u{e4}".as_bytes()), None);
    }

    #[test]
    fn hex_is_read_in_either_case() {
        assert_eq!(unhex(b"00aFFf").unwrap().as_slice(), b"\x00\xaf\xff");
        assert_eq!([b"0".as_slice(), b"0g", b" 00"].map(unhex), [const { None }; 3]);
    }

    #[test]
    fn escapes_that_are_none_stay() {
        assert_eq!(percent_decoded(b"a%40b%4"), b"a@b%4");
        assert_eq!(percent_decoded(b"100%+%zz%e4"), b"100%+%zz\xe4");
    }
}
