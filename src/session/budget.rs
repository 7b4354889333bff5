//! What runs take up, by an estimate that costs next to nothing to keep. It leaves out what a few messages in a thousand have, and what
//! the allocator adds.

use crate::base::Limits;
use crate::session::Run;
use crate::session::Sighting;
use crate::session::kept::Kept;
use crate::session::packed::Packed;
use crate::session::run::Placement;
use crate::sip::HeaderName;

/// The places of a run in the tables, and its Call-ID.
const PLACES_BYTES: usize = size_of::<Kept>() * 2 + 160;
/// A row of credentials or challenges besides its text.
const ROW_BYTES: usize = 96;
/// Another appearance of a request, with the room that its list keeps free.
const COPY_BYTES: usize = 32;
/// A message that is made of several frames, besides those.
const PARTS_BYTES: usize = 96;

/// What all runs take up that are followed.
#[derive(Debug, Default)]
pub(super) struct Budget {
    held_bytes: usize,
}

impl Budget {
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Notes what a run takes up now.
    pub(super) fn charge(&mut self, kept: &mut Kept) {
        self.release(kept);
        kept.charged_bytes = u32::try_from(kept.held_bytes()).unwrap_or(u32::MAX);
        self.held_bytes = self.held_bytes.saturating_add(kept.charged_bytes as usize);
    }

    /// Notes that a run is kept no more.
    pub(super) fn release(&mut self, kept: &Kept) {
        self.held_bytes = self.held_bytes.saturating_sub(kept.charged_bytes as usize);
    }
}

/// What a run takes up while messages come.
pub(super) fn awake_bytes(run: &Run) -> usize {
    let transactions = run.transactions.held_bytes();
    let texts = run.texts.held_bytes().saturating_add(run.call_id.len());
    let parts = [size_of::<Run>(), transactions, texts, run.bodies_len_bytes(), run.rows_bytes];
    parts.iter().fold(PLACES_BYTES, |sum, part| sum.saturating_add(*part))
}

/// What a packed run takes up, whose Call-ID has that length.
pub(super) fn resting_bytes(call_id_len: usize, packed: &Packed) -> usize {
    let nonces = size_of_val(&*packed.nonces);
    PLACES_BYTES.saturating_add(call_id_len).saturating_add(packed.len_bytes()).saturating_add(nonces)
}

/// What the rows of auth headers take up that a message brings. Those of Authentication-Info come to the transaction of a 2xx.
fn rows_bytes(sighting: &Sighting<'_>) -> usize {
    let row_bytes = |len: usize| len.saturating_add(ROW_BYTES);
    let credentials: usize = sighting.credentials.iter().map(|row| row_bytes(row.value.len())).sum();
    let challenges: usize = sighting.challenges.iter().map(|row| row_bytes(row.value.len())).sum();
    let message = sighting.message;
    let infos = [HeaderName::AuthenticationInfo, HeaderName::ProxyAuthenticationInfo];
    let infos: usize =
        infos.into_iter().flat_map(|name| message.values(name)).map(|value| row_bytes(value.len())).sum();
    credentials.saturating_add(challenges).saturating_add(infos)
}

/// Gives a run a message, and notes what it makes the run keep beside its transaction and its texts.
pub(super) fn push(run: &mut Run, sighting: Sighting<'_>, limits: &Limits) -> Placement {
    let rows_bytes = rows_bytes(&sighting);
    let is_ack = sighting.message.method() == Some(b"ACK");
    let at = sighting.frames.last;
    let copy_bytes = if sighting.message.status().is_none() { COPY_BYTES } else { 0 };
    let others = sighting.frames.others.len();
    let parts_bytes = if others > 0 { PARTS_BYTES.saturating_add(others.saturating_mul(16)) } else { 0 };
    let placement = run.push(sighting, limits);
    let kept_bytes = match placement {
        Placement::New => rows_bytes,
        // The one that joins its INVITE leaves its credentials there.
        Placement::Known if is_ack && run.is_ack(at) => rows_bytes.saturating_add(copy_bytes),
        Placement::Known => copy_bytes,
        Placement::Dropped => 0,
    };
    run.rows_bytes = run.rows_bytes.saturating_add(kept_bytes).saturating_add(parts_bytes);
    placement
}
