//! SA506: two round trips for every request.

use std::time::Duration;

use crate::base::CaptureTime;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Exchange;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA506",
    name: "needless-challenge-each-request",
    label: "challenge for each request",
    severity: Severity::Info,
    summary: "The client never uses a nonce again, and is challenged for every request",
    finds: "Three or more requests of one kind in a Call-ID that were sent without credentials, challenged, and \
            accepted with them, where no nonce was used a second time.",
    matters: "RFC 3261 lets a client send the credentials that worked before. One that starts anew each time \
            doubles the traffic and the load of the server.",
    advice: "Nothing is wrong. Where load matters, look for an option of the client that caches credentials, and \
            let nonces live longer than the interval.",
    not_this: "Nonces that hold an end before the next request could not be used again; where they hold none, and the next request \
            comes 30 s later or more, they may have ended, and it is possible. A client that tried and was \
            told stale did its part.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3", "RFC 7616 section 3.6"],
    sample: "register-refresh-challenged-each-time",
    check: Check::Session(check),
};

/// Requests that make a habit of it.
const REQUESTS_MIN: usize = 3;

/// Servers let nonces live at least so long, unless somebody set them otherwise: OpenSIPS 30 s, Asterisk 32 s.
const LIFE_MIN: Duration = Duration::from_secs(30);

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    session.exchanges.iter().find_map(|exchange| of_exchange(session, context, exchange)).into_iter().collect()
}

fn of_exchange(session: &Session<'_>, context: &Context<'_>, exchange: &Exchange) -> Option<Finding> {
    if exchange.attempts.len() < 2 * REQUESTS_MIN {
        return None;
    }
    let mut accepted: Vec<(usize, &Attempt<'_>)> = Vec::new();
    let mut last: (Option<CaptureTime>, Option<CaptureTime>) = (None, None);
    let mut may_be_over = false;
    let mut challenged = false;
    for &index in &exchange.attempts {
        let attempt = session.attempts.get(index)?;
        if !attempt.has_credentials() {
            let started = attempt.transaction.started()?;
            match last {
                // What had ended by then could not be used again.
                (_, Some(end)) if end < started => return None,
                (Some(issued), None) if started.since(issued) >= LIFE_MIN => may_be_over = true,
                _ => {}
            }
            challenged = attempt.outcome == AttemptOutcome::Challenged;
            continue;
        }
        let presented = attempt.credentials.iter().find(|presented| presented.is_attempt)?;
        if !nonce_facts::is_first_use(session, index, presented) || !attempt.is_let_past() {
            return None;
        }
        if challenged && attempt.is_own_hop() && attempt.outcome == AttemptOutcome::Accepted {
            accepted.push((index, attempt));
        }
        challenged = false;
        let issued = presented.answers.and_then(|at| session.challenge(at)).and_then(|(asking, _)| asking.answer());
        last = (issued.map(|issued| issued.time), nonce_facts::end_of(context, attempt, presented));
    }
    let (index, attempt) = accepted.first().copied().filter(|_| accepted.len() >= REQUESTS_MIN)?;
    let mut finding = Finding::new(
        &RULE,
        format!("Each {} is challenged first: the client never uses a nonce again", attempt.transaction.method),
    )
    .graded(Severity::Info, Confidence::Likely)
    .fault(Fault::Client)
    .explained(format!(
        "{} in a row began without credentials, were challenged, and were accepted. The client could have sent the credentials that \
         had worked, with the next nonce count.",
        facts::count(accepted.len(), &attempt.transaction.method.to_string())
    ))
    .advises("Nothing is wrong; where load matters, let the client keep its credentials, and nonces live longer than the interval");
    if may_be_over {
        finding = finding.graded(Severity::Info, Confidence::Possible).fault(Fault::Unknown);
        finding.explanation.push_str(" Whether the nonces live until the next request, the capture does not show.");
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(accepted.iter().map(|(_, attempt)| *attempt));
    Some(finding)
}
