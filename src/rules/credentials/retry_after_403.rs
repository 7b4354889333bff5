//! SA209: forbidden, and asked again and again.

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
use crate::session::TextId;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA209",
    name: "retry-after-403",
    label: "retries after 403",
    severity: Severity::Medium,
    summary: "A REGISTER or SUBSCRIBE was sent again and again after 403",
    finds: "A REGISTER or SUBSCRIBE that is sent again for the same user within 32 seconds after a 403, three times \
            or more; a REGISTER also under a new Call-ID each time.",
    matters: "403 says that the server understood the request and will not fulfil it: asking again changes nothing. \
            Such clients load the server and get themselves blocked.",
    advice: "Let the client wait for minutes after a 403, longer each time, and tell its user. What is forbidden, and \
            why, is another question: see forbidden-after-credentials.",
    not_this: "A request for another user, and one that comes later than 32 seconds, are not this. Retransmissions are \
            one request.",
    sources: &["RFC 3261 section 21.4.4"],
    sample: "register-retry-after-403",
    check: Check::Trouble(check),
};

/// So many retries are a habit.
const RETRIES_MIN: usize = 3;

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    if session.attempts.iter().filter(|attempt| attempt.status() == Some(403)).nth(RETRIES_MIN - 1).is_none() {
        return across_sessions(session, context).into_iter().collect();
    }
    session.exchanges.iter().filter_map(|exchange| in_exchange(session, &exchange.method, &exchange.attempts)).collect()
}

fn in_exchange(session: &Session<'_>, method: &Method, attempts: &[usize]) -> Option<Finding> {
    if !matches!(method, Method::Register | Method::Subscribe) {
        return None;
    }
    let mut streak: Vec<usize> = Vec::new();
    let mut longest: Vec<usize> = Vec::new();
    let mut forbidden: Option<&Attempt<'_>> = None;
    for &index in attempts {
        let attempt = session.attempts.get(index)?;
        match forbidden.take() {
            Some(earlier) if is_again(session, earlier, attempt) => streak.push(index),
            Some(_) => streak.clear(),
            None => {}
        }
        if attempt.is_let_past() {
            streak.clear();
        }
        if streak.len() > longest.len() {
            longest.clone_from(&streak);
        }
        forbidden = (attempt.status() == Some(403)).then_some(attempt);
    }
    let (first, all) = (*longest.first()?, longest.iter().filter_map(|&index| session.attempts.get(index)));
    if longest.len() < RETRIES_MIN {
        return None;
    }
    let attempt = session.attempts.get(first)?;
    let mut finding = Finding::new(&RULE, format!("{method} was sent again {} times after 403", longest.len()))
        .graded(Severity::Medium, Confidence::Proven)
        .fault(Fault::Client)
        .explained(format!(
            "After each 403 the client sent the {method} again within {} s, {} times in all.",
            facts::ANSWER_WITHIN.as_secs(),
            longest.len()
        ))
        .excludes("retransmission: each is a new transaction")
        .advises("Let the client wait for minutes after a 403, longer each time");
    finding.attempt = facts::lead(session, longest.iter().copied());
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(all);
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    Some(finding)
}

/// The same under a new Call-ID each time: what came before this one is remembered of the account.
fn across_sessions(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let index = session.attempts.len().checked_sub(1)?;
    let attempt = session.attempts.get(index).filter(|attempt| attempt.status() == Some(403))?;
    let method = &attempt.transaction.method;
    let retries = context.accounts.forbidden_retries(&facts::account_key(session, attempt)?);
    if *method != Method::Register || usize::try_from(retries).is_ok_and(|retries| retries < RETRIES_MIN) {
        return None;
    }
    let mut finding =
        Finding::new(&RULE, format!("{method} was sent again and again after 403, under a new Call-ID each time"))
            .graded(Severity::Medium, Confidence::Proven)
            .fault(Fault::Client)
            .explained(format!(
                "After each 403 the client sent the {method} again within {} s under another Call-ID, {RETRIES_MIN} times or more.",
                facts::ANSWER_WITHIN.as_secs(),
            ))
            .excludes("retransmission: each is a new transaction")
            .advises("Let the client wait for minutes after a 403, longer each time");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([attempt]);
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    Some(finding)
}

/// Whether a request is the one before, sent again soon after it was forbidden.
fn is_again(session: &Session<'_>, earlier: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let (Some(before), Some(now), Some(answer)) = (earlier.request(), next.request(), earlier.answer()) else {
        return false;
    };
    let is_same = |one: TextId, other: TextId| session.text(one) == session.text(other);
    let user = |attempt: &Attempt<'_>| attempt.credentials.first().map(|presented| presented.username().into_owned());
    let is_same_user = user(earlier).zip(user(next)).is_none_or(|(one, other)| one == other);
    is_same_user
        && is_same(before.to, now.to)
        && is_same(before.from, now.from)
        && now.time.since(answer.time) <= facts::ANSWER_WITHIN
}
