//! Where something was seen, often: the first frames, the last, the sessions, and how many there were.

use crate::base::FrameRef;

/// The number of a session that no report lists: those that one lists count from 1.
pub const UNLISTED: u64 = 0;

/// Frames that are kept of one trail; beyond them the last one is, and the count.
const FRAMES_MAX: usize = 20;
/// Sessions that are kept of one trail.
const SESSIONS_MAX: usize = 50;

/// A bounded list of places.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    frames: Vec<FrameRef>,
    last: Option<FrameRef>,
    sessions: Vec<u64>,
    count: u64,
}

impl Trail {
    /// Notes one place, and its session unless that is [`UNLISTED`].
    pub fn add(&mut self, at: FrameRef, session: u64) {
        self.count += 1;
        if self.frames.len() < FRAMES_MAX {
            self.frames.push(at);
        }
        self.last = self.last.max(Some(at));
        if session != UNLISTED && self.sessions.len() < SESSIONS_MAX && self.sessions.last() != Some(&session) {
            self.sessions.push(session);
        }
    }

    /// How many places.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first frames and the last, in order.
    pub fn frames(&self) -> Vec<FrameRef> {
        let mut frames: Vec<FrameRef> = self.frames.iter().copied().chain(self.last).collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    }

    /// The first sessions, in order.
    pub fn sessions(&self) -> Vec<u64> {
        let mut sessions = self.sessions.clone();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }
}
