//! What is known of an input once it has been read.

use std::time::Duration;

use crate::base::CaptureTime;
use crate::capture::frame::LinkType;
use crate::capture::options::Options;

/// The container format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The format of libpcap.
    Pcap,
    /// The block format of Wireshark.
    PcapNg,
}

impl Format {
    /// `pcap` or `pcapng`.
    pub fn name(self) -> &'static str {
        match self {
            Format::Pcap => "pcap",
            Format::PcapNg => "pcapng",
        }
    }
}

/// How the container was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

impl Compression {
    /// `gzip` or `zstd`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// Counts and facts of one input; grows while records are read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InputSummary {
    /// The container format.
    pub format: Format,
    /// The compression around it, if any.
    pub compression: Option<Compression>,
    /// The link types of the interfaces, each once, in order of appearance.
    pub link_types: Vec<LinkType>,
    /// Frames read.
    pub packets: u64,
    /// Bytes of the input as read; the compressed size where it is compressed.
    pub bytes: u64,
    /// The earliest time of any frame.
    pub first: Option<CaptureTime>,
    /// The latest time of any frame.
    pub last: Option<CaptureTime>,
    /// When the capture ended, where it says so itself (pcapng, `isb_endtime`) and that is behind its last frame.
    pub ended: Option<CaptureTime>,
    /// Why reading stopped before the end, and at which byte (of the uncompressed data).
    pub truncated: Option<String>,
    /// Packets that the capture says it dropped, over all interfaces.
    pub interface_drops: u64,
    /// Frames of which only a part was captured.
    pub snaplen_cut_frames: u64,
    /// Interfaces of a pcapng beyond the limit.
    pub interfaces_refused: u64,
    /// pcapng blocks that were malformed within or too large, and skipped.
    pub skipped_blocks: u64,
    /// Comments on the sections of a pcapng, as they stand there: at most 16.
    pub comments: Vec<Vec<u8>>,
    /// Comments on sections beyond those.
    pub comments_left_out: u64,
}

/// Comments on sections that are kept of an input; Wireshark writes one.
pub const COMMENTS_MAX: usize = 16;

impl InputSummary {
    pub(super) fn new(format: Format, compression: Option<Compression>) -> InputSummary {
        InputSummary {
            format,
            compression,
            link_types: Vec::new(),
            packets: 0,
            bytes: 0,
            first: None,
            last: None,
            ended: None,
            truncated: None,
            interface_drops: 0,
            snaplen_cut_frames: 0,
            interfaces_refused: 0,
            skipped_blocks: 0,
            comments: Vec::new(),
            comments_left_out: 0,
        }
    }

    pub(super) fn add_link_type(&mut self, link: LinkType) {
        // Interfaces have few types; a hostile file names many.
        if !self.link_types.contains(&link) && self.link_types.len() < LINK_TYPES_MAX {
            self.link_types.push(link);
        }
    }

    /// Keeps the comments of a section.
    pub(super) fn add_comments(&mut self, options: Options<'_>) {
        for comment in options.comments() {
            match self.comments.len() < COMMENTS_MAX {
                true => self.comments.push(comment.to_owned()),
                false => self.comments_left_out = self.comments_left_out.saturating_add(1),
            }
        }
    }

    pub(super) fn add_time(&mut self, time: CaptureTime) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }

    /// Takes the times at which the capture of an interface began and ended. One that ended before the frames, or long behind them, or began
    /// behind them, was left over when somebody shifted the frames' times.
    pub(super) fn add_end(&mut self, began: Option<CaptureTime>, time: CaptureTime) {
        let is_behind = self.last.is_some_and(|last| {
            last < time && time.since(last) <= SILENCE_MAX && began.is_none_or(|began| began <= last)
        });
        self.ended = self.ended.max(Some(time).filter(|_| is_behind));
    }
}

/// The longest silence at the end of a capture that is believed.
const SILENCE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Distinct link types that are listed; real captures have one or two.
const LINK_TYPES_MAX: usize = 64;
