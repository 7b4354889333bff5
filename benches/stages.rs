//! The hot stages one by one, over all samples at once: what a change costs, before a whole run is timed.
//!
//! `cargo bench` runs them; `cargo bench -- parse` those whose names hold that word. Figures are for comparing two builds on one
//! machine, in turn; docs/performance.md has those of whole runs.

use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use divan::Bencher;
use divan::counter::BytesCount;
use divan::counter::ItemsCount;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::auth::parse_challenges;
use sipauth::auth::parse_credentials;
use sipauth::base::DecodeAs;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Frame;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::digest::Keyring;
use sipauth::digest::Request;
use sipauth::digest::Secret;
use sipauth::digest::Verifier;
use sipauth::packet;
use sipauth::packet::Decoded;
use sipauth::sip::HeaderName;
use sipauth::sip::parse::Source;

fn main() {
    divan::main();
}

/// What is read of a message beside its bytes.
const WHOLE: Source = Source { is_cut: false, header_fields_max: 8192 };

/// The captures of all samples, in order of their names.
fn captures() -> Vec<Vec<u8>> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let folders = std::fs::read_dir(samples).expect("the samples are there");
    let mut files: Vec<_> = folders.filter_map(|folder| Some(folder.ok()?.path().join("capture.pcap"))).collect();
    files.sort();
    files.iter().filter_map(|file| std::fs::read(file).ok()).collect()
}

fn each_frame(capture: &[u8], mut each: impl FnMut(&Frame<'_>)) {
    let source = Box::new(Cursor::new(capture.to_vec()));
    let mut reader = Reader::open(source, InputId(0), &Limits::default()).expect("a sample is a capture");
    while let Ok(Some(record)) = reader.next_record() {
        if let Record::Frame(frame) = record {
            each(&frame);
        }
    }
}

/// The SIP messages that came whole in a datagram.
fn messages() -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let limits = Limits::default();
    for capture in captures() {
        each_frame(&capture, |frame| {
            if let Decoded::Udp(datagram) = packet::decode(frame, &limits, &DecodeAs::default()) {
                messages.push(datagram.payload.to_vec());
            }
        });
    }
    messages
}

/// The values of the headers of that name in all messages.
fn values(name: HeaderName) -> Vec<Vec<u8>> {
    let of_message = |message: &Vec<u8>| -> Vec<Vec<u8>> {
        let message = sipauth::sip::parse(message, WHOLE);
        message.values(name).map(<[u8]>::to_vec).collect()
    };
    messages().iter().flat_map(of_message).collect()
}

fn len_bytes(all: &[Vec<u8>]) -> BytesCount {
    BytesCount::new(all.iter().map(Vec::len).sum::<usize>())
}

/// Container and records: the walk over a capture that is in memory.
#[divan::bench]
fn read(bencher: Bencher) {
    let captures = captures();
    bencher.counter(len_bytes(&captures)).bench(|| {
        let mut frames = 0;
        captures.iter().for_each(|capture| each_frame(capture, |_| frames += 1));
        frames
    });
}

/// The same, and link, network and transport headers.
#[divan::bench]
fn decode(bencher: Bencher) {
    let (captures, limits) = (captures(), Limits::default());
    bencher.counter(len_bytes(&captures)).bench(|| {
        for capture in &captures {
            each_frame(capture, |frame| {
                divan::black_box(packet::decode(frame, &limits, &DecodeAs::default()));
            });
        }
    });
}

/// The scanner over every message.
#[divan::bench]
fn parse_message(bencher: Bencher) {
    let messages = messages();
    bencher
        .counter(ItemsCount::new(messages.len()))
        .counter(len_bytes(&messages))
        .bench(|| messages.iter().map(|message| sipauth::sip::parse(message, WHOLE).headers.len()).sum::<usize>());
}

/// Challenges, with all their parameters.
#[divan::bench]
fn parse_challenge(bencher: Bencher) {
    let values = values(HeaderName::WwwAuthenticate);
    bencher
        .counter(ItemsCount::new(values.len()))
        .bench(|| values.iter().map(|value| parse_challenges(value).len()).sum::<usize>());
}

/// Credentials, likewise.
#[divan::bench]
fn parse_authorization(bencher: Bencher) {
    let values = values(HeaderName::Authorization);
    bencher
        .counter(ItemsCount::new(values.len()))
        .bench(|| values.iter().map(|value| parse_credentials(value).len()).sum::<usize>());
}

/// One digest with an HA1 that is known: RFC 2617's own example.
#[divan::bench]
fn check_digest(bencher: Bencher) {
    let value = br#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1""#;
    let mut keyring = Keyring::new();
    keyring.account(b"Mufasa", b"*", Secret::password(b"Circle Of Life"), "bench").expect("one entry is not too many");
    let mut verifier = Verifier::new(keyring);
    let credentials = parse_credentials(value);
    let credentials = credentials.first().expect("these are credentials");
    let request = Request { method: b"GET", body: Some(b""), ambiguous: false, headers_cut: false };
    assert!(verifier.check(credentials, &request, None).is_some());
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| verifier.check(credentials, &request, None));
}

/// Everything from the bytes of each capture to its whole report.
#[divan::bench]
fn analyze(bencher: Bencher) {
    let captures = captures();
    bencher.counter(len_bytes(&captures)).bench(|| {
        for capture in &captures {
            let mut analyzer = Analyzer::new(Settings::default());
            each_frame(capture, |frame| analyzer.push(&Record::Frame(*frame)));
            divan::black_box(analyzer.finish());
        }
    });
}

/// The sessions of one report as JSON.
#[divan::bench]
fn write_json(bencher: Bencher) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/register-wrong-password-loop/capture.pcap");
    let file = File::open(file).expect("the sample is there");
    let mut reader = Reader::open(Box::new(file), InputId(0), &Limits::default()).expect("a sample is a capture");
    let mut analyzer = Analyzer::new(Settings::default());
    while let Ok(Some(record)) = reader.next_record() {
        analyzer.push(&record);
    }
    let report = analyzer.finish();
    bencher.bench(|| {
        let mut json = Vec::new();
        let written = report.sessions.iter().try_for_each(|session| sipauth::report::json::line(&mut json, session));
        written.map(|()| json.len())
    });
}
