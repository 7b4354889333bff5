//! What ICMP says of packets that did not arrive (RFC 792, RFC 4443 §3.1), and TCP of those that nobody wants an answer to be sent to.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Endpoint;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Transport;
use crate::base::WireMap;
use crate::base::time::TRANSACTION_TIMEOUT;

/// A packet that did not arrive, or did so in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Who had sent it to whom.
    pub flow: Flow,
    /// Who says so: the host itself, or a router or firewall on the way.
    pub said_by: IpAddr,
    /// Why.
    pub why: Why,
}

/// Why nothing comes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The host is there, and nothing listens on that port.
    Port,
    /// There is no way to the host, or it is not there.
    Host,
    /// Somebody does not let it through.
    Prohibited,
    /// It is too large for the way on, and must not be cut.
    TooLarge,
    /// It went round until its hops ran out.
    Expired,
    /// Its receiver got some of its fragments, and gave up waiting for the others.
    Incomplete,
    /// Its receiver closed the TCP connection, and had not answered: by FIN (RFC 9293 §3.6).
    Closed,
    /// The same by RST (RFC 9293 §3.5.2).
    Reset,
    /// Its sender's TCP sent it again and again, and its receiver's acknowledged nothing of it (RFC 9293 §3.8.1).
    Unacknowledged,
    /// Nobody accepts a TCP connection there (RFC 9293 §3.10.7.1).
    Refused,
}

/// When it was said, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What was said.
    pub what: Unreachable,
    /// The frame.
    pub at: FrameRef,
    /// When.
    pub time: CaptureTime,
}

/// Ports that send to a host of which it is remembered what was said. Media make many, and forged sources as many as they like: the
/// oldest makes room.
const SENDERS_MAX: usize = 4096;

/// Connections of which it is remembered that they were ended while something may have been due.
const ENDS_MAX: usize = 65_536;

/// The latest notices that are kept for each of them.
const NOTICES_MAX: usize = 32;

/// So long a client repeats a request.
const REPEATED_FOR: Duration = TRANSACTION_TIMEOUT;

/// Who sends, and to which host: an answer goes to whichever port the Via names.
type Sender = (Endpoint, IpAddr);

impl Why {
    /// Whether a connection was there, and was ended.
    pub fn is_end(self) -> bool {
        matches!(self, Why::Closed | Why::Reset)
    }

    /// Whether the same request would come to nothing again. One that is too large its host sends in parts the next time.
    pub fn is_final(self) -> bool {
        self != Why::TooLarge
    }
}

/// The latest notices by what they are about.
#[derive(Debug)]
struct Latest<K> {
    notices: WireMap<K, VecDeque<Notice>>,
    /// In the order in which they came.
    order: VecDeque<K>,
    keys_max: usize,
    forgotten: u64,
}

impl<K: Copy + Eq + Hash> Latest<K> {
    fn new(keys_max: usize) -> Latest<K> {
        Latest { notices: WireMap::default(), order: VecDeque::new(), keys_max, forgotten: 0 }
    }

    fn note(&mut self, key: K, notice: Notice) {
        if !self.notices.contains_key(&key) {
            self.make_room();
            self.order.push_back(key);
        }
        let notices = self.notices.entry(key).or_default();
        if notices.len() >= NOTICES_MAX {
            notices.pop_front();
        }
        notices.push_back(notice);
    }

    fn make_room(&mut self) {
        while self.order.len() >= self.keys_max {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.notices.remove(&oldest));
            self.forgotten += 1;
        }
    }

    fn of(&self, key: K) -> impl Iterator<Item = Notice> {
        self.notices.get(&key).into_iter().flatten().copied()
    }
}

/// What is known of packets that nothing came of.
#[derive(Debug)]
pub struct Unreachables {
    /// What ICMP says.
    icmp: Latest<Sender>,
    /// Connections that were ended. Apart from the others: most are ended in the end.
    ends: Latest<Flow>,
    /// Connections that were refused, by the two hosts: each try has a port of its own.
    refusals: Latest<(IpAddr, IpAddr)>,
}

impl Default for Unreachables {
    fn default() -> Unreachables {
        Unreachables { icmp: Latest::new(SENDERS_MAX), ends: Latest::new(ENDS_MAX), refusals: Latest::new(SENDERS_MAX) }
    }
}

impl Unreachables {
    /// Takes a notice.
    pub fn note(&mut self, notice: Notice) {
        let flow @ Flow { source, destination } = notice.what.flow;
        match notice.what.why {
            Why::Closed | Why::Reset | Why::Unacknowledged => self.ends.note(flow, notice),
            Why::Refused => self.refusals.note((source.address, destination.address), notice),
            Why::Port | Why::Host | Why::Prohibited | Why::TooLarge | Why::Expired | Why::Incomplete => {
                self.icmp.note((source, destination.address), notice)
            }
        }
    }

    /// The latest notice for what a flow sent at that time, or repeated for as long as a request is.
    pub fn of(&self, flow: Flow, transport: Transport, sent: CaptureTime) -> Option<Notice> {
        let ends = self.ends.of(flow).filter(|_| transport.is_reliable());
        let icmp = self.from_port_to(flow.source, flow.destination.address).filter(|notice| notice.what.flow == flow);
        let of_flow = ends.chain(icmp);
        of_flow.filter(|notice| notice.time >= sent && notice.time.since(sent) <= REPEATED_FOR).last()
    }

    /// What ICMP said of packets that one port sent to a host, in the order in which it came.
    pub fn from_port_to(&self, source: Endpoint, destination: IpAddr) -> impl Iterator<Item = Notice> {
        self.icmp.of((source, destination))
    }

    /// The latest refusal of a TCP connection from one host to another.
    pub fn refused(&self, client: IpAddr, server: IpAddr) -> Option<Notice> {
        self.refusals.of((client, server)).last()
    }

    /// How many senders made room for later ones.
    pub fn forgotten(&self) -> u64 {
        self.icmp.forgotten + self.ends.forgotten + self.refusals.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FrameNumber;
    use crate::base::InputId;

    #[test]
    fn the_latest_counts_and_senders_are_bounded() {
        let notice = |port: u16, ns: i64| {
            let place = |address: [u8; 4], port| Endpoint { address: address.into(), port };
            let flow = Flow { source: place([192, 0, 2, 1], port), destination: place([192, 0, 2, 2], 5060) };
            let what = Unreachable { flow, said_by: flow.destination.address, why: Why::Port };
            let at = FrameRef { input: InputId(0), number: FrameNumber::FIRST };
            Notice { what, at, time: CaptureTime::from_ns(ns) }
        };
        let mut known = Unreachables::default();
        let time = |ns| CaptureTime::from_ns(ns);
        let is_known =
            |known: &Unreachables, port| known.of(notice(port, 0).what.flow, Transport::Udp, time(0)).is_some();
        known.note(notice(5060, 1));
        // Media between the same two hosts are none of its business.
        (0..1000).for_each(|_| known.note(notice(20_000, 2)));
        known.note(notice(5060, 5));
        assert_eq!(known.of(notice(5060, 0).what.flow, Transport::Udp, time(5)), Some(notice(5060, 5)));
        assert_eq!(known.of(notice(5060, 0).what.flow, Transport::Udp, time(6)), None);
        (0..).take(SENDERS_MAX - 1).for_each(|port: u16| known.note(notice(port, 6)));
        assert!(!is_known(&known, 5060) && is_known(&known, 0) && !is_known(&known, 9000));
        assert_eq!(
            (known.icmp.notices.len(), known.icmp.order.len(), known.forgotten()),
            (SENDERS_MAX, SENDERS_MAX, 1)
        );
    }

    #[test]
    fn connections_that_end_push_nothing_else_out() {
        let place = |last: u8, port| Endpoint { address: [192, 0, 2, last].into(), port };
        let notice = |port: u16, why| {
            let flow = Flow { source: place(1, port), destination: place(2, 5060) };
            let what = Unreachable { flow, said_by: flow.destination.address, why };
            let at = FrameRef { input: InputId(0), number: FrameNumber::FIRST };
            Notice { what, at, time: CaptureTime::from_ns(1) }
        };
        let mut known = Unreachables::default();
        known.note(notice(5060, Why::Port));
        (10_000..20_000).for_each(|port| known.note(notice(port, Why::Closed)));
        let of = |port, transport| {
            known
                .of(notice(port, Why::Port).what.flow, transport, CaptureTime::from_ns(0))
                .map(|notice| notice.what.why)
        };
        assert_eq!(of(5060, Transport::Udp), Some(Why::Port));
        assert_eq!((of(10_000, Transport::Tcp), of(10_000, Transport::Udp)), (Some(Why::Closed), None));
        assert_eq!(known.forgotten(), 0);
    }
}
