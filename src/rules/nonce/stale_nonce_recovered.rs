//! SA301: the nonce was too old, the next one was taken.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::AttemptOutcome;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA301",
    name: "stale-nonce-recovered",
    label: "stale nonce recovered",
    severity: Severity::Info,
    summary: "A stale nonce was replaced, and the next attempt was accepted",
    finds: "Credentials answered with stale=true, and the next attempt of the exchange, with the new nonce, accepted.",
    matters: "This is how nonces are meant to end. It costs one round trip and is no failure.",
    advice: "Nothing. Where it happens at every refresh, a longer nonce lifetime saves the round trip.",
    not_this: "A client that never takes the new nonce is old-nonce-reused; one whose every new nonce is stale is stale-loop.",
    sources: &["RFC 7616 section 3.3", "RFC 2617 section 3.2.1"],
    sample: "register-stale-recovered",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let recovered: Vec<_> = session
        .exchanges
        .iter()
        .flat_map(|exchange| exchange.attempts.iter().zip(exchange.attempts.iter().skip(1)))
        .filter_map(|(&first, &next)| Some((session.attempts.get(first)?, session.attempts.get(next)?)))
        .filter(|(first, next)| first.outcome == AttemptOutcome::Stale && next.is_let_past())
        .collect();
    let Some((first, next)) = recovered.first().copied() else { return Vec::new() };
    let mut finding = Finding::new(&RULE, "A stale nonce was replaced and the next attempt accepted")
        .explained(
            "The server called the nonce stale and gave a new one; the client answered with that and was let in. The password was \
             never in doubt.",
        )
        .excludes("wrong password: the next answer was accepted")
        .advises("Nothing; a longer nonce lifetime on the server would save the round trip");
    finding.frames = facts::frames_of_all(recovered.iter().flat_map(|(first, next)| [*first, *next]));
    finding.evidence = facts::challenge_evidence(first);
    vec![facts::about_server(finding, session, next)]
}
