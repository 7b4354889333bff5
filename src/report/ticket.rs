//! Text for a ticket system: what happened, why, what to do, and how to see it.

use crate::report::Finding;
use crate::report::Input;
use crate::report::Session;
use crate::report::Ticket;
use crate::report::showing::shortened;
use crate::report::wireshark;

/// Characters that Jira Cloud accepts in a summary and in a description.
const SUMMARY_CHARACTERS_MAX: usize = 255;
const DESCRIPTION_CHARACTERS_MAX: usize = 32_767;

/// A ticket about the first finding; none where there is nothing to act on. `session` is the worst one, which is told where
/// the finding speaks of it; `inputs` are named where there are several.
pub fn ticket(findings: &[Finding], session: Option<&Session>, inputs: &[Input]) -> Option<Ticket> {
    let first = findings.first().filter(|finding| finding.is_trouble())?;
    let mut description = format!("**What happened** {}\n\n", sentence(&first.explanation));
    if let Some(session) = session.filter(|session| first.sessions.contains(&session.id)) {
        description.push_str(&format!(
            "**Who** {} from {} to {}, {} as `{}`, Call-ID `{}`; it began {} and ended {}.\n\n",
            session.method,
            session.client,
            session.server,
            session.transport,
            plain(&session.user),
            plain(&session.call_id),
            session.started.0,
            session.outcome.words()
        ));
    }
    description.push_str(&format!("**Why** {} (fault: {}).\n\n", plain(&first.title), first.blame()));
    let consequences = findings.iter().filter(|finding| finding.caused_by.as_deref() == Some(&first.id));
    for finding in consequences.filter(|finding| !finding.is_note()) {
        description.push_str(&format!("It explains {}: {}.\n\n", finding.rule, plain(&finding.title)));
    }
    push_list(&mut description, "Excluded", &first.excluded);
    push_list(&mut description, "Do", &first.remedy);
    let capture = wireshark::capture(&first.frames, inputs);
    let capture = capture.map(|capture| format!(", in `{}`", plain(capture))).unwrap_or_default();
    description.push_str(&format!("Wireshark filter{capture}: `{}`\n", first.wireshark_filter.replace('`', "")));
    Some(Ticket {
        summary: shortened(&format!("SIP authentication: {}", plain(&first.title)), SUMMARY_CHARACTERS_MAX)
            .into_owned(),
        description: shortened(&description, DESCRIPTION_CHARACTERS_MAX).into_owned(),
        severity: first.severity.to_owned(),
        labels: vec!["sip".to_owned(), "sip-auth".to_owned(), first.rule.to_owned()],
        fingerprint: first.fingerprint.clone(),
    })
}

fn push_list(text: &mut String, heading: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    text.push_str(&format!("**{heading}**\n\n"));
    for item in items {
        text.push_str(&format!("- {}\n", sentence(item)));
    }
    text.push('\n');
}

/// Text from the wire in Markdown: one line, and nothing that opens a link, code or a table.
fn plain(text: &str) -> String {
    let one_line = crate::base::Untrusted(text.as_bytes()).to_terminal();
    one_line.chars().map(|c| if matches!(c, '`' | '|' | '<' | '>' | '[' | ']') { '\'' } else { c }).collect()
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let capital: String = characters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    plain(&format!("{capital}{}", characters.as_str()))
}
