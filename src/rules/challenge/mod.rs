//! Group SA1: the challenge, and how it is answered.

/// What the codes of its rules begin with.
pub const GROUP: &str = "SA1";

pub mod ack_or_cancel_challenged;
pub mod algorithm_order_weak_first;
pub mod basic_scheme;
pub mod both_challenges_at_once;
pub mod challenge_header_missing;
pub mod challenge_header_wrong_kind;
pub mod challenge_loop;
pub mod challenge_malformed;
pub mod challenge_unanswered;
pub mod combined_challenges_one_row;
pub mod credentials_wrong_header;
pub mod duplicate_algorithm_same_realm;
pub mod duplicate_auth_param;
pub mod in_dialog_challenge_unanswered;
pub mod invite_challenged_401;
pub mod normal_challenge;
pub mod proxy_sent_401;
pub mod register_challenged_407;
pub mod retry_without_credentials;
pub mod unsupported_scheme;
