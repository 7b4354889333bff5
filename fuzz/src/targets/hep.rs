//! What capture agents report, as a payload of UDP: whole, cut, and in two fragments.

use super::Tape;
use super::read;
use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::udp;
use crate::wire::udp_frame;
use sipauth::base::Limits;

/// One input.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let at = usize::from(tape.word()) & !7;
    let report = &tape.0[..tape.0.len().min(60_000)];
    let datagram = udp(report);
    let (first, second) = datagram.split_at(at.min(datagram.len()));
    let offset = u16::try_from(first.len() / 8).unwrap();
    let frames = [
        udp_frame(report),
        ethernet(0x0800, &ipv4(7, 0x2000, 17, first)),
        ethernet(0x0800, &ipv4(7, offset, 17, second)),
        udp_frame(&report[..at.min(report.len())]),
    ];
    let timed: Vec<(u64, Vec<u8>)> = (1_700_000_000_000_000_000..).zip(frames).collect();
    let outcome = read(&timed, &Limits::default(), b"");
    // The whole report, and the one in fragments, hold the same message.
    let of = |last: u64| outcome.seen.iter().find(|seen| seen.number == last).map(|seen| &seen.bytes);
    if !first.is_empty() && !second.is_empty() {
        assert_eq!(of(1), of(3));
    }
}
