//! What is known of the capture as a whole, for the rules that judge it.

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::Network;
use crate::history::Chronicle;

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

/// What the rules about the capture look at.
#[derive(Debug, Default)]
pub struct CaptureFacts {
    /// SIP messages read, copies included.
    pub sip_messages: u64,
    /// Whether any of them was about authentication.
    pub has_authentication: bool,
    /// Everything that was odd, in order of name.
    pub events: Vec<Event>,
    /// What was seen across sessions.
    pub chronicle: Chronicle,
    /// Networks whose hosts need no credentials, by agreement.
    pub trusted: Vec<Network>,
    /// The latest time of the capture.
    pub end: Option<CaptureTime>,
}
