//! Bodies of requests whose digest is wrong, which may be right for another body. Few runs keep any.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::base::FrameRef;

/// Bodies of requests, by the frame that completed them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Bodies {
    by_frame: BTreeMap<FrameRef, Box<[u8]>>,
    len_bytes: usize,
}

/// What a body takes up beside its bytes.
const BODY_OVERHEAD_BYTES: usize = 64;

impl Bodies {
    pub(super) fn keep(&mut self, request: FrameRef, body: &[u8]) {
        self.len_bytes += body.len() + BODY_OVERHEAD_BYTES;
        self.by_frame.insert(request, body.into());
    }

    pub(super) fn get(&self, request: FrameRef) -> Option<&[u8]> {
        self.by_frame.get(&request).map(AsRef::as_ref)
    }

    /// What they take up.
    pub(super) fn len_bytes(&self) -> usize {
        self.len_bytes
    }
}
