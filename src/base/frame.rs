//! Where something stands in a capture: the input, and the frame as Wireshark numbers it.

use std::fmt;

/// Which of the inputs, counted from 0 in the order given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId(pub u16);

/// A frame's number in its input, counted from 1 as Wireshark shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameNumber(u64);

impl FrameNumber {
    /// The first frame of an input.
    pub const FIRST: FrameNumber = FrameNumber(1);

    /// The frame after this one.
    #[must_use]
    pub fn next(self) -> FrameNumber {
        FrameNumber(self.0.saturating_add(1))
    }

    /// The number as Wireshark prints it.
    pub fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for FrameNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One frame of one input. Orders by input, then number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRef {
    /// The input that holds the frame.
    pub input: InputId,
    /// Its number there.
    pub number: FrameNumber,
}

/// The frames that a message is made of. Most messages have one; fragments and TCP segments make it more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    /// The frame that completed the message: its number is the message's number, as in tshark.
    pub last: FrameRef,
    /// The other frames, in the order in which they were captured. Empty for most messages.
    pub others: Box<[FrameRef]>,
}

impl Frames {
    /// A message that one frame holds whole.
    pub fn one(frame: FrameRef) -> Frames {
        Frames { last: frame, others: Box::default() }
    }

    /// All frames in capture order.
    pub fn iter(&self) -> impl Iterator<Item = FrameRef> + '_ {
        self.others.iter().copied().chain(std::iter::once(self.last))
    }
}
