//! Words that every room shares; imports nothing from the rooms.

pub mod chunks;
pub mod coverage;
pub mod decode_as;
pub mod flow;
pub mod frame;
pub mod frame_set;
pub mod framing;
pub mod host_pairs;
pub mod limit_table;
pub mod limits;
pub mod missing;
pub mod network;
pub mod span;
pub mod time;
pub mod token;
pub mod unreachable;
pub mod untrusted;
pub mod wire_map;

pub use chunks::Chunks;
pub use coverage::{Coverage, SetAside};
pub use decode_as::{DecodeAs, Over, Protocol, Told};
pub use flow::{Endpoint, Flow, PackedFlow, Transport};
pub use frame::{FrameNumber, FrameRef, Frames, InputId};
pub use frame_set::FrameSet;
pub use framing::{ContentLength, Framer, Framing, Step, StreamStart};
pub use host_pairs::HostPairs;
pub use limits::{Limits, Overlap};
pub use missing::Missing;
pub use network::Network;
pub use span::Span;
pub use time::CaptureTime;
pub use token::is_token;
pub use unreachable::{Notice, Unreachable, Unreachables, Why};
pub use untrusted::Untrusted;
pub use wire_map::WireMap;
