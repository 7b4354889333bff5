//! The report for people: first the answer, then the proof. Whatever came from the wire is escaped here.

use std::collections::HashMap;
use std::fmt::Write;

use anstyle::AnsiColor;
use anstyle::Style;
use comfy_table::ContentArrangement;
use comfy_table::Table;
use comfy_table::presets;

use crate::base::Untrusted;
use crate::report::Finding;
use crate::report::Report;
use crate::report::Session;

/// Sessions shown in the table; the others are in the JSON report.
const ROWS_MAX: usize = 40;

/// Columns of a report that does not go to a terminal.
pub const WIDTH_DEFAULT: usize = 80;

/// Collects what the table needs of each session, and prints the report at the end.
#[derive(Default)]
pub struct HumanReport {
    rows: Vec<Row>,
}

/// One line of the sessions table.
struct Row {
    id: String,
    who: String,
    what: String,
    hop: String,
    attempts: usize,
    outcome: String,
}

impl HumanReport {
    /// Takes a session.
    pub fn session(&mut self, session: &Session) {
        // Two lines a cell: addresses and realms that break in the middle cannot be read.
        let who = match &session.realm {
            Some(realm) if !realm.is_empty() => format!("{}\n@{}", shown(&session.user), shown(realm)),
            _ => shown(&session.user),
        };
        self.rows.push(Row {
            id: session.id.clone(),
            who,
            what: shown(&session.method),
            hop: format!("{}\n→ {}", session.client, session.server),
            attempts: session.attempts.len(),
            outcome: outcome_text(session.outcome, session.final_status),
        });
    }

    /// The whole report as text with ANSI styles, at most `width` columns wide but for filters to paste.
    pub fn print(self, report: &Report, width: usize) -> String {
        let mut text = String::new();
        push_heading(&mut text, report, width);
        let first = first_findings(report);
        push_table(&mut text, self.rows, &first, report, width);
        let (serious, noted): (Vec<&Finding>, Vec<&Finding>) =
            report.findings.iter().partition(|f| f.severity != "info");
        for finding in serious {
            push_finding(&mut text, finding, width);
        }
        push_noted(&mut text, &noted, width);
        push_coverage(&mut text, report, width);
        text
    }
}

fn shown(text: &str) -> String {
    Untrusted(text.as_bytes()).to_terminal()
}

fn outcome_text(outcome: &str, status: Option<u16>) -> String {
    let words = outcome.replace('_', " ");
    match status {
        Some(status) => format!("{words}\n({status})"),
        None => words,
    }
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
    let options = textwrap::Options::new(width)
        .initial_indent(first)
        .subsequent_indent(next)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit);
    textwrap::fill(text, options)
}

fn push_heading(text: &mut String, report: &Report, width: usize) {
    let paths: Vec<String> = report.inputs.iter().map(|input| shown(&input.path)).collect();
    let frames: u64 = report.inputs.iter().map(|input| input.packets).sum();
    let line = format!("{}: {frames} frames, {} SIP messages", paths.join(", "), report.summary.sip_messages);
    let _ = writeln!(text, "{}\n", wrapped(&line, width, "", "  "));
    let verdict = match report.summary.verdict.as_str() {
        "problems" => "PROBLEM",
        "ok" => "OK",
        _ => "NOTHING FOUND",
    };
    for headline in &report.summary.headlines {
        let line = wrapped(&shown(headline), width.saturating_sub(verdict.len() + 2), "", "");
        let indent = " ".repeat(verdict.len() + 2);
        let line = line.replace('\n', &format!("\n{indent}"));
        let _ = writeln!(text, "{}  {line}", styled(verdict, style(&report.summary.verdict)));
    }
    for input in report.inputs.iter().filter(|input| input.truncated) {
        let _ = writeln!(text, "\nnote: {} ends within a record; everything before that was read", shown(&input.path));
    }
}

/// The first finding of each session: what its row refers to.
fn first_findings(report: &Report) -> HashMap<&str, &Finding> {
    let mut first = HashMap::new();
    for finding in report.findings.iter().filter(|finding| finding.severity != "info") {
        for session in &finding.sessions {
            first.entry(session.as_str()).or_insert(finding);
        }
    }
    first
}

fn push_table(text: &mut String, rows: Vec<Row>, first: &HashMap<&str, &Finding>, report: &Report, width: usize) {
    if rows.is_empty() {
        return;
    }
    let mut rows = rows;
    // Worst first: by the place of the finding it refers to; those without any as they came.
    let place = |row: &Row| {
        first.get(row.id.as_str()).and_then(|finding| report.findings.iter().position(|other| other.id == finding.id))
    };
    rows.sort_by_cached_key(|row| place(row).unwrap_or(usize::MAX));
    let total = report.summary.sessions;
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(["session", "who", "what", "client → server", "tries", "outcome", "see"]);
    for row in rows.iter().take(ROWS_MAX) {
        let see = first.get(row.id.as_str()).map(|finding| finding.id.clone()).unwrap_or_default();
        table.add_row([&row.id, &row.who, &row.what, &row.hop, &row.attempts.to_string(), &row.outcome, &see]);
    }
    let _ = writeln!(text, "\n{}", table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n"));
    let more = total.saturating_sub(rows.len().min(ROWS_MAX) as u64);
    if more > 0 {
        let _ = writeln!(text, " {more} more sessions are not shown here; --format json lists them");
    }
}

fn push_finding(text: &mut String, finding: &Finding, width: usize) {
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
        let _ = writeln!(text, "{}", wrapped(&shown(line), width, first, next));
    };
    paragraph(&finding.title, "    ", "    ");
    paragraph(&format!("Fault: {}, {}.{}", finding.fault, finding.confidence, because(finding)), "    ", "    ");
    paragraph(&finding.explanation, "    ", "    ");
    for piece in &finding.evidence {
        let at = format!("    frame {}: ", piece.frame.number);
        paragraph(&format!("{}: {}", piece.header, piece.value), &at, "        ");
    }
    for excluded in &finding.excluded {
        paragraph(excluded, "    ruled out: ", "        ");
    }
    for remedy in &finding.remedy {
        paragraph(remedy, "    do: ", "        ");
    }
    let _ = writeln!(text, "    Wireshark: {}", shown(&finding.wireshark_filter));
}

fn because(finding: &Finding) -> String {
    let cause = finding.cause.map(|cause| format!(" Cause: {cause}.")).unwrap_or_default();
    let explained = finding.caused_by.as_deref().map(|id| format!(" Explained by {id}.")).unwrap_or_default();
    let sessions = match finding.sessions.as_slice() {
        [] => String::new(),
        [one] => format!(" Session {one}."),
        many => format!(" {} sessions.", finding.count.max(many.len() as u64)),
    };
    format!("{cause}{explained}{sessions}")
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
    let summary = &report.summary;
    let checks = &summary.verifications;
    let digests = match summary.credentials {
        0 => "no credentials".to_owned(),
        all if checks.not_checked == all => format!("{all} credentials, none checked: no password was given for them"),
        all => format!(
            "{all} credentials: {} match, {} mismatch, {} unverifiable, {} not checked",
            checks.matched, checks.mismatch, checks.unverifiable, checks.not_checked
        ),
    };
    let aside: Vec<String> = report
        .coverage
        .set_aside
        .iter()
        .map(|(reason, count)| format!("{count} {}", reason.replace('_', " ")))
        .collect();
    let frames = match aside.is_empty() {
        true => format!("all {} frames hold SIP", report.coverage.frames),
        false => format!(
            "{} of {} frames hold SIP; set aside: {}",
            report.coverage.used,
            report.coverage.frames,
            aside.join(", ")
        ),
    };
    let _ = writeln!(text, "\n{}", wrapped(&format!("{} challenges, {digests}", summary.challenges), width, "", "  "));
    let _ = writeln!(text, "{}", wrapped(&frames, width, "", "  "));
}
