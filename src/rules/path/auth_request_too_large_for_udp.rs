//! SA602: the request with credentials is too long for a datagram.

use crate::base::Transport;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::rules::path_facts::Size;
use crate::rules::said;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA602",
    name: "auth-request-too-large-for-udp",
    label: "request too large for UDP",
    severity: Severity::Info,
    summary: "A request with credentials is too long for UDP",
    finds: "A request with credentials over UDP that is longer than 1300 bytes or came in fragments. It is high where it was never \
            answered, does not fit one packet, and shorter requests to the same server were answered; medium where it was never \
            answered and would fit one packet of an Ethernet.",
    matters: "Many routers, firewalls and NATs drop fragments. Credentials make the second request longer than the first: the \
              challenge arrives, and its answer never does.",
    advice: "Send long requests over TCP or TLS, as RFC 3261 asks. Offer fewer codecs and candidates. Let the path pass fragments, \
             and let it report its MTU (ICMP).",
    not_this: "A long request that was answered is info: this path lets it through. Where longer ones were answered, length does not \
               explain silence.",
    sources: &["RFC 3261 section 18.1.1", "RFC 3261 section 18.1.2"],
    sample: "invite-retry-too-large",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let is_long = |(_, attempt): &(usize, &Attempt<'_>)| {
        attempt.has_credentials() && path_facts::size(session, attempt) > Size::Small
    };
    let long: Vec<(usize, &Attempt<'_>)> = session.attempts.iter().enumerate().filter(is_long).collect();
    let is_silent = |(index, _): &(usize, &Attempt<'_>)| path_facts::silent_retry(session, context, *index).is_some();
    let silent = facts::lead(session, long.iter().copied().filter(is_silent).map(|(index, _)| index));
    let lead = silent.or_else(|| long.first().map(|(index, _)| *index));
    let Some((index, attempt)) = lead.and_then(|index| Some((index, session.attempts.get(index)?))) else {
        return Vec::new();
    };
    let Some(request) = attempt.request() else { return Vec::new() };
    let size = path_facts::size(session, attempt);
    let is_longest = || largest_answered(session, attempt).is_none_or(|answered| answered < size);
    let explains = silent.is_some() && is_longest() && !facts::is_ping(attempt);
    let key = said::address_key(attempt.transaction.flow().destination.address);
    if let Some(again) = context.said.again(&RULE, &key).filter(|_| !explains) {
        return vec![again];
    }
    let method = attempt.transaction.method.to_string();
    let bytes = request.len_bytes;
    let mut finding = Finding::new(&RULE, format!("{method} with credentials has {bytes} bytes: too long for UDP"))
        .fault(Fault::Client)
        .explained(extent(session, attempt))
        .advises(
            "Let the client send long requests over TCP or TLS, or make them shorter: fewer codecs, fewer candidates",
        )
        .advises("Let firewalls and NATs on the path pass fragments");
    finding.frames = long.iter().filter_map(|(_, attempt)| Some(attempt.request()?.at)).collect();
    finding.subject = facts::subject(session, attempt);
    if !explains {
        // True of the clients of a server, whatever the session.
        finding.subject = facts::server(session, attempt);
        return vec![finding.merged_by(key)];
    }
    finding.explanation.push_str(" It was never answered; shorter requests to the same server were.");
    finding = finding.excludes("wrong password: the server did not refuse anything, it did not answer");
    let (severity, confidence) = match size {
        Size::Fragmented => (Severity::High, Confidence::Likely),
        _ => (Severity::Medium, Confidence::Possible),
    };
    finding = finding.graded(severity, confidence).fault(Fault::Path);
    finding.attempt = Some(index);
    let copies = attempt.transaction.copies().iter().map(|copy| copy.at);
    finding.frames.extend(copies);
    finding.frames.sort_unstable();
    finding.frames.dedup();
    vec![finding]
}

/// The least handy request over UDP that the same server answered in this session.
fn largest_answered(session: &Session<'_>, attempt: &Attempt<'_>) -> Option<Size> {
    let answered = session.attempts.iter().filter(|other| {
        other.transaction.is_same_hop(attempt.transaction)
            && other.transaction.transport == Transport::Udp
            && other.request().is_some()
            && (other.answer().is_some() || other.transaction.has_provisional())
    });
    answered.map(|other| path_facts::size(session, other)).max()
}

fn extent(session: &Session<'_>, attempt: &Attempt<'_>) -> String {
    let Some(request) = attempt.request() else { return String::new() };
    let fragments = session.run.frames_of(request.at).count();
    if fragments > 1 {
        format!(
            "The request in frame {} has {} bytes and was sent in {fragments} fragments; above {} bytes RFC 3261 wants TCP.",
            request.at.number,
            request.len_bytes,
            path_facts::DATAGRAM_BYTES_MAX
        )
    } else {
        format!(
            "The request in frame {} has {} bytes; above {} RFC 3261 wants TCP, unless the path is known to carry more.",
            request.at.number,
            request.len_bytes,
            path_facts::DATAGRAM_BYTES_MAX
        )
    }
}
