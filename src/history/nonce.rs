//! The life of one nonce: who issued it, how often it was used, and what became of that.

use std::sync::Arc;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::PackedFlow;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::session::NonceId;

/// One nonce of one realm. Small: there are as many as challenges. Its text is not kept: it stands in the messages that hold it,
/// and whoever asks about a nonce has one of them.
#[derive(Debug)]
pub struct Nonce {
    pub(super) id: NonceId,
    /// A hash of its text.
    pub(super) key: u64,
    /// The realm that issued it, or that the first credentials named.
    pub realm: Arc<[u8]>,
    pub(super) issue: Option<PackedIssue>,
    pub(super) last_used: CaptureTime,
    /// When a challenge brought it or credentials named it the last time, in whatever session.
    pub(super) last_heard: CaptureTime,
    /// Credentials with it, copies and ACKs left out.
    pub uses: u32,
    /// How many of them were let past.
    pub accepted: u32,
    /// How many were challenged again or forbidden.
    pub refused: u32,
    pub(super) moved_to: Option<Box<FrameRef>>,
    pub(super) highest: Counted,
    pub(super) repeated: Option<Box<Repeat>>,
    /// A hash of the Call-ID that used it first; zero where none did.
    pub(super) used_by: u32,
    /// Requests of another Call-ID used it, too.
    pub is_shared: bool,
    /// Its challenge was seen again on the way back to the client, as behind a NAT or a proxy, before anybody used it.
    pub was_passed_back: bool,
    /// The nonce before it with the same text and another realm.
    pub(super) same_value: Option<NonceId>,
}

impl Nonce {
    /// One of which nothing is known yet.
    pub(super) fn new(id: NonceId, key: u64, realm: Arc<[u8]>) -> Nonce {
        Nonce {
            id,
            key,
            realm,
            issue: None,
            last_used: NEVER,
            last_heard: NEVER,
            uses: 0,
            accepted: 0,
            refused: 0,
            moved_to: None,
            highest: Counted::default(),
            repeated: None,
            used_by: 0,
            is_shared: false,
            was_passed_back: false,
            same_value: None,
        }
    }

    /// The first challenge seen with it; `None` where it was issued before the capture, or never.
    pub fn issued(&self) -> Option<Issue> {
        self.issue.as_ref().map(Issue::from)
    }

    /// When credentials with it were last sent.
    pub fn last_used(&self) -> Option<CaptureTime> {
        Some(self.last_used).filter(|time| *time > NEVER)
    }

    /// Notes that its challenge was seen again.
    pub(super) fn note_again(&mut self, first: &Issue, again: &Issue) {
        let is_at_once = again.time.since(first.time) <= PASSED_BACK_WITHIN;
        let is_same_answer = first.purpose == again.purpose && self.used_by == 0 && is_at_once;
        self.was_passed_back |= is_same_answer && first.flow.destination.address != again.flow.destination.address;
    }

    /// Notes a request under another Call-ID than the challenge's, where it is the first use of all.
    pub(super) fn note_move(
        &mut self,
        issue: &Issue,
        (at, time): (FrameRef, CaptureTime),
        flow: Flow,
        purpose: Purpose,
    ) {
        let is_in_time = time.since(issue.time) <= TRANSACTION_TIMEOUT;
        let is_elsewhere = issue.purpose.call_id != purpose.call_id;
        let is_same_client = issue.flow.destination.address == flow.source.address || self.was_passed_back;
        if !is_elsewhere {
            self.moved_to = None;
        } else if self.used_by == 0 && is_in_time && is_same_client && issue.purpose.request == purpose.request {
            self.moved_to = Some(Box::new(at));
        }
    }

    /// Notes the nonce count of a request.
    pub(super) fn note_count(&mut self, new: Counted, at: FrameRef) {
        let Counted { count, call, client } = self.highest;
        // Requests of two Call-IDs may overtake each other: one below the highest shows nothing. The same from elsewhere is a replay.
        if new.count == count && new.call != call && new.client == client {
            self.repeated.get_or_insert_with(|| Box::new(Repeat { at, count }));
        }
        if new.count > count {
            self.highest = new;
        }
    }

    /// The first request whose nonce count the same client had used before in another Call-ID: it was not counted up.
    pub fn repeated(&self) -> Option<Repeat> {
        self.repeated.as_deref().copied()
    }

    /// The highest nonce count that it was used with; 0 where there was none.
    pub fn highest_count(&self) -> u32 {
        self.highest.count
    }

    /// The request that used it first, where that stood under another Call-ID than the challenge although it was of the same
    /// method, users and client, and nobody used it under the challenge's own.
    pub fn moved_to(&self) -> Option<FrameRef> {
        self.moved_to.as_deref().copied()
    }
}

/// The highest nonce count that a nonce was used with, by which Call-ID and which client: hashes of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) count: u32,
    pub(super) call: u32,
    pub(super) client: u32,
}

/// A nonce count that came again.
#[derive(Clone, Copy, Debug)]
pub struct Repeat {
    /// The later request.
    pub at: FrameRef,
    /// The count.
    pub count: u32,
}

/// A challenge comes back through a NAT, a proxy or a B2BUA at once.
pub(super) const PASSED_BACK_WITHIN: Duration = Duration::from_millis(500);

/// Stands for no time.
const NEVER: CaptureTime = CaptureTime::from_ns(i64::MIN);

/// Where a nonce came from.
#[derive(Clone, Copy, Debug)]
pub struct Issue {
    /// The frame of the challenge.
    pub at: FrameRef,
    /// When.
    pub time: CaptureTime,
    /// From whom to whom.
    pub flow: Flow,
    /// What was challenged.
    pub purpose: Purpose,
    /// Whether the challenge is one of AKA, whose nonces are no nonces but RAND and AUTN (RFC 3310 §3.2).
    pub is_aka: bool,
    /// Whom the challenge was for, as [`crate::history::Nonces::user`] gives it.
    pub user: UserHash,
}

/// An [`Issue`] as it is kept: with a flow that takes less room.
#[derive(Debug)]
pub(super) struct PackedIssue {
    at: FrameRef,
    time: CaptureTime,
    flow: PackedFlow,
    purpose: Purpose,
    is_aka: bool,
    user: UserHash,
}

impl From<Issue> for PackedIssue {
    fn from(Issue { at, time, flow, purpose, is_aka, user }: Issue) -> PackedIssue {
        PackedIssue { at, time, flow: flow.into(), purpose, is_aka, user }
    }
}

impl From<&PackedIssue> for Issue {
    fn from(PackedIssue { at, time, flow, purpose, is_aka, user }: &PackedIssue) -> Issue {
        Issue { at: *at, time: *time, flow: flow.into(), purpose: *purpose, is_aka: *is_aka, user: *user }
    }
}

/// Which Call-ID a message belongs to, and what it is for: hashes, so that a million of them take no room. Two that differ by
/// chance alike would need a capture made for it, and the seed is not known to whoever makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    pub(super) call_id: u32,
    pub(super) request: u32,
}

/// Stands for a user name, so that two can be told apart without keeping them; chance does not make two of them equal. Zero
/// stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserHash(pub(super) u64);
