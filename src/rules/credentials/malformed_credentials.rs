//! SA231: the server could not read the credentials.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Judgement;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA231",
    name: "malformed-credentials",
    label: "credentials not readable",
    severity: Severity::High,
    summary: "Credentials were answered with 400: the server could not read them",
    finds: "A request with credentials answered 400 Bad Request, where the same request without them had been challenged. What \
            sipauth itself finds odd about them is listed.",
    matters: "The digest was never looked at: the server stumbles over the form. Clients show this as a failed registration, and \
              nobody looks at the header.",
    advice: "Compare the header with what RFC 7616 section 3.4 allows: which values are quoted, that nc and cnonce come with qop, \
             and that no parameter stands twice.",
    not_this: "A 400 to a request without credentials speaks of the request itself.",
    sources: &["RFC 2617 section 3.2.2", "RFC 7616 section 3.4", "RFC 3261 section 21.4.1"],
    sample: "register-quoted-tokens",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let refused: Vec<_> = facts::presented(session)
        .filter(|(_, _, presented)| presented.judgement == Judgement::BadRequest && presented.answers.is_some())
        .collect();
    let Some((index, attempt, presented)) = refused.first().copied() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let odd: Vec<String> =
        presented.credentials.defects().iter().map(|defect| defect.kind.name().replace('_', " ")).collect();
    let found = if odd.is_empty() { String::new() } else { format!(" What is odd about them: {}.", odd.join(", ")) };
    let mut finding = Finding::new(&RULE, format!("The server could not read the credentials of {user}"))
        .graded(Severity::High, Confidence::Likely)
        .fault(Fault::Client)
        .explained(format!(
            "The bare request was challenged, and {} with credentials {} answered 400.{found}",
            facts::count(refused.len(), &attempt.transaction.method.to_string()),
            if refused.len() == 1 { "was" } else { "were" },
        ))
        .advises("Compare the header with RFC 7616 section 3.4: quoting, nc and cnonce beside qop, no parameter twice");
    if refused.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: the digest fits the one given");
    }
    finding.attempt = facts::lead(session, refused.iter().map(|(index, _, _)| *index)).or(Some(index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(refused.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::status_evidence(session, attempt));
    vec![finding]
}
