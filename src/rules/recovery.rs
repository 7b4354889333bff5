//! Whether what failed was made good soon after.

use std::time::Duration;

use crate::session::Attempt;
use crate::session::Session;
use crate::session::Transaction;

/// A later acceptance within this time makes a failure a matter of the past: twice the transaction timeout.
const RECOVERY_WITHIN: Duration = Duration::from_secs(64);

/// Whether the same client was let past on the same hop soon after, for the same purpose.
pub fn has_recovered(session: &Session<'_>, index: usize) -> bool {
    recoveries(session, index).any(|(failed, later)| later.transaction.is_same_hop(failed.transaction))
        || session.attempts.get(index).is_some_and(|attempt| has_other_branch_won(session, attempt))
}

/// The same from whatever address and at whatever server: clients that change either have recovered all the same.
pub fn has_recovered_anywhere(session: &Session<'_>, index: usize) -> bool {
    recoveries(session, index).next().is_some()
        || session.attempts.get(index).is_some_and(|attempt| has_other_branch_won(session, attempt))
}

/// RFC 3261 §16.7: a forking proxy passes the best of its branches' answers back. Where that was a 2xx, or the same request was accepted on
/// another branch, nobody waits for what becomes of this one.
pub fn has_other_branch_won(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let is_accepted =
        |known: &Transaction| known.answer.as_ref().is_some_and(|answer| (200..=299).contains(&answer.status));
    let this = attempt.transaction;
    let origin = this.forwarded_from.and_then(|from| session.run.transactions.get(from));
    let tag = |known: &Transaction| known.request.as_ref().map(|request| request.from_tag.map(|tag| session.text(tag)));
    origin.is_some_and(is_accepted)
        || session.run.transactions.iter().any(|other| {
            this.cseq.is_some()
                && (this.cseq, &this.method) == (other.cseq, &other.method)
                && this.flow.source.address == other.flow.source.address
                && this.flow.destination.address != other.flow.destination.address
                && is_accepted(other)
                && tag(other) == tag(this)
        })
}

/// A failed attempt with each later one for the same purpose that was let past within the time of a recovery.
fn recoveries<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
) -> impl Iterator<Item = (&'s Attempt<'run>, &'s Attempt<'run>)> {
    let failed = session.attempts.get(index);
    let last = failed.and_then(|failed| failed.answer().map(|answer| answer.time).or(failed.transaction.started()));
    let later = session.lookup().let_past_from(index).iter().take(RECOVERIES_MAX);
    let pairs = later.filter_map(move |later| failed.zip(session.attempts.get(*later)));
    pairs.filter(move |(failed, later)| {
        later.transaction.method == failed.transaction.method
            && later.request().zip(last).is_none_or(|(request, last)| request.time.since(last) <= RECOVERY_WITHIN)
    })
}

/// How many attempts that were let past are looked at for one that made a failure good. Bounds the search in endless sessions.
const RECOVERIES_MAX: usize = 1024;
