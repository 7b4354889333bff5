//! SA229: a secret was given, and the digest could not be recomputed.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA229",
    name: "verification-not-possible",
    label: "not verifiable",
    severity: Severity::Info,
    summary: "A secret was given, but the digest could not be recomputed",
    finds: "Credentials of a user whose secret was given, for which something else is missing: a body that was cut, a key for AKA, \
            an HA1 of that algorithm, a parameter, an algorithm that is known.",
    matters: "No verdict is not a wrong password. The reason says what would make a verdict possible.",
    advice: "Give what is missing, or capture with an unlimited snap length (tcpdump -s 0).",
    not_this: "Credentials of users without a secret are counted as not checked.",
    sources: &["RFC 7616 section 3.4", "RFC 3310 section 3.3"],
    sample: "register-aka-ims",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let open: Vec<_> = facts::presented(session)
        .filter_map(|(_, attempt, presented)| match presented.verdict() {
            Some(Verdict::Unverifiable(reason)) => Some((attempt, presented, reason)),
            _ => None,
        })
        .collect();
    let Some((attempt, presented, reason)) = open.first().copied() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("The digest of {user} could not be recomputed: {reason}"))
        .explained(format!(
            "{} of this account could not be checked against the secret given: {reason}.",
            facts::count(open.len(), "digest")
        ))
        .advises(match facts::is_digest(presented) {
            true => "Give what is missing; for cut messages, capture again with tcpdump -s 0",
            false if facts::lacks_scheme(presented) => facts::NAME_SCHEME,
            false => "Nothing: only digests can be checked",
        });
    finding.cause = Some(reason.name());
    finding.subject = facts::subject(session, attempt);
    finding.frames = open.iter().filter_map(|(attempt, _, _)| attempt.request().map(|request| request.at)).collect();
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}
