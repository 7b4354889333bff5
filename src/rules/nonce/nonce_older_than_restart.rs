//! SA311: a nonce that should live on is stale: the server has forgotten its secret.

use crate::history::Stack;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA311",
    name: "nonce-older-than-restart",
    label: "nonce older than a restart",
    severity: Severity::Info,
    summary: "A nonce that was good before and has not ended is refused: the server may have been restarted",
    finds: "A Kamailio nonce that the same server let past before, refused with a new one although the time in \
            it says that it lives on, and although nothing is checked but the time. It is inferred from the form \
            of the nonce, and possible only.",
    matters: "Kamailio draws a new nonce secret at each start, unless one is configured. Then all clients are \
            asked anew once: that is normal. Where it goes on, look for nodes with different secrets.",
    advice: "Nothing, once. Set the secret parameter of the auth module where nonces have to outlive a restart.",
    not_this: "A nonce that had ended is nonce-expired-by-content. A server that takes each nonce once, counts its \
            uses or binds it to the request has other reasons to refuse it; its nonces tell.",
    sources: &["RFC 7616 section 3.3"],
    sample: "register-server-restarted",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let all = facts::presented(session);
    let mut old = all.filter(|(index, attempt, presented)| is_forgotten(session, context, *index, attempt, presented));
    let Some((index, attempt, presented)) = old.next() else { return Vec::new() };
    let Some(age) = nonce_facts::age(context, attempt, presented) else { return Vec::new() };
    let left = age.format.life().zip(age.at_use).map(|(life, old)| life.saturating_sub(old)).unwrap_or_default();
    let mut finding = Finding::new(&RULE, "A nonce that should have lived on is refused: the server may have been restarted")
        .graded(Severity::Info, Confidence::Possible)
        .fault(Fault::Unknown)
        .explained(format!(
            "The nonce of frame {} had been let past before and had {} to live, {}. The server refused it and gave a new one: a restart \
             changes the nonce secret, and so does another node that does not share it.",
            nonce_facts::frame_of(attempt),
            facts::duration_text(left),
            nonce_facts::INFERRED
        ))
        .excludes("age: the nonce had not ended")
        .excludes("one-time nonces and counted ones: the form of the nonce says that the server does neither")
        .advises("Nothing, if it happens once; else set the same nonce secret on all nodes, and keep it over restarts");
    finding.attempt = Some(index);
    finding.frames = facts::frames_of_all([attempt]);
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![facts::about_server(finding, session, attempt)]
}

fn is_forgotten(
    session: &Session<'_>,
    context: &Context<'_>,
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> bool {
    if !nonce_facts::is_about_the_nonce(presented) || !nonce_facts::was_let_past(session, index, presented) {
        return false;
    }
    let Some(age) = nonce_facts::age(context, attempt, presented) else { return false };
    let format = age.format;
    let is_plain = format.stack == Stack::Kamailio && !format.is_counted && !format.is_one_time && !format.is_bound;
    // The form counts whole seconds: what ends within one is not judged.
    let lives_on =
        format.life().zip(age.at_use).is_some_and(|(life, old)| old + std::time::Duration::from_secs(1) < life);
    is_plain
        && lives_on
        && facts::newer_challenge(session, index, presented).is_none()
        && nonce_facts::other_server(session, context, attempt, presented).is_none()
        && attempt.is_own_hop()
}
