//! The head of one WebSocket frame (RFC 6455 §5.2), and its payload without the mask.

use std::borrow::Cow;

/// RFC 6455 §5.5: control frames are no longer than this.
const CONTROL_BYTES_MAX: u64 = 125;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    /// Text or binary: RFC 7118 §4.2 lets a SIP message travel in either.
    Message,
    Close,
    /// Ping or pong.
    Ping,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Whether the frame ends its message.
    pub(super) is_last: bool,
    /// RFC 7692 §6: the message is compressed.
    pub(super) is_compressed: bool,
    pub(super) opcode: Opcode,
    mask: Option<[u8; 4]>,
    /// Length of the head itself.
    pub(super) len: usize,
    pub(super) payload_len: u64,
}

/// Not a frame of WebSocket as RFC 6455 and RFC 7692 have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Head {
    /// Reads the head at the front of the bytes; `None` where they end before it does.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            1 | 2 => Opcode::Message,
            8 => Opcode::Close,
            9 | 10 => Opcode::Ping,
            _ => return Err(Malformed),
        };
        let (is_last, is_compressed) = (first & 0x80 != 0, first & 0x40 != 0);
        let (payload_len, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            len => (u64::from(len), rest),
        };
        let is_control = matches!(opcode, Opcode::Close | Opcode::Ping);
        let is_bad_control = is_control && (!is_last || is_compressed || payload_len > CONTROL_BYTES_MAX);
        // RFC 7692 §6.1: the bit stands on the first frame of a message alone.
        let is_bad_bit = is_compressed && opcode == Opcode::Continuation;
        if first & 0x30 != 0 || payload_len > u64::MAX >> 1 || is_bad_control || is_bad_bit {
            return Err(Malformed);
        }
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk::<4>()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some(Head {
            is_last,
            is_compressed,
            opcode,
            mask,
            len: bytes.len().saturating_sub(rest.len()),
            payload_len,
        }))
    }

    /// The bytes of the payload that are there, unmasked (RFC 6455 §5.3).
    pub(super) fn payload<'f>(&self, frame: &'f [u8]) -> Cow<'f, [u8]> {
        let masked = frame.get(self.len..).unwrap_or_default();
        let len = usize::try_from(self.payload_len).unwrap_or(usize::MAX).min(masked.len());
        let masked = masked.get(..len).unwrap_or_default();
        match self.mask {
            None => Cow::Borrowed(masked),
            Some(mask) => Cow::Owned(masked.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Head, Vec<u8>) {
        let head = Head::read(bytes).expect("well-formed").expect("whole");
        let payload = head.payload(bytes).into_owned();
        (head, payload)
    }

    /// RFC 6455 §5.7.
    #[test]
    fn the_examples_of_the_standard_are_read() {
        let (head, payload) = read(b"\x81\x05\x48\x65\x6c\x6c\x6f");
        assert!(head.is_last && head.opcode == Opcode::Message && payload == b"Hello");
        let (_, payload) = read(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        assert_eq!(payload, b"Hello");
        let (head, payload) = read(b"\x01\x03\x48\x65\x6c");
        assert!(!head.is_last && payload == b"Hel");
        let (head, payload) = read(b"\x80\x02\x6c\x6f");
        assert!(head.is_last && head.opcode == Opcode::Continuation && payload == b"lo");
        let (head, payload) = read(b"\x89\x05\x48\x65\x6c\x6c\x6f");
        assert!(head.opcode == Opcode::Ping && payload == b"Hello");
        let (head, _) = read(b"\x82\x7e\x01\x00");
        assert_eq!((head.len, head.payload_len), (4, 256));
        let (head, _) = read(b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00");
        assert_eq!((head.len, head.payload_len), (10, 65536));
    }

    /// RFC 7692 §7.2.3.1.
    #[test]
    fn compressed_messages_are_told() {
        let (head, _) = read(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
        assert!(head.is_compressed);
    }

    #[test]
    fn heads_that_are_cut_or_wrong_are_told_apart() {
        for cut in [&b""[..], b"\x81", b"\x81\x7e\x01", b"\x81\x7f\0\0\0\0\0\0\x01", b"\x81\x85\x37\xfa\x21"] {
            assert_eq!(Head::read(cut), Ok(None));
        }
        for wrong in [
            &b"\x83\0"[..],
            b"\x8b\0",
            b"\xa1\0",
            b"\x91\0",
            b"\x09\0",
            b"\x89\x7e\0\x7e",
            b"\xc9\0",
            b"\xc0\0",
            b"\x81\x7f\x80\0\0\0\0\0\0\0",
        ] {
            assert_eq!(Head::read(wrong), Err(Malformed), "{wrong:x?}");
        }
    }
}
