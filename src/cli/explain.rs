//! `sipauth explain`: the page of one rule.

use anyhow::Result;

use sipauth::rules;
use sipauth::rules::explain;

use crate::cli::args::Explain;
use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::output;

/// Prints the page.
pub fn run(options: &Explain) -> Result<Exit> {
    match rules::find(&options.rule) {
        Some(rule) => output::print(&explain::page(rule)),
        None => {
            let near = explain::nearest(&options.rule).map(|name| format!(" did you mean {name}?")).unwrap_or_default();
            Err(usage(format!("no rule named {}:{near} `sipauth list rules` shows them all", options.rule)))
        }
    }
}
