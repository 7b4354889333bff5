//! From the file to every format: the ledger balances, JSON is JSON, and no format holds a character that acts on a terminal.

use std::io::Cursor;

use super::is_harmful;
use super::keyring;
use super::small_limits;
use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::base::InputId;
use sipauth::capture::Reader;
use sipauth::report::Redaction;
use sipauth::report::Report;
use sipauth::report::csv::CsvWriter;
use sipauth::report::html::HtmlReport;
use sipauth::report::human::HumanReport;
use sipauth::report::json::JsonWriter;
use sipauth::report::markdown::MarkdownReport;
use sipauth::report::ndjson::NdjsonWriter;
use sipauth::report::sarif;
use sipauth::report::sarif::Spans;

/// One input of so many is written as SARIF.
const SARIF_EVERY: usize = 8;

fn check_clean(format: &str, text: &str) {
    let harmful = text.chars().find(|character| is_harmful(*character) && !matches!(character, '\n' | '\r'));
    assert_eq!(harmful, None, "{format}");
}

/// A page without its style and its script, which are the same in all, and long.
fn body(page: &str) -> &str {
    let start = page.find("<body").expect("a page has a body");
    let end = page.rfind("<script").expect("a page has a script");
    &page[start..end]
}

fn check(bytes: &[u8], redaction: Redaction) {
    let limits = small_limits();
    let source = Box::new(Cursor::new(bytes.to_vec()));
    let Ok(mut reader) = Reader::open(source, InputId(0), &limits) else { return };
    let settings =
        Settings { limits, keyring: keyring(), redaction, pseudonym_key: Some([7; 32]), ..Settings::default() };
    let mut analyzer = Analyzer::new(settings);
    while let Ok(Some(record)) = reader.next_record() {
        analyzer.push(&record);
    }
    analyzer.end_input("capture", reader.summary());
    let report = analyzer.finish();
    let set_aside: u64 = report.coverage.set_aside.values().sum();
    assert_eq!(report.coverage.frames, report.coverage.used + set_aside);
    assert_eq!(report.coverage.frames, report.inputs[0].packets);

    let (mut json, mut ndjson) =
        (JsonWriter::new(Vec::new(), Report::empty()), NdjsonWriter::new(Vec::new(), Report::empty()));
    let (mut csv, mut human) = (CsvWriter::new(Vec::new()), HumanReport::new(redaction));
    let (mut markdown, mut html) = (MarkdownReport::new(redaction), HtmlReport::new(redaction));
    for session in &report.sessions {
        json.session(session).unwrap();
        ndjson.session(session).unwrap();
        csv.session(session).unwrap();
        human.session(session);
        markdown.session(session);
        html.session(session);
    }
    let json = String::from_utf8(json.finish(&report).unwrap()).expect("JSON is UTF-8");
    serde_json::from_str::<serde_json::Value>(&json).expect("the report is JSON");
    let ndjson = String::from_utf8(ndjson.finish(&report).unwrap()).expect("NDJSON is UTF-8");
    for line in ndjson.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("every line is JSON");
    }
    let csv = String::from_utf8(csv.finish().unwrap()).expect("CSV is UTF-8");
    for (format, text) in [("json", json), ("ndjson", ndjson), ("csv", csv)] {
        check_clean(format, &text);
    }
    // Nearly all of SARIF are the rules, which are the same in all: it would take most of the time.
    if bytes.len().is_multiple_of(SARIF_EVERY) {
        let log = sarif::log(&report, redaction, &Spans::default());
        check_clean("sarif", &log["runs"][0]["results"].to_string());
    }
    check_clean("markdown", &markdown.print(&report));
    check_clean("html", body(&html.print(&report)));
    // Our own styles have the form ESC [ digits m.
    let human = human.print(&report, 120);
    let mut parts = human.split('\u{1b}');
    check_clean("human", parts.next().unwrap_or_default());
    for part in parts {
        let (style, text) = part.split_once('m').expect("a style has an end");
        assert!(style.starts_with('[') && style[1..].chars().all(|c| c.is_ascii_digit() || c == ';'), "{style:?}");
        check_clean("human", text);
    }
}

/// One input.
pub fn run(bytes: &[u8]) {
    let redaction = match bytes.len() % 3 {
        0 => Redaction::Default,
        1 => Redaction::Strict,
        _ => Redaction::None,
    };
    check(bytes, redaction);
}
