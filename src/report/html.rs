//! The report as one page: no network, no script needed, light and dark. What came from the wire is only ever text.

use sha2::Digest;
use sha2::Sha256;

use crate::base::CaptureTime;
use crate::base::encoding::base64_encoded;
use crate::report::Finding;
use crate::report::Redaction;
use crate::report::Report;
use crate::report::Session;
use crate::report::html::markup::Markup;
use crate::report::human;
use crate::report::kept::KeptSessions;
use crate::report::ladder::Ladder;
use crate::report::ladder::account;
use crate::report::ladder::svg;
use crate::report::showing::Showing;
use crate::report::wireshark;

pub mod charts;
pub mod markup;

pub use markup::escaped;

/// Rows of the sessions table; more are only counted.
const ROWS_MAX: usize = 10_000;

/// Sessions that a finding names.
const SESSIONS_NAMED: usize = 20;

/// Up to so many sessions and findings all is laid out at once, and nothing moves while somebody scrolls.
const ROWS_AT_ONCE: usize = 500;
const FINDINGS_AT_ONCE: usize = 100;

/// Sessions that are drawn, and rows of each drawing.
const LADDERS_MAX: usize = 20;
const LADDER_ROWS_MAX: usize = 60;

/// Sessions that are kept whole until it is known which are the worst.
const SESSIONS_KEPT: usize = 100;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Collects what the page needs of each session, and prints it at the end.
pub struct HtmlReport {
    rows: Vec<Row>,
    kept: KeptSessions,
    redaction: Redaction,
    showing: Showing,
}

/// One line of the sessions table.
struct Row {
    id: String,
    started: CaptureTime,
    cells: [String; 5],
    tries: u64,
    call_id: String,
}

impl HtmlReport {
    /// A page with no session yet.
    pub fn new(redaction: Redaction) -> HtmlReport {
        HtmlReport { rows: Vec::new(), kept: KeptSessions::new(SESSIONS_KEPT), redaction, showing: Showing::default() }
    }

    /// The same, shown as somebody asked for.
    #[must_use]
    pub fn shown_as(self, showing: Showing) -> HtmlReport {
        HtmlReport { showing, ..self }
    }

    /// Takes a session.
    pub fn session(&mut self, session: &Session) {
        self.kept.keep(session);
        if self.rows.len() >= self.showing.rows_max.unwrap_or(ROWS_MAX) {
            return;
        }
        self.rows.push(Row {
            id: session.id.clone(),
            started: session.started.0,
            cells: [
                account(session),
                session.method.clone(),
                session.client.to_string(),
                session.server.to_string(),
                session.reached.behind(&session.outcome.words(), " "),
            ],
            call_id: session.call_id.clone(),
            tries: session.tries(),
        });
    }

    /// The whole page.
    pub fn print(self, report: &Report) -> String {
        let mut page = Markup::default();
        push_head(&mut page, report.summary.headlines.first().map_or("SIP authentication report", String::as_str));
        self.push_verdict(&mut page, report);
        let is_long = self.rows.len() > ROWS_AT_ONCE || report.findings.len() > FINDINGS_AT_ONCE;
        page.raw(if is_long { "<main id=\"main\" class=\"many\">" } else { "<main id=\"main\">" });
        push_ticket(&mut page, report);
        let drawn: Vec<&str> =
            self.kept.worst_or_first(&report.findings, LADDERS_MAX).iter().map(|session| session.id.as_str()).collect();
        push_findings(&mut page, report, &drawn);
        self.push_drawings(&mut page, report);
        self.push_table(&mut page, report);
        push_coverage(&mut page, report);
        page.raw("</main><footer class=\"dim\"><p>Made by sipauth ").text(&report.tool.version);
        if let Some(stamp) = &report.generated_at {
            page.raw(" at ").text(stamp);
        }
        page.raw(". Redaction: ").text(self.redaction.name());
        page.raw(". Names, numbers and addresses of people are personal data.</p></footer><script>").raw(SCRIPT);
        page.raw("</script></body></html>\n");
        page.into_string()
    }

    fn push_verdict(&self, page: &mut Markup, report: &Report) {
        page.raw("<header>");
        if self.redaction == Redaction::None {
            page.raw("<p class=\"banner\" role=\"alert\">").text(human::UNREDACTED).raw("</p>");
        }
        if self.redaction == Redaction::Strict {
            page.raw("<p class=\"card\">").text(human::PSEUDONYMISED).raw("</p>");
        }
        page.raw("<h1>SIP authentication report: ");
        match report.inputs.as_slice() {
            [one] => page.text(&one.path),
            many => page.number(many.len() as u64).raw(" captures"),
        };
        let (class, word) = match report.summary.verdict.as_str() {
            "problems" => ("<div class=\"verdict problems\">", "Problem: "),
            "ok" => ("<div class=\"verdict ok\">", "OK: "),
            _ => ("<div class=\"verdict\">", "Nothing to tell: "),
        };
        page.raw("</h1>").raw(class);
        for headline in &report.summary.headlines {
            page.raw("<p><b>").raw(word).raw("</b>").text(headline).raw("</p>");
        }
        page.raw("</div><nav aria-label=\"Parts of this page\"><ul>");
        if report.ticket.is_some() {
            page.raw("<li><a href=\"#ticket-h\">Ticket</a></li>");
        }
        page.raw("<li><a href=\"#findings\">Findings</a></li><li><a href=\"#drawings\">Ladders</a></li>");
        page.raw("<li><a href=\"#sessions\">Sessions</a></li><li><a href=\"#coverage\">What was read</a></li></ul></nav></header>");
    }

    fn push_drawings(&self, page: &mut Markup, report: &Report) {
        page.raw("<h2 id=\"drawings\">Ladders and time</h2>");
        let drawn = self.kept.worst_or_first(&report.findings, LADDERS_MAX);
        if drawn.is_empty() {
            page.raw("<p>No session to draw.</p>");
        }
        if let Some(timeline) = charts::timeline(self.kept.all()) {
            page.raw(
                "<h3>Attempts in time</h3><p class=\"dim\">● accepted, ✕ refused, ▲ challenged, ■ other final answer, ",
            );
            page.raw("○ no answer</p><div class=\"scroll picture\" tabindex=\"0\" role=\"region\" ");
            page.raw("aria-label=\"Attempts in time\">").picture(&timeline).raw("</div>");
        }
        for (index, session) in drawn.into_iter().enumerate() {
            page.raw(if index < 3 { "<details class=\"card\" open" } else { "<details class=\"card\"" });
            page.raw(" id=\"").text(&session.id).raw("\"><summary><h3>Session ").text(&session.id).raw(": ");
            page.text(&session.method).raw(" of ").text(&account(session)).raw("</h3></summary>");
            page.raw("<p>Call-ID <code>").text(&session.call_id).raw("</code></p>");
            page.raw("<p>Wireshark: <code>").text(&session.wireshark_filter).raw("</code></p>");
            let ladder = svg::embedded(&Ladder::of(session, LADDER_ROWS_MAX), &format!("l-{}", session.id));
            page.raw("<div class=\"scroll picture\" tabindex=\"0\" role=\"region\" aria-label=\"Ladder of ")
                .text(&session.id)
                .raw("\">");
            page.picture(&ladder).raw("</div>");
            if let Some(chart) = charts::nonces(session, &format!("n-{}", session.id)) {
                page.raw(
                    "<h4>Nonces</h4><p class=\"dim\">A bar from issue to replacement; ● accepted, ✕ refused, ○ never ",
                );
                page.raw(
                    "answered</p><div class=\"scroll picture\" tabindex=\"0\" role=\"region\" aria-label=\"Nonces of ",
                );
                page.text(&session.id).raw("\">");
                page.picture(&chart).raw("</div>");
            }
            page.raw("</details>");
        }
    }

    fn push_table(&self, page: &mut Markup, report: &Report) {
        page.raw("<h2 id=\"sessions\">Sessions</h2>");
        if self.rows.is_empty() {
            page.raw("<p>None about authentication.</p>");
            return;
        }
        page.raw(
            "<p id=\"searchbox\" class=\"search\" hidden><label>Search <input id=\"search\" type=\"search\"></label> ",
        );
        page.raw("<span id=\"count\" class=\"dim\" role=\"status\"></span></p>");
        page.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Sessions\"><table id=\"rows\"><thead><tr>");
        for name in ["id", "see", "started", "who", "what", "client", "server", "outcome", "tries", "Call-ID"] {
            page.raw("<th scope=\"col\">").raw(name).raw("</th>");
        }
        page.raw("</tr></thead><tbody>");
        let first = report.first_findings();
        for row in &self.rows {
            page.raw("<tr id=\"r-").text(&row.id).raw("\"><td>").text(&row.id).raw("</td><td>");
            if let Some((_, finding)) = first.get(row.id.as_str()) {
                page.raw("<a href=\"#").text(&finding.id).raw("\">").text(&finding.id).raw("</a>");
            }
            page.raw("</td><td>").text(&self.showing.time(row.started, report)).raw("</td>");
            for cell in &row.cells {
                page.raw("<td>").text(&self.showing.cell(cell)).raw("</td>");
            }
            page.raw("<td class=\"n\">").number(row.tries).raw("</td>");
            page.raw("<td>").text(&self.showing.cell(&row.call_id)).raw("</td></tr>");
        }
        page.raw("</tbody></table></div>");
        let more = report.summary.sessions.saturating_sub(self.rows.len() as u64);
        if more > 0 {
            page.raw("<p>").number(more).raw(" more are not shown; --format json lists them.</p>");
        }
    }
}

/// Everything up to the body's beginning.
pub fn push_head(page: &mut Markup, title: &str) {
    page.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; ");
    page.raw("style-src 'sha256-").text(&hash(STYLE)).raw("'; script-src 'sha256-").text(&hash(SCRIPT)).raw("'\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\"><meta name=\"robots\" content=\"noindex\"><title>");
    page.text(title);
    page.raw("</title><style>")
        .raw(STYLE)
        .raw("</style></head><body><a class=\"skip\" href=\"#main\">To the report</a>");
}

fn push_ticket(page: &mut Markup, report: &Report) {
    let Some(ticket) = &report.ticket else { return };
    page.raw("<section class=\"card\" aria-labelledby=\"ticket-h\"><h2 id=\"ticket-h\">Text for a ticket</h2>");
    page.raw("<p><b>").text(&ticket.summary).raw("</b></p>");
    page.raw("<button type=\"button\" data-copy=\"ticket\" hidden>Copy</button><pre id=\"ticket\" tabindex=\"0\">");
    for line in ticket.description.lines() {
        page.text(line).raw("\n");
    }
    page.raw("</pre></section>");
}

fn push_findings(page: &mut Markup, report: &Report, drawn: &[&str]) {
    page.raw("<h2 id=\"findings\">Findings</h2>");
    if report.findings.is_empty() {
        page.raw("<p>None.</p>");
    }
    for finding in report.findings.iter().filter(|finding| !finding.is_note()) {
        push_finding(page, finding, report, drawn);
    }
    let noted: Vec<&Finding> = report.findings.iter().filter(|finding| finding.is_note()).collect();
    if !noted.is_empty() {
        push_noted(page, &noted);
    }
    let more = report.summary.findings_not_listed;
    if more > 0 {
        page.raw("<p>").text(&human::not_listed(more)).raw(".</p>");
    }
}

fn push_noted(page: &mut Markup, noted: &[&Finding]) {
    page.raw("<h3>Also noted</h3><ul>");
    for finding in noted {
        page.raw("<li id=\"").text(&finding.id).raw("\"><b>").text(finding.rule).raw("</b>: ").text(&finding.title);
        page.raw(". ").text(&finding.explanation).raw("</li>");
    }
    page.raw("</ul>");
}

fn push_finding(page: &mut Markup, finding: &Finding, report: &Report, drawn: &[&str]) {
    page.raw("<article class=\"card\" id=\"").text(&finding.id).raw("\"><h3>").text(&finding.id);
    page.raw(" <span class=\"badge ").text(finding.severity).raw("\">").text(finding.severity).raw("</span> ");
    page.text(&finding.title).raw("</h3><p class=\"dim\">").text(finding.rule).raw(" (").text(finding.code);
    page.raw("). Fault: ").text(&finding.blame()).raw(".");
    if let Some(cause) = finding.cause {
        page.raw(" Cause: ").text(cause).raw(".");
    }
    if let Some(by) = &finding.caused_by {
        page.raw(" Explained by <a href=\"#").text(by).raw("\">").text(by).raw("</a>.");
    }
    page.raw("</p><p>").text(&finding.explanation).raw("</p>");
    if !finding.evidence.is_empty() {
        page.raw("<h4>Evidence</h4><ul>");
        for piece in &finding.evidence {
            page.raw("<li>").text(&wireshark::frame(piece.frame, &report.inputs)).raw(": <code>").text(piece.header);
            page.raw(": ").text(&piece.value).raw("</code></li>");
        }
        page.raw("</ul>");
    }
    if !finding.remedy.is_empty() {
        page.raw("<h4>Do</h4><ol>");
        finding.remedy.iter().for_each(|item| push_item(page, item));
        page.raw("</ol>");
    }
    if !finding.excluded.is_empty() {
        page.raw("<details><summary>Ruled out</summary><ul>");
        finding.excluded.iter().for_each(|item| push_item(page, item));
        page.raw("</ul></details>");
    }
    page.raw("<p>Wireshark");
    if let Some(capture) = wireshark::capture(&finding.frames, &report.inputs) {
        page.raw(", in ").text(capture);
    }
    page.raw(": <code>").text(&finding.wireshark_filter).raw("</code></p><p class=\"dim\">");
    page.raw(match finding.sessions.len() {
        0 => "",
        1 => "Session ",
        _ => "Sessions ",
    });
    for session in finding.sessions.iter().take(SESSIONS_NAMED) {
        // The drawing where there is one, else the row of the table.
        page.raw(if drawn.contains(&session.as_str()) { "<a href=\"#" } else { "<a href=\"#r-" });
        page.text(session).raw("\">").text(session).raw("</a> ");
    }
    let more = finding.sessions.len().saturating_sub(SESSIONS_NAMED);
    if more > 0 {
        page.raw("and ").number(more as u64).raw(" more ");
    }
    page.text(&finding.references.join(" · ")).raw("</p></article>");
}

fn push_item(page: &mut Markup, item: &str) {
    page.raw("<li>").text(item).raw("</li>");
}

fn push_coverage(page: &mut Markup, report: &Report) {
    page.raw("<h2 id=\"coverage\">What was read</h2><ul>");
    for input in &report.inputs {
        page.raw("<li>").text(&input.path).raw(": ").text(&human::counted(input.packets, "frame")).raw(", ");
        page.text(input.format).raw(if input.truncated { ", ends within a record</li>" } else { "</li>" });
    }
    page.raw("</ul><p>").text(&human::counted(report.summary.sip_messages, "SIP message")).raw(", ");
    page.text(&human::checked(report)).raw(".</p><p>").text(&human::used(report)).raw(".</p>");
    if !report.diagnostics.is_empty() {
        page.raw("<h3>Odd about the capture</h3><ul>");
        for diagnostic in &report.diagnostics {
            page.raw("<li>").text(&diagnostic.text).raw(" (").number(diagnostic.count).raw(")</li>");
        }
        page.raw("</ul>");
    }
}

/// A hash as a Content-Security-Policy names it (CSP3 §2.3.1).
fn hash(text: &str) -> String {
    base64_encoded(&Sha256::digest(text.as_bytes()))
}
