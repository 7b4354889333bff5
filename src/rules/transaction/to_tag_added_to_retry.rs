//! SA403: the retry of a first request carries a To tag.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA403",
    name: "to-tag-added-to-retry",
    label: "To tag added",
    severity: Severity::Medium,
    summary: "The retry of an initial request carries a To tag, as only requests within a dialog do",
    finds: "A request without To tag that was challenged, and its retry, next in CSeq, with a To tag: that of the 401 \
            or 407.",
    matters: "A To tag says that there is a dialog. The server looks for it, finds none, and answers 481, or takes a \
            new call for one of an old call.",
    advice: "Let the client send the retry with the To of the first request. The tag of a refusal belongs into the ACK \
            alone.",
    not_this: "Requests within a dialog that a 2xx had made carry its tag and keep their nonce. An ACK carries the tag \
            of what it acknowledges.",
    sources: &["RFC 3261 section 8.1.3.5", "RFC 3261 section 22.2", "RFC 3261 section 12.2.2"],
    sample: "invite-to-tag-added",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(index, attempt, presented)| {
        asking(session, *index, attempt, presented).is_some()
    });
    let Some((index, attempt, presented)) = rows.first().copied() else { return Vec::new() };
    let Some(first) = asking(session, index, attempt, presented) else { return Vec::new() };
    let is_unknown = rows.iter().any(|(_, attempt, _)| attempt.status() == Some(481));
    let is_let_past = rows.iter().all(|(_, attempt, _)| attempt.is_let_past()) && !is_unknown;
    let (confidence, after) = if is_unknown {
        (Confidence::Likely, "The server answered 481: it knows no such dialog.")
    } else if is_let_past {
        (Confidence::Proven, "The server did not mind; a strict one will.")
    } else {
        (Confidence::Possible, "Whether it failed for that is not certain: another cause would look the same.")
    };
    let tag = attempt.request().and_then(|request| request.to_tag).map(|tag| facts::text(session.text(tag)));
    let finding = Finding::new(&RULE, format!("The retry of the {} carries a To tag", attempt.transaction.method))
        .graded(Severity::Medium, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The challenged request has no To tag; the retry in {} has {}. {after}",
            credentials_facts::requests_text(&rows),
            tag.unwrap_or_default()
        ))
        .advises("Let the client send the retry with the To header of the first request, without a tag");
    let mut finding = credentials_facts::about(finding, session, &rows);
    finding.frames = facts::frames_of_all(rows.iter().map(|(_, attempt, _)| *attempt).chain([first]));
    finding.evidence.extend(facts::status_evidence(session, attempt));
    vec![finding]
}

/// The challenged request without a tag whose retry this is: the next of its exchange. What comes later may belong to a dialog.
fn asking<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<&'s Attempt<'run>> {
    attempt.request()?.to_tag?;
    let first = credentials_facts::challenged_before(session, attempt, presented)?;
    let exchange = &session.exchanges.get(attempt.exchange)?.attempts;
    let before = exchange.get(exchange.binary_search(&index).ok()?.checked_sub(1)?)?;
    let is_next = session.attempts.get(*before).is_some_and(|before| std::ptr::eq(before, first));
    let (asked, sent) = (first.transaction.cseq?, attempt.transaction.cseq?);
    (is_next && first.request()?.to_tag.is_none() && sent <= asked.saturating_add(1)).then_some(first)
}
