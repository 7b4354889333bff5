//! SA402: the answer to a challenge comes under another Call-ID or From tag.

use std::time::Duration;

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA402",
    name: "dialog-identity-changed",
    label: "Call-ID or From tag changed",
    severity: Severity::Medium,
    summary: "The retry with credentials has another Call-ID or From tag than the challenged request",
    finds: "A request whose nonce was given to the same client for the same method and users under another Call-ID or \
            From tag, where it stays unanswered, and that is the first to use it, within 32 s. It is high where the server refused \
            it although the digest is right, or answered 400 or stale; and possible where it is the From tag.",
    matters: "A server may bind its nonces to the call: Kamailio can, to Call-ID and From tag. And whoever reads the \
            log sees a challenge without an answer, and an answer without a challenge.",
    advice: "Let the client keep Call-ID, From tag and To for the retry. On the server, leave Call-ID and From tag out \
            of the checks of the nonce.",
    not_this: "A nonce that was answered where it was given may be used in other Call-IDs: that is legal, as are the \
            credentials of a REGISTER in an INVITE. Programs that guess passwords are not told how to do it.",
    sources: &["RFC 3261 section 8.1.3.5", "RFC 3261 section 22.2"],
    sample: "register-new-call-id",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |row| {
        is_moved_here(context, row) || challenged_under_other_tag(session, row).is_some()
    });
    let Some(row @ (_, attempt, presented)) = rows.first().copied() else { return Vec::new() };
    let other_tag = challenged_under_other_tag(session, &row);
    let under_tag = other_tag.and_then(Attempt::answer).map(|answer| answer.at);
    let issued = presented.nonce.and_then(|id| context.nonces.get(id)).and_then(|nonce| nonce.issued());
    let Some(asked) = under_tag.or(issued.map(|issue| issue.at)) else { return Vec::new() };
    let sent = attempt.request().map(|request| request.time);
    let waited = sent.zip(issued).map(|(sent, issue)| sent.since(issue.time)).unwrap_or_default();
    let what = if other_tag.is_some() { "From tag" } else { "Call-ID" };
    // Nothing of it stands in the digest, and to keep From is a recommendation (RFC 3261 §8.1.3.5).
    let (severity, confidence) = match credentials_facts::grade(&rows) {
        (Severity::High, _) if other_tag.is_some() => (Severity::High, Confidence::Possible),
        // Let past, it is no matter.
        (_, Confidence::Proven) if other_tag.is_none() && waited > AT_ONCE => (Severity::Info, Confidence::Possible),
        _ if other_tag.is_none() && waited > AT_ONCE => (Severity::Medium, Confidence::Possible),
        graded => graded,
    };
    let finding = Finding::new(&RULE, format!("The retry of the {} has another {what}", attempt.transaction.method))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The challenge in frame {} stays unanswered under its own {what}; {} answers it under another one. {}",
            asked.number,
            credentials_facts::requests_text(&rows),
            credentials_facts::outcome_text(&rows)
        ))
        .advises("Let the client keep Call-ID, From tag and To when it answers a challenge");
    let finding = match (severity, other_tag) {
        (Severity::High, Some(_)) => {
            finding.advises("Where the server refuses it still: compare the secret that it has stored for the account")
        }
        _ => finding,
    };
    let mut finding = credentials_facts::about(finding, session, &rows);
    finding.frames.push(asked);
    finding.frames.sort_unstable();
    finding.frames.dedup();
    let account = facts::account_key(session, attempt).map(|key| format!("{} {}", key.source, facts::text(&key.aor)));
    // What became of them is said of all.
    vec![finding.merged_by(format!("{} {}", account.unwrap_or_default(), credentials_facts::outcome_text(&rows)))]
}

/// Clients answer at once. What comes later may be another request, with a nonce that was kept for it (RFC 3261 §22.3).
const AT_ONCE: Duration = Duration::from_secs(4);

/// Whether this is the first use of a nonce that was given under another Call-ID, for the same purpose.
fn is_moved_here(context: &Context<'_>, (_, attempt, presented): &Row<'_, '_>) -> bool {
    let Some((request, nonce)) = attempt.request().zip(presented.nonce.and_then(|id| context.nonces.get(id))) else {
        return false;
    };
    let is_in_time = nonce.issued().is_some_and(|issue| request.time.since(issue.time) <= facts::ANSWER_WITHIN);
    // Whoever counts higher has used it before, in a message that the capture lacks.
    let is_first_use = presented.nonce_count.is_none_or(|count| count <= 1);
    // Another server of the same service is another story. Behind a proxy the challenge is first seen where it comes from.
    let answered_by = attempt.answer().and_then(Answer::other_way).map(|way| way.source.address);
    let servers = [Some(attempt.transaction.flow().destination.address), answered_by];
    let is_same_server =
        nonce.was_passed_back || nonce.issued().is_some_and(|issue| servers.contains(&Some(issue.flow.source.address)));
    let is_moved = nonce.moved_to() == Some(request.at) && is_same_server;
    presented.answers.is_none() && is_moved && is_in_time && is_first_use
}

/// How many attempts may lie between a challenge and its answer. Bounds the search in endless sessions.
const BETWEEN_MAX: usize = 64;

/// The challenged attempt of the same Call-ID, client and method that had another From tag, and whose nonce is used first here.
fn challenged_under_other_tag<'s, 'run>(
    session: &'s Session<'run>,
    (index, attempt, presented): &Row<'_, '_>,
) -> Option<&'s Attempt<'run>> {
    let at = presented.answers.filter(|at| at.is_same_realm)?;
    let (asking, _) = session.challenge(at)?;
    let tag = |attempt: &Attempt<'_>| Some(session.text(attempt.request()?.from_tag?));
    let is_other = asking.exchange != attempt.exchange
        && asking.transaction.method == attempt.transaction.method
        && asking.transaction.is_same_hop(attempt.transaction)
        && tag(asking).zip(tag(attempt)).is_some_and(|(one, other)| one != other);
    let between =
        session.attempts.get(at.attempt + 1..*index).filter(|between| is_other && between.len() <= BETWEEN_MAX)?;
    let uses = |other: &Attempt<'_>| other.credentials.iter().any(|used| used.nonce == presented.nonce);
    let exchange = &session.exchanges.get(asking.exchange)?.attempts;
    let is_answered_there = exchange.last().is_some_and(|last| *last > at.attempt)
        && session.exchanges.get(asking.exchange).is_some_and(|own| {
            own.attempts.iter().rev().take(BETWEEN_MAX).filter_map(|&own| session.attempts.get(own)).any(uses)
        });
    (!between.iter().any(uses) && !is_answered_there).then_some(asking)
}
