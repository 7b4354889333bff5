//! SA608: only one direction of the conversation was captured.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA608",
    name: "response-not-seen-one-way",
    label: "one direction only",
    severity: Severity::Info,
    summary: "Only one direction of the conversation was captured",
    finds: "Requests without any response, although the client plainly got one: it acknowledged it, or sent credentials that nobody in \
            the capture asked for, or counted on with one nonce, request after request. Or responses without any request.",
    matters: "Whether anything was answered, or what was sent, cannot be told. Findings about silence are info in such a session.",
    advice: "Capture where both directions pass: on the host itself, or on a span port that copies both ways. With asymmetric \
             routing, capture at both places and merge the files.",
    not_this: "Requests that nobody answered are repeated and not acknowledged: that is no-response-at-all.",
    sources: &["RFC 3261 section 17.1.1.3", "RFC 3261 section 22.2"],
    sample: "invite-no-reply-seen",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    if !session.is_one_way || !session.has_authentication() {
        return Vec::new();
    }
    let Some(first) = session.run.transactions.first() else { return Vec::new() };
    let flow = first.flow();
    let (title, what) = match first.request {
        Some(_) => (
            format!("No response of {} was captured", flow.destination.address),
            "The capture holds requests, which the client goes on to answer as if it had got responses, and no response: what was accepted or \
             refused cannot be told.",
        ),
        None => (
            format!("No request of {} was captured", flow.source.address),
            "The capture holds responses, which tell what was accepted or refused, and none of the requests that they answer: what was sent \
             cannot be told.",
        ),
    };
    let mut finding = Finding::new(&RULE, title)
        .graded(Severity::Info, Confidence::Likely)
        .fault(Fault::Path)
        .explained(what)
        .advises("Capture where both directions pass, or capture each and merge the files");
    finding.subject =
        Subject { client: Some(flow.source.address), server: Some(flow.destination.address), ..Subject::default() };
    finding.merge = Some(format!("{:?}", (first.request.is_some(), flow.source.address, flow.destination.address)));
    finding.frames = facts::frames_of_all(&session.attempts);
    vec![finding]
}
