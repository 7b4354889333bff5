//! Who sent to whom, and over what.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Deserialize;
use serde::Serialize;

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// IPv4 or IPv6 address.
    pub address: IpAddr,
    /// UDP or TCP port.
    pub port: u16,
}

/// `192.0.2.1:5060`, `[2001:db8::1]:5060`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// One direction between two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// The sender.
    pub source: Endpoint,
    /// The receiver.
    pub destination: Endpoint,
}

impl Flow {
    /// The same conversation, seen from the other side.
    #[must_use]
    pub fn reversed(self) -> Flow {
        Flow { source: self.destination, destination: self.source }
    }
}

/// A flow in 16 bytes where it is one of IPv4, for those that are kept by the hundred thousand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PackedFlow {
    /// Source and destination.
    V4([(Ipv4Addr, u16); 2]),
    /// Any other.
    Other(Box<Flow>),
}

impl From<Flow> for PackedFlow {
    fn from(flow: Flow) -> PackedFlow {
        match (flow.source.address, flow.destination.address) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                PackedFlow::V4([(source, flow.source.port), (destination, flow.destination.port)])
            }
            _ => PackedFlow::Other(Box::new(flow)),
        }
    }
}

impl From<&PackedFlow> for Flow {
    fn from(packed: &PackedFlow) -> Flow {
        let endpoint = |(address, port)| Endpoint { address: IpAddr::V4(address), port };
        match packed {
            PackedFlow::V4([source, destination]) => {
                Flow { source: endpoint(*source), destination: endpoint(*destination) }
            }
            PackedFlow::Other(flow) => **flow,
        }
    }
}

/// What carried a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A byte stream.
    Tcp,
    /// A stream of messages (RFC 4168).
    Sctp,
    /// TLS, decrypted with keys of its own connection (RFC 8446, RFC 5246).
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket within TLS.
    Wss,
}

impl Transport {
    /// `udp`, `tcp`, `sctp`, `tls`, `ws` or `wss`, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Sctp => "sctp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }

    /// Whether what is lost is sent again below SIP.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// Whether whoever sees the packets needs a key to read them.
    pub fn is_encrypted(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_flows_are_the_flows_that_were_packed() {
        let endpoint = |text: &str| {
            let address: SocketAddr = text.parse().unwrap();
            Endpoint { address: address.ip(), port: address.port() }
        };
        for (from, to) in [("192.0.2.1:5060", "198.51.100.7:65535"), ("[2001:db8::1]:5060", "[::ffff:192.0.2.1]:0")] {
            let flow = Flow { source: endpoint(from), destination: endpoint(to) };
            assert_eq!(Flow::from(&PackedFlow::from(flow)), flow);
        }
        assert_eq!(size_of::<PackedFlow>(), 16);
    }
}
