//! The one loop over the records of a capture. `pcap_parser` parses headers and blocks; every length is checked here before it is believed,
//! because a record that lies must cost neither memory nor the records before it.

use std::io::ErrorKind;
use std::io::Read;
use std::ops::Range;

use pcap_parser::pcap;
use pcap_parser::pcap::PcapHeader;

use crate::base::CaptureTime;
use crate::base::FrameNumber;
use crate::base::FrameRef;
use crate::base::InputId;
use crate::base::Limits;
use crate::capture::blocks;
use crate::capture::blocks::Block;
use crate::capture::blocks::Order;
use crate::capture::buffer::Buffer;
use crate::capture::error::CaptureError;
use crate::capture::frame::Frame;
use crate::capture::frame::FrameNotes;
use crate::capture::frame::InterfaceNotes;
use crate::capture::frame::LinkType;
use crate::capture::frame::Record;
use crate::capture::interfaces::Interface;
use crate::capture::interfaces::Interfaces;
use crate::capture::interfaces::Resolution;
use crate::capture::open;
use crate::capture::open::Source;
use crate::capture::options::Options;
use crate::capture::summary::Format;
use crate::capture::summary::InputSummary;

/// So many first bytes tell every format, and hold the whole file header of a pcap.
const HEAD_BYTES: usize = 24;
/// The magic number: fewer bytes name no format.
const MAGIC_BYTES: usize = 4;
/// The file header of a pcap (draft-ietf-opsawg-pcap §4).
const PCAP_HEADER_BYTES: usize = 24;
/// The shortest block of a pcapng: type, length, and length again (draft-ietf-opsawg-pcapng §3.1).
const BLOCK_BYTES_MIN: usize = 12;

const NS_PER_S: i64 = 1_000_000_000;

/// Reads one input, record by record.
pub struct Reader {
    buffer: Buffer,
    container: Container,
    summary: InputSummary,
    input: InputId,
    next_number: FrameNumber,
    /// The number of the latest frame.
    latest: FrameNumber,
    /// Bytes of the record handed out last; dropped when the next one is asked for.
    pending: usize,
    /// Where the bytes of the latest frame begin and end.
    span: Range<u64>,
    packet_len_bytes_max: usize,
    block_len_bytes_max: usize,
    interfaces_max: usize,
}

/// The state of each container format.
enum Container {
    Pcap {
        header: PcapHeader,
        link: LinkType,
        /// Whether its interface was handed out.
        is_told: bool,
    },
    PcapNg {
        order: Order,
        interfaces: Interfaces,
    },
    /// Nothing more comes: the end, or damage.
    Ended,
}

/// A record found in the window, by ranges: the borrow is made last.
enum Found {
    Frame { time: Option<CaptureTime>, link: LinkType, data: Range<usize>, original_len: u32, interface: u32 },
    Secrets { kind: u32, data: Range<usize> },
    Statistics { received: Option<u64>, dropped: Option<u64> },
    Interface { number: u32, interface: Interface },
}

impl Reader {
    /// Recognises the input by its first bytes. `input` becomes part of every frame's reference.
    ///
    /// # Errors
    /// The input cannot be read, is empty, or is not a capture. A capture that is cut within its file header opens, and
    /// says so in [`InputSummary::truncated`].
    pub fn open(mut source: Box<dyn Read + Send>, input: InputId, limits: &Limits) -> Result<Reader, CaptureError> {
        let head = open::read_head(&mut source, HEAD_BYTES)?;
        let compression = open::compression(&head);
        let mut buffer =
            Buffer::new(Source::new(source, head, compression, limits.zstd_window_bytes_max), limits.input_bytes_max);
        // An error after the magic number is reported when it is reached, as everywhere in the file.
        if !buffer.fill(HEAD_BYTES) && buffer.window().len() < MAGIC_BYTES {
            buffer.take_error().map_or(Ok(()), Err)?;
        }
        let format = open::recognise(buffer.window())?;
        let mut reader = Reader {
            buffer,
            container: Container::Ended,
            summary: InputSummary::new(format, compression),
            input,
            next_number: FrameNumber::FIRST,
            latest: FrameNumber::FIRST,
            pending: 0,
            span: 0..0,
            packet_len_bytes_max: limits.packet_len_bytes_max,
            block_len_bytes_max: limits.block_len_bytes_max,
            interfaces_max: limits.interfaces_max,
        };
        reader.container = match format {
            Format::Pcap => reader.pcap_header(),
            // The section header is read with the other blocks; until then the order does not matter.
            Format::PcapNg => Container::PcapNg { order: Order::Little, interfaces: Interfaces::default() },
        };
        Ok(reader)
    }

    /// The next record; `None` at the end, also where the input is cut or damaged (see [`InputSummary::truncated`]).
    ///
    /// # Errors
    /// Reading failed. Everything read before has been handed out; the next call answers `None`.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, CaptureError> {
        let found = self.next_found()?;
        Ok(found.map(|found| self.lend(found)))
    }

    /// The same, with what the capture says of a frame beside its bytes.
    ///
    /// # Errors
    /// As [`Reader::next_record`].
    pub fn next_noted(&mut self) -> Result<Option<(Record<'_>, FrameNotes<'_>)>, CaptureError> {
        let found = self.next_found()?;
        Ok(found.map(|found| (self.lend(found), self.frame_notes())))
    }

    fn next_found(&mut self) -> Result<Option<Found>, CaptureError> {
        self.buffer.consume(std::mem::take(&mut self.pending));
        let found = match self.container {
            Container::Pcap { .. } => self.next_pcap(),
            Container::PcapNg { .. } => self.next_block(),
            Container::Ended => None,
        };
        self.summary.bytes = self.buffer.source().bytes_read();
        match &found {
            Some(found) => self.count(found),
            None => self.end()?,
        }
        Ok(found)
    }

    /// Where the bytes of the frame handed out last stand in the file; `None` in one that is compressed.
    pub fn frame_span(&self) -> Option<Range<u64>> {
        self.summary.compression.is_none().then(|| self.span.clone())
    }

    /// What the capture says of the frame handed out last, beside its bytes.
    pub(super) fn frame_notes(&self) -> FrameNotes<'_> {
        let record = self.buffer.window().get(..self.pending).unwrap_or_default();
        match &self.container {
            Container::PcapNg { order, .. } => blocks::notes(*order, record),
            Container::Pcap { header, .. } => {
                let order = if header.is_bigendian() { Order::Big } else { Order::Little };
                let per_s: u64 = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                let time = order.u32_at(record, 0).zip(order.u32_at(record, 4));
                let ticks = time
                    .map(|(seconds, ticks)| u64::from(seconds).saturating_mul(per_s).saturating_add(u64::from(ticks)));
                FrameNotes { ticks, ..FrameNotes::default() }
            }
            Container::Ended => FrameNotes::default(),
        }
    }

    /// What the interface description handed out last says beside its numbers.
    pub(super) fn interface_options(&self) -> Options<'_> {
        let Container::PcapNg { order, .. } = &self.container else { return Options::default() };
        blocks::interface_options(*order, self.buffer.window().get(..self.pending).unwrap_or_default())
    }

    /// What is known of the input so far; complete once [`Reader::next_record`] has answered `None`.
    pub fn summary(&self) -> &InputSummary {
        &self.summary
    }

    fn pcap_header(&mut self) -> Container {
        if !self.buffer.fill(PCAP_HEADER_BYTES) {
            self.stop_cut::<Found>("the file header", PCAP_HEADER_BYTES);
            return Container::Ended;
        }
        let Ok((_, header)) = pcap::parse_pcap_header(self.buffer.window()) else { return Container::Ended };
        // The upper bits say how long the frame check sequence is, not what the link is.
        let link = LinkType(u16::try_from(header.network.0 & 0xffff).unwrap_or(u16::MAX));
        self.summary.add_link_type(link);
        self.buffer.consume(PCAP_HEADER_BYTES);
        Container::Pcap { header, link, is_told: false }
    }

    fn next_pcap(&mut self) -> Option<Found> {
        let Container::Pcap { header, link, is_told } = &mut self.container else { return None };
        if !std::mem::replace(is_told, true) {
            let resolution = Resolution(if header.is_nanosecond_precision() { 9 } else { 6 });
            let interface = Interface { link: *link, snaplen: header.snaplen, resolution, offset_s: 0, drops: 0 };
            return Some(Found::Interface { number: 0, interface });
        }
        let header = &*header;
        let record_header_len = if header.is_modified_format() { 24 } else { 16 };
        let order = if header.is_bigendian() { Order::Big } else { Order::Little };
        let ns_per_tick = if header.is_nanosecond_precision() { 1 } else { 1_000 };
        let link = *link;
        if !self.buffer.fill(record_header_len) {
            return self.stop_cut("a record header", record_header_len);
        }
        let record_header: [u8; 16] = *self.buffer.window().first_chunk()?;
        let word = |at| order.u32_at(&record_header, at);
        let (seconds, ticks, captured, original_len) = (word(0)?, word(4)?, word(8)? as usize, word(12)?);
        if captured > self.packet_len_bytes_max {
            let limit = self.packet_len_bytes_max;
            return self.stop_damaged(&format!("a record claims {captured} bytes, the limit is {limit}"));
        }
        let record_len = record_header_len.saturating_add(captured);
        if !self.buffer.fill(record_len) {
            return self.stop_cut("a record", record_len);
        }
        let ns =
            i64::from(seconds).saturating_mul(NS_PER_S).saturating_add(i64::from(ticks).saturating_mul(ns_per_tick));
        self.pending = record_len;
        Some(Found::Frame {
            time: Some(CaptureTime::from_ns(ns)),
            link,
            data: record_header_len..record_len,
            original_len,
            interface: 0,
        })
    }

    /// The next block that is a record to the caller. Others are digested on the way.
    fn next_block(&mut self) -> Option<Found> {
        loop {
            let len = self.whole_block()?;
            if len > self.block_len_bytes_max {
                self.skip_large_block(len)?;
                continue;
            }
            if !self.buffer.fill(len) {
                return self.stop_cut("a block", len);
            }
            let Container::PcapNg { order, interfaces } = &self.container else { return None };
            let block = self.buffer.window().get(..len).unwrap_or_default();
            if order.u32_at(block, len.saturating_sub(4)) != u32::try_from(len).ok() {
                return self.stop_damaged("a block whose two lengths differ");
            }
            let parsed = blocks::parse(*order, block, &interfaces.of(0));
            if matches!(parsed, Some(Block::Section)) {
                self.summary.add_comments(blocks::section_options(*order, block));
            }
            if let Some(found) = self.digest(parsed) {
                self.pending = len;
                return Some(found);
            }
            self.buffer.consume(len);
        }
    }

    /// The length of the next block, at least [`BLOCK_BYTES_MIN`]. A section header sets the byte order first.
    fn whole_block(&mut self) -> Option<usize> {
        if !self.buffer.fill(BLOCK_BYTES_MIN) {
            return self.stop_cut("a block header", BLOCK_BYTES_MIN);
        }
        let window = self.buffer.window();
        let section = Order::Little.u32_at(window, 0)? == blocks::SECTION_HEADER;
        let magic = section.then(|| Order::of_magic(window.get(8..12).unwrap_or_default()));
        let Container::PcapNg { order, interfaces } = &mut self.container else { return None };
        match magic {
            Some(Some(new)) => {
                *order = new;
                interfaces.clear();
            }
            Some(None) => return self.stop_damaged("a section header without a byte-order magic"),
            None => {}
        }
        let len = order.u32_at(self.buffer.window(), 4)? as usize;
        if len < BLOCK_BYTES_MIN {
            return self.stop_damaged(&format!("a block claims {len} bytes"));
        }
        Some(len)
    }

    fn skip_large_block(&mut self, len: usize) -> Option<()> {
        let (start, limit) = (self.buffer.offset(), self.block_len_bytes_max);
        let skipped = self.buffer.discard((len as u64).saturating_sub(4)) && self.buffer.fill(4);
        let Container::PcapNg { order, .. } = &self.container else { return None };
        if !skipped || order.u32_at(self.buffer.window(), 0) != u32::try_from(len).ok() {
            let what = format!("damaged at byte {start}: a block claims {len} bytes, the limit is {limit}");
            return self.stop(what);
        }
        self.buffer.consume(4);
        self.summary.skipped_blocks = self.summary.skipped_blocks.saturating_add(1);
        Some(())
    }

    fn digest(&mut self, block: Option<Block>) -> Option<Found> {
        let Container::PcapNg { interfaces, .. } = &mut self.container else { return None };
        match block {
            Some(Block::Packet(packet)) if packet.data.len() <= self.packet_len_bytes_max => {
                let interface = interfaces.of(packet.interface);
                Some(Found::Frame {
                    time: packet.ticks.map(|ticks| interface.time(ticks)),
                    link: interface.link,
                    data: packet.data,
                    original_len: packet.original_len,
                    interface: packet.interface,
                })
            }
            Some(Block::Secrets { kind, data }) => Some(Found::Secrets { kind, data }),
            Some(Block::Statistics { interface, received, dropped, began, ended }) => {
                if let Some(ended) = ended {
                    // Dumpcap counts it in microseconds, whatever its packets are counted in. Only one of the two is near them.
                    let own = interfaces.of(interface);
                    for clock in [own, Interface { resolution: Resolution::default(), ..own }] {
                        self.summary.add_end(began.map(|began| clock.time(began)), clock.time(ended));
                    }
                }
                self.summary.interface_drops =
                    self.summary.interface_drops.saturating_add(interfaces.set_drops(interface, dropped.unwrap_or(0)));
                Some(Found::Statistics { received, dropped })
            }
            Some(Block::Interface(interface)) => {
                let number = interfaces.push(interface, self.interfaces_max);
                self.summary.interfaces_refused =
                    self.summary.interfaces_refused.saturating_add(u64::from(number.is_none()));
                self.summary.add_link_type(interface.link);
                number.map(|number| Found::Interface { number, interface })
            }
            Some(Block::Numbered) => {
                self.next_number = self.next_number.next();
                None
            }
            Some(Block::Section | Block::Other) => None,
            Some(Block::Packet(_)) | None => {
                self.summary.skipped_blocks = self.summary.skipped_blocks.saturating_add(1);
                None
            }
        }
    }

    /// Counts what was found, before it is lent.
    fn count(&mut self, found: &Found) {
        let Found::Frame { time, data, original_len, .. } = found else { return };
        let start = self.buffer.offset().saturating_add(data.start as u64);
        let captured_len = data.len();
        self.span = start..start.saturating_add(captured_len as u64);
        self.latest = self.next_number;
        self.next_number = self.next_number.next();
        self.summary.packets = self.summary.packets.saturating_add(1);
        self.summary.snaplen_cut_frames =
            self.summary.snaplen_cut_frames.saturating_add(u64::from(captured_len < *original_len as usize));
        if let Some(time) = *time {
            self.summary.add_time(time);
        }
    }

    fn lend(&self, found: Found) -> Record<'_> {
        let window = self.buffer.window();
        match found {
            Found::Secrets { kind, data } => Record::Secrets { kind, bytes: window.get(data).unwrap_or_default() },
            Found::Statistics { received, dropped } => Record::InterfaceStatistics { received, dropped },
            Found::Interface { number, interface } => {
                let Interface { link, snaplen, resolution, offset_s, .. } = interface;
                let options = self.interface_options();
                Record::Interface(InterfaceNotes { number, link, snaplen, resolution: resolution.0, offset_s, options })
            }
            Found::Frame { time, link, data, original_len, interface } => {
                let bytes = window.get(data).unwrap_or_default();
                let captured_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                let at = FrameRef { input: self.input, number: self.latest };
                Record::Frame(Frame { at, time, link, bytes, original_len: original_len.max(captured_len), interface })
            }
        }
    }

    /// The input ends before `len` bytes: at a boundary that is the end, else a cut.
    fn stop_cut<T>(&mut self, what: &str, len: usize) -> Option<T> {
        let has = self.buffer.window().len();
        if has == 0 && !self.buffer.is_at_limit() {
            self.container = Container::Ended;
            return None;
        }
        let end = self.buffer.offset().saturating_add(has as u64);
        self.stop(format!("ends at byte {end} within {what} ({has} of {len} bytes)"))
    }

    fn stop_damaged<T>(&mut self, what: &str) -> Option<T> {
        self.stop(format!("damaged at byte {}: {what}", self.buffer.offset()))
    }

    fn stop<T>(&mut self, why: String) -> Option<T> {
        self.container = Container::Ended;
        // A failed read explains a cut: it is reported as the error it is.
        if !self.buffer.has_error() {
            let limited = self.buffer.is_at_limit().then(|| self.buffer.bytes_max());
            let why = limited.map_or(why, |bytes_max| format!("reading ended at the limit of {bytes_max} bytes"));
            self.summary.truncated = Some(why);
        }
        None
    }

    fn end(&mut self) -> Result<(), CaptureError> {
        self.container = Container::Ended;
        let Some(error) = self.buffer.take_error() else { return Ok(()) };
        let broken =
            matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput);
        if let Some(compression) = self.summary.compression.filter(|_| broken) {
            // Damage of the file, not of the disk: what could be unpacked has been.
            let end = self.buffer.offset().saturating_add(self.buffer.window().len() as u64);
            self.summary.truncated =
                Some(format!("{} data damaged or cut after {end} unpacked bytes: {error}", compression.name()));
            return Ok(());
        }
        Err(error.into())
    }
}
