//! How captures are read.

use std::path::PathBuf;

use clap::Args;

/// What every command that reads captures can be told of them.
#[derive(Args, Debug)]
pub struct InputOptions {
    /// Secrets of TLS connections, as SSLKEYLOGFILE has them written; may be given several times. Those within a pcapng are used
    /// without asking.
    #[arg(long, value_name = "FILE")]
    pub tls_keylog: Vec<PathBuf>,
}
