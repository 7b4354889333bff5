//! Arithmetic on byte ranges: which part of a new piece is new, and which part is there already.

use std::collections::BTreeMap;
use std::ops::Range;

/// A piece, taken apart against the pieces that are there. Ranges ascend and tile the piece.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// The parts that nothing covers yet.
    pub(super) fresh: Vec<Range<u64>>,
    /// The parts that are there already.
    pub(super) seen: Vec<Range<u64>>,
}

/// Takes `piece` apart against `present`, disjoint ranges given by start, each `len(value)` long.
/// Looks only at the ranges that touch the piece.
pub(super) fn split<V>(piece: Range<u64>, present: &BTreeMap<u64, V>, len: impl Fn(&V) -> u64) -> Split {
    let mut split = Split::default();
    let mut at = piece.start;
    let before = present.range(..=piece.start).next_back();
    let within = present.range(piece.start.saturating_add(1)..piece.end.max(piece.start.saturating_add(1)));
    for (start, value) in before.into_iter().chain(within) {
        let (start, end) = ((*start).max(at), start.saturating_add(len(value)).min(piece.end));
        if end <= start {
            continue;
        }
        if at < start {
            split.fresh.push(at..start);
        }
        split.seen.push(start..end);
        at = end;
    }
    if at < piece.end {
        split.fresh.push(at..piece.end);
    }
    split
}

/// The bytes of `range`, of a piece that begins at offset `start` and may be shorter than it claims: what there is of them.
pub(super) fn slice_of<'b>(bytes: &'b [u8], start: u64, range: &Range<u64>) -> &'b [u8] {
    let at = |offset: u64| usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
    bytes.get(at(range.start)..at(range.end).min(bytes.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "lists of ranges are what is tested")]
    fn a_piece_is_taken_apart_against_what_is_there() {
        let present = BTreeMap::from([(10, 5), (20, 5), (25, 5)]);
        let check = |piece: Range<u64>, fresh: &[Range<u64>], seen: &[Range<u64>]| {
            let expect = Split { fresh: fresh.to_vec(), seen: seen.to_vec() };
            assert_eq!(split(piece, &present, |len| *len), expect);
        };
        check(0..10, &[0..10], &[]);
        check(0..12, &[0..10], &[10..12]);
        check(11..13, &[], &[11..13]);
        check(12..22, &[15..20], &[12..15, 20..22]);
        check(0..40, &[0..10, 15..20, 30..40], &[10..15, 20..25, 25..30]);
        check(15..20, &[15..20], &[]);
        check(30..30, &[], &[]);
    }
}
