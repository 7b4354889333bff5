//! The chosen format of a report, being written.

use std::io;
use std::io::Write;

use anyhow::Result;

use sipauth::report::Nonce;
use sipauth::report::Redaction;
use sipauth::report::Report;
use sipauth::report::Row;
use sipauth::report::Session;
use sipauth::report::csv::CsvWriter;
use sipauth::report::html::HtmlReport;
use sipauth::report::human::HumanReport;
use sipauth::report::json;
use sipauth::report::json::JsonWriter;
use sipauth::report::markdown::MarkdownReport;
use sipauth::report::ndjson::NdjsonWriter;
use sipauth::report::sarif;
use sipauth::report::sarif::Spans;

use crate::cli::args::Analyze;
use crate::cli::args::Format;
use crate::cli::exit::unwritable;
use crate::cli::output;
use crate::cli::output::Sink;

/// Takes sessions as they close, and the rest of the report at its end.
pub enum Printer {
    /// For people.
    Human {
        /// What is known so far.
        report: Box<HumanReport>,
        /// Where it goes.
        sink: Sink,
        /// Whether styles are written.
        has_color: bool,
        /// Columns.
        width: usize,
    },
    /// One object.
    Json(Box<JsonWriter<Sink>>),
    /// A line an object.
    Ndjson(Box<NdjsonWriter<Sink>>),
    /// A row an attempt.
    Csv(CsvWriter<Sink>),
    /// For tickets and wikis.
    Markdown(Box<MarkdownReport>, Sink),
    /// For browsers.
    Html(Box<HtmlReport>, Sink),
    /// For code scanning.
    Sarif(Sink, Redaction),
}

impl Printer {
    /// A printer that has written nothing yet.
    ///
    /// # Errors
    ///
    /// When times are wanted in a time zone that is not known.
    pub fn new(sink: Sink, head: Report, options: &Analyze) -> Result<Printer> {
        let showing = options.show.showing()?;
        Ok(match options.format {
            Format::Json => Printer::Json(Box::new(JsonWriter::new(sink, head))),
            Format::Ndjson => Printer::Ndjson(Box::new(NdjsonWriter::new(sink, head))),
            Format::Csv => Printer::Csv(CsvWriter::new(sink)),
            Format::Markdown => {
                Printer::Markdown(Box::new(MarkdownReport::new(options.redaction()).shown_as(showing)), sink)
            }
            Format::Html => Printer::Html(Box::new(HtmlReport::new(options.redaction()).shown_as(showing)), sink),
            Format::Sarif => Printer::Sarif(sink, options.redaction()),
            Format::Human => {
                let (has_color, width) = output::terminal(options.color, options.output.is_some());
                let characters = output::characters(options.output.is_some());
                let report = Box::new(HumanReport::new(options.redaction()).drawn_with(characters).shown_as(showing));
                Printer::Human { report, sink, has_color, width }
            }
        })
    }

    /// Takes a session, or a nonce as [`sipauth::analyzer::NonceRows`] says.
    pub fn row(&mut self, row: &Row) -> Result<()> {
        match row {
            Row::Session(session) => self.session(session),
            Row::Nonce(nonce) => self.nonce(nonce),
        }
    }

    fn session(&mut self, session: &Session) -> Result<()> {
        match self {
            Printer::Human { report, .. } => report.session(session),
            Printer::Markdown(report, _) => report.session(session),
            Printer::Html(report, _) => report.session(session),
            Printer::Json(writer) => writer.session(session).map_err(not_written)?,
            Printer::Ndjson(writer) => writer.session(session).map_err(not_written)?,
            Printer::Csv(writer) => writer.session(session).map_err(not_written)?,
            Printer::Sarif(..) => {}
        }
        Ok(())
    }

    fn nonce(&mut self, nonce: &Nonce) -> Result<()> {
        match self {
            Printer::Json(writer) => writer.nonce(nonce).map_err(not_written),
            Printer::Ndjson(writer) => writer.nonce(nonce).map_err(not_written),
            Printer::Human { .. }
            | Printer::Markdown(..)
            | Printer::Html(..)
            | Printer::Csv(_)
            | Printer::Sarif(..) => Ok(()),
        }
    }

    /// Hands what was written on to whoever reads it, in the formats that grow line by line; whether anybody still does.
    pub fn flush(&mut self) -> Result<bool> {
        let sink = match self {
            Printer::Ndjson(writer) => writer.get_mut(),
            Printer::Csv(writer) => writer.get_mut(),
            _ => return Ok(true),
        };
        sink.flush().map_err(not_written)?;
        Ok(!sink.is_closed())
    }

    /// Writes the rest. `spans` finds out where frames stand in their files, for the format that says so.
    pub fn finish(self, report: &Report, spans: impl FnOnce(&Report) -> Spans) -> Result<()> {
        match self {
            Printer::Json(writer) => writer.finish(report).map_err(not_written)?.finish(),
            Printer::Ndjson(writer) => writer.finish(report).map_err(not_written)?.finish(),
            Printer::Csv(writer) => writer.finish().map_err(not_written)?.finish(),
            Printer::Markdown(markdown, sink) => write(sink, markdown.print(report).as_bytes()),
            Printer::Html(html, sink) => write(sink, html.print(report).as_bytes()),
            Printer::Sarif(sink, redaction) => {
                let mut text = Vec::new();
                json::value(&mut text, &sarif::log(report, redaction, &spans(report)), 0)?;
                text.push(b'\n');
                write(sink, &text)
            }
            Printer::Human { report: human, sink, has_color, width } => {
                let styled = human.print(report, width);
                let text = if has_color { styled } else { without_styles(&styled) };
                write(sink, text.as_bytes())
            }
        }
    }
}

/// A text without escape sequences. Most lines hold none, and need not be read character by character.
fn without_styles(styled: &str) -> String {
    styled.split_inclusive('\n').fold(String::with_capacity(styled.len()), |mut text, line| {
        match line.contains('\x1b') {
            true => text.extend(anstream::adapter::strip_str(line)),
            false => text.push_str(line),
        }
        text
    })
}

fn write(mut sink: Sink, text: &[u8]) -> Result<()> {
    sink.write_all(text).map_err(not_written)?;
    sink.finish()
}

/// An output that failed.
pub fn not_written(error: io::Error) -> anyhow::Error {
    unwritable(format!("the report could not be written: {error}"))
}
