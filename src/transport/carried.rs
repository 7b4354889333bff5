//! What a stream holds where it is not messages one behind the other: WebSocket, TLS, what an agent reports with HEP, or one of
//! these within TLS. Each is told by its first bytes, on any port.

use crate::base::Flow;
use crate::base::Framer;
use crate::base::SetAside;
use crate::base::Transport;
use crate::transport::hep;
use crate::transport::hep::HepStream;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;
use crate::transport::tls::Tls;
use crate::transport::websocket;
use crate::transport::websocket::WebSocket;

/// What stands at the front of the bytes in order.
pub(super) enum Unit {
    /// A frame or record of this many bytes, at least 1; `cut` where its end is missing.
    Whole { len: usize, cut: bool },
    /// This many bytes, at least 1, are none.
    Skip { len: usize, reason: SetAside },
    /// Nothing can be said before more bytes are there. Never the answer to bytes behind which others are missing.
    More,
    /// Nothing of the stream will be read.
    Foreign(SetAside),
}

/// What the first bytes of a stream say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// Too few of them.
    More,
    /// None of what this file knows.
    Plain,
    WebSocket(websocket::Start),
    Tls,
    Hep,
}

/// Looks at the first bytes of a stream. Asked of every stream, so it decides by the first byte where it can.
pub(super) fn probe<F: Framer>(window: &[u8]) -> Probe {
    match window {
        [] => Probe::More,
        // RFC 8446 §5.1: content type 20 to 24, then a version whose first byte is 3.
        [20..=24] | [20..=24, 3] => Probe::More,
        [20..=24, 3, 0..=4, ..] => Probe::Tls,
        [b'H', b'E', ..] => match hep::begins(window) {
            Some(true) => Probe::Hep,
            Some(false) => Probe::Plain,
            None => Probe::More,
        },
        [b'G' | b'H' | 0x01 | 0x02 | 0x81 | 0x82 | 0x89 | 0x8a | 0xc1 | 0xc2, ..] => websocket::probe::<F>(window),
        _ => Probe::Plain,
    }
}

/// Whether the first bytes of a stream that was joined in the middle are sure to begin something.
pub(super) fn begins<F: Framer>(window: &[u8]) -> bool {
    match window {
        // The head of a TLS record: no record is longer than 2^14 + 2048 bytes (RFC 5246 §6.2.3).
        [20..=24, 3, 0..=4, 0..=72, ..] => true,
        [b'H', b'E', ..] => hep::begins(window) == Some(true),
        [b'G' | b'H' | 0x01 | 0x02 | 0x81 | 0x82 | 0x89 | 0x8a | 0xc1 | 0xc2, ..] => {
            matches!(websocket::probe::<F>(window), Probe::WebSocket(_))
        }
        _ => false,
    }
}

/// One direction of a stream, and where it is in it.
pub(super) enum Carried<F> {
    WebSocket(Box<WebSocket<F>>),
    Tls(Box<Tls<F>>),
    Hep(HepStream<F>),
    /// TLS of which nothing more is read.
    TlsGivenUp,
}

impl<F: Framer> Carried<F> {
    /// What a probe has found in a stream; `None` for plain messages.
    pub(super) fn of(probe: Probe) -> Option<Carried<F>> {
        match probe {
            Probe::More | Probe::Plain => None,
            Probe::WebSocket(start) => Some(Carried::WebSocket(Box::new(WebSocket::new(start, Transport::Ws)))),
            Probe::Tls => Some(Carried::Tls(Box::new(Tls::new()))),
            Probe::Hep => Some(Carried::Hep(HepStream::new())),
        }
    }

    /// What stands at the front of the window; `interrupted` where bytes are missing behind it.
    pub(super) fn unit<S: FnMut(Payload<'_>)>(
        &mut self,
        window: &[u8],
        interrupted: bool,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Unit {
        match self {
            Carried::WebSocket(websocket) => websocket.unit(window, interrupted, flow, out),
            Carried::Tls(tls) => tls.unit(window, interrupted, flow, out),
            Carried::Hep(hep) => hep.unit(window, interrupted),
            Carried::TlsGivenUp => Unit::Foreign(SetAside::Encrypted),
        }
    }

    /// Takes a frame or record; `None` where it holds a part of a message.
    pub(super) fn take<S: FnMut(Payload<'_>)>(
        &mut self,
        unit: &[u8],
        cut: bool,
        origin: Origin,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Option<SetAside> {
        match self {
            Carried::WebSocket(websocket) => websocket.take(unit, cut, origin, flow, out),
            Carried::Tls(tls) => tls.take(unit, origin, flow, out),
            Carried::Hep(hep) => hep.take(unit, origin, out),
            Carried::TlsGivenUp => Some(SetAside::Encrypted),
        }
    }

    /// Bytes are missing here, or nothing follows.
    pub(super) fn interrupt<S: FnMut(Payload<'_>)>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) {
        match self {
            Carried::WebSocket(websocket) => websocket.interrupt(flow, out),
            Carried::Tls(tls) => tls.interrupt(flow, out),
            Carried::Hep(hep) => hep.interrupt(),
            Carried::TlsGivenUp => {}
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Carried::WebSocket(websocket) => websocket.held_bytes(),
            Carried::Tls(tls) => tls.held_bytes(),
            Carried::Hep(_) | Carried::TlsGivenUp => 0,
        }
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Carried::Tls(_) | Carried::TlsGivenUp)
    }

    /// Forgets what is known of a stream of which nothing more is read: there may be a million of them.
    pub(super) fn give_up(&mut self) {
        if self.is_tls() {
            *self = Carried::TlsGivenUp;
        }
    }
}
