//! SA312: nonces from the future.

use std::time::Duration;

use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::capture_facts::IssuedNonce;
use crate::rules::capture_facts::NonceServerFacts;
use crate::rules::facts;
use crate::rules::nonce_facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA312",
    name: "nonce-used-before-issue",
    label: "nonce ahead of the clock",
    severity: Severity::Info,
    summary: "The nonces say that they were issued later than the capture shows them",
    finds: "Nonces of a server that hold the time of their issue, and this is more than five seconds ahead of \
            the time when the capture saw them. It is inferred from the form of the nonces.",
    matters: "The clock of the server or the one of the capture is wrong. Nodes whose clocks differ refuse each \
            other's nonces, and log files do not fit the capture.",
    advice: "Set both clocks by NTP.",
    not_this: "Nonces that hold only their end say nothing of their issue. A clock that is behind cannot be told \
            from a nonce that is kept for long.",
    sources: &["RFC 7616 section 3.3", "RFC 2617 section 3.2.1"],
    sample: "register-clock-ahead",
    check: Check::Capture(check),
};

/// Clocks that agree better than this are set well.
const AHEAD_MIN: Duration = Duration::from_secs(5);

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    facts.nonce_servers.iter().filter_map(of_server).collect()
}

fn of_server(server: &NonceServerFacts) -> Option<Finding> {
    let ahead = |nonce: &&IssuedNonce| {
        let issued = nonce.format.and_then(|format| format.issued);
        issued.is_some_and(|issued| issued.since(nonce.time) > AHEAD_MIN)
    };
    let dated = server.nonces.iter().filter(|nonce| nonce.format.is_some_and(|format| format.issued.is_some())).count();
    let all: Vec<&IssuedNonce> = server.nonces.iter().filter(ahead).collect();
    let first = all.first().filter(|_| all.len() * 2 > dated)?;
    let by = first.format?.issued?.since(first.time);
    let mut finding = Finding::new(
        &RULE,
        format!("The clock of {} is {} ahead of the capture's", server.address, facts::duration_text(by)),
    )
    .graded(Severity::Info, Confidence::Likely)
    .fault(Fault::Operator)
    .explained(format!(
        "The nonce in frame {} says that it was issued {} later than the capture shows it, {} of {}. Either clock may be the wrong one.",
        first.at.number,
        facts::duration_text(by),
        nonce_facts::INFERRED,
        first.format?.stack.name()
    ))
    .advises("Set the clocks of the server and of the capturing machine by NTP");
    finding.frames = all.iter().map(|nonce| nonce.at).collect();
    finding.subject = Subject { realm: first.realm.to_vec(), server: Some(server.address), ..Subject::default() };
    Some(finding)
}
