//! SA223: the challenge asks for a qop and the credentials have none.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA223",
    name: "qop-dropped",
    label: "qop dropped",
    severity: Severity::Medium,
    summary: "The challenge offers a qop, and the credentials have none",
    finds: "Digest credentials without qop in answer to a challenge that offers one. It is high where the digest is \
            right all the same and was refused, or where the server answered 400 or stale.",
    matters: "Without qop the digest is the short one of RFC 2069, open to replay. Some servers still take it, others \
            refuse it and say nothing more.",
    advice: "Update the client, or switch on qop=auth there. To keep an old client, let the server challenge without \
            qop on a line of its own.",
    not_this: "A challenge without qop is qop-missing-in-challenge. A digest that is wrong is told by \
            digest-wrong-password: this one is possible then.",
    sources: &["RFC 3261 section 22.4", "RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-qop-dropped",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, _, presented)| credentials_facts::drops_qop(session, presented));
    let Some((_, _, presented)) = rows.first().copied() else { return Vec::new() };
    let (severity, confidence) = credentials_facts::grade(&rows);
    let offers = credentials_facts::offers(session, presented).next().map(|offered| offered.challenge.qop());
    let offers: Vec<String> = offers.unwrap_or_default().iter().map(|qop| facts::text(qop.name())).collect();
    let finding =
        Finding::new(&RULE, format!("The challenge offers qop {}, the credentials have none", offers.join(", ")))
            .graded(severity, confidence)
            .fault(Fault::Client)
            .explained(format!(
                "The credentials in {} are in the short form of RFC 2069. {}",
                credentials_facts::requests_text(&rows),
                credentials_facts::outcome_text(&rows)
            ))
            .advises("Let the client answer a qop with that qop, a cnonce and a nonce count");
    vec![credentials_facts::about(finding, session, &rows)]
}
