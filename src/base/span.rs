//! A range of bytes within one message.

use std::ops::Range;

/// Bytes `start..end` of a message, counted from 0. `u32` because no message is kept beyond 4 GiB: see [`crate::base::Limits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The span of `range`; ends beyond `u32::MAX` saturate, which [`Span::of`] answers with an empty slice.
    pub fn new(range: Range<usize>) -> Span {
        Span { start: Span::offset(range.start), end: Span::offset(range.end) }
    }

    /// An offset as spans have it; beyond `u32::MAX` it saturates.
    pub fn offset(offset: usize) -> u32 {
        u32::try_from(offset).unwrap_or(u32::MAX)
    }

    /// The bytes of `whole` that the span covers; empty where it does not fit.
    pub fn of(self, whole: &[u8]) -> &[u8] {
        whole.get(self.range()).unwrap_or_default()
    }

    /// The span as a range of offsets.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// How many bytes it covers.
    pub fn len(self) -> usize {
        self.range().len()
    }

    /// Whether it covers nothing.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }
}
