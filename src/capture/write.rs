//! Frames and comments → pcapng (draft-ietf-opsawg-pcapng), as Wireshark shows them: the comment stands beside its packet.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;

use crate::capture::frame::Frame;
use crate::capture::frame::LinkType;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const OPTION_APPLICATION: u16 = 4;
const OPTION_TIME_RESOLUTION: u16 = 9;
/// `if_tsresol`: nanoseconds, which every time of an input can be written in.
const NANOSECONDS: u8 = 9;

/// Bytes of one comment; longer ones are cut. An option holds at most 65,535.
const COMMENT_LEN_BYTES_MAX: usize = 8_192;

/// Writes one section. Interfaces are described when their first frame comes: one for each of an input's.
pub struct PcapngWriter<W: Write> {
    out: W,
    interfaces: BTreeMap<(u16, u32, LinkType), u32>,
    block: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Writes the section's header, with a comment about the whole file.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn new(out: W, application: &str, comment: Option<&str>) -> io::Result<PcapngWriter<W>> {
        let mut writer = PcapngWriter { out, interfaces: BTreeMap::new(), block: Vec::new() };
        writer.u32(BYTE_ORDER_MAGIC);
        // Version 1.0; the length of the section is not known.
        writer.block.extend([1, 0, 0, 0]);
        writer.block.extend([0xff; 8]);
        writer.option(OPTION_APPLICATION, application.as_bytes());
        comment.iter().for_each(|comment| writer.option(OPTION_COMMENT, comment.as_bytes()));
        writer.option(OPTION_END, &[]);
        writer.end_block(SECTION_HEADER)?;
        Ok(writer)
    }

    /// Writes a frame with its comments, each of which has to be one safe line. A frame whose time is not known is written at
    /// the beginning of time, as pcapng has no packet with a comment and without a time.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn frame(&mut self, frame: &Frame<'_>, comments: &[String]) -> io::Result<()> {
        let interface = self.interface(frame)?;
        let ns = frame.time.map_or(0, |time| u64::try_from(time.as_ns()).unwrap_or(0));
        self.u32(interface);
        self.u32(u32::try_from(ns >> 32).unwrap_or(0));
        self.u32(u32::try_from(ns & u64::from(u32::MAX)).unwrap_or(0));
        self.u32(u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX));
        self.u32(frame.original_len);
        self.padded(frame.bytes);
        for comment in comments {
            let mut ends = (0..=COMMENT_LEN_BYTES_MAX.min(comment.len())).rev();
            let end = ends.find(|end| comment.is_char_boundary(*end)).unwrap_or(0);
            self.option(OPTION_COMMENT, comment.get(..end).unwrap_or_default().as_bytes());
        }
        if !comments.is_empty() {
            self.option(OPTION_END, &[]);
        }
        self.end_block(ENHANCED_PACKET)
    }

    /// Writes keys that belong to the capture. Whoever has them reads what was encrypted.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn secrets(&mut self, kind: u32, bytes: &[u8]) -> io::Result<()> {
        self.u32(kind);
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.padded(bytes);
        self.end_block(DECRYPTION_SECRETS)
    }

    /// Gives the place back.
    pub fn finish(self) -> W {
        self.out
    }

    fn interface(&mut self, frame: &Frame<'_>) -> io::Result<u32> {
        let key = (frame.at.input.0, frame.interface, frame.link);
        if let Some(number) = self.interfaces.get(&key) {
            return Ok(*number);
        }
        let number = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.interfaces.insert(key, number);
        self.block.extend(frame.link.0.to_le_bytes());
        self.block.extend([0; 2]);
        // No limit on the length of packets.
        self.u32(0);
        self.option(OPTION_TIME_RESOLUTION, &[NANOSECONDS]);
        self.option(OPTION_END, &[]);
        self.end_block(INTERFACE_DESCRIPTION)?;
        Ok(number)
    }

    fn u32(&mut self, number: u32) {
        self.block.extend(number.to_le_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.block.extend(bytes);
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.block.extend(code.to_le_bytes());
        self.block.extend(u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
        self.padded(value);
    }

    /// Writes what was put together between the type and the two lengths of a block.
    fn end_block(&mut self, kind: u32) -> io::Result<()> {
        let len = u32::try_from(self.block.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len)?;
        self.out.write_all(&self.block)?;
        self.block.clear();
        self.out.write_all(&len)
    }
}
