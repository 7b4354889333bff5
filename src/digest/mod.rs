//! The only room that sees a password: recomputes a digest over the bytes as sent and says whether it fits.

mod aka;
mod ha1s;
pub mod hash;
mod inputs;
pub mod keyring;
mod milenage;
pub mod near_miss;
pub mod response;
pub mod rspauth;
pub mod secret;
mod sessions;
mod tried;
pub mod unmatched;
mod user_hashes;
pub mod verdict;
pub mod verify;

pub use hash::Hex;
pub use keyring::{Keyring, KeyringError, KeyringFormat, SourceId, Warning};
pub use secret::{AkaError, Ha1Error, OperatorValue, Secret};
pub use verdict::{Proof, Reason, Verdict};
pub use verify::{Checked, Request, Verifier};
