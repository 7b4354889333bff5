//! SA707: credentials that whoever is on the path can read.

use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA707",
    name: "cleartext-transport",
    label: "credentials in clear",
    severity: Severity::Info,
    summary: "Credentials travel over UDP or TCP, where they can be read",
    finds: "Credentials in messages over UDP or TCP without TLS. Said once for the whole report.",
    matters: "Digest hides the password and not the digest: whoever reads it can try passwords on it at home. Names, numbers and \
              who calls whom are open as well.",
    advice: "Use TLS where clients and server can, and long random passwords in any case.",
    not_this: "It explains no failure. Within a network that nobody else reads it may be accepted knowingly.",
    sources: &["RFC 3261 section 26.2.1", "RFC 7616 section 5.1"],
    sample: "register-ok",
    check: Check::Capture(check),
};

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let trail = &facts.chronicle.in_clear;
    let Some(first) = trail.frames().first().copied() else { return Vec::new() };
    let reader = match (facts.chronicle.has_clear_basic, facts.chronicle.has_clear_digest) {
        (true, false) => "has the passwords",
        (true, true) => "has the passwords that Basic sends, and can try others on the digests at home",
        (false, true) => "can try passwords on the digests at home",
        (false, false) => "has the tokens that Bearer sends, and can use them while they are good",
    };
    let also = match facts.chronicle.has_clear_token
        && (facts.chronicle.has_clear_basic || facts.chronicle.has_clear_digest)
    {
        true => " The tokens that Bearer sends can be used while they are good.",
        false => "",
    };
    let mut finding = Finding::new(&RULE, "Credentials travel in clear, over UDP or TCP")
        .fault(Fault::Operator)
        .explained(format!("The first are in frame {}. Whoever reads the packets {reader}.{also}", first.number))
        .advises("Use SIP over TLS where clients and server can, and long random passwords in any case")
        .merged_by("");
    finding.frames = vec![first];
    finding.sessions = trail.sessions();
    finding.sessions_count = trail.count();
    vec![finding]
}
