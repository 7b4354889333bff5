//! SA237: the SIM does not believe that the challenge comes from its network.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::aka_facts;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA237",
    name: "aka-mac-failure",
    label: "SIM distrusts the network",
    severity: Severity::Medium,
    summary: "The SIM does not accept the challenge as its network's, and answers with an empty response",
    finds: "An empty response, without auts, to an AKA challenge. It is high where it happens to the next challenge, too.",
    matters: "AUTN in the challenge proves to the SIM that the network knows its key. Here the proof fails: the HSS holds another key, \
              OP or OPc than the SIM, or the challenge is another subscriber's, or was changed on the way. No password helps.",
    advice: "Compare K and OPc of this IMSI in the HSS with those the SIM was made with; mind that OP and OPc are not the same. See \
             that the private identity in the REGISTER belongs to this SIM.",
    not_this: "With auts it is aka-sync-failure. The empty response of an IMS client's first REGISTER goes with an empty nonce and is \
               legal.",
    sources: &["RFC 3310 section 2", "3GPP TS 33.203 section 6.1.2.2", "3GPP TS 24.229 section 5.1.1.5.3"],
    sample: "register-aka-mac-failure",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found = aka_facts::turned_down(session, |presented| aka_facts::distrusts(session, presented));
    let Some((index, attempt, presented)) = found.first().copied() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let times = facts::count(found.len(), "challenge");
    let mut finding = Finding::new(&RULE, format!("The SIM of {user} does not trust the network: {times} answered with an empty response"))
        .fault(Fault::Operator)
        .explained(
            "The response to the AKA challenge is empty and there is no auts: the SIM found that AUTN was not made with its key. The \
             HSS holds another K, OP or OPc than the SIM, or the challenge is meant for another one.",
        )
        .excludes("SIM out of step: it would send auts")
        .excludes("first REGISTER of an IMS client, whose response is empty, too: this one names a nonce")
        .advises("Compare K and OPc of this IMSI in the HSS with those of the SIM; mind that OP and OPc are not the same")
        .advises("See that the private identity of the REGISTER is the one of this SIM, and that nothing changes the nonce on the way");
    if found.len() > 1 {
        finding = finding.graded(Severity::High, Confidence::Likely);
    } else {
        finding.confidence = Confidence::Likely;
    }
    finding.attempt = facts::lead(session, found.iter().map(|(index, ..)| *index)).or(Some(index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(found.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}
