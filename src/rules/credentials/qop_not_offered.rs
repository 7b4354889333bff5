//! SA236: a qop that the challenge does not offer.

use crate::auth::Name;
use crate::auth::Qop;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA236",
    name: "qop-not-offered",
    label: "qop not offered",
    severity: Severity::Medium,
    summary: "The credentials use a qop that the challenge does not offer",
    finds: "Digest credentials with a qop in answer to a challenge that has none, or whose list holds others only. It \
            is high where the digest is right all the same and was refused, or where the server answered 400 or \
            stale; and where it is a whole list, or no qop that is known, and was refused.",
    matters: "A server that knows only the short digest of RFC 2069 computes another response. One that asked for \
            auth-int wants the body protected.",
    advice: "Let the client mirror the challenge: no qop without one, else one of its list.",
    not_this: "Credentials whose challenge is not in the capture are not judged. A qop that is left out is qop-dropped.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "invite-qop-not-offered",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, _, presented)| {
        credentials_facts::qop_not_offered(session, presented).is_some()
    });
    let Some((_, _, presented)) = rows.first().copied() else { return Vec::new() };
    // No server knows how to check what is no qop at all; one that was not asked for some take.
    let is_unknown = matches!(presented.credentials.qop(), Some(Qop::Unknown(_)));
    let (severity, confidence) = match is_unknown {
        true => credentials_facts::grade_fatal(&rows),
        false => credentials_facts::grade(&rows),
    };
    let is_list = is_unknown && sent_list(presented);
    let sent = credentials_facts::qop_not_offered(session, presented).map(|qop| facts::text(qop.name()));
    let sent = sent.unwrap_or_default();
    let offers = credentials_facts::offers(session, presented).next().map(|offered| offered.challenge.qop());
    let offers: Vec<String> = offers.unwrap_or_default().iter().map(|qop| facts::text(qop.name())).collect();
    let asked = if offers.is_empty() { "none".to_owned() } else { offers.join(", ") };
    let title = match is_list {
        true => format!("The credentials send the whole list {sent} back as their qop"),
        false => format!("The credentials use qop {sent}, the challenge offers {asked}"),
    };
    let finding = Finding::new(&RULE, title)
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The credentials in {} say qop={sent}; the challenge offers {asked}{}. {}",
            credentials_facts::requests_text(&rows),
            if is_list { ", and one of them is to be chosen" } else { "" },
            credentials_facts::outcome_text(&rows)
        ))
        .advises("Let the client mirror the challenge: no qop where none is offered, else one of the list");
    vec![credentials_facts::about(finding, session, &rows)]
}

/// Whether what was sent is a list of known values.
fn sent_list(presented: &Presented<'_>) -> bool {
    let sent = presented.credentials.params.value(Name::Qop).unwrap_or_default();
    Qop::each(&sent).all(|qop| !matches!(qop, Qop::Unknown(_)))
}
