//! SA226: the opaque text of the challenge is not returned.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA226",
    name: "opaque-missing-or-changed",
    label: "opaque not returned",
    severity: Severity::Medium,
    summary: "The challenge gave an opaque text, and the credentials leave it out or change it",
    finds: "Digest credentials whose opaque is not that of the challenge whose nonce they use. It is high where the \
            digest is right all the same and was refused, or where the server answered 400 or stale.",
    matters: "Opaque is not part of the digest: the password is right, and a server that finds its state by it \
            challenges again for ever.",
    advice: "Update the client: opaque goes back unchanged, whatever it holds.",
    not_this: "An empty opaque is the same as none. An opaque that was sent without being asked for is not this.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-opaque-dropped",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows =
        credentials_facts::rows(session, |(_, _, presented)| credentials_facts::differs_in_opaque(session, presented));
    let Some((_, _, presented)) = rows.first().copied() else { return Vec::new() };
    let (severity, confidence) = credentials_facts::grade(&rows);
    let asked = credentials_facts::offers(session, presented).next().and_then(|offered| offered.challenge.opaque());
    let asked = facts::quoted(&asked.unwrap_or_default());
    let what = match presented.credentials.opaque().filter(|sent| !sent.is_empty()) {
        Some(sent) => format!("return {}", facts::quoted(&sent)),
        None => "leave it out".to_owned(),
    };
    let finding = Finding::new(&RULE, "The credentials do not return the opaque of the challenge")
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The challenge gave opaque {asked}; the credentials in {} {what}. {}",
            credentials_facts::requests_text(&rows),
            credentials_facts::outcome_text(&rows)
        ))
        .advises("Let the client return the opaque of the challenge unchanged");
    vec![credentials_facts::about(finding, session, &rows)]
}
