//! TCP streams and fragments as networks, cards and attackers deform them.

use sipauth::base::Limits;
use sipauth::base::SetAside;

use crate::wire;
use crate::wire::ACK;
use crate::wire::FIN;
use crate::wire::RST;
use crate::wire::SYN;
use crate::wire::Seen;
use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::ipv6_fragment;
use crate::wire::message;
use crate::wire::read_frames;
use crate::wire::tcp_frame;
use crate::wire::udp;

/// Checks which messages, by their number in the test, come out of which frames.
#[track_caller]
fn check(frames: &[Vec<u8>], expect: &[(u64, Vec<u8>)]) -> wire::Outcome {
    let outcome = read_frames(frames);
    let seen: Vec<_> = outcome.seen.iter().map(|seen| (seen.number, seen.bytes.clone())).collect();
    assert_eq!(seen, expect);
    outcome
}

fn is_cut(seen: &Seen) -> bool {
    seen.cut
}

#[test]
fn sequence_numbers_wrap() {
    let (first, second) = (message(1, 100), message(2, 100));
    let stream = [&first[..], &second].concat();
    let isn = u32::MAX - 20;
    let at = |offset: usize| isn.wrapping_add(1).wrapping_add(u32::try_from(offset).unwrap());
    let frames = [
        tcp_frame(isn, SYN, b""),
        tcp_frame(at(150), ACK, &stream[150..]),
        tcp_frame(at(0), ACK, &stream[..150]),
        tcp_frame(at(0).wrapping_sub(1), ACK, b"\0"),
    ];
    let outcome = check(&frames, &[(3, first), (3, second)]);
    assert_eq!(outcome.coverage.set_aside.get(&SetAside::TcpRetransmission), Some(&1));
}

#[test]
fn a_stream_joined_in_the_middle_loses_nothing_that_was_captured() {
    let (first, second, third) = (message(1, 50), message(2, 50), message(3, 0));
    let stream = [&first[..], &second, &third].concat();
    let (a, b) = (1000, u32::try_from(first.len()).unwrap() + 1000);
    // At a boundary, in order and swapped; within a message, swapped; and behind the start of one that is lost.
    check(&[tcp_frame(a, ACK, &first), tcp_frame(b, ACK, &second)], &[(1, first.clone()), (2, second.clone())]);
    check(&[tcp_frame(b, ACK, &second), tcp_frame(a, ACK, &first)], &[(1, second.clone()), (2, first.clone())]);
    let swapped = [tcp_frame(1060, ACK, &stream[60..]), tcp_frame(1000, ACK, &stream[..60])];
    check(&swapped, &[(2, first.clone()), (2, second.clone()), (2, third.clone())]);
    let late = [tcp_frame(1060, ACK, &stream[60..])];
    check(&late, &[(1, second.clone()), (1, third.clone())]);
}

#[test]
fn a_hole_costs_the_message_it_is_in_and_no_other() {
    let messages: Vec<_> = (0..6).map(|number| message(number, 80)).collect();
    let stream = messages.concat();
    let hole = messages[0].len() + 60..messages[0].len() + 90;
    let mut frames = vec![tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &stream[..hole.start])];
    frames.push(tcp_frame(u32::try_from(hole.end).unwrap() + 1, ACK, &stream[hole.end..]));
    let outcome = read_frames(&frames);
    let whole: Vec<_> = outcome.seen.iter().filter(|seen| !is_cut(seen)).map(|seen| seen.bytes.clone()).collect();
    assert_eq!(whole, [&messages[..1], &messages[2..]].concat());
    let cut: Vec<_> = outcome.seen.iter().filter(|seen| is_cut(seen)).map(|seen| seen.bytes.clone()).collect();
    assert_eq!(cut, vec![messages[1][..60].to_vec()]);
    assert_eq!((outcome.events.tcp_gap.count, outcome.events.message_cut.count), (1, 1));
}

#[test]
fn a_hole_is_waited_for_only_so_long() {
    let limits = Limits { tcp_hole_segments_max: 8, ..Limits::default() };
    let mut frames = vec![tcp_frame(0, SYN, b"")];
    // Every second byte is missing, for ever: the frames must not wait for the end of the capture.
    frames.extend((1..2000).map(|at| tcp_frame(2 * at, ACK, b"x")));
    let file = wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&frames));
    let outcome = wire::read(std::io::Cursor::new(file), &limits).unwrap();
    assert!(outcome.seen.is_empty());
    assert!(outcome.events.tcp_gap.count > 1900);
}

#[test]
fn the_first_copy_of_a_byte_wins_and_a_difference_is_told() {
    let honest = message(1, 40);
    let forged: Vec<_> = honest.iter().map(|byte| if *byte == b'x' { b'y' } else { *byte }).collect();
    let tail = honest.len() - 30;
    let at = |offset: usize| u32::try_from(offset).unwrap() + 1;
    // The tail waits behind a hole when its other copy comes; then the whole message, forged in the tail, closes it.
    let frames = [
        tcp_frame(0, SYN, b""),
        tcp_frame(at(tail), ACK, &honest[tail..]),
        tcp_frame(at(tail), ACK, &forged[tail..]),
        tcp_frame(at(0), ACK, &honest[..tail]),
    ];
    let outcome = check(&frames, &[(4, honest.clone())]);
    assert!(outcome.seen[0].ambiguous);
    assert_eq!(outcome.events.overlap_ambiguous.count, 1);
    // The same against bytes in order that wait for the rest of their message.
    let frames =
        [tcp_frame(0, SYN, b""), tcp_frame(at(0), ACK, &honest[..honest.len() - 5]), tcp_frame(at(0), ACK, &forged)];
    let outcome = read_frames(&frames);
    assert!(outcome.seen[0].ambiguous);
    assert!(outcome.seen[0].bytes.starts_with(&honest[..honest.len() - 5]));
}

#[test]
fn another_copy_of_a_message_that_was_read_is_told() {
    let honest = message(1, 40);
    let forged: Vec<_> = honest.iter().map(|byte| if *byte == b'x' { b'y' } else { *byte }).collect();
    let at = |offset: usize| u32::try_from(offset).unwrap() + 1;
    let check = |frames: &[Vec<u8>], count: u64| {
        let outcome = read_frames(frames);
        assert_eq!(outcome.seen.len(), 1);
        assert_eq!((outcome.seen[0].bytes.clone(), outcome.events.overlap_ambiguous.count), (honest.clone(), count));
    };
    let whole = [tcp_frame(0, SYN, b""), tcp_frame(at(0), ACK, &honest)];
    check(&[&whole[..], &[tcp_frame(at(0), ACK, &honest)]].concat(), 0);
    check(&[&whole[..], &[tcp_frame(at(0), ACK, &forged)]].concat(), 1);
    // Cut at other places, and of a message that came in two segments.
    check(&[&whole[..], &[tcp_frame(at(90), ACK, &forged[90..])]].concat(), 1);
    let halves = [tcp_frame(0, SYN, b""), tcp_frame(at(0), ACK, &honest[..70]), tcp_frame(at(70), ACK, &honest[70..])];
    check(&[&halves[..], &[tcp_frame(at(0), ACK, &honest)]].concat(), 0);
    check(&[&halves[..], &[tcp_frame(at(0), ACK, &forged)]].concat(), 1);
}

#[test]
fn a_segment_whose_payload_was_not_captured_is_counted_once() {
    let whole = message(1, 40);
    let mut cut = tcp_frame(101, ACK, &whole[100..]);
    cut.truncate(14 + 20 + 20);
    // The headers are there, and say that there was more.
    let outcome = read_frames(&[tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &whole[..100]), cut]);
    assert_eq!(outcome.coverage.set_aside.get(&SetAside::CutHeaders), Some(&1));
    assert_eq!(outcome.events.tcp_gap.count, 1);
}

#[test]
fn a_port_that_is_used_again_is_another_stream() {
    let (first, second) = (message(1, 20), message(2, 20));
    let frames = [
        tcp_frame(50_000, SYN, b""),
        tcp_frame(50_001, ACK, &first),
        tcp_frame(50_000, SYN, b""),
        tcp_frame(10, SYN, b""),
        tcp_frame(11, ACK, &second),
    ];
    check(&frames, &[(2, first), (5, second)]);
}

#[test]
fn a_closed_stream_gives_its_last_message_once() {
    let (whole, part) = (message(1, 0), &message(2, 90)[..100]);
    let end = u32::try_from(whole.len() + part.len()).unwrap() + 1;
    let stream = [&whole[..], part].concat();
    for last in [tcp_frame(end, FIN | ACK, b""), tcp_frame(end, RST, b"")] {
        let frames = [tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &stream), last, tcp_frame(1, ACK, &stream)];
        let outcome = check(&frames, &[(2, whole.clone()), (2, part.to_vec())]);
        assert_eq!(outcome.coverage.set_aside.get(&SetAside::TcpRetransmission), Some(&1));
    }
    // A reset with another number may be forged, and ends nothing.
    let rest = &message(2, 90)[100..];
    let frames =
        [tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &stream), tcp_frame(7, RST, b""), tcp_frame(end, ACK, rest)];
    check(&frames, &[(2, whole.clone()), (4, message(2, 90))]);
}

#[test]
fn fragments_that_contradict_each_other_are_told() {
    let datagram = udp(&message(1, 100));
    let mut forged = datagram.clone();
    forged[40] ^= 1;
    let v4 = |range: std::ops::Range<usize>, bytes: &[u8]| {
        let more = if range.end < datagram.len() { 0x2000 } else { 0 };
        let units = u16::try_from(range.start / 8).unwrap();
        ethernet(0x0800, &ipv4(3, units | more, 17, &bytes[range]))
    };
    let all = datagram.len();
    let outcome = read_frames(&[v4(0..64, &datagram), v4(32..80, &forged), v4(80..all, &datagram)]);
    assert_eq!((outcome.seen[0].bytes.clone(), outcome.seen[0].ambiguous), (message(1, 100), true));
    let outcome = read_frames(&[v4(0..64, &datagram), v4(32..80, &datagram), v4(80..all, &datagram)]);
    assert!(!outcome.seen[0].ambiguous);
    // RFC 5722: over IPv6 an overlap ends the datagram; an exact copy does not (RFC 8200 §4.5).
    let v6 = |range: std::ops::Range<usize>| {
        let offset_and_more = u16::try_from(range.start).unwrap() | u16::from(range.end < all);
        ethernet(0x86dd, &ipv6_fragment(3, offset_and_more, 17, &datagram[range]))
    };
    assert!(read_frames(&[v6(0..64), v6(32..80), v6(80..all)]).seen.is_empty());
    assert_eq!(read_frames(&[v6(0..64), v6(0..64), v6(64..all)]).seen.len(), 1);
    // Longer than a datagram can be, and never whole.
    let ping_of_death = ethernet(0x0800, &ipv4(3, 8191, 17, &[0; 64]));
    let outcome = read_frames(&[ping_of_death, v4(0..64, &datagram)]);
    assert_eq!(outcome.events.fragments_malformed.count, 1);
    assert_eq!(outcome.events.fragments_incomplete.count, 1);
}

#[test]
fn tags_and_extension_headers_have_an_end() {
    let packet = ipv4(1, 0, 17, &udp(&message(1, 0)));
    let tagged = |tags: usize| {
        let mut frame = ethernet(0x88a8, b"");
        for at in 0..tags {
            frame.extend(if at + 1 == tags { [0, 5, 0x08, 0x00] } else { [0, 5, 0x81, 0x00] });
        }
        [frame, packet.clone()].concat()
    };
    for tags in [1, 2, 3, 4, 16] {
        assert_eq!(read_frames(&[tagged(tags)]).seen.len(), 1, "{tags} tags");
    }
    assert_eq!(read_frames(&[tagged(17)]).coverage.set_aside.get(&SetAside::TooManyLayers), Some(&1));
    let extended = |headers: usize| {
        let chain: Vec<u8> =
            (1..=headers).flat_map(|at| [if at == headers { 17 } else { 60 }, 0, 0, 0, 0, 0, 0, 0]).collect();
        ethernet(0x86dd, &wire::ipv6(60, &[&chain[..], &udp(&message(1, 0))].concat()))
    };
    for headers in [1, 16] {
        assert_eq!(read_frames(&[extended(headers)]).seen.len(), 1, "{headers} headers");
    }
    assert_eq!(read_frames(&[extended(1500)]).coverage.set_aside.get(&SetAside::TooManyLayers), Some(&1));
}

#[test]
fn lengths_of_offloading_cards_are_not_believed() {
    let check = |mut frame: Vec<u8>, at: usize| {
        frame[at..at + 2].copy_from_slice(&[0, 0]);
        let outcome = read_frames(&[frame]);
        assert_eq!((outcome.seen.len(), outcome.seen[0].cut), (1, false));
    };
    check(wire::udp_frame(&message(1, 0)), 16);
    check(wire::udp_frame(&message(1, 0)), 38);
    check(tcp_frame(1, ACK, &message(1, 0)), 16);
    // Padding of a short Ethernet frame is no payload.
    let padded = [wire::udp_frame(b"\r\n"), vec![b'A'; 30]].concat();
    assert_eq!(read_frames(&[padded]).coverage.set_aside.get(&SetAside::KeepAlive), Some(&1));
}
