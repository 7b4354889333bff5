//! Times that cannot be: stepping back, missing, absurd, or of interfaces that do not agree. They cost neither a message nor a
//! panic, and no duration is ever negative.

use serde_json::Value;
use sipauth::report::Report;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::corpus::Sample;
use crate::wire;
use crate::wire::Order;
use crate::wire::Resolution;

const SAMPLES: [&str; 6] = [
    "register-stale-recovered",
    "register-wrong-password-loop",
    "invite-407-ok",
    "tcp-split-in-odd-places",
    "fragmented-invite-ok",
    "nonce-predictable",
];

/// Every number in the report whose name says that it is a time span.
fn durations(value: &Value, found: &mut Vec<(String, f64)>) {
    // Reports are not deep; the stack is not at stake.
    match value {
        Value::Array(list) => list.iter().for_each(|value| durations(value, found)),
        Value::Object(map) => {
            for (key, value) in map {
                let is_span = key.ends_with("_ms") || key.ends_with("_s");
                found.extend(value.as_f64().filter(|_| is_span).map(|span| (key.clone(), span)));
                durations(value, found);
            }
        }
        _ => {}
    }
}

/// Reads and prints a report; all its spans are sane, and it holds as many messages as it should.
fn check(name: &str, what: &str, report: &Report, messages: u64) {
    corpus::human(report);
    let json: Value = serde_json::from_str(&corpus::json(report)).expect("the report is JSON");
    let mut found = Vec::new();
    durations(&json, &mut found);
    for (key, span) in found {
        assert!(span >= 0.0 && span.is_finite(), "{name}, {what}: {key} is {span}");
    }
    assert_eq!(report.summary.sip_messages, messages, "{name}, {what}");
}

fn with_times(frames: &[RawFrame], time: impl Fn(u64, u64) -> u64) -> Vec<RawFrame> {
    let each =
        (0..).zip(frames).map(|(index, frame)| RawFrame { time_ns: time(index, frame.time_ns), ..frame.clone() });
    each.collect()
}

fn messages_of(sample: &Sample) -> u64 {
    sample.report().summary.sip_messages
}

#[test]
fn clocks_that_step_in_any_way_cost_no_message() {
    const S: u64 = 1_000_000_000;
    for name in SAMPLES {
        let sample = corpus::sample(name);
        let (frames, messages) = (sample.frames(), messages_of(&sample));
        let first = frames[0].time_ns;
        let last = frames[frames.len() - 1].time_ns;
        let ways: [(&str, Vec<RawFrame>); 6] = [
            ("standing still", with_times(&frames, |_, _| first)),
            ("running backwards", with_times(&frames, |_, time| first + (last - time))),
            ("at zero", with_times(&frames, |_, _| 0)),
            ("jumping to and fro", with_times(&frames, |index, time| if index % 2 == 0 { time } else { time - 5 * S })),
            (
                "set back in the middle",
                with_times(&frames, |index, time| if index < 3 { time } else { time - 86_400 * S }),
            ),
            ("from 1970 to 2106", with_times(&frames, |index, _| if index % 2 == 0 { 0 } else { 4_294_967_295 * S })),
        ];
        for (what, frames) in ways {
            for file in [corpus::plain_pcap(&frames), corpus::pcapng(Order::Big, Resolution::Nano, &frames)] {
                let report = sample.report_on(&file);
                // Fragments and segments may be given up when the clock leaps; what is one packet never is.
                let expect = if what.starts_with("from") { report.summary.sip_messages } else { messages };
                check(name, what, &report, expect);
            }
        }
    }
}

/// The same frames in blocks that have no time.
fn without_times(frames: &[RawFrame]) -> Vec<u8> {
    let order = Order::Little;
    let mut file = wire::pcapng_head(order, &[]);
    for frame in frames {
        let len = order.u32(u32::try_from(frame.bytes.len()).unwrap());
        file.extend(wire::block(order, 3, &[&len[..], &frame.bytes].concat()));
    }
    file
}

#[test]
fn packets_without_any_time_are_read() {
    for name in SAMPLES {
        let sample = corpus::sample(name);
        let frames = sample.frames();
        let report = sample.report_on(&without_times(&frames));
        check(name, "without times", &report, messages_of(&sample));
    }
    // What needs no clock is found without one.
    let sample = corpus::sample("register-wrong-password-loop");
    let report = sample.report_on(&without_times(&sample.frames()));
    assert_eq!(report.sessions[0].outcome, sample.report().sessions[0].outcome);
    assert!(report.findings.iter().any(|finding| finding.rule == "digest-wrong-password"));
}

#[test]
fn ticks_and_offsets_of_any_size_are_read() {
    let sample = corpus::sample("register-wrong-password-loop");
    let (frames, messages) = (sample.frames(), messages_of(&sample));
    for order in [Order::Little, Order::Big] {
        for resolution in [0, 6, 9, 0x7f, 0x80, 0xff] {
            for offset in [0, 1, i64::MIN, i64::MAX] {
                for ticks in [0, 1, u64::MAX / 2, u64::MAX] {
                    let offset = order.u64(offset.cast_unsigned());
                    let options = [wire::option(order, 9, &[resolution]), wire::option(order, 14, &offset)].concat();
                    let mut file = wire::pcapng_head(order, &options);
                    for (index, frame) in (0..).zip(&frames) {
                        // Every other packet is at the other end of time.
                        let ticks = if index % 2 == 0 { ticks } else { !ticks };
                        file.extend(wire::enhanced_packet(order, 0, ticks, &frame.bytes));
                    }
                    let what = format!("resolution {resolution:#x}, {ticks} ticks");
                    check(&sample.name, &what, &sample.report_on(&file), messages);
                }
            }
        }
    }
}

#[test]
fn interfaces_whose_clocks_differ_give_the_same_sessions() {
    let sample = corpus::sample("register-wrong-password-loop");
    let frames = sample.frames();
    let order = Order::Little;
    let client = frames[0].bytes[26..30].to_vec();
    for ahead_ns in [0, 3_000_000_000_u64] {
        for late_interface in [0, 1] {
            let mut file = wire::pcapng_head(order, &wire::option(order, 9, &[9]));
            let second = [&order.u16(1)[..], &order.u16(0), &order.u32(0), &wire::option(order, 9, &[9])].concat();
            file.extend(wire::block(order, 1, &second));
            for frame in &frames {
                let interface = u32::from(frame.bytes[26..30] != client[..]);
                let ahead_ns = if interface == late_interface { ahead_ns } else { 0 };
                file.extend(wire::enhanced_packet(order, interface, frame.time_ns + ahead_ns, &frame.bytes));
            }
            let report = sample.report_on(&file);
            check(&sample.name, "interfaces out of step", &report, messages_of(&sample));
            assert_eq!(report.sessions.len(), 1);
            assert_eq!(report.sessions[0].outcome, sample.report().sessions[0].outcome);
            assert!(report.findings.iter().any(|finding| finding.rule == "digest-wrong-password"));
        }
    }
}

/// The frames of a sample up to the first challenge, and behind them what the capture says of its own beginning and end: so long
/// behind the last, in ticks
/// that need not be those of the frames.
fn ending_behind(order: Order, began_s: i64, ended_s: &[i64], ns_per_tick: u64) -> Report {
    let sample = corpus::sample("register-wrong-password-loop");
    let frames = &sample.frames()[..2];
    let mut file = wire::pcapng_head(order, &wire::option(order, 9, &[9]));
    for frame in frames {
        file.extend(wire::enhanced_packet(order, 0, frame.time_ns, &frame.bytes));
    }
    for ended_s in ended_s {
        let option = |code, behind_s: i64| {
            let ticks = frames[1].time_ns.saturating_add_signed(behind_s * 1_000_000_000) / ns_per_tick;
            wire::option(order, code, &[order.u32((ticks >> 32) as u32), order.u32(ticks as u32)].concat())
        };
        let statistics = [&order.u32(0)[..], &order.u64(0), &option(2, began_s), &option(3, *ended_s)].concat();
        file.extend(wire::block(order, 5, &statistics));
    }
    sample.report_on(&file)
}

#[test]
fn a_capture_that_says_when_it_ended_goes_on_until_then() {
    let severity = |report: &Report| {
        report.findings.iter().find(|finding| finding.rule == "challenge-unanswered").map(|finding| finding.severity)
    };
    // Dumpcap counts the frames in nanoseconds and this in microseconds.
    for (order, ns_per_tick) in [(Order::Little, 1), (Order::Big, 1), (Order::Little, 1000)] {
        let severity = |ended_s: &[i64]| severity(&ending_behind(order, -1, ended_s, ns_per_tick));
        assert_eq!([&[][..], &[10], &[36], &[36, 10]].map(severity), ["medium", "medium", "high", "high"].map(Some));
        // Left over from frames whose times were shifted.
        for shifted in [-36, 3 * 24 * 3600, i64::from(i32::MAX)] {
            assert_eq!(severity(&[shifted]), Some("medium"));
        }
        let report = ending_behind(order, 3600, &[3636], ns_per_tick);
        assert!(
            report
                .findings
                .iter()
                .any(|finding| finding.rule == "challenge-unanswered" && finding.severity == "medium")
        );
    }
}

#[test]
fn where_packets_were_dropped_silence_is_no_proof() {
    let sample = corpus::sample("register-wrong-password-loop");
    let (order, frames) = (Order::Little, &sample.frames()[..2]);
    let last_ns = frames[1].time_ns + 40_000_000_000;
    let confidence = |dropped: u64| {
        let mut file = wire::pcapng_head(order, &wire::option(order, 9, &[9]));
        for frame in frames {
            file.extend(wire::enhanced_packet(order, 0, frame.time_ns, &frame.bytes));
        }
        file.extend(wire::enhanced_packet(order, 0, last_ns, b"the capture goes on"));
        let counter = wire::option(order, 5, &order.u64(dropped));
        file.extend(wire::block(order, 5, &[&order.u32(0)[..], &order.u64(0), &counter].concat()));
        let report = sample.report_on(&file);
        let mut findings = report.findings.iter().filter(|finding| finding.rule == "challenge-unanswered");
        let finding = findings.next().expect("it is told");
        (finding.severity, finding.confidence, finding.explanation.contains("dropped 7 packets"))
    };
    assert_eq!([0, 7].map(confidence), [("high", "proven", false), ("high", "likely", true)]);
}

/// Answers that are stamped up to so much later than they came stand behind the requests that answer them.
#[test]
fn a_nonce_is_not_answered_before_it_is_given() {
    for name in [
        "register-qop-dropped",
        "register-opaque-dropped",
        "register-wrong-password-loop",
        "register-algorithm-not-offered",
    ] {
        let sample = corpus::sample(name);
        let first_rule = |report: &Report| report.findings.first().map(|finding| (finding.rule, finding.severity));
        let base = sample.report();
        let client = sample.frames()[0].bytes[26..30].to_vec();
        for late_ns in [0, 50_000_000, 300_000_000] {
            let mut frames = sample.frames();
            let answers = frames.iter_mut().filter(|frame| frame.bytes[26..30] != client[..]);
            answers.for_each(|frame| frame.time_ns += late_ns);
            frames.sort_by_key(|frame| frame.time_ns);
            let frames: Vec<_> = frames.into_iter().map(|frame| (frame.time_ns, frame.bytes)).collect();
            let report = sample.report_on(&wire::pcap(Order::Little, wire::Resolution::Nano, &frames));
            assert_eq!(first_rule(&report), first_rule(&base), "{name}: {late_ns}");
            assert!(report.findings.iter().all(|finding| finding.rule != "overlapping-register"), "{name}: {late_ns}");
        }
    }
}
