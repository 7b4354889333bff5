//! SA220: several answers to one question.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA220",
    name: "multiple-credentials-one-realm",
    label: "several credentials for one realm",
    severity: Severity::Medium,
    summary: "A client answered every algorithm of one challenge at once",
    finds: "A request with two or more credentials of one realm, which answer challenges of one response with different algorithms.",
    matters: "The challenges of one realm are a choice: the client answers one. Servers take the first or the last of several \
              credentials, some refuse the request, and a digest with MD5 beside one with SHA-256 is as easy to attack as MD5 alone.",
    advice: "Update the client (older releases of PJSIP answer every challenge). Until then let the server offer one algorithm.",
    not_this: "Credentials of several realms belong together. Behind a forking proxy several of one realm may answer several servers: \
               those have nonces of different responses, or the same algorithm.",
    sources: &["RFC 8760 section 2.4", "RFC 3261 section 22.3"],
    sample: "register-answers-both-algorithms",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found: Vec<(usize, &Attempt<'_>, [&Presented<'_>; 2])> = session
        .attempts
        .iter()
        .enumerate()
        .filter_map(|(index, attempt)| Some((index, attempt, pair(attempt)?)))
        .collect();
    let Some((_, attempt, [one, other])) = found.first().copied() else { return Vec::new() };
    let realm = one.realm();
    let client = attempt.transaction.flow().source.address;
    let [first, second] =
        [one, other].map(|presented| challenge_facts::algorithm_name(presented.credentials.algorithm()));
    let mut finding =
        Finding::new(&RULE, format!("{client} sends several credentials for realm {}", facts::quoted(&realm)))
            .fault(Fault::Client)
            .explained(format!(
                "{} with credentials of {} and of {} for one realm, in answer to one response. RFC 8760 section 2.4 wants one for each realm.",
                facts::count(found.len(), &attempt.transaction.method.to_string()),
                first,
                second
            ))
            .advises("Update the client to one that chooses, or let the server offer one algorithm");
    finding.attempt = facts::lead(session, found.iter().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = found.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    finding.evidence =
        [one, other].into_iter().filter_map(|presented| facts::credentials_evidence(attempt, presented)).collect();
    vec![finding]
}

/// How many credentials of one request are compared. A request with more answers nothing.
const CREDENTIALS_MAX: usize = 16;

/// Two credentials of one realm, under one header and for one response, with different algorithms.
fn pair<'s, 'run>(attempt: &'s Attempt<'run>) -> Option<[&'s Presented<'run>; 2]> {
    if attempt.credentials.len() < 2 {
        return None;
    }
    let all = || attempt.credentials.iter().take(CREDENTIALS_MAX).filter(|presented| presented.is_attempt);
    all().enumerate().find_map(|(index, other)| {
        let one = all().take(index).find(|one| {
            let answered = one.answers.zip(other.answers);
            one.header == other.header
                && one.realm() == other.realm()
                && one.credentials.algorithm() != other.credentials.algorithm()
                && answered.is_some_and(|(one, other)| one.attempt == other.attempt)
        })?;
        Some([one, other])
    })
}
