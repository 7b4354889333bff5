//! One frame as captured, and the other records that a capture may hold between frames.

use std::fmt;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::capture::options::Options;

/// Which link layer a frame begins with: a number of the tcpdump.org LINKTYPE registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four bytes of address family in the byte order of the capturing host.
    pub const NULL: LinkType = LinkType(0);
    /// Ethernet.
    pub const ETHERNET: LinkType = LinkType(1);
    /// PPP, with or without the address and control fields of HDLC.
    pub const PPP: LinkType = LinkType(9);
    /// PPP in HDLC-like framing, or Cisco's HDLC.
    pub const PPP_HDLC: LinkType = LinkType(50);
    /// PPP over Ethernet, from its session header on.
    pub const PPP_ETHER: LinkType = LinkType(51);
    /// IPv4 or IPv6 without a link header.
    pub const RAW: LinkType = LinkType(101);
    /// Cisco's HDLC.
    pub const C_HDLC: LinkType = LinkType(104);
    /// Wi-Fi, as it is on the air.
    pub const IEEE802_11: LinkType = LinkType(105);
    /// OpenBSD loopback: as NULL, in network byte order.
    pub const LOOP: LinkType = LinkType(108);
    /// Linux cooked capture (`-i any`), version 1.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// Wi-Fi behind what a Prism radio says of the frame.
    pub const PRISM: LinkType = LinkType(119);
    /// Wi-Fi behind the radiotap header.
    pub const IEEE802_11_RADIO: LinkType = LinkType(127);
    /// Wi-Fi behind the header of AVS.
    pub const IEEE802_11_AVS: LinkType = LinkType(163);
    /// Any link, mostly Wi-Fi, behind "per-packet information".
    pub const PPI: LinkType = LinkType(192);
    /// PPP behind a byte that says who sent it.
    pub const PPP_WITH_DIR: LinkType = LinkType(204);
    /// MPLS without a link header.
    pub const MPLS: LinkType = LinkType(219);
    /// IPv4 without a link header.
    pub const IPV4: LinkType = LinkType(228);
    /// IPv6 without a link header.
    pub const IPV6: LinkType = LinkType(229);
    /// What netfilter logs (`-i nflog:5`): attributes, one of which is an IP packet.
    pub const NFLOG: LinkType = LinkType(239);
    /// Linux cooked capture (`-i any`), version 2.
    pub const LINUX_SLL2: LinkType = LinkType(276);
    /// Stands for the link type of a pcapng interface that was never described.
    pub const UNDESCRIBED: LinkType = LinkType(u16::MAX);

    /// The registry's name, for those that are read.
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            LinkType::NULL => "NULL",
            LinkType::ETHERNET => "ETHERNET",
            LinkType::PPP => "PPP",
            LinkType::PPP_HDLC => "PPP_HDLC",
            LinkType::PPP_ETHER => "PPP_ETHER",
            LinkType::RAW => "RAW",
            LinkType::C_HDLC => "C_HDLC",
            LinkType::IEEE802_11 => "IEEE802_11",
            LinkType::LOOP => "LOOP",
            LinkType::LINUX_SLL => "LINUX_SLL",
            LinkType::PRISM => "IEEE802_11_PRISM",
            LinkType::IEEE802_11_RADIO => "IEEE802_11_RADIOTAP",
            LinkType::IEEE802_11_AVS => "IEEE802_11_AVS",
            LinkType::PPI => "PPI",
            LinkType::PPP_WITH_DIR => "PPP_WITH_DIR",
            LinkType::MPLS => "MPLS",
            LinkType::IPV4 => "IPV4",
            LinkType::IPV6 => "IPV6",
            LinkType::NFLOG => "NFLOG",
            LinkType::LINUX_SLL2 => "LINUX_SLL2",
            LinkType::UNDESCRIBED => "UNDESCRIBED",
            LinkType(_) => return None,
        })
    }
}

/// The registry's name where it is known here, else the number.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => self.0.fmt(f),
        }
    }
}

/// One frame. The bytes belong to the reader's buffer and last until the next record is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Input and number, counted as Wireshark counts.
    pub at: FrameRef,
    /// When it was captured; `None` where the format does not say (pcapng simple packet block).
    pub time: Option<CaptureTime>,
    /// What the bytes begin with.
    pub link: LinkType,
    /// What was captured of the frame.
    pub bytes: &'a [u8],
    /// Length of the frame on the wire, in bytes; never less than `bytes`.
    pub original_len: u32,
    /// The pcapng interface within its section, counted from 0; 0 for pcap.
    pub interface: u32,
}

impl Record<'_> {
    /// The kind of [`Record::Secrets`] that is a TLS key log (draft-ietf-opsawg-pcapng, decryption secrets block).
    pub const TLS_KEY_LOG: u32 = 0x544c_534b;
}

/// What a capture holds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Record<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// Keys that belong to the capture (pcapng decryption secrets block).
    Secrets {
        /// The kind of secret, as pcapng numbers it: [`Record::TLS_KEY_LOG`] is the one that is used.
        kind: u32,
        /// The secret itself. Never to be printed.
        bytes: &'a [u8],
    },
    /// Counters of a capture interface since its capture began.
    InterfaceStatistics {
        /// Packets received, where the capture says.
        received: Option<u64>,
        /// Packets that the interface or the operating system dropped, where the capture says.
        dropped: Option<u64>,
    },
    /// An interface, before its first frame. A pcap has one, without options.
    Interface(InterfaceNotes<'a>),
}

/// What a capture says of one of its interfaces.
#[derive(Clone, Copy, Debug)]
pub struct InterfaceNotes<'a> {
    /// Its number within its section, as [`Frame::interface`] names it. With a new section numbers begin anew.
    pub number: u32,
    /// What its frames begin with.
    pub link: LinkType,
    /// Bytes kept of each frame; 0 means all.
    pub snaplen: u32,
    /// Ticks per second, as the option `if_tsresol` codes them.
    pub resolution: u8,
    /// Seconds that are added to every time.
    pub offset_s: i64,
    /// Name, description and whatever else is said, as it stands there.
    pub options: Options<'a>,
}

/// What a capture says of a frame beside its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct FrameNotes<'a> {
    /// When it was captured, in ticks of its interface; `None` where the format does not say.
    pub ticks: Option<u64>,
    /// Direction and length of the frame check sequence (`epb_flags`), where the capture says.
    pub flags: Option<u32>,
    /// Comments and whatever else is said, as it stands there.
    pub options: Options<'a>,
}
