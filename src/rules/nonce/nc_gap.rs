//! SA323: a nonce count that jumps.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::rules::nonce_facts::Step;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA323",
    name: "nc-gap",
    label: "nonce count jumped",
    severity: Severity::Info,
    summary: "The nonce count jumps ahead",
    finds: "Two requests in a row with one nonce whose counts lie more than one apart.",
    matters: "The requests in between went elsewhere, were lost, or are not in this capture. Servers accept gaps \
            as a rule; one that does not will refuse here.",
    advice: "See whether the capture holds all of the client's traffic, and whether the client shares one nonce \
            among its calls.",
    not_this: "Clients that count in tens (nc-decimal) step from 09 to 10. A nonce that other Call-IDs use as well \
            is counted there too.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-nonce-count-gap",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let steps = nonce_facts::steps(session);
    // What comes later was not left out.
    if steps.iter().any(|step| step.count < step.highest) {
        return Vec::new();
    }
    let gaps: Vec<&Step<'_, '_>> = steps.iter().filter(|step| is_gap(session, context, step)).collect();
    let Some(step) = gaps.first() else { return Vec::new() };
    let missing = usize::try_from(step.count - step.highest - 1).unwrap_or(usize::MAX);
    let user = facts::account(&step.presented.username(), &step.presented.realm());
    let mut finding = Finding::new(
        &RULE,
        format!("The nonce count of {user} jumps from {:08x} to {:08x}", step.highest, step.count),
    )
    .graded(Severity::Info, Confidence::Proven)
    .fault(Fault::Unknown)
    .explained(format!(
        "Between frames {} and {}, {} of the nonce {} missing: sent elsewhere, lost, or not in this capture.",
        nonce_facts::frame_of(step.highest_in),
        nonce_facts::frame_of(step.attempt),
        facts::count(missing, "use"),
        if missing == 1 { "is" } else { "are" },
    ))
    .advises(
        "See whether the capture holds all of the client's traffic, and whether it shares one nonce among its calls",
    );
    finding.attempt = Some(step.index);
    finding.subject = facts::subject(session, step.attempt);
    finding.frames = facts::frames_of_all(gaps.iter().flat_map(|step| [step.highest_in, step.attempt]));
    finding.evidence = facts::credentials_evidence(step.attempt, step.presented).into_iter().collect();
    vec![finding]
}

fn is_gap(session: &Session<'_>, context: &Context<'_>, step: &Step<'_, '_>) -> bool {
    let is_jump = step.count > step.highest.saturating_add(1) && !nonce_facts::is_decimal_step(step);
    is_jump && nonce_facts::is_used_here_only(session, context, step.presented)
}
