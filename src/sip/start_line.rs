//! What begins a SIP message: a request line or a status line (RFC 3261 §7.1, §7.2), told from all other traffic by its
//! bytes alone, on any port.

use memchr::memmem;

use crate::base::first_of;
use crate::base::is_token;
use crate::sip::method::METHODS;

const VERSION: &[u8] = b"SIP/2.0";
const NAME: &[u8] = b"SIP/";
/// Longer first words are no methods.
const METHOD_BYTES_MAX: usize = 64;

/// Whether a datagram is a SIP message, as far as its start line tells. Blank lines before it are passed over. A start
/// line that is cut counts where what is left of it cannot be anything else.
pub fn looks_like_sip(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    // A status line shows itself before it ends.
    is_status_line(bytes)
        || match first_of(bytes, [b'\n']) {
            Some(end) => is_request_line(bytes.get(..end).unwrap_or_default()),
            None => is_request_line(bytes) || is_cut_start_line(bytes),
        }
}

/// Whether a line, with or without its line ending, is a request line or a status line.
pub(super) fn is_start_line(line: &[u8]) -> bool {
    is_status_line(line) || is_request_line(line)
}

/// `SIP/2.0`, or a version that does not exist: what speaks it means to be SIP (RFC 4475 §3.1.2.16).
fn is_version(word: &[u8]) -> bool {
    // Nearly always the first, which is one comparison of words.
    word == VERSION
        || word.split_at_checked(NAME.len()).is_some_and(|(name, number)| {
            matches!(number, [major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
                && name.eq_ignore_ascii_case(NAME)
        })
}

/// `SIP/2.0 401 Unauthorized`; the reason may be missing, and the code too long (RFC 4475 §3.1.2.19).
fn is_status_line(line: &[u8]) -> bool {
    let Some((version, [b' ', code @ ..])) = line.split_at_checked(VERSION.len()) else { return false };
    let Some((digits, rest)) = code.split_first_chunk::<3>() else { return false };
    is_version(version)
        && digits.iter().all(u8::is_ascii_digit)
        && rest.iter().find(|byte| !byte.is_ascii_digit()).is_none_or(u8::is_ascii_whitespace)
}

/// `REGISTER sip:example.test SIP/2.0`; the method may be any token.
fn is_request_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let Some(version_at) = line.len().checked_sub(VERSION.len()) else { return false };
    let Some((head, version)) = line.split_at_checked(version_at) else { return false };
    if !is_version(version) || !head.ends_with(b" ") && !head.ends_with(b"\t") {
        return false;
    }
    method_len(head).is_some_and(|len| !head.get(len..).unwrap_or_default().trim_ascii().is_empty())
}

/// The length of the token that begins the bytes, if a blank follows it.
fn method_len(bytes: &[u8]) -> Option<usize> {
    let len = bytes.iter().take(METHOD_BYTES_MAX + 1).position(|byte| !is_token(*byte))?;
    (len > 0 && matches!(bytes.get(len), Some(b' ' | b'\t'))).then_some(len)
}

/// A start line that the snap length has cut: a status line from its version on, a request line of a known method whose
/// URI has begun.
fn is_cut_start_line(line: &[u8]) -> bool {
    if let Some((version, rest)) = line.split_at_checked(VERSION.len())
        && is_version(version)
    {
        return matches!(rest, [b' ', code @ ..] if code.len() <= 3 && code.iter().all(u8::is_ascii_digit));
    }
    let Some((method, uri)) = method_len(line).and_then(|len| line.split_at_checked(len)) else { return false };
    let uri = uri.trim_ascii_start();
    let schemes: [&[u8]; 4] = [b"sip:", b"sips:", b"tel:", b"urn:"];
    let begins = |scheme: &&[u8]| {
        let len = scheme.len().min(uri.len());
        len > 0 && uri.get(..len).unwrap_or_default().eq_ignore_ascii_case(scheme.get(..len).unwrap_or_default())
    };
    // Others are methods too, but not where the line is cut before the version.
    METHODS.contains(&method) && schemes.iter().any(begins)
}

/// Whether bytes without a line end yet may become a start line.
pub(super) fn could_become_start_line(bytes: &[u8]) -> bool {
    let name = NAME.len().min(bytes.len());
    let status = bytes.get(..name).unwrap_or_default().eq_ignore_ascii_case(NAME.get(..name).unwrap_or_default());
    let token = bytes.iter().take(METHOD_BYTES_MAX + 1).take_while(|byte| is_token(**byte)).count();
    // What `is_request_line` takes must not be refused here: else a stream would be read otherwise in other segments.
    let request = token > 0 && token <= METHOD_BYTES_MAX && matches!(bytes.get(token), None | Some(b' ' | b'\t'));
    status || request
}

/// Where in a line a start line begins: usually at its front, but a body that has no line end may stand before it.
pub(super) fn find_start_in(line: &[u8]) -> Option<usize> {
    if is_start_line(line) {
        // What looks like an unknown method may be the end of a body and a known one.
        let method = method_len(line).and_then(|len| line.get(..len)).unwrap_or_default();
        let known = METHODS.iter().filter(|known| method.ends_with(known)).map(|known| known.len()).max();
        // And the end of a known one is all that a hole in the stream has left of it.
        if known.is_none() && !method.is_empty() && METHODS.iter().any(|known| known.ends_with(method)) {
            return None;
        }
        return Some(known.map_or(0, |known_len| method.len().saturating_sub(known_len)));
    }
    if let Some(at) = memmem::find(line, b"SIP/2.0 ")
        && is_status_line(line.get(at..)?)
    {
        return Some(at);
    }
    let trimmed = line.trim_ascii_end();
    let head = trimmed.strip_suffix(VERSION)?.trim_ascii_end();
    let uri_at = head.iter().rposition(|byte| *byte == b' ')?.saturating_add(1);
    let before = head.get(..uri_at)?.trim_ascii_end();
    // Within a line only upper-case words are believed, so that prose about SIP is not.
    let method_len = before.iter().rev().take_while(|byte| byte.is_ascii_uppercase()).count();
    let at = before.len().checked_sub(method_len)?;
    (method_len > 1 && is_start_line(line.get(at..)?)).then_some(at)
}

/// What a first line that is no SIP start line says about its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Another protocol.
    Foreign,
    /// Text that SIP may still follow.
    Open,
}

/// Tells another protocol by the first line of a stream.
pub(super) fn line_kind(line: &[u8]) -> Line {
    let named = [&b" HTTP/"[..], b"HTTP/", b" RTSP/", b"RTSP/", b"SSH-", b"MSRP ", b"ICY "];
    let binary = line.iter().any(|byte| !byte.is_ascii_graphic() && !byte.is_ascii_whitespace() && *byte < 0x80);
    if binary
        || line.first().is_some_and(|byte| *byte >= 0x80)
        || named.iter().any(|name| memmem::find(line, name).is_some())
    {
        Line::Foreign
    } else {
        Line::Open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sip_is_told_by_its_start_line() {
        let check = |bytes: &[u8], expect: bool| {
            assert_eq!(looks_like_sip(bytes), expect, "{}", String::from_utf8_lossy(bytes));
        };
        check(b"REGISTER sip:example.test SIP/2.0\r\n", true);
        check(b"REGISTER sip:example.test SIP/2.0\n", true);
        check(b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\n", true);
        check(b"X-NEW~METHOD tel:+1 sip/2.0\r\n", true);
        check(b"INVITE sip:john doe@example.test SIP/2.0\r\n", true);
        check(b"SIP/2.0 401 Unauthorized\r\n", true);
        check(b"sip/2.0 200 OK\r\n", true);
        check(b"SIP/2.0 200\r\n", true);
        check(b"SIP/2.0 20", true);
        check(b"INVITE sip:al", true);
        check(b"INVITE s", true);
        check(b"INVITE ", false);
        check(b"FOO sip:al", false);
        check(b"SIP/2.0 2000 OK\r\n", true);
        check(b"SIP/7.0 200 OK\r\n", true);
        check(b"OPTIONS sip:a SIP/7.0\r\n", true);
        check(b"SIP/2.0 200x OK\r\n", false);
        check(b"SIP/20 200 OK\r\n", false);
        check(b"SIP/2.0", false);
        check(b"REGISTER SIP/2.0\r\n", false);
        check(b"OPTIONS * HTTP/1.1\r\n", false);
        check(b"OPTIONS rtsp://example.test/ RTSP/1.0\r\n", false);
        check(b"NOTIFY * HTTP/1.1\r\n", false);
        check(b"Via: SIP/2.0/UDP 192.0.2.1\r\n", false);
        check(b"User-Agent: speaks SIP/2.0\r\n", false);
        check(b"", false);
        check(b"\r\n", false);
    }

    #[test]
    fn a_start_line_is_found_behind_a_body_without_line_end() {
        let check = |line: &[u8], at: Option<usize>| assert_eq!(find_start_in(line), at);
        check(b"</presence>NOTIFY sip:a SIP/2.0\r\n", Some(11));
        check(b"</presence>SIP/2.0 200 OK\r\n", Some(11));
        check(b"xxxxMESSAGE sip:a SIP/2.0\r\n", Some(4));
        check(b"X-NEW sip:a SIP/2.0\r\n", Some(0));
        check(b"Via: SIP/2.0/TCP 192.0.2.1\r\n", None);
        check(b" we speak of sip:a SIP/2.0\r\n", None);
        check(b"ISTER sip:a SIP/2.0\r\n", None);
        check(b"SIP/2.0 200 OK\r\n", Some(0));
    }
}
