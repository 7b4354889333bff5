//! The frames that messages came in, and how they may be written: without what the report hides.

use std::borrow::Cow;

use crate::base::DecodeAs;
use crate::base::FrameSet;
use crate::base::Limits;
use crate::base::Transport;
use crate::capture::Frame;
use crate::packet::MASK;
use crate::packet::Masked;
use crate::packet::Masks;
use crate::report::hidden;
use crate::report::hidden::Hides;
use crate::transport::Payload;

/// Frames to be written again.
#[derive(Debug)]
pub struct Carriers {
    /// Which they are.
    pub frames: FrameSet,
    hidden: Option<(Hides, Masks)>,
    limits: Limits,
    decode_as: DecodeAs,
}

/// Secrets of one message that are hidden one by one: each is looked for in all of its frames. Those of a message with more are left out.
const SECRETS_OF_MESSAGE_MAX: usize = 256;

impl Carriers {
    /// None yet. Without `hides` they are to be written as they are.
    pub(super) fn new(hides: Option<Hides>, limits: &Limits, decode_as: &DecodeAs) -> Carriers {
        let hidden = hides.map(|hides| (hides, Masks::new(limits.hidden_secrets_max)));
        Carriers { frames: FrameSet::default(), hidden, limits: limits.clone(), decode_as: decode_as.clone() }
    }

    /// Adds the frames of a message to those that are to be written.
    pub(super) fn add(&mut self, payload: &Payload<'_>) {
        payload.frames.iter().for_each(|frame| self.frames.insert(frame));
    }

    /// Learns from a message what has to be hidden in its frames, if they are written.
    pub(super) fn learn(&mut self, payload: &Payload<'_>) {
        // Its packets tell nothing to whom has no keys, unless an agent reports what was in them.
        if payload.transport.is_encrypted() && !payload.link.is_reported() {
            return;
        }
        let Some((hides, masks)) = &mut self.hidden else { return };
        let secrets = hidden::secrets(payload.bytes, *hides);
        // Clients of WebSocket write in a cipher of their own (RFC 6455 §5.3), in which parts of a secret cannot be found.
        if payload.transport == Transport::Ws && !payload.frames.others.is_empty() && !secrets.is_empty() {
            masks.withhold(&payload.frames);
        }
        if secrets.len() > SECRETS_OF_MESSAGE_MAX {
            return masks.withhold(&payload.frames);
        }
        for secret in secrets {
            masks.hide(&payload.frames, payload.bytes, secret);
        }
    }

    /// A frame as it may be written.
    pub fn written<'a>(&self, frame: &Frame<'a>) -> Masked<'a> {
        let Some((hides, masks)) = &self.hidden else { return Masked::Frame(Cow::Borrowed(frame.bytes)) };
        let masked = masks.apply(frame, &self.limits, &self.decode_as);
        // What belongs to no message, as the beginning of one that never ended, has to be looked for in the frame itself.
        let is_left = |bytes: &[u8]| {
            let secrets = hidden::secrets(bytes, *hides);
            secrets.into_iter().any(|secret| bytes.get(secret).unwrap_or_default().iter().any(|byte| *byte != MASK))
        };
        match masked {
            Masked::Frame(bytes) if !is_left(&bytes) => Masked::Frame(bytes),
            _ => Masked::Withheld,
        }
    }
}
