//! Bytes → SIP message; knows no packets.
//!
//! The scanner is tolerant: it never drops a message and never fails. What was odd is a [`Defect`] with its byte range.
//! Read RFC 3261 §7 first.
// What is summed here may come off the wire: no sum of it ends the process.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod address;
pub mod defect;
mod elements;
pub mod framing;
pub mod header;
pub mod headers;
pub mod host_port;
mod lines;
pub mod message;
pub mod method;
pub mod parse;
mod start_line;
pub mod status;
pub mod strict;
pub mod uri;
pub mod via;

pub use defect::{Defect, DefectKind};
pub use elements::elements;
pub use header::{Header, HeaderName};
pub use headers::{Headers, Room};
pub use message::{CSeq, Message, StartLine};
pub use method::Method;
pub use parse::{parse, parse_into};
