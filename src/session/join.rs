//! Which challenge credentials answer: the one that brought their nonce.

use std::collections::BTreeMap;

use crate::base::CaptureTime;
use crate::session::Attempt;
use crate::session::NonceId;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Transaction;
use crate::session::attempt::ChallengeAt;

/// How many challenges with a nonce are looked at for one that came before its credentials. Bounds the search in endless sessions.
const BROUGHT_BACK_MAX: usize = 1024;

/// Where a nonce was brought.
#[derive(Clone, Copy)]
struct Brought {
    /// When the answer came.
    time: CaptureTime,
    attempt: usize,
    challenge: usize,
}

/// Finds for each row of credentials the latest challenge before it that brought its nonce, and says whether the realms agree.
pub(super) fn join(attempts: &mut [Attempt<'_>]) {
    if attempts.iter().all(|attempt| attempt.credentials.is_empty()) {
        return;
    }
    // Ids of this run's own making: no hashing, and nothing an attacker could collide.
    let mut brought: BTreeMap<NonceId, Vec<Brought>> = BTreeMap::new();
    for index in 0..attempts.len() {
        let Some((before, [attempt, ..])) = attempts.split_at_mut_checked(index) else { return };
        for presented in &mut attempt.credentials {
            let all = presented.nonce.and_then(|nonce| brought.get(&nonce)).map(Vec::as_slice).unwrap_or_default();
            presented.answers = asking(before, attempt.transaction, all).and_then(|asking| {
                let first = all.partition_point(|other| other.attempt < asking);
                challenge_of(before, asking, presented, all.get(first..)?)
            });
        }
        let Some(answer) = &attempt.transaction.answer else { continue };
        for (challenge, offered) in attempt.challenges.iter().enumerate() {
            if let Some(nonce) = offered.nonce {
                brought.entry(nonce).or_default().push(Brought { time: answer.time, attempt: index, challenge });
            }
        }
    }
}

/// The latest attempt that was told the nonce. A B2BUA may pass a challenge on under the same Call-ID: each side answers its own.
fn asking(before: &[Attempt<'_>], transaction: &Transaction, all: &[Brought]) -> Option<usize> {
    let sent = transaction.started();
    let mut newest = all.iter().rev().take(BROUGHT_BACK_MAX);
    let is_before = |brought: &&Brought| sent.is_none_or(|sent| brought.time <= sent);
    let is_own_hop = |brought: &&Brought| {
        before.get(brought.attempt).is_some_and(|asking| asking.transaction.is_same_hop(transaction))
    };
    let own = newest.clone().filter(is_before).find(is_own_hop);
    own.or_else(|| newest.find(is_before)).map(|brought| brought.attempt)
}

/// The challenge of that attempt, of those that hold the nonce: one may stand in several, for each algorithm (RFC 7616 §3.7) or realm.
fn challenge_of(
    before: &[Attempt<'_>],
    attempt: usize,
    presented: &Presented<'_>,
    from: &[Brought],
) -> Option<ChallengeAt> {
    let offered = |challenge: usize| before.get(attempt)?.challenges.get(challenge);
    let has_realm = |offered: &Offered<'_>| offered.realm() == presented.realm();
    let fit = |challenge: usize| {
        let offered = offered(challenge)?;
        let is_same_algorithm = offered.challenge.algorithm() == presented.credentials.algorithm();
        Some((has_realm(offered), offered.header == presented.header, is_same_algorithm))
    };
    let rows = from.iter().take_while(|other| other.attempt == attempt).map(|brought| brought.challenge);
    let challenge = match from {
        [only] => only.challenge,
        _ => rows.max_by_key(|challenge| fit(*challenge))?,
    };
    Some(ChallengeAt { attempt, challenge, is_same_realm: has_realm(offered(challenge)?) })
}
