//! SA401: the retry has the CSeq of the request that was challenged, or the CANCEL of the retry has.

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
use crate::session::Transaction;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA401",
    name: "cseq-not-incremented",
    label: "CSeq not raised",
    severity: Severity::Medium,
    summary: "The retry with credentials has the CSeq number of the challenged request, or a lower one",
    finds: "A request that answers a challenge of the same exchange under a CSeq number that is not above that of the \
            challenged request. It is high where the server answered 482, 400 or stale, names CSeq in its refusal, or \
            refused it although the digest is right (possible where it merely asks again), and low where it did not mind. A CANCEL \
            with the number of the bare INVITE, which does not end the one with credentials, is medium (cause cancel).",
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
    retried(session).into_iter().chain(cancelled(session)).collect()
}

/// A CANCEL with the number of an INVITE that is over, while the one that answered its challenge is not (RFC 3261 §9.1): the CANCEL, the bare
/// INVITE, and the place of the other among the attempts.
pub fn stray_cancel<'s, 'run>(session: &'s Session<'run>) -> Option<(&'run Transaction, &'s Attempt<'run>, usize)> {
    let cancels = session.run.transactions.iter().filter(|known| known.method == Method::Cancel);
    cancels.into_iter().find_map(|cancel| {
        let sent = cancel.request.as_ref().filter(|request| request.has_all_headers)?.time;
        let is_taken = cancel.answer.as_ref().is_some_and(|answer| answer.status < 300);
        let is_call = |attempt: &Attempt<'_>| {
            attempt.transaction.method == Method::Invite
                && attempt.transaction.is_same_hop(cancel)
                && attempt.request().is_some_and(|request| request.time <= sent)
        };
        let is_bare = |attempt: &&Attempt<'_>| {
            is_call(attempt)
                && attempt.transaction.cseq == cancel.cseq
                && attempt.is_challenged()
                && attempt.answer().is_some_and(|answer| answer.time <= sent)
        };
        let is_waiting = |attempt: &Attempt<'_>| {
            is_call(attempt)
                && attempt.transaction.cseq > cancel.cseq
                && attempt.has_credentials()
                && attempt.status() != Some(487)
                && attempt.answer().is_none_or(|answer| answer.time > sent)
        };
        let bare = session.attempts.iter().find(is_bare).filter(|_| cancel.cseq.is_some() && !is_taken)?;
        Some((cancel, bare, session.attempts.iter().rposition(is_waiting)?))
    })
}

/// The cause of what is found of a CANCEL: it explains nothing of what became of the INVITE.
pub const OF_CANCEL: &str = "cancel";

fn cancelled(session: &Session<'_>) -> Option<Finding> {
    let (cancel, bare, waiting) = stray_cancel(session)?;
    let (sent, call) = (cancel.request.as_ref()?, session.attempts.get(waiting)?);
    let number = |transaction: &Transaction| transaction.cseq.unwrap_or_default();
    let (outcome, confidence) = match &cancel.answer {
        Some(answer) => (format!("The server answered {}: nothing is ended by it.", answer.status), Confidence::Proven),
        None => ("No answer to it was seen.".to_owned(), Confidence::Likely),
    };
    let finding = Finding::new(&RULE, "The CANCEL has the CSeq of the challenged INVITE")
        .graded(Severity::Medium, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The CANCEL in frame {} has CSeq {}, the number of the INVITE that was challenged. The call that it is to end is the INVITE with \
             credentials, CSeq {}: RFC 3261 section 9.1 wants that number. {outcome}",
            sent.at.number,
            number(cancel),
            number(call.transaction)
        ))
        .advises("Let whoever adds the credentials count CSeq up for the CANCEL as for the INVITE, and for all that follows in the call");
    let mut frames = facts::frames_of_all([bare, call]);
    frames.extend([sent.at].into_iter().chain(cancel.answer.as_ref().map(|answer| answer.at)));
    frames.sort_unstable();
    Some(Finding {
        attempt: Some(waiting),
        cause: Some(OF_CANCEL),
        subject: facts::subject(session, call),
        frames,
        ..finding
    })
}

fn retried(session: &Session<'_>) -> Option<Finding> {
    let rows = credentials_facts::rows(session, |(_, attempt, presented)| {
        credentials_facts::repeats_cseq(session, attempt, presented)
    });
    let (_, attempt, presented) = rows.first().copied()?;
    let asking = credentials_facts::challenged_before(session, attempt, presented)?;
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
    Some(finding)
}

/// Whether the answer itself says that it is about CSeq: 400 and 500 say it in the reason phrase alone.
fn is_named(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let refusal = attempt.answer().filter(|answer| answer.status >= 400);
    refusal
        .is_some_and(|answer| session.text(answer.reason).to_ascii_lowercase().windows(4).any(|word| word == b"cseq"))
}
