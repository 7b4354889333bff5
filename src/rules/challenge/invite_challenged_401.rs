//! SA120: an INVITE, or another request that is no REGISTER, answered 401.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::rules::said;
use crate::session::Attempt;
use crate::session::HeaderKind;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA120",
    name: "invite-challenged-401",
    label: "INVITE challenged with 401",
    severity: Severity::Info,
    summary: "An INVITE, or another request but REGISTER, was challenged with 401",
    finds: "A request other than REGISTER answered 401 with WWW-Authenticate.",
    matters: "Legal where the server is the end of the call: a PBX, a B2BUA, a phone. Asterisk does it always. Callers that expect \
              407, as many gateways and softswitches do, may not answer.",
    advice: "Nothing, where the calls go through. Where the client falls silent and the server can choose, try 407, or both kinds at \
             once (VOS3000: SS_AUTHCHALLENGEMODE 2 or 3).",
    not_this: "A REGISTER is challenged with 401 as a rule. A proxy that sends 401 is proxy-sent-401.",
    sources: &["RFC 3261 section 21.4.2", "RFC 3261 section 22.2"],
    sample: "invite-401-ok-asterisk",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let asked = || session.attempts.iter().filter(|attempt| is_asked(attempt));
    let Some(attempt) = asked().find(|attempt| attempt.transaction.method == Method::Invite).or(asked().next()) else {
        return Vec::new();
    };
    let method = attempt.transaction.method.to_string();
    // A proxy passes on what the one behind it asks for.
    let server = relay_facts::asker(session, attempt);
    let mut finding = Finding::new(&RULE, format!("{method} is challenged with 401 in place of 407"))
        .fault(Fault::Server)
        .explained(format!(
            "{server} answers {method} with 401 and WWW-Authenticate. That is legal for who answers the request himself, as Asterisk and other B2BUAs do; a proxy uses 407."
        ))
        .advises("Nothing, where clients get through; else let the server ask with 407, or with both (VOS3000: SS_AUTHCHALLENGEMODE 2 or 3)");
    finding.frames = facts::frames_of_all(asked());
    finding.evidence = facts::challenge_evidence(attempt);
    finding.subject = Subject { server: Some(server), ..facts::server(session, attempt) };
    let key = format!("{} {method}", said::server_key(&finding.subject));
    vec![finding.merged_by(key)]
}

fn is_asked(attempt: &Attempt<'_>) -> bool {
    attempt.status() == Some(401)
        && attempt.transaction.method != Method::Register
        && attempt.challenges.iter().any(|offered| offered.header == HeaderKind::Www)
}
