//! Who said what to whom, and how it ended.
//!
//! [`Tracker`] sorts messages into [`Run`]s of one Call-ID; a closed run is judged as a [`Session`] of [`Attempt`]s.
//! Read RFC 3261 §17.1.3 and §22 first.

pub mod ack;
pub mod attempt;
mod bodies;
mod budget;
pub mod exchange;
mod finals;
pub mod hops;
mod join;
pub mod judge;
mod kept;
pub mod lookup;
pub mod lost;
pub mod marks;
mod over;
mod packed;
mod product;
mod reached;
mod removal;
pub mod run;
mod runs;
#[allow(clippy::module_inception)]
pub mod session;
pub mod sighting;
pub mod texts;
pub mod tracker;
pub mod transaction;
pub mod transactions;
mod unseen;

pub use ack::{Ack, AckDifference, AckPart};
pub use attempt::{Attempt, AttemptOutcome, Judgement, Offered, Presented};
pub use exchange::Exchange;
pub use lost::{Lost, LostMessages};
pub use marks::{BodyMark, Marks, OddAddresses};
pub use reached::Reached;
pub use run::{Placement, Run};
pub use session::{Session, SessionOutcome};
pub use sighting::{ChallengeRow, CredentialsRow, HeaderKind, InfoRow, KnownCredentials, LinkId, NonceId, Sighting};
pub use texts::{TextId, Texts};
pub use tracker::Tracker;
pub use transaction::{Answer, Behind, Copy, CopyKind, RareParts, Request, Transaction};
pub use transactions::Transactions;
