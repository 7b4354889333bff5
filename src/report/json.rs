//! The report as JSON, written as it becomes known: sessions leave as they close.

use std::io;
use std::io::Write;

use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::ser::Serializer;

use crate::base::untrusted::is_invisible_control;
use crate::report::Report;
use crate::report::Session;

/// Writes one report: head, sessions, tail, in the order of the report's keys. Nothing is written before there is something
/// to report.
pub struct JsonWriter<W: Write> {
    out: W,
    head: Report,
    /// One session at a time is laid out here: many small writes to memory, one to `out`.
    page: Vec<u8>,
    is_begun: bool,
    sessions: u64,
}

impl<W: Write> JsonWriter<W> {
    /// A writer whose head is that of a report that is still empty.
    pub fn new(out: W, head: Report) -> JsonWriter<W> {
        JsonWriter { out, head, page: Vec::new(), is_begun: false, sessions: 0 }
    }

    /// Everything in front of the sessions.
    fn begin(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
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
        self.page.clear();
        self.page.extend_from_slice(if self.sessions == 0 { b"\n  " } else { b",\n  " });
        self.sessions += 1;
        value(&mut self.page, session, 2)?;
        self.out.write_all(&self.page)
    }

    /// Writes everything behind the sessions, and gives the writer back.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn finish(mut self, tail: &Report) -> io::Result<W> {
        self.begin()?;
        self.out.write_all(if self.sessions == 0 { b"]" } else { b"\n ]" })?;
        self.entry(",\n", "nonces", &tail.nonces)?;
        self.entry(",\n", "inputs", &tail.inputs)?;
        self.entry(",\n", "coverage", &tail.coverage)?;
        self.entry(",\n", "diagnostics", &tail.diagnostics)?;
        self.entry(",\n", "findings", &tail.findings)?;
        self.entry(",\n", "summary", &tail.summary)?;
        self.entry(",\n", "ticket", &tail.ticket)?;
        self.out.write_all(b"\n}\n")?;
        Ok(self.out)
    }

    fn entry(&mut self, before: &str, key: &str, content: &impl Serialize) -> io::Result<()> {
        write!(self.out, "{before} \"{key}\": ")?;
        value(&mut self.out, content, 1)
    }
}

/// One value as JSON, indented as if it stood `depth` levels deep. Control and invisible characters are escaped.
///
/// # Errors
///
/// When `out` cannot be written.
pub fn value(out: &mut impl Write, content: &impl Serialize, depth: usize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Layout { depth, has_value: false, is_key: false });
    content.serialize(&mut serializer).map_err(io::Error::from)
}

/// One blank a level, and no character in strings that could act on a terminal or hide: serde_json alone escapes what JSON
/// demands, which leaves DEL, C1 controls and bidirectional overrides.
struct Layout {
    depth: usize,
    has_value: bool,
    /// Whether the string being written is a key: those are ours and need no escaping.
    is_key: bool,
}

/// What stands between values: comma, line end, and a blank a level. One write for the three.
const BETWEEN: &[u8] = b",\n                                ";

impl Layout {
    fn line<W: ?Sized + Write>(&self, out: &mut W, has_comma: bool) -> io::Result<()> {
        let between = BETWEEN.get(..self.depth + 2).unwrap_or(BETWEEN);
        out.write_all(between.get(usize::from(!has_comma)..).unwrap_or_default())
    }

    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if self.has_value {
            self.line(out, false)?;
        }
        self.has_value = true;
        out.write_all(bracket)
    }

    fn next<W: ?Sized + Write>(&self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(out, !first)
    }
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.next(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.is_key = true;
        self.next(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.is_key = false;
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        // Without an early exit the compiler checks sixteen bytes at a time.
        let is_plain = fragment.bytes().fold(true, |plain, byte| plain & (b' '..0x7f).contains(&byte));
        if self.is_key || is_plain {
            return out.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            if character.is_control() || is_invisible_control(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            } else {
                out.write_all(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
