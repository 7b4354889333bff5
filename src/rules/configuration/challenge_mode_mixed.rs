//! SA504: now 401, now 407.

use crate::history::outcomes::MixedModes;
use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA504",
    name: "challenge-mode-mixed",
    label: "401 and 407 mixed",
    severity: Severity::Medium,
    summary: "One server challenges the same client for the same with 401 and with 407",
    finds: "A server that answers requests of one method, outside of dialogs and in one realm, with 401 at one time and with 407 at \
            another, to one client. Up to 64 clients are remembered of each server and status.",
    matters: "Clients learn which header to send. One that keeps credentials for later requests sends those of the wrong kind, and \
              some answer one kind only: the same phone gets in at times.",
    advice: "Let the server challenge one way: 407 as a proxy, 401 as a registrar or B2BUA (VOS3000: one SS_AUTHCHALLENGEMODE for all \
             nodes). Look for two nodes, or two routes of one script, that differ.",
    not_this: "401 for REGISTER beside 407 for INVITE is the usual way. A 401 that a proxy passes back from behind it is not its own. \
               Both headers in one response are both-challenges-at-once.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3"],
    sample: "invite-challenge-mode-mixed",
    check: Check::Capture(check),
};

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    facts.mixed_modes.iter().map(finding).collect()
}

fn finding(mixed: &MixedModes) -> Finding {
    let MixedModes { server, method, realm, client, seen } = mixed;
    let [(with_401, _), (with_407, _)] = *seen;
    let mut finding = Finding::new(&RULE, format!("{server} challenges {method} with 401 and with 407"))
        .graded(Severity::Medium, Confidence::Proven)
        .fault(Fault::Server)
        .explained(format!(
            "For realm {} it asked {client} with 401 in frame {} and with 407 in frame {}: clients that keep the two kinds of credentials apart may get in at times only.",
            facts::quoted(realm),
            with_401.number,
            with_407.number
        ))
        .advises("Let all nodes and routes of the server challenge one way (VOS3000: one SS_AUTHCHALLENGEMODE)");
    finding.spans([with_401, with_407], seen.iter().map(|(_, session)| *session));
    finding.subject = Subject { realm: realm.to_vec(), server: Some(server.address), ..Subject::default() };
    finding
}
