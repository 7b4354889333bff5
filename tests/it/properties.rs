//! What must not matter does not matter: container, byte order, resolution, segmentation, fragments, order, copies, the
//! date, and where the file was cut. Over every sample, end to end.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io;
use std::io::Cursor;
use std::io::Read;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use sipauth::report::Report;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::corpus::Sample;
use crate::wire;
use crate::wire::ACK;
use crate::wire::Order;
use crate::wire::Resolution;
use crate::wire::SYN;

/// One byte a read, as a slow pipe gives them.
struct ByteByByte(Cursor<Vec<u8>>);

impl Read for ByteByByte {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let len = space.len().min(1);
        self.0.read(&mut space[..len])
    }
}

/// The whole report but for what it says of the file itself.
fn all_but_inputs(report: &Report) -> Value {
    let mut value: Value = serde_json::from_str(&corpus::json(report)).expect("the report is JSON");
    value["inputs"] = Value::Null;
    value
}

/// The report without times.
fn timeless(report: &Report) -> Value {
    let mut value = all_but_inputs(report);
    without(&mut value, &["started", "ended", "time", "issued_at", "last_used_at"]);
    if let Some(Value::String(description)) = value.pointer_mut("/ticket/description")
        && let Some((before, began)) = description.split_once("it began ")
        && let Some((_, behind)) = began.split_once(" and ended ")
    {
        *description = format!("{before}it ended {behind}");
    }
    value
}

fn without(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !keys.contains(&key.as_str()));
            map.values_mut().for_each(|value| without(value, keys));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| without(value, keys)),
        _ => {}
    }
}

/// What remains when frames are numbered anew and travel otherwise: who tried what, how it ended, and what was found.
pub fn essence(report: &Report) -> Value {
    let mut sessions: Vec<Value> = report.sessions.iter().map(session_essence).collect();
    sessions.sort_by_key(Value::to_string);
    json!({ "sessions": sessions, "findings": findings(report), "verifications": report.summary.verifications })
}

fn session_essence(session: &sipauth::report::Session) -> Value {
    let attempts: Vec<Value> = session
        .attempts
        .iter()
        .map(|attempt| {
            let rows = attempt.credentials.iter().chain(attempt.ack.iter().flat_map(|ack| &ack.credentials));
            let credentials: Vec<Value> = rows
                .map(|row| {
                    let result =
                        row.verification.as_ref().map(|verification| (&verification.result, &verification.reason));
                    json!([
                        row.header,
                        row.username,
                        row.realm,
                        row.uri,
                        row.algorithm,
                        row.qop,
                        row.nc,
                        row.defects,
                        result
                    ])
                })
                .collect();
            let challenges =
                attempt.challenges.iter().map(|row| json!([row.header, row.realm, row.algorithm, row.stale]));
            let (client, server) =
                attempt.hop.as_ref().map_or((session.client, session.server), |hop| (hop.client, hop.server));
            json!({
                "request": [json!(attempt.method), json!(attempt.outcome), json!(client), json!(server)],
                "answer": [json!(attempt.cseq), json!(attempt.status), json!(attempt.reason)],
                "credentials": credentials,
                "challenges": challenges.collect::<Vec<_>>(),
                "is_ambiguous": attempt.ambiguous,
            })
        })
        .collect();
    json!([session.call_id, session.method, session.outcome, session.user, session.realm, session.realms, attempts])
}

/// Rules about how messages travelled, which is what the tests change, are left out.
fn findings(report: &Report) -> Vec<Value> {
    const ABOUT_TRAVEL: [&str; 5] = [
        "capture-quality",
        "auth-request-too-large-for-udp",
        "cleartext-transport",
        "transport-switched",
        "fragments-incomplete",
    ];
    let about_talk = report.findings.iter().filter(|finding| !ABOUT_TRAVEL.contains(&finding.rule));
    let mut findings: Vec<Value> = about_talk
        .map(|finding| {
            // What explains it, how sure it is, and who may be at fault, is about how the request travelled.
            let is_explained_by_travel = finding.rule == "auth-retry-no-response";
            json!([
                finding.rule,
                if is_explained_by_travel { "" } else { finding.severity },
                finding.confidence,
                if is_explained_by_travel { "" } else { finding.fault },
                without_frames(&finding.title),
                finding.count
            ])
        })
        .collect();
    findings.sort_by_key(Value::to_string);
    findings
}

/// A title without the numbers of frames.
fn without_frames(title: &str) -> String {
    let mut parts = title.split("frame");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("frame");
        let is_number = |c: char| c.is_ascii_digit() || matches!(c, ' ' | ',' | 's');
        text.push_str(part.trim_start_matches(is_number).trim_start_matches("and ").trim_start_matches(is_number));
    }
    text
}

/// The differences that a test has met: all of them are told at its end.
#[derive(Default)]
pub struct Differences(Vec<String>);

impl Differences {
    pub fn compare(&mut self, sample: &Sample, what: &str, expect: &Value, found: &Value) {
        if expect != found {
            self.0.push(format!("{}, {what}: {}", sample.name, first_difference("", expect, found)));
        }
    }

    #[track_caller]
    pub fn none(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

fn first_difference(path: &str, one: &Value, other: &Value) -> String {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            let none = Value::Null;
            let pair = |key: &String| (one.get(key).unwrap_or(&none).clone(), other.get(key).unwrap_or(&none).clone());
            let differs = keys.map(|key| (key, pair(key))).find(|(_, (one, other))| one != other);
            differs.map_or_else(String::new, |(key, (one, other))| {
                first_difference(&format!("{path}/{key}"), &one, &other)
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let differs = one.iter().zip(other).enumerate().find(|(_, (one, other))| one != other);
            differs.map_or_else(String::new, |(at, (one, other))| first_difference(&format!("{path}/{at}"), one, other))
        }
        _ => format!("at {path}:\n expected {one}\n found    {other}"),
    }
}

#[test]
fn the_container_does_not_matter() {
    let mut differences = Differences::default();
    for sample in corpus::samples() {
        let frames = sample.frames();
        let plain = corpus::plain_pcap(&frames);
        let expect = all_but_inputs(&sample.report_on(&plain));
        let mut read = |what: &str, capture: Vec<u8>| {
            differences.compare(&sample, what, &expect, &all_but_inputs(&sample.report_on(&capture)))
        };
        read("pcap, big endian", corpus::pcap(Order::Big, Resolution::Micro, &frames));
        read("pcap, nanoseconds", corpus::pcap(Order::Little, Resolution::Nano, &frames));
        read("pcapng", corpus::pcapng(Order::Little, Resolution::Micro, &frames));
        read("pcapng, big endian, nanoseconds", corpus::pcapng(Order::Big, Resolution::Nano, &frames));
        read("gzip", wire::gzip(&plain));
        let (front, back) = plain.split_at(plain.len() / 3);
        read("gzip of several members", [wire::gzip(front), wire::gzip(back)].concat());
        read("zstd", wire::zstd(&plain));
        let pipe = corpus::analyze_from(ByteByByte(Cursor::new(plain)), sample.keyring()).expect("it is a capture");
        differences.compare(&sample, "pipe", &expect, &all_but_inputs(&pipe));
        // The sample as it is; a file that is cut short says so beside the rest.
        let report = sample.report();
        if !report.inputs[0].truncated {
            differences.compare(&sample, "as it is", &expect, &all_but_inputs(&report));
        }
    }
    differences.none();
}

#[test]
fn a_second_run_gives_the_same_bytes() {
    for sample in corpus::samples() {
        let (first, second) = (sample.report(), sample.report());
        assert_eq!(corpus::json(&first), corpus::json(&second), "{}", sample.name);
        assert_eq!(corpus::human(&first), corpus::human(&second), "{}", sample.name);
    }
}

/// Whether a nonce of the report holds a time, which is believed because it is that of the capture.
fn holds_times(report: &Report) -> bool {
    let mut stacks = report.nonces.iter().filter_map(|nonce| nonce.stack.as_ref());
    stacks.any(|stack| stack.issued_at.is_some() || stack.expires_at.is_some())
}

#[test]
fn the_date_does_not_matter() {
    let mut differences = Differences::default();
    const DAY_NS: u64 = 86_400_000_000_000;
    let mut with_times = 0;
    for sample in corpus::samples().into_iter().filter(|sample| !OWN_TIMES.contains(&sample.name.as_str())) {
        let mut frames = sample.frames();
        let before = sample.report_on(&corpus::plain_pcap(&frames));
        for frame in &mut frames {
            frame.time_ns += 400 * DAY_NS + 12_345_678_000;
        }
        let after = sample.report_on(&corpus::plain_pcap(&frames));
        let (mut expect, mut found) = (timeless(&before), timeless(&after));
        if holds_times(&before) {
            with_times += 1;
            assert!(!holds_times(&after), "{}: a nonce is more than a year older than its challenge", sample.name);
            // What rests on those times is gone; what happened is the same.
            (expect, found) = (expect["sessions"].take(), found["sessions"].take());
            for session in [&mut expect, &mut found].into_iter().filter_map(Value::as_array_mut).flatten() {
                session["findings"].take();
            }
        }
        differences.compare(&sample, "400 days later", &expect, &found);
    }
    differences.none();
    assert!(with_times > 30, "only {with_times} samples have nonces with times");
}

/// The samples that hold the same packet twice, or lack packets on purpose: there a copy or a stream is another thing.
const ALREADY_DOUBLED: &[&str] = &[];

#[test]
fn a_span_port_that_doubles_every_packet_changes_nothing() {
    let mut differences = Differences::default();
    for sample in corpus::samples().into_iter().filter(|sample| !ALREADY_DOUBLED.contains(&sample.name.as_str())) {
        let frames = sample.frames();
        let expect = essence(&sample.report_on(&corpus::plain_pcap(&frames)));
        let doubled: Vec<RawFrame> = frames.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect();
        let found = sample.report_on(&corpus::plain_pcap(&doubled));
        differences.compare(&sample, "doubled", &expect, &essence(&found));
    }
    differences.none();
}

#[test]
fn a_file_cut_anywhere_gives_what_stood_before_the_cut() {
    let mut differences = Differences::default();
    const FILE_HEADER_LEN: usize = 24;
    const RECORD_HEADER_LEN: usize = 16;
    let names = ["register-ok", "tcp-split-in-odd-places", "fragmented-invite-ok", "linux-cooked-wrong-password"];
    for sample in names.map(corpus::sample) {
        let frames = sample.frames();
        let mut ends = vec![FILE_HEADER_LEN];
        for frame in &frames {
            ends.push(ends[ends.len() - 1] + RECORD_HEADER_LEN + frame.bytes.len());
        }
        let file = corpus::plain_pcap(&frames);
        assert_eq!(ends.last(), Some(&file.len()));
        let mut whole: HashMap<usize, Value> = HashMap::new();
        // Around every boundary, and here and there between.
        let near = |cut: &usize| ends.iter().any(|end| cut.abs_diff(*end) <= 1) || cut.is_multiple_of(211);
        for cut in (FILE_HEADER_LEN..=file.len()).filter(near) {
            let count = ends.iter().filter(|end| **end <= cut).count() - 1;
            let expect = whole.entry(count).or_insert_with(|| essence(&sample.report_on(&file[..ends[count]])));
            let report = sample.report_on(&file[..cut]);
            differences.compare(&sample, &format!("cut at {cut}"), expect, &essence(&report));
            assert_eq!(report.coverage.frames, count as u64);
            assert_eq!(report.inputs[0].truncated, !ends.contains(&cut), "{} cut at {cut}", sample.name);
        }
    }
    differences.none();
}

/// What is in an Ethernet frame with a whole UDP datagram over IPv4.
#[derive(Clone)]
pub struct Datagram {
    pub ethernet: Vec<u8>,
    pub ip: Vec<u8>,
    pub udp: Vec<u8>,
}

pub fn datagram(frame: &RawFrame) -> Option<Datagram> {
    let bytes = &frame.bytes;
    let is_plain = frame.link == 1
        && frame.original_len as usize == bytes.len()
        && bytes.get(12..15) == Some(&[8, 0, 0x45])
        && bytes[23] == 17
        && u16::from_be_bytes([bytes[20], bytes[21]]) & 0x3fff == 0;
    let len = usize::from(u16::from_be_bytes([*bytes.get(16)?, *bytes.get(17)?]));
    let packet = bytes.get(14..14 + len).filter(|_| is_plain)?;
    Some(Datagram { ethernet: bytes[..14].to_vec(), ip: packet[..20].to_vec(), udp: packet[20..].to_vec() })
}

/// A small generator of numbers: the tests are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

/// The frames with every datagram in fragments of a random size, each datagram's in a random order.
pub fn in_fragments(frames: &[RawFrame], seed: u64) -> Vec<RawFrame> {
    let mut numbers = Numbers(seed);
    let mut all = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let Some(datagram) = datagram(frame) else {
            all.push(frame.clone());
            continue;
        };
        let size = 8 * (1 + numbers.below(60));
        let mut fragments: Vec<RawFrame> = datagram
            .udp
            .chunks(size)
            .enumerate()
            .map(|(place, part)| {
                let is_last = (place + 1) * size >= datagram.udp.len();
                fragment(frame, &datagram, index as u16, (place * size) as u16, is_last, part)
            })
            .collect();
        for last in (1..fragments.len()).rev() {
            fragments.swap(last, numbers.below(last + 1));
        }
        all.extend(fragments);
    }
    all
}

fn fragment(frame: &RawFrame, whole: &Datagram, id: u16, offset: u16, is_last: bool, part: &[u8]) -> RawFrame {
    let mut ip = whole.ip.clone();
    ip[2..4].copy_from_slice(&(part.len() as u16 + 20).to_be_bytes());
    ip[4..6].copy_from_slice(&id.to_be_bytes());
    let flags = if is_last { 0 } else { 0x2000 };
    ip[6..8].copy_from_slice(&(flags | (offset / 8)).to_be_bytes());
    let bytes = [&whole.ethernet[..], &ip, part].concat();
    RawFrame { original_len: bytes.len() as u32, bytes, ..frame.clone() }
}

/// The frames with every SIP datagram as a part of a TCP stream, cut in segments of random sizes.
pub fn over_tcp(frames: &[RawFrame], seed: u64) -> Vec<RawFrame> {
    carried_over_tcp(frames, seed, |_, message| message.to_vec())
}

/// The same, with what `carry` makes of each message; it is told the addresses and ports, too.
pub fn carried_over_tcp(
    frames: &[RawFrame],
    seed: u64,
    mut carry: impl FnMut(&[u8], &[u8]) -> Vec<u8>,
) -> Vec<RawFrame> {
    flights_over_tcp(frames, seed, |flow, message| vec![(false, carry(flow, message))])
}

/// The same, where the other side has something to say as well: each part says whether it goes back.
pub fn flights_over_tcp(
    frames: &[RawFrame],
    seed: u64,
    mut carry: impl FnMut(&[u8], &[u8]) -> Vec<(bool, Vec<u8>)>,
) -> Vec<RawFrame> {
    let mut numbers = Numbers(seed);
    let mut next_sequence: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let mut all = Vec::new();
    for frame in frames {
        let Some(datagram) = datagram(frame).filter(|datagram| datagram.udp.len() > 8) else {
            all.push(frame.clone());
            continue;
        };
        let flow = [&datagram.ip[12..20], &datagram.udp[..4]].concat();
        let reversed = [&flow[4..8], &flow[..4], &flow[10..12], &flow[8..10]].concat();
        for (is_back, bytes) in carry(&flow, &datagram.udp[8..]) {
            let (flow, other) = if is_back { (&reversed, &flow) } else { (&flow, &reversed) };
            let mut whole = datagram.clone();
            whole.ip[12..20].copy_from_slice(&flow[..8]);
            whole.udp[..4].copy_from_slice(&flow[8..]);
            let flags = if next_sequence.contains_key(other) { SYN | ACK } else { SYN };
            let sequence = next_sequence.entry(flow.clone()).or_insert_with(|| {
                let initial = (u32::MAX - 1000).wrapping_add(numbers.below(2000) as u32);
                all.push(segment(frame, &whole, initial, flags, b""));
                initial.wrapping_add(1)
            });
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(rest.len().min(1 + numbers.below(400)));
                all.push(segment(frame, &whole, *sequence, ACK, part));
                *sequence = sequence.wrapping_add(part.len() as u32);
                rest = behind;
            }
        }
    }
    all
}

pub fn segment(frame: &RawFrame, whole: &Datagram, sequence: u32, flags: u8, part: &[u8]) -> RawFrame {
    let mut tcp = whole.udp[..4].to_vec();
    tcp.extend(sequence.to_be_bytes());
    tcp.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend(part);
    let mut ip = whole.ip.clone();
    ip[2..4].copy_from_slice(&(tcp.len() as u16 + 20).to_be_bytes());
    ip[9] = 6;
    let bytes = [&whole.ethernet[..], &ip, &tcp].concat();
    RawFrame { original_len: bytes.len() as u32, bytes, ..frame.clone() }
}

fn check_rewritten(sample: &Sample, what: &str, frames: &[RawFrame], differences: &mut Differences) -> Report {
    let expect = essence(&sample.report_on(&corpus::plain_pcap(&sample.frames())));
    let report = sample.report_on(&corpus::plain_pcap(frames));
    differences.compare(sample, what, &expect, &essence(&report));
    report
}

#[test]
fn fragments_do_not_matter() {
    let mut differences = Differences::default();
    let mut in_parts = 0;
    for (seed, sample) in (0..).zip(corpus::samples()) {
        let frames = in_fragments(&sample.frames(), seed);
        let report = check_rewritten(&sample, "in fragments", &frames, &mut differences);
        let attempts = report.sessions.iter().flat_map(|session| &session.attempts);
        in_parts += attempts.filter(|attempt| !attempt.frames.is_empty()).count();
    }
    differences.none();
    assert!(in_parts > 300, "only {in_parts} attempts came in fragments");
}

/// Samples whose story is told by UDP: what is another story over TCP, and why.
const ONLY_OVER_UDP: &[(&str, &str)] = &[("hep-wrong-password", "agents send HEP over UDP")];

/// Samples whose messages bring a time of their own, which a later date on the frames does not change.
const OWN_TIMES: &[&str] = &["hep-wrong-password"];

#[test]
fn tcp_segments_do_not_matter() {
    let mut differences = Differences::default();
    let mut tcp_sessions = 0;
    for (seed, sample) in (0..).zip(corpus::samples()) {
        if !ONLY_OVER_UDP.iter().any(|(name, _)| *name == sample.name) {
            let frames = over_tcp(&sample.frames(), seed);
            let report = check_rewritten(&sample, "over TCP", &frames, &mut differences);
            tcp_sessions += report.sessions.iter().filter(|session| session.transport == "tcp").count();
        }
    }
    differences.none();
    assert!(tcp_sessions > 200, "only {tcp_sessions} sessions went over TCP");
}

/// A stream joined in the middle waits for its first segments, and its request is read behind the answer.
#[test]
fn a_request_that_waits_in_a_joined_stream_finds_its_answer() {
    let mut differences = Differences::default();
    let sample = corpus::sample("compact-headers");
    let mut frames = over_tcp(&sample.frames(), 11_011_118_514_278_157_565);
    // As if the server called back from the same port: what the client sends on is joined in the middle.
    for frame in frames.iter_mut().filter(|frame| frame.bytes[47] == SYN | ACK) {
        frame.bytes[47] = SYN;
    }
    check_rewritten(&sample, "over TCP", &frames, &mut differences);
    differences.none();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_fragments_and_segments_give_the_same_attempts(seed: u64) {
        let mut differences = Differences::default();
        for name in ["register-ok", "register-wrong-password-403", "compact-headers"] {
            let sample = corpus::sample(name);
            check_rewritten(&sample, "in fragments", &in_fragments(&sample.frames(), seed), &mut differences);
            check_rewritten(&sample, "over TCP", &over_tcp(&sample.frames(), seed), &mut differences);
        }
        differences.none();
    }

    #[test]
    fn any_shift_of_time_keeps_the_findings(shift_us in 0_u64..2_000_000_000_000_000) {
        let mut differences = Differences::default();
        let sample = corpus::sample("telos-vx-register-ok");
        let mut frames = sample.frames();
        let expect = timeless(&sample.report_on(&corpus::plain_pcap(&frames)));
        frames.iter_mut().for_each(|frame| frame.time_ns += shift_us * 1000);
        differences.compare(&sample, "shifted", &expect, &timeless(&sample.report_on(&corpus::plain_pcap(&frames))));
        differences.none();
    }
}
