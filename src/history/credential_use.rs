//! Who sent which digest first: the same digest from another place may be a replay.

use std::net::IpAddr;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::WireMap;

/// One request with a digest.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Who sent it.
    pub client: IpAddr,
    /// Who received it.
    pub server: IpAddr,
    /// A hash of its Call-ID.
    pub call: u64,
    /// Its CSeq number.
    pub cseq: Option<u32>,
    /// When it was sent.
    pub sent: CaptureTime,
    /// When it was answered.
    pub answered: Option<CaptureTime>,
    /// The frame.
    pub at: FrameRef,
    /// The report's number of the session.
    pub session: u64,
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
    /// The second was let past.
    pub is_accepted: bool,
    /// How often in all, for this pair of places.
    pub count: u64,
}

/// Pairs of places that are kept.
const REPLAYS_MAX: usize = 1000;

/// The digests seen, by a hash of nonce, nonce count and response.
#[derive(Debug, Default)]
pub struct Uses {
    first: WireMap<u64, Use>,
    uses_max: usize,
    replays: Vec<Replay>,
    refused: u64,
}

impl Uses {
    /// None yet; at most `uses_max` are kept.
    pub fn new(uses_max: usize) -> Uses {
        Uses { uses_max, ..Uses::default() }
    }

    /// Notes a digest; the use that it repeats from elsewhere, where it does.
    pub fn note(&mut self, key: u64, this: Use) -> Option<Use> {
        if let Some(known) = self.first.get(&key) {
            return (known.client != this.client).then_some(*known);
        }
        if self.first.len() >= self.uses_max {
            self.refused += 1;
            return None;
        }
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

    /// How many digests and replays found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Use {
    /// Whether one is the other on its way: passed on by who received it, or the same request from an address that has
    /// changed, or sent while the other still waited for its answer, as a B2BUA between them does.
    pub fn is_same_request(&self, other: &Use) -> bool {
        let (first, second) = if self.sent <= other.sent { (self, other) } else { (other, self) };
        let is_nested =
            first.answered.is_none_or(|answered| second.sent <= answered) && first.session != second.session;
        first.server == second.client || (first.call == second.call && first.cseq == second.cseq) || is_nested
    }
}
