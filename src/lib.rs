//! sipauth: why does this SIP client fail to authenticate, who is at fault, and what fixes it?
#![forbid(unsafe_code)]
#![warn(missing_docs)]
// Everything here touches bytes that an attacker may have written: nothing may panic on them.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod analyzer;
pub mod auth;
pub mod base;
pub mod capture;
pub mod digest;
pub mod history;
pub mod packet;
pub mod report;
pub mod rules;
pub mod session;
pub mod sip;
pub mod transport;
