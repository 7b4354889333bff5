//! What the room hands out, and the one place where frames are counted as used or set aside.

use crate::base::CaptureTime;
use crate::base::ContentLength;
use crate::base::Coverage;
use crate::base::DecodeAs;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Frames;
use crate::base::Framing;
use crate::base::Limits;
use crate::base::LostPiece;
use crate::base::Missing;
use crate::base::Notice;
use crate::base::SetAside;
use crate::base::Transport;
use crate::packet::Addresses;
use crate::packet::Captured;
use crate::packet::LinkContext;
use crate::transport::events::Events;
use crate::transport::tls::TlsTable;

/// One message, as it was carried.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    /// Who to whom.
    pub flow: Flow,
    /// By what.
    pub transport: Transport,
    /// The frames that carried it.
    pub frames: Frames,
    /// When the frame was captured that completed it.
    pub time: Option<CaptureTime>,
    /// The message, from its start line on.
    pub bytes: &'a [u8],
    /// Whether bytes are missing at the end: by the snap length, a hole, or the end of the capture.
    pub cut: bool,
    /// Whether some of its bytes were sent twice and differed. The copy that `Limits::overlap` names is shown.
    pub ambiguous: bool,
    /// Where the completing frame was seen.
    pub link: LinkContext,
    /// How its end was found in a stream.
    pub framing: Framing,
}

/// The frames that brought a packet, and what is known of them. More than one if it came in fragments.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) frames: Frames,
    pub(super) time: Option<CaptureTime>,
    pub(super) link: LinkContext,
    /// Whether the fragments contradicted each other.
    pub(super) ambiguous: bool,
}

impl Origin {
    pub(super) fn frame_count(&self) -> u64 {
        (self.frames.others.len() as u64).saturating_add(1)
    }

    /// The same with further frames, in the order of their capture.
    pub(super) fn with_frames(self, mut frames: Vec<FrameRef>) -> Origin {
        frames.extend(self.frames.iter());
        frames.sort_unstable();
        frames.dedup();
        let last = frames.pop().unwrap_or(self.frames.last);
        Origin { frames: Frames { last, others: frames.into_boxed_slice() }, ..self }
    }

    /// A message in a stream that this packet alone brought.
    pub(super) fn payload<'b>(&self, flow: Flow, bytes: &'b [u8], framing: Framing, cut: bool) -> Payload<'b> {
        Payload {
            flow,
            transport: Transport::Tcp,
            frames: self.frames.clone(),
            time: self.time,
            bytes,
            cut,
            ambiguous: self.ambiguous,
            link: self.link,
            framing,
        }
    }

    /// What an agent reports in this packet, seen where and when the agent saw it.
    pub(super) fn reported(self, captured: Captured<'_>) -> Payload<'_> {
        Payload {
            flow: captured.flow,
            transport: captured.transport,
            frames: self.frames,
            time: captured.time.or(self.time),
            bytes: captured.payload.trim_ascii_start(),
            cut: captured.cut,
            ambiguous: self.ambiguous,
            link: captured.link,
            framing: Framing::default(),
        }
    }
}

/// Coverage and events of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) coverage: Coverage,
    pub(super) events: Events,
    /// Who sent to whom what is missing: fragments of datagrams, or parts of TCP streams.
    lossy: Missing,
    /// Those of them that were not asked for yet.
    pub(super) lost_between: Vec<LostPiece>,
    /// What ICMP and TCP said of packets that nothing came of, and was not asked for yet.
    pub(super) unreachable: Vec<Notice>,
    /// The beginnings of datagrams that were given up since they were last asked for.
    pub(super) beginnings: Vec<Beginning>,
    /// Messages that were delivered and then sent again with other bytes, since they were last asked for.
    pub(super) contradicted: Vec<(Flow, Box<[u8]>)>,
}

/// What is there of a datagram from its first byte on, where the rest never came.
#[derive(Clone, Debug)]
pub(super) struct Beginning {
    pub(super) addresses: Addresses,
    pub(super) protocol: u8,
    pub(super) bytes: Vec<u8>,
    pub(super) at: FrameRef,
    pub(super) time: Option<CaptureTime>,
    pub(super) link: LinkContext,
    pub(super) layers: usize,
}

impl Ledger {
    pub(super) fn used(&mut self, frames: u64) {
        self.coverage.used = self.coverage.used.saturating_add(frames);
    }

    pub(super) fn set_aside(&mut self, reason: SetAside, frames: u64) {
        if frames > 0 {
            let counted = self.coverage.set_aside.entry(reason).or_insert(0);
            *counted = counted.saturating_add(frames);
        }
    }

    /// Whether anything waits to be asked for.
    pub(super) fn has_news(&self) -> bool {
        !(self.lost_between.is_empty()
            && self.unreachable.is_empty()
            && self.beginnings.is_empty()
            && self.contradicted.is_empty())
    }

    /// Notes that something is missing.
    pub(super) fn lost(&mut self, lost: LostPiece) {
        if self.lossy.insert(lost) {
            self.lost_between.push(lost);
        }
    }

    fn note(&mut self, payload: &Payload<'_>) {
        let at = payload.frames.last;
        if payload.cut {
            self.events.message_cut.add(at);
        }
        if payload.framing.too_large {
            self.events.message_too_large.add(at);
        } else if !payload.cut
            && !matches!(payload.framing.content_length, ContentLength::Unneeded | ContentLength::Given)
        {
            self.events.bad_content_length.add(at);
        }
    }
}

/// Everything a packet needs on its way through the room, besides the state that it changes.
pub(super) struct Outlet<'o, S> {
    pub(super) ledger: &'o mut Ledger,
    pub(super) limits: &'o Limits,
    /// What ports carry besides what their bytes show.
    pub(super) decode_as: &'o DecodeAs,
    /// Keys and handshakes of TLS connections.
    pub(super) tls: &'o mut TlsTable,
    pub(super) sink: &'o mut S,
    /// The frame being pushed, or the last one at the end: what an event that has no frame of its own points to.
    pub(super) now: FrameRef,
}

impl<S: FnMut(Payload<'_>)> Outlet<'_, S> {
    pub(super) fn deliver(&mut self, payload: Payload<'_>) {
        self.ledger.note(&payload);
        (self.sink)(payload);
    }
}
