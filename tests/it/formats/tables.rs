//! Lines of JSON and rows of CSV: what is read back from them, by other readers, is what the JSON report says.

use serde_json::Value;

use crate::formats::goldens;
use crate::formats::on;
use crate::formats::piped;
use crate::run::Sample;

#[test]
fn tables_are_those_of_the_samples() {
    goldens(&[
        ("invite-two-realms-ok", &["analyze", "--quiet", "--format", "csv"], "report.csv"),
        ("register-wrong-password-403", &["analyze", "--quiet", "--format", "csv"], "report.csv"),
        ("register-wrong-password-403", &["analyze", "--quiet", "--format", "ndjson"], "report.ndjson"),
    ]);
}

fn json(sample: &Sample) -> Value {
    serde_json::from_str(&on(sample, &["analyze", "--quiet", "--format", "json"]).stdout).expect("JSON")
}

#[test]
fn lines_hold_what_the_report_holds() {
    for name in ["register-ok", "brute-force", "invite-two-realms-ok", "odd-port-with-rtp"] {
        let sample = Sample::named(name);
        let report = json(&sample);
        let text = on(&sample, &["analyze", "--quiet", "--format", "ndjson"]).stdout;
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        let of = |kind: &str| {
            let lines = lines.iter().filter(|line| line["type"] == kind).cloned();
            let rest = lines.map(|mut line| {
                line.as_object_mut().expect("an object").remove("type");
                line
            });
            Value::Array(rest.collect())
        };
        for (kind, key) in [
            ("session", "sessions"),
            ("finding", "findings"),
            ("nonce", "nonces"),
            ("input", "inputs"),
            ("diagnostic", "diagnostics"),
        ] {
            assert_eq!(of(kind), report[key], "{name}: {kind}");
        }
        let last = lines.last().expect("a last line");
        assert_eq!(last["type"], "summary");
        for (key, value) in report["summary"].as_object().expect("an object") {
            assert_eq!(&last[key], value, "{name}: {key}");
        }
        for key in ["schema", "schema_version", "tool", "selection", "coverage", "ticket"] {
            assert_eq!(last[key], report[key], "{name}: {key}");
        }
    }
}

/// Python's reader, which is none of ours, as JSON.
const READ_CSV: &str = "import csv, json, sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline='', \
    encoding='utf-8'), strict=True))))";

#[test]
fn rows_are_the_attempts() {
    for name in ["register-ok", "invite-two-realms-ok", "brute-force", "escaped-quotes"] {
        let sample = Sample::named(name);
        let report = json(&sample);
        let table = on(&sample, &["analyze", "--quiet", "--format", "csv"]).stdout;
        assert!(table.ends_with("\r\n") && table.lines().count() == table.matches("\r\n").count(), "{name}: line ends");
        let rows: Vec<Value> = serde_json::from_str(&piped("python3", &["-c", READ_CSV], &table)).expect("JSON");
        let sessions = report["sessions"].as_array().expect("sessions");
        let attempts: Vec<(&Value, &Value)> = sessions
            .iter()
            .flat_map(|session| session["attempts"].as_array().expect("attempts").iter().map(move |one| (session, one)))
            .collect();
        assert_eq!(rows.len(), attempts.len(), "{name}");
        for (row, (session, attempt)) in rows.iter().zip(attempts) {
            let text = |value: &Value| match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let check = |column: &str, value: &Value| assert_eq!(row[column], text(value), "{name}: {column}");
            check("session", &session["id"]);
            check("call_id", &session["call_id"]);
            check("user", &session["user"]);
            check("method", &attempt["method"]);
            check("cseq", &attempt["cseq"]);
            check("time", &attempt["time"]);
            check("request_frame", &attempt["request"]["number"]);
            check("response_frame", &attempt["response"]["number"]);
            check("status", &attempt["status"]);
            check("outcome", &attempt["outcome"]);
            if let [one] = attempt["credentials"].as_array().expect("credentials").as_slice() {
                check("username", &one["username"]);
                check("nonce_id", &one["nonce_id"]);
                check("verification", &one["verification"]["result"]);
            }
        }
    }
}

#[test]
fn a_capture_without_attempts_gives_the_header_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("empty.pcap"), crate::corpus::plain_pcap(&[])).expect("it can be written");
    let run = crate::run::run(crate::run::sipauth(folder.path()).args(["analyze", "-q", "-T", "csv", "empty.pcap"]));
    assert_eq!((run.code, run.stdout.lines().count()), (0, 1), "{}", run.stderr);
    assert!(run.stdout.starts_with("session,session_outcome,call_id,"), "{}", run.stdout);
}
