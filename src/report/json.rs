//! The report as JSON, written as it becomes known: sessions leave as they close.

use std::io;
use std::io::Write;

use serde::Serialize;

use crate::report::Nonce;
use crate::report::Report;
use crate::report::Session;
use crate::report::json::layout::Layout;

mod layout;
mod text;

/// Writes one report: head, sessions, tail, in the order of the report's keys. Nothing is written before there is something
/// to report.
pub struct JsonWriter<W: Write> {
    out: W,
    head: Report,
    /// One row at a time is laid out here: many small writes to memory, one to `out`.
    page: Vec<u8>,
    list: Option<List>,
    /// Rows of that list so far.
    rows: u64,
}

/// The long lists of a report, in the order of its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Sessions,
    Nonces,
}

impl<W: Write> JsonWriter<W> {
    /// A writer whose head is that of a report that is still empty.
    pub fn new(out: W, head: Report) -> JsonWriter<W> {
        JsonWriter { out, head, page: Vec::new(), list: None, rows: 0 }
    }

    /// Everything in front of the sessions.
    fn begin(&mut self) -> io::Result<()> {
        if self.list.is_some() {
            return Ok(());
        }
        self.list = Some(List::Sessions);
        let head = std::mem::replace(&mut self.head, Report::empty());
        self.out.write_all(b"{")?;
        self.entry("\n", "schema", &head.schema)?;
        self.entry(",\n", "schema_version", &head.schema_version)?;
        self.entry(",\n", "tool", &head.tool)?;
        self.entry(",\n", "generated_at", &head.generated_at)?;
        self.entry(",\n", "selection", &head.selection)?;
        self.out.write_all(b",\n \"sessions\": [")
    }

    /// Writes one session.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn session(&mut self, session: &Session) -> io::Result<()> {
        self.begin()?;
        self.row(session)
    }

    /// Writes one nonce, behind the sessions.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn nonce(&mut self, nonce: &Nonce) -> io::Result<()> {
        self.begin_nonces()?;
        self.row(nonce)
    }

    fn begin_nonces(&mut self) -> io::Result<()> {
        self.begin()?;
        if self.list == Some(List::Sessions) {
            self.list = Some(List::Nonces);
            self.end_rows()?;
            self.begin_rows("nonces")?;
        }
        Ok(())
    }

    /// Writes everything behind the sessions, and gives the writer back.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn finish(mut self, tail: &Report) -> io::Result<W> {
        self.begin_nonces()?;
        tail.nonces.iter().try_for_each(|nonce| self.row(nonce))?;
        self.end_rows()?;
        self.entry(",\n", "inputs", &tail.inputs)?;
        self.entry(",\n", "coverage", &tail.coverage)?;
        self.entry(",\n", "diagnostics", &tail.diagnostics)?;
        self.begin_rows("findings")?;
        tail.findings.iter().try_for_each(|finding| self.row(finding))?;
        self.end_rows()?;
        self.entry(",\n", "summary", &tail.summary)?;
        self.entry(",\n", "ticket", &tail.ticket)?;
        self.out.write_all(b"\n}\n")?;
        Ok(self.out)
    }

    fn begin_rows(&mut self, key: &str) -> io::Result<()> {
        write!(self.out, ",\n \"{key}\": [")
    }

    /// A row of a long list: one at a time is laid out in memory.
    fn row(&mut self, row: &impl Serialize) -> io::Result<()> {
        self.page.clear();
        self.page.extend_from_slice(if self.rows == 0 { b"\n  " } else { b",\n  " });
        self.rows += 1;
        value(&mut self.page, row, 2)?;
        self.out.write_all(&self.page)
    }

    fn end_rows(&mut self) -> io::Result<()> {
        let is_empty = std::mem::take(&mut self.rows) == 0;
        self.out.write_all(if is_empty { b"]" } else { b"\n ]" })
    }

    fn entry(&mut self, before: &str, key: &str, content: &impl Serialize) -> io::Result<()> {
        self.page.clear();
        write!(self.page, "{before} \"{key}\": ")?;
        value(&mut self.page, content, 1)?;
        self.out.write_all(&self.page)
    }
}

/// One value as JSON at the end of `out`, indented as if it stood `depth` levels deep. Control and invisible characters are
/// escaped.
///
/// # Errors
///
/// When the value holds what no report does: bytes, tuples, variants with values.
pub fn value(out: &mut Vec<u8>, content: &impl Serialize, depth: usize) -> io::Result<()> {
    content.serialize(&mut Layout::new(out, depth)).map_err(io::Error::from)
}

/// One value as JSON on one line, without a newline.
///
/// # Errors
///
/// See [`value`].
pub fn line(out: &mut Vec<u8>, content: &impl Serialize) -> io::Result<()> {
    content.serialize(&mut Layout::on_one_line(out)).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::FrameAt;

    fn json(content: &impl Serialize) -> String {
        let mut out = Vec::new();
        value(&mut out, content, 0).expect("memory can be written");
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn no_character_in_a_string_acts_on_a_terminal() {
        assert_eq!(json(&"a\u{7f}\u{9b}\u{202e}\u{1b}ü\u{e0041}"), r#""a\u007f\u009b\u202e\u001bü\udb40\udc41""#);
    }

    #[test]
    fn layout_is_one_blank_a_level() {
        let value = serde_json::json!({"a": [1, 2], "b": [], "c": {}});
        assert_eq!(json(&value), "{\n \"a\": [\n  1,\n  2\n ],\n \"b\": [],\n \"c\": {}\n}");
    }

    #[test]
    fn small_objects_stand_on_one_line() {
        let frames = [FrameAt { input: 0, number: 7 }, FrameAt { input: 1, number: 8 }];
        assert_eq!(json(&frames.as_slice()), "[\n {\"input\": 0, \"number\": 7},\n {\"input\": 1, \"number\": 8}\n]");
    }

    #[test]
    fn every_string_is_read_back_as_it_was() {
        for text in ["", "\"\\/", "\u{0}\n\r\t\u{8}\u{c}\u{1f}", "ü\u{2028}\u{10ffff}", "plain"] {
            assert_eq!(serde_json::from_str::<String>(&json(&text)).expect("JSON"), text);
            assert_eq!(json(&format_args!("{text}")), json(&text));
        }
    }
}
