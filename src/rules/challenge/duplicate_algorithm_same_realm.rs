//! SA117: the same offer twice.

use crate::auth::Algorithm;
use crate::auth::Scheme;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Offered;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA117",
    name: "duplicate-algorithm-same-realm",
    label: "same algorithm twice",
    severity: Severity::Info,
    summary: "One response offers the same algorithm twice for one realm",
    finds: "Two Digest challenges of one response under the same header, with the same realm and the same algorithm. It is medium \
            where their nonces are equal, or where the request was a REGISTER, which is not forked; info where a forking proxy may \
            have gathered them.",
    matters: "A server offers each algorithm once. Clients may answer one, both, or the one whose nonce the server has forgotten.",
    advice: "Look for a routing script that adds the challenge twice, or passes a request through authentication twice.",
    not_this: "Several algorithms of one realm are an offer to choose. The same realm under WWW-Authenticate and Proxy-Authenticate \
               is both-challenges-at-once.",
    sources: &["RFC 8760 section 2.3", "RFC 7616 section 3.7", "RFC 3261 section 16.7"],
    sample: "invite-same-algorithm-twice",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found: Vec<_> =
        session.attempts.iter().filter_map(|attempt| twice(attempt).map(|pair| (attempt, pair))).collect();
    let Some((attempt, (algorithm, has_same_nonce))) = found.first().copied() else { return Vec::new() };
    let is_forked = is_forked(session, attempt);
    let (severity, confidence) = match has_same_nonce {
        _ if is_forked => (Severity::Info, Confidence::Likely),
        true => (Severity::Medium, Confidence::Proven),
        false if attempt.transaction.method == Method::Register => (Severity::Medium, Confidence::Likely),
        false => (Severity::Info, Confidence::Possible),
    };
    let server = attempt.transaction.flow().destination.address;
    let name = challenge_facts::algorithm_name(algorithm);
    let reading = if is_forked {
        "The request was forked, and each branch asked: the proxy gathered their challenges."
    } else if has_same_nonce {
        "Their nonces are equal: it is one challenge, written twice."
    } else {
        "Their nonces differ: the request went through authentication twice, or a forking proxy gathered the challenges of its branches."
    };
    let mut finding = Finding::new(&RULE, format!("{server} offers {name} twice for the same realm"))
        .graded(severity, confidence)
        .fault(Fault::Server)
        .explained(format!("{} of {server} holds two such challenges. {reading}", response(attempt)))
        .advises("Let the server offer each algorithm once for a realm");
    finding.frames = facts::frames_of_all(found.iter().map(|(attempt, _)| *attempt));
    finding.evidence = facts::challenge_evidence(attempt);
    vec![facts::about_server(finding, session, attempt)]
}

fn response(attempt: &Attempt<'_>) -> String {
    let frame = attempt.answer().map(|answer| format!(" in frame {}", answer.at.number)).unwrap_or_default();
    format!("The {}{frame}", attempt.status().unwrap_or_default())
}

/// How many challenges of one response are compared. A response with more is no offer.
const OFFERS_MAX: usize = 16;

/// The algorithm that one realm offers twice under one header, and whether with one nonce.
fn twice<'s>(attempt: &'s Attempt<'_>) -> Option<(Algorithm<'s>, bool)> {
    if attempt.challenges.len() < 2 || !attempt.is_challenged() {
        return None;
    }
    let digests: Vec<&Offered<'_>> = attempt
        .challenges
        .iter()
        .filter(|offered| offered.challenge.scheme == Scheme::Digest)
        .take(OFFERS_MAX)
        .collect();
    digests.iter().enumerate().find_map(|(index, one)| {
        let mut before = digests.iter().take(index);
        let other = before.find(|other| {
            other.header == one.header
                && other.realm() == one.realm()
                && other.challenge.algorithm() == one.challenge.algorithm()
        })?;
        Some((one.challenge.algorithm(), one.challenge.nonce() == other.challenge.nonce()))
    })
}

/// Whether the capture shows the request going on to two places.
fn is_forked(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let all = session.run.transactions.iter();
    all.filter(|next| next.forwarded_from() == Some(attempt.transaction_index)).count() > 1
}
