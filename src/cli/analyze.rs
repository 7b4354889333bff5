//! `sipauth analyze`: captures in, report out.

use std::num::NonZero;
use std::path::Path;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use anyhow::Result;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::NonceRows;
use sipauth::analyzer::Settings;
use sipauth::digest::Keyring;
use sipauth::filter::Filter;
use sipauth::filter::MatchBy;
use sipauth::report::Input;
use sipauth::report::Redaction;
use sipauth::report::Report;
use sipauth::report::Selection;
use sipauth::report::hidden::Hides;
use sipauth::report::human;

use crate::cli::args::Analyze;
use crate::cli::args::Format;
use crate::cli::args::Match;
use crate::cli::copying::Changed;
use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::filters;
use crate::cli::inputs::Inputs;
use crate::cli::inputs::Reached;
use crate::cli::output::Notes;
use crate::cli::output::Sink;
use crate::cli::printer::Printer;
use crate::cli::progress::Progress;
use crate::cli::second_pass::Opened;
use crate::cli::secrets;

/// Analyses the captures and prints the report.
pub fn run(options: Analyze) -> Result<Exit> {
    let (notes, began) = (Notes { is_quiet: options.quiet }, Instant::now());
    let named: Vec<PathBuf> = options.captures.iter().chain(&options.read).cloned().collect();
    let mut inputs = Inputs::find(&named, &options.input, &options.secrets)?;
    if options.live.follow {
        inputs.follow()?;
    }
    let filter = filters::filter(&options, &notes)?;
    let secrets = secrets::read(&options.secrets, &notes)?;
    if options.redaction() == Redaction::None {
        notes.warn("--redact none: this report holds what a password can be guessed from; do not pass it on");
    }
    let sink = match &options.output {
        Some(place) => Sink::file(place, &inputs.files(), options.force)?,
        None => Sink::stdout(),
    };
    let frames_sink = frames_sink(&options, &inputs.files())?;
    let mut printer = Printer::new(sink, head(&options, filter.as_ref(), secrets.sources), &options)?;
    let mut settings = settings(&options, secrets.keyring, filter, &notes)?;
    if inputs.is_live() {
        // What is read while it is written is told at once.
        settings.jobs = 1;
    }
    let mut analyzer = Analyzer::new(settings);
    // What grows has no end to be told of.
    let is_progress_wanted = !(options.quiet || options.show.no_progress || options.live.follow);
    let progress = Progress::new(&inputs.files(), is_progress_wanted);
    let mut opened = Opened::new(options.write.as_deref(), analyzer.limits(), progress);
    if frames_sink.is_some() {
        analyzer.keep_frames(hides(&options));
    }
    let (is_live, stop) = (inputs.is_live(), inputs.stop());
    let reached = inputs.read(&mut analyzer, &mut opened, &notes, &mut |row| {
        printer.row(row)?;
        if is_live && !printer.flush()? {
            stop.ask();
        }
        Ok(())
    })?;
    opened.progress.end();
    if reached == Reached::Nothing {
        return Ok(Exit::Unreadable);
    }
    let fails = |report: &Report| is_failing(report, &options);
    let mut failure = None;
    let (report, carriers) = analyzer.finish_with_rows(|row| {
        if let Err(error) = printer.row(&row) {
            failure.get_or_insert(error);
        }
    });
    failure.map_or(Ok(()), Err)?;
    if let Some((sink, carriers)) = frames_sink.zip(carriers) {
        tell_changed(opened.write(sink, &report, &carriers, hides(&options))?, &notes);
    }
    if options.show.verbose {
        tell_inputs(&report, began.elapsed(), &notes);
    }
    printer.finish(&report, |report| opened.spans(report))?;
    Ok(match reached {
        Reached::Stopped(exit) => exit,
        Reached::Some | Reached::Nothing => Exit::Unreadable,
        Reached::All if options.strict && report.diagnostics.iter().any(|diagnostic| diagnostic.severity == "low") => {
            Exit::Incomplete
        }
        Reached::All if fails(&report) => Exit::Finding,
        Reached::All => Exit::Success,
    })
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// The report before anything is known but how it was asked for.
fn head(options: &Analyze, filter: Option<&Filter>, sources: Vec<String>) -> Report {
    // Filters and files name what strict reports must not.
    let is_strict = options.redaction() == Redaction::Strict;
    let selection = Selection {
        filter: filter.filter(|_| !is_strict).map(Filter::text),
        presets: if is_strict { Vec::new() } else { options.preset.clone() },
        credential_sources: if is_strict { Vec::new() } else { sources },
        redaction: options.redaction().name().to_owned(),
    };
    Report { generated_at: options.stamp.then(now), selection, ..Report::empty() }
}

fn settings(options: &Analyze, keyring: Keyring, filter: Option<Filter>, notes: &Notes) -> Result<Settings> {
    let pseudonym_key = match options.redaction() {
        Redaction::Strict => Some(secrets::pseudonym_key(options.pseudonym_key.as_deref(), notes)?),
        _ => None,
    };
    Ok(Settings {
        limits: options.limits.limits(),
        decode_as: options.input.decode_as(),
        keyring,
        redaction: options.redaction(),
        pseudonym_key,
        sessions_max: Some(match options.format {
            Format::Human => options.limit_sessions.min(options.show.sessions_listed(human::SESSIONS_LISTED)),
            _ => options.limit_sessions,
        }),
        sessions_whole_max: (options.format == Format::Human).then_some(human::SESSIONS_KEPT),
        findings_max: Some(options.limit_findings),
        trusted: options.trusted.clone(),
        filter,
        nonce_rows: match options.format {
            Format::Json => NonceRows::AtEnd,
            Format::Ndjson => NonceRows::AtRest,
            // What a nonce's life shows is told where it matters.
            Format::Human | Format::Markdown | Format::Html | Format::Csv | Format::Sarif => NonceRows::Never,
        },
        jobs: options.jobs.map_or_else(cores, usize::from),
        match_by: match options.match_by {
            Match::Session => MatchBy::Session,
            Match::Message => MatchBy::Message,
        },
    })
}

/// What was read, for those who want to know.
fn tell_inputs(report: &Report, took: Duration, notes: &Notes) {
    for input in &report.inputs {
        let compression = input.compression.map(|how| format!(" in {how}")).unwrap_or_default();
        let (links, times) = (input.link_types.join(", "), input.first_packet.zip(input.last_packet));
        let times = times.map(|(first, last)| format!(", from {} to {}", first.0, last.0)).unwrap_or_default();
        let Input { path, format, packets, bytes, .. } = input;
        notes.note(&format!("{path}: {format}{compression}, {bytes} bytes, {packets} frames of {links}{times}"));
    }
    for diagnostic in &report.diagnostics {
        notes.note(&format!("{} ({})", diagnostic.text, diagnostic.count));
    }
    notes.note(&format!("sessions: {}, read in {:.1} s", report.summary.sessions, took.as_secs_f64()));
}

/// What is not to stand in the file of `--write`; `None` where everything may.
fn hides(options: &Analyze) -> Option<Hides> {
    match options.redaction() {
        _ if options.show_secrets => None,
        Redaction::None => Some(Hides::InClear),
        _ => Some(Hides::Digests),
    }
}

fn tell_changed(changed: Changed, notes: &Notes) {
    let Changed { rewritten, withheld, texts_rewritten, comments_left_out } = changed;
    let frames = |count: u64| format!("{count} frame{}", if count == 1 { "" } else { "s" });
    if rewritten > 0 {
        notes.note(&format!(
            "--write: in {} what a password can be guessed from is overwritten by x; --redact none leaves it there",
            frames(rewritten)
        ));
    }
    if texts_rewritten > 0 {
        notes.note(&format!(
            "--write: in {texts_rewritten} of the capture's own comments and names, what may be a secret is overwritten by x; \
             --redact none leaves digests there"
        ));
    }
    if comments_left_out > 0 {
        notes.warn(&format!(
            "--write: {comments_left_out} comments on whole captures are left out, as there are too many"
        ));
    }
    if withheld > 0 {
        notes.warn(&format!(
            "--write: {} left out, where it cannot be overwritten (tunnels, HEP over UDP, SCTP, masked or compressed WebSocket); --redact none \
             --show-secrets writes them as they are",
            frames(withheld)
        ));
    }
}

/// The place of the frames that `--write` asks for.
fn frames_sink(options: &Analyze, inputs: &[PathBuf]) -> Result<Option<Sink>> {
    if options.force && options.output.is_none() && options.write.is_none() {
        return Err(usage("--force replaces the file of --output or --write: name one"));
    }
    if options.pseudonym_key.is_some() && options.redaction() != Redaction::Strict {
        return Err(usage("--pseudonym-key is for --redact strict"));
    }
    let Some(place) = &options.write else { return Ok(None) };
    if options.redaction() == Redaction::Strict {
        return Err(usage(
            "--write copies packets with their addresses and names: --redact strict cannot hold for them",
        ));
    }
    if options.show_secrets && options.redaction() != Redaction::None {
        return Err(usage("--show-secrets writes what passwords can be guessed from: add --redact none"));
    }
    if place == Path::new("-") {
        return Err(usage("--write needs a file: stdout carries the report"));
    }
    if options.output.as_ref() == Some(place) {
        return Err(usage("--write and --output name the same file"));
    }
    Sink::file(place, inputs, options.force).map(Some)
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
