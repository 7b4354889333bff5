//! SA230: the response in upper-case hex.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA230",
    name: "response-uppercase",
    label: "upper-case response",
    severity: Severity::Medium,
    summary: "The response is written in upper-case hex",
    finds: "Credentials whose response has upper-case hex digits. It is high where the digest is right but for that and was refused.",
    matters: "The digits must be lower case. Servers that compare bytes, Kamailio among them, refuse a right digest.",
    advice: "Fix the client to print lower-case digits.",
    not_this: "Upper-case digits in nonce or opaque are the server's own text and harmless.",
    sources: &["RFC 7616 section 3.4", "RFC 8760 section 2.2", "RFC 3261 section 25.1 (LHEX)"],
    sample: "register-response-uppercase",
    check: Check::Form(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let upper: Vec<_> = facts::presented(session).filter(|(_, _, p)| facts::has_uppercase_response(p)).collect();
    let Some((_, attempt, presented)) = upper.first().copied() else { return Vec::new() };
    let is_cause = upper
        .iter()
        .any(|(_, _, presented)| presented.verdict() == Some(Verdict::Match) && facts::is_turned_away(presented));
    let mut finding = Finding::new(&RULE, "The response is written in upper-case hex digits")
        .fault(Fault::Client)
        .explained(
            "RFC 7616 and RFC 3261 ask for lower case; servers that compare the bytes refuse the digest.".to_owned(),
        )
        .advises("Fix the client to print lower-case hex digits");
    if is_cause {
        finding = finding
            .graded(Severity::High, Confidence::Likely)
            .excludes("wrong password: the digest fits the one given but for letter case");
        finding.title.push_str(", and the server refuses it");
    }
    finding.attempt = facts::lead(session, upper.iter().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = upper.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}
