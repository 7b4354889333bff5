//! SA114: several challenges, or several credentials, in one header line.

use crate::base::FrameRef;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA114",
    name: "combined-challenges-one-row",
    label: "challenges joined in one line",
    severity: Severity::Medium,
    summary: "Several challenges or credentials stand in one header line",
    finds: "A WWW-Authenticate, Proxy-Authenticate, Authorization or Proxy-Authorization line with more than one scheme, joined by \
            commas as HTTP does it.",
    matters: "SIP excludes these headers from comma lists, for commas stand between their parameters too. Clients read the first \
              challenge, or take the parameters of the second for those of the first, and then hash with the wrong nonce or realm.",
    advice: "Write one header line for each challenge.",
    not_this: "Several lines of the same header are how it should be. A parameter that comes twice within one challenge is \
               duplicate-auth-param.",
    sources: &["RFC 3261 section 7.3.1", "RFC 7235 section 4.1 (HTTP, where it is allowed)"],
    sample: "register-challenges-in-one-row",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let Some((attempt, evidence, is_challenge)) = session.attempts.iter().find_map(joined) else { return Vec::new() };
    let frames: Vec<FrameRef> = session.attempts.iter().filter_map(joined).map(|(_, piece, _)| piece.at).collect();
    let what = if is_challenge { "challenges" } else { "credentials" };
    let (sender, fault) = if is_challenge {
        (attempt.transaction.flow().destination.address, Fault::Server)
    } else {
        (attempt.transaction.flow().source.address, Fault::Client)
    };
    let mut finding =
        Finding::new(&RULE, format!("{sender} joins several {what} in one {} line", evidence.header))
            .fault(fault)
            .explained(format!(
                "RFC 3261 section 7.3.1 wants a line for each: readers that stop at the first scheme, or mix up the parameters of two, misread the {what}."
            ))
            .advises(format!("Write one {} line for each of the {what}", evidence.header));
    finding.frames = frames;
    finding.evidence = vec![evidence];
    vec![facts::about_server(finding, session, attempt)]
}

/// The first row of an attempt with more than one scheme, and whether it is one of challenges.
fn joined<'s, 'run>(attempt: &'s Attempt<'run>) -> Option<(&'s Attempt<'run>, Evidence, bool)> {
    let challenges = attempt.answer().into_iter().flat_map(|answer| {
        let rows = answer.challenges.iter().filter(|row| row.nonces.len() > 1);
        rows.map(|row| Evidence {
            at: answer.at,
            header: row.header.challenge_header(),
            value: EvidenceValue::Challenge(row.value.clone(), row.nonces.clone()),
        })
    });
    let credentials = attempt.request().into_iter().flat_map(|request| {
        let rows = request.credentials.iter().filter(|row| !row.others.is_empty());
        rows.map(|row| Evidence {
            at: request.at,
            header: row.header.credentials_header(),
            value: EvidenceValue::Credentials(row.value.clone(), row.first.nonce),
        })
    });
    let piece = challenges.map(|piece| (piece, true)).chain(credentials.map(|piece| (piece, false))).next()?;
    Some((attempt, piece.0, piece.1))
}
