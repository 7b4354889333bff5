//! Packets → payloads: IP fragments, TCP streams and SCTP messages put together.
//!
//! Two verbs: [`Reassembly::push`] takes a decoded frame, [`Reassembly::finish`] gives up what still waits. Both hand
//! every whole payload to a sink. Each frame ends in the ledger exactly once, used or set aside; a frame that waits for
//! others is decided when they come or when they are given up.
// What is summed here may come off the wire: no sum of it ends the process.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod assembler;
mod backlog;
mod carried;
mod connections;
mod defrag;
mod delivered;
mod events;
mod hep;
mod ledger;
mod reassembly;
mod sctp;
mod stream;
mod tls;
mod websocket;

pub use events::Event;
pub use events::Events;
pub use events::TlsEvents;
pub use ledger::Payload;
pub use reassembly::LostMessage;
pub use reassembly::Reassembly;
pub use tls::TlsAlert;
pub use tls::TlsAlerts;
pub use tls::suite_name;
