//! Frame → packet: link, network and transport headers.
//!
//! Every frame becomes a datagram, a segment, a fragment, or is set aside for a named reason. Nothing is copied. Tunnels are
//! passed through: the innermost addresses are the packet's own.
// What is summed here may come off the wire: no sum of it ends the process.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod decode;
mod hep;
mod icmp;
mod ip;
mod link;
mod masks;
mod nflog;
mod prefilter;
mod tunnel;
mod wifi;

pub use crate::capture::Frame;
pub use decode::Addresses;
pub use decode::Datagram;
pub use decode::Decoded;
pub use decode::Flags;
pub use decode::Fragment;
pub use decode::IpPayload;
pub use decode::SctpPacket;
pub use decode::Segment;
pub use decode::decode;
pub use decode::decode_payload;
pub use hep::Captured;
pub use hep::captured_in_stream;
pub use link::LinkContext;
pub use masks::MASK;
pub use masks::Masked;
pub use masks::Masks;
