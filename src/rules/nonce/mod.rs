//! Group SA3: the life of a nonce.

pub mod nc_backwards;
pub mod nc_decimal;
pub mod nc_gap;
pub mod nc_malformed;
pub mod nc_not_reset;
pub mod nc_over_server_limit;
pub mod nc_repeated;
pub mod nextnonce_ignored;
pub mod nonce_bound_to_source_changed;
pub mod nonce_expired_by_content;
pub mod nonce_from_other_server;
pub mod nonce_not_unique;
pub mod nonce_older_than_restart;
pub mod nonce_predictable;
pub mod nonce_rejected_without_stale;
pub mod nonce_unknown;
pub mod nonce_used_before_issue;
pub mod old_nonce_reused;
pub mod one_time_nonce_reused;
pub mod stale_format;
pub mod stale_ignored_by_client;
pub mod stale_loop;
pub mod stale_nonce_recovered;
pub mod stale_with_wrong_digest;
