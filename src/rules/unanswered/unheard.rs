//! The challenge went its way, and the client did not hear it, or not in time.

use crate::base::time::TRANSACTION_TIMEOUT;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::challenge_form::OddForm;
use crate::rules::facts;
use crate::rules::unanswered::NOTHING_SENT;
use crate::session::Answer;
use crate::session::Attempt;

/// A client that has an answer does not repeat its request.
pub(super) fn explain_unheard(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let transaction = attempt.transaction;
    let since = attempt.answer().map(|answer| transaction.last_sent().since(answer.time)).unwrap_or_default();
    finding.explanation.push_str(&format!(
        " The client went on to repeat the very request for {}, which was sent {} times in all: the challenge never came to it, or it \
         could not tell which request that answers.",
        facts::duration_text(since),
        transaction.retransmissions() + 1,
    ));
    finding.frames.extend(transaction.resent());
    if !attempt.has_credentials() {
        finding = finding.excludes(NOTHING_SENT);
    }
    way_back(finding, attempt)
}

/// What to do where answers do not come to the client.
pub fn way_back(finding: Finding, attempt: &Attempt<'_>) -> Finding {
    if let Some(port) = attempt.transaction.listens_at() {
        return explain_port(finding, attempt, port);
    }
    let what = if attempt.is_challenged() { "challenge" } else { "answer" };
    finding.advises("Look at the way back to the client: NAT, rport, firewall, the address in Via").advises(format!(
        "Capture at the client: where the {what} arrives there, compare its Via branch and CSeq with the request's"
    ))
}

/// The answer went to the port that the client sends from, and it listens at another one.
fn explain_port(mut finding: Finding, attempt: &Attempt<'_>, port: u16) -> Finding {
    let (client, server) = (attempt.transaction.flow().source, attempt.transaction.flow().destination);
    let went_to = attempt.answer().and_then(Answer::other_way).map_or(client, |way| way.destination);
    if went_to.port == port {
        return finding.advises("Look at the way back to the client: firewall, NAT");
    }
    finding.explanation.push_str(&format!(
        " It sends from port {}, and its Via wants answers at port {port} of the same address, without rport; the answer went to port {} \
         all the same (RFC 3261 section 18.2.2 has it go to the Via's).",
        client.port, went_to.port,
    ));
    finding
        .fault(Fault::Server)
        .advises(format!(
            "Let {server} answer {} at the port of its Via: no forced rport for it (Asterisk: nat=no, force_rport=no; Kamailio: no \
             force_rport())",
            client.address
        ))
        .advises("Or let the client send from the port at which it listens, or ask for rport (Cisco phones: nat_enable)")
}

/// The client that repeats its request may have dropped what it could not read.
pub fn explain_unread(mut finding: Finding, form: OddForm) -> Finding {
    finding.explanation.push_str(&form.said());
    finding.cause = Some(form.name());
    finding.confidence = Confidence::Possible;
    finding.remedy.insert(0, form.advice().into());
    finding.fault(Fault::Unknown)
}

/// The challenge came from somewhere else than the request went to, or went somewhere else than it came from. A client that repeats its
/// request shows that this is why; one that does not may have got the challenge all the same.
pub(super) fn tell_other_way(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let Some(way) = attempt.answer().and_then(Answer::other_way) else { return finding };
    let asked = attempt.transaction.flow();
    if way.source != asked.destination {
        finding.explanation.push_str(&format!(
            " The challenge came from {}, but the request had gone to {}: NAT and firewalls drop such an answer, and some clients ignore it.",
            way.source, asked.destination
        ));
        finding.remedy.insert(0, "Let the server answer from the address and port at which it was asked".into());
    }
    if way.destination != asked.source {
        finding.explanation.push_str(&format!(
            " The challenge went to {}, but the request had come from {}: behind NAT, only what goes back there reaches the client.",
            way.destination, asked.source
        ));
        finding.remedy.insert(0, "Let the server answer to where the request came from (rport, RFC 3581), or the client listen at the port that its Via names".into());
    }
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding
}

/// A client that waits no longer does not hear what it is asked.
pub(super) fn explain_late(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let took = attempt.answer().zip(attempt.request()).map(|(answer, request)| answer.time.since(request.time));
    finding.explanation.push_str(&format!(
        " That answer came {} after the request: a client waits no longer than {} s (RFC 3261 section 17.1) and may have given up.",
        facts::duration_text(took.unwrap_or_default()),
        TRANSACTION_TIMEOUT.as_secs(),
    ));
    if !attempt.has_credentials() {
        finding = finding.excludes(NOTHING_SENT);
    }
    let server = attempt.transaction.flow().destination;
    finding.fault(Fault::Server).advises(format!(
        "See why {server} takes that long to ask for credentials: its own load, a database or DNS behind it, or the way there and back"
    ))
}

/// What credentials add to a request, about.
const CREDENTIALS_BYTES: u32 = 250;

/// RFC 3261 §18.1.1: where the path's MTU is not known, longer requests may not arrive.
const LENGTH_OF_CONCERN: u32 = 1300;

/// A capture at the server does not hold an answer that the path has lost, and long ones are lost first.
pub(super) fn doubt_length(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let Some(request) = attempt.request() else { return finding };
    if attempt.has_credentials() || request.len_bytes.saturating_add(CREDENTIALS_BYTES) < LENGTH_OF_CONCERN {
        return finding;
    }
    finding.explanation.push_str(&format!(
        " The request has {} bytes, and some {CREDENTIALS_BYTES} more with credentials: where this was captured at the server, the path may have \
         lost what is longer than it takes.",
        request.len_bytes
    ));
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding.advises(
        "Capture at the client, too: where it does answer, look for a small MTU on the way, or shorten the request",
    )
}
