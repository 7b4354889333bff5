//! SA316: a new nonce, and the count goes on.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA316",
    name: "nc-not-reset",
    label: "nonce count not reset",
    severity: Severity::Medium,
    summary: "The first use of a new nonce has a nonce count other than one",
    finds: "Credentials that answer a challenge of the session, are the first with its nonce, and count \
            something else than 00000001. It is low where nothing shows that it goes on from the nonce \
            before, and the server did not mind; high where it does, the digest is right, and all such were refused.",
    matters: "The count belongs to the nonce. A server that counts takes the numbers in between for requests that \
            were lost or replayed, and may refuse.",
    advice: "Fix the client to begin at 00000001 with each new nonce.",
    not_this: "A nonce that was issued or used under another Call-ID may have been counted there. Captures that \
            begin in mid-life prove nothing about nonces from before.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-nonce-count-not-reset",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let odd: Vec<_> = facts::presented(session)
        .filter(|(index, attempt, presented)| is_not_reset(session, context, *index, attempt, presented))
        .collect();
    let Some((index, attempt, presented)) = odd.first().copied() else { return Vec::new() };
    let before = session.attempts.iter().take(index).rev().take(BACK_MAX).find_map(|earlier| {
        let used = earlier.credentials.iter().find(|used| used.realm() == presented.realm())?;
        nonce_facts::count_of(used)
    });
    let goes_on = before.is_some()
        && before.map(|count| count.saturating_add(1)) == nonce_facts::count_of(presented)
        && !lacks_request(session, attempt, presented);
    let raw = presented.credentials.nonce_count().map(|count| facts::text(count.raw)).unwrap_or_default();
    let is_refused = presented.is_refused();
    // A server that refuses a right digest with a right count as well has another reason.
    let is_refused_anyway = facts::presented(session).any(|(index, _, presented)| {
        nonce_facts::count_of(presented) == Some(1)
            && presented.verdict() == Some(Verdict::Match)
            && nonce_facts::is_refused_while_new(session, index, presented)
    });
    let is_why = goes_on
        && !is_refused_anyway
        && odd.iter().all(|(_, _, presented)| presented.judgement == Judgement::Refused)
        && odd.iter().any(|(_, _, presented)| presented.verdict() == Some(Verdict::Match));
    let severity = match goes_on || is_refused {
        _ if is_why => Severity::High,
        true => Severity::Medium,
        false => Severity::Low,
    };
    let finding = Finding::new(&RULE, format!("The first use of a new nonce counts nc={raw}"))
        .graded(severity, if goes_on && !is_refused_anyway { Confidence::Likely } else { Confidence::Possible })
        .fault(Fault::Client)
        .explained(format!(
            "The nonce of frame {} was not used before, and its count should be 00000001{}; {}.",
            nonce_facts::frame_of(attempt),
            if goes_on {
                ". It goes on from the nonce before"
            } else {
                ", unless uses of it are missing in this capture"
            },
            if is_refused { "the server refused it" } else { nonce_facts::not_refused([presented]) }
        ))
        .advises("Fix the client to begin at 00000001 with each new nonce");
    vec![credentials_facts::led_by(finding, session, (index, attempt, presented), &odd)]
}

/// Whether a CSeq number between the challenge and its answer is not in the capture: that request may have begun the count.
fn lacks_request(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let issuer = presented.answers.and_then(|at| session.challenge(at)).and_then(|(issuer, _)| issuer.transaction.cseq);
    issuer.zip(attempt.transaction.cseq).is_some_and(|(asked, sent)| sent > asked.saturating_add(1))
}

/// How far back the count of the nonce before is looked for.
const BACK_MAX: usize = 16;

fn is_not_reset(
    session: &Session<'_>,
    context: &Context<'_>,
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> bool {
    let is_counted_on = nonce_facts::count_of(presented).is_some_and(|count| count > 1);
    if !is_counted_on || attempt.transaction.forwarded_from().is_some() {
        return false;
    }
    let Some((issuer, _)) = presented.answers.filter(|at| at.is_same_realm).and_then(|at| session.challenge(at)) else {
        return false;
    };
    let nonce = presented.nonce.and_then(|id| context.nonces.get(id));
    // What was issued before under another Call-ID may have been used there.
    let is_new_here = nonce
        .and_then(|nonce| nonce.issued())
        .is_some_and(|issue| session.answers_of(issuer).any(|answer| answer.at == issue.at));
    is_new_here
        && nonce_facts::is_used_here_only(session, context, presented)
        && nonce_facts::is_first_use(session, index, presented)
}
