//! SA409: a REGISTER before the last one was answered.

use std::time::Duration;

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA409",
    name: "overlapping-register",
    label: "overlapping REGISTER",
    severity: Severity::Medium,
    summary: "A new REGISTER was sent while one of the same Call-ID had no final answer yet",
    finds: "A REGISTER with a new CSeq, over the same connection or between the same ports, while an earlier one of \
            the same Call-ID had neither a final answer nor timed out.",
    matters: "The answers can pass each other: the client takes the wrong challenge for the newest, and the registrar \
            may drop the binding that came out of order.",
    advice: "Let the client wait for the final answer, or 32 seconds, before it sends the next REGISTER.",
    not_this: "Retransmissions have the same CSeq. Flows of one client to several proxies, and over several connections, \
            are registrations of their own. Without any answer to the earlier one it is possible only, and only where the \
            client sent that again, or the next within half a second: else the capture may have missed the answer. It is low where \
            the later one ends the registration.",
    sources: &["RFC 3261 section 10.2", "RFC 5626 section 4.2"],
    sample: "register-overlapping",
    check: Check::Deviation(check),
};

/// RFC 3261 §17.1.2.1: T1, after which a request that was not answered is sent again over UDP.
const RETRANSMITTED_AFTER: Duration = Duration::from_millis(500);

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    if session.is_one_way {
        return Vec::new();
    }
    let of_registers = session.exchanges.iter().filter(|exchange| exchange.method == Method::Register);
    let pairs = of_registers.flat_map(|exchange| exchange.attempts.iter().zip(exchange.attempts.iter().skip(1)));
    let overlapping: Vec<(usize, &Attempt<'_>, &Attempt<'_>)> = pairs
        .filter_map(|(&earlier, &next)| Some((next, session.attempts.get(earlier)?, session.attempts.get(next)?)))
        .filter(|(_, earlier, next)| overlaps(earlier, next) && !answers(session, earlier, next))
        .collect();
    // An earlier one that was answered too late proves it; one without an answer may have lost it.
    let proven = overlapping.iter().find(|(_, earlier, _)| earlier.answer().is_some());
    let Some((index, earlier, next)) = proven.or(overlapping.first()).copied() else { return Vec::new() };
    let number =
        |attempt: &Attempt<'_>| attempt.request().map(|request| request.at.number.to_string()).unwrap_or_default();
    // Whoever goes away waits for nothing.
    let is_farewell = overlapping.iter().all(|(_, _, next)| next.is_removal());
    let severity = if is_farewell { Severity::Low } else { Severity::Medium };
    let confidence = if proven.is_some() { Confidence::Proven } else { Confidence::Possible };
    let mut finding = Finding::new(&RULE, "A REGISTER was sent before the last one was answered")
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(match earlier.answer() {
            Some(answer) => format!(
                "The REGISTER in frame {} was sent while that in frame {} had no answer: it came in frame {}.",
                number(next),
                number(earlier),
                answer.at.number
            ),
            None => format!(
                "The REGISTER in frame {} was sent while that in frame {} had no answer; the capture holds none.",
                number(next),
                number(earlier)
            ),
        })
        .excludes("retransmission: the CSeq is another one")
        .advises("Let the client wait for the final answer, or 32 seconds, before it sends the next REGISTER");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, next);
    finding.frames = facts::frames_of_all(overlapping.iter().flat_map(|(_, earlier, next)| [*earlier, *next]));
    vec![finding]
}

/// Whether the next one answers what the earlier one was asked: it was, whatever the capture's clock says.
fn answers(session: &Session<'_>, earlier: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let mut asking = next.credentials.iter().filter_map(|presented| session.attempts.get(presented.answers?.attempt));
    asking.any(|asking| asking.transaction_index == earlier.transaction_index)
}

fn overlaps(earlier: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let (Some(first), Some(second)) = (earlier.request(), next.request()) else { return false };
    let is_open = match earlier.answer() {
        // A clock that was set back does not change the order of the frames.
        Some(answer) => {
            answer.time > second.time && (answer.at.input != second.at.input || answer.at.number > second.at.number)
        }
        None => seems_open(earlier, next),
    };
    // A server that answers nothing is a matter of its own.
    let is_there = earlier.answer().is_some() || next.answer().is_some();
    let is_newer = earlier.transaction.cseq.zip(next.transaction.cseq).is_some_and(|(one, other)| other > one);
    is_open
        && is_there
        && is_newer
        && !next.is_sent_again
        // RFC 5626 §4.2: each flow is registered by itself.
        && earlier.transaction.flow() == next.transaction.flow()
        && earlier.transaction.forwarded_from().is_none()
        && second.time.since(first.time) < facts::ANSWER_WITHIN
}

/// Whether an earlier one that has no answer in the capture had none when the next was sent: the client sent it again, as it
/// does over UDP half a second after it heard nothing, or went on sooner and answers nothing that the capture may have missed.
fn seems_open(earlier: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let (Some(first), Some(second)) = (earlier.request(), next.request()) else { return false };
    // Nor is it known of one whose headers were cut.
    let answers_unseen = !second.has_all_headers
        || next.credentials.iter().any(|presented| presented.is_attempt && presented.answers.is_none());
    let is_soon = second.time.since(first.time) < RETRANSMITTED_AFTER;
    earlier.transaction.retransmissions() > 0 || (is_soon && !answers_unseen)
}
