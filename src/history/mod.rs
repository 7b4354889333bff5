//! What one nonce, one account, one source or one server did across Call-IDs.

pub mod account;
pub mod chronicle;
pub mod credential_use;
pub mod legs;
pub mod login;
pub mod nonce;
pub mod nonce_format;
pub mod nonce_server;
mod nonce_store;
pub mod nonces;
pub mod outcomes;
pub mod peer_challenge;
pub mod refused_calls;
pub mod server;
pub mod source;
pub mod steps;
pub mod trail;
pub mod tries;

pub use account::{AccountKey, Accounts, Shown};
pub use chronicle::Chronicle;
pub use credential_use::{Replay, Use, Uses};
pub use legs::{Legs, Passage};
pub use login::{Login, Logins, Spread};
pub use nonce::Nonce;
pub use nonce_format::{NonceFormat, Stack};
pub use nonce_server::NonceServer;
pub use nonces::Nonces;
pub use outcomes::Outcomes;
pub use peer_challenge::{PeerChallenge, PeerChallenges};
pub use refused_calls::{RefusedCall, RefusedCalls};
pub use server::{Answered, Entry, Server, Servers};
pub use source::{Conduct, Pair, PairKey, Place, Scanner, Silence, Sources, Target};
pub use steps::{Earlier, LoopStep, StepKind, Steps};
pub use trail::Trail;
pub use tries::{Refusal, Tries, Turn};
