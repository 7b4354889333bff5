//! What was over before its session ended: it is history, explains nothing that came later, and is not why the client fails now.

use crate::base::FrameRef;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge::challenge_loop;
use crate::rules::challenge::retry_without_credentials;
use crate::rules::credentials::digest_wrong_password;
use crate::rules::credentials::realm_mismatch;
use crate::rules::credentials::response_malformed;
use crate::rules::credentials::username_empty;
use crate::rules::facts;
use crate::rules::path::auth_retry_no_response;
use crate::rules::path::no_response_at_all;
use crate::rules::recovery;
use crate::session::Attempt;
use crate::session::Session;

/// Softens what was over, whether the client got in since or failed for another reason.
pub fn part(session: &Session<'_>, findings: &mut [Finding]) {
    let is_of_session = |finding: &Finding| finding.attempt.is_some() && finding.merge.is_none();
    for index in 0..findings.len() {
        let Some(finding) = findings.get(index).filter(|finding| is_of_session(finding)) else { continue };
        let ending = recovery::ended_by(session, finding).and_then(|ending| Some(ending.request()?.at));
        let is_high = finding.severity >= Severity::High;
        let is_history = ending.is_some_and(|since| {
            let attempt = finding.attempt.unwrap_or_default();
            // Whether a secret is the right one since is for its own rule to say.
            let is_secret = is_same(finding.rule, &digest_wrong_password::RULE);
            !is_high
                || (!is_secret && recovery::ends_well(session, attempt))
                || findings.iter().any(|later| is_behind(later, since))
        });
        let successor = || findings.iter().find(|later| is_high && has_followed(session, finding, later));
        let successor = if is_history { None } else { successor().map(|later| later.rule.name) };
        let Some(finding) = findings.get_mut(index) else { continue };
        if is_history && is_high {
            recovery::tell_end(session, finding);
        }
        if let Some(successor) = successor {
            finding.severity = Severity::Medium;
            finding.explanation.push_str(&format!(" That is over: what keeps the client out since is {successor}."));
        }
        finding.is_over = is_history || successor.is_some();
    }
}

/// Whether a finding explains a failure that began later.
fn is_behind(finding: &Finding, since: FrameRef) -> bool {
    let is_cause = finding.severity >= Severity::High && finding.attempt.is_some();
    is_cause && finding.frames.first().is_some_and(|first| *first > since)
}

/// What is over once other credentials were judged: each of these names all requests that it is about.
static PASSING: &[&Rule] = &[
    &retry_without_credentials::RULE,
    &realm_mismatch::RULE,
    &username_empty::RULE,
    &response_malformed::RULE,
    &no_response_at_all::RULE,
    &auth_retry_no_response::RULE,
];

/// Those of them that say that nobody answered: whether that goes on, credentials do not tell.
static SILENT: &[&Rule] = &[&no_response_at_all::RULE, &auth_retry_no_response::RULE];

/// Whether the client of one finding went on without what it tells of, and was turned away all the same, which the other one explains.
fn has_followed(session: &Session<'_>, finding: &Finding, later: &Finding) -> bool {
    let attempt = |finding: &Finding| session.attempts.get(finding.attempt?);
    let is_cause = later.severity >= Severity::High && later.merge.is_none() && !is_among(SILENT, later);
    let Some(over) = finding.frames.last().filter(|_| is_cause && is_among(PASSING, finding)) else { return false };
    let Some((one, other)) = attempt(finding).zip(attempt(later)) else { return false };
    if !recovery::is_for_same_purpose(session, one, other) {
        return false;
    }
    let is_turned_away = |attempt: &&Attempt<'_>| {
        attempt.request().is_some_and(|request| request.at > *over)
            && attempt.credentials.iter().any(facts::is_turned_away)
            && recovery::is_for_same_purpose(session, one, attempt)
    };
    let turned_away = session.attempts.iter().rev().filter(is_turned_away).take(challenge_loop::REFUSALS_MIN).count();
    let last = later.frames.last();
    if is_among(SILENT, finding) {
        return turned_away > 0 && last > Some(over);
    }
    match is_same(later.rule, &challenge_loop::RULE) {
        // It speaks of all requests of its client, those before included. Where each has another flaw, none of them is the cause of all.
        true => !one.has_credentials() && turned_away >= challenge_loop::REFUSALS_MIN,
        false => turned_away > 0 && other.has_credentials() && later.frames.first() > Some(over),
    }
}

fn is_among(rules: &[&'static Rule], finding: &Finding) -> bool {
    rules.iter().any(|rule| is_same(rule, finding.rule))
}

fn is_same(one: &'static Rule, other: &'static Rule) -> bool {
    std::ptr::eq(one, other)
}
