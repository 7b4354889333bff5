//! Fragments of IP packets, made to crash, to hide, to exhaust, or to be read in two ways.

use sipauth::report::Report;

use crate::attacks::analyze_timed;
use crate::attacks::attempts;
use crate::attacks::beside_a_registration;
use crate::attacks::event;
use crate::attacks::of_user;
use crate::attacks::registration;
use crate::attacks::results;
use crate::attacks::set_aside;
use crate::hostile::check_linear;
use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::ipv6_fragment;
use crate::wire::udp;

const MORE: u16 = 0x2000;

/// A part of a datagram as IPv4 sends it; `end` is where the datagram ends.
fn part(identification: u16, datagram: &[u8], range: std::ops::Range<usize>) -> Vec<u8> {
    let more = if range.end < datagram.len() { MORE } else { 0 };
    let offset = u16::try_from(range.start / 8).unwrap();
    ethernet(0x0800, &ipv4(identification, more | offset, 17, &datagram[range]))
}

/// The second request of a registration in UDP.
fn datagram() -> Vec<u8> {
    udp(&registration("1001", "")[2])
}

#[track_caller]
fn check_read_once(report: &Report, what: &str) {
    let sessions: Vec<_> = of_user(report, "1001").collect();
    assert_eq!(sessions.len(), 1, "{what}");
    assert_eq!(results(sessions[0]), ["match"], "{what}");
    assert_eq!(attempts(report).filter(|attempt| attempt.ambiguous).count(), 0, "{what}");
}

#[test]
fn odd_fragments_that_say_the_same_are_read() {
    let datagram = datagram();
    let end = datagram.len();
    let tiny: Vec<Vec<u8>> = (0..end).step_by(8).map(|at| part(1, &datagram, at..(at + 8).min(end))).collect();
    check_read_once(&beside_a_registration(&tiny), "eight bytes each");
    let backwards: Vec<Vec<u8>> = tiny.iter().rev().cloned().collect();
    check_read_once(&beside_a_registration(&backwards), "backwards");
    let twice: Vec<Vec<u8>> = tiny.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect();
    check_read_once(&beside_a_registration(&twice), "each twice");
    let overlapping = [
        part(1, &datagram, 0..80),
        part(1, &datagram, 40..120),
        part(1, &datagram, 8..32),
        part(1, &datagram, 112..end),
    ];
    check_read_once(&beside_a_registration(&overlapping), "overlapping alike");
    // RFC 6946: a fragment that is the whole is independent of any other with its number.
    let number = 77;
    let stray = ethernet(0x86dd, &ipv6_fragment(number, 8 | 1, 17, &datagram[8..64]));
    let atomic = ethernet(0x86dd, &ipv6_fragment(number, 0, 17, &datagram));
    check_read_once(&beside_a_registration(&[stray, atomic]), "atomic");
}

#[test]
fn fragments_that_overlap_over_ipv6_are_dropped() {
    let datagram = datagram();
    let end = datagram.len();
    let part = |range: std::ops::Range<usize>| {
        let offset_and_more = u16::try_from(range.start).unwrap() | u16::from(range.end < end);
        ethernet(0x86dd, &ipv6_fragment(5, offset_and_more, 17, &datagram[range]))
    };
    // RFC 5722 §3, and nothing of it is read when the rest comes.
    let report = beside_a_registration(&[part(0..64), part(56..120), part(64..end), part(120..end)]);
    assert_eq!(of_user(&report, "1001").count(), 0);
    assert!(event(&report, "fragments_malformed") >= 1);
}

/// Teardrop, ping of death, nothing at all, and headers that come twice (RFC 1858): named or set aside, and read as nothing.
#[test]
fn fragments_that_contradict_the_protocol_are_told() {
    let datagram = datagram();
    let frame = |offset_and_more: u16, bytes: &[u8]| ethernet(0x0800, &ipv4(6, offset_and_more, 17, bytes));
    let attacks: [(&str, Vec<Vec<u8>>); 5] = [
        ("teardrop", vec![frame(MORE, &datagram[..64]), frame(3, &datagram[24..28])]),
        ("ping of death", vec![frame(MORE, &datagram[..64]), frame(8191, &datagram[..64])]),
        ("no bytes", vec![frame(MORE, b""), frame(MORE | 1, b""), frame(2, b"")]),
        ("two ends", vec![frame(20, &datagram[160..200]), frame(10, &datagram[80..90]), frame(MORE, &datagram[..80])]),
        ("not eight bytes", vec![frame(MORE, &datagram[..63]), frame(8, &datagram[63..])]),
    ];
    for (what, frames) in attacks {
        let report = beside_a_registration(&frames);
        assert_eq!(of_user(&report, "1001").count(), 0, "{what}");
        let told = event(&report, "fragments_malformed") + event(&report, "fragments_incomplete");
        assert!(told >= 1 || set_aside(&report, "malformed") >= 1, "{what}: {:?}", report.coverage);
    }
}

/// RFC 1858 §3: the ports of a UDP header, sent once more with others.
#[test]
fn a_header_that_is_sent_twice_is_not_read_as_both() {
    let honest = datagram();
    let mut other = honest.clone();
    other[..2].copy_from_slice(&9_u16.to_be_bytes());
    let end = honest.len();
    let report = beside_a_registration(&[part(8, &honest, 0..64), part(8, &other, 0..64), part(8, &honest, 64..end)]);
    let sessions: Vec<_> = of_user(&report, "1001").collect();
    assert_eq!((sessions.len(), results(sessions[0])), (1, vec!["unverifiable"]));
    assert!(event(&report, "overlap_ambiguous") + event(&report, "fragments_malformed") >= 1);
}

/// Two datagrams under one number (RFC 6864 §4): the first is whole before the second begins, or they contradict each other.
#[test]
fn a_number_that_is_used_again_blends_nothing() {
    let (first, second) = (udp(&registration("1001", "")[2]), udp(&registration("good", "X: 1\n")[0]));
    let halves = |datagram: &[u8]| [part(4, datagram, 0..160), part(4, datagram, 160..datagram.len())];
    let report = beside_a_registration(&[halves(&first), halves(&second)].concat());
    assert_eq!(report.summary.sip_messages, 4 + 2);
    // In one another: what comes of it is ambiguous or nothing.
    let [one, two] = [halves(&first), halves(&second)];
    let report = beside_a_registration(&[one[0].clone(), two[0].clone(), one[1].clone(), two[1].clone()]);
    let blended = attempts(&report).filter(|attempt| !attempt.credentials.is_empty() && !attempt.ambiguous);
    assert_eq!(blended.count(), 1, "the good one alone");
}

/// A fragment with a wrong time stands before one whose number comes round an hour later.
#[test]
fn a_number_that_is_used_again_blends_nothing_whatever_one_clock_says() {
    const SECOND: u64 = 1_000_000_000;
    let start = 1_700_000_000 * SECOND;
    let (first, second) = (datagram(), udp(&registration("good", "")[2]));
    let stray = (start + 365 * 86_400 * SECOND, part(9, &first, 0..64));
    let begun = (start, part(4, &first, 0..160));
    let later =
        [part(4, &second, 0..160), part(4, &second, 160..second.len())].map(|frame| (start + 3600 * SECOND, frame));
    for before in [vec![], vec![stray.clone()], vec![stray.clone(), stray]] {
        let report = analyze_timed(&[before, vec![begun.clone()], later.to_vec()].concat());
        assert_eq!((of_user(&report, "good").count(), of_user(&report, "1001").count()), (1, 0));
        assert_eq!(event(&report, "overlap_ambiguous"), 0);
    }
}

/// One wrong time alone does not give up what waits for its other half.
#[test]
fn a_wrong_time_between_two_fragments_is_its_own_loss() {
    const SECOND: u64 = 1_000_000_000;
    let start = 1_700_000_000 * SECOND;
    let whole = udp(&registration("1001", "")[0]);
    let other = (start + 86_400 * SECOND, part(9, &datagram(), 0..64));
    let halves = [part(4, &whole, 0..160), part(4, &whole, 160..whole.len())].map(|frame| (start, frame));
    let report = analyze_timed(&[halves[0].clone(), other, halves[1].clone()]);
    assert_eq!(report.summary.sip_messages, 1);
}

#[test]
fn a_flood_of_beginnings_is_counted_and_bounded() {
    let frames: Vec<Vec<u8>> = (0..20_000_u32)
        .map(|index| {
            let number = u16::try_from(index % 65_536).unwrap();
            ethernet(0x0800, &ipv4(number, MORE, 17, &udp(&[b'x'; 80])))
        })
        .collect();
    let report = beside_a_registration(&frames);
    assert_eq!(set_aside(&report, "fragment_incomplete"), 20_000);
    assert_eq!(event(&report, "fragments_incomplete"), 20_000);
}

#[test]
fn fragments_cost_linear_time() {
    // Every other piece of one datagram, again and again under other numbers; and pieces that all begin at one place.
    let piece = |index: usize| {
        let (number, at) =
            (u16::try_from(index / 4000 % 65_536).unwrap(), u16::try_from(index % 4000 * 2 + 1).unwrap());
        ethernet(0x0800, &ipv4(number, MORE | at, 17, &[b'x'; 8]))
    };
    check_linear("alternating fragments", 8_000, |n| (0..n).map(piece).collect());
    check_linear("alternating fragments, backwards", 8_000, |n| (0..n).rev().map(piece).collect());
    let same = ethernet(0x0800, &ipv4(3, MORE | 1, 17, &[b'x'; 1200]));
    check_linear("one fragment over and over", 10_000, |n| vec![same.clone(); n]);
}
