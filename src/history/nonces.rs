//! The lives of all nonces, and what they tell of the servers that made them.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Limits;
use crate::base::WireMap;
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::limits::beginning;
use crate::history::legs::Legs;
use crate::history::nonce::Counted;
use crate::history::nonce::Issue;
use crate::history::nonce::Nonce;
use crate::history::nonce::Purpose;
use crate::history::nonce::UserHash;
use crate::history::nonce_format;
use crate::history::nonce_format::NonceFormat;
use crate::history::nonce_server::First;
use crate::history::nonce_server::NonceServer;
use crate::history::nonce_server::Sharing;
use crate::history::nonce_store::NonceStore;
use crate::session::Judgement;
use crate::session::NonceId;
use crate::session::Session;

/// Realms that are told apart for one nonce text. Bounds what a hostile capture can cost.
const REALMS_MAX: usize = 16;

/// Realms whose text is shared.
const REALMS_SHARED_MAX: usize = 4096;

/// Nonces of the same server that are asked whether they have the same form.
const AGREEMENT_OF: usize = 4;

/// As many nonces are kept whatever becomes of them. An hour of a thousand phones brings a few times as many.
const KEPT_ALWAYS: usize = 8192;

/// The latest nonces that each user got from each server are kept beyond that.
const KEPT_OF_USER: u8 = 8;

/// So long a nonce is kept after it was last heard of: servers let them live for minutes.
const IDLE_AFTER: Duration = Duration::from_secs(600);

/// The nonces, counted from 0 in order of first appearance.
///
/// Old ones are forgotten, so that memory follows users and not time: where there are many, those that were idle for ten
/// minutes, whose sessions have closed, and whose user has had eight newer ones from the same server.
#[derive(Debug)]
pub struct Nonces {
    store: NonceStore,
    /// How many there may be before it is worth looking who can be forgotten.
    crowd: usize,
    // Those of a capture are few, and kept once.
    realms: WireMap<Arc<[u8]>, ()>,
    servers: WireMap<IpAddr, NonceServer>,
    nonces_max: usize,
    servers_max: usize,
    forgotten: u64,
    servers_refused: u64,
    legs: Legs,
    // Two texts are taken for one where a hash of 64 bits, whose seed nobody outside knows, is the same: among a million, once
    // in tens of millions of runs.
    seed: RandomState,
}

impl Nonces {
    /// No nonces yet; as many are kept as the limits say.
    pub fn new(limits: &Limits) -> Nonces {
        Nonces {
            store: NonceStore::default(),
            crowd: KEPT_ALWAYS.min(limits.nonces_max),
            realms: WireMap::default(),
            servers: WireMap::default(),
            nonces_max: limits.nonces_max,
            servers_max: limits.nonce_servers_max,
            forgotten: 0,
            servers_refused: 0,
            legs: Legs::default(),
            seed: RandomState::default(),
        }
    }

    /// The id of a realm's nonce. `None` where the nonce is empty, the realm too long, or the text that of too many realms.
    pub fn id(&mut self, realm: &[u8], value: &[u8]) -> Option<NonceId> {
        if value.is_empty() {
            return None;
        }
        if realm.len() > NAME_BYTES_MAX {
            self.forgotten += 1;
            return None;
        }
        let key = self.seed.hash_one(value);
        let mut known = 0;
        for (id, nonce) in self.of_key(key) {
            if *nonce.realm == *realm {
                return Some(id);
            }
            known += 1;
        }
        if known == REALMS_MAX {
            self.forgotten += 1;
            return None;
        }
        let realm = self.realm(realm);
        self.store.push(|id| Nonce::new(id, key, realm))
    }

    /// Whether there are so many that it is time to [`Nonces::forget`] some: half as many came since the last time.
    pub fn is_crowded(&self) -> bool {
        self.store.len() >= self.crowd
    }

    /// What [`Nonces::forget`] is to forget: those that nobody is expected to use again, none of them of an open session. Where that
    /// leaves less than an eighth of the places free, the oldest eighth as well, open or not. Looks at every nonce. `now` is a clock that one
    /// wrong time does not move.
    pub fn unwanted(&self, now: CaptureTime, open: impl Iterator<Item = NonceId>) -> HashSet<NonceId, RandomState> {
        // Who is heard of need not be looked for in the sessions, which are all over the memory.
        let open = LazyCell::new(|| open.collect::<HashSet<NonceId, RandomState>>());
        let mut newer: WireMap<(UserHash, IpAddr, IpAddr), u8> = WireMap::default();
        let mut is_wanted = |nonce: &Nonce| {
            let is_used = now.since(nonce.last_heard) < IDLE_AFTER || open.contains(&nonce.id);
            let Some(issue) = nonce.issued() else { return is_used };
            let client = (issue.user, issue.flow.source.address, issue.flow.destination.address);
            let newer = newer.entry(client).or_default();
            *newer = newer.saturating_add(1);
            is_used || *newer <= KEPT_OF_USER
        };
        let mut wanted = Vec::new();
        let mut unwanted: HashSet<NonceId, RandomState> = HashSet::default();
        for nonce in self.store.newest_first() {
            if is_wanted(nonce) {
                wanted.push(nonce.id);
            } else {
                unwanted.insert(nonce.id);
            }
        }
        // An eighth at a time, or it would have to be done for each new one.
        let room = (self.nonces_max / 8).max(1);
        if wanted.len() > self.nonces_max.saturating_sub(room) {
            unwanted.extend(wanted.iter().rev().take(room));
        }
        unwanted
    }

    /// Forgets nonces: one that comes again is a new one.
    pub fn forget(&mut self, unwanted: &HashSet<NonceId, RandomState>) {
        let before = self.store.len();
        self.store.retain_newest_first(|nonce| !unwanted.contains(&nonce.id));
        self.forgotten += u64::try_from(before - self.store.len()).unwrap_or(0);
        self.crowd = (self.store.len() + self.store.len() / 2).max(KEPT_ALWAYS).min(self.nonces_max);
    }

    /// The realm's text, shared where it is known.
    fn realm(&mut self, realm: &[u8]) -> Arc<[u8]> {
        if let Some((known, ())) = self.realms.get_key_value(realm) {
            return Arc::clone(known);
        }
        let new: Arc<[u8]> = realm.into();
        if self.realms.len() < REALMS_SHARED_MAX {
            self.realms.insert(Arc::clone(&new), ());
        }
        new
    }

    fn of_value(&self, value: &[u8]) -> impl Iterator<Item = (NonceId, &Nonce)> {
        self.of_key(self.seed.hash_one(value))
    }

    /// The nonces of that text, latest first: of one realm, unless servers share nonces or clients mistake realms.
    fn of_key(&self, key: u64) -> impl Iterator<Item = (NonceId, &Nonce)> {
        let known = |id: NonceId| Some((id, self.store.get(id)?));
        let latest = self.store.latest(key).map(|nonce| (nonce.id, nonce));
        std::iter::successors(latest, move |(_, nonce)| nonce.same_value.and_then(known)).take(REALMS_MAX)
    }

    /// The id of the nonce that credentials name. A nonce that another realm issued is that nonce, whatever realm the client
    /// wrote beside it.
    pub fn named(&mut self, realm: &[u8], value: &[u8]) -> Option<NonceId> {
        let is_issued = |nonce: &Nonce| nonce.issue.is_some();
        let own = self.of_value(value).find(|(_, nonce)| *nonce.realm == *realm).filter(|(_, nonce)| is_issued(nonce));
        let issued = own.or_else(|| self.of_value(value).find(|(_, nonce)| is_issued(nonce))).map(|(id, _)| id);
        issued.or_else(|| self.id(realm, value))
    }

    /// The realm whose challenge brought a nonce of that text.
    pub fn issuing_realm(&self, value: &[u8]) -> Option<&[u8]> {
        self.of_value(value).find(|(_, nonce)| nonce.issue.is_some()).map(|(_, nonce)| &*nonce.realm)
    }

    /// Notes a challenge that brings a nonce, with its text; the first one stays.
    pub fn issued(&mut self, id: NonceId, value: &[u8], issue: Issue) {
        let Some(nonce) = self.store.get_mut(id) else { return };
        self.legs.note(id, &issue, nonce.issue.is_none());
        nonce.last_heard = nonce.last_heard.max(issue.time);
        let realm = Arc::clone(&nonce.realm);
        let Some(first) = nonce.issued() else {
            nonce.issue = Some(issue.into());
            if let Some(server) = self.server(issue.flow.source.address) {
                server.issued(|| First { nonce: id, value: beginning(value).into(), realm, issue });
            }
            return;
        };
        nonce.note_again(&first, &issue);
        // A B2BUA's or a proxy's copy comes from another address or port, and two captures may have two clocks.
        let is_shared = first.flow.source == issue.flow.source
            && first.at.input == issue.at.input
            && first.user != issue.user
            && first.user != UserHash(0)
            && issue.user != UserHash(0);
        if is_shared && let Some(server) = self.server(issue.flow.source.address) {
            server.shared(Sharing { realm, first: first.at, again: issue.at, apart: issue.time.since(first.time) });
        }
    }

    /// Whether a Call-ID, and no other, used a nonce, and that was heard of behind a time.
    pub fn is_used_after(&self, nonce: &Nonce, call_id: &[u8], time: CaptureTime) -> bool {
        let call = self.short_hash(call_id).max(1);
        nonce.used_by == call && !nonce.is_shared && nonce.last_heard > time
    }

    /// What a message is for: its Call-ID, and its method with the users it names.
    pub fn purpose(&self, call_id: &[u8], method: &[u8], users: [&[u8]; 2]) -> Purpose {
        Purpose { call_id: self.short_hash(call_id), request: self.short_hash((method, users)) }
    }

    /// Notes the nonce count of credentials, while the capture is read.
    pub fn counted(&mut self, id: NonceId, count: u32, at: FrameRef, client: IpAddr, purpose: Purpose) {
        let new = Counted { count, call: purpose.call_id, client: self.short_hash(client) };
        if let Some(nonce) = self.store.get_mut(id) {
            nonce.note_count(new, at);
        }
    }

    /// Whether another Call-ID counted higher with that nonce, as far as the capture was read.
    pub fn is_counted_higher(&self, nonce: &Nonce, call_id: &[u8], count: u32) -> bool {
        nonce.highest.count > count && nonce.highest.call != self.short_hash(call_id)
    }

    /// Notes that credentials name a nonce, while the capture is read.
    pub fn sent(&mut self, id: NonceId, at: FrameRef, time: CaptureTime, flow: Flow, purpose: Purpose) {
        let Some(nonce) = self.store.get_mut(id) else { return };
        nonce.last_heard = nonce.last_heard.max(time);
        let call = purpose.call_id.max(1);
        let used_by = if nonce.used_by == 0 { call } else { nonce.used_by };
        nonce.is_shared |= used_by != call;
        if let Some(issue) = nonce.issued() {
            nonce.note_move(&issue, (at, time), flow, purpose);
        }
        nonce.used_by = used_by;
    }

    /// Notes the response of credentials, while the capture is read.
    pub fn responded(&mut self, id: NonceId, response: &[u8], purpose: Purpose) {
        let response = self.seed.hash_one(response);
        self.legs.presented(id, purpose.call_id, response);
    }

    fn server(&mut self, address: IpAddr) -> Option<&mut NonceServer> {
        if self.servers.len() >= self.servers_max && !self.servers.contains_key(&address) {
            self.servers_refused += 1;
            return None;
        }
        Some(self.servers.entry(address).or_default())
    }

    /// What tells one user from another. Holds within one run only.
    pub fn user(&self, name: &[u8]) -> UserHash {
        UserHash(if name.is_empty() { 0 } else { self.seed.hash_one(name).max(1) })
    }

    fn short_hash(&self, what: impl Hash) -> u32 {
        u32::try_from(self.seed.hash_one(what) >> 32).unwrap_or_default()
    }

    /// What the form of a nonce of that text tells, seen at `time` where its challenge was not. It is believed where most of the
    /// other nonces of that server have the same form.
    pub fn format(&self, id: NonceId, value: &[u8], time: CaptureTime) -> Option<NonceFormat> {
        self.believed(id, value, self.get(id)?.issued(), time)
    }

    /// The same of one of the first nonces of a server.
    pub fn format_of(&self, first: &First) -> Option<NonceFormat> {
        self.believed(first.nonce, &first.value, Some(first.issue), first.issue.time)
    }

    fn believed(&self, id: NonceId, value: &[u8], issue: Option<Issue>, time: CaptureTime) -> Option<NonceFormat> {
        let (seen, is_aka) = issue.map_or((time, false), |issue| (issue.time, issue.is_aka));
        let format = nonce_format::read(value, seen, is_aka)?;
        let server = issue.and_then(|issue| self.servers.get(&issue.flow.source.address));
        let others = server.into_iter().flat_map(|server| server.first()).filter(|other| other.nonce != id);
        let (mut agree, mut differ) = (0, 0);
        for other in others.filter(|other| *other.value != *value).take(AGREEMENT_OF) {
            let read = nonce_format::read(&other.value, other.issue.time, other.issue.is_aka);
            match read.is_some_and(|read| read.stack == format.stack) {
                true => agree += 1,
                false => differ += 1,
            }
        }
        let needed = if format.stack.is_plain() { agree > differ } else { agree >= differ };
        needed.then_some(format)
    }

    /// The servers that issued nonces, by address.
    pub fn servers(&self) -> Vec<(IpAddr, &NonceServer)> {
        let mut servers: Vec<_> = self.servers.iter().map(|(address, server)| (*address, server)).collect();
        servers.sort_by_key(|(address, _)| *address);
        servers
    }

    /// One of the first challenges of a server that went that way.
    pub fn first_asked(&self, flow: Flow) -> Option<FrameRef> {
        let mut first = self.servers.get(&flow.source.address)?.first();
        first.find(|first| first.issue.flow == flow).map(|first| first.issue.at)
    }

    /// Whether the first challenges of a server asked that very client about several users.
    pub fn has_asked_about_several(&self, client: Flow) -> bool {
        let first = self.servers.get(&client.destination.address).into_iter().flat_map(NonceServer::first);
        let mut users = first.filter(|first| first.issue.flow.reversed() == client).map(|first| first.issue.user);
        users.next().is_some_and(|one| users.any(|other| other != one))
    }

    /// Whether a server let credentials past whose nonce another one had issued: then the two share their nonces.
    pub fn are_shared(&self, issuer: IpAddr, server: IpAddr) -> bool {
        self.servers.get(&server).is_some_and(|server| server.accepts_of(issuer))
    }

    /// Counts what a closed session did with its nonces.
    pub fn add(&mut self, session: &Session<'_>) {
        for attempt in &session.attempts {
            let sent = attempt.request().map(|request| request.time);
            for presented in &attempt.credentials {
                let Some(nonce) = presented.nonce.and_then(|id| self.store.get_mut(id)) else { continue };
                nonce.uses += 1;
                nonce.last_used = sent.map_or(nonce.last_used, |sent| nonce.last_used.max(sent));
                match presented.judgement {
                    Judgement::Accepted | Judgement::Passed => nonce.accepted += 1,
                    Judgement::Refused | Judgement::Stale | Judgement::Forbidden => nonce.refused += 1,
                    Judgement::BadRequest | Judgement::Unjudged | Judgement::None => {}
                }
                let issuer = nonce.issued().map(|issue| issue.flow.source.address);
                let server = attempt.transaction.flow().destination.address;
                if presented.judgement == Judgement::Accepted
                    && let Some(issuer) = issuer.filter(|issuer| *issuer != server)
                    && let Some(server) = self.server(server)
                {
                    server.accepts(issuer);
                }
            }
        }
    }

    /// The requests that B2BUAs sent on under Call-IDs of their own.
    pub fn legs(&self) -> &Legs {
        &self.legs
    }

    /// Whether the requests of a session are those of another client, sent on under this Call-ID.
    pub fn is_passed_on(&self, session: &Session<'_>) -> bool {
        let call = self.short_hash(&*session.run.call_id);
        session.client().is_some_and(|client| self.legs.is_passed_on(call, client))
    }

    /// Whether the requests of a Call-ID are sent on by a B2BUA that passes the challenges back.
    pub fn is_sent_on(&self, call_id: &[u8]) -> bool {
        self.legs.is_sent_on(self.short_hash(call_id))
    }

    /// Notes the report's number of a session, if it is one side of a request that was sent on.
    pub fn closed(&mut self, session: &Session<'_>, number: u64) {
        let call = self.short_hash(&*session.run.call_id);
        if let Some(client) = session.client() {
            self.legs.closed(call, client, number);
        }
    }

    /// A nonce's record.
    pub fn get(&self, id: NonceId) -> Option<&Nonce> {
        self.store.get(id)
    }

    /// How many times a server found no place.
    pub fn servers_refused(&self) -> u64 {
        self.servers_refused
    }

    /// How many nonces were forgotten.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Endpoint;
    use crate::base::FrameNumber;
    use crate::base::InputId;

    const REALM: &[u8] = b"example.com";

    fn text(number: usize) -> Vec<u8> {
        format!("nonce-{number}").into_bytes()
    }

    /// A challenge with that nonce, for that user, so many seconds after the beginning.
    fn challenge(nonces: &mut Nonces, number: usize, user: &str, seconds: i64) -> NonceId {
        let endpoint = |last| Endpoint { address: IpAddr::from([192, 0, 2, last]), port: 5060 };
        let issue = Issue {
            at: FrameRef { input: InputId(0), number: FrameNumber::FIRST },
            time: CaptureTime::from_ns(seconds * 1_000_000_000),
            flow: Flow { source: endpoint(1), destination: endpoint(2) },
            purpose: nonces.purpose(b"call", b"REGISTER", [user.as_bytes(); 2]),
            is_aka: false,
            user: nonces.user(user.as_bytes()),
        };
        let id = nonces.id(REALM, &text(number)).unwrap();
        nonces.issued(id, &text(number), issue);
        id
    }

    #[test]
    fn idle_nonces_of_users_who_got_newer_ones_are_forgotten() {
        let mut nonces = Nonces::new(&Limits::default());
        let quiet = challenge(&mut nonces, 0, "quiet", 0);
        let loud: Vec<NonceId> = (1..=20).map(|number| challenge(&mut nonces, number, "loud", 1)).collect();
        let (open, used) = (loud[2], loud[3]);
        for number in 100..100 + KEPT_ALWAYS {
            challenge(&mut nonces, number, &format!("user {number}"), 700);
            let issue = nonces.get(used).and_then(Nonce::issued).unwrap();
            let (purpose, time) = (issue.purpose, CaptureTime::from_ns(700_000_000_000));
            nonces.sent(used, issue.at, time, issue.flow.reversed(), purpose);
            if nonces.is_crowded() {
                let unwanted = nonces.unwanted(CaptureTime::from_ns(700_000_000_000), [open].into_iter());
                nonces.forget(&unwanted);
            }
        }
        let is_kept = |id: &NonceId| nonces.get(*id).is_some();
        assert!(is_kept(&quiet) && is_kept(&used) && is_kept(&open));
        let kept: Vec<bool> = loud.iter().map(is_kept).collect();
        assert_eq!(kept.iter().rev().take_while(|kept| **kept).count(), 8);
        assert_eq!(kept.iter().filter(|kept| **kept).count(), 10, "and the one in use and the one of an open session");
        assert_eq!(nonces.forgotten(), 10);
        // One that comes back is a new one.
        let again = nonces.named(REALM, &text(1)).unwrap();
        assert!(again > loud[19] && nonces.get(again).is_some_and(|nonce| nonce.issued().is_none()));
        assert_eq!(nonces.issuing_realm(&text(4)), Some(REALM));
    }

    #[test]
    fn the_oldest_make_room_at_the_limit() {
        let mut nonces = Nonces::new(&Limits { nonces_max: 16, ..Limits::default() });
        let ids = (0..1000).map(|number| {
            let id = challenge(&mut nonces, number, &number.to_string(), 0);
            if nonces.is_crowded() {
                let unwanted = nonces.unwanted(CaptureTime::from_ns(0), std::iter::empty());
                nonces.forget(&unwanted);
            }
            id
        });
        let ids: Vec<NonceId> = ids.collect();
        assert!(nonces.store.len() <= 16 && nonces.get(ids[999]).is_some() && nonces.get(ids[983]).is_none());
        assert_eq!(nonces.forgotten() + u64::try_from(nonces.store.len()).unwrap(), 1000);
    }

    #[test]
    fn nonces_of_several_realms_with_one_text_are_told_apart() {
        let mut nonces = Nonces::new(&Limits::default());
        let ids: Vec<NonceId> = (0..5).map(|realm| nonces.id(&[b'a' + realm], b"same").unwrap()).collect();
        assert!(
            ids.iter().enumerate().all(|(at, id)| nonces.id(&[b'a' + u8::try_from(at).unwrap()], b"same") == Some(*id))
        );
        nonces.store.retain_newest_first(|nonce| *nonce.realm != *b"c");
        assert_eq!(nonces.id(b"b", b"same"), Some(ids[1]), "what is older than the one forgotten is found, too");
        assert!(nonces.id(b"c", b"same").is_some_and(|new| new > ids[4]));
    }
}
