//! Whether what failed was made good soon after.

use std::time::Duration;

use crate::session::Attempt;
use crate::session::Session;

/// A later acceptance within this time makes a failure a matter of the past: twice the transaction timeout.
const RECOVERY_WITHIN: Duration = Duration::from_secs(64);

/// Whether the same client was let past on the same hop soon after, for the same purpose.
pub fn has_recovered(session: &Session<'_>, index: usize) -> bool {
    recoveries(session, index).any(|(failed, later)| later.transaction.is_same_hop(failed.transaction))
}

/// The same from whatever address and at whatever server: clients that change either have recovered all the same.
pub fn has_recovered_anywhere(session: &Session<'_>, index: usize) -> bool {
    recoveries(session, index).next().is_some()
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
