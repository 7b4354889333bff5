//! SA106: the right answer in the wrong header.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::facts;
use crate::session::Judgement;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA106",
    name: "credentials-wrong-header",
    label: "answer in the wrong header",
    severity: Severity::High,
    summary: "The challenge was answered under the wrong kind of header",
    finds: "Credentials in Authorization that answer a challenge offered in Proxy-Authenticate only, or credentials in \
            Proxy-Authorization that answer one offered in WWW-Authenticate only. Challenge and credentials are joined by realm and \
            nonce; the kind of header decides, not the status code. Where the capture begins behind the challenge, a refusal that gives the \
            same nonce once more shows the kind.",
    matters: "The server looks under the other header, finds nothing and challenges again. Everybody else calls this a wrong \
              password.",
    advice: "Fix the client, which chooses the header by method or habit. Until then, let the server challenge with the kind the \
             client answers (VOS3000: SS_AUTHCHALLENGEMODE 1 = 401, 2 = 407, 3 = both).",
    not_this: "A nonce that was offered under both kinds, as Kamailio's may be within one second, decides nothing; nor does what stands beside an answer in the right header. A challenge that \
               itself stands under the wrong header is challenge-header-wrong-kind.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3", "RFC 3261 section 20.28"],
    sample: "invite-wrong-header",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let wrong: Vec<_> = facts::presented(session)
        .filter(|(_, attempt, presented)| answer_facts::wrong_header(session, attempt, presented).is_some())
        .collect();
    let Some((_, attempt, presented)) = wrong.first().copied() else { return Vec::new() };
    let Some(offered) = answer_facts::wrong_header(session, attempt, presented) else { return Vec::new() };
    let sent = presented.header.credentials_header();
    let due = offered.header.credentials_header();
    let is_accepted = wrong.iter().all(|(_, _, presented)| presented.judgement == Judgement::Accepted);
    let mut finding = Finding::new(
        &RULE,
        format!("The {} challenge is answered in {sent}; it belongs in {due}", offered.header.challenge_header()),
    )
    .fault(Fault::Client)
    .explained(format!(
        "{} answered realm {} and its nonce under {sent}. {}",
        facts::count(wrong.len(), "request"),
        facts::quoted(&offered.realm()),
        match is_accepted {
            true => format!("This server took that all the same; one that looks under {due} alone finds nothing there."),
            false => format!("A server that asked in {} reads {due} and finds nothing there.", offered.header.challenge_header()),
        }
    ))
    .excludes("wrong realm or nonce: both are those of the challenge")
    .advises(format!("Let the client send {due}, or let the server challenge with the kind the client answers (VOS3000: SS_AUTHCHALLENGEMODE)"));
    if wrong.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: every digest fits the secret given");
    }
    finding.attempt = facts::lead(session, wrong.iter().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(wrong.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = presented
        .answers
        .and_then(|at| session.challenge(at))
        .map(|(a, _)| facts::challenge_evidence(a))
        .unwrap_or_default();
    finding.evidence.extend(facts::credentials_evidence(attempt, presented));
    if is_accepted {
        finding.severity = Severity::Medium;
    }
    vec![finding]
}
