//! Several files are one capture: cut at any frame, with frames dealt to several capture points, and named in any order, they
//! give what the whole gives, but for the numbers of frames.

use std::path::Path;

use serde_json::Value;
use serde_json::json;

use crate::corpus::RawFrame;
use crate::corpus::sample;
use crate::run::run;
use crate::run::sipauth;
use crate::wire;
use crate::wire::Order;
use crate::wire::Resolution;

const SAMPLES: [&str; 5] = [
    "register-stale-recovered",
    "register-wrong-password-loop",
    "invite-stale-loop",
    "tcp-split-in-odd-places",
    "fragmented-invite-ok",
];

pub fn write(folder: &Path, name: &str, frames: &[&RawFrame]) {
    let frames: Vec<(u64, Vec<u8>)> = frames.iter().map(|frame| (frame.time_ns, frame.bytes.clone())).collect();
    std::fs::write(folder.join(name), wire::pcap(Order::Little, Resolution::Nano, &frames)).expect("it can be written");
}

/// What a report says, without what depends on how frames are numbered.
pub fn told(folder: &Path, secrets: &[&str], files: &[String]) -> Value {
    let words = ["analyze", "--quiet", "--fail-on", "never", "--format", "json"];
    let run = run(sipauth(folder).args(words).args(secrets).args(files));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{files:?}");
    let report: Value = serde_json::from_str(&run.stdout).expect("it prints JSON");
    let all = |list: &Value, keys: &[&str]| -> Vec<Value> {
        let list = list.as_array().expect("it is a list");
        list.iter().map(|one| keys.iter().map(|key| one[*key].clone()).collect()).collect()
    };
    let sessions = report["sessions"].as_array().expect("sessions");
    let attempts = |session: &Value| all(&session["attempts"], &["cseq", "time", "status", "outcome"]);
    json!({
        "summary": report["summary"],
        "sessions": all(&report["sessions"], &["id", "call_id", "outcome", "started", "user"]),
        "attempts": sessions.iter().map(attempts).collect::<Vec<_>>(),
        "findings": all(&report["findings"], &["id", "rule", "severity", "confidence", "fault", "cause", "sessions", "count"]),
        "coverage": report["coverage"]["frames"],
    })
}

#[test]
fn files_of_a_ring_and_of_several_capture_points_are_one_capture() {
    for name in SAMPLES {
        let sample = sample(name);
        let frames = sample.frames();
        let folder = tempfile::tempdir().expect("a folder");
        let secrets: Vec<&str> = match &sample.credentials {
            Some((file, bytes)) => {
                std::fs::write(folder.path().join(file), bytes).expect("it can be written");
                vec!["--credentials", file]
            }
            None => Vec::new(),
        };
        write(folder.path(), "whole.pcap", &frames.iter().collect::<Vec<_>>());
        let whole = told(folder.path(), &secrets, &["whole.pcap".to_owned()]);
        assert!(!whole["sessions"].as_array().expect("sessions").is_empty(), "{name}");
        // A ring, the latest file first.
        let ring: Vec<Vec<&RawFrame>> = frames.chunks(3).map(|chunk| chunk.iter().collect()).collect();
        // Two capture points that see every other frame each.
        let dealt: Vec<Vec<&RawFrame>> = (0..2).map(|turn| frames.iter().skip(turn).step_by(2).collect()).collect();
        for (kind, parts) in [("ring", ring), ("point", dealt)] {
            let files: Vec<String> = (0..parts.len()).rev().map(|part| format!("{kind}{part}.pcap")).collect();
            for (part, frames) in parts.iter().enumerate() {
                write(folder.path(), &format!("{kind}{part}.pcap"), frames);
            }
            assert_eq!(told(folder.path(), &secrets, &files), whole, "{name}: {kind}");
        }
    }
}

/// Frames are numbered anew in each file: whoever looks one up has to know where.
#[test]
fn frames_of_several_files_are_told_with_the_name_of_theirs() {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = sample("register-wrong-password-loop").frames();
    let (first, second) = frames.split_at(2);
    write(folder.path(), "one.pcap", &first.iter().collect::<Vec<_>>());
    write(folder.path(), "two.pcap", &second.iter().collect::<Vec<_>>());
    let printed = |words: &[&str]| {
        let common = ["analyze", "--quiet", "--fail-on", "never", "--format"];
        let run = run(sipauth(folder.path()).args(common).args(words));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{words:?}");
        run.stdout
    };
    for format in ["human", "markdown", "html"] {
        let (both, one) = (printed(&[format, "one.pcap", "two.pcap"]), printed(&[format, "two.pcap"]));
        assert!(both.contains("frame 1 of two.pcap"), "{format}: {both}");
        assert!(both.contains("Wireshark, in "), "{format}: {both}");
        assert!(!one.contains(" of two.pcap") && !one.contains("Wireshark, in "), "{format}: {one}");
        let strict = printed(&[format, "--redact", "strict", "one.pcap", "two.pcap"]);
        assert!(!strict.contains("two.pcap") && strict.contains("Wireshark, in "), "{format}: {strict}");
    }
    let report: Value = serde_json::from_str(&printed(&["json", "one.pcap", "two.pcap"])).expect("it prints JSON");
    let text = report["ticket"]["description"].as_str().expect("a ticket");
    assert!(
        text.contains("Wireshark filter, in `two.pcap`: ") || text.contains("Wireshark filter, in `one.pcap`: "),
        "{text}"
    );
}

/// Yesterday's capture ends behind a challenge; what became of it, nobody captured.
#[test]
fn a_pause_between_two_files_is_no_silence() {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = sample("register-ok").frames();
    let (asked, later) = (frames.get(..2).expect("a challenge"), sample("ipv6-register-ok").frames());
    let ended = asked.last().map(|frame| frame.time_ns).expect("frames");
    let begins = later.first().map(|frame| frame.time_ns).expect("frames");
    write(folder.path(), "first.pcap", &asked.iter().collect::<Vec<_>>());
    let unanswered = |wait_s: u64, files: &[&str]| {
        let later: Vec<RawFrame> = later
            .iter()
            .map(|frame| RawFrame { time_ns: frame.time_ns - begins + ended + wait_s * 1_000_000_000, ..frame.clone() })
            .collect();
        write(folder.path(), "second.pcap", &later.iter().collect::<Vec<_>>());
        write(folder.path(), "both.pcap", &asked.iter().chain(&later).collect::<Vec<_>>());
        // A second capture point goes on meanwhile.
        write(folder.path(), "around.pcap", &[&asked[0], later.last().expect("frames")]);
        let words = ["analyze", "--quiet", "--fail-on", "never", "--format", "json", "--jobs"];
        let told = |jobs: &str| run(sipauth(folder.path()).args(words).arg(jobs).args(files)).stdout;
        let printed = told("1");
        assert_eq!(printed, told("2"), "{files:?}");
        let report: Value = serde_json::from_str(&printed).expect("it prints JSON");
        let of_rule = |finding: &&Value| finding["rule"] == "challenge-unanswered";
        let finding =
            report["findings"].as_array().expect("findings").iter().find(of_rule).expect("it is told").clone();
        let is_apart = |one: &Value| one["event"] == "captures_apart";
        let is_told = report["diagnostics"].as_array().expect("diagnostics").iter().any(is_apart);
        (finding["severity"].as_str().expect("a word").to_owned(), is_told)
    };
    let [high, open] = ["high", "medium"].map(str::to_owned);
    for wait_s in [33, 300, 86_400] {
        assert_eq!(unanswered(wait_s, &["first.pcap", "second.pcap"]), (open.clone(), true), "{wait_s} s");
        assert_eq!(unanswered(wait_s, &["second.pcap", "first.pcap"]), (open.clone(), true), "{wait_s} s");
        // A day without one frame is no silence: the file was merged of two.
        let whole = if wait_s < 3_600 { (high.clone(), false) } else { (open.clone(), true) };
        assert_eq!(unanswered(wait_s, &["both.pcap"]), whole, "{wait_s} s");
        assert_eq!(unanswered(wait_s, &["first.pcap", "second.pcap", "around.pcap"]), whole, "{wait_s} s");
    }
    // So short a time may pass between two files of a ring.
    assert_eq!(unanswered(20, &["first.pcap", "second.pcap"]), (open, false));
}

/// What two capture points see is one message, whatever their clocks say.
#[test]
fn a_second_capture_point_whose_clock_is_ahead_changes_no_verdict() {
    for name in SAMPLES.into_iter().chain(["audiocodes-mp11x-register-ok", "invite-two-realms-ok"]) {
        let frames = sample(name).frames();
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "one.pcap", &frames.iter().collect::<Vec<_>>());
        let told = |files: &[&str]| {
            let words = ["analyze", "--quiet", "--fail-on", "never", "--format", "json"];
            let report: Value = serde_json::from_str(&run(sipauth(folder.path()).args(words).args(files)).stdout)
                .expect("it prints JSON");
            let findings = report["findings"].as_array().expect("findings");
            // That packets stand there twice is told, too.
            let told = findings.iter().filter(|finding| finding["severity"] != "info");
            let rows: Vec<_> =
                told.map(|finding| [&finding["rule"], &finding["severity"], &finding["fault"]]).collect();
            let counts = ["headlines", "challenges", "credentials", "sessions_by_outcome"];
            json!([counts.map(|key| report["summary"][key].clone()), rows])
        };
        let one = told(&["one.pcap"]);
        for ahead_ms in [0, 1, 300, 2_500] {
            let later: Vec<RawFrame> = frames
                .iter()
                .map(|frame| RawFrame { time_ns: frame.time_ns + ahead_ms * 1_000_000, ..frame.clone() })
                .collect();
            write(folder.path(), "two.pcap", &later.iter().collect::<Vec<_>>());
            assert_eq!(told(&["one.pcap", "two.pcap"]), one, "{name}: {ahead_ms} ms");
        }
    }
}
