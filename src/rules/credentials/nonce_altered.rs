//! SA232: the nonce is not returned as it was given.

use crate::base::encoding::percent_decoded;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Offered;
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
            short, without its = padding, in other letter case, or with its escapes changed; or with none, or an empty one, right \
            behind a challenge that gave one. It is medium where the server accepted it.",
    matters: "To the server it is a nonce that it never gave: it challenges again, with the right password too.",
    advice: "Update the client: a nonce goes back byte by byte. A buffer that is too short, and a parser that stops at \
            =, are the usual causes.",
    not_this: "A nonce of an earlier challenge is old-nonce-reused. One that resembles none is nonce-unknown. An IMS client begins with an \
               empty nonce and an empty response, which is legal.",
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
    let gave = asking.answer().map(|answer| answer.at.number.to_string()).unwrap_or_default();
    let requests = credentials_facts::requests_text(&rows);
    let is_refused = rows.iter().all(|(_, attempt, presented)| credentials_facts::is_turned_down(attempt, presented));
    let outcome = credentials_facts::outcome_text(&rows);
    let finding = match how {
        Alteration::LeftOut(what) => left_out(&rows, what)
            .explained(format!(
                "The challenge in frame {gave} gave a nonce; the answer in {requests} {what}. {}",
                if is_refused { "No server can take that for an answer, and this one did not." } else { outcome }
            ))
            .advises("Mend the client: it must return the nonce of the challenge that it answers, byte by byte"),
        Alteration::Changed(how) => changed(&rows, how)
            .explained(format!(
                "The nonce in {requests} is that of the challenge in frame {gave}, {how}. Nobody issued it in this form. {outcome}"
            ))
            .advises(
                "Update the client: it must return the nonce byte by byte, whatever its length and its last characters",
            ),
    };
    let mut finding = credentials_facts::about(finding, session, &rows);
    let mut evidence = facts::challenge_evidence(asking);
    evidence.append(&mut finding.evidence);
    finding.evidence = evidence;
    finding.frames = facts::frames_of_all(rows.iter().map(|(_, attempt, _)| *attempt).chain([asking]));
    vec![finding]
}

fn changed(rows: &[Row<'_, '_>], how: &str) -> Finding {
    let (severity, confidence) = credentials_facts::grade_fatal(rows);
    let finding = Finding::new(&RULE, format!("The client returns the nonce altered: {how}"))
        .graded(severity, confidence)
        .fault(Fault::Client);
    match rows.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        true => finding.excludes("wrong password: the digest fits the one given, over the nonce that was sent"),
        false => finding,
    }
}

/// Without the nonce nobody can check a digest, whatever the secret.
fn left_out(rows: &[Row<'_, '_>], what: &str) -> Finding {
    let is_taken = rows.iter().any(|(_, _, presented)| presented.judgement.is_let_past());
    let is_turned_down =
        rows.iter().any(|(_, attempt, presented)| credentials_facts::is_turned_down(attempt, presented));
    let (severity, confidence) = match is_turned_down && !is_taken {
        true => (Severity::High, Confidence::Proven),
        false => (Severity::Medium, Confidence::Likely),
    };
    Finding::new(&RULE, format!("The client was given a nonce, and its answer {what}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
}

/// What a client did to a nonce.
#[derive(Clone, Copy)]
enum Alteration {
    /// It sends another text.
    Changed(&'static str),
    /// It sends none.
    LeftOut(&'static str),
}

/// The attempt whose challenge gave the nonce, and what the client did to it.
fn altered<'s, 'run>(
    session: &'s Session<'run>,
    context: &Context<'_>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<(&'s Attempt<'run>, Alteration)> {
    if presented.answers.is_some() || index == 0 {
        return None;
    }
    let attempt = session.attempts.get(index)?;
    let before = session.attempts.get(index.saturating_sub(ATTEMPTS_MAX)..index)?;
    let mut before = before.iter().rev().filter(|other| other.transaction.is_same_hop(attempt.transaction));
    let Some(sent) = presented.credentials.nonce().filter(|nonce| !nonce.is_empty()) else {
        let asking = before.next().filter(|asking| is_answered_without(asking, attempt, presented))?;
        let what = match presented.credentials.nonce() {
            Some(_) => "leaves it empty",
            None => "has none",
        };
        return Some((asking, Alteration::LeftOut(what)));
    };
    if presented.nonce.and_then(|id| context.nonces.get(id)).is_some_and(|nonce| nonce.issued().is_some()) {
        return None;
    }
    let asking = before.find(|other| other.offers_realm(&presented.realm()))?;
    let of_realm = asking.challenges.iter().filter(|offered| offered.realm() == presented.realm());
    let nonces = of_realm.filter_map(|offered| offered.challenge.params.get(crate::auth::Name::Nonce));
    let how = nonces.filter_map(|param| alteration(&param.value(), param.raw, &sent)).next()?;
    Some((asking, Alteration::Changed(how)))
}

/// Whether a digest without a nonce is the answer to that challenge, which gave one: the first request of an IMS client has no response either,
/// and a client that begins anew has not read it.
fn is_answered_without(asking: &Attempt<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_offered = |offered: &Offered<'_>| offered.realm() == presented.realm() && offered.nonce.is_some();
    let answers_too = |other: &Presented<'_>| other.realm() == presented.realm() && other.nonce.is_some();
    facts::is_digest(presented)
        && presented.credentials.response().is_some_and(|response| !response.is_empty())
        && asking.exchange == attempt.exchange
        && asking.challenges.iter().any(is_offered)
        && !attempt.credentials.iter().any(answers_too)
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
