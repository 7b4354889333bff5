//! What the fuzzers found, each as a test of its own.

use sipauth::base::Framer;
use sipauth::base::Limits;
use sipauth::base::Step;
use sipauth::base::StreamStart;
use sipauth::sip::framing::SipFramer;

/// Where messages begin in a stream that arrives in pieces of that length, and how long they are.
fn cut(stream: &[u8], piece_len: usize, limits: &Limits) -> Vec<(usize, usize)> {
    let (mut framer, mut messages, mut at) = (SipFramer::new(StreamStart::Opened), Vec::new(), 0);
    let mut ends: Vec<usize> = (piece_len..stream.len()).step_by(piece_len).collect();
    ends.push(stream.len());
    for end in ends {
        let is_last = end == stream.len();
        loop {
            let window = &stream[at..end];
            let step = if is_last { framer.interrupt(window, limits) } else { framer.step(window, limits) };
            match step {
                Step::More => break,
                Step::Foreign => return messages,
                Step::Skip { len, .. } => at += len,
                Step::Message { len, .. } => {
                    messages.push((at, len));
                    at += len;
                }
            }
        }
    }
    messages
}

#[track_caller]
fn check_same_in_any_pieces(stream: &[u8], limits: &Limits) {
    let whole = cut(stream, stream.len(), limits);
    assert!(!whole.is_empty());
    for piece_len in [1, 2, 3, 7, 50, 300] {
        assert_eq!(cut(stream, piece_len, limits), whole, "in pieces of {piece_len}");
    }
}

#[test]
fn a_request_line_with_a_zero_octet_is_read_in_any_pieces() {
    let stream = b"REGISTER sip:a\0\0b SIP/2.0\r\nl: 0\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n";
    check_same_in_any_pieces(stream, &Limits::default());
}

/// The first line of a stream tells another protocol. When a piece of it was looked at alone, text in front of the binary part
/// hid that, and a message behind it was read or not, as the segments fell.
#[test]
fn a_first_line_tells_the_protocol_in_any_pieces() {
    let limits = Limits::default();
    let foreign = b"BSCR****:\0\0\x02 OPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n";
    let text = b"some text: and more\r\nOPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n";
    for piece_len in [1, 2, 9, 10, 11, 40, 1000] {
        assert_eq!(cut(foreign, piece_len, &limits), [], "in pieces of {piece_len}");
        assert_eq!(cut(text, piece_len, &limits), [(21, 31)], "in pieces of {piece_len}");
    }
}

/// A start line beyond the limit of a header section was one where it came whole, and none where it came in pieces.
#[test]
fn a_start_line_beyond_the_limit_is_none_in_any_pieces() {
    let limits = Limits { header_section_bytes_max: 300, ..Limits::default() };
    let long = format!("OPTIONS sip:{} SIP/2.0\r\nl: 0\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 0\r\n\r\n", "a".repeat(400));
    check_same_in_any_pieces(long.as_bytes(), &limits);
}
