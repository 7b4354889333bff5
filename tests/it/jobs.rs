//! Threads change no report.

use std::io;
use std::io::Cursor;
use std::io::Read;
use std::path::Path;

use proptest::prelude::*;
use sipauth::analyzer::Analyzer;
use sipauth::analyzer::NonceRows;
use sipauth::analyzer::Settings;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::digest::keyring;
use sipauth::report::Report;
use sipauth::report::Row;

use crate::corpus;
use crate::run::run;
use crate::run::sipauth;
use crate::scenario;

const SECRETS: &str = "1001,*,secret\nalice,*,wonderland-7\n";

/// Bytes that come in pieces of at most so many.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.1);
        self.0.read(&mut buffer[..len])
    }
}

/// How a capture goes through the stages.
#[derive(Clone, Copy, Debug)]
struct Way {
    jobs: usize,
    /// Frames behind which rows are asked for.
    drained_every: usize,
    /// Bytes that pass from thread to thread together.
    batch_bytes: usize,
    /// Bytes that one read gives.
    read_bytes: usize,
}

/// Everything that is told of a capture, in order, with rows asked for every so many frames.
fn told(capture: &[u8], secrets: &str, jobs: usize, drained_every: usize) -> String {
    let batch_bytes = Limits::default().batch_bytes_max;
    told_by(capture, secrets, Way { jobs, drained_every, batch_bytes, read_bytes: usize::MAX })
}

/// Everything that is told of a capture, in order.
fn told_by(capture: &[u8], secrets: &str, way: Way) -> String {
    let Way { jobs, drained_every, batch_bytes, read_bytes } = way;
    let (keyring, _) = keyring::read(secrets.as_bytes(), "c.csv", None).expect("credentials");
    let limits = Limits { batch_bytes_max: batch_bytes, ..Limits::default() };
    let input = Box::new(Pieces(Cursor::new(capture.to_vec()), read_bytes));
    let mut reader = Reader::open(input, InputId(0), &limits).expect("it is a capture");
    let settings = Settings { keyring, jobs, limits, nonce_rows: NonceRows::AtRest, ..Settings::default() };
    let mut analyzer = Analyzer::new(settings);
    let mut text = String::new();
    let tell = |text: &mut String, row: Row| match row {
        Row::Session(session) => text.push_str(&serde_json::to_string(&session).expect("JSON")),
        Row::Nonce(nonce) => text.push_str(&serde_json::to_string(&nonce).expect("JSON")),
    };
    let mut frames = 0;
    while let Ok(Some(record)) = reader.next_record() {
        analyzer.push(&record);
        frames += 1;
        if frames % drained_every == 0 {
            analyzer.drain().for_each(|row| tell(&mut text, row));
        }
    }
    analyzer.end_input("capture", reader.summary());
    let (report, _) = analyzer.finish_with_rows(|row| tell(&mut text, row));
    let Report { findings, summary, diagnostics, coverage, ticket, .. } = report;
    text + &serde_json::to_string(&(findings, summary, diagnostics, coverage, ticket)).expect("JSON")
}

#[test]
fn every_sample_is_told_the_same_with_one_two_and_eight_threads() {
    for corpus::Sample { name, bytes, .. } in corpus::samples() {
        let one = told(&bytes, SECRETS, 1, 1);
        assert!(one == told(&bytes, SECRETS, 2, 1) && one == told(&bytes, SECRETS, 8, 5), "{name}");
    }
}

#[test]
fn the_option_changes_no_report() {
    let sample = corpus::sample("invite-two-realms-ok");
    let report = |jobs: &str| {
        let options = ["analyze", "--quiet", "--fail-on", "never", "--format", "json", "--jobs", jobs];
        run(sipauth(Path::new(".")).args(options).arg(&sample.path)).stdout
    };
    let one = report("1");
    assert!(one.len() > 500 && one == report("2") && one == report("8"));
    let wrong = run(sipauth(Path::new(".")).args(["analyze", "--jobs", "0"]).arg(&sample.path));
    assert!(wrong.code == 2 && wrong.stderr.contains("--jobs"), "{wrong:?}");
}

#[test]
fn rows_come_in_the_same_order_however_often_they_are_asked_for() {
    let talk = |number: usize| {
        let password = if number.is_multiple_of(7) { "wrong" } else { "secret" };
        format!(
            "
            +3 [r{number}] > REGISTER
            [r{number}] < 401
            WWW-Authenticate: challenge
            [r{number}] > REGISTER
            Authorization: digest user=1001 password={password}
            [r{number}] < 200
            "
        )
    };
    let capture = scenario::pcap(&(0..1_500).map(talk).collect::<String>());
    let one = told(&capture, SECRETS, 1, 1);
    assert_eq!(one.matches("\"call_id\"").count(), 1_500);
    for (jobs, drained_every) in [(1, 1_000_000), (2, 1), (2, 7), (2, 1_000), (8, 100), (2, 1_000_000)] {
        assert!(one == told(&capture, SECRETS, jobs, drained_every), "{jobs} {drained_every}");
    }
}

#[test]
fn losses_reach_the_rules_over_threads_as_without() {
    for corpus::Sample { name, bytes, .. } in corpus::samples() {
        // Without every fifth frame: holes in streams, fragments that wait, answers without requests.
        let mut number = 0;
        let mut frames = corpus::frames(&bytes);
        frames.retain(|_| {
            number += 1;
            number % 5 != 0
        });
        let holed = corpus::plain_pcap(&frames);
        assert!(told(&holed, SECRETS, 1, 1) == told(&holed, SECRETS, 2, 3), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_of_any_size_give_the_same_report(
        which: prop::sample::Index,
        jobs in prop::sample::select(vec![1_usize, 2, 8]),
        drained_every in 1_usize..40,
        batch_bytes in 1_usize..8_000,
        read_bytes in 1_usize..3_000,
    ) {
        let samples = corpus::samples();
        let corpus::Sample { name, bytes, .. } = which.get(&samples);
        let way = Way { jobs, drained_every, batch_bytes, read_bytes };
        prop_assert!(told(bytes, SECRETS, 1, 1) == told_by(bytes, SECRETS, way), "{name} {way:?}");
    }
}
