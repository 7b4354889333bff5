//! Frame → datagram, segment or fragment: the loop over IP packets inside of each other, and the transport headers.

use std::net::IpAddr;

use etherparse::TcpSlice;
use etherparse::UdpSlice;
use etherparse::err;

use crate::base::CaptureTime;
use crate::base::DecodeAs;
use crate::base::Endpoint;
use crate::base::Flow;
use crate::base::Limits;
use crate::base::Over;
use crate::base::SetAside;
use crate::base::Unreachable;
use crate::capture::Frame;
use crate::packet::hep;
use crate::packet::hep::Captured;
use crate::packet::icmp;
use crate::packet::ip;
use crate::packet::ip::cut_or_malformed;
use crate::packet::link;
use crate::packet::link::Inner;
use crate::packet::link::LinkContext;
use crate::packet::link::u16_at;
use crate::packet::link::u32_at;
use crate::packet::prefilter;
use crate::packet::tunnel;

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// A whole UDP datagram.
    Udp(Datagram<'a>),
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// An SCTP packet.
    Sctp(SctpPacket<'a>),
    /// A message that a capture agent reports.
    Captured(Captured<'a>),
    /// A part of an IP packet.
    Fragment(Fragment<'a>),
    /// ICMP says that a packet did not arrive. The frame itself holds no SIP.
    Unreachable(Unreachable),
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
    /// The next byte that its sender waits for.
    pub acknowledgment: u32,
    /// The control bits.
    pub flags: Flags,
    /// What was captured of the payload.
    pub payload: &'a [u8],
    /// How many bytes are missing at the end of the payload.
    pub missing_len: u32,
    /// Where it was seen.
    pub link: LinkContext,
}

/// An SCTP packet: chunks behind the common header.
#[derive(Clone, Copy, Debug)]
pub struct SctpPacket<'a> {
    /// Who to whom.
    pub flow: Flow,
    /// What the receiver knows the association by.
    pub verification_tag: u32,
    /// What was captured of the chunks.
    pub chunks: &'a [u8],
    /// How many bytes are missing at the end.
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
    /// The part.
    pub part: IpPayload<'a>,
    /// The number that the parts of one packet share.
    pub identification: u32,
    /// Where the part belongs in the whole, in bytes.
    pub offset_bytes: u32,
    /// Whether other parts follow.
    pub more: bool,
}

/// What an IP packet holds, or a part of it.
#[derive(Clone, Copy, Debug)]
pub struct IpPayload<'a> {
    /// From whom to whom.
    pub addresses: Addresses,
    /// The protocol of the whole packet's payload, as IP numbers it.
    pub protocol: u8,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// How many bytes are missing at the end.
    pub missing_len: u32,
    /// Where it was seen.
    pub link: LinkContext,
    /// Headers passed on the way that count towards the limit.
    pub layers: usize,
}

/// The two ends of an IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addresses {
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
}

/// What stands within the payload of an IP packet.
enum Within<'a> {
    /// Nothing further: this is what it is.
    Nothing(Decoded<'a>),
    /// Another packet.
    Packet(Inner<'a>),
}

/// Decodes one frame. `told` is what ports carry besides what their bytes show.
pub fn decode<'a>(frame: &Frame<'a>, limits: &Limits, decode_as: &DecodeAs) -> Decoded<'a> {
    if decode_as.told.is_empty()
        && let Some(decoded) = prefilter::glance(frame)
    {
        return decoded;
    }
    let found = link::outermost(frame).and_then(|inner| walk(inner, frame.time, limits, decode_as));
    found.unwrap_or_else(Decoded::SetAside)
}

/// Decodes the payload of an IP packet that was put together from fragments. Gives a fragment only where a tunnel holds one, of
/// more layers than `packet` has. `time` is that of the last fragment.
pub fn decode_payload<'a>(
    packet: &IpPayload<'a>,
    time: Option<CaptureTime>,
    limits: &Limits,
    decode_as: &DecodeAs,
) -> Decoded<'a> {
    let found = match payload(packet, time, decode_as) {
        Ok(Within::Nothing(decoded)) => Ok(decoded),
        Ok(Within::Packet(inner)) => {
            walk(inner, time, limits, decode_as).map_err(|reason| truth(reason, packet.missing_len))
        }
        Err(reason) => Err(truth(reason, packet.missing_len)),
    };
    found.unwrap_or_else(Decoded::SetAside)
}

/// From one IP header to the one within, until there is none. Each round adds a layer, so it ends at the limit.
fn walk<'a>(
    mut inner: Inner<'a>,
    time: Option<CaptureTime>,
    limits: &Limits,
    decode_as: &DecodeAs,
) -> Result<Decoded<'a>, SetAside> {
    loop {
        if inner.layers > limits.layers_max {
            return Err(SetAside::TooManyLayers);
        }
        // A frame that ends within its first headers is cut, whatever it says of its length.
        let is_first = inner.context.tunnel == 0;
        let at_network = link::network(inner, limits.layers_max)
            .map_err(|reason| if is_first { reason } else { truth(reason, inner.missing_len) })?;
        let network = ip::read(&at_network, limits.layers_max)?;
        let packet = network.payload;
        if let Some(part) = network.fragment {
            let ip::FragmentPart { identification, offset_bytes, more } = part;
            return Ok(Decoded::Fragment(Fragment { part: packet, identification, offset_bytes, more }));
        }
        match payload(&packet, time, decode_as).map_err(|reason| truth(reason, packet.missing_len))? {
            Within::Nothing(decoded) => return Ok(decoded),
            Within::Packet(further) => inner = further,
        }
    }
}

/// Headers that do not fit are cut only where bytes are missing.
fn truth(reason: SetAside, missing_len: u32) -> SetAside {
    if reason == SetAside::CutHeaders { cut_or_malformed(missing_len) } else { reason }
}

fn payload<'a>(
    packet: &IpPayload<'a>,
    time: Option<CaptureTime>,
    decode_as: &DecodeAs,
) -> Result<Within<'a>, SetAside> {
    match packet.protocol {
        UDP => udp(packet, time, decode_as),
        TCP => tcp(packet).map(Within::Nothing),
        SCTP => sctp(packet).map(Within::Nothing),
        _ => match tunnel::in_ip(packet) {
            Some(inner) => inner.map(Within::Packet),
            None => icmp::unreachable(packet)
                .map(|what| Within::Nothing(Decoded::Unreachable(what)))
                .ok_or(SetAside::OtherProtocol),
        },
    }
}

fn udp<'a>(packet: &IpPayload<'a>, time: Option<CaptureTime>, decode_as: &DecodeAs) -> Result<Within<'a>, SetAside> {
    let IpPayload { addresses, bytes, missing_len, link, .. } = *packet;
    let Ok(datagram) = UdpSlice::from_slice_lax(bytes) else {
        return Err(cut_or_malformed(missing_len));
    };
    let claimed_len = usize::from(datagram.length());
    // A length of less than its own header says nothing: then the IP length decides.
    let cut = missing_len > 0 && (claimed_len < 8 || claimed_len > bytes.len());
    let payload = datagram.payload();
    if payload.is_empty() && cut {
        return Err(SetAside::CutHeaders);
    }
    let content = IpPayload { bytes: payload, missing_len: if cut { missing_len } else { 0 }, ..*packet };
    if payload.first().is_some_and(|first| tunnel::may_begin_with(*first))
        && let Some(inner) = tunnel::in_udp(datagram.destination_port(), &content, decode_as)
    {
        return inner.map(Within::Packet);
    }
    if let Some(captured) = hep::in_udp(&content, time) {
        return captured.map(|captured| Within::Nothing(Decoded::Captured(captured)));
    }
    let flow = flow(addresses, datagram.source_port(), datagram.destination_port());
    if let Some(reason) = prefilter::payload_refusal(payload)
        && !(reason == SetAside::NotSip && decode_as.is_sip(Over::Udp, flow))
    {
        return Err(reason);
    }
    Ok(Within::Nothing(Decoded::Udp(Datagram { flow, payload, cut, link })))
}

fn tcp<'a>(packet: &IpPayload<'a>) -> Result<Decoded<'a>, SetAside> {
    let segment = TcpSlice::from_slice(packet.bytes).map_err(|error| match error {
        err::tcp::HeaderSliceError::Len(_) => cut_or_malformed(packet.missing_len),
        err::tcp::HeaderSliceError::Content(_) => SetAside::Malformed,
    })?;
    Ok(Decoded::Tcp(Segment {
        flow: flow(packet.addresses, segment.source_port(), segment.destination_port()),
        sequence: segment.sequence_number(),
        acknowledgment: segment.acknowledgment_number(),
        flags: Flags { syn: segment.syn(), fin: segment.fin(), rst: segment.rst(), ack: segment.ack() },
        payload: segment.payload(),
        missing_len: packet.missing_len,
        link: packet.link,
    }))
}

/// The common header (RFC 9260 §3.1).
fn sctp<'a>(packet: &IpPayload<'a>) -> Result<Decoded<'a>, SetAside> {
    let short = || cut_or_malformed(packet.missing_len);
    let (header, chunks) = packet.bytes.split_at_checked(12).ok_or_else(short)?;
    let ports = u16_at(header, 0).zip(u16_at(header, 2)).ok_or_else(short)?;
    Ok(Decoded::Sctp(SctpPacket {
        flow: flow(packet.addresses, ports.0, ports.1),
        verification_tag: u32_at(header, 4).ok_or_else(short)?,
        chunks,
        missing_len: packet.missing_len,
        link: packet.link,
    }))
}

pub(super) fn flow(addresses: Addresses, source_port: u16, destination_port: u16) -> Flow {
    Flow {
        source: Endpoint { address: addresses.source, port: source_port },
        destination: Endpoint { address: addresses.destination, port: destination_port },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FrameNumber;
    use crate::base::FrameRef;
    use crate::base::InputId;
    use crate::capture::LinkType;

    /// An Ethernet frame with a datagram to port 5060, behind that IP header; `udp_len` is what its UDP header says.
    fn ethernet(ether_type: u16, ip_header: &[u8], udp_len: u16, payload: &[u8]) -> Vec<u8> {
        let ports = [5070_u16, 5060, udp_len, 0].map(u16::to_be_bytes);
        [&[0; 12][..], &ether_type.to_be_bytes(), ip_header, ports.as_flattened(), payload].concat()
    }

    #[test]
    fn a_glance_sees_what_the_decoder_sees() {
        const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0";
        let limits = Limits::default();
        let decode_as = DecodeAs::default();
        let check = |bytes: &[u8], is_seen: bool| {
            let at = FrameRef { input: InputId(0), number: FrameNumber::FIRST };
            let original_len = u32::try_from(bytes.len()).unwrap();
            let frame = Frame { at, time: None, link: LinkType::ETHERNET, bytes, original_len, interface: 3 };
            let seen = prefilter::glance(&frame).map(|decoded| format!("{decoded:?}"));
            let whole = link::outermost(&frame).and_then(|inner| walk(inner, None, &limits, &decode_as));
            let decoded = format!("{:?}", whole.unwrap_or_else(Decoded::SetAside));
            assert_eq!(seen, is_seen.then_some(decoded), "{bytes:02x?}");
        };
        let ipv4 = |first: u8, total_len: u8, flags: u8| {
            let mut header = vec![first, 0, 0, total_len, 0, 0, flags, 0, 64, UDP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
            header.resize(usize::from(first & 0x0f) * 4, 1);
            header
        };
        let mut ipv6 = vec![0x60, 0, 0, 0, 0, 29, UDP, 64];
        ipv6.extend((0..32).map(|at| at * 7));
        check(&ethernet(0x0800, &ipv4(0x45, 49, 0x40), 29, MESSAGE), true);
        check(&ethernet(0x0800, &ipv4(0x46, 53, 0), 29, MESSAGE), true);
        check(&ethernet(0x86dd, &ipv6, 29, MESSAGE), true);
        // Padding behind the packet, and behind the datagram.
        check(&ethernet(0x0800, &ipv4(0x45, 45, 0), 25, MESSAGE), true);
        check(&ethernet(0x0800, &ipv4(0x45, 49, 0), 25, MESSAGE), true);
        // Media and pings.
        check(&ethernet(0x0800, &ipv4(0x45, 40, 0), 20, &[0x80; 12]), true);
        check(&ethernet(0x0800, &ipv4(0x45, 32, 0), 12, b"\r\n\r\n"), true);
        // Cut, a fragment, lengths that disagree, tags, and what may be of an agent.
        check(&ethernet(0x0800, &ipv4(0x45, 60, 0), 40, MESSAGE), false);
        check(&ethernet(0x0800, &ipv4(0x45, 49, 0x20), 29, MESSAGE), false);
        check(&ethernet(0x0800, &ipv4(0x45, 49, 0), 40, MESSAGE), false);
        check(&ethernet(0x8100, &[&[0, 7, 8, 0][..], &ipv4(0x45, 49, 0)].concat(), 29, MESSAGE), false);
        check(&ethernet(0x0800, &ipv4(0x45, 34, 0), 14, b"HEP3\0\x06"), false);
    }
}
