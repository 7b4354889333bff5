//! SIP within WebSocket (RFC 7118), frame by frame: as it should be, joined in the middle, and as nobody should send it.

use std::collections::BTreeMap;

use flate2::Compress;
use flate2::Compression;
use flate2::FlushCompress;

use sipauth::base::Limits;
use sipauth::base::SetAside;
use sipauth::base::Transport;

use crate::corpus;
use crate::properties::Differences;
use crate::properties::carried_over_tcp;
use crate::properties::essence;
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
    let parts = [frame(0x01, &message(1, 10)[..60]), frame(0x80, &message(1, 10)[60..])].concat();
    for first in [frame(0x81, &message(1, 10)), frame(0x8a, b""), frame(0x81, b"\r\n\r\n"), parts] {
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

/// permessage-deflate: messages of one direction, each made of what the ones before have said.
fn deflated(messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut compress = Compress::new(Compression::best(), false);
    messages.iter().map(|message| deflated_by(&mut compress, message)).collect()
}

#[test]
fn compressed_messages_are_read_however_they_are_framed_and_cut() {
    let messages: Vec<Vec<u8>> = (0..5).map(|number| message(number, 300 + number)).collect();
    let [one, two, three, four, five] = &deflated(&messages)[..] else { panic!("they are five") };
    assert!(two.len() < one.len() / 3, "the second repeats the first");
    let stream = [
        UPGRADE,
        &frame(0xc1, one),
        &frame(0x89, b"still there?"),
        &frame(0x42, &two[..7]),
        &frame(0x8a, b""),
        &frame(0x00, &two[7..8]),
        &frame(0x80, &two[8..]),
        // Nobody has to compress each of them.
        &frame(0x81, &message(9, 0)),
        &frame(0xc2, three),
        &frame(0xc2, four),
        &frame(0xc2, five),
    ]
    .concat();
    let expect = [&messages[..2], &[message(9, 0)], &messages[2..]].concat();
    for segment_len in [1, 7, 100, 1400, 60_000] {
        let outcome = read(&stream, segment_len);
        assert_eq!(texts(&outcome), expect, "in segments of {segment_len}");
        assert_eq!(outcome.events.websocket_compressed.count, 0);
    }
}

#[test]
fn compressed_messages_that_refer_to_what_is_missing_are_counted_and_not_guessed() {
    let messages: Vec<Vec<u8>> = (0..8).map(|number| message(number, 200)).collect();
    let frames: Vec<Vec<u8>> = deflated(&messages).iter().map(|message| frame(0xc1, message)).collect();
    // Joined at the first message that refers to none.
    let outcome = wire::read_frames(&segments(1000, &frames.concat(), 60_000));
    assert_eq!(texts(&outcome), messages);
    // At one that does: that is said.
    let outcome = wire::read_frames(&segments(1000, &frames[4], 60_000));
    assert_eq!((outcome.seen.len(), outcome.events.websocket_compressed.count), (0, 1));
    // The fourth is lost, and what follows refers to it.
    let without_fourth = |frames: &[Vec<u8>]| {
        let mut segments: Vec<Vec<u8>> = vec![tcp_frame(0, SYN, b""), tcp_frame(1, ACK, UPGRADE)];
        let mut next = 1 + UPGRADE.len();
        for frame in frames {
            segments.push(tcp_frame(u32::try_from(next).unwrap(), ACK, frame));
            next += frame.len();
        }
        segments.remove(5);
        wire::read_frames(&segments)
    };
    let outcome = without_fourth(&[&frames[..], &[frame(0x81, &message(9, 0))]].concat());
    assert_eq!(texts(&outcome), [&messages[..3], &[message(9, 0)]].concat());
    assert_eq!(outcome.events.websocket_compressed.count, 4);
    // A peer that begins anew with each message loses that message alone.
    let frames: Vec<Vec<u8>> =
        messages.iter().map(|message| frame(0xc1, &deflated(std::slice::from_ref(message))[0])).collect();
    let outcome = without_fourth(&frames);
    assert_eq!(texts(&outcome), [&messages[..3], &messages[4..]].concat());
    assert_eq!(outcome.events.websocket_compressed.count, 0);
}

#[test]
fn compressed_messages_without_end_are_bounded() {
    let bomb = deflated(&[vec![b'x'; 64 * 1024 * 1024]]).remove(0);
    assert!(bomb.len() < 100_000);
    let own = |number: usize| frame(0xc1, &deflated(&[message(number, 0)])[0]);
    let stream = [UPGRADE, &own(1), &frame(0xc1, &bomb), &own(2), &frame(0xc1, &[0xff; 2000]), &own(3)].concat();
    let outcome = read(&stream, 1400);
    assert_eq!(texts(&outcome), [message(1, 0), message(2, 0), message(3, 0)]);
    assert_eq!((outcome.events.websocket_too_large.count, outcome.events.websocket_compressed.count), (1, 1));
    // In fragments, each of them small.
    let fragments: Vec<Vec<u8>> = bomb.chunks(100).map(|part| frame(0x00, part)).collect();
    let stream = [UPGRADE, &frame(0x41, &[]), &fragments.concat(), &frame(0x80, &[]), &own(1)].concat();
    let outcome = read(&stream, 1400);
    assert_eq!((texts(&outcome), outcome.events.websocket_too_large.count), (vec![message(1, 0)], 1));
}

#[test]
fn no_flipped_bit_in_compressed_messages_does_harm() {
    let messages: Vec<Vec<u8>> = (0..3).map(|number| message(number, 20)).collect();
    let frames: Vec<Vec<u8>> = deflated(&messages).iter().map(|message| frame(0xc1, message)).collect();
    let stream = [UPGRADE, &frames.concat()].concat();
    for bit in UPGRADE.len() * 8..stream.len() * 8 {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        // The ledger is checked in there.
        assert!(read(&flipped, 1400).seen.len() <= 3, "bit {bit}");
    }
}

/// What becomes of the messages of one direction of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Whole,
    InFragments,
    Compressed,
    CompressedInFragments,
}

impl Manner {
    fn is_compressed(self) -> bool {
        matches!(self, Manner::Compressed | Manner::CompressedInFragments)
    }
}

/// The WebSocket that carries the messages of one direction.
struct Direction {
    is_client: bool,
    compress: Compress,
}

impl Direction {
    fn frames(&mut self, message: &[u8], manner: Manner) -> Vec<u8> {
        let is_compressed = manner.is_compressed();
        let payload = if is_compressed { deflated_by(&mut self.compress, message) } else { message.to_vec() };
        let bit = if is_compressed { 0x40 } else { 0 };
        let parts: Vec<&[u8]> = match manner {
            Manner::Whole | Manner::Compressed => vec![&payload],
            Manner::InFragments | Manner::CompressedInFragments => payload.chunks(97).collect(),
        };
        let last = parts.len().saturating_sub(1);
        let mut frames = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let first = if at == 0 { 0x01 | bit } else { 0 } | if at == last { 0x80 } else { 0 };
            frames.extend(if self.is_client { frame(first, part) } else { unmasked(first, part) });
            // Control frames stand between those of a message, too.
            frames.extend(if self.is_client { frame(0x8a, b"") } else { unmasked(0x89, b"there?") });
        }
        frames
    }
}

/// A server's frame.
fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    match u16::try_from(payload.len()) {
        Ok(len @ 0..126) => [&[first, u8::try_from(len).unwrap()], payload].concat(),
        Ok(len) => [&[first, 126][..], &len.to_be_bytes(), payload].concat(),
        Err(_) => [&[first, 127][..], &(payload.len() as u64).to_be_bytes(), payload].concat(),
    }
}

fn deflated_by(compress: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 1000);
    compress.compress_vec(message, &mut bytes, FlushCompress::Sync).expect("memory can be written");
    assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]), "RFC 7692 §7.2.1");
    bytes.truncate(bytes.len() - 4);
    bytes
}

#[test]
fn every_sample_over_websocket_gives_the_sessions_and_findings_of_the_plain_one() {
    const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let mut differences = Differences::default();
    let mut sessions = 0;
    for (seed, sample) in (0_u64..).zip(corpus::samples()) {
        // What is in HEP is in datagrams.
        if sample.name == "hep-wrong-password" {
            continue;
        }
        let expect = essence(&sample.report_on(&corpus::plain_pcap(&sample.frames())));
        // A connection that says nothing for so long is given up, and what it goes on with refers to what was before.
        let pause_max = (Limits::default().tcp_idle_s_max - 1) * 1_000_000_000;
        let has_pause = sample.frames().windows(2).any(|pair| pair[1].time_ns.abs_diff(pair[0].time_ns) > pause_max);
        let all = [Manner::Whole, Manner::InFragments, Manner::Compressed, Manner::CompressedInFragments];
        for manner in [all[seed as usize % 2], all[2 + seed as usize / 2 % 2]] {
            if has_pause && manner.is_compressed() {
                continue;
            }
            let mut directions: BTreeMap<Vec<u8>, Direction> = BTreeMap::new();
            let frames = carried_over_tcp(&sample.frames(), seed, |flow, message| {
                let reversed = [&flow[4..8], &flow[..4], &flow[10..12], &flow[8..10]].concat();
                let is_client = !directions.contains_key(&reversed);
                let mut bytes = Vec::new();
                let direction = directions.entry(flow.to_vec()).or_insert_with(|| {
                    bytes.extend(if is_client { UPGRADE } else { ANSWER });
                    Direction { is_client, compress: Compress::new(Compression::default(), false) }
                });
                bytes.extend(direction.frames(message, manner));
                bytes
            });
            let report = sample.report_on(&corpus::plain_pcap(&frames));
            differences.compare(&sample, &format!("over WebSocket, {manner:?}"), &expect, &essence(&report));
            sessions += report.sessions.iter().filter(|session| session.transport == "ws").count();
        }
    }
    differences.none();
    assert!(sessions > 400, "only {sessions} sessions went over WebSocket");
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
    let start_line = b"MESSAGE sip:bob@example.test SIP/2.0\r\n";
    let begin = frame(0x01, start_line);
    let stream =
        [UPGRADE, &begin, &frame(0x00, b"X").repeat(50_000), &frame(0x80, b""), &frame(0x81, &message(1, 0))].concat();
    let outcome = read(&stream, 1400);
    let [long, short] = &outcome.seen[..] else { panic!("{} messages", outcome.seen.len()) };
    assert_eq!((&long.bytes, long.cut), (&[&start_line[..], &b"X".repeat(1023)].concat(), true));
    assert_eq!((&short.bytes, short.cut), (&message(1, 0), false));
    assert_eq!(outcome.events.websocket_too_large.count, 1);
}

/// What is there of a message is shown, whatever stands in its end's stead: nothing, a hole, another message, or garbage.
#[test]
fn a_message_in_fragments_whose_end_is_missing_is_shown_cut() {
    let [one, two] = [message(1, 10), message(2, 10)];
    let (begin, middle) = one.split_at(90);
    let fragments = [frame(0x01, begin), frame(0x00, &middle[..40])].concat();
    let shown = one[..130].to_vec();
    let next = frame(0x81, &two);
    for (behind, is_malformed) in [(vec![], false), (next.clone(), true), ([&[0xf3, 0x81][..], &next].concat(), true)] {
        let outcome = read(&[UPGRADE, &fragments, &behind].concat(), 1400);
        let expected = if is_malformed { vec![shown.clone(), two.clone()] } else { vec![shown.clone()] };
        assert_eq!(texts(&outcome), expected, "before {behind:02x?}");
        assert!(outcome.seen[0].cut && outcome.seen[1..].iter().all(|seen| !seen.cut));
        assert_eq!(outcome.events.websocket_malformed.count, u64::from(is_malformed));
    }

    let stream = [UPGRADE, &fragments, &next].concat();
    let mut frames = vec![tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &stream[..UPGRADE.len() + fragments.len()])];
    frames.push(tcp_frame(u32::try_from(1 + stream.len() - next.len() + 500).unwrap(), ACK, &next));
    let outcome = wire::read_frames(&frames);
    assert_eq!(texts(&outcome), [shown, two]);
    assert_eq!(outcome.seen.iter().map(|seen| &seen.frames[..]).collect::<Vec<_>>(), [[2], [3]]);
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
