//! How reports for people are shown: times, rows, long values, and what is told while they are made.

use std::path::Path;
use std::process::Command;

use crate::formats::packets::fields;
use crate::hostile;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

/// The time of the first session in a report, by its line `Session s1: TIME, Call-ID …`.
fn time_of_s1(report: &str) -> &str {
    let (_, behind) = report.split_once("Session s1: ").expect("a finding names it");
    behind.split_once(", ").expect("the Call-ID follows").0
}

#[test]
fn times_are_those_that_tshark_shows() {
    let sample = Sample::named("odd-port-with-rtp");
    let path = sample.folder.join(sample.capture());
    let frames = fields(&path, "sip.CSeq.seq == 1", &["frame.time_epoch", "frame.time_relative"]);
    let shown = |how: &str| sample.analyze(&["-q", "--time", how]).stdout;
    let microseconds =
        |text: &str| text.split_once('.').map(|(whole, part)| format!("{whole}.{}", &part[..6])).expect("a part");
    assert_eq!(time_of_s1(&shown("epoch")), microseconds(&frames[0][0]));
    assert_eq!(time_of_s1(&shown("relative")), format!("+{} s", microseconds(&frames[0][1])));
    assert_eq!(shown("utc"), sample.analyze(&["-q"]).stdout);
    assert!(time_of_s1(&shown("utc")).ends_with('Z'));
    let local = |zone: &str| {
        let mut command = sipauth(&sample.folder);
        run(command.env("TZ", zone).args(["analyze", "-q", "--time", "local"]).arg(sample.capture()))
    };
    // POSIX writes what has to be added to reach UTC. Small systems know no zone by its name.
    let named = Some("America/New_York").filter(|zone| Path::new("/usr/share/zoneinfo").join(zone).exists());
    for zone in ["XST-05:30"].into_iter().chain(named) {
        let date = Command::new("date")
            .env("TZ", zone)
            .args(["-d", &format!("@{}", microseconds(&frames[0][0])), "+%Y-%m-%dT%H:%M:%S.%6N%:z"])
            .output()
            .expect("date is there");
        assert_eq!(time_of_s1(&local(zone).stdout), String::from_utf8(date.stdout).expect("digits").trim());
    }
    let unknown = local("Nowhere/Town");
    assert!(unknown.code == 2 && unknown.stderr.contains("TZ names no time zone that is known"), "{unknown:?}");
}

#[test]
fn programs_are_told_the_same_whatever_people_are_shown() {
    let sample = Sample::named("odd-port-with-rtp");
    for format in ["json", "ndjson", "csv", "sarif"] {
        let plain = sample.analyze(&["-q", "-T", format]).stdout;
        let options = ["-q", "-T", format, "--time", "epoch", "--max-rows", "0", "--wide"];
        assert_eq!(sample.analyze(&options).stdout, plain, "{format}");
    }
}

#[test]
fn tables_have_as_many_rows_as_are_wanted() {
    let sample = Sample::named("brute-force");
    let sessions = sample.read("report.json").matches("\"call_id\"").count();
    assert!(sessions > 20, "{sessions}");
    for (format, row) in [("human", "\ns"), ("markdown", "\n| s"), ("html", "<tr id=")] {
        let rows = |max: &str| {
            let run = sample.analyze(&["-q", "-T", format, "--max-rows", max]);
            let table = run.stdout.split("\nF1 ").next().expect("the table stands before the findings");
            let table = if format == "human" { table } else { &run.stdout };
            (table.matches(row).count(), run.stdout.contains("more"))
        };
        assert_eq!(rows("3"), (3, true), "{format}");
        assert_eq!(rows("20").0, 20, "{format}");
    }
}

#[test]
fn long_values_end_where_they_are_not_wanted_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("long.pcap"), hostile::capture_full_of(&"L".repeat(400)))
        .expect("it can be written");
    for format in ["human", "markdown", "html"] {
        let longest = |words: &[&str]| {
            let run = run(sipauth(folder.path()).args(["analyze", "-q", "-T", format, "long.pcap"]).args(words));
            let table: String = match format {
                "human" => run.stdout.split("\nF1 ").next().unwrap_or_default().replace(['\n', ' '], ""),
                "markdown" => run.stdout.lines().filter(|line| line.starts_with("| s")).collect(),
                _ => run.stdout.split("<tbody>").nth(1).unwrap_or_default().to_owned(),
            };
            table.split(|c| c != 'L').map(str::len).max().unwrap_or(0)
        };
        assert!(longest(&[]) <= 200, "{format}: {}", longest(&[]));
        assert!(longest(&["--wide"]) >= 400, "{format}: {}", longest(&["--wide"]));
    }
}

#[test]
fn verbose_tells_what_was_read() {
    let sample = Sample::named("gzip-wrong-password");
    let run = sample.analyze(&["-v"]);
    assert!(run.stderr.contains("pcap in gzip, ") && run.stderr.contains("sessions: 1, read in"), "{}", run.stderr);
    assert!(run.stderr.lines().all(|line| line.starts_with("sipauth: ")), "{}", run.stderr);
    assert_eq!(run.stdout, sample.analyze(&[]).stdout);
}

/// A terminal, behind which the input comes with a pause of more than a second.
const TERMINAL: &str = "
import os, pty, subprocess, sys, time
words, capture = sys.argv[2:], open(sys.argv[1], 'rb').read()
ours, theirs = pty.openpty()
run = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=theirs)
os.close(theirs)
run.stdin.write(capture[:200]); run.stdin.flush(); time.sleep(1.3)
run.stdin.write(capture[200:]); run.stdin.close(); run.wait()
text = b''
try:
    while part := os.read(ours, 4096): text += part
except OSError: pass
print(repr(text.decode()))
";

#[test]
fn progress_is_shown_on_a_terminal_alone() {
    let sample = Sample::named("register-ok");
    let capture = sample.folder.join(sample.capture());
    let shown = |words: &[&str]| {
        let mut command = Command::new("python3");
        command
            .args(["-c", TERMINAL])
            .arg(&capture)
            .arg(env!("CARGO_BIN_EXE_sipauth"))
            .args(["analyze", "-"])
            .args(words);
        let output = command.output().expect("python3 is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("it prints text").trim().to_owned()
    };
    assert_eq!(shown(&[]), "'\\r0 MB read, 1 s\\x1b[K\\r\\x1b[K'");
    assert_eq!(shown(&["--no-progress"]), "''");
    assert_eq!(shown(&["--quiet"]), "''");
    let run =
        run(sipauth(&sample.folder).args(["analyze", "-"]).write_stdin(std::fs::read(&capture).expect("it is there")));
    assert_eq!(run.stderr, "");
}
