//! Group SA4: what makes a request a transaction of its own, and keeps it in its place.

pub mod ack_mismatch;
pub mod ack_missing;
pub mod ack_without_invite_credentials;
pub mod branch_reused;
pub mod credentials_in_cancel;
pub mod cseq_not_incremented;
pub mod dialog_identity_changed;
pub mod late_challenge_not_answered;
pub mod overlapping_register;
pub mod registration_callid_churn;
pub mod retry_after_long_delay;
pub mod to_tag_added_to_retry;
