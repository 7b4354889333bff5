//! SA604: asked over UDP, answered over TCP, or the other way round.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::recovery;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA604",
    name: "transport-switched",
    label: "transport switched",
    severity: Severity::Info,
    summary: "The credentials came over another transport than the challenge",
    finds: "A challenge that came over UDP and is answered over TCP, or the other way round. It is medium where the request with \
            credentials was refused or never answered, and a wrong digest does not explain it.",
    matters: "Clients change to TCP when the credentials make a request too long for UDP. A server that ties nonces to the address and \
              port they were issued to refuses them, and a server that does not listen on TCP never answers.",
    advice: "Let the client use TCP from the first request on. Check that the server listens on both, and does not tie nonces to \
             the source.",
    not_this: "A change that worked is info: RFC 3261 asks for it where a request is too long.",
    sources: &["RFC 3261 section 18.1.1"],
    sample: "invite-401-ok-asterisk",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let switched =
        || facts::presented(session).filter(|(_, attempt, presented)| asked(session, attempt, presented).is_some());
    let failed = switched().find(|(index, attempt, presented)| {
        has_failed(attempt, presented) && !recovery::has_recovered(session, *index) && !facts::is_ping(attempt)
    });
    let Some((index, attempt, presented)) = failed.or_else(|| switched().next()) else { return Vec::new() };
    let Some(challenged) = asked(session, attempt, presented) else { return Vec::new() };
    let (from, to) = (challenged.transaction.transport.name(), attempt.transaction.transport.name());
    let (from, to) = (from.to_ascii_uppercase(), to.to_ascii_uppercase());
    let method = attempt.transaction.method.to_string();
    let mut finding = Finding::new(&RULE, format!("{method} was challenged over {from} and answered over {to}"))
        .explained(format!(
            "The challenge came to {} over {from}, the credentials from {} over {to}.",
            challenged.transaction.flow().source,
            attempt.transaction.flow().source,
        ))
        .advises(format!(
            "Let the client use {to} from the first request on, or keep requests short enough for {from}"
        ));
    if failed.is_some() {
        finding = finding
            .graded(Severity::Medium, Confidence::Possible)
            .advises("Check that the server listens on both transports, and does not tie a nonce to the address it was issued to");
        let ending = match presented.judgement {
            Judgement::None => "It was never answered: the server may not listen there.",
            _ => "They were refused: a server that ties its nonces to the source does that.",
        };
        finding.explanation = format!("{} {ending}", finding.explanation);
        finding.attempt = Some(index);
    }
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([challenged, attempt]);
    vec![finding]
}

/// The attempt whose challenge these credentials answer over another transport.
fn asked<'s, 'run>(
    session: &'s Session<'run>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<&'s Attempt<'run>> {
    let (challenged, _) = session.challenge(presented.answers?)?;
    let is_switched = challenged.transaction.transport != attempt.transaction.transport
        && challenged.transaction.is_same_hop(attempt.transaction);
    is_switched.then_some(challenged)
}

fn has_failed(attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_turned_away = presented.is_refused() || presented.judgement == Judgement::Forbidden;
    (is_turned_away && presented.verdict() != Some(Verdict::Mismatch)) || attempt.outcome == AttemptOutcome::NoAnswer
}
