//! SA501: the server seems not to know the user.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA501",
    name: "user-unknown-suspected",
    label: "unknown user",
    severity: Severity::Info,
    summary: "A REGISTER with credentials was answered 404",
    finds: "A REGISTER with credentials answered 404 Not Found. It is medium where that is the session's last answer.",
    matters: "The registrar looked for the address of record and did not find it: the extension is wrong, was deleted, or belongs to \
              another domain. Many servers hide this and challenge for ever: then it looks like a wrong password.",
    advice: "Compare user and domain of the To URI with the accounts on the server.",
    not_this: "A 404 to an INVITE speaks of the called party.",
    sources: &["RFC 3261 section 10.3", "RFC 3261 section 21.4.5"],
    sample: "register-unknown-user-404",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let unknown: Vec<_> = session
        .attempts
        .iter()
        .enumerate()
        .filter(|(_, attempt)| {
            attempt.transaction.method == Method::Register && attempt.status() == Some(404) && attempt.has_credentials()
        })
        .collect();
    let Some((index, attempt)) = unknown.first().copied() else { return Vec::new() };
    let is_last = unknown.last().is_some_and(|(last, _)| last + 1 == session.attempts.len());
    let aor = attempt.request().map(|request| facts::text(session.text(request.to))).unwrap_or_default();
    let mut finding = Finding::new(&RULE, format!("The server does not seem to know {aor}"))
        .graded(if is_last { Severity::Medium } else { Severity::Info }, Confidence::Likely)
        .fault(Fault::Operator)
        .explained("A REGISTER with credentials was answered 404: the registrar did not find this address of record.")
        .advises("Compare user and domain of the To URI with the accounts on the server");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(unknown.iter().map(|(_, attempt)| *attempt));
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    vec![finding]
}
