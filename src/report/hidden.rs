//! Where in a message the secrets stand, so that a copy of its packets can be written without them. It looks at bytes and not at what
//! a parser makes of them: of two readings, both are hidden.

use std::ops::Range;

use memchr::memchr_iter;
use memchr::memmem;

use crate::base::in_clear::names_secret;
use crate::base::in_clear::uri_passwords;

/// What is hidden in packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hides {
    /// What was sent in clear: credentials of Basic and Bearer, passwords in URIs, keys in SDP, bodies of MESSAGE, digits in INFO.
    InClear,
    /// That, and whatever a password can be guessed from: the responses of digests.
    Digests,
}

/// Header fields whose value is a secret, unless its scheme is Digest.
const CREDENTIALS: [&str; 2] = ["authorization", "proxy-authorization"];
/// Schemes that may stand behind Digest in one value.
const OTHER_SCHEMES: [&str; 4] = ["basic ", "bearer ", "ntlm ", "negotiate "];
/// Lines of SDP behind which a key stands (RFC 4568 §9.1, RFC 8839 §5.4, RFC 8866 §5.12).
const KEYS: [&str; 3] = ["a=crypto:", "a=ice-pwd:", "k="];

/// The places of secrets in a message or in a part of one, none of which holds the end of a line. They may overlap.
pub fn secrets(text: &[u8], hides: Hides) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for line in lines(text) {
        line_secrets(text, &line, &mut found);
    }
    if let Some(body) = private_body(text) {
        found.extend(lines(text.get(body.clone()).unwrap_or_default()).into_iter().flat_map(|line| {
            line.physical.into_iter().map(|part| part.start + body.start..part.end + body.start).collect::<Vec<_>>()
        }));
    }
    if hides == Hides::Digests {
        parameters(text, &mut found);
    }
    found.retain(|span| !span.is_empty());
    found
}

/// The places of secrets in what somebody wrote about a message: those of a message, and whatever may be a digest or a part of one,
/// wherever it stands. They may overlap.
pub fn secrets_of_prose(text: &[u8], hides: Hides) -> Vec<Range<usize>> {
    let mut found = secrets(text, hides);
    if hides == Hides::InClear {
        return found;
    }
    let mut start = 0;
    for run in text.split(|byte| !byte.is_ascii_hexdigit()) {
        let is_number = run.iter().all(u8::is_ascii_digit) && run.len() < DIGEST_DIGITS_MIN;
        if run.len() >= PART_DIGITS_MIN && !is_number {
            found.push(start..start + run.len());
        }
        start += run.len() + 1;
    }
    found
}

/// Hex digits of MD5, the shortest digest; and of a part of one that is told from words, numbers and addresses of hardware.
const DIGEST_DIGITS_MIN: usize = 32;
const PART_DIGITS_MIN: usize = 13;

/// A line with those that continue it (RFC 3261 §7.3.1).
struct Line {
    physical: Vec<Range<usize>>,
}

fn lines(text: &[u8]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut start = 0;
    for end in memchr_iter(b'\n', text).chain([text.len()]) {
        let bytes = text.get(start..end).unwrap_or_default();
        let part = start..end - usize::from(bytes.last() == Some(&b'\r'));
        match lines.last_mut() {
            Some(line) if bytes.first().is_some_and(|first| matches!(first, b' ' | b'\t')) => line.physical.push(part),
            _ => lines.push(Line { physical: vec![part] }),
        }
        start = end + 1;
    }
    lines
}

fn line_secrets(text: &[u8], line: &Line, found: &mut Vec<Range<usize>>) {
    let Some(first) = line.physical.first() else { return };
    let of = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
    let start = of(first);
    if let Some(key) = KEYS.iter().find(|key| starts_with(start, key)) {
        found.push(first.start + key.len()..first.end);
    }
    let colon = start.iter().position(|byte| *byte == b':');
    let name = colon.and_then(|colon| start.get(..colon)).unwrap_or_default().trim_ascii();
    if CREDENTIALS.iter().any(|header| name.eq_ignore_ascii_case(header.as_bytes())) {
        let value = first.start + colon.unwrap_or(0) + 1..first.end;
        let mut parts = vec![value];
        parts.extend(line.physical.iter().skip(1).cloned());
        credentials(text, &parts, found);
    }
    for part in &line.physical {
        found.extend(uri_passwords(of(part)).map(|span| part.start + span.start..part.start + span.end));
    }
}

/// What of an Authorization header is no digest.
fn credentials(text: &[u8], parts: &[Range<usize>], found: &mut Vec<Range<usize>>) {
    let mut is_digest = None;
    for part in parts {
        let bytes = text.get(part.clone()).unwrap_or_default();
        let blank = bytes.len() - bytes.trim_ascii_start().len();
        let here = bytes.get(blank..).unwrap_or_default();
        if here.is_empty() {
            continue;
        }
        // Where a part of a message ends within the word, the other part begins with the rest of it.
        let is_cut = part.end == text.len() && here.len() < "digest".len();
        let scheme = if is_cut { "digest".get(..here.len()).unwrap_or_default() } else { "digest" };
        let digest = *is_digest.get_or_insert_with(|| starts_with(here, scheme));
        let hidden_from = if digest {
            OTHER_SCHEMES.iter().filter_map(|scheme| find(bytes, scheme).map(|at| at + scheme.len())).min()
        } else {
            // The scheme itself stays.
            let scheme = here.iter().position(|byte| matches!(byte, b' ' | b'\t')).map_or(0, |at| at + 1);
            Some(blank + if part == parts.first().unwrap_or(part) { scheme } else { 0 })
        };
        found.extend(hidden_from.map(|from| part.start + from..part.end));
    }
}

/// The body of a request whose body is nobody else's business: a message, or the digits that somebody keyed in.
fn private_body(text: &[u8]) -> Option<Range<usize>> {
    let start = text.len() - text.trim_ascii_start().len();
    let message = text.get(start..)?;
    // Some write LF for CRLF, and readers take both.
    let blank_lines: [&[u8]; 2] = [b"\n\r\n", b"\n\n"];
    let ends = blank_lines.into_iter().filter_map(|line| memmem::find(message, line).map(|at| (at, at + line.len())));
    let (headers_len, body) = ends.min()?;
    let headers = message.get(..headers_len)?;
    let is_private = headers.starts_with(b"MESSAGE ")
        || (headers.starts_with(b"INFO ") && find(headers, "application/dtmf").is_some());
    is_private.then_some(start + body..text.len())
}

/// The values of `response=` and its like. No byte is looked at for each of the values that it may belong to: a body of nothing but such
/// names is a megabyte of them.
fn parameters(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut bare_end = 0;
    for equals in memchr_iter(b'=', text) {
        let Some((start, value)) = value_behind(text, equals) else { continue };
        if value.first() == Some(&b'"') {
            found.push(start + 1..start + quoted_len(value).max(1));
        } else if start >= bare_end {
            let len = value.iter().position(|byte| matches!(byte, b',' | b'\r' | b'\n')).unwrap_or(value.len());
            bare_end = start + len;
            found.push(start..start + value.get(..len).unwrap_or_default().trim_ascii_end().len());
        }
    }
}

/// Where the value begins whose equals sign stands there, and the text from there on; `None` where it is no secret.
fn value_behind(text: &[u8], equals: usize) -> Option<(usize, &[u8])> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    text.get(..equals).filter(|before| names_secret(before))?;
    let blanks = text.get(equals + 1..)?.iter().take_while(|byte| is_blank(byte)).count();
    let start = equals + 1 + blanks;
    Some((start, text.get(start..)?))
}

/// The length of a quoted value with its quotes. One that does not end in its line is hidden to the end of that, whatever a reader makes of
/// the next.
fn quoted_len(value: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = value.iter().skip(1).position(|byte| {
        let is_end = !is_escaped && *byte == b'"';
        is_escaped = !is_escaped && *byte == b'\\';
        is_end
    });
    let quoted = end.and_then(|end| value.get(..end + 1)).unwrap_or(value);
    quoted.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(quoted.len())
}

fn starts_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

fn find(text: &[u8], word: &str) -> Option<usize> {
    text.windows(word.len()).position(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, hides: Hides, expected: &[&str]) {
        let spans = secrets(text.as_bytes(), hides);
        let hidden: Vec<&str> = spans.into_iter().map(|span| text.get(span).expect("it is ASCII")).collect();
        assert_eq!(hidden, expected, "{text:?}");
    }

    #[test]
    fn responses_are_found_in_every_spelling() {
        let digest = |text, expected: &[&str]| check(text, Hides::Digests, expected);
        digest("Authorization: Digest a=b, response=\"0123\", qop=auth\r\n", &["0123"]);
        digest("Authorization: Digest RESPONSE = 0123 , qop=auth\r\n", &["0123"]);
        digest("Authorization: Digest response=\r\n \"0123\"\r\n", &["0123"]);
        digest("Authorization: Digest response=\"01\\\"23\"\r\n", &["01\\\"23"]);
        digest("Authorization: Digest response=\"0123\r\nTo: <sip:a>\r\n", &["0123"]);
        digest("Authorization: Digest response=0123", &["0123"]);
        digest("Authorization: Dig", &[]);
        digest("Authentication-Info: rspauth=\"77\", nextnonce=\"n\"\r\n", &["77"]);
        digest("WWW-Authenticate: Digest nonce=\"n\", realm=\"r\"\r\n", &[]);
        check("Authorization: Digest response=\"0123\"\r\n", Hides::InClear, &[]);
    }

    #[test]
    fn digests_in_prose_are_found() {
        let check = |text: &str, expected: &[&str]| {
            let spans = secrets_of_prose(text.as_bytes(), Hides::Digests);
            let hidden: Vec<&str> = spans.into_iter().map(|span| text.get(span).expect("it is ASCII")).collect();
            assert_eq!(hidden, expected, "{text:?}");
        };
        check("the server wants 88a699b6346558d4d462601d677c4ac0, why?", &["88a699b6346558d4d462601d677c4ac0"]);
        check("begins with 88a699b634655: see above", &["88a699b634655"]);
        check("called +4930123456789012 from 00:15:65:aa:bb:cc, defaced facade 001565aabbcc", &[]);
        check("Authorization: Basic dXNlcjpw", &["dXNlcjpw"]);
        check("to sip:alice:secret@a.example\nresponse=\"0123\"", &["secret", "0123"]);
        assert!(secrets_of_prose(b"88a699b6346558d4d462601d677c4ac0", Hides::InClear).is_empty());
    }

    #[test]
    fn what_was_sent_in_clear_is_found() {
        let clear = |text, expected: &[&str]| check(text, Hides::InClear, expected);
        clear("Authorization: Basic dXNlcjpw\r\n", &["dXNlcjpw"]);
        clear("proxy-authorization : bearer\r\n abc.def\r\nTo: x", &["bearer", "abc.def"]);
        clear("Authorization: Digest a=b, Basic dXNlcjpw\r\n", &["dXNlcjpw"]);
        clear("To: <sip:alice:secret@a.example>\r\n", &["secret"]);
        clear("To: <sip:192.0.2.1:5060;x=a@b>, <sips:bob@b.example:5061>\r\n", &[]);
        clear(
            "INVITE sip:a SIP/2.0\r\n\r\na=crypto:1 X inline:KEY\r\na=ice-pwd:PW\r\nk=clear:K\r\n",
            &["1 X inline:KEY", "PW", "clear:K"],
        );
        clear("MESSAGE sip:a SIP/2.0\r\nFrom: b\r\n\r\nhello\r\nthere", &["hello", "there"]);
        clear("MESSAGE sip:a SIP/2.0\nFrom: b\n\nhello\n\r\nthere", &["hello", "there"]);
        clear("\r\n\r\nMESSAGE sip:a SIP/2.0\r\nFrom: b\r\n\r\nhello\n\nthere", &["hello", "there"]);
        clear("INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\n", &["Signal=5"]);
        clear("INFO sip:a SIP/2.0\r\nContent-Type: text/plain\r\n\r\nSignal=5\r\n", &[]);
    }
}
