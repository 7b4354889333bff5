//! SA219: the weaker of the algorithms offered.

use crate::auth::Algorithm;
use crate::auth::Scheme;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA219",
    name: "weaker-algorithm-chosen",
    label: "weaker algorithm chosen",
    severity: Severity::Info,
    summary: "The client answered with MD5 although a stronger algorithm was offered first",
    finds: "Credentials with MD5 for a challenge in which SHA-256, SHA-512-256 or SHA-512 stood above MD5 for the same realm. It is \
            medium where the same client was seen to use the stronger algorithm for that realm: then something talked it down.",
    matters: "An old client knows MD5 only, and that is how the offer is meant. Somebody on the path who removes the stronger offer \
              gets the same result: a downgrade.",
    advice: "Update the client. Where a client that knows better falls back, look for a device on the path that changes challenges.",
    not_this: "A client takes the topmost offer that it knows: where MD5 stands first, MD5 is right, and the order is \
               algorithm-order-weak-first. What was refused with the stronger one may be tried with the weaker.",
    sources: &["RFC 8760 section 2.4", "RFC 7616 section 5.6"],
    sample: "register-weaker-algorithm-chosen",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    // Most challenges are alone.
    if session.attempts.iter().all(|attempt| attempt.challenges.len() < 2) {
        return Vec::new();
    }
    let chosen: Vec<(&Attempt<'_>, &Presented<'_>, Algorithm<'_>)> = facts::presented(session)
        .filter_map(|(_, attempt, presented)| Some((attempt, presented, passed_over(session, attempt, presented)?)))
        .collect();
    let Some((attempt, presented, stronger)) = chosen.first().copied() else { return Vec::new() };
    let client = attempt.transaction.flow().source.address;
    let stronger_use = facts::presented(session).find(|(_, other, used)| {
        other.transaction.flow().source.address == client
            && used.realm() == presented.realm()
            && used.username() == presented.username()
            && used.answers.is_some_and(|at| at.is_same_realm)
            && challenge_facts::is_md5(used.credentials.algorithm()) == Some(false)
    });
    // What was refused with the stronger one may be tried with the weaker.
    if stronger_use.is_some_and(|(_, other, used)| used.is_refused() && is_before(other, attempt)) {
        return Vec::new();
    }
    let name = challenge_facts::algorithm_name(stronger);
    let used = challenge_facts::algorithm_name(presented.credentials.algorithm());
    let mut finding = Finding::new(&RULE, format!("{client} answers with {used} although {name} was offered first"))
        .fault(Fault::Client)
        .explained(format!(
            "{name} stands above {used} in the challenge, and a client takes the topmost algorithm that it knows (RFC 8760 section 2.4)."
        ));
    finding.frames = facts::frames_of_all(chosen.iter().map(|(attempt, _, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.subject = facts::subject(session, attempt);
    if let Some((_, other, _)) = stronger_use.filter(|(_, other, _)| !std::ptr::eq(*other, attempt)) {
        finding = finding
            .graded(Severity::Medium, Confidence::Likely)
            .advises("Look for a device between client and server that removes or reorders challenges");
        finding.fault = Fault::Unknown;
        finding.explanation.push_str(&format!(
            " In frame {} the same client uses {name}: it knows it, and was talked down.",
            other.request().map(|request| request.at.number.to_string()).unwrap_or_default()
        ));
    } else {
        finding.explanation.push_str(&format!(" This one does not know {name}, or did not see it."));
        finding = finding.advises(format!("Update the client to one that knows {name}"));
    }
    let key = format!("{client} {:?} {name}", finding.subject.server);
    vec![finding.merged_by(key)]
}

fn is_before(one: &Attempt<'_>, other: &Attempt<'_>) -> bool {
    one.transaction.started() < other.transaction.started()
}

/// The stronger algorithm that stood above the one used, for the same realm and under the same header.
fn passed_over<'s>(
    session: &'s Session<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<Algorithm<'s>> {
    // One that answers every offer chose nothing: multiple-credentials-one-realm.
    let is_choice = attempt.credentials.iter().filter(|other| other.realm() == presented.realm()).count() == 1;
    if !is_choice || challenge_facts::is_md5(presented.credentials.algorithm()) != Some(true) {
        return None;
    }
    let at = presented.answers.filter(|at| at.is_same_realm)?;
    let (issuer, answered) = session.challenge(at)?;
    let mut same = issuer.challenges.iter().filter(|offered| {
        offered.challenge.scheme == Scheme::Digest
            // What cannot be answered is no offer.
            && offered.challenge.malformation().is_none()
            && offered.header == answered.header
            && offered.realm() == answered.realm()
    });
    let first = same.next()?.challenge.algorithm();
    let offers_md5 = same.any(|offered| challenge_facts::is_md5(offered.challenge.algorithm()) == Some(true));
    (challenge_facts::is_md5(first) == Some(false) && offers_md5).then_some(first)
}
