//! SA214: credentials of nobody.

use crate::auth::Algorithm;
use crate::auth::Name;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA214",
    name: "username-empty",
    label: "user name empty",
    severity: Severity::High,
    summary: "The credentials name no user",
    finds: "Digest credentials with an empty user name, or with none. It is medium where the server accepted them all \
            the same.",
    matters: "A server looks the account up by this name. Without one, no password can be right. Most often a field of \
            the phone was left blank: many have one for the extension and another for the authentication name.",
    advice: "Fill in the authentication name on the client. It may differ from the extension.",
    not_this: "The first REGISTER of an IMS client, AKA, and the user anonymous of RFC 3261 section 22.1 are legal.",
    sources: &["RFC 7616 section 3.4", "RFC 3261 section 22.1"],
    sample: "register-username-empty",
    check: Check::Form(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, attempt, presented)| is_nobody(attempt, presented));
    let Some((_, attempt, _)) = rows.first().copied() else { return Vec::new() };
    let (severity, confidence) = credentials_facts::grade_fatal(&rows);
    let status =
        attempt.status().map_or_else(|| "no answer was seen".to_owned(), |code| format!("the answer was {code}"));
    let finding = Finding::new(&RULE, "The credentials name no user")
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The user name in {} is {}; {status}. A server finds the account and its password by that name.",
            credentials_facts::requests_text(&rows),
            if has_name(&rows) { "empty" } else { "missing" },
        ))
        .advises("Fill in the authentication name (authentication ID, auth user) on the client; it may differ from the extension");
    let mut finding = credentials_facts::about(finding, session, &rows);
    finding.subject.user = session.from_user().to_vec();
    vec![finding]
}

fn has_name(rows: &[credentials_facts::Row<'_, '_>]) -> bool {
    rows.iter().any(|(_, _, presented)| presented.credentials.params.get(Name::Username).is_some())
}

fn is_nobody(attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_whole = attempt.request().is_some_and(|request| request.has_all_headers && !request.is_ambiguous);
    is_whole
        && !matches!(presented.credentials.algorithm(), Algorithm::Aka { .. })
        && !credentials_facts::has_value(presented, Name::Username)
        && !credentials_facts::has_value(presented, Name::UsernameStar)
}
