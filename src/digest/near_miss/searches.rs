//! How often each account was searched for. A search costs some hundred hashes: a capture full of wrong passwords must not
//! cost one for each.

use crate::base::Limits;
use crate::base::WireMap;
use crate::digest::near_miss::Closest;
use crate::digest::near_miss::variant::Variant;

/// Bytes of a user name and realm that are remembered.
const ACCOUNT_LEN_BYTES_MAX: usize = 1024;

/// What searches found, by account.
#[derive(Debug)]
pub(in crate::digest) struct Searches {
    accounts: WireMap<Box<[u8]>, Known>,
    /// Searches without a result that an account may have, and all may.
    account_max: usize,
    all_max: usize,
    fruitless: usize,
    /// Digests that were not searched.
    pub(super) passed_over: u64,
}

#[derive(Debug, Default)]
struct Known {
    fruitless: usize,
    variant: Option<Variant>,
}

/// What is known of an account that may be searched.
pub(super) enum Account {
    /// Nothing fits yet.
    Unknown,
    /// This change made its last digest right.
    Fits {
        /// The change.
        variant: Variant,
        /// Whether others may be tried where it does not fit again.
        may_search: bool,
    },
}

impl Default for Searches {
    fn default() -> Searches {
        Searches::new(&Limits::default())
    }
}

impl Searches {
    /// No searches yet.
    pub(in crate::digest) fn new(limits: &Limits) -> Searches {
        Searches {
            accounts: WireMap::default(),
            account_max: limits.near_miss_account_searches_max,
            all_max: limits.near_miss_searches_max,
            fruitless: 0,
            passed_over: 0,
        }
    }

    /// What is known of an account; None where it may not be searched any more.
    pub(super) fn account(&self, username: &[u8], realm: &[u8]) -> Option<Account> {
        if username.len() + realm.len() > ACCOUNT_LEN_BYTES_MAX {
            return None;
        }
        let known = self.accounts.get(&key(username, realm));
        let has_room = known.map_or(self.accounts.len() < self.all_max, |known| known.fruitless < self.account_max)
            && self.fruitless < self.all_max;
        match known.and_then(|known| known.variant) {
            Some(variant) => Some(Account::Fits { variant, may_search: has_room }),
            None => has_room.then_some(Account::Unknown),
        }
    }

    /// Whether an account was searched for in vain, and never with a result.
    pub(super) fn is_fruitless(&self, username: &[u8], realm: &[u8]) -> bool {
        let known = self.accounts.get(&key(username, realm));
        known.is_some_and(|known| known.fruitless > 0 && known.variant.is_none())
    }

    /// Notes what a search found.
    pub(super) fn note(&mut self, username: &[u8], realm: &[u8], closest: &Closest) {
        let known = self.accounts.entry(key(username, realm)).or_default();
        match closest {
            Closest::One(near_miss) => known.variant = Some(near_miss.variant),
            Closest::Nothing { .. } | Closest::Several => {
                known.fruitless += 1;
                self.fruitless += 1;
            }
            Closest::NotLooked => {}
        }
    }
}

/// The length keeps ("ab", "c") and ("a", "bc") apart.
fn key(username: &[u8], realm: &[u8]) -> Box<[u8]> {
    [&username.len().to_be_bytes(), username, realm].concat().into()
}
