//! SA320: one nonce for several users.

use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::capture_facts::NonceServerFacts;
use crate::rules::facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA320",
    name: "nonce-not-unique",
    label: "shared nonce",
    severity: Severity::Medium,
    summary: "A server gives the same nonce to different users",
    finds: "One nonce in the challenges of one server to REGISTERs of different users. More than two seconds \
            apart it is medium; within two seconds it is info, for stock Kamailio makes its nonces of the \
            second.",
    matters: "A nonce should be new with each challenge. Where it is not, whoever hears one user's digest can \
            replay it for as long as the nonce lives, and nonce counts of several clients get mixed up.",
    advice: "Let the server make a nonce for each challenge. In Kamailio, nonce_count or one_time_nonce do.",
    not_this: "Retransmitted challenges, a challenge that a proxy or a B2BUA passed on, and several algorithms in \
            one response share their nonce by right.",
    sources: &["RFC 7616 section 3.3", "RFC 2617 section 3.2.1"],
    sample: "nonce-not-unique",
    check: Check::Capture(check),
};

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    facts.nonce_servers.iter().filter_map(of_server).collect()
}

fn of_server(server: &NonceServerFacts) -> Option<Finding> {
    let (shared, severity) = match (&server.shared_later, &server.shared_in_a_moment) {
        (Some(shared), _) => (shared, Severity::Medium),
        (None, Some(shared)) => (shared, Severity::Info),
        (None, None) => return None,
    };
    let apart = facts::duration_text(shared.apart);
    let title = match severity {
        Severity::Medium => format!("{} gave one nonce to different users, {apart} apart", server.address),
        _ => format!("{} gives one nonce to all users of the same moment", server.address),
    };
    let mut finding = Finding::new(&RULE, title)
        .graded(severity, Confidence::Proven)
        .fault(Fault::Server)
        .explained(format!(
            "The challenges in frames {} and {} hold the same nonce for different users{}; that was seen {}.",
            shared.first.number,
            shared.again.number,
            if severity == Severity::Medium { "" } else { ", as stock Kamailio does within a second" },
            if shared.times == 1 { "once".to_owned() } else { format!("{} times", shared.times) },
        ))
        .excludes(
            "retransmission or a copy on another hop: both come from the same address and port, to different users",
        )
        .advises("Let the server make a new nonce for each challenge; in Kamailio, nonce_count or one_time_nonce do");
    if severity == Severity::Info {
        finding.remedy = vec!["Nothing: digests of one second can be told apart by user and cnonce".into()];
    }
    finding.frames = vec![shared.first, shared.again];
    finding.frames.sort_unstable();
    finding.subject = Subject { realm: shared.realm.to_vec(), server: Some(server.address), ..Subject::default() };
    Some(finding)
}
