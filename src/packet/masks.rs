//! Secrets struck out of frames: what to hide is learnt from messages, and hidden in the frames that brought them. Every byte keeps its
//! place. Checksums are made anew, for they too are functions of what was hidden.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use crate::base::DecodeAs;
use crate::base::Flow;
use crate::base::FrameSet;
use crate::base::Frames;
use crate::base::Limits;
use crate::capture::Frame;
use crate::packet::Decoded;
use crate::packet::decode;

/// What stands for each hidden byte.
pub const MASK: u8 = b'x';

/// Bytes around a secret that are searched for with it, so that a frame that holds but a part of it is recognised.
const CONTEXT_BYTES: usize = 8;
/// Longer secrets are hidden in pieces: time is linear in their number.
const PIECE_BYTES: usize = 512;

/// What is to be hidden in which frames.
#[derive(Debug)]
pub struct Masks {
    patterns: BTreeMap<(u16, u64), Vec<Pattern>>,
    withheld: FrameSet,
    count: usize,
    count_max: usize,
}

/// A secret with what stands around it.
#[derive(Clone, Debug)]
struct Pattern {
    bytes: Arc<[u8]>,
    secret: Range<usize>,
    /// Whether one frame holds the whole message.
    is_whole: bool,
}

/// A frame as it may be written.
#[derive(Debug, PartialEq, Eq)]
pub enum Masked<'a> {
    /// There is nothing to hide, or it is hidden.
    Frame(Cow<'a, [u8]>),
    /// There is, and it cannot be hidden without changing more.
    Withheld,
}

impl Masks {
    /// Nothing is hidden yet. Frames of messages beyond `count_max` secrets are withheld.
    pub fn new(count_max: usize) -> Masks {
        Masks { patterns: BTreeMap::new(), withheld: FrameSet::default(), count: 0, count_max }
    }

    /// Hides a part of a message in the frames that brought it.
    pub fn hide(&mut self, frames: &Frames, message: &[u8], secret: Range<usize>) {
        let mut start = secret.start;
        while start < secret.end {
            let end = secret.end.min(start.saturating_add(PIECE_BYTES));
            let first = start.saturating_sub(CONTEXT_BYTES);
            let bytes = message.get(first..message.len().min(end.saturating_add(CONTEXT_BYTES))).unwrap_or_default();
            let is_whole = frames.others.is_empty();
            let pattern = Pattern {
                bytes: bytes.into(),
                secret: start.saturating_sub(first)..end.saturating_sub(first),
                is_whole,
            };
            for frame in frames.iter() {
                self.count = self.count.saturating_add(1);
                if self.count > self.count_max {
                    self.withheld.insert(frame);
                    continue;
                }
                self.patterns.entry((frame.input.0, frame.number.value())).or_default().push(pattern.clone());
            }
            start = end;
        }
    }

    /// Withholds frames.
    pub fn withhold(&mut self, frames: &Frames) {
        frames.iter().for_each(|frame| self.withheld.insert(frame));
    }

    /// A frame without what was to be hidden in it.
    pub fn apply<'a>(&self, frame: &Frame<'a>, limits: &Limits, decode_as: &DecodeAs) -> Masked<'a> {
        if self.withheld.contains(frame.at) {
            return Masked::Withheld;
        }
        let Some(patterns) = self.patterns.get(&(frame.at.input.0, frame.at.number.value())) else {
            return Masked::Frame(Cow::Borrowed(frame.bytes));
        };
        let rewritten =
            Carrier::of(frame, limits, decode_as).and_then(|carrier| carrier.rewritten(frame.bytes, patterns));
        rewritten.map_or(Masked::Withheld, |bytes| Masked::Frame(Cow::Owned(bytes)))
    }
}

/// Where a frame holds what, as far as that has to be known for writing it anew.
struct Carrier {
    payload: Range<usize>,
    checksum: Checksum,
}

/// A checksum over the payload, and where it stands.
enum Checksum {
    None,
    /// What it covers is not all there: 0 stands for "not computed".
    Unknown(usize),
    /// Of UDP or TCP, whose header begins there.
    Known {
        at: usize,
        header: usize,
        flow: Flow,
        protocol: u8,
    },
}

const TCP: u8 = 6;
const UDP: u8 = 17;

impl Carrier {
    /// `None` within tunnels, HEP and SCTP: there are further checksums around.
    fn of(frame: &Frame<'_>, limits: &Limits, decode_as: &DecodeAs) -> Option<Carrier> {
        match decode(frame, limits, decode_as) {
            Decoded::Udp(datagram) if datagram.link.tunnel == 0 => {
                let payload = place(frame.bytes, datagram.payload)?;
                let (at, header) = (payload.start.checked_sub(2)?, payload.start.checked_sub(8)?);
                let is_absent = frame.bytes.get(at..at.saturating_add(2))? == [0, 0];
                let checksum = if is_absent {
                    Checksum::None
                } else if datagram.cut {
                    Checksum::Unknown(at)
                } else {
                    Checksum::Known { at, header, flow: datagram.flow, protocol: UDP }
                };
                Some(Carrier { payload, checksum })
            }
            Decoded::Tcp(segment) if segment.link.tunnel == 0 => {
                let payload = place(frame.bytes, segment.payload)?;
                let header = tcp_header(frame.bytes, payload.start, segment.flow, segment.sequence)?;
                let at = header.saturating_add(16);
                let checksum = match segment.missing_len {
                    0 => Checksum::Known { at, header, flow: segment.flow, protocol: TCP },
                    _ => Checksum::Unknown(at),
                };
                Some(Carrier { payload, checksum })
            }
            Decoded::Fragment(fragment) if fragment.part.link.tunnel == 0 => {
                let payload = place(frame.bytes, fragment.part.bytes)?;
                let checksum = match (fragment.offset_bytes, fragment.part.protocol) {
                    (0, UDP) => Checksum::Unknown(payload.start.saturating_add(6)),
                    (0, TCP) => Checksum::Unknown(payload.start.saturating_add(16)),
                    (0, _) => return None,
                    _ => Checksum::None,
                };
                Some(Carrier { payload, checksum })
            }
            _ => None,
        }
    }

    /// `None` where a secret is not to be found, as behind the mask of a WebSocket.
    fn rewritten(&self, frame: &[u8], patterns: &[Pattern]) -> Option<Vec<u8>> {
        let payload = frame.get(self.payload.clone())?;
        let mut masked = payload.to_vec();
        for pattern in patterns {
            let found = pattern.hide(payload, &mut masked);
            if pattern.is_whole && !found {
                return None;
            }
        }
        let mut written = frame.get(..self.payload.start)?.to_vec();
        written.append(&mut masked);
        // Padding, or a checksum of the link.
        written.resize(frame.len(), 0);
        self.sum(&mut written)?;
        Some(written)
    }

    fn sum(&self, frame: &mut [u8]) -> Option<()> {
        let (at, sum) = match self.checksum {
            Checksum::None => return Some(()),
            Checksum::Unknown(at) => (at, 0),
            Checksum::Known { at, header, flow, protocol } => {
                frame.get_mut(at..at.saturating_add(2))?.fill(0);
                let covered = frame.get(header..self.payload.end)?;
                let sum = internet_checksum(flow, protocol, covered)?;
                // RFC 768: a sum of zero is sent as all ones.
                (at, if sum == 0 && protocol == UDP { u16::MAX } else { sum })
            }
        };
        frame.get_mut(at..at.saturating_add(2))?.copy_from_slice(&sum.to_be_bytes());
        Some(())
    }
}

impl Pattern {
    /// Hides every part of the secret that a payload holds: all of it, or what is left of it at either end. Says whether it held all.
    fn hide(&self, payload: &[u8], masked: &mut [u8]) -> bool {
        let mut mask = |pattern_at: usize, payload_at: usize, len: usize| {
            let part = self.secret.start.max(pattern_at)..self.secret.end.min(pattern_at.saturating_add(len));
            let place = part.start.saturating_sub(pattern_at).saturating_add(payload_at)
                ..part.end.saturating_sub(pattern_at).saturating_add(payload_at);
            if let Some(bytes) = masked.get_mut(place).filter(|_| part.start < part.end) {
                bytes.iter_mut().filter(|byte| !matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = MASK);
            }
        };
        let mut found = false;
        for at in memmem::find_iter(payload, &*self.bytes) {
            found = true;
            mask(0, at, self.bytes.len());
        }
        if self.is_whole || found {
            return found;
        }
        for len in 1..self.bytes.len() {
            let (first, last) = (self.bytes.get(..len), self.bytes.get(self.bytes.len().saturating_sub(len)..));
            if first.is_some_and(|first| payload.ends_with(first)) {
                mask(0, payload.len().saturating_sub(len), len);
            }
            if last.is_some_and(|last| payload.starts_with(last)) {
                mask(self.bytes.len().saturating_sub(len), 0, len);
            }
        }
        for at in memmem::find_iter(&self.bytes, payload).filter(|_| !payload.is_empty()) {
            mask(at, 0, payload.len());
        }
        false
    }
}

/// Where a part of a frame stands in it.
fn place(frame: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(frame.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    (frame.get(range.clone())? == part).then_some(range)
}

/// Where the TCP header begins that ends at `end` (RFC 9293 §3.1).
fn tcp_header(frame: &[u8], end: usize, flow: Flow, sequence: u32) -> Option<usize> {
    let mut known = [flow.source.port.to_be_bytes(), flow.destination.port.to_be_bytes()].concat();
    known.extend(sequence.to_be_bytes());
    (5..=15_u8).find_map(|words| {
        let start = end.checked_sub(usize::from(words) * 4)?;
        let header = frame.get(start..end)?;
        (header.starts_with(&known) && header.get(12).is_some_and(|byte| byte >> 4 == words)).then_some(start)
    })
}

/// RFC 1071, with the pseudo header of IPv4 (RFC 768) or IPv6 (RFC 8200 §8.1).
fn internet_checksum(flow: Flow, protocol: u8, covered: &[u8]) -> Option<u16> {
    let len = u32::try_from(covered.len()).ok()?;
    let mut pseudo = Vec::with_capacity(40);
    for address in [flow.source.address, flow.destination.address] {
        match address {
            IpAddr::V4(address) => pseudo.extend(address.octets()),
            IpAddr::V6(address) => pseudo.extend(address.octets()),
        }
    }
    pseudo.extend(len.to_be_bytes());
    pseudo.extend([0, 0, 0, protocol]);
    let words = pseudo.chunks(2).chain(covered.chunks(2)).map(|word| match word {
        [high, low] => u64::from(u16::from_be_bytes([*high, *low])),
        [high] => u64::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff).saturating_add(sum >> 16);
    }
    Some(!u16::try_from(sum).ok()?)
}
