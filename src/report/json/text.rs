//! Strings in JSON, with no character that could act on a terminal or hide: JSON itself demands no escapes for DEL, C1 controls
//! and bidirectional overrides.

use std::fmt::Display;
use std::io::Write;

use crate::base::untrusted::is_invisible_control;

/// Appends a string between quotes.
pub fn push(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        text.chars().for_each(|character| push_escaped(out, character));
    }
    out.push(b'"');
}

/// Appends what a value shows, between quotes.
pub fn push_display(out: &mut Vec<u8>, value: &(impl Display + ?Sized)) {
    let start = out.len() + 1;
    out.push(b'"');
    // Memory can always be written.
    let _ = write!(out, "{value}");
    out.push(b'"');
    let is_plain = out.get(start..out.len() - 1).is_some_and(|shown| shown.iter().copied().all(is_plain));
    if !is_plain {
        out.truncate(start - 1);
        push(out, &value.to_string());
    }
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
