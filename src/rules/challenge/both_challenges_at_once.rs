//! SA108: one response with both kinds of challenge.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::HeaderKind;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA108",
    name: "both-challenges-at-once",
    label: "both challenges at once",
    severity: Severity::Info,
    summary: "One response carries both WWW-Authenticate and Proxy-Authenticate",
    finds: "A 401 or 407 that has challenges of both kinds, as VOS3000 sends them in mode 3, or a forking proxy that gathers them.",
    matters: "Legal, and meant for compatibility. Clients may answer one kind, the other or both.",
    advice: "Nothing, where clients get in. Else choose the one kind that the client answers.",
    not_this: "Several challenges of one kind offer algorithms, or come from several realms.",
    sources: &["RFC 3261 section 20, table 2", "RFC 3261 section 16.7"],
    sample: "register-both-challenges-unanswered",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let both: Vec<_> = session
        .attempts
        .iter()
        .filter(|attempt| {
            let has = |kind| attempt.challenges.iter().any(|offered| offered.header == kind);
            attempt.is_challenged() && has(HeaderKind::Www) && has(HeaderKind::Proxy)
        })
        .collect();
    let Some(attempt) = both.first().copied() else { return Vec::new() };
    let status = attempt.status().unwrap_or_default();
    let mut finding =
        Finding::new(&RULE, format!("The {status} asks under both WWW-Authenticate and Proxy-Authenticate"))
            .fault(Fault::Unknown)
            .explained(format!(
                "{} sends both kinds of challenge in one response (VOS3000: SS_AUTHCHALLENGEMODE 3).",
                attempt.transaction.flow().destination.address
            ))
            .advises("Nothing, where clients get in; else choose the one kind that the client answers");
    finding.frames = facts::frames_of_all(both.iter().copied());
    finding.evidence = facts::challenge_evidence(attempt);
    vec![facts::about_server(finding, session, attempt)]
}
