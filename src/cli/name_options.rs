//! The options by which drawings and comparisons hide who somebody is. What could be cracked stands in neither.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clap::ValueEnum;

use sipauth::analyzer::Settings;
use sipauth::report::Redaction;

use crate::cli::exit::usage;
use crate::cli::folders::shown;
use crate::cli::output::Notes;
use crate::cli::secrets;

/// Whose names are shown.
#[derive(Args, Debug)]
pub struct NameOptions {
    /// Default: names, numbers and addresses as they are. Strict: other ones in their place, the same for the same.
    #[arg(long, value_enum, default_value_t = Names::Default, value_name = "HOW")]
    redact: Names,

    /// Make the names of --redact strict with what this file holds, so that they are those of another report with it.
    #[arg(long, value_name = "FILE")]
    pseudonym_key: Option<PathBuf>,
}

/// How much of names is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Names {
    Default,
    Strict,
}

impl NameOptions {
    /// Settings that hide what is asked for. Two analyses with them give the same names.
    ///
    /// # Errors
    /// There is a key and nothing to be made with it, or it is no good.
    pub fn settings(&self, notes: &Notes) -> Result<Settings> {
        match self.redact {
            Names::Strict => {
                let key = secrets::pseudonym_key(self.pseudonym_key.as_deref(), notes)?;
                Ok(Settings { redaction: Redaction::Strict, pseudonym_key: Some(key), ..Settings::default() })
            }
            Names::Default if self.pseudonym_key.is_some() => Err(usage("--pseudonym-key is for --redact strict")),
            Names::Default => Ok(Settings::default()),
        }
    }

    /// Whether names are hidden.
    pub fn is_strict(&self) -> bool {
        self.redact == Names::Strict
    }

    /// The name of a capture, or what stands for it.
    pub fn input(&self, number: usize, path: &Path) -> String {
        if self.is_strict() { format!("input {number}") } else { shown(path) }
    }
}
