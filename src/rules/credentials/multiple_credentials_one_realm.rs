//! SA220: several answers to one question.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::credentials_facts;
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
    summary: "A client sends several credentials for one realm, or the same ones twice",
    finds: "A request with two or more credentials of one realm, which answer challenges of one response with different algorithms; or the \
            very same credentials twice. The latter are low where the server took them, and high where the digest is right and refused.",
    matters: "The challenges of one realm are a choice: the client answers one. Servers take the first or the last of several \
              credentials, some refuse the request, and a digest with MD5 beside one with SHA-256 is as easy to attack as MD5 alone. A server that counts nonces takes the second of two equal ones \
              for a replay.",
    advice: "Update the client (older releases of PJSIP answer every challenge). Until then let the server offer one algorithm.",
    not_this: "Credentials of several realms belong together. Behind a forking proxy several of one realm may answer several servers: \
               those have nonces of different responses, or the same algorithm.",
    sources: &["RFC 8760 section 2.4", "RFC 3261 section 22.3"],
    sample: "register-answers-both-algorithms",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    several(session).into_iter().chain(twice(session)).collect()
}

/// The very same credentials twice in one request.
fn twice(session: &Session<'_>) -> Option<Finding> {
    let rows = credentials_facts::rows(session, |(_, attempt, presented)| is_repeated(attempt, presented));
    let (_, attempt, presented) = rows.first().copied()?;
    // Many servers read the first, and leave it at that.
    let (severity, confidence) = match credentials_facts::grade(&rows) {
        (_, Confidence::Proven) => (Severity::Low, Confidence::Proven),
        (severity, _) => (severity, Confidence::Possible),
    };
    let name = presented.header.credentials_header();
    let finding = Finding::new(
        &RULE,
        format!("{} sends the same {name} header twice in one request", attempt.transaction.flow().source.address),
    )
    .graded(severity, confidence)
    .fault(Fault::Client)
    .explained(format!(
        "In {} the {name} header for realm {} stands twice, with one nonce and one response. A server that counts nonces takes the second for \
         a replay of the first, and others refuse two for one realm. {}",
        credentials_facts::requests_text(&rows),
        facts::quoted(&presented.realm()),
        credentials_facts::outcome_text(&rows)
    ))
    .advises(format!("Let the client write one {name} header for each realm"));
    let finding = match severity {
        Severity::High => {
            finding.advises("Where one alone is refused as well, compare the secret that the server has stored")
        }
        _ => finding,
    };
    Some(credentials_facts::about(finding, session, &rows))
}

/// Whether the same credentials stand before these in their request.
fn is_repeated(attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_same = |other: &&Presented<'_>| {
        let key = |one: &Presented<'_>| one.credentials.response().map(|response| response.into_owned());
        other.header == presented.header
            && other.nonce.is_some()
            && other.nonce == presented.nonce
            && other.realm() == presented.realm()
            && other.username() == presented.username()
            && key(other).is_some_and(|response| !response.is_empty() && Some(response) == key(presented))
    };
    let all = || attempt.credentials.iter().take(CREDENTIALS_MAX).filter(|other| other.is_attempt);
    all().take_while(|other| !std::ptr::eq(*other, presented)).any(|other| is_same(&other))
        && all().any(|other| std::ptr::eq(other, presented))
}

fn several(session: &Session<'_>) -> Option<Finding> {
    let found: Vec<(usize, &Attempt<'_>, [&Presented<'_>; 2])> = session
        .attempts
        .iter()
        .enumerate()
        .filter_map(|(index, attempt)| Some((index, attempt, pair(attempt)?)))
        .collect();
    let (_, attempt, [one, other]) = found.first().copied()?;
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
    Some(finding)
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
