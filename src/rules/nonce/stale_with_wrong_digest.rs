//! SA306: stale=true, although the digest is wrong too.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::session::Judgement;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA306",
    name: "stale-with-wrong-digest",
    label: "stale, and a wrong digest",
    severity: Severity::Info,
    summary: "The server says stale=true of a digest that is wrong as well",
    finds: "Credentials whose response does not fit the secret given, answered with stale=true. It is medium where that happens \
            twice or more and the client never gets in. Needs a secret.",
    matters: "stale=true is to be said of right digests alone: it tells the client that its password is good and to try again at \
              once. Kamailio, OpenSIPS and libre look at the nonce before the digest, so stale=true of theirs does not clear the \
              password.",
    advice: "Do not take stale=true as proof of the right password with such servers. Mend the password or the digest first.",
    not_this: "A right digest that is called stale is stale-nonce-recovered or stale-loop.",
    sources: &["RFC 2617 section 3.2.1", "RFC 7616 section 3.3"],
    sample: "register-stale-with-wrong-digest",
    check: Check::Trouble(check),
};

/// Wrong digests called stale that make a loop.
const LOOP_MIN: usize = 2;

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let mut stale = facts::presented(session)
        .filter(|(_, attempt, presented)| {
            presented.judgement == Judgement::Stale
                && presented.is_wrong()
                && !relay_facts::was_right_before(session, attempt, presented)
        })
        .peekable();
    if stale.peek().is_none() {
        return Vec::new();
    }
    let stale: Vec<_> = stale.collect();
    let Some((index, attempt, presented)) = stale.first().copied() else { return Vec::new() };
    let lasting: Vec<_> = stale.iter().filter(|(index, _, _)| !session.is_accepted_later(*index)).collect();
    let is_loop = lasting.len() >= LOOP_MIN;
    let user = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("The server says stale=true to {user}, whose digest is wrong as well"))
        .graded(if is_loop { Severity::Medium } else { Severity::Info }, Confidence::Proven)
        .fault(Fault::Server)
        .explained(format!(
            "{} did not fit the secret from {}, and {} answered with stale=true, which is to be said of right digests alone. This \
             server looks at the nonce first: a fresh nonce will not let the client in.",
            facts::count(stale.len(), "digest"),
            facts::source(presented),
            if stale.len() == 1 { "was" } else { "were" },
        ))
        .advises("Mend what makes the digest wrong: another finding of this client, or the secret given to sipauth, says what");
    if is_loop {
        finding.explanation.push_str(" Told to try again each time, the client goes round.");
    }
    finding.attempt = lasting.first().map_or(Some(index), |(index, _, _)| Some(*index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(stale.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(attempt));
    vec![finding]
}
