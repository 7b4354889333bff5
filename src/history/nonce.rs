//! The life of every nonce: who issued it, how often it was used, and what became of that.

use std::hash::BuildHasher;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use crate::base::CaptureTime;
use crate::base::Chunks;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Limits;
use crate::base::WireMap;
use crate::history::nonce_format;
use crate::history::nonce_format::NonceFormat;
use crate::history::nonce_server::NonceServer;
use crate::history::nonce_server::Sharing;
use crate::session::Judgement;
use crate::session::NonceId;
use crate::session::Session;

/// One nonce of one realm.
#[derive(Debug)]
pub struct Nonce {
    /// Its text, unescaped.
    pub value: Box<[u8]>,
    /// The realm that issued it, or that the first credentials named.
    pub realm: Arc<[u8]>,
    /// The first challenge seen with it; `None` where it was issued before the capture, or never.
    pub issued: Option<Issue>,
    /// When credentials with it were last sent.
    pub last_used: Option<CaptureTime>,
    /// Requests with it, copies and ACKs left out.
    pub uses: u32,
    /// How many of them were let past.
    pub accepted: u32,
    /// How many were challenged again or forbidden.
    pub refused: u32,
    /// The request that used it first, where that stood under another Call-ID than the challenge although it was of the same
    /// method, users, client and server, and nobody used it under the challenge's own.
    pub moved_to: Option<Box<FrameRef>>,
    /// Whether a session of the report shows it.
    pub is_listed: bool,
    is_used: bool,
    /// The nonce before it with the same text and another realm.
    same_value: Option<NonceId>,
}

/// Realms that are told apart for one nonce text. Bounds what a hostile capture can cost.
const REALMS_MAX: usize = 16;

/// Realms whose text is shared.
const REALMS_SHARED_MAX: usize = 4096;

/// Nonces of the same server that are asked whether they have the same form.
const AGREEMENT_OF: usize = 4;

fn read(nonce: &Nonce, time: CaptureTime) -> Option<NonceFormat> {
    let seen = nonce.issued.map_or(time, |issue| issue.time);
    nonce_format::read(&nonce.value, seen, nonce.issued.is_some_and(|issue| issue.is_aka))
}

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
    /// Whom the challenge was for, as [`Nonces::user`] gives it.
    pub user: UserHash,
}

/// Which Call-ID a message belongs to, and what it is for: hashes, so that a million of them take no room. Two that differ by
/// chance alike would need a capture made for it, and the seed is not known to whoever makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    call_id: u32,
    request: u32,
}

/// Stands for a user name, so that two can be told apart without keeping them. Zero stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserHash(u32);

/// All nonces, counted from 0 in order of first appearance.
#[derive(Debug)]
pub struct Nonces {
    nonces: Chunks<Nonce>,
    // The latest nonce of each text, by the hash of that; older ones hang on it.
    by_value: HashTable<NonceId>,
    // Those of a capture are few, and kept once.
    realms: WireMap<Arc<[u8]>, ()>,
    servers: WireMap<IpAddr, NonceServer>,
    nonces_max: usize,
    servers_max: usize,
    refused: u64,
    servers_refused: u64,
    seed: RandomState,
}

impl Nonces {
    /// No nonces yet; as many are kept as the limits say.
    pub fn new(limits: &Limits) -> Nonces {
        Nonces {
            nonces: Chunks::default(),
            by_value: HashTable::new(),
            realms: WireMap::default(),
            servers: WireMap::default(),
            nonces_max: limits.nonces_max,
            servers_max: limits.nonce_servers_max,
            refused: 0,
            servers_refused: 0,
            seed: RandomState::default(),
        }
    }

    /// The id of a realm's nonce. `None` where the nonce is empty, or where the limit is reached.
    pub fn id(&mut self, realm: &[u8], value: &[u8]) -> Option<NonceId> {
        if value.is_empty() {
            return None;
        }
        if let Some((id, _)) = self.of_value(value).find(|(_, nonce)| *nonce.realm == *realm) {
            return Some(id);
        }
        if self.nonces.len() >= self.nonces_max {
            self.refused += 1;
            return None;
        }
        let id = NonceId(u32::try_from(self.nonces.len()).ok()?);
        let realm = self.realm(realm);
        let same_value = self.name(id, value);
        self.nonces.push(Nonce {
            value: value.into(),
            realm,
            issued: None,
            last_used: None,
            uses: 0,
            accepted: 0,
            refused: 0,
            moved_to: None,
            is_listed: false,
            is_used: false,
            same_value,
        });
        Some(id)
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

    /// Makes a nonce the latest of that text. Gives the one that was.
    fn name(&mut self, id: NonceId, value: &[u8]) -> Option<NonceId> {
        let Nonces { by_value, nonces, seed, .. } = self;
        let text = |id: &NonceId| nonces.get(id.0 as usize).map(|nonce| &*nonce.value).unwrap_or_default();
        match by_value.find_mut(seed.hash_one(value), |known| text(known) == value) {
            Some(latest) => Some(std::mem::replace(latest, id)),
            None => {
                let hash_of = |known: &NonceId| seed.hash_one(if *known == id { value } else { text(known) });
                by_value.insert_unique(seed.hash_one(value), id, hash_of);
                None
            }
        }
    }

    /// The nonces of that text, latest first: of one realm, unless servers share nonces or clients mistake realms.
    fn of_value(&self, value: &[u8]) -> impl Iterator<Item = (NonceId, &Nonce)> {
        let with_record = |id: NonceId| Some((id, self.nonces.get(id.0 as usize)?));
        let is_it = |id: &NonceId| self.get(*id).is_some_and(|nonce| *nonce.value == *value);
        let latest = self.by_value.find(self.seed.hash_one(value), is_it).and_then(|id| with_record(*id));
        std::iter::successors(latest, move |(_, nonce)| nonce.same_value.and_then(with_record)).take(REALMS_MAX)
    }

    /// The id of the nonce that credentials name. A nonce that another realm issued is that nonce, whatever realm the client
    /// wrote beside it.
    pub fn named(&mut self, realm: &[u8], value: &[u8]) -> Option<NonceId> {
        let is_issued = |nonce: &Nonce| nonce.issued.is_some();
        let own = self.of_value(value).find(|(_, nonce)| *nonce.realm == *realm).filter(|(_, nonce)| is_issued(nonce));
        let issued = own.or_else(|| self.of_value(value).find(|(_, nonce)| is_issued(nonce))).map(|(id, _)| id);
        issued.or_else(|| self.id(realm, value))
    }

    /// The realm whose challenge brought a nonce of that text.
    pub fn issuing_realm(&self, value: &[u8]) -> Option<&[u8]> {
        self.of_value(value).find(|(_, nonce)| nonce.issued.is_some()).map(|(_, nonce)| &*nonce.realm)
    }

    /// Notes a challenge that brings a nonce; the first one stays.
    pub fn issued(&mut self, id: NonceId, issue: Issue) {
        let Some(nonce) = self.nonces.get_mut(id.0 as usize) else { return };
        let Some(first) = nonce.issued else {
            nonce.issued = Some(issue);
            if let Some(server) = self.server(issue.flow.source.address) {
                server.issued(id);
            }
            return;
        };
        // A B2BUA's or a proxy's copy comes from another address or port.
        let is_shared = first.flow.source == issue.flow.source
            && first.user != issue.user
            && first.user != UserHash(0)
            && issue.user != UserHash(0);
        if is_shared && let Some(server) = self.server(issue.flow.source.address) {
            server.shared(Sharing { nonce: id, first: first.at, again: issue.at, apart: issue.time.since(first.time) });
        }
    }

    /// What a message is for: its Call-ID, and its method with the users it names.
    pub fn purpose(&self, call_id: &[u8], method: &[u8], users: [&[u8]; 2]) -> Purpose {
        Purpose { call_id: self.short_hash(call_id), request: self.short_hash((method, users)) }
    }

    /// Notes that credentials name a nonce, while the capture is read.
    pub fn sent(&mut self, id: NonceId, at: FrameRef, flow: Flow, purpose: Purpose) {
        let Some(nonce) = self.nonces.get_mut(id.0 as usize) else { return };
        let Some(issue) = nonce.issued else { return };
        let is_elsewhere = issue.purpose.call_id != purpose.call_id;
        let is_same_hop = issue.flow.source.address == flow.destination.address
            && issue.flow.destination.address == flow.source.address;
        if !is_elsewhere {
            nonce.moved_to = None;
        } else if !nonce.is_used && is_same_hop && issue.purpose.request == purpose.request {
            nonce.moved_to = Some(Box::new(at));
        }
        nonce.is_used = true;
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
        UserHash(if name.is_empty() { 0 } else { self.short_hash(name).max(1) })
    }

    fn short_hash(&self, what: impl Hash) -> u32 {
        u32::try_from(self.seed.hash_one(what) >> 32).unwrap_or_default()
    }

    /// What the form of a nonce tells, seen at `time` where its challenge was not. It is believed where most of the other
    /// nonces of that server have the same form.
    pub fn format(&self, id: NonceId, time: CaptureTime) -> Option<NonceFormat> {
        let nonce = self.get(id)?;
        let format = read(nonce, time)?;
        let server = nonce.issued.and_then(|issue| self.servers.get(&issue.flow.source.address));
        let others = server.into_iter().flat_map(|server| server.first()).filter(|other| *other != id);
        let others = others.filter_map(|other| self.get(other)).filter(|other| other.value != nonce.value);
        let (mut agree, mut differ) = (0, 0);
        for other in others.take(AGREEMENT_OF) {
            match read(other, time).is_some_and(|read| read.stack == format.stack) {
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

    /// Whether a server let credentials past whose nonce another one had issued: then the two share their nonces.
    pub fn are_shared(&self, issuer: IpAddr, server: IpAddr) -> bool {
        self.servers.get(&server).is_some_and(|server| server.accepts_of(issuer))
    }

    /// Counts what a closed session did with its nonces.
    pub fn add(&mut self, session: &Session<'_>) {
        for attempt in &session.attempts {
            let sent = attempt.request().map(|request| request.time);
            for presented in &attempt.credentials {
                let Some(nonce) = presented.nonce.and_then(|id| self.nonces.get_mut(id.0 as usize)) else { continue };
                nonce.uses += 1;
                nonce.last_used = nonce.last_used.max(sent);
                match presented.judgement {
                    Judgement::Accepted | Judgement::Passed => nonce.accepted += 1,
                    Judgement::Refused | Judgement::Stale | Judgement::Forbidden => nonce.refused += 1,
                    Judgement::BadRequest | Judgement::None => {}
                }
                let issuer = nonce.issued.map(|issue| issue.flow.source.address);
                let server = attempt.transaction.flow.destination.address;
                if presented.judgement == Judgement::Accepted
                    && let Some(issuer) = issuer.filter(|issuer| *issuer != server)
                    && let Some(server) = self.server(server)
                {
                    server.accepts(issuer);
                }
            }
        }
    }

    /// Marks a nonce as shown by a session of the report.
    pub fn list(&mut self, id: NonceId) {
        if let Some(nonce) = self.nonces.get_mut(id.0 as usize) {
            nonce.is_listed = true;
        }
    }

    /// A nonce's record.
    pub fn get(&self, id: NonceId) -> Option<&Nonce> {
        self.nonces.get(id.0 as usize)
    }

    /// The nonces that sessions of the report show.
    pub fn listed(&self) -> impl Iterator<Item = (NonceId, &Nonce)> {
        let ids = (0..).map(NonceId);
        ids.zip(self.nonces.iter()).filter(|(_, nonce)| nonce.is_listed)
    }

    /// How many times a server found no place.
    pub fn servers_refused(&self) -> u64 {
        self.servers_refused
    }

    /// How many nonces found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
