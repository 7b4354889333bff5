//! Puts the packets of a capture into tunnels and behind other link headers, byte by byte as the standards say.

use crate::corpus::RawFrame;
use crate::wire::Order;
use crate::wire::ethernet;

pub const NULL: u16 = 0;
pub const ETHERNET: u16 = 1;
pub const PPP: u16 = 9;
pub const PPP_HDLC: u16 = 50;
pub const PPP_ETHER: u16 = 51;
pub const RAW: u16 = 101;
pub const C_HDLC: u16 = 104;
pub const IEEE802_11: u16 = 105;
pub const LOOP: u16 = 108;
pub const LINUX_SLL: u16 = 113;
pub const PRISM: u16 = 119;
pub const IEEE802_11_RADIO: u16 = 127;
pub const IEEE802_11_AVS: u16 = 163;
pub const PPI: u16 = 192;
pub const PPP_WITH_DIR: u16 = 204;
pub const MPLS: u16 = 219;
pub const NFLOG: u16 = 239;
pub const LINUX_SLL2: u16 = 276;

/// One way to wrap an Ethernet frame: its name, the link type that it leads to, and what it does.
pub struct Wrapping {
    pub name: &'static str,
    pub link: u16,
    pub wrap: fn(&[u8]) -> Vec<u8>,
}

/// The EtherType and what follows it, of a frame without tags.
fn inner(frame: &[u8]) -> (u16, &[u8]) {
    (u16::from_be_bytes([frame[12], frame[13]]), &frame[14..])
}

/// Whether the packet is IPv6.
fn is_v6(frame: &[u8]) -> bool {
    inner(frame).0 == 0x86dd
}

pub fn outer_ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    outer_ipv4_part(7, 0, protocol, payload)
}

/// Another pair of hosts than any inner packet has.
pub fn outer_ipv4_part(identification: u16, offset_and_more: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    for word in [u16::try_from(payload.len() + 20).unwrap(), identification, offset_and_more] {
        packet.extend(word.to_be_bytes());
    }
    packet.extend([64, protocol, 0, 0, 203, 0, 113, 1, 203, 0, 113, 2]);
    [&packet, payload].concat()
}

pub fn outer_ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let address = |last: u8| [&[0x20, 1, 0x0d, 0xb8, 0xff][..], &[0; 10], &[last]].concat();
    [&[0x60, 0, 0, 0][..], &len, &[next_header, 64], &address(1), &address(2), payload].concat()
}

pub fn outer_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let words = [50000, port, u16::try_from(payload.len() + 8).unwrap(), 0];
    [&words.map(u16::to_be_bytes).concat(), payload].concat()
}

pub fn over_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &outer_ipv4(17, &outer_udp(port, payload)))
}

fn over_gre(header: &[u8], payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &outer_ipv4(47, &[header, payload].concat()))
}

/// A data frame of Wi-Fi: frame control, duration, addresses, sequence number, and whatever the kind of frame has before LLC.
pub fn wifi(control: [u8; 2], more: &[u8], frame: &[u8]) -> Vec<u8> {
    let addresses = [&frame[..12], &[2, 0, 0, 0, 0, 9]].concat();
    let llc = [&[0xaa, 0xaa, 3, 0, 0, 0][..], &ether_type(frame)].concat();
    [&control[..], &[0, 0], &addresses, &[0x10, 0], more, &llc, inner(frame).1].concat()
}

/// Radiotap with its flags alone.
fn radiotap(flags: u8, frame: Vec<u8>) -> Vec<u8> {
    [&[0, 0, 9, 0, 2, 0, 0, 0, flags][..], &frame].concat()
}

fn ip_protocol(frame: &[u8]) -> u8 {
    if is_v6(frame) { 41 } else { 4 }
}

fn ether_type(frame: &[u8]) -> [u8; 2] {
    [frame[12], frame[13]]
}

fn ppp_protocol(frame: &[u8]) -> [u8; 2] {
    if is_v6(frame) { [0, 0x57] } else { [0, 0x21] }
}

pub fn vlans(count: usize, frame: &[u8]) -> Vec<u8> {
    // Each tag, and behind it the type of what follows.
    let tags = [0, 100, 0x81, 0].repeat(count - 1);
    [&frame[..12], &[0x81, 0], &tags, &[0, 100], &frame[12..]].concat()
}

pub fn vxlan(frame: &[u8]) -> Vec<u8> {
    [&[8, 0, 0, 0, 0, 0, 42, 0][..], frame].concat()
}

fn vxlan_gpe(next_protocol: u8, packet: &[u8]) -> Vec<u8> {
    [&[0x0c, 0, 0, next_protocol, 0, 0, 42, 0][..], packet].concat()
}

pub fn geneve(options: &[u8], frame: &[u8]) -> Vec<u8> {
    let words = u8::try_from(options.len() / 4).unwrap();
    [&[words, 0, 0x65, 0x58, 0, 0, 42, 0][..], options, frame].concat()
}

pub fn gtp_u(flags: u8, optional: &[u8], frame: &[u8]) -> Vec<u8> {
    let packet = inner(frame).1;
    let len = u16::try_from(optional.len() + packet.len()).unwrap().to_be_bytes();
    [&[0x30 | flags, 255][..], &len, &[0, 0, 0x12, 0x34], optional, packet].concat()
}

fn erspan_3(last: [u8; 2], sub_header: &[u8], frame: &[u8]) -> Vec<u8> {
    let header = [&[0x20, 0, 0, 9, 0, 0, 0, 1, 0, 0][..], &last, sub_header].concat();
    over_gre(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[&header, frame].concat())
}

/// A label; only the last has the bottom-of-stack bit.
fn labels(count: u8) -> Vec<u8> {
    (1..=count).flat_map(|at| [0, 1, u8::from(at == count), 64]).collect()
}

pub const GRE: Wrapping = Wrapping {
    name: "GRE",
    link: ETHERNET,
    wrap: |frame| over_gre(&[&[0, 0][..], &ether_type(frame)].concat(), inner(frame).1),
};

pub const VXLAN: Wrapping = Wrapping { name: "VXLAN", link: ETHERNET, wrap: |frame| over_udp(4789, &vxlan(frame)) };

/// What `tcpdump -i any` writes, in either version: the type, and what follows the header.
fn cooked(frame: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 1, 0, 6, 0x02, 0, 0, 0, 0, 1, 0, 0];
    [&head[..], &ether_type(frame), inner(frame).1].concat()
}

fn cooked_2(frame: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 0x02, 0, 0, 0, 0, 1, 0, 0];
    [&ether_type(frame)[..], &head, inner(frame).1].concat()
}

/// What `tcpdump -i nflog:5` writes on a host of that byte order: family, version and group, then attributes.
fn nflog(order: Order, frame: &[u8]) -> Vec<u8> {
    let attribute = |kind: u16, value: &[u8]| {
        let len = u16::try_from(value.len() + 4).unwrap();
        let mut attribute = [&order.u16(len)[..], &order.u16(kind), value].concat();
        attribute.resize(attribute.len().next_multiple_of(4), 0);
        attribute
    };
    let hook = [&ether_type(frame)[..], &[1, 0]].concat();
    let attributes = [attribute(1, &hook), attribute(10, b"sip\0"), attribute(9, inner(frame).1)];
    [&[if is_v6(frame) { 10 } else { 2 }, 0, 0, 5][..], &attributes.concat()].concat()
}

/// The family of a loopback header, as FreeBSD numbers it.
fn family(frame: &[u8]) -> u32 {
    if is_v6(frame) { 28 } else { 2 }
}

/// Link headers and tags.
pub const LINKS: &[Wrapping] = &[
    Wrapping { name: "one VLAN tag", link: ETHERNET, wrap: |frame| vlans(1, frame) },
    Wrapping { name: "seven VLAN tags", link: ETHERNET, wrap: |frame| vlans(7, frame) },
    Wrapping {
        name: "QinQ (802.1ad)",
        link: ETHERNET,
        wrap: |frame| [&frame[..12], &[0x88, 0xa8, 0, 7], &vlans(1, frame)[12..]].concat(),
    },
    Wrapping {
        name: "QinQ, as it was before it was a standard",
        link: ETHERNET,
        wrap: |frame| [&frame[..12], &[0x91, 0, 0, 7], &vlans(1, frame)[12..]].concat(),
    },
    Wrapping { name: "Linux cooked", link: LINUX_SLL, wrap: cooked },
    Wrapping { name: "Linux cooked, version 2", link: LINUX_SLL2, wrap: cooked_2 },
    Wrapping {
        name: "a VLAN in Linux cooked",
        link: LINUX_SLL,
        wrap: |frame| {
            let tagged = vlans(1, frame);
            [&[0, 0, 0, 1, 0, 6, 0x02, 0, 0, 0, 0, 1, 0, 0][..], &tagged[12..]].concat()
        },
    },
    Wrapping { name: "NFLOG", link: NFLOG, wrap: |frame| nflog(Order::Little, frame) },
    Wrapping { name: "NFLOG, of a big-endian host", link: NFLOG, wrap: |frame| nflog(Order::Big, frame) },
    Wrapping {
        name: "BSD loopback, of a little-endian host",
        link: NULL,
        wrap: |frame| [&family(frame).to_le_bytes()[..], inner(frame).1].concat(),
    },
    Wrapping {
        name: "BSD loopback, of a big-endian host",
        link: NULL,
        wrap: |frame| [&family(frame).to_be_bytes()[..], inner(frame).1].concat(),
    },
    Wrapping {
        name: "OpenBSD loopback",
        link: LOOP,
        wrap: |frame| [&(if is_v6(frame) { 24_u32 } else { 2 }).to_be_bytes()[..], inner(frame).1].concat(),
    },
    Wrapping { name: "raw IP", link: RAW, wrap: |frame| inner(frame).1.to_vec() },
    Wrapping {
        name: "MPLS, three labels",
        link: ETHERNET,
        wrap: |frame| ethernet(0x8847, &[&labels(3), inner(frame).1].concat()),
    },
    Wrapping { name: "MPLS as a link", link: MPLS, wrap: |frame| [&labels(2), inner(frame).1].concat() },
    Wrapping {
        name: "an Ethernet pseudowire with a control word",
        link: ETHERNET,
        wrap: |frame| ethernet(0x8847, &[&labels(2)[..], &[0, 0, 0, 7], frame].concat()),
    },
    Wrapping {
        name: "an Ethernet pseudowire without one",
        link: ETHERNET,
        wrap: |frame| ethernet(0x8847, &[&labels(2)[..], frame].concat()),
    },
    Wrapping {
        name: "PPPoE",
        link: ETHERNET,
        wrap: |frame| {
            let len = u16::try_from(inner(frame).1.len() + 2).unwrap().to_be_bytes();
            let header = [&[0x11, 0, 0, 5][..], &len, &ppp_protocol(frame)].concat();
            ethernet(0x8864, &[&header, inner(frame).1].concat())
        },
    },
    Wrapping {
        name: "PPPoE as a link",
        link: PPP_ETHER,
        wrap: |frame| {
            let len = u16::try_from(inner(frame).1.len() + 2).unwrap().to_be_bytes();
            [&[0x11, 0, 0, 5][..], &len, &ppp_protocol(frame), inner(frame).1].concat()
        },
    },
    Wrapping {
        name: "PPP in HDLC",
        link: PPP,
        wrap: |frame| [&[0xff, 3][..], &ppp_protocol(frame), inner(frame).1].concat(),
    },
    Wrapping {
        name: "PPP with a short protocol number",
        link: PPP,
        wrap: |frame| [&ppp_protocol(frame)[1..], inner(frame).1].concat(),
    },
    Wrapping {
        name: "PPP with a direction",
        link: PPP_WITH_DIR,
        wrap: |frame| [&[1, 0xff, 3][..], &ppp_protocol(frame), inner(frame).1].concat(),
    },
    Wrapping { name: "Wi-Fi", link: IEEE802_11, wrap: |frame| wifi([0x08, 1], &[], frame) },
    Wrapping {
        name: "Wi-Fi with a quality of service",
        link: IEEE802_11,
        wrap: |frame| wifi([0x88, 2], &[0, 0], frame),
    },
    Wrapping { name: "Wi-Fi with an HT control", link: IEEE802_11, wrap: |frame| wifi([0x88, 0x82], &[0; 6], frame) },
    Wrapping {
        name: "Wi-Fi between stations",
        link: IEEE802_11,
        wrap: |frame| wifi([0x08, 3], &[2, 0, 0, 0, 0, 8], frame),
    },
    Wrapping {
        name: "Wi-Fi behind radiotap, padded, with its check sequence",
        link: IEEE802_11_RADIO,
        wrap: |frame| [radiotap(0x30, wifi([0x88, 1], &[0; 4], frame)), vec![1, 2, 3, 4]].concat(),
    },
    Wrapping {
        name: "Wi-Fi behind PPI",
        link: PPI,
        wrap: |frame| [&[0, 0, 8, 0, 105, 0, 0, 0][..], &wifi([0x08, 1], &[], frame)].concat(),
    },
    Wrapping {
        name: "Ethernet behind PPI",
        link: PPI,
        wrap: |frame| [&[0, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0, 0][..], frame].concat(),
    },
    Wrapping {
        name: "Wi-Fi behind Prism's header",
        link: PRISM,
        wrap: |frame| [&[0, 0, 0, 0x44, 0, 0, 0, 0x90][..], &[0; 136], &wifi([0x08, 1], &[], frame)].concat(),
    },
    Wrapping {
        name: "Wi-Fi behind AVS's header",
        link: IEEE802_11_AVS,
        wrap: |frame| [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 64][..], &[0; 56], &wifi([0x08, 1], &[], frame)].concat(),
    },
    Wrapping {
        name: "Cisco's HDLC",
        link: C_HDLC,
        wrap: |frame| [&[0x0f, 0][..], &ether_type(frame), inner(frame).1].concat(),
    },
    Wrapping {
        name: "Cisco's HDLC on a serial line",
        link: PPP_HDLC,
        wrap: |frame| [&[0x0f, 0][..], &ether_type(frame), inner(frame).1].concat(),
    },
    Wrapping {
        name: "LLC and SNAP",
        link: ETHERNET,
        wrap: |frame| {
            let len = u16::try_from(inner(frame).1.len() + 8).unwrap();
            ethernet(len, &[&[0xaa, 0xaa, 3, 0, 0, 0][..], &ether_type(frame), inner(frame).1].concat())
        },
    },
    Wrapping {
        name: "a VLAN before LLC and SNAP",
        link: ETHERNET,
        wrap: |frame| {
            let len = u16::try_from(inner(frame).1.len() + 8).unwrap().to_be_bytes();
            let head = [&[0, 100][..], &len, &[0xaa, 0xaa, 3, 0, 0, 0], &ether_type(frame)].concat();
            ethernet(0x8100, &[&head, inner(frame).1].concat())
        },
    },
];

/// Packets in packets.
pub const TUNNELS: &[Wrapping] = &[
    Wrapping {
        name: "IP in IPv4",
        link: ETHERNET,
        wrap: |frame| ethernet(0x0800, &outer_ipv4(ip_protocol(frame), inner(frame).1)),
    },
    Wrapping {
        name: "IP in IPv6",
        link: ETHERNET,
        wrap: |frame| ethernet(0x86dd, &outer_ipv6(ip_protocol(frame), inner(frame).1)),
    },
    GRE,
    Wrapping {
        name: "GRE with a key",
        link: ETHERNET,
        wrap: |frame| over_gre(&[&[0x20, 0][..], &ether_type(frame), &[0, 0, 0, 9]].concat(), inner(frame).1),
    },
    Wrapping {
        name: "GRE with checksum, key and sequence number",
        link: ETHERNET,
        wrap: |frame| over_gre(&[&[0xb0, 0][..], &ether_type(frame), &[0; 12]].concat(), inner(frame).1),
    },
    Wrapping {
        name: "GRE over IPv6",
        link: ETHERNET,
        wrap: |frame| {
            let header = [&[0, 0][..], &ether_type(frame)].concat();
            ethernet(0x86dd, &outer_ipv6(47, &[&header, inner(frame).1].concat()))
        },
    },
    Wrapping {
        name: "Ethernet in GRE",
        link: ETHERNET,
        wrap: |frame| over_gre(&[0x20, 0, 0x65, 0x58, 0, 0, 42, 1], frame),
    },
    Wrapping {
        name: "PPTP",
        link: ETHERNET,
        wrap: |frame| {
            let len = u16::try_from(inner(frame).1.len() + 4).unwrap().to_be_bytes();
            let header = [&[0x30, 0x81, 0x88, 0x0b][..], &len, &[0, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3]].concat();
            over_gre(&[&header[..], &ppp_protocol(frame)].concat(), inner(frame).1)
        },
    },
    Wrapping { name: "ERSPAN type I", link: ETHERNET, wrap: |frame| over_gre(&[0, 0, 0x88, 0xbe], frame) },
    Wrapping {
        name: "ERSPAN type II",
        link: ETHERNET,
        wrap: |frame| over_gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 9, 0, 0, 0, 3], frame),
    },
    Wrapping { name: "ERSPAN type III", link: ETHERNET, wrap: |frame| erspan_3([0, 0], &[], frame) },
    Wrapping { name: "ERSPAN type III, long", link: ETHERNET, wrap: |frame| erspan_3([0, 1], &[0; 8], frame) },
    VXLAN,
    Wrapping { name: "VXLAN on its old port", link: ETHERNET, wrap: |frame| over_udp(8472, &vxlan(frame)) },
    Wrapping { name: "VXLAN that names Ethernet", link: ETHERNET, wrap: |frame| over_udp(4789, &vxlan_gpe(3, frame)) },
    Wrapping { name: "VXLAN-GPE", link: ETHERNET, wrap: |frame| over_udp(4790, &vxlan_gpe(3, frame)) },
    Wrapping {
        name: "VXLAN-GPE without Ethernet",
        link: ETHERNET,
        wrap: |frame| {
            let (version, packet) = (if ether_type(frame) == [8, 0] { 1 } else { 2 }, inner(frame).1);
            over_udp(4790, &vxlan_gpe(version, packet))
        },
    },
    Wrapping { name: "GENEVE", link: ETHERNET, wrap: |frame| over_udp(6081, &geneve(&[], frame)) },
    Wrapping {
        name: "GENEVE with an option",
        link: ETHERNET,
        wrap: |frame| over_udp(6081, &geneve(&[1, 2, 0x80, 1, 0, 0, 0, 9], frame)),
    },
    Wrapping { name: "GTP-U", link: ETHERNET, wrap: |frame| over_udp(2152, &gtp_u(0, &[], frame)) },
    Wrapping {
        name: "GTP-U with a sequence number",
        link: ETHERNET,
        wrap: |frame| over_udp(2152, &gtp_u(2, &[0, 1, 0, 0], frame)),
    },
    Wrapping {
        name: "GTP-U with a PDU session container",
        link: ETHERNET,
        wrap: |frame| over_udp(2152, &gtp_u(4, &[0, 0, 0, 0x85, 1, 0x10, 1, 0], frame)),
    },
    Wrapping {
        name: "TZSP",
        link: ETHERNET,
        wrap: |frame| over_udp(37008, &[&[1, 0, 0, 1, 0, 41, 2, 7, 7, 1][..], frame].concat()),
    },
    Wrapping {
        name: "EtherIP",
        link: ETHERNET,
        wrap: |frame| ethernet(0x0800, &outer_ipv4(97, &[&[0x30, 0], frame].concat())),
    },
    Wrapping {
        name: "MPLS in IP",
        link: ETHERNET,
        wrap: |frame| ethernet(0x0800, &outer_ipv4(137, &[&labels(1), inner(frame).1].concat())),
    },
    Wrapping {
        name: "a VLAN in VXLAN in GRE behind MPLS",
        link: ETHERNET,
        wrap: |frame| {
            let frame = over_udp(4789, &vxlan(&vlans(1, frame)));
            let frame = over_gre(&[0, 0, 8, 0], inner(&frame).1);
            ethernet(0x8847, &[&labels(1), inner(&frame).1].concat())
        },
    },
];

/// The frames of a capture, each wrapped.
pub fn wrapped(frames: &[RawFrame], wrapping: &Wrapping) -> Vec<RawFrame> {
    let wrap = |frame: &RawFrame| {
        assert_eq!(frame.link, ETHERNET);
        let bytes = (wrapping.wrap)(&frame.bytes);
        let grown_by = u32::try_from(bytes.len()).unwrap().wrapping_sub(u32::try_from(frame.bytes.len()).unwrap());
        let original_len = frame.original_len.wrapping_add(grown_by);
        RawFrame { link: wrapping.link, bytes, original_len, ..frame.clone() }
    };
    frames.iter().map(wrap).collect()
}

/// An SCTP packet in an Ethernet frame: the common header and these chunks, padded.
pub fn sctp_frame(ports: [u16; 2], chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = ports.map(u16::to_be_bytes).concat();
    packet.extend([0, 0, 0, 5, 0, 0, 0, 0]);
    for chunk in chunks {
        packet.extend(chunk);
        packet.resize(packet.len().next_multiple_of(4), 0);
    }
    ethernet(0x0800, &crate::wire::ipv4(1, 0, 132, &packet))
}

pub const BEGINS: u8 = 2;
pub const ENDS: u8 = 1;

/// A DATA chunk (RFC 9260 §3.3.1).
pub fn data_chunk(number: u32, flags: u8, bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len() + 16).unwrap().to_be_bytes();
    [&[0, flags][..], &len, &number.to_be_bytes(), &[0; 8], bytes].concat()
}

/// Addresses, ports and payload of a UDP datagram in an Ethernet frame without tags and options.
pub struct Parts<'a> {
    pub addresses: &'a [u8],
    pub ports: &'a [u8],
    pub payload: &'a [u8],
}

pub fn parts(frame: &[u8]) -> Parts<'_> {
    let (packet, addresses_at, header_len) = if is_v6(frame) { (&frame[14..], 8, 40) } else { (&frame[14..], 12, 20) };
    let udp = &packet[header_len..];
    Parts { addresses: &packet[addresses_at..header_len], ports: &udp[..4], payload: &udp[8..] }
}

/// What an agent sends for this frame, in the versions that begin with a header.
pub fn hep_1_or_2(version: u8, frame: &RawFrame) -> Vec<u8> {
    let Parts { addresses, ports, payload } = parts(&frame.bytes);
    let header_len = u8::try_from(8 + addresses.len()).unwrap();
    let family = if addresses.len() == 8 { 2 } else { 10 };
    let mut hep = [&[version, header_len, family, 17][..], ports, addresses].concat();
    if version == 2 {
        hep.extend(u32::try_from(frame.time_ns / 1_000_000_000).unwrap().to_le_bytes());
        hep.extend(u32::try_from(frame.time_ns % 1_000_000_000 / 1000).unwrap().to_le_bytes());
        hep.extend([201, 0, 0, 0]);
    }
    [&hep, payload].concat()
}

pub fn hep_chunk(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len() + 6).unwrap();
    [&[0, 0][..], &kind.to_be_bytes(), &len.to_be_bytes(), value].concat()
}

pub fn hep_3_of(chunks: &[Vec<u8>]) -> Vec<u8> {
    let chunks = chunks.concat();
    let len = u16::try_from(chunks.len() + 6).unwrap().to_be_bytes();
    [&b"HEP3"[..], &len, &chunks].concat()
}

/// The chunks of version 3, the payload last.
pub fn hep_3_chunks(frame: &RawFrame) -> Vec<Vec<u8>> {
    let Parts { addresses, ports, payload } = parts(&frame.bytes);
    let (source, destination) = addresses.split_at(addresses.len() / 2);
    let (family, first_address) = if source.len() == 4 { (2, 3) } else { (10, 5) };
    vec![
        hep_chunk(1, &[family]),
        hep_chunk(2, &[17]),
        hep_chunk(first_address, source),
        hep_chunk(first_address + 1, destination),
        hep_chunk(7, &ports[..2]),
        hep_chunk(8, &ports[2..]),
        hep_chunk(9, &u32::try_from(frame.time_ns / 1_000_000_000).unwrap().to_be_bytes()),
        hep_chunk(10, &u32::try_from(frame.time_ns % 1_000_000_000 / 1000).unwrap().to_be_bytes()),
        hep_chunk(11, &[1]),
        hep_chunk(12, &[0, 0, 0, 203]),
        hep_chunk(14, b"an agent's password"),
        hep_chunk(15, payload),
    ]
}
