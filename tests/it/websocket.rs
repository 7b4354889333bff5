//! SIP within WebSocket (RFC 7118), frame by frame: as it should be, joined in the middle, and as nobody should send it.

use sipauth::base::SetAside;
use sipauth::base::Transport;

use crate::wire;
use crate::wire::ACK;
use crate::wire::Outcome;
use crate::wire::SYN;
use crate::wire::message;
use crate::wire::tcp_frame;

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: pbx.example.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A masked frame with this first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()) {
        Ok(len @ 0..126) => frame.push(0x80 | u8::try_from(len).unwrap()),
        Ok(len) => frame.extend([&[0xfe][..], &len.to_be_bytes()].concat()),
        Err(_) => frame.extend([&[0xff][..], &(payload.len() as u64).to_be_bytes()].concat()),
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The stream behind a SYN, in segments of so many bytes.
fn read(stream: &[u8], segment_len: usize) -> Outcome {
    let mut frames = vec![tcp_frame(0, SYN, b"")];
    frames.extend(segments(1, stream, segment_len));
    wire::read_frames(&frames)
}

fn segments(first: u32, stream: &[u8], segment_len: usize) -> Vec<Vec<u8>> {
    let pieces = stream.chunks(segment_len).enumerate();
    pieces.map(|(n, piece)| tcp_frame(first + u32::try_from(n * segment_len).unwrap(), ACK, piece)).collect()
}

fn texts(outcome: &Outcome) -> Vec<Vec<u8>> {
    assert!(outcome.seen.iter().all(|seen| seen.transport == Transport::Ws));
    outcome.seen.iter().map(|seen| seen.bytes.clone()).collect()
}

#[test]
fn messages_are_read_however_they_are_framed_and_cut() {
    let [one, two, three] = [message(1, 10), message(2, 300), message(3, 70_000)];
    let stream = [
        UPGRADE,
        &frame(0x81, &one),
        &frame(0x89, b"still there?"),
        // Three fragments with a pong between them, and one of no bytes.
        &frame(0x02, &two[..40]),
        &frame(0x8a, b""),
        &frame(0x00, &two[40..41]),
        &frame(0x00, b""),
        &frame(0x80, &two[41..]),
        &frame(0x81, b"\r\n\r\n"),
        &frame(0x82, &three),
        &frame(0x88, &[3, 232]),
    ]
    .concat();
    for segment_len in [1, 7, 100, 1400, 60_000] {
        let outcome = read(&stream, segment_len);
        assert_eq!(texts(&outcome), [one.clone(), two.clone(), three.clone()], "in segments of {segment_len}");
        assert_eq!(outcome.events.websocket_malformed.count, 0);
    }
    let outcome = read(&stream, 60_000);
    assert_eq!(outcome.seen[2].frames, [2, 3]);
}

#[test]
fn a_websocket_joined_in_the_middle_is_recognised() {
    for first in [frame(0x81, &message(1, 10)), frame(0x8a, b""), frame(0x81, b"\r\n\r\n")] {
        let stream = [first, frame(0x82, &message(2, 10))].concat();
        // Each frame in a segment of its own, as they are sent.
        let at = stream.len() - frame(0x82, &message(2, 10)).len();
        let second = 1000 + u32::try_from(at).unwrap();
        let frames = [tcp_frame(1000, ACK, &stream[..at]), tcp_frame(second, ACK, &stream[at..])];
        let outcome = wire::read_frames(&frames);
        assert_eq!(texts(&outcome).last(), Some(&message(2, 10)));
    }
}

#[test]
fn reading_goes_on_behind_a_lost_segment() {
    let frames: Vec<Vec<u8>> = (0..20).map(|number| frame(0x81, &message(number, 200))).collect();
    let stream = [UPGRADE, &frames.concat()].concat();
    let mut segments = segments(1, &stream, 150);
    segments.remove(10);
    let outcome = wire::read_frames(&[vec![tcp_frame(0, SYN, b"")], segments].concat());
    assert_eq!(outcome.events.tcp_gap.count, 1);
    let whole = outcome.seen.iter().filter(|seen| !seen.cut).count();
    assert!((18..20).contains(&whole), "{whole} of 20");
}

#[test]
fn compressed_messages_are_counted_and_not_guessed() {
    let fragments = [frame(0x41, b"\xf2\x48\xcd"), frame(0x80, b"\xc9\xc9\x07\x00")].concat();
    let stream =
        [UPGRADE, &frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"), &fragments, &frame(0x81, &message(1, 0))].concat();
    let outcome = read(&stream, 1400);
    assert_eq!(outcome.events.websocket_compressed.count, 2);
    assert_eq!(texts(&outcome), [message(1, 0)]);
}

#[test]
fn lengths_that_lie_do_no_harm() {
    let endless = [&[0x82, 0xff][..], &(1_u64 << 40).to_be_bytes(), &MASK, &[b'x'; 5000]].concat();
    let outcome = read(&[UPGRADE, &endless].concat(), 1400);
    assert_eq!((outcome.seen.len(), outcome.events.websocket_too_large.count), (0, 1));
    assert!(outcome.coverage.set_aside.contains_key(&SetAside::Limit));
    // One that is longer than the limit is passed over, and the next is read.
    let stream = [UPGRADE, &frame(0x82, &vec![b'x'; 1_100_000]), &frame(0x81, &message(1, 0))].concat();
    let outcome = read(&stream, 60_000);
    assert_eq!(texts(&outcome), [message(1, 0)]);
    // Not a frame at all: what follows is searched.
    let stream = [UPGRADE, &[0xf3; 3000], &frame(0x81, &message(1, 0))].concat();
    let outcome = read(&stream, 1400);
    assert_eq!((texts(&outcome).len(), outcome.events.websocket_malformed.count), (1, 1));
}

#[test]
fn fragments_without_end_are_bounded() {
    let begin = frame(0x01, b"MESSAGE sip:bob@example.test SIP/2.0\r\n");
    let stream =
        [UPGRADE, &begin, &frame(0x00, b"X").repeat(50_000), &frame(0x80, b""), &frame(0x81, &message(1, 0))].concat();
    let outcome = read(&stream, 1400);
    assert_eq!((texts(&outcome), outcome.events.websocket_too_large.count), (vec![message(1, 0)], 1));
}

#[test]
fn other_http_and_other_websockets_are_no_sip() {
    for stream in [
        b"GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
        [UPGRADE, &frame(0x81, &[b'{'; 1000]).repeat(200)].concat(),
    ] {
        let outcome = read(&stream, 1400);
        assert!(outcome.seen.is_empty());
        assert!(outcome.coverage.set_aside.contains_key(&SetAside::NotSip), "{:?}", outcome.coverage);
    }
}
