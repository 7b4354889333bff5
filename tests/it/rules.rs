//! Every rule against scenarios that show it and against those that look like it. One `check` for all of them.

mod acks;
mod aka;
mod anew;
mod asked;
mod authentication_info;
mod behind;
mod branches;
mod bystanders;
mod calls;
mod catalogue;
mod challenges;
mod compared;
mod credential_form;
mod credentials;
mod endings;
mod fair;
mod field;
mod hangups;
mod history;
mod hops;
mod legs;
mod loops;
mod modesty;
mod near_misses;
mod nonce_counts;
mod nonce_life;
mod nonces;
mod once;
mod order;
mod outcomes;
mod overlooked;
mod path;
mod precedence;
mod realms;
mod relays;
mod security;
mod settled;
mod silence;
mod strangers;
mod tickets;
mod transactions;
mod transports;
mod unknown;
mod unread;
mod unseen;
mod weighed;

use std::fmt::Write;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::digest::keyring;
use sipauth::report::Finding;
use sipauth::report::Redaction;
use sipauth::report::Report;

/// No secret is given.
const NOTHING: &str = "";
/// The password that `RIGHT` and its like use.
const SECRET: &str = "1001,*,secret\n";

/// A REGISTER and its first challenge.
const ASKED: &str = "> REGISTER\n< 401\nWWW-Authenticate: challenge\n";
/// A REGISTER that answers the newest challenge.
const RIGHT: &str = "> REGISTER\nAuthorization: digest user=1001 password=secret\n";
/// The same with another password.
const WRONG: &str = "> REGISTER\nAuthorization: digest user=1001 password=wrong\n";
/// Challenged, with a new nonce.
const REFUSED: &str = "< 401\nWWW-Authenticate: challenge\n";
/// Challenged, for the old one's age.
const STALE: &str = "< 401\nWWW-Authenticate: challenge stale=true\n";
const OK: &str = "< 200\n";
/// The capture goes on for a while.
const LATER: &str = "+40 [later] > OPTIONS\n[later] < 200\n";

/// An INVITE and its first challenge.
const CALL_ASKED: &str = "> INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n";
const CALL_RIGHT: &str = "> INVITE\nProxy-Authorization: digest user=1001 password=secret\n";
const CALL_WRONG: &str = "> INVITE\nProxy-Authorization: digest user=1001 password=wrong\n";
const CALL_REFUSED: &str = "< 407\nProxy-Authenticate: challenge\n> ACK\n";
const CALL_OK: &str = "< 200\n> ACK\n";

/// Analyses a capture with the credentials of a CSV file.
pub fn analyse(scenario: &[&str], credentials: &str) -> Report {
    analyse_capture(crate::scenario::pcap(&scenario.concat()), credentials)
}

/// Analyses a capture's bytes.
pub fn analyse_capture(capture: Vec<u8>, credentials: &str) -> Report {
    let limits = Limits::default();
    let keyring = match credentials {
        NOTHING => sipauth::digest::Keyring::new(),
        rows => keyring::read(rows.as_bytes(), "credentials.csv", None).expect("credentials").0,
    };
    let settings = Settings { keyring, redaction: Redaction::None, ..Settings::default() };
    let mut analyzer = Analyzer::new(settings);
    let mut reader = Reader::open(Box::new(std::io::Cursor::new(capture)), InputId(0), &limits).expect("a capture");
    while let Some(record) = reader.next_record().expect("it can be read") {
        analyzer.push(&record);
    }
    analyzer.end_input("scenario", reader.summary());
    analyzer.finish()
}

/// Plays a scenario and holds the report against `expected`, one fact a line:
///
/// - `high RULE` (or another severity), then any of `cause=`, `fault=`, `sure=`, `sessions=` and `frames=` (how many), `by=` (the rule of the
///   finding that causes it, `by=-` for none), `excludes=` (a word of what is ruled out) `says=` (a word of the title, the explanation, the
///   advice or what is ruled out) and `unsaid=` (none of these holds it);
/// - `no RULE…`: these are not found; `clean`: nothing of medium or above;
/// - `verdict WORD`, `told TEXT` and `untold TEXT`: what the first lines of the report say, and do not;
/// - `sessions OUTCOME…` and `attempts OUTCOME…`: all of them, in order.
///
/// No session may have two findings of high or above, whatever is expected, unless a line `several` says so.
#[track_caller]
fn check(scenario: &[&str], credentials: &str, expected: &str) {
    check_capture(crate::scenario::pcap(&scenario.concat()), credentials, expected);
}

/// The same of a capture's bytes.
#[track_caller]
fn check_capture(capture: Vec<u8>, credentials: &str, expected: &str) {
    let report = analyse_capture(capture, credentials);
    let wrong: Vec<String> = expected.lines().filter_map(|line| objection(&report, line.trim())).collect();
    let has_several = expected.lines().any(|line| line.trim() == "several");
    let one_cause = if has_several { None } else { two_causes(&report) };
    if !wrong.is_empty() || one_cause.is_some() {
        panic!("{wrong:#?} {}\nin\n{}", one_cause.unwrap_or_default(), shown(&report));
    }
}

fn objection(report: &Report, line: &str) -> Option<String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words: Vec<&str> = rest.split_whitespace().collect();
    let outcomes = |all: Vec<&str>| (all != words).then(|| format!("{line}: they are {all:?}"));
    match word {
        "" | "several" => None,
        "clean" => {
            let bad = report.findings.iter().find(|finding| is_at_least_medium(finding));
            bad.map(|finding| format!("not clean: {}", finding.rule))
        }
        "no" => {
            words.iter().for_each(|rule| assert!(sipauth::rules::find(rule).is_some(), "{rule} is no rule"));
            let found = words.iter().find(|rule| report.findings.iter().any(|finding| finding.rule == **rule));
            found.map(|rule| format!("{rule} is found"))
        }
        "verdict" => (report.summary.verdict != rest).then(|| format!("{line}: it is {}", report.summary.verdict)),
        "told" | "untold" => {
            let headlines = report.summary.headlines.join("; ");
            (headlines.contains(rest) != (word == "told")).then(|| format!("{line}: they are {headlines}"))
        }
        "sessions" => outcomes(report.sessions.iter().map(|session| session.outcome.name()).collect()),
        "attempts" => outcomes(
            report
                .sessions
                .iter()
                .flat_map(|session| &session.attempts)
                .map(|attempt| attempt.outcome.name())
                .collect(),
        ),
        severity => {
            let (rule, facts) = words.split_first().expect("a rule behind the severity");
            assert!(sipauth::rules::find(rule).is_some(), "{rule} is no rule");
            let found = report.findings.iter().filter(|finding| finding.rule == *rule);
            let fits = |finding: &Finding| {
                finding.severity == severity && facts.iter().all(|fact| is_said(report, finding, fact))
            };
            (!found.clone().any(fits)).then(|| format!("{line}: not found so"))
        }
    }
}

fn is_said(report: &Report, finding: &Finding, fact: &str) -> bool {
    let (name, value) = fact.split_once('=').expect("name=value");
    let word = value.replace('_', " ");
    match name {
        "cause" => finding.cause == Some(value),
        "fault" => finding.fault == value,
        "sure" => finding.confidence == value,
        "by" => cause_of(report, finding).unwrap_or("-") == value,
        "sessions" => finding.count.to_string() == value,
        "frames" => finding.frames.len().to_string() == value,
        "says" | "unsaid" => {
            let texts = finding.excluded.iter().chain(&finding.remedy).chain([&finding.title, &finding.explanation]);
            texts.into_iter().any(|text| text.contains(&word)) == (name == "says")
        }
        "excludes" => finding.excluded.iter().any(|text| text.contains(&word)),
        _ => panic!("{fact}: not understood"),
    }
}

fn cause_of<'r>(report: &'r Report, finding: &Finding) -> Option<&'r str> {
    let id = finding.caused_by.as_ref()?;
    report.findings.iter().find(|other| other.id == *id).map(|other| other.rule)
}

fn is_at_least_medium(finding: &Finding) -> bool {
    matches!(finding.severity, "critical" | "high" | "medium")
}

/// One root cause, one high finding.
fn two_causes(report: &Report) -> Option<String> {
    report.sessions.iter().find_map(|session| {
        let high = report.findings.iter().filter(|finding| {
            matches!(finding.severity, "critical" | "high") && finding.sessions.contains(&session.id)
        });
        let rules: Vec<&str> = high.map(|finding| finding.rule).collect();
        (rules.len() > 1).then(|| format!("session {} has several high findings: {rules:?}", session.id))
    })
}

/// What was found, for the eyes of whoever broke it.
fn shown(report: &Report) -> String {
    let mut text = String::new();
    for session in &report.sessions {
        let attempts: Vec<String> = session
            .attempts
            .iter()
            .map(|attempt| format!("{} {:?} {}", attempt.method, attempt.status, attempt.outcome))
            .collect();
        writeln!(text, "{} {}: {attempts:?}", session.id, session.outcome).unwrap();
    }
    for finding in &report.findings {
        let cause = cause_of(report, finding).unwrap_or("-");
        writeln!(
            text,
            "{} {} cause={} fault={} sure={} by={cause} {:?}: {} {} excluded {:?}",
            finding.severity,
            finding.rule,
            finding.cause.unwrap_or("-"),
            finding.fault,
            finding.confidence,
            finding.sessions,
            finding.title,
            finding.explanation,
            finding.excluded,
        )
        .unwrap();
    }
    text
}
