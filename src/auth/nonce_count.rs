//! The nonce count `nc`: exactly eight hex digits (RFC 7616 §3.4). Other text is kept: some stacks count in decimal.

/// A nonce count as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NonceCount<'a> {
    /// The text as sent. This is what the digest covers.
    pub raw: &'a [u8],
    /// The count; None when the text is not exactly eight hex digits.
    pub value: Option<u32>,
}

impl<'a> NonceCount<'a> {
    /// Reads `raw`.
    pub fn from_bytes(raw: &'a [u8]) -> NonceCount<'a> {
        let is_well_formed = raw.len() == 8 && raw.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(raw).ok().filter(|_| is_well_formed);
        NonceCount { raw, value: text.and_then(|text| u32::from_str_radix(text, 16).ok()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_eight_hex_digits_count() {
        let check = |raw: &[u8], value| assert_eq!(NonceCount::from_bytes(raw), NonceCount { raw, value });
        check(b"0000000a", Some(10));
        check(b"FFFFFFFF", Some(u32::MAX));
        check(b"1", None);
        check(b"+0000001", None);
        check(b"000000001", None);
    }
}
