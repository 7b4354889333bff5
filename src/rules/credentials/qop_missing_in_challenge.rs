//! SA222: a challenge of the old form.

use crate::auth::Challenge;
use crate::auth::Name;
use crate::auth::Scheme;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::said;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA222",
    name: "qop-missing-in-challenge",
    label: "no qop",
    severity: Severity::Medium,
    summary: "A Digest challenge without qop: the form of RFC 2069",
    finds: "A Digest challenge that has no qop parameter.",
    matters: "Without qop there is no nonce count and no client nonce: the server cannot tell a replay, and a chosen nonce can be \
              attacked. RFC 3261 demands that servers always send qop; clients answer the old form for compatibility.",
    advice: "Switch qop on at the server (Kamailio: the second argument of auth_challenge; Asterisk chan_pjsip sends it).",
    not_this: "Credentials without qop in answer to a challenge that offers it are another matter.",
    sources: &["RFC 3261 section 22.4", "RFC 8760 section 2.6", "RFC 2069 section 2.1"],
    sample: "register-ok-no-qop",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let old: Vec<&Attempt<'_>> = session.attempts.iter().filter(|attempt| is_old_form(attempt)).collect();
    let Some(attempt) = old.first().copied() else { return Vec::new() };
    if let Some(again) = context.said.again(&RULE, &said::server_key(&facts::server(session, attempt))) {
        return vec![again];
    }
    let mut finding = Finding::new(&RULE, "The challenge offers no qop, the form of RFC 2069")
        .fault(Fault::Server)
        .explained(format!(
            "{} challenges without qop. Digests then hold no nonce count and no client nonce: a replay cannot be told from a request.",
            attempt.transaction.flow().destination.address
        ))
        .advises("Let the server offer qop=\"auth\"");
    finding.frames = facts::frames_of_all(old.iter().copied());
    finding.evidence = facts::challenge_evidence(attempt);
    vec![facts::about_server(finding, session, attempt)]
}

fn is_old_form(attempt: &Attempt<'_>) -> bool {
    attempt.is_challenged()
        && attempt.challenges.iter().any(|offered| {
            offered.challenge.scheme == Scheme::Digest
                && !offers_qop(&offered.challenge)
                && offered.challenge.malformation().is_none()
        })
}

/// Whether the list of qops holds any.
fn offers_qop(challenge: &Challenge<'_>) -> bool {
    let list = challenge.params.value(Name::Qop).unwrap_or_default();
    list.iter().any(|byte| *byte != b',' && !byte.is_ascii_whitespace())
}
