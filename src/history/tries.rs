//! What became of one user name that one source tried at one server: the refusals, how close they lie, and what shows that
//! they were guesses and not a phone that repeats itself.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::limits::beginning;
use crate::history::Trail;

/// So many refusals, within a minute, may be guessing.
pub const REFUSALS_MIN: usize = 10;

/// Ends of tries that are kept for whoever asks whether they alternate.
const TURNS_MAX: usize = 64;

/// Digests that are compared with the next one.
const COMPARED_MAX: usize = 8;

/// Refused credentials.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// When they were sent.
    pub time: CaptureTime,
    /// In which frame.
    pub at: FrameRef,
    /// The report's number of the session.
    pub session: u64,
    /// A hash of who calls whom; `None` for what is no call.
    pub parties: Option<u64>,
    /// A hash of all that the digest is made of but the secret, and one of the digest; `None` where they cannot be compared.
    pub digest: Option<(u64, u64)>,
}

/// One try that ended: accepted, or refused for good.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// When it was sent.
    pub time: CaptureTime,
    /// In which frame.
    pub at: FrameRef,
    /// The report's number of the session.
    pub session: u64,
    /// Whether it was accepted.
    pub is_accepted: bool,
}

/// All that was tried for one user name.
#[derive(Clone, Debug, Default)]
pub struct Tries {
    /// The realm of the first.
    pub realm: Box<[u8]>,
    /// Refused credentials.
    pub refused: Trail,
    /// Call-IDs that hold a refusal.
    pub calls: u64,
    /// Call-IDs that hold exactly one.
    pub single_calls: u64,
    /// Calls of several parties, or to several: each has a Call-ID of its own anyway (RFC 3261 §8.1.1.4).
    pub has_parties: bool,
    /// A hash of the parties of the first call.
    parties: Option<u64>,
    /// When the first refused ones were sent.
    pub began: Option<CaptureTime>,
    /// The shortest time in which [`REFUSALS_MIN`] refusals lie.
    pub shortest: Option<Duration>,
    /// Two digests that differ although everything but the secret is equal.
    pub differing: Option<(FrameRef, FrameRef)>,
    /// The first acceptance soon after a refusal.
    pub accepted: Option<Turn>,
    /// Credentials that were accepted.
    pub let_in: Trail,
    turns: VecDeque<Turn>,
    window: VecDeque<CaptureTime>,
    compared: VecDeque<(u64, u64, FrameRef)>,
}

impl Tries {
    /// Nothing tried yet in that realm.
    pub fn new(realm: &[u8]) -> Tries {
        Tries { realm: beginning(realm).into(), ..Tries::default() }
    }

    /// Notes a refusal.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.refused.add(refusal.at, refusal.session);
        self.began = Some(self.began.map_or(refusal.time, |began| began.min(refusal.time)));
        if let Some(parties) = refusal.parties {
            self.has_parties |= *self.parties.get_or_insert(parties) != parties;
        }
        push(&mut self.window, refusal.time, REFUSALS_MIN);
        let (first, last) = (self.window.iter().min(), self.window.iter().max());
        if let (true, Some(first), Some(last)) = (self.window.len() >= REFUSALS_MIN, first, last) {
            let span = last.since(*first);
            self.shortest = Some(self.shortest.map_or(span, |shortest| shortest.min(span)));
        }
        let Some((inputs, digest)) = refusal.digest.filter(|_| self.differing.is_none()) else { return };
        match self.compared.iter().find(|(known, _, _)| *known == inputs) {
            Some((_, other, at)) if *other != digest => self.differing = Some((*at, refusal.at)),
            Some(_) => {}
            None => push(&mut self.compared, (inputs, digest, refusal.at), COMPARED_MAX),
        }
    }

    /// Notes that a Call-ID held so many refusals.
    pub fn end_call(&mut self, refusals: u64) {
        self.calls += 1;
        self.single_calls += u64::from(refusals == 1);
    }

    /// Notes credentials that were accepted.
    pub fn accept(&mut self, turn: Turn, within: Duration) {
        self.let_in.add(turn.at, turn.session);
        let is_soon = self.window.iter().any(|time| *time <= turn.time && turn.time.since(*time) <= within);
        if is_soon && self.accepted.is_none_or(|known| turn.time < known.time) {
            self.accepted = Some(turn);
        }
    }

    /// Notes how a registration ended.
    pub fn turn(&mut self, turn: Turn) {
        push(&mut self.turns, turn, TURNS_MAX);
    }

    /// How registrations ended, in order of time.
    pub fn turns(&self) -> Vec<Turn> {
        let mut turns: Vec<Turn> = self.turns.iter().copied().collect();
        turns.sort_by_key(|turn| (turn.time, turn.at));
        turns
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    // Most hold one: room for four at once would be most of the memory of a flood.
    if queue.capacity() == 0 {
        queue.reserve_exact(1);
    }
    queue.push_back(item);
}
