//! Group E: how server and client are set up.

pub mod registrar_rejects_contact;
pub mod registration_flapping;
pub mod user_unknown_suspected;
