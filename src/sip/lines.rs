//! Lines, and where they end. A message has a dozen of some forty bytes, and to begin a search for each costs more than the search:
//! so 64 bytes are looked at in one go, and what was found waits as bits of a word.

use wide::u8x16;

use crate::base::Span;

/// How many bytes are looked at in one go: a word has a bit for each.
const BLOCK: usize = u64::BITS as usize;

/// One line.
pub(super) struct Line<'a> {
    /// Where its text stands.
    pub(super) at: Span,
    /// Without the line end.
    pub(super) text: &'a [u8],
    /// What stands behind it.
    pub(super) end: LineEnd,
}

/// What stands behind a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    CrLf,
    LfOnly,
    /// Nothing: the bytes end there.
    Missing,
}

/// The lines of some bytes, in order; the last one may have no end.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the next line begins.
    at: u32,
    line_feeds: LineFeeds<'a>,
}

impl<'a> Lines<'a> {
    /// Those from `start` on.
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Lines<'a> {
        Lines { bytes, at: Span::offset(start), line_feeds: LineFeeds::new(bytes, start) }
    }

    /// Where the next line begins.
    pub(super) fn at(&self) -> u32 {
        self.at
    }

    /// Whether the lines so far are all ASCII; `false` may speak of what stands a little behind them.
    pub(super) fn are_ascii(&self) -> bool {
        !self.line_feeds.seen.any()
    }

    /// What stands behind the last line end.
    #[cold]
    fn rest(&mut self) -> Option<Line<'a>> {
        let text = self.bytes.get(self.at as usize..).filter(|rest| !rest.is_empty())?;
        let at = Span::new(self.at as usize..self.bytes.len());
        self.at = at.end;
        Some(Line { at, text, end: LineEnd::Missing })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    // Called from two places, and dearer to call than to do.
    #[inline(always)]
    fn next(&mut self) -> Option<Line<'a>> {
        let Some(feed) = self.line_feeds.next() else { return self.rest() };
        let start = std::mem::replace(&mut self.at, feed.wrapping_add(1));
        Some(match self.bytes.get(start as usize..feed as usize)? {
            [text @ .., b'\r'] => Line { at: Span { start, end: feed.wrapping_sub(1) }, text, end: LineEnd::CrLf },
            text => Line { at: Span { start, end: feed }, text, end: LineEnd::LfOnly },
        })
    }
}

/// Where the line feeds stand in some bytes, in order. Those beyond `u32::MAX` are not told: spans do not reach there.
struct LineFeeds<'a> {
    bytes: &'a [u8],
    /// What was not looked at yet: whole blocks, and the bytes behind them.
    blocks: std::slice::Iter<'a, [u8; BLOCK]>,
    last: &'a [u8],
    /// Where the block at hand begins.
    at: u32,
    /// Its line feeds that were not told yet; the lowest bit is its first byte.
    waiting: u64,
    /// All that was looked at, one on top of the other: the highest bit of a byte is set where one is no ASCII.
    seen: u8x16,
}

impl<'a> LineFeeds<'a> {
    /// Those at `start` and behind it.
    fn new(bytes: &'a [u8], start: usize) -> LineFeeds<'a> {
        let bytes = bytes.get(..u32::MAX as usize).unwrap_or(bytes);
        let (blocks, last) = bytes.get(start..).unwrap_or_default().as_chunks();
        let before = Span::offset(start).wrapping_sub(u64::BITS);
        LineFeeds { bytes, blocks: blocks.iter(), last, at: before, waiting: 0, seen: u8x16::splat(0) }
    }

    /// The line feeds of the next block, which may have none; `None` where there is no other.
    #[inline(always)]
    fn look(&mut self) -> Option<u64> {
        self.at = self.at.wrapping_add(u64::BITS);
        if let Some(block) = self.blocks.next() {
            return Some(line_feeds(block, &mut self.seen));
        }
        let last = std::mem::take(&mut self.last);
        if last.is_empty() {
            return None;
        }
        Some(match self.bytes.last_chunk() {
            // It begins with bytes that were looked at before.
            Some(block) => line_feeds(block, &mut self.seen) >> BLOCK.saturating_sub(last.len()),
            None => line_feeds(&padded(last), &mut self.seen),
        })
    }
}

impl Iterator for LineFeeds<'_> {
    type Item = u32;

    #[inline(always)]
    fn next(&mut self) -> Option<u32> {
        while self.waiting == 0 {
            self.waiting = self.look()?;
        }
        let within = self.waiting.trailing_zeros();
        self.waiting &= self.waiting.wrapping_sub(1);
        Some(self.at.wrapping_add(within))
    }
}

/// A bit for each byte of a block, set where it is a line feed.
#[inline(always)]
fn line_feeds(block: &[u8; BLOCK], seen: &mut u8x16) -> u64 {
    let (parts, _) = block.as_chunks();
    parts.iter().rev().fold(0, |found, part| {
        let part = u8x16::new(*part);
        *seen |= part;
        (found << 16) | u64::from(part.cmp_eq(u8x16::splat(b'\n')).move_mask().cast_unsigned())
    })
}

#[cold]
fn padded(bytes: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_feeds_are_told_in_order() {
        let check = |bytes: &[u8], start: usize| {
            let expected: Vec<u32> =
                (start..bytes.len()).filter(|&at| bytes[at] == b'\n').map(|at| u32::try_from(at).unwrap()).collect();
            assert_eq!(LineFeeds::new(bytes, start).collect::<Vec<_>>(), expected, "from {start} of {}", bytes.len());
        };
        for len in 0..200 {
            let bytes: Vec<u8> = (0..len).map(|at| if at % 7 == 3 || at % 64 == 63 { b'\n' } else { b'x' }).collect();
            for start in 0..=len {
                check(&bytes, start);
            }
            check(&vec![b'\n'; len], 0);
            check(&vec![b'\n' | 0x80; len], 0);
        }
    }

    #[test]
    fn one_byte_that_is_no_ascii_is_enough() {
        for len in [1, 16, 63, 64, 65, 127, 128, 150] {
            for odd in 0..len {
                let mut bytes = vec![b'x'; len];
                let is_ascii = |bytes: &[u8]| {
                    let mut lines = Lines::new(bytes, 0);
                    lines.by_ref().for_each(drop);
                    lines.are_ascii()
                };
                assert!(is_ascii(&bytes));
                bytes[odd] = 0x80;
                assert!(!is_ascii(&bytes), "{odd} of {len}");
            }
        }
    }

    #[test]
    fn lines_have_their_ends() {
        let read = |text: &'static str| -> Vec<(&[u8], &str, Span)> {
            let end = |end| match end {
                LineEnd::CrLf => "CRLF",
                LineEnd::LfOnly => "LF",
                LineEnd::Missing => "",
            };
            Lines::new(text.as_bytes(), 0).map(|line| (line.text, end(line.end), line.at)).collect()
        };
        let at = |start: usize, end: usize| Span::new(start..end);
        assert_eq!(read(""), []);
        assert_eq!(
            read("a\r\n\n\r\nb"),
            [(&b"a"[..], "CRLF", at(0, 1)), (b"", "LF", at(3, 3)), (b"", "CRLF", at(4, 4)), (b"b", "", at(6, 7)),]
        );
        assert_eq!(read("a\r"), [(&b"a\r"[..], "", at(0, 2))]);
    }
}
