//! Messages after the descriptions of RFC 4475 (SIP torture tests) and RFC 5118 (the same for IPv6): each is shown, none is
//! lost, and what is malformed in it is said. The wording is ours, what is tortuous about them is the RFCs'.

use sipauth::digest::Keyring;
use sipauth::sip;
use sipauth::sip::Message;
use sipauth::sip::parse::Source;

use crate::corpus;
use crate::wire;
use crate::wire::ACK;
use crate::wire::Order;
use crate::wire::Resolution;
use crate::wire::SYN;
use crate::wire::tcp_frame;
use crate::wire::udp_frame;

mod invalid;
mod ipv6;
mod valid;

/// The bytes of a message whose lines are written with plain line ends.
fn with_crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn parsed(message: &[u8]) -> Message<'_> {
    sip::parse(message, Source { is_cut: false, header_fields_max: 8192 })
}

fn messages_of(frames: &[Vec<u8>]) -> u64 {
    let file = wire::pcap(Order::Little, Resolution::Micro, &wire::timed(frames));
    let report = corpus::analyze(&file, Keyring::new());
    corpus::json(&report);
    corpus::human(&report);
    report.summary.sip_messages
}

/// One message, as the RFC's section describes it: it is counted, whole, and has exactly these defects.
#[track_caller]
fn check<'m>(section: &str, message: &'m [u8], defects: &[&str]) -> Message<'m> {
    assert_eq!(messages_of(&[udp_frame(message)]), 1, "{section} is shown");
    let seen = wire::read_frames(&[udp_frame(message)]).seen;
    assert_eq!(seen[0].bytes, message, "{section} is shown whole");
    let parsed = parsed(message);
    let kinds: Vec<&str> = parsed.defects.iter().map(|defect| defect.kind.name()).collect();
    assert_eq!(kinds, defects, "{section}");
    parsed
}

/// The same over TCP, between two others, in segments of a few bytes: none of the three is lost or blended.
#[track_caller]
fn check_in_stream(section: &str, message: &[u8]) {
    let other = |number: usize| wire::message(number, 9);
    let stream = [&other(1)[..], message, &other(2)].concat();
    for segment_len in [1400, 37] {
        let segments = stream.chunks(segment_len).enumerate();
        let segments =
            segments.map(|(index, part)| tcp_frame(u32::try_from(index * segment_len + 1).unwrap(), ACK, part));
        let frames: Vec<Vec<u8>> = [tcp_frame(0, SYN, b"")].into_iter().chain(segments).collect();
        let seen = wire::read_frames(&frames).seen;
        let texts: Vec<&[u8]> = seen.iter().map(|seen| &seen.bytes[..]).collect();
        assert_eq!(texts, [&other(1)[..], message, &other(2)], "{section} in a stream");
    }
}
