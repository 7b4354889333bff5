//! The table of TCP streams: bounded in number and bytes, aged by capture time. The oldest goes first, finished and counted.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::DecodeAs;
use crate::base::Flow;
use crate::base::Framer;
use crate::base::Notice;
use crate::base::Over;
use crate::base::SetAside;
use crate::base::Unreachable;
use crate::base::Why;
use crate::base::WireMap;
use crate::packet::Segment;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;
use crate::transport::stream::Stream;

/// Entries of the order that may outlive their streams before it is rebuilt.
const ORDER_SLACK: usize = 1024;

/// Each direction of each connection is a stream of its own.
pub(super) struct Connections<F> {
    /// Boxed, because a hash table has more places than entries.
    streams: WireMap<Flow, Box<Stream<F>>>,
    /// One entry a stream. An entry that is older than its stream's last use is renewed when it comes to the front.
    order: VecDeque<(Flow, u64)>,
    clock: u64,
    held_bytes: usize,
}

impl<F> Default for Connections<F> {
    fn default() -> Connections<F> {
        Connections { streams: WireMap::default(), order: VecDeque::new(), clock: 0, held_bytes: 0 }
    }
}

impl<F: Framer> Connections<F> {
    /// Takes one segment.
    pub(super) fn push<S: FnMut(Payload<'_>)>(
        &mut self,
        segment: &Segment<'_>,
        origin: Origin,
        out: &mut Outlet<'_, S>,
    ) {
        self.expire(origin.time, out);
        let (at, time) = (origin.frames.last, origin.time);
        if self.is_refusal(segment, out.decode_as) {
            out.ledger.events.tcp_refused.add(at);
            let (flow, said_by) = (segment.flow.reversed(), segment.flow.source.address);
            let what = Unreachable { flow, said_by, why: Why::Refused };
            out.ledger.unreachable.extend(time.map(|time| Notice { what, at, time }));
            self.remove(segment.flow.reversed(), out);
        }
        if let Some((what, time)) = self.resent_by(segment, time).zip(time) {
            out.ledger.unreachable.push(Notice { what, at, time });
        }
        self.place(segment, origin, out);
        if let Some((what, time)) = self.ended_by(segment).zip(time) {
            out.ledger.unreachable.push(Notice { what, at, time });
        }
    }

    /// What a segment says that was sent before, again and again, and that the other side has acknowledged nothing of: it does not arrive.
    fn resent_by(&mut self, segment: &Segment<'_>, time: Option<CaptureTime>) -> Option<Unreachable> {
        let (behind, since) = self.streams.get_mut(&segment.flow)?.resends(segment, time?)?;
        // Without the other direction nobody knows what it acknowledged, and whoever answers that it has no room got the segment.
        let other = self.streams.get(&segment.flow.reversed())?;
        let is_silent = other.last_seen.is_none_or(|seen| seen < since);
        let is_outstanding = behind.wrapping_sub(other.acknowledged?).cast_signed() > 0 && is_silent;
        let what = Unreachable { flow: segment.flow, said_by: segment.flow.source.address, why: Why::Unacknowledged };
        is_outstanding.then_some(what)
    }

    /// Whether it is all that came back to a SYN (RFC 9293 §3.10.7.1) that was sent to a port where messages are expected.
    fn is_refusal(&self, segment: &Segment<'_>, decode_as: &DecodeAs) -> bool {
        segment.flags.rst
            && (F::PORTS.contains(&segment.flow.source.port) || decode_as.is_sip(Over::Tcp, segment.flow))
            && !self.streams.contains_key(&segment.flow)
            && self.streams.get(&segment.flow.reversed()).is_some_and(|asking| asking.is_silent())
    }

    /// What a segment says that ends a connection while the other side, which had opened it, waits for an answer to what it sent last:
    /// not one byte was sent since.
    fn ended_by(&self, segment: &Segment<'_>) -> Option<Unreachable> {
        if !segment.flags.rst && !segment.flags.fin {
            return None;
        }
        let why = if segment.flags.rst { Why::Reset } else { Why::Closed };
        let flow = segment.flow.reversed();
        let waiting = self.streams.get(&flow)?;
        let said_by = segment.flow.source.address;
        // Bytes before it that the capture lacks may have been an answer, and a FIN may cross what it does not acknowledge.
        let is_gapless = self.streams.get(&segment.flow).is_none_or(|own| own.is_next(segment.sequence));
        let has_heard = segment.flags.rst || waiting.is_next(segment.acknowledgment);
        let is_end = waiting.is_waiting_for(segment.sequence) && is_gapless && has_heard;
        is_end.then_some(Unreachable { flow, said_by, why })
    }

    fn place<S: FnMut(Payload<'_>)>(&mut self, segment: &Segment<'_>, origin: Origin, out: &mut Outlet<'_, S>) {
        if segment.flags.syn {
            self.open(segment, out);
        }
        let has_payload = !segment.payload.is_empty() || segment.missing_len > 0;
        let is_over = self.streams.get(&segment.flow).map(|stream| stream.is_over_before(segment));
        if has_payload && is_over != Some(false) {
            self.remove(segment.flow, out);
            out.ledger.events.tcp_joined.add(out.now);
            self.insert(Stream::joined(segment.flow, segment.sequence, out.decode_as), segment.flow);
        }
        let time = origin.time;
        let Some(stream) = self.streams.get_mut(&segment.flow) else {
            return out.ledger.set_aside(SetAside::TcpNoPayload, origin.frame_count());
        };
        self.clock = self.clock.saturating_add(1);
        stream.stamp = self.clock;
        stream.last_seen = time.or(stream.last_seen);
        // Whoever puts the same number on all segments acknowledges nothing with it.
        let has_moved = segment.flags.ack
            && !segment.flags.rst
            && stream.acknowledged.is_some_and(|before| before != segment.acknowledgment);
        stream.acknowledged = segment.flags.ack.then_some(segment.acknowledgment).or(stream.acknowledged);
        let held_before = stream.held_bytes();
        // What is kept for comparison alone gets no more than half of the room.
        if self.held_bytes > out.limits.tcp_bytes_max / 2 {
            stream.forget_delivered();
        }
        // The SYN takes one number before the payload, the FIN one behind it (RFC 9293 §3.4).
        let first = segment.sequence.wrapping_add(u32::from(segment.flags.syn));
        if has_payload {
            stream.note_heard(segment);
            stream.push(first, segment, origin, out);
        } else {
            out.ledger.set_aside(SetAside::TcpNoPayload, origin.frame_count());
        }
        if segment.flags.fin {
            let payload_len = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
            stream.fin(first.wrapping_add(payload_len).wrapping_add(segment.missing_len), out);
        }
        if segment.flags.rst {
            stream.reset(segment.sequence, out);
        }
        self.held_bytes = self.held_bytes.saturating_add(stream.held_bytes()).saturating_sub(held_before);
        if has_moved && let Some(other) = self.streams.get_mut(&segment.flow.reversed()) {
            other.compare_with(segment.acknowledgment, out);
        }
        if out.tls.take_news() {
            self.resume(segment.flow.reversed(), out);
        }
        self.make_room(out);
    }

    /// Goes on with a stream that may wait for what the other direction has told.
    fn resume<S: FnMut(Payload<'_>)>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) {
        if let Some(stream) = self.streams.get_mut(&flow) {
            let held_before = stream.held_bytes();
            stream.resume(out);
            self.held_bytes = self.held_bytes.saturating_add(stream.held_bytes()).saturating_sub(held_before);
        }
    }

    /// Finishes all streams, the oldest first.
    pub(super) fn finish<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        while self.remove_oldest(out) {}
    }

    /// A SYN begins a stream of its own unless it is the one seen already, sent again.
    fn open<S: FnMut(Payload<'_>)>(&mut self, segment: &Segment<'_>, out: &mut Outlet<'_, S>) {
        if self.streams.get(&segment.flow).is_some_and(|stream| stream.is_opened_by(segment.sequence)) {
            return;
        }
        self.remove(segment.flow, out);
        if !segment.flags.ack {
            // The port is used again: what the other side sent belongs to the old connection, too.
            self.remove(segment.flow.reversed(), out);
        }
        self.insert(Stream::opened(segment, out.decode_as), segment.flow);
    }

    fn insert(&mut self, mut stream: Stream<F>, flow: Flow) {
        self.clock = self.clock.saturating_add(1);
        stream.stamp = self.clock;
        self.order.push_back((flow, self.clock));
        self.streams.insert(flow, Box::new(stream));
        if self.order.len() > self.streams.len().saturating_mul(2).saturating_add(ORDER_SLACK) {
            self.rebuild_order();
        }
    }

    /// Drops the entries of streams that are gone. Rare enough that an insertion costs the same on average.
    fn rebuild_order(&mut self) {
        let mut entries: Vec<(Flow, u64)> = self.streams.iter().map(|(flow, stream)| (*flow, stream.stamp)).collect();
        entries.sort_unstable_by_key(|(_, stamp)| *stamp);
        self.order = entries.into();
    }

    fn remove<S: FnMut(Payload<'_>)>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) {
        if let Some(mut stream) = self.streams.remove(&flow) {
            self.held_bytes = self.held_bytes.saturating_sub(stream.held_bytes());
            stream.finish(out);
            // Whichever goes first.
            if let Some(other) = self.streams.get(&flow.reversed()) {
                stream.note_unfilled(other.acknowledged, out);
                other.note_unfilled(stream.acknowledged, out);
            }
        }
    }

    /// Brings the entry of the stream that was idle longest to the front of the order.
    fn oldest(&mut self) -> Option<&Stream<F>> {
        loop {
            let (flow, stamp) = *self.order.front()?;
            let current = self.streams.get(&flow).map(|stream| stream.stamp);
            match current {
                Some(current) if current == stamp => return self.streams.get(&flow).map(Box::as_ref),
                // An entry of the same flow that is gone, or of an earlier stream of it, is dropped or renewed alike.
                Some(current) => {
                    self.order.pop_front();
                    self.order.push_back((flow, current));
                }
                None => {
                    self.order.pop_front();
                }
            }
        }
    }

    fn remove_oldest<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) -> bool {
        if self.oldest().is_none() {
            return false;
        }
        if let Some((flow, _)) = self.order.pop_front() {
            self.remove(flow, out);
        }
        true
    }

    fn expire<S: FnMut(Payload<'_>)>(&mut self, now: Option<CaptureTime>, out: &mut Outlet<'_, S>) {
        let Some(now) = now else { return };
        let idle_max = Duration::from_secs(out.limits.tcp_idle_s_max);
        // One renewed entry a segment is enough to keep up, and keeps this cheap.
        for _ in 0..2 {
            let Some((flow, stamp)) = self.order.front().copied() else { return };
            match self.streams.get(&flow) {
                // Nobody knows how long it was silent: it may not hold up the others.
                Some(stream) if stream.last_seen.is_none_or(|seen| seen > now) => {
                    let renewed = stream.stamp;
                    self.order.pop_front();
                    self.order.push_back((flow, renewed));
                }
                Some(stream) if stream.last_seen.is_some_and(|seen| now.since(seen) <= idle_max) => {
                    if stream.stamp != stamp {
                        let renewed = stream.stamp;
                        self.order.pop_front();
                        self.order.push_back((flow, renewed));
                    }
                    return;
                }
                _ => {
                    self.order.pop_front();
                    self.remove(flow, out);
                }
            }
        }
    }

    fn make_room<S: FnMut(Payload<'_>)>(&mut self, out: &mut Outlet<'_, S>) {
        while self.streams.len() > out.limits.tcp_flows_max || self.held_bytes > out.limits.tcp_bytes_max {
            if !self.remove_oldest(out) {
                return;
            }
            out.ledger.events.tcp_evicted.add(out.now);
        }
    }
}
