//! A run that the tracker keeps: as it is while messages come, packed while it rests.

use std::sync::Arc;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::session::NonceId;
use crate::session::Run;
use crate::session::Transaction;
use crate::session::budget;
use crate::session::packed::Packed;

/// A run of the tracker's table.
#[derive(Debug)]
pub(super) struct Kept {
    call_id: Arc<[u8]>,
    form: Form,
    /// The tracker's time when its latest message came, whatever time that message has.
    pub(super) alive: CaptureTime,
    /// It stands in the queue of those to which messages came lately.
    pub(super) is_watched: bool,
    /// It stands in the queue of those that are closed after a long silence.
    pub(super) is_idle: bool,
    /// Nothing more is expected of it, by its messages so far: asked while these are at hand, since a run that falls silent is far away.
    pub(super) is_over: bool,
    /// What the budget counts it for.
    pub(super) charged_bytes: u32,
}

/// Small or boxed: as much room is made for the one as for the other.
#[derive(Debug)]
enum Form {
    Awake(Box<Run>),
    Resting(Packed),
}

impl Kept {
    /// A run that begins.
    pub(super) fn new(run: Run, alive: CaptureTime) -> Kept {
        let is_over = run.is_over();
        let (call_id, form) = (run.call_id.clone(), Form::Awake(Box::new(run)));
        Kept { call_id, form, alive, is_watched: false, is_idle: false, is_over, charged_bytes: 0 }
    }

    pub(super) fn call_id(&self) -> &Arc<[u8]> {
        &self.call_id
    }

    /// The frame of its first message.
    pub(super) fn first(&self) -> FrameRef {
        match &self.form {
            Form::Awake(run) => run.first,
            Form::Resting(packed) => packed.first,
        }
    }

    /// Packs it, where that is worth it.
    pub(super) fn rest(&mut self) {
        if let Form::Awake(run) = &self.form
            && let Some(packed) = Packed::pack(run)
        {
            self.form = Form::Resting(packed);
        }
    }

    /// The run as it is. `None` never comes of what was packed here.
    pub(super) fn wake(&mut self) -> Option<&mut Run> {
        if let Form::Resting(packed) = &self.form {
            self.form = Form::Awake(Box::new(packed.unpack(&self.call_id)?));
        }
        match &mut self.form {
            Form::Awake(run) => Some(run),
            Form::Resting(_) => None,
        }
    }

    /// The run, unless it rests.
    pub(super) fn awake(&self) -> Option<&Run> {
        match &self.form {
            Form::Awake(run) => Some(run),
            Form::Resting(_) => None,
        }
    }

    /// The nonces that its messages name.
    pub(super) fn nonces(&self) -> impl Iterator<Item = NonceId> {
        let (awake, resting): (_, &[NonceId]) = match &self.form {
            Form::Awake(run) => (Some(run.transactions.iter()), &[]),
            Form::Resting(packed) => (None, &packed.nonces),
        };
        awake.into_iter().flatten().flat_map(Transaction::nonces).chain(resting.iter().copied())
    }

    /// What it takes up, by estimate.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.form {
            Form::Awake(run) => budget::awake_bytes(run),
            Form::Resting(packed) => budget::resting_bytes(self.call_id.len(), packed),
        }
    }

    /// The run itself, unpacked for good. As of [`Kept::wake`], `None` never comes of what was packed here.
    pub(super) fn into_run(self) -> Option<Run> {
        match self.form {
            Form::Awake(run) => Some(*run),
            Form::Resting(packed) => packed.unpack(&self.call_id),
        }
    }
}
