//! The report as Markdown, for tickets, wikis and pull requests: the verdict, the findings, and the worst sessions as a Mermaid
//! diagram and as a plain ladder.

use std::fmt::Write;

use crate::base::Untrusted;
use crate::report::Finding;
use crate::report::Redaction;
use crate::report::Report;
use crate::report::Session;
use crate::report::human;
use crate::report::kept::KeptSessions;
use crate::report::ladder::Ladder;
use crate::report::ladder::account;
use crate::report::ladder::mermaid;
use crate::report::ladder::text::Characters;
use crate::report::ladder::text::draw;
use crate::report::showing::Showing;
use crate::report::wireshark;

/// Sessions in the table, and sessions that are drawn.
const ROWS_MAX: usize = 200;
const LADDERS_MAX: usize = 3;
/// Sessions that a finding names.
const PLACES_MAX: usize = 3;
const LADDER_ROWS_MAX: usize = 40;
const LADDER_WIDTH: usize = 100;

/// Collects the sessions, and prints the report at the end.
pub struct MarkdownReport {
    kept: KeptSessions,
    redaction: Redaction,
    showing: Showing,
}

impl MarkdownReport {
    /// A report with no session yet.
    pub fn new(redaction: Redaction) -> MarkdownReport {
        MarkdownReport { kept: KeptSessions::new(ROWS_MAX), redaction, showing: Showing::default() }
    }

    /// The same, shown as somebody asked for.
    #[must_use]
    pub fn shown_as(self, showing: Showing) -> MarkdownReport {
        let kept = KeptSessions::new(showing.rows_max.unwrap_or(0).max(ROWS_MAX));
        MarkdownReport { kept, showing, ..self }
    }

    /// Takes a session.
    pub fn session(&mut self, session: &Session) {
        self.kept.keep(session);
    }

    /// The whole report.
    pub fn print(self, report: &Report) -> String {
        let mut text = "# SIP authentication report\n\n".to_owned();
        if self.redaction == Redaction::None {
            let _ = writeln!(text, "> **{}**\n", human::UNREDACTED);
        }
        if self.redaction == Redaction::Strict {
            let _ = writeln!(text, "> {}\n", human::PSEUDONYMISED);
        }
        for headline in &report.summary.headlines {
            let verdict = match report.summary.verdict.as_str() {
                "problems" => "Problem",
                "ok" => "OK",
                _ => "Nothing to tell",
            };
            let _ = writeln!(text, "**{verdict}:** {}\n", escaped(headline));
        }
        for input in &report.inputs {
            let _ = writeln!(text, "- {}: {}", code(&input.path), human::counted(input.packets, "frame"));
        }
        self.push_sessions(&mut text, report);
        for finding in report.findings.iter().filter(|finding| !finding.is_note()) {
            push_finding(&mut text, finding, report);
            self.push_places(&mut text, finding, report);
        }
        push_noted(&mut text, report);
        let more = report.summary.findings_not_listed;
        if more > 0 {
            let _ = writeln!(text, "\n{}.", human::not_listed(more));
        }
        for session in self.kept.worst_or_first(&report.findings, LADDERS_MAX) {
            let ladder = Ladder::of(session, LADDER_ROWS_MAX);
            let _ = writeln!(text, "\n## Session {}\n\n```mermaid\n{}```\n", session.id, mermaid::draw(&ladder));
            // A fence ends at its like: no text from the capture holds one.
            let plain = draw(&ladder, LADDER_WIDTH, Characters::Unicode).replace('`', "'");
            let _ = writeln!(text, "```text\n{plain}```");
        }
        push_counts(&mut text, report);
        text
    }

    /// When a finding's sessions began, and how to find them in a log.
    fn push_places(&self, text: &mut String, finding: &Finding, report: &Report) {
        let sessions = finding.sessions.iter().filter_map(|id| self.kept.named(id)).take(PLACES_MAX);
        for session in sessions {
            let began = self.showing.time(session.started.0, report);
            let call_id = code(&self.showing.cell(&session.call_id));
            let _ = writeln!(text, "\nSession {}: {began}, Call-ID {call_id}", session.id);
        }
        let more = finding.count.saturating_sub(PLACES_MAX as u64);
        if more > 0 {
            let _ = writeln!(text, "\nand {more} more");
        }
    }

    fn push_sessions(&self, text: &mut String, report: &Report) {
        let rows: Vec<&Session> = self.kept.all().take(self.showing.rows_max.unwrap_or(ROWS_MAX)).collect();
        if rows.is_empty() {
            return;
        }
        text.push_str("\n## Sessions\n\n| id | who | what | client | server | tries | outcome | see |\n");
        text.push_str("| --- | --- | --- | --- | --- | ---: | --- | --- |\n");
        let first = report.first_findings();
        for session in &rows {
            let see = first.get(session.id.as_str());
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                session.id,
                escaped(&self.showing.cell(&account(session))),
                escaped(&self.showing.cell(&session.method)),
                session.client,
                session.server,
                session.tries(),
                session.reached.behind(&session.outcome.words(), " "),
                see.map(|(_, finding)| finding.id.as_str()).unwrap_or_default(),
            );
        }
        let more = report.summary.sessions.saturating_sub(rows.len() as u64);
        if more > 0 {
            let _ = writeln!(text, "\n{more} more sessions are not shown here; `--format json` lists them.");
        }
    }
}

fn push_finding(text: &mut String, finding: &Finding, report: &Report) {
    let _ = writeln!(
        text,
        "\n## {} {}: {} ({})\n\n**{}**\n",
        finding.id,
        finding.severity,
        finding.rule,
        finding.code,
        escaped(&finding.title)
    );
    let cause = finding.cause.map(|cause| format!(" Cause: {cause}.")).unwrap_or_default();
    let by = finding.caused_by.as_ref().map(|by| format!(" Explained by {by}.")).unwrap_or_default();
    let _ = writeln!(text, "Fault: {}.{cause}{by}\n", finding.blame());
    let _ = writeln!(text, "{}", escaped(&finding.explanation));
    if !finding.evidence.is_empty() {
        text.push('\n');
    }
    for piece in &finding.evidence {
        let frame = escaped(&wireshark::frame(piece.frame, &report.inputs));
        let _ = writeln!(text, "- {frame}: {}", code(&format!("{}: {}", piece.header, piece.value)));
    }
    push_list(text, "Ruled out", "-", &finding.excluded);
    push_list(text, "Do", "1.", &finding.remedy);
    let capture = wireshark::capture(&finding.frames, &report.inputs);
    let capture = capture.map(|capture| format!(", in {}", code(capture))).unwrap_or_default();
    let _ = writeln!(text, "\nWireshark{capture}: {}", code(&finding.wireshark_filter));
}

fn push_list(text: &mut String, heading: &str, mark: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n**{heading}**\n");
    for item in items {
        let _ = writeln!(text, "{mark} {}", escaped(item));
    }
}

fn push_noted(text: &mut String, report: &Report) {
    let noted: Vec<&Finding> = report.findings.iter().filter(|finding| finding.is_note()).collect();
    if noted.is_empty() {
        return;
    }
    text.push_str("\n## Also noted\n\n");
    for finding in noted {
        let _ = writeln!(
            text,
            "- {} {}: {}. {}",
            finding.id,
            finding.rule,
            escaped(&finding.title),
            escaped(&finding.explanation)
        );
    }
}

fn push_counts(text: &mut String, report: &Report) {
    let messages = human::counted(report.summary.sip_messages, "SIP message");
    let (checked, used) = (human::checked(report), human::used(report));
    let stamp = report.generated_at.as_ref().map(|stamp| format!(", {stamp}")).unwrap_or_default();
    let _ = writeln!(text, "\n---\n\n{messages}, {checked}; {used}. Made by sipauth {}{stamp}.", report.tool.version);
    for diagnostic in &report.diagnostics {
        let _ = writeln!(text, "\n- note: {} ({})", escaped(&diagnostic.text), diagnostic.count);
    }
}

/// Text that Markdown shows as it is, on one line: no markup, no table cell, no link, no HTML.
pub fn escaped(text: &str) -> String {
    let visible = Untrusted(text.as_bytes()).to_terminal();
    let mut safe = String::with_capacity(visible.len());
    for character in visible.chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '#' | '$' | '{' | '}' => {
                safe.push('\\');
                safe.push(character);
            }
            character => safe.push(character),
        }
    }
    // What looks like an address is a link to many readers of Markdown, unless an escape stands in it.
    safe.replace("://", "\\://").replace("www.", "www\\.")
}

/// Text in a code span, where nothing but the mark itself has a meaning. Not for table cells.
fn code(text: &str) -> String {
    let visible = Untrusted(text.as_bytes()).to_terminal();
    format!("`{}`", visible.replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        assert_eq!(escaped("a|b\n<script>"), "a\\|b\\\\x0a&lt;script&gt;");
        assert_eq!(escaped("[x](http://h)"), "\\[x\\](http\\://h)");
        assert_eq!(code("a`b"), "`a'b`");
    }
}
