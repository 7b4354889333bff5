//! `sipauth compare`: what the failing client does in another way than the working one.

use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::digest::Keyring;
use sipauth::report::Report;
use sipauth::report::Session;
use sipauth::report::compare::Compared;
use sipauth::report::compare::Comparison;
use sipauth::report::json;
use sipauth::report::kept::Kept;

use crate::cli::analyze;
use crate::cli::args::Compare;
use crate::cli::args::CompareFormat;
use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::output::Notes;
use crate::cli::output::Sink;
use crate::cli::printer;
use crate::cli::second_pass::Opened;
use crate::cli::secrets;

/// Sessions of a capture among which one is chosen.
const SESSIONS_MAX: usize = 1_000;

/// Compares and prints.
pub fn run(options: &Compare) -> Result<Exit> {
    let inputs = [options.good.clone(), options.bad.clone()];
    analyze::refuse_two_readers_of_stdin(&options.secrets, &inputs)?;
    if options.secrets.password_stdin || options.secrets.credentials.iter().any(|path| path == Path::new("-")) {
        return Err(usage(
            "compare needs the secrets for each capture: give them by --credentials FILE or --ask-password",
        ));
    }
    let notes = Notes { is_quiet: options.quiet };
    let mut sink = match &options.place.output {
        Some(place) => Sink::file(place, &inputs, options.place.force)?,
        None => Sink::stdout(),
    };
    // Both captures are checked with the same secrets; a keyring belongs to one run, so they are read for each.
    let Some(good) = read(&options.good, secrets::read(&options.secrets, &notes)?.keyring)? else {
        return Ok(Exit::Unreadable);
    };
    let again = secrets::read(&options.secrets, &Notes { is_quiet: true })?;
    let Some(bad) = read(&options.bad, again.keyring)? else { return Ok(Exit::Unreadable) };
    let failing = bad.kept.worst_or_first(&bad.report.findings, 1).first().copied();
    let failing = failing.ok_or_else(|| usage(nothing(&options.bad)))?;
    let working = working(&good.kept, &failing.method).ok_or_else(|| usage(nothing(&options.good)))?;
    let (good_path, bad_path) = (options.good.to_string_lossy(), options.bad.to_string_lossy());
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
    sink.write_all(text.as_bytes()).map_err(printer::told)?;
    sink.finish()?;
    Ok(Exit::Success)
}

/// One capture, analysed.
struct Analysed {
    kept: Kept,
    report: Report,
}

/// Analyses a capture; `None` where it could not be read, which has been said.
fn read(path: &Path, keyring: Keyring) -> Result<Option<Analysed>> {
    let settings = Settings { keyring, sessions_max: Some(u64::MAX), ..Settings::default() };
    let mut analyzer = Analyzer::new(settings);
    let mut kept = Kept::new(SESSIONS_MAX);
    let inputs: [PathBuf; 1] = [path.to_owned()];
    let unreadable = analyze::read_all(&mut analyzer, &inputs, &mut Opened::default(), &mut |session| {
        kept.note(session);
        Ok(())
    })?;
    if unreadable > 0 {
        return Ok(None);
    }
    let report = analyzer.finish_with(|session| kept.note(&session));
    Ok(Some(Analysed { kept, report }))
}

/// The session to take as an example: one that got in with credentials, of the same method if there is one.
fn working<'k>(kept: &'k Kept, method: &str) -> Option<&'k Session> {
    let accepted = || kept.all().filter(|session| session.outcome == "accepted");
    accepted().find(|session| session.method == method).or_else(|| accepted().next()).or_else(|| kept.all().next())
}

fn nothing(path: &Path) -> String {
    format!("{}: no session about authentication to compare", path.display())
}
