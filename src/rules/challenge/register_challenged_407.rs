//! SA107: a REGISTER answered 407.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge::challenge_unanswered;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA107",
    name: "register-challenged-407",
    label: "REGISTER challenged with 407",
    severity: Severity::Info,
    summary: "A REGISTER was challenged with 407",
    finds: "A REGISTER answered 407 Proxy Authentication Required. It is medium where the client did not answer.",
    matters: "Legal from a proxy before the registrar, and usual with some platforms (VOS3000 mode 2, Voipbin). Many phones know \
              only 401 for REGISTER and go silent.",
    advice: "Check whether the client copes. If it does not, let the registrar answer 401.",
    not_this: "An INVITE answered 407 is the normal case.",
    sources: &["RFC 3261 section 21.4.8", "RFC 3261 section 21.4.2", "RFC 3261 section 22.3"],
    sample: "register-407-ok",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let asked: Vec<_> = session
        .attempts
        .iter()
        .enumerate()
        .filter(|(_, attempt)| attempt.transaction.method == Method::Register && attempt.status() == Some(407))
        .collect();
    let Some((_, attempt)) = asked.first().copied() else { return Vec::new() };
    let subject = facts::subject(session, attempt);
    let last = session.attempts.iter().rposition(|attempt| attempt.transaction.method == Method::Register);
    let unanswered = asked
        .last()
        .filter(|(_, attempt)| challenge_facts::is_unknown_kind(context, attempt))
        .map(|(index, _)| *index)
        .filter(|&index| {
            !session.is_one_way && Some(index) == last && challenge_unanswered::is_proven(session, context, index)
        });
    let mut finding = Finding::new(&RULE, "REGISTER is challenged with 407 in place of 401")
        .explained(format!(
            "{} answers REGISTER with 407 and Proxy-Authenticate. That is legal for a proxy; a registrar uses 401 and WWW-Authenticate.",
            attempt.transaction.flow().destination.address
        ))
        .fault(Fault::Server)
        .advises("Nothing, where the clients register; else let the registrar answer 401 (VOS3000: SS_AUTHCHALLENGEMODE 1 or 3)");
    finding.frames = facts::frames_of_all(asked.iter().map(|(_, attempt)| *attempt));
    finding.evidence = facts::challenge_evidence(attempt);
    finding.subject = subject;
    if unanswered.is_some() {
        finding.severity = Severity::Medium;
        finding.attempt = unanswered;
        finding.explanation.push_str(" This client did not answer it.");
        return vec![finding];
    }
    vec![facts::about_server(finding, session, attempt)]
}
