//! What the authentication headers say: challenges, credentials and authentication info (RFC 3261 §20, RFC 7616).
//! Nothing here fails: what is odd is kept as it was sent and noted as a defect.
// What is summed here may come off the wire: no sum of it ends the process.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod algorithm;
pub mod answer;
pub mod challenge;
pub mod credentials;
pub mod info;
pub mod name;
pub mod nonce_count;
pub mod params;
mod plain;
pub mod qop;
mod scanner;
pub mod scheme;

pub use algorithm::{AkaVersion, Algorithm, HashName};
pub use answer::{Unanswered, answered, unanswered};
pub use challenge::{Challenge, Malformed, Stale, challenges_in, parse_challenges};
pub use credentials::{Credentials, credentials_in, parse_credentials};
pub use info::AuthenticationInfo;
pub use name::Name;
pub use nonce_count::NonceCount;
pub use params::{Defect, DefectKind, Param, Params};
pub use qop::Qop;
pub use scheme::Scheme;
