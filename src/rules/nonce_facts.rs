//! What several rules ask about the life of a nonce: how old it was, what its form says, who issued it, to which address.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::WireMap;
use crate::digest::Verdict;
use crate::history::NonceFormat;
use crate::history::Stack;
use crate::history::nonce::Nonce;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Severity;
use crate::rules::clock_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::loop_cause::LoopCause;
use crate::rules::relay_facts;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::HeaderKind;
use crate::session::Judgement;
use crate::session::NonceId;
use crate::session::Presented;
use crate::session::Session;

/// How findings say that they rest on the form of a nonce.
pub const INFERRED: &str = "inferred from the nonce's format";

/// Challenge to answer in more than this is no machine at work: RFC 3261 §17.1.1.1 counts a round trip as 500 ms.
pub const ANSWER_PROMPTLY: Duration = Duration::from_secs(5);

/// How far back a session is searched for uses of one nonce. Bounds the search in endless sessions.
const USES_BACK_MAX: usize = 64;

/// How old a nonce was when credentials with it were sent.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// What its form says.
    pub format: NonceFormat,
    /// From its issue to its use: by the capture's clock where both were captured, else by both clocks.
    pub at_use: Option<Duration>,
    /// How long it had been over, where it says when it ends.
    pub over: Option<Duration>,
}

/// What the form of the nonce of some credentials says.
pub fn format(context: &Context<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<NonceFormat> {
    context.nonces.format(presented.nonce?, &presented.credentials.nonce()?, attempt.request()?.time)
}

/// How old a nonce of a known form was when it was used. Where its challenge was captured, the two clocks need not agree.
pub fn age(context: &Context<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<Age> {
    let format = format(context, attempt, presented)?;
    let sent = attempt.request()?.time;
    let delivered = context.nonces.get(presented.nonce?)?.issued().map(|issue| issue.time);
    let at_use = delivered.or(format.issued).map(|issued| sent.since(issued));
    let over = match (at_use.zip(format.life()), format.expires) {
        (Some((age, life)), _) => age.checked_sub(life),
        // Only the end is known: by then it must have been good when it was delivered, else the clocks differ.
        (None, Some(expires)) if delivered.is_none_or(|delivered| delivered <= expires) => {
            Some(sent.since(expires)).filter(|over| !over.is_zero())
        }
        _ => None,
    };
    Some(Age { format, at_use, over: over.filter(|over| !over.is_zero()) })
}

/// By how much a refused nonce was over when it was used, by what it says itself.
pub fn expired(
    context: &Context<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<(NonceFormat, Duration)> {
    if !presented.is_refused() {
        return None;
    }
    let age = age(context, attempt, presented)?;
    Some((age.format, age.over?))
}

/// From the challenge that credentials answer to the request that holds them.
pub fn wait(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<Duration> {
    let (issuer, _) = session.challenge(presented.answers?)?;
    Some(attempt.request()?.time.since(issuer.answer()?.time))
}

/// Whether the refusal speaks of the nonce and not of the digest: it says stale, or the digest is proven right.
pub fn is_about_the_nonce(presented: &Presented<'_>) -> bool {
    presented.judgement == Judgement::Stale
        || (presented.judgement == Judgement::Refused && presented.verdict() == Some(Verdict::Match))
}

/// Whether a digest that is proven wrong is reason enough for a refusal.
pub fn is_wrong(presented: &Presented<'_>) -> bool {
    let is_in_doubt = matches!(presented.verdict(), None | Some(Verdict::Match | Verdict::Unverifiable(_)));
    presented.judgement != Judgement::Stale && !is_in_doubt
}

/// Who challenged, where another one refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OtherServer {
    /// Another address.
    Address(IpAddr),
    /// The same address, and another name in Server: what stands behind it changed.
    Name(Vec<u8>),
    /// The same address, which passed the two requests on to two others.
    Behind {
        /// The one that challenged.
        issued: IpAddr,
        /// The one that refused.
        refused: IpAddr,
    },
    /// The same address and name, and another clock.
    Clock,
    /// The same address, which asks for one realm and for another by turns.
    Realm,
}

/// The server whose nonce was refused by another one that never took such a nonce. `None` where whoever refuses the
/// nonce has issued it, or on another hop.
pub fn other_server(
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<OtherServer> {
    if !presented.is_refused() || is_wrong(presented) || !attempt.is_own_hop() {
        return None;
    }
    let flow = attempt.transaction.flow();
    let refuses = flow.destination.address;
    let Some((issuer, _)) = presented.answers.and_then(|at| session.challenge(at)) else {
        // Issued under another Call-ID: its first challenge must have gone to this client, else it was another hop's.
        let issue = context.nonces.get(presented.nonce?)?.issued()?;
        let issued_by = issue.flow.source.address;
        let is_ours = issue.flow.destination.address == flow.source.address;
        // One of several addresses may be what is asked, and answer from another.
        let answered_by = attempt.answer().and_then(Answer::other_way).map_or(refuses, |way| way.source.address);
        let is_other =
            ![refuses, answered_by].contains(&issued_by) && is_ours && !context.nonces.are_shared(issued_by, refuses);
        return is_other.then_some(OtherServer::Address(issued_by));
    };
    // A client that goes from IPv6 to IPv4 has another address, and its server too.
    let asked = issuer.transaction.flow().source.address;
    let is_same_client = asked == flow.source.address || asked.is_ipv4() != flow.source.address.is_ipv4();
    if !issuer.is_own_hop() || !is_same_client {
        return None;
    }
    let issued_by = issuer.transaction.flow().destination.address;
    if issued_by != refuses {
        let is_shared = context.nonces.are_shared(issued_by, refuses) || is_offered_by(session, presented, refuses);
        return (!is_shared).then_some(OtherServer::Address(issued_by));
    }
    if is_asked_by_turns(session, attempt, presented) {
        return Some(OtherServer::Realm);
    }
    let never_took = presented.nonce.is_none_or(|nonce| session.lookup().let_past_first(nonce).is_none());
    let asks_again = attempt.challenges.iter().find(|offered| offered.realm() == presented.realm());
    let behind = passed_on_to(session, issuer, presented.nonce).zip(passed_on_to(
        session,
        attempt,
        asks_again.and_then(|offered| offered.nonce),
    ));
    if let Some((issued, refused)) = behind.filter(|(issued, refused)| issued != refused) {
        let is_shared = context.nonces.are_shared(issued, refused);
        return (never_took && !is_shared).then_some(OtherServer::Behind { issued, refused });
    }
    let name = |attempt: &Attempt<'_>| attempt.answer()?.server.map(|name| session.text(name).to_vec());
    match name(issuer).zip(name(attempt)) {
        Some((before, now)) if before != now => never_took.then_some(OtherServer::Name(before)),
        _ => {
            clock_facts::apart(session, context, attempt, presented).filter(|_| never_took).map(|_| OtherServer::Clock)
        }
    }
}

/// Whether the nonce of credentials was answered with a challenge for another realm in place of its own, and its own realm asks again: where
/// one registrar answers, neither lets anybody past.
fn is_asked_by_turns(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let Some(index) = session.attempt_of(attempt.transaction_index) else { return false };
    let is_asked_for_other = |other: &Attempt<'_>| {
        let mut sent = other.credentials.iter().filter(|sent| sent.nonce == presented.nonce);
        other.exchange == attempt.exchange && sent.any(|sent| other.is_asked_in_place_of(sent))
    };
    let mut before = session.attempts.iter().take(index).rev().take(USES_BACK_MAX);
    presented.nonce.is_some()
        && attempt.status() == Some(401)
        && attempt.offers_realm(&presented.realm())
        && before.any(is_asked_for_other)
        && !was_let_past(session, index, presented)
}

/// So many refusals that are all of one kind are no chance.
pub const TURNS_MIN: usize = 3;

/// How many sets of credentials were refused.
pub fn refused_count(session: &Session<'_>) -> usize {
    facts::presented(session).filter(|(_, _, presented)| presented.is_refused()).count()
}

/// Whether credentials answered a challenge at once, as the first to use its nonce, and were refused without a word about the nonce: then
/// it is not the nonce that is wrong.
pub fn is_refused_while_new(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> bool {
    let issued = presented.answers.and_then(|at| session.challenge(at)).and_then(|(issuer, _)| issuer.answer());
    let sent = session.attempts.get(index).and_then(Attempt::request);
    let is_prompt = issued.zip(sent).is_some_and(|(issued, sent)| sent.time.since(issued.time) < facts::ANSWER_WITHIN);
    is_prompt
        && presented.judgement == Judgement::Refused
        && presented.nonce.and_then(|nonce| session.lookup().used_first(nonce)) == Some(index)
}

/// How many transactions are searched for the next hop of one. Bounds the search in endless sessions.
const HOPS_WITHIN: usize = 1024;

/// The server behind the one that was asked, where the capture shows that it gave the answer, and that nonce with it.
fn passed_on_to(session: &Session<'_>, attempt: &Attempt<'_>, nonce: Option<NonceId>) -> Option<IpAddr> {
    let all = &session.run.transactions;
    let own = attempt.transaction_index;
    let mut next = all.iter().skip(own).take(HOPS_WITHIN).filter(|known| known.forwarded_from() == Some(own));
    let answered = next.find(|known| {
        known.answer.as_ref().is_some_and(|answer| {
            let mut offered = answer.challenges.iter().flat_map(|row| &row.nonces);
            Some(answer.status) == attempt.status() && (nonce.is_none() || offered.any(|offered| *offered == nonce))
        })
    });
    answered.map(|known| known.flow().destination.address)
}

/// Whether a server offered the nonce of those credentials in this session too.
fn is_offered_by(session: &Session<'_>, presented: &Presented<'_>, server: IpAddr) -> bool {
    let Some(nonce) = presented.nonce else { return false };
    session.lookup().offered(nonce).iter().rev().take(USES_BACK_MAX).any(|(index, _)| {
        session.attempts.get(*index).is_some_and(|other| other.transaction.flow().destination.address == server)
    })
}

/// The address that was challenged, where another address answers and is refused. `None` for nonces that are known not to be
/// bound to an address.
pub fn challenged_elsewhere(
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<IpAddr> {
    if !presented.is_refused() || is_wrong(presented) || !attempt.is_own_hop() {
        return None;
    }
    let (issuer, _) = session.challenge(presented.answers.filter(|at| at.is_same_realm)?)?;
    let (before, now) = (issuer.transaction.flow(), attempt.transaction.flow());
    let is_other = !session.sides.are_of_one(before.source.address, now.source.address)
        && before.destination.address == now.destination.address
        && issuer.transaction.method == attempt.transaction.method
        && issuer.is_own_hop();
    let was_offered_here = presented.nonce.is_some_and(|nonce| {
        session.lookup().offered(nonce).iter().rev().take(USES_BACK_MAX).any(|(index, _)| {
            session
                .attempts
                .get(*index)
                .is_some_and(|other| other.transaction.flow().source.address == now.source.address)
        })
    });
    if !is_other || was_offered_here {
        return None;
    }
    // Kamailio's nonce says whether it is bound to anything; those of OpenSIPS and SER hold a time and a secret.
    let is_free = format(context, attempt, presented).is_some_and(|format| match format.stack {
        Stack::Kamailio => !format.is_bound,
        Stack::OpenSips | Stack::Ser => true,
        _ => false,
    });
    (!is_free).then_some(before.source.address)
}

/// Why each of some refused credentials was refused for its nonce, where that is one and the same: the node that answered, or the
/// address of the client.
pub fn loop_cause(session: &Session<'_>, context: &Context<'_>, refused: &[Row<'_, '_>]) -> Option<(LoopCause, Fault)> {
    let is_about_nonces = refused.iter().any(|(_, _, presented)| is_about_the_nonce(presented));
    let all = |fits: &dyn Fn(&Attempt<'_>, &Presented<'_>) -> bool| {
        is_about_nonces && refused.iter().all(|(_, attempt, presented)| fits(attempt, presented))
    };
    if all(&|attempt, presented| other_server(session, context, attempt, presented).is_some()) {
        Some((LoopCause::NodeSwitch, Fault::Server))
    } else if all(&|attempt, presented| challenged_elsewhere(session, context, attempt, presented).is_some()) {
        Some((LoopCause::SourceChanged, Fault::Path))
    } else {
        None
    }
}

/// Whether the nonce of these credentials was good before: in this session, or for the same user in another Call-ID. That of a REGISTER may
/// serve an INVITE.
pub fn was_good(session: &Session<'_>, context: &Context<'_>, index: usize, presented: &Presented<'_>) -> bool {
    let nonce = presented.nonce.and_then(|id| context.nonces.get(id)).filter(|nonce| nonce.accepted > 0);
    let elsewhere = nonce.is_some_and(|nonce| is_own(session, context, index, presented, nonce));
    was_let_past(session, index, presented) || (presented.answers.is_none() && elsewhere)
}

/// Whether a nonce was given to the user of these credentials, or to the very port that they come from: a PBX calls in the names of many.
fn is_own(
    session: &Session<'_>,
    context: &Context<'_>,
    index: usize,
    presented: &Presented<'_>,
    nonce: &Nonce,
) -> bool {
    let users = [session.from_user(), &*presented.username()].map(|user| context.nonces.user(user));
    let source = session.attempts.get(index).map(|attempt| attempt.transaction.flow().source);
    nonce.issued().is_some_and(|issue| users.contains(&issue.user) || Some(issue.flow.destination) == source)
}

/// Whether these credentials repeat the nonce count that another Call-ID of the user used last with their nonce. Where their own Call-ID was
/// given the nonce, a new count begins there.
pub fn repeats_count_of_other_call(
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> bool {
    let nonce = presented.nonce.filter(|_| presented.answers.is_none()).and_then(|id| context.nonces.get(id));
    let users = [session.from_user(), &*presented.username()].map(|user| context.nonces.user(user));
    let is_own = |nonce: &&Nonce| nonce.issued().is_some_and(|issue| users.contains(&issue.user));
    let repeated = nonce.filter(is_own).and_then(Nonce::repeated);
    repeated.is_some_and(|repeat| {
        attempt.request().is_some_and(|request| request.at == repeat.at) && presented.nonce_count == Some(repeat.count)
    })
}

/// High where the refusal is about the nonce and nothing made it good.
pub fn severity(is_about_the_nonce: bool, has_recovered: bool) -> Severity {
    if is_about_the_nonce && !has_recovered { Severity::High } else { Severity::Medium }
}

/// Kamailio keeps the count of a nonce in one byte.
pub const KAMAILIO_COUNT_MAX: u32 = 0xff;

/// Whether earlier credentials of the session with this nonce were let past. The same request on the hop before is none: a fork that was
/// accepted elsewhere was let past there.
pub fn was_let_past(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> bool {
    let Some(nonce) = presented.nonce else { return false };
    let first = session.lookup().let_past_first(nonce).filter(|first| *first < index);
    let Some(first) = first.filter(|first| !relay_facts::is_on_hop_before(session, index, *first)) else {
        return false;
    };
    // A registrar that asks for another realm in place of this one has let nobody past.
    let is_let_past = |attempt: &Attempt<'_>| {
        let mut sent = attempt.credentials.iter().filter(|sent| sent.nonce == Some(nonce));
        sent.any(|sent| sent.judgement.is_let_past() && !attempt.is_asked_in_place_of(sent))
    };
    let uses = session.attempts.iter().take(index).skip(first);
    uses.take(USES_BACK_MAX).any(is_let_past)
}

/// When a nonce ends by the capture's clock, by what it says itself.
pub fn end_of(context: &Context<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<CaptureTime> {
    let format = format(context, attempt, presented)?;
    let delivered = context.nonces.get(presented.nonce?)?.issued().map(|issue| issue.time);
    match (delivered, format.life()) {
        (Some(delivered), Some(life)) => Some(delivered.plus(life)),
        _ => format.expires,
    }
}

/// How often a nonce had been let past before it was refused at `index`. `None` where that lies too far back to be counted.
pub fn let_past_before(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> Option<usize> {
    let nonce = presented.nonce?;
    let Some(first) = session.lookup().let_past_first(nonce).filter(|first| *first < index) else { return Some(0) };
    if index - first > USES_BACK_MAX {
        return None;
    }
    let uses = session.attempts.get(first..index)?.iter().flat_map(|attempt| &attempt.credentials);
    let let_past = uses.filter(|used| used.nonce == Some(nonce)).filter(|used| used.judgement.is_let_past());
    Some(let_past.count())
}

/// The highest nonce count among the last uses of a nonce before `index`.
pub fn highest_before(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> Option<u32> {
    let before = session.attempts.get(index.saturating_sub(USES_BACK_MAX)..index)?;
    let uses = before.iter().flat_map(|attempt| &attempt.credentials);
    uses.filter(|used| used.nonce == presented.nonce).filter_map(count_of).max()
}

/// Whether no other Call-ID is known to have used the nonce of these credentials: its uses are counted there, too.
pub fn is_used_here_only(session: &Session<'_>, context: &Context<'_>, presented: &Presented<'_>) -> bool {
    let known = presented.nonce.and_then(|id| Some((id, context.nonces.get(id)?)));
    // A silence may have made several sessions of one Call-ID.
    known.is_some_and(|(id, nonce)| !nonce.is_shared && session.lookup().uses(id) == u64::from(nonce.uses))
}

/// Whether the nonce count is one that no server can object to: higher than those before it, and no higher than Kamailio
/// counts; or none at all, as before.
pub fn is_count_in_order(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> bool {
    let count = count_of(presented);
    match highest_before(session, index, presented) {
        Some(highest) => count.is_some_and(|count| count > highest && count <= KAMAILIO_COUNT_MAX),
        None => count.is_none(),
    }
}

/// Whether these are the first credentials with their nonce in this session. Behind a request that the capture lacks nobody knows.
pub fn is_first_use(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> bool {
    let is_first_seen = presented.nonce.is_some_and(|nonce| session.lookup().used_first(nonce) == Some(index));
    let issuer = presented.answers.map_or(index, |at| at.attempt);
    let between = session.attempts.get(issuer.saturating_add(1)..index).unwrap_or_default();
    is_first_seen && between.iter().rev().take(UNSEEN_BACK_MAX).all(|other| other.request().is_some())
}

/// How many attempts back a request that the capture lacks is looked for. Bounds the search in endless sessions.
const UNSEEN_BACK_MAX: usize = 16;

/// A counted use of a nonce, and the highest one of the same client and user before it.
pub struct Step<'s, 'run> {
    /// Which attempt.
    pub index: usize,
    /// The attempt.
    pub attempt: &'s Attempt<'run>,
    /// Its credentials.
    pub presented: &'s Presented<'run>,
    /// Its nonce count.
    pub count: u32,
    /// The highest nonce count before.
    pub highest: u32,
    /// Which attempt had the highest.
    pub highest_in: &'s Attempt<'run>,
}

/// The uses of nonces that follow another use of the same nonce, by the same client and user, with no challenge in between that
/// delivered the nonce anew. Requests on later hops and requests sent again are left out.
pub fn steps<'s, 'run>(session: &'s Session<'run>) -> Vec<Step<'s, 'run>> {
    struct Last<'s, 'run> {
        index: usize,
        presented: &'s Presented<'run>,
        highest: u32,
        highest_in: &'s Attempt<'run>,
    }
    let mut steps = Vec::new();
    // Most clients count to one: nothing to compare.
    if !facts::presented(session).any(|(_, _, presented)| count_of(presented).is_some_and(|count| count > 1)) {
        return steps;
    }
    let mut last: WireMap<(NonceId, IpAddr, HeaderKind), Last<'s, 'run>> = WireMap::default();
    for (index, attempt, presented) in facts::presented(session) {
        let (Some(count), Some(nonce)) = (count_of(presented), presented.nonce) else { continue };
        if attempt.transaction.forwarded_from().is_some() {
            continue;
        }
        let key = (nonce, attempt.transaction.flow().source.address, presented.header);
        let known = last.get(&key).filter(|last| {
            last.presented.username() == presented.username()
                && !session.lookup().is_offered_between(nonce, last.index, index)
        });
        // Some clients compute new credentials for the ACK, and count it.
        let in_ack = attempt.ack_credentials.iter().filter(|ack| ack.nonce == Some(nonce)).filter_map(count_of).max();
        let (mut highest, mut highest_in) = (in_ack.map_or(count, |in_ack| in_ack.max(count)), attempt);
        if let Some(last) = known {
            let step = Step { index, attempt, presented, count, highest: last.highest, highest_in: last.highest_in };
            steps.push(step);
            if last.highest > highest {
                (highest, highest_in) = (last.highest, last.highest_in);
            }
        }
        last.insert(key, Last { index, presented, highest, highest_in });
    }
    steps
}

/// A nonce count that is well formed.
pub fn count_of(presented: &Presented<'_>) -> Option<u32> {
    presented.nonce_count
}

/// Whether a count that ends in 9 is followed by the next one in decimal: `00000009`, `00000010`.
pub fn is_decimal_step(step: &Step<'_, '_>) -> bool {
    let highest = step.highest_in.credentials.iter().find(|used| used.nonce == step.presented.nonce);
    let both = highest.and_then(decimal).zip(decimal(step.presented));
    both.is_some_and(|(before, now)| before % 10 == 9 && now == before + 1)
}

/// A nonce count as a number in decimal, where it has no other digits.
fn decimal(presented: &Presented<'_>) -> Option<u32> {
    let raw = presented.credentials.nonce_count()?.raw;
    std::str::from_utf8(raw).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// The number of the frame of a request, for a text.
pub fn frame_of(attempt: &Attempt<'_>) -> String {
    attempt.request().map(|request| request.at.number.to_string()).unwrap_or_default()
}

/// What a server made of credentials that were not refused: where no answer was seen, nobody knows.
pub fn not_refused<'p>(presented: impl IntoIterator<Item = &'p Presented<'p>>) -> &'static str {
    match presented.into_iter().any(|presented| presented.judgement.is_let_past()) {
        true => "the server did not mind",
        false => "what the server made of that, the capture does not show",
    }
}
