//! The ledger of frames: every frame read is either used or set aside for a named reason.

use std::collections::BTreeMap;

/// Why a frame carries no part of a SIP message that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetAside {
    /// UDP or TCP payload that is not SIP (RTP, DNS, HTTP…).
    NotSip,
    /// ARP, LLDP, spanning tree…: no IP packet within.
    NotIp,
    /// IP, but no UDP, TCP, SCTP or tunnel that is read (ESP…); ICMP, which is read for the packets that it says did not arrive; or a link that may hold IP and is encrypted or compressed.
    OtherProtocol,
    /// A TCP segment without payload (SYN, ACK, FIN, RST).
    TcpNoPayload,
    /// TCP bytes that had been seen before.
    TcpRetransmission,
    /// Blank lines between messages, RFC 5626 §3.5.1 pings, WebSocket pings, or STUN.
    KeepAlive,
    /// What TLS and WebSocket say for themselves: handshakes, alerts, closings.
    Handshake,
    /// TLS records that could not be decrypted: the diagnostics say why.
    Encrypted,
    /// A fragment of a datagram that never became whole, or that overlaps another.
    FragmentIncomplete,
    /// A link layer that is not read.
    UnknownLinkType,
    /// Cut before its transport header was whole.
    CutHeaders,
    /// Headers that contradict themselves.
    Malformed,
    /// More headers stacked than the limit allows.
    TooManyLayers,
    /// Bytes of a SIP stream that belong to no whole message: before the first start line, or past a hole.
    TcpGap,
    /// SCTP chunks that carry no data (INIT, SACK, heartbeats…).
    SctpNoData,
    /// SCTP data that had been seen before.
    SctpRetransmission,
    /// Parts of an SCTP message whose others never came.
    SctpGap,
    /// A packet of a capture agent (HEP) that contradicts itself.
    HepUnreadable,
    /// Another limit was reached: the diagnostics say which.
    Limit,
}

impl SetAside {
    /// The name in reports, snake case.
    pub fn name(self) -> &'static str {
        match self {
            SetAside::NotSip => "not_sip",
            SetAside::NotIp => "not_ip",
            SetAside::OtherProtocol => "other_protocol",
            SetAside::TcpNoPayload => "tcp_no_payload",
            SetAside::TcpRetransmission => "tcp_retransmission",
            SetAside::KeepAlive => "keep_alive",
            SetAside::Handshake => "handshake",
            SetAside::Encrypted => "encrypted",
            SetAside::FragmentIncomplete => "fragment_incomplete",
            SetAside::UnknownLinkType => "unknown_link_type",
            SetAside::CutHeaders => "cut_headers",
            SetAside::Malformed => "malformed",
            SetAside::TooManyLayers => "too_many_layers",
            SetAside::TcpGap => "tcp_gap",
            SetAside::SctpNoData => "sctp_no_data",
            SetAside::SctpRetransmission => "sctp_retransmission",
            SetAside::SctpGap => "sctp_gap",
            SetAside::HepUnreadable => "hep_unreadable",
            SetAside::Limit => "limit",
        }
    }
}

/// Counts of frames. At the end, `frames == used + set aside`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Frames read.
    pub frames: u64,
    /// Frames that hold a part of a SIP message.
    pub used: u64,
    /// The others, by reason.
    pub set_aside: BTreeMap<SetAside, u64>,
}

impl Coverage {
    /// Whether every frame is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.frames == self.used + self.set_aside.values().sum::<u64>()
    }
}
