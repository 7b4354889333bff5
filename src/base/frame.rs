//! Where something stands in a capture: the input, and the frame as Wireshark numbers it.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

use crate::base::CaptureTime;

/// Which of the inputs, counted from 0 in the order given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InputId(pub u16);

/// A frame's number in its input, counted from 1 as Wireshark shows it. 48 bits, the highest first: with its input it takes
/// eight bytes, and there are millions of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct FrameNumber([u16; 3]);

impl FrameNumber {
    /// The first frame of an input.
    pub const FIRST: FrameNumber = FrameNumber([0, 0, 1]);

    /// The frame after this one.
    #[must_use]
    pub fn next(self) -> FrameNumber {
        let FrameNumber([high, middle, low]) = self;
        match low.checked_add(1) {
            Some(low) => FrameNumber([high, middle, low]),
            None => FrameNumber::from(self.value() + 1),
        }
    }

    /// The number as Wireshark prints it.
    pub fn value(self) -> u64 {
        self.0.iter().fold(0, |value, part| value << 16 | u64::from(*part))
    }
}

/// Stays at the highest that there is.
impl From<u64> for FrameNumber {
    fn from(number: u64) -> FrameNumber {
        let part = |shift: u32| u16::try_from(number >> shift & 0xffff).unwrap_or(u16::MAX);
        if number >> 48 == 0 { FrameNumber([part(32), part(16), part(0)]) } else { FrameNumber([u16::MAX; 3]) }
    }
}

impl From<FrameNumber> for u64 {
    fn from(number: FrameNumber) -> u64 {
        number.value()
    }
}

impl fmt::Display for FrameNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

/// One frame of one input. Orders by input, then number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FrameRef {
    /// The input that holds the frame.
    pub input: InputId,
    /// Its number there.
    pub number: FrameNumber,
}

/// Queues and processors put frames out of order by milliseconds; a clock that was set goes further.
pub const CLOCK_STEP_MIN: Duration = Duration::from_secs(1);

/// When and where something was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The frame's time.
    pub time: CaptureTime,
    /// The frame.
    pub at: FrameRef,
}

impl Moment {
    /// Whether this came before that. Frames of one file that share a time, or lie on both sides of a step back of the clock, came in
    /// the file's order.
    pub fn is_before(self, other: Moment) -> bool {
        let apart = self.time.since(other.time).max(other.time.since(self.time));
        match self.at.input == other.at.input && (apart.is_zero() || apart > CLOCK_STEP_MIN) {
            true => self.at.number < other.at.number,
            false => self.time < other.time,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_up_in_order_and_stay_at_the_last() {
        let numbers = [1, 2, 0xffff, 0x1_0000, 0x1_0001, 0xffff_ffff, 0x1_0000_0000, 0xffff_ffff_ffff];
        for number in numbers {
            assert_eq!(FrameNumber::from(number).value(), number);
        }
        assert!(numbers.map(FrameNumber::from).is_sorted());
        assert_eq!(FrameNumber::from(0xffff).next().value(), 0x1_0000);
        assert_eq!(FrameNumber::from(u64::MAX).next().value(), 0xffff_ffff_ffff);
        assert_eq!(size_of::<FrameRef>(), 8);
    }
}
