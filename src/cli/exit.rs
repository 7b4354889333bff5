//! Exit codes. They are a promise to scripts.

use std::fmt;
use std::process::ExitCode;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Analysed; nothing at or above `--fail-on`.
    Success,
    /// A finding at or above `--fail-on`.
    Finding,
    /// A wrong option or credentials file.
    Usage,
    /// An input could not be read at all.
    Unreadable,
    /// With `--strict`: the input was damaged or a limit was reached.
    Incomplete,
    /// The output could not be written.
    Unwritable,
    /// A fault of sipauth's own.
    InternalFault,
    /// SIGINT ended the reading of a pipe or a growing file; the report holds what was seen.
    Interrupted,
    /// SIGTERM did.
    Terminated,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Finding => 1,
            Exit::Usage => 2,
            Exit::Unreadable => 3,
            Exit::Incomplete => 4,
            Exit::Unwritable => 5,
            Exit::InternalFault => 70,
            // As shells tell of signals: 128 and the signal's number.
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        })
    }
}

/// An error that decides the exit code.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// What, where, and what to do next.
    pub text: String,
    /// Lines that show the place.
    pub details: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// Wrong use: one clear line.
pub fn usage(text: impl Into<String>) -> anyhow::Error {
    Failure { exit: Exit::Usage, text: text.into(), details: Vec::new() }.into()
}

/// Output that could not be written.
pub fn unwritable(text: impl Into<String>) -> anyhow::Error {
    Failure { exit: Exit::Unwritable, text: text.into(), details: Vec::new() }.into()
}

impl Exit {
    /// The exit code that an error asks for.
    pub fn of(error: &anyhow::Error) -> Exit {
        match error.downcast_ref::<Failure>() {
            Some(failure) => failure.exit,
            None => Exit::InternalFault,
        }
    }
}
