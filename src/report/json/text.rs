//! Strings in JSON, with no character that could act on a terminal or hide: JSON itself demands no escapes for DEL, C1 controls
//! and bidirectional overrides.

use std::fmt::Display;
use std::io::Write;

use crate::base::untrusted::is_invisible_control;

/// Appends a string between quotes.
pub fn push(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    if !are_plain(text.as_bytes()) {
        // Header values hold quotes, and little else that is escaped: what lies between is copied as it stands.
        while let Some((plain, character, behind)) = next_escaped(rest) {
            out.extend_from_slice(plain.as_bytes());
            push_escaped(out, character);
            rest = behind;
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// What stands before the first character that is not plain, that character, and what follows.
fn next_escaped(text: &str) -> Option<(&str, char, &str)> {
    let at = text.bytes().position(|byte| !is_plain(byte))?;
    let (plain, rest) = text.split_at_checked(at)?;
    let character = rest.chars().next()?;
    Some((plain, character, rest.get(character.len_utf8()..)?))
}

/// Appends what a value shows, between quotes.
pub fn push_display(out: &mut Vec<u8>, value: &(impl Display + ?Sized)) {
    let start = out.len() + 1;
    out.push(b'"');
    // Memory can always be written.
    let _ = write!(out, "{value}");
    out.push(b'"');
    if !out.get(start..out.len() - 1).is_some_and(are_plain) {
        out.truncate(start - 1);
        push(out, &value.to_string());
    }
}

/// Whether all bytes are. Without an early exit the compiler looks at many at a time.
fn are_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |all, byte| all & is_plain(*byte))
}

/// Most strings hold nothing else: they are copied as they stand.
fn is_plain(byte: u8) -> bool {
    (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\'
}

fn push_escaped(out: &mut Vec<u8>, character: char) {
    let short: &[u8] = match character {
        '"' => b"\\\"",
        '\\' => b"\\\\",
        '\n' => b"\\n",
        '\r' => b"\\r",
        '\t' => b"\\t",
        _ if character.is_control() || is_invisible_control(character) => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
            return;
        }
        _ => return out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    out.extend_from_slice(short);
}
