//! SA410: a challenge is answered late.

use std::time::Duration;

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
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA410",
    name: "retry-after-long-delay",
    label: "late answer to a challenge",
    severity: Severity::Info,
    summary: "The client took more than five seconds to answer a challenge",
    finds: "The first use of a nonce, more than five seconds after its challenge, in the same exchange. It is \
            medium where the answer was stale, or the nonce had ended by then by the time that it holds.",
    matters: "Nonces live 30 seconds and less on some servers. A client that asks its user first, or waits for its \
            timer, comes too late.",
    advice: "Find what the client waits for: a question to its user, a retry timer, a slow name lookup. Lengthen \
            the life of nonces where that cannot be changed.",
    not_this: "A nonce that is used again for a later request is no late answer. An answer that was lost and sent \
            again counts from the first one captured.",
    sources: &["RFC 3261 section 22.1", "RFC 7616 section 3.3"],
    sample: "vos3000-stale-nonce",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let late: Vec<_> = facts::presented(session)
        .filter_map(|(index, attempt, presented)| {
            Some((index, attempt, presented, late_by(session, index, attempt, presented)?))
        })
        .collect();
    let is_too_late = |attempt: &Attempt<'_>, presented: &Presented<'_>| {
        presented.judgement == Judgement::Stale || nonce_facts::expired(context, attempt, presented).is_some()
    };
    let worst = late.iter().find(|(_, attempt, presented, _)| is_too_late(attempt, presented));
    let Some((index, attempt, presented, wait)) = worst.or(late.first()).copied() else { return Vec::new() };
    let severity = if worst.is_some() { Severity::Medium } else { Severity::Info };
    let user = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("{user} took {} to answer a challenge", facts::duration_text(wait)))
        .graded(severity, Confidence::Likely)
        .fault(Fault::Client)
        .explained(format!(
            "The challenge that frame {} answers had come {} before{}.{}",
            nonce_facts::frame_of(attempt),
            facts::duration_text(wait),
            if late.len() > 1 {
                format!("; {} in all were that late", facts::count(late.len(), "answer"))
            } else {
                String::new()
            },
            match (worst.is_some(), nonce_facts::expired(context, attempt, presented)) {
                (true, Some((_, over))) => {
                    format!(" Its nonce had ended {} earlier, {}.", facts::duration_text(over), nonce_facts::INFERRED)
                }
                (true, None) => " By then the nonce was stale.".to_owned(),
                (false, _) => String::new(),
            }
        ))
        .advises("Find what the client waits for: a question to its user, its retry timer, a name lookup")
        .advises("Where that cannot be changed, lengthen the life of nonces on the server");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(late.iter().flat_map(|(_, attempt, presented, _)| {
        let issuer = presented.answers.and_then(|at| session.challenge(at)).map(|(issuer, _)| issuer);
        issuer.into_iter().chain([*attempt])
    }));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}

fn late_by(session: &Session<'_>, index: usize, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<Duration> {
    let wait = nonce_facts::wait(session, attempt, presented).filter(|wait| *wait > nonce_facts::ANSWER_PROMPTLY)?;
    let (issuer, _) = session.challenge(presented.answers?)?;
    let is_answer = issuer.exchange == attempt.exchange
        && attempt.transaction.forwarded_from().is_none()
        && nonce_facts::is_first_use(session, index, presented)
        // Else the first answer is one that the capture lacks.
        && presented.nonce_count.is_none_or(|count| count <= 1);
    is_answer.then_some(wait)
}
