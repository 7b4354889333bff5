//! WebSocket: the frames of both directions behind their upgrade.

use super::Tape;
use super::connection;
use super::read;
use super::small_limits;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

/// One input.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let (request, response) = if tape.byte() & 1 == 0 { (REQUEST, RESPONSE) } else { (&b""[..], &b""[..]) };
    read(&connection(&mut tape, request, response), &small_limits(), b"");
}
