//! ICMP that says a packet did not arrive: the beginning of that packet stands within (RFC 792, RFC 4443 §3.1).

use etherparse::Ipv4HeaderSlice;

use crate::base::Endpoint;
use crate::base::Flow;
use crate::base::Unreachable;
use crate::base::Why;
use crate::packet::decode::Addresses;
use crate::packet::decode::IpPayload;
use crate::packet::link::u16_at;

const ICMP: u8 = 1;
const ICMP_V6: u8 = 58;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Bytes before the packet that is sent back.
const HEADER_LEN: usize = 8;

/// The packet that did not arrive. `None` where ICMP says something else, or of no UDP and TCP.
pub(super) fn unreachable(packet: &IpPayload<'_>) -> Option<Unreachable> {
    let [kind, code, ..] = packet.bytes else { return None };
    let within = packet.bytes.get(HEADER_LEN..)?;
    let (why, flow) = match packet.protocol {
        ICMP if *kind == 3 => (why_v4(*code), within_v4(within)?),
        ICMP if *kind == 11 => (why_late(*code)?, within_v4(within)?),
        ICMP_V6 if *kind == 1 => (why_v6(*code), within_v6(within)?),
        ICMP_V6 if *kind == 2 => (Why::TooLarge, within_v6(within)?),
        ICMP_V6 if *kind == 3 => (why_late(*code)?, within_v6(within)?),
        _ => return None,
    };
    Some(Unreachable { flow, said_by: packet.addresses.source, why })
}

/// What a code of Destination Unreachable means (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). One that nobody knows is
/// told of the host.
fn why_v4(code: u8) -> Why {
    match code {
        2 | 3 => Why::Port,
        4 => Why::TooLarge,
        9 | 10 | 13 => Why::Prohibited,
        _ => Why::Host,
    }
}

/// Time exceeded, in transit or in reassembly (RFC 792, RFC 4443 §3.3).
fn why_late(code: u8) -> Option<Why> {
    match code {
        0 => Some(Why::Expired),
        1 => Some(Why::Incomplete),
        _ => None,
    }
}

/// The same of ICMPv6 (RFC 4443 §3.1).
fn why_v6(code: u8) -> Why {
    match code {
        4 => Why::Port,
        1 | 5 | 6 => Why::Prohibited,
        _ => Why::Host,
    }
}

fn within_v4(packet: &[u8]) -> Option<Flow> {
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    let addresses = Addresses { source: header.source_addr().into(), destination: header.destination_addr().into() };
    // Only the first fragment has ports.
    let is_first = header.fragments_offset().value() == 0;
    ports(header.protocol().0, packet.get(header.slice().len()..)?, addresses).filter(|_| is_first)
}

fn within_v6(packet: &[u8]) -> Option<Flow> {
    let (header, rest) = packet.split_at_checked(40)?;
    let address = |at: usize| Some(<[u8; 16]>::into(*header.get(at..)?.first_chunk::<16>()?));
    let addresses = Addresses { source: address(8)?, destination: address(24)? };
    ports(*header.get(6)?, rest, addresses)
}

fn ports(protocol: u8, header: &[u8], addresses: Addresses) -> Option<Flow> {
    let (source, destination) = u16_at(header, 0).zip(u16_at(header, 2))?;
    matches!(protocol, TCP | UDP).then_some(Flow {
        source: Endpoint { address: addresses.source, port: source },
        destination: Endpoint { address: addresses.destination, port: destination },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::link::LinkContext;

    /// What is said by an ICMP message of that protocol, over the packet within.
    fn said(protocol: u8, kind: u8, code: u8, within: &[u8]) -> Option<String> {
        let bytes = [&[kind, code, 0, 0, 0, 0, 0, 0], within].concat();
        let said_by = [203, 0, 113, 9].into();
        let packet = IpPayload {
            addresses: Addresses { source: said_by, destination: [192, 0, 2, 1].into() },
            protocol,
            bytes: &bytes,
            missing_len: 0,
            link: LinkContext::default(),
            layers: 0,
        };
        let told = unreachable(&packet)?;
        assert_eq!(told.said_by, said_by);
        Some(format!("{:?} {} {}", told.why, told.flow.source, told.flow.destination))
    }

    #[test]
    fn the_packet_within_is_told_by_both_versions() {
        let ports = [0x13, 0xc4, 0x13, 0xec, 0, 8, 0, 0];
        let v4 = |protocol, fragment| {
            let header = [0x45, 0, 0, 28, 0, 1, 0, fragment, 64, protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2];
            [&header[..], &ports].concat()
        };
        let told = |why: &str| Some(format!("{why} 192.0.2.1:5060 198.51.100.2:5100"));
        assert_eq!(said(1, 3, 3, &v4(17, 0)), told("Port"));
        assert_eq!(said(1, 3, 13, &v4(6, 0)), told("Prohibited"));
        assert_eq!(said(1, 3, 1, &v4(17, 0)), told("Host"));
        assert_eq!(said(1, 3, 4, &v4(17, 0)), told("TooLarge"));
        assert_eq!(said(1, 11, 0, &v4(17, 0)), told("Expired"));
        assert_eq!(said(1, 11, 1, &v4(17, 0)), told("Incomplete"));
        let address = |last: u8| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
        let v6 = [&[0x60, 0, 0, 0, 0, 8, 17, 64][..], &address(1), &address(2), &ports].concat();
        for (code, why) in [(4, "Port"), (1, "Prohibited"), (0, "Host")] {
            assert_eq!(said(58, 1, code, &v6), Some(format!("{why} [2001:db8::1]:5060 [2001:db8::2]:5100")));
        }
        // Another message, a later fragment, another protocol, and whatever is cut.
        for (protocol, kind, within) in [(1, 11, v4(17, 0)), (1, 3, v4(17, 9)), (1, 3, v4(50, 0)), (58, 3, v6.clone())]
        {
            assert_eq!(said(protocol, kind, 3, &within), None);
        }
        for len in 0..v6.len() - 4 {
            assert_eq!(said(58, 1, 4, &v6[..len]), None);
            assert!(len >= 24 || said(1, 3, 3, &v4(17, 0)[..len]).is_none());
        }
    }
}
