//! Group SA5: how server and client are set up.

pub mod challenge_mode_mixed;
pub mod failure_scope;
pub mod method_auth_differs;
pub mod needless_challenge_each_request;
pub mod nonce_lifetime_shorter_than_refresh;
pub mod realm_generic;
pub mod registrar_rejects_contact;
pub mod registration_flapping;
pub mod user_unknown_suspected;
