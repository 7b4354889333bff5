//! SA406: an ACK that does not fit its INVITE.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Ack;
use crate::session::AckDifference;
use crate::session::Attempt;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA406",
    name: "ack-mismatch",
    label: "ACK does not fit",
    severity: Severity::High,
    summary: "The ACK to a challenge does not belong to the INVITE by its branch, CSeq or tags",
    finds: "An INVITE answered 401 or 407 whose only ACK on that hop has another Via branch, CSeq number, From tag or To tag than the \
            INVITE and its answer, while the server goes on repeating the answer. It is medium and possible where the server stops. So is, as medium, the ACK of \
            a 2xx with the CSeq number of the bare INVITE in place of the one with credentials.",
    matters: "The ACK of a refused INVITE belongs to its transaction. One that does not fit is dropped, the server repeats the 407 \
              until it gives up, and the answer to the challenge may never be looked at.",
    advice: "Fix the client or the proxy that makes the ACK: branch, Request-URI, From and CSeq number of the INVITE, To of the answer.",
    not_this: "The ACK of a 2xx is a request of its own, with a new branch. No ACK at all is ack-missing. A branch without the magic \
               cookie z9hG4bK identifies nothing.",
    sources: &["RFC 3261 section 17.1.1.3", "RFC 3261 section 17.2.3", "RFC 3261 section 13.2.2.4"],
    sample: "invite-ack-mismatch",
    check: Check::Deviation(check),
};

/// An INVITE that was challenged, with an ACK that does not fit.
type Mismatch<'s, 'run> = (usize, &'s Attempt<'run>, &'run Ack, AckDifference);

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found: Vec<Mismatch<'_, '_>> = session
        .attempts
        .iter()
        .enumerate()
        .filter(|(_, attempt)| attempt.transaction.method == Method::Invite)
        .filter_map(|(index, attempt)| {
            let ack = attempt.transaction.ack()?;
            Some((index, attempt, ack, ack.difference?))
        })
        .filter(|(_, attempt, ack, _)| match attempt.is_challenged() {
            true => !is_of_later_invite(attempt),
            // An answer that crossed the ACK is no sign.
            false => is_accepted(attempt) && attempt.has_credentials() && goes_on(attempt, ack),
        })
        .collect();
    let worst = found.iter().find(|(_, attempt, ack, _)| goes_on(attempt, ack));
    let Some((index, attempt, ack, difference)) = worst.or(found.first()).copied() else { return Vec::new() };
    let is_repeated = worst.is_some();
    let status = attempt.status().unwrap_or_default();
    let part = difference.part.name();
    let sent = difference.sent.map_or_else(|| "nothing".to_owned(), |sent| facts::quoted(session.text(sent)));
    let expected = facts::quoted(session.text(difference.expected));
    let client = attempt.transaction.flow().source;
    let severity = if is_repeated && !is_accepted(attempt) { Severity::High } else { Severity::Medium };
    let ending = if is_accepted(attempt) {
        format!(
            "That is the number of the INVITE that was challenged. The server goes on repeating the {status} and holds the call for one that was \
             never acknowledged: servers end that after 32 s."
        )
    } else if is_repeated {
        format!("The server goes on repeating the {status}: it does not take this ACK for that INVITE.")
    } else {
        format!(
            "The server does not repeat the {status}: it took the ACK all the same, or never repeats (a stateless proxy), or the ACK is that of \
             another INVITE, which the capture lacks."
        )
    };
    let confidence = if is_repeated { Confidence::Proven } else { Confidence::Possible };
    let mut finding = Finding::new(&RULE, format!("The ACK of {client} does not fit its INVITE: another {part}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The ACK in frame {} has the {part} {sent} where {expected} belongs. {ending}",
            ack.at.number
        ))
        .excludes("missing ACK: the client acknowledges, but not this transaction")
        .advises(format!("Fix what makes the ACK: its {part} is that of the {}", owner(difference)));
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(found.iter().map(|(_, attempt, _, _)| *attempt));
    finding.frames.extend(found.iter().map(|(_, _, ack, _)| ack.at));
    finding.frames.sort_unstable();
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    vec![finding]
}

/// An ACK has the credentials of its INVITE (RFC 3261 §22.1): one that answers this challenge belongs to the retry.
fn is_of_later_invite(attempt: &Attempt<'_>) -> bool {
    attempt
        .ack_credentials
        .iter()
        .any(|used| used.nonce.is_some() && attempt.challenges.iter().any(|offered| offered.nonce == used.nonce))
}

/// Repetitions of an answer after which it no longer crossed the ACK.
const REPEATS_MIN: u32 = 2;

fn is_accepted(attempt: &Attempt<'_>) -> bool {
    attempt.status().is_some_and(|status| (200..=299).contains(&status))
}

fn goes_on(attempt: &Attempt<'_>, ack: &Ack) -> bool {
    attempt.answer().is_some_and(|answer| answer.repeats() >= REPEATS_MIN && answer.last_sent() > ack.time)
}

fn owner(difference: AckDifference) -> &'static str {
    match difference.part {
        crate::session::AckPart::ToTag => "answer",
        _ => "INVITE",
    }
}
