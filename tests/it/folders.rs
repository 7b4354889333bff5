//! A folder stands for the captures in it, by content and in a stable order; what is none is told and no error.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::corpus::RawFrame;
use crate::corpus::sample;
use crate::merging::told;
use crate::merging::write;
use crate::run::Run;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

const SAMPLE: &str = "register-wrong-password-loop";

/// Runs `sipauth analyze` for programs.
fn analyze(folder: &Path, more: &[&OsStr]) -> (Run, Value) {
    let run = run(sipauth(folder).args(["analyze", "--fail-on", "never", "--format", "json"]).args(more));
    let report = serde_json::from_str(&run.stdout).unwrap_or_default();
    (run, report)
}

/// Cuts a capture into files, as a program that writes a ring does it, and says how many came of it.
fn cut(sample: &Sample, frames: &str, ring: &Path) -> usize {
    fs::create_dir_all(ring.parent().expect("a folder")).expect("it can be made");
    let capture = sample.folder.join(sample.capture());
    let status = Command::new("editcap").args(["-c", frames]).arg(capture).arg(ring).status();
    assert!(status.expect("editcap is there").success());
    fs::read_dir(ring.parent().expect("a folder")).expect("a folder").count()
}

#[test]
fn a_folder_is_the_captures_in_it() {
    let sample = sample(SAMPLE);
    let frames = sample.frames();
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    write(home, "whole.pcap", &frames.iter().collect::<Vec<_>>());
    let whole = told(home, &[], &["whole.pcap".to_owned()]);
    // Names as tcpdump -C makes them; ten files, so that the order of the names is not that of the time.
    fs::create_dir_all(home.join("ring/older")).expect("it can be made");
    let len = frames.len().div_ceil(11);
    let mut files = 0;
    for (number, chunk) in frames.chunks(len).enumerate() {
        let name = if number == 0 { "sip.pcap".to_owned() } else { format!("sip.pcap{number}") };
        write(&home.join("ring"), &name, &chunk.iter().collect::<Vec<&RawFrame>>());
        files += 1;
    }
    assert!(files > 10, "{files}");
    assert_eq!(told(home, &[], &["ring".to_owned()]), whole, "a folder");
    // What else lies about in such folders.
    for name in ["README.md", "notes.txt", "sip.log", "zeroes", "empty.pcap"] {
        fs::write(home.join("ring").join(name), if name == "empty.pcap" { "" } else { "not a capture" })
            .expect("a file");
    }
    fs::copy(home.join("ring/sip.pcap"), home.join("ring/.sip.pcap.swp")).expect("a file");
    symlink("sip.pcap1", home.join("ring/latest.pcap")).expect("a link");
    symlink("gone.pcap", home.join("ring/broken.pcap")).expect("a link");
    assert!(Command::new("mkfifo").arg(home.join("ring/pipe")).status().expect("coreutils").success());
    for named in
        [&["ring"][..], &["ring", "ring"], &["ring/sip.pcap10", "ring"], &["ring/older", "ring/sip.pcap", "ring"]]
    {
        let (_, report) = analyze(home, &named.iter().map(OsStr::new).collect::<Vec<_>>());
        assert_eq!(report["inputs"].as_array().map(Vec::len), Some(files), "{named:?}");
    }
    let (run, report) = analyze(home, &[OsStr::new("ring")]);
    assert_eq!(run.code, 0, "{run:?}");
    let passed_over = "ring: 7 files that are no captures: README.md, broken.pcap, empty.pcap, …";
    assert!(run.stderr.contains(&format!("sipauth: note: {passed_over}\n")), "{}", run.stderr);
    assert!(run.stderr.contains("ring: 1 folder within it is not read: name what you want"), "{}", run.stderr);
    let diagnostics = report["diagnostics"].as_array().expect("diagnostics");
    let told: Vec<_> = diagnostics.iter().filter(|one| one["event"] == "input_passed_over").collect();
    assert_eq!((told[0]["count"].clone(), told[0]["severity"].clone()), (7.into(), "info".into()));
    assert_eq!(told[0]["text"], passed_over);
    // Nothing of it is damage.
    let strict = analyze(home, &["--strict", "ring"].map(OsStr::new)).0;
    assert_eq!(strict.code, 0, "{strict:?}");
}

#[test]
fn a_ring_as_dumpcap_names_it_is_the_whole() {
    let sample = Sample::named(SAMPLE);
    let home = tempfile::tempdir().expect("a folder");
    fs::copy(sample.folder.join(sample.capture()), home.path().join("whole.pcap")).expect("a file");
    let whole = told(home.path(), &[], &["whole.pcap".to_owned()]);
    let files = cut(&sample, "4", &home.path().join("ring/sip.pcapng"));
    assert!(files > 2, "{files}");
    assert_eq!(told(home.path(), &[], &["ring".to_owned()]), whole);
    // The other commands take folders, too.
    let flow = |named: &str| run(sipauth(home.path()).args(["flow", named]));
    let (ring, whole) = (flow("ring"), flow("whole.pcap"));
    assert_eq!((ring.code, ring.stdout.lines().count()), (0, whole.stdout.lines().count()), "{ring:?}");
    let good = Sample::named("register-ok");
    fs::create_dir(home.path().join("good")).expect("it can be made");
    fs::copy(good.folder.join(good.capture()), home.path().join("good/a")).expect("a file");
    let compare = run(sipauth(home.path()).args(["compare", "good", "ring"]));
    assert_eq!((compare.code, compare.stderr.as_str()), (0, ""));
}

#[test]
fn a_folder_without_a_capture_is_an_error_and_so_is_a_named_file_that_is_none() {
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    let good = Sample::named("register-ok");
    fs::create_dir_all(home.join("empty")).expect("it can be made");
    fs::create_dir_all(home.join("texts/deeper")).expect("it can be made");
    fs::create_dir_all(home.join("ring")).expect("it can be made");
    fs::write(home.join("texts/README.md"), "no capture").expect("a file");
    fs::copy(good.folder.join(good.capture()), home.join("ring/sip.pcap0")).expect("a file");
    let check = |named: &[&str], code: i32, stderr: &str| {
        let (run, report) = analyze(home, &named.iter().map(OsStr::new).collect::<Vec<_>>());
        assert_eq!(run.code, code, "{named:?}: {run:?}");
        assert!(run.stderr.contains(stderr), "{named:?}: {}", run.stderr);
        report
    };
    check(&["empty"], 3, "sipauth: empty: no capture in this folder: it is empty\n");
    check(&["texts"], 3, "texts: no capture in this folder: it holds 1 file, and 1 folder; name those\n");
    check(&["ring", "texts/README.md"], 3, "texts/README.md: not a capture: starts with 6e 6f 20 63 (text?)");
    let report = check(&["ring", "empty"], 3, "empty: no capture in this folder");
    assert_eq!(report["diagnostics"][0]["event"], "input_unreadable");
    assert_eq!(report["summary"]["verdict"], "ok");
}

#[test]
fn names_that_are_no_text_are_escaped() {
    let home = tempfile::tempdir().expect("a folder");
    let good = Sample::named("register-ok");
    fs::create_dir(home.path().join("ring")).expect("it can be made");
    for name in [&b"caf\xe9.pcap"[..], b"\x1b[31m.pcap"] {
        let place = home.path().join("ring").join(OsStr::from_bytes(name));
        fs::copy(good.folder.join(good.capture()), place).expect("a file");
    }
    fs::write(home.path().join("ring").join(OsStr::from_bytes(b"\xff\n.txt")), "text").expect("a file");
    let (run, report) = analyze(home.path(), &[OsStr::new("ring")]);
    let paths: Vec<_> = report["inputs"].as_array().expect("inputs").iter().map(|input| &input["path"]).collect();
    assert_eq!(paths, ["ring/\u{1b}[31m.pcap", "ring/caf\\xe9.pcap"]);
    assert!(!run.stdout.contains('\u{1b}'), "JSON escapes it");
    assert!(run.stderr.contains("1 file that is no capture: \\xff\\x0a.txt"), "{}", run.stderr);
}
