//! The display-filter language: Wireshark's names and operators, asked of SIP messages and of the sessions they belong to.
//!
//! Text → [`ast`] (lex, parse, spelling, names) → `Check`s with their values read (typed) → answers (eval), which read fields of
//! a message only when asked (read). [`Selection`] follows what a run of messages answers. The one table of fields is
//! [`fields`], that of named filters [`presets`]; [`page`] is the manual made of them.

pub mod ast;
mod conflict;
mod error;
mod eval;
pub mod fields;
mod lex;
mod literal;
mod message_at;
mod names;
pub mod page;
mod parse;
pub mod presets;
mod program;
mod read;
mod read_parts;
mod relation;
mod resend;
mod selection;
mod spelling;
mod streams;
mod subject;
mod typed;

pub use error::{FilterError, Notes};
pub use message_at::MessageAt;
pub use parse::{EXPRESSION_BYTES_MAX, NESTING_MAX, parse};
pub use program::Filter;
pub use selection::{Answers, MatchBy, Selected, Selection};
pub use subject::{Closed, Subject};
