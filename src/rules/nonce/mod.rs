//! Group C: the life of a nonce.

pub mod nc_repeated;
pub mod nonce_rejected_without_stale;
pub mod old_nonce_reused;
pub mod stale_ignored_by_client;
pub mod stale_loop;
pub mod stale_nonce_recovered;
