//! Each option that moves a bound: what may be typed, that the bound is reached, and that the report says so.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sipauth::base::limit_table;
use tempfile::TempDir;

use crate::run::Run;
use crate::run::run;
use crate::run::sipauth;
use crate::wire;
use crate::wire::ACK;
use crate::wire::SYN;
use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::message;
use crate::wire::tcp_frame;
use crate::wire::udp;
use crate::wire::udp_frame;
use crate::wrap;

fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(frames))
}

/// A folder with one capture.
fn folder(capture: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("capture"), capture).expect("written");
    folder
}

fn analyze(folder: &Path, options: &[&str]) -> Run {
    run(sipauth(folder)
        .args(["analyze", "--quiet", "--fail-on", "never", "--format", "json"])
        .args(options)
        .arg("capture"))
}

fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// How often the report says that this happened.
fn count(report: &Value, event: &str) -> u64 {
    let diagnostics = report["diagnostics"].as_array().expect("an array");
    diagnostics.iter().filter(|told| told["event"] == event).map(|told| told["count"].as_u64().expect("a number")).sum()
}

fn sip_messages(report: &Value) -> u64 {
    report["summary"]["sip_messages"].as_u64().expect("a number")
}

/// The same frame of another connection.
fn from_port(port: u16, mut frame: Vec<u8>) -> Vec<u8> {
    frame[34..36].copy_from_slice(&port.to_be_bytes());
    frame
}

/// Segments of one stream, which begins with a SYN.
fn stream(port: u16, parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut frames = vec![from_port(port, tcp_frame(0, SYN, b""))];
    let mut sequence = 1;
    for part in parts {
        frames.push(from_port(port, tcp_frame(sequence, ACK, part)));
        sequence += u32::try_from(part.len()).expect("it is short");
    }
    frames
}

/// One option, a capture that reaches its bound, and how many messages are read without and with it.
struct Case {
    option: &'static str,
    value: &'static str,
    event: &'static str,
    capture: Vec<u8>,
    messages: (u64, u64),
}

/// A message too long for one segment, in several.
fn long_message(body_len: usize) -> Vec<Vec<u8>> {
    let text = message(1, body_len);
    stream(40_000, &text.chunks(1400).collect::<Vec<_>>())
}

/// A request that makes its session keep more than a kilobyte.
fn long_uri(number: usize) -> Vec<u8> {
    let text = String::from_utf8(message(number, 0)).expect("text");
    text.replacen("bob", &"b".repeat(1_200), 1).into_bytes()
}

fn cases() -> Vec<Case> {
    let two = [udp_frame(&message(1, 0)), udp_frame(&message(2, 600))];
    let with_headers = |len: usize| {
        let text = String::from_utf8(message(1, 0)).expect("text");
        text.replace("Call-ID", &format!("Subject: {}\r\nCall-ID", "x".repeat(len)))
    };
    // The first fragment of a datagram, and one far behind it, up to which memory is taken.
    let fragment = |number: u16| {
        let first = udp(&message(usize::from(number), 2000));
        let part = |offset: u16, bytes: &[u8]| ethernet(0x0800, &ipv4(number, offset | 0x2000, 17, bytes));
        [part(0, &first[..800]), part(8000, &[b'x'; 64])]
    };
    let unfinished = |port: u16| stream(port, &[&message(1, 60_000)[..50_000]]);
    let in_three = |port: u16| {
        let text = message(usize::from(port), 0);
        stream(port, &[&text[..60], &text[60..90], &text[90..]])
    };
    let interleaved: Vec<Vec<u8>> = (0..4)
        .flat_map(|at| (1..=3).map(move |port| (at, port)))
        .map(|(at, port)| in_three(port)[at].clone())
        .collect();
    vec![
        Case { option: "--max-packet", value: "200", event: "input_truncated", capture: pcap(&two), messages: (2, 1) },
        Case {
            option: "--max-packet",
            value: "200B",
            event: "blocks_skipped",
            capture: wire::pcapng(
                wire::Order::Big,
                wire::Resolution::Nano,
                &wire::timed(&[two.clone(), two.clone()].concat()),
            ),
            messages: (4, 2),
        },
        Case {
            option: "--max-input-bytes",
            value: "1KiB",
            event: "input_truncated",
            capture: wire::gzip(&pcap(&[&two[..], &two].concat())),
            messages: (4, 2),
        },
        Case {
            option: "--max-layers",
            value: "2",
            event: "too_many_layers",
            capture: pcap(&[two[0].clone(), wrap::vlans(3, &two[1])]),
            messages: (2, 1),
        },
        Case {
            option: "--frag-mem",
            value: "1",
            event: "fragments_incomplete",
            capture: pcap(
                &[
                    vec![fragment(1)[0].clone()],
                    (2..=20).flat_map(fragment).collect(),
                    vec![ethernet(0x0800, &ipv4(1, 100, 17, &udp(&message(1, 2000))[800..]))],
                ]
                .concat(),
            ),
            messages: (1, 0),
        },
        Case { option: "--max-flows", value: "2", event: "tcp_evicted", capture: pcap(&interleaved), messages: (3, 3) },
        Case {
            option: "--reassembly-mem",
            value: "1MiB",
            event: "tcp_evicted",
            capture: pcap(&(1..=30).flat_map(unfinished).collect::<Vec<_>>()),
            messages: (30, 30),
        },
        Case {
            option: "--memory",
            value: "16",
            event: "state_evicted",
            capture: pcap(&(1..=9_000).map(|number| udp_frame(&long_uri(number))).collect::<Vec<_>>()),
            messages: (9_000, 9_000),
        },
        Case {
            option: "--max-headers",
            value: "2K",
            event: "message_too_large",
            capture: pcap(&stream(40_000, &with_headers(5_000).as_bytes().chunks(1400).collect::<Vec<_>>())),
            messages: (1, 1),
        },
        Case {
            option: "--max-body",
            value: "4KiB",
            event: "bad_content_length",
            capture: pcap(&long_message(5_000)),
            messages: (1, 1),
        },
    ]
}

#[test]
fn every_limit_can_be_reached_and_says_so() {
    for case in cases() {
        let Case { option, value, event, capture, messages } = case;
        let folder = folder(&capture);
        let before = report(&analyze(folder.path(), &[]));
        let run = analyze(folder.path(), &[option, value]);
        let after = report(&run);
        assert_eq!((sip_messages(&before), sip_messages(&after)), messages, "{option}: {}", after["diagnostics"]);
        assert!(count(&after, event) > count(&before, event), "{option}: {}", after["diagnostics"]);
        assert_eq!(run.code, 0, "{option}: only --strict makes it count");
        let told = limit_table::table().find(|row| row.flag == Some(option)).expect("it is in the table");
        assert!(told.events.contains(&event), "{option}: the table does not name {event}");
        let strict = analyze(folder.path(), &[option, value, "--strict"]);
        let loses = after["diagnostics"].as_array().expect("an array").iter().any(|told| told["severity"] == "low");
        assert_eq!(strict.code, if loses { 4 } else { 0 }, "{option}");
    }
}

/// No option without a test that reaches its bound.
#[test]
fn every_option_of_the_table_is_tested() {
    // Which copy is read, has a test of its own.
    let known = |flag: &str| flag == "--overlap" || cases().iter().any(|case| case.option == flag);
    let flags: Vec<&str> = limit_table::table().filter_map(|row| row.flag).collect();
    assert!(flags.len() >= 10, "{flags:?}");
    assert!(flags.iter().all(|flag| known(flag)), "{flags:?}");
    let help = run(sipauth(Path::new(".")).args(["analyze", "--help"])).stdout;
    for flag in flags {
        assert!(help.contains(&format!("{flag} <")), "{flag} is no option");
    }
}

#[test]
fn what_is_no_size_is_wrong_use() {
    let folder = folder(&pcap(&[udp_frame(&message(1, 0))]));
    let wrong = [
        ("--max-packet", "0"),
        ("--max-packet", "63"),
        ("--max-packet", "1G"),
        ("--max-packet", "many"),
        ("--max-packet", "-1"),
        ("--max-packet", "1.5M"),
        ("--max-packet", "99999999999999999999"),
        ("--max-input-bytes", "0"),
        ("--max-layers", "0"),
        ("--max-layers", "1e3"),
        ("--frag-mem", "0"),
        ("--frag-mem", "4KiB"),
        ("--max-flows", "0"),
        ("--reassembly-mem", "99T"),
        ("--max-headers", "1"),
        ("--max-body", "2GiB"),
        ("--memory", "15"),
        ("--memory", "9000T"),
        ("--overlap", "both"),
    ];
    for (option, value) in wrong {
        let run = analyze(folder.path(), &[&format!("{option}={value}")]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{option} {value}: {}", run.stderr);
        let first = run.stderr.lines().next().unwrap_or_default();
        assert!(first.contains(option) && first.contains(value), "{option} {value}: {first}");
        assert!(first.contains("expected") || first.contains("numbers") || option == "--overlap", "{first}");
    }
}

/// A message of which a part is sent twice, with another subject the second time, before it is whole: over TCP and in fragments.
fn sent_twice() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let text = |subject: &str| {
        let text = String::from_utf8(message(1, 40)).expect("text");
        text.replace("Call-ID", &format!("Subject: {subject}\r\nCall-ID")).into_bytes()
    };
    let (first, second) = (text("one"), text("two"));
    let half = first.len() - 10;
    let at = |offset: usize| u32::try_from(offset).expect("it is short") + 1;
    let over_tcp = vec![
        tcp_frame(0, SYN, b""),
        tcp_frame(at(0), ACK, &first[..half]),
        tcp_frame(at(64), ACK, &second[64..half]),
        tcp_frame(at(half), ACK, &first[half..]),
    ];
    let (first, second) = (udp(&first), udp(&second));
    let part = |offset: u16, more: u16, bytes: &[u8]| ethernet(0x0800, &ipv4(3, (offset / 8) | more, 17, bytes));
    let fragmented =
        vec![part(0, 0x2000, &first[..160]), part(64, 0x2000, &second[64..160]), part(160, 0, &first[160..])];
    (over_tcp, fragmented)
}

#[test]
fn the_copy_that_is_read_can_be_chosen() {
    let (over_tcp, fragmented) = sent_twice();
    for (what, frames) in [("TCP", over_tcp), ("fragments", fragmented)] {
        let folder = folder(&pcap(&frames));
        let has = |overlap: &str, subject: &str| {
            let filter = format!("sip.Subject == \"{subject}\"");
            let report = report(&analyze(folder.path(), &["--overlap", overlap, "--filter", &filter]));
            assert_eq!(count(&report, "overlap_ambiguous"), 1, "{what}");
            report["summary"]["selected"]["messages"] == 1
        };
        assert!(has("first", "one") && !has("first", "two"), "{what}");
        assert!(has("last", "two") && !has("last", "one"), "{what}");
    }
}

#[test]
fn limits_are_listed_for_people_and_for_programs() {
    let list = |format: &str| run(sipauth(Path::new(".")).args(["list", "limits", "--format", format])).stdout;
    let rows: Vec<Value> = serde_json::from_str(&list("json")).expect("an array");
    assert_eq!(rows.len(), limit_table::table().count());
    let row = |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is missing"));
    let packet = row("packet_len_bytes_max");
    assert_eq!((&packet["default"], &packet["unit"]), (&Value::from(262_144), &Value::from("bytes")));
    assert_eq!(packet["flag"], "--max-packet");
    assert_eq!(row("input_bytes_max")["default"], Value::Null);
    assert_eq!(row("overlap")["default"], "first");
    let table = list("human");
    for text in ["256 KiB", "1,000,000", "unlimited", "30 s of capture time", "--frag-mem", "state_evicted"] {
        assert!(table.contains(text), "{text} is not in {table}");
    }
}

/// A capture that `tests/attacks/floods.py` makes, with so many packets or bytes.
fn flood(kind: &str, count: usize) -> Value {
    let script = Path::new(crate::run::ROOT).join("tests/attacks/floods.py");
    let made = std::process::Command::new("python3").arg(script).args([kind, &count.to_string()]).output();
    let made = made.expect("python3 is there");
    assert!(made.status.success(), "{kind}: {}", String::from_utf8_lossy(&made.stderr));
    let folder = folder(&made.stdout);
    let run = analyze(folder.path(), &[]);
    assert_eq!(run.code, 0, "{kind}: {}", run.stderr);
    report(&run)
}

#[test]
fn floods_are_read_to_their_end() {
    assert_eq!(sip_messages(&flood("call-ids", 2_000)), 2_000);
    let logins = flood("logins", 500);
    assert_eq!((sip_messages(&logins), &logins["summary"]["sessions"]), (2_000, &Value::from(500)));
    assert_eq!(flood("half-open", 2_000)["coverage"]["set_aside"]["tcp_no_payload"], 2_000);
    for kind in ["hole", "holes"] {
        let report = flood(kind, 4 << 20);
        assert!(count(&report, "tcp_gap") >= 1 && sip_messages(&report) <= 1, "{kind}: {}", report["diagnostics"]);
    }
    assert_eq!(flood("gzip-bomb", 1 << 20)["inputs"][0]["packets"], (1 << 20) / 16);
}
