//! SA232: the nonce is not returned as it was given.

use crate::base::encoding::percent_decoded;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA232",
    name: "nonce-altered",
    label: "nonce altered",
    severity: Severity::High,
    summary: "The nonce in the credentials is that of a challenge, altered",
    finds: "Digest credentials with a nonce that nobody issued, and that is the one of the newest challenge cut \
            short, without its = padding, in other letter case, or with its escapes changed. It is medium where the \
            server accepted it.",
    matters: "To the server it is a nonce that it never gave: it challenges again, with the right password too.",
    advice: "Update the client: a nonce goes back byte by byte. A buffer that is too short, and a parser that stops at \
            =, are the usual causes.",
    not_this: "A nonce of an earlier challenge is old-nonce-reused. One that resembles none is nonce-unknown.",
    sources: &["RFC 7616 section 3.3", "RFC 7616 section 3.4"],
    sample: "register-nonce-altered",
    check: Check::Deviation(check),
};

/// How many attempts back a challenge is looked for. Bounds the search in endless sessions.
const ATTEMPTS_MAX: usize = 16;

/// What is cut shorter than this may resemble by chance.
const LEN_BYTES_MIN: usize = 6;

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(index, _, presented)| {
        altered(session, context, *index, presented).is_some()
    });
    let Some((index, _, presented)) = rows.first().copied() else { return Vec::new() };
    let Some((asking, how)) = altered(session, context, index, presented) else { return Vec::new() };
    let (severity, confidence) = credentials_facts::grade_fatal(&rows);
    let mut finding = Finding::new(&RULE, format!("The client returns the nonce altered: {how}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The nonce in {} is that of the challenge in frame {}, {how}. Nobody issued it in this form. {}",
            credentials_facts::requests_text(&rows),
            asking.answer().map(|answer| answer.at.number.to_string()).unwrap_or_default(),
            credentials_facts::outcome_text(&rows)
        ))
        .advises(
            "Update the client: it must return the nonce byte by byte, whatever its length and its last characters",
        );
    if rows.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: the digest fits the one given, over the nonce that was sent");
    }
    let mut finding = credentials_facts::about(finding, session, &rows);
    let mut evidence = facts::challenge_evidence(asking);
    evidence.append(&mut finding.evidence);
    finding.evidence = evidence;
    finding.frames = facts::frames_of_all(rows.iter().map(|(_, attempt, _)| *attempt).chain([asking]));
    vec![finding]
}

/// The attempt whose challenge gave the nonce, and what the client did to it.
fn altered<'s, 'run>(
    session: &'s Session<'run>,
    context: &Context<'_>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<(&'s Attempt<'run>, &'static str)> {
    if presented.answers.is_some() || index == 0 {
        return None;
    }
    let sent = presented.credentials.nonce().filter(|nonce| !nonce.is_empty())?;
    if presented.nonce.and_then(|id| context.nonces.get(id)).is_some_and(|nonce| nonce.issued().is_some()) {
        return None;
    }
    let attempt = session.attempts.get(index)?;
    let before = session.attempts.get(index.saturating_sub(ATTEMPTS_MAX)..index)?;
    let mut before = before.iter().rev().filter(|other| other.transaction.is_same_hop(attempt.transaction));
    let asking = before.find(|other| other.offers_realm(&presented.realm()))?;
    let of_realm = asking.challenges.iter().filter(|offered| offered.realm() == presented.realm());
    let nonces = of_realm.filter_map(|offered| offered.challenge.params.get(crate::auth::Name::Nonce));
    let how = nonces.filter_map(|param| alteration(&param.value(), param.raw, &sent)).next()?;
    Some((asking, how))
}

/// What makes `sent` of the nonce that was `given`; `raw` is that with its escapes.
fn alteration(given: &[u8], raw: &[u8], sent: &[u8]) -> Option<&'static str> {
    let unpadded = given.len() - given.iter().rev().take_while(|byte| **byte == b'=').count();
    if given == sent {
        None
    } else if given
        .get(..unpadded)
        .is_some_and(|unpadded| unpadded == sent.trim_ascii_end() && given.len() > sent.len())
    {
        Some("without its = padding")
    } else if given.eq_ignore_ascii_case(sent) {
        Some("in other letter case")
    } else if raw == sent || form_decoded(given) == sent || form_decoded(sent) == given {
        Some("with its escapes changed")
    } else if sent.len() >= LEN_BYTES_MIN && given.starts_with(sent) {
        Some("cut at its end")
    } else if sent.len() >= LEN_BYTES_MIN && given.ends_with(sent) {
        Some("cut at its beginning")
    } else {
        None
    }
}

/// As forms of the web are read: `+` is a blank.
fn form_decoded(text: &[u8]) -> Vec<u8> {
    let blanks: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decoded(&blanks)
}
