//! SA118: MD5 offered before SHA.

use crate::auth::Scheme;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA118",
    name: "algorithm-order-weak-first",
    label: "weak algorithm first",
    severity: Severity::Medium,
    summary: "MD5 is offered before a stronger algorithm of the same realm",
    finds: "A response that offers MD5 and, further down for the same realm and under the same header, SHA-256, SHA-512-256 or \
            SHA-512.",
    matters: "Clients take the topmost offer that they know, and every client knows MD5: the stronger algorithm is never used. Many \
              clients need that order all the same, for they read the first challenge only, or give up where it is not MD5.",
    advice: "Put the stronger algorithm first where all clients follow RFC 8760. Where some do not, leave the order as it is, or offer \
             them MD5 alone: the wrong order fails nobody.",
    not_this: "MD5 alone is weak-algorithm-md5. Challenges of different realms have no order.",
    sources: &["RFC 8760 section 2.3", "RFC 8760 section 2.4", "RFC 7616 section 3.7"],
    sample: "register-weak-algorithm-first",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found: Vec<&Attempt<'_>> = session.attempts.iter().filter(|attempt| is_weak_first(attempt)).collect();
    let Some(attempt) = found.first().copied() else { return Vec::new() };
    let server = attempt.transaction.flow().destination.address;
    let mut finding = Finding::new(&RULE, format!("{server} offers MD5 before the stronger algorithm"))
        .fault(Fault::Server)
        .explained(
            "RFC 8760 wants the preferred algorithm on top: clients take the first that they know, and all know MD5."
                .to_owned(),
        )
        .advises("Put SHA-256 first if all clients cope; many read the first challenge only and need MD5 there, so try it with one client");
    finding.frames = facts::frames_of_all(found.iter().copied());
    finding.evidence = facts::challenge_evidence(attempt);
    vec![facts::about_server(finding, session, attempt)]
}

/// How many challenges of one response are compared. A response with more is no offer.
const OFFERS_MAX: usize = 16;

fn is_weak_first(attempt: &Attempt<'_>) -> bool {
    if attempt.challenges.len() < 2 || !attempt.is_challenged() {
        return false;
    }
    let digests = || attempt.challenges.iter().filter(|o| o.challenge.scheme == Scheme::Digest).take(OFFERS_MAX);
    digests().any(|strong| {
        let mut same = digests().filter(|other| other.header == strong.header && other.realm() == strong.realm());
        let first = same.find_map(|offered| challenge_facts::is_md5(offered.challenge.algorithm()));
        challenge_facts::is_md5(strong.challenge.algorithm()) == Some(false) && first == Some(true)
    })
}
