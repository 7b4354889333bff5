//! From how many places one account is used with success.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::WireMap;
use crate::base::limits::NAME_BYTES_MAX;

/// One acceptance.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    /// When.
    pub time: CaptureTime,
    /// In which frame.
    pub at: FrameRef,
    /// The report's number of the session.
    pub session: u64,
}

/// An account that is used from several places.
#[derive(Clone, Debug)]
pub struct Spread {
    /// The user name.
    pub user: Box<[u8]>,
    /// The realm.
    pub realm: Box<[u8]>,
    /// The server that let it in.
    pub server: IpAddr,
    /// The latest acceptance of each place.
    pub places: BTreeMap<IpAddr, Login>,
}

#[derive(Debug)]
struct Account {
    /// Where it got in first.
    place: IpAddr,
    /// The latest acceptance there.
    latest: Login,
    /// The earliest acceptance at that place.
    began: CaptureTime,
    spread: Option<Box<Spread>>,
}

/// Places that are told apart for one account.
const PLACES_MAX: usize = 256;

/// All accounts that got in, by a hash of their name: most are used from one place, and need no more.
#[derive(Debug, Default)]
pub struct Logins {
    accounts: WireMap<u64, Account>,
    accounts_max: usize,
    refused: u64,
}

impl Logins {
    /// None yet; at most `accounts_max` are kept.
    pub fn new(accounts_max: usize) -> Logins {
        Logins { accounts_max, ..Logins::default() }
    }

    /// Notes that credentials of an account were accepted. `key` is a hash of its name and realm.
    pub fn accepted(&mut self, key: u64, name: (&[u8], &[u8]), from: (IpAddr, IpAddr), login: Login) {
        let (user, realm) = name;
        let (client, server) = from;
        // A host of IPv6 changes its address within its network as it likes (RFC 8981).
        let place = place(client);
        let is_full = self.accounts.len() >= self.accounts_max && !self.accounts.contains_key(&key);
        if is_full || user.len().max(realm.len()) > NAME_BYTES_MAX {
            self.refused += 1;
            return;
        }
        let account =
            self.accounts.entry(key).or_insert(Account { place, latest: login, began: login.time, spread: None });
        if account.place == place {
            account.began = account.began.min(login.time);
        }
        if account.place == place && account.spread.is_none() {
            account.latest = login;
            return;
        }
        let (first_place, latest) = (account.place, account.latest);
        let spread = account.spread.get_or_insert_with(|| {
            let places = BTreeMap::from([(first_place, latest)]);
            Box::new(Spread { user: user.into(), realm: realm.into(), server, places })
        });
        if spread.places.len() < PLACES_MAX || spread.places.contains_key(&place) {
            spread.places.insert(place, login);
        } else {
            self.refused += 1;
        }
    }

    /// The latest acceptance of an account at the place of that client.
    pub fn latest(&self, key: u64, client: IpAddr) -> Option<Login> {
        let (account, place) = (self.accounts.get(&key)?, place(client));
        match &account.spread {
            Some(spread) => spread.places.get(&place).copied(),
            None => (account.place == place).then_some(account.latest),
        }
    }

    /// When an account got in first at the place of that client, where that is the place at which it was seen first.
    pub fn began(&self, key: u64, client: IpAddr) -> Option<CaptureTime> {
        self.accounts.get(&key).filter(|account| account.place == place(client)).map(|account| account.began)
    }

    /// The accounts that are used from several places, in order of their names.
    pub fn spread(&self) -> Vec<&Spread> {
        let mut all: Vec<&Spread> = self.accounts.values().filter_map(|account| account.spread.as_deref()).collect();
        all.sort_by(|one, other| (&one.user, &one.realm).cmp(&(&other.user, &other.realm)));
        all
    }

    /// How many accounts and places found no place.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

impl Spread {
    /// The most places that lie within a time of each other, in order of time.
    pub fn densest(&self, within: Duration) -> Vec<(IpAddr, Login)> {
        let mut all: Vec<(IpAddr, Login)> = self.places.iter().map(|(place, login)| (*place, *login)).collect();
        all.sort_by_key(|(place, login)| (login.time, *place));
        let mut best = 0..0;
        let mut first = 0;
        for last in 0..all.len() {
            let time = |index: usize| all.get(index).map(|(_, login)| login.time);
            while time(first).zip(time(last)).is_some_and(|(first, last)| last.since(first) > within) {
                first += 1;
            }
            if last + 1 - first > best.len() {
                best = first..last + 1;
            }
        }
        all.get(best).map(<[_]>::to_vec).unwrap_or_default()
    }
}

fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}
