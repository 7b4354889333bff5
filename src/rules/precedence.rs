//! One root cause, one high finding: what is explained by a more precise finding refers to it.
//!
//! A session's first finding is the answer; the order is the order in which an engineer should act.

use std::borrow::Cow;

use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::challenge::challenge_loop;
use crate::rules::challenge::challenge_unanswered;
use crate::rules::challenge::retry_without_credentials;
use crate::rules::nonce::stale_loop;
use crate::rules::recovery::has_recovered;
use crate::session::Attempt;
use crate::session::Session;

/// Speaks of a request on two hops, and so of both their exchanges.
const ALTERED: &str = "header-altered-en-route";

/// A rule, and the rules whose findings it explains where both speak of the same exchange. Earlier rows win.
pub(super) static EXPLAINS: &[(&str, &[&str])] = &[
    (
        ALTERED,
        &[
            "alg-suspected",
            "auth-int-body-mismatch",
            "challenge-loop",
            "challenge-unanswered",
            "digest-near-miss",
            "digest-ok-but-rejected",
            "digest-wrong-password",
            "forbidden-after-credentials",
            "malformed-credentials",
            "nonce-altered",
            "nonce-rejected-without-stale",
            "opaque-missing-or-changed",
            "realm-mismatch",
            "rejected-credentials",
            "retry-without-credentials",
            "uri-differs-from-request-uri",
        ],
    ),
    (
        "credentials-wrong-header",
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "challenge-unanswered",
            "retry-without-credentials",
            "digest-ok-but-rejected",
            "rejected-credentials",
            "nc-repeated",
        ],
    ),
    (
        "realm-credentials-dropped",
        &[
            "realm-mismatch",
            "challenge-loop",
            "challenge-unanswered",
            "rejected-credentials",
            "digest-ok-but-rejected",
            "nc-repeated",
        ],
    ),
    (
        "realm-mismatch",
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "challenge-unanswered",
            "retry-without-credentials",
            "digest-ok-but-rejected",
            "rejected-credentials",
            "digest-wrong-password",
            "digest-near-miss",
        ],
    ),
    (
        "nonce-altered",
        &[
            "digest-near-miss",
            "nonce-unknown",
            "old-nonce-reused",
            "stale-loop",
            "stale-ignored-by-client",
            "challenge-loop",
            "digest-ok-but-rejected",
            "rejected-credentials",
            "nonce-rejected-without-stale",
        ],
    ),
    (
        "branch-reused",
        &[
            "cseq-not-incremented",
            "challenge-loop",
            "challenge-unanswered",
            "registrar-rejects-contact",
            "digest-ok-but-rejected",
            "rejected-credentials",
            "nc-repeated",
            "same-credentials-repeated",
        ],
    ),
    (
        "old-nonce-reused",
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "stale-loop",
            "stale-ignored-by-client",
            "nonce-rejected-without-stale",
            "rejected-credentials",
            "digest-ok-but-rejected",
            "nc-repeated",
            "nonce-expired-by-content",
        ],
    ),
    (
        "nonce-from-other-server",
        &[
            "uri-differs-from-request-uri",
            "stale-loop",
            "challenge-loop",
            "challenge-unanswered",
            "stale-ignored-by-client",
            "nonce-rejected-without-stale",
            "nonce-bound-to-source-changed",
            "rejected-credentials",
            "digest-ok-but-rejected",
        ],
    ),
    (
        "nonce-bound-to-source-changed",
        &[
            "uri-differs-from-request-uri",
            "stale-loop",
            "challenge-loop",
            "challenge-unanswered",
            "stale-ignored-by-client",
            "nonce-rejected-without-stale",
            "rejected-credentials",
            "digest-ok-but-rejected",
        ],
    ),
    (
        "nonce-unknown",
        &[
            "uri-differs-from-request-uri",
            "stale-loop",
            "challenge-loop",
            "stale-ignored-by-client",
            "nonce-rejected-without-stale",
            "rejected-credentials",
            "nc-repeated",
        ],
    ),
    (
        "stale-loop",
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "digest-ok-but-rejected",
            "stale-ignored-by-client",
            "rejected-credentials",
        ],
    ),
    (
        "stale-format",
        &["nonce-rejected-without-stale", "challenge-loop", "rejected-credentials", "digest-ok-but-rejected"],
    ),
    ("stale-ignored-by-client", &["challenge-unanswered", "challenge-loop"]),
    (
        "aka-mac-failure",
        &["challenge-unanswered", "challenge-loop", "retry-without-credentials", "rejected-credentials"],
    ),
    (
        "aka-sync-failure",
        &["challenge-unanswered", "challenge-loop", "retry-without-credentials", "rejected-credentials"],
    ),
    (
        "nc-repeated",
        &[
            "uri-differs-from-request-uri",
            "digest-ok-but-rejected",
            "challenge-loop",
            "rejected-credentials",
            "forbidden-after-credentials",
        ],
    ),
    (
        "malformed-credentials",
        &[
            "combined-challenges-one-row",
            "multiple-credentials-one-realm",
            "duplicate-auth-param",
            "nc-malformed",
            "username-both-forms",
            "username-empty",
            "nonce-altered",
            "algorithm-not-offered",
            "qop-dropped",
            "qop-not-offered",
            "qop-params-missing",
            "auth-param-quoting",
            "opaque-missing-or-changed",
            "uri-malformed",
            "uri-differs-from-request-uri",
        ],
    ),
    (
        "nc-malformed",
        &["digest-ok-but-rejected", "challenge-loop", "stale-loop", "stale-ignored-by-client", "rejected-credentials"],
    ),
    (
        "nc-backwards",
        &["one-time-nonce-reused", "nonce-rejected-without-stale", "digest-ok-but-rejected", "rejected-credentials"],
    ),
    ("response-uppercase", &["digest-ok-but-rejected", "challenge-loop", "rejected-credentials"]),
    (
        "username-empty",
        &["challenge-loop", "rejected-credentials", "forbidden-after-credentials", "user-unknown-suspected"],
    ),
    (
        "username-both-forms",
        &["challenge-loop", "rejected-credentials", "digest-ok-but-rejected", "forbidden-after-credentials"],
    ),
    ("algorithm-not-offered", UNREADABLE),
    ("algorithm-not-offered", &["forbidden-after-credentials"]),
    ("qop-dropped", UNREADABLE),
    ("qop-not-offered", UNREADABLE),
    ("qop-params-missing", UNREADABLE),
    ("opaque-missing-or-changed", UNREADABLE),
    (
        "uri-malformed",
        &["uri-differs-from-request-uri", "digest-ok-but-rejected", "challenge-loop", "rejected-credentials"],
    ),
    (
        "cseq-not-incremented",
        &["challenge-loop", "registrar-rejects-contact", "digest-ok-but-rejected", "rejected-credentials"],
    ),
    ("to-tag-added-to-retry", &["registrar-rejects-contact"]),
    ("dialog-identity-changed", &["digest-ok-but-rejected", "challenge-loop", "rejected-credentials"]),
    (
        "challenge-header-missing",
        &[
            "challenge-unanswered",
            "challenge-loop",
            "retry-without-credentials",
            "rejected-credentials",
            "digest-ok-but-rejected",
        ],
    ),
    (
        "challenge-header-wrong-kind",
        &["challenge-unanswered", "challenge-loop", "retry-without-credentials", "credentials-wrong-header"],
    ),
    (
        "challenge-malformed",
        &["challenge-unanswered", "challenge-loop", "retry-without-credentials", "rejected-credentials"],
    ),
    ("unsupported-scheme", &["challenge-unanswered", "challenge-loop", "retry-without-credentials"]),
    ("ack-mismatch", &["challenge-unanswered", "late-challenge-not-answered"]),
    ("ack-missing", &["challenge-unanswered", "late-challenge-not-answered"]),
    ("in-dialog-challenge-unanswered", &["challenge-unanswered", "late-challenge-not-answered"]),
    ("retry-without-credentials", &["challenge-unanswered", "challenge-loop"]),
    (
        "algorithm-unsupported-no-retry",
        &["challenge-unanswered", "late-challenge-not-answered", "algorithm-order-weak-first"],
    ),
    (
        "response-malformed",
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "challenge-unanswered",
            "retry-without-credentials",
            "rejected-credentials",
            "forbidden-after-credentials",
            "user-unknown-suspected",
        ],
    ),
    (
        "digest-near-miss",
        &[
            "digest-wrong-password",
            "uri-differs-from-request-uri",
            "algorithm-not-offered",
            "challenge-loop",
            "rejected-credentials",
            "nc-repeated",
            "nonce-rejected-without-stale",
            "user-unknown-suspected",
        ],
    ),
    (
        "auth-int-body-mismatch",
        &[
            "digest-wrong-password",
            "uri-differs-from-request-uri",
            "algorithm-not-offered",
            "challenge-loop",
            "rejected-credentials",
            "nc-repeated",
            "nonce-rejected-without-stale",
        ],
    ),
    ("auth-int-unsupported-by-server", &["digest-ok-but-rejected", "challenge-loop", "rejected-credentials"]),
    (
        "digest-wrong-password",
        &[
            "uri-differs-from-request-uri",
            "challenge-loop",
            "rejected-credentials",
            "nc-repeated",
            "forbidden-after-credentials",
            "user-unknown-suspected",
            "nonce-rejected-without-stale",
            "retry-after-403",
        ],
    ),
    (
        "fragments-incomplete",
        &["auth-request-too-large-for-udp", "auth-retry-no-response", "no-response-at-all", "challenge-unanswered"],
    ),
    ("auth-request-too-large-for-udp", &["auth-retry-no-response", "no-response-at-all", "transport-switched"]),
    ("auth-retry-no-response", &["no-response-at-all", "transport-switched", "challenge-unanswered"]),
    ("nonce-rejected-without-stale", &["digest-ok-but-rejected", "rejected-credentials"]),
    ("digest-ok-but-rejected", &["challenge-loop"]),
    (
        "forbidden-after-credentials",
        &["rejected-credentials", "challenge-loop", "user-unknown-suspected", "retry-after-403"],
    ),
    ("same-credentials-repeated", &["nc-repeated"]),
    challenge_loop::EXPLAINS,
    ("challenge-unanswered", &["late-challenge-not-answered", "register-challenged-407", "both-challenges-at-once"]),
];

/// What credentials bring about whose form is not that of the challenge. Some servers call them stale (OpenSIPS).
const UNREADABLE: &[&str] =
    &["digest-ok-but-rejected", "challenge-loop", "stale-loop", "stale-ignored-by-client", "rejected-credentials"];

/// Softens what recovered, links what is explained, and sorts.
pub fn settle(session: &Session<'_>, findings: &mut [Finding]) {
    for finding in findings.iter_mut() {
        if finding.severity > Severity::Medium && finding.attempt.is_some_and(|attempt| has_recovered(session, attempt))
        {
            finding.severity = Severity::Medium;
        }
        if session.is_one_way && finding.severity > Severity::Info && speaks_of_silence(finding) {
            (finding.severity, finding.confidence) = (Severity::Info, Confidence::Possible);
        }
    }
    // What is harmless explains nothing, and most sessions show nothing else.
    if findings.iter().any(|finding| finding.severity >= Severity::Medium) {
        explain(session, findings);
        keep_one_high(session, findings);
    }
    findings.sort_by_cached_key(|finding| {
        // What is true of a server whatever the session is comes behind what happened in this one.
        (std::cmp::Reverse(finding.severity), finding.explained_by.is_some(), finding.is_standing(), rank(finding))
    });
}

/// What is missing in a one-way capture proves nothing.
fn speaks_of_silence(finding: &Finding) -> bool {
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
    let explains =
        |rule: &str| EXPLAINS.iter().any(|(name, explained)| *name == rule && explained.contains(&"challenge-loop"));
    // A finding about several exchanges names no attempt.
    let of_attempt = findings.iter().filter(|finding| {
        finding.severity >= Severity::High
            && finding.explained_by.is_none()
            && exchange(session, finding).is_none_or(|exchange| Some(exchange) == mine)
    });
    of_attempt.map(|finding| finding.rule.name).find(|rule| explains(rule))
}

fn rank(finding: &Finding) -> usize {
    EXPLAINS.iter().position(|(rule, _)| *rule == finding.rule.name).unwrap_or(EXPLAINS.len())
}

/// Speaks of what was seen and not of why: who is at fault, what explains it knows better.
fn is_symptom(finding: &Finding) -> bool {
    [&challenge_loop::RULE, &challenge_unanswered::RULE, &retry_without_credentials::RULE]
        .iter()
        .any(|rule| rule.name == finding.rule.name)
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
}

fn explain(session: &Session<'_>, findings: &mut [Finding]) {
    for (rule, explained) in EXPLAINS {
        let causes: Vec<Explanation> = findings
            .iter()
            .filter(|finding| {
                finding.rule.name == *rule && finding.explained_by.is_none() && finding.severity >= Severity::Medium
            })
            .flat_map(|finding| {
                let Finding { severity, fault, confidence, .. } = *finding;
                let remedy = finding.remedy.first().cloned();
                let of = move |exchange| Explanation { exchange, severity, fault, confidence, remedy: remedy.clone() };
                exchanges(session, finding).into_iter().map(of)
            })
            .collect();
        for finding in findings.iter_mut().filter(|finding| explained.contains(&finding.rule.name)) {
            let mine = exchange(session, finding);
            let explains = |cause: &&Explanation| {
                cause.severity >= finding.severity.min(Severity::High)
                    && (cause.exchange.is_none() || mine.is_none() || cause.exchange == mine)
            };
            // Where the nonces themselves show why they are stale, or the server let credentials past, it is not for their form.
            let is_for_age = finding.rule.name == stale_loop::RULE.name
                && (finding.cause != Some(stale_loop::CAUSE_UNKNOWN) || session.is_let_past());
            if finding.explained_by.is_some() || (is_for_age && std::ptr::eq(*explained, UNREADABLE)) {
                continue;
            }
            if let Some(cause) = causes.iter().find(explains) {
                finding.explained_by = Some(rule);
                finding.severity = finding.severity.min(Severity::Medium);
                if is_symptom(finding) {
                    // They must not name two sides, nor be surer than what explains them.
                    finding.fault = cause.fault;
                    finding.confidence = finding.confidence.min(cause.confidence);
                    if finding.cause == Some("unknown") {
                        finding.remedy = cause.remedy.iter().cloned().collect();
                    }
                }
            }
        }
    }
}

fn exchange(session: &Session<'_>, finding: &Finding) -> Option<usize> {
    session.attempts.get(finding.attempt?).map(|attempt| attempt.exchange)
}

/// The exchanges that a finding explains: its own, and where it speaks of a change on the way, those of the next hops.
fn exchanges(session: &Session<'_>, finding: &Finding) -> Vec<Option<usize>> {
    let mine = exchange(session, finding);
    let mut all = vec![mine];
    if finding.rule.name == ALTERED && mine.is_some() {
        let is_next = |attempt: &&Attempt<'_>| {
            let origin = attempt.transaction.forwarded_from.filter(|_| !attempt.is_sent_again);
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
