//! One request on its way: its appearances on several hops made one attempt, and what they show of who asks for credentials.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::session::Attempt;
use crate::session::Copy;
use crate::session::CopyKind;
use crate::session::Offered;
use crate::session::Run;
use crate::session::Transaction;
use crate::session::judge::attempt;

/// The transactions that count, with the appearances of the same request on later hops as their copies.
pub(super) fn collect(run: &Run) -> Vec<Attempt<'_>> {
    let mut attempts: Vec<Attempt<'_>> = Vec::with_capacity(run.transactions.len());
    let mut attempt_of: Vec<Option<usize>> = Vec::with_capacity(run.transactions.len());
    for (index, transaction) in run.transactions.iter().enumerate() {
        if !transaction.method.is_challengeable() {
            attempt_of.push(None);
            continue;
        }
        let origin =
            transaction.forwarded_from().and_then(|from| Some((from, attempt_of.get(from).copied().flatten()?)));
        match origin {
            Some((from, attempt))
                if run.transactions.get(from).is_some_and(|first| is_passed_on(first, transaction)) =>
            {
                if let (Some(attempt), Some(request)) = (attempts.get_mut(attempt), &transaction.request) {
                    attempt.copies.push(Copy { at: request.at, kind: CopyKind::Hop });
                    attempt.copies.extend(transaction.copies());
                    attempt.hops.push(index);
                }
                attempt_of.push(Some(attempt));
            }
            _ => {
                let first = transaction.forwarded_from().and_then(|from| run.transactions.get(from));
                let is_sent_again =
                    first.is_some_and(|first| first.flow().source.address == transaction.flow().source.address);
                attempt_of.push(Some(attempts.len()));
                attempts.push(Attempt { is_sent_again, ..attempt(index, transaction) });
            }
        }
    }
    attempts
}

/// Whether a later hop adds nothing of its own: its credentials and challenges are those of the hop before. An answer that
/// did not come back to the hop before is an addition.
fn is_passed_on(first: &Transaction, next: &Transaction) -> bool {
    if first.answer.is_none() && next.answer.is_some() {
        return false;
    }
    let (Some(first_request), Some(next_request)) = (&first.request, &next.request) else { return false };
    let adds_no_credentials = next_request.credentials.iter().all(|row| {
        first_request.credentials.iter().any(|known| known.header == row.header && known.value == row.value)
    });
    let adds_no_challenge = next.answer.as_ref().is_none_or(|answer| {
        answer.challenges.is_empty()
            || first.answer.as_ref().is_some_and(|known| {
                answer.challenges.iter().all(|row| known.challenges.iter().any(|other| other.value == row.value))
            })
    });
    adds_no_credentials && adds_no_challenge
}

/// Whether a request was seen on a next hop: that of a proxy, which puts a Via of its own on it.
pub(super) fn is_sent_on(run: &Run, attempt: &Attempt<'_>) -> bool {
    let mut hops = attempt.hops.iter().filter_map(|hop| run.transactions.get(*hop));
    hops.any(|hop| !is_other_side(run, attempt.transaction, hop))
}

/// Whether two transactions are one on both sides of a NAT, and no two hops: nobody put a Via on it in between.
pub fn is_other_side(run: &Run, one: &Transaction, other: &Transaction) -> bool {
    let vias = |known: &Transaction| known.request.as_ref().map(|request| request.via_count);
    let branch = |known: &Transaction| known.branch.map(|branch| run.text(branch));
    branch(one).is_some()
        && branch(one) == branch(other)
        && vias(one).zip(vias(other)).is_none_or(|(one, other)| one == other)
}

/// Which servers that requests are passed on to ask for which realms themselves.
#[derive(Debug, Default)]
pub(super) struct Asking(BTreeSet<(IpAddr, Vec<u8>)>);

impl Asking {
    /// Reads all attempts. Where nothing is passed on, nobody asks.
    pub(super) fn of(run: &Run, attempts: &[Attempt<'_>]) -> Asking {
        let hops = attempts.iter().flat_map(|attempt| &attempt.hops);
        let behind: BTreeSet<IpAddr> = hops.filter_map(|hop| server(run, *hop)).collect();
        if behind.is_empty() {
            return Asking::default();
        }
        let asked = attempts.iter().filter_map(|attempt| Some((server(run, attempt.transaction_index)?, attempt)));
        let asked = asked.filter(|(server, _)| behind.contains(server));
        let realms = asked.flat_map(|(server, attempt)| {
            attempt.challenges.iter().map(move |offered| (server, Offered::realm(offered).into_owned()))
        });
        Asking(realms.collect())
    }

    /// Whether one of the servers that this request is passed on to asks for that realm.
    pub(super) fn is_for(&self, run: &Run, attempt: &Attempt<'_>, realm: &[u8]) -> bool {
        let mut behind = attempt.hops.iter().filter_map(|hop| server(run, *hop));
        !self.0.is_empty() && behind.any(|server| self.0.contains(&(server, realm.to_vec())))
    }
}

/// Where a transaction's request goes to.
fn server(run: &Run, transaction: usize) -> Option<IpAddr> {
    run.transactions.get(transaction).map(|known| known.flow().destination.address)
}
