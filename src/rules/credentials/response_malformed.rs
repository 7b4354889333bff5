//! SA217: the response is no digest of its algorithm.

use crate::auth::Algorithm;
use crate::auth::HashName;
use crate::auth::Name;
use crate::auth::Scheme;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::digest::near_miss::Closest;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA217",
    name: "response-malformed",
    label: "malformed response",
    severity: Severity::High,
    summary: "The response is not a digest: it has another length than its algorithm gives, or is not hex",
    finds: "Credentials whose response is not 32 hex digits for MD5, 64 for SHA-256 and SHA-512-256 or 128 for SHA-512. It is \
            medium where the server did not turn it away for that. An empty one in answer to a challenge of a password \
            algorithm is one, too: no digest was sent. No secret is needed.",
    matters: "Such a response can be right for no password at all. A buffer that is one byte short, Base64 in place of hex, or a \
              leading zero that was dropped when printing are what it comes from.",
    advice: "Fix the client's printing of the digest: two lower-case hex digits for each byte, none left out.",
    not_this: "An empty response before any challenge is how an IMS client announces itself, and after one of AKA how it says that it does not \
               trust the network. Upper-case digits are response-uppercase. A digest of the \
               length of another algorithm, and right for that one, is digest-near-miss.",
    sources: &["RFC 7616 section 3.4.1", "RFC 3261 section 25.1 (request-digest)", "RFC 8760 section 2.2"],
    sample: "register-response-malformed",
    check: Check::Form(check),
};

/// What is wrong with a response that is no digest of its algorithm; None where it is one, or empty, or not whole.
pub fn fault_of(attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<String> {
    let response = presented.credentials.response()?;
    if response.is_empty()
        || presented.credentials.scheme != Scheme::Digest
        || matches!(presented.closest, Closest::One(_))
    {
        return None;
    }
    let expected = presented.credentials.algorithm().hash().map(|hash| (hash.name(), hash.hex_len()));
    let text = match expected {
        _ if !response.iter().all(u8::is_ascii_hexdigit) => {
            format!("its {} characters are not all hex digits", response.len())
        }
        Some((name, len)) if len != response.len() => {
            format!("it has {} hex digits, and {name} gives {len}", response.len())
        }
        _ => return None,
    };
    attempt.request().is_some_and(|request| request.has_all_headers && !request.is_ambiguous).then_some(text)
}

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let mut malformed = facts::presented(session)
        .filter_map(|(index, attempt, presented)| {
            fault_of(attempt, presented).map(|fault| (index, attempt, presented, fault))
        })
        .peekable();
    if malformed.peek().is_none() {
        return empty(session).into_iter().collect();
    }
    let malformed: Vec<_> = malformed.collect();
    let Some((_, attempt, presented, fault)) = malformed.first() else { return Vec::new() };
    let is_turned_away = malformed.iter().any(|(_, _, presented, _)| facts::is_turned_away(presented));
    let user = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("The response of {user} is not a digest: {fault}"))
        .graded(if is_turned_away { Severity::High } else { Severity::Medium }, Confidence::Proven)
        .fault(Fault::Client)
        .excludes("wrong password as the only cause: with the right one this response would be refused too");
    finding = match unnamed_algorithm(session, presented) {
        Some(name) => finding
            .explained(format!(
                "It is as long as a digest of {name}, which the challenge wants, but the credentials name no algorithm: that means MD5 \
                 (RFC 7616 section 3.4)."
            ))
            .advises(format!("Let the client send algorithm={name} with its credentials")),
        None => match as_long_as(presented) {
            Some(name) => finding
                .explained(format!(
                    "It is as long as a digest of {name}: most likely the client computes {name} whatever algorithm it names. Only the secret \
                     can show whether it is right as one."
                ))
                .advises(format!("Let the server offer {name}, or update the client to one that computes what it names")),
            None => finding
                .explained(
                    "No password gives such a response: the client prints its digest wrongly. What it computed cannot be told.",
                )
                .advises("Fix the client's printing of the digest: two lower-case hex digits for each byte"),
        },
    };
    finding.attempt = facts::lead(session, malformed.iter().map(|(index, _, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames =
        malformed.iter().filter_map(|(_, attempt, _, _)| attempt.request().map(|request| request.at)).collect();
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}

/// The algorithm of the challenge, where the response is as long as its digests and the credentials name none.
fn unnamed_algorithm(session: &Session<'_>, presented: &Presented<'_>) -> Option<&'static str> {
    let asked = session.challenge_of(presented)?.challenge.algorithm();
    let response = presented.credentials.response()?;
    let is_unnamed = presented.credentials.params.get(Name::Algorithm).is_none();
    let is_as_long = asked.hash()?.hex_len() == response.len() && response.iter().all(u8::is_ascii_hexdigit);
    (is_unnamed && is_as_long).then(|| asked.name()).flatten()
}

/// The usual algorithm whose digests are as long as a response that is all hex digits, and too long or too short for the one that it names.
fn as_long_as(presented: &Presented<'_>) -> Option<&'static str> {
    let response = presented.credentials.response()?;
    let usual = [HashName::Md5, HashName::Sha256];
    let hash = usual.into_iter().find(|hash| hash.hex_len() == response.len())?;
    response.iter().all(u8::is_ascii_hexdigit).then(|| hash.name())
}

/// Requests with an empty response that a client sent in answer to a challenge of a password algorithm. Before any challenge, and after one of
/// AKA, it is how an IMS client announces itself, or says that it does not trust the network (RFC 3310 §3.4).
fn empty(session: &Session<'_>) -> Option<Finding> {
    let is_empty = |presented: &&Presented<'_>| {
        let credentials = &presented.credentials;
        credentials.scheme == Scheme::Digest
            && credentials.auts().is_none()
            && credentials.response().is_some_and(|response| response.is_empty())
    };
    let has_empty = |attempt: &&Attempt<'_>| attempt.credentials.iter().any(|presented| is_empty(&presented));
    let first = session.attempts.iter().find(has_empty)?;
    let mut asked: Option<&Attempt<'_>> = None;
    let mut unanswered = Vec::new();
    for (index, attempt) in session.attempts.iter().enumerate() {
        let is_answer = |asked: &&Attempt<'_>| {
            let waited = asked.answer().zip(attempt.request()).map(|(asked, sent)| sent.time.since(asked.time));
            !asked.is_unheard()
                && asked.transaction.is_same_hop(attempt.transaction)
                && waited.is_some_and(|waited| waited <= TRANSACTION_TIMEOUT)
        };
        let is_whole = attempt.request().is_some_and(|request| request.has_all_headers && !request.is_ambiguous);
        let presented = attempt.credentials.iter().find(is_empty);
        if let Some((presented, asking)) = presented.filter(|_| is_whole).zip(asked.filter(is_answer)) {
            unanswered.push((index, attempt, presented, asking));
        }
        // Later ones begin anew, as an IMS client does for each registration.
        asked = Some(attempt).filter(|attempt| asks_for_password(attempt));
    }
    let (_, attempt, presented, asking) = unanswered.first().copied()?;
    let user = facts::account(&presented.username(), &presented.realm());
    let is_turned_away = unanswered.iter().any(|(_, attempt, ..)| attempt.outcome != AttemptOutcome::Accepted);
    let mut finding = Finding::new(&RULE, format!("The response of {user} is empty: no digest was sent"))
        .graded(if is_turned_away { Severity::High } else { Severity::Info }, Confidence::Proven)
        .fault(Fault::Client)
        .explained(format!(
            "The {} in frame {} asks for a digest, and the request behind it has credentials without one: the client computed nothing. It may \
             have no password for this realm, or not know the algorithm.",
            asking.status().unwrap_or_default(),
            asking.answer()?.at.number
        ))
        .excludes("wrong password: no digest was sent")
        .advises("Set the password for this realm on the client, and see whether it knows the algorithm of the challenge");
    finding.attempt = facts::lead(session, unanswered.iter().map(|(index, ..)| *index));
    finding.subject = facts::subject(session, first);
    finding.frames = facts::frames_of_all(unanswered.iter().flat_map(|(_, attempt, _, asking)| [*asking, *attempt]));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    Some(finding)
}

fn asks_for_password(attempt: &Attempt<'_>) -> bool {
    let mut algorithms = attempt.challenges.iter().map(|offered| offered.challenge.algorithm());
    attempt.is_challenged()
        && attempt.has_challenge()
        && algorithms.all(|algorithm| matches!(algorithm, Algorithm::Plain { .. }))
}
