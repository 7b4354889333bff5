//! IP datagrams from their fragments (RFC 791 §3.2, RFC 8200 §4.5), in any order, within bounds.
//!
//! The first copy of a byte wins, or the last where the limits say so. IPv4 fragments that overlap and differ make the datagram
//! ambiguous; IPv6 ones drop it (RFC 5722 §3). Not etherparse's pool: it is unbounded and lets the last fragment win.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::Frames;
use crate::base::Limits;
use crate::base::LostPiece;
use crate::base::Overlap;
use crate::base::PieceOf;
use crate::base::SetAside;
use crate::base::WireMap;
use crate::packet::Addresses;
use crate::packet::Fragment;
use crate::packet::IpPayload;
use crate::packet::LinkContext;
use crate::transport::assembler;
use crate::transport::assembler::slice_of;
use crate::transport::ledger::Beginning;
use crate::transport::ledger::Ledger;
use crate::transport::ledger::Origin;

/// RFC 791 §3.1: the total length has 16 bits.
const DATAGRAM_BYTES_MAX: u64 = 65_535;
/// What one waiting datagram costs besides its bytes.
const DATAGRAM_OVERHEAD_BYTES: usize = 512;
/// What one fragment costs besides its bytes.
const FRAGMENT_OVERHEAD_BYTES: usize = 64;

/// Fragments of one datagram have this in common. The place is part of it, so that a datagram that was captured in two
/// places is two datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    addresses: Addresses,
    identification: u32,
    protocol: u8,
    link: LinkContext,
}

/// A datagram put together.
pub(super) struct Whole {
    addresses: Addresses,
    protocol: u8,
    bytes: Vec<u8>,
    /// Bytes missing at the end, because a snap length cut a fragment.
    missing_len: u32,
    /// The headers before the fragment that had most of them.
    layers: usize,
    pub(super) origin: Origin,
}

impl Whole {
    /// What it holds.
    pub(super) fn payload(&self) -> IpPayload<'_> {
        let Whole { addresses, protocol, ref bytes, missing_len, layers, ref origin } = *self;
        IpPayload { addresses, protocol, bytes, missing_len, link: origin.link, layers }
    }
}

/// The datagrams that wait for fragments.
#[derive(Default)]
pub(super) struct Defragmenter {
    waiting: WireMap<Key, Datagram>,
    /// Keys in order of arrival. An entry whose datagram is gone, or is a later one, is passed over.
    order: VecDeque<(Key, u64)>,
    next_serial: u64,
    bytes: usize,
    /// The time of the frame before, as far as anything waited.
    before: Option<CaptureTime>,
}

/// A frame from so far ahead may have a wrong time.
const JUMP_MIN: Duration = Duration::from_secs(3600);

/// Entries of datagrams that are gone, beyond twice those that wait, before the order is made anew.
const ORDER_SLACK: usize = 1024;

struct Datagram {
    serial: u64,
    since: Option<CaptureTime>,
    bytes: Vec<u8>,
    /// The parts that are there: start and length.
    parts: BTreeMap<u64, u64>,
    part_bytes: u64,
    end: Option<u64>,
    /// Bytes from here on may be missing: a snap length cut a fragment.
    cut_at: Option<u64>,
    ambiguous: bool,
    /// Contradicts itself; its fragments are only counted.
    dropped: bool,
    /// The headers before the fragment that had most of them.
    layers: usize,
    frames: Vec<FrameRef>,
}

impl Defragmenter {
    /// Takes one fragment, and what brought it: a frame, or the fragments of a packet around it. Gives the datagram that it
    /// completes.
    pub(super) fn push(
        &mut self,
        origin: &Origin,
        fragment: &Fragment<'_>,
        limits: &Limits,
        ledger: &mut Ledger,
    ) -> Option<Whole> {
        let (frame, time) = (origin.frames.last, origin.time);
        self.before = time.or(self.before);
        let part = &fragment.part;
        let start = u64::from(fragment.offset_bytes);
        let wire_len = (part.bytes.len() as u64).saturating_add(u64::from(part.missing_len));
        let end = start.saturating_add(wire_len);
        // All but the last fragment are a multiple of eight bytes; and none is empty.
        if wire_len == 0 || end > DATAGRAM_BYTES_MAX || (fragment.more && !wire_len.is_multiple_of(8)) {
            ledger.events.fragments_malformed.add(frame);
            ledger.set_aside(SetAside::Malformed, origin.frame_count());
            return None;
        }
        let IpPayload { addresses, protocol, link, .. } = *part;
        let key = Key { addresses, identification: fragment.identification, protocol, link };
        self.drop_stale(&key, time, limits, ledger);
        let (serial, order) = (&mut self.next_serial, &mut self.order);
        let datagram = self.waiting.entry(key).or_insert_with(|| {
            *serial = (*serial).saturating_add(1);
            order.push_back((key, *serial));
            Datagram::new(*serial, time)
        });
        let held_before = datagram.held_bytes();
        datagram.frames.extend(origin.frames.iter());
        datagram.ambiguous |= origin.ambiguous;
        datagram.layers = datagram.layers.max(part.layers);
        datagram.add(frame, fragment, start..end, (limits.overlap, ledger));
        self.bytes = self.bytes.saturating_add(datagram.held_bytes()).saturating_sub(held_before);
        if datagram.is_whole() {
            let datagram = self.waiting.remove(&key)?;
            self.bytes = self.bytes.saturating_sub(datagram.held_bytes());
            self.bound_order();
            return datagram.into_whole(&key, time);
        }
        self.make_room(limits, ledger);
        None
    }

    /// Gives up all that waits.
    pub(super) fn finish(&mut self, ledger: &mut Ledger) {
        while self.drop_oldest(ledger) {}
    }

    /// Gives up the datagram that has a fragment's key and another time: numbers are used again.
    fn drop_stale(&mut self, key: &Key, time: Option<CaptureTime>, limits: &Limits, ledger: &mut Ledger) {
        let age_max = Duration::from_secs(limits.fragment_age_s_max);
        let times = self.waiting.get(key).and_then(|datagram| datagram.since.zip(time));
        if times.is_some_and(|(since, time)| time.since(since).max(since.since(time)) > age_max) {
            self.give_up(key, ledger);
        }
    }

    /// Whether any datagram waits, or leaves a place in the order: hardly a frame finds one.
    pub(super) fn is_idle(&self) -> bool {
        self.order.is_empty()
    }

    /// Gives up what has waited too long when a frame of that time comes. A jump far ahead may be one wrong time, which drops nothing: it is
    /// believed when the next frame is as far.
    pub(super) fn expire(&mut self, time: CaptureTime, limits: &Limits, ledger: &mut Ledger) {
        let before = self.before.replace(time);
        let now = before.filter(|before| time.since(*before) > JUMP_MIN).unwrap_or(time);
        let age_max = Duration::from_secs(limits.fragment_age_s_max);
        while let Some((key, serial)) = self.order.front().copied() {
            let waiting = self.waiting.get(&key).filter(|datagram| datagram.serial == serial);
            match waiting.map(|datagram| datagram.since) {
                // Nobody knows how long it has waited: it may not hold up the others. One look at a time, or all of them might be such.
                Some(since) if since.is_none_or(|since| since > now) => return self.order.rotate_left(1),
                Some(since) if since.is_some_and(|since| now.since(since) <= age_max) => return,
                _ => drop(self.drop_oldest(ledger)),
            }
        }
    }

    fn make_room(&mut self, limits: &Limits, ledger: &mut Ledger) {
        while self.waiting.len() > limits.fragment_datagrams_max || self.bytes > limits.fragment_bytes_max {
            if !self.drop_oldest(ledger) {
                return;
            }
        }
    }

    /// Passes over the oldest entry, and gives up its datagram if it still waits; false where there is none.
    fn drop_oldest(&mut self, ledger: &mut Ledger) -> bool {
        let Some((key, serial)) = self.order.pop_front() else { return false };
        if self.waiting.get(&key).is_some_and(|datagram| datagram.serial == serial) {
            self.give_up(&key, ledger);
        }
        true
    }

    fn give_up(&mut self, key: &Key, ledger: &mut Ledger) {
        let Some(datagram) = self.waiting.remove(key) else { return };
        self.bytes = self.bytes.saturating_sub(datagram.held_bytes());
        let Addresses { source, destination } = key.addresses;
        ledger.lost(LostPiece { source, destination, of: PieceOf::Datagram });
        datagram.give_up(key, ledger);
    }

    /// Drops the entries of datagrams that are gone. Rare enough that a fragment costs the same on average.
    fn bound_order(&mut self) {
        if self.order.len() > self.waiting.len().saturating_mul(2).saturating_add(ORDER_SLACK) {
            let waiting = &self.waiting;
            self.order.retain(|(key, serial)| waiting.get(key).is_some_and(|datagram| datagram.serial == *serial));
        }
    }
}

impl Datagram {
    fn new(serial: u64, since: Option<CaptureTime>) -> Datagram {
        Datagram {
            serial,
            since,
            bytes: Vec::new(),
            parts: BTreeMap::new(),
            part_bytes: 0,
            end: None,
            cut_at: None,
            ambiguous: false,
            dropped: false,
            layers: 0,
            frames: Vec::new(),
        }
    }

    fn held_bytes(&self) -> usize {
        self.bytes
            .capacity()
            .saturating_add(self.frames.len().saturating_mul(FRAGMENT_OVERHEAD_BYTES))
            .saturating_add(DATAGRAM_OVERHEAD_BYTES)
    }

    fn add(
        &mut self,
        frame: FrameRef,
        fragment: &Fragment<'_>,
        range: std::ops::Range<u64>,
        (overlap, ledger): (Overlap, &mut Ledger),
    ) {
        let part = &fragment.part;
        let beyond_end = self.end.is_some_and(|end| range.end > end || (!fragment.more && range.end != end));
        let ends_early = !fragment.more && self.bytes.len() as u64 > range.end;
        if self.dropped || beyond_end || ends_early {
            self.contradict(frame, ledger);
            return;
        }
        if !fragment.more {
            self.end = Some(range.end);
        }
        if part.missing_len > 0 {
            let cut_at = range.start.saturating_add(part.bytes.len() as u64);
            self.cut_at = Some(self.cut_at.map_or(cut_at, |at| at.min(cut_at)));
        }
        let split = assembler::split(range.clone(), &self.parts, |len| *len);
        let is_v6 = part.addresses.source.is_ipv6();
        let again =
            split.fresh.is_empty() && self.parts.get(&range.start) == Some(&(range.end.saturating_sub(range.start)));
        let differs = split.seen.iter().any(|seen| self.differs(part.bytes, range.start, seen));
        // RFC 8200 §4.5 lets an exact copy of an IPv6 fragment pass; any other overlap ends the datagram.
        if is_v6 && !split.seen.is_empty() && (!again || differs) {
            self.contradict(frame, ledger);
            return;
        }
        if differs && !self.ambiguous {
            self.ambiguous = true;
            ledger.events.overlap_ambiguous.add(frame);
        }
        let needed = usize::try_from(range.end).unwrap_or(usize::MAX);
        if self.bytes.len() < needed {
            self.bytes.resize(needed, 0);
        }
        for fresh in split.fresh {
            self.parts.insert(fresh.start, fresh.end.saturating_sub(fresh.start));
            self.part_bytes = self.part_bytes.saturating_add(fresh.end.saturating_sub(fresh.start));
            self.copy(part.bytes, range.start, &fresh);
        }
        if overlap == Overlap::Last {
            split.seen.iter().for_each(|seen| self.copy(part.bytes, range.start, seen));
        }
    }

    /// Takes over the bytes of `range` from a payload that begins at `start`.
    fn copy(&mut self, payload: &[u8], start: u64, range: &std::ops::Range<u64>) {
        let source = slice_of(payload, start, range);
        let at = usize::try_from(range.start).unwrap_or(usize::MAX);
        let target = self.bytes.get_mut(at..).and_then(|rest| rest.get_mut(..source.len()));
        if let Some(target) = target {
            target.copy_from_slice(source);
        }
    }

    /// Whether the bytes of `payload`, which begins at `start`, differ from those that are there. Bytes that a snap length
    /// took compare as equal.
    fn differs(&self, payload: &[u8], start: u64, seen: &std::ops::Range<u64>) -> bool {
        let known_end = self.cut_at.map_or(seen.end, |cut_at| seen.end.min(cut_at));
        let new = slice_of(payload, start, &(seen.start..known_end));
        let at = usize::try_from(seen.start).unwrap_or(usize::MAX);
        self.bytes.get(at..).and_then(|rest| rest.get(..new.len())).is_some_and(|old| old != new)
    }

    fn contradict(&mut self, frame: FrameRef, ledger: &mut Ledger) {
        if !self.dropped {
            ledger.events.fragments_malformed.add(frame);
        }
        self.dropped = true;
        self.bytes = Vec::new();
        self.parts.clear();
    }

    fn is_whole(&self) -> bool {
        !self.dropped && self.end == Some(self.part_bytes)
    }

    fn give_up(mut self, key: &Key, ledger: &mut Ledger) {
        if let (false, Some(first)) = (self.dropped, self.frames.first()) {
            ledger.events.fragments_incomplete.add(*first);
            let beginning = self.beginning_len();
            if beginning > 0 {
                self.bytes.truncate(beginning);
                ledger.beginnings.push(Beginning {
                    addresses: key.addresses,
                    protocol: key.protocol,
                    bytes: self.bytes,
                    at: *first,
                    time: self.since,
                    link: key.link,
                    layers: self.layers,
                });
            }
        }
        ledger.set_aside(SetAside::FragmentIncomplete, self.frames.len() as u64);
    }

    /// How many bytes are there from the first one on.
    fn beginning_len(&self) -> usize {
        let mut end = 0;
        for (start, len) in &self.parts {
            if *start != end {
                break;
            }
            end = start.saturating_add(*len);
        }
        usize::try_from(self.cut_at.map_or(end, |cut_at| cut_at.min(end))).unwrap_or(0)
    }

    fn into_whole(mut self, key: &Key, time: Option<CaptureTime>) -> Option<Whole> {
        let last = self.frames.pop()?;
        let total = self.bytes.len() as u64;
        let kept = self.cut_at.map_or(total, |cut_at| cut_at.min(total));
        self.bytes.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        Some(Whole {
            addresses: key.addresses,
            protocol: key.protocol,
            bytes: self.bytes,
            missing_len: u32::try_from(total.saturating_sub(kept)).unwrap_or(u32::MAX),
            layers: self.layers,
            origin: Origin {
                frames: Frames { last, others: self.frames.into_boxed_slice() },
                time,
                link: key.link,
                ambiguous: self.ambiguous,
            },
        })
    }
}
