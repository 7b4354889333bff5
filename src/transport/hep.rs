//! HEP version 3 over TCP or TLS, as agents send it where no report may be lost: packets one behind the other, each of which
//! says how long it is.

use std::marker::PhantomData;

use memchr::memmem;

use crate::base::Framer;
use crate::base::SetAside;
use crate::packet;
use crate::transport::carried::Unit;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;

const MAGIC: &[u8] = b"HEP3";
/// The magic number, the length, and the first byte of the first chunk's vendor.
const RECOGNISED_BYTES: usize = 7;
/// The magic number and the length, which count towards the length.
const LEN_MIN: usize = 6;

/// Whether the bytes begin a packet; `None` where they are too few. All vendors have numbers below 256, and a SIP method of
/// this name has a blank and a URI in that place.
pub(super) fn begins(window: &[u8]) -> Option<bool> {
    match window {
        [b'H', b'E', b'P', b'3', high, low, 0, ..] => Some(length(*high, *low) >= LEN_MIN),
        _ if window.len() >= RECOGNISED_BYTES => Some(false),
        _ => window.iter().zip(MAGIC).any(|(byte, expected)| byte != expected).then_some(false),
    }
}

fn length(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high, low]))
}

/// One direction of a stream of packets.
pub(super) struct HepStream<F> {
    /// Where the next packet begins is not known.
    is_lost: bool,
    framer: PhantomData<F>,
}

impl<F: Framer> HepStream<F> {
    pub(super) fn new() -> HepStream<F> {
        HepStream { is_lost: false, framer: PhantomData }
    }

    /// Bytes are missing behind those that were seen.
    pub(super) fn interrupt(&mut self) {
        self.is_lost = true;
    }

    /// See [`crate::transport::carried::Carried::unit`].
    pub(super) fn unit(&mut self, window: &[u8], interrupted: bool) -> Unit {
        if window.is_empty() {
            return Unit::More;
        }
        if self.is_lost {
            match search(window, interrupted) {
                0 => self.is_lost = false,
                len => return Unit::Skip { len, reason: SetAside::TcpGap },
            }
        }
        match (begins(window), window) {
            (Some(true), [_, _, _, _, high, low, ..]) => match length(*high, *low) {
                len if len <= window.len() => Unit::Whole { len, cut: false },
                _ if interrupted => Unit::Whole { len: window.len(), cut: true },
                _ => Unit::More,
            },
            (None, _) if !interrupted => Unit::More,
            (None, _) => Unit::Skip { len: window.len(), reason: SetAside::TcpGap },
            _ => {
                self.is_lost = true;
                Unit::Skip { len: 1, reason: SetAside::HepUnreadable }
            }
        }
    }

    /// Takes a packet; `None` where it reports a message.
    pub(super) fn take<S: FnMut(Payload<'_>)>(
        &mut self,
        bytes: &[u8],
        origin: Origin,
        out: &mut Outlet<'_, S>,
    ) -> Option<SetAside> {
        let captured = match packet::captured_in_stream(bytes, origin.link) {
            Ok(captured) if F::recognises(captured.payload) => captured,
            Ok(_) => return Some(SetAside::NotSip),
            Err(reason) => return Some(reason),
        };
        out.deliver(origin.reported(captured));
        None
    }
}

/// How many bytes stand before what begins a packet, or may begin one.
fn search(window: &[u8], interrupted: bool) -> usize {
    let is_next = |at: &usize| match begins(window.get(*at..).unwrap_or_default()) {
        Some(begins) => begins,
        None => !interrupted,
    };
    let found = memmem::find_iter(window, MAGIC).find(is_next);
    // The magic number itself may be cut in two.
    let kept = if interrupted { 0 } else { MAGIC.len().saturating_sub(1) };
    let last = window.len().saturating_sub(kept)..window.len();
    found.or_else(|| last.into_iter().find(is_next)).unwrap_or(window.len())
}
