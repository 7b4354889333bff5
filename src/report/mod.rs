//! Says what was found; decides nothing of a session. [`Report`] is the model that every format prints.

mod alike;
pub mod build;
mod client;
mod clients;
pub mod comments;
pub mod compare;
pub mod csv;
mod failing;
pub mod findings;
pub mod hidden;
pub mod html;
pub mod human;
pub mod json;
pub mod kept;
pub mod ladder;
pub mod markdown;
pub mod ndjson;
pub mod pseudonyms;
pub mod redact;
pub mod sarif;
pub mod schema;
mod service;
pub mod showing;
mod spells;
pub mod ticket;
pub mod wireshark;

pub mod model;

pub use build::ReportBuilder;
pub use clients::Seen;
pub use model::*;
pub use redact::Redaction;
