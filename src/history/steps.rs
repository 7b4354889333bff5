//! What the REGISTERs of an account came to, one by one: a challenge loop may run across Call-IDs, for days.

use std::collections::VecDeque;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::session::NonceId;

/// One step of a possible challenge loop that runs across Call-IDs.
#[derive(Clone, Debug)]
pub struct LoopStep {
    /// When the request was sent.
    pub time: CaptureTime,
    /// The request.
    pub at: FrameRef,
    /// The report's id of its session, counted from 1.
    pub session: u64,
    /// What became of it.
    pub kind: StepKind,
    /// When that was told.
    pub answered: CaptureTime,
    /// The nonce of the credentials that were refused.
    pub nonce: Option<NonceId>,
    /// The nonce that the answer brought.
    pub offered: Option<NonceId>,
    /// The user whom the credentials name, else the one who asks.
    pub user: Box<[u8]>,
    /// The realm.
    pub realm: Box<[u8]>,
    /// The rule whose finding of that session explains the refusal, if there is one.
    pub explained_by: Option<&'static str>,
}

impl LoopStep {
    /// Whether the credentials were challenged again, stale or not.
    pub fn is_refused(&self) -> bool {
        matches!(self.kind, StepKind::Refused | StepKind::Stale)
    }

    /// Whether the step behind this one was refused with the same nonce, although the answer to this one had brought another.
    pub fn is_repeated_by(&self, later: &LoopStep) -> bool {
        let is_same = self.nonce.is_some() && self.nonce == later.nonce;
        let is_renewed = self.offered.is_some() && self.offered != self.nonce && self.answered < later.time;
        is_same && is_renewed && self.is_refused() && later.is_refused()
    }

    /// Whether the step behind this one came so soon that both are of one row of tries.
    pub fn is_followed_by(&self, later: &LoopStep) -> bool {
        // Who comes back with the nonce that was called stale goes on where it was.
        let is_kept = later.kind == StepKind::Stale && self.is_repeated_by(later);
        later.time.since(self.time).as_secs() <= if is_kept { KEPT_WITHIN_S } else { TRIES_WITHIN_S }
    }
}

/// What became of a REGISTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Challenged without credentials.
    Challenged,
    /// Challenged in spite of credentials.
    Refused,
    /// The same, with `stale=true`.
    Stale,
    /// Accepted.
    Accepted,
}

/// REGISTERs of one account that lie further apart than this are tries of their own.
pub const TRIES_WITHIN_S: u64 = 60;
/// The same of those that keep a stale nonce: what comes later may be of the same Call-ID.
const KEPT_WITHIN_S: u64 = 600;

/// How many steps are kept of one account; older ones make room, and are counted.
const KEPT_MAX: usize = 64;

/// Frames and sessions that are named of those which made room.
const NAMED_MAX: usize = 136;

/// The latest steps of an account, and what led to them.
#[derive(Debug, Default)]
pub struct Steps {
    kept: VecDeque<LoopStep>,
    /// Boxed: few accounts go on for so long.
    earlier: Option<Box<Earlier>>,
}

/// Steps that made room for later ones which follow on them.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// How many.
    pub steps: usize,
    /// How many of them were refused.
    pub refused: usize,
    /// How many of those were refused as stale.
    pub stale: usize,
    /// Under how many Call-IDs, but for the one that goes on among those that are kept.
    pub sessions_count: usize,
    /// The first of their sessions.
    pub sessions: Vec<u64>,
    /// The first of their frames.
    pub frames: Vec<FrameRef>,
    /// The rules that explain their refusals; more than two are not told apart.
    pub explained_by: Vec<Option<&'static str>>,
    last_session: u64,
}

impl Steps {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Adds one.
    pub fn push(&mut self, step: LoopStep) {
        if self.kept.len() >= KEPT_MAX
            && let Some(oldest) = self.kept.pop_front()
        {
            self.make_room_of(&oldest);
        }
        // Most hold one: room for four at once would be most of the memory of a flood.
        if self.kept.capacity() == 0 {
            self.kept.reserve_exact(1);
        }
        self.kept.push_back(step);
    }

    /// Those that are kept, in order of time.
    pub fn kept(&self) -> Vec<&LoopStep> {
        let mut steps: Vec<&LoopStep> = self.kept.iter().collect();
        steps.sort_by_key(|step| (step.time, step.at));
        steps
    }

    /// Those before them that the first of them follows on.
    pub fn earlier(&self) -> Option<&Earlier> {
        self.earlier.as_deref()
    }

    fn make_room_of(&mut self, oldest: &LoopStep) {
        let follows = |next: &LoopStep| oldest.is_followed_by(next) && next.realm == oldest.realm;
        let next = self.kept.front().filter(|next| follows(next) && oldest.kind != StepKind::Accepted);
        match next {
            Some(next) => {
                let goes_on = next.session == oldest.session;
                self.earlier.get_or_insert_default().add(oldest, goes_on);
            }
            None => self.earlier = None,
        }
    }
}

impl Earlier {
    fn add(&mut self, step: &LoopStep, goes_on: bool) {
        self.steps += 1;
        self.sessions_count += usize::from(!goes_on);
        if self.last_session != step.session && self.sessions.len() < NAMED_MAX {
            self.sessions.push(step.session);
        }
        self.last_session = step.session;
        if self.frames.len() < NAMED_MAX {
            self.frames.push(step.at);
        }
        if step.is_refused() {
            self.refused += 1;
            self.stale += usize::from(step.kind == StepKind::Stale);
            if self.explained_by.len() < 2 && !self.explained_by.contains(&step.explained_by) {
                self.explained_by.push(step.explained_by);
            }
        }
    }
}
