//! `sipauth compare`: the one thing that two clients do differently is told, in every format, and nothing that they do alike.

use std::path::Path;

use serde_json::Value;

use crate::run::ROOT;
use crate::run::Run;
use crate::run::run;
use crate::run::sipauth;

fn compared(good: &str, bad: &str, words: &[&str]) -> Run {
    let capture = |name: &str| format!("samples/{name}/capture.pcap");
    run(sipauth(Path::new(ROOT)).args(["compare", "--quiet"]).args(words).args([capture(good), capture(bad)]))
}

fn differences(good: &str, bad: &str) -> Vec<(String, String, String)> {
    let run = compared(good, bad, &["--format", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{good} {bad}");
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(report["schema"], "sipauth.compare");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let all = report["differences"].as_array().expect("a list").iter();
    all.map(|one| (text(&one["aspect"]), text(&one["good"]), text(&one["bad"]))).collect()
}

/// What each scenario does wrong, as its README says.
#[test]
fn the_fault_is_among_the_differences() {
    let check = |bad: &str, aspect: &str, value: &str| {
        let all = differences("register-ok", bad);
        let found = all.iter().find(|(name, _, _)| name == aspect).unwrap_or_else(|| panic!("{bad}: {all:?}"));
        assert!(found.2.contains(value), "{bad}: {found:?}");
    };
    check("register-wrong-header", "credentials: header", "Proxy-Authorization");
    check("register-realm-mismatch", "credentials: realm", "not that of the challenge");
    check("register-cseq-not-raised", "answer's CSeq", "the same");
    check("register-qop-dropped", "credentials: qop", "absent");
    check("register-wrong-password-403", "outcome", "forbidden");
    check("register-basic-scheme", "challenge: scheme", "Basic");
}

#[test]
fn one_capture_has_no_difference_to_itself() {
    assert_eq!(differences("register-ok", "register-ok"), []);
}

#[test]
fn every_format_tells_the_same() {
    let differences = differences("register-ok", "register-wrong-header");
    assert!(!differences.is_empty());
    for format in ["human", "markdown", "html"] {
        let text = compared("register-ok", "register-wrong-header", &["--format", format]).stdout;
        for (aspect, _, bad) in &differences {
            let aspect = if format == "html" { aspect.replace("&", "&amp;") } else { aspect.clone() };
            assert!(text.contains(&aspect), "{format}: {aspect}: {text}");
            let bad = bad.split(['<', '_', '&']).next().unwrap_or_default();
            assert!(text.contains(bad), "{format}: {bad}");
        }
        assert!(text.contains("credentials-wrong-header"), "{format}");
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("empty.pcap"), crate::corpus::plain_pcap(&[])).expect("it can be written");
    let run = run(sipauth(folder.path()).args(["compare", "empty.pcap", "empty.pcap"]));
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("no session about authentication"), "{}", run.stderr);
    let missing = crate::run::run(sipauth(folder.path()).args(["compare", "empty.pcap", "none.pcap"]));
    assert_eq!(missing.code, 3, "{}", missing.stderr);
}
