//! Whether what failed was made good soon after.

use std::time::Duration;

use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Request;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::Method;

/// A later acceptance within this time makes a failure a matter of the past: twice the transaction timeout.
pub const RECOVERY_WITHIN: Duration = Duration::from_secs(64);

/// Whether the same client was let past on the same hop soon after, for the same purpose.
pub fn has_recovered(session: &Session<'_>, index: usize) -> bool {
    // Most of what is asked about was let past itself.
    if session.attempts.get(index).is_some_and(Attempt::is_let_past) {
        return true;
    }
    recoveries(session, index).any(|(failed, later)| later.transaction.is_same_hop(failed.transaction))
        || session.attempts.get(index).is_some_and(|attempt| has_other_branch_won(session, attempt))
}

/// Attempts behind one among which the answer to its challenge is looked for. Bounds the search in endless sessions.
const ANSWERED_WITHIN: usize = 16;

/// Whether the client went on to answer the challenge, and what came of that is not in the capture: it may have got in.
pub fn may_have_recovered(session: &Session<'_>, index: usize) -> bool {
    let mut behind = session.attempts.iter().skip(index + 1).take(ANSWERED_WITHIN);
    behind.any(|later| {
        later.has_unseen_answer()
            && later.credentials.iter().any(|sent| sent.answers.is_some_and(|answers| answers.attempt == index))
    })
}

/// The same from whatever address and at whatever server: clients that change either have recovered all the same.
pub fn has_recovered_anywhere(session: &Session<'_>, index: usize) -> bool {
    recoveries(session, index).next().is_some()
        || session.attempts.get(index).is_some_and(|attempt| has_other_branch_won(session, attempt))
}

/// Transactions on either side of one among which its sibling branches are looked for. Bounds the search in endless sessions.
const BRANCHES_WITHIN: usize = 64;

/// RFC 3261 §16.7: a forking proxy passes the best of its branches' answers back. Where that was a 2xx, or the same request was accepted on
/// a branch beside it, nobody waits for what becomes of this one. A proxy with credentials of its own is a client like any other.
pub fn has_other_branch_won(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let (this, all) = (attempt.transaction, &session.run.transactions);
    let Some(request) = attempt.request().filter(|_| this.method != Method::Register) else { return false };
    match this.forwarded_from().and_then(|from| all.get(from)) {
        Some(origin) => is_accepted(origin) && is_passed_on(origin, request),
        None if request.via_count < 2 => false,
        None => {
            let first = attempt.transaction_index.saturating_sub(BRANCHES_WITHIN);
            let near = all.iter().skip(first).take(2 * BRANCHES_WITHIN);
            near.filter(|other| is_beside(session, this, other)).any(is_accepted)
        }
    }
}

fn is_accepted(known: &Transaction) -> bool {
    known.answer.as_ref().is_some_and(|answer| (200..=299).contains(&answer.status))
}

/// Whether all credentials of a request came with the one that it continues.
fn is_passed_on(origin: &Transaction, request: &Request) -> bool {
    let known = origin.request.as_ref().map(|origin| &*origin.credentials).unwrap_or_default();
    request.credentials.iter().all(|row| known.iter().any(|known| known.value == row.value))
}

/// Whether it is the same request to another server: sent before this one was answered, or this one showed no credentials that were refused.
fn is_beside(session: &Session<'_>, this: &Transaction, other: &Transaction) -> bool {
    let tag = |known: &Transaction| known.request.as_ref().map(|request| request.from_tag.map(|tag| session.text(tag)));
    let answered = this.answer.as_ref().map(|answer| answer.time);
    let is_bare = this.request.as_ref().is_some_and(|request| request.credentials.is_empty());
    this.cseq.is_some()
        && (this.cseq, &this.method) == (other.cseq, &other.method)
        && this.flow().source.address == other.flow().source.address
        && this.flow().destination.address != other.flow().destination.address
        && (other.started() <= answered || is_bare)
        && tag(other) == tag(this)
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
            && !is_of_other_account(session, failed, later)
            && later.request().zip(last).is_none_or(|(request, last)| request.time.since(last) <= RECOVERY_WITHIN)
    })
}

/// RFC 3261 §10.2: a client may register all of its accounts under one Call-ID, each in the To of its own.
fn is_of_other_account(session: &Session<'_>, failed: &Attempt<'_>, later: &Attempt<'_>) -> bool {
    let account = |attempt: &Attempt<'_>| attempt.request().map(|request| session.text(request.to));
    failed.transaction.method == Method::Register
        && account(failed).zip(account(later)).is_some_and(|(one, other)| one != other)
}

/// The attempt that ended what a finding tells of, however late: the same client was let past on the same hop and for the same purpose, and
/// nothing that the finding speaks of came after that.
pub fn ended_by<'s, 'run>(session: &'s Session<'run>, finding: &Finding) -> Option<&'s Attempt<'run>> {
    let index = finding.attempt?;
    let failed = session.attempts.get(index).filter(|failed| !failed.is_let_past())?;
    let later = session.lookup().let_past_from(index).iter().take(RECOVERIES_MAX);
    let later = later.filter_map(|&later| session.attempts.get(later));
    // What was let past without credentials corrects none.
    let is_better = |later: &Attempt<'_>| later.has_credentials() || !failed.has_credentials();
    let mut later = later.filter(|later| is_better(later) && is_for_same_purpose(session, failed, later));
    let ending = later.next()?;
    let is_behind = ending.request().zip(finding.frames.last()).is_some_and(|(request, last)| *last < request.at);
    is_behind.then_some(ending)
}

/// Whether the client of an attempt is let past in the end, for the same purpose.
pub fn ends_well(session: &Session<'_>, index: usize) -> bool {
    let Some(failed) = session.attempts.get(index) else { return false };
    let mut newest = session.attempts.iter().rev().filter(|later| is_for_same_purpose(session, failed, later));
    let is_decided = |later: &&Attempt<'_>| match later.outcome {
        AttemptOutcome::Undecided => false,
        AttemptOutcome::Challenged => !session.is_cut_short(),
        _ => true,
    };
    newest.find(is_decided).is_some_and(Attempt::is_let_past)
}

/// Says when it was over: what is over is worth knowing, and keeps nobody out any more.
pub fn tell_end(session: &Session<'_>, finding: &mut Finding) {
    let Some(ending) = ended_by(session, finding) else { return };
    let failed = finding.attempt.and_then(|index| session.attempts.get(index)?.request());
    let Some((failed, answer)) = failed.zip(ending.answer()) else { return };
    finding.explanation.push_str(&format!(
        " That is over: it lasted from frame {} to frame {}, {} later, in which the same client was let past.",
        failed.at.number,
        answer.at.number,
        facts::duration_text(answer.time.since(failed.time)),
    ));
    finding.severity = finding.severity.min(Severity::Medium);
}

/// Whether two attempts are of one client on one hop, and for one purpose.
pub fn is_for_same_purpose(session: &Session<'_>, one: &Attempt<'_>, other: &Attempt<'_>) -> bool {
    one.transaction.method == other.transaction.method
        && other.transaction.is_same_hop(one.transaction)
        && !is_of_other_account(session, one, other)
}

/// How many attempts that were let past are looked at for one that made a failure good. Bounds the search in endless sessions.
const RECOVERIES_MAX: usize = 1024;
