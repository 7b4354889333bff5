//! The display filter that was typed: expression and presets made one, with what is to be said about them.

use anyhow::Result;

use sipauth::filter::Filter;
use sipauth::filter::FilterError;
use sipauth::filter::presets;

use crate::cli::args::Analyze;
use crate::cli::exit::Exit;
use crate::cli::exit::Failure;
use crate::cli::exit::usage;
use crate::cli::output::Notes;

/// The filter; `None` where nothing was asked for.
pub fn filter(options: &Analyze, notes: &Notes) -> Result<Option<Filter>> {
    let mut filter: Option<Filter> = None;
    for typed in &options.preset {
        let expression = presets::expression(typed).map_err(|error| failure("--preset", typed, &error))?;
        let (preset, _) = Filter::parse(&expression).map_err(|error| failure("--preset", &expression, &error))?;
        filter = Some(match filter {
            Some(before) => before.or(preset).map_err(usage)?,
            None => preset,
        });
    }
    if let Some(typed) = &options.filter {
        let (own, said) = Filter::parse(typed).map_err(|error| failure("--filter", typed, &error))?;
        said.warnings.iter().for_each(|text| notes.warn(&format!("--filter: {text}")));
        said.spelling.iter().for_each(|text| notes.note(&format!("--filter: {text}")));
        filter = Some(match filter {
            Some(presets) => presets.and(own).map_err(usage)?,
            None => own,
        });
    }
    Ok(filter)
}

fn failure(option: &str, typed: &str, error: &FilterError) -> anyhow::Error {
    let details = error.marked(typed).map(|line| format!("  {line}")).to_vec();
    Failure { exit: Exit::Usage, text: format!("{option}: {error}"), details }.into()
}
