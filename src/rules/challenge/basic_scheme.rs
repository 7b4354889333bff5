//! SA112: Basic, which RFC 3261 forbids.

use crate::auth::Scheme;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA112",
    name: "basic-scheme",
    label: "password in clear",
    severity: Severity::Medium,
    summary: "Basic authentication is offered or used",
    finds: "A challenge of scheme Basic, or Basic credentials. It is critical where credentials were sent without TLS: they hold the \
            password in clear. The report never decodes them.",
    matters: "Whoever sees the packets has the password. RFC 3261 forbids servers to ask for Basic or to accept it.",
    advice: "Remove Basic from the server. Change every password that was sent.",
    not_this: "Bearer is another scheme and carries a token.",
    sources: &["RFC 3261 section 22", "RFC 8760 section 2.6"],
    sample: "register-basic-scheme",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let sent: Vec<&Attempt<'_>> = session.attempts.iter().filter(|attempt| sends_basic(attempt)).collect();
    let offered: Vec<&Attempt<'_>> = session.attempts.iter().filter(|attempt| offers_basic(attempt)).collect();
    let in_clear: Vec<&Attempt<'_>> =
        sent.iter().copied().filter(|attempt| !attempt.transaction.transport.is_encrypted()).collect();
    let sent = if in_clear.is_empty() { sent } else { in_clear.clone() };
    if let Some(attempt) = sent.first() {
        let requests = facts::count(sent.len(), "request");
        let finding = match in_clear.is_empty() {
            false => Finding::new(&RULE, "The password was sent in clear, as Basic credentials")
                .graded(Severity::Critical, Confidence::Proven)
                .explained(format!("{requests} with Basic credentials: anybody on the path can read the password."))
                .advises("Change the password: it is known to whoever saw these packets")
                .advises("Switch the server to Digest, or the transport to TLS with tokens (RFC 8898)"),
            true => Finding::new(&RULE, "The password was sent as Basic credentials, within TLS")
                .explained(format!(
                    "{requests} with Basic credentials: who has the keys of TLS can read the password, as every hop that ends it has."
                ))
                .advises("Switch the server to Digest, or to tokens (RFC 8898)"),
        };
        let mut finding = finding.fault(if offered.is_empty() { Fault::Client } else { Fault::Server });
        finding.frames = facts::frames_of_all(sent.iter().copied());
        finding.evidence = attempt.credentials.iter().filter_map(|p| facts::credentials_evidence(attempt, p)).collect();
        finding.subject = facts::subject(session, attempt);
        return vec![finding];
    }
    let Some(attempt) = offered.first() else { return Vec::new() };
    let mut finding = Finding::new(&RULE, "The server offers Basic authentication")
        .fault(Fault::Server)
        .explained(format!(
            "{} asks for Basic, which RFC 3261 section 22 forbids.",
            attempt.transaction.flow().destination.address
        ))
        .advises("Remove Basic from the server's challenge and offer Digest");
    finding.frames = facts::frames_of_all(offered.iter().copied());
    finding.evidence = facts::challenge_evidence(attempt);
    vec![facts::about_server(finding, session, attempt)]
}

fn sends_basic(attempt: &Attempt<'_>) -> bool {
    attempt.credentials.iter().any(|presented| presented.credentials.scheme == Scheme::Basic)
}

fn offers_basic(attempt: &Attempt<'_>) -> bool {
    attempt.challenges.iter().any(|offered| offered.challenge.scheme == Scheme::Basic)
}
