//! SA317: a nonce count in tens.

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
    code: "SA317",
    name: "nc-decimal",
    label: "decimal nonce count",
    severity: Severity::Medium,
    summary: "The nonce count is printed in decimal: 00000010 follows 00000009",
    finds: "A nonce count that ends in 9 and is followed, with the same nonce, by the next number in decimal, \
            where no count of that nonce has a letter. It is likely with one such step, proven with two.",
    matters: "nc is hexadecimal. To a server that counts, 00000009 and 00000010 lie seven apart; most servers do \
            not count, and do not mind. PJSIP prints it so.",
    advice: "Nothing, unless the server counts. Then update the client, or switch the counting off (nonce_count \
            in Kamailio).",
    not_this: "Six requests that went elsewhere between 9 and 10 would look the same: the finding says likely. A \
            jump from another digit is nc-gap.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-nonce-count-decimal",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let steps: Vec<Step<'_, '_>> =
        nonce_facts::steps(session).into_iter().filter(nonce_facts::is_decimal_step).collect();
    let Some(first) = steps.first() else { return Vec::new() };
    let client =
        |step: &Step<'_, '_>| (step.attempt.transaction.flow().source.address, step.presented.username().into_owned());
    let mine = client(first);
    let counts_in_hex = facts::presented(session).any(|(_, attempt, presented)| {
        attempt.transaction.flow().source.address == mine.0
            && presented.username() == mine.1
            && presented.credentials.nonce_count().is_some_and(|count| count.raw.iter().any(u8::is_ascii_alphabetic))
    });
    if counts_in_hex {
        return Vec::new();
    }
    let confidence = if steps.len() > 1 { Confidence::Proven } else { Confidence::Likely };
    let user = facts::account(&first.presented.username(), &first.presented.realm());
    let title = format!("{user} counts in decimal: nc={:08x} follows {:08x}", first.count, first.highest);
    let mut finding = Finding::new(&RULE, title)
        .graded(Severity::Medium, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "nc is hexadecimal: behind the count of frame {} comes {:08x}. A server that counts sees a gap, and numbers that come \
             twice as soon as it counts itself.",
            nonce_facts::frame_of(first.highest_in),
            first.highest.saturating_add(1),
        ))
        .advises("Nothing, unless the server counts; then update the client, or switch the counting off (nonce_count in Kamailio)");
    if let Some(agent) = first.attempt.request().and_then(|request| request.user_agent) {
        finding.explanation.push_str(&format!(" The client calls itself {}.", facts::quoted(session.text(agent))));
    }
    finding.attempt = Some(first.index);
    finding.subject = facts::subject(session, first.attempt);
    finding.frames = facts::frames_of_all(steps.iter().flat_map(|step| [step.highest_in, step.attempt]));
    finding.evidence = facts::credentials_evidence(first.attempt, first.presented).into_iter().collect();
    vec![finding]
}
