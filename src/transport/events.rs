//! What went wrong between the packets: counted, each with the first frame that shows it.

use crate::base::FrameRef;
use crate::transport::tls::TlsAlerts;

/// One kind of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// How often.
    pub count: u64,
    /// The first frame that shows it; `None` while the count is 0.
    pub first: Option<FrameRef>,
}

impl Event {
    pub(super) fn add(&mut self, frame: FrameRef) {
        self.count = self.count.saturating_add(1);
        self.first = Some(self.first.map_or(frame, |first| first.min(frame)));
    }
}

/// Why TLS was not read. Connections are counted once, at the first frame that would have needed a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsEvents {
    /// Connections for which there is no key.
    pub no_key: Event,
    /// The first four bytes of the client random of the first of them.
    pub no_key_random: Option<[u8; 4]>,
    /// Connections whose handshake, or one side of it, was not captured: their keys cannot be told.
    pub no_handshake: Event,
    /// Connections with a version or cipher suite that is not supported.
    pub unsupported: Event,
    /// Version and cipher suite of the first of them, as numbered by IANA.
    pub unsupported_first: Option<(u16, u16)>,
    /// Records that the keys do not open.
    pub undecryptable: Event,
    /// Records of 0-RTT data (RFC 8446 §2.3) for which there is no key, or which the server refused.
    pub early_data: Event,
    /// Secrets beyond the limit.
    pub secrets_refused: u64,
    /// Connections that a fatal alert in clear has ended: nothing was said over them.
    pub alerts: TlsAlerts,
}

/// All kinds of events of the transport room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Events {
    /// Bytes of a TCP stream are missing in the capture; the frame is the first one behind the hole.
    pub tcp_gap: Event,
    /// TCP streams whose beginning was not captured.
    pub tcp_joined: Event,
    /// TCP connections to a port of SIP that were refused: a RST is all that came back.
    pub tcp_refused: Event,
    /// TCP streams given up because of the limits on flows and bytes; the frame is the one that took the place.
    pub tcp_evicted: Event,
    /// SCTP messages of which parts are missing.
    pub sctp_gap: Event,
    /// Directions of SCTP associations given up because of the limits on their number and bytes; the frame is the one that took
    /// the place.
    pub sctp_evicted: Event,
    /// IP datagrams of which fragments are missing.
    pub fragments_incomplete: Event,
    /// IP fragments that contradict each other or the protocol: their datagram is dropped.
    pub fragments_malformed: Event,
    /// Bytes that were sent twice and differ: the copy that `Limits::overlap` names was used, the receiver may have used the other.
    pub overlap_ambiguous: Event,
    /// Messages of which bytes are missing.
    pub message_cut: Event,
    /// Compressed WebSocket messages (RFC 7692) that cannot be unpacked.
    pub websocket_compressed: Event,
    /// WebSocket frames that contradict RFC 6455: what follows is searched for the next message.
    pub websocket_malformed: Event,
    /// WebSocket messages longer than the limits.
    pub websocket_too_large: Event,
    /// What of TLS was not read.
    pub tls: TlsEvents,
    /// Messages in streams whose headers are longer than the limit.
    pub message_too_large: Event,
    /// Messages in streams without a usable Content-Length.
    pub bad_content_length: Event,
}
