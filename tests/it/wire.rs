//! Frames and captures built by hand, byte by byte.

use std::io::Read;

use sipauth::base::DecodeAs;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::base::Transport;
use sipauth::capture::CaptureError;
use sipauth::capture::InputSummary;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::packet;
use sipauth::sip::framing::SipFramer;
use sipauth::transport::Events;
use sipauth::transport::Payload;
use sipauth::transport::Reassembly;

pub const CLIENT: [u8; 4] = [192, 0, 2, 1];
pub const SERVER: [u8; 4] = [198, 51, 100, 1];

/// One message as the pipeline delivered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub number: u64,
    pub frames: Vec<u64>,
    pub transport: Transport,
    pub bytes: Vec<u8>,
    pub cut: bool,
    pub ambiguous: bool,
    pub time_ns: Option<i64>,
}

impl From<Payload<'_>> for Seen {
    fn from(payload: Payload<'_>) -> Seen {
        Seen {
            number: payload.frames.last.number.value(),
            frames: payload.frames.iter().map(|frame| frame.number.value()).collect(),
            transport: payload.transport,
            bytes: payload.bytes.to_vec(),
            cut: payload.cut,
            ambiguous: payload.ambiguous,
            time_ns: payload.time.map(|time| time.as_ns()),
        }
    }
}

/// All that one capture gives.
pub struct Outcome {
    pub seen: Vec<Seen>,
    pub events: Events,
    pub coverage: sipauth::base::Coverage,
    pub summary: InputSummary,
}

/// Reads a capture to its end, or to a read error.
pub fn read(capture: impl Read + Send + 'static, limits: &Limits) -> Result<Outcome, CaptureError> {
    read_with_keys(capture, limits, b"")
}

/// The same with the secrets of a TLS key log.
pub fn read_with_keys(
    capture: impl Read + Send + 'static,
    limits: &Limits,
    key_log: &[u8],
) -> Result<Outcome, CaptureError> {
    let mut reader = Reader::open(Box::new(capture), InputId(0), limits)?;
    let mut reassembly = Reassembly::<SipFramer>::new(limits.clone());
    reassembly.add_key_log(key_log);
    let mut seen: Vec<Seen> = Vec::new();
    let mut sink = |payload: Payload<'_>| seen.push(payload.into());
    while let Ok(Some(record)) = reader.next_record() {
        if let Record::Frame(frame) = record {
            reassembly.expire(frame.time);
            reassembly.push(&frame, packet::decode(&frame, limits, &DecodeAs::default()), &mut sink);
        }
    }
    reassembly.finish(&mut sink);
    let (events, coverage) = (reassembly.events().clone(), reassembly.coverage().clone());
    assert!(coverage.is_balanced(), "{coverage:?}");
    assert_eq!(coverage.frames, reader.summary().packets);
    Ok(Outcome { seen, events, coverage, summary: reader.summary().clone() })
}

/// Reads frames that a pcap file of the usual kind would hold.
pub fn read_frames(frames: &[Vec<u8>]) -> Outcome {
    let capture = pcap(Order::Little, Resolution::Micro, &timed(frames));
    read(std::io::Cursor::new(capture), &Limits::default()).unwrap()
}

/// Frames a millisecond apart.
pub fn timed(frames: &[Vec<u8>]) -> Vec<(u64, Vec<u8>)> {
    let start = 1_700_000_000_000_000_000;
    (0..).map(|index: u64| start + index * 1_000_000).zip(frames.iter().cloned()).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    Micro,
    Nano,
}

impl Order {
    pub fn u16(self, value: u16) -> [u8; 2] {
        if self == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub fn u32(self, value: u32) -> [u8; 4] {
        if self == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub fn u64(self, value: u64) -> [u8; 8] {
        if self == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

fn len_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// A pcap file of Ethernet frames.
pub fn pcap(order: Order, resolution: Resolution, frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let (magic, ns_per_tick) = if resolution == Resolution::Nano { (0xa1b2_3c4d, 1) } else { (0xa1b2_c3d4, 1000) };
    let mut file = order.u32(magic).to_vec();
    file.extend([order.u16(2), order.u16(4)].concat());
    file.extend([order.u32(0), order.u32(0), order.u32(262_144), order.u32(1)].concat());
    for (ns, bytes) in frames {
        let seconds = u32::try_from(ns / 1_000_000_000).unwrap();
        let ticks = u32::try_from(ns % 1_000_000_000 / ns_per_tick).unwrap();
        let len = order.u32(len_u32(bytes));
        file.extend([order.u32(seconds), order.u32(ticks), len, len].concat());
        file.extend(bytes);
    }
    file
}

/// One pcapng block around a body.
pub fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(4), 0);
    let len = order.u32(len_u32(&padded) + 12);
    [&order.u32(kind)[..], &len, &padded, &len].concat()
}

/// A section header, and one Ethernet interface with these options.
pub fn pcapng_head(order: Order, options: &[u8]) -> Vec<u8> {
    let section = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat();
    let interface = [&order.u16(1)[..], &order.u16(0), &order.u32(0), options].concat();
    [block(order, 0x0a0d_0d0a, &section), block(order, 1, &interface)].concat()
}

/// A pcapng option, padded.
pub fn option(order: Order, code: u16, value: &[u8]) -> Vec<u8> {
    let mut padded = value.to_vec();
    padded.resize(value.len().next_multiple_of(4), 0);
    [&order.u16(code)[..], &order.u16(u16::try_from(value.len()).unwrap()), &padded].concat()
}

/// An enhanced packet block.
pub fn enhanced_packet(order: Order, interface: u32, ticks: u64, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = [ticks >> 32, ticks & 0xffff_ffff].map(|half| order.u32(u32::try_from(half).unwrap()));
    let len = order.u32(len_u32(bytes));
    block(order, 6, &[&order.u32(interface)[..], &high, &low, &len, &len, bytes].concat())
}

/// A pcapng file of Ethernet frames.
pub fn pcapng(order: Order, resolution: Resolution, frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let (options, ns_per_tick) = match resolution {
        Resolution::Nano => (option(order, 9, &[9]), 1),
        Resolution::Micro => (Vec::new(), 1000),
    };
    let mut file = pcapng_head(order, &options);
    for (ns, bytes) in frames {
        file.extend(enhanced_packet(order, 0, ns / ns_per_tick, bytes));
    }
    file
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], &ether_type.to_be_bytes(), payload].concat()
}

/// An IPv4 packet or fragment: `offset_and_more` as on the wire.
pub fn ipv4(identification: u16, offset_and_more: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total_len = u16::try_from(payload.len() + 20).unwrap();
    let mut packet = vec![0x45, 0];
    for word in [total_len, identification, offset_and_more] {
        packet.extend(word.to_be_bytes());
    }
    packet.extend([64, protocol, 0, 0]);
    packet.extend(CLIENT);
    packet.extend(SERVER);
    packet.extend(payload);
    packet
}

/// An IPv6 packet.
pub fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let address = |last: u8| [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[last]].concat();
    [&[0x60, 0, 0, 0][..], &len, &[next_header, 64], &address(1), &address(2), payload].concat()
}

/// An IPv6 fragment header and what it holds.
pub fn ipv6_fragment(identification: u32, offset_and_more: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header = [&[protocol, 0][..], &offset_and_more.to_be_bytes(), &identification.to_be_bytes()].concat();
    ipv6(44, &[&header, payload].concat())
}

pub fn udp(payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 8).unwrap();
    let mut datagram = Vec::new();
    for word in [5060, 5060, len, 0_u16] {
        datagram.extend(word.to_be_bytes());
    }
    datagram.extend(payload);
    datagram
}

pub fn udp_frame(payload: &[u8]) -> Vec<u8> {
    ethernet(0x0800, &ipv4(1, 0, 17, &udp(payload)))
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

pub fn tcp_frame(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = [40000_u16.to_be_bytes(), 5060_u16.to_be_bytes()].concat();
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    ethernet(0x0800, &ipv4(1, 0x4000, 6, &segment))
}

/// The same packet in the other direction: addresses and ports change places, and no checksum changes.
pub fn back(mut frame: Vec<u8>) -> Vec<u8> {
    let (source, destination) = frame[26..34].split_at_mut(4);
    source.swap_with_slice(destination);
    let (source, destination) = frame[34..38].split_at_mut(2);
    source.swap_with_slice(destination);
    frame
}

/// A request with a body of that many bytes, told from others by its number.
pub fn message(number: usize, body_len: usize) -> Vec<u8> {
    let body: Vec<u8> = (0..body_len).map(|at| if at % 40 == 39 { b'\n' } else { b'x' }).collect();
    let head = format!(
        "MESSAGE sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK{number}\r\n\
         Call-ID: {number}\r\nCSeq: 1 MESSAGE\r\nContent-Length: {body_len}\r\n\r\n"
    );
    [head.as_bytes(), &body].concat()
}
