//! TLS 1.0 to 1.2 (RFC 5246) and 1.3 (RFC 8446) as it was captured, read with the secrets of a key log.
//!
//! Each direction of a connection is read by itself, and the two meet in a table: the client's keys depend on what the server
//! chose, and the server's on the random of the client.

use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Limits;
use crate::base::WireMap;
use crate::transport::events::TlsEvents;
use crate::transport::tls::handshake::ClientHello;
use crate::transport::tls::handshake::ServerHello;
use crate::transport::tls::key_log::ClientRandom;
use crate::transport::tls::key_log::KeyLog;
use crate::transport::tls::key_log::Label;
use crate::transport::tls::key_log::Secret;
use crate::transport::tls::protection::Protection;
use crate::transport::tls::protection::Randoms;
use crate::transport::tls::protection::Side;
use crate::transport::tls::suite::Suite;
use crate::transport::tls::suite::TLS_1_3;

mod alert;
mod ccm;
mod content;
mod direction;
mod handshake;
mod key_log;
mod protection;
mod schedule;
mod suite;

pub use alert::TlsAlert;
pub use alert::TlsAlerts;
pub(super) use direction::Tls;

/// Names of a cipher suite and of a version, for reports.
pub fn suite_name(version: u16, suite: u16) -> String {
    let version = match version {
        0x0300 => "SSL 3.0".to_owned(),
        0x0301 => "TLS 1.0".to_owned(),
        0x0302 => "TLS 1.1".to_owned(),
        suite::TLS_1_2 => "TLS 1.2".to_owned(),
        TLS_1_3 => "TLS 1.3".to_owned(),
        other => format!("version 0x{other:04x}"),
    };
    format!("{version} with {}", Suite::name(suite))
}

/// Whether a connection can be read yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    Ready,
    /// The other direction has yet to say something.
    Waiting,
    Unreadable(Reason),
}

/// Why a connection cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    NoKey,
    NoHandshake,
    Unsupported,
}

/// What both directions of a connection know.
#[derive(Default)]
struct Session {
    /// The flow from the client.
    client: Option<Flow>,
    client_random: Option<ClientRandom>,
    has_early_data: bool,
    /// What the server said of it.
    is_early_data_refused: bool,
    resumes: Vec<Vec<u8>>,
    server_hello: Option<ServerHello>,
    /// A HelloRetryRequest was seen.
    is_retried: bool,
    /// It was counted as one that cannot be read.
    is_unreadable: bool,
    /// A fatal alert has ended it before its content was sealed.
    is_refused: bool,
    /// Which directions are being read: one bit each.
    ends: u8,
    /// Which directions have been given up.
    given_up: u8,
}

impl Session {
    fn is_1_3(&self) -> bool {
        self.is_retried || self.server_hello.as_ref().is_some_and(|hello| hello.version == TLS_1_3)
    }

    fn side(&self, flow: Flow) -> Side {
        if self.client == Some(flow) { Side::Client } else { Side::Server }
    }

    fn suite(&self) -> Option<Suite> {
        let hello = self.server_hello.as_ref().filter(|hello| !hello.is_compressed)?;
        Suite::of(hello.version, hello.suite)
    }
}

/// The secrets, and the connections that are being read.
pub(super) struct TlsTable {
    key_log: KeyLog,
    sessions: WireMap<Flow, Session>,
    /// The client random under which the master secret of a session is known that can be resumed.
    resumable: WireMap<Vec<u8>, ClientRandom>,
    resumable_max: usize,
    /// Since it was last asked: one direction has told something that the other may wait for.
    has_news: bool,
}

impl TlsTable {
    pub(super) fn new(limits: &Limits) -> TlsTable {
        TlsTable {
            key_log: KeyLog::new(limits),
            sessions: WireMap::default(),
            resumable: WireMap::default(),
            resumable_max: limits.tls_resumable_max,
            has_news: false,
        }
    }

    /// Takes a key log; says how many secrets it held.
    pub(super) fn add_key_log(&mut self, text: &[u8]) -> usize {
        self.key_log.add(text)
    }

    /// Secrets beyond the limit.
    pub(super) fn secrets_refused(&self) -> u64 {
        self.key_log.refused
    }

    /// Whether one direction has told something since the last call.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// A direction is no longer read.
    pub(super) fn release(&mut self, flow: Flow) {
        let key = key(flow);
        if let Some(session) = self.sessions.get_mut(&key) {
            session.ends &= !end(flow);
            if session.ends == 0 {
                self.sessions.remove(&key);
            }
        }
    }

    fn session(&mut self, flow: Flow) -> &mut Session {
        let session = self.sessions.entry(key(flow)).or_default();
        session.ends |= end(flow);
        session
    }

    fn note_client_hello(&mut self, flow: Flow, hello: ClientHello) {
        let session = self.session(flow);
        session.client = Some(flow);
        session.client_random = Some(hello.random);
        session.has_early_data = hello.has_early_data;
        session.resumes = hello.resumes;
        self.has_news = true;
    }

    fn note_server_hello(&mut self, flow: Flow, hello: ServerHello) {
        let session = self.session(flow);
        session.client = Some(flow.reversed());
        if hello.is_retry {
            session.is_retried = true;
        } else {
            session.server_hello = Some(hello);
        }
        self.has_news = true;
    }

    /// A ticket was issued that resumes the session of this flow.
    fn note_ticket(&mut self, flow: Flow, ticket: Vec<u8>) {
        if let Some(random) = self.master_random(flow) {
            self.note_resumable(ticket, random);
        }
    }

    fn note_resumable(&mut self, name: Vec<u8>, random: ClientRandom) {
        // Beyond the limit a resumed session needs a line of its own in the key log, as most programs write it.
        if !name.is_empty() && self.resumable.len() < self.resumable_max {
            self.resumable.insert(name, random);
        }
    }

    /// The client random under which the key log has the master secret of this flow's session: its own, or that of the
    /// session which it resumes.
    fn master_random(&self, flow: Flow) -> Option<ClientRandom> {
        let session = self.sessions.get(&key(flow))?;
        let has_master = |random: &ClientRandom| self.key_log.get(random)?.get(Label::Master).map(|_| *random);
        let own = session.client_random.as_ref().and_then(has_master);
        own.or_else(|| session.resumes.iter().find_map(|name| self.resumable.get(name)).and_then(has_master))
    }

    /// Whether the keys of this flow's connection can be told.
    fn readiness(&self, flow: Flow) -> Readiness {
        let Some(session) = self.sessions.get(&key(flow)) else { return Readiness::Unreadable(Reason::NoHandshake) };
        match (session.client_random, &session.server_hello) {
            (None, None) if !session.is_retried => Readiness::Unreadable(Reason::NoHandshake),
            (Some(_), _) if self.key_log.is_empty() => Readiness::Unreadable(Reason::NoKey),
            (Some(random), Some(hello)) => match session.suite() {
                None => Readiness::Unreadable(Reason::Unsupported),
                Some(_) if hello.version == TLS_1_3 && self.key_log.get(&random).is_some() => Readiness::Ready,
                Some(_) if hello.version != TLS_1_3 && self.master_random(flow).is_some() => Readiness::Ready,
                Some(_) => Readiness::Unreadable(Reason::NoKey),
            },
            _ if self.key_log.is_empty() => Readiness::Unreadable(Reason::NoHandshake),
            _ => Readiness::Waiting,
        }
    }

    /// The keys of one side, of TLS 1.2.
    fn master_protection(&mut self, flow: Flow) -> Option<Protection> {
        let random = self.master_random(flow)?;
        let session = self.sessions.get(&key(flow))?;
        let hello = session.server_hello.as_ref()?;
        let master = self.key_log.get(&random)?.get(Label::Master)?;
        let randoms = Randoms { client: session.client_random?, server: hello.random };
        let side = session.side(flow);
        let protection = Protection::of_master(session.suite()?, master, &randoms, side, hello.encrypts_first);
        let session_id = hello.session_id.clone();
        self.note_resumable(session_id, random);
        protection
    }

    fn note_early_data(&mut self, flow: Flow, is_accepted: bool) {
        self.session(flow).is_early_data_refused = !is_accepted;
    }

    /// The secret of 0-RTT data, where there is any that the server took.
    fn early_secret(&self, flow: Flow) -> Option<&Secret> {
        let session = self.sessions.get(&key(flow))?;
        let is_taken = session.has_early_data && !session.is_retried && !session.is_early_data_refused;
        let random = session.client_random.filter(|_| is_taken && session.side(flow) == Side::Client)?;
        self.key_log.get(&random)?.get(Label::ClientEarly)
    }

    fn suite(&self, flow: Flow) -> Option<Suite> {
        self.sessions.get(&key(flow))?.suite()
    }

    /// One side's secret of TLS 1.3, of the handshake or of what follows it.
    fn traffic_secret(&self, flow: Flow, is_handshake: bool) -> Option<(Suite, &Secret)> {
        let session = self.sessions.get(&key(flow))?;
        let label = match (session.side(flow), is_handshake) {
            (Side::Client, true) => Label::ClientHandshake,
            (Side::Client, false) => Label::ClientTraffic,
            (Side::Server, true) => Label::ServerHandshake,
            (Side::Server, false) => Label::ServerTraffic,
        };
        Some((session.suite()?, self.key_log.get(&session.client_random?)?.get(label)?))
    }

    /// Counts a connection that a fatal alert ends, once for both directions. Without a hello it may be something else.
    fn note_alert(&mut self, flow: Flow, content: &[u8], at: FrameRef, events: &mut TlsEvents) {
        let Some(session) = self.sessions.get_mut(&key(flow)).filter(|session| session.client.is_some()) else {
            return;
        };
        if let Some(alert) = TlsAlert::read(content, session.side(flow), flow)
            && !std::mem::replace(&mut session.is_refused, true)
        {
            events.alerts.add(alert, at);
        }
    }

    /// Counts a connection that cannot be read, once for both directions. When both have been given up it is forgotten.
    fn count_unreadable(&mut self, flow: Flow, reason: Reason, at: FrameRef, events: &mut TlsEvents) {
        let session = self.session(flow);
        session.given_up |= end(flow);
        let is_done = session.given_up == 3;
        if std::mem::replace(&mut session.is_unreadable, true) {
            if is_done {
                self.sessions.remove(&key(flow));
            }
            return;
        }
        match reason {
            Reason::NoKey => {
                events.no_key.add(at);
                let random = session.client_random.and_then(|random| random.first_chunk().copied());
                events.no_key_random = events.no_key_random.or(random);
            }
            Reason::NoHandshake => events.no_handshake.add(at),
            Reason::Unsupported => {
                events.unsupported.add(at);
                let named = session.server_hello.as_ref().map(|hello| (hello.version, hello.suite));
                events.unsupported_first = events.unsupported_first.or(named);
            }
        }
    }
}

/// Both directions of a connection have one entry.
fn key(flow: Flow) -> Flow {
    flow.min(flow.reversed())
}

fn end(flow: Flow) -> u8 {
    if key(flow) == flow { 1 } else { 2 }
}
