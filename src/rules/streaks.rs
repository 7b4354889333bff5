//! Requests of one exchange, one behind the other, of which none but the last got past the server.

use std::ops::Range;

use crate::session::Attempt;
use crate::session::Session;

/// How many that were let past are looked at between two of an exchange. Bounds the search in endless sessions.
const BETWEEN_MAX: usize = 64;

/// Attempts, cut behind every one that was let past, and where the client was at another address: within a streak nothing was but its last.
pub fn of<'s, 'run>(session: &'s Session<'run>, attempts: &[usize]) -> Vec<Vec<(usize, &'s Attempt<'run>)>> {
    let mut streaks: Vec<Vec<(usize, &Attempt<'_>)>> = vec![Vec::new()];
    for &index in attempts {
        let Some(attempt) = session.attempts.get(index) else { continue };
        let before = streaks.last().and_then(|streak| Some(streak.last()?.0));
        if before.is_some_and(|before| is_let_past_elsewhere(session, attempt, before..index)) {
            streaks.push(Vec::new());
        }
        if let Some(streak) = streaks.last_mut() {
            streak.push((index, attempt));
        }
        if attempt.is_let_past() {
            streaks.push(Vec::new());
        }
    }
    streaks.retain(|streak| !streak.is_empty());
    streaks
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
