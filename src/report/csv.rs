//! The attempts as a table for spreadsheets: RFC 4180, a header row, one row an attempt.

use std::io;
use std::io::Write;

use crate::base::Untrusted;
use crate::report::Attempt;
use crate::report::Challenge;
use crate::report::Credentials;
use crate::report::Party;
use crate::report::Session;

/// The columns, in their order. New ones come at the end.
pub const COLUMNS: [&str; 32] = [
    "session",
    "session_outcome",
    "call_id",
    "user",
    "user_agent",
    "server_agent",
    "attempt",
    "time",
    "method",
    "cseq",
    "client",
    "server",
    "transport",
    "input",
    "request_frame",
    "response_frame",
    "status",
    "reason",
    "response_ms",
    "outcome",
    "credentials_header",
    "username",
    "realm",
    "nonce_id",
    "nc",
    "algorithm",
    "qop",
    "verification",
    "challenge_realm",
    "challenge_nonce_id",
    "stale",
    "wireshark_filter",
];

/// Writes the header, and a row for each attempt of a session.
pub struct CsvWriter<W: Write> {
    out: W,
    row: String,
    has_header: bool,
}

impl<W: Write> CsvWriter<W> {
    /// A writer that has written nothing yet.
    pub fn new(out: W) -> CsvWriter<W> {
        CsvWriter { out, row: String::new(), has_header: false }
    }

    /// Where it goes.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes the attempts of a session.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn session(&mut self, session: &Session) -> io::Result<()> {
        self.header()?;
        for (number, attempt) in (1_usize..).zip(&session.attempts) {
            self.attempt(session, number, attempt);
            self.flush_row()?;
        }
        Ok(())
    }

    /// Writes the header where there was no session, and gives the writer back.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.header()?;
        Ok(self.out)
    }

    fn header(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.has_header, true) {
            return Ok(());
        }
        COLUMNS.iter().for_each(|name| self.cell(name));
        self.flush_row()
    }

    fn attempt(&mut self, session: &Session, number: usize, attempt: &Attempt) {
        let hop = attempt.hop.as_ref();
        let (client, server) = hop.map_or((session.client, session.server), |hop| (hop.client, hop.server));
        let place = |place: Party| place.to_string();
        self.cell(&session.id);
        self.cell(session.outcome.name());
        self.cell(&session.call_id);
        self.cell(&session.user);
        self.cell(session.user_agent.as_deref().unwrap_or_default());
        self.cell(session.server_agent.as_deref().unwrap_or_default());
        self.cell(&number.to_string());
        self.cell(&attempt.time.map(|time| time.0.to_string()).unwrap_or_default());
        self.cell(&attempt.method);
        self.number(attempt.cseq);
        self.cell(&place(client));
        self.cell(&place(server));
        self.cell(hop.map_or(session.transport, |hop| hop.transport));
        self.number(attempt.request.or(attempt.response).map(|frame| frame.input));
        self.number(attempt.request.map(|frame| frame.number));
        self.number(attempt.response.map(|frame| frame.number));
        self.number(attempt.status);
        self.cell(attempt.reason.as_deref().unwrap_or_default());
        self.number(attempt.response_ms);
        self.cell(attempt.outcome.name());
        let credentials = &attempt.credentials;
        self.each(credentials, |one| Some(one.header.to_owned()));
        self.each(credentials, |one| one.username.clone());
        self.each(credentials, |one| one.realm.clone());
        self.each(credentials, |one| one.nonce_id.clone());
        self.each(credentials, |one| one.nc.clone());
        self.each(credentials, |one| one.algorithm.clone());
        self.each(credentials, |one| one.qop.clone());
        self.each(credentials, verification);
        let challenges = &attempt.challenges;
        self.each(challenges, |one: &Challenge| one.realm.clone());
        self.each(challenges, |one: &Challenge| one.nonce_id.clone());
        self.each(challenges, |one: &Challenge| one.stale.map(|stale| stale.to_string()));
        self.cell(&session.wireshark_filter);
    }

    fn number(&mut self, number: Option<impl ToString>) {
        self.cell(&number.map(|number| number.to_string()).unwrap_or_default());
    }

    /// A request may carry several credentials, an answer several challenges: they share a cell.
    fn each<T>(&mut self, all: &[T], value: impl Fn(&T) -> Option<String>) {
        let values: Vec<String> = all.iter().map(|one| value(one).unwrap_or_default()).collect();
        self.cell(&values.join(" | "));
    }

    fn cell(&mut self, text: &str) {
        if !self.row.is_empty() {
            self.row.push(',');
        }
        push_cell(&mut self.row, text);
    }

    fn flush_row(&mut self) -> io::Result<()> {
        self.row.push_str("\r\n");
        self.out.write_all(self.row.as_bytes())?;
        self.row.clear();
        Ok(())
    }
}

fn verification(credentials: &Credentials) -> Option<String> {
    let check = credentials.verification.as_ref()?;
    Some(match (&check.variant, check.reason) {
        (Some(variant), _) => format!("{}: {variant}", check.result),
        (_, Some(reason)) => format!("{}: {reason}", check.result),
        _ => check.result.to_owned(),
    })
}

/// A cell that no spreadsheet takes for a formula, on one line. All but plain words stand between quotes, so that they hold
/// together whatever separator the spreadsheet of that country expects.
fn push_cell(row: &mut String, text: &str) {
    let visible = Untrusted(text.as_bytes()).to_terminal();
    let first = visible.trim_start().chars().next();
    let is_formula = first.is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'));
    let is_plain = !visible.is_empty()
        && visible.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-' | '@' | '/'));
    if is_plain && !is_formula {
        row.push_str(&visible);
        return;
    }
    // A row of one empty cell would be an empty line.
    row.push('"');
    if is_formula {
        row.push('\'');
    }
    visible.chars().for_each(|c| {
        row.push(c);
        if c == '"' {
            row.push(c);
        }
    });
    row.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let cell = |text: &str| {
            let mut row = String::new();
            push_cell(&mut row, text);
            row
        };
        assert_eq!(cell("1001"), "1001");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(cell(" @SUM(1)"), "\"' @SUM(1)\"");
        assert_eq!(cell("+49 30"), "\"'+49 30\"");
        assert_eq!(cell("\t=1"), "\"\\x09=1\"");
        assert_eq!(cell("a;\"b\""), "\"a;\"\"b\"\"\"");
        assert_eq!(cell("a\r\nb"), "\"a\\x0d\\x0ab\"");
        assert_eq!(cell(""), "\"\"");
    }
}
