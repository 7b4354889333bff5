//! Between whom the capture lacks something: what seems unsaid there may have been said.

use std::net::IpAddr;

use crate::base::HostPairs;
use crate::base::Transport;

/// What a missing piece is a piece of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceOf {
    /// A fragment of an IP datagram.
    Datagram,
    /// A part of a TCP stream.
    Stream,
}

/// A piece that the capture lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostPiece {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What it is a piece of.
    pub of: PieceOf,
}

/// Who sent to whom what is missing in the capture.
#[derive(Clone, Debug, Default)]
pub struct Missing {
    datagrams: HostPairs,
    streams: HostPairs,
}

impl Missing {
    /// Adds who sent a piece and to whom; says whether that changed anything.
    pub fn insert(&mut self, lost: LostPiece) -> bool {
        let pairs = match lost.of {
            PieceOf::Datagram => &mut self.datagrams,
            PieceOf::Stream => &mut self.streams,
        };
        pairs.insert(lost.source, lost.destination)
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
