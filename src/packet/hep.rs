//! HEP, by which capture agents tell a collector of Homer what they saw: versions 1 and 2, a header with addresses, and version
//! 3, a list of chunks. The message within is whole, whatever carried it.
//!
//! Sources: the HEP/EEP specification of the sipcapture project, revision 36, and Kamailio's modules siptrace and sipcapture
//! for the older versions.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::base::CaptureTime;
use crate::base::Endpoint;
use crate::base::Flow;
use crate::base::SetAside;
use crate::base::Transport;
use crate::packet::decode::Addresses;
use crate::packet::decode::IpPayload;
use crate::packet::decode::flow;
use crate::packet::link::LinkContext;
use crate::packet::link::u16_at;
use crate::packet::link::u32_at;

const CHUNK_HEADER_BYTES: usize = 6;
/// Version, length, family, protocol, two ports.
const HEADER_BYTES: usize = 8;
/// TLS and WebSocket have no number of their own in IP: Kamailio's siptrace gives both that of a protocol which nobody uses.
const TLS_OR_WEBSOCKET: u8 = 22;
/// Seconds, microseconds, the agent's number, and two bytes that fill up.
const TIME_BYTES: usize = 12;

/// A message that an agent reports.
#[derive(Clone, Copy, Debug)]
pub struct Captured<'a> {
    /// Who to whom, where the agent saw it.
    pub flow: Flow,
    /// What carried it there.
    pub transport: Transport,
    /// When the agent saw it; `None` where it does not say (version 1).
    pub time: Option<CaptureTime>,
    /// What was captured of the message.
    pub payload: &'a [u8],
    /// Whether bytes are missing at the end.
    pub cut: bool,
    /// The agent, as a place.
    pub link: LinkContext,
}

/// The message in a datagram with this payload; `None` where it is not HEP. `time` is that of the datagram.
pub(super) fn in_udp<'a>(packet: &IpPayload<'a>, time: Option<CaptureTime>) -> Option<Result<Captured<'a>, SetAside>> {
    match packet.bytes {
        [b'H', b'E', b'P', b'3', ..] => version_3(packet.bytes, packet.missing_len, packet.link),
        [1 | 2, ..] => versions_1_and_2(packet, time),
        _ => None,
    }
}

/// The message in a packet of version 3 that came in a stream: all of it, or what is there of it.
pub fn captured_in_stream(bytes: &[u8], link: LinkContext) -> Result<Captured<'_>, SetAside> {
    let total = usize::from(u16_at(bytes, 4).unwrap_or(0));
    let missing_len = u32::try_from(total.saturating_sub(bytes.len())).unwrap_or(u32::MAX);
    version_3(bytes, missing_len, link).unwrap_or(Err(SetAside::HepUnreadable))
}

/// What the chunks have said so far.
#[derive(Default)]
struct Chunks<'a> {
    transport: Option<Transport>,
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    seconds: Option<u32>,
    microseconds: Option<u32>,
    is_other: bool,
    agent: u32,
    payload: Option<&'a [u8]>,
}

fn version_3(bytes: &[u8], missing_len: u32, link: LinkContext) -> Option<Result<Captured<'_>, SetAside>> {
    let has_all = missing_len == 0;
    let total = usize::from(u16_at(bytes, 4)?);
    if total < CHUNK_HEADER_BYTES || (has_all && total > bytes.len()) {
        // `HEP3 ` might still be a method: nothing forbids that.
        return (bytes.get(4) != Some(&b' ')).then_some(Err(SetAside::HepUnreadable));
    }
    let mut rest = bytes.get(CHUNK_HEADER_BYTES..total.min(bytes.len())).unwrap_or_default();
    let (mut chunks, mut cut) = (Chunks::default(), false);
    while !rest.is_empty() {
        let header = (u16_at(rest, 0), u16_at(rest, 2), u16_at(rest, 4).map(usize::from));
        let (Some(vendor), Some(kind), Some(len)) = header else {
            cut = true;
            break;
        };
        if len < CHUNK_HEADER_BYTES {
            return Some(Err(SetAside::HepUnreadable));
        }
        cut = len > rest.len();
        let value = rest.get(CHUNK_HEADER_BYTES..len.min(rest.len())).unwrap_or_default();
        if vendor == 0 && (!cut || kind == chunk::PAYLOAD) {
            chunks.add(kind, value);
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    if cut && has_all {
        return Some(Err(SetAside::HepUnreadable));
    }
    Some(chunks.message(missing_len, link, cut))
}

/// The generic chunk types of HEP 3.
mod chunk {
    pub(super) const TRANSPORT: u16 = 2;
    pub(super) const SOURCE_V4: u16 = 3;
    pub(super) const DESTINATION_V4: u16 = 4;
    pub(super) const SOURCE_V6: u16 = 5;
    pub(super) const DESTINATION_V6: u16 = 6;
    pub(super) const SOURCE_PORT: u16 = 7;
    pub(super) const DESTINATION_PORT: u16 = 8;
    pub(super) const SECONDS: u16 = 9;
    pub(super) const MICROSECONDS: u16 = 10;
    pub(super) const PROTOCOL: u16 = 11;
    pub(super) const AGENT: u16 = 12;
    pub(super) const PAYLOAD: u16 = 15;

    /// What a chunk of type [`PROTOCOL`] holds for SIP.
    pub(super) const PROTOCOL_SIP: u8 = 1;
}

impl<'a> Chunks<'a> {
    /// Takes a chunk of the generic types; a value that is too short says nothing.
    fn add(&mut self, kind: u16, value: &'a [u8]) {
        let v4 = || value.first_chunk().copied().map(|bytes: [u8; 4]| IpAddr::V4(Ipv4Addr::from(bytes)));
        let v6 = || value.first_chunk().copied().map(|bytes: [u8; 16]| IpAddr::V6(Ipv6Addr::from(bytes)));
        match kind {
            chunk::TRANSPORT => self.transport = value.first().copied().map(transport),
            chunk::SOURCE_V4 => self.source = v4(),
            chunk::DESTINATION_V4 => self.destination = v4(),
            chunk::SOURCE_V6 => self.source = v6(),
            chunk::DESTINATION_V6 => self.destination = v6(),
            chunk::SOURCE_PORT => self.source_port = u16_at(value, 0),
            chunk::DESTINATION_PORT => self.destination_port = u16_at(value, 0),
            chunk::SECONDS => self.seconds = u32_at(value, 0),
            chunk::MICROSECONDS => self.microseconds = u32_at(value, 0),
            // RTCP reports, logs and others are no messages.
            chunk::PROTOCOL => self.is_other = value.first().is_some_and(|protocol| *protocol != chunk::PROTOCOL_SIP),
            chunk::AGENT => self.agent = u32_at(value, 0).unwrap_or(0),
            chunk::PAYLOAD => self.payload = Some(value),
            _ => {}
        }
    }

    fn message(self, missing_len: u32, link: LinkContext, cut: bool) -> Result<Captured<'a>, SetAside> {
        if self.is_other {
            return Err(SetAside::NotSip);
        }
        let ends = self.source.zip(self.source_port).zip(self.destination.zip(self.destination_port));
        let (Some((source, destination)), Some(payload)) = (ends, self.payload) else {
            return Err(if missing_len > 0 { SetAside::CutHeaders } else { SetAside::HepUnreadable });
        };
        let end = |(address, port)| Endpoint { address, port };
        Ok(Captured {
            flow: Flow { source: end(source), destination: end(destination) },
            transport: self.transport.unwrap_or(Transport::Udp),
            time: self.seconds.map(|seconds| time(seconds, self.microseconds.unwrap_or(0))),
            payload,
            cut,
            link: link.reported_by(self.agent),
        })
    }
}

/// Addresses behind a header of eight bytes; in version 2, the time behind them. Without a magic number, the lengths that must
/// agree are what it is known by; and it cannot begin a SIP message.
fn versions_1_and_2<'a>(
    packet: &IpPayload<'a>,
    received: Option<CaptureTime>,
) -> Option<Result<Captured<'a>, SetAside>> {
    let [version, header_len, family, protocol, ..] = packet.bytes else { return None };
    let addresses_len = match family {
        2 => 8,
        // IPv6 has another number on every system.
        10 | 24 | 28 | 30 => 32,
        _ => return None,
    };
    let mut len = HEADER_BYTES.saturating_add(addresses_len);
    let claimed_len = usize::from(*header_len);
    if claimed_len != len && claimed_len != len.saturating_add(TIME_BYTES) {
        return None;
    }
    let addresses = packet.bytes.get(HEADER_BYTES..len).and_then(addresses);
    let ports = u16_at(packet.bytes, 4).zip(u16_at(packet.bytes, 6));
    let (Some(addresses), Some((source_port, destination_port))) = (addresses, ports) else {
        // So short a datagram may be anything, unless it names a protocol, too.
        return matches!(*protocol, 6 | 17 | TLS_OR_WEBSOCKET | 132).then_some(Err(SetAside::HepUnreadable));
    };
    let (mut time, mut agent) = (None, 0);
    if *version == 2 {
        let Some(header) = packet.bytes.get(len..len.saturating_add(TIME_BYTES)) else {
            return Some(Err(SetAside::HepUnreadable));
        };
        time = host_order_time(header, received);
        agent = u32::from(u16_at(header, 8).unwrap_or(0));
        len = len.saturating_add(TIME_BYTES);
    }
    let payload = packet.bytes.get(len..).unwrap_or_default();
    Some(Ok(Captured {
        flow: flow(addresses, source_port, destination_port),
        transport: transport(*protocol),
        time,
        payload,
        cut: packet.missing_len > 0,
        link: packet.link.reported_by(agent),
    }))
}

fn addresses(bytes: &[u8]) -> Option<Addresses> {
    let (source, destination) = bytes.split_at_checked(bytes.len() / 2)?;
    let address = |bytes: &[u8]| match bytes.len() {
        4 => bytes.first_chunk().map(|bytes: &[u8; 4]| IpAddr::V4(Ipv4Addr::from(*bytes))),
        _ => bytes.first_chunk().map(|bytes: &[u8; 16]| IpAddr::V6(Ipv6Addr::from(*bytes))),
    };
    Some(Addresses { source: address(source)?, destination: address(destination)? })
}

/// Version 2 sends the time in the byte order of the agent's machine: the one that is nearer to the datagram's own time is right.
fn host_order_time(header: &[u8], received: Option<CaptureTime>) -> Option<CaptureTime> {
    let seconds: [u8; 4] = *header.first_chunk()?;
    let microseconds: [u8; 4] = *header.get(4..)?.first_chunk()?;
    let little = time(u32::from_le_bytes(seconds), u32::from_le_bytes(microseconds));
    let big = time(u32::from_be_bytes(seconds), u32::from_be_bytes(microseconds));
    let distance = |time: CaptureTime| received.map(|received| received.as_ns().abs_diff(time.as_ns()));
    Some(if distance(big) < distance(little) { big } else { little })
}

fn time(seconds: u32, microseconds: u32) -> CaptureTime {
    CaptureTime::from_ns_saturating(
        i128::from(seconds)
            .saturating_mul(1_000_000_000)
            .saturating_add(i128::from(microseconds).saturating_mul(1_000)),
    )
}

/// By the number that IP gives the protocol. Agents report whole messages, whatever they came in.
fn transport(protocol: u8) -> Transport {
    match protocol {
        6 => Transport::Tcp,
        // Of the three, the one that more clients speak; and nobody is told that it went in clear.
        TLS_OR_WEBSOCKET => Transport::Tls,
        132 => Transport::Sctp,
        _ => Transport::Udp,
    }
}
