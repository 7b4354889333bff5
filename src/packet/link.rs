//! What stands before the IP header: Ethernet and its VLAN tags, Linux cooked capture, BSD loopback, or nothing.
//!
//! Read here and not by etherparse, which has no SLL2, no loopback, and stops at the fourth VLAN tag.

use crate::base::SetAside;
use crate::capture::Frame;
use crate::capture::LinkType;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// Where on the capturing machine a packet was seen. The same packet seen in two places differs in this alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkContext {
    /// The pcapng interface within its section; 0 for pcap.
    pub interface: u32,
    /// The device number that Linux cooked capture version 2 gives for each packet.
    pub device: Option<u32>,
    /// The identifier in the outermost VLAN tag.
    pub vlan: Option<u16>,
}

/// An IP packet, as far as it was captured, and where it was seen.
pub(super) struct Network<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) context: LinkContext,
    /// VLAN tags passed on the way.
    pub(super) layers: usize,
}

/// Finds the IP packet of a frame.
pub(super) fn network<'a>(frame: &Frame<'a>, layers_max: usize) -> Result<Network<'a>, SetAside> {
    let context = LinkContext { interface: frame.interface, device: None, vlan: None };
    let bytes = frame.bytes;
    match frame.link {
        LinkType::ETHERNET => by_ether_type(bytes, 12, 14, context, layers_max),
        LinkType::LINUX_SLL => by_ether_type(bytes, 14, 16, context, layers_max),
        LinkType::LINUX_SLL2 => {
            let device = bytes.get(4..).and_then(|rest| rest.first_chunk()).copied().map(u32::from_be_bytes);
            by_ether_type(bytes, 0, 20, LinkContext { device, ..context }, layers_max)
        }
        LinkType::NULL | LinkType::LOOP => loopback(bytes, context),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Ok(Network { bytes, context, layers: 0 }),
        _ => Err(SetAside::UnknownLinkType),
    }
}

/// Follows an EtherType at `type_at` to the IP packet, which begins at `payload_at` or behind VLAN tags there.
fn by_ether_type(
    bytes: &[u8],
    type_at: usize,
    payload_at: usize,
    mut context: LinkContext,
    layers_max: usize,
) -> Result<Network<'_>, SetAside> {
    let mut ether_type = u16_at(bytes, type_at).ok_or(SetAside::CutHeaders)?;
    let mut payload = bytes.get(payload_at..).ok_or(SetAside::CutHeaders)?;
    let mut layers = 0;
    loop {
        match ether_type {
            IPV4 | IPV6 => return Ok(Network { bytes: payload, context, layers }),
            // IEEE 802.1Q, 802.1ad, and the values used before that was a standard.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                layers += 1;
                if layers > layers_max {
                    return Err(SetAside::TooManyLayers);
                }
                let tag = u16_at(payload, 0).ok_or(SetAside::CutHeaders)?;
                context.vlan.get_or_insert(tag & 0x0fff);
                ether_type = u16_at(payload, 2).ok_or(SetAside::CutHeaders)?;
                payload = payload.get(4..).ok_or(SetAside::CutHeaders)?;
            }
            // MPLS and PPPoE may hold IP, but are not read.
            0x8847 | 0x8848 | 0x8864 => return Err(SetAside::OtherProtocol),
            _ => return Err(SetAside::NotIp),
        }
    }
}

/// The family is in the byte order of the capturing host, and IPv6 has another number on every system.
fn loopback(bytes: &[u8], context: LinkContext) -> Result<Network<'_>, SetAside> {
    let (family, bytes) = bytes.split_first_chunk().ok_or(SetAside::CutHeaders)?;
    let is_ip = |family: u32| matches!(family, 2 | 10 | 24 | 28 | 30);
    if is_ip(u32::from_le_bytes(*family)) || is_ip(u32::from_be_bytes(*family)) {
        Ok(Network { bytes, context, layers: 0 })
    } else {
        Err(SetAside::NotIp)
    }
}

/// The big-endian number at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}
