//! Attacks, one kind a file. Beside each goes a registration whose digest is right: it has to be verified all the same, the
//! attack has to be named, and no format may pass on what acts on a reader.

use sipauth::digest::Keyring;
use sipauth::digest::Secret;
use sipauth::report::Attempt;
use sipauth::report::Redaction;
use sipauth::report::Report;
use sipauth::report::Session;
use sipauth::report::csv::CsvWriter;
use sipauth::report::html::HtmlReport;
use sipauth::report::markdown::MarkdownReport;
use sipauth::report::ndjson::NdjsonWriter;

use crate::corpus;
use crate::hostile::is_harmful;
use crate::scenario;
use crate::wire;
use crate::wire::Order;
use crate::wire::Resolution;

mod catalogue;
mod containers;
mod floods;
mod fragments;
mod fuzzed;
mod lengths;
mod overlaps;
mod sequences;
mod text;

/// Who registers beside the attack, and who is attacked.
const PASSWORD: &str = "secret";

fn keyring() -> Keyring {
    let mut keyring = Keyring::new();
    for user in ["good", "1001"] {
        let secret = Secret::password(PASSWORD.as_bytes());
        keyring.account(user.as_bytes(), b"*", secret, "--user").expect("an account fits");
    }
    keyring
}

/// The frames of a registration with a right digest: client, server, client, server. Requests hold these header lines, too.
fn frames_of_registration(user: &str, more: &str) -> Vec<Vec<u8>> {
    let text = format!(
        "user {user}\n> REGISTER\nCall-ID: call-of-{user}\n{more}< 401\nWWW-Authenticate: challenge\n\
         > REGISTER\nCall-ID: call-of-{user}\n{more}Authorization: digest user={user} password={PASSWORD}\n< 200\n"
    );
    corpus::frames(&scenario::pcap(&text)).into_iter().map(|frame| frame.bytes).collect()
}

/// Its messages alone.
fn registration(user: &str, more: &str) -> Vec<Vec<u8>> {
    const HEADERS_LEN: usize = 14 + 20 + 8;
    frames_of_registration(user, more).into_iter().map(|frame| frame[HEADERS_LEN..].to_vec()).collect()
}

/// Analyses these frames between the first and the second half of a registration over UDP between other hosts, and checks that
/// it was verified and that every format is clean.
fn beside_a_registration(attack: &[Vec<u8>]) -> Report {
    let good = frames_of_registration("good", "");
    let frames = [&good[..2], attack, &good[2..]].concat();
    let report = analyze(&frames);
    let sessions: Vec<&Session> = of_user(&report, "good").collect();
    assert_eq!(sessions.len(), 1, "one session of the good client");
    assert_eq!(results(sessions[0]), ["match"]);
    assert_eq!(sessions[0].final_status, Some(200));
    report
}

/// The report on frames a millisecond apart, clean in every format.
fn analyze(frames: &[Vec<u8>]) -> Report {
    analyze_timed(&wire::timed(frames))
}

/// The same of frames with their times in nanoseconds.
fn analyze_timed(frames: &[(u64, Vec<u8>)]) -> Report {
    let file = wire::pcap(Order::Little, Resolution::Micro, frames);
    let report = corpus::analyze(&file, keyring());
    check_clean(&report);
    report
}

fn of_user<'r>(report: &'r Report, user: &'r str) -> impl Iterator<Item = &'r Session> {
    report.sessions.iter().filter(move |session| session.user == user)
}

/// What came of the checks of a session's credentials.
fn results(session: &Session) -> Vec<&'static str> {
    let rows = session.attempts.iter().flat_map(|attempt| &attempt.credentials);
    rows.filter_map(|row| Some(row.verification.as_ref()?.result)).collect()
}

fn attempts(report: &Report) -> impl Iterator<Item = &Attempt> {
    report.sessions.iter().flat_map(|session| &session.attempts)
}

/// How often the diagnostics name an event.
fn event(report: &Report, name: &str) -> u64 {
    report.diagnostics.iter().filter(|diagnostic| diagnostic.event == name).map(|diagnostic| diagnostic.count).sum()
}

fn set_aside(report: &Report, reason: &str) -> u64 {
    report.coverage.set_aside.get(reason).copied().unwrap_or_default()
}

/// Whether every format is free of characters that act on a terminal. Text for people may have styles of our own.
fn check_clean(report: &Report) {
    let mut ndjson = NdjsonWriter::new(Vec::new(), Report::empty());
    let mut csv = CsvWriter::new(Vec::new());
    let (mut markdown, mut html) = (MarkdownReport::new(Redaction::Default), HtmlReport::new(Redaction::Default));
    for session in &report.sessions {
        ndjson.session(session).expect("memory can be written");
        csv.session(session).expect("memory can be written");
        markdown.session(session);
        html.session(session);
    }
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is UTF-8");
    let json = corpus::json(report);
    serde_json::from_str::<serde_json::Value>(&json).expect("the report is JSON");
    let pages = [
        ("json", json),
        ("ndjson", text(ndjson.finish(report).expect("memory can be written"))),
        ("csv", text(csv.finish().expect("memory can be written")).replace("\r\n", "\n")),
        ("markdown", markdown.print(report)),
        ("html", html.print(report)),
        ("human", anstream::adapter::strip_str(&corpus::human(report)).to_string()),
    ];
    for (format, page) in pages {
        let harmful: Vec<char> = page.chars().filter(|c| *c != '\n' && is_harmful(*c)).collect();
        assert!(harmful.is_empty(), "{format}: {harmful:?}");
    }
}
