//! SA318: the 256th use of a nonce.

use crate::history::Stack;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA318",
    name: "nc-over-server-limit",
    label: "nonce count over the limit",
    severity: Severity::Info,
    summary: "Kamailio counts to 255, and the nonce count is higher",
    finds: "Credentials with a nonce count above 000000ff, refused by a Kamailio that counts: its nonces hold \
            the mark of nonce_count. Where the form of the nonce is not known and Server says Kamailio, it is \
            possible only.",
    matters: "Kamailio keeps the count of a nonce in one byte and says stale to the 256th use. A client that takes \
            the new nonce loses one round trip.",
    advice: "Nothing. A shorter nonce life (nonce_expire) renews nonces before they are used that often.",
    not_this: "nonce_count is off unless configured; a nonce without its mark is refused for another reason.",
    sources: &["RFC 7616 section 3.4", "RFC 7616 section 3.3"],
    sample: "register-nonce-count-256",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let over: Vec<_> = facts::presented(session)
        .filter_map(|(index, attempt, presented)| {
            Some((index, attempt, presented, counts(session, context, attempt, presented)?))
        })
        .collect();
    let Some((index, attempt, presented, confidence)) = over.first().copied() else { return Vec::new() };
    let raw = presented.credentials.nonce_count().map(|count| facts::text(count.raw)).unwrap_or_default();
    let mut finding = Finding::new(
        &RULE,
        format!("Kamailio counts the uses of a nonce to 255, and nc={raw} is beyond"),
    )
    .graded(Severity::Info, confidence)
    .fault(Fault::Server)
    .explained(format!(
        "The credentials in frame {} were refused. Kamailio keeps the count in one byte where nonce_count is on{}.",
        nonce_facts::frame_of(attempt),
        if confidence == Confidence::Likely {
            format!(", and it is: {}", nonce_facts::INFERRED)
        } else {
            String::new()
        }
    ))
    .advises("Nothing, where the client takes the new nonce; a shorter nonce_expire renews it before");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(over.iter().map(|(_, attempt, _, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}

/// How sure it is that a Kamailio which counts refused a count beyond its byte.
fn counts(
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<Confidence> {
    nonce_facts::count_of(presented).filter(|count| *count > nonce_facts::KAMAILIO_COUNT_MAX)?;
    if !presented.is_refused() || nonce_facts::is_wrong(presented) || !attempt.is_own_hop() {
        return None;
    }
    match nonce_facts::format(context, attempt, presented) {
        Some(format) => (format.stack == Stack::Kamailio && format.is_counted).then_some(Confidence::Likely),
        None => {
            let server = session.text(attempt.answer()?.server?).to_ascii_lowercase();
            server.windows(8).any(|word| word == b"kamailio").then_some(Confidence::Possible)
        }
    }
}
