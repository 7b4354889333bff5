//! `sipauth flow`: the drawing holds every message once, on its own line and in the right direction, and never more than fits.

use crate::formats::goldens;
use crate::formats::on;
use crate::formats::piped;
use crate::formats::tshark_frames;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

#[test]
fn ladders_are_drawn_as_in_the_samples() {
    goldens(&[
        ("invite-stale-loop", &["flow", "--quiet"], "flow.txt"),
        ("invite-two-realms-ok", &["flow", "--quiet"], "flow.txt"),
        ("invite-two-realms-ok", &["flow", "--quiet", "--format", "mermaid"], "flow.mmd"),
        ("invite-two-realms-ok", &["flow", "--quiet", "--format", "svg"], "flow.svg"),
        ("invite-no-answer", &["flow", "--quiet", "--ascii"], "flow.txt"),
    ]);
}

/// The frame numbers in front of the rails, with the status or method that stands on the arrow.
fn rows(drawing: &str) -> Vec<(u64, String)> {
    let rows = drawing.lines().filter(|line| line.starts_with('+'));
    let read = |line: &str| {
        let frame = line.split_whitespace().nth(1).expect("a frame").parse().expect("a number");
        let word = line[16..].split(|c: char| !c.is_ascii_alphanumeric()).find(|word| !word.is_empty());
        (frame, word.expect("a label").to_owned())
    };
    rows.map(read).collect()
}

/// Requests, final answers and what was passed on: the messages that tshark finds, without provisional answers, ACKs and copies.
#[test]
fn every_message_of_a_session_stands_in_its_ladder() {
    for name in ["register-wrong-password-loop", "tcp-register-ok", "invite-stale-loop", "credentials-passed-on"] {
        let sample = Sample::named(name);
        let drawn: Vec<u64> =
            rows(&on(&sample, &["flow", "--quiet"]).stdout).into_iter().map(|(frame, _)| frame).collect();
        let filter = "(sip.Method && sip.Method != \"ACK\") || sip.Status-Code >= 200";
        assert_eq!(drawn, tshark_frames(&sample.folder.join(sample.capture()), filter), "{name}");
    }
}

#[test]
fn methods_and_statuses_are_those_that_tshark_reads() {
    let sample = Sample::named("register-wrong-password-loop");
    let rows = rows(&on(&sample, &["flow", "--quiet"]).stdout);
    let capture = sample.folder.join(sample.capture());
    for (frame, label) in rows {
        let field = if label.starts_with(|c: char| c.is_ascii_digit()) { "sip.Status-Code" } else { "sip.Method" };
        let filter = format!("frame.number == {frame} && {field} == {label}");
        assert_eq!(tshark_frames(&capture, &filter), [frame], "{label}");
    }
}

#[test]
fn no_line_is_wider_than_the_paper() {
    for sample in Sample::all() {
        let drawing = on(&sample, &["flow", "--quiet"]);
        if drawing.code == 2 {
            assert!(drawing.stderr.contains("no session about authentication"), "{}: {}", sample.name, drawing.stderr);
            continue;
        }
        assert_eq!(drawing.code, 0, "{}: {}", sample.name, drawing.stderr);
        for line in drawing.stdout.lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", sample.name);
        }
        let ascii = on(&sample, &["flow", "--quiet", "--ascii"]).stdout;
        assert!(ascii.is_ascii(), "{}", sample.name);
        assert_eq!(ascii.lines().count(), drawing.stdout.lines().count(), "{}", sample.name);
    }
}

#[test]
fn pictures_are_well_formed() {
    let parse =
        "import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]); print(len(d.getElementsByTagName('path')))";
    for name in ["register-wrong-password-loop", "invite-two-realms-ok"] {
        let sample = Sample::named(name);
        let picture = on(&sample, &["flow", "--quiet", "--format", "svg"]).stdout;
        let arrows = rows(&on(&sample, &["flow", "--quiet"]).stdout).len();
        assert_eq!(piped("python3", &["-c", parse], &picture).trim(), arrows.to_string(), "{name}: one head an arrow");
    }
}

/// Of a session that is so long that not even its attempts are all kept, nothing is missing from the count.
#[test]
fn a_long_ladder_says_how_many_messages_it_leaves_out() {
    const ATTEMPTS: usize = 1600;
    let folder = tempfile::tempdir().expect("a folder");
    let capture = crate::scenario::pcap(&"> REGISTER\n< 401\nWWW-Authenticate: challenge\n".repeat(ATTEMPTS));
    std::fs::write(folder.path().join("long.pcap"), capture).expect("it can be written");
    let drawing = run(sipauth(folder.path()).args(["flow", "--quiet", "long.pcap"])).stdout;
    let left_out = format!("{} messages left out", 2 * ATTEMPTS - rows(&drawing).len());
    assert!(drawing.contains(&left_out), "{left_out}");
}

#[test]
fn a_session_is_chosen_by_name_or_call_id() {
    let sample = Sample::named("brute-force");
    let first = on(&sample, &["flow", "--quiet", "--session", "s2"]).stdout;
    assert!(first.starts_with("s2  "), "{first}");
    let call_id = first.lines().nth(1).expect("a second line").trim().trim_start_matches("Call-ID ").to_owned();
    assert_eq!(on(&sample, &["flow", "--quiet", "--call-id", &call_id]).stdout, first);
    let missing = run(sipauth(&sample.folder).args(["flow", "--session", "s9999", "capture.pcap"]));
    assert_eq!((missing.code, missing.stdout.as_str()), (2, ""));
    assert!(missing.stderr.contains("s9999: no such session"), "{}", missing.stderr);
}

#[test]
fn an_answer_whose_request_is_not_captured_was_not_accepted_without_credentials() {
    let drawn = |request: &str| {
        let known = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=r nonce=old\n< 200\n";
        let folder = tempfile::tempdir().expect("a folder");
        let capture = crate::scenario::pcap(&format!("{request}< 200\n{known}"));
        std::fs::write(folder.path().join("one.pcap"), capture).expect("it can be written");
        run(sipauth(folder.path()).args(["flow", "--quiet", "one.pcap"])).stdout
    };
    assert!(!drawn("> unseen REGISTER\n").contains("without credentials"));
    assert!(drawn("> REGISTER\n").contains("without credentials"));
}
