//! Frame → datagram, segment or fragment. Lengths that disagree with the capture are resolved in favour of the bytes that
//! are there: offloading network cards write wrong ones, and a snap length cuts right ones short.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use etherparse::LaxIpv4Slice;
use etherparse::LenSource;
use etherparse::TcpSlice;
use etherparse::UdpSlice;
use etherparse::err;

use crate::base::Endpoint;
use crate::base::Flow;
use crate::base::Limits;
use crate::base::SetAside;
use crate::capture::Frame;
use crate::packet::link;
use crate::packet::link::LinkContext;
use crate::packet::link::u16_at;
use crate::packet::prefilter;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// A whole UDP datagram.
    Udp(Datagram<'a>),
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// A part of an IP packet.
    Fragment(Fragment<'a>),
    /// Nothing that can hold SIP, or nothing that can be read.
    SetAside(SetAside),
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Who to whom.
    pub flow: Flow,
    /// What was captured of the payload.
    pub payload: &'a [u8],
    /// Whether bytes are missing at the end.
    pub cut: bool,
    /// Where it was seen.
    pub link: LinkContext,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Who to whom.
    pub flow: Flow,
    /// Of the first byte of the payload, or of the SYN before it.
    pub sequence: u32,
    /// The control bits.
    pub flags: Flags,
    /// What was captured of the payload.
    pub payload: &'a [u8],
    /// How many bytes are missing at the end of the payload.
    pub missing_len: u32,
    /// Where it was seen.
    pub link: LinkContext,
}

/// The TCP control bits that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Opens a direction.
    pub syn: bool,
    /// Closes a direction.
    pub fin: bool,
    /// Aborts the connection.
    pub rst: bool,
    /// The acknowledgement number counts.
    pub ack: bool,
}

/// A part of an IP packet.
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'a> {
    /// From whom to whom.
    pub addresses: Addresses,
    /// The number that the parts of one packet share.
    pub identification: u32,
    /// The protocol of the whole packet's payload, as IP numbers it.
    pub protocol: u8,
    /// Where the payload belongs in the whole, in bytes.
    pub offset_bytes: u32,
    /// Whether other parts follow.
    pub more: bool,
    /// What was captured of the part.
    pub payload: &'a [u8],
    /// How many bytes are missing at the end of the payload.
    pub missing_len: u32,
    /// Where it was seen.
    pub link: LinkContext,
}

/// The two ends of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addresses {
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
}

/// The payload of an IP packet and what is known of it.
struct Network<'a> {
    addresses: Addresses,
    protocol: u8,
    payload: &'a [u8],
    missing_len: u32,
    fragment: Option<FragmentPart>,
    link: LinkContext,
}

/// Where a fragment belongs.
struct FragmentPart {
    identification: u32,
    offset_bytes: u32,
    more: bool,
}

/// Decodes one frame.
pub fn decode<'a>(frame: &Frame<'a>, limits: &Limits) -> Decoded<'a> {
    if let Some(reason) = prefilter::frame_refusal(frame) {
        return Decoded::SetAside(reason);
    }
    match network(frame, limits) {
        Err(reason) => Decoded::SetAside(reason),
        Ok(network) => match network.fragment {
            None => decode_transport(
                network.protocol,
                network.payload,
                network.missing_len,
                network.addresses,
                network.link,
            ),
            Some(part) => Decoded::Fragment(Fragment {
                addresses: network.addresses,
                identification: part.identification,
                protocol: network.protocol,
                offset_bytes: part.offset_bytes,
                more: part.more,
                payload: network.payload,
                missing_len: network.missing_len,
                link: network.link,
            }),
        },
    }
}

/// Decodes the payload of an IP packet, of a single frame or put together from fragments. Never gives a fragment.
pub fn decode_transport(
    protocol: u8,
    payload: &[u8],
    missing_len: u32,
    addresses: Addresses,
    link: LinkContext,
) -> Decoded<'_> {
    match protocol {
        UDP => udp(payload, missing_len, addresses, link),
        TCP => tcp(payload, missing_len, addresses, link),
        _ => Decoded::SetAside(SetAside::OtherProtocol),
    }
}

fn udp(bytes: &[u8], missing_len: u32, addresses: Addresses, link: LinkContext) -> Decoded<'_> {
    let Ok(datagram) = UdpSlice::from_slice_lax(bytes) else {
        return Decoded::SetAside(cut_or_malformed(missing_len));
    };
    let claimed_len = usize::from(datagram.length());
    // A length of less than its own header says nothing: then the IP length decides.
    let cut = missing_len > 0 && (claimed_len < 8 || claimed_len > bytes.len());
    let payload = datagram.payload();
    if payload.is_empty() && cut {
        return Decoded::SetAside(SetAside::CutHeaders);
    }
    if let Some(reason) = prefilter::payload_refusal(payload) {
        return Decoded::SetAside(reason);
    }
    let flow = flow(addresses, datagram.source_port(), datagram.destination_port());
    Decoded::Udp(Datagram { flow, payload, cut, link })
}

fn tcp(bytes: &[u8], missing_len: u32, addresses: Addresses, link: LinkContext) -> Decoded<'_> {
    let segment = match TcpSlice::from_slice(bytes) {
        Ok(segment) => segment,
        Err(err::tcp::HeaderSliceError::Len(_)) => return Decoded::SetAside(cut_or_malformed(missing_len)),
        Err(err::tcp::HeaderSliceError::Content(_)) => return Decoded::SetAside(SetAside::Malformed),
    };
    Decoded::Tcp(Segment {
        flow: flow(addresses, segment.source_port(), segment.destination_port()),
        sequence: segment.sequence_number(),
        flags: Flags { syn: segment.syn(), fin: segment.fin(), rst: segment.rst(), ack: segment.ack() },
        payload: segment.payload(),
        missing_len,
        link,
    })
}

fn cut_or_malformed(missing_len: u32) -> SetAside {
    if missing_len > 0 { SetAside::CutHeaders } else { SetAside::Malformed }
}

fn flow(addresses: Addresses, source_port: u16, destination_port: u16) -> Flow {
    Flow {
        source: Endpoint { address: addresses.source, port: source_port },
        destination: Endpoint { address: addresses.destination, port: destination_port },
    }
}

fn network<'a>(frame: &Frame<'a>, limits: &Limits) -> Result<Network<'a>, SetAside> {
    let packet = link::network(frame, limits.layers_max)?;
    let frame_missing_len = frame.original_len.saturating_sub(len_u32(frame.bytes));
    match packet.bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4(&packet, frame_missing_len),
        Some(6) => ipv6(&packet, frame_missing_len, limits.layers_max),
        Some(_) => Err(SetAside::Malformed),
        None => Err(SetAside::CutHeaders),
    }
}

fn ipv4<'a>(packet: &link::Network<'a>, frame_missing_len: u32) -> Result<Network<'a>, SetAside> {
    let (slice, _) = LaxIpv4Slice::from_slice(packet.bytes).map_err(|error| match error {
        err::ipv4::HeaderSliceError::Len(_) => cut_or_malformed(frame_missing_len),
        err::ipv4::HeaderSliceError::Content(_) => SetAside::Malformed,
    })?;
    let header = slice.header();
    let payload = slice.payload();
    // A total length of zero is a segment that the network card was to split: then the frame's own length counts.
    let missing_len = match payload.len_source {
        LenSource::Slice if payload.incomplete => u32::from(header.total_len()).saturating_sub(len_u32(packet.bytes)),
        LenSource::Slice => frame_missing_len,
        _ => 0,
    };
    let offset_bytes = u32::from(header.fragments_offset().value()) * 8;
    let more = header.more_fragments();
    let identification = u32::from(header.identification());
    Ok(Network {
        addresses: Addresses {
            source: IpAddr::V4(header.source_addr()),
            destination: IpAddr::V4(header.destination_addr()),
        },
        protocol: payload.ip_number.0,
        payload: payload.payload,
        missing_len,
        fragment: (more || offset_bytes > 0).then_some(FragmentPart { identification, offset_bytes, more }),
        link: packet.context,
    })
}

fn ipv6<'a>(packet: &link::Network<'a>, frame_missing_len: u32, layers_max: usize) -> Result<Network<'a>, SetAside> {
    let cut = || cut_or_malformed(frame_missing_len);
    let (header, rest) = packet.bytes.split_at_checked(40).ok_or_else(cut)?;
    let claimed_len = usize::from(u16_at(header, 4).ok_or_else(cut)?);
    let (payload, missing_len) = match rest.get(..claimed_len) {
        // Zero is a jumbogram (RFC 2675) or a segment that the network card was to split.
        _ if claimed_len == 0 => (rest, frame_missing_len),
        Some(payload) => (payload, 0),
        None => (rest, u32::try_from(claimed_len - rest.len()).unwrap_or(u32::MAX)),
    };
    let address = |at: usize| {
        let bytes: [u8; 16] = *header.get(at..)?.first_chunk()?;
        Some(IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    let first = *header.get(6).ok_or_else(cut)?;
    let headers_max = layers_max.saturating_sub(packet.layers);
    let extensions = ipv6_extensions(first, payload, headers_max).map_err(|reason| match reason {
        SetAside::CutHeaders => cut_or_malformed(missing_len),
        other => other,
    })?;
    Ok(Network {
        addresses: Addresses { source: address(8).ok_or_else(cut)?, destination: address(24).ok_or_else(cut)? },
        protocol: extensions.protocol,
        payload: extensions.payload,
        missing_len,
        fragment: extensions.fragment,
        link: packet.context,
    })
}

struct Extensions<'a> {
    protocol: u8,
    payload: &'a [u8],
    fragment: Option<FragmentPart>,
}

/// Walks the extension headers (RFC 8200 §4) to the transport header or to the first fragment header that splits.
fn ipv6_extensions(mut next: u8, mut payload: &[u8], headers_max: usize) -> Result<Extensions<'_>, SetAside> {
    for _ in 0..=headers_max {
        let len = match next {
            // Hop-by-hop, routing, destination options, mobility, HIP, Shim6 (IANA's list of RFC 7045).
            0 | 43 | 60 | 135 | 139 | 140 => (usize::from(*payload.get(1).ok_or(SetAside::CutHeaders)?) + 1) * 8,
            // The authentication header counts in words and less two (RFC 4302 §2.2).
            51 => (usize::from(*payload.get(1).ok_or(SetAside::CutHeaders)?) + 2) * 4,
            44 => 8,
            _ => return Ok(Extensions { protocol: next, payload, fragment: None }),
        };
        let (header, rest) = payload.split_at_checked(len).ok_or(SetAside::CutHeaders)?;
        let part = (next == 44).then(|| fragment_part(header)).flatten();
        next = *header.first().ok_or(SetAside::CutHeaders)?;
        payload = rest;
        // RFC 6946: a fragment header that splits nothing is passed over.
        if let Some(part) = part.filter(|part| part.more || part.offset_bytes > 0) {
            return Ok(Extensions { protocol: next, payload, fragment: Some(part) });
        }
    }
    Err(SetAside::TooManyLayers)
}

fn fragment_part(header: &[u8]) -> Option<FragmentPart> {
    let offset_and_flags = u16_at(header, 2)?;
    let identification = header.get(4..)?.first_chunk().copied().map(u32::from_be_bytes)?;
    Some(FragmentPart {
        identification,
        offset_bytes: u32::from(offset_and_flags & 0xfff8),
        more: offset_and_flags & 1 != 0,
    })
}

fn len_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
