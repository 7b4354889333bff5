//! Who sent which digest first: the same digest from another place may be a replay.

use std::net::IpAddr;

use hashbrown::HashTable;

use crate::base::CaptureTime;
use crate::base::Chunks;
use crate::base::FrameRef;

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
    /// When the last one of this pair of places was sent.
    pub latest: CaptureTime,
    /// How often in all, for this pair of places.
    pub count: u64,
}

/// Pairs of places that are kept.
const REPLAYS_MAX: usize = 1000;

/// The latest digests, by a hash of nonce, nonce count and response. A replay mostly follows soon, so older ones make room.
#[derive(Debug, Default)]
pub struct Uses {
    /// With their hashes. Once it is full, the oldest makes room.
    latest: Chunks<(u64, Use)>,
    by_hash: HashTable<u32>,
    oldest: usize,
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

    /// Notes a digest, by a hash that nobody outside can foresee; the use that it repeats from elsewhere, where it does.
    pub fn note(&mut self, key: u64, this: Use) -> Option<Use> {
        let Uses { latest, by_hash, .. } = self;
        let hash_of = |place: &u32| latest.get(*place as usize).map_or(0, |(known, _)| *known);
        if let Some(place) = by_hash.find(key, |place| hash_of(place) == key) {
            let known = latest.get(*place as usize).map(|(_, known)| known);
            return known.filter(|known| known.client != this.client).copied();
        }
        let place = self.place(key, this)?;
        let Uses { latest, by_hash, .. } = self;
        by_hash.insert_unique(key, place, |place| latest.get(*place as usize).map_or(0, |(known, _)| *known));
        None
    }

    /// Puts a use behind the others, or in the oldest one's stead.
    fn place(&mut self, key: u64, this: Use) -> Option<u32> {
        let len = self.latest.len();
        if len < self.uses_max {
            self.latest.push((key, this));
            return u32::try_from(len).ok();
        }
        let place = u32::try_from(self.oldest).ok()?;
        let (oldest, _) = std::mem::replace(self.latest.get_mut(self.oldest)?, (key, this));
        if let Ok(known) = self.by_hash.find_entry(oldest, |known| *known == place) {
            known.remove();
        }
        self.forgotten += 1;
        self.oldest = (self.oldest + 1) % self.uses_max;
        Some(place)
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
            known.latest = known.latest.max(replay.latest);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FrameNumber;
    use crate::base::InputId;

    fn sent_by(client: [u8; 4]) -> Use {
        Use {
            client: IpAddr::from(client),
            client_hash: 0,
            server_hash: 0,
            call: 0,
            request: 0,
            session: 1,
            sent: CaptureTime::from_ns(0),
            answered: CaptureTime::from_ns(0),
            at: FrameRef { input: InputId(0), number: FrameNumber::FIRST },
        }
    }

    #[test]
    fn a_digest_from_elsewhere_is_known_until_it_made_room() {
        let (phone, other) = (sent_by([192, 0, 2, 1]), sent_by([192, 0, 2, 2]));
        for (last, is_known) in [(1, true), (2, true), (3, false)] {
            let mut uses = Uses::new(3);
            assert!((0..=last).all(|key| uses.note(key, phone).is_none()));
            assert!(uses.note(last, phone).is_none(), "the same place is no other");
            assert_eq!(uses.note(0, other).map(|first| first.client), is_known.then_some(phone.client));
        }
    }

    #[test]
    fn a_full_list_stays_as_long_as_it_is() {
        let mut uses = Uses::new(3);
        for key in 0..1000_u64 {
            uses.note(key * 77, sent_by([192, 0, 2, 1]));
            assert_eq!(uses.by_hash.len(), uses.latest.len());
        }
        assert_eq!((uses.latest.len(), uses.forgotten()), (3, 997));
        let known = [997, 998, 999].map(|key: u64| uses.note(key * 77, sent_by([192, 0, 2, 2])).is_some());
        assert_eq!(known, [true; 3]);
    }
}
