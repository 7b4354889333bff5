//! One request on its way: its appearances on several hops made one attempt, and what they show of who asks for credentials.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Transport;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::Copy;
use crate::session::CopyKind;
use crate::session::CredentialsRow;
use crate::session::Offered;
use crate::session::Run;
use crate::session::Transaction;
use crate::session::judge::attempt;
use crate::sip::Method;

/// The transactions that count, with the appearances of the same request on later hops as their copies.
pub(super) fn collect(run: &Run, end: CaptureTime) -> Vec<Attempt<'_>> {
    let mut seen_behind = answered_behind(run, end);
    seen_behind.extend(asked_behind(run));
    let mut attempts: Vec<Attempt<'_>> = Vec::with_capacity(run.transactions.len());
    let mut attempt_of: Vec<Option<usize>> = Vec::with_capacity(run.transactions.len());
    for (index, transaction) in run.transactions.iter().enumerate() {
        if !transaction.method.is_challengeable() {
            attempt_of.push(None);
            continue;
        }
        let origin =
            transaction.forwarded_from().and_then(|from| Some((from, attempt_of.get(from).copied().flatten()?)));
        let is_passed_on = |from: usize| {
            let first = run.transactions.get(from);
            let behind = seen_behind.get(&from).and_then(|behind| run.transactions.get(*behind));
            let answer =
                first.and_then(|first| first.answer.as_ref().or(behind.and_then(|behind| behind.answer.as_ref())));
            first.is_some_and(|first| is_passed_on(first, answer, transaction))
        };
        match origin {
            Some((from, attempt)) if is_passed_on(from) => {
                if let Some(attempt) = attempts.get_mut(attempt) {
                    let request = transaction.request.iter();
                    attempt.copies.extend(request.map(|request| Copy { at: request.at, kind: CopyKind::Hop }));
                    attempt.copies.extend(transaction.copies());
                    attempt.hops.push(index);
                }
                attempt_of.push(Some(attempt));
            }
            _ => {
                let first = transaction.forwarded_from().and_then(|from| run.transactions.get(from));
                let is_sent_again = first.is_some_and(|first| is_of_same_sender(first, transaction));
                attempt_of.push(Some(attempts.len()));
                let behind = seen_behind.get(&index).and_then(|behind| run.transactions.get(*behind));
                attempts.push(Attempt { is_sent_again, ..attempt(index, transaction, behind) });
            }
        }
    }
    attempts
}

/// Whether a later hop adds nothing of its own: its credentials and challenges are those of the hop before. An answer that
/// did not come back to the hop before is an addition.
fn is_passed_on(first: &Transaction, known: Option<&Answer>, next: &Transaction) -> bool {
    if known.is_none() && next.answer.is_some() {
        return false;
    }
    let adds_no_challenge = next.answer.as_ref().is_none_or(|answer| {
        answer.challenges.is_empty()
            || known.is_some_and(|known| {
                answer.challenges.iter().all(|row| known.challenges.iter().any(|other| other.value == row.value))
            })
    });
    // A challenge that was passed back is that of a request that was passed on, where the capture lacks it.
    let is_passed_back = next.request.is_none() && next.answer.is_some();
    (is_passed_back || adds_no_credentials(first, next)) && adds_no_challenge
}

fn adds_no_credentials(first: &Transaction, next: &Transaction) -> bool {
    // What was passed on is all that is known of a request that the capture lacks.
    let Some(next) = &next.request else { return false };
    let Some(first) = &first.request else { return true };
    let is_known = |row: &CredentialsRow| {
        first.credentials.iter().any(|known| known.header == row.header && known.value == row.value)
    };
    next.credentials.iter().all(is_known)
}

fn is_of_same_sender(first: &Transaction, next: &Transaction) -> bool {
    first.flow().source.address == next.flow().source.address
}

/// Transactions whose answer the capture lacks, and which was heard all the same: by the later hop that shows it.
fn answered_behind(run: &Run, end: CaptureTime) -> BTreeMap<usize, usize> {
    let mut behind: BTreeMap<usize, usize> = BTreeMap::new();
    // What became of them cannot be told by one of their next hops.
    let mut unclear: BTreeSet<usize> = BTreeSet::new();
    let answer = |index: usize| run.transactions.get(index).and_then(|known| known.answer.as_ref());
    // The last hop has been looked at when it is the turn of those before it.
    for (index, next) in run.transactions.iter().enumerate().rev() {
        let Some(from) = next.forwarded_from().filter(|from| *from < index) else { continue };
        let Some(first) = run.transactions.get(from).filter(|first| first.answer.is_none()) else { continue };
        // A proxy may answer a challenge itself, and a client may ask another server.
        if is_of_same_sender(first, next) || !adds_no_credentials(first, next) {
            unclear.insert(from);
        }
        let shown = if next.answer.is_some() { Some(index) } else { behind.get(&index).copied() };
        let Some((shown, told)) = shown.and_then(|shown| Some((shown, answer(shown)?))) else { continue };
        let other = behind.get(&from).and_then(|other| answer(*other));
        match other {
            Some(other) if other.is_success() || (!told.is_success() && is_same_answer(other, told)) => {}
            // Of several branches one that accepts is enough (RFC 3261 §16.7).
            Some(_) if !told.is_success() => drop(unclear.insert(from)),
            _ => drop(behind.insert(from, shown)),
        }
    }
    behind.retain(|from, shown| {
        let first = run.transactions.get(*from);
        let is_heard = |first| answer(*shown).is_some_and(|answer| is_heard(run, *from, first, answer, end));
        !unclear.contains(from) && first.is_some_and(is_heard)
    });
    behind
}

/// Transactions whose request the capture lacks, and the later hop that shows it.
fn asked_behind(run: &Run) -> impl Iterator<Item = (usize, usize)> {
    let passed_on = run.transactions.iter().enumerate().filter(|(_, next)| next.request.is_some());
    let pairs = passed_on.filter_map(|(index, next)| Some((next.forwarded_from()?, index)));
    pairs.filter(|(from, index)| {
        let pair = run.transactions.get(*from).zip(run.transactions.get(*index));
        pair.is_some_and(|(first, next)| first.request.is_none() && is_passed_on(first, first.answer.as_ref(), next))
    })
}

fn is_same_answer(one: &Answer, other: &Answer) -> bool {
    let values = one.challenges.iter().map(|row| &row.value);
    one.status == other.status && values.eq(other.challenges.iter().map(|row| &row.value))
}

/// Transactions behind one among which the next request of its client is looked for. Bounds the search in endless sessions.
const GOES_ON_WITHIN: usize = 16;

/// Whether an answer that was seen on a later hop alone must have come back to the client, or the capture ends before that shows. Over UDP
/// whoever hears none repeats the request (RFC 3261 §17.1.1.2, §17.1.2.2); who waits in silence goes on only with an answer, and whether
/// a challenge was heard shows in what follows it.
fn is_heard(run: &Run, from: usize, first: &Transaction, answer: &Answer, end: CaptureTime) -> bool {
    let waits_in_silence =
        first.transport != Transport::Udp || (first.method == Method::Invite && first.has_provisional());
    let behind = run.transactions.iter().skip(from + 1).take(GOES_ON_WITHIN);
    let sent_next = behind.filter(|next| is_of_same_sender(first, next)).filter_map(|next| next.request.as_ref());
    let mut pauses = sent_next.filter(|next| next.time > answer.time).map(|next| next.time.since(answer.time));
    let mut is_shown = || match waits_in_silence {
        true => pauses.any(|pause| pause < TRANSACTION_TIMEOUT),
        false => pauses.next().is_some() || !matches!(answer.status, 401 | 407),
    };
    let is_over = first.ack().is_some() || end.since(answer.time) < TRANSACTION_TIMEOUT;
    first.last_sent() <= answer.time && (is_over || is_shown())
}

/// Whether a request was seen on a next hop: that of a proxy, which puts a Via of its own on it.
pub(super) fn is_sent_on(run: &Run, attempt: &Attempt<'_>) -> bool {
    let mut hops = attempt.hops.iter().filter_map(|hop| run.transactions.get(*hop));
    hops.any(|hop| !is_other_side(run, attempt.transaction, hop))
}

/// Whether two transactions are one on both sides of a NAT, and no two hops: nobody put a Via on it in between.
fn is_other_side(run: &Run, one: &Transaction, other: &Transaction) -> bool {
    let vias = |known: &Transaction| known.request.as_ref().map(|request| request.via_count);
    let branch = |known: &Transaction| known.branch.map(|branch| run.text(branch));
    branch(one) == branch(other) && vias(one).zip(vias(other)).is_none_or(|(one, other)| one == other)
}

/// A packet is seen on both sides of a NAT within this time. Whoever moves to another address sends the request again later than that
/// (RFC 3261 §17.1.1.1).
const BETWEEN_SIDES_MAX: Duration = Duration::from_millis(400);

/// The addresses behind NATs of which requests of the run were seen on both sides, by the address before them.
#[derive(Debug, Default)]
pub struct Sides(BTreeMap<IpAddr, IpAddr>);

impl Sides {
    /// Reads all transactions.
    pub(super) fn of(run: &Run) -> Sides {
        let pairs =
            run.transactions.iter().filter_map(|next| Some((run.transactions.get(next.forwarded_from()?)?, next)));
        let between = |first: &Transaction, next: &Transaction| Some(next.started()?.since(first.started()?));
        let pairs = pairs.filter(|(first, next)| {
            first.flow().destination == next.flow().destination
                && is_other_side(run, first, next)
                && between(first, next).is_some_and(|between| between < BETWEEN_SIDES_MAX)
        });
        let mut sides = Sides::default();
        for (first, next) in pairs {
            // NATs stand one behind the other, too.
            let behind = sides.behind(first.flow().source.address);
            sides.0.insert(next.flow().source.address, behind);
        }
        sides
    }

    /// Whether two addresses are one client's, on either side of a NAT.
    pub fn are_of_one(&self, one: IpAddr, other: IpAddr) -> bool {
        self.behind(one) == self.behind(other)
    }

    /// The address behind the NAT, where one is known.
    pub fn behind(&self, address: IpAddr) -> IpAddr {
        self.0.get(&address).copied().unwrap_or(address)
    }
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
