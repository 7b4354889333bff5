//! Between whom the capture lacks something: what seems unsaid there may have been said.

use std::net::IpAddr;

use crate::base::HostPairs;
use crate::base::Transport;

/// Who sent to whom what is missing in the capture.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    datagrams: HostPairs,
    streams: HostPairs,
}

impl Missing {
    /// Adds a pair: of fragments of datagrams, or of parts of TCP streams; says whether that changed anything.
    pub fn insert(&mut self, source: IpAddr, destination: IpAddr, is_stream: bool) -> bool {
        let pairs = if is_stream { &mut self.streams } else { &mut self.datagrams };
        pairs.insert(source, destination)
    }

    /// Whether what is missing lies between more hosts than are told apart: then it may be between any two.
    pub fn is_everywhere(&self, transport: Transport) -> bool {
        if transport.is_reliable() { self.streams.is_full() } else { self.datagrams.is_full() }
    }

    /// Whether something is missing that went from one to the other over that kind of transport.
    pub fn holds(&self, source: IpAddr, destination: IpAddr, transport: Transport) -> bool {
        let pairs = if transport.is_reliable() { &self.streams } else { &self.datagrams };
        pairs.holds(source, destination)
    }
}
