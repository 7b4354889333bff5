//! SA235: username and username* in one set of credentials.

use crate::auth::Name;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA235",
    name: "username-both-forms",
    label: "username in both forms",
    severity: Severity::High,
    summary: "The credentials have username and username* at once",
    finds: "Digest credentials that hold both username and username*. It is medium where the server accepted them, or \
            where the digest is wrong as well.",
    matters: "The two exclude each other: a server cannot know which one the digest was made with, and a strict one \
            answers 400.",
    advice: "Let the client send username alone; username* is for names that are not ASCII, where the server speaks \
            RFC 7616.",
    not_this: "Two username parameters are duplicate-auth-param.",
    sources: &["RFC 7616 section 3.4"],
    sample: "register-username-both-forms",
    check: Check::Form(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, _, presented)| has_both(presented));
    let Some((_, _, presented)) = rows.first().copied() else { return Vec::new() };
    let (severity, confidence) = credentials_facts::grade_fatal(&rows);
    let user = facts::quoted(&presented.username());
    let finding = Finding::new(&RULE, format!("The credentials name the user twice: username {user} and username*"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "RFC 7616 allows username or username*, never both; {} {} both. {}",
            credentials_facts::requests_text(&rows),
            if rows.len() == 1 { "has" } else { "have" },
            credentials_facts::outcome_text(&rows)
        ))
        .advises("Let the client send username alone, or username* alone where the server asks for RFC 7616");
    vec![credentials_facts::about(finding, session, &rows)]
}

fn has_both(presented: &Presented<'_>) -> bool {
    credentials_facts::has_value(presented, Name::Username)
        && credentials_facts::has_value(presented, Name::UsernameStar)
}
