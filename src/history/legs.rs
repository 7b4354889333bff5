//! The two sides of a B2BUA that passes challenges on: it takes a request under one Call-ID and sends it on under another, and what is
//! true of the client is seen twice.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::base::CaptureTime;
use crate::base::WireMap;
use crate::history::nonce::Issue;
use crate::history::nonce::PASSED_BACK_WITHIN;
use crate::history::nonce::UserHash;
use crate::session::NonceId;

/// The latest challenges that another one may be a copy of.
const RECENT_MAX: usize = 128;

/// Passages that are kept, and B2BUAs with two addresses that are told apart.
const PASSAGES_MAX: usize = 65_536;
const HOMES_MAX: usize = 4096;

/// Passages that the credentials may still show: those of a moment.
const APART_MAX: usize = 4096;

/// A request on one side.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// A hash of the Call-ID.
    call: u32,
    /// Who sends requests.
    pub client: IpAddr,
    /// The report's number of the session, once that is closed.
    session: Option<u64>,
}

/// One request on both sides of a B2BUA, known by the nonce that was passed back to the same user.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    /// The client's side.
    pub outer: Leg,
    /// The side of the server that issued the nonce.
    pub inner: Leg,
}

impl Passage {
    /// The report's numbers of the client's session and of the one behind it, where it has both.
    pub fn sessions(&self) -> Option<(u64, u64)> {
        self.outer.session.zip(self.inner.session)
    }
}

/// A challenge that was just seen.
#[derive(Clone, Copy, Debug)]
struct Recent {
    nonce: NonceId,
    user: UserHash,
    time: CaptureTime,
    leg: Leg,
    server: IpAddr,
    /// It was passed back already.
    is_passed: bool,
}

impl Recent {
    fn passage_to(&self, outer: &Recent) -> Passage {
        Passage { outer: outer.leg, inner: self.leg }
    }
}

/// A B2BUA with one address for each side: whom clients ask, and who asks the server. One user's challenges alone show nothing: two phones
/// may get the same nonce from two nodes of a server.
#[derive(Debug)]
struct Home {
    user: UserHash,
    /// The first that was seen, until another user confirms it.
    pending: Option<Passage>,
    is_confirmed: bool,
}

/// What may be a passage through a B2BUA with two addresses, until the credentials show it.
#[derive(Debug)]
struct Apart {
    passage: Passage,
    /// A hash of the response that the client sent.
    sent: Option<u64>,
}

/// The passages of a capture.
#[derive(Debug, Default)]
pub struct Legs {
    recent: VecDeque<Recent>,
    apart: WireMap<NonceId, Apart>,
    /// Those, oldest first, and some that are settled.
    apart_order: VecDeque<NonceId>,
    homes: WireMap<(IpAddr, IpAddr), Home>,
    passages: Vec<Passage>,
    by_outer: WireMap<u32, usize>,
    by_inner: WireMap<u32, usize>,
    refused: u64,
}

impl Legs {
    /// Takes a challenge, as it was seen, and whether it is the first with that nonce: then no other can be its other side.
    pub(super) fn note(&mut self, nonce: NonceId, issue: &Issue, is_first: bool) {
        let leg = Leg { call: issue.purpose.call_id, client: issue.flow.destination.address, session: None };
        let server = issue.flow.source.address;
        let new = Recent { nonce, user: issue.user, time: issue.time, leg, server, is_passed: false };
        let is_late = |recent: &Recent| new.time.since(recent.time) > PASSED_BACK_WITHIN;
        while self.recent.front().is_some_and(is_late) || self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        if new.user != UserHash(0) {
            if !is_first {
                self.find(&new);
            }
            self.recent.push_back(new);
        }
    }

    /// Looks for the other side of a challenge.
    fn find(&mut self, new: &Recent) {
        let is_same = |other: &Recent| {
            other.nonce == new.nonce
                && other.user == new.user
                && other.leg.call != new.leg.call
                && other.server != new.server
                && other.leg.client != new.leg.client
        };
        let open = || self.recent.iter().enumerate().rev().filter(|(_, other)| is_same(other));
        // Whoever was challenged challenges in its turn. The clocks of two places of capture may differ.
        let passed_back = open().find(|(_, other)| !other.is_passed && other.leg.client == new.server);
        if let Some((index, inner)) = passed_back {
            let passage = inner.passage_to(new);
            self.recent.iter_mut().skip(index).take(1).for_each(|inner| inner.is_passed = true);
            return self.add(passage);
        }
        if let Some((_, outer)) = open().find(|(_, other)| other.server == new.leg.client) {
            let passage = new.passage_to(outer);
            return self.add(passage);
        }
        let apart = open().find(|(_, other)| !other.is_passed).map(|(_, inner)| inner.passage_to(new));
        if let Some(passage) = apart {
            self.await_credentials(new.nonce, passage);
            self.note_home(new, passage);
        }
    }

    /// Waits for the credentials that show a passage. The oldest one for which they did not come is given up.
    fn await_credentials(&mut self, nonce: NonceId, passage: Passage) {
        while self.apart_order.len() >= APART_MAX
            && let Some(oldest) = self.apart_order.pop_front()
        {
            let given_up = self.apart.remove(&oldest);
            self.refused +=
                u64::from(given_up.is_some_and(|apart| !self.by_inner.contains_key(&apart.passage.inner.call)));
        }
        if self.apart.insert(nonce, Apart { passage, sent: None }).is_none() {
            self.apart_order.push_back(nonce);
        }
    }

    /// Takes credentials, with a hash of their response: the very same on both sides, the client's first, are those that were sent on.
    pub(super) fn presented(&mut self, nonce: NonceId, call: u32, response: u64) {
        let Some(apart) = self.apart.get_mut(&nonce) else { return };
        if call == apart.passage.outer.call {
            apart.sent = Some(response);
        } else if call == apart.passage.inner.call && apart.sent == Some(response) {
            let passage = apart.passage;
            self.apart.remove(&nonce);
            self.add(passage);
        }
    }

    /// Takes what may be a passage through a B2BUA with two addresses.
    fn note_home(&mut self, outer: &Recent, passage: Passage) {
        let key = (outer.server, passage.inner.client);
        if self.homes.len() >= HOMES_MAX && !self.homes.contains_key(&key) {
            self.refused += 1;
            return;
        }
        let new = || Home { user: outer.user, pending: Some(passage), is_confirmed: false };
        let home = self.homes.entry(key).or_insert_with(new);
        home.is_confirmed |= home.user != outer.user;
        if home.is_confirmed {
            let pending = home.pending.take();
            pending.into_iter().chain([passage]).for_each(|passage| self.add(passage));
        }
    }

    fn add(&mut self, passage: Passage) {
        let Passage { outer, inner } = passage;
        if self.by_inner.contains_key(&inner.call) || self.by_outer.contains_key(&outer.call) {
            return;
        }
        if self.passages.len() >= PASSAGES_MAX {
            self.refused += 1;
            return;
        }
        self.by_outer.insert(outer.call, self.passages.len());
        self.by_inner.insert(inner.call, self.passages.len());
        self.passages.push(passage);
    }

    /// Whether requests of a Call-ID are sent on by a B2BUA, which passes the challenges back.
    pub(super) fn is_sent_on(&self, call: u32) -> bool {
        self.by_outer.contains_key(&call)
    }

    /// Whether requests of a Call-ID are those of somebody else, sent on by that client.
    pub(super) fn is_passed_on(&self, call: u32, client: IpAddr) -> bool {
        let passage = self.by_inner.get(&call).and_then(|index| self.passages.get(*index));
        passage.is_some_and(|passage| passage.inner.client == client)
    }

    /// Notes the report's number of the session of a Call-ID.
    pub(super) fn closed(&mut self, call: u32, client: IpAddr, number: u64) {
        let outer = self.by_outer.get(&call).and_then(|index| self.passages.get_mut(*index));
        if let Some(passage) = outer.filter(|passage| passage.outer.client == client) {
            passage.outer.session = Some(number);
        }
        let inner = self.by_inner.get(&call).and_then(|index| self.passages.get_mut(*index));
        if let Some(passage) = inner.filter(|passage| passage.inner.client == client) {
            passage.inner.session = Some(number);
        }
    }

    /// All of them, in the order in which they were seen.
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// How many found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}
