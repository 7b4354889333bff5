//! Group SA2: the credentials, and what the server made of them.

/// What the codes of its rules begin with.
pub const GROUP: &str = "SA2";

pub mod accepted_with_other_secret;
pub mod aka_mac_failure;
pub mod aka_sync_failure;
pub mod algorithm_not_offered;
pub mod algorithm_unsupported_no_retry;
pub mod anonymous_credentials;
pub mod auth_int_body_mismatch;
pub mod auth_int_unsupported_by_server;
pub mod auth_param_quoting;
pub mod digest_near_miss;
pub mod digest_ok_accepted;
pub mod digest_ok_but_rejected;
pub mod digest_wrong_password;
pub mod forbidden_after_credentials;
pub mod malformed_credentials;
pub mod multiple_credentials_one_realm;
pub mod nonce_altered;
pub mod opaque_missing_or_changed;
pub mod qop_dropped;
pub mod qop_missing_in_challenge;
pub mod qop_not_offered;
pub mod qop_params_missing;
pub mod realm_credentials_dropped;
pub mod realm_mismatch;
pub mod rejected_credentials;
pub mod response_malformed;
pub mod response_uppercase;
pub mod retry_after_403;
pub mod rspauth_mismatch;
pub mod same_credentials_repeated;
pub mod uri_differs_from_request_uri;
pub mod uri_malformed;
pub mod username_both_forms;
pub mod username_empty;
pub mod username_not_aor;
pub mod verification_not_possible;
pub mod weaker_algorithm_chosen;
