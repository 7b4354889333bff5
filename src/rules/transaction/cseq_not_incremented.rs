//! SA401: the retry has the CSeq of the request that was challenged.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials::rejected_credentials::NO_ACCOUNT;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA401",
    name: "cseq-not-incremented",
    label: "CSeq not raised",
    severity: Severity::Medium,
    summary: "The retry with credentials has the CSeq number of the challenged request, or a lower one",
    finds: "A request that answers a challenge of the same exchange under a CSeq number that is not above that of the \
            challenged request. It is high where the server answered 482, 400 or stale, names CSeq in its refusal, or \
            refused it although the digest is right (possible where it merely asks again), and low where it did not mind.",
    matters: "A retry is a new request. A server may take one with the old number for a copy of the first that came \
            another way, and answer 482, or the old 401 once more.",
    advice: "Let the client count CSeq one up for the retry. Where a proxy or B2BUA adds the credentials, let it raise \
            the number and keep doing so for the rest of the dialog.",
    not_this: "The same request sent to another server or over another transport keeps its CSeq. ACK and CANCEL have \
            that of their INVITE.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 8.1.3.5", "RFC 3261 section 8.2.2.2"],
    sample: "register-cseq-not-raised",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, attempt, presented)| {
        credentials_facts::repeats_cseq(session, attempt, presented)
    });
    let Some((_, attempt, presented)) = rows.first().copied() else { return Vec::new() };
    let Some(asking) = credentials_facts::challenged_before(session, attempt, presented) else { return Vec::new() };
    let (asked, sent) = (asking.transaction.cseq.unwrap_or_default(), attempt.transaction.cseq.unwrap_or_default());
    let how = if sent < asked { "a lower CSeq than" } else { "the CSeq of" };
    let is_named = !session.is_let_past() && rows.iter().any(|(_, attempt, _)| is_named(session, attempt));
    let is_asked_again = rows.iter().all(|(_, _, presented)| presented.judgement == Judgement::Refused);
    let (severity, confidence) = match credentials_facts::grade(&rows) {
        (severity, _) if severity < Severity::High && is_named => (Severity::High, Confidence::Likely),
        // The server did not mind.
        (_, Confidence::Proven) => (Severity::Low, Confidence::Proven),
        // A server that repeats its challenge may as well hold another secret, or know no such account.
        (severity, confidence) if is_asked_again => (severity, confidence.min(Confidence::Possible)),
        graded => graded,
    };
    let outcome = match is_named {
        true => "The server refused it, and names CSeq as the reason.",
        false => credentials_facts::outcome_text(&rows),
    };
    let finding = Finding::new(&RULE, format!("The retry has {how} the challenged {}", attempt.transaction.method))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The challenged request has CSeq {asked}, the retry in {} CSeq {sent}. {}",
            credentials_facts::requests_text(&rows),
            outcome
        ))
        .excludes("retransmission: the retry brings credentials that the first request did not have")
        .advises("Let the client raise CSeq by one for each retry");
    let finding = match is_asked_again && !is_named && severity >= Severity::High {
        true => finding.advises(NO_ACCOUNT),
        false => finding,
    };
    let mut finding = credentials_facts::about(finding, session, &rows);
    finding.frames = facts::frames_of_all(rows.iter().map(|(_, attempt, _)| *attempt).chain([asking]));
    finding.evidence.extend(facts::status_evidence(session, attempt));
    vec![finding]
}

/// Whether the answer itself says that it is about CSeq: 400 and 500 say it in the reason phrase alone.
fn is_named(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let refusal = attempt.answer().filter(|answer| answer.status >= 400);
    refusal
        .is_some_and(|answer| session.text(answer.reason).to_ascii_lowercase().windows(4).any(|word| word == b"cseq"))
}
