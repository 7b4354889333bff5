//! Who sent which digest first: the same digest from another place may be a replay.

use std::net::IpAddr;
use std::time::Duration;

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
    /// When it was answered; when nobody waits for that any more where it was not.
    pub answered: CaptureTime,
    /// The frame.
    pub at: FrameRef,
    /// The server gave the nonce to that very client, in that Call-ID.
    pub is_asked: bool,
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
    /// Whether the second was let past, where that is known.
    pub is_accepted: Option<bool>,
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
    latest: Chunks<(u64, Known)>,
    by_hash: HashTable<u32>,
    oldest: usize,
    uses_max: usize,
    replays: Vec<Replay>,
    refused: u64,
    forgotten: u64,
}

/// A digest that was seen: sessions close in any order, and a client may repeat its own.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The use that was sent first.
    first: Use,
    /// When the same client sent it the last time, and when that was answered.
    latest: (CaptureTime, CaptureTime),
    /// A hash of who passed it on: whenever the client repeats it, that one does too.
    relay: Option<u32>,
}

impl Known {
    fn new(first: Use) -> Known {
        Known { first, latest: (first.sent, first.answered), relay: None }
    }

    /// Takes another use; the first one, where that is none of the same client nor of the same request.
    fn note(&mut self, this: Use) -> Option<Use> {
        let first = self.first;
        let is_own = first.client == this.client;
        let (sent, answered) = self.latest;
        let is_same = first.is_same_request(&this) || Use { sent, answered, ..first }.is_same_request(&this);
        let is_relayed = self.relay == Some(this.client_hash);
        if first.passes_on(&this) && !is_own {
            self.relay = Some(if this.sent < first.sent { first.client_hash } else { this.client_hash });
        }
        if this.sent < first.sent {
            self.first = this;
            self.latest = if is_own { self.latest } else { (this.sent, this.answered) };
        } else if is_own && this.sent > sent {
            self.latest = (this.sent, this.answered);
        }
        Some(first).filter(|_| !is_own && !is_same && !is_relayed)
    }
}

impl Uses {
    /// None yet; the latest `uses_max` are kept.
    pub fn new(uses_max: usize) -> Uses {
        Uses { uses_max, ..Uses::default() }
    }

    /// Notes a digest, by a hash that nobody outside can foresee; the first use of it, where that came from elsewhere and is not the same
    /// request.
    pub fn note(&mut self, key: u64, this: Use) -> Option<Use> {
        let Uses { latest, by_hash, .. } = self;
        let hash_of = |place: &u32| latest.get(*place as usize).map_or(0, |(known, _)| *known);
        if let Some(place) = by_hash.find(key, |place| hash_of(place) == key) {
            let place = *place as usize;
            return latest.get_mut(place).and_then(|(_, known)| known.note(this));
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
            self.latest.push((key, Known::new(this)));
            return u32::try_from(len).ok();
        }
        let place = u32::try_from(self.oldest).ok()?;
        let (oldest, _) = std::mem::replace(self.latest.get_mut(self.oldest)?, (key, Known::new(this)));
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

/// A B2BUA sends on at once what it got.
const SENT_ON_WITHIN: Duration = Duration::from_millis(500);

impl Use {
    /// Whether one is plainly the other, sent on by who received it, who then answers.
    fn passes_on(&self, other: &Use) -> bool {
        let (outer, inner) = if self.sent <= other.sent { (self, other) } else { (other, self) };
        let is_at_once = inner.sent.since(outer.sent) <= SENT_ON_WITHIN && inner.answered <= outer.answered;
        outer.server_hash == inner.client_hash
            || outer.request == inner.request
            || (is_at_once && outer.session != inner.session)
    }

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
            client_hash: client[3].into(),
            server_hash: 100,
            call: 0,
            request: client[3].into(),
            session: 1,
            sent: CaptureTime::from_ns(i64::from(client[3])),
            answered: CaptureTime::from_ns(i64::from(client[3])),
            at: FrameRef { input: InputId(0), number: FrameNumber::FIRST },
            is_asked: false,
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

    /// A B2BUA passes on what a client sends twice, and its leg closes first.
    #[test]
    fn the_order_in_which_sessions_close_makes_no_replay() {
        let time = |ms: i64| CaptureTime::from_ns(ms * 1_000_000);
        let at = |client: u8, session, sent: i64| Use {
            request: u32::try_from(sent).expect("it is small"),
            session,
            sent: time(sent),
            // The leg behind is answered first.
            answered: time(sent + if client == 2 { 10 } else { 30 }),
            ..sent_by([192, 0, 2, client])
        };
        let uses = [at(1, 1, 10), at(1, 1, 60_010), at(2, 2, 20), at(2, 2, 60_020)];
        for order in [[0, 1, 2, 3], [2, 3, 0, 1], [2, 0, 3, 1], [1, 0, 3, 2]] {
            let mut known = Uses::new(3);
            assert!(order.into_iter().all(|next: usize| known.note(7, uses[next]).is_none()), "{order:?}");
        }
        // Whoever repeats it while the client still waits is no relay for that, and what nobody answers waits no longer than anybody.
        let ringing = Use { answered: time(50_000), ..at(1, 1, 10) };
        let mut known = Uses::new(3);
        assert!([ringing, at(4, 4, 20_000)].into_iter().all(|this| known.note(7, this).is_none()));
        assert!(known.note(7, at(4, 5, 90_000)).is_some());
        // From a third place, later.
        let mut known = Uses::new(3);
        uses.iter().rev().for_each(|this| assert!(known.note(7, *this).is_none()));
        assert_eq!(known.note(7, at(3, 3, 90_000)).map(|first| first.client), Some(uses[0].client));
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
