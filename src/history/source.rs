//! What one source did at one server, across Call-IDs: whom it asked for, what it tried, and whether it was answered.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::hash::Hash;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::Transport;
use crate::base::WireMap;
use crate::base::limits::NAME_BYTES_MAX;
use crate::history::Trail;
use crate::history::Tries;

/// Who sends requests, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairKey {
    /// The sender.
    pub client: IpAddr,
    /// The receiver.
    pub server: IpAddr,
}

/// What is known of a pair. Small: most pairs have nothing to tell.
#[derive(Debug, Default)]
pub struct Pair {
    /// The server challenged or accepted the client outside of dialogs.
    pub is_known: bool,
    /// The client asked it for a registration, whatever became of that.
    pub is_registrar: bool,
    /// The server accepted credentials of the client.
    pub is_authenticated: bool,
    /// Sessions in which the client was let past.
    pub let_past: u64,
    /// A call of it was answered with a 2xx, seen as it came.
    pub is_admitted: bool,
    /// What went wrong between them.
    pub conduct: Option<Box<Conduct>>,
}

/// Records by user name.
type Records<T> = BTreeMap<Box<[u8]>, Box<T>>;

/// What went wrong between a source and a server.
#[derive(Debug, Default)]
pub struct Conduct {
    /// The tool whose name its User-Agent bears.
    pub scanner: Option<Scanner>,
    /// By user name that was asked for and not let past.
    pub targets: Records<Target>,
    /// By user name of refused credentials.
    pub tries: Records<Tries>,
    /// Source ports of requests that were not let past: phones behind one address have one each.
    pub ports: BTreeSet<u16>,
    /// Requests with several Vias: a proxy passes them on, unless somebody makes believe so.
    pub forwarded: u64,
    /// Refused credentials, since the last that were accepted.
    pub refusals: u64,
    /// The last of them.
    pub refused_last: Option<CaptureTime>,
    /// A hash of the user that was.
    pub refused_account: u64,
    /// Where that was.
    pub refused_at: Option<Place>,
    /// When credentials were accepted the last time.
    accepted_last: Option<CaptureTime>,
    /// Calls that were answered 403 without a challenge.
    pub calls_turned_down: usize,
    /// When the server last answered.
    pub answered_last: Option<CaptureTime>,
    /// The first request after that which it did not.
    pub silence: Option<Silence>,
}

/// A tool for attacks that says who it is.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    /// The tool.
    pub tool: &'static str,
    /// Its User-Agent.
    pub agent: Box<[u8]>,
    /// Its requests.
    pub seen: Trail,
    /// The first of its credentials that were accepted.
    pub let_in: Option<ScannerLogin>,
}

/// Credentials of a tool for attacks that a server accepted.
#[derive(Clone, Debug)]
pub struct ScannerLogin {
    /// The user name.
    pub user: Box<[u8]>,
    /// The realm.
    pub realm: Box<[u8]>,
    /// The request.
    pub at: FrameRef,
    /// The report's number of the session.
    pub session: u64,
}

/// Where a server listens.
pub type Place = (u16, Transport);

/// Requests without an answer.
#[derive(Clone, Debug)]
pub struct Silence {
    /// Where they were sent: another phone behind the same address may ask where nobody listens.
    pub place: Place,
    /// When it began.
    pub since: CaptureTime,
    /// When the last of them was sent.
    pub last: CaptureTime,
    /// How often a request was sent into it.
    pub sent: u64,
    /// Those requests.
    pub seen: Trail,
}

/// A user name that was asked for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The first request.
    pub at: FrameRef,
    /// The session of it.
    pub session: u64,
    /// When the last answer came.
    pub answered: CaptureTime,
    /// It was asked for by a call; a hash of who calls.
    pub caller: Option<u64>,
    /// It was to be registered.
    pub is_register: bool,
    /// The server asked for credentials.
    pub is_asked: bool,
    /// The server said 403 or 404 without asking.
    pub is_turned_down: bool,
    /// Credentials were sent.
    pub is_tried: bool,
    /// It was let past.
    pub is_let_past: bool,
    /// The request was repeated: who does that waits for an answer.
    pub is_repeated: bool,
}

/// How many ports are told apart.
const PORTS_MAX: usize = 32;

/// All pairs.
#[derive(Debug, Default)]
pub struct Sources {
    pairs: WireMap<PairKey, Pair>,
    pairs_max: usize,
    names_max: usize,
    names: usize,
    refused: u64,
}

impl Sources {
    /// None yet; at most `pairs_max` are kept, and as many user names, of one pair at most `names_max`.
    pub fn new(pairs_max: usize, names_max: usize) -> Sources {
        Sources { pairs_max, names_max, ..Sources::default() }
    }

    /// The record of a pair, made where there is none; `None` where the limit is reached.
    pub fn pair(&mut self, key: PairKey) -> Option<&mut Pair> {
        if self.pairs.len() >= self.pairs_max && !self.pairs.contains_key(&key) {
            self.refused += 1;
            return None;
        }
        Some(self.pairs.entry(key).or_default())
    }

    /// What went wrong between two, where anything did.
    pub fn known_conduct(&mut self, key: PairKey) -> Option<&mut Conduct> {
        self.pairs.get_mut(&key)?.conduct.as_deref_mut()
    }

    /// What goes wrong between two from now on.
    pub fn conduct(&mut self, key: PairKey) -> Option<&mut Conduct> {
        self.pair(key).map(|pair| &mut **pair.conduct.get_or_insert_default())
    }

    /// The tries of a user name; `first` makes the record where there is none.
    pub fn tries(&mut self, key: PairKey, user: &[u8], first: impl FnOnce() -> Tries) -> Option<&mut Tries> {
        self.of_name(key, user, |conduct| &mut conduct.tries, first)
    }

    /// The record of a user name that was asked for; `first` makes it where there is none.
    pub fn target(&mut self, key: PairKey, user: &[u8], first: impl FnOnce() -> Target) -> Option<&mut Target> {
        self.of_name(key, user, |conduct| &mut conduct.targets, first)
    }

    fn of_name<T>(
        &mut self,
        key: PairKey,
        user: &[u8],
        records: impl FnOnce(&mut Conduct) -> &mut Records<T>,
        first: impl FnOnce() -> T,
    ) -> Option<&mut T> {
        let Some(pair) = self.pairs.get_mut(&key) else {
            self.refused += 1;
            return None;
        };
        let records = records(pair.conduct.get_or_insert_default());
        if !records.contains_key(user) {
            let is_full = records.len() >= self.names_max || self.names >= self.pairs_max;
            if is_full || user.len() > NAME_BYTES_MAX {
                self.refused += 1;
                return None;
            }
            self.names += 1;
            records.insert(user.into(), Box::new(first()));
        }
        records.get_mut(user).map(Box::as_mut)
    }

    /// A hash that nobody outside can foresee.
    pub fn hash(&self, what: impl Hash) -> u64 {
        self.pairs.hasher().hash_one(what)
    }

    /// The record of a pair.
    pub fn get(&self, key: PairKey) -> Option<&Pair> {
        self.pairs.get(&key)
    }

    /// Every pair between which something went wrong. Sorted, so that reports do not depend on hashing.
    pub fn conducts(&self) -> Vec<(PairKey, &Pair, &Conduct)> {
        let with_conduct = |(key, pair): (&PairKey, &'_ Pair)| pair.conduct.is_some().then_some(*key);
        let mut keys: Vec<PairKey> = self.pairs.iter().filter_map(with_conduct).collect();
        keys.sort_unstable();
        let all = keys.into_iter().filter_map(|key| {
            let pair = self.pairs.get(&key)?;
            Some((key, pair, pair.conduct.as_deref()?))
        });
        all.collect()
    }

    /// Those of some clients which a server other than the one named with them has challenged or accepted outside of dialogs, or which
    /// asked such a server for a registration. Whoever a client merely sent something to is none.
    pub fn have_other_server(&self, candidates: &BTreeSet<PairKey>) -> BTreeSet<PairKey> {
        let found =
            self.with_server(candidates, |server, pair, named| (pair.is_known || pair.is_registrar) && server != named);
        found.into_iter().map(|(candidate, _)| candidate).collect()
    }

    /// Each of some clients with each server, other than the one named with it, that accepted its credentials.
    pub fn logged_in_elsewhere(&self, candidates: &BTreeSet<PairKey>) -> BTreeSet<(PairKey, IpAddr)> {
        self.with_server(candidates, |server, pair, named| pair.is_authenticated && server != named)
    }

    /// Those of some clients that another server of the same network has challenged or accepted outside of dialogs. A network has
    /// the same 24 bits, or 64 of IPv6.
    pub fn have_neighbour(&self, candidates: &BTreeSet<PairKey>) -> BTreeSet<PairKey> {
        let is_next =
            |server, pair: &Pair, named| pair.is_known && server != named && network(server) == network(named);
        self.with_server(candidates, is_next).into_iter().map(|(candidate, _)| candidate).collect()
    }

    fn with_server(
        &self,
        candidates: &BTreeSet<PairKey>,
        fits: impl Fn(IpAddr, &Pair, IpAddr) -> bool,
    ) -> BTreeSet<(PairKey, IpAddr)> {
        let mut found = BTreeSet::new();
        if candidates.is_empty() {
            return found;
        }
        for (key, pair) in &self.pairs {
            let lowest = PairKey { client: key.client, server: IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
            let same_client = candidates.range(lowest..).take_while(|candidate| candidate.client == key.client);
            let fitting = same_client.filter(|candidate| fits(key.server, pair, candidate.server));
            found.extend(fitting.map(|candidate| (*candidate, key.server)));
        }
        found
    }

    /// How many pairs and user names found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & 0xffff_ff00).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

impl Conduct {
    /// Notes the port of a request that was not let past.
    pub fn add_port(&mut self, port: u16) {
        if self.ports.len() < PORTS_MAX {
            self.ports.insert(port);
        }
    }

    /// Notes an answer of the server: silence that began before it is over.
    pub fn answer(&mut self, time: CaptureTime) {
        self.answered_last = self.answered_last.max(Some(time));
        if self.silence.as_ref().is_some_and(|silence| silence.since <= time) {
            self.silence = None;
        }
    }

    /// Notes that credentials were refused there.
    pub fn refuse(&mut self, time: CaptureTime, place: Place, account: u64) {
        self.refusals += u64::from(self.accepted_last < Some(time));
        if self.refused_last < Some(time) {
            (self.refused_last, self.refused_at, self.refused_account) = (Some(time), Some(place), account);
        }
    }

    /// Notes that credentials were accepted: what was refused of the same account before is forgiven.
    pub fn accept(&mut self, time: CaptureTime, account: u64) {
        self.accepted_last = self.accepted_last.max(Some(time));
        if self.refused_last < Some(time) && self.refused_account == account {
            self.refusals = 0;
        }
    }

    /// Notes a request that was not answered, by the frames in which it was sent.
    pub fn silent(
        &mut self,
        (time, last): (CaptureTime, CaptureTime),
        place: Place,
        frames: impl Iterator<Item = FrameRef>,
        session: u64,
    ) {
        if self.answered_last.is_some_and(|answered| answered >= time) {
            return;
        }
        let is_elsewhere = |known: &mut Silence| known.place != place && self.refused_at == Some(place);
        let known = self.silence.take_if(|known| !is_elsewhere(known));
        let first = || Silence { place, since: time, last, sent: 0, seen: Trail::default() };
        let silence = self.silence.insert(known.unwrap_or_else(first));
        if silence.place != place {
            return;
        }
        (silence.since, silence.last) = (silence.since.min(time), silence.last.max(last));
        for at in frames {
            silence.sent += 1;
            silence.seen.add(at, session);
        }
    }
}
