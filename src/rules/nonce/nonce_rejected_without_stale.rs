//! SA305: a nonce that had worked is refused, and the server does not say that it is stale.

use std::time::Duration;

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA305",
    name: "nonce-rejected-without-stale",
    label: "nonce refused without stale",
    severity: Severity::Medium,
    summary: "A nonce that had been accepted is refused with a new one, without stale=true",
    finds: "Credentials whose nonce was accepted before, refused with a challenge that brings another nonce and does not say \
            stale=true. It is info where the client recovered at once, and high where the digest is proven right and it did not.",
    matters: "Clients take a challenge without stale for a wrong password and stop, often until their next refresh. FritzBox and \
              baresip users know this one.",
    advice: "Let the server say stale=true when a nonce has expired. Let the client try once more when the nonce changed.",
    not_this: "A first use that is refused is about the answer, not about age. stale=true is the correct form. A wrong digest is no \
               case for stale, and where the next right one is refused as well it was not the nonce. A capture that ends right behind \
               the refusal makes it possible, no more.",
    sources: &["RFC 7616 section 3.3", "RFC 2617 section 3.2.1"],
    sample: "register-nonce-rejected-without-stale",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let rejected: Vec<_> = facts::presented(session)
        .filter(|(index, attempt, presented)| {
            presented.judgement == Judgement::Refused
                // Only a right digest over an old nonce is to be called stale (RFC 7616 §3.3).
                && !presented.is_wrong()
                && !nonce_facts::repeats_count_of_other_call(session, context, attempt, presented)
                && brings_other_nonce(attempt, presented)
                && nonce_facts::was_good(session, context, *index, presented)
                && facts::ignored_challenge(session, context, *index, presented).is_none()
        })
        .filter(|(index, _, presented)| !is_refused_anew(session, *index, presented))
        .collect();
    let Some((index, attempt, presented)) = rejected.first().copied() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let is_right = presented.verdict() == Some(Verdict::Match);
    let is_recovered = session.is_accepted_later(index);
    let is_open = session.is_left_open(index);
    let paused = is_recovered.then(|| pause(session, index)).flatten();
    let (severity, confidence) = match (is_recovered, is_right) {
        (true, _) if paused.is_some() => (Severity::Medium, Confidence::Likely),
        (true, _) => (Severity::Info, Confidence::Likely),
        (false, _) if is_open => (Severity::Medium, Confidence::Possible),
        (false, true) => (Severity::High, Confidence::Likely),
        (false, false) => (Severity::Medium, Confidence::Possible),
    };
    let mut finding = Finding::new(&RULE, format!("A nonce of {user} that had been accepted is refused without stale=true"))
        .graded(severity, confidence)
        .fault(Fault::Server)
        .explained(format!(
            "The credentials in frame {} use a nonce that was accepted before. The {} brings a new nonce and does not say stale=true, \
             so the client must take it for a wrong password.",
            attempt.request().map(|request| request.at.number.to_string()).unwrap_or_default(),
            attempt.status().unwrap_or_default()
        ))
        .advises("Let the server say stale=true when it refuses a nonce for its age")
        .advises("Let the client try once more when a challenge brings a new nonce");
    let nonce = presented.nonce.and_then(|nonce| context.nonces.get(nonce)).zip(presented.nonce_count);
    if nonce.is_some_and(|(nonce, count)| context.nonces.is_counted_higher(nonce, &session.run.call_id, count)) {
        finding.explanation.push_str(
            " Its nonce count is not the highest: another call counted higher with the nonce, and a server that keeps the highest refuses \
             what comes late.",
        );
        finding = finding
            .advises("Let the client use a nonce for one call at a time, or let the server take counts in any order");
    }
    if let Some(paused) = paused {
        let pause = facts::duration_text(paused);
        finding.explanation.push_str(&format!(" The client gave up, and tried anew {pause} later: then it got in."));
    }
    if is_open {
        finding.explanation.push_str(&facts::ends_behind(attempt, context));
    }
    if is_right {
        finding = finding.excludes("wrong password: the digest fits the secret given");
    } else {
        finding.explanation.push_str(" A password that was changed in between looks the same.");
    }
    finding = credentials_facts::led_by(finding, session, (index, attempt, presented), &rejected);
    finding.evidence.extend(facts::challenge_evidence(attempt));
    vec![finding]
}

/// How many attempts on the next answer for a realm is looked for. Bounds the search in endless sessions.
const NEXT_WITHIN: usize = 64;

/// Whether the next right digest, over the nonce that the refusal brought, was refused as well: then it was not for the nonce's age.
fn is_refused_anew(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> bool {
    let mut later = session.attempts.iter().skip(index + 1).take(NEXT_WITHIN).flat_map(|attempt| &attempt.credentials);
    let next = later.find(|later| later.is_attempt && later.realm() == presented.realm());
    next.is_some_and(|next| {
        next.judgement == Judgement::Refused
            && next.verdict() == Some(Verdict::Match)
            && next.nonce.is_some()
            && next.nonce != presented.nonce
    })
}

/// How long the client was silent behind the refusal, where it did not answer the new challenge at once.
fn pause(session: &Session<'_>, index: usize) -> Option<Duration> {
    let refused = session.attempts.get(index)?;
    let answered = refused.answer()?.time;
    let next = session.attempts.iter().skip(index + 1).find(|next| next.exchange == refused.exchange)?;
    Some(next.request()?.time.since(answered)).filter(|pause| *pause > facts::ANSWER_WITHIN)
}

fn brings_other_nonce(attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let nonce = presented.credentials.nonce();
    let mut of_realm = attempt.challenges.iter().filter(|offered| offered.realm() == presented.realm()).peekable();
    of_realm.peek().is_some() && of_realm.all(|offered| offered.challenge.nonce() != nonce)
}
