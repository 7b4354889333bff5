//! TLS: the records of both directions, with the secrets of the samples.

use super::KEY_LOG;
use super::Tape;
use super::connection;
use super::read;
use super::small_limits;

/// One input.
pub fn run(bytes: &[u8]) {
    let limits = sipauth::base::Limits { tls_waiting_bytes_max: 4 * 1024, ..small_limits() };
    read(&connection(&mut Tape(bytes), b"", b""), &limits, KEY_LOG.as_bytes());
}
