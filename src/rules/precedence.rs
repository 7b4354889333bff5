//! One root cause, one high finding: what is explained by a more precise finding refers to it.
//!
//! A session's first finding is the answer; the order is the order in which an engineer should act.

use std::borrow::Cow;

use crate::base::FrameRef;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::causes::EXPLAINS;
use crate::rules::causes::UNREAD;
use crate::rules::causes::UNREADABLE;
use crate::rules::causes::WHERE_HIGH;
use crate::rules::challenge::challenge_header_missing;
use crate::rules::challenge::challenge_loop;
use crate::rules::challenge::challenge_unanswered;
use crate::rules::challenge::retry_without_credentials;
use crate::rules::credentials::digest_near_miss;
use crate::rules::credentials::digest_wrong_password;
use crate::rules::facts;
use crate::rules::loop_cause::LoopCause;
use crate::rules::nonce::nonce_from_other_server;
use crate::rules::nonce::stale_loop;
use crate::rules::passed;
use crate::rules::path;
use crate::rules::recovery::has_recovered;
use crate::rules::relay_facts;
use crate::rules::transaction::cseq_not_incremented;
use crate::session::Attempt;
use crate::session::Session;
use crate::session::SessionOutcome;

/// Softens what recovered, links what is explained, and sorts.
pub fn settle(session: &Session<'_>, findings: &mut [Finding]) {
    for finding in findings.iter_mut() {
        let is_good = |attempt| has_recovered(session, attempt) && !is_unheard_success(session, attempt);
        if finding.severity > Severity::Medium && finding.attempt.is_some_and(is_good) {
            finding.severity = Severity::Medium;
        }
        if session.is_one_way && finding.severity > Severity::Info && speaks_of_silence(finding) {
            (finding.severity, finding.confidence) = (Severity::Info, Confidence::Possible);
        }
    }
    // What is harmless explains nothing, and most sessions show nothing else.
    if findings.iter().any(|finding| finding.severity >= Severity::Medium) {
        passed::part(session, findings);
        part_later_secrets(session, findings);
        explain(session, findings);
        explain_passed_back(session, findings);
        keep_one_high(session, findings);
    }
    findings.sort_by_cached_key(|finding| {
        // What is true of a server whatever the session is comes behind what happened in this one.
        let is_history = (finding.is_standing(), finding.is_over);
        ((std::cmp::Reverse(finding.severity), finding.explained_by.is_some(), is_history), rank(finding))
    });
}

/// Whether the server let a request past, and the client never heard of it.
fn is_unheard_success(session: &Session<'_>, attempt: usize) -> bool {
    session.attempts.get(attempt).is_some_and(|attempt| attempt.is_let_past() && attempt.has_given_up_unheard())
}

/// A wrong secret is no cause of what was over before it was sent: where a right digest was refused before, or one with another flaw,
/// somebody has typed another secret since.
fn part_later_secrets(session: &Session<'_>, findings: &mut [Finding]) {
    for index in 0..findings.len() {
        let Some(first) = findings.get(index).filter(|finding| finding.severity >= Severity::High) else { continue };
        let (exchange_of_first, frames) =
            (exchange(session, first), facts::frames_text(first.frames.get(..1).unwrap_or_default()));
        let what = match first.rule.name {
            "digest-ok-but-rejected" => "The right secret was refused before",
            "digest-near-miss" => "A near miss was refused before",
            _ => continue,
        };
        let over = first.frames.last().copied();
        for later in findings.iter_mut().filter(|finding| is_other_secret(finding)) {
            if exchange(session, later) == exchange_of_first && later.frames.first().copied() > over {
                later.severity = later.severity.min(Severity::Medium);
                later
                    .explanation
                    .push_str(&format!(" {what} ({frames}), which this secret does not explain: somebody may have entered another one in between."));
            }
        }
    }
}

/// Whether it is about a secret that was searched, and is no other one of those given in disguise.
fn is_other_secret(finding: &Finding) -> bool {
    is_same(finding.rule, &digest_wrong_password::RULE) && digest_wrong_password::is_searched(finding)
}

/// What is missing in a one-way capture proves nothing.
pub fn speaks_of_silence(finding: &Finding) -> bool {
    matches!(
        finding.rule.name,
        "auth-request-too-large-for-udp"
            | "auth-retry-no-response"
            | "challenge-unanswered"
            | "fragments-incomplete"
            | "no-response-at-all"
            | "retry-without-credentials"
            | "stale-ignored-by-client"
    )
}

/// The rule that explains why an attempt belongs to a challenge loop, among the findings of its session.
pub fn explains_loop_at(session: &Session<'_>, findings: &[Finding], index: usize) -> Option<&'static str> {
    let mine = session.attempts.get(index).map(|attempt| attempt.exchange);
    let explains = |rule: &'static Rule| {
        EXPLAINS.iter().any(|(row, explained)| is_same(row, rule) && explained.contains(&"challenge-loop"))
    };
    // A finding about several exchanges names no attempt.
    let of_attempt = findings.iter().filter(|finding| {
        let is_corrected =
            is_same(finding.rule, &digest_wrong_password::RULE) && digest_wrong_password::is_corrected(finding);
        (finding.severity >= Severity::High || is_corrected)
            && finding.explained_by.is_none()
            && exchange(session, finding).is_none_or(|exchange| Some(exchange) == mine)
    });
    of_attempt.map(|finding| finding.rule).find(|rule| explains(rule)).map(|rule| rule.name)
}

fn rank(finding: &Finding) -> usize {
    // What a form explains it explains now and then: it keeps its place.
    let is_of_rule = |(rule, explained): &(&'static Rule, &[&str])| {
        is_same(rule, finding.rule)
            && !std::ptr::eq(*explained, UNREAD)
            && (finding.severity >= Severity::High || !std::ptr::eq(*explained, WHERE_HIGH))
    };
    EXPLAINS.iter().position(is_of_rule).unwrap_or(EXPLAINS.len())
}

/// There is one of each: names need not be compared.
fn is_same(one: &'static Rule, other: &'static Rule) -> bool {
    std::ptr::eq(one, other)
}

/// Speaks of what was seen and not of why: who is at fault, what explains it knows better.
fn is_symptom(finding: &Finding) -> bool {
    let symptoms = [&challenge_loop::RULE, &challenge_unanswered::RULE, &retry_without_credentials::RULE];
    symptoms.into_iter().any(|rule| is_same(rule, finding.rule))
}

/// A finding that explains others.
struct Explanation {
    /// The exchange that it is about; `None` where it is about several.
    exchange: Option<usize>,
    severity: Severity,
    fault: Fault,
    confidence: Confidence,
    /// What to do first.
    remedy: Option<Cow<'static, str>>,
    /// The last frame that it speaks of.
    last: Option<FrameRef>,
    /// Somebody has mended it since: then what it explains is no worse.
    is_made_good: bool,
    /// It was over before the session ended.
    is_over: bool,
}

/// Whether what a finding speaks of was mended since. Nodes that refuse each other's nonces, until the client is let in at one, have refused
/// no secret.
fn is_made_good(session: &Session<'_>, finding: &Finding) -> bool {
    let is_corrected =
        is_same(finding.rule, &digest_wrong_password::RULE) && digest_wrong_password::is_corrected(finding);
    let has_found_its_node =
        is_same(finding.rule, &nonce_from_other_server::RULE) && session.outcome == SessionOutcome::Accepted;
    is_corrected || has_found_its_node
}

fn explain(session: &Session<'_>, findings: &mut [Finding]) {
    for (rule, explained) in EXPLAINS {
        let is_cause = |finding: &&Finding| {
            is_same(finding.rule, rule)
                && finding.explained_by.is_none()
                && finding.severity >= Severity::Medium
                && finding.cause != Some(cseq_not_incremented::OF_CANCEL)
                // That a server writes so explains nothing to clients that can read it.
                && (finding.attempt.is_some() || !std::ptr::eq(*explained, UNREAD))
                && (finding.severity >= Severity::High || !std::ptr::eq(*explained, WHERE_HIGH))
        };
        if !findings.iter().any(|finding| is_cause(&finding)) {
            continue;
        }
        let causes: Vec<Explanation> = findings
            .iter()
            .filter(is_cause)
            .flat_map(|finding| {
                let Finding { severity, fault, confidence, is_over, .. } = *finding;
                let remedy = finding.remedy.first().cloned();
                let last = finding.frames.last().copied();
                let is_made_good = is_made_good(session, finding);
                let of = move |exchange| Explanation {
                    exchange,
                    severity,
                    fault,
                    confidence,
                    remedy: remedy.clone(),
                    last,
                    is_made_good,
                    is_over,
                };
                exchanges(session, finding).into_iter().map(of)
            })
            .collect();
        for finding in findings.iter_mut().filter(|finding| explained.contains(&finding.rule.name)) {
            let mine = exchange(session, finding);
            let explains = |cause: &&Explanation| {
                (cause.severity >= finding.severity.min(Severity::High) || cause.is_made_good)
                    && (cause.exchange.is_none() || mine.is_none() || cause.exchange == mine)
            };
            // Behind what was over it is another story.
            let is_behind = |cause: &Explanation| cause.is_over && cause.last < finding.frames.first().copied();
            if is_same(rule, &digest_near_miss::RULE)
                && is_other_secret(finding)
                && causes.iter().all(|cause| cause.last < finding.frames.first().copied())
            {
                continue;
            }
            // Where the nonces themselves show why they are stale, or the server let credentials past, it is not for their form.
            let is_for_age = is_same(finding.rule, &stale_loop::RULE)
                && (finding.cause != Some(stale_loop::CAUSE_UNKNOWN) || session.is_let_past());
            if finding.explained_by.is_some() || (is_for_age && std::ptr::eq(*explained, UNREADABLE)) {
                continue;
            }
            if let Some(cause) = causes.iter().filter(|cause| !is_behind(cause)).find(explains) {
                finding.explained_by = Some(rule.name);
                finding.severity = finding.severity.min(Severity::Medium);
                if is_symptom(finding) {
                    // They must not name two sides, nor be surer than what explains them.
                    finding.fault = cause.fault;
                    finding.confidence = finding.confidence.min(cause.confidence);
                    if finding.cause == Some(LoopCause::Unknown.name()) {
                        finding.remedy = cause.remedy.iter().cloned().collect();
                    }
                }
            }
        }
    }
}

/// A challenge that nobody can answer is no cause where whoever sends it was refused itself just before, and passes that back.
fn explain_passed_back(session: &Session<'_>, findings: &mut [Finding]) {
    let is_bare =
        |finding: &Finding| is_same(finding.rule, &challenge_header_missing::RULE) && finding.explained_by.is_none();
    let Some(place) = findings.iter().position(is_bare) else { return };
    let passed_back = findings.get(place).and_then(|bare| session.attempts.get(bare.attempt?));
    let refused = passed_back.and_then(|attempt| relay_facts::refused_behind(session, attempt));
    let Some(refused) = refused.map(|refused| refused.exchange) else { return };
    let is_cause = |finding: &&Finding| {
        finding.severity >= Severity::High
            && finding.explained_by.is_none()
            && exchange(session, finding) == Some(refused)
            && !is_bare(finding)
    };
    let cause = findings.iter().find(is_cause).map(|cause| cause.rule.name);
    if let Some((bare, cause)) = findings.get_mut(place).zip(cause) {
        (bare.explained_by, bare.severity) = (Some(cause), bare.severity.min(Severity::Medium));
    }
}

fn exchange(session: &Session<'_>, finding: &Finding) -> Option<usize> {
    session.attempts.get(finding.attempt?).map(|attempt| attempt.exchange)
}

/// The exchanges that a finding explains: its own, and where it speaks of a change on the way, those of the next hops.
fn exchanges(session: &Session<'_>, finding: &Finding) -> Vec<Option<usize>> {
    let mine = exchange(session, finding);
    let mut all = vec![mine];
    // It speaks of a request on two hops, and so of both their exchanges.
    if is_same(finding.rule, &path::header_altered_en_route::RULE) && mine.is_some() {
        let is_next = |attempt: &&Attempt<'_>| {
            let origin = attempt.transaction.forwarded_from().filter(|_| !attempt.is_sent_again);
            let origin = origin.and_then(|from| session.attempts.get(session.attempt_of(from)?));
            origin.is_some_and(|origin| Some(origin.exchange) == mine)
        };
        all.extend(session.attempts.iter().filter(is_next).map(|attempt| Some(attempt.exchange)));
        all.sort_unstable();
        all.dedup();
    }
    all
}

/// Two high findings on one exchange are one cause told twice: the better placed one stays.
fn keep_one_high(session: &Session<'_>, findings: &mut [Finding]) {
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by_key(|&index| findings.get(index).map(rank));
    let mut first: Vec<(Option<usize>, &'static str)> = Vec::new();
    for index in order {
        let Some(finding) = findings.get_mut(index) else { continue };
        if finding.severity < Severity::High || finding.attempt.is_none() {
            continue;
        }
        let mine = exchange(session, finding);
        match first.iter().find(|(exchange, rule)| *exchange == mine && *rule != finding.rule.name) {
            Some((_, rule)) => {
                finding.explained_by.get_or_insert(rule);
                finding.severity = Severity::Medium;
            }
            None => first.push((mine, finding.rule.name)),
        }
    }
}
