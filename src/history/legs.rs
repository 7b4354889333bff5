//! The two sides of a B2BUA that passes challenges on: it takes a request under one Call-ID and sends it on under another, and what is
//! true of the client is seen twice.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::WireMap;
use crate::history::nonce::Issue;
use crate::history::nonce::UserHash;

/// A challenge comes back through a B2BUA at once.
const PASSED_BACK_WITHIN: Duration = Duration::from_millis(500);

/// Passages that are kept, and how many of them a request may take one behind the other.
const PASSAGES_MAX: usize = 65_536;
const IN_A_ROW_MAX: usize = 4;

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

/// The passages of a capture.
#[derive(Debug, Default)]
pub struct Legs {
    passages: Vec<Passage>,
    by_outer: WireMap<u32, usize>,
    by_inner: WireMap<u32, usize>,
    refused: u64,
}

impl Legs {
    /// Takes two challenges with the same nonce and realm, as they were seen.
    pub(super) fn note(&mut self, first: &Issue, second: &Issue) {
        let is_of_one = first.user == second.user
            && first.user != UserHash(0)
            && first.purpose.call_id != second.purpose.call_id
            && first.flow.source.address != second.flow.source.address
            && first.flow.destination.address != second.flow.destination.address
            && second.time.since(first.time) <= PASSED_BACK_WITHIN;
        if !is_of_one {
            return;
        }
        // The clocks of two places of capture may differ: who received the request says more than who answered first.
        let is_outer_first = first.flow.source.address == second.flow.destination.address;
        let (inner, outer) = if is_outer_first { (second, first) } else { (first, second) };
        let inner = if is_outer_first { leg(inner) } else { self.outermost(leg(inner), outer) };
        self.add(Passage { outer: leg(outer), inner });
    }

    /// The side of a request that is the farthest out so far: of three in a row, each is compared with the first challenge.
    fn outermost(&self, inner: Leg, outer: &Issue) -> Leg {
        let mut leg = inner;
        for _ in 0..IN_A_ROW_MAX {
            match self.by_inner.get(&leg.call).and_then(|index| self.passages.get(*index)) {
                Some(passage) if passage.outer.call != outer.purpose.call_id => leg = passage.outer,
                _ => break,
            }
        }
        leg
    }

    fn add(&mut self, passage: Passage) {
        let Passage { outer, inner } = passage;
        if self
            .by_inner
            .get(&inner.call)
            .and_then(|index| self.passages.get(*index))
            .is_some_and(|known| known.outer.call == outer.call)
        {
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

fn leg(issue: &Issue) -> Leg {
    Leg { call: issue.purpose.call_id, client: issue.flow.destination.address, session: None }
}
