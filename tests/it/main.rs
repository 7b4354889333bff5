//! One test crate for everything that needs the library or the binary from outside.

mod aka;
mod cli;
mod corpus;
mod digests;
mod docs;
mod golden;
mod hostile;
mod house;
mod keyrings;
mod near_misses;
mod oracle;
mod properties;
mod rules;
mod run;
mod scenario;
mod streams;
mod transport;
mod tshark;
mod vectors;
mod verify;
mod wire;
