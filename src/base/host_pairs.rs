//! Who sends to whom: a bounded set of pairs that forgets nobody.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// Pairs that are told apart. Forged sources make as many as they like.
const PAIRS_MAX: usize = 4096;

/// Pairs of source and destination. Once there are too many to tell apart it holds every pair: what is said of one of its pairs has to
/// be true of one that merely may be.
#[derive(Clone, Debug, Default)]
pub struct HostPairs {
    pairs: BTreeSet<(IpAddr, IpAddr)>,
    is_full: bool,
}

impl HostPairs {
    /// Adds a pair; says whether that changed anything.
    pub fn insert(&mut self, source: IpAddr, destination: IpAddr) -> bool {
        if self.holds(source, destination) {
            return false;
        }
        self.is_full = self.pairs.len() >= PAIRS_MAX;
        self.is_full || self.pairs.insert((source, destination))
    }

    /// Whether there are too many to tell apart.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether a pair is one of them, or may be.
    pub fn holds(&self, source: IpAddr, destination: IpAddr) -> bool {
        self.is_full || self.pairs.contains(&(source, destination))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_there_are_too_many_every_pair_may_be_one() {
        let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        let mut pairs = HostPairs::default();
        let stranger = (address(1), address(2));
        for number in 0..PAIRS_MAX {
            assert!(pairs.insert(address(number), address(0)) && !pairs.insert(address(number), address(0)));
        }
        assert!(!pairs.holds(stranger.0, stranger.1) && !pairs.is_full());
        assert!(pairs.insert(address(PAIRS_MAX), address(0)));
        assert!(pairs.holds(stranger.0, stranger.1) && !pairs.insert(stranger.0, stranger.1));
    }
}
