//! Frames and comments → pcapng (draft-ietf-opsawg-pcapng), as Wireshark shows them: the comment stands beside its packet, and
//! interfaces and times are those of the captures that the frames came from.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;

use crate::base::InputId;
use crate::capture::frame::Frame;
use crate::capture::frame::FrameNotes;
use crate::capture::frame::InterfaceNotes;
use crate::capture::frame::LinkType;
use crate::capture::options;
use crate::capture::options::Options;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

const OPTION_END: u16 = 0;
const OPTION_APPLICATION: u16 = 4;
const OPTION_NAME: u16 = 2;
const OPTION_DESCRIPTION: u16 = 3;
const OPTION_TIME_RESOLUTION: u16 = 9;
const OPTION_TIME_OFFSET: u16 = 14;
/// `if_os`, `if_hardware`
const OTHER_TEXTS: [u16; 2] = [12, 15];
/// `if_IPv4addr`, `if_IPv6addr`, `if_MACaddr`, `if_EUIaddr`, `if_fcslen`: bytes in one order, whatever that of the section.
const VALUES: [u16; 5] = [4, 5, 6, 7, 13];
/// `if_tsresol`: nanoseconds, which times are written in where readers might not take their own resolution.
const NANOSECONDS: u8 = 9;

/// The longest value of an option: its length has sixteen bits.
const OPTION_LEN_BYTES_MAX: usize = 65_535;
/// Stands at the end of a text that is too long for one.
const CUT: &str = " [cut]";

/// Writes one section. Each interface of each input becomes one of its own.
pub struct PcapngWriter<W: Write> {
    out: W,
    /// By input and number there.
    interfaces: BTreeMap<(InputId, u32), Known>,
    count: u32,
    block: Vec<u8>,
}

/// An interface that is described.
#[derive(Clone, Copy)]
struct Known {
    number: u32,
    link: LinkType,
    /// Whether times are written as they came, in its own ticks.
    has_ticks: bool,
}

impl<W: Write> PcapngWriter<W> {
    /// Writes the section's header, with comments about the whole file.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn new(out: W, application: &str, comments: &[String]) -> io::Result<PcapngWriter<W>> {
        let mut writer = PcapngWriter { out, interfaces: BTreeMap::new(), count: 0, block: Vec::new() };
        writer.u32(BYTE_ORDER_MAGIC);
        // Version 1.0; the length of the section is not known.
        writer.block.extend([1, 0, 0, 0]);
        writer.block.extend([0xff; 8]);
        writer.option(OPTION_APPLICATION, application.as_bytes());
        comments.iter().for_each(|comment| writer.text(options::COMMENT, comment));
        writer.option(OPTION_END, &[]);
        writer.end_block(SECTION_HEADER)?;
        Ok(writer)
    }

    /// Describes an interface of an input, before its first frame: as the capture does, but for its texts, of which `text` says how
    /// they may be written. Where it has no name, `unnamed` describes it.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn interface(
        &mut self,
        input: InputId,
        notes: &InterfaceNotes<'_>,
        unnamed: Option<&str>,
        text: &mut dyn FnMut(&[u8]) -> String,
    ) -> io::Result<()> {
        // 10^19 and 2^63 ticks a second are the most that 64 bits count; finer ones are read differently by different programs.
        let finest = if notes.resolution & 0x80 == 0 { 19 } else { 63 };
        let has_ticks = notes.resolution & 0x7f <= finest;
        self.block.extend(notes.link.0.to_le_bytes());
        self.block.extend([0; 2]);
        self.u32(notes.snaplen);
        let mut has_name = false;
        for (code, value) in notes.options.all() {
            match code {
                options::COMMENT | OPTION_NAME | OPTION_DESCRIPTION => {
                    has_name |= code != options::COMMENT && !value.is_empty();
                    self.text(code, &text(value));
                }
                // A filter of 0 is a text, one of 1 is a program.
                options::INTERFACE_FILTER if value.first() == Some(&0) => {
                    let filter = text(value.get(1..).unwrap_or_default());
                    self.text(code, &format!("\0{filter}"));
                }
                code if OTHER_TEXTS.contains(&code) => self.text(code, &text(value)),
                code if VALUES.contains(&code) => self.option(code, value),
                _ => {}
            }
        }
        if let Some(unnamed) = unnamed.filter(|_| !has_name) {
            self.text(OPTION_DESCRIPTION, unnamed);
        }
        self.option(OPTION_TIME_RESOLUTION, &[if has_ticks { notes.resolution } else { NANOSECONDS }]);
        if has_ticks && notes.offset_s != 0 {
            self.option(OPTION_TIME_OFFSET, &notes.offset_s.to_le_bytes());
        }
        self.option(OPTION_END, &[]);
        let known = Known { number: self.count, link: notes.link, has_ticks };
        self.interfaces.insert((input, notes.number), known);
        self.count = self.count.saturating_add(1);
        self.end_block(INTERFACE_DESCRIPTION)
    }

    /// Forgets the interfaces of an input, of which nothing more comes.
    pub fn end_input(&mut self, input: InputId) {
        self.interfaces.retain(|(of, _), _| *of != input);
    }

    /// Writes a frame with its time and flags, and with comments that have to be safe texts. A frame whose time is not known is written
    /// at the beginning of time, as pcapng has no packet with a comment and without a time.
    ///
    /// # Errors
    ///
    /// When `out` cannot be written.
    pub fn frame(&mut self, frame: &Frame<'_>, notes: &FrameNotes<'_>, comments: &[String]) -> io::Result<()> {
        let interface = self.interface_of(frame)?;
        let ticks = match interface.has_ticks {
            true => notes.ticks.unwrap_or(0),
            false => frame.time.map_or(0, |time| u64::try_from(time.as_ns()).unwrap_or(0)),
        };
        self.u32(interface.number);
        self.u32(u32::try_from(ticks >> 32).unwrap_or(0));
        self.u32(u32::try_from(ticks & u64::from(u32::MAX)).unwrap_or(0));
        self.u32(u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX));
        self.u32(frame.original_len);
        self.padded(frame.bytes);
        comments.iter().for_each(|comment| self.text(options::COMMENT, comment));
        if let Some(flags) = notes.flags {
            self.option(options::FLAGS, &flags.to_le_bytes());
        }
        if !comments.is_empty() || notes.flags.is_some() {
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

    fn interface_of(&mut self, frame: &Frame<'_>) -> io::Result<Known> {
        let key = (frame.at.input, frame.interface);
        if let Some(known) = self.interfaces.get(&key).filter(|known| known.link == frame.link) {
            return Ok(*known);
        }
        // The capture does not describe it.
        let (number, link, options) = (frame.interface, frame.link, Options::default());
        let notes = InterfaceNotes { number, link, snaplen: 0, resolution: u8::MAX, offset_s: 0, options };
        self.interface(frame.at.input, &notes, None, &mut |_| String::new())?;
        Ok(self.interfaces.get(&key).copied().unwrap_or(Known { number: 0, link, has_ticks: false }))
    }

    /// An option of text; what is too long is cut, which its end says.
    fn text(&mut self, code: u16, text: &str) {
        if text.len() <= OPTION_LEN_BYTES_MAX {
            return self.option(code, text.as_bytes());
        }
        let end = (0..=OPTION_LEN_BYTES_MAX.saturating_sub(CUT.len())).rev().find(|end| text.is_char_boundary(*end));
        self.option(code, format!("{}{CUT}", text.get(..end.unwrap_or(0)).unwrap_or_default()).as_bytes());
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
        let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
        self.block.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.padded(value);
    }

    /// Writes what was put together between the type and the two lengths of a block.
    fn end_block(&mut self, kind: u32) -> io::Result<()> {
        let len = u32::try_from(self.block.len().saturating_add(12)).unwrap_or(u32::MAX).to_le_bytes();
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&len)?;
        self.out.write_all(&self.block)?;
        self.block.clear();
        self.out.write_all(&len)
    }
}
