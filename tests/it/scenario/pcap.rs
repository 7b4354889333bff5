//! Payloads in, the bytes of a pcap file out: Ethernet, IPv4 (RFC 791) and UDP (RFC 768) with true lengths and checksums.

use std::net::Ipv4Addr;
use std::net::SocketAddrV4;

const ETHERNET: u32 = 1;
const UDP: u8 = 17;
const IPV4_HEADER_LEN: usize = 20;
const DO_NOT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;

/// A datagram on its way, before any header.
pub struct Datagram<'a> {
    pub source: SocketAddrV4,
    pub destination: SocketAddrV4,
    pub identification: u16,
    pub payload: &'a [u8],
}

/// A classic pcap file under construction: little-endian, microseconds.
pub struct File {
    bytes: Vec<u8>,
    snap_len: u32,
}

impl File {
    pub fn new(snap_len: u32) -> File {
        let mut bytes = Vec::new();
        bytes.extend(0xa1b2_c3d4_u32.to_le_bytes());
        bytes.extend(2_u16.to_le_bytes());
        bytes.extend(4_u16.to_le_bytes());
        bytes.extend([0; 8]);
        bytes.extend(snap_len.to_le_bytes());
        bytes.extend(ETHERNET.to_le_bytes());
        File { bytes, snap_len }
    }

    pub fn record(&mut self, time_us: u64, frame: &[u8]) {
        let original_len = u32::try_from(frame.len()).expect("a frame is far below 4 GiB");
        let captured_len = original_len.min(self.snap_len);
        let seconds = u32::try_from(time_us / 1_000_000).expect("classic pcap ends in 2106");
        self.bytes.extend(seconds.to_le_bytes());
        self.bytes.extend(((time_us % 1_000_000) as u32).to_le_bytes());
        self.bytes.extend(captured_len.to_le_bytes());
        self.bytes.extend(original_len.to_le_bytes());
        self.bytes.extend(&frame[..captured_len as usize]);
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The Ethernet frames that carry this datagram: one, or its fragments where it does not fit (RFC 791 §3.2).
pub fn frames(datagram: &Datagram, mtu: usize) -> Vec<Vec<u8>> {
    let udp = udp(datagram);
    if IPV4_HEADER_LEN + udp.len() <= mtu {
        return vec![frame(datagram, DO_NOT_FRAGMENT, &udp)];
    }
    let fragment_len = (mtu - IPV4_HEADER_LEN) / 8 * 8;
    let fragments = udp.chunks(fragment_len).enumerate().map(|(index, part)| {
        let offset = index * fragment_len;
        let more = if offset + part.len() < udp.len() { MORE_FRAGMENTS } else { 0 };
        frame(datagram, more | (offset / 8) as u16, part)
    });
    fragments.collect()
}

fn frame(datagram: &Datagram, flags_and_offset: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(mac(*datagram.destination.ip()));
    frame.extend(mac(*datagram.source.ip()));
    frame.extend([0x08, 0x00]);
    frame.extend(ipv4_header(datagram, flags_and_offset, payload.len()));
    frame.extend(payload);
    frame
}

fn ipv4_header(datagram: &Datagram, flags_and_offset: u16, payload_len: usize) -> Vec<u8> {
    let total_len = u16::try_from(IPV4_HEADER_LEN + payload_len).expect("a message fits one IPv4 packet");
    let mut header = vec![0x45, 0];
    header.extend(total_len.to_be_bytes());
    header.extend(datagram.identification.to_be_bytes());
    header.extend(flags_and_offset.to_be_bytes());
    header.extend([64, UDP, 0, 0]);
    header.extend(datagram.source.ip().octets());
    header.extend(datagram.destination.ip().octets());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

fn udp(datagram: &Datagram) -> Vec<u8> {
    let len = u16::try_from(8 + datagram.payload.len()).expect("a message fits one datagram");
    let mut udp = Vec::new();
    udp.extend(datagram.source.port().to_be_bytes());
    udp.extend(datagram.destination.port().to_be_bytes());
    udp.extend(len.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(datagram.payload);

    let mut summed = Vec::new();
    summed.extend(datagram.source.ip().octets());
    summed.extend(datagram.destination.ip().octets());
    summed.extend([0, UDP]);
    summed.extend(len.to_be_bytes());
    summed.extend(&udp);
    // RFC 768: a sum of zero is sent as all ones, for zero says that there is no checksum.
    let sum = match checksum(&summed) {
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    udp
}

/// RFC 1071: the ones' complement of the ones' complement sum.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A locally administered address that tells the hosts apart.
fn mac(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    [2, 0, a, b, c, d]
}
