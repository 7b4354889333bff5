//! The last bytes of a stream that left as messages: what is sent again is compared with them. A copy that differs may be
//! what the receiver has read, and then the capture holds two versions of one message.

use std::collections::VecDeque;

use crate::transport::assembler::slice_of;

/// Bytes kept for one direction of one connection: what the last full segment held, which is what is sent again.
const DELIVERED_BYTES_MAX: usize = 1536;
/// A message that is longer is kept alone, and whole up to this length.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Offsets count from the start of the stream as the stream defines it.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    bytes: Vec<u8>,
    end: u64,
    /// Where the messages begin of which all is kept, in order.
    starts: VecDeque<u64>,
}

impl Delivered {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a message that begins at `start`; what lies further back is forgotten.
    pub(super) fn keep(&mut self, start: u64, message: &[u8]) {
        let newest = message.get(message.len().saturating_sub(MESSAGE_BYTES_MAX)..).unwrap_or(message);
        if start != self.end {
            self.bytes.clear();
            self.starts.clear();
        }
        let bytes_max = newest.len().max(DELIVERED_BYTES_MAX);
        let excess = self.bytes.len().saturating_add(newest.len()).saturating_sub(bytes_max);
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.shrink_to(bytes_max);
        self.bytes.reserve_exact(newest.len());
        self.bytes.extend_from_slice(newest);
        self.end = start.saturating_add(message.len() as u64);
        self.starts.push_back(start);
        let kept = self.end.saturating_sub(self.bytes.len() as u64);
        while self.starts.front().is_some_and(|start| *start < kept) {
            self.starts.pop_front();
        }
    }

    pub(super) fn forget(&mut self) {
        self.bytes = Vec::new();
        self.starts = VecDeque::new();
    }

    /// The messages that `bytes`, sent again, contradict, as they were delivered. One that is longer than what is kept is not
    /// among them.
    pub(super) fn contradicted<'d>(&'d self, start: u64, bytes: &'d [u8]) -> impl Iterator<Item = &'d [u8]> + 'd {
        let kept = self.end.saturating_sub(self.bytes.len() as u64);
        let ends = self.starts.iter().skip(1).copied().chain([self.end]);
        self.starts.iter().copied().zip(ends).filter_map(move |(from, to)| {
            let overlap = start.max(from)..start.saturating_add(bytes.len() as u64).min(to);
            let differs = overlap.start < overlap.end
                && slice_of(&self.bytes, kept, &overlap) != slice_of(bytes, start, &overlap);
            differs.then(|| slice_of(&self.bytes, kept, &(from..to)))
        })
    }

    /// Whether `bytes`, sent again, differ from what was delivered of them.
    pub(super) fn differs(&self, start: u64, bytes: &[u8]) -> bool {
        let kept = self.end.saturating_sub(self.bytes.len() as u64)..self.end;
        let overlap = start.max(kept.start)..start.saturating_add(bytes.len() as u64).min(kept.end);
        overlap.start < overlap.end && slice_of(&self.bytes, kept.start, &overlap) != slice_of(bytes, start, &overlap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_delivered_is_compared() {
        let mut delivered = Delivered::default();
        assert!(!delivered.differs(0, b"abc"));
        delivered.keep(10, b"abcd");
        delivered.keep(14, b"efgh");
        assert!(!delivered.differs(8, b"xxabcdefghxx"));
        assert!(!delivered.differs(0, b"xxxxxxxxxx") && !delivered.differs(18, b"x"));
        assert!(delivered.differs(12, b"cX") && delivered.differs(17, b"Xx"));
        // Behind a hole everything before it is forgotten.
        delivered.keep(30, b"ijkl");
        assert!(!delivered.differs(10, b"XXXX") && delivered.differs(33, b"X"));
        delivered.forget();
        assert!(!delivered.differs(33, b"X"));
    }

    #[test]
    fn whole_messages_are_contradicted_one_by_one() {
        let mut delivered = Delivered::default();
        delivered.keep(10, b"abcd");
        delivered.keep(14, b"efgh");
        let contradicted = |start: u64, bytes: &[u8]| -> Vec<Vec<u8>> {
            delivered.contradicted(start, bytes).map(<[u8]>::to_vec).collect()
        };
        assert_eq!(contradicted(10, b"abcdefgX"), [b"efgh".to_vec()]);
        assert_eq!(contradicted(12, b"XXXX"), [b"abcd".to_vec(), b"efgh".to_vec()]);
        assert!(contradicted(10, b"abcdefgh").is_empty() && contradicted(18, b"X").is_empty());
        // A long one is kept whole, up to a length; only its end is kept beyond that.
        let mut long = Delivered::default();
        long.keep(0, &[b'a'; 20_000]);
        assert_eq!(long.contradicted(1, b"b").next().map(<[u8]>::len), Some(20_000));
        long.keep(20_000, &[b'a'; 100_000]);
        assert!(long.differs(119_999, b"b") && long.contradicted(119_999, b"b").next().is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut delivered = Delivered::default();
        for start in 0..10 {
            delivered.keep(start * 1000, &[b'a'; 1000]);
            assert!(delivered.len() <= DELIVERED_BYTES_MAX);
        }
        assert!(delivered.differs(9999, b"b") && delivered.differs(9000, b"b") && !delivered.differs(8000, b"b"));
        delivered.keep(10_000, &[b'c'; 9000]);
        assert!(delivered.differs(18_999, b"b") && delivered.differs(10_000, b"b") && !delivered.differs(9999, b"b"));
        delivered.keep(19_000, &[b'd'; 900_000]);
        assert_eq!((delivered.len(), delivered.bytes.capacity()), (MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX));
        delivered.keep(919_000, b"e");
        assert!(delivered.len() == DELIVERED_BYTES_MAX && delivered.bytes.capacity() < 2 * DELIVERED_BYTES_MAX);
    }
}
