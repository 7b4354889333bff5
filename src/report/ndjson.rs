//! The report as lines of JSON, for jq, log shippers and databases: sessions as they close, the summary last.

use std::io;
use std::io::Write;

use serde::Serialize;

use crate::report::Coverage;
use crate::report::Diagnostic;
use crate::report::Finding;
use crate::report::Input;
use crate::report::Nonce;
use crate::report::Report;
use crate::report::Selection;
use crate::report::Session;
use crate::report::Summary;
use crate::report::Ticket;
use crate::report::Tool;
use crate::report::json;

/// One line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'r> {
    Session(&'r Session),
    Nonce(&'r Nonce),
    Input(&'r Input),
    Diagnostic(&'r Diagnostic),
    Finding(&'r Finding),
    Summary(Last<'r>),
}

/// What is known of the whole.
#[derive(Serialize)]
struct Last<'r> {
    schema: &'r str,
    schema_version: &'r str,
    tool: &'r Tool,
    generated_at: Option<&'r str>,
    selection: &'r Selection,
    coverage: &'r Coverage,
    #[serde(flatten)]
    summary: &'r Summary,
    ticket: Option<&'r Ticket>,
}

/// Writes one report, line by line.
pub struct NdjsonWriter<W: Write> {
    out: W,
    head: Report,
    page: Vec<u8>,
}

impl<W: Write> NdjsonWriter<W> {
    /// A writer whose head is that of a report that is still empty.
    pub fn new(out: W, head: Report) -> NdjsonWriter<W> {
        NdjsonWriter { out, head, page: Vec::new() }
    }

    /// Writes one session.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn session(&mut self, session: &Session) -> io::Result<()> {
        self.line(&Line::Session(session))
    }

    /// Writes one nonce, where it is at rest: between the sessions or behind them.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn nonce(&mut self, nonce: &Nonce) -> io::Result<()> {
        self.line(&Line::Nonce(nonce))
    }

    /// Where it goes.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes everything else, and gives the writer back.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn finish(mut self, tail: &Report) -> io::Result<W> {
        tail.nonces.iter().try_for_each(|nonce| self.nonce(nonce))?;
        tail.inputs.iter().try_for_each(|input| self.line(&Line::Input(input)))?;
        tail.diagnostics.iter().try_for_each(|diagnostic| self.line(&Line::Diagnostic(diagnostic)))?;
        tail.findings.iter().try_for_each(|finding| self.line(&Line::Finding(finding)))?;
        let head = std::mem::replace(&mut self.head, Report::empty());
        self.line(&Line::Summary(Last {
            schema: &head.schema,
            schema_version: &head.schema_version,
            tool: &head.tool,
            generated_at: head.generated_at.as_deref(),
            selection: &head.selection,
            coverage: &tail.coverage,
            summary: &tail.summary,
            ticket: tail.ticket.as_ref(),
        }))?;
        Ok(self.out)
    }

    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.page.clear();
        json::line(&mut self.page, line)?;
        self.page.push(b'\n');
        self.out.write_all(&self.page)
    }
}
