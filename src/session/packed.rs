//! A run at rest. Most Call-IDs say nothing for minutes before they go on or are given up, and wait as a few hundred bytes.

use std::sync::Arc;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::session::Run;

/// A run as bytes, compressed.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) call_id: Arc<[u8]>,
    /// The frame of its first message.
    pub(super) first: FrameRef,
    /// When its latest message came.
    pub(super) last_seen: CaptureTime,
    /// Whether nothing more is expected of it.
    pub(super) is_over: bool,
    bytes: Box<[u8]>,
}

/// What stands in nearly every run. The packer refers to it, instead of keeping it again for each.
const COMMON: &[u8] = b"application/sdp;transport=tcp:5060sip:z9hG4bKAccepted403 Forbidden407 Proxy Authentication RequiredUnauthorizedOK\
Digest realm=\"\", nonce=\"\", opaque=\"\", stale=FALSE, qop=\"auth\", algorithm=MD5\
Digest username=\"\", realm=\"\", nonce=\"\", uri=\"sip:\", response=\"\", algorithm=MD5, cnonce=\"\", opaque=\"\", qop=auth, nc=00000001";

impl Packed {
    /// Packs a run; `None` where it is so long that packing it after each message would cost too much.
    pub(super) fn pack(run: &Run) -> Option<Packed> {
        if run.is_long() {
            return None;
        }
        let plain = postcard::to_allocvec(run).ok()?;
        let bytes = lz4_flex::block::compress_prepend_size_with_dict(&plain, COMMON).into();
        let (call_id, is_over) = (run.call_id.clone(), run.is_over());
        Some(Packed { call_id, first: run.first, last_seen: run.last_seen, is_over, bytes })
    }

    /// The run again. `None` never comes of what [`Packed::pack`] gave.
    pub(super) fn unpack(&self) -> Option<Run> {
        let plain = lz4_flex::block::decompress_size_prepended_with_dict(&self.bytes, COMMON).ok()?;
        let mut run: Run = postcard::from_bytes(&plain).ok()?;
        run.call_id = self.call_id.clone();
        Some(run)
    }
}
