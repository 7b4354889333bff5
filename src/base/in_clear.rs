//! Secrets that stand where nobody looks for them: a password within a URI, and a digest that a value swallowed because its quote is not
//! closed.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr_iter;

/// Parameters that hold a function of the password.
pub const SECRET_PARAMS: [&str; 3] = ["response", "rspauth", "auts"];

/// Fewer characters show nothing of a digest, and words of prose may stand there.
const SWALLOWED_MIN: usize = 4;

/// The text with `[redacted]` in the place of each secret.
pub fn without_secrets(text: &[u8]) -> Cow<'_, [u8]> {
    // Most text is a name or an address.
    if !text.contains(&b'=') && memchr_iter(b':', text).nth(1).is_none() {
        return Cow::Borrowed(text);
    }
    let mut spans: Vec<Range<usize>> = uri_passwords(text).collect();
    swallowed(text, &mut spans);
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    spans.sort_by_key(|span| span.start);
    let mut shown = Vec::with_capacity(text.len());
    let mut at = 0;
    for span in spans.into_iter().filter(|span| !span.is_empty()) {
        if span.start >= at {
            shown.extend_from_slice(text.get(at..span.start).unwrap_or_default());
            shown.extend_from_slice(b"[redacted]");
        }
        at = at.max(span.end);
    }
    shown.extend_from_slice(text.get(at..).unwrap_or_default());
    Cow::Owned(shown)
}

/// The passwords of `sip:user:password@host` (RFC 3261 §19.1.1), whatever bytes they hold: up to the last `@` that can belong to the URI,
/// as it is read for its user.
pub fn uri_passwords(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    // Where the URI before ends, or nothing more was found to be hidden.
    let mut settled = 0;
    memchr_iter(b':', text).filter_map(move |colon| {
        let before = text.get(settled..colon)?;
        if !(ends_with(before, "sip") || ends_with(before, "sips")) {
            return None;
        }
        let rest = text.get(colon + 1..)?;
        let user_len = rest.iter().position(|&byte| matches!(byte, b':' | b'@') || ends_uri(byte))?;
        let behind = rest.get(user_len..)?.strip_prefix(b":")?;
        let uri = behind.get(..behind.iter().position(|&byte| ends_uri(byte)).unwrap_or(behind.len()))?;
        let len = memchr::memrchr(b'@', uri).filter(|_| !begins_with_port(uri));
        let start = colon + 1 + user_len + 1;
        settled = start + len.unwrap_or(uri.len());
        len.map(|len| start..start + len)
    })
}

/// Whether what stands behind the first colon is a port, and the `@` behind it part of a parameter.
fn begins_with_port(text: &[u8]) -> bool {
    const PORT_DIGITS_MAX: usize = 5;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=PORT_DIGITS_MAX).contains(&digits) && matches!(text.get(digits), Some(b';' | b'?'))
}

fn ends_uri(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'>' | b'"' | b'<')
}

/// The values of `response=` and its like within another value. What one of them holds is hidden with it: a text of nothing but such names
/// is looked at once.
fn swallowed(text: &[u8], spans: &mut Vec<Range<usize>>) {
    let mut end = 0;
    for equals in memchr_iter(b'=', text) {
        let names_secret = text.get(..equals).is_some_and(names_secret);
        if equals < end || !names_secret {
            continue;
        }
        let behind = text.get(equals + 1..).unwrap_or_default();
        let is_opening = |byte: &&u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\\');
        let opening = behind.iter().take_while(is_opening).count();
        let is_of_value = |byte: &&u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\\' | b',' | b';');
        let len = behind.iter().skip(opening).take_while(is_of_value).count();
        let start = equals + 1 + opening;
        end = start + len;
        if len >= SWALLOWED_MIN {
            spans.push(start..end);
        }
    }
}

/// Whether a text ends with the name of a parameter that holds a function of the password.
pub fn names_secret(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    SECRET_PARAMS.iter().any(|name| ends_with(before, name))
}

/// Whether a text ends with a word, in any letter case.
fn ends_with(text: &[u8], word: &str) -> bool {
    let end = text.len().checked_sub(word.len()).and_then(|start| text.get(start..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_clear_within_a_text_is_hidden() {
        let check = |text: &str, shown: &str| assert_eq!(without_secrets(text.as_bytes()), shown.as_bytes());
        check("sip:alice:secret@a.example", "sip:alice:[redacted]@a.example");
        check("<sip:a@b:5060>, <SIPS:x:y@b>", "<sip:a@b:5060>, <SIPS:x:[redacted]@b>");
        check("sip:192.0.2.1:5060;x=a@b", "sip:192.0.2.1:5060;x=a@b");
        check("<sip:b:5060;lr>, <sip:x:y@b>", "<sip:b:5060;lr>, <sip:x:[redacted]@b>");
        check("sip:a@b,sip:x:y@b", "sip:a@b,sip:x:[redacted]@b");
        check("sip:a,response=0123456789abcdef", "sip:a,response=[redacted]");
        check("u,RESPONSE = \\\"0123456789abcdef\\\", qop=auth", "u,RESPONSE = \\\"[redacted]\\\", qop=auth");
        check("sip:a, auts=\"Zm9v\" rspauth=0123", "sip:a, auts=\"[redacted]\" rspauth=[redacted]");
        for password in ["a;b", "a?b", "a:b", "a@b", "^{}|", "\u{e9}", "506070;x=1", "5060", "sip:x:y"] {
            check(&format!("sip:alice:{password}@h;lr>"), "sip:alice:[redacted]@h;lr>");
        }
        check("my response = no", "my response = no");
        check("sip:x:response=abcdef@h", "sip:x:[redacted]");
        check("response=a,response=response=abcdef", "response=a,response=[redacted]");
    }
}
