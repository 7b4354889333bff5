//! SA404: the retry has the branch of the request that was challenged.

use crate::digest::Verdict;
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
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA404",
    name: "branch-reused",
    label: "branch reused",
    severity: Severity::High,
    summary: "The retry with credentials has the Via branch of the challenged request",
    finds: "A request that answers a challenge under the Via branch of the request that was challenged. It is medium \
            where the server accepted it (info where the branch is that of a proxy), or where the refusal may have another reason: a challenge with a fresh \
            nonce shows that the server read the retry. Behind a proxy it is possible: the client's own branch stands in a Via below.",
    matters: "The branch is the name of the transaction. A server takes the retry for a retransmission, and repeats the \
            challenge that it has kept, or says nothing.",
    advice: "Let the client make a new branch for each new request. Only the ACK of a refused INVITE and a CANCEL have \
            the branch of another one.",
    not_this: "Branches that do not begin with z9hG4bK come from stacks of RFC 2543 and name no transaction. \
            Retransmissions bring the same credentials as the first copy.",
    sources: &["RFC 3261 section 8.1.1.7", "RFC 3261 section 17.2.3"],
    sample: "invite-branch-reused",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, attempt, presented)| {
        credentials_facts::repeats_branch(session, attempt, presented)
    });
    let Some((_, attempt, presented)) = rows.first().copied() else { return Vec::new() };
    let Some(asking) = credentials_facts::challenged_before(session, attempt, presented) else { return Vec::new() };
    let is_anew = rows.iter().all(|row| is_answered_anew(session, row));
    let (severity, confidence) = match grade(session, &rows) {
        (Severity::High, _) if is_anew => (Severity::Medium, Confidence::Possible),
        graded => graded,
    };
    let after = if is_anew {
        "The answer has the CSeq number of the retry: the server took it for a new request, and the branch is hardly why it was refused."
    } else if rows.iter().any(repeats_challenge) {
        "The challenge that came back is the first one, nonce and all: the server took the retry for a retransmission."
    } else if rows.iter().any(|row| is_answered_as_before(session, row)) {
        "Behind it the server sent its answer to the first request again, with the number of that: it took the retry for a retransmission."
    } else if attempt.status().is_none() {
        "No answer to it was seen."
    } else {
        credentials_facts::outcome_text(&rows)
    };
    let finding =
        Finding::new(&RULE, format!("The retry has the branch of the challenged {}", attempt.transaction.method))
            .graded(severity, confidence)
            .fault(Fault::Client)
            .explained(format!(
                "Branch {} stands in the challenged request and in the retry in {}. {after}",
                facts::text(credentials_facts::branch(session, attempt).unwrap_or_default()),
                credentials_facts::requests_text(&rows)
            ))
            .excludes("retransmission: the retry brings credentials that the first request did not have")
            .advises("Let the client make a new branch for each new request");
    let mut finding = credentials_facts::about(finding, session, &rows);
    finding.frames = facts::frames_of_all(rows.iter().map(|(_, attempt, _)| *attempt).chain([asking]));
    let is_forwarded = attempt.request().is_some_and(|request| request.via_count > 1);
    vec![if is_forwarded { blame_forwarder(finding, attempt, &rows) } else { finding }]
}

/// The top Via is that of whoever sends the request on: stateless proxies write one branch into all (Kamailio: z9hG4bKcydzigwkX).
fn blame_forwarder(mut finding: Finding, attempt: &Attempt<'_>, rows: &[Row<'_, '_>]) -> Finding {
    let forwarder = attempt.transaction.flow().source.address;
    if rows.iter().all(|(_, _, presented)| presented.judgement.is_let_past()) {
        finding.severity = Severity::Info;
    }
    // Where the client's is the same twice, too, a stateless proxy makes the same of it (RFC 3261 §16.11).
    finding.confidence = finding.confidence.min(Confidence::Possible);
    finding.explanation.push_str(&format!(
        " The branch is that of {forwarder}, which sends the request on: the client's own stands in a Via below."
    ));
    finding.remedy = vec![
        "Compare the branches in the Vias below: where they are one, too, let the client make a new one for each request".into(),
        format!("Else let {forwarder} forward statefully, or make its branch of the one in the Via below (RFC 3261 section 16.11)")
            .into(),
    ];
    finding.fault(Fault::Path)
}

/// Whether a refusal was made for the retry: a server that takes a request for a retransmission sends what it sent before, with the CSeq
/// number of the first one (RFC 3261 §17.2.2). Nonces may be one all the same: Kamailio gives one within a second.
fn is_answered_anew(session: &Session<'_>, (_, attempt, presented): &Row<'_, '_>) -> bool {
    let asking = credentials_facts::challenged_before(session, attempt, presented);
    let is_other = asking.is_some_and(|asking| asking.transaction.cseq != attempt.transaction.cseq);
    is_other && attempt.status().is_some() && !presented.judgement.is_let_past()
}

/// Whether the answer repeats the very challenge that the credentials answer.
fn repeats_challenge((_, attempt, presented): &Row<'_, '_>) -> bool {
    let is_same = |nonce| attempt.challenges.iter().any(|offered| offered.nonce == Some(nonce));
    attempt.is_challenged() && presented.nonce.is_some_and(is_same)
}

/// Whether the server sent its answer to the first request again when it got this one, and no other: that is how the first one's transaction
/// answers a copy (RFC 3261 §17.2.2). Nobody else had asked for it, and a refused INVITE was acknowledged.
fn is_answered_as_before(session: &Session<'_>, (_, attempt, presented): &Row<'_, '_>) -> bool {
    let asking = credentials_facts::challenged_before(session, attempt, presented);
    let Some((asking, request)) = asking.zip(attempt.request()).filter(|_| attempt.status().is_none()) else {
        return false;
    };
    let is_acknowledged = asking.transaction.method != Method::Invite
        || asking.transaction.ack().is_some_and(|ack| ack.difference.is_none() && ack.time <= request.time);
    is_acknowledged
        && asking.transaction.last_sent() < request.time
        && asking.answer().is_some_and(|answer| answer.repeats() > 0 && answer.last_sent() >= request.time)
}

fn grade(session: &Session<'_>, rows: &[Row<'_, '_>]) -> (Severity, Confidence) {
    let is_silent = |attempt: &Attempt<'_>| attempt.outcome == AttemptOutcome::NoAnswer;
    let is_taken_for_copy = |row: &Row<'_, '_>| repeats_challenge(row) || is_answered_as_before(session, row);
    if rows.iter().any(|row| is_taken_for_copy(row) && row.2.verdict() != Some(Verdict::Mismatch)) {
        (Severity::High, Confidence::Likely)
    } else if rows.iter().any(|(_, attempt, _)| is_silent(attempt)) {
        (Severity::High, Confidence::Possible)
    } else {
        credentials_facts::grade(rows)
    }
}
