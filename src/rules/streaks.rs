//! Requests of one exchange, one behind the other, of which none but the last got past the server.

use std::ops::Range;

use crate::session::Attempt;
use crate::session::Session;

/// How many that were let past are looked at between two of an exchange. Bounds the search in endless sessions.
const BETWEEN_MAX: usize = 64;

/// Attempts, cut behind every one that was let past, or may have been, and where the client was at another address: within a streak nothing
/// was but its last.
pub fn of<'s, 'run>(session: &'s Session<'run>, attempts: &[usize]) -> Vec<Vec<(usize, &'s Attempt<'run>)>> {
    let mut streaks = vec![Vec::new()];
    for (place, &index) in attempts.iter().enumerate() {
        let Some(attempt) = session.attempts.get(index) else { continue };
        if let Some(streak) = streaks.last_mut() {
            streak.push((index, attempt));
        }
        let next = attempts.get(place + 1).and_then(|&next| Some((next, session.attempts.get(next)?)));
        let is_answered_unseen = |next: &Attempt<'_>| attempt.has_unseen_answer() && !brings_nonce(attempt, next);
        if attempt.is_let_past()
            || next.is_some_and(|(at, next)| {
                is_answered_unseen(next) || is_let_past_elsewhere(session, attempt, index..at)
            })
        {
            streaks.push(Vec::new());
        }
    }
    streaks.retain(|streak| !streak.is_empty());
    streaks
}

/// Whether the answer between the two, which the capture lacks, was a challenge: the later one has a nonce of which nothing is known.
fn brings_nonce(unseen: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let is_known = |nonce| unseen.credentials.iter().any(|before| before.nonce == nonce);
    next.credentials.iter().any(|sent| sent.is_attempt && sent.answers.is_none() && !is_known(sent.nonce))
}

/// Whether the same client was let past in between, with such a request at another address: a server may have several.
fn is_let_past_elsewhere(session: &Session<'_>, attempt: &Attempt<'_>, between: Range<usize>) -> bool {
    let let_past = session.lookup().let_past_from(between.start).iter().take(BETWEEN_MAX);
    let mut between =
        let_past.take_while(|index| **index < between.end).filter_map(|index| session.attempts.get(*index));
    between.any(|other| {
        other.transaction.method == attempt.transaction.method
            && other.transaction.flow().source.address == attempt.transaction.flow().source.address
    })
}
