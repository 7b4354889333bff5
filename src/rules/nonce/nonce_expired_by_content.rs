//! SA310: the nonce itself says that it had ended.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA310",
    name: "nonce-expired-by-content",
    label: "expired nonce",
    severity: Severity::Info,
    summary: "The nonce was over when it was used, by the time that it holds",
    finds: "Refused credentials whose nonce holds the time when it ends, and that were sent later than that. \
            Kamailio, OpenSIPS before 3.2 and SER write nonces of that kind. It is inferred from the form of the \
            nonce.",
    matters: "It tells how old the nonce was and how long it was good for. Where the newest nonce is over before \
            the client can answer, it is the cause of the loop.",
    advice: "Lengthen the life of nonces on the server (nonce_expire in Kamailio and OpenSIPS), or make the \
            client answer faster.",
    not_this: "Forms that hold no end are not judged: the life of an Asterisk or FreeSWITCH nonce stands in its \
            configuration. Clocks that differ do not matter where the challenge was captured and the nonce holds \
            both its times.",
    sources: &["RFC 7616 section 3.3", "RFC 2617 section 3.2.1"],
    sample: "register-nonce-expired-by-its-own-date",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let expired: Vec<_> = facts::presented(session)
        .filter_map(|(index, attempt, presented)| {
            Some((index, attempt, presented, nonce_facts::expired(context, attempt, presented)?))
        })
        .collect();
    let Some((index, attempt, presented, (format, over))) = expired.first().copied() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let life = match format.life() {
        Some(life) => format!("It was good for {} and", facts::duration_text(life)),
        None => "It".to_owned(),
    };
    let others = match expired.len() - 1 {
        0 => String::new(),
        more => format!(" So had those of {} behind it.", facts::count(more, "request")),
    };
    let over = facts::duration_text(over);
    let mut finding = Finding::new(&RULE, format!("The nonce that {user} used had ended {over} before"))
        .graded(Severity::Info, Confidence::Likely)
        .fault(Fault::Unknown)
        .explained(format!(
            "The nonce of frame {} is one of {}. {life} had ended {over} before it was used, {}.{others}",
            nonce_facts::frame_of(attempt),
            format.stack.name(),
            nonce_facts::INFERRED,
        ))
        .excludes("nodes that do not share their nonces: it was too old for each of them")
        .advises("Lengthen the life of nonces on the server: nonce_expire in Kamailio and OpenSIPS")
        .advises("Or let the client answer faster");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(expired.iter().map(|(_, attempt, _, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}
