//! How captures are read.

use std::path::PathBuf;

use clap::Args;

use sipauth::base::DecodeAs;
use sipauth::base::Told;

const INPUT: &str = "Input";

/// Reading what is still being written.
#[derive(Args, Debug)]
#[command(next_help_heading = INPUT)]
pub struct LiveOptions {
    /// Go on reading the capture while it grows, and the next one of its ring, until SIGINT or SIGTERM; of several captures, and of
    /// a folder, the one written last. With --format ndjson sessions are printed as they close: when their Call-ID has been silent
    /// for 600 seconds of the capture's time, 32 after a BYE.
    #[arg(long)]
    pub follow: bool,
}

/// What every command that reads captures can be told of them.
#[derive(Args, Debug)]
#[command(next_help_heading = INPUT)]
pub struct InputOptions {
    /// Secrets of TLS connections, as SSLKEYLOGFILE has them written; may be given several times. Those within a pcapng are used
    /// without asking.
    #[arg(long, value_name = "FILE")]
    pub tls_keylog: Vec<PathBuf>,

    /// Look for SIP on this port also behind bytes that are none. SIP that begins where its datagram or stream begins is found
    /// on every port without it; may be given several times.
    #[arg(long, value_name = "N")]
    pub port: Vec<u16>,

    /// The same for one transport, as for tshark; or a tunnel on a port that is not its own: udp.port==4790,vxlan. Of vxlan, geneve,
    /// gtp and tzsp.
    #[arg(short = 'd', long = "decode-as", value_name = "udp.port==N,sip")]
    pub decode_as: Vec<Told>,
}

impl InputOptions {
    /// What ports are told to carry.
    pub fn decode_as(&self) -> DecodeAs {
        let mut decode_as = DecodeAs { told: self.decode_as.clone() };
        self.port.iter().for_each(|port| decode_as.add_sip(*port));
        decode_as
    }
}
