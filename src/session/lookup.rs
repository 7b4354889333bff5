//! Where a session uses and offers its nonces and realms. Made once it is asked for: most sessions never ask, and long ones
//! would be searched from end to end for each of their attempts.

use std::net::IpAddr;

use crate::base::WireMap;
use crate::session::Attempt;
use crate::session::HeaderKind;
use crate::session::NonceId;
use crate::session::Run;
use crate::sip::Method;

/// Which attempts name what, as indices into the session's, in order.
#[derive(Debug, Default)]
pub struct Lookup {
    counted: WireMap<(NonceId, Option<u32>), Vec<usize>>,
    uses: WireMap<NonceId, u64>,
    used_first: WireMap<NonceId, usize>,
    used_last: WireMap<NonceId, usize>,
    let_past: Vec<usize>,
    let_past_first: WireMap<NonceId, usize>,
    offered: WireMap<NonceId, Vec<(usize, HeaderKind)>>,
    answered_last: WireMap<Asked, WireMap<Box<[u8]>, usize>>,
}

/// Whom credentials speak for: the client, what it wants, and where that is a registration, whose. Empty where that is anybody's.
type Asked = (IpAddr, Method, Box<[u8]>);

fn asked(run: &Run, attempt: &Attempt<'_>) -> Asked {
    // Either refreshes a session: who is asked for the one may turn to the other (RFC 4028 §7.4).
    let method = match &attempt.transaction.method {
        Method::Update => Method::Invite,
        method => method.clone(),
    };
    // RFC 3261 §10.2: all registrations of a client may have one Call-ID.
    let account = attempt.request().filter(|_| method == Method::Register).map(|request| run.text(request.to));
    (attempt.transaction.flow().source.address, method, account.unwrap_or_default().into())
}

impl Lookup {
    /// Reads all attempts.
    pub fn new(run: &Run, attempts: &[Attempt<'_>]) -> Lookup {
        let mut lookup = Lookup::default();
        for (index, attempt) in attempts.iter().enumerate() {
            if attempt.is_let_past() {
                lookup.let_past.push(index);
            }
            for presented in attempt.credentials.iter().filter(|presented| presented.is_attempt) {
                let asked = asked(run, attempt);
                let of_anybody = (asked.0, asked.1.clone(), Box::default());
                lookup.answered_last.entry(of_anybody).or_default().insert(presented.realm().into(), index);
                lookup.answered_last.entry(asked).or_default().insert(presented.realm().into(), index);
                let Some(nonce) = presented.nonce else { continue };
                let nonce_count = presented.credentials.nonce_count().and_then(|count| count.value);
                lookup.counted.entry((nonce, nonce_count)).or_default().push(index);
                lookup.used_first.entry(nonce).or_insert(index);
                lookup.used_last.insert(nonce, index);
                if presented.judgement.is_let_past() {
                    lookup.let_past_first.entry(nonce).or_insert(index);
                }
            }
            for nonce in attempt.credentials.iter().filter_map(|presented| presented.nonce) {
                *lookup.uses.entry(nonce).or_default() += 1;
            }
            for offered in &attempt.challenges {
                if let Some(nonce) = offered.nonce {
                    lookup.offered.entry(nonce).or_default().push((index, offered.header));
                }
            }
        }
        lookup
    }

    /// The attempts whose credentials use that nonce with that nonce count.
    pub fn counted(&self, nonce: NonceId, nonce_count: Option<u32>) -> &[usize] {
        self.counted.get(&(nonce, nonce_count)).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many credentials use that nonce.
    pub fn uses(&self, nonce: NonceId) -> u64 {
        self.uses.get(&nonce).copied().unwrap_or_default()
    }

    /// The first attempt whose credentials use that nonce.
    pub fn used_first(&self, nonce: NonceId) -> Option<usize> {
        self.used_first.get(&nonce).copied()
    }

    /// The last attempt whose credentials use that nonce.
    pub fn used_last(&self, nonce: NonceId) -> Option<usize> {
        self.used_last.get(&nonce).copied()
    }

    /// The attempts from that one on that were let past.
    pub fn let_past_from(&self, index: usize) -> &[usize] {
        let first = self.let_past.partition_point(|let_past| *let_past < index);
        self.let_past.get(first..).unwrap_or_default()
    }

    /// The first attempt whose credentials with that nonce were let past.
    pub fn let_past_first(&self, nonce: NonceId) -> Option<usize> {
        self.let_past_first.get(&nonce).copied()
    }

    /// The attempts whose answers offer that nonce, and under which header.
    pub fn offered(&self, nonce: NonceId) -> &[(usize, HeaderKind)] {
        self.offered.get(&nonce).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether that nonce was ever offered under that header.
    pub fn is_offered_under(&self, nonce: NonceId, header: HeaderKind) -> bool {
        self.offered(nonce).iter().any(|(_, kind)| *kind == header)
    }

    /// Whether an answer to one of the attempts from `from` to before `until` offered that nonce.
    pub fn is_offered_between(&self, nonce: NonceId, from: usize, until: usize) -> bool {
        let all = self.offered(nonce);
        let next = all.partition_point(|(index, _)| *index < from);
        all.get(next).is_some_and(|(index, _)| *index < until)
    }

    /// The last attempt of the same client, method and account with credentials for that realm.
    pub fn answered_last(&self, run: &Run, attempt: &Attempt<'_>, realm: &[u8]) -> Option<usize> {
        self.answered_last.get(&asked(run, attempt))?.get(realm).copied()
    }
}
