//! IPv4 and IPv6 headers. Lengths that disagree with the capture are resolved in favour of the bytes that are there:
//! offloading network cards write wrong ones, and a snap length cuts right ones short.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use etherparse::LaxIpv4Slice;
use etherparse::LenSource;
use etherparse::err;

use crate::base::SetAside;
use crate::packet::decode::Addresses;
use crate::packet::decode::IpPayload;
use crate::packet::link::Inner;
use crate::packet::link::u16_at;

/// What an IP packet holds, and where that belongs if it is a part.
pub(super) struct Network<'a> {
    pub(super) payload: IpPayload<'a>,
    pub(super) fragment: Option<FragmentPart>,
}

/// Where a fragment belongs.
pub(super) struct FragmentPart {
    pub(super) identification: u32,
    pub(super) offset_bytes: u32,
    pub(super) more: bool,
}

/// Reads the IP header at the front, and the extension headers of IPv6.
pub(super) fn read<'a>(inner: &Inner<'a>, layers_max: usize) -> Result<Network<'a>, SetAside> {
    match inner.bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4(inner),
        Some(6) => ipv6(inner, layers_max),
        Some(_) => Err(SetAside::Malformed),
        None => Err(SetAside::CutHeaders),
    }
}

fn ipv4<'a>(inner: &Inner<'a>) -> Result<Network<'a>, SetAside> {
    let (slice, _) = LaxIpv4Slice::from_slice(inner.bytes).map_err(|error| match error {
        err::ipv4::HeaderSliceError::Len(_) => cut_or_malformed(inner.missing_len),
        err::ipv4::HeaderSliceError::Content(_) => SetAside::Malformed,
    })?;
    let header = slice.header();
    let payload = slice.payload();
    // A total length of zero is a segment that the network card was to split: then the frame's own length counts.
    let missing_len = match payload.len_source {
        LenSource::Slice if payload.incomplete => u32::from(header.total_len()).saturating_sub(len_u32(inner.bytes)),
        LenSource::Slice => inner.missing_len,
        _ => 0,
    };
    let offset_bytes = u32::from(header.fragments_offset().value()) * 8;
    let more = header.more_fragments();
    let identification = u32::from(header.identification());
    Ok(Network {
        payload: IpPayload {
            addresses: Addresses {
                source: IpAddr::V4(header.source_addr()),
                destination: IpAddr::V4(header.destination_addr()),
            },
            protocol: payload.ip_number.0,
            bytes: payload.payload,
            missing_len,
            link: inner.context,
            layers: inner.layers,
        },
        fragment: (more || offset_bytes > 0).then_some(FragmentPart { identification, offset_bytes, more }),
    })
}

fn ipv6<'a>(inner: &Inner<'a>, layers_max: usize) -> Result<Network<'a>, SetAside> {
    let cut = || cut_or_malformed(inner.missing_len);
    let (header, rest) = inner.bytes.split_at_checked(40).ok_or_else(cut)?;
    let claimed_len = usize::from(u16_at(header, 4).ok_or_else(cut)?);
    let (payload, missing_len) = match rest.get(..claimed_len) {
        // Zero is a jumbogram (RFC 2675) or a segment that the network card was to split.
        _ if claimed_len == 0 => (rest, inner.missing_len),
        Some(payload) => (payload, 0),
        None => (rest, u32::try_from(claimed_len.saturating_sub(rest.len())).unwrap_or(u32::MAX)),
    };
    let address = |at: usize| {
        let bytes: [u8; 16] = *header.get(at..)?.first_chunk()?;
        Some(IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    let first = *header.get(6).ok_or_else(cut)?;
    let headers_max = layers_max.saturating_sub(inner.layers);
    let extensions = ipv6_extensions(first, payload, headers_max).map_err(|reason| match reason {
        SetAside::CutHeaders => cut_or_malformed(missing_len),
        other => other,
    })?;
    Ok(Network {
        payload: IpPayload {
            addresses: Addresses { source: address(8).ok_or_else(cut)?, destination: address(24).ok_or_else(cut)? },
            protocol: extensions.protocol,
            bytes: extensions.payload,
            missing_len,
            link: inner.context,
            layers: inner.layers.saturating_add(extensions.count),
        },
        fragment: extensions.fragment,
    })
}

struct Extensions<'a> {
    protocol: u8,
    payload: &'a [u8],
    fragment: Option<FragmentPart>,
    count: usize,
}

/// Walks the extension headers (RFC 8200 §4) to the transport header or to the first fragment header that splits.
fn ipv6_extensions(mut next: u8, mut payload: &[u8], headers_max: usize) -> Result<Extensions<'_>, SetAside> {
    for count in 0..=headers_max {
        let len = match next {
            // Hop-by-hop, routing, destination options, mobility, HIP, Shim6 (IANA's list of RFC 7045).
            0 | 43 | 60 | 135 | 139 | 140 => {
                (usize::from(*payload.get(1).ok_or(SetAside::CutHeaders)?) + 1).saturating_mul(8)
            }
            // The authentication header counts in words and less two (RFC 4302 §2.2).
            51 => (usize::from(*payload.get(1).ok_or(SetAside::CutHeaders)?) + 2).saturating_mul(4),
            44 => 8,
            _ => return Ok(Extensions { protocol: next, payload, fragment: None, count }),
        };
        let (header, rest) = payload.split_at_checked(len).ok_or(SetAside::CutHeaders)?;
        let part = (next == 44).then(|| fragment_part(header)).flatten();
        next = *header.first().ok_or(SetAside::CutHeaders)?;
        payload = rest;
        // RFC 6946: a fragment header that splits nothing is passed over.
        if let Some(part) = part.filter(|part| part.more || part.offset_bytes > 0) {
            return Ok(Extensions { protocol: next, payload, fragment: Some(part), count });
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

/// What a header is that does not fit into the bytes at hand.
pub(super) fn cut_or_malformed(missing_len: u32) -> SetAside {
    if missing_len > 0 { SetAside::CutHeaders } else { SetAside::Malformed }
}

fn len_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
