//! SA708: MD5 and nothing better.

use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA708",
    name: "weak-algorithm-md5",
    label: "MD5 only",
    severity: Severity::Info,
    summary: "Challenges offer MD5 and nothing better",
    finds: "Challenges of which every Digest is MD5, or names no algorithm, which means MD5. Said once for the whole report.",
    matters: "RFC 8760 wants SHA-256 first and keeps MD5 for old clients. MD5 is fast to try passwords on.",
    advice: "Offer SHA-256 beside MD5 once the clients are known to cope: some of them read the first challenge only.",
    not_this: "It explains no failure. Most SIP networks have nothing else.",
    sources: &["RFC 8760 section 2.1", "RFC 8760 section 3", "RFC 7616 section 3.3"],
    sample: "register-ok",
    check: Check::Capture(check),
};

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let trail = &facts.chronicle.md5_only;
    let Some(first) = trail.frames().first().copied() else { return Vec::new() };
    let mut finding = Finding::new(&RULE, "Challenges offer MD5 and nothing better")
        .fault(Fault::Operator)
        .explained(format!("The first is in frame {}.", first.number))
        .advises("Offer SHA-256 beside MD5 (RFC 8760) once the clients are known to cope with two challenges")
        .merged_by("");
    finding.frames = vec![first];
    finding.sessions = trail.sessions();
    finding.sessions_count = trail.count();
    vec![finding]
}
