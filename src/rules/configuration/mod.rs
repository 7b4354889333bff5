//! Group E: how server and client are set up.

pub mod registrar_rejects_contact;
pub mod user_unknown_suspected;
