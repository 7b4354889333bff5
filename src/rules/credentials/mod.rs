//! Group B: the credentials, and what the server made of them.

pub mod algorithm_not_offered;
pub mod anonymous_credentials;
pub mod auth_param_quoting;
pub mod digest_ok_but_rejected;
pub mod digest_wrong_password;
pub mod forbidden_after_credentials;
pub mod malformed_credentials;
pub mod nonce_altered;
pub mod opaque_missing_or_changed;
pub mod qop_dropped;
pub mod qop_missing_in_challenge;
pub mod qop_not_offered;
pub mod qop_params_missing;
pub mod realm_credentials_dropped;
pub mod realm_mismatch;
pub mod rejected_credentials;
pub mod response_uppercase;
pub mod retry_after_403;
pub mod same_credentials_repeated;
pub mod uri_differs_from_request_uri;
pub mod uri_malformed;
pub mod username_both_forms;
pub mod username_empty;
pub mod username_not_aor;
pub mod verification_not_possible;
