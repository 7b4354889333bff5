//! Group A: the challenge, and how it is answered.

pub mod basic_scheme;
pub mod both_challenges_at_once;
pub mod challenge_header_missing;
pub mod challenge_header_wrong_kind;
pub mod challenge_loop;
pub mod challenge_malformed;
pub mod challenge_unanswered;
pub mod credentials_wrong_header;
pub mod normal_challenge;
pub mod register_challenged_407;
pub mod retry_without_credentials;
