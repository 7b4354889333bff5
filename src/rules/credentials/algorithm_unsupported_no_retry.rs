//! SA221: silence after an offer of algorithms that the client seems not to know.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::challenge_facts::Circumstance;
use crate::rules::challenge_facts::Unanswered;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA221",
    name: "algorithm-unsupported-no-retry",
    label: "algorithm not supported",
    severity: Severity::High,
    summary: "The client gave up on a challenge that does not begin with MD5",
    finds: "A challenge that was never answered, whose first Digest offer is not MD5, from a client that was never seen to use that \
            algorithm. It is medium where the capture ends early, or where the client tried again at once without credentials.",
    matters: "Clients should pass over algorithms that they do not know. Many read the first challenge only and give up, even where \
              MD5 follows (baresip and sipsak, for two); some know nothing but MD5.",
    advice: "Update the client. Until then let the server offer MD5 first, or MD5 alone, to these clients (Asterisk: supported \
             algorithms of the auth object, in that order).",
    not_this: "A client without an account for that realm falls silent too: one that answers MD5 challenges of this server, and not \
               this one, settles it. Algorithms that no standard names are the server's fault, not the client's. An IMS phone, which begins with \
               an empty response or with Security-Client, has a SIM and knows AKA.",
    sources: &["RFC 8760 section 2.4", "RFC 7616 section 3.7", "RFC 7616 section 3.3"],
    sample: "register-two-algorithms-unanswered",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let unanswered = challenge_facts::unanswered(session, context);
    unanswered.into_iter().filter_map(|unanswered| finding(session, context, &unanswered)).collect()
}

fn finding(session: &Session<'_>, context: &Context<'_>, unanswered: &Unanswered) -> Option<Finding> {
    let attempt = session.attempts.get(unanswered.index)?;
    // Who never heard the challenge does not show what it knows.
    let is_lost = unanswered.is_lost
        || unanswered.notice.is_some()
        || attempt.is_unheard()
        || attempt.is_answered_too_late()
        || session.run.agrees_on_ipsec(attempt.transaction);
    if is_lost || challenge_facts::circumstance(session, context, attempt) != Some(Circumstance::Algorithm) {
        return None;
    }
    let algorithm = challenge_facts::demanding_algorithm(session, context, attempt)?;
    let has_md5 = challenge_facts::has_plain_md5(attempt);
    let exchange = session.exchanges.get(attempt.exchange)?;
    let tried_again = exchange.attempts.len() > 1
        && session.attempts_of(exchange).filter(|other| other.is_challenged() && !other.has_credentials()).count() > 1;
    // Who begins anew by his timer was silent behind each challenge before the last.
    let is_at_leisure = tried_again && challenge_facts::is_tried_at_leisure(session, attempt);
    let is_open = unanswered.gap < facts::ANSWER_WITHIN && !is_at_leisure;
    let (severity, confidence) = match unanswered.severity {
        Severity::High | Severity::Medium if is_at_leisure => (Severity::High, Confidence::Likely),
        Severity::High if tried_again => (Severity::Medium, Confidence::Possible),
        severity => (severity, unanswered.confidence.min(Confidence::Likely)),
    };
    let who = challenge_facts::who(session, attempt);
    let is_of_no_standard = challenge_facts::offers_unknown_alone(attempt);
    let offer = if is_of_no_standard {
        format!(
            "The challenge offers {algorithm}, which is none of the standards' algorithms: clients are to pass over it (RFC 7616 section 3.3)"
        )
    } else if has_md5 {
        format!("{algorithm} comes first in the challenge, and MD5 further down")
    } else {
        format!("The challenge offers {algorithm} and no MD5")
    };
    let finding = Finding::new(&RULE, format!("{who} does not answer a challenge that begins with {algorithm}"))
        .graded(severity, confidence)
        .fault(if is_of_no_standard { Fault::Server } else { Fault::Client })
        .explained(format!(
            "{offer}. No credentials follow{}. A client without an account for this realm would be silent too.",
            match (is_open, has_md5) {
                (true, true) => {
                    format!(" before the capture ends: the client may not know {algorithm}, and may not look at the second offer")
                }
                (true, false) => format!(" before the capture ends: the client may not know {algorithm}"),
                (false, true) => format!(": the client does not know {algorithm}, and does not look at the second offer"),
                (false, false) => format!(": the client does not know {algorithm}"),
            }
        ))
        .excludes("wrong password: no digest was sent for this realm")
        .advises(challenge_facts::algorithm_advice(attempt, &algorithm));
    Some(challenge_facts::about(finding, session, unanswered.index, attempt))
}
