//! One direction of a TLS connection: records told apart, opened, and handed on.

use crate::base::Flow;
use crate::base::Framer;
use crate::base::SetAside;
use crate::transport::carried::Unit;
use crate::transport::ledger::Origin;
use crate::transport::ledger::Outlet;
use crate::transport::ledger::Payload;
use crate::transport::tls::Readiness;
use crate::transport::tls::Reason;
use crate::transport::tls::content::Content;
use crate::transport::tls::handshake;
use crate::transport::tls::handshake::Messages;
use crate::transport::tls::key_log::Secret;
use crate::transport::tls::protection::Opened;
use crate::transport::tls::protection::Protection;
use crate::transport::tls::protection::Sealed;
use crate::transport::tls::protection::Side;
use crate::transport::tls::schedule;
use crate::transport::tls::suite::Suite;

/// Content types (RFC 8446 §5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

const HEAD_BYTES: usize = 5;
/// RFC 5246 §6.2.3: so much may protection add to 2^14 bytes.
const BODY_BYTES_MAX: usize = (1 << 14) + 2048;
/// Behind a hole, the number of the next record is looked for among so many.
const LOST_RECORDS_MAX: u64 = 64;
/// Records in a row that cannot be opened, after which the direction is given up.
const FAILURES_MAX: u32 = 16;

/// Which keys are in use.
enum Epoch {
    /// None: the handshake is in clear.
    Clear,
    /// Those of 0-RTT data, of TLS 1.3.
    Early(Protection),
    /// Those of the handshake, of TLS 1.3.
    Handshake(Protection),
    /// Those of TLS 1.2, which have no successor but by another handshake.
    Master(Protection),
    /// Those of TLS 1.3, and the secret that the next are made of (RFC 8446 §7.2).
    Traffic { protection: Protection, suite: Suite, secret: Secret },
}

impl Epoch {
    fn protection(&mut self) -> Option<&mut Protection> {
        match self {
            Epoch::Clear => None,
            Epoch::Early(protection)
            | Epoch::Handshake(protection)
            | Epoch::Master(protection)
            | Epoch::Traffic { protection, .. } => Some(protection),
        }
    }
}

/// See the file.
pub(in crate::transport) struct Tls<F> {
    epoch: Epoch,
    messages: Messages,
    content: Content<F>,
    /// Where the next record begins is not known.
    is_lost: bool,
    /// The number of the next record is not known.
    is_uncounted: bool,
    failures: u32,
    has_opened: bool,
    /// Nothing more will be read, for this reason.
    over: Option<SetAside>,
}

impl<F: Framer> Tls<F> {
    pub(in crate::transport) fn new() -> Tls<F> {
        Tls {
            epoch: Epoch::Clear,
            messages: Messages::default(),
            content: Content::new(),
            is_lost: false,
            is_uncounted: false,
            failures: 0,
            has_opened: false,
            over: None,
        }
    }

    pub(in crate::transport) fn held_bytes(&self) -> usize {
        self.content.held_bytes().saturating_add(self.messages.held_bytes())
    }

    /// See [`crate::transport::carried::Carried::unit`].
    pub(in crate::transport) fn unit<S>(
        &mut self,
        window: &[u8],
        interrupted: bool,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Unit {
        if let Some(reason) = self.over {
            return Unit::Foreign(reason);
        }
        if self.is_lost && !window.is_empty() {
            match search(window, interrupted) {
                Unit::Whole { .. } => self.is_lost = false,
                unit => return unit,
            }
        }
        let (kind, len) = match head(window) {
            Head::Short if interrupted && !window.is_empty() => {
                return Unit::Skip { len: window.len(), reason: SetAside::TcpGap };
            }
            Head::Short => return Unit::More,
            Head::Wrong => {
                out.ledger.events.tls.undecryptable.add(out.now);
                self.is_lost = true;
                self.is_uncounted = true;
                return Unit::Skip { len: 1, reason: SetAside::Encrypted };
            }
            Head::Record { kind, len } => (kind, len),
        };
        if window.len() < len {
            return match interrupted {
                // A record that is cut cannot be proved genuine.
                true => Unit::Skip { len: window.len(), reason: SetAside::TcpGap },
                false => Unit::More,
            };
        }
        match self.readiness(kind, flow, out) {
            Readiness::Ready => Unit::Whole { len, cut: false },
            Readiness::Waiting if !interrupted && window.len() <= out.limits.tls_waiting_bytes_max => Unit::More,
            Readiness::Waiting => self.give_up(Reason::NoHandshake, flow, out),
            Readiness::Unreadable(reason) => self.give_up(reason, flow, out),
        }
    }

    /// Whether the keys for a record of this kind are at hand, where it needs any.
    fn readiness<S>(&self, kind: u8, flow: Flow, out: &mut Outlet<'_, S>) -> Readiness {
        let is_sealed = matches!(kind, CHANGE_CIPHER_SPEC | APPLICATION_DATA);
        if !matches!(self.epoch, Epoch::Clear) || !is_sealed {
            return Readiness::Ready;
        }
        let has_key = out.tls.early_secret(flow).is_some();
        let session = out.tls.session(flow);
        let is_early = session.has_early_data && session.server_hello.is_none() && session.client == Some(flow);
        if kind == APPLICATION_DATA && is_early && has_key {
            // Which cipher it is, only the server says.
            return Readiness::Waiting;
        }
        // RFC 8446 §5: in TLS 1.3 the change of cipher means nothing.
        if kind == CHANGE_CIPHER_SPEC && (session.is_1_3() || is_early) || kind == APPLICATION_DATA && is_early {
            return Readiness::Ready;
        }
        out.tls.readiness(flow)
    }

    fn give_up<S>(&mut self, reason: Reason, flow: Flow, out: &mut Outlet<'_, S>) -> Unit {
        out.tls.count_unreadable(flow, reason, out.now, &mut out.ledger.events.tls);
        self.over = Some(SetAside::Encrypted);
        Unit::Foreign(SetAside::Encrypted)
    }

    /// Bytes are missing behind those that were seen.
    pub(in crate::transport) fn interrupt<S: FnMut(Payload<'_>)>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) {
        self.content.interrupt(flow, out);
        self.messages.restart();
        self.is_lost = true;
        self.is_uncounted = true;
    }

    /// Takes a whole record; `None` where it holds a part of a message.
    pub(in crate::transport) fn take<S: FnMut(Payload<'_>)>(
        &mut self,
        record: &[u8],
        origin: Origin,
        flow: Flow,
        out: &mut Outlet<'_, S>,
    ) -> Option<SetAside> {
        let Some((head, body)) = record.split_first_chunk::<HEAD_BYTES>() else { return Some(SetAside::TcpGap) };
        let record = Sealed { head: *head, body };
        let [kind, ..] = *head;
        if kind == CHANGE_CIPHER_SPEC {
            self.change_cipher(flow, out);
            return Some(SetAside::Handshake);
        }
        if matches!(self.epoch, Epoch::Clear) {
            if kind == ALERT {
                out.tls.note_alert(flow, body, origin.frames.last, &mut out.ledger.events.tls);
            }
            if kind != APPLICATION_DATA {
                self.handshake(kind, body, flow, out);
                return Some(SetAside::Handshake);
            }
            // The first record that is sealed, of TLS 1.3; of TLS 1.2, where the change of cipher was lost.
            self.epoch = first_epoch(flow, out).unwrap_or(Epoch::Clear);
        }
        let Some(Opened { kind, bytes }) = self.open(record, flow, out) else {
            return Some(self.fail(flow, out));
        };
        self.failures = 0;
        self.has_opened = true;
        if kind != APPLICATION_DATA {
            self.handshake(kind, &bytes, flow, out);
            return Some(SetAside::Handshake);
        }
        let fate = self.content.push(&bytes, origin, flow, out);
        if self.content.is_foreign() {
            self.over = Some(SetAside::NotSip);
        }
        fate
    }

    /// From here on records are sealed, in TLS 1.2; by new keys, where they were before.
    fn change_cipher<S>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) {
        if out.tls.session(flow).server_hello.is_some()
            && !out.tls.session(flow).is_1_3()
            && let Some(protection) = out.tls.master_protection(flow)
        {
            self.epoch = Epoch::Master(protection);
            self.messages.restart();
            self.is_uncounted = false;
        }
    }

    fn fail<S: FnMut(Payload<'_>)>(&mut self, flow: Flow, out: &mut Outlet<'_, S>) -> SetAside {
        let session = out.tls.session(flow);
        let is_early = session.has_early_data && session.side(flow) == Side::Client && !self.has_opened;
        if is_early {
            // RFC 8446 §4.2.10: sealed with keys of its own, before the others.
            out.ledger.events.tls.early_data.add(out.now);
            return SetAside::Encrypted;
        }
        out.ledger.events.tls.undecryptable.add(out.now);
        self.content.interrupt(flow, out);
        self.messages.restart();
        self.is_uncounted = true;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            self.over = Some(SetAside::Encrypted);
        }
        SetAside::Encrypted
    }

    /// Opens a record with the keys in use, or with those that follow them where their change was not seen.
    fn open<S>(&mut self, record: Sealed<'_>, flow: Flow, out: &mut Outlet<'_, S>) -> Option<Opened> {
        let count = if self.is_uncounted { LOST_RECORDS_MAX } else { 1 };
        let opened = self.epoch.protection().and_then(|protection| open_one_of(protection, count, record));
        if opened.is_some() {
            self.is_uncounted = false;
            return opened;
        }
        let mut next = match &self.epoch {
            Epoch::Early(_) => handshake_epoch(flow, out)?,
            Epoch::Handshake(_) => traffic_epoch(flow, out)?,
            Epoch::Traffic { suite, secret, .. } if self.is_uncounted => next_traffic(*suite, secret)?,
            _ => return None,
        };
        let opened = loop {
            if let Some(opened) = next.protection().and_then(|protection| open_one_of(protection, count, record)) {
                break opened;
            }
            // Behind 0-RTT data, the whole handshake may be missing.
            next = if matches!(next, Epoch::Handshake(_)) { traffic_epoch(flow, out)? } else { return None };
        };
        self.epoch = next;
        self.is_uncounted = false;
        self.messages.restart();
        Some(opened)
    }

    fn handshake<S>(&mut self, kind: u8, bytes: &[u8], flow: Flow, out: &mut Outlet<'_, S>) {
        if kind != HANDSHAKE {
            return;
        }
        for (kind, body) in self.messages.push(bytes) {
            match kind {
                handshake::CLIENT_HELLO => {
                    if let Some(hello) = handshake::client_hello(&body) {
                        out.tls.note_client_hello(flow, hello);
                    }
                }
                handshake::SERVER_HELLO => {
                    if let Some(hello) = handshake::server_hello(&body) {
                        out.tls.note_server_hello(flow, hello);
                    }
                }
                handshake::NEW_SESSION_TICKET if matches!(self.epoch, Epoch::Clear) => {
                    if let Some(ticket) = handshake::ticket(&body) {
                        out.tls.note_ticket(flow, ticket);
                    }
                }
                handshake::END_OF_EARLY_DATA if matches!(self.epoch, Epoch::Early(_)) => {
                    if let Some(epoch) = handshake_epoch(flow, out) {
                        self.epoch = epoch;
                    }
                }
                handshake::ENCRYPTED_EXTENSIONS if matches!(self.epoch, Epoch::Handshake(_)) => {
                    out.tls.note_early_data(flow, handshake::accepts_early_data(&body));
                }
                handshake::FINISHED if matches!(self.epoch, Epoch::Handshake(_)) => {
                    if let Some(epoch) = traffic_epoch(flow, out) {
                        self.epoch = epoch;
                    }
                }
                handshake::KEY_UPDATE => {
                    if let Epoch::Traffic { suite, secret, .. } = &self.epoch
                        && let Some(epoch) = next_traffic(*suite, secret)
                    {
                        self.epoch = epoch;
                    }
                }
                _ => {}
            }
        }
    }
}

/// The keys of the first record that is sealed.
fn first_epoch<S>(flow: Flow, out: &mut Outlet<'_, S>) -> Option<Epoch> {
    let session = out.tls.session(flow);
    session.server_hello.as_ref()?;
    if !session.is_1_3() {
        return out.tls.master_protection(flow).map(Epoch::Master);
    }
    let early = out.tls.early_secret(flow).zip(out.tls.suite(flow));
    match early.and_then(|(secret, suite)| Protection::of_traffic_secret(suite, secret)) {
        Some(protection) => Some(Epoch::Early(protection)),
        None => handshake_epoch(flow, out),
    }
}

fn handshake_epoch<S>(flow: Flow, out: &Outlet<'_, S>) -> Option<Epoch> {
    let handshake = out.tls.traffic_secret(flow, true);
    match handshake.and_then(|(suite, secret)| Protection::of_traffic_secret(suite, secret)) {
        Some(protection) => Some(Epoch::Handshake(protection)),
        // The key log may have the secrets of the content alone.
        None => traffic_epoch(flow, out),
    }
}

fn traffic_epoch<S>(flow: Flow, out: &Outlet<'_, S>) -> Option<Epoch> {
    let (suite, secret) = out.tls.traffic_secret(flow, false)?;
    let protection = Protection::of_traffic_secret(suite, secret)?;
    Some(Epoch::Traffic { protection, suite, secret: secret.clone() })
}

/// The keys that a KeyUpdate brings in, from the secret of those in use (RFC 8446 §7.2).
fn next_traffic(suite: Suite, secret: &Secret) -> Option<Epoch> {
    let secret = schedule::expand_label(suite.hash, secret, "traffic upd", u8::try_from(suite.hash.len()).ok()?)?;
    Some(Epoch::Traffic { protection: Protection::of_traffic_secret(suite, &secret)?, suite, secret })
}

/// Opens a record that has one of the next numbers.
fn open_one_of(protection: &mut Protection, count: u64, record: Sealed<'_>) -> Option<Opened> {
    let numbers = protection.sequence..protection.sequence.saturating_add(count);
    let found = numbers.into_iter().find_map(|number| Some((number, protection.open(number, record)?)));
    protection.pass(record);
    let (number, opened) = found?;
    protection.sequence = number.saturating_add(1);
    Some(opened)
}

enum Head {
    Short,
    Wrong,
    Record {
        kind: u8,
        /// With the head.
        len: usize,
    },
}

fn head(window: &[u8]) -> Head {
    match window {
        [kind @ 20..=24, 3, 0..=4, len_0, len_1, ..] => {
            let len = usize::from(u16::from_be_bytes([*len_0, *len_1]));
            if len > BODY_BYTES_MAX { Head::Wrong } else { Head::Record { kind: *kind, len: HEAD_BYTES + len } }
        }
        [] | [20..=24] | [20..=24, 3] | [20..=24, 3, 0..=4] | [20..=24, 3, 0..=4, _] => Head::Short,
        _ => Head::Wrong,
    }
}

/// Looks for the head of a record behind a hole: one that has another head, or the end of what is there, behind its record.
/// [`Unit::Whole`] where it is at the front.
fn search(window: &[u8], interrupted: bool) -> Unit {
    let heads = window.iter().enumerate().filter(|(_, byte)| matches!(byte, 20..=24)).map(|(at, _)| at);
    for at in heads {
        let behind = match head(window.get(at..).unwrap_or_default()) {
            Head::Record { len, .. } => window.get(at.saturating_add(len)..),
            Head::Short => None,
            Head::Wrong => continue,
        };
        let is_sure = match behind.map(head) {
            Some(Head::Wrong) => continue,
            Some(Head::Short | Head::Record { .. }) => true,
            None => false,
        };
        return match (is_sure || !interrupted, at) {
            (true, 0) if is_sure => Unit::Whole { len: 0, cut: false },
            (true, 0) => Unit::More,
            (true, at) => Unit::Skip { len: at, reason: SetAside::TcpGap },
            (false, _) => continue,
        };
    }
    Unit::Skip { len: window.len(), reason: SetAside::TcpGap }
}
