//! How captures are read.

use std::path::PathBuf;

use clap::Args;

/// Reading what is still being written.
#[derive(Args, Debug)]
pub struct LiveOptions {
    /// Go on reading the capture while it grows, and the next one of its ring, until SIGINT or SIGTERM; of several captures, and of
    /// a folder, the one written last. With --format ndjson sessions are printed as they close: when their Call-ID has been silent
    /// for 600 seconds of the capture's time, 32 after a BYE.
    #[arg(long)]
    pub follow: bool,
}

/// What every command that reads captures can be told of them.
#[derive(Args, Debug)]
pub struct InputOptions {
    /// Secrets of TLS connections, as SSLKEYLOGFILE has them written; may be given several times. Those within a pcapng are used
    /// without asking.
    #[arg(long, value_name = "FILE")]
    pub tls_keylog: Vec<PathBuf>,
}
