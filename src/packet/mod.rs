//! Frame → packet: link, network and transport headers.
//!
//! Every frame becomes a datagram, a segment, a fragment, or is set aside for a named reason. Nothing is copied.

mod decode;
mod link;
mod prefilter;

pub use crate::capture::Frame;
pub use decode::Addresses;
pub use decode::Datagram;
pub use decode::Decoded;
pub use decode::Flags;
pub use decode::Fragment;
pub use decode::Segment;
pub use decode::decode;
pub use decode::decode_transport;
pub use link::LinkContext;
