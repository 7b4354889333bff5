//! What one direction of a TCP connection holds: the bytes of an unfinished message, the pieces that wait behind a hole,
//! and the frames that brought them. Most streams have none most of the time, so it is allocated when needed.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::ops::Range;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::Frames;
use crate::base::Framing;
use crate::base::Overlap;
use crate::base::SetAside;
use crate::base::Transport;
use crate::transport::assembler;
use crate::transport::assembler::slice_of;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Payload;

/// Consumed bytes are cut off when they are this many and more than what is left: the cost stays linear.
const COMPACT_BYTES_MIN: usize = 64 * 1024;
/// What a waiting piece or frame costs besides its bytes.
const PIECE_OVERHEAD_BYTES: usize = 256;
/// Ranges of contradicted bytes that are kept apart; beyond that the last one grows.
const AMBIGUOUS_RANGES_MAX: usize = 16;

/// A frame whose bytes have not all been consumed.
struct Pending {
    origin: Origin,
    pieces: usize,
    used: bool,
    reason: SetAside,
}

/// What bytes are that were sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The same, or none of those that are kept.
    Same,
    /// Others: the first copy stays.
    Differs,
    /// Others, which have taken the place of the first copy.
    Replaced,
}

/// A frame that is decided.
pub(super) struct Decided {
    pub(super) frames: u64,
    /// `None`: used.
    pub(super) set_aside: Option<SetAside>,
}

/// Bytes up to `end` in the window came with this frame.
struct Mark {
    end: u64,
    pending: u64,
    /// The frame that filled the hole before them, if they waited behind one: without it nothing could be read.
    unlocked_by: Option<u64>,
}

/// Bytes behind a hole.
struct Piece {
    pending: u64,
    bytes: Vec<u8>,
    missing_len: u32,
}

/// See the file. Offsets count from the start of the stream as the stream defines it.
#[derive(Default)]
pub(super) struct Backlog {
    buffer: Vec<u8>,
    consumed: usize,
    /// Offset of the first byte of the window.
    window_start: u64,
    marks: VecDeque<Mark>,
    pending: VecDeque<Pending>,
    first_pending: u64,
    held: BTreeMap<u64, Piece>,
    held_bytes: usize,
    ambiguous: Vec<Range<u64>>,
    /// Since when the first hole has been there without progress.
    pub(super) hole_since: Option<CaptureTime>,
}

impl Backlog {
    pub(super) fn new(window_start: u64) -> Backlog {
        Backlog { window_start, ..Backlog::default() }
    }

    /// Where the window begins.
    pub(super) fn window_start(&self) -> u64 {
        self.window_start
    }

    /// The bytes in order that no step has consumed.
    pub(super) fn window(&self) -> &[u8] {
        self.buffer.get(self.consumed..).unwrap_or_default()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.window().is_empty() && self.held.is_empty()
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.buffer
            .len()
            .saturating_add(self.held_bytes)
            .saturating_add(self.held.len().saturating_add(self.pending.len()).saturating_mul(PIECE_OVERHEAD_BYTES))
    }

    pub(super) fn pieces(&self) -> usize {
        self.held.len()
    }

    pub(super) fn piece_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(super) fn first_held(&self) -> Option<u64> {
        self.held.first_key_value().map(|(offset, _)| *offset)
    }

    fn add_pending(&mut self, origin: Origin, pieces: usize, used: bool, reason: SetAside) -> u64 {
        self.pending.push_back(Pending { origin, pieces, used, reason });
        self.first_pending.saturating_add(self.pending.len() as u64).saturating_sub(1)
    }

    fn pending_mut(&mut self, id: u64) -> Option<&mut Pending> {
        self.pending.get_mut(usize::try_from(id.checked_sub(self.first_pending)?).ok()?)
    }

    fn pending(&self, id: u64) -> Option<&Pending> {
        self.pending.get(usize::try_from(id.checked_sub(self.first_pending)?).ok()?)
    }

    /// Adds the bytes of a frame in order.
    pub(super) fn append(&mut self, origin: Origin, bytes: &[u8]) {
        self.append_rest(origin, bytes, false, SetAside::KeepAlive);
    }

    /// Adds the last bytes of a frame in order. `used` and `reason` tell what has become of those before them.
    pub(super) fn append_rest(&mut self, origin: Origin, bytes: &[u8], used: bool, reason: SetAside) {
        let pending = self.add_pending(origin, 1, used, reason);
        self.append_marked(pending, None, bytes);
    }

    /// The frame that came last.
    pub(super) fn newest(&self) -> Option<u64> {
        self.first_pending.saturating_add(self.pending.len() as u64).checked_sub(1)
    }

    fn append_marked(&mut self, pending: u64, unlocked_by: Option<u64>, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        let end = self.window_start.saturating_add(self.window().len() as u64);
        self.marks.push_back(Mark { end, pending, unlocked_by });
    }

    /// Keeps what is new of a piece behind a hole, which must be all behind the window. Gives the origin back where
    /// nothing is new; true where old bytes differ.
    pub(super) fn hold(
        &mut self,
        origin: Origin,
        start: u64,
        bytes: &[u8],
        missing_len: u32,
        overlap: Overlap,
    ) -> (Option<Origin>, bool) {
        let end = start.saturating_add(bytes.len() as u64);
        let split = assembler::split(start..end, &self.held, |piece| piece.bytes.len() as u64);
        let mut differs = false;
        for seen in &split.seen {
            if self.held_differs(start, bytes, seen) {
                differs = true;
                if overlap == Overlap::Last {
                    self.replace_held(start, bytes, seen);
                }
                self.mark_ambiguous(seen.clone());
            }
        }
        if split.fresh.is_empty() {
            return (Some(origin), differs);
        }
        let pending = self.add_pending(origin, split.fresh.len(), false, SetAside::KeepAlive);
        for fresh in split.fresh {
            let bytes = slice_of(bytes, start, &fresh).to_vec();
            self.held_bytes = self.held_bytes.saturating_add(bytes.len());
            let missing_len = if fresh.end == end { missing_len } else { 0 };
            self.held.insert(fresh.start, Piece { pending, bytes, missing_len });
        }
        (None, differs)
    }

    fn held_differs(&self, start: u64, bytes: &[u8], seen: &Range<u64>) -> bool {
        let Some((at, piece)) = self.held.range(..=seen.start).next_back() else { return false };
        slice_of(&piece.bytes, *at, seen) != slice_of(bytes, start, seen)
    }

    fn replace_held(&mut self, start: u64, bytes: &[u8], seen: &Range<u64>) {
        let Some((at, piece)) = self.held.range_mut(..=seen.start).next_back() else { return };
        replace(&mut piece.bytes, *at, slice_of(bytes, start, seen), seen.start);
    }

    /// Compares `bytes`, sent again, with the part of the window that they overlap. Where they differ it is marked, and where the
    /// last copy is to be read it gives way, unless that has happened to the message too often: each time it is looked at anew.
    pub(super) fn compare_with_window(&mut self, start: u64, bytes: &[u8], overlap: Overlap) -> Again {
        let window_end = self.window_start.saturating_add(self.window().len() as u64);
        let range = start.max(self.window_start)..start.saturating_add(bytes.len() as u64).min(window_end);
        let new = slice_of(bytes, start, &range);
        if range.start >= range.end || slice_of(self.window(), self.window_start, &range) == new {
            return Again::Same;
        }
        let gives_way = overlap == Overlap::Last && self.ambiguous.len() < AMBIGUOUS_RANGES_MAX;
        if gives_way {
            let window = self.buffer.get_mut(self.consumed..).unwrap_or_default();
            replace(window, self.window_start, new, range.start);
        }
        self.mark_ambiguous(range);
        if gives_way { Again::Replaced } else { Again::Differs }
    }

    fn mark_ambiguous(&mut self, range: Range<u64>) {
        if self.ambiguous.len() < AMBIGUOUS_RANGES_MAX {
            self.ambiguous.push(range);
        } else if let Some(last) = self.ambiguous.last_mut() {
            *last = last.start.min(range.start)..last.end.max(range.end);
        }
    }

    /// Moves the piece that begins at `offset` into the window; its length, and how many bytes are missing behind it.
    /// `unlocked_by` is the frame that filled the hole, if one did.
    pub(super) fn take_held(&mut self, offset: u64, unlocked_by: Option<u64>) -> Option<(u64, u32)> {
        let piece = self.held.remove(&offset)?;
        self.held_bytes = self.held_bytes.saturating_sub(piece.bytes.len());
        if self.window().is_empty() {
            self.window_start = offset;
        }
        self.append_marked(piece.pending, unlocked_by, &piece.bytes);
        Some((piece.bytes.len() as u64, piece.missing_len))
    }

    /// The message of `len` bytes at the front of the window.
    pub(super) fn message(&self, flow: Flow, len: usize, framing: Framing, cut: bool) -> Option<Payload<'_>> {
        let Origin { frames, time, link, ambiguous } = self.origin(len)?;
        let bytes = self.window().get(..len)?;
        Some(Payload { flow, transport: Transport::Tcp, frames, time, bytes, cut, ambiguous, link, framing })
    }

    /// What brought the `len` bytes at the front of the window, as if it were one packet.
    pub(super) fn origin(&self, len: usize) -> Option<Origin> {
        let range = self.window_start..self.window_start.saturating_add(len as u64);
        let (mut ids, mut unlocked_by) = (Vec::with_capacity(4), None);
        for mark in &self.marks {
            if ids.last() != Some(&mark.pending) {
                ids.push(mark.pending);
            }
            unlocked_by = unlocked_by.max(mark.unlocked_by);
            if mark.end >= range.end {
                break;
            }
        }
        // The frames in the order of their capture, which is not that of their bytes where the network reordered them.
        ids.sort_unstable();
        ids.dedup();
        // A message behind a hole is complete when the hole is filled, as in tshark, even if none of its bytes lay there.
        if let Some(filler) = unlocked_by.filter(|filler| ids.last().is_none_or(|last| last < filler)) {
            ids.push(filler);
        }
        let origins = || ids.iter().filter_map(|id| self.pending(*id)).map(|pending| &pending.origin);
        let completing = origins().next_back()?;
        let mut others: Vec<_> = origins().flat_map(|origin| origin.frames.iter()).collect();
        // Where records are the packets, one frame may have brought several of them.
        others.dedup();
        others.pop();
        let overlaps = |other: &Range<u64>| other.start < range.end && range.start < other.end;
        Some(Origin {
            frames: Frames { last: completing.frames.last, others: others.into_boxed_slice() },
            time: completing.time,
            link: completing.link,
            ambiguous: self.ambiguous.iter().any(overlaps) || origins().any(|origin| origin.ambiguous),
        })
    }

    /// Drops `len` bytes from the front of the window: a message, or bytes set aside for `reason`. Frames whose last byte
    /// this was are handed to `decide`.
    pub(super) fn consume(&mut self, len: usize, reason: Option<SetAside>, mut decide: impl FnMut(Decided)) {
        let end = self.window_start.saturating_add(len as u64);
        while let Some(mark) = self.marks.front() {
            let (id, whole, last) = (mark.pending, mark.end <= end, mark.end >= end);
            if let Some(pending) = self.pending_mut(id) {
                match reason {
                    None => pending.used = true,
                    Some(reason) if pending.reason == SetAside::KeepAlive => pending.reason = reason,
                    Some(_) => {}
                }
                pending.pieces = pending.pieces.saturating_sub(usize::from(whole));
                if pending.pieces == 0 {
                    let set_aside = (!pending.used).then_some(pending.reason);
                    decide(Decided { frames: pending.origin.frame_count(), set_aside });
                }
            }
            if whole {
                self.marks.pop_front();
            }
            if last {
                break;
            }
        }
        while self.pending.front().is_some_and(|pending| pending.pieces == 0) {
            self.pending.pop_front();
            self.first_pending = self.first_pending.saturating_add(1);
        }
        self.ambiguous.retain(|range| range.end > end);
        self.window_start = end;
        self.consumed = self.consumed.saturating_add(len);
        if self.consumed >= self.buffer.len() {
            self.buffer.clear();
            self.consumed = 0;
        } else if self.consumed >= COMPACT_BYTES_MIN && self.consumed.saturating_mul(2) >= self.buffer.len() {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
    }

    /// Gives up everything: each frame that is not decided, for `reason` unless it was used already.
    pub(super) fn give_up(self, reason: SetAside, mut decide: impl FnMut(Decided)) {
        for pending in self.pending.into_iter().filter(|pending| pending.pieces > 0) {
            let set_aside = (!pending.used).then_some(reason);
            decide(Decided { frames: pending.origin.frame_count(), set_aside });
        }
    }
}

/// Puts `bytes` at offset `at` into a slice that begins at offset `start`.
fn replace(target: &mut [u8], start: u64, bytes: &[u8], at: u64) {
    let from = usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX);
    if let Some(old) = target.get_mut(from..).and_then(|rest| rest.get_mut(..bytes.len())) {
        old.copy_from_slice(bytes);
    }
}
