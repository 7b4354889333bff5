//! The fuzz targets of sipauth. `tests/it/fuzz.rs` runs the same on a stable toolchain, over seeds and mutations of them.

#[path = "../../tests/it/wire.rs"]
#[allow(missing_docs)]
pub mod wire;

pub mod targets;
