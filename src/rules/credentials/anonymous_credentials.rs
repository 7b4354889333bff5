//! SA216: the user is anonymous.

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
    code: "SA216",
    name: "anonymous-credentials",
    label: "anonymous credentials",
    severity: Severity::Info,
    summary: "The credentials are those of the user anonymous",
    finds: "Digest credentials with the user name anonymous, which RFC 3261 keeps for whoever has no account, with an \
            empty password.",
    matters: "Nobody in particular is authenticated by it. Servers may let it in, with fewer rights; most refuse it.",
    advice: "If the client has an account, fill in its user name. If calls without one are to work, allow them on the \
            server.",
    not_this: "An anonymous From address with the credentials of an account is the usual way to hide the caller number.",
    sources: &["RFC 3261 section 22.1"],
    sample: "invite-anonymous",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, _, p)| p.username().eq_ignore_ascii_case(ANONYMOUS));
    if rows.is_empty() {
        return Vec::new();
    }
    let statuses: Vec<String> = rows.iter().filter_map(|(_, a, _)| a.status()).take(4).map(|s| s.to_string()).collect();
    let finding = Finding::new(&RULE, "The client authenticates as anonymous")
        .fault(Fault::Unknown)
        .explained(format!(
            "The credentials in {} are those of the user anonymous (RFC 3261 section 22.1); answered: {}.",
            credentials_facts::requests_text(&rows),
            if statuses.is_empty() { "nothing that was seen".to_owned() } else { statuses.join(", ") }
        ))
        .advises("If the client has an account, fill in its user name");
    let mut finding = credentials_facts::about(finding, session, &rows);
    finding.frames = facts::frames_of_all(rows.iter().map(|(_, attempt, _)| *attempt));
    vec![finding]
}

const ANONYMOUS: &[u8] = b"anonymous";
