//! Group B: the credentials, and what the server made of them.

pub mod digest_ok_but_rejected;
pub mod digest_wrong_password;
pub mod forbidden_after_credentials;
pub mod malformed_credentials;
pub mod qop_missing_in_challenge;
pub mod realm_mismatch;
pub mod rejected_credentials;
pub mod response_uppercase;
pub mod uri_differs_from_request_uri;
pub mod verification_not_possible;
