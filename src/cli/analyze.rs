//! `sipauth analyze`: captures in, report out.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::base::Limits;
use sipauth::capture::Ended;
use sipauth::capture::Merge;
use sipauth::capture::Next;
use sipauth::capture::Reader;
use sipauth::digest::Keyring;
use sipauth::filter::Filter;
use sipauth::filter::MatchBy;
use sipauth::report::Redaction;
use sipauth::report::Report;
use sipauth::report::Selection;
use sipauth::report::Session;
use sipauth::report::human;

use crate::cli::args::Analyze;
use crate::cli::args::Format;
use crate::cli::args::Match;
use crate::cli::args::SecretOptions;
use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::filters;
use crate::cli::output;
use crate::cli::output::Notes;
use crate::cli::output::Sink;
use crate::cli::printer::Printer;
use crate::cli::second_pass::Opened;
use crate::cli::secrets;

/// Analyses the captures and prints the report.
pub fn run(options: Analyze) -> Result<Exit> {
    let notes = Notes { is_quiet: options.quiet };
    let inputs: Vec<PathBuf> = options.captures.iter().chain(&options.read).cloned().collect();
    let read: Vec<PathBuf> = inputs.iter().chain(&options.tls_keylog).cloned().collect();
    refuse_two_readers_of_stdin(&options.secrets, &read)?;
    let filter = filters::filter(&options, &notes)?;
    let secrets = secrets::read(&options.secrets, &notes)?;
    if options.redact == Redaction::None {
        notes.warn("--redact none: this report holds what a password can be guessed from; do not pass it on");
    }
    let sink = match &options.output {
        Some(place) => Sink::file(place, &inputs, options.force)?,
        None => Sink::stdout(),
    };
    let frames_sink = frames_sink(&options, &inputs)?;
    let mut printer = Printer::new(sink, head(&options, filter.as_ref(), secrets.sources), &options);
    let mut analyzer = Analyzer::new(settings(&options, secrets.keyring, filter, &notes)?);
    add_key_logs(&mut analyzer, &options.tls_keylog, &notes)?;
    let mut opened = Opened::new(options.write.as_deref());
    if frames_sink.is_some() {
        analyzer.keep_frames();
    }
    let unreadable = read_all(&mut analyzer, &inputs, &mut opened, &mut |session| printer.session(session))?;
    if unreadable == inputs.len() {
        return Ok(Exit::Unreadable);
    }
    let fails = |report: &Report| is_failing(report, &options);
    let mut failure = None;
    let (report, frames) = analyzer.finish_with_frames(|session| {
        if let Err(error) = printer.session(&session) {
            failure.get_or_insert(error);
        }
    });
    failure.map_or(Ok(()), Err)?;
    if let Some(sink) = frames_sink {
        opened.write(sink, &report, &frames, options.show_secrets)?;
    }
    printer.finish(&report, |report| opened.spans(report))?;
    Ok(match () {
        () if unreadable > 0 => Exit::Unreadable,
        () if options.strict && report.diagnostics.iter().any(|diagnostic| diagnostic.severity == "low") => {
            Exit::Incomplete
        }
        () if fails(&report) => Exit::Finding,
        () => Exit::Success,
    })
}

/// The report before anything is known but how it was asked for.
fn head(options: &Analyze, filter: Option<&Filter>, sources: Vec<String>) -> Report {
    // Filters and files name what strict reports must not.
    let is_strict = options.redact == Redaction::Strict;
    let selection = Selection {
        filter: filter.filter(|_| !is_strict).map(Filter::text),
        presets: if is_strict { Vec::new() } else { options.preset.clone() },
        credential_sources: if is_strict { Vec::new() } else { sources },
        redaction: options.redact.name().to_owned(),
    };
    Report { generated_at: options.stamp.then(now), selection, ..Report::empty() }
}

fn settings(options: &Analyze, keyring: Keyring, filter: Option<Filter>, notes: &Notes) -> Result<Settings> {
    let pseudonym_key = match options.redact {
        Redaction::Strict => Some(secrets::pseudonym_key(options.pseudonym_key.as_deref(), notes)?),
        _ => None,
    };
    Ok(Settings {
        limits: Limits::default(),
        keyring,
        redaction: options.redact,
        pseudonym_key,
        sessions_max: Some(match options.format {
            Format::Human => options.limit_sessions.min(human::SESSIONS_LISTED),
            _ => options.limit_sessions,
        }),
        findings_max: Some(options.limit_findings),
        trusted: options.trusted.clone(),
        filter,
        match_by: match options.match_by {
            Match::Session => MatchBy::Session,
            Match::Message => MatchBy::Message,
        },
    })
}

fn add_key_logs(analyzer: &mut Analyzer, paths: &[PathBuf], notes: &Notes) -> Result<()> {
    for path in paths {
        if analyzer.add_tls_key_log(&secrets::read_key_log(path, notes)?) == 0 {
            notes.warn(&format!(
                "{}: holds no TLS secrets; expected the lines that SSLKEYLOGFILE has written",
                path.display()
            ));
        }
    }
    Ok(())
}

/// The place of the frames that `--write` asks for.
fn frames_sink(options: &Analyze, inputs: &[PathBuf]) -> Result<Option<Sink>> {
    if options.force && options.output.is_none() && options.write.is_none() {
        return Err(usage("--force replaces the file of --output or --write: name one"));
    }
    if options.pseudonym_key.is_some() && options.redact != Redaction::Strict {
        return Err(usage("--pseudonym-key is for --redact strict"));
    }
    let Some(place) = &options.write else { return Ok(None) };
    if options.filter.is_some() || !options.preset.is_empty() {
        return Err(usage("--write takes the frames of all SIP messages: use it without -Y and --preset"));
    }
    if options.redact == Redaction::Strict {
        return Err(usage("--write copies packets as they are: --redact strict cannot hold for them"));
    }
    if place == Path::new("-") {
        return Err(usage("--write needs a file: stdout carries the report"));
    }
    if options.output.as_ref() == Some(place) {
        return Err(usage("--write and --output name the same file"));
    }
    Sink::file(place, inputs, options.force).map(Some)
}

pub(super) fn refuse_two_readers_of_stdin(options: &SecretOptions, inputs: &[PathBuf]) -> Result<()> {
    let stdin = |paths: &[PathBuf]| paths.iter().filter(|path| *path == Path::new("-")).count();
    let readers = stdin(inputs) + stdin(&options.credentials) + usize::from(options.password_stdin);
    if readers > 1 {
        return Err(usage(
            "stdin can be read once: give all but one of capture, --credentials, --tls-keylog and password by file or prompt",
        ));
    }
    Ok(())
}

/// What becomes of a session once it has closed.
pub(super) type Each<'e> = &'e mut dyn FnMut(&Session) -> Result<()>;

/// Reads every input; says how many could not be read at all.
pub(super) fn read_all(
    analyzer: &mut Analyzer,
    inputs: &[PathBuf],
    opened: &mut Opened,
    each: Each<'_>,
) -> Result<usize> {
    // Pipes have to be read as they come, one behind the other.
    if inputs.len() > 1 && inputs.iter().all(|path| path != Path::new("-") && (path.is_file() || !path.exists())) {
        return read_merged(analyzer, inputs, opened, each);
    }
    let mut unreadable = 0;
    for path in inputs {
        if let Err(error) = read_one(analyzer, path, opened, each)? {
            tell_unreadable(analyzer, path, &error);
            unreadable += 1;
        }
    }
    Ok(unreadable)
}

/// Reads files as one capture, by the time of their frames.
fn read_merged(analyzer: &mut Analyzer, files: &[PathBuf], opened: &mut Opened, each: Each<'_>) -> Result<usize> {
    let mut merge = Merge::new(files, open, &Limits::default());
    let mut unreadable = 0;
    let mut ended: Vec<Ended> = Vec::new();
    while let Some(next) = merge.next_record() {
        match next {
            Next::Record(record) => analyzer.push(&record),
            Next::Ended(file) => {
                if let Some(error) = &file.error {
                    tell_unreadable(analyzer, &file.path, error);
                    unreadable += 1;
                }
                ended.push(file);
            }
            Next::Unreadable { path, error } => {
                tell_unreadable(analyzer, &path, &error);
                unreadable += 1;
            }
        }
        for session in analyzer.drain() {
            each(&session)?;
        }
    }
    ended.sort_by_key(|file| file.input);
    for file in ended {
        analyzer.end_input(&file.path.to_string_lossy(), &file.summary);
        opened.note(&file.path);
    }
    Ok(unreadable)
}

fn tell_unreadable(analyzer: &mut Analyzer, path: &Path, error: &str) {
    let shown = path.to_string_lossy();
    eprintln!("sipauth: {}", output::one_line(&format!("{shown}: {error}")));
    analyzer.note_unreadable(&shown, error);
}

/// Reads one input. The outer error ends the run: the output failed. The inner one is the input's own.
fn read_one(analyzer: &mut Analyzer, path: &Path, opened: &mut Opened, each: Each<'_>) -> Result<Result<(), String>> {
    let source: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        match open(path) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        }
    };
    let source = opened.open(path, source)?;
    let mut reader = match Reader::open(source, analyzer.next_input(), &Limits::default()) {
        Ok(reader) => reader,
        Err(error) => {
            opened.close();
            return Ok(Err(error.to_string()));
        }
    };
    let mut outcome = Ok(());
    loop {
        match reader.next_record() {
            Ok(Some(record)) => analyzer.push(&record),
            Ok(None) => break,
            Err(error) => {
                outcome = Err(error.to_string());
                break;
            }
        }
        for session in analyzer.drain() {
            each(&session)?;
        }
    }
    analyzer.end_input(&path.to_string_lossy(), reader.summary());
    Ok(outcome)
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("is a folder; name the captures in it".to_owned());
    }
    Ok(Box::new(file))
}

fn is_failing(report: &Report, options: &Analyze) -> bool {
    let Some(severity) = options.fail_on.severity() else { return false };
    let counts = &report.summary.findings_by_severity;
    sipauth::rules::Severity::ALL
        .iter()
        .filter(|level| **level >= severity)
        .any(|level| counts.get(level.name()).is_some_and(|count| *count > 0))
}

fn now() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}
