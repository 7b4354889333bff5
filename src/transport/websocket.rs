//! One direction of a WebSocket (RFC 6455), which carries SIP one message a WebSocket message (RFC 7118 §5).
//!
//! The handshake may not be in the capture: frames are believed where their payload begins a SIP message.

use std::borrow::Cow;
use std::marker::PhantomData;

use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Framer;
use crate::base::Framing;
use crate::base::Limits;
use crate::base::SetAside;
use crate::base::Transport;
use crate::transport::carried::Probe;
use crate::transport::carried::Unit;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;
use crate::transport::websocket::frame::Head;
use crate::transport::websocket::frame::Opcode;
use crate::transport::websocket::inflate::INFLATER_BYTES;
use crate::transport::websocket::inflate::Inflater;
use crate::transport::websocket::inflate::Unread;
use crate::transport::websocket::upgrade::Upgrade;

mod frame;
mod inflate;
mod upgrade;

/// Bytes of messages that are no SIP, after which a stream that never had any is given up.
const FOREIGN_BYTES_MAX: usize = 64 * 1024;
/// A frame whose connection's beginning is not known is believed after so much of its payload.
const RECOGNISED_BYTES: usize = 256;
/// Bytes that so much of its payload may be decompressed to.
const RECOGNISED_COMPRESSED_MAX: usize = 1 << 20;

/// What the bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The HTTP handshake.
    Handshake,
    /// A frame.
    Frame,
}

/// What the first bytes of a stream say of it.
pub(super) fn probe<F: Framer>(window: &[u8]) -> Probe {
    let (begins, start) = match window {
        [b'G' | b'H', ..] => (upgrade::may_begin(window), Start::Handshake),
        _ if is_ping(window) => (Some(true), Start::Frame),
        _ => (frame_begins::<F>(window), Start::Frame),
    };
    match begins {
        Some(true) => Probe::WebSocket(start),
        Some(false) => Probe::Plain,
        None => Probe::More,
    }
}

/// Whether the bytes are one frame that keeps a connection open: a ping, a pong, or the blank lines of RFC 5626 §3.5.1.
fn is_ping(window: &[u8]) -> bool {
    let Ok(Some(head)) = Head::read(window) else { return false };
    let is_whole = (window.len().saturating_sub(head.len)) as u64 == head.payload_len;
    let is_blank = || head.payload_len > 0 && head.payload(window).iter().all(u8::is_ascii_whitespace);
    is_whole && (head.opcode == Opcode::Ping || head.opcode == Opcode::Message && head.payload_len <= 4 && is_blank())
}

/// Whether the bytes begin a frame that begins a SIP message; `None` where they are too few.
fn frame_begins<F: Framer>(window: &[u8]) -> Option<bool> {
    let head = match Head::read(window) {
        Ok(Some(head)) if head.opcode == Opcode::Message => head,
        Ok(None) => return None,
        _ => return Some(false),
    };
    let first = window.get(..head.len.saturating_add(RECOGNISED_BYTES)).unwrap_or(window);
    let payload = head.payload(first);
    if head.is_compressed {
        // Only what begins a stream is asked this.
        let is_whole = (window.len().saturating_sub(head.len)) as u64 >= head.payload_len;
        return match Inflater::new().read(&payload, false, RECOGNISED_COMPRESSED_MAX) {
            Ok(text) if F::recognises(&text) => Some(true),
            Ok(_) if !is_whole && window.len() < head.len.saturating_add(RECOGNISED_BYTES) => None,
            Ok(_) => Some(false),
            // It may refer to messages before it, of which it is said that they are missing.
            Err(_) => Some(is_followed(window)),
        };
    }
    if F::recognises(&payload) {
        return Some(true);
    }
    let expected = usize::try_from(head.payload_len).unwrap_or(usize::MAX).min(RECOGNISED_BYTES);
    (payload.len() >= expected).then_some(false)
}

enum State {
    /// The end of the HTTP handshake is to come; it is not in so many bytes.
    Handshake { scanned: usize },
    /// A frame is to come.
    Frames,
    /// Within a frame that is too long.
    Within { left: u64 },
    /// Somewhere in the middle: a frame is looked for.
    Lost,
}

/// A message whose last frame is to come.
#[derive(Default)]
struct Partial {
    bytes: Vec<u8>,
    frames: Vec<FrameRef>,
    /// The packet that brought the last fragment.
    origin: Option<Origin>,
    fragments: usize,
    is_ambiguous: bool,
    is_compressed: bool,
    /// It is not to be read: too long, or compressed against what is not there.
    is_dropped: bool,
}

/// See the file.
pub(super) struct WebSocket<F> {
    transport: Transport,
    state: State,
    partial: Option<Partial>,
    /// Once a message was compressed.
    inflater: Option<Inflater>,
    has_messages: bool,
    foreign_bytes: usize,
    framer: PhantomData<F>,
}

impl<F: Framer> WebSocket<F> {
    /// A stream that begins so; `transport` is what its messages are said to have come by.
    pub(super) fn new(start: Start, transport: Transport) -> WebSocket<F> {
        let state = if start == Start::Handshake { State::Handshake { scanned: 0 } } else { State::Frames };
        WebSocket {
            transport,
            state,
            partial: None,
            inflater: None,
            has_messages: false,
            foreign_bytes: 0,
            framer: PhantomData,
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        let partial = |partial: &Partial| {
            partial.bytes.len().saturating_add(partial.frames.len().saturating_mul(size_of::<FrameRef>()))
        };
        self.partial.as_ref().map_or(0, partial).saturating_add(self.inflater.as_ref().map_or(0, |_| INFLATER_BYTES))
    }

    /// Bytes are missing behind those that were seen, or none follow.
    pub(super) fn interrupt<S: FnMut(Payload<'_>)>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) {
        self.cut_short(flow, out);
        self.state = State::Lost;
        self.restart_inflater();
    }

    /// What is there of a message that will not be whole.
    fn cut_short<S: FnMut(Payload<'_>)>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) {
        let begun = self.partial.take().filter(Partial::is_message::<F>);
        if let Some((message, origin)) = begun.and_then(Partial::into_message) {
            self.deliver(&message, true, &origin, flow, out);
        }
    }

    /// Of a compressed message not all was read, and later ones may refer to it.
    fn restart_inflater(&mut self) {
        self.inflater.iter_mut().for_each(Inflater::restart);
    }

    /// See [`crate::transport::carried::Carried::unit`].
    pub(super) fn unit<S: FnMut(Payload<'_>)>(
        &mut self,
        window: &[u8],
        interrupted: bool,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Unit {
        if self.foreign_bytes > FOREIGN_BYTES_MAX && !self.has_messages {
            return Unit::Foreign(SetAside::NotSip);
        }
        loop {
            let unit = match self.state {
                _ if window.is_empty() => Some(Unit::More),
                State::Handshake { scanned } => Some(self.handshake(window, scanned, interrupted)),
                State::Frames => self.frame(window, interrupted, flow, out),
                State::Within { left } => Some(self.within(window, left)),
                State::Lost => self.search(window, interrupted),
            };
            if let Some(unit) = unit {
                return unit;
            }
        }
    }

    fn handshake(&mut self, window: &[u8], scanned: usize, interrupted: bool) -> Unit {
        match upgrade::read(window, scanned) {
            Upgrade::Done(len) => {
                self.state = State::Frames;
                Unit::Skip { len, reason: SetAside::Handshake }
            }
            Upgrade::More if interrupted => {
                self.state = State::Lost;
                Unit::Skip { len: window.len(), reason: SetAside::Handshake }
            }
            Upgrade::More => {
                self.state = State::Handshake { scanned: window.len() };
                Unit::More
            }
            Upgrade::No => Unit::Foreign(SetAside::NotSip),
        }
    }

    fn frame<S: FnMut(Payload<'_>)>(
        &mut self,
        window: &[u8],
        interrupted: bool,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Option<Unit> {
        let head = match Head::read(window) {
            Ok(Some(head)) => head,
            Ok(None) if interrupted => return Some(Unit::Skip { len: window.len(), reason: SetAside::TcpGap }),
            Ok(None) => return Some(Unit::More),
            Err(_) => {
                out.ledger.events.websocket_malformed.add(out.now);
                self.cut_short(flow, out);
                self.state = State::Lost;
                // Else the search would find what has just been refused.
                return Some(Unit::Skip { len: 1, reason: SetAside::NotSip });
            }
        };
        let len = usize::try_from(head.payload_len).ok().filter(|len| *len <= out.limits.websocket_message_bytes_max);
        let Some(len) = len else {
            out.ledger.events.websocket_too_large.add(out.now);
            self.restart_inflater();
            self.cut_short(flow, out);
            self.partial = (!head.is_last).then(Partial::dropped);
            self.state = State::Within { left: head.payload_len };
            return Some(Unit::Skip { len: head.len, reason: SetAside::Limit });
        };
        let len = head.len.saturating_add(len);
        match window.len() {
            available if available >= len => Some(Unit::Whole { len, cut: false }),
            available if interrupted => Some(Unit::Whole { len: available, cut: true }),
            _ => Some(Unit::More),
        }
    }

    fn within(&mut self, window: &[u8], left: u64) -> Unit {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(window.len());
        let left = left.saturating_sub(len as u64);
        self.state = if left == 0 { State::Frames } else { State::Within { left } };
        Unit::Skip { len: len.max(1), reason: SetAside::Limit }
    }

    /// Looks for a frame that begins a message: others cannot be told from what is within frames. What is compressed shows
    /// nothing of what it is; there the next frame has to stand where this one ends.
    fn search(&mut self, window: &[u8], interrupted: bool) -> Option<Unit> {
        let skip = |len: usize| Some(Unit::Skip { len, reason: SetAside::TcpGap });
        let is_head = |byte: u8| matches!(byte, 0x81 | 0x82) || self.inflater.is_some() && matches!(byte, 0xc1 | 0xc2);
        for (at, first) in window.iter().enumerate().filter(|(_, byte)| is_head(**byte)) {
            let window = window.get(at..).unwrap_or_default();
            let begins = if *first < 0xc0 { frame_begins::<F>(window) } else { Some(is_followed(window)) };
            match begins {
                Some(false) => {}
                Some(true) if at == 0 => {
                    self.state = State::Frames;
                    return None;
                }
                None if at == 0 && !interrupted => return Some(Unit::More),
                None if interrupted => {}
                Some(true) | None => return skip(at),
            }
        }
        skip(window.len())
    }

    /// Takes a frame; `None` where it holds a part of a message.
    pub(super) fn take<S: FnMut(Payload<'_>)>(
        &mut self,
        frame: &[u8],
        cut: bool,
        origin: Origin,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Option<SetAside> {
        let Ok(Some(head)) = Head::read(frame) else { return Some(SetAside::Malformed) };
        let payload = head.payload(frame);
        match head.opcode {
            Opcode::Close => return Some(SetAside::Handshake),
            Opcode::Ping => return Some(SetAside::KeepAlive),
            Opcode::Message if self.partial.is_some() => {
                out.ledger.events.websocket_malformed.add(out.now);
                self.cut_short(flow, out);
                self.restart_inflater();
            }
            Opcode::Continuation if self.partial.is_none() => {
                out.ledger.events.websocket_malformed.add(out.now);
                return Some(SetAside::NotSip);
            }
            Opcode::Message | Opcode::Continuation => {}
        }
        let is_compressed = head.is_compressed || self.partial.as_ref().is_some_and(|partial| partial.is_compressed);
        let payload =
            if is_compressed { self.inflated(&payload, head.is_last, out).map(Cow::Owned) } else { Some(payload) };
        let Some(payload) = payload else {
            self.cut_short(flow, out);
            self.partial = (!head.is_last).then(Partial::dropped);
            return Some(SetAside::NotSip);
        };
        let is_whole = head.is_last && self.partial.is_none();
        if is_whole || cut && self.partial.is_none() {
            return self.deliver(&payload, cut, &origin, flow, out);
        }
        let partial = self.partial.get_or_insert_with(|| Partial { is_compressed, ..Partial::default() });
        if !partial.has_room(payload.len(), out.limits) {
            out.ledger.events.websocket_too_large.add(out.now);
            self.cut_short(flow, out);
            self.partial = Some(Partial::dropped());
            if is_compressed {
                self.restart_inflater();
            }
        } else if !partial.is_dropped {
            partial.add(&payload, origin);
        }
        if !head.is_last && !cut {
            let is_begun = self.partial.as_ref().is_some_and(Partial::is_message::<F>);
            return (!is_begun).then_some(SetAside::NotSip);
        }
        match self.partial.take().and_then(Partial::into_message) {
            Some((message, origin)) => self.deliver(&message, cut, &origin, flow, out),
            None => Some(SetAside::Limit),
        }
    }

    /// What a frame of a compressed message holds; `None` where that cannot be told, which is counted.
    fn inflated<S>(&mut self, payload: &[u8], is_last: bool, out: &mut Outlet<'_, S>) -> Option<Vec<u8>> {
        let held = self.partial.as_ref().map_or(0, |partial| partial.bytes.len());
        let len_max = out.limits.websocket_message_bytes_max.saturating_sub(held);
        let read = self.inflater.get_or_insert_with(Inflater::new).read(payload, is_last, len_max);
        match &read {
            Ok(_) => {}
            Err(Unread::Damaged) => out.ledger.events.websocket_compressed.add(out.now),
            Err(Unread::TooLarge) => out.ledger.events.websocket_too_large.add(out.now),
        }
        read.ok()
    }

    fn deliver<S: FnMut(Payload<'_>)>(
        &mut self,
        message: &[u8],
        cut: bool,
        origin: &Origin,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Option<SetAside> {
        let message = message.trim_ascii_start();
        if message.is_empty() {
            return Some(SetAside::KeepAlive);
        }
        if !F::recognises(message) {
            self.foreign_bytes = self.foreign_bytes.saturating_add(message.len());
            return Some(SetAside::NotSip);
        }
        self.has_messages = true;
        let payload = origin.payload(flow, message, Framing::default(), cut);
        out.deliver(Payload { transport: self.transport, ..payload });
        None
    }
}

/// Whether a frame stands at the front and another one behind it, or nothing.
fn is_followed(window: &[u8]) -> bool {
    let Ok(Some(head)) = Head::read(window) else { return false };
    let len = usize::try_from(head.payload_len).unwrap_or(usize::MAX).saturating_add(head.len);
    match window.get(len..) {
        None => false,
        Some([]) => true,
        Some(behind) => Head::read(behind).is_ok(),
    }
}

impl Partial {
    /// A message of which the rest is passed over.
    fn dropped() -> Partial {
        Partial { is_dropped: true, ..Partial::default() }
    }

    /// Whether a frame's payload fits into what is kept of a message.
    fn has_room(&self, len: usize, limits: &Limits) -> bool {
        let fits = self.bytes.len().saturating_add(len) <= limits.websocket_message_bytes_max;
        self.is_dropped || fits && self.fragments < limits.websocket_fragments_max
    }

    fn is_message<F: Framer>(&self) -> bool {
        F::recognises(self.bytes.get(..RECOGNISED_BYTES).unwrap_or(&self.bytes))
    }

    fn add(&mut self, payload: &[u8], origin: Origin) {
        self.fragments = self.fragments.saturating_add(1);
        self.bytes.extend_from_slice(payload);
        self.frames.extend(origin.frames.iter());
        self.is_ambiguous |= origin.ambiguous;
        self.origin = Some(origin);
    }

    /// The message, as far as it is there, and the frames that brought it.
    fn into_message(self) -> Option<(Vec<u8>, Origin)> {
        let origin = self.origin?;
        Some((self.bytes, Origin { ambiguous: self.is_ambiguous, ..origin.with_frames(self.frames) }))
    }
}
