//! A value of a credentials file: borrowed from the input, or rewritten once into a buffer that is wiped.

use zeroize::Zeroizing;

/// Bytes of a value, as the user knows it.
pub(super) enum Value<'a> {
    /// It stands in the file as it is.
    AsWritten(&'a [u8]),
    /// It held escapes.
    Rewritten(Zeroizing<Vec<u8>>),
}

impl<'a> Value<'a> {
    /// What an iterator gives: at most `len_max` bytes, so that the buffer never moves and leaves a copy behind.
    pub(super) fn rewritten(len_max: usize, bytes: impl Iterator<Item = u8>) -> Value<'a> {
        let mut value = Zeroizing::new(Vec::with_capacity(len_max));
        value.extend(bytes.take(len_max));
        Value::Rewritten(value)
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Value::AsWritten(bytes) => bytes,
            Value::Rewritten(bytes) => bytes,
        }
    }

    /// The bytes, unless there are none.
    pub(super) fn filled(&self) -> Option<&[u8]> {
        Some(self.bytes()).filter(|bytes| !bytes.is_empty())
    }
}

impl Clone for Value<'_> {
    fn clone(&self) -> Self {
        match self {
            Value::AsWritten(bytes) => Value::AsWritten(bytes),
            Value::Rewritten(bytes) => Value::rewritten(bytes.len(), bytes.iter().copied()),
        }
    }
}

/// `\xHH`, `\ooo` and the letters of C, as Wireshark and PostgreSQL write them. A letter that stands for nothing is itself.
pub(super) fn c_unescaped(text: &[u8]) -> Value<'_> {
    if !text.contains(&b'\\') {
        return Value::AsWritten(text);
    }
    let mut rest = text;
    let bytes = std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        let (byte, after) = if first == b'\\' { c_escape(after) } else { (first, after) };
        rest = after;
        Some(byte)
    });
    Value::rewritten(text.len(), bytes)
}

/// The byte that an escape stands for, read from behind its backslash.
fn c_escape(text: &[u8]) -> (u8, &[u8]) {
    let Some((&letter, after)) = text.split_first() else { return (b'\\', text) };
    let number = |digits: &[u8], radix: u32| {
        let digits = std::str::from_utf8(digits).ok()?;
        u8::try_from(u32::from_str_radix(digits, radix).ok()?).ok()
    };
    let count = |text: &[u8], most: usize, is_digit: fn(&u8) -> bool| {
        text.iter().take(most).take_while(|d| is_digit(d)).count()
    };
    match letter {
        b'x' => {
            let (digits, rest) = after.split_at(count(after, 2, u8::is_ascii_hexdigit));
            number(digits, 16).map_or((b'x', after), |byte| (byte, rest))
        }
        b'0'..=b'7' => {
            let (digits, rest) = text.split_at(count(text, 3, |digit| (b'0'..=b'7').contains(digit)));
            number(digits, 8).map_or((letter, after), |byte| (byte, rest))
        }
        b'a' => (0x07, after),
        b'b' => (0x08, after),
        b'f' => (0x0c, after),
        b'n' => (b'\n', after),
        b'r' => (b'\r', after),
        b't' => (b'\t', after),
        b'v' => (0x0b, after),
        other => (other, after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_c_are_resolved() {
        let check = |text: &str, expect: &[u8]| assert_eq!(c_unescaped(text.as_bytes()).bytes(), expect, "{text}");
        check("plain", b"plain");
        check(r"a\x22b\x5cc\x2", b"a\"b\\c\x02");
        check(r"\t\n\101\0\\x", b"\t\nA\0\\x");
        check(r"\x\q\777\", b"xq777\\");
    }
}
