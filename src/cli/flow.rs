//! `sipauth flow`: the ladder of one session.

use std::io::Write;

use anyhow::Result;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::NonceRows;
use sipauth::analyzer::Settings;
use sipauth::report::Session;
use sipauth::report::kept::KeptSessions;
use sipauth::report::ladder;
use sipauth::report::ladder::Ladder;
use sipauth::report::ladder::mermaid;
use sipauth::report::ladder::svg;
use sipauth::report::ladder::text;
use sipauth::report::ladder::text::Characters;

use crate::cli::args::Color;
use crate::cli::args::Flow;
use crate::cli::args::FlowFormat;
use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::inputs::Inputs;
use crate::cli::inputs::Reached;
use crate::cli::output;
use crate::cli::output::Notes;
use crate::cli::output::Sink;
use crate::cli::printer;
use crate::cli::second_pass::Opened;
use crate::cli::secrets;

/// Sessions among which the worst is looked for.
const SESSIONS_MAX: usize = 1_000;

/// Draws the ladder.
pub fn run(options: &Flow) -> Result<Exit> {
    let notes = Notes { is_quiet: options.quiet };
    let inputs = Inputs::find(&options.captures, &options.input, &options.secrets)?;
    let secrets = secrets::read(&options.secrets, &notes)?;
    let mut sink = match &options.place.output {
        Some(place) => Sink::file(place, &inputs.files(), options.place.force)?,
        None => Sink::stdout(),
    };
    let mut analyzer = Analyzer::new(Settings {
        limits: options.limits.limits(),
        keyring: secrets.keyring,
        decode_as: options.input.decode_as(),
        sessions_max: Some(u64::MAX),
        nonce_rows: NonceRows::Never,
        ..options.names.settings(&notes)?
    });
    let mut kept = KeptSessions::new(SESSIONS_MAX);
    let mut take = |session: &Session| {
        if is_asked_for(session, options) {
            kept.keep(session);
        }
    };
    let reached = inputs.read(&mut analyzer, &mut Opened::default(), &notes, &mut |row| {
        row.session().into_iter().for_each(&mut take);
        Ok(())
    })?;
    if reached == Reached::Nothing {
        return Ok(Exit::Unreadable);
    }
    let report = analyzer.finish_with(|session| take(&session));
    let worst = kept.worst(&report.findings, 1);
    let Some(session) = worst.first().copied().or_else(|| kept.all().next()) else {
        return Err(usage(missing(options)));
    };
    let ladder = Ladder::of(session, ladder::ROWS_MAX);
    let drawing = match options.format {
        FlowFormat::Text => {
            let (_, width) = output::terminal(Color::Never, options.place.output.is_some());
            let characters = match options.ascii {
                true => Characters::Ascii,
                false => output::characters(options.place.output.is_some()),
            };
            text::draw(&ladder, width, characters)
        }
        FlowFormat::Mermaid => mermaid::draw(&ladder),
        FlowFormat::Svg => svg::draw(&ladder) + "\n",
    };
    sink.write_all(drawing.as_bytes()).map_err(printer::not_written)?;
    sink.finish()?;
    Ok(match reached {
        Reached::All => Exit::Success,
        Reached::Stopped(exit) => exit,
        Reached::Some | Reached::Nothing => Exit::Unreadable,
    })
}

fn is_asked_for(session: &Session, options: &Flow) -> bool {
    options.session.as_ref().is_none_or(|id| session.id == *id)
        && options.call_id.as_ref().is_none_or(|call_id| session.call_id == *call_id)
}

fn missing(options: &Flow) -> String {
    match (&options.session, &options.call_id) {
        (Some(id), _) => format!("--session {id}: no such session; sipauth analyze lists those there are"),
        (_, Some(_)) if options.names.is_strict() => {
            "--call-id: with --redact strict Call-IDs have other names; name the --session".to_owned()
        }
        (_, Some(call_id)) => format!("--call-id {call_id}: no session about authentication has it"),
        _ => "no session about authentication in the capture: there is nothing to draw".to_owned(),
    }
}
