//! Who sent which digest first: the same digest from another place may be a replay.

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::WireMap;

/// One request with a digest. Small: there are as many as requests with credentials.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Who sent it.
    pub client: IpAddr,
    /// A hash of who sent it.
    pub client_hash: u32,
    /// A hash of who received it.
    pub server_hash: u32,
    /// A hash of its Call-ID.
    pub call: u32,
    /// A hash of its Call-ID and CSeq number.
    pub request: u32,
    /// The report's number of the session.
    pub session: u32,
    /// When it was sent.
    pub sent: CaptureTime,
    /// When it was answered; the end of time where it was not.
    pub answered: CaptureTime,
    /// The frame.
    pub at: FrameRef,
}

/// The same digest from two places.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The earlier request.
    pub first: Use,
    /// The later one.
    pub second: Use,
    /// The user name.
    pub user: Box<[u8]>,
    /// The realm.
    pub realm: Box<[u8]>,
    /// The digest holds a nonce of the client's own, which a client makes anew for each request.
    pub has_cnonce: bool,
    /// Who received the second, where that is known.
    pub server: Option<IpAddr>,
    /// The second was let past.
    pub is_accepted: bool,
    /// How often in all, for this pair of places.
    pub count: u64,
}

/// Pairs of places that are kept.
const REPLAYS_MAX: usize = 1000;

/// The latest digests, by a hash of nonce, nonce count and response. A replay mostly follows soon, so older ones make room.
#[derive(Debug, Default)]
pub struct Uses {
    first: WireMap<u64, Use>,
    order: VecDeque<u64>,
    uses_max: usize,
    replays: Vec<Replay>,
    refused: u64,
    forgotten: u64,
}

impl Uses {
    /// None yet; the latest `uses_max` are kept.
    pub fn new(uses_max: usize) -> Uses {
        Uses { uses_max, ..Uses::default() }
    }

    /// Notes a digest; the use that it repeats from elsewhere, where it does.
    pub fn note(&mut self, key: u64, this: Use) -> Option<Use> {
        if let Some(known) = self.first.get(&key) {
            return (known.client != this.client).then_some(*known);
        }
        if self.order.len() >= self.uses_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
            self.forgotten += 1;
        }
        self.order.push_back(key);
        self.first.insert(key, this);
        None
    }

    /// Keeps a replay.
    pub fn add(&mut self, replay: Replay) {
        let is_same = |known: &&mut Replay| {
            known.second.client == replay.second.client
                && known.first.client == replay.first.client
                && known.user == replay.user
        };
        if let Some(known) = self.replays.iter_mut().find(is_same) {
            known.count += 1;
        } else if self.replays.len() < REPLAYS_MAX {
            self.replays.push(replay);
        } else {
            self.refused += 1;
        }
    }

    /// The replays, in order of their frames.
    pub fn replays(&self) -> Vec<&Replay> {
        let mut all: Vec<&Replay> = self.replays.iter().collect();
        all.sort_by_key(|replay| (replay.second.at, replay.first.at));
        all
    }

    /// Digests that made room for later ones.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// How many replays found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Use {
    /// Whether one is the other on its way: passed on by who received it, or the same request from an address that has
    /// changed, or sent while the other still waited for its answer, as a B2BUA between them does.
    pub fn is_same_request(&self, other: &Use) -> bool {
        let (first, second) = if self.sent <= other.sent { (self, other) } else { (other, self) };
        let is_nested = second.sent <= first.answered && first.session != second.session;
        first.server_hash == second.client_hash || first.request == second.request || is_nested
    }
}
