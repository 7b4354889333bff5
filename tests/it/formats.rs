//! The formats beside the report for people and JSON: what they print for a few samples, and that other programs can read it.

use std::path::Path;
use std::process::Command;

use crate::run::Run;
use crate::run::Sample;
use crate::run::assert_fresh;
use crate::run::check_file;
use crate::run::run;
use crate::run::sipauth;

mod compared;
mod conformance;
mod copied;
mod escapes;
mod hidden;
mod html;
mod ladders;
mod markdown;
mod packets;
mod pages;
mod redaction;
mod sarif;
mod showing;
mod tables;

/// Runs a command of sipauth in a sample's folder, on its capture and with its secrets.
fn on(sample: &Sample, words: &[&str]) -> Run {
    let mut command = sipauth(&sample.folder);
    command.args(words);
    if let Some(credentials) = sample.credentials() {
        command.args(["--credentials", &credentials]);
    }
    run(command.arg(sample.capture()))
}

/// What a command prints for a sample stands in a file of its folder.
fn goldens(cases: &[(&str, &[&str], &str)]) {
    let mut differences = Vec::new();
    for (name, words, file) in cases {
        let sample = Sample::named(name);
        let run = on(&sample, words);
        assert!(run.code <= 1, "{name}: {words:?}: exit code {}: {}", run.code, run.stderr);
        differences.extend(check_file(&sample.folder.join(file), &run.stdout).err());
    }
    assert_fresh(&differences);
}

/// What another program prints, given a text.
fn piped(program: &str, words: &[&str], text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("input");
    std::fs::write(&input, text).expect("it can be written");
    let output = Command::new(program).args(words).arg(&input).output().expect("the program is there");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

/// The frames that tshark takes for SIP and that a filter selects.
fn tshark_frames(capture: &Path, filter: &str) -> Vec<u64> {
    let output = Command::new("tshark")
        .args([
            "-n",
            "-o",
            "tcp.reassemble_out_of_order:TRUE",
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-Y",
            filter,
            "-r",
        ])
        .arg(capture)
        .output()
        .expect("tshark is needed for this test: apt-get install tshark");
    let text = String::from_utf8(output.stdout).expect("numbers are text");
    text.lines().map(|line| line.parse().expect("a number")).collect()
}

/// Every format of `analyze`.
pub const FORMATS: [&str; 7] = ["human", "json", "ndjson", "markdown", "html", "csv", "sarif"];
