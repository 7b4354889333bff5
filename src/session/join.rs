//! Which challenge credentials answer: the one that brought their nonce.

use crate::base::Moment;
use crate::base::frame::CLOCK_STEP_MIN;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::NonceId;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Request;
use crate::session::Transaction;
use crate::session::attempt::ChallengeAt;

/// How many challenges with a nonce are looked at for one that came before its credentials. Bounds the search in endless sessions.
const BROUGHT_BACK_MAX: usize = 1024;

/// Attempts back among which the last one on the same hop is looked for. Bounds the search in endless sessions.
const ASKED_WITHIN: usize = 64;

/// Where a nonce was brought.
#[derive(Clone, Copy)]
struct Brought {
    nonce: NonceId,
    /// When the answer came, and in which frame.
    moment: Moment,
    attempt: usize,
    challenge: usize,
}

/// Finds for each row of credentials the latest challenge before it that brought its nonce, and says whether the realms agree.
pub(super) fn join(attempts: &mut [Attempt<'_>]) {
    if attempts.iter().all(|attempt| attempt.credentials.is_empty()) {
        return;
    }
    let brought = all_brought(attempts);
    for index in 0..attempts.len() {
        let Some((before, [attempt, ..])) = attempts.split_at_mut_checked(index) else { return };
        for presented in &mut attempt.credentials {
            let all = presented.nonce.map(|nonce| brought_before(&brought, nonce, index)).unwrap_or_default();
            presented.answers = asking(before, attempt.transaction, all).and_then(|asking| {
                let first = all.partition_point(|other| other.attempt < asking);
                challenge_of(before, asking, presented, all.get(first..)?)
            });
            if all.is_empty() {
                (presented.answers, presented.nonce) = asked_last(before, attempt.transaction, presented);
            }
        }
    }
}

/// Every nonce that was brought, by nonce and then in order.
fn all_brought(attempts: &[Attempt<'_>]) -> Vec<Brought> {
    let answered = attempts.iter().enumerate().filter_map(|(index, attempt)| Some((index, attempt, attempt.answer()?)));
    let all = answered.flat_map(|(attempt, asking, answer)| {
        let offered = asking.challenges.iter().enumerate();
        offered.filter_map(move |(challenge, offered)| {
            Some(Brought { nonce: offered.nonce?, moment: answer.moment(), attempt, challenge })
        })
    });
    let mut all: Vec<Brought> = all.collect();
    all.sort_by_key(|brought| brought.nonce);
    all
}

/// Where a nonce was brought by attempts before this one.
fn brought_before(all: &[Brought], nonce: NonceId, index: usize) -> &[Brought] {
    let first = all.partition_point(|brought| brought.nonce < nonce);
    let end = all.partition_point(|brought| (brought.nonce, brought.attempt) < (nonce, index));
    all.get(first..end).unwrap_or_default()
}

/// The latest attempt that was told the nonce. A B2BUA may pass a challenge on under the same Call-ID: each side answers its own.
fn asking(before: &[Attempt<'_>], transaction: &Transaction, all: &[Brought]) -> Option<usize> {
    let answered = || transaction.answer.as_ref().map(Answer::moment);
    let sent = transaction.request.as_ref().map(Request::moment).or_else(answered);
    let mut newest = all.iter().rev().take(BROUGHT_BACK_MAX);
    let is_before = |brought: &&Brought| sent.is_none_or(|sent| !sent.is_before(brought.moment));
    let is_own_hop = |brought: &&Brought| {
        before.get(brought.attempt).is_some_and(|asking| asking.transaction.is_same_hop(transaction))
    };
    // Nobody answers a nonce before it is given, whatever interfaces and queues stamp on it.
    let is_soon = |brought: &&Brought| sent.is_some_and(|sent| brought.moment.time.since(sent.time) <= CLOCK_STEP_MIN);
    let own = newest.clone().filter(is_before).find(is_own_hop);
    let stamped_late = newest.clone().filter(is_soon).find(is_own_hop);
    own.or_else(|| newest.find(is_before)).or(stamped_late).map(|brought| brought.attempt)
}

/// The challenge of the attempt before with the same nonce, and that nonce where it is for the same realm. It may be for another one: a server
/// may give one nonce for both within a second, and then the client may have got that of the other realm under another Call-ID. For the
/// same one, it is stamped later than what answers it.
fn asked_last(
    before: &[Attempt<'_>],
    transaction: &Transaction,
    presented: &Presented<'_>,
) -> (Option<ChallengeAt>, Option<NonceId>) {
    let own_hop = || {
        let mut newest = before.iter().enumerate().rev().take(ASKED_WITHIN);
        let (attempt, last) = newest.find(|(_, other)| other.transaction.is_same_hop(transaction))?;
        let sent = presented.credentials.nonce().filter(|nonce| !nonce.is_empty())?;
        let challenge = last.challenges.iter().position(|offered| offered.challenge.nonce().as_ref() == Some(&sent))?;
        let offered = last.challenges.get(challenge)?;
        let is_same_realm = offered.realm() == presented.realm();
        let nonce = offered.nonce.filter(|_| is_same_realm);
        Some((ChallengeAt { attempt, challenge, is_same_realm }, nonce))
    };
    let (answers, nonce) = own_hop().unzip();
    (answers, nonce.flatten().or(presented.nonce))
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
