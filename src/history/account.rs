//! What one address of record did from one source, across Call-IDs: phones change Call-ID at every try.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Endpoint;
use crate::base::FrameRef;
use crate::base::WireMap;
use crate::base::limits::NAME_BYTES_MAX;
use crate::history::LoopStep;
use crate::history::Steps;

/// An address of record, as used from one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountKey<'a> {
    /// Who sends.
    pub source: IpAddr,
    /// The To URI of a REGISTER (RFC 3261 §10.2), the From URI of other requests.
    pub aor: Cow<'a, [u8]>,
}

/// How many times are kept of one account; older ones make room. As many as a number has bits.
const KEPT_MAX: usize = 64;

/// Servers answer credentials within this time, as a rule.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);

/// Credentials that an account showed. Hashes are whole: two that fell together would make one verdict of two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// When.
    pub time: CaptureTime,
    /// A hash of what they are: a method with a realm, or an algorithm.
    pub purpose: u64,
    /// A hash of who got them.
    pub server: u64,
    /// The port they came from; 0 where each connection has one of its own.
    pub port: u16,
}

impl Shown {
    /// Whether they may come from that port's client. As its own port, 0 is any.
    pub fn has_port_of(&self, port: u16) -> bool {
        self.port == 0 || port == 0 || self.port == port
    }
}

#[derive(Debug, Default)]
struct Account {
    presented: VecDeque<Shown>,
    /// Which of them were accepted: the newest in the lowest bit.
    accepted: u64,
    /// Behind which of them a REGISTER was accepted.
    registered: u64,
    /// Boxed, with the name that only they are told by: few accounts have any.
    steps: Option<Box<(AccountKey<'static>, Steps)>>,
    registrations: Registrations,
    /// Boxed: few accounts are forbidden anything.
    forbidden: Option<Box<Forbidden>>,
}

/// The latest registration of an account that was forbidden.
#[derive(Debug)]
struct Forbidden {
    answered: CaptureTime,
    /// How many Call-IDs in a row came so soon behind a 403, and were forbidden, too.
    retries: u32,
}

/// What an account's accepted registrations do with their Call-IDs.
#[derive(Debug, Default)]
struct Registrations {
    /// How many in a row had a Call-ID of their own.
    new_call_ids: u32,
    /// Whether one Call-ID was ever kept for the next registration.
    is_kept: bool,
    /// The port they came from: behind a NAT, several phones may share an account and an address.
    port: u16,
    call_id: Option<Arc<[u8]>>,
}

/// All accounts seen.
#[derive(Debug)]
pub struct Accounts {
    /// By a hash of the key: most are looked up with each of their messages, and a name would have to be compared each time. Boxed: most of
    /// a hash table is room, and it is moved each time it grows.
    accounts: WireMap<u64, Box<Account>>,
    /// Clients and the servers whose challenges of an unusual kind they answered, to a REGISTER or to another request.
    unusual_answered: BTreeSet<(Endpoint, IpAddr, bool)>,
    /// Who sent credentials to whom, as hashes.
    pairs: WireMap<u64, ()>,
    /// The first call or message that was let past, by a hash of who sent it: nobody asks for the names.
    let_past: WireMap<u64, FrameRef>,
    /// The first digest of a secret that was given which a server accepted, by a hash of account and server.
    secrets_taken: WireMap<u64, FrameRef>,
    /// The first credentials of a client that a server accepted, and the latest, by a hash of account, client and server.
    taken_of: WireMap<u64, (FrameRef, FrameRef)>,
    accounts_max: usize,
    refused: u64,
}

impl Accounts {
    /// No accounts yet; at most `accounts_max` are kept.
    pub fn new(accounts_max: usize) -> Accounts {
        Accounts {
            accounts: WireMap::default(),
            unusual_answered: BTreeSet::new(),
            pairs: WireMap::default(),
            let_past: WireMap::default(),
            secrets_taken: WireMap::default(),
            taken_of: WireMap::default(),
            accounts_max,
            refused: 0,
        }
    }

    /// Notes that a client answered a server's challenge of an unusual kind: 407 to a REGISTER, or 401 to another request.
    pub fn answered_unusual(&mut self, client: Endpoint, server: IpAddr, is_register: bool) {
        let known = (client, server, is_register);
        if self.unusual_answered.len() < self.accounts_max || self.unusual_answered.contains(&known) {
            self.unusual_answered.insert(known);
        } else {
            self.refused += 1;
        }
    }

    /// Whether that client answered such a challenge of that server, to a REGISTER or to another request.
    pub fn has_answered_unusual(&self, client: Endpoint, server: IpAddr, is_register: bool) -> bool {
        self.unusual_answered.contains(&(client, server, is_register))
    }

    fn hash(&self, key: &AccountKey<'_>) -> u64 {
        self.accounts.hasher().hash_one(key)
    }

    fn known(&self, key: &AccountKey<'_>) -> Option<&Account> {
        self.accounts.get(&self.hash(key)).map(Box::as_ref)
    }

    fn account(&mut self, key: &AccountKey<'_>) -> Option<&mut Account> {
        let hash = self.hash(key);
        let is_full = self.accounts.len() >= self.accounts_max && !self.accounts.contains_key(&hash);
        if is_full || key.aor.len() > NAME_BYTES_MAX {
            self.refused += 1;
            return None;
        }
        Some(self.accounts.entry(hash).or_default())
    }

    /// What credentials are for: a method with a realm. Holds within one run only.
    pub fn purpose(&self, method: &[u8], realm: &[u8]) -> u64 {
        self.accounts.hasher().hash_one((method, realm))
    }

    /// Whom they are sent to. Holds within one run only.
    pub fn server(&self, address: IpAddr) -> u64 {
        self.accounts.hasher().hash_one(address)
    }

    /// Notes that the account sent credentials to that server.
    pub fn presented(&mut self, key: &AccountKey<'_>, server: IpAddr, shown: impl Iterator<Item = Shown>) {
        let pair = self.accounts.hasher().hash_one((key.source, server));
        if self.pairs.len() < self.accounts_max || self.pairs.contains_key(&pair) {
            self.pairs.insert(pair, ());
        } else {
            self.refused += 1;
        }
        if let Some(account) = self.account(key) {
            for shown in shown {
                push(&mut account.presented, shown);
                account.accepted <<= 1;
                account.registered <<= 1;
            }
        }
    }

    /// Notes that the latest credentials of the account were accepted.
    pub fn got_in(&mut self, key: &AccountKey<'_>) {
        if let Some(account) = self.showing(key) {
            account.accepted |= 1;
        }
    }

    /// The same, where what was accepted is a REGISTER.
    pub fn got_registered(&mut self, key: &AccountKey<'_>) {
        if let Some(account) = self.showing(key) {
            account.accepted |= 1;
            account.registered |= 1;
        }
    }

    /// An account that showed credentials.
    fn showing(&mut self, key: &AccountKey<'_>) -> Option<&mut Account> {
        let hash = self.hash(key);
        self.accounts.get_mut(&hash).map(Box::as_mut).filter(|account| !account.presented.is_empty())
    }

    /// Whether a host has sent credentials to a server: then it is a client of it.
    pub fn is_client_of(&self, client: IpAddr, server: IpAddr) -> bool {
        self.pairs.contains_key(&self.accounts.hasher().hash_one((client, server)))
    }

    /// What the account showed at `from` or within `wait` after it, in whatever Call-ID.
    pub fn presented_within(
        &self,
        key: &AccountKey<'_>,
        from: CaptureTime,
        wait: Duration,
    ) -> impl Iterator<Item = &Shown> {
        let until = from.plus(wait);
        self.shown(key).filter(move |shown| (from..=until).contains(&shown.time))
    }

    /// Whether it showed anything at `from` or within `wait` after it.
    pub fn has_presented(&self, key: &AccountKey<'_>, from: CaptureTime, wait: Duration) -> bool {
        self.presented_within(key, from, wait).next().is_some()
    }

    /// Whatever it showed, as far as that is remembered.
    pub fn shown(&self, key: &AccountKey<'_>) -> impl Iterator<Item = &Shown> {
        self.known(key).into_iter().flat_map(|account| &account.presented)
    }

    /// Whether it showed something at `from` or within `wait` after it that was accepted.
    pub fn has_got_in(&self, key: &AccountKey<'_>, from: CaptureTime, wait: Duration) -> bool {
        let until = from.plus(wait);
        self.known(key).is_some_and(|account| {
            let mut newest = account.presented.iter().rev().enumerate();
            newest.any(|(place, shown)| account.accepted >> place & 1 == 1 && (from..=until).contains(&shown.time))
        })
    }

    /// When an account got in that had been refused, where it had not got in before and stays in. What it showed counts where it is for one of
    /// these purposes, and went where `refused` went, from the same port: another port is another client, and so is who has right and wrong
    /// by turns. What was shown a moment before `now` has no answer yet.
    pub fn got_in_for_good(
        &self,
        key: &AccountKey<'_>,
        refused: Shown,
        purposes: &[u64],
        (wait, now): (Duration, CaptureTime),
    ) -> Option<CaptureTime> {
        let account = self.known(key)?;
        // What one request showed was accepted together. A call may be let past that showed nothing.
        let newest = account.presented.iter().rev().take(KEPT_MAX).enumerate();
        let accepted: BTreeSet<(CaptureTime, bool)> = newest
            .filter(|(place, _)| account.accepted >> place & 1 == 1)
            .map(|(place, shown)| (shown.time, account.registered >> place & 1 == 1))
            .collect();
        let is_alike = |shown: &&Shown| {
            purposes.contains(&shown.purpose) && shown.server == refused.server && shown.has_port_of(refused.port)
        };
        let alike: Vec<&Shown> = account.presented.iter().filter(is_alike).collect();
        let is_accepted = |shown: &&&Shown| accepted.contains(&(shown.time, shown.purpose == refused.purpose));
        let was_in_before = alike.iter().find(is_accepted).is_some_and(|first| first.time <= refused.time);
        let is_under_way = |shown: &&&Shown| !is_accepted(shown) && shown.time.plus(ANSWERED_WITHIN) > now;
        let mut decided = alike.iter().rev().skip_while(is_under_way);
        let is_in_at_last = decided.next().filter(is_accepted).is_some() && !was_in_before;
        // A registration that failed is not made good by a call.
        let first = alike.iter().filter(is_accepted).find(|shown| shown.purpose == refused.purpose)?.time;
        (is_in_at_last && first.since(refused.time) <= wait).then_some(first)
    }

    /// Notes a call or a message with credentials that was let past.
    pub fn let_past(&mut self, key: &AccountKey<'_>, at: FrameRef) {
        let key = self.hash(key);
        self.refused += u64::from(!note_first(&mut self.let_past, self.accounts_max, key, at));
    }

    /// The first call or message of the account that was let past.
    pub fn first_let_past(&self, key: &AccountKey<'_>) -> Option<FrameRef> {
        self.let_past.get(&self.hash(key)).copied()
    }

    /// Notes that a server accepted a digest of the secret given for a user and realm, whoever sent it.
    pub fn secret_taken(&mut self, account: (&[u8], &[u8]), server: IpAddr, at: FrameRef) {
        let key = self.accounts.hasher().hash_one((account, server));
        self.refused += u64::from(!note_first(&mut self.secrets_taken, self.accounts_max, key, at));
    }

    /// The first digest of that secret which the server accepted.
    pub fn first_secret_taken(&self, account: (&[u8], &[u8]), server: IpAddr) -> Option<FrameRef> {
        self.secrets_taken.get(&self.accounts.hasher().hash_one((account, server))).copied()
    }

    /// Notes that a server accepted credentials of a user and realm from that client.
    pub fn taken(&mut self, account: (&[u8], &[u8]), client: IpAddr, server: IpAddr, at: FrameRef) {
        let key = self.accounts.hasher().hash_one((account, client, server));
        if self.taken_of.len() >= self.accounts_max && !self.taken_of.contains_key(&key) {
            self.refused += 1;
            return;
        }
        let (first, last) = self.taken_of.entry(key).or_insert((at, at));
        (*first, *last) = ((*first).min(at), (*last).max(at));
    }

    /// Credentials that were accepted so: the latest, where those came before `at`, else the first.
    pub fn taken_near(
        &self,
        account: (&[u8], &[u8]),
        client: IpAddr,
        server: IpAddr,
        at: FrameRef,
    ) -> Option<FrameRef> {
        let (first, last) = *self.taken_of.get(&self.accounts.hasher().hash_one((account, client, server)))?;
        Some(if last < at { last } else { first })
    }

    /// Notes an accepted registration. `again` says that its Call-ID held more than one.
    pub fn registered(&mut self, key: &AccountKey<'_>, call_id: &Arc<[u8]>, port: u16, again: bool) {
        let Some(account) = self.account(key) else { return };
        account.forbidden = None;
        let known = &mut account.registrations;
        // Long ones are not compared: they would be kept as long as the account is.
        if call_id.len() > NAME_BYTES_MAX {
            return;
        }
        known.is_kept |= again || known.call_id.as_ref() == Some(call_id);
        known.new_call_ids = if known.port == port { known.new_call_ids.saturating_add(1) } else { 1 };
        known.port = port;
        known.call_id = Some(call_id.clone());
    }

    /// Notes a Call-ID whose registration, begun at `sent`, was forbidden at `answered`. One that comes within `wait` of the one before is a
    /// retry.
    pub fn forbidden(&mut self, key: &AccountKey<'_>, sent: CaptureTime, answered: CaptureTime, wait: Duration) {
        let Some(account) = self.account(key) else { return };
        let before = account.forbidden.take().filter(|before| sent.since(before.answered) <= wait);
        let retries = before.map_or(0, |before| before.retries.saturating_add(1));
        account.forbidden = Some(Box::new(Forbidden { answered, retries }));
    }

    /// How many retries in a row its latest forbidden registration ends.
    pub fn forbidden_retries(&self, key: &AccountKey<'_>) -> u32 {
        let known = self.known(key).and_then(|account| account.forbidden.as_ref());
        known.map_or(0, |known| known.retries)
    }

    /// How many registrations of the account in a row each had a Call-ID of its own; none where it ever kept one.
    pub fn new_call_ids(&self, key: &AccountKey<'_>) -> u32 {
        let known = self.known(key).map(|account| &account.registrations);
        known.filter(|known| !known.is_kept).map_or(0, |known| known.new_call_ids)
    }

    /// Whether a step of the account was noted.
    pub fn has_steps(&self, key: &AccountKey<'_>) -> bool {
        self.known(key).is_some_and(|account| account.steps.is_some())
    }

    /// Notes a step of a REGISTER session that was too short to be a loop by itself.
    pub fn step(&mut self, key: AccountKey<'_>, step: LoopStep) {
        if let Some(account) = self.account(&key) {
            let key = || AccountKey { source: key.source, aor: key.aor.into_owned().into() };
            account.steps.get_or_insert_with(|| Box::new((key(), Steps::default()))).1.push(step);
        }
    }

    /// Every account with steps. Sorted, so that reports do not depend on hashing.
    pub fn steps(&self) -> Vec<&(AccountKey<'static>, Steps)> {
        let mut all: Vec<_> = self.accounts.values().filter_map(|account| account.steps.as_deref()).collect();
        all.sort_by_key(|(key, _)| key);
        all
    }

    /// How many accounts found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

/// Keeps the earliest frame of a key; false where there is no room for another key.
fn note_first(firsts: &mut WireMap<u64, FrameRef>, max: usize, key: u64, at: FrameRef) -> bool {
    let has_room = firsts.len() < max || firsts.contains_key(&key);
    if has_room {
        let first = firsts.entry(key).or_insert(at);
        *first = at.min(*first);
    }
    has_room
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= KEPT_MAX {
        queue.pop_front();
    }
    // Most hold one: room for four at once would be most of the memory of a flood.
    if queue.capacity() == 0 {
        queue.reserve_exact(1);
    }
    queue.push_back(item);
}
