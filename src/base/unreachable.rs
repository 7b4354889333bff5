//! What ICMP says of packets that did not arrive (RFC 792, RFC 4443 §3.1), and TCP of those that nobody wants an answer to be sent to.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Endpoint;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::WireMap;

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
    /// Its receiver closed the TCP connection, and had not answered: by FIN (RFC 9293 §3.6).
    Closed,
    /// The same by RST (RFC 9293 §3.5.2).
    Reset,
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

/// The latest notices that are kept for each of them.
const NOTICES_MAX: usize = 32;

/// RFC 3261 §17.1.1.2: so long a client repeats a request.
const REPEATED_FOR: Duration = Duration::from_secs(32);

/// Who sends, and to which host: an answer goes to whichever port the Via names.
type Sender = (Endpoint, IpAddr);

impl Why {
    /// Whether a connection was there, and was ended.
    pub fn is_end(self) -> bool {
        matches!(self, Why::Closed | Why::Reset)
    }
}

/// The latest notices for each port that sends to a host.
#[derive(Debug, Default)]
pub struct Unreachables {
    notices: WireMap<Sender, VecDeque<Notice>>,
    /// In the order in which they came.
    senders: VecDeque<Sender>,
    /// The latest refusal of a connection between two hosts: each try has a port of its own.
    refusals: WireMap<(IpAddr, IpAddr), Notice>,
    forgotten: u64,
}

impl Unreachables {
    /// Takes a notice.
    pub fn note(&mut self, notice: Notice) {
        let Flow { source, destination } = notice.what.flow;
        if notice.what.why == Why::Refused {
            let hosts = (source.address, destination.address);
            if self.refusals.len() < SENDERS_MAX || self.refusals.contains_key(&hosts) {
                self.refusals.insert(hosts, notice);
            } else {
                self.forgotten += 1;
            }
            return;
        }
        let sender = (source, destination.address);
        if !self.notices.contains_key(&sender) {
            self.make_room();
            self.senders.push_back(sender);
        }
        let notices = self.notices.entry(sender).or_default();
        if notices.len() >= NOTICES_MAX {
            notices.pop_front();
        }
        notices.push_back(notice);
    }

    fn make_room(&mut self) {
        while self.senders.len() >= SENDERS_MAX {
            let oldest = self.senders.pop_front();
            oldest.map(|oldest| self.notices.remove(&oldest));
            self.forgotten += 1;
        }
    }

    /// The latest notice for what a flow sent at that time, or repeated for as long as a request is.
    pub fn of(&self, flow: Flow, sent: CaptureTime) -> Option<Notice> {
        let of_flow =
            self.from_port_to(flow.source, flow.destination.address).filter(|notice| notice.what.flow == flow);
        of_flow.filter(|notice| notice.time >= sent && notice.time.since(sent) <= REPEATED_FOR).last()
    }

    /// The notices that are remembered for what one port sent to a host, in the order in which they came.
    pub fn from_port_to(&self, source: Endpoint, destination: IpAddr) -> impl Iterator<Item = Notice> {
        self.notices.get(&(source, destination)).into_iter().flatten().copied()
    }

    /// The latest refusal of a TCP connection from one host to another.
    pub fn refused(&self, client: IpAddr, server: IpAddr) -> Option<Notice> {
        self.refusals.get(&(client, server)).copied()
    }

    /// How many senders made room for later ones.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
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
        let is_known = |known: &Unreachables, port| known.of(notice(port, 0).what.flow, time(0)).is_some();
        known.note(notice(5060, 1));
        // Media between the same two hosts are none of its business.
        (0..1000).for_each(|_| known.note(notice(20_000, 2)));
        known.note(notice(5060, 5));
        assert_eq!(known.of(notice(5060, 0).what.flow, time(5)), Some(notice(5060, 5)));
        assert_eq!(known.of(notice(5060, 0).what.flow, time(6)), None);
        (0..).take(SENDERS_MAX - 1).for_each(|port: u16| known.note(notice(port, 6)));
        assert!(!is_known(&known, 5060) && is_known(&known, 0) && !is_known(&known, 9000));
        assert_eq!((known.notices.len(), known.senders.len(), known.forgotten()), (SENDERS_MAX, SENDERS_MAX, 1));
    }
}
