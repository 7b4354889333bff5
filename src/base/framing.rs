//! How a byte stream is cut into messages: what the transport room asks, and what the protocol above answers.

use crate::base::Limits;
use crate::base::SetAside;

/// What the bytes of a stream begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStart {
    /// The first byte ever sent: the handshake was seen.
    Opened,
    /// Somewhere in the middle.
    Joined,
    /// Perhaps something else: somebody has told that messages come behind it.
    Told,
}

/// How Content-Length, which ends a message in a stream (RFC 3261 §18.3), was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentLength {
    /// Not needed: a datagram ends where it ends.
    #[default]
    Unneeded,
    /// Given once, or more than once alike.
    Given,
    /// Missing although a stream needs it; the message was taken to have no body.
    Missing,
    /// Not a number, or beyond the limit; the message was taken to have no body.
    Bad,
    /// Given more than once, and not alike; the message was taken to have no body.
    Conflicting,
}

/// What cutting a message out of its stream has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Framing {
    /// How the end of the message was found.
    pub content_length: ContentLength,
    /// The header section was longer than the limit and ends before its blank line.
    pub too_large: bool,
}

/// What stands at the front of the bytes that a stream has delivered and that are not consumed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A message of this many bytes.
    Message {
        /// Its length in bytes, at least 1.
        len: usize,
        /// How it was framed.
        framing: Framing,
        /// Whether bytes are missing at its end.
        cut: bool,
    },
    /// This many bytes, at least 1, belong to no message.
    Skip {
        /// How many bytes.
        len: usize,
        /// Why.
        reason: SetAside,
    },
    /// Nothing can be said before more bytes are there.
    More,
    /// The stream is of another protocol: nothing in it will ever be a message.
    Foreign,
}

/// Cuts one direction of one stream into messages. The window that [`Framer::step`] sees begins behind whatever the last
/// step consumed and otherwise only grows, so that a framer can remember how far it has looked.
pub trait Framer {
    /// The ports on which servers of this protocol listen, unless they are told otherwise.
    const PORTS: &'static [u16];

    /// A framer for a stream that begins as `start` says.
    fn new(start: StreamStart) -> Self;

    /// Whether a datagram, or the bytes at the front of a stream, begin a message of this protocol.
    fn recognises(bytes: &[u8]) -> bool;

    /// What stands at the front of the window.
    fn step(&mut self, window: &[u8], limits: &Limits) -> Step;

    /// Bytes of the window have changed: what it has shown so far holds no more.
    fn rescan(&mut self);

    /// Nothing follows the window, or bytes are missing behind it. Asked until the window is empty: never answers
    /// [`Step::More`] for one that is not. Afterwards the framer looks for the next message anew.
    fn interrupt(&mut self, window: &[u8], limits: &Limits) -> Step;
}
