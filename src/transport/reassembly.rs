//! The room's two verbs over its parts.

use std::marker::PhantomData;

use crate::base::CaptureTime;
use crate::base::Coverage;
use crate::base::DecodeAs;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Framer;
use crate::base::Frames;
use crate::base::Framing;
use crate::base::Limits;
use crate::base::LostPiece;
use crate::base::Notice;
use crate::base::Over;
use crate::base::SetAside;
use crate::base::Step;
use crate::base::StreamStart;
use crate::base::Transport;
use crate::packet::Captured;
use crate::packet::Datagram;
use crate::packet::Decoded;
use crate::packet::Fragment;
use crate::packet::Frame;
use crate::packet::IpPayload;
use crate::packet::LinkContext;
use crate::packet::SctpPacket;
use crate::packet::Segment;
use crate::packet::decode_payload;
use crate::transport::connections::Connections;
use crate::transport::defrag::Defragmenter;
use crate::transport::events::Events;
use crate::transport::ledger::Ledger;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;
use crate::transport::sctp::Associations;
use crate::transport::tls::TlsTable;

/// The beginning of a message whose other fragments never came.
#[derive(Clone, Copy, Debug)]
pub struct LostMessage<'a> {
    /// Who to whom.
    pub flow: Flow,
    /// The frame of the fragment that came first.
    pub at: FrameRef,
    /// When that came.
    pub time: Option<CaptureTime>,
    /// What is there.
    pub bytes: &'a [u8],
}

/// Decoded frames in, messages out. `F` says what a message is.
pub struct Reassembly<F> {
    limits: Limits,
    decode_as: DecodeAs,
    ledger: Ledger,
    fragments: Defragmenter,
    connections: Connections<F>,
    associations: Associations,
    tls: TlsTable,
    last: Option<FrameRef>,
    framer: PhantomData<F>,
}

impl<F: Framer> Reassembly<F> {
    /// Nothing seen yet.
    pub fn new(limits: Limits) -> Reassembly<F> {
        Reassembly {
            tls: TlsTable::new(&limits),
            limits,
            decode_as: DecodeAs::default(),
            ledger: Ledger::default(),
            fragments: Defragmenter::default(),
            connections: Connections::default(),
            associations: Associations::default(),
            last: None,
            framer: PhantomData,
        }
    }

    /// Takes what ports carry besides what their bytes show.
    pub fn decoding_as(self, decode_as: DecodeAs) -> Reassembly<F> {
        Reassembly { decode_as, ..self }
    }

    /// Gives up fragments that have waited too long when a frame of that time comes; says whether that brought news. To be called before
    /// [`Reassembly::push`]: what is lost is told before the messages that come so late.
    pub fn expire(&mut self, time: Option<CaptureTime>) -> bool {
        if self.fragments.is_idle() {
            return false;
        }
        time.into_iter().for_each(|time| self.fragments.expire(time, &self.limits, &mut self.ledger));
        self.has_news()
    }

    /// Takes one frame and what it was decoded to; hands each message that it completes to `sink`.
    pub fn push(&mut self, frame: &Frame<'_>, decoded: Decoded<'_>, sink: &mut impl FnMut(Payload<'_>)) {
        self.ledger.coverage.frames = self.ledger.coverage.frames.saturating_add(1);
        self.last = Some(frame.at);
        match decoded {
            Decoded::SetAside(reason) => self.ledger.set_aside(reason, 1),
            Decoded::Unreachable(what) => {
                self.ledger.set_aside(SetAside::OtherProtocol, 1);
                let notice = frame.time.map(|time| Notice { what, at: frame.at, time });
                self.ledger.unreachable.extend(notice);
            }
            Decoded::Fragment(fragment) => self.push_fragment(&fragment, one_frame(frame, fragment.part.link), sink),
            Decoded::Udp(Datagram { link, .. })
            | Decoded::Tcp(Segment { link, .. })
            | Decoded::Sctp(SctpPacket { link, .. })
            | Decoded::Captured(Captured { link, .. }) => self.push_packet(decoded, one_frame(frame, link), sink),
        }
    }

    /// A tunnel may hold a fragment of a packet, and may have been cut in fragments itself.
    fn push_fragment(&mut self, fragment: &Fragment<'_>, origin: Origin, sink: &mut impl FnMut(Payload<'_>)) {
        let mut whole = self.fragments.push(&origin, fragment, &self.limits, &mut self.ledger);
        // Each round takes off a layer of the tunnels, of which there is a limit.
        while let Some(outer) = whole.take() {
            match decode_payload(&outer.payload(), outer.origin.time, &self.limits, &self.decode_as) {
                Decoded::Fragment(inner) => {
                    let origin = Origin { link: inner.part.link, ..outer.origin.clone() };
                    whole = self.fragments.push(&origin, &inner, &self.limits, &mut self.ledger);
                }
                decoded => {
                    let link = link_of(&decoded).unwrap_or(outer.origin.link);
                    self.push_packet(decoded, Origin { link, ..outer.origin.clone() }, sink);
                }
            }
        }
    }

    fn push_packet(&mut self, decoded: Decoded<'_>, origin: Origin, sink: &mut impl FnMut(Payload<'_>)) {
        let (mut out, connections, associations) = self.parts(origin.frames.last, sink);
        match decoded {
            Decoded::SetAside(reason) => out.ledger.set_aside(reason, origin.frame_count()),
            Decoded::Unreachable(_) => out.ledger.set_aside(SetAside::OtherProtocol, origin.frame_count()),
            Decoded::Tcp(segment) => connections.push(&segment, origin, &mut out),
            Decoded::Sctp(packet) => associations.push::<F, _>(&packet, &origin, &mut out),
            Decoded::Captured(captured) if F::recognises(captured.payload) => {
                out.ledger.used(origin.frame_count());
                out.deliver(origin.reported(captured));
            }
            Decoded::Udp(Datagram { flow, payload, cut, .. }) => {
                let is_told = out.decode_as.is_sip(Over::Udp, flow);
                let bytes = if is_told { from_message::<F>(payload, out.limits) } else { payload };
                if !F::recognises(bytes) {
                    return out.ledger.set_aside(SetAside::NotSip, origin.frame_count());
                }
                out.ledger.used(origin.frame_count());
                out.deliver(Payload {
                    flow,
                    transport: Transport::Udp,
                    frames: origin.frames,
                    time: origin.time,
                    bytes: bytes.trim_ascii_start(),
                    cut,
                    ambiguous: origin.ambiguous,
                    link: origin.link,
                    framing: Framing::default(),
                });
            }
            Decoded::Captured(_) => out.ledger.set_aside(SetAside::NotSip, origin.frame_count()),
            Decoded::Fragment(_) => out.ledger.set_aside(SetAside::Malformed, origin.frame_count()),
        }
    }

    /// What messages are handed to, and those that put them together.
    fn parts<'a, S>(
        &'a mut self,
        now: FrameRef,
        sink: &'a mut S,
    ) -> (Outlet<'a, S>, &'a mut Connections<F>, &'a mut Associations) {
        let Reassembly { ledger, limits, decode_as, tls, connections, associations, .. } = self;
        (Outlet { ledger, limits, decode_as, tls, sink, now }, connections, associations)
    }

    /// Delivers or gives up all that waits. Afterwards [`Coverage::is_balanced`] holds.
    pub fn finish(&mut self, sink: &mut impl FnMut(Payload<'_>)) {
        self.fragments.finish(&mut self.ledger);
        let Some(now) = self.last else { return };
        let (mut out, connections, associations) = self.parts(now, sink);
        connections.finish(&mut out);
        associations.finish(&mut out);
        assert!(self.ledger.coverage.is_balanced(), "every frame is used or set aside, once");
    }

    /// Takes a TLS key log in NSS's format; says how many secrets it held. What is to be read with them must come later.
    pub fn add_key_log(&mut self, text: &[u8]) -> usize {
        let count = self.tls.add_key_log(text);
        self.ledger.events.tls.secrets_refused = self.tls.secrets_refused();
        count
    }

    /// What became of the frames. Those that wait are in neither count before [`Reassembly::finish`].
    pub fn coverage(&self) -> &Coverage {
        &self.ledger.coverage
    }

    /// Whether one of the four that follow has something to hand out: hardly a frame brings anything.
    pub fn has_news(&self) -> bool {
        self.ledger.has_news()
    }

    /// Hands out who sent to whom what never became whole, as far as that is news since the last call: what seems unsaid between them may
    /// have been said.
    pub fn lost_between(&mut self, sink: &mut impl FnMut(LostPiece)) {
        self.ledger.lost_between.drain(..).for_each(sink);
    }

    /// Hands out what ICMP said of packets that did not arrive, and which connections were ended while an answer was due, since the last call.
    pub fn unreachable(&mut self, sink: &mut impl FnMut(Notice)) {
        self.ledger.unreachable.drain(..).for_each(sink);
    }

    /// Hands out the beginnings of messages whose datagrams were given up since the last call. Of their end nothing is known.
    pub fn lost_messages(&mut self, sink: &mut impl FnMut(LostMessage<'_>)) {
        for beginning in self.ledger.beginnings.drain(..) {
            let packet = IpPayload {
                addresses: beginning.addresses,
                protocol: beginning.protocol,
                bytes: &beginning.bytes,
                missing_len: 1,
                link: beginning.link,
                layers: beginning.layers,
            };
            let (flow, bytes) = match decode_payload(&packet, beginning.time, &self.limits, &self.decode_as) {
                Decoded::Udp(datagram) => (datagram.flow, datagram.payload),
                Decoded::Captured(captured) => (captured.flow, captured.payload),
                _ => continue,
            };
            if F::recognises(bytes) {
                let bytes = bytes.trim_ascii_start();
                sink(LostMessage { flow, at: beginning.at, time: beginning.time, bytes });
            }
        }
    }

    /// Hands out the messages that were delivered before bytes of them were sent again and differed, since the last call: the
    /// receiver may have read the other copy.
    pub fn contradicted(&mut self, sink: &mut impl FnMut(Flow, &[u8])) {
        self.ledger.contradicted.drain(..).for_each(|(flow, message)| sink(flow, &message));
    }

    /// What went wrong between the packets.
    pub fn events(&self) -> &Events {
        &self.ledger.events
    }
}

/// The payload of a datagram without what stands before its message, if there is one.
fn from_message<'a, F: Framer>(payload: &'a [u8], limits: &Limits) -> &'a [u8] {
    let (mut framer, mut rest) = (F::new(StreamStart::Told), payload);
    while !F::recognises(rest) {
        // Each round takes at least a byte off.
        match framer.interrupt(rest, limits) {
            Step::Skip { len, .. } if len > 0 => rest = rest.get(len..).unwrap_or_default(),
            _ => return payload,
        }
    }
    rest
}

fn one_frame(frame: &Frame<'_>, link: LinkContext) -> Origin {
    Origin { frames: Frames::one(frame.at), time: frame.time, link, ambiguous: false }
}

fn link_of(decoded: &Decoded<'_>) -> Option<LinkContext> {
    match decoded {
        Decoded::Udp(Datagram { link, .. })
        | Decoded::Tcp(Segment { link, .. })
        | Decoded::Sctp(SctpPacket { link, .. })
        | Decoded::Captured(Captured { link, .. }) => Some(*link),
        Decoded::Fragment(_) | Decoded::Unreachable(_) | Decoded::SetAside(_) => None,
    }
}
