//! Compressed WebSocket messages (permessage-deflate, RFC 7692): one raw DEFLATE stream a direction, of which each message is
//! a piece. What the messages before have said may be repeated by a reference to it.
//!
//! A decoder that keeps its window reads peers that keep theirs and peers that do not, so the handshake need not be known.

use flate2::Decompress;
use flate2::FlushDecompress;
use flate2::Status;

/// What a decoder takes up: its window of 32 KiB, and its tables.
pub(super) const INFLATER_BYTES: usize = 48 * 1024;
/// RFC 7692 §7.2.2: what the sender has left out at the end of each message.
const MESSAGE_END: [u8; 4] = [0, 0, 0xff, 0xff];
/// Room for what is decoded, before it is known how much there is.
const STEP_BYTES: usize = 4096;

/// Why bytes could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Not DEFLATE, or it refers to what is not in the capture.
    Damaged,
    /// More than was asked for.
    TooLarge,
}

/// The decoder of one direction. After an error it begins anew.
pub(super) struct Inflater(Decompress);

impl Inflater {
    pub(super) fn new() -> Inflater {
        Inflater(Decompress::new(false))
    }

    /// Decodes a frame's payload to at most `len_max` bytes; `is_last` where it ends its message.
    pub(super) fn read(&mut self, payload: &[u8], is_last: bool, len_max: usize) -> Result<Vec<u8>, Unread> {
        let mut bytes = Vec::new();
        let end: &[u8] = if is_last { &MESSAGE_END } else { &[] };
        let read = self.decode(payload, &mut bytes, len_max).and_then(|()| self.decode(end, &mut bytes, len_max));
        if read.is_err() {
            self.restart();
        }
        read.map(|()| bytes)
    }

    /// What was there before is not known: bytes are missing.
    pub(super) fn restart(&mut self) {
        self.0.reset(false);
    }

    fn decode(&mut self, mut input: &[u8], output: &mut Vec<u8>, len_max: usize) -> Result<(), Unread> {
        loop {
            if output.len() == output.capacity() {
                output.reserve(STEP_BYTES);
            }
            let (taken, given) = (self.0.total_in(), output.len());
            let decoded = self.0.decompress_vec(input, output, FlushDecompress::Sync);
            let status = decoded.map_err(|_| Unread::Damaged)?;
            let taken = usize::try_from(self.0.total_in().saturating_sub(taken)).unwrap_or(usize::MAX);
            input = input.get(taken..).unwrap_or_default();
            if output.len() > len_max {
                return Err(Unread::TooLarge);
            }
            let has_room = output.len() < output.capacity();
            match status {
                // RFC 7692 §7.2.3.4: a sender may end its blocks, and begin others in the same message.
                Status::StreamEnd => self.restart(),
                _ if taken == 0 && output.len() == given && has_room && !input.is_empty() => {
                    return Err(Unread::Damaged);
                }
                _ => {}
            }
            if input.is_empty() && has_room {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(payloads: &[&[u8]]) {
        let mut inflater = Inflater::new();
        let last = payloads.len() - 1;
        let read = |(at, payload): (usize, &&[u8])| inflater.read(payload, at == last, 100).expect("it is well-formed");
        let text: Vec<u8> = payloads.iter().enumerate().flat_map(read).collect();
        assert_eq!(text, b"Hello");
    }

    /// RFC 7692 §7.2.3.1, §7.2.3.3, §7.2.3.4 and §7.2.3.5.
    #[test]
    fn the_examples_of_the_standard_are_read() {
        hello(&[b"\xf2\x48\xcd\xc9\xc9\x07\x00"]);
        hello(&[b"\xf2\x48\xcd", b"\xc9\xc9\x07\x00"]);
        hello(&[b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"]);
        hello(&[b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"]);
        hello(&[b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"]);
    }

    /// RFC 7692 §7.2.3.2.
    #[test]
    fn a_message_may_refer_to_the_one_before() {
        let mut inflater = Inflater::new();
        assert_eq!(inflater.read(b"\xf2\x48\xcd\xc9\xc9\x07\x00", true, 100).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(inflater.read(b"\xf2\x00\x11\x00\x00", true, 100).as_deref(), Ok(&b"Hello"[..]));
        // Without it, it is not guessed.
        inflater.restart();
        assert_eq!(inflater.read(b"\xf2\x00\x11\x00\x00", true, 100), Err(Unread::Damaged));
        assert_eq!(inflater.read(b"\xf2\x48\xcd\xc9\xc9\x07\x00", true, 100).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(inflater.read(b"\xf2\x48\xcd\xc9\xc9\x07\x00", true, 4), Err(Unread::TooLarge));
    }
}
