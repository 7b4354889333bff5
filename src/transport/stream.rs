//! One direction of one TCP connection (RFC 9293 §3.4): bytes put in order and handed to a framer.
//!
//! The first copy of a byte wins, or the last where the limits say so and its message is not whole. A hole is waited for within
//! limits, then skipped: the framer starts anew behind it.

use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::DecodeAs;
use crate::base::Flow;
use crate::base::Framer;
use crate::base::Over;
use crate::base::SetAside;
use crate::base::StreamStart;
use crate::packet::Segment;
use crate::transport::backlog::Backlog;
use crate::transport::carried;
use crate::transport::carried::Carried;
use crate::transport::delivered::Delivered;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;

mod cut;
mod missing;

/// Offset of the first byte: so far up that bytes before it have offsets too.
const FIRST_OFFSET: u64 = 1 << 40;
/// Segments further away than this from what is expected are strays, or the stream has moved without being seen.
const WINDOW_BYTES: u64 = 16 * 1024 * 1024;
/// Segments that a stream joined in the middle waits for, lest its first two are in the wrong order.
const JOIN_SEGMENTS: usize = 4;

/// One direction of one connection.
pub(super) struct Stream<F> {
    flow: Flow,
    framer: F,
    phase: Phase,
    /// Sequence number of the SYN, where it was seen.
    initial_sequence: Option<u32>,
    /// That SYN answered another one: the other side has opened the connection.
    is_accepting: bool,
    /// Offset of the next byte in order, and its sequence number.
    next: u64,
    next_sequence: u32,
    /// The lowest offset that was ever taken.
    floor: u64,
    /// Offset behind the last byte, once a FIN has told it.
    end: Option<u64>,
    /// Where a stray segment ended.
    stray_end: Option<u32>,
    /// Frames that were no message, of a stream of which it is open whether it is the framer's protocol at all.
    undecided: u64,
    has_messages: bool,
    backlog: Option<Box<Backlog>>,
    /// What the stream holds in place of plain messages.
    carried: Option<Box<Carried<F>>>,
    /// Whether what it holds is still open: no byte has been cut off.
    is_fresh: bool,
    delivered: Delivered,
    pub(super) last_seen: Option<CaptureTime>,
    /// When it was last used, as a count of segments.
    pub(super) stamp: u64,
    /// What its latest payload acknowledged of the other direction; `None` where it had none.
    pub(super) heard: Option<u32>,
    /// What its latest segment of any kind acknowledged.
    pub(super) acknowledged: Option<u32>,
    resent: Option<Resent>,
    /// Its receiver acknowledged more than the capture held by then.
    is_lacking: bool,
}

/// A segment that was sent again.
#[derive(Clone, Copy, Debug)]
struct Resent {
    /// The number of its first byte.
    sequence: u32,
    /// The first time that it was sent again, and how often.
    since: CaptureTime,
    times: u32,
}

/// A segment that was sent so often again, over so long a time, was not merely late: RFC 6298 §2 begins with a second and doubles it, and
/// most begin with less. Gaps of a few seconds are usual on the radio.
const RESENT_MIN: u32 = 3;
const RESENT_FOR: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Joined in the middle, and no start of a message seen: the order of the first segments is open.
    Joining,
    Open,
    /// Of another protocol, or not to be read: its segments are only counted.
    Foreign(SetAside),
    /// A FIN was reached, or a RST.
    Closed,
}

impl<F: Framer> Stream<F> {
    /// A stream that this SYN opens.
    pub(super) fn opened(syn: &Segment<'_>, decode_as: &DecodeAs) -> Stream<F> {
        let start = if decode_as.is_sip(Over::Tcp, syn.flow) { StreamStart::Told } else { StreamStart::Opened };
        let mut stream = Stream::at(syn.flow, start, Phase::Open, syn.sequence.wrapping_add(1));
        stream.initial_sequence = Some(syn.sequence);
        stream.is_accepting = syn.flags.ack;
        stream
    }

    /// A stream whose first captured byte has this sequence number.
    pub(super) fn joined(flow: Flow, sequence: u32, decode_as: &DecodeAs) -> Stream<F> {
        let start = if decode_as.is_sip(Over::Tcp, flow) { StreamStart::Told } else { StreamStart::Joined };
        Stream::at(flow, start, Phase::Joining, sequence)
    }

    fn at(flow: Flow, start: StreamStart, phase: Phase, next_sequence: u32) -> Stream<F> {
        Stream {
            flow,
            framer: F::new(start),
            phase,
            initial_sequence: None,
            is_accepting: false,
            next: FIRST_OFFSET,
            next_sequence,
            floor: FIRST_OFFSET,
            end: None,
            stray_end: None,
            undecided: 0,
            has_messages: false,
            backlog: None,
            carried: None,
            is_fresh: true,
            delivered: Delivered::default(),
            last_seen: None,
            stamp: 0,
            heard: None,
            acknowledged: None,
            resent: None,
            is_lacking: false,
        }
    }

    /// Counts a segment of which every byte was sent before. Gives the number behind its last byte, and since when it is sent again, once
    /// that was often enough.
    pub(super) fn resends(&mut self, segment: &Segment<'_>, time: CaptureTime) -> Option<(u32, CaptureTime)> {
        let len = u32::try_from(segment.payload.len()).ok()?.checked_add(segment.missing_len)?;
        let behind = segment.sequence.wrapping_add(len);
        if self.phase != Phase::Open || segment.payload.is_empty() || self.offset_of(behind) > self.next {
            return None;
        }
        let again = Resent { sequence: segment.sequence, since: time, times: 0 };
        let known = self.resent.filter(|known| known.sequence == segment.sequence).unwrap_or(again);
        let known = Resent { times: known.times.saturating_add(1), ..known };
        self.resent = Some(known);
        (known.times >= RESENT_MIN && time.since(known.since) >= RESENT_FOR).then_some((behind, known.since))
    }

    /// Whether a SYN with this sequence number opened it, or would have.
    pub(super) fn is_opened_by(&self, sequence: u32) -> bool {
        match self.initial_sequence {
            Some(initial) => initial == sequence,
            None => self.offset_of(sequence.wrapping_add(1)) == self.floor,
        }
    }

    /// Whether the stream has ended and the segment lies behind its end: then it belongs to another one.
    pub(super) fn is_over_before(&self, segment: &Segment<'_>) -> bool {
        self.phase == Phase::Closed && self.offset_of(segment.sequence) > self.end.unwrap_or(self.next)
    }

    /// Whether its side opened the connection, and has sent nothing over it.
    pub(super) fn is_silent(&self) -> bool {
        self.initial_sequence.is_some() && !self.is_accepting && self.heard.is_none()
    }

    /// Notes what a segment with a payload acknowledges. Line ends keep a connection alive, and nobody waits for an answer to them.
    pub(super) fn note_heard(&mut self, segment: &Segment<'_>) {
        let is_ping = |payload: &[u8]| !payload.is_empty() && payload.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        if !is_ping(segment.payload) {
            self.heard = Some(segment.acknowledgment);
        }
    }

    /// Whether that is the number of the next byte in order. A FIN takes one, too (RFC 9293 §3.4).
    pub(super) fn is_next(&self, sequence: u32) -> bool {
        let is_behind_fin = self.end == Some(self.next) && self.next_sequence.wrapping_add(1) == sequence;
        self.next_sequence == sequence || is_behind_fin
    }

    /// Whether its side may be waiting for that byte of the other one, as an answer to a message: it did not end the connection itself,
    /// nor accept it.
    pub(super) fn is_waiting_for(&self, sequence: u32) -> bool {
        self.phase == Phase::Open
            && !self.is_accepting
            && (self.has_messages || self.carried.is_some())
            && self.heard == Some(sequence)
    }

    pub(super) fn held_bytes(&self) -> usize {
        let carried = self.carried.as_ref().map_or(0, |carried| carried.held_bytes());
        let waiting = self.backlog.as_ref().map_or(0, |backlog| backlog.held_bytes());
        carried.saturating_add(waiting).saturating_add(self.delivered.len())
    }

    /// Drops what is kept for comparison alone.
    pub(super) fn forget_delivered(&mut self) {
        self.delivered.forget();
    }

    fn offset_of(&self, sequence: u32) -> u64 {
        let distance = sequence.wrapping_sub(self.next_sequence).cast_signed();
        self.next.saturating_add_signed(i64::from(distance))
    }

    fn advance(&mut self, len: u64) {
        self.next = self.next.saturating_add(len);
        // Truncation is what sequence numbers are about.
        let low = u32::try_from(len & u64::from(u32::MAX)).unwrap_or(0);
        self.next_sequence = self.next_sequence.wrapping_add(low);
    }

    /// Takes a segment that has a payload, or had one on the wire. `sequence` is that of its first payload byte.
    pub(super) fn push<S: FnMut(Payload<'_>)>(
        &mut self,
        sequence: u32,
        segment: &Segment<'_>,
        origin: Origin,
        out: &mut Outlet<'_, S>,
    ) {
        if let Phase::Foreign(reason) = self.phase {
            return out.ledger.set_aside(reason, origin.frame_count());
        }
        let time = origin.time;
        let start = self.offset_of(sequence);
        if self.next.abs_diff(start) > WINDOW_BYTES && !self.moves_to(sequence, segment, out) {
            return out.ledger.set_aside(SetAside::TcpGap, origin.frame_count());
        }
        let start = self.offset_of(sequence);
        let end = start.saturating_add(segment.payload.len() as u64);
        if self.phase == Phase::Joining {
            self.join(start, segment, origin, out);
        } else if end.saturating_add(u64::from(segment.missing_len)) <= self.next || self.phase == Phase::Closed {
            self.old(start, segment.payload, origin, out);
        } else {
            self.take(start, segment, origin, out);
        }
        self.limit_hole(time, out);
        self.close_at_end(out);
    }

    /// A segment far from what is expected: a second one that continues it moves the stream there.
    fn moves_to<S: FnMut(Payload<'_>)>(
        &mut self,
        sequence: u32,
        segment: &Segment<'_>,
        out: &mut Outlet<'_, S>,
    ) -> bool {
        let continues = self.stray_end == Some(sequence);
        let len = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
        self.stray_end = Some(sequence.wrapping_add(len));
        if continues {
            self.flush(out);
            self.note_gap(out);
            self.next_sequence = sequence;
            self.next = self.next.saturating_add(WINDOW_BYTES);
            self.floor = self.next;
            self.end = None;
        }
        continues
    }

    /// Takes bytes that are new, at least in part.
    fn take<S: FnMut(Payload<'_>)>(
        &mut self,
        start: u64,
        segment: &Segment<'_>,
        origin: Origin,
        out: &mut Outlet<'_, S>,
    ) {
        let mut payload = segment.payload;
        if let Some(old_len) = self.next.checked_sub(start).filter(|len| *len > 0) {
            let old_len = usize::try_from(old_len).unwrap_or(usize::MAX).min(payload.len());
            let (old, new) = payload.split_at(old_len);
            payload = new;
            self.compare(start, old, out);
        }
        let start = start.max(self.next);
        if start == self.next && self.backlog.as_ref().is_none_or(|backlog| backlog.pieces() == 0) {
            if payload.is_empty() {
                out.ledger.set_aside(SetAside::CutHeaders, origin.frame_count());
            } else {
                self.advance(payload.len() as u64);
                self.deliver(payload, origin, out);
            }
            return self.gap(segment.missing_len, out);
        }
        if payload.is_empty() {
            return out.ledger.set_aside(SetAside::CutHeaders, origin.frame_count());
        }
        self.hold(start, payload, segment.missing_len, origin, out);
        self.drain_unlocked(out);
    }

    /// Delivers what the newest frame has put in order.
    fn drain_unlocked<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        let newest = self.backlog.as_ref().and_then(|backlog| backlog.newest());
        self.drain(newest, out);
    }

    fn hold<S>(&mut self, start: u64, bytes: &[u8], missing_len: u32, origin: Origin, out: &mut Outlet<'_, S>) {
        let time = origin.time;
        let next = self.next;
        let backlog = self.backlog.get_or_insert_with(|| Box::new(Backlog::new(next)));
        if backlog.pieces() == 0 {
            backlog.hole_since = time;
        }
        let (duplicate, differs) = backlog.hold(origin, start, bytes, missing_len, out.limits.overlap);
        if differs {
            out.ledger.events.overlap_ambiguous.add(out.now);
        }
        if let Some(origin) = duplicate {
            out.ledger.set_aside(SetAside::TcpRetransmission, origin.frame_count());
        }
    }

    /// Delivers what waited and is in order now; `unlocked_by` is the frame that filled the hole, if one did.
    fn drain<S: FnMut(Payload<'_>)>(&mut self, unlocked_by: Option<u64>, out: &mut Outlet<'_, S>) {
        while let Some((len, missing_len)) =
            self.backlog.as_mut().and_then(|backlog| backlog.take_held(self.next, unlocked_by))
        {
            self.advance(len);
            self.cut_whole(out);
            self.gap(missing_len, out);
            if let Some(backlog) = &mut self.backlog {
                backlog.hole_since = None;
            }
        }
    }

    /// Bytes that the snap length took: they will not come.
    fn gap<S: FnMut(Payload<'_>)>(&mut self, missing_len: u32, out: &mut Outlet<'_, S>) {
        if missing_len > 0 && self.phase == Phase::Open {
            self.cut_all(out);
            // A length that lies must not lead past what is there: nothing is ever held before `next`.
            let held = self.backlog.as_ref().and_then(|backlog| backlog.first_held());
            let to_held = held.map_or(u64::MAX, |first| first.saturating_sub(self.next));
            self.advance(u64::from(missing_len).min(to_held));
            self.note_gap(out);
        }
    }

    /// Bytes before what is expected: sent again, or, where the stream was joined, sent before.
    fn old<S: FnMut(Payload<'_>)>(&mut self, start: u64, payload: &[u8], origin: Origin, out: &mut Outlet<'_, S>) {
        if start < self.floor && self.initial_sequence.is_none() {
            let early_len = usize::try_from(self.floor.saturating_sub(start)).unwrap_or(usize::MAX).min(payload.len());
            self.floor = start;
            return self.early(payload.get(..early_len).unwrap_or_default(), origin, out);
        }
        self.compare(start, payload, out);
        out.ledger.set_aside(SetAside::TcpRetransmission, origin.frame_count());
    }

    /// Bytes from before the place where the stream was joined, which came too late to be put in order.
    fn early<S: FnMut(Payload<'_>)>(&mut self, payload: &[u8], origin: Origin, out: &mut Outlet<'_, S>) {
        if payload.is_empty() {
            return out.ledger.set_aside(SetAside::CutHeaders, origin.frame_count());
        }
        let mut early: Stream<F> = Stream::at(self.flow, StreamStart::Joined, Phase::Open, 0);
        early.advance(payload.len() as u64);
        early.deliver(payload, origin, out);
        early.settle(out);
        // What a hello there has told belongs to this stream.
        if !self.carried.as_ref().is_some_and(|carried| carried.is_tls()) {
            out.tls.release(self.flow);
        }
    }

    /// The first segments of a stream whose beginning was not captured.
    fn join<S: FnMut(Payload<'_>)>(
        &mut self,
        start: u64,
        segment: &Segment<'_>,
        origin: Origin,
        out: &mut Outlet<'_, S>,
    ) {
        if segment.payload.is_empty() {
            return out.ledger.set_aside(SetAside::CutHeaders, origin.frame_count());
        }
        let begins = F::recognises(segment.payload) || carried::begins::<F>(segment.payload);
        if begins && self.backlog.is_none() {
            self.open_at(start);
            return self.take(start, segment, origin, out);
        }
        self.hold(start, segment.payload, segment.missing_len, origin, out);
        if begins || self.backlog.as_ref().is_some_and(|backlog| backlog.pieces() >= JOIN_SEGMENTS) {
            self.open(out);
        }
    }

    fn open<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        if let Some(first) = self.backlog.as_ref().and_then(|backlog| backlog.first_held()) {
            self.open_at(first);
        }
        self.phase = Phase::Open;
        self.drain_unlocked(out);
    }

    fn open_at(&mut self, offset: u64) {
        let distance = offset.cast_signed().saturating_sub(self.next.cast_signed());
        self.phase = Phase::Open;
        self.next = offset;
        let low = u32::try_from(distance.rem_euclid(1 << 32)).unwrap_or(0);
        self.next_sequence = self.next_sequence.wrapping_add(low);
        self.floor = offset;
    }

    /// Skips a hole that has cost too much or lasted too long.
    fn limit_hole<S: FnMut(Payload<'_>)>(&mut self, now: Option<CaptureTime>, out: &mut Outlet<'_, S>) {
        let age_max = Duration::from_secs(out.limits.tcp_hole_age_s_max);
        while let Some(backlog) = self.backlog.as_mut().filter(|backlog| backlog.pieces() > 0) {
            backlog.hole_since = backlog.hole_since.or(now);
            let is_old = now.zip(backlog.hole_since).is_some_and(|(now, since)| now.since(since) > age_max);
            let is_large = backlog.piece_bytes() > out.limits.tcp_hole_bytes_max
                || backlog.pieces() > out.limits.tcp_hole_segments_max;
            if !is_old && !is_large {
                return;
            }
            self.skip_hole(out);
        }
    }

    fn skip_hole<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        if self.phase == Phase::Joining {
            return self.open(out);
        }
        let Some(first) = self.backlog.as_ref().and_then(|backlog| backlog.first_held()) else { return };
        self.cut_all(out);
        if self.phase == Phase::Open {
            self.note_gap(out);
            self.advance(first.saturating_sub(self.next));
            self.drain(None, out);
        }
    }

    /// Notes that no byte follows the one at `sequence`.
    pub(super) fn fin<S: FnMut(Payload<'_>)>(&mut self, sequence: u32, out: &mut Outlet<'_, S>) {
        let end = self.offset_of(sequence);
        if self.phase == Phase::Open && self.end.is_none() && self.next.abs_diff(end) <= WINDOW_BYTES {
            self.end = Some(end);
            self.close_at_end(out);
        }
    }

    /// Ends the stream if the reset has exactly the expected number (RFC 5961 §3.2); others may be forged.
    pub(super) fn reset<S: FnMut(Payload<'_>)>(&mut self, sequence: u32, out: &mut Outlet<'_, S>) {
        if sequence == self.next_sequence && self.phase == Phase::Open {
            self.flush(out);
            if self.phase == Phase::Open {
                self.phase = Phase::Closed;
                self.end = Some(self.next);
            }
        }
    }

    fn close_at_end<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        if self.phase == Phase::Open && self.end.is_some_and(|end| end <= self.next) {
            self.flush(out);
            if self.phase == Phase::Open {
                self.phase = Phase::Closed;
            }
        }
    }

    /// Delivers all that waits, holes or not.
    fn flush<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        while self.backlog.as_ref().is_some_and(|backlog| backlog.pieces() > 0) {
            self.skip_hole(out);
        }
        self.cut_all(out);
    }

    /// The stream ends here, as far as anyone can tell.
    pub(super) fn finish<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        self.settle(out);
        if self.carried.as_ref().is_some_and(|carried| carried.is_tls()) {
            out.tls.release(self.flow);
        }
    }

    /// Delivers what can be delivered, and decides all frames.
    fn settle<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        self.flush(out);
        out.ledger.set_aside(SetAside::NotSip, std::mem::take(&mut self.undecided));
    }
}
