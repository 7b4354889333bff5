//! TLS: the records of both directions, with the secrets of the samples.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sipauth_fuzz::KEY_LOG;
use sipauth_fuzz::Tape;
use sipauth_fuzz::connection;
use sipauth_fuzz::read;
use sipauth_fuzz::small_limits;

fuzz_target!(|bytes: &[u8]| {
    let limits = sipauth::base::Limits { tls_waiting_bytes_max: 4 * 1024, ..small_limits() };
    read(&connection(&mut Tape(bytes), b"", b""), &limits, KEY_LOG.as_bytes());
});
