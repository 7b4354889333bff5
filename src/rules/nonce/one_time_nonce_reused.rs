//! SA313: a nonce that is good once is used twice.

use std::time::Duration;

use crate::history::Stack;
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
use crate::rules::recovery;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA313",
    name: "one-time-nonce-reused",
    label: "one-time nonce reused",
    severity: Severity::Medium,
    summary: "A nonce was accepted once, and is stale at its next use soon after",
    finds: "A nonce that was let past once, used again with a higher count or none, and refused as stale before \
            its end, or within 30 s where that is not known. It is info where the client recovered.",
    matters: "The server takes each nonce once: OpenSIPS does so unless disable_nonce_check is set, Kamailio with \
            one_time_nonce, chan_sip always. Each further request costs a round trip, and a client that does not \
            know stale=true fails at its second one.",
    advice: "Nothing where clients recover. Else let the server accept nonces more than once, or update the \
            client.",
    not_this: "A repeated or lowered nonce count has rules of its own. A nonce that had ended is nonce-expired-by-content. \
            Kamailio nonces say themselves whether they are good once.",
    sources: &["RFC 7616 section 3.3", "RFC 7616 section 5.5"],
    sample: "register-one-time-nonce",
    check: Check::Trouble(check),
};

/// Nonces live longer than this wherever nobody set them shorter: what is stale before was used up.
const LIVES_AT_LEAST: Duration = Duration::from_secs(30);

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let used_up: Vec<_> = facts::presented(session)
        .filter(|(index, attempt, presented)| is_used_up(session, context, *index, attempt, presented))
        .collect();
    let Some((index, attempt, presented)) = used_up.first().copied() else { return Vec::new() };
    let is_recovered = used_up.last().is_some_and(|(last, _, _)| recovery::has_recovered_anywhere(session, *last));
    let severity = if is_recovered { Severity::Info } else { Severity::Medium };
    let says = match nonce_facts::format(context, attempt, presented) {
        Some(format) if format.is_one_time => format!(" The nonce says so too, {}.", nonce_facts::INFERRED),
        Some(format) if format.expires.is_some() => format!(" It had not ended, {}.", nonce_facts::INFERRED),
        _ => String::new(),
    };
    let wait = nonce_facts::wait(session, attempt, presented).map(facts::duration_text);
    let title = match &wait {
        Some(wait) if says.is_empty() => {
            format!("The server takes each nonce once, or for less than {wait}, and the client uses it again")
        }
        _ => "The server takes each nonce once, and the client uses it again".to_owned(),
    };
    let mut finding = Finding::new(&RULE, title)
        .graded(severity, if says.is_empty() { Confidence::Possible } else { Confidence::Likely })
        .fault(Fault::Server)
        .explained(format!(
            "The nonce of frame {} was let past once, and is stale at its next use {}.{says}",
            nonce_facts::frame_of(attempt),
            wait.map_or_else(|| "soon after".to_owned(), |wait| format!("{wait} after it was issued")),
        ))
        .excludes("wrong password: the same nonce and user were accepted before")
        .excludes("nonce count: it was not used before")
        .advises("Nothing, where clients take the new nonce: it costs a round trip")
        .advises("Else let the server take nonces more than once: in OpenSIPS set disable_nonce_check, in Kamailio leave one_time_nonce out");
    finding = credentials_facts::led_by(finding, session, (index, attempt, presented), &used_up);
    if is_recovered { vec![facts::about_server(finding, session, attempt)] } else { vec![finding] }
}

/// Whether a nonce was refused for having been used before: it was young, and nothing else explains it.
pub fn is_used_up(
    session: &Session<'_>,
    context: &Context<'_>,
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> bool {
    if presented.judgement != Judgement::Stale || !attempt.is_own_hop() {
        return false;
    }
    if nonce_facts::let_past_before(session, index, presented) != Some(1) {
        return false;
    }
    let age = nonce_facts::age(context, attempt, presented);
    let is_young = match age.map(|age| (age.format, age.over)) {
        Some((format, _)) if format.stack == Stack::Kamailio => format.is_one_time,
        Some((format, over)) if format.expires.is_some() => over.is_none(),
        _ => nonce_facts::wait(session, attempt, presented).is_some_and(|wait| wait < LIVES_AT_LEAST),
    };
    is_young
        && nonce_facts::is_count_in_order(session, index, presented)
        && facts::newer_challenge(session, index, presented).is_none()
        && nonce_facts::other_server(session, context, attempt, presented).is_none()
        && nonce_facts::challenged_elsewhere(session, context, attempt, presented).is_none()
}
