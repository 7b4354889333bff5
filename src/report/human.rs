//! The report for people: first the answer, then the proof. Whatever came from the wire is escaped here.

mod row;

use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt::Write;

use anstyle::AnsiColor;
use anstyle::Style;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets;

use crate::base::Chunks;
use crate::base::Untrusted;
use crate::base::untrusted::is_printable_ascii;
use crate::report::Finding;
use crate::report::Redaction;
use crate::report::Report;
use crate::report::Session;
use crate::report::human::row::Row;
use crate::report::kept::KeptSessions;
use crate::report::ladder::Ladder;
use crate::report::ladder::text::Characters;
use crate::report::ladder::text::draw;
use crate::report::model::Selected;
use crate::report::showing::Showing;
use crate::report::wireshark;

/// Sessions shown in the table; the others are in the JSON report.
const ROWS_MAX: usize = 40;

/// Sessions without trouble that are worth listing for this report: the table shows the worst, and these are not.
pub const SESSIONS_LISTED: u64 = 200;

/// Columns of a report that does not go to a terminal.
pub const WIDTH_DEFAULT: usize = 80;

/// Sessions that are kept whole until it is known which are the worst: so many that failed, and so many others. Nobody sees the attempts of
/// further ones.
pub const SESSIONS_KEPT: usize = 64;

/// Ladders, and rows of each: enough to see what happens, and that it happens again.
const LADDERS_MAX: usize = 2;
const LADDER_ROWS_MAX: usize = 12;

/// Collects what the table needs of each session, and prints the report at the end.
pub struct HumanReport {
    rows: Chunks<Row>,
    kept: KeptSessions,
    characters: Characters,
    redaction: Redaction,
    showing: Showing,
}

impl HumanReport {
    /// A report with no session yet.
    pub fn new(redaction: Redaction) -> HumanReport {
        let characters = Characters::Unicode;
        let showing = Showing::default();
        HumanReport { rows: Chunks::default(), kept: KeptSessions::new(SESSIONS_KEPT), characters, redaction, showing }
    }

    /// The same, with ladders of these characters.
    #[must_use]
    pub fn drawn_with(self, characters: Characters) -> HumanReport {
        HumanReport { characters, ..self }
    }

    /// The same, shown as somebody asked for.
    #[must_use]
    pub fn shown_as(self, showing: Showing) -> HumanReport {
        HumanReport { showing, ..self }
    }

    /// Takes a session.
    pub fn session(&mut self, session: &Session) {
        self.kept.keep(session);
        self.rows.push(Row::of(session, &self.showing));
    }

    /// The whole report as text with ANSI styles, at most `width` columns wide but for filters to paste.
    pub fn print(self, report: &Report, width: usize) -> String {
        let mut text = String::new();
        push_heading(&mut text, report, self.redaction, width);
        let first = report.first_findings();
        let consequences = report.consequences();
        // Those that findings name: there may be a hundred thousand others.
        let named: HashSet<&str> = report.findings.iter().flat_map(|f| &f.sessions).map(String::as_str).collect();
        let rows: HashMap<&str, &Row> =
            self.rows.iter().map(|row| (row.id(), row)).filter(|(id, _)| named.contains(id)).collect();
        push_table(
            &mut text,
            self.rows.iter().collect(),
            &first,
            report,
            Paper { width, rows_max: self.showing.rows_max.unwrap_or(ROWS_MAX) },
        );
        for finding in report.findings.iter().filter(|finding| is_told_in_full(finding)) {
            let explained = consequences.get(finding.id.as_str()).map_or(&[][..], Vec::as_slice);
            push_finding(&mut text, finding, report, Shown { rows: &rows, explained, showing: &self.showing, width });
        }
        let noted: Vec<&Finding> = report.findings.iter().filter(|finding| finding.is_note()).collect();
        push_noted(&mut text, &noted, width);
        let more = report.summary.findings_not_listed;
        if more > 0 {
            let _ = writeln!(text, "\n{}", wrapped(&not_listed(more), width, "", "  "));
        }
        for session in self.kept.worst(&report.findings, LADDERS_MAX) {
            text.push('\n');
            text.push_str(&draw(&Ladder::of(session, LADDER_ROWS_MAX), width, self.characters));
        }
        push_coverage(&mut text, report, width);
        text
    }
}

/// Findings that another one explains are told under that.
fn is_told_in_full(finding: &Finding) -> bool {
    !finding.is_note() && finding.caused_by.is_none()
}

fn shown(text: &str) -> String {
    Untrusted(text.as_bytes()).to_terminal()
}

fn style(severity: &str) -> Style {
    let color = match severity {
        "critical" | "high" | "problems" => AnsiColor::Red,
        "medium" => AnsiColor::Yellow,
        "ok" => AnsiColor::Green,
        _ => AnsiColor::Cyan,
    };
    color.on_default().bold()
}

fn styled(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

fn wrapped(text: &str, width: usize, first: &str, next: &str) -> String {
    // Of plain text each byte is as wide as the next.
    if is_printable_ascii(text.as_bytes()) {
        return wrapped_plain(text, width, first, next);
    }
    wrapped_measured(text, width, first, next)
}

fn wrapped_measured(text: &str, width: usize, first: &str, next: &str) -> String {
    let options = textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(next)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    textwrap::fill(text, options)
}

/// Breaks plain text at its blanks, where textwrap would: that measures each character, and takes ten times as long.
fn wrapped_plain(text: &str, width: usize, first: &str, next: &str) -> String {
    let room_behind = |indent: &str| width.saturating_sub(textwrap::core::display_width(indent));
    let (mut room, room_further) = (room_behind(first), room_behind(next));
    let mut lines = String::with_capacity(first.len() + text.len() + text.len() / 4);
    lines.push_str(first);
    let mut rest = text.trim_end_matches(' ');
    while rest.len() > room {
        // A line takes the words that fit, and one at least.
        let last = rest.get(..=room).and_then(|start| start.rfind(' '));
        let Some((line, behind)) = last.or_else(|| rest.find(' ')).and_then(|blank| rest.split_at_checked(blank))
        else {
            break;
        };
        lines.extend([line.trim_end_matches(' '), "\n", next]);
        (rest, room) = (behind.trim_start_matches(' '), room_further);
    }
    lines.push_str(rest);
    lines
}

/// Diagnostics without which the first lines may be misread.
const NOTED_FIRST: [&str; 7] = [
    "captures_apart",
    "input_truncated",
    "input_unreadable",
    "secrets_of_similar_names",
    "secrets_not_used",
    "tcp_refused",
    "tls_alert",
];

fn push_heading(text: &mut String, report: &Report, redaction: Redaction, width: usize) {
    if redaction == Redaction::None {
        let _ = writeln!(text, "{}\n", wrapped(UNREDACTED, width, "", "  "));
    }
    if redaction == Redaction::Strict {
        let _ = writeln!(text, "{}\n", wrapped(PSEUDONYMISED, width, "", "  "));
    }
    let frames: u64 = report.inputs.iter().map(|input| input.packets).sum();
    let path = match report.inputs.as_slice() {
        [one] => shown(&one.path),
        many => format!("{} captures", many.len()),
    };
    let messages = counted(report.summary.sip_messages, "SIP message");
    let stamp = report.generated_at.as_ref().map(|stamp| format!(", looked at {stamp}")).unwrap_or_default();
    let line = format!("{path}: {}, {messages}{stamp}", counted(frames, "frame"));
    let _ = writeln!(text, "{}\n", wrapped(&line, width, "", "  "));
    if let Some(selected) = &report.summary.selected {
        push_selected(text, report, selected, width);
    }
    let verdict = match report.summary.verdict.as_str() {
        "problems" => "PROBLEM",
        "ok" => "OK",
        _ => "NOTHING TO TELL",
    };
    for headline in &report.summary.headlines {
        let line = wrapped(&shown(headline), width.saturating_sub(verdict.len() + 2), "", "");
        let indent = " ".repeat(verdict.len() + 2);
        let line = line.replace('\n', &format!("\n{indent}"));
        let _ = writeln!(text, "{}  {line}", styled(verdict, style(&report.summary.verdict)));
    }
    for diagnostic in report.diagnostics.iter().filter(|diagnostic| NOTED_FIRST.contains(&diagnostic.event)) {
        let what = shown(&diagnostic.text);
        let note = match &diagnostic.first {
            Some(first) => format!("note: {} {what} (first: frame {})", diagnostic.count, first.number),
            None => format!("note: {what}"),
        };
        let _ = writeln!(text, "{}", wrapped(&note, width, "\n", "  "));
    }
}

/// What a display filter kept. The filter to paste stands on one line.
fn push_selected(text: &mut String, report: &Report, selected: &Selected, width: usize) {
    let kept = counted(report.summary.sessions, "session");
    let messages = counted(selected.messages, "message");
    let line = format!("filter: {messages} matched; {kept} kept, {} left out", selected.sessions_left_out);
    let _ = writeln!(text, "{}", wrapped(&line, width, "", "  "));
    let part = match selected.messages > selected.wireshark_messages {
        true => format!(" (the first {})", selected.wireshark_messages),
        false => String::new(),
    };
    let _ = writeln!(text, "Wireshark{part}: {}\n", shown(&selected.wireshark_filter));
}

/// Stands above a report that a password can be guessed from.
pub const UNREDACTED: &str = "NOT REDACTED: this report holds what a password can be guessed from; do not pass it on";

/// Stands above a report under strict redaction.
pub const PSEUDONYMISED: &str =
    "PSEUDONYMISED: people, hosts and addresses have other names here; for whoever has the key it is personal data";

/// `1 frame`, `3 frames`.
pub(super) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// How much room a table has.
#[derive(Clone, Copy)]
struct Paper {
    width: usize,
    rows_max: usize,
}

fn push_table(
    text: &mut String,
    rows: Vec<&Row>,
    first: &HashMap<&str, (usize, &Finding)>,
    report: &Report,
    paper: Paper,
) {
    let shown_rows = rows.len().min(paper.rows_max) as u64;
    let more = report.summary.sessions.saturating_sub(shown_rows);
    if rows.is_empty() {
        if more > 0 {
            let _ = writeln!(text, "\n{more} sessions are not listed; --limit-sessions says how many are");
        }
        return;
    }
    let mut rows = rows;
    // Worst first: by the place of the finding it refers to; those without any as they came.
    rows.sort_by_cached_key(|row| first.get(row.id()).map_or(usize::MAX, |(place, _)| *place));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(paper.width).unwrap_or(u16::MAX));
    table.set_header(["id", "who", "what", "client → server", "tries", "outcome", "see"]);
    for row in rows.iter().take(paper.rows_max) {
        let see = first.get(row.id()).map(|(_, finding)| finding.id.clone()).unwrap_or_default();
        table.add_row(row.cells(see));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let _ = writeln!(text, "\n{}", table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n"));
    if more > 0 {
        let _ = writeln!(text, " {more} more sessions are not shown here; --format json lists them");
    }
}

/// What a finding is shown with.
#[derive(Clone, Copy)]
struct Shown<'r> {
    /// What is known of each session that a finding names.
    rows: &'r HashMap<&'r str, &'r Row>,
    /// The findings that it explains.
    explained: &'r [&'r Finding],
    showing: &'r Showing,
    width: usize,
}

fn push_finding(text: &mut String, finding: &Finding, report: &Report, with: Shown<'_>) {
    let Shown { explained, showing, width, .. } = with;
    let severity = finding.severity.to_uppercase();
    let _ = writeln!(
        text,
        "\n{}  {}  {} ({})",
        styled(&finding.id, Style::new().bold()),
        styled(&severity, style(finding.severity)),
        finding.rule,
        finding.code
    );
    let mut paragraph = |line: &str, first: &str, next: &str| {
        text.push_str(&wrapped(&shown(line), width, first, next));
        text.push('\n');
    };
    paragraph(&finding.title, "    ", "    ");
    paragraph(&fault_text(finding), "    ", "    ");
    paragraph(&finding.explanation, "    ", "    ");
    for piece in &finding.evidence {
        let at = wireshark::frame(piece.frame, &report.inputs);
        paragraph(&format!("{at}: {}: {}", piece.header, showing.cell(&piece.value)), "    ", "        ");
    }
    for consequence in explained {
        let line = format!("explains {} {}: {}", consequence.id, consequence.rule, consequence.title);
        paragraph(&line, "    ", "        ");
    }
    if !finding.excluded.is_empty() {
        paragraph("Ruled out", "    ", "");
        finding.excluded.iter().for_each(|excluded| paragraph(excluded, "      - ", "        "));
    }
    if !finding.remedy.is_empty() {
        paragraph("Do", "    ", "");
        for (number, remedy) in (1..).zip(&finding.remedy) {
            paragraph(remedy, &format!("      {number}. "), "         ");
        }
    }
    push_places(text, finding, report, with);
    let capture = wireshark::capture(&finding.frames, &report.inputs);
    let capture = capture.map(|capture| format!(", in {}", shown(capture))).unwrap_or_default();
    let _ = writeln!(text, "    Wireshark{capture}: {}", shown(&finding.wireshark_filter));
}

/// Sessions that a finding names in full; further ones are in the JSON report.
const PLACES_MAX: usize = 3;

fn push_places(text: &mut String, finding: &Finding, report: &Report, Shown { rows, showing, width, .. }: Shown<'_>) {
    for row in finding.sessions.iter().filter_map(|session| rows.get(session.as_str())).take(PLACES_MAX) {
        let _ = writeln!(text, "{}", wrapped(&row.place(showing, report), width, "    Session ", "        "));
    }
    let more = finding.count.saturating_sub(PLACES_MAX as u64);
    if more > 0 {
        let _ = writeln!(text, "    and {more} more");
    }
}

fn fault_text(finding: &Finding) -> String {
    let cause = finding.cause.map(|cause| format!(" Cause: {cause}.")).unwrap_or_default();
    format!("Fault: {}.{cause}", finding.blame())
}

/// What is said of findings that found no place.
pub(super) fn not_listed(more: u64) -> String {
    format!("{more} more {} not listed (`--limit-findings`)", if more == 1 { "finding is" } else { "findings are" })
}

fn push_noted(text: &mut String, noted: &[&Finding], width: usize) {
    if noted.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", styled("Also noted", Style::new().bold()));
    for finding in noted {
        let line = format!("{}: {}. {}", finding.rule, finding.title, finding.explanation);
        let first = format!("{:>4}  ", finding.id);
        let _ = writeln!(text, "{}", wrapped(&shown(&line), width, &first, "      "));
    }
}

fn push_coverage(text: &mut String, report: &Report, width: usize) {
    let _ = writeln!(text, "\n{}", wrapped(&checked(report), width, "", "  "));
    let _ = writeln!(text, "{}", wrapped(&used(report), width, "", "  "));
}

/// `2 challenges, 1 set of credentials (1 match)`.
pub(super) fn checked(report: &Report) -> String {
    let summary = &report.summary;
    let checks = &summary.verifications;
    let results = [
        (checks.matched, "match"),
        (checks.mismatch, "mismatch"),
        (checks.near_miss, "near miss"),
        (checks.unverifiable, "unverifiable"),
        (checks.not_checked, "not checked: no password was given for them"),
    ];
    let results: Vec<String> =
        results.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    let credentials = match summary.credentials {
        0 => "no credentials".to_owned(),
        1 => format!("1 set of credentials ({})", results.join(", ")),
        all => format!("{all} sets of credentials ({})", results.join(", ")),
    };
    format!("{}, {credentials}", counted(summary.challenges, "challenge"))
}

/// `4 frames, all with SIP`.
pub(super) fn used(report: &Report) -> String {
    let coverage = &report.coverage;
    let aside: Vec<String> =
        coverage.set_aside.iter().map(|(reason, count)| format!("{count} {}", reason.replace('_', " "))).collect();
    match aside.is_empty() {
        true if coverage.frames == 0 => "no frames".to_owned(),
        true => format!("{}, all with SIP", counted(coverage.frames, "frame")),
        false => {
            format!("{} of {} frames hold SIP; set aside: {}", coverage.used, coverage.frames, aside.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_breaks_where_textwrap_breaks_it() {
        let texts = [
            "",
            " ",
            "word",
            "two words",
            "  blanks  before,   between and behind   ",
            "a-hyphen-breaks-nothing and neither/does:a,path",
            "one word that is longer-than-any-of-the-lines-that-there-are ends it",
            "The credentials in frames 3, 5 and 7 answer a challenge that the same server had sent to another address.",
        ];
        for text in texts {
            for width in [0, 1, 4, 8, 13, 20, 40, 80] {
                for (first, next) in [("", ""), ("    ", "        "), ("      - ", "        "), ("\n", "  ")] {
                    // A line of nothing is no line to textwrap, and has no indent.
                    let measured =
                        if text.is_empty() { first.to_owned() } else { wrapped_measured(text, width, first, next) };
                    assert_eq!(wrapped_plain(text, width, first, next), measured, "{text:?} {width} {first:?}");
                }
            }
        }
    }
}
