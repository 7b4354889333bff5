//! Bytes from the wire, made safe to show. The type has no `Display`: a sink must choose its escaping.

use std::fmt::Write;

use crate::base::without_secrets;

/// Bytes that an attacker may have chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untrusted<'a>(pub &'a [u8]);

impl Untrusted<'_> {
    /// One line of text for a terminal: control characters as `\x1b`, direction overrides as `<U+202E>`, bytes that are
    /// not UTF-8 as `\xff`, and at most two combining marks in a row. A backslash stays what it is: this is to be read, and not read back.
    pub fn to_terminal(self) -> String {
        // Nearly all text is plain.
        if let Ok(text) = std::str::from_utf8(self.0)
            && is_printable_ascii(self.0)
        {
            return text.to_owned();
        }
        let mut text = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            let mut marks = 0;
            for character in chunk.valid().chars() {
                marks = if is_combining(character) { marks + 1 } else { 0 };
                if marks <= 2 {
                    push_terminal(&mut text, character);
                }
            }
            for byte in chunk.invalid() {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        text
    }

    /// The bytes as text, with `\x..` for what is not UTF-8, and without the secrets that stand within ([`without_secrets`]). For values
    /// that another sink escapes again.
    pub fn to_text(self) -> String {
        let shown = without_secrets(self.0);
        match std::str::from_utf8(&shown) {
            Ok(text) => text.to_owned(),
            Err(_) => Untrusted(&shown).to_text_lossless(),
        }
    }

    fn to_text_lossless(self) -> String {
        let mut text = String::with_capacity(self.0.len() + 8);
        for chunk in self.0.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        text
    }
}

/// Whether a text is nothing but printable ASCII. Looks at all of it: without a way out, many bytes are compared at a time.
pub fn is_printable_ascii(text: &[u8]) -> bool {
    text.iter().fold(true, |is_printable, byte| is_printable & matches!(byte, b' '..=b'~'))
}

fn push_terminal(text: &mut String, character: char) {
    if is_invisible_control(character) {
        let _ = write!(text, "<U+{:04X}>", u32::from(character));
    } else if character.is_control() {
        let _ = write!(text, "\\x{:02x}", u32::from(character));
    } else {
        text.push(character);
    }
}

/// Characters that change how their neighbours are shown, or that hide: bidirectional controls (UAX #9), zero-width
/// characters, line and paragraph separators, tags, and the byte order mark.
pub fn is_invisible_control(character: char) -> bool {
    matches!(character,
        '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

fn is_combining(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05BD}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_text_has_no_control_characters() {
        let check = |bytes: &[u8], shown: &str| assert_eq!(Untrusted(bytes).to_terminal(), shown);
        check(b"\x1b]52;c;AAAA\x07", "\\x1b]52;c;AAAA\\x07");
        check("a\u{202e}b".as_bytes(), "a<U+202E>b");
        check("\u{9b}31m".as_bytes(), "\\x9b31m");
        check(b"caf\xe9\r\n", "caf\\xe9\\x0d\\x0a");
        check("n\u{301}\u{301}\u{301}\u{301}".as_bytes(), "n\u{301}\u{301}");
        check("Jürgen".as_bytes(), "Jürgen");
    }
}
