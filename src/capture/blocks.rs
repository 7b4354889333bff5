//! What one pcapng block says (draft-ietf-opsawg-pcapng). The framing has been checked by the reader; whatever a block
//! gets wrong within is `None` here, and the reader skips it.

use std::ops::Range;

use pcap_parser::OptionCode;
use pcap_parser::PcapNGOption;
use pcap_parser::pcapng;

use crate::capture::frame::FrameNotes;
use crate::capture::frame::LinkType;
use crate::capture::interfaces::Interface;
use crate::capture::interfaces::Resolution;
use crate::capture::options::Options;

pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
/// Obsolete, yet still written by some; `pcap_parser` does not know it.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const SYSTEMD_JOURNAL: u32 = 9;
const DECRYPTION_SECRETS: u32 = 10;

/// Byte order of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// From the byte-order magic of a section header block.
    pub(super) fn of_magic(magic: &[u8]) -> Option<Order> {
        match magic {
            [0x4d, 0x3c, 0x2b, 0x1a] => Some(Order::Little),
            [0x1a, 0x2b, 0x3c, 0x4d] => Some(Order::Big),
            _ => None,
        }
    }

    /// The number at `at`, if the bytes reach that far.
    pub(super) fn u32_at(self, bytes: &[u8], at: usize) -> Option<u32> {
        let array = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Order::Little { u32::from_le_bytes(array) } else { u32::from_be_bytes(array) })
    }

    pub(super) fn u16_at(self, bytes: &[u8], at: usize) -> Option<u16> {
        let array = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Order::Little { u16::from_le_bytes(array) } else { u16::from_be_bytes(array) })
    }

    fn u64(self, bytes: &[u8]) -> Option<u64> {
        let array = *bytes.first_chunk()?;
        Some(if self == Order::Little { u64::from_le_bytes(array) } else { u64::from_be_bytes(array) })
    }
}

/// What a block means to the reader. Ranges count from the start of the block.
pub(super) enum Block {
    Interface(Interface),
    Packet(Packet),
    Statistics {
        interface: u32,
        received: Option<u64>,
        dropped: Option<u64>,
        /// When the capture of this interface began and ended, in its ticks.
        began: Option<u64>,
        ended: Option<u64>,
    },
    Secrets {
        kind: u32,
        data: Range<usize>,
    },
    Section,
    /// Nothing to us, but Wireshark numbers it like a frame.
    Numbered,
    Other,
}

pub(super) struct Packet {
    pub(super) interface: u32,
    /// `None`: the block has no time.
    pub(super) ticks: Option<u64>,
    pub(super) data: Range<usize>,
    pub(super) original_len: u32,
}

/// Reads one whole block. `None`: malformed within.
pub(super) fn parse(order: Order, block: &[u8], interface_0: &Interface) -> Option<Block> {
    match order.u32_at(block, 0)? {
        INTERFACE_DESCRIPTION => Some(Block::Interface(interface(order, block).unwrap_or_else(Interface::undescribed))),
        ENHANCED_PACKET => enhanced_packet(order, block).map(Block::Packet),
        SIMPLE_PACKET => simple_packet(order, block, interface_0).map(Block::Packet),
        PACKET => obsolete_packet(order, block).map(Block::Packet),
        INTERFACE_STATISTICS => statistics(order, block),
        DECRYPTION_SECRETS => secrets(order, block),
        SECTION_HEADER => Some(Block::Section),
        SYSTEMD_JOURNAL => Some(Block::Numbered),
        _ => Some(Block::Other),
    }
}

fn interface(order: Order, block: &[u8]) -> Option<Interface> {
    let parse = match order {
        Order::Little => pcapng::parse_interfacedescriptionblock_le,
        Order::Big => pcapng::parse_interfacedescriptionblock_be,
    };
    let (_, description) = parse(block).ok()?;
    // The raw options: `ts_resolution()` loses powers of two, `ts_offset()` the byte order.
    let resolution = option(&description.options, OptionCode::IfTsresol).and_then(|value| value.first().copied());
    let offset = option(&description.options, OptionCode::IfTsoffset).and_then(|value| order.u64(value));
    Some(Interface {
        link: LinkType(u16::try_from(description.linktype.0).ok()?),
        snaplen: description.snaplen,
        resolution: resolution.map_or_else(Resolution::default, Resolution),
        offset_s: offset.map_or(0, u64::cast_signed),
        drops: 0,
    })
}

/// The first option of that code, without its padding.
fn option<'o>(options: &'o [PcapNGOption<'_>], code: OptionCode) -> Option<&'o [u8]> {
    options.iter().find(|option| option.code == code)?.as_bytes().ok()
}

fn enhanced_packet(order: Order, block: &[u8]) -> Option<Packet> {
    let parse = match order {
        Order::Little => pcapng::parse_enhancedpacketblock_le,
        Order::Big => pcapng::parse_enhancedpacketblock_be,
    };
    let (_, packet) = parse(block).ok()?;
    Some(Packet {
        interface: packet.if_id,
        ticks: Some(u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low)),
        data: data_range(28, packet.caplen, block)?,
        original_len: packet.origlen,
    })
}

fn simple_packet(order: Order, block: &[u8], interface: &Interface) -> Option<Packet> {
    let parse = match order {
        Order::Little => pcapng::parse_simplepacketblock_le,
        Order::Big => pcapng::parse_simplepacketblock_be,
    };
    let (_, packet) = parse(block).ok()?;
    // The block does not say how much was captured: as much as the interface keeps, less the padding.
    let kept = if interface.snaplen == 0 { packet.origlen } else { packet.origlen.min(interface.snaplen) };
    let captured = kept.min(u32::try_from(packet.data.len()).ok()?);
    Some(Packet { interface: 0, ticks: None, data: data_range(12, captured, block)?, original_len: packet.origlen })
}

fn obsolete_packet(order: Order, block: &[u8]) -> Option<Packet> {
    let number = |at| order.u32_at(block, at);
    Some(Packet {
        interface: u32::from(order.u16_at(block, 8)?),
        ticks: Some(u64::from(number(12)?) << 32 | u64::from(number(16)?)),
        data: data_range(28, number(20)?, block)?,
        original_len: number(24)?,
    })
}

fn statistics(order: Order, block: &[u8]) -> Option<Block> {
    let parse = match order {
        Order::Little => pcapng::parse_interfacestatisticsblock_le,
        Order::Big => pcapng::parse_interfacestatisticsblock_be,
    };
    let (_, counters) = parse(block).ok()?;
    let counter = |code| option(&counters.options, code).and_then(|value| order.u64(value));
    let dropped = match (counter(OptionCode::IsbIfDrop), counter(OptionCode::IsbOsDrop)) {
        (None, None) => None,
        (interface, system) => Some(interface.unwrap_or(0).saturating_add(system.unwrap_or(0))),
    };
    // A timestamp's upper half comes first in either byte order.
    let halves = |value| Some((order.u32_at(value, 0)?, order.u32_at(value, 4)?));
    let ticks = |code| {
        let (high, low) = option(&counters.options, code).and_then(halves)?;
        Some(u64::from(high) << 32 | u64::from(low))
    };
    let (began, ended) = (ticks(OptionCode::IsbStartTime), ticks(OptionCode::IsbEndTime));
    Some(Block::Statistics {
        interface: counters.if_id,
        received: counter(OptionCode::IsbIfRecv),
        dropped,
        began,
        ended,
    })
}

fn secrets(order: Order, block: &[u8]) -> Option<Block> {
    let parse = match order {
        Order::Little => pcapng::parse_decryptionsecretsblock_le,
        Order::Big => pcapng::parse_decryptionsecretsblock_be,
    };
    let (_, secrets) = parse(block).ok()?;
    Some(Block::Secrets { kind: secrets.secrets_type.0, data: data_range(16, secrets.secrets_len, block)? })
}

/// What a packet block says beside the packet; nothing where it is no such block.
pub(super) fn notes(order: Order, block: &[u8]) -> FrameNotes<'_> {
    if !matches!(order.u32_at(block, 0), Some(ENHANCED_PACKET | PACKET)) {
        return FrameNotes::default();
    }
    let ticks = order.u32_at(block, 12).zip(order.u32_at(block, 16));
    let data_len = order.u32_at(block, 20).map_or(block.len(), |len| len as usize);
    let options = Options::of(order, block, data_len.next_multiple_of(4).saturating_add(28));
    let ticks = ticks.map(|(high, low)| u64::from(high) << 32 | u64::from(low));
    FrameNotes { ticks, flags: options.flags(), options }
}

/// What a section header says of its section.
pub(super) fn section_options(order: Order, block: &[u8]) -> Options<'_> {
    Options::of(order, block, 24)
}

/// What an interface description says beside its numbers.
pub(super) fn interface_options(order: Order, block: &[u8]) -> Options<'_> {
    Options::of(order, block, 16)
}

/// `len` bytes from `start`, if they end before the block's trailing length.
fn data_range(start: usize, len: u32, block: &[u8]) -> Option<Range<usize>> {
    let end = start.checked_add(len as usize)?;
    (end <= block.len().checked_sub(4)?).then_some(start..end)
}
