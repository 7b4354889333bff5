//! What the rules about the path ask of a session, and how they tell what ICMP and TCP said.

use std::time::Duration;

use crate::base::Endpoint;
use crate::base::FrameRef;
use crate::base::Notice;
use crate::base::Transport;
use crate::base::Unreachable;
use crate::base::Why;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Lost;
use crate::session::Session;
use crate::session::Transaction;
use crate::session::judge::RETRANSMISSIONS_OF_PATIENCE;

/// RFC 3261 §18.1.1: requests above it do not belong in a datagram where nobody knows the path's MTU.
pub const DATAGRAM_BYTES_MAX: u32 = 1300;

/// What is left of an Ethernet frame for the payload of a datagram, over IPv4 and over IPv6.
const ONE_PACKET_BYTES_MAX: [u32; 2] = [1472, 1452];

/// The challenged attempt that a request with credentials answers, where that request was sent to the same server and got no
/// answer of any kind, within the time that an answer may take.
pub fn silent_retry<'s, 'run>(
    session: &'s Session<'run>,
    context: &Context<'_>,
    index: usize,
) -> Option<&'s Attempt<'run>> {
    let attempt = session.attempts.get(index).filter(|attempt| attempt.outcome == AttemptOutcome::NoAnswer)?;
    if attempt.transaction.has_provisional() {
        return None;
    }
    if context.lost.iter().any(|lost| lost.answers(attempt)) {
        return None;
    }
    let answered = attempt.credentials.iter().filter(|presented| presented.is_attempt).find_map(|presented| {
        let (challenged, _) = session.challenge(presented.answers?)?;
        challenged.transaction.is_same_hop(attempt.transaction).then_some(challenged)
    });
    answered.filter(|challenged| challenged.is_challenged() && !was_let_through(session, index, attempt))
}

/// How many attempts back are looked at. Bounds the search in endless sessions.
const BEFORE_MAX: usize = 64;

/// Whether a request with credentials that is no shorter was answered before: then the path lets such requests through.
fn was_let_through(session: &Session<'_>, index: usize, attempt: &Attempt<'_>) -> bool {
    let Some(exchange) = session.exchanges.get(attempt.exchange) else { return false };
    let position = exchange.attempts.partition_point(|other| *other < index);
    let before = exchange.attempts.get(position.saturating_sub(BEFORE_MAX)..position).unwrap_or_default();
    let mut before = before.iter().filter_map(|&other| session.attempts.get(other));
    before.any(|other| {
        other.has_credentials() && other.answer().is_some() && size(session, other) >= size(session, attempt)
    })
}

/// Requests with credentials of which only first fragments were captured, which answer a challenge of the session, and the
/// attempt that was challenged. Nobody answered them.
#[derive(Debug)]
pub struct LostRetry<'s, 'run> {
    /// The index of the challenged attempt.
    pub index: usize,
    /// That attempt.
    pub challenged: &'s Attempt<'run>,
    /// The fragments' frames, in order: the request, and its repetitions.
    pub frames: Vec<FrameRef>,
    /// Whether it was repeated often enough, or the capture goes on for long enough, for silence to be an answer.
    pub is_silence: bool,
}

/// The requests with credentials that nobody answered and of which only first fragments were captured.
pub fn lost_retry<'s, 'run>(session: &'s Session<'run>, context: &Context<'_>) -> Option<LostRetry<'s, 'run>> {
    if context.lost.is_empty() {
        return None;
    }
    let mut challenged = session.attempts.iter().enumerate().rev().filter(|(_, attempt)| {
        matches!(attempt.outcome, AttemptOutcome::Challenged | AttemptOutcome::Stale) && attempt.has_challenge()
    });
    let (index, attempt, first) = challenged.find_map(|(index, attempt)| {
        let first = context.lost.iter().find(|lost| lost.retries(attempt))?;
        Some((index, attempt, first))
    })?;
    if is_answered(session, context, first) {
        return None;
    }
    let same = context.lost.iter().filter(|lost| lost.retries(attempt) && lost.cseq == first.cseq);
    let mut frames: Vec<FrameRef> = same.map(|lost| lost.at).collect();
    frames.sort_unstable();
    let waited = first.time.map(|time| context.goes_on_behind(time)).unwrap_or_default();
    let is_silence = frames.len() > RETRANSMISSIONS_OF_PATIENCE || waited >= TRANSACTION_TIMEOUT;
    Some(LostRetry { index, challenged: attempt, frames, is_silence })
}

/// Whether a request of which only the first fragment was captured got an answer all the same.
pub fn is_answered(session: &Session<'_>, context: &Context<'_>, lost: &Lost) -> bool {
    let is_same = |method: &crate::sip::Method, cseq: Option<u32>| *method == lost.method && cseq == lost.cseq;
    let seen = session.run.transactions.iter().any(|known| {
        is_same(&known.method, known.cseq)
            && known.flow().source.address == lost.flow.source.address
            && (known.answer.is_some() || known.has_provisional() || known.request.is_some())
    });
    seen || context.lost.iter().any(|other| other.status.is_some() && is_same(&other.method, other.cseq))
}

/// How well a request fits into packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// Into one, on any path.
    Small,
    /// Longer than RFC 3261 §18.1.1 allows where nobody knows the path.
    Long,
    /// In fragments, or too long for one packet of an Ethernet.
    Fragmented,
}

/// The size of a request over UDP; small over TCP.
pub fn size(session: &Session<'_>, attempt: &Attempt<'_>) -> Size {
    let Some(request) = attempt.request().filter(|_| attempt.transaction.transport == Transport::Udp) else {
        return Size::Small;
    };
    if request.len_bytes <= DATAGRAM_BYTES_MAX && !is_fragmented(session, attempt) {
        return Size::Small;
    }
    let [v4, v6] = ONE_PACKET_BYTES_MAX;
    let fits = if attempt.transaction.flow().source.address.is_ipv6() { v6 } else { v4 };
    if request.len_bytes > fits || is_fragmented(session, attempt) { Size::Fragmented } else { Size::Long }
}

/// Whether a request was seen in several frames.
pub fn is_fragmented(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    attempt.transaction.transport == Transport::Udp
        && attempt.request().is_some_and(|request| session.run.frames_of(request.at).nth(1).is_some())
}

/// What ICMP or TCP said of a request.
pub fn notice_of(attempt: &Attempt<'_>, context: &Context<'_>) -> Option<Notice> {
    let (flow, transport) = (attempt.transaction.flow(), attempt.transaction.transport);
    attempt.request().and_then(|request| context.unreachable.of(flow, transport, request.time))
}

/// An ICMP message follows at once.
const BOUNCES_WITHIN: Duration = Duration::from_millis(500);

/// What ICMP or TCP said of an answer: that it did not come to the client.
pub fn notice_of_answer(attempt: &Attempt<'_>, context: &Context<'_>) -> Option<Notice> {
    let flow = attempt.transaction.flow();
    let sent = attempt.answer()?.time;
    let resent = context.unreachable.of(flow.reversed(), attempt.transaction.transport, sent);
    let resent = resent.filter(|notice| notice.what.why == Why::Unacknowledged);
    let mut notices = context.unreachable.from_port_to(flow.destination, flow.source.address);
    resent.or_else(|| {
        notices.find(|notice| {
            // To the port of the request for as long as it is repeated; to another one, which the Via may name, there and then.
            let is_same_port = notice.what.flow.destination == flow.source;
            let within = if is_same_port { TRANSACTION_TIMEOUT } else { BOUNCES_WITHIN };
            notice.time >= sent && notice.time.since(sent) <= within
        })
    })
}

/// Connections that carry short messages and not long ones are mostly so for this.
const DROPS_SEGMENTS: &str = "Find what on the way drops these packets: where short ones go through, a smaller MTU (tunnel, PPPoE) without \
     ICMP or MSS clamping; else a firewall or a lost route";

/// Says of an answer that it did not come to the client, who says so, and what to look at.
pub fn tell_bounced(attempt: &Attempt<'_>, notice: Notice, mut finding: Finding) -> Finding {
    let Notice { what: Unreachable { flow, said_by, why }, at, .. } = notice;
    let status = attempt.status().unwrap_or_default();
    let client = flow.destination;
    let (fault, words, advice) = match why {
        Why::Port if said_by == client.address => (
            Fault::Client,
            format!("The client's own host says that nothing listens on port {} (ICMP port unreachable", client.port),
            "See whether the client still runs, and on which port it waits for answers: the Via of its request and NAT decide where they go"
                .to_owned(),
        ),
        Why::Prohibited => (
            Fault::Path,
            format!("{said_by} says that it does not let the answer through (ICMP administratively prohibited"),
            format!("Let {said_by} pass what {} sends to {client}", flow.source.address),
        ),
        Why::Unacknowledged => (
            Fault::Path,
            format!(
                "TCP sent its bytes again and again, and {client} had acknowledged none of them by then (TCP retransmission"
            ),
            DROPS_SEGMENTS.to_owned(),
        ),
        _ => (
            Fault::Path,
            format!("{said_by} says that the answer does not arrive (ICMP unreachable"),
            format!("See why {said_by} has no way to {client}: NAT, routes, and whether the host is up"),
        ),
    };
    finding.explanation.push_str(&format!(" {words}, frame {}): the {status} did not come to the client.", at.number));
    finding.frames.push(at);
    finding.advises(advice).fault(fault)
}

/// Says what ICMP or TCP told the client of a request that nobody answered: then it is known where it ended.
pub fn tell_unreachable(attempt: &Attempt<'_>, context: &Context<'_>, mut finding: Finding) -> Finding {
    let notice = notice_of(attempt, context);
    let Some(Notice { what: Unreachable { said_by, why, .. }, at, .. }) = notice else { return finding };
    let flow = attempt.transaction.flow();
    let server = flow.destination;
    let is_host = said_by == server.address;
    let (fault, words, advice) = match why {
        Why::Port if is_host => (
            Fault::Server,
            format!("The host itself says that nothing listens on port {} (ICMP port unreachable", server.port),
            format!(
                "Start the service on {server}, let it listen on that port, or correct address and port on the client"
            ),
        ),
        Why::Prohibited => (
            Fault::Path,
            format!("{said_by} says that it does not let the request through (ICMP administratively prohibited"),
            format!("Let {said_by} pass requests from {} to {server}", flow.source.address),
        ),
        Why::Port | Why::Host | Why::Refused => (
            Fault::Path,
            format!("{said_by} says that the request does not arrive (ICMP unreachable"),
            format!("See why {said_by} has no way to {server}: routes, address, and whether the host is up"),
        ),
        Why::TooLarge => (
            Fault::Path,
            format!(
                "{said_by} says that the request is too large for the way on, and must not be cut (ICMP fragmentation needed"
            ),
            format!(
                "Let {} take its MTU from that: no firewall may drop ICMP; or send the request over TCP, or shorter",
                flow.source.address
            ),
        ),
        Why::Expired => (
            Fault::Path,
            format!("{said_by} says that the request went round until its hops ran out (ICMP time exceeded"),
            format!("See the routes to {server}: routers send it in a circle"),
        ),
        Why::Incomplete => (
            Fault::Path,
            format!("{said_by} got some fragments of the request and not all (ICMP fragment reassembly time exceeded"),
            "Find what drops fragments between the two, or send the request over TCP, or shorter".to_owned(),
        ),
        Why::Unacknowledged => (
            Fault::Path,
            format!(
                "TCP sent its bytes again and again, and {server} had acknowledged none of them by then (TCP retransmission"
            ),
            DROPS_SEGMENTS.to_owned(),
        ),
        Why::Closed => (Fault::Server, format!("{server} closed the connection behind it (TCP FIN"), ended(server)),
        Why::Reset => (
            Fault::Server,
            format!("{server}, or a firewall in its name, reset the connection behind it (TCP RST"),
            ended(server),
        ),
    };
    finding.explanation.push_str(&format!(" {words}, frame {}).", at.number));
    if why.is_end() || why == Why::Unacknowledged || why == Why::Port && is_host {
        // It is known what is the matter.
        finding.remedy.clear();
    }
    finding.remedy.insert(0, advice.into());
    finding.frames.push(at);
    finding.frames.sort_unstable();
    finding.fault(fault)
}

/// The refusal of a TCP connection that the client tried to open behind an answer over UDP: a request that is too long for a datagram goes
/// over TCP (RFC 3261 §18.1.1), and with credentials it is longer.
pub fn refused_connection(attempt: &Attempt<'_>, context: &Context<'_>) -> Option<Notice> {
    let transaction = attempt.transaction;
    let answered = attempt.answer().filter(|_| transaction.transport == Transport::Udp)?.time;
    let notice =
        context.unreachable.refused(transaction.flow().source.address, transaction.flow().destination.address)?;
    (notice.time >= answered && notice.time.since(answered) <= TRANSACTION_TIMEOUT).then_some(notice)
}

/// What to do where a server ends the connection instead of answering.
fn ended(server: Endpoint) -> String {
    format!(
        "Look into the log of {server} for that moment: a ban (fail2ban), an access list, a limit of connections, a message that it cannot \
         read and a restart end connections like this"
    )
}

/// An answer from where a request went, while it was repeated, that fits no request of the capture: its branch or its CSeq is that of the
/// request, and the other one is not.
pub fn unfit_answer<'s>(session: &'s Session<'_>, attempt: &Attempt<'_>) -> Option<&'s Transaction> {
    session
        .run
        .transactions
        .iter()
        .take(UNFIT_WITHIN)
        .find(|other| is_unfit_answer(session, attempt.transaction, other))
}

/// Whether an attempt is such an answer to one of the session's requests.
pub fn is_unfit(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let mut others = session.run.transactions.iter().take(UNFIT_WITHIN);
    attempt.request().is_none() && others.any(|known| is_unfit_answer(session, known, attempt.transaction))
}

/// Transactions that are looked at for one of the other kind. Bounds the search in endless sessions.
const UNFIT_WITHIN: usize = 64;

fn is_unfit_answer(session: &Session<'_>, known: &Transaction, other: &Transaction) -> bool {
    let branch = |one: &Transaction| one.branch.map(|branch| session.text(branch));
    let is_silent = known.request.is_some() && known.answer.is_none() && known.retransmissions() > 0;
    let is_in_time = other.answer.as_ref().zip(known.started()).is_some_and(|(answer, started)| {
        answer.time >= started && answer.time.since(known.last_sent()) <= TRANSACTION_TIMEOUT
    });
    is_silent
        && other.request.is_none()
        && (&other.method, other.flow()) == (&known.method, known.flow())
        && (other.cseq == known.cseq) != (branch(other) == branch(known))
        && is_in_time
}
