//! SA603: of a SIP message only the first fragment is there.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::session::Lost;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA603",
    name: "fragments-incomplete",
    label: "fragments incomplete",
    severity: Severity::Medium,
    summary: "Fragments of a SIP message are missing",
    finds: "A datagram that begins a SIP message of this session, and of which further fragments are missing. It is high where it \
            holds the answer to a challenge, and nobody answered it, or a final answer that its receiver plainly did not get; info where it was answered, for then only the capture lacks them.",
    matters: "A message without its last fragment never reaches the server's SIP stack. Both sides wait: the client for an answer, \
              the server for the request.",
    advice: "Find what drops fragments: routers, firewalls, NAT. Send long requests over TCP or make them shorter. Capture \
             without a port in the filter: later fragments carry no port, and a filter such as port 5060 hides them.",
    not_this: "Fragments of which not even the first was captured show no message: capture-quality counts them.",
    sources: &["RFC 3261 section 18.1.1", "RFC 791 section 3.2"],
    sample: "invite-fragment-lost",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let Some(first) = context.lost.first() else { return Vec::new() };
    let retry = path_facts::lost_retry(session, context);
    let is_response = |lost: &Lost| lost.status.is_some();
    let unanswered =
        context.lost.iter().find(|lost| !is_response(lost) && !path_facts::is_answered(session, context, lost));
    let unheard = context
        .lost
        .iter()
        .find_map(|lost| Some((lost, unheard_by(session, context, lost)?)))
        .filter(|_| retry.is_none());
    let of = unheard.map(|(lost, _)| lost).or(unanswered).unwrap_or(first);
    let (severity, confidence) = match (&retry, unanswered) {
        (Some(retry), _) if retry.is_silence => (Severity::High, Confidence::Likely),
        _ if unheard.is_some() => (Severity::High, Confidence::Likely),
        (_, Some(_)) => (Severity::Medium, Confidence::Possible),
        _ => (Severity::Info, Confidence::Likely),
    };
    let name = match of.status {
        Some(status) => format!("the {status} to {}", of.method),
        None => of.method.to_string(),
    };
    let frames: Vec<_> = context.lost.iter().map(|lost| lost.at).collect();
    let mut finding = Finding::new(&RULE, format!("Only the first fragment of {name} is there"))
        .graded(severity, confidence)
        .fault(Fault::Path)
        .explained(format!(
            "Further fragments of what {} sent to {} in {} are missing.",
            of.flow.source,
            of.flow.destination,
            facts::frames_text(&frames),
        ));
    finding = match (&retry, unanswered) {
        (Some(retry), _) => {
            finding.attempt = Some(retry.index);
            finding.explanation.push_str(" It carries the credentials that the server asked for, and nobody answered it.");
            finding.excludes("wrong password: the server did not refuse anything, it did not answer")
        }
        (None, _) if unheard.is_some() => {
            finding.attempt = unheard.map(|(_, index)| index);
            finding.explanation.push_str(
                " It did not arrive: the client went on to repeat its request, or the server its answer, which nobody acknowledged.",
            );
            finding
        }
        (None, Some(_)) => finding,
        (None, None) => {
            finding.explanation.push_str(" It did arrive, for it was answered or is an answer: the capture alone lacks them.");
            finding.merge = Some(format!("{:?} {:?}", of.flow.source.address, of.flow.destination.address));
            finding
        }
    }
    .advises("Capture again without a port in the filter, for later fragments carry none: \"host A\" and not \"port 5060\"")
    .advises("Where they are really lost, find the firewall, NAT or tunnel that drops fragments, or send the request over TCP");
    finding.subject = Subject {
        client: Some(of.flow.source.address),
        server: Some(of.flow.destination.address),
        user: session.user(),
        ..Subject::default()
    };
    finding.frames = frames;
    vec![finding]
}

/// The attempt whose final answer this is, where the client did not get it.
fn unheard_by(session: &Session<'_>, context: &Context<'_>, lost: &Lost) -> Option<usize> {
    let index = session.attempts.iter().position(|attempt| {
        lost.answers(attempt) && attempt.transaction.flow().source.address == lost.flow.destination.address
    })?;
    session.attempts.get(index).is_some_and(|attempt| lost.is_unheard(attempt, context.lost)).then_some(index)
}
