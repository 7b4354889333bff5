//! What is known of the capture as a whole, for the rules that judge it.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::Network;
use crate::history::Chronicle;
use crate::history::NonceFormat;
use crate::history::outcomes::MethodDifference;
use crate::history::outcomes::MixedModes;
use crate::history::outcomes::Neighbours;

/// One kind of trouble with the capture or its traffic, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The public name, snake case: `tcp_gap`.
    pub name: &'static str,
    /// How often.
    pub count: u64,
    /// Where it was first seen, if a frame can be named.
    pub first: Option<FrameRef>,
    /// What it means, in a sentence without a full stop.
    pub text: String,
    /// Whether SIP may have been lost by it: then findings about silence may be wrong.
    pub loses_messages: bool,
}

/// Messages whose headers do not end: their first line may be all that can be read of them.
#[derive(Clone, Debug, Default)]
pub struct CutMessages {
    /// How many.
    pub count: u64,
    /// The first 401 or 407 among them, and its frame.
    pub challenge: Option<(u16, FrameRef)>,
    /// The first frames that hold them.
    pub frames: Vec<FrameRef>,
}

impl CutMessages {
    /// Notes one, with its status where it is an answer.
    pub fn note(&mut self, status: Option<u16>, at: FrameRef) {
        self.count += 1;
        if self.frames.len() < CUT_FRAMES_MAX {
            self.frames.push(at);
        }
        let challenge = status.filter(|status| matches!(status, 401 | 407)).map(|status| (status, at));
        self.challenge = self.challenge.or(challenge);
    }
}

/// Frames of messages without an end that are named.
const CUT_FRAMES_MAX: usize = 200;

/// Frames whose time is not what the one before them lets expect.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    /// How often.
    pub count: usize,
    /// The first of them.
    pub first: Option<FrameRef>,
    largest: Duration,
}

impl Steps {
    /// Counts one.
    pub fn add(&mut self, at: FrameRef, step: Duration) {
        self.count = self.count.saturating_add(1);
        self.first.get_or_insert(at);
        self.largest = self.largest.max(step);
    }

    /// The largest; `None` where there is none.
    pub fn largest(&self) -> Option<Duration> {
        self.first.map(|_| self.largest)
    }
}

/// Whether the capture's time can be trusted.
#[derive(Clone, Debug, Default)]
pub struct ClockFacts {
    /// Time went back on an interface.
    pub back: Steps,
    /// Interfaces whose clocks differ.
    pub apart: Steps,
    /// Nobody captured.
    pub pauses: Steps,
}

/// What the rules about the capture look at.
#[derive(Debug, Default)]
pub struct CaptureFacts {
    /// SIP messages read, copies included.
    pub sip_messages: u64,
    /// Whether any of them was about authentication.
    pub has_authentication: bool,
    /// Messages whose headers do not end.
    pub cut: CutMessages,
    /// Whether its time can be trusted.
    pub clock: ClockFacts,
    /// Everything that was odd, in the order in which it was met.
    pub events: Vec<Event>,
    /// What was seen across sessions.
    pub chronicle: Chronicle,
    /// Networks whose hosts need no credentials, by agreement.
    pub trusted: Vec<Network>,
    /// The latest time of the capture.
    pub end: Option<CaptureTime>,
    /// Servers that challenge one client for the same with 401 and with 407.
    pub mixed_modes: Vec<MixedModes>,
    /// Users who register and are refused with another method.
    pub method_differences: Vec<MethodDifference>,
    /// The users of each client and realm of which some failed.
    pub neighbours: Vec<Neighbours>,
    /// What servers did with their nonces, by address.
    pub nonce_servers: Vec<NonceServerFacts>,
}

/// What one server did with its nonces.
#[derive(Clone, Debug)]
pub struct NonceServerFacts {
    /// Its address.
    pub address: IpAddr,
    /// The first nonces that it issued, in order.
    pub nonces: Vec<IssuedNonce>,
    /// A nonce that it gave to several users within a moment.
    pub shared_in_a_moment: Option<SharedNonce>,
    /// A nonce that it gave to another user later than that.
    pub shared_later: Option<SharedNonce>,
}

/// A nonce whose challenge was captured.
#[derive(Clone, Debug)]
pub struct IssuedNonce {
    /// Its text.
    pub value: Box<[u8]>,
    /// Its realm.
    pub realm: Box<[u8]>,
    /// The challenge.
    pub at: FrameRef,
    /// When.
    pub time: CaptureTime,
    /// What its form says.
    pub format: Option<NonceFormat>,
}

/// A nonce that several users were given.
#[derive(Clone, Debug)]
pub struct SharedNonce {
    /// How often that was seen.
    pub times: u64,
    /// The realm.
    pub realm: Box<[u8]>,
    /// The challenge to one user.
    pub first: FrameRef,
    /// The challenge to another.
    pub again: FrameRef,
    /// The time between them.
    pub apart: Duration,
}
