//! SA324: a nonce count that goes back.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::rules::nonce_facts::Step;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA324",
    name: "nc-backwards",
    label: "nonce count went back",
    severity: Severity::Medium,
    summary: "The nonce count is lower than before with the same nonce",
    finds: "Credentials whose nonce count is lower than one that the same client used before with that nonce, \
            and was not used yet, with no challenge in between that delivered the nonce anew.",
    matters: "A server that keeps the highest count, as FreeSWITCH does, takes the lower one for a replay and \
            refuses it, often with stale=true.",
    advice: "Fix the client to count up with each request, over all its calls and registrations that share a \
            nonce.",
    not_this: "The same count twice is nc-repeated. Requests that overtook each other on the way, as their CSeq \
            tells, were counted in order.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-nonce-count-backwards",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let back: Vec<Step<'_, '_>> =
        nonce_facts::steps(session).into_iter().filter(|step| is_back(session, step)).collect();
    let Some(step) = back.first() else { return Vec::new() };
    let is_refused = back.iter().any(|step| step.presented.is_refused());
    let is_the_nonce = back.iter().any(|step| nonce_facts::is_about_the_nonce(step.presented));
    let user = facts::account(&step.presented.username(), &step.presented.realm());
    let title = format!("The nonce count of {user} goes back from {:08x} to {:08x}", step.highest, step.count);
    let confidence = if is_refused && !is_the_nonce { Confidence::Possible } else { Confidence::Likely };
    let mut finding = Finding::new(&RULE, title)
        .graded(Severity::Medium, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "Frame {} counts lower than frame {} did with the same nonce; {}.",
            nonce_facts::frame_of(step.attempt),
            nonce_facts::frame_of(step.highest_in),
            match (is_the_nonce, is_refused) {
                (true, _) => "the server refuses the nonce there",
                (false, true) => "the server refused the credentials, perhaps for that",
                (false, false) => nonce_facts::not_refused(back.iter().map(|step| step.presented)),
            }
        ))
        .excludes("retransmission: it is a new transaction, and a later one by its CSeq")
        .advises("Fix the client to count up with each request that uses the nonce, in whatever call");
    finding.attempt = facts::lead(session, back.iter().map(|step| step.index));
    finding.subject = facts::subject(session, step.attempt);
    finding.frames = facts::frames_of_all(back.iter().flat_map(|step| [step.highest_in, step.attempt]));
    finding.evidence = facts::credentials_evidence(step.attempt, step.presented).into_iter().collect();
    vec![finding]
}

fn is_back(session: &Session<'_>, step: &Step<'_, '_>) -> bool {
    let overtaken = step.attempt.transaction.cseq.zip(step.highest_in.transaction.cseq);
    step.count < step.highest
        && step.count > 0
        && overtaken.is_none_or(|(now, before)| now > before)
        && facts::same_nonce_count(session, step.index, step.presented).is_none()
}
