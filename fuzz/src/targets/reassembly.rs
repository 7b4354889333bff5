//! Fragments, segments and datagrams in any order: as long as no copy of a byte differs from another, every whole message is
//! one that was sent.

use super::Tape;
use super::read;
use super::small_limits;
use super::turn_round;
use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::ipv6;
use crate::wire::ipv6_fragment;
use crate::wire::message;
use crate::wire::tcp_frame;
use crate::wire::udp;

/// What every flow sends: a few messages one behind the other, long and short.
fn messages() -> Vec<Vec<u8>> {
    (0..4).map(|number| message(number, [0, 70, 500, 3][number])).collect()
}

/// One input.
pub fn run(bytes: &[u8]) {
    let (mut tape, messages) = (Tape(bytes), messages());
    let stream = messages.concat();
    let (mut frames, mut now_ns, mut is_altered) = (Vec::new(), 1_700_000_000_000_000_000_u64, false);
    while !tape.is_over() && frames.len() < 400 {
        let control = tape.byte();
        let (id, which) = (u16::from(tape.byte() % 4), usize::from(control >> 6));
        let (at, len) = (usize::from(tape.word()) % 1100, usize::from(tape.byte()) * 4);
        let datagram = udp(&messages[which]);
        let mut part = |whole: &[u8], at: usize, len: usize| {
            let start = at.min(whole.len());
            let mut part = whole[start..(start + len).min(whole.len())].to_vec();
            if control & 0x20 != 0 && !part.is_empty() {
                let middle = part.len() / 2;
                part[middle] ^= 1;
                is_altered = true;
            }
            part
        };
        let frame = match control % 8 {
            0 => {
                now_ns += (at as u64) * 100_000_000;
                continue;
            }
            1 => ethernet(0x0800, &ipv4(1, 0, 17, &udp(&part(&messages[which], 0, 9999)))),
            2 | 3 => {
                // Each datagram has a number of its own, as long as nothing is altered.
                let offset = at & !7;
                let part = part(&datagram, offset, len & !7);
                let more = if offset + part.len() < datagram.len() { 0x2000 } else { 0 };
                let number = id * 4 + u16::try_from(which).unwrap();
                ethernet(0x0800, &ipv4(number, more | u16::try_from(offset / 8).unwrap(), 17, &part))
            }
            4 => {
                let offset = at & !7;
                let part = part(&datagram, offset, len & !7);
                let more = u16::from(offset + part.len() < datagram.len());
                let number = u32::from(id) * 4 + u32::try_from(which).unwrap();
                ethernet(0x86dd, &ipv6_fragment(number, u16::try_from(offset).unwrap() | more, 17, &part))
            }
            5 => ethernet(0x86dd, &ipv6(17, &part(&datagram, 0, 9999))),
            kind => {
                // Sequence numbers wrap within the stream.
                let flags = if control & 0x18 == 0x18 { 1 << (id % 3) } else { 16 };
                let payload = if flags == 2 { Vec::new() } else { part(&stream, at, len) };
                let place = if flags == 2 { 0 } else { u32::try_from(at.min(stream.len()) + 1).unwrap() };
                let mut frame = tcp_frame((u32::MAX - 500).wrapping_add(place), flags, &payload);
                if kind == 7 {
                    turn_round(&mut frame);
                }
                frame
            }
        };
        now_ns += 1_000_000;
        frames.push((now_ns, frame));
    }
    let outcome = read(&frames, &small_limits(), b"");
    for seen in outcome.seen.iter().filter(|seen| !is_altered && !seen.cut) {
        assert!(!seen.ambiguous, "frame {}", seen.number);
        // A body without its head may be left out, but what is shown was sent.
        let is_sent = messages.iter().any(|message| message.ends_with(&seen.bytes));
        assert!(is_sent, "frame {}: {}", seen.number, String::from_utf8_lossy(&seen.bytes));
    }
}
