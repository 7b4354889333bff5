//! The command line: parse, run, exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use mimalloc::MiMalloc;

mod cli;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
