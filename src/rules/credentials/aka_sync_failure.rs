//! SA233: the SIM finds the sequence number of a challenge out of step, and asks for resynchronisation.

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
    code: "SA233",
    name: "aka-sync-failure",
    label: "SIM out of step",
    severity: Severity::Medium,
    summary: "The SIM says that the challenge is out of step, and sends auts",
    finds: "Credentials with auts in answer to an AKA challenge. It is high where the SIM sends auts again to the next challenge.",
    matters: "The sequence number in the challenge is not one that the SIM takes. With auts the network learns the SIM's own number, \
              and its next challenge should do. Where it does not, the client never gets in. Now and then this is normal; often, it \
              means that two networks or two copies use one SIM, or that the HSS was set back.",
    advice: "See whether the S-CSCF passes auts on to the HSS, and whether the HSS takes it over. Look for a second user of that \
             IMSI, and for a restored HSS.",
    not_this: "An empty response without auts is aka-mac-failure. The empty response of an IMS client's first REGISTER is legal.",
    sources: &["RFC 3310 section 3.4", "3GPP TS 33.203 section 6.1.3"],
    sample: "register-aka-sync-failure",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found = aka_facts::turned_down(session, aka_facts::asks_to_resync);
    let Some((index, attempt, presented)) = found.first().copied() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let times = facts::count(found.len(), "challenge");
    let mut finding = Finding::new(
        &RULE,
        format!("The SIM of {user} is out of step with the network: {times} answered with auts"),
    )
    .excludes("wrong key: a SIM sends auts only for a challenge that was made with its own key (3GPP TS 33.102 section 6.3.3)");
    if found.len() > 1 {
        finding = finding
            .graded(Severity::High, Confidence::Likely)
            .fault(Fault::Server)
            .explained(
                "The SIM told the network its sequence number with auts, and turned the next challenge down for the same reason. The \
                 number did not reach the HSS, or was not taken over.",
            )
            .advises("Follow auts from the S-CSCF to the HSS (Cx Multimedia-Auth-Request): the next vector has to start from its number");
    } else {
        finding = finding.explained(
            "The SIM does not take the sequence number of the challenge, and sends its own with auts, so that the network can catch \
             up. Once is how AKA recovers.",
        );
    }
    finding = finding.advises(
        "Where it comes back, look for a second device with that SIM or IMSI, and for an HSS that was set back",
    );
    finding.attempt = facts::lead(session, found.iter().map(|(index, ..)| *index)).or(Some(index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(found.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}
