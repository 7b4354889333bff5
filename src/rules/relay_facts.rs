//! What several rules ask of requests that somebody between the client and the server sent on. Facts, no findings.

use std::net::IpAddr;
use std::time::Duration;

use crate::digest::Verdict;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::Behind;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Request;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::Method;

/// Hops of one request that are gone back, and requests among which that of a client is looked for. Bound the search in endless sessions.
const HOPS_MAX: usize = 16;
const CALLS_MAX: usize = 64;

/// The client's own request, of which this one is what somebody in between made: a proxy that sent it on (RFC 3261 §16.6), or a B2BUA
/// that calls under the same Call-ID. `None` where the client itself sent it.
pub fn origin<'s, 'run>(session: &'s Session<'run>, attempt: &Attempt<'_>) -> Option<&'s Attempt<'run>> {
    if attempt.is_sent_again {
        return None;
    }
    let before = |index: &usize| session.run.transactions.get(*index)?.forwarded_from();
    let first = std::iter::successors(Some(attempt.transaction_index), before).take(HOPS_MAX).last();
    match first.filter(|first| *first != attempt.transaction_index) {
        Some(first) => session.attempts.get(session.attempt_of(first)?),
        None => caller_before(session, attempt.transaction),
    }
}

/// Whether an attempt is the same request as another one, on the hop before it.
pub fn is_on_hop_before(session: &Session<'_>, index: usize, before: usize) -> bool {
    let from = session.attempts.get(index).and_then(|attempt| attempt.transaction.forwarded_from());
    from.and_then(|from| session.attempt_of(from)) == Some(before)
}

/// The client's own hop shows the right digest: what came out wrong on the next one was changed on the way.
pub fn was_right_before(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let origin = attempt.transaction.forwarded_from().and_then(|from| session.attempts.get(session.attempt_of(from)?));
    let mut rows = origin.into_iter().flat_map(|origin| &origin.credentials);
    // A client may answer each branch of a fork: what came along as it was is judged as it was.
    let same = rows.clone().find(|row| row.credentials.response() == presented.credentials.response());
    let is_same = |row: &Presented<'_>| same.is_none_or(|same| same.nonce == row.nonce);
    rows.any(|row| row.realm() == presented.realm() && is_same(row) && row.verdict() == Some(Verdict::Match))
}

/// Whether the client is seen not to have got the challenge that was sent to somebody in between: it got another answer, or went on repeating
/// its request.
pub fn is_kept_back(origin: &Attempt<'_>) -> bool {
    match origin.answer() {
        Some(_) => !origin.is_challenged(),
        None => origin.transaction.ack().is_none() && origin.transaction.retransmissions() > 0,
    }
}

/// What became of a request behind the server that never answered it: the answer on its only next hop.
pub fn onward_answer<'s>(session: &'s Session<'_>, attempt: &Attempt<'_>) -> Option<(&'s Request, &'s Answer)> {
    let all = &session.run.transactions;
    let own = attempt.transaction_index;
    let next = all.iter().skip(own + 1).take(CALLS_MAX).filter(|next| next.forwarded_from() == Some(own));
    let mut away = next.filter(|next| next.flow().source.address != attempt.transaction.flow().source.address);
    // A proxy that has turned to another server waits for that one.
    let only = away.next().filter(|_| away.next().is_none())?;
    only.request.as_ref().zip(only.answer.as_ref())
}

/// Who made the challenge of a request: whoever was seen to answer with it first. The others passed it back.
pub fn asker(session: &Session<'_>, attempt: &Attempt<'_>) -> IpAddr {
    let is_same = |known: &&Transaction| {
        let rows = known.answer.iter().flat_map(|answer| &answer.challenges);
        rows.flat_map(|row| &row.nonces)
            .flatten()
            .any(|nonce| attempt.challenges.iter().any(|offered| offered.nonce == Some(*nonce)))
    };
    let near = session.run.transactions.iter().skip(attempt.transaction_index).take(CALLS_MAX);
    let first = near.filter(is_same).min_by_key(|known| known.answer.as_ref().map(|answer| (answer.time, answer.at)));
    first.unwrap_or(attempt.transaction).flow().destination.address
}

/// Whether the challenge of a request is what a proxy passed back that was refused with credentials of its own.
pub fn is_refusal_of_relay(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let is_same = |other: &Attempt<'_>| {
        other.challenges.iter().any(|again| attempt.challenges.iter().any(|known| known.nonce == again.nonce))
    };
    let mut relays = session.attempts.iter().filter(|other| other.has_credentials() && is_same(other)).take(CALLS_MAX);
    !attempt.has_credentials()
        && relays.any(|other| {
            origin(session, other).is_some_and(|first| first.transaction_index == attempt.transaction_index)
        })
}

/// The request with credentials of its own that whoever was asked had sent on, and that was refused just before it passed the refusal back.
pub fn refused_behind<'s, 'run>(session: &'s Session<'run>, attempt: &Attempt<'_>) -> Option<&'s Attempt<'run>> {
    let passed_back = attempt.answer().filter(|_| !attempt.has_credentials())?.time;
    let is_cause = |other: &&Attempt<'_>| {
        other.credentials.iter().any(|sent| sent.is_refused() || sent.judgement == Judgement::Forbidden)
            && other.answer().is_some_and(|refused| refused.time <= passed_back)
            && other.answer().is_some_and(|refused| passed_back.since(refused.time) <= PASSED_BACK_WITHIN)
            && origin(session, other).is_some_and(|first| first.transaction_index == attempt.transaction_index)
    };
    session.attempts.iter().filter(|other| other.has_credentials()).take(CALLS_MAX).filter(is_cause).last()
}

/// An answer is passed back at once.
const PASSED_BACK_WITHIN: Duration = Duration::from_millis(500);

/// The call that is waiting for an answer where its server calls somebody else.
fn caller_before<'s, 'run>(session: &'s Session<'run>, call: &Transaction) -> Option<&'s Attempt<'run>> {
    let started = call.started()?;
    let is_waiting = |other: &&Attempt<'_>| {
        let (outer, inner) = (other.transaction.flow(), call.flow());
        other.transaction.method == Method::Invite
            && !other.is_in_dialog()
            && outer.destination.address == inner.source.address
            && outer.source.address != inner.destination.address
            && outer.source.address != inner.source.address
            && other.transaction.started().is_some_and(|asked| asked <= started)
            && other.answer().is_none_or(|answer| answer.time >= started)
    };
    let is_call =
        call.method == Method::Invite && call.request.as_ref().is_some_and(|request| request.to_tag.is_none());
    session.attempts.iter().filter(|_| is_call).take(CALLS_MAX).find(is_waiting)
}

/// What a B2BUA at that address made of a call, under a Call-ID of its own, and what came of it.
pub fn made_behind(relay: IpAddr, Behind { at, status, server }: Behind) -> String {
    let what = if matches!(status, 401 | 407) { "asked for credentials in vain" } else { "refused" };
    format!("While this call waited, {relay} made one of its own, which {server} {what} in frame {}.", at.number)
}
