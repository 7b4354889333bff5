//! SA408: challenged after the call had begun to ring.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA408",
    name: "late-challenge-not-answered",
    label: "late challenge never answered",
    severity: Severity::Info,
    summary: "The challenge that was never answered came behind a provisional response",
    finds: "An INVITE that had a provisional response (180, 183 …, not 100) before its 401 or 407, and whose challenge was never \
            answered. It explains challenge-unanswered, and is info beside it.",
    matters: "Legal: a proxy or gateway behind the first one may ask once the call is under way. Some clients take a challenge only as \
              the first answer, and tear down what they have begun.",
    advice: "Update the client (PJSIP had this fault). Or let the server ask before it sends the call on: challenge on the first hop.",
    not_this: "100 Trying says only that the request has arrived. A challenge that was answered, however late, is no fault.",
    sources: &["RFC 3261 section 22.3", "RFC 3261 section 13.2.2.3", "RFC 3261 section 17.1.1.2"],
    sample: "invite-late-challenge-unanswered",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    if !session.attempts.iter().any(challenge_facts::is_late) {
        return Vec::new();
    }
    let unanswered = challenge_facts::unanswered(session, context);
    unanswered.into_iter().filter_map(|unanswered| finding(session, unanswered.index)).collect()
}

fn finding(session: &Session<'_>, index: usize) -> Option<Finding> {
    let attempt = session.attempts.get(index).filter(|attempt| challenge_facts::is_late(attempt))?;
    let answer = attempt.answer()?;
    let after = answer.time.since(attempt.transaction.provisional_at()?);
    let finding =
        Finding::new(&RULE, format!("The {} came when the call was under way", answer.status))
            .graded(Severity::Info, Confidence::Likely)
            .fault(Fault::Client)
            .explained(format!(
                "A provisional response came {} before the {} in frame {}. Some clients answer a challenge only where it is the first response.",
                facts::duration_text(after),
                answer.status,
                answer.at.number
            ))
            .advises("Update the client, or let the first hop ask before it sends the call on");
    Some(challenge_facts::about(finding, session, index, attempt))
}
