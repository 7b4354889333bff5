//! File → frame, and frame → file: pcap and pcapng, plain, gzip or zstd, from a file or a pipe.
//!
//! Damage is data here: a file that ends early or breaks in the middle gives its frames up to that point and says so in
//! [`InputSummary::truncated`]. Only opening and reading can fail.
// What is summed here may come off the wire: no sum of it ends the process.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod blocks;
mod buffer;
mod error;
mod frame;
mod interfaces;
mod merge;
mod open;
mod options;
mod reader;
mod summary;
mod write;
mod zstd;

pub use error::{CaptureError, CaptureErrorKind};
pub use frame::{Frame, FrameNotes, InterfaceNotes, LinkType, Record};
pub use merge::{Ended, Merge, Next, Noted, Open};
pub use options::Options;
pub use reader::Reader;
pub use summary::{Compression, Format, InputSummary};
pub use write::PcapngWriter;
