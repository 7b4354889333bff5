//! What one nonce or one account did across Call-IDs.

pub mod account;
pub mod nonce;

pub use account::{AccountKey, Accounts, LoopStep, StepKind};
pub use nonce::{Nonce, Nonces};
