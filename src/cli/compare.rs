//! `sipauth compare`: what the failing client does in another way than the working one.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::NonceRows;
use sipauth::analyzer::Settings;
use sipauth::report::Report;
use sipauth::report::Session;
use sipauth::report::compare::Compared;
use sipauth::report::compare::Comparison;
use sipauth::report::json;
use sipauth::report::kept::KeptSessions;
use sipauth::session::SessionOutcome;

use crate::cli::args::Compare;
use crate::cli::args::CompareFormat;
use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::inputs;
use crate::cli::inputs::Inputs;
use crate::cli::inputs::Reached;
use crate::cli::output::Notes;
use crate::cli::output::Sink;
use crate::cli::printer;
use crate::cli::second_pass::Opened;
use crate::cli::secrets;

/// Sessions of a capture among which one is chosen.
const SESSIONS_MAX: usize = 1_000;

/// Compares and prints.
pub fn run(options: &Compare) -> Result<Exit> {
    inputs::refuse_two_readers_of_stdin(&options.secrets, &[options.good.clone(), options.bad.clone()])?;
    if options.secrets.stdin_readers() > 0 {
        return Err(usage(
            "compare needs the secrets for each capture: give them by --credentials FILE or --ask-password",
        ));
    }
    let notes = Notes { is_quiet: options.quiet };
    let find = |named: &PathBuf| Inputs::find(std::slice::from_ref(named), &options.input, &options.secrets);
    let (good, bad) = (find(&options.good)?, find(&options.bad)?);
    let files = [good.files(), bad.files()].concat();
    let mut sink = match &options.place.output {
        Some(place) => Sink::file(place, &files, options.place.force)?,
        None => Sink::stdout(),
    };
    // Both captures are checked with the same secrets; a keyring belongs to one run, so they are read for each.
    let keyring = secrets::read(&options.secrets, &notes)?.keyring;
    let names = options.names.settings(&notes)?;
    let (pseudonym_key, redaction) = (names.pseudonym_key, names.redaction);
    let Some(good) = read(&good, Settings { keyring, ..names }, options, &notes)? else { return Ok(Exit::Unreadable) };
    let quiet = Notes { is_quiet: true };
    let again = secrets::read(&options.secrets, &quiet)?;
    let settings = Settings { keyring: again.keyring, pseudonym_key, redaction, ..Settings::default() };
    let Some(bad) = read(&bad, settings, options, &notes)? else { return Ok(Exit::Unreadable) };
    let failing = bad.kept.worst_or_first(&bad.report.findings, 1).first().copied();
    let failing = failing.ok_or_else(|| usage(nothing(&options.bad)))?;
    let working = working(&good.kept, &failing.method).ok_or_else(|| usage(nobody(&options.good)))?;
    let (good_path, bad_path) = (options.names.input(1, &options.good), options.names.input(2, &options.bad));
    let comparison = Comparison::of(
        Compared { path: &good_path, session: working, findings: &good.report.findings },
        Compared { path: &bad_path, session: failing, findings: &bad.report.findings },
    );
    let text = match options.format {
        CompareFormat::Human => comparison.to_text(),
        CompareFormat::Markdown => comparison.to_markdown(),
        CompareFormat::Html => comparison.to_html(),
        CompareFormat::Json => {
            let mut text = Vec::new();
            json::value(&mut text, &comparison, 0)?;
            text.push(b'\n');
            String::from_utf8_lossy(&text).into_owned()
        }
    };
    sink.write_all(text.as_bytes()).map_err(printer::not_written)?;
    sink.finish()?;
    Ok(Exit::Success)
}

/// One capture, analysed.
struct Analysed {
    kept: KeptSessions,
    report: Report,
}

/// Analyses a capture; `None` where it could not be read, which has been said.
fn read(inputs: &Inputs, settings: Settings, options: &Compare, notes: &Notes) -> Result<Option<Analysed>> {
    let (limits, decode_as) = (options.limits.limits(), options.input.decode_as());
    let settings =
        Settings { limits, decode_as, sessions_max: Some(u64::MAX), nonce_rows: NonceRows::Never, ..settings };
    let mut analyzer = Analyzer::new(settings);
    let mut kept = KeptSessions::new(SESSIONS_MAX);
    let reached = inputs.read(&mut analyzer, &mut Opened::default(), notes, &mut |row| {
        row.session().into_iter().for_each(|session| kept.keep(session));
        Ok(())
    })?;
    if matches!(reached, Reached::Some | Reached::Nothing) {
        return Ok(None);
    }
    let report = analyzer.finish_with(|session| kept.keep(&session));
    Ok(Some(Analysed { kept, report }))
}

/// The session to take as an example: one that got in with credentials, of the same method if there is one.
fn working<'k>(kept: &'k KeptSessions, method: &str) -> Option<&'k Session> {
    let accepted = || kept.all().filter(|session| session.outcome == SessionOutcome::Accepted);
    accepted().find(|session| session.method == method).or_else(|| accepted().next())
}

fn nobody(path: &Path) -> String {
    format!(
        "{}: no session of it got in with credentials: name the capture of a client that works first",
        path.display()
    )
}

fn nothing(path: &Path) -> String {
    format!("{}: no session about authentication to compare", path.display())
}
