//! SIP over SCTP: chunks bundled, cut in parts, out of order, repeated, and damaged.

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;
use sipauth::base::Limits;
use sipauth::base::SetAside;
use sipauth::base::Transport;
use sipauth::digest::Keyring;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::tunnels::call_ids;
use crate::tunnels::set_aside;
use crate::wire;
use crate::wire::message;
use crate::wire::read_frames;
use crate::wrap::BEGINS;
use crate::wrap::ENDS;
use crate::wrap::data_chunk;
use crate::wrap::parts;
use crate::wrap::sctp_frame;

const PORTS: [u16; 2] = [5060, 5060];

fn whole(number: u32, bytes: &[u8]) -> Vec<u8> {
    data_chunk(number, BEGINS | ENDS, bytes)
}

/// The chunks of one message, in parts of so many bytes.
fn in_parts(first: u32, bytes: &[u8], part_len: usize) -> Vec<Vec<u8>> {
    let last = bytes.len().div_ceil(part_len) - 1;
    let part = |(index, part): (usize, &[u8])| {
        let flags = if index == 0 { BEGINS } else { 0 } | if index == last { ENDS } else { 0 };
        data_chunk(first.wrapping_add(u32::try_from(index).unwrap()), flags, part)
    };
    bytes.chunks(part_len).enumerate().map(part).collect()
}

#[test]
fn a_sample_over_sctp_gives_the_same_sessions_and_findings() {
    for name in ["register-stale-recovered", "register-wrong-password-loop", "invite-stale-loop"] {
        let sample = corpus::sample(name);
        let frames = sample.frames();
        let rewrite = |(number, frame): (u32, &RawFrame)| {
            let parts = parts(&frame.bytes);
            let ports = [0, 2].map(|at| u16::from_be_bytes([parts.ports[at], parts.ports[at + 1]]));
            let mut bytes = sctp_frame(ports, &[whole(number, parts.payload)]);
            // Behind the Ethernet header and twelve bytes of IP.
            bytes[26..34].copy_from_slice(parts.addresses);
            let original_len = u32::try_from(bytes.len()).unwrap();
            RawFrame { bytes, original_len, ..frame.clone() }
        };
        let over_sctp: Vec<RawFrame> = (0..).zip(&frames).map(rewrite).collect();
        let told = |frames: &[RawFrame]| {
            let report = sample.report_on(&corpus::plain_pcap(frames));
            let sessions = report.sessions.iter().map(|session| {
                let results = session.attempts.iter().flat_map(|attempt| &attempt.credentials);
                let results = results.filter_map(|row| Some(row.verification.as_ref()?.result.to_string()));
                (session.call_id.to_string(), session.outcome.to_string(), results.collect::<Vec<_>>())
            });
            let findings = report.findings.iter().map(|finding| (finding.rule.to_string(), finding.sessions.clone()));
            (sessions.collect::<Vec<_>>(), findings.collect::<Vec<_>>())
        };
        assert_eq!(told(&over_sctp), told(&frames), "{name}");
        let report = sample.report_on(&corpus::plain_pcap(&over_sctp));
        assert!(report.sessions.iter().all(|session| session.transport == "sctp"), "{name}");
        assert_eq!(report.coverage.used, frames.len() as u64);
    }
}

/// The Call-ID of a message built here.
fn call_id(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().find_map(|line| line.strip_prefix("Call-ID: "));
    line.expect("every message has a Call-ID").to_owned()
}

#[test]
fn tshark_finds_the_same_messages_over_sctp() {
    let mut frames = Vec::new();
    let mut number = 1;
    let mut add = |chunks: &[Vec<u8>]| {
        frames.push(sctp_frame(PORTS, chunks));
        number += u32::try_from(chunks.len()).unwrap();
        number
    };
    let next = add(&[whole(1, &message(1, 0))]);
    // Parts in packets of their own, in order and out of it.
    let mut next =
        in_parts(next, &message(2, 500), 200).iter().map(|part| add(std::slice::from_ref(part))).last().unwrap();
    let mut parts = in_parts(next, &message(3, 500), 200);
    parts.swap(0, 1);
    for part in &parts {
        next = add(std::slice::from_ref(part));
    }
    let parts = in_parts(next, &message(4, 300), 200);
    for part in &parts {
        add(std::slice::from_ref(part));
    }
    let ours =
        read_frames(&frames).seen.into_iter().map(|seen| (usize::try_from(seen.number).unwrap(), call_id(&seen.bytes)));
    let ours: BTreeMap<usize, String> = ours.collect();
    assert_eq!(ours.len(), 4);
    let capture = wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&frames));
    assert_eq!(call_ids(&capture), ours);
}

#[test]
fn a_packet_may_hold_several_messages_and_other_chunks() {
    let sack = vec![3, 0, 0, 16, 0, 0, 0, 9, 0, 0, 1, 0, 0, 0, 0, 0];
    let outcome =
        read_frames(&[sctp_frame(PORTS, &[sack.clone(), whole(1, &message(1, 5)), whole(2, &message(2, 30))])]);
    let seen: Vec<_> = outcome.seen.iter().map(|seen| (seen.transport, seen.bytes.clone())).collect();
    assert_eq!(seen, [(Transport::Sctp, message(1, 5)), (Transport::Sctp, message(2, 30))]);
    assert_eq!(outcome.coverage.used, 1);
    assert_eq!(set_aside(&sctp_frame(PORTS, &[sack])), Some(SetAside::SctpNoData));
    assert_eq!(set_aside(&sctp_frame(PORTS, &[whole(1, b"\x01\0\0\x14 Diameter")])), Some(SetAside::NotSip));
}

#[test]
fn what_is_sent_again_is_read_once() {
    let parts = in_parts(10, &message(1, 300), 100);
    let mut frames: Vec<Vec<u8>> = parts.iter().map(|part| sctp_frame(PORTS, std::slice::from_ref(part))).collect();
    frames.extend(frames.clone());
    frames.extend([sctp_frame(PORTS, &[whole(2, &message(2, 0))]), sctp_frame(PORTS, &[whole(2, &message(2, 0))])]);
    let outcome = read_frames(&frames);
    assert_eq!(outcome.seen.len(), 2);
    let again = outcome.coverage.set_aside.get(&SetAside::SctpRetransmission);
    assert_eq!(again, Some(&(parts.len() as u64 + 1)));
}

#[test]
fn a_missing_part_is_told() {
    let mut parts = in_parts(10, &message(1, 300), 100);
    parts.remove(1);
    let frames: Vec<Vec<u8>> = parts.iter().map(|part| sctp_frame(PORTS, std::slice::from_ref(part))).collect();
    let outcome = read_frames(&frames);
    assert!(outcome.seen.is_empty());
    assert_eq!(outcome.events.sctp_gap.count, 2, "two rows with a hole between them");
    assert_eq!(outcome.coverage.set_aside.get(&SetAside::SctpGap), Some(&(frames.len() as u64)));
}

proptest! {
    #[test]
    fn parts_in_any_order_give_the_same_messages(
        bodies in prop::collection::vec(0_usize..400, 1..6),
        part_len in 1_usize..200,
        order in any::<u64>(),
        first in any::<u32>(),
        bundle in 1_usize..4,
    ) {
        let messages: Vec<_> = bodies.iter().enumerate().map(|(number, len)| message(number, *len)).collect();
        let (mut chunks, mut number) = (Vec::new(), first);
        for message in &messages {
            let parts = in_parts(number, message, part_len);
            number = number.wrapping_add(u32::try_from(parts.len()).unwrap());
            chunks.extend(parts);
        }
        let mut state = order | 1;
        for at in (1..chunks.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            chunks.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        let frames: Vec<_> = chunks.chunks(bundle).map(|chunks| sctp_frame(PORTS, chunks)).collect();
        let outcome = read_frames(&frames);
        let mut seen: Vec<_> = outcome.seen.iter().map(|seen| seen.bytes.clone()).collect();
        let mut expect = messages;
        seen.sort();
        expect.sort();
        prop_assert_eq!(seen, expect);
        prop_assert_eq!(outcome.coverage.used, frames.len() as u64);
    }

    #[test]
    fn random_chunks_never_upset_anything(
        chunks in prop::collection::vec((0_u8..4, 0_u32..12, prop::collection::vec(any::<u8>(), 0..40)), 0..60),
        junk in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        // Few numbers and any flags, so that rows run into each other; the ledger is checked in there.
        let frames: Vec<_> = chunks.into_iter().map(|(flags, number, bytes)| {
            sctp_frame(PORTS, &[data_chunk(number, flags, &bytes), junk.clone()])
        }).collect();
        read_frames(&frames);
    }
}

#[test]
fn lengths_that_lie_and_packets_cut_anywhere_do_no_harm() {
    let frame = sctp_frame(PORTS, &[whole(1, &message(1, 0)), in_parts(2, &message(2, 0), 90).remove(0)]);
    let at = 14 + 20 + 12 + 2;
    for lie in [0_u16, 3, 4, 15, 16, 17, 65_535] {
        let mut lying = frame.clone();
        lying[at..at + 2].copy_from_slice(&lie.to_be_bytes());
        let outcome = read_frames(&[lying]);
        assert!(outcome.seen.is_empty(), "{lie}");
    }
    assert_eq!(set_aside(&sctp_frame(PORTS, &[vec![0, 3, 0, 3]])), Some(SetAside::Malformed));
    for len in 0..frame.len() {
        for original_len in [u32::try_from(frame.len()).unwrap(), u32::try_from(len).unwrap()] {
            let cut = RawFrame { time_ns: 0, link: 1, bytes: frame[..len].to_vec(), original_len };
            let report = corpus::analyze(&corpus::plain_pcap(&[cut]), Keyring::new());
            assert_eq!(report.coverage.used + report.coverage.set_aside.values().sum::<u64>(), 1, "cut at {len}");
        }
    }
}

#[test]
fn a_flood_of_parts_stays_within_its_limit() {
    let limits = Limits { sctp_bytes_max: 100_000, sctp_directions_max: 8, ..Limits::default() };
    let flood: Vec<Vec<u8>> = (0..2000_u16)
        .map(|at| sctp_frame([5060, at % 20], &[data_chunk(u32::from(at) * 2, BEGINS, &message(1, 100))]))
        .collect();
    let file = wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&flood));
    let outcome = wire::read(Cursor::new(file), &limits).unwrap();
    assert!(outcome.events.sctp_evicted.count > 0);
    assert_eq!(outcome.coverage.set_aside.get(&SetAside::SctpGap), Some(&2000));
}

#[test]
fn parts_that_come_backwards_cost_linear_time() {
    let frames = |n: u32| -> Vec<Vec<u8>> {
        let part = |number: u32| {
            let flags = if number == 0 { BEGINS } else { 0 } | if number == n - 1 { ENDS } else { 0 };
            sctp_frame(PORTS, &[data_chunk(number, flags, b"MESSAGE sip:a SIP/2.0\r\n")])
        };
        (0..n).rev().map(part).collect()
    };
    assert_eq!(read_frames(&frames(40_000)).seen.len(), 1);
}
