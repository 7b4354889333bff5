//! sipauth: why does this SIP client fail to authenticate, who is at fault, and what fixes it?
//!
//! One capture, one report:
//!
//! ```
//! use sipauth::analyzer::{Analyzer, Settings};
//! use sipauth::base::Limits;
//! use sipauth::capture::Reader;
//!
//! let path = "samples/register-ok/capture.pcap";
//! let mut analyzer = Analyzer::new(Settings::default());
//! let file = std::fs::File::open(path)?;
//! let mut reader = Reader::open(Box::new(file), analyzer.next_input(), &Limits::default())?;
//! while let Some(record) = reader.next_record()? {
//!     analyzer.push(&record);
//! }
//! analyzer.end_input(path, reader.summary());
//! let report = analyzer.finish();
//! assert_eq!(report.summary.verdict, "ok");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rooms, in the order in which a capture walks through them: [`capture`] reads frames, [`packet`] decodes them,
//! [`transport`] puts fragments and streams together, [`sip`] reads messages and [`auth`] their auth headers, [`digest`]
//! recomputes digests with the secrets it is given, [`session`] sorts messages into transactions and judges attempts,
//! [`history`] remembers nonces and accounts across Call-IDs, [`rules`] says what it means, [`filter`] chooses, and [`report`]
//! prints it.
//! [`analyzer`] alone knows that order. Each room imports downward only; [`base`] holds the words that all share.
//!
//! Bad input is data here: whatever a capture holds becomes a defect, a diagnostic or a finding. Only opening and reading
//! a file can fail.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
// Everything here touches bytes that an attacker may have written: nothing may panic on them, end the process, or print.
// `clippy::arithmetic_side_effects` is denied by the rooms that read wire bytes: there sums stop at their bounds. Elsewhere widths prove
// almost all it names; what is left panics instead of wrapping round, in release builds too, and fuzzing looks for it.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::get_unwrap,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::unreachable,
    clippy::todo,
    clippy::unimplemented,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::exit,
    clippy::mem_forget,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::dbg_macro
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::get_unwrap,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod analyzer;
pub mod auth;
pub mod base;
pub mod capture;
pub mod digest;
pub mod filter;
pub mod history;
pub mod packet;
pub mod report;
pub mod rules;
pub mod session;
pub mod sip;
pub mod transport;
