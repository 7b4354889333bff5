//! Packets inside of packets: GRE with what it carries, IP in IP, and the tunnels over UDP. Each header is taken off by one
//! call; the loop over them, and its bound, are in `decode.rs`.
//!
//! A tunnel over UDP is believed where both its port and its header say so. The headers are chosen so that none of them can
//! begin a SIP message: SIP on such a port stays SIP.

use crate::base::DecodeAs;
use crate::base::Over;
use crate::base::Protocol;
use crate::base::SetAside;
use crate::packet::decode::IpPayload;
use crate::packet::link::Inner;
use crate::packet::link::Kind;
use crate::packet::link::LinkContext;
use crate::packet::link::TunnelKind;
use crate::packet::link::u16_at;
use crate::packet::link::u32_at;

/// What an IP packet of this protocol holds within, where that is another packet. `None` for protocols that are no tunnel.
pub(super) fn in_ip<'a>(packet: &IpPayload<'a>) -> Option<Result<Inner<'a>, SetAside>> {
    let within = |kind, at: usize| {
        let bytes = packet.bytes.get(at..).ok_or(SetAside::CutHeaders)?;
        Ok(Inner { kind, bytes, ..inside(packet, packet.link.within(TunnelKind::Ip, 0)) })
    };
    match packet.protocol {
        // RFC 2003 and RFC 2473, RFC 4213 §3.
        4 | 41 => Some(within(Kind::Ip, 0)),
        47 => Some(gre(packet)),
        // RFC 3378: EtherIP.
        97 => Some(within(Kind::Ethernet, 2)),
        // RFC 4023 §3.
        137 => Some(within(Kind::Mpls, 0)),
        _ => None,
    }
}

/// One layer further in than `packet`, with all of its bytes.
fn inside<'a>(packet: &IpPayload<'a>, context: LinkContext) -> Inner<'a> {
    let IpPayload { bytes, missing_len, layers, .. } = *packet;
    Inner { kind: Kind::Ip, bytes, missing_len, context, layers: layers.saturating_add(1) }
}

/// RFC 2784, with the key and sequence number of RFC 2890; version 1 is that of PPTP (RFC 2637 §4.1).
fn gre<'a>(packet: &IpPayload<'a>) -> Result<Inner<'a>, SetAside> {
    let short = SetAside::CutHeaders;
    let flags = u16_at(packet.bytes, 0).ok_or(short)?;
    let protocol = u16_at(packet.bytes, 2).ok_or(short)?;
    let has = |flag: u16| flags & flag != 0;
    let optional = |flag: u16| if has(flag) { 4_usize } else { 0 };
    let (key, len) = match flags & 7 {
        // Source routes (RFC 1701) were never used.
        0 if has(0x4000) => return Err(SetAside::OtherProtocol),
        0 => {
            let key_at = optional(0x8000).saturating_add(4);
            let key = if has(0x2000) { u32_at(packet.bytes, key_at).ok_or(short)? } else { 0 };
            (key, key_at.saturating_add(optional(0x2000)).saturating_add(optional(0x1000)))
        }
        1 if protocol == 0x880b && has(0x2000) => {
            let call = u16_at(packet.bytes, 6).ok_or(short)?;
            (u32::from(call), optional(0x1000).saturating_add(8).saturating_add(optional(0x0080)))
        }
        _ => return Err(SetAside::Malformed),
    };
    let bytes = packet.bytes.get(len..).ok_or(short)?;
    let mut inner = Inner { bytes, ..inside(packet, packet.link.within(TunnelKind::Gre, key)) };
    match protocol {
        0x88be | 0x22eb => {
            return erspan(packet, inner, if protocol == 0x22eb { 12 } else { optional(0x1000).saturating_mul(2) });
        }
        // An acknowledgement of PPTP alone.
        0x880b if bytes.is_empty() => return Err(SetAside::OtherProtocol),
        0x6558 => inner.kind = Kind::Ethernet,
        other => inner.kind = Kind::EtherType(other),
    }
    Ok(inner)
}

/// ERSPAN (draft-foschiano-erspan §4): type I has no header, and no sequence number by which it is known; type II has one of 8
/// bytes, type III one of 12 and perhaps 8 more.
fn erspan<'a>(packet: &IpPayload<'a>, mut inner: Inner<'a>, header_len: usize) -> Result<Inner<'a>, SetAside> {
    inner.kind = Kind::Ethernet;
    if header_len == 0 {
        inner.context = packet.link.within(TunnelKind::Erspan, 0);
        return Ok(inner);
    }
    let (header, rest) = inner.bytes.split_at_checked(header_len).ok_or(SetAside::CutHeaders)?;
    let version = u16_at(header, 0).ok_or(SetAside::CutHeaders)? >> 12;
    let session = u16_at(header, 2).ok_or(SetAside::CutHeaders)? & 0x03ff;
    inner.context = packet.link.within(TunnelKind::Erspan, u32::from(session));
    inner.bytes = rest;
    match (version, header_len) {
        (1, 8) => return Ok(inner),
        (2, 12) => {}
        _ => return Err(SetAside::Malformed),
    }
    let last = u16_at(header, 10).ok_or(SetAside::CutHeaders)?;
    if last & 1 != 0 {
        inner.bytes = rest.get(8..).ok_or(SetAside::CutHeaders)?;
    }
    match last >> 10 & 0x1f {
        0 => Ok(inner),
        2 => Ok(Inner { kind: Kind::Ip, ..inner }),
        _ => Err(SetAside::OtherProtocol),
    }
}

/// Whether a datagram that begins with this byte may be a packet of a tunnel, or HEP before its version 3. RTP never is.
pub(super) fn may_begin_with(first: u8) -> bool {
    first < 0x40 || first == 0x88
}

/// The packet within a datagram to this port; `None` where it is no tunnel. `packet` is the datagram's payload.
pub(super) fn in_udp<'a>(
    port: u16,
    packet: &IpPayload<'a>,
    decode_as: &DecodeAs,
) -> Option<Result<Inner<'a>, SetAside>> {
    match decode_as.of(Over::Udp, port) {
        Some(Protocol::Vxlan) => return vxlan(packet),
        Some(Protocol::Geneve) => return geneve(packet),
        Some(Protocol::GtpU) => return gtp_u(packet),
        Some(Protocol::Tzsp) => return tzsp(packet),
        Some(Protocol::Sip) | None => {}
    }
    match port {
        // The second is what Linux used before RFC 7348 had a number, and what some still do.
        4789 | 8472 => vxlan(packet),
        // The port of VXLAN-GPE.
        4790 if packet.bytes.first() == Some(&NEXT_PROTOCOL) => vxlan(packet),
        6081 => geneve(packet),
        2152 => gtp_u(packet),
        37008 => tzsp(packet),
        _ => None,
    }
}

/// The flags of a VXLAN header with a valid network identifier that names what follows (draft-ietf-nvo3-vxlan-gpe §3).
const NEXT_PROTOCOL: u8 = 0x0c;

/// RFC 7348 §5: the flag that says that the network identifier is valid, the others zero but for that of group policies.
/// That of VXLAN-GPE is seen on the port of plain VXLAN, too.
fn vxlan<'a>(packet: &IpPayload<'a>) -> Option<Result<Inner<'a>, SetAside>> {
    let flags = *packet.bytes.first()?;
    let kind = match flags {
        0x08 | 0x88 => Kind::Ethernet,
        NEXT_PROTOCOL => match *packet.bytes.get(3)? {
            1 | 2 => Kind::Ip,
            3 => Kind::Ethernet,
            5 => Kind::Mpls,
            _ => return Some(Err(SetAside::OtherProtocol)),
        },
        _ => return None,
    };
    let network = u32_at(packet.bytes, 4)? >> 8;
    let bytes = packet.bytes.get(8..)?;
    let context = packet.link.within(TunnelKind::Vxlan, network);
    Some(Ok(Inner { kind, bytes, ..inside(packet, context) }))
}

/// RFC 8926 §3.4: version 0, reserved bits zero, Ethernet or IP within. Options are passed over by their length.
fn geneve<'a>(packet: &IpPayload<'a>) -> Option<Result<Inner<'a>, SetAside>> {
    let [version_and_len, flags, ..] = packet.bytes else { return None };
    let protocol = u16_at(packet.bytes, 2)?;
    if version_and_len >> 6 != 0 || flags & 0x3f != 0 || !matches!(protocol, 0x6558 | 0x0800 | 0x86dd) {
        return None;
    }
    // A control packet has no frame within.
    if flags & 0x80 != 0 {
        return Some(Err(SetAside::OtherProtocol));
    }
    let network = u32_at(packet.bytes, 4)? >> 8;
    let header_len = (usize::from(version_and_len & 0x3f) * 4).saturating_add(8);
    let Some(bytes) = packet.bytes.get(header_len..) else { return Some(Err(SetAside::CutHeaders)) };
    let kind = if protocol == 0x6558 { Kind::Ethernet } else { Kind::Ip };
    Some(Ok(Inner { kind, bytes, ..inside(packet, packet.link.within(TunnelKind::Geneve, network)) }))
}

/// 3GPP TS 29.281 §5.1: version 1, a G-PDU, of the length that is there. Signalling messages hold no packet.
fn gtp_u<'a>(packet: &IpPayload<'a>) -> Option<Result<Inner<'a>, SetAside>> {
    let [flags, message_type, ..] = packet.bytes else { return None };
    let len = usize::from(u16_at(packet.bytes, 2)?);
    if flags & 0xf8 != 0x30 || *message_type != 255 || (packet.missing_len == 0 && len + 8 > packet.bytes.len()) {
        return None;
    }
    let tunnel = u32_at(packet.bytes, 4)?;
    Some(gtp_u_payload(packet, *flags).map(|bytes| {
        let kind =
            if bytes.first().is_some_and(|first| matches!(first >> 4, 4 | 6)) { Kind::Ip } else { Kind::Ethernet };
        Inner { kind, bytes, ..inside(packet, packet.link.within(TunnelKind::GtpU, tunnel)) }
    }))
}

/// What stands behind the header and its extensions (§5.2), each of which says what follows it.
fn gtp_u_payload<'a>(packet: &IpPayload<'a>, flags: u8) -> Result<&'a [u8], SetAside> {
    let short = SetAside::CutHeaders;
    // Any of the three flags brings all four optional bytes.
    let mut bytes = packet.bytes.get(if flags & 7 != 0 { 12 } else { 8 }..).ok_or(short)?;
    let mut next = if flags & 4 != 0 { *packet.bytes.get(11).ok_or(short)? } else { 0 };
    // Each takes four bytes or more off, so this ends.
    while next != 0 {
        let len = usize::from(*bytes.first().ok_or(short)?) * 4;
        if len == 0 {
            return Err(SetAside::Malformed);
        }
        next = *bytes.get(len.saturating_sub(1)).ok_or(short)?;
        bytes = bytes.get(len..).ok_or(short)?;
    }
    Ok(bytes)
}

/// What MikroTik's and Aruba's sniffers send: version, type, protocol, tagged fields, a frame.
fn tzsp<'a>(packet: &IpPayload<'a>) -> Option<Result<Inner<'a>, SetAside>> {
    let [1, 0 | 1, protocol_0, protocol_1, fields @ ..] = packet.bytes else { return None };
    match u16::from_be_bytes([*protocol_0, *protocol_1]) {
        1 => {}
        // Radio frames of three kinds, which are not read.
        18 | 119 | 127 => return Some(Err(SetAside::OtherProtocol)),
        _ => return None,
    }
    let mut fields = fields;
    let bytes = loop {
        fields = match fields {
            [1, frame @ ..] => break frame,
            [0, rest @ ..] => rest,
            [_, len, rest @ ..] => match rest.get(usize::from(*len)..) {
                Some(rest) => rest,
                None => return Some(Err(SetAside::CutHeaders)),
            },
            _ => return Some(Err(SetAside::CutHeaders)),
        };
    };
    Some(Ok(Inner { kind: Kind::Ethernet, bytes, ..inside(packet, packet.link.within(TunnelKind::Tzsp, 0)) }))
}
