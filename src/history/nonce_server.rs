//! What one server did with its nonces, as far as rules about servers need it: a handful of the first, whether one was given to
//! several users, and whose nonces it takes. However busy a server is, this stays small.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::FrameRef;
use crate::history::nonce::Issue;
use crate::session::NonceId;

/// The first nonces that are remembered: enough to see a pattern.
const FIRST_MAX: usize = 16;

/// The issuers that are remembered of accepted nonces.
const ISSUERS_MAX: usize = 16;

/// One nonce for everybody within this time is how stock Kamailio works: its nonces are made of the second.
pub const SAME_MOMENT: Duration = Duration::from_secs(2);

/// One server address.
#[derive(Debug, Default)]
pub struct NonceServer {
    first: Vec<First>,
    issuers: Vec<IpAddr>,
    /// Times that a nonce was given to another user within a moment, and the first of them.
    pub in_a_moment: Option<Shared>,
    /// Times that a nonce was given to another user later than that.
    pub later: Option<Shared>,
}

/// One of the first nonces of a server. The history may have forgotten it.
#[derive(Debug)]
pub struct First {
    /// Its id.
    pub nonce: NonceId,
    /// Its text, unescaped.
    pub value: Box<[u8]>,
    /// Its realm.
    pub realm: Arc<[u8]>,
    /// The challenge.
    pub issue: Issue,
}

/// Nonces that were given to several users.
#[derive(Clone, Debug)]
pub struct Shared {
    /// How often.
    pub times: u64,
    /// The first time.
    pub example: Sharing,
}

/// One nonce given to two users.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// Its realm.
    pub realm: Arc<[u8]>,
    /// The challenge to the first user.
    pub first: FrameRef,
    /// The challenge to the other.
    pub again: FrameRef,
    /// The time between them.
    pub apart: Duration,
}

impl NonceServer {
    /// Notes a new nonce.
    pub fn issued(&mut self, nonce: impl FnOnce() -> First) {
        if self.first.len() < FIRST_MAX {
            self.first.push(nonce());
        }
    }

    /// The first nonces, in order.
    pub fn first(&self) -> impl Iterator<Item = &First> {
        self.first.iter()
    }

    /// Notes a nonce that was given to another user before.
    pub fn shared(&mut self, sharing: Sharing) {
        let place = if sharing.apart > SAME_MOMENT { &mut self.later } else { &mut self.in_a_moment };
        place.get_or_insert(Shared { times: 0, example: sharing }).times += 1;
    }

    /// Notes that it let credentials past whose nonce came from another server.
    pub fn accepts(&mut self, issuer: IpAddr) {
        if self.issuers.len() < ISSUERS_MAX && !self.issuers.contains(&issuer) {
            self.issuers.push(issuer);
        }
    }

    /// Whether it let credentials past whose nonce that issuer had given.
    pub fn accepts_of(&self, issuer: IpAddr) -> bool {
        self.issuers.contains(&issuer)
    }
}
