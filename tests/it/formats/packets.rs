//! The capture that `--write` makes: tshark reads it, finds the comments beside their packets, and everything else as it was.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::run::Run;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

/// Fields of each frame, separated by tabs, as tshark reads them.
pub fn fields(capture: &Path, filter: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark.args([
        "-n",
        "-o",
        "tcp.reassemble_out_of_order:TRUE",
        "-T",
        "fields",
        "-Y",
        filter,
        "-E",
        "aggregator=\u{1}",
    ]);
    names.iter().for_each(|name| {
        tshark.args(["-e", name]);
    });
    let output =
        tshark.arg("-r").arg(capture).output().expect("tshark is needed for this test: apt-get install tshark");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("tshark prints UTF-8");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn written(sample: &Sample, folder: &Path, more: &[&str]) -> Run {
    let place = folder.join("out.pcapng");
    let place = place.to_str().expect("its name is plain");
    sample
        .analyze(&[&["--quiet", "--format", "json", "--fail-on", "never", "--write", place, "--force"], more].concat())
}

/// What makes a frame what it is; its number is another one in another file.
const FRAME: [&str; 6] =
    ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type", "sip.Call-ID", "sip.CSeq.seq"];

#[test]
fn every_frame_with_sip_is_there_and_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in [
        "register-wrong-password-403",
        "tcp-split-in-odd-places",
        "fragmented-invite-ok",
        "odd-port-with-rtp",
        "pcapng-wrong-password",
        "linux-cooked-wrong-password",
        "snaplen-200",
        "gzip-wrong-password",
    ] {
        let sample = Sample::named(name);
        let run = written(&sample, folder.path(), &[]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}");
        let (before, after) = (sample.folder.join(sample.capture()), folder.path().join("out.pcapng"));
        assert_eq!(fields(&after, "sip", &FRAME), fields(&before, "sip", &FRAME), "{name}");
        let report: Value = serde_json::from_str(&run.stdout).expect("the report is JSON");
        let frames = fields(&after, "frame", &["frame.number"]);
        assert_eq!(report["coverage"]["used"], frames.len(), "{name}");
    }
}

#[test]
fn every_finding_is_a_comment_on_its_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["register-wrong-password-loop", "invite-stale-loop", "register-ok"] {
        let sample = Sample::named(name);
        let run = written(&sample, folder.path(), &[]);
        let report: Value = serde_json::from_str(&run.stdout).expect("the report is JSON");
        // These captures hold nothing but SIP: frames keep their numbers.
        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for finding in report["findings"].as_array().expect("findings") {
            for frame in finding["frames"].as_array().expect("frames") {
                let id = finding["id"].as_str().expect("an id").to_owned();
                expected.entry(frame["number"].to_string()).or_default().push(id);
            }
        }
        let rows = fields(&folder.path().join("out.pcapng"), "frame.comment", &["frame.number", "frame.comment"]);
        let ids = |comments: &str| -> Vec<String> {
            let words = comments.split('\u{1}').map(|comment| comment.split_whitespace().nth(1).expect("an id"));
            words.map(str::to_owned).collect()
        };
        let found: BTreeMap<String, Vec<String>> = rows.iter().map(|row| (row[0].clone(), ids(&row[1]))).collect();
        assert_eq!(found, expected, "{name}");
        assert!(rows[0][1].starts_with("sipauth F"), "{rows:?}");
    }
}

#[test]
fn a_filter_writes_the_frames_that_tshark_selects() {
    let folder = tempfile::tempdir().expect("a folder");
    let after = folder.path().join("out.pcapng");
    for (name, expression) in [
        ("register-wrong-password-loop", "sip.Status-Code == 401"),
        ("invite-stale-loop", "sip.Method == \"INVITE\" and sip.auth"),
        ("odd-port-with-rtp", "sip.CSeq.method == INVITE"),
        ("user-enumeration", "sip.to.user in {\"990\", \"991\", \"552633083\"}"),
        ("linux-cooked-wrong-password", "sip.Authorization"),
        ("gzip-wrong-password", "sip.Status-Code >= 400"),
        ("register-ok", "sip.Status-Code == 999"),
    ] {
        let sample = Sample::named(name);
        let run = written(&sample, folder.path(), &["-Y", expression]);
        assert_eq!(run.code, 0, "{name}: {}", run.stderr);
        let before = sample.folder.join(sample.capture());
        let expected = fields(&before, &format!("sip and ({expression})"), &FRAME);
        assert_eq!(fields(&after, "frame", &FRAME), expected, "{name}: {expression}");
        assert_eq!(expected.is_empty(), expression.contains("999"), "{name}: {expression}");
    }
}

/// tshark names the frame that completes a message; the others that it is made of have to be there for it to be read again.
#[test]
fn a_filter_writes_all_frames_of_a_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let after = folder.path().join("out.pcapng");
    for (name, expression) in [
        ("tcp-split-in-odd-places", "sip.Authorization"),
        ("fragmented-invite-ok", "sip.Method == \"INVITE\""),
        ("fragmented-invite-ok", "sip.Method == \"INVITE\" and sipauth.outcome == \"accepted\""),
    ] {
        let sample = Sample::named(name);
        let run = written(&sample, folder.path(), &["-Y", expression]);
        let before = sample.folder.join(sample.capture());
        let asked = expression.split(" and ").next().expect("a part that tshark knows");
        let messages = fields(&before, asked, &["sip.Call-ID", "sip.CSeq.seq", "sip.auth.nonce"]);
        assert_eq!(fields(&after, "sip", &["sip.Call-ID", "sip.CSeq.seq", "sip.auth.nonce"]), messages, "{name}");
        let frames = fields(&after, "frame", &["frame.number"]).len();
        assert!(frames > messages.len() && !messages.is_empty(), "{name}: {frames} frames: {}", run.stderr);
    }
}

#[test]
fn what_a_session_shows_decides_on_its_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    let after = folder.path().join("out.pcapng");
    let sample = Sample::named("user-enumeration");
    let run = written(&sample, folder.path(), &["-Y", "sip.Method and sipauth.outcome == \"failed\""]);
    let report: Value = serde_json::from_str(&run.stdout).expect("the report is JSON");
    let asked = report["summary"]["selected"]["wireshark_filter"].as_str().expect("a filter");
    let before = sample.folder.join(sample.capture());
    let expected = fields(&before, &format!("sip and ({asked})"), &FRAME);
    assert!(expected.len() > 1 && asked.contains("frame.number"), "{asked}");
    assert_eq!(fields(&after, "frame", &FRAME), expected);
}

#[test]
fn the_first_frame_that_is_written_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = Sample::named("register-wrong-password-loop");
    written(&sample, folder.path(), &["-Y", "sip.CSeq.seq >= 3 and sip.Status-Code == 401"]);
    let comments = fields(&folder.path().join("out.pcapng"), "frame.comment", &["frame.comment"]);
    let first: Vec<&str> = comments[0][0].split('\u{1}').collect();
    assert!(first.iter().any(|comment| comment.starts_with("sipauth F2 ") && comment.contains(" Do 1: ")), "{first:?}");
}

#[test]
fn what_comes_by_a_pipe_is_written_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = Sample::named("register-wrong-password-403");
    written(&sample, folder.path(), &[]);
    let expected = std::fs::read(folder.path().join("out.pcapng")).expect("it was written");
    let capture = std::fs::read(sample.folder.join(sample.capture())).expect("it is there");
    let mut command = sipauth(folder.path());
    command.args(["analyze", "-q", "--fail-on", "never", "-w", "piped.pcapng", "--credentials"]);
    command.arg(sample.folder.join("credentials.csv")).arg("-").write_stdin(capture);
    let run = run(&mut command);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let length = |bytes: &[u8]| bytes.len();
    let piped = std::fs::read(folder.path().join("piped.pcapng")).expect("it was written");
    assert!(length(&piped) > 0 && piped.len().abs_diff(expected.len()) < 512, "{} {}", piped.len(), expected.len());
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("a file").file_name()).collect();
    assert_eq!(left.len(), 2, "what was kept meanwhile is gone: {left:?}");
}

#[test]
fn keys_are_left_out_unless_they_are_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = Sample::named("pcapng-wrong-password");
    let capture = std::fs::read(sample.folder.join(sample.capture())).expect("it is there");
    // A decryption secrets block behind the section header: a key log of TLS.
    let head = u32::from_le_bytes(capture[4..8].try_into().expect("a length")) as usize;
    let key = b"CLIENT_RANDOM 00 0123456789abcdef\n  ";
    let mut body = [0x544c_534b_u32.to_le_bytes(), 36_u32.to_le_bytes()].concat();
    body.extend(key);
    let block = crate::wire::block(crate::wire::Order::Little, 10, &body);
    let input = [&capture[..head], &block, &capture[head..]].concat();
    std::fs::write(folder.path().join("in.pcapng"), input).expect("it can be written");
    for (words, is_there) in
        [(&[][..], false), (&["--redact", "none"][..], false), (&["--redact", "none", "--show-secrets"][..], true)]
    {
        let mut command = sipauth(folder.path());
        command.args(["analyze", "-q", "--fail-on", "never", "-w", "out.pcapng", "--force"]).args(words);
        assert_eq!(run(command.arg("in.pcapng")).code, 0);
        let output = std::fs::read(folder.path().join("out.pcapng")).expect("it was written");
        assert_eq!(output.windows(13).any(|part| part == b"CLIENT_RANDOM"), is_there, "{words:?}");
        assert!(!fields(&folder.path().join("out.pcapng"), "sip", &["frame.number"]).is_empty());
    }
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = Sample::named("register-ok");
    let name = |name: &str| folder.path().join(name);
    std::fs::copy(sample.folder.join(sample.capture()), name("in.pcap")).expect("it can be copied");
    std::fs::write(name("there.pcapng"), "precious").expect("it can be written");
    std::os::unix::fs::symlink("there.pcapng", name("link.pcapng")).expect("links can be made");
    let check = |words: &[&str], code: i32, told: &str| {
        let run = run(sipauth(folder.path()).args(["analyze", "-q"]).args(words).arg("in.pcap"));
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{words:?}: {}", run.stderr);
        assert!(run.stderr.contains(told), "{words:?}: {}", run.stderr);
    };
    check(&["-w", "there.pcapng"], 2, "exists already");
    check(&["-w", "in.pcap", "--force"], 2, "one of the inputs");
    check(&["-w", "link.pcapng", "--force"], 2, "is a link");
    check(&["-w", "-"], 2, "needs a file");
    check(&["-w", "new.pcapng", "-o", "new.pcapng"], 2, "same file");
    check(&["-w", "new.pcapng", "--show-secrets"], 2, "add --redact none");
    check(&["--force"], 2, "name one");
    check(&["-w", "no-folder/new.pcapng"], 5, "no-folder");
    assert_eq!(std::fs::read_to_string(name("there.pcapng")).expect("it is there"), "precious");
    assert!(!name("new.pcapng").exists());
    // Not a capture: there is nothing to write.
    std::fs::write(name("text"), "no capture").expect("it can be written");
    let run = run(sipauth(folder.path()).args(["analyze", "-q", "-w", "new.pcapng", "text"]));
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(!name("new.pcapng").exists());
}
