//! Every prefix and every single-bit flip of eight samples, one of each kind of input: none may panic or hang, the ledger of
//! frames balances, and no digest matches whose inputs are not those that matched before. The tests try a part of them; this
//! tries them all: `cargo run --release --example mutations [SAMPLE…]`.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Cursor;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::digest::Keyring;
use sipauth::digest::keyring;
use sipauth::report::Redaction;
use sipauth::report::Report;
use sipauth::report::human::HumanReport;
use sipauth::report::json::JsonWriter;

/// pcap, pcapng, TCP, fragments, WebSocket, TLS, gzip, IPv6.
const SAMPLES: [&str; 8] = [
    "register-ok",
    "pcapng-wrong-password",
    "tcp-split-in-odd-places",
    "fragmented-invite-ok",
    "websocket-register-ok",
    "tls-register-ok",
    "gzip-wrong-password",
    "ipv6-register-ok",
];

struct Sample {
    capture: Vec<u8>,
    /// Name and content of the file of secrets.
    secrets: (String, Vec<u8>),
    key_log: Vec<u8>,
}

impl Sample {
    fn read(name: &str) -> Result<Sample, Box<dyn Error>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?;
        files.sort();
        let find = |stem: &str| {
            files.iter().find(|path| path.file_stem().is_some_and(|name| name.to_string_lossy().starts_with(stem)))
        };
        let secrets = find("credentials").ok_or("a sample needs credentials")?;
        Ok(Sample {
            capture: std::fs::read(find("capture").ok_or("a sample needs a capture")?)?,
            secrets: (secrets.display().to_string(), std::fs::read(secrets)?),
            key_log: std::fs::read(folder.join("tls.keys")).unwrap_or_default(),
        })
    }

    fn keyring(&self) -> Keyring {
        keyring::read(&self.secrets.1, &self.secrets.0, None).expect("the secrets of a sample can be read").0
    }

    /// The report, written for people and for programs as well; none where it is no capture at all.
    fn report(&self, capture: Vec<u8>) -> Option<Report> {
        let settings = Settings { keyring: self.keyring(), redaction: Redaction::None, ..Settings::default() };
        let mut analyzer = Analyzer::new(settings);
        analyzer.add_tls_key_log(&self.key_log);
        let mut reader = Reader::open(Box::new(Cursor::new(capture)), InputId(0), &Limits::default()).ok()?;
        while let Ok(Some(record)) = reader.next_record() {
            analyzer.push(&record);
        }
        analyzer.end_input("capture", reader.summary());
        let report = analyzer.finish();
        let set_aside: u64 = report.coverage.set_aside.values().sum();
        assert_eq!(report.coverage.frames, report.coverage.used + set_aside, "every frame is used or set aside");
        assert_eq!(report.coverage.frames, report.inputs[0].packets);
        let mut json = JsonWriter::new(Vec::new(), Report::empty());
        let mut human = HumanReport::new(Redaction::Default);
        for session in &report.sessions {
            json.session(session).expect("memory can be written");
            human.session(session);
        }
        json.finish(&report).expect("memory can be written");
        human.print(&report, 80);
        Some(report)
    }
}

/// What the digests that match are made of. Letter case in algorithms and in hex is not told apart.
fn matched(report: &Report) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for attempt in report.sessions.iter().flat_map(|session| &session.attempts) {
        for row in &attempt.credentials {
            if row.verification.as_ref().is_none_or(|verification| verification.result != "match") {
                continue;
            }
            let nonce =
                report.nonces.iter().find(|nonce| Some(&nonce.id) == row.nonce_id.as_ref()).map(|nonce| &nonce.value);
            let lower = |text: &Option<String>| text.as_ref().map(|text| text.to_ascii_lowercase());
            all.insert(format!(
                "{:?}",
                (
                    (&row.username, &row.username_hex, &row.realm, &row.realm_hex, &row.uri, nonce),
                    (lower(&row.algorithm), &row.qop, &row.nc, &row.cnonce, lower(&row.response), &attempt.method),
                )
            ));
        }
    }
    all
}

/// The capture with one bit flipped; behind the last bit, its prefixes.
fn mutation(capture: &[u8], number: usize) -> (String, Vec<u8>) {
    match number.checked_sub(capture.len() * 8) {
        Some(len) => (format!("cut at {len}"), capture[..len].to_vec()),
        None => {
            let mut flipped = capture.to_vec();
            flipped[number / 8] ^= 1 << (number % 8);
            (format!("bit {number} flipped"), flipped)
        }
    }
}

/// Tries everything on one sample; how many mutations, and what went wrong.
fn try_all(sample: &Sample) -> (usize, Vec<String>) {
    let total = sample.capture.len() * 9;
    let expect = sample.report(sample.capture.clone()).map(|report| matched(&report)).unwrap_or_default();
    let faults = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let try_some = |first: usize| {
        for number in (first..total).step_by(workers) {
            let (what, capture) = mutation(&sample.capture, number);
            let run = AssertUnwindSafe(|| sample.report(capture).map(|report| matched(&report)));
            let fault = match std::panic::catch_unwind(run) {
                Err(_) => format!("{what}: it panics"),
                Ok(Some(found)) if !found.is_subset(&expect) => format!("{what}: it matches {found:?}"),
                Ok(_) => continue,
            };
            faults.lock().expect("no thread panics while it holds this").push(fault);
        }
    };
    std::thread::scope(|scope| {
        for first in 0..workers {
            scope.spawn(move || try_some(first));
        }
    });
    (total, faults.into_inner().expect("no thread panics while it holds this"))
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names = SAMPLES.map(str::to_owned).to_vec();
    }
    let mut is_fine = true;
    for name in names {
        let begun = Instant::now();
        let (total, faults) = try_all(&Sample::read(&name)?);
        println!("{name}: {total} mutations, {} faults, {:.0} s", faults.len(), begun.elapsed().as_secs_f64());
        faults.iter().take(20).for_each(|fault| println!("  {fault}"));
        is_fine &= faults.is_empty();
    }
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
