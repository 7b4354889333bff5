//! The token of RFC 3261 §25.1: methods, header names, parameter names.

/// Whether a token may hold this byte. A table, since every byte of every header name is asked.
pub fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or_default()
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 0x80 {
        let is_mark = matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        #[allow(clippy::indexing_slicing, reason = "the compiler evaluates it: a byte below 0x80 is within the table")]
        {
            table[byte as usize] = byte.is_ascii_alphanumeric() || is_mark;
        }
        byte += 1;
    }
    table
};
