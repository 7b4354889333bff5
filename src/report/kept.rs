//! Sessions that are kept whole until the findings are known, and with them which of the sessions are the worst.

use crate::report::Finding;
use crate::report::Session;
use crate::report::ladder;
use crate::session::SessionOutcome;

/// Attempts that are kept of the beginning of a session, and as many of its end: those between are counted. No ladder shows more of them
/// before its gap.
const ATTEMPTS_MAX: usize = ladder::ROWS_MAX * 3 / 4;

/// A bounded number of sessions: those that failed come before those that did not.
#[derive(Debug)]
pub struct KeptSessions {
    failed: Vec<Session>,
    others: Vec<Session>,
    room: SessionsLeft,
}

/// For how many sessions there is room: so many that failed, and as many others.
#[derive(Clone, Copy, Debug)]
pub struct SessionsLeft {
    failed: usize,
    others: usize,
}

impl SessionsLeft {
    /// None is taken yet.
    pub fn new(sessions_max: usize) -> SessionsLeft {
        SessionsLeft { failed: sessions_max, others: sessions_max }
    }

    /// Takes a place for a session of that outcome, where there is one.
    pub fn takes(&mut self, outcome: SessionOutcome) -> bool {
        let left = if has_failed(outcome) { &mut self.failed } else { &mut self.others };
        let is_there = *left > 0;
        *left = left.saturating_sub(1);
        is_there
    }
}

fn has_failed(outcome: SessionOutcome) -> bool {
    !matches!(outcome, SessionOutcome::Accepted | SessionOutcome::NotChallenged | SessionOutcome::Undecided)
}

impl KeptSessions {
    /// None yet; at most so many that failed, and as many others.
    pub fn new(sessions_max: usize) -> KeptSessions {
        KeptSessions { failed: Vec::new(), others: Vec::new(), room: SessionsLeft::new(sessions_max) }
    }

    /// Takes a session.
    pub fn keep(&mut self, session: &Session) {
        if self.room.takes(session.outcome) {
            let mut session = session.clone();
            let between = session.attempts.len().saturating_sub(ATTEMPTS_MAX);
            if between > ATTEMPTS_MAX {
                let left_out = session.attempts.drain(ATTEMPTS_MAX..between);
                session.attempts_left_out = left_out.len() as u64;
                session.messages_left_out = left_out.map(|attempt| ladder::messages_of(&attempt)).sum();
            }
            let list = if has_failed(session.outcome) { &mut self.failed } else { &mut self.others };
            list.push(session);
        }
    }

    /// A session by its name in the report.
    pub fn named(&self, id: &str) -> Option<&Session> {
        self.all().find(|session| session.id == id)
    }

    /// Every session that is kept, those that failed first.
    pub fn all(&self) -> impl Iterator<Item = &Session> {
        self.failed.iter().chain(&self.others)
    }

    /// The sessions that the worst findings speak of, one for each finding that is its own cause.
    pub fn worst(&self, findings: &[Finding], sessions_max: usize) -> Vec<&Session> {
        let mut worst: Vec<&Session> = Vec::new();
        let causes = findings.iter().filter(|finding| finding.caused_by.is_none() && finding.is_trouble());
        for finding in causes {
            if worst.len() == sessions_max {
                break;
            }
            let is_told = finding.sessions.iter().any(|id| worst.iter().any(|session| session.id == *id));
            let first = finding.sessions.iter().find_map(|id| self.named(id));
            worst.extend(first.filter(|_| !is_told));
        }
        worst
    }

    /// The worst, or the first where nothing is wrong.
    pub fn worst_or_first(&self, findings: &[Finding], sessions_max: usize) -> Vec<&Session> {
        let worst = self.worst(findings, sessions_max);
        if worst.is_empty() { self.all().take(1).collect() } else { worst }
    }
}
