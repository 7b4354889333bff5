//! Can this payload be SIP at all? Decided in a few nanoseconds, because most frames of a capture may be media. The plain datagrams among the
//! others are read here, too: that is most of what a SIP capture holds.
//!
//! Errs on the side of SIP: what is refused here cannot begin a SIP message; what passes is looked at again.

use std::net::IpAddr;

use crate::base::SetAside;
use crate::capture::Frame;
use crate::capture::LinkType;
use crate::packet::decode::Addresses;
use crate::packet::decode::Datagram;
use crate::packet::decode::Decoded;
use crate::packet::decode::flow;
use crate::packet::link::IPV4;
use crate::packet::link::IPV6;
use crate::packet::link::LinkContext;
use crate::packet::link::QINQ;
use crate::packet::link::VLAN;
use crate::packet::link::u16_at;
use crate::packet::tunnel;

/// Tags looked through here; more are left to the full decoder.
const VLAN_TAGS_MAX: usize = 2;

/// A UDP datagram as it came.
struct Udp<'a> {
    ip_header: &'a [u8],
    /// From the UDP header on.
    bytes: &'a [u8],
    /// Whether the IP packet is there to its end.
    is_whole: bool,
}

/// What an Ethernet frame with a UDP datagram is: no SIP, or a plain datagram that may be. `None` where it is anything else, or where more than
/// a glance is needed.
pub(super) fn glance<'a>(frame: &Frame<'a>) -> Option<Decoded<'a>> {
    if frame.link != LinkType::ETHERNET {
        return None;
    }
    let mut ether_type = u16_at(frame.bytes, 12)?;
    let mut packet = frame.bytes.get(14..)?;
    let mut is_tagged = false;
    for _ in 0..VLAN_TAGS_MAX {
        if ether_type != VLAN && ether_type != QINQ {
            break;
        }
        is_tagged = true;
        ether_type = u16_at(packet, 2)?;
        packet = packet.get(4..)?;
    }
    let udp = match ether_type {
        IPV4 => ipv4_udp(packet)?,
        IPV6 => ipv6_udp(packet)?,
        _ => return None,
    };
    let len = usize::from(u16_at(udp.bytes, 4)?);
    if len < 8 {
        return None;
    }
    let payload = udp.bytes.get(8..len.min(udp.bytes.len()))?;
    if payload.is_empty() && len > 8 {
        return None;
    }
    match payload_refusal(payload) {
        // A tunnel, perhaps: its port is looked at by the full decoder.
        Some(SetAside::NotSip) if payload.first().is_some_and(|first| tunnel::may_begin_with(*first)) => None,
        Some(reason) => Some(Decoded::SetAside(reason)),
        None if is_tagged || !udp.is_whole || len > udp.bytes.len() => None,
        None => plain_datagram(frame, &udp, payload),
    }
}

/// A datagram that begins with a letter, as SIP does. Tunnels do not, and of what capture agents send only HEP3.
fn plain_datagram<'a>(frame: &Frame<'a>, udp: &Udp<'a>, payload: &'a [u8]) -> Option<Decoded<'a>> {
    if !matches!(payload.first(), Some(first) if first.is_ascii_alphabetic() && *first != b'H') {
        return None;
    }
    let addresses = match udp.ip_header {
        [version, ..] if version >> 4 == 4 => Addresses {
            source: IpAddr::from(*udp.ip_header.get(12..)?.first_chunk::<4>()?),
            destination: IpAddr::from(*udp.ip_header.get(16..)?.first_chunk::<4>()?),
        },
        _ => Addresses {
            source: IpAddr::from(*udp.ip_header.get(8..)?.first_chunk::<16>()?),
            destination: IpAddr::from(*udp.ip_header.get(24..)?.first_chunk::<16>()?),
        },
    };
    let flow = flow(addresses, u16_at(udp.bytes, 0)?, u16_at(udp.bytes, 2)?);
    let link = LinkContext { interface: frame.interface, ..LinkContext::default() };
    Some(Decoded::Udp(Datagram { flow, payload, cut: false, link }))
}

/// The datagram in an unfragmented IPv4 packet.
fn ipv4_udp(packet: &[u8]) -> Option<Udp<'_>> {
    let [version_and_len, _, total_0, total_1, _, _, fragment_0, fragment_1, _, protocol, ..] = packet else {
        return None;
    };
    let total_len = usize::from(u16::from_be_bytes([*total_0, *total_1]));
    let fragment = u16::from_be_bytes([*fragment_0, *fragment_1]) & 0x3fff;
    let header_len = usize::from(version_and_len & 0x0f) * 4;
    let plain = version_and_len >> 4 == 4 && *protocol == 17 && fragment == 0 && header_len >= 20;
    // What the length leaves out is Ethernet padding.
    let whole = packet.get(..total_len);
    let (ip_header, bytes) = whole.unwrap_or(packet).split_at_checked(header_len)?;
    (plain && total_len > header_len).then_some(Udp { ip_header, bytes, is_whole: whole.is_some() })
}

/// The datagram in an IPv6 packet without extension headers.
fn ipv6_udp(packet: &[u8]) -> Option<Udp<'_>> {
    let [version, _, _, _, len_0, len_1, next_header, ..] = packet else { return None };
    let len = usize::from(u16::from_be_bytes([*len_0, *len_1]));
    let (ip_header, rest) = packet.split_at_checked(40)?;
    let whole = rest.get(..len);
    let plain = version >> 4 == 6 && *next_header == 17 && len != 0;
    plain.then_some(Udp { ip_header, bytes: whole.unwrap_or(rest), is_whole: whole.is_some() })
}

/// Why a datagram's payload is no SIP, by its first bytes.
pub(super) fn payload_refusal(payload: &[u8]) -> Option<SetAside> {
    match payload.first() {
        None => Some(SetAside::KeepAlive),
        // A start line may have blank lines before it (RFC 3261 §7.5); nothing but those is a ping. So are zero bytes.
        Some(b'\r' | b'\n' | b' ' | b'\t' | 0) if payload.iter().all(|byte| is_blank(*byte)) => {
            Some(SetAside::KeepAlive)
        }
        Some(b'\r' | b'\n' | b' ' | b'\t') => None,
        // A method is a token (RFC 3261 §25.1), and every token character is a graphic ASCII one.
        Some(first) if first.is_ascii_graphic() => None,
        // RFC 8489 §5: STUN's magic cookie. RFC 5626 §3.5.2 uses it to keep a UDP flow open.
        Some(_) if payload.get(4..8) == Some(&[0x21, 0x12, 0xa4, 0x42]) => Some(SetAside::KeepAlive),
        Some(_) => Some(SetAside::NotSip),
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0)
}
