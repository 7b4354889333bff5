//! What a direction of a TLS connection carries: messages one behind the other, a WebSocket, or what an agent reports with HEP.

use crate::base::Flow;
use crate::base::Framer;
use crate::base::SetAside;
use crate::base::Step;
use crate::base::StreamStart;
use crate::base::Transport;
use crate::transport::backlog::Backlog;
use crate::transport::carried;
use crate::transport::carried::Probe;
use crate::transport::carried::Unit;
use crate::transport::hep::HepStream;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;
use crate::transport::websocket::WebSocket;

/// So much of an unfinished message tells whether it is one.
const FIRST_BYTES: usize = 1024;

enum Kind<F> {
    /// Open yet.
    Fresh,
    Messages(F),
    WebSocket(Box<WebSocket<F>>),
    Hep(HepStream<F>),
    /// Nothing that is read here.
    Foreign,
}

impl<F: Framer> Kind<F> {
    fn of(probe: Probe) -> Kind<F> {
        match probe {
            Probe::WebSocket(start) => Kind::WebSocket(Box::new(WebSocket::new(start, Transport::Wss))),
            Probe::Hep => Kind::Hep(HepStream::new()),
            Probe::More | Probe::Plain | Probe::Tls => Kind::Messages(F::new(StreamStart::Opened)),
        }
    }
}

/// Decrypted bytes, and the records that brought them.
pub(super) struct Content<F> {
    kind: Kind<F>,
    backlog: Option<Box<Backlog>>,
    /// Offset of the next byte.
    next: u64,
    has_messages: bool,
}

/// What became of the bytes of a record.
struct Fate {
    is_used: bool,
    reason: Option<SetAside>,
}

impl<F: Framer> Content<F> {
    pub(super) fn new() -> Content<F> {
        Content { kind: Kind::Fresh, backlog: None, next: 0, has_messages: false }
    }

    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.kind, Kind::Foreign)
    }

    pub(super) fn held_bytes(&self) -> usize {
        let websocket = match &self.kind {
            Kind::WebSocket(websocket) => websocket.held_bytes(),
            _ => 0,
        };
        self.backlog.as_ref().map_or(0, |backlog| backlog.held_bytes()).saturating_add(websocket)
    }

    /// Takes the content of a record; `None` where it holds a part of a message. The end of a message may be to come: what
    /// begins one counts as such.
    pub(super) fn push<S: FnMut(Payload<'_>)>(
        &mut self,
        bytes: &[u8],
        origin: Origin,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Option<SetAside> {
        if bytes.is_empty() {
            // RFC 5246 §6.2.1: records without content hide how much is said.
            return Some(SetAside::KeepAlive);
        }
        let start = self.next;
        self.next = self.next.saturating_add(bytes.len() as u64);
        let backlog = self.backlog.get_or_insert_with(|| Box::new(Backlog::new(start)));
        backlog.append(origin, bytes);
        let fate = self.cut(false, flow, out);
        let window = self.backlog.as_ref().map_or(&[][..], |backlog| backlog.window());
        let is_begun = match self.kind {
            Kind::Messages(_) => {
                !window.is_empty() && (self.has_messages || F::recognises(window.get(..FIRST_BYTES).unwrap_or(window)))
            }
            Kind::WebSocket(_) | Kind::Hep(_) => !window.is_empty(),
            Kind::Fresh | Kind::Foreign => false,
        };
        (!fate.is_used && !is_begun).then_some(fate.reason.unwrap_or(SetAside::NotSip))
    }

    /// Bytes are missing here, or nothing follows.
    pub(super) fn interrupt<S: FnMut(Payload<'_>)>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) {
        self.cut(true, flow, out);
        match &mut self.kind {
            Kind::Messages(framer) => {
                framer.interrupt(&[], out.limits);
            }
            Kind::WebSocket(websocket) => websocket.interrupt(flow, out),
            Kind::Hep(hep) => hep.interrupt(),
            Kind::Fresh | Kind::Foreign => {}
        }
    }

    fn cut<S: FnMut(Payload<'_>)>(&mut self, interrupted: bool, flow: Flow, out: &mut Outlet<'_, S>) -> Fate {
        let mut fate = Fate { is_used: false, reason: None };
        let Some(mut backlog) = self.backlog.take() else { return fate };
        loop {
            let window = backlog.window();
            let unit = match &mut self.kind {
                Kind::Fresh => match carried::probe::<F>(window) {
                    Probe::More if !interrupted => break,
                    probe => {
                        self.kind = Kind::of(probe);
                        continue;
                    }
                },
                Kind::Messages(framer) => {
                    let step = match interrupted {
                        true => framer.interrupt(window, out.limits),
                        false => framer.step(window, out.limits),
                    };
                    match step {
                        Step::More => break,
                        Step::Foreign => Unit::Foreign(SetAside::NotSip),
                        Step::Skip { len, reason } => Unit::Skip { len, reason },
                        Step::Message { len, framing, cut } => {
                            self.has_messages = true;
                            fate.is_used = true;
                            if let Some(payload) = backlog.message(flow, len, framing, cut) {
                                out.deliver(Payload { transport: Transport::Tls, ..payload });
                            }
                            backlog.consume(len, None, |_| {});
                            continue;
                        }
                    }
                }
                Kind::WebSocket(websocket) => websocket.unit(window, interrupted, flow, out),
                Kind::Hep(hep) => hep.unit(window, interrupted),
                Kind::Foreign => return fate,
            };
            let (len, reason) = match (unit, &mut self.kind) {
                (Unit::More, _) => break,
                (Unit::Skip { len, reason }, _) => (len, Some(reason)),
                (Unit::Whole { len, cut }, Kind::WebSocket(websocket)) => {
                    let frame = backlog.window().get(..len).unwrap_or_default();
                    let origin = backlog.origin(len);
                    (len, origin.map_or(Some(SetAside::TcpGap), |origin| websocket.take(frame, cut, origin, flow, out)))
                }
                (Unit::Whole { len, .. }, Kind::Hep(hep)) => {
                    let packet = backlog.window().get(..len).unwrap_or_default();
                    (len, backlog.origin(len).map_or(Some(SetAside::TcpGap), |origin| hep.take(packet, origin, out)))
                }
                (Unit::Foreign(_) | Unit::Whole { .. }, kind) => {
                    *kind = Kind::Foreign;
                    fate.reason = Some(SetAside::NotSip);
                    return fate;
                }
            };
            fate.is_used |= reason.is_none();
            fate.reason = fate.reason.or(reason);
            // Which frames were used is the business of the records.
            backlog.consume(len, reason, |_| {});
        }
        if !backlog.window().is_empty() {
            self.backlog = Some(backlog);
        }
        fate
    }
}
