//! What kept a client out, and whether it got in since: trouble that is over is history, and not why it fails in the end.

use std::time::Duration;

use crate::base::CaptureTime;
use crate::report::service::Service;
use crate::report::service::ServiceKind;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::challenge::challenge_loop;
use crate::rules::challenge::credentials_wrong_header;
use crate::rules::credentials::digest_near_miss;
use crate::rules::credentials::digest_wrong_password;
use crate::rules::credentials::forbidden_after_credentials;
use crate::rules::credentials::realm_mismatch;
use crate::rules::credentials::rejected_credentials;
use crate::rules::credentials::response_malformed;
use crate::rules::credentials::username_empty;
use crate::rules::path::auth_retry_no_response;
use crate::rules::path::no_response_at_all;
use crate::session::Session;

/// When a client was let in somewhere.
#[derive(Clone, Copy, Debug)]
pub struct LetIn {
    /// To what.
    pub service: Service,
    /// From which port: behind one address, another one may be another phone. 0 where each connection has one of its own.
    pub port: u16,
    /// The first time, and the last.
    pub first: CaptureTime,
    pub last: CaptureTime,
    /// How often, but for the first time.
    pub again: u32,
}

/// A high finding about one kind of request of a client, in however many sessions.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Which rule told it.
    pub rule: &'static Rule,
    /// What the client wanted; `None` where it spans sessions.
    pub service: Option<Service>,
    port: u16,
    /// When the first of its sessions began.
    pub began: CaptureTime,
    /// When it was first met, and when its last session ended.
    first: CaptureTime,
    pub last: CaptureTime,
    /// Those sessions, by the report's number; none where they are too many, or what is found is not about them alone.
    sessions: Vec<u64>,
    /// The client got in in between.
    has_relapsed: bool,
}

/// Sessions of one trouble that are remembered. Of more, none is taken for history.
const SESSIONS_MAX: usize = 64;

/// Whoever mends something tries it soon. What works for the first time later than that has to work twice.
const MENDED_WITHIN: Duration = Duration::from_secs(300);

/// What is wrong with credentials: they are good for every call, or for none.
static OF_CREDENTIALS: [&Rule; 8] = [
    &challenge_loop::RULE,
    &credentials_wrong_header::RULE,
    &digest_near_miss::RULE,
    &digest_wrong_password::RULE,
    &realm_mismatch::RULE,
    &rejected_credentials::RULE,
    &response_malformed::RULE,
    &username_empty::RULE,
];

/// What ends by itself, however often the client had got in before.
static OUTAGES: [&Rule; 2] = [&auth_retry_no_response::RULE, &no_response_at_all::RULE];

impl LetIn {
    /// Takes another time.
    pub fn absorb(&mut self, other: &LetIn) {
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.again = self.again.saturating_add(other.again).saturating_add(1);
    }

    fn is_for(&self, service: Service, port: u16) -> bool {
        self.service == service && self.port == port
    }
}

impl Trouble {
    /// What a finding tells of a session.
    pub fn of_session(session: &Session<'_>, number: u64, service: Option<Service>, finding: &Finding) -> Trouble {
        let attempt = finding.attempt.and_then(|index| session.attempts.get(index));
        let first = attempt.and_then(|attempt| attempt.request()).map(|request| request.time);
        let is_own = attempt.is_some() && finding.merge.is_none();
        let began = session.run.started;
        Trouble {
            rule: finding.rule,
            service,
            port: port_of(session),
            began,
            first: first.unwrap_or(began),
            last: session.run.last_seen,
            sessions: if is_own { vec![number] } else { Vec::new() },
            has_relapsed: false,
        }
    }

    /// What no session shows alone: it comes behind what one shows.
    pub fn of_capture(rule: &'static Rule) -> Trouble {
        let never = CaptureTime::from_ns(i64::MAX);
        let sessions = Vec::new();
        Trouble { rule, service: None, port: 0, began: never, first: never, last: never, sessions, has_relapsed: false }
    }

    /// Whether it is the same in another session.
    pub fn is_same(&self, other: &Trouble) -> bool {
        (self.rule.code, self.service, self.port) == (other.rule.code, other.service, other.port)
    }

    /// Takes the same of another session. `let_in` is what is known of the client so far.
    pub fn absorb(&mut self, other: Trouble, let_in: &[LetIn]) {
        let (earlier, later) = if self.first <= other.first { (&*self, &other) } else { (&other, &*self) };
        let is_between = |known: &LetIn| {
            let within = |time: CaptureTime| time > earlier.last && time < later.first;
            Some(known.service) == self.service && (within(known.first) || within(known.last))
        };
        self.has_relapsed |= other.has_relapsed || let_in.iter().any(is_between);
        let is_told = !self.sessions.is_empty() && !other.sessions.is_empty();
        self.sessions.extend(other.sessions);
        if !is_told || self.sessions.len() > SESSIONS_MAX {
            self.sessions = Vec::new();
        }
        self.began = self.began.min(other.began);
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
    }

    /// Takes that the client got in.
    pub fn note_let_in(&mut self, known: &LetIn) {
        let is_between = known.first < self.last && self.first < known.last;
        self.has_relapsed |= Some(known.service) == self.service && is_between;
    }

    /// How long behind it the client got in for good, where that was its first time, and its sessions. Nothing is said of what came back, nor
    /// of what the client met by turns with getting in.
    pub fn ended(&self, let_in: &[LetIn]) -> Option<(Option<Duration>, &[u64])> {
        let service = self.service.filter(|_| !self.has_relapsed && !self.sessions.is_empty())?;
        let is_curable = match service.kind {
            ServiceKind::Registration => {
                self.rule.is_among(&OF_CREDENTIALS)
                    || self.rule.is_among(&OUTAGES)
                    || self.rule.is(&forbidden_after_credentials::RULE)
            }
            // Calls are let on or not each by itself.
            ServiceKind::Call => self.rule.is_among(&OF_CREDENTIALS),
            ServiceKind::Other => false,
        };
        let known = let_in.iter().find(|known| known.is_for(service, self.port)).filter(|_| is_curable)?;
        if known.first < self.first {
            return (self.rule.is_among(&OUTAGES) && known.last > self.last).then_some((None, &*self.sessions));
        }
        let after = known.first.since(self.last);
        let is_soon = after <= MENDED_WITHIN && service.kind == ServiceKind::Registration;
        (known.first > self.last && (is_soon || known.again > 0)).then_some((Some(after), &*self.sessions))
    }
}

/// The port that a session came from.
pub fn port_of(session: &Session<'_>) -> u16 {
    let first = session.attempts.first().map(|first| first.transaction);
    first.filter(|first| !first.transport.is_reliable()).map_or(0, |first| first.flow().source.port)
}

/// Whether a client that was refused until then under one Call-ID after the other registers for good since.
pub fn registers_since(let_in: &[LetIn], refused: CaptureTime) -> bool {
    let mut known = let_in.iter().filter(|known| known.service.kind == ServiceKind::Registration).peekable();
    let is_in =
        |known: &LetIn| known.first > refused && (known.again > 0 || known.first.since(refused) <= MENDED_WITHIN);
    known.peek().is_some() && known.all(is_in)
}
