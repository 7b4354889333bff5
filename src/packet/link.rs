//! What stands before an IP header: Ethernet with its tags and labels, Linux cooked capture, BSD loopback, PPP, Wi-Fi (in `wifi.rs`), what
//! netfilter logs (in `nflog.rs`), or nothing. The same stands inside of tunnels.
//!
//! Read here and not by etherparse, which has no SLL2, no loopback, no PPP and no MPLS, and stops at the fourth VLAN tag.

use crate::base::SetAside;
use crate::capture::Frame;
use crate::capture::LinkType;
use crate::packet::nflog;
use crate::packet::wifi;

/// EtherTypes (IANA's list of IEEE 802 numbers).
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const VLAN: u16 = 0x8100;
pub(super) const QINQ: u16 = 0x88a8;
/// What bridges wrote before 802.1ad had a number.
const QINQ_OLD: [u16; 2] = [0x9100, 0x9200];
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;

/// Below this the field behind the addresses is a length, and LLC follows (IEEE 802.3 §3.2.6).
const ETHER_TYPE_MIN: u16 = 0x0600;

/// Stands in [`LinkContext::tunnel`] of what an agent reports, and of nothing else.
const REPORTED: u32 = 1 << 31;

/// Where on the capturing machine a packet was seen. The same packet seen in two places differs in this alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkContext {
    /// The pcapng interface within its section; 0 for pcap.
    pub interface: u32,
    /// The device number that Linux cooked capture version 2 gives for each packet.
    pub device: Option<u32>,
    /// The identifier in the outermost VLAN tag.
    pub vlan: Option<u16>,
    /// 0 outside of tunnels; inside, a number that two tunnels hardly share.
    pub tunnel: u32,
}

/// What a packet is within: the places in tunnels of two kinds are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TunnelKind {
    Ip = 1,
    Gre,
    Erspan,
    Vxlan,
    Geneve,
    GtpU,
    Tzsp,
    /// What a capture agent reports.
    Hep,
}

impl LinkContext {
    /// The place inside of a tunnel: of its kind and, where it has one, its key.
    #[must_use]
    pub(super) fn within(self, kind: TunnelKind, key: u32) -> LinkContext {
        let mixed = (self.tunnel.rotate_left(5) ^ key).wrapping_mul(0x9e37_79b1) ^ kind as u32;
        LinkContext { tunnel: (mixed & !REPORTED).max(1), ..self }
    }

    /// The place of what an agent of this number reports.
    #[must_use]
    pub(super) fn reported_by(self, agent: u32) -> LinkContext {
        let within = self.within(TunnelKind::Hep, agent);
        LinkContext { tunnel: within.tunnel | REPORTED, ..within }
    }

    /// Whether an agent reports what is seen here: then frames show it in clear, whatever it was carried by.
    pub fn is_reported(self) -> bool {
        self.tunnel & REPORTED != 0
    }
}

/// What bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Two addresses and an EtherType.
    Ethernet,
    /// Whatever belongs behind this EtherType.
    EtherType(u16),
    /// A label of MPLS (RFC 3032 §2.1).
    Mpls,
    /// PPP, with or without the address and control fields of HDLC (RFC 1661 §2, RFC 1662 §3.1).
    Ppp,
    /// The header of a PPPoE session (RFC 2516 §4).
    Pppoe,
    /// Address, control, EtherType: Cisco's HDLC.
    CiscoHdlc,
    /// The header of IEEE 802.11.
    Wifi,
    /// IPv4 or IPv6.
    Ip,
}

/// A packet on the way to its IP header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inner<'a> {
    pub(super) kind: Kind,
    pub(super) bytes: &'a [u8],
    /// How many bytes are missing at the end.
    pub(super) missing_len: u32,
    pub(super) context: LinkContext,
    /// Tags, labels, tunnels and IPv6 extension headers passed on the way.
    pub(super) layers: usize,
}

/// What a frame begins with.
pub(super) fn outermost<'a>(frame: &Frame<'a>) -> Result<Inner<'a>, SetAside> {
    let mut context = LinkContext { interface: frame.interface, ..LinkContext::default() };
    let missing_len = frame.original_len.saturating_sub(u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX));
    let (link, bytes) = match frame.link {
        LinkType::PPI => behind_ppi(frame.bytes)?,
        LinkType::NFLOG => (LinkType::RAW, nflog::packet(frame.bytes)?),
        link => (link, frame.bytes),
    };
    let (kind, header_len) = match link {
        LinkType::ETHERNET => (Kind::Ethernet, 0),
        LinkType::LINUX_SLL => (Kind::EtherType(u16_at(bytes, 14).ok_or(SetAside::CutHeaders)?), 16),
        LinkType::LINUX_SLL2 => {
            context.device = u32_at(bytes, 4);
            (Kind::EtherType(u16_at(bytes, 0).ok_or(SetAside::CutHeaders)?), 20)
        }
        LinkType::NULL | LinkType::LOOP => (loopback(bytes)?, 4),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => (Kind::Ip, 0),
        LinkType::PPP => (Kind::Ppp, 0),
        // The direction comes first.
        LinkType::PPP_WITH_DIR => (Kind::Ppp, 1),
        LinkType::PPP_HDLC if matches!(bytes, [0x0f | 0x8f, 0, ..]) => (Kind::CiscoHdlc, 0),
        LinkType::PPP_HDLC => (Kind::Ppp, 0),
        LinkType::PPP_ETHER => (Kind::Pppoe, 0),
        LinkType::C_HDLC => (Kind::CiscoHdlc, 0),
        LinkType::MPLS => (Kind::Mpls, 0),
        other => (Kind::Wifi, wifi::radio_len(other, bytes).ok_or(SetAside::UnknownLinkType)??),
    };
    let bytes = bytes.get(header_len..).ok_or(SetAside::CutHeaders)?;
    Ok(Inner { kind, bytes, missing_len, context, layers: 0 })
}

/// Per-packet information: its length, and the link type of what follows, both little-endian.
fn behind_ppi(bytes: &[u8]) -> Result<(LinkType, &[u8]), SetAside> {
    let len = u16_at(bytes, 2).ok_or(SetAside::CutHeaders)?.swap_bytes();
    let link = u32_at(bytes, 4).ok_or(SetAside::CutHeaders)?.swap_bytes();
    let link = u16::try_from(link).map_err(|_| SetAside::UnknownLinkType)?;
    Ok((LinkType(link), bytes.get(usize::from(len)..).ok_or(SetAside::CutHeaders)?))
}

/// Passes over all that stands before the IP header.
pub(super) fn network<'a>(mut inner: Inner<'a>, layers_max: usize) -> Result<Inner<'a>, SetAside> {
    while inner.kind != Kind::Ip {
        let kind = match inner.kind {
            Kind::Ethernet => {
                let ether_type = u16_at(inner.bytes, 12).ok_or(SetAside::CutHeaders)?;
                inner.skip(14)?;
                Kind::EtherType(ether_type)
            }
            Kind::EtherType(ether_type) => by_ether_type(&mut inner, ether_type)?,
            Kind::Mpls => mpls(&mut inner)?,
            Kind::Ppp => ppp(&mut inner)?,
            Kind::Pppoe => pppoe(&mut inner)?,
            Kind::CiscoHdlc => {
                let ether_type = u16_at(inner.bytes, 2).ok_or(SetAside::CutHeaders)?;
                inner.skip(4)?;
                Kind::EtherType(ether_type)
            }
            Kind::Wifi => {
                inner.skip(wifi::header_len(inner.bytes)?)?;
                llc(&mut inner)?
            }
            Kind::Ip => Kind::Ip,
        };
        inner.kind = kind;
        if inner.layers > layers_max {
            return Err(SetAside::TooManyLayers);
        }
    }
    Ok(inner)
}

impl Inner<'_> {
    fn skip(&mut self, len: usize) -> Result<(), SetAside> {
        self.bytes = self.bytes.get(len..).ok_or(SetAside::CutHeaders)?;
        Ok(())
    }
}

fn by_ether_type(inner: &mut Inner<'_>, ether_type: u16) -> Result<Kind, SetAside> {
    match ether_type {
        IPV4 | IPV6 => Ok(Kind::Ip),
        // IEEE 802.1Q, 802.1ad, and the values used before that was a standard.
        tag if is_tag(tag) => {
            inner.layers = inner.layers.saturating_add(1);
            let tag = u16_at(inner.bytes, 0).ok_or(SetAside::CutHeaders)?;
            inner.context.vlan.get_or_insert(tag & 0x0fff);
            let ether_type = u16_at(inner.bytes, 2).ok_or(SetAside::CutHeaders)?;
            inner.skip(4)?;
            Ok(Kind::EtherType(ether_type))
        }
        MPLS | MPLS_UPSTREAM => Ok(Kind::Mpls),
        PPPOE_SESSION => Ok(Kind::Pppoe),
        0x880b => Ok(Kind::Ppp),
        // Transparent Ethernet bridging, in tunnels only.
        0x6558 => {
            inner.layers = inner.layers.saturating_add(1);
            Ok(Kind::Ethernet)
        }
        // MACsec is encrypted.
        0x88e5 => Err(SetAside::OtherProtocol),
        length if length < ETHER_TYPE_MIN => llc(inner),
        _ => Err(SetAside::NotIp),
    }
}

/// IEEE 802.2 behind a length: SNAP with an EtherType (RFC 1042), or IP by its service access point.
fn llc(inner: &mut Inner<'_>) -> Result<Kind, SetAside> {
    let (kind, len) = match inner.bytes {
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, high, low, ..] => (Kind::EtherType(u16::from_be_bytes([*high, *low])), 8),
        [6, 6, 3, ..] => (Kind::Ip, 3),
        _ => return Err(SetAside::NotIp),
    };
    inner.layers = inner.layers.saturating_add(1);
    inner.skip(len)?;
    Ok(kind)
}

/// Whether a VLAN tag follows.
fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, VLAN | QINQ) || QINQ_OLD.contains(&ether_type)
}

/// One label. Behind the last one nothing says what follows: RFC 4928 §3 keeps the first half byte for that.
fn mpls(inner: &mut Inner<'_>) -> Result<Kind, SetAside> {
    let label = u32_at(inner.bytes, 0).ok_or(SetAside::CutHeaders)?;
    inner.layers = inner.layers.saturating_add(1);
    inner.skip(4)?;
    if label & 0x100 == 0 {
        return Ok(Kind::Mpls);
    }
    let is_frame_at = |at: usize| {
        let ether_type = u16_at(inner.bytes, at.saturating_add(12));
        ether_type.is_some_and(|ether_type| {
            matches!(ether_type, IPV4 | IPV6 | MPLS | MPLS_UPSTREAM | PPPOE_SESSION) || is_tag(ether_type)
        })
    };
    match inner.bytes.first().map(|first| first >> 4) {
        None => Err(SetAside::CutHeaders),
        Some(4 | 6) => Ok(Kind::Ip),
        // A pseudowire with the control word of RFC 4385 §3.
        Some(0) if is_frame_at(4) => inner.skip(4).map(|()| Kind::Ethernet),
        Some(_) if is_frame_at(0) => Ok(Kind::Ethernet),
        Some(_) => Err(SetAside::OtherProtocol),
    }
}

fn pppoe(inner: &mut Inner<'_>) -> Result<Kind, SetAside> {
    let [version_and_type, code, ..] = inner.bytes else { return Err(SetAside::CutHeaders) };
    if *version_and_type != 0x11 {
        return Err(SetAside::Malformed);
    }
    if *code != 0 {
        return Err(SetAside::NotIp);
    }
    inner.layers = inner.layers.saturating_add(1);
    inner.skip(6)?;
    Ok(Kind::Ppp)
}

fn ppp(inner: &mut Inner<'_>) -> Result<Kind, SetAside> {
    if inner.bytes.starts_with(&[0xff, 0x03]) {
        inner.skip(2)?;
    }
    // RFC 1661 §6.5: a protocol number may be one byte, which is odd.
    let first = *inner.bytes.first().ok_or(SetAside::CutHeaders)?;
    let (protocol, len) = match first & 1 {
        1 => (u16::from(first), 1),
        _ => (u16_at(inner.bytes, 0).ok_or(SetAside::CutHeaders)?, 2),
    };
    inner.skip(len)?;
    inner.layers = inner.layers.saturating_add(1);
    match protocol {
        0x0021 | 0x0057 => Ok(Kind::Ip),
        0x0281 | 0x0283 => Ok(Kind::Mpls),
        // Parts of packets (RFC 1990), compressed and encrypted ones (RFC 1962, RFC 1968), compressed headers.
        0x003d | 0x00fd | 0x0053 | 0x002d | 0x002f | 0x0061 | 0x0065 => Err(SetAside::OtherProtocol),
        _ => Err(SetAside::NotIp),
    }
}

/// The family is in the byte order of the capturing host, and IPv6 has another number on every system.
fn loopback(bytes: &[u8]) -> Result<Kind, SetAside> {
    let family = bytes.first_chunk().ok_or(SetAside::CutHeaders)?;
    let is_ip = |family: u32| matches!(family, 2 | 10 | 24 | 28 | 30);
    if is_ip(u32::from_le_bytes(*family)) || is_ip(u32::from_be_bytes(*family)) {
        Ok(Kind::Ip)
    } else {
        Err(SetAside::NotIp)
    }
}

/// The big-endian number at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// The big-endian number at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}
