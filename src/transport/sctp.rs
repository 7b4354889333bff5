//! SIP messages from SCTP packets (RFC 9260 §3.3.1, RFC 4168): DATA chunks, whole or in parts, in any order, within bounds.
//!
//! SCTP keeps the borders of messages, so none has to be looked for. The parts of a message have numbers in a row.

use std::collections::VecDeque;

use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Framer;
use crate::base::Frames;
use crate::base::Framing;
use crate::base::SetAside;
use crate::base::Transport;
use crate::base::WireMap;
use crate::packet::SctpPacket;
use crate::transport::ledger::Ledger;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;

/// The latest numbers that are remembered of each direction, to know what is sent again.
const SEEN_MAX: usize = 256;
/// What a direction costs besides its parts, the numbers that it remembers included.
const DIRECTION_OVERHEAD_BYTES: usize = 512 + SEEN_MAX * 4;
/// What a part costs besides its bytes and frames.
const PART_OVERHEAD_BYTES: usize = 256;
const FRAME_OVERHEAD_BYTES: usize = 32;

/// One direction of one association. The tag differs from one association to the next between the same ports.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    flow: Flow,
    verification_tag: u32,
}

/// All directions of all associations, the oldest given up first.
#[derive(Default)]
pub(super) struct Associations {
    directions: WireMap<Key, Direction>,
    order: VecDeque<Key>,
    bytes: usize,
}

#[derive(Default)]
struct Direction {
    seen: VecDeque<u32>,
    /// Parts in a row, by the number of the first.
    runs: WireMap<u32, Run>,
    /// The number of the first, by the one behind the last.
    starts: WireMap<u32, u32>,
}

/// Parts in a row.
#[derive(Default)]
struct Run {
    parts: VecDeque<Part>,
    begins: bool,
    ends: bool,
    /// Frames that are counted when this run is decided.
    undecided: u64,
}

struct Part {
    bytes: Box<[u8]>,
    frames: Box<[FrameRef]>,
    cut: bool,
    ambiguous: bool,
}

impl Part {
    fn held_bytes(&self) -> usize {
        PART_OVERHEAD_BYTES
            .saturating_add(self.bytes.len())
            .saturating_add(self.frames.len().saturating_mul(FRAME_OVERHEAD_BYTES))
    }
}

/// A DATA chunk.
#[derive(Clone, Copy)]
struct Data<'a> {
    number: u32,
    begins: bool,
    ends: bool,
    bytes: &'a [u8],
    cut: bool,
}

impl Associations {
    /// Takes one packet; delivers the messages that it holds or completes.
    pub(super) fn push<F: Framer, S: FnMut(Payload<'_>)>(
        &mut self,
        packet: &SctpPacket<'_>,
        origin: &Origin,
        out: &mut Outlet<'_, S>,
    ) {
        // The first that needs the packet's frames answers for them.
        let mut undecided = origin.frame_count();
        let mut reason = SetAside::SctpNoData;
        let key = Key { flow: packet.flow, verification_tag: packet.verification_tag };
        for chunk in (Chunks { rest: packet.chunks, missing_len: packet.missing_len }) {
            let data = match chunk {
                Ok(data) => data,
                Err(why) => {
                    reason = why;
                    break;
                }
            };
            if !self.is_new(key, data.number) {
                reason = SetAside::SctpRetransmission;
            } else if !data.begins || !data.ends {
                if let Some(run) = self.hold(key, data, origin, std::mem::take(&mut undecided)) {
                    deliver::<F, S>(run, key.flow, origin, out);
                }
            } else if F::recognises(data.bytes) {
                out.ledger.used(std::mem::take(&mut undecided));
                out.deliver(payload(key.flow, data.bytes, data.cut, origin));
            } else {
                reason = SetAside::NotSip;
            }
        }
        out.ledger.set_aside(reason, undecided);
        self.make_room(out);
    }

    /// Gives up all that waits.
    pub(super) fn finish<S>(&mut self, out: &mut Outlet<'_, S>) {
        while self.drop_oldest(out) {}
    }

    /// Notes the number; false where it was noted before.
    fn is_new(&mut self, key: Key, number: u32) -> bool {
        let direction = self.directions.entry(key).or_insert_with(|| {
            self.order.push_back(key);
            self.bytes = self.bytes.saturating_add(DIRECTION_OVERHEAD_BYTES);
            Direction::default()
        });
        if direction.seen.contains(&number) || direction.runs.contains_key(&number) {
            return false;
        }
        if direction.seen.len() >= SEEN_MAX {
            direction.seen.pop_front();
        }
        direction.seen.push_back(number);
        true
    }

    /// Keeps a part; gives the message that it completes.
    fn hold(&mut self, key: Key, data: Data<'_>, origin: &Origin, undecided: u64) -> Option<Run> {
        let part = Part {
            bytes: data.bytes.into(),
            frames: origin.frames.iter().collect(),
            cut: data.cut,
            ambiguous: origin.ambiguous,
        };
        self.bytes = self.bytes.saturating_add(part.held_bytes());
        let run = Run { parts: [part].into(), begins: data.begins, ends: data.ends, undecided };
        let whole = self.directions.get_mut(&key)?.join(data.number, run)?;
        self.bytes = self.bytes.saturating_sub(whole.held_bytes());
        Some(whole)
    }

    fn make_room<S>(&mut self, out: &mut Outlet<'_, S>) {
        while self.directions.len() > out.limits.sctp_directions_max || self.bytes > out.limits.sctp_bytes_max {
            if !self.drop_oldest(out) {
                return;
            }
            out.ledger.events.sctp_evicted.add(out.now);
        }
    }

    fn drop_oldest<S>(&mut self, out: &mut Outlet<'_, S>) -> bool {
        let Some(direction) = self.order.pop_front().and_then(|key| self.directions.remove(&key)) else { return false };
        self.bytes = self.bytes.saturating_sub(DIRECTION_OVERHEAD_BYTES);
        // The order of a map means nothing: only sums and the least frame leave this loop.
        for run in direction.runs.into_values() {
            self.bytes = self.bytes.saturating_sub(run.held_bytes());
            run.give_up(out.ledger);
        }
        true
    }
}

impl Direction {
    /// Joins a run that begins at `number` with its neighbours. Gives the message if it is whole, and keeps it if not.
    fn join(&mut self, number: u32, mut run: Run) -> Option<Run> {
        let (mut start, mut end) = (number, number.wrapping_add(run.len()));
        if !run.begins
            && let Some(before) = self.starts.remove(&number)
            && let Some(earlier) = self.runs.remove(&before)
        {
            start = before;
            run = earlier.followed_by(run);
            // Numbers that come again after a long time may have left runs that overlap: then the rows are no rows.
            end = start.wrapping_add(run.len());
        }
        if !run.ends
            && let Some(later) = self.runs.remove(&end)
        {
            let later_end = end.wrapping_add(later.len());
            // What begins a message does not go on with another.
            if later.begins {
                self.runs.insert(end, later);
            } else {
                self.starts.remove(&later_end);
                end = later_end;
                run = run.followed_by(later);
            }
        }
        if run.begins && run.ends {
            return Some(run);
        }
        // A run that ends has no neighbour behind it.
        if !run.ends {
            self.starts.insert(end, start);
        }
        self.runs.insert(start, run);
        None
    }
}

impl Run {
    fn len(&self) -> u32 {
        u32::try_from(self.parts.len()).unwrap_or(u32::MAX)
    }

    fn held_bytes(&self) -> usize {
        self.parts.iter().map(Part::held_bytes).sum()
    }

    /// Both, at the cost of the shorter one: so that parts in any order cost little.
    fn followed_by(mut self, mut later: Run) -> Run {
        let (begins, ends, undecided) = (self.begins, later.ends, self.undecided.saturating_add(later.undecided));
        let parts = if self.parts.len() >= later.parts.len() {
            self.parts.extend(later.parts);
            self.parts
        } else {
            self.parts.into_iter().rev().for_each(|part| later.parts.push_front(part));
            later.parts
        };
        Run { parts, begins, ends, undecided }
    }

    fn give_up(self, ledger: &mut Ledger) {
        let first = self.parts.iter().flat_map(|part| part.frames.iter()).min();
        if let Some(first) = first {
            ledger.events.sctp_gap.add(*first);
        }
        ledger.set_aside(SetAside::SctpGap, self.undecided);
    }
}

/// A message from its parts, up to the first that is cut.
fn deliver<F: Framer, S: FnMut(Payload<'_>)>(run: Run, flow: Flow, origin: &Origin, out: &mut Outlet<'_, S>) {
    let (mut bytes, mut frames, mut cut) = (Vec::new(), Vec::new(), false);
    let mut ambiguous = origin.ambiguous;
    for part in run.parts {
        if !cut {
            bytes.extend_from_slice(&part.bytes);
        }
        cut |= part.cut;
        ambiguous |= part.ambiguous;
        frames.extend(part.frames);
    }
    if !F::recognises(&bytes) {
        return out.ledger.set_aside(SetAside::NotSip, run.undecided);
    }
    frames.retain(|frame| *frame != origin.frames.last);
    frames.sort_unstable();
    frames.dedup();
    out.ledger.used(run.undecided);
    let frames = Frames { last: origin.frames.last, others: frames.into_boxed_slice() };
    out.deliver(Payload { frames, ambiguous, ..payload(flow, &bytes, cut, origin) });
}

fn payload<'b>(flow: Flow, bytes: &'b [u8], cut: bool, origin: &Origin) -> Payload<'b> {
    let bytes = bytes.trim_ascii_start();
    Payload { transport: Transport::Sctp, ..origin.payload(flow, bytes, Framing::default(), cut) }
}

/// The DATA chunks of a packet; an error where the chunks make no sense any more.
struct Chunks<'a> {
    rest: &'a [u8],
    missing_len: u32,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Data<'a>, SetAside>;

    fn next(&mut self) -> Option<Result<Data<'a>, SetAside>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let chunk = self.chunk();
            // Where one makes no sense, neither does what follows.
            if !matches!(chunk, Some(Ok(_) | Err(SetAside::SctpNoData))) {
                self.rest = &[];
            }
            match chunk {
                Some(Err(SetAside::SctpNoData)) => {}
                Some(chunk) => return Some(chunk),
                None if self.missing_len > 0 => return Some(Err(SetAside::CutHeaders)),
                None => return Some(Err(SetAside::Malformed)),
            }
        }
    }
}

impl<'a> Chunks<'a> {
    fn chunk(&mut self) -> Option<Result<Data<'a>, SetAside>> {
        let [kind, flags, len_0, len_1, ..] = self.rest else { return None };
        let len = usize::from(u16::from_be_bytes([*len_0, *len_1]));
        let cut = len > self.rest.len();
        if len < 4 || (cut && self.missing_len == 0) {
            return None;
        }
        let chunk = self.rest.get(..len.min(self.rest.len()))?;
        self.rest = self.rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        let header_len = match kind {
            0 => 16,
            // I-DATA (RFC 8260 §2.1): its parts may stand between those of another message.
            64 if flags & 3 == 3 => 20,
            64 => return Some(Err(SetAside::SctpGap)),
            _ => return Some(Err(SetAside::SctpNoData)),
        };
        let number = chunk.get(4..)?.first_chunk().copied().map(u32::from_be_bytes)?;
        let bytes = chunk.get(header_len..)?;
        Some(Ok(Data { number, begins: flags & 2 != 0, ends: flags & 1 != 0, bytes, cut }))
    }
}
