//! SA119: asked once, answered once, let in.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::facts;
use crate::session::AttemptOutcome;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA119",
    name: "normal-challenge",
    label: "normal challenge",
    severity: Severity::Info,
    summary: "A challenge, an answer, and success: how digest authentication works",
    finds: "A 401 or 407 to a request without credentials, followed by the same request with credentials that was let past: \
            accepted, or refused later for another reason, as a call is whose callee is busy.",
    matters: "Monitoring that counts every 401 as a failure raises false alarms. The first, bare request is part of the protocol.",
    advice: "Nothing. Count only answers to requests that carry credentials.",
    not_this: "A second challenge of the same realm is a refusal.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3"],
    sample: "register-ok",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let mut normal = session
        .exchanges
        .iter()
        .flat_map(|exchange| exchange.attempts.iter().zip(exchange.attempts.iter().skip(1)))
        .filter_map(|(&first, &next)| Some((session.attempts.get(first)?, session.attempts.get(next)?)))
        .filter(|(first, next)| {
            first.outcome == AttemptOutcome::Challenged
                && next.is_let_past()
                && answer_facts::answers_any(next, &first.challenges)
        })
        .peekable();
    if normal.peek().is_none() {
        return Vec::new();
    }
    if let Some(again) = context.said.again(&RULE, "") {
        return vec![again];
    }
    let mut finding = Finding::new(&RULE, "Clients were challenged, answered and were let past")
        .explained(
            "A 401 or 407 before the first credentials is how digest authentication begins: it is not a failure.",
        )
        .advises("Nothing; let monitoring count only answers to requests that carry credentials");
    finding.frames = facts::frames_of_all(normal.flat_map(|(first, next)| [first, next]));
    vec![finding.merged_by("")]
}
