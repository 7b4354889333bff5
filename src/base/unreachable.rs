//! What ICMP says of packets that did not arrive (RFC 792, RFC 4443 §3.1).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Endpoint;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::WireMap;

/// A packet that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Who had sent it to whom.
    pub flow: Flow,
    /// Who says so: the host itself, or a router or firewall on the way.
    pub said_by: IpAddr,
    /// Why.
    pub why: Why,
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The host is there, and nothing listens on that port.
    Port,
    /// There is no way to the host, or it is not there.
    Host,
    /// Somebody does not let it through.
    Prohibited,
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

/// Flows that are told apart. Whoever forges notices makes as many as he likes: later ones are left out, and what is said of silence
/// then is what is said without them.
const FLOWS_MAX: usize = 4096;

/// RFC 3261 §17.1.1.2: so long a client repeats a request.
const REPEATED_FOR: Duration = Duration::from_secs(32);

/// The latest notices that are kept for each pair of hosts.
const BETWEEN_HOSTS_MAX: usize = 32;

/// The latest notice for each flow.
#[derive(Debug, Default)]
pub struct Unreachables {
    flows: WireMap<Flow, ()>,
    /// The latest notices, whatever the ports: an answer goes to the port that the Via names.
    between_hosts: WireMap<(IpAddr, IpAddr), VecDeque<Notice>>,
    refused: u64,
}

impl Unreachables {
    /// Takes a notice.
    pub fn note(&mut self, notice: Notice) {
        if self.flows.len() < FLOWS_MAX || self.flows.contains_key(&notice.what.flow) {
            let Flow { source, destination } = notice.what.flow;
            self.flows.insert(notice.what.flow, ());
            let between = self.between_hosts.entry((source.address, destination.address)).or_default();
            if between.len() >= BETWEEN_HOSTS_MAX {
                between.pop_front();
            }
            between.push_back(notice);
        } else {
            self.refused += 1;
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
        let notices = self.between_hosts.get(&(source.address, destination)).into_iter().flatten();
        notices.filter(move |notice| notice.what.flow.source == source).copied()
    }

    /// How many notices found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FrameNumber;
    use crate::base::InputId;

    #[test]
    fn the_latest_counts_and_flows_are_bounded() {
        let notice = |port: u16, ns: i64| {
            let place = |address: [u8; 4], port| Endpoint { address: address.into(), port };
            let flow = Flow { source: place([192, 0, 2, 1], port), destination: place([192, 0, 2, 2], 5060) };
            let what = Unreachable { flow, said_by: flow.destination.address, why: Why::Port };
            let at = FrameRef { input: InputId(0), number: FrameNumber::FIRST };
            Notice { what, at, time: CaptureTime::from_ns(ns) }
        };
        let mut known = Unreachables::default();
        (0..).take(2 * FLOWS_MAX).for_each(|port: u16| known.note(notice(port, 1)));
        known.note(notice(7, 5));
        assert_eq!((known.flows.len(), known.refused()), (FLOWS_MAX, FLOWS_MAX as u64));
        let time = |ns| CaptureTime::from_ns(ns);
        assert_eq!(known.of(notice(7, 0).what.flow, time(5)), Some(notice(7, 5)));
        assert_eq!(known.of(notice(7, 0).what.flow, time(6)), None);
        assert_eq!(known.of(notice(9000, 0).what.flow, time(0)), None);
    }
}
