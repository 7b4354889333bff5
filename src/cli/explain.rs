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
        None if is_finding(&options.rule) => Err(usage(format!(
            "{0} is a finding of one report: give the rule that the report names beside {0}",
            options.rule
        ))),
        None => {
            let near = explain::nearest(&options.rule).map(|name| format!(" did you mean {name}?")).unwrap_or_default();
            Err(usage(format!("no rule named {}:{near} `sipauth list rules` shows them all", options.rule)))
        }
    }
}

/// `F1`.
fn is_finding(name: &str) -> bool {
    name.strip_prefix(['F', 'f'])
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
