//! SA505: every refresh comes too late for its nonce.

use std::time::Duration;

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Exchange;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA505",
    name: "nonce-lifetime-shorter-than-refresh",
    label: "nonce life shorter than refresh",
    severity: Severity::Info,
    summary: "Nonces end before the registration is refreshed: every refresh is refused once",
    finds: "A registration whose every refresh uses a nonce that was accepted before, and is told stale, or \
            refused with a new nonce, before it is accepted. Two such refreshes are the least.",
    matters: "Each refresh takes two round trips, and a client that takes the refusal for a wrong password loses \
            its registration.",
    advice: "Let nonces live longer than the registration (FreeSWITCH nonce-ttl, Kamailio and OpenSIPS \
            nonce_expire, Asterisk nonce_lifetime), or leave it: it is a round trip.",
    not_this: "One refresh that is let past at once shows that nonces live long enough. Nonces that are good once, \
            or are refused within 30 s, have another reason.",
    sources: &["RFC 3261 section 10.2.4", "RFC 7616 section 3.3"],
    sample: "register-every-refresh-stale",
    check: Check::Deviation(check),
};

/// Refreshes that make a rule of it.
const REFRESHES_MIN: usize = 2;

/// Nonces that are refused before were not too old.
const TOO_OLD_FROM: Duration = Duration::from_secs(30);

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    session.exchanges.iter().find_map(|exchange| of_exchange(session, context, exchange)).into_iter().collect()
}

fn of_exchange(session: &Session<'_>, context: &Context<'_>, exchange: &Exchange) -> Option<Finding> {
    if exchange.method != Method::Register || exchange.attempts.len() < 2 * REFRESHES_MIN {
        return None;
    }
    let mut refreshes = Vec::new();
    for &index in &exchange.attempts {
        let attempt = session.attempts.get(index)?;
        let again = attempt.credentials.iter().find(|presented| nonce_facts::was_let_past(session, index, presented));
        let Some(presented) = again else { continue };
        let wait = nonce_facts::wait(session, attempt, presented)?;
        let is_over = nonce_facts::age(context, attempt, presented)
            .is_none_or(|age| age.format.expires.is_none() || age.over.is_some());
        let has_other_reason = !nonce_facts::is_count_in_order(session, index, presented)
            || facts::newer_challenge(session, index, presented).is_some();
        if has_other_reason
            || !presented.is_refused()
            || wait < TOO_OLD_FROM
            || !is_over
            || !session.is_accepted_later(index)
        {
            return None;
        }
        refreshes.push((index, attempt, presented, wait));
    }
    let (index, attempt, presented, _) = refreshes.first().copied().filter(|_| refreshes.len() >= REFRESHES_MIN)?;
    let least = refreshes.iter().map(|(_, _, _, wait)| *wait).min()?;
    let mut finding = Finding::new(
        &RULE,
        format!("No nonce lives until the next refresh: {} were refused first", refreshes.len()),
    )
    .graded(Severity::Info, Confidence::Likely)
    .fault(Fault::Server)
    .explained(format!(
        "Each refresh used a nonce that had been accepted, {} or more after it was issued, and was refused before a new one was \
         accepted. Nonces of this server live less than that.",
        facts::duration_text(least)
    ))
    .excludes("wrong password: each refresh was accepted in the end")
    .advises("Let nonces live longer than the refresh interval: FreeSWITCH nonce-ttl, Kamailio and OpenSIPS nonce_expire, Asterisk nonce_lifetime")
    .advises("Or leave it: it costs a round trip for each refresh");
    finding.attempt = Some(index);
    finding.frames = facts::frames_of_all(refreshes.iter().map(|(_, attempt, _, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    Some(facts::about_server(finding, session, attempt))
}
