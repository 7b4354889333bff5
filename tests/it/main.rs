//! One test crate for everything that needs the library or the binary from outside.

mod cli;
mod docs;
mod golden;
mod rules;
mod run;
mod scenario;
mod streams;
mod transport;
mod vectors;
mod wire;
