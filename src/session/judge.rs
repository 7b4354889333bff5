//! Joins credentials to the challenges they answer, and says what became of them. Each realm is judged by itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::auth::Credentials;
use crate::auth::Name;
use crate::auth::Scheme;
use crate::auth::challenges_in;
use crate::auth::credentials_in;
use crate::base::CaptureTime;
use crate::base::Unreachables;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::digest::Verdict;
use crate::digest::near_miss::Closest;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::ChallengeRow;
use crate::session::CredentialsRow;
use crate::session::Exchange;
use crate::session::Judgement;
use crate::session::Lost;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Run;
use crate::session::Transaction;
use crate::session::hops::Asking;
use crate::session::hops::Sides;
use crate::session::hops::collect;
use crate::session::hops::is_sent_on;
use crate::session::join::join;
use crate::session::product::is_of_other_product;
use crate::sip::Method;

/// What the capture shows beside a run.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The latest time of the capture.
    pub end: CaptureTime,
    /// What ICMP and TCP said of what came of requests.
    pub unreachable: &'a Unreachables,
    /// Messages of this Call-ID of which only the first fragment was captured.
    pub lost: &'a [Lost],
}

/// What attempts are judged by.
#[derive(Clone, Copy)]
struct Grounds<'a> {
    run: &'a Run,
    asking: &'a Asking,
    around: Around<'a>,
}

/// The attempts of a run, in order, and the exchanges they form.
pub fn judge<'run>(run: &'run Run, sides: &Sides, around: Around<'_>) -> (Vec<Attempt<'run>>, Vec<Exchange>) {
    let mut attempts = collect(run, around.end);
    join(&mut attempts);
    let mut exchanges = group(run, sides, &mut attempts);
    let asking = Asking::of(run, &attempts);
    for index in 0..attempts.len() {
        decide(Grounds { run, asking: &asking, around }, &mut attempts, &exchanges, index);
    }
    for exchange in &mut exchanges {
        let is_let_past = |index: &&usize| attempts.get(**index).is_some_and(Attempt::is_let_past);
        exchange.let_past_last = exchange.attempts.iter().rev().find(is_let_past).copied();
    }
    (attempts, exchanges)
}

/// What one request and its answer say; nothing is judged yet.
pub(super) fn attempt<'run>(
    transaction_index: usize,
    transaction: &'run Transaction,
    behind: Option<&'run Transaction>,
) -> Attempt<'run> {
    let answer = transaction.answer.as_ref().or(behind.and_then(|behind| behind.answer.as_ref()));
    let request = transaction.request.as_ref().or(behind.and_then(|behind| behind.request.as_ref()));
    let rows = request.map(|request| &*request.credentials).unwrap_or_default();
    let ack_rows = transaction.ack().map(|ack| &*ack.credentials).unwrap_or_default();
    Attempt {
        transaction,
        transaction_index,
        credentials: presented(rows),
        ack_credentials: presented(ack_rows),
        challenges: answer.map(|answer| offered(&answer.challenges)).unwrap_or_default(),
        outcome: AttemptOutcome::Undecided,
        copies: transaction.copies().to_vec(),
        hops: Vec::new(),
        behind,
        exchange: 0,
        is_sent_again: false,
    }
}

fn presented(rows: &[CredentialsRow]) -> Vec<Presented<'_>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        for (credentials, known) in credentials_in(&row.value).zip(row.known()) {
            all.push(Presented {
                header: row.header,
                row,
                is_attempt: is_attempt(&credentials),
                nonce_count: credentials.nonce_count().and_then(|count| count.value),
                credentials,
                nonce: known.nonce,
                checked: known.checked.as_ref(),
                closest: Closest::NotLooked,
                answers: None,
                judgement: Judgement::None,
            });
        }
    }
    all
}

fn is_attempt(credentials: &Credentials<'_>) -> bool {
    let has = |name: Name| credentials.params.get(name).is_some_and(|param| !param.raw.is_empty());
    credentials.scheme != Scheme::Digest || (has(Name::Response) && !has(Name::Auts))
}

fn offered(rows: &[ChallengeRow]) -> Vec<Offered<'_>> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        for (challenge, nonce) in challenges_in(&row.value).zip(row.nonces.iter().copied()) {
            all.push(Offered { header: row.header, challenge, nonce });
        }
    }
    all
}

/// Judges every row of credentials by the answer, then the attempt.
fn decide(grounds: Grounds<'_>, attempts: &mut [Attempt<'_>], exchanges: &[Exchange], index: usize) {
    let Some(attempt) = attempts.get(index) else { return };
    let previous = exchanges.get(attempt.exchange).and_then(|exchange| {
        let position = exchange.attempts.binary_search(&index).ok()?.checked_sub(1)?;
        attempts.get(*exchange.attempts.get(position)?)
    });
    let passed_over = PassedOver::of(attempt, previous);
    let judge = |presented| match judgement(grounds, attempts, index, attempt, presented) {
        Judgement::Accepted if passed_over.as_ref().is_some_and(|over| over.holds(presented)) => Judgement::Refused,
        judgement => judgement,
    };
    let judgements: Vec<Judgement> = attempt.credentials.iter().map(judge).collect();
    let outcome = match outcome(attempt, &judgements, grounds.around) {
        AttemptOutcome::NoAnswer if has_gone_on(attempts, index, attempt) => AttemptOutcome::Undecided,
        AttemptOutcome::NoAnswer if grounds.around.lost.iter().any(|lost| lost.ends(attempt, grounds.around.lost)) => {
            AttemptOutcome::Undecided
        }
        outcome => outcome,
    };
    let Some(attempt) = attempts.get_mut(index) else { return };
    attempt.outcome = outcome;
    for (presented, judgement) in attempt.credentials.iter_mut().zip(judgements) {
        presented.judgement = judgement;
    }
}

/// How many attempts behind an INVITE are looked at for the dialog that it began. Bounds the search in endless sessions.
const DIALOG_WITHIN: usize = 16;

/// Whether an INVITE without an answer was accepted all the same: it was acknowledged, or a dialog goes on behind it. The capture lacks
/// the answer.
fn has_gone_on(attempts: &[Attempt<'_>], index: usize, attempt: &Attempt<'_>) -> bool {
    let is_dialog = |later: &Attempt<'_>| {
        later.is_in_dialog()
            && later.transaction.is_same_hop(attempt.transaction)
            && later.status().is_some_and(|status| (200..=299).contains(&status))
    };
    attempt.transaction.method == Method::Invite
        && !attempt.is_in_dialog()
        && (attempt.transaction.ack().is_some() || attempts.iter().skip(index + 1).take(DIALOG_WITHIN).any(is_dialog))
}

/// An answer to a challenge that names none of its realms and nonces, and is asked for the same realm again: nobody has let it
/// pass.
struct PassedOver<'a> {
    /// Realms whose credentials went along before that challenge: they are in transit.
    carried_along: BTreeSet<Cow<'a, [u8]>>,
    refused: BTreeSet<Cow<'a, [u8]>>,
}

impl<'a> PassedOver<'a> {
    /// Looks at the attempt before. What all of its credentials have in common is asked once: there may be thousands.
    fn of(attempt: &Attempt<'_>, previous: Option<&'a Attempt<'_>>) -> Option<PassedOver<'a>> {
        let previous = previous.filter(|_| attempt.is_challenged())?;
        let offered: BTreeSet<Cow<'_, [u8]>> = previous.challenges.iter().map(Offered::realm).collect();
        let names_asked =
            attempt.credentials.iter().any(|other| other.answers.is_some() || offered.contains(&other.realm()));
        if names_asked || !attempt.challenges.iter().any(|again| offered.contains(&again.realm())) {
            return None;
        }
        let unasked = previous.credentials.iter().filter(|other| other.answers.is_none());
        let unasked = unasked.filter(|other| !previous.is_asked_in_place_of(other));
        let refused = previous.credentials.iter().filter(|other| other.is_refused());
        Some(PassedOver {
            carried_along: unasked.map(Presented::realm).collect(),
            refused: refused.map(Presented::realm).collect(),
        })
    }

    fn holds(&self, presented: &Presented<'_>) -> bool {
        let realm = presented.realm();
        let is_in_transit = self.carried_along.contains(&*realm) && !self.refused.contains(&*realm);
        presented.is_attempt && presented.answers.is_none() && !is_in_transit
    }
}

fn judgement(
    grounds: Grounds<'_>,
    attempts: &[Attempt<'_>],
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Judgement {
    let Some(status) = attempt.status() else { return Judgement::None };
    match status {
        200..=299 => Judgement::Accepted,
        401 | 407 if is_under_other_header(attempts, index, attempt, presented) => Judgement::Unjudged,
        300..=699 if status != 401 && status != 407 && was_let_on(grounds, attempts, attempt, presented) => {
            Judgement::Passed
        }
        300..=699 if status != 401 && status != 407 && was_called_on(attempt, presented) => Judgement::Passed,
        401 | 407 if attempt.challenges.is_empty() && was_called_on(attempt, presented) => Judgement::Passed,
        401 | 407 => {
            // A client that names a wrong realm is refused by the realm whose nonce it used.
            let used = presented.answers.and_then(|at| attempts.get(at.attempt)?.challenges.get(at.challenge));
            let used_realm = used.map_or_else(|| presented.realm(), Offered::realm);
            // A proxy and the server behind it may share a realm: who asks under the other header has not seen these (RFC 3261
            // §22.1). Where the digest is not known to be right, and nothing else tells the two apart, it may be one server that asks now
            // so, now otherwise.
            let is_of_other = |offered: &Offered<'_>| {
                let is_right = presented.verdict() == Some(Verdict::Match);
                used.is_some_and(|used| used.header != offered.header)
                    && !presented.is_wrong()
                    && (is_right
                        || has_answered(attempt, offered)
                        || is_shown_beside(attempts, index, presented)
                        || (attempt.transaction.method != Method::Register
                            && is_asked_behind(grounds.run, attempts, attempt, presented)))
            };
            let mut again = attempt
                .challenges
                .iter()
                .filter(|offered| offered.realm() == used_realm && !is_of_other(offered))
                .peekable();
            // Proxies may be several, one behind the other: who asks for his realm was sent what the one before let past. Of registrars
            // and user agents there is one, whatever realms it names.
            let is_wrong_here = status == 401
                && presented.is_wrong()
                && attempt.challenges.iter().all(|offered| offered.header == presented.header);
            if attempt.challenges.is_empty() || (again.peek().is_none() && is_wrong_here) {
                Judgement::Refused
            } else if again.peek().is_none() {
                Judgement::Accepted
            } else if again.any(Offered::is_stale) {
                Judgement::Stale
            } else {
                Judgement::Refused
            }
        }
        // RFC 3261 §10.3: a registrar answers 403 or 404 once it knows who asks. Behind a 1xx, another party refuses the call, or
        // an announcement says why the server does: a digest that is known to be wrong was let past by nobody.
        403 if attempt.transaction.provisional_at().is_none() || presented.is_wrong() => Judgement::Forbidden,
        404 if attempt.transaction.method == Method::Register => Judgement::Forbidden,
        400 if attempt.transaction.provisional_at().is_none() => Judgement::BadRequest,
        // Timeouts, extensions and loops (RFC 3261 §21.4, RFC 3329) are seen to before anybody asks who is there, and so is a server's
        // own trouble.
        408 | 420 | 421 | 482 | 494 | 500..=599 => Judgement::Unjudged,
        _ if presented.is_wrong() => Judgement::Unjudged,
        _ => Judgement::Passed,
    }
}

/// How many attempts on the right answer to a challenge is looked for. Bounds the search in endless sessions.
const ANSWERED_WITHIN: usize = 16;

/// Credentials of another Call-ID beside a challenge that wants the other header, and then gets it: who asks there does not look here
/// (RFC 3261 §22.2, §22.3).
fn is_under_other_header(
    attempts: &[Attempt<'_>],
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> bool {
    let realm = presented.realm();
    let mut asked = attempt.challenges.iter().filter(|offered| offered.realm() == realm).peekable();
    let is_answer = |later: &Presented<'_>| {
        later.header != presented.header && later.answers.is_some_and(|answers| answers.attempt == index)
    };
    let mut later = attempts.iter().skip(index + 1).take(ANSWERED_WITHIN).flat_map(|later| &later.credentials);
    presented.answers.is_none()
        && asked.peek().is_some()
        && asked.all(|offered| offered.header != presented.header)
        && later.any(is_answer)
}

/// Whether the client goes on to show the same beside its answer to what was asked here, and is not asked for them again: it takes the two
/// for those of two servers, and so do these.
fn is_shown_beside(attempts: &[Attempt<'_>], index: usize, presented: &Presented<'_>) -> bool {
    let is_answer = |other: &Presented<'_>| other.answers.is_some_and(|answers| answers.attempt == index);
    let mut later = attempts.iter().skip(index + 1).take(ANSWERED_WITHIN);
    let answering = later.find(|later| later.credentials.iter().any(is_answer));
    answering.is_some_and(|later| {
        let is_same = |other: &Presented<'_>| other.header == presented.header && other.nonce == presented.nonce;
        later.credentials.iter().any(is_same) && !later.challenges.iter().any(|again| again.header == presented.header)
    })
}

/// Whether who had asked for these credentials sent the request on, seen on its next hop, and passed an answer back: a proxy that held
/// the bare request back let this one past. A registrar behind it judges for itself, and so does a server there that asks for the same
/// realm: then the bare request was sent on as well, and the capture lacks it.
fn was_let_on(
    grounds: Grounds<'_>,
    attempts: &[Attempt<'_>],
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> bool {
    let asking = presented.answers.and_then(|at| attempts.get(at.attempt));
    attempt.transaction.method != Method::Register
        && !presented.is_wrong()
        && is_sent_on(grounds.run, attempt)
        && asking.is_some_and(|asking| !is_sent_on(grounds.run, asking))
        && !grounds.asking.is_for(grounds.run, attempt, &presented.realm())
}

/// Whether a B2BUA that had asked for these credentials called somebody else, and passes back what it was answered there.
fn was_called_on(attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    !presented.is_wrong() && attempt.answer().is_some_and(|answer| answer.behind().is_some())
}

/// Whether another product answers than the one that asked for these credentials: a proxy let them past to the server behind it.
fn is_asked_behind(run: &Run, attempts: &[Attempt<'_>], attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let asking = presented.answers.and_then(|at| attempts.get(at.attempt)?.answer());
    asking.zip(attempt.answer()).is_some_and(|(asking, answer)| is_of_other_product(run, asking, answer))
}

/// Whether a request answers a challenge for that realm under that header.
fn has_answered(attempt: &Attempt<'_>, offered: &Offered<'_>) -> bool {
    let realm = offered.realm();
    attempt.credentials.iter().any(|other| other.header == offered.header && other.realm() == realm)
}

fn outcome(attempt: &Attempt<'_>, judgements: &[Judgement], around: Around<'_>) -> AttemptOutcome {
    let Some(status) = attempt.status() else { return silence(attempt, around) };
    let is_attempt = attempt.has_credentials();
    let has = |judgement| is_attempt && judgements.contains(&judgement);
    match status {
        200..=299 => AttemptOutcome::Accepted,
        401 | 407 if has(Judgement::Stale) => AttemptOutcome::Stale,
        401 | 407 if has(Judgement::Refused) => AttemptOutcome::Refused,
        401 | 407 => AttemptOutcome::Challenged,
        _ if has(Judgement::Forbidden) => AttemptOutcome::Forbidden,
        _ => AttemptOutcome::Failed,
    }
}

/// Retransmissions after which silence is an answer.
pub const RETRANSMISSIONS_OF_PATIENCE: usize = 3;

/// No final answer: is that the end of the capture, or of the client's patience? Who hears by ICMP or TCP that nothing comes of the
/// request need not repeat it (RFC 3261 §18.4).
fn silence(attempt: &Attempt<'_>, Around { end, unreachable, .. }: Around<'_>) -> AttemptOutcome {
    let Some(request) = attempt.request() else { return AttemptOutcome::Undecided };
    let notice = || unreachable.of(attempt.transaction.flow(), attempt.transaction.transport, request.time);
    let gave_up = end.since(request.time) >= TRANSACTION_TIMEOUT
        || (is_of_client(attempt) && notice().is_some_and(|notice| notice.what.why.is_final()))
        || attempt.transaction.retransmissions() >= RETRANSMISSIONS_OF_PATIENCE;
    // RFC 3261 §17.1.2.2: but for an INVITE, a provisional response does not stop the clock of the transaction.
    let is_clock_stopped =
        attempt.transaction.method == Method::Invite || end.since(request.time) < TRANSACTION_TIMEOUT;
    match attempt.transaction.has_provisional() {
        true if is_clock_stopped => AttemptOutcome::Undecided,
        _ if gave_up => AttemptOutcome::NoAnswer,
        _ => AttemptOutcome::Undecided,
    }
}

/// What a client asks a server for, and no server of a phone: a registration, or something that comes with credentials.
pub fn is_of_client(attempt: &Attempt<'_>) -> bool {
    attempt.transaction.method == Method::Register || attempt.has_credentials()
}

fn group(run: &Run, sides: &Sides, attempts: &mut [Attempt<'_>]) -> Vec<Exchange> {
    let has_unseen = attempts.iter().any(|attempt| attempt.request().is_none());
    let mut groups = Groups { has_unseen, ..Groups::default() };
    let mut before = None;
    for (index, attempt) in attempts.iter_mut().enumerate() {
        let transaction = attempt.transaction;
        // What the capture lacks on the one side of a NAT is known by the other.
        let client = sides.behind(transaction.flow().source.address);
        let hop = (client, transaction.flow().destination.address, &transaction.method);
        let tag = attempt.request().map(|request| request.from_tag.map(|id| run.text(id)).unwrap_or_default());
        // Mostly an exchange goes on.
        attempt.exchange = match before {
            Some((known, place)) if known == (hop, tag) => place,
            _ => groups.place(hop, tag),
        };
        before = Some(((hop, tag), attempt.exchange));
        if let Some(exchange) = groups.exchanges.get_mut(attempt.exchange) {
            exchange.attempts.push(index);
        }
    }
    groups.exchanges
}

/// Client, server and method.
type Hop<'a> = (IpAddr, IpAddr, &'a Method);

/// The exchanges, as they are found.
#[derive(Default)]
struct Groups<'a> {
    exchanges: Vec<Exchange>,
    /// The one that began first: most runs have no other, and need no tree.
    first: Option<((Hop<'a>, &'a [u8]), usize)>,
    by_tag: BTreeMap<(Hop<'a>, &'a [u8]), usize>,
    /// Whether the capture lacks requests: mostly it does not, and nobody asks for what is latest.
    has_unseen: bool,
    latest: BTreeMap<Hop<'a>, usize>,
    /// Exchanges of which only answers were seen so far.
    unseen: BTreeMap<Hop<'a>, usize>,
}

impl<'a> Groups<'a> {
    /// The exchange of an attempt. Where the capture holds its answer alone there is no From tag, and it is taken for a part of
    /// the exchange that was going on: else that would seem to have gone on otherwise.
    fn place(&mut self, hop: Hop<'a>, tag: Option<&'a [u8]>) -> usize {
        let known = match tag {
            Some(tag) => {
                let first = self.first.filter(|(known, _)| *known == (hop, tag)).map(|(_, place)| place);
                first.or_else(|| self.by_tag.get(&(hop, tag)).copied()).or_else(|| self.unseen.remove(&hop))
            }
            None => self.latest.get(&hop).copied(),
        };
        let place = known.unwrap_or(self.exchanges.len());
        if known.is_none() {
            let (client, server, method) = hop;
            let method = method.clone();
            self.exchanges.push(Exchange { client, server, method, attempts: Vec::new(), let_past_last: None });
        }
        if self.has_unseen {
            self.latest.insert(hop, place);
        }
        match tag {
            Some(tag) if self.first.is_none() => self.first = Some(((hop, tag), place)),
            Some(tag) => {
                self.by_tag.insert((hop, tag), place);
            }
            None if known.is_none() => {
                self.unseen.insert(hop, place);
            }
            None => {}
        }
        place
    }
}
