//! SA405: a challenge to an INVITE that nobody acknowledges.

use std::time::Duration;

use crate::base::Transport;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::challenge_facts;
use crate::rules::challenge_form;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::rules::unanswered;
use crate::session::Attempt;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA405",
    name: "ack-missing",
    label: "challenge not acknowledged",
    severity: Severity::High,
    summary: "The 401 or 407 to an INVITE is repeated, and no ACK comes",
    finds: "An INVITE answered 401 or 407 that is never acknowledged: the server sends the answer again at least twice, or over \
            TCP, where it does not, no ACK comes within 32 s. That is medium, as where the capture ends early, and where the call went through all \
            the same; and a challenge that is acknowledged and repeated all the same, for 2 s or more, is medium and possible.",
    matters: "Every final answer to an INVITE is acknowledged. Without the ACK the server repeats the challenge for 32 s and holds \
              the transaction; most often the client never got it, and so never answers it.",
    advice: "See whether the answer reaches the client: to which address and port it goes (Via, rport, NAT), and what its firewall says. \
             If it does, fix the client: ACK belongs to the transaction and not to the application.",
    not_this: "An ACK that is there and does not fit is ack-mismatch. REGISTER and other requests have no ACK. An answer repeated \
               once may have crossed its ACK.",
    sources: &["RFC 3261 section 17.1.1.3", "RFC 3261 section 17.2.1", "RFC 3261 section 22.1"],
    sample: "invite-ack-missing",
    check: Check::Deviation(check),
};

/// Repetitions of the answer that show that the server misses the ACK.
const REPEATS_MIN: u32 = 2;

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    missing(session, context).or_else(|| unheeded(session)).into_iter().collect()
}

/// A server that had the ACK stops to repeat at once.
const UNHEEDED_AFTER: Duration = Duration::from_secs(2);

/// A challenge that is acknowledged as it should be, and that the server goes on repeating.
fn unheeded(session: &Session<'_>) -> Option<Finding> {
    let (index, attempt, answer, ack) = session.attempts.iter().enumerate().find_map(|(index, attempt)| {
        let (answer, ack) = (attempt.answer()?, attempt.transaction.ack()?);
        let is_unheeded = attempt.is_challenged()
            && ack.difference.is_none()
            && answer.repeats() >= REPEATS_MIN
            && answer.last_sent().since(ack.time) >= UNHEEDED_AFTER
            // A copy of the INVITE, or what the server takes for one, is answered again.
            && attempt.transaction.last_sent() < ack.time
            && !has_namesake(session, index, attempt);
        is_unheeded.then_some((index, attempt, answer, ack))
    })?;
    let server = attempt.transaction.flow().destination;
    let mut finding = Finding::new(
        &RULE,
        format!("{server} goes on repeating a {} that was acknowledged", answer.status),
    )
    .graded(Severity::Medium, Confidence::Possible)
    .fault(Fault::Unknown)
    .explained(format!(
        "The ACK in frame {} fits its INVITE, and the server sends the {} again, {} in all, the last one {} behind it: the ACK \
         does not reach who waits for it (packet loss, NAT, another node of a cluster), reaches it changed, or is not taken for that INVITE.",
        ack.at.number,
        answer.status,
        facts::count(answer.repeats() as usize, "time"),
        facts::duration_text(answer.last_sent().since(ack.time))
    ))
    .excludes("missing ACK: the client acknowledges")
    .advises("Capture at the server: where the ACK arrives there, compare its Via and From with those of the INVITE; else look at what is in between");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([attempt]);
    finding.frames.push(ack.at);
    finding.frames.sort_unstable();
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    Some(finding)
}

/// INVITEs before and behind one that are looked at for its branch. Bounds the search in endless sessions.
const NAMESAKES_WITHIN: usize = 256;

/// Whether another INVITE has the same branch.
fn has_namesake(session: &Session<'_>, index: usize, attempt: &Attempt<'_>) -> bool {
    let branch = |attempt: &Attempt<'_>| attempt.transaction.branch.map(|branch| session.text(branch));
    let is_same = |other: &Attempt<'_>| {
        other.transaction_index != attempt.transaction_index
            && other.transaction.method == Method::Invite
            && branch(other) == branch(attempt)
    };
    let mut near = session.attempts.iter().skip(index.saturating_sub(NAMESAKES_WITHIN)).take(2 * NAMESAKES_WITHIN);
    near.any(is_same)
}

fn missing(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let missing: Vec<(usize, &Attempt<'_>)> =
        session.attempts.iter().enumerate().filter(|(_, attempt)| is_missing(attempt, context)).collect();
    let lead = facts::lead(session, missing.iter().map(|(index, _)| *index));
    let index = lead?;
    let (attempt, answer) = session.attempts.get(index).and_then(|attempt| Some((attempt, attempt.answer()?)))?;
    let waited = facts::capture_after(attempt, context);
    let is_lost = facts::may_be_lost(attempt, context);
    let (severity, confidence) = match answer.repeats() >= REPEATS_MIN {
        _ if is_lost || waited < facts::ANSWER_WITHIN => (Severity::Medium, Confidence::Possible),
        true => (Severity::High, Confidence::Likely),
        // A hole in the stream would hide an ACK too.
        false => (Severity::Medium, Confidence::Possible),
    };
    let status = answer.status;
    let client = attempt.transaction.flow().source;
    // RFC 3261 §17.1.1.2: a client that got a final answer stops to repeat its INVITE.
    let goes_on = attempt.transaction.last_sent() > answer.time;
    let repeated = match answer.repeats() {
        0 => String::new(),
        1 => format!(" The server sent the {status} again once."),
        times => format!(" The server sent the {status} again {times} times."),
    };
    let mut finding = Finding::new(&RULE, format!("{client} never acknowledged the {status} to its INVITE"))
        .graded(severity, confidence)
        .explained(format!(
            "No ACK follows the {status} in frame {}, although the capture goes on for {}.{repeated}",
            answer.at.number,
            facts::duration_text(waited)
        ));
    // Whoever goes on has heard the answer.
    let goes_on_later =
        session.attempts.iter().skip(index + 1).filter_map(Attempt::request).any(|later| later.time >= answer.time);
    let notice = path_facts::notice_of_answer(attempt, context).filter(|_| !goes_on_later);
    finding = match notice {
        Some(notice) => path_facts::tell_bounced(attempt, notice, finding),
        None if !goes_on && answer_facts::is_nonce_used_later(session, index) => blame_client(finding),
        None => why(finding, attempt, goes_on),
    };
    if let Some(form) = challenge_form::odd_form(session, context, attempt).filter(|_| goes_on && notice.is_none()) {
        finding = unanswered::explain_unread(finding, form);
    }
    if is_lost {
        let (what, fault) = challenge_facts::lost(attempt, context);
        finding.fault = fault;
        finding.explanation.push_str(&format!(" {what}, and the ACK may be among them."));
    }
    if !attempt.has_credentials() {
        finding = finding.excludes("wrong password: no digest was sent");
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames.extend(facts::frames_of_all(missing.iter().map(|(_, attempt)| *attempt)));
    finding.frames.sort_unstable();
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    Some(finding)
}

/// The client answers the challenge that it does not acknowledge.
fn blame_client(mut finding: Finding) -> Finding {
    finding.explanation.push_str(" The answer did reach the client, which goes on to use its nonce.");
    finding.fault(Fault::Client).advises("Fix the client: the ACK of a refusal belongs to its transaction layer")
}

/// Who is to blame: what the client does with its INVITE tells whether it got the answer.
fn why(mut finding: Finding, attempt: &Attempt<'_>, goes_on: bool) -> Finding {
    if goes_on {
        finding.explanation.push_str(" The client repeats its INVITE even after that: the answer does not reach it.");
        finding
            .fault(Fault::Path)
            .advises("Look at the way back to the client: NAT, rport, firewall, the address in Via")
    } else if attempt.transaction.has_provisional() || attempt.answer().is_none_or(|answer| answer.repeats() == 0) {
        finding
            .explanation
            .push_str(" Either the answer never reached the client, or the client does not acknowledge it.");
        finding.fault(Fault::Unknown).advises(
            "Capture at the client: if the answer arrives there, fix the client; else look at NAT and firewall",
        )
    } else {
        finding.explanation.push_str(
            " The client does not repeat its INVITE, as one does that has no answer: it got this one, or is gone.",
        );
        finding
            .fault(Fault::Client)
            .advises("Fix the client: the ACK of a refusal belongs to its transaction layer")
            .advises("Where its log does not show the answer, look at NAT and firewall on the way back")
    }
}

fn is_missing(attempt: &Attempt<'_>, context: &Context<'_>) -> bool {
    let transaction = attempt.transaction;
    let Some(answer) = attempt.answer() else { return false };
    transaction.method == Method::Invite
        && attempt.is_challenged()
        && transaction.ack().is_none()
        && attempt.request().is_some()
        && match transaction.transport {
            Transport::Udp => answer.repeats() >= REPEATS_MIN,
            _ => facts::capture_after(attempt, context) >= facts::ANSWER_WITHIN,
        }
}
