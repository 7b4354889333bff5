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
        let mut digits = raw.iter().map(|&byte| char::from(byte).to_digit(16));
        let value = digits.try_fold(0, |value: u32, digit| Some(value << 4 | digit?));
        NonceCount { raw, value: value.filter(|_| raw.len() == 8) }
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
