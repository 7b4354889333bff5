//! SA210: the credentials name a realm that was not asked for.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA210",
    name: "realm-mismatch",
    label: "wrong realm",
    severity: Severity::High,
    summary: "The credentials name another realm than the challenge",
    finds: "Credentials whose nonce is that of a challenge with another realm, or that follow a challenge, name a realm that nobody \
            on this hop asked for, and answer none that was asked.",
    matters: "The realm goes into the digest, and servers look the account up by it: the password may be right and is never tried.",
    advice: "Let the client take the realm from the challenge, or set it to that. In Asterisk, the auth object needs that realm.",
    not_this: "Credentials that are sent before any challenge use a cached nonce, which is legal: one that the client goes on with, although \
               its registrar asks for another realm, is none. Credentials of a realm that another hop asked for are in transit. An IMS client's first REGISTER names a realm without a digest.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 22.3", "RFC 7616 section 3.4"],
    sample: "register-realm-mismatch",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let wrong: Vec<_> = facts::presented(session)
        .filter(|(index, _, presented)| facts::mismatched_challenge(session, *index, presented).is_some())
        .collect();
    let Some((index, attempt, presented)) = wrong.first().copied() else { return Vec::new() };
    let Some(offered) = facts::mismatched_challenge(session, index, presented) else { return Vec::new() };
    let (sent, asked) = (presented.realm(), offered.realm());
    let differs = if sent.eq_ignore_ascii_case(&asked) {
        " Only letter case differs, and that counts in the digest."
    } else {
        ""
    };
    let mut finding = Finding::new(
        &RULE,
        format!("The client answers realm {}, the server asked for {}", facts::quoted(&sent), facts::quoted(&asked)),
    )
    .fault(Fault::Client)
    .explained(format!(
        "{} with credentials for realm {} in answer to a challenge of realm {}.{differs}",
        facts::count(wrong.len(), "request"),
        facts::quoted(&sent),
        facts::quoted(&asked)
    ))
    .advises(format!(
        "Set the realm on the client to {}, or let it take the realm from the challenge",
        facts::quoted(&asked)
    ));
    if wrong.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: the digest fits the one given, over the realm that was sent");
    }
    finding.attempt = facts::lead(session, wrong.iter().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.subject.realm = asked.into_owned();
    let asking = presented.answers.and_then(|at| session.challenge(at)).map(|(asking, _)| asking);
    finding.frames = facts::frames_of_all(wrong.iter().map(|(_, attempt, _)| *attempt).chain(asking));
    finding.evidence = facts::challenge_evidence(asking.unwrap_or(attempt));
    finding.evidence.extend(facts::credentials_evidence(attempt, presented));
    if wrong.iter().all(|(_, _, presented)| presented.judgement.is_let_past()) {
        finding.severity = Severity::Medium;
    }
    vec![finding]
}
