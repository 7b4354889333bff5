//! The HTTP handshake that opens a WebSocket (RFC 6455 §4.1, §4.2.2), as far as it tells that one follows.

use memchr::memmem;

/// Longer header sections are of other traffic.
const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;

/// What the bytes of a stream that begins with HTTP say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// The handshake is this many bytes long; frames follow.
    Done(usize),
    /// Its end has not been seen.
    More,
    /// HTTP that stays HTTP.
    No,
}

/// Whether the bytes begin a request or an answer that may open a WebSocket; `None` where they are too few.
pub(super) fn may_begin(bytes: &[u8]) -> Option<bool> {
    let starts: [&[u8]; 2] = [b"GET ", b"HTTP/1.1 101"];
    let agrees = |start: &&&[u8]| bytes.iter().zip(start.iter()).all(|(byte, expected)| byte == expected);
    match starts.iter().find(agrees) {
        Some(start) => (bytes.len() >= start.len()).then_some(true),
        None => Some(false),
    }
}

/// Reads the handshake at the front of the bytes, of which the first `scanned` are known not to hold its end.
pub(super) fn read(bytes: &[u8], scanned: usize) -> Upgrade {
    let from = scanned.saturating_sub(3);
    let Some(end) = memmem::find(bytes.get(from..).unwrap_or_default(), b"\r\n\r\n")
        .map(|at| from.saturating_add(at).saturating_add(4))
    else {
        return if bytes.len() > HANDSHAKE_BYTES_MAX { Upgrade::No } else { Upgrade::More };
    };
    let head = bytes.get(..end).unwrap_or_default();
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let is_http = lines.next().is_some_and(|line| line.starts_with(b"HTTP/1.1 101") || line.ends_with(b" HTTP/1.1"));
    let upgrades = lines.any(|line| {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"upgrade") && value.eq_ignore_ascii_case(b"websocket")
    });
    if is_http && upgrades { Upgrade::Done(end) } else { Upgrade::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handshakes_are_told_from_other_http() {
        let done = |text: &str| assert_eq!(read(text.as_bytes(), 0), Upgrade::Done(text.len()), "{text}");
        // RFC 6455 §1.3.
        done("GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        done("HTTP/1.1 101 Switching Protocols\r\nupgrade:WebSocket\r\n\r\n");
        let no = |text: &str| assert_eq!(read(text.as_bytes(), 0), Upgrade::No, "{text}");
        no("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        no("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n");
        no(&format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000)));
        assert_eq!(read(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r", 0), Upgrade::More);
        let whole = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81";
        assert_eq!(read(whole, whole.len() - 2), Upgrade::Done(whole.len() - 1));
    }

    #[test]
    fn a_beginning_may_be_short() {
        assert_eq!((may_begin(b"GET /"), may_begin(b"HTTP/1.1 101 S")), (Some(true), Some(true)));
        assert_eq!((may_begin(b"G"), may_begin(b"HTTP/1")), (None, None));
        assert_eq!((may_begin(b"GOT"), may_begin(b"HTTP/1.1 2")), (Some(false), Some(false)));
    }
}
