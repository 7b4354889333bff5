//! The recipes of docs/tickets.md do what they say: each is run as it stands there, against a server on loopback that takes what Jira,
//! ServiceNow and Elasticsearch document that they take.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use crate::run::ROOT;
use crate::run::Sample;

/// A server that ends with its test.
struct StandIn {
    process: Child,
    port: String,
}

impl StandIn {
    fn start() -> StandIn {
        let script = Path::new(ROOT).join("tests/it/stand_in.py");
        let mut process = Command::new("python3").arg(script).stdout(Stdio::piped()).spawn().expect("python3 is there");
        let mut port = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut port).expect("it says its port");
        StandIn { process, port: port.trim().to_owned() }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first block of shell below a heading of the page.
fn recipe(heading: &str) -> String {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/tickets.md")).expect("the page is there");
    let (_, below) = page.split_once(&format!("\n## {heading}\n")).expect("the heading is there");
    let (_, block) = below.split_once("\n```sh\n").expect("a block is there");
    block.split_once("\n```").expect("it ends").0.to_owned()
}

/// Runs a recipe in a folder, with `sipauth` in the path and the server in place of the real ones.
fn cooked(heading: &str, folder: &Path, port: &str) -> Output {
    let mut script = recipe(heading);
    for host in ["https://example.atlassian.net", "https://example.service-now.com", "https://elastic.example.com:9200"]
    {
        script = script.replace(host, &format!("http://127.0.0.1:{port}"));
    }
    let netrc = folder.join(".netrc");
    fs::write(netrc, "machine 127.0.0.1 login robot password token\n").expect("it can be written");
    let bin = Path::new(env!("CARGO_BIN_EXE_sipauth")).parent().expect("it lies in a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("there is a path"));
    let mut command = Command::new("sh");
    command.args(["-c", &script]).current_dir(folder).env("PATH", path).env("HOME", folder).env("no_proxy", "*");
    command.output().expect("a shell is there")
}

/// A finding with long texts, one with many sessions, the trouble of every day, and nothing to act on.
const SAMPLES: [&str; 5] =
    ["invite-stale-loop", "brute-force", "register-wrong-password-403", "escaped-quotes", "register-ok"];

#[test]
fn recipes_are_taken_by_whom_they_are_for() {
    let server = StandIn::start();
    let folder = tempfile::tempdir().expect("a folder");
    for name in SAMPLES {
        let sample = Sample::named(name);
        fs::copy(sample.folder.join(sample.capture()), folder.path().join("capture.pcap")).expect("it can be copied");
        let has_ticket = name != "register-ok" && name != "escaped-quotes";
        for (heading, answer) in
            [("Jira Cloud", "NOC-1"), ("ServiceNow", "INC0010001"), ("Elasticsearch", "\"errors\": false")]
        {
            let output = cooked(heading, folder.path(), &server.port);
            let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{heading}, {name}: {said}{told}");
            let is_posted = has_ticket || heading == "Elasticsearch";
            assert_eq!(said.contains(answer), is_posted, "{heading}, {name}: {said}{told}");
        }
    }
}

/// The server refuses what it should: else its praise is worth nothing.
#[test]
fn the_stand_in_refuses_what_the_real_ones_refuse() {
    let server = StandIn::start();
    let post = |path: &str, kind: &str, body: &str| {
        let output = Command::new("curl")
            .args([
                "-sS",
                "--noproxy",
                "*",
                "-u",
                "robot:token",
                "-H",
                &format!("Content-Type: {kind}"),
                "--data-binary",
                body,
            ])
            .arg(format!("http://127.0.0.1:{}{path}", server.port))
            .output()
            .expect("curl is there");
        String::from_utf8(output.stdout).expect("JSON")
    };
    let long = "x".repeat(256);
    let issue = format!(
        r#"{{"fields": {{"project": {{"key": "A"}}, "issuetype": {{"name": "Bug"}}, "summary": "{long}", "description": "", "labels": []}}}}"#
    );
    assert!(post("/rest/api/2/issue", "application/json", &issue).contains("at most 255"));
    assert!(post("/_bulk", "application/x-ndjson", "{}").contains("newline"));
    assert!(post("/api/now/table/incident", "text/plain", "{}").contains("Content-Type"));
}

#[test]
fn a_folder_of_captures_is_sorted_by_what_is_to_be_done() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["register-ok", "register-wrong-password-403"] {
        let sample = Sample::named(name);
        let place = folder.path().join(format!("{name}.pcap"));
        fs::copy(sample.folder.join(sample.capture()), place).expect("it can be copied");
    }
    fs::write(folder.path().join("text.pcap"), "no capture").expect("it can be written");
    let output = cooked("A folder of captures", folder.path(), "0");
    let said = String::from_utf8(output.stdout).expect("text");
    let expected = "fine register-ok.pcap\nlook register-wrong-password-403.pcap: register-wrong-password-403.md\n\
                    fail text.pcap: see sipauth.log\n";
    assert_eq!(said, expected, "{}", String::from_utf8_lossy(&output.stderr));
    let log = fs::read_to_string(folder.path().join("sipauth.log")).expect("it was written");
    assert!(log.contains("text.pcap: not a capture"), "{log}");
}
