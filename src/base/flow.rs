//! Who sent to whom, and over what.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

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
