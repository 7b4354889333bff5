//! What counts as an answer to a challenge, and what does not: asked by several rules. Facts, no findings.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::digest::Verdict;
use crate::history::Shown;
use crate::rules::Context;
use crate::rules::facts;
use crate::rules::recovery;
use crate::session::Attempt;
use crate::session::HeaderKind;
use crate::session::Judgement;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::method::METHODS;

/// Whether a request holds credentials that answer one of those challenges: the realm, or the nonce.
pub fn answers_any(attempt: &Attempt<'_>, challenges: &[Offered<'_>]) -> bool {
    attempt.credentials.iter().filter(|presented| presented.is_attempt).any(|presented| {
        challenges.iter().any(|offered| {
            let nonce = offered.challenge.nonce();
            presented.realm() == offered.realm() || (nonce.is_some() && presented.credentials.nonce() == nonce)
        })
    })
}

/// The address that challenged a client, where it sent its answer to another one, which did not give it that nonce.
pub fn sent_elsewhere(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<IpAddr> {
    let (asking, _) = session.challenge(presented.answers.filter(|at| at.is_same_realm)?)?;
    let (asked, sent) = (asking.transaction.flow(), attempt.transaction.flow());
    let is_own = asking.is_own_hop() && attempt.is_own_hop() && asked.source.address == sent.source.address;
    let is_given_here = |(index, _): &(usize, HeaderKind)| {
        let other = session.attempts.get(*index);
        other.is_some_and(|other| other.transaction.flow().destination.address == sent.destination.address)
    };
    let is_other = asked.destination.address != sent.destination.address;
    let mut offered = session.lookup().offered(presented.nonce?).iter().rev().take(OFFERS_BACK_MAX);
    (is_own && is_other && !offered.any(is_given_here)).then_some(asked.destination.address)
}

/// Challenges with one nonce that are looked at. Bounds the search in endless sessions.
const OFFERS_BACK_MAX: usize = 64;

/// What to do about it.
pub const STAY_THERE: &str =
    "Let the client send its credentials to the address that challenged it, and not look up the server anew in between";

/// Whether a later request of the Call-ID answers an attempt's challenge: one of the same client, method and account for its realm, or
/// one from wherever with its nonce, for a client's address may change, and a BYE may be what is left to say.
pub fn is_answered_in_call_id(session: &Session<'_>, index: usize) -> bool {
    let Some(attempt) = session.attempts.get(index) else { return false };
    let lookup = session.lookup();
    attempt.challenges.iter().any(|offered| {
        let with_nonce = offered.nonce.and_then(|nonce| lookup.used_last(nonce));
        with_nonce.max(lookup.answered_last(session.run, attempt, &offered.realm())) > Some(index)
    })
}

/// Whether a later request of the Call-ID carries a nonce of an attempt's challenge, whoever it went to.
pub fn is_nonce_used_later(session: &Session<'_>, index: usize) -> bool {
    let Some(attempt) = session.attempts.get(index) else { return false };
    let mut nonces = attempt.challenges.iter().filter_map(|offered| offered.nonce);
    nonces.any(|nonce| session.lookup().used_last(nonce) > Some(index))
}

/// The challenge that was offered under one kind of header only and answered under the other. A nonce offered in both
/// kinds, as Kamailio's may be within one second, decides nothing; nor do credentials beside those under the right header. Where the
/// capture begins behind the challenge, the refusal may give the very nonce once more.
pub fn wrong_header<'s, 'run>(
    session: &'s Session<'run>,
    attempt: &'s Attempt<'run>,
    presented: &Presented<'_>,
) -> Option<&'s Offered<'run>> {
    let offered = match presented.answers {
        Some(at) => session.challenge(at).filter(|_| at.is_same_realm)?.1,
        None => given_once_more(attempt, presented)?,
    };
    if offered.header == presented.header {
        return None;
    }
    let is_answered_rightly =
        attempt.credentials.iter().any(|other| other.answers == presented.answers && other.header == offered.header);
    let is_offered_as_sent =
        offered.nonce.is_some_and(|nonce| session.lookup().is_offered_under(nonce, presented.header));
    (!is_answered_rightly && !is_offered_as_sent).then_some(offered)
}

/// The challenge for that realm and nonce with which the credentials were refused.
fn given_once_more<'s, 'run>(attempt: &'s Attempt<'run>, presented: &Presented<'_>) -> Option<&'s Offered<'run>> {
    let nonce = presented.nonce.filter(|_| presented.judgement == Judgement::Refused)?;
    attempt.challenges.iter().find(|offered| offered.nonce == Some(nonce))
}

/// Whether an answer refuses a digest that nobody knows to be right: that is what keeps the client out, whatever the form of the new challenge.
pub fn refuses_doubtful(attempt: &Attempt<'_>) -> bool {
    attempt.credentials.iter().any(is_refused_doubtful)
}

/// Whether a challenge was answered under the very header that it stands in, and that answer was refused, right or not.
pub fn is_answered_in_vain(session: &Session<'_>, index: usize) -> bool {
    session.presented().any(|(_, _, presented)| {
        let asked = presented.answers.filter(|at| at.attempt == index).and_then(|at| session.challenge(at));
        asked.is_some_and(|(_, offered)| offered.header == presented.header) && is_refused_doubtful(presented)
    })
}

fn is_refused_doubtful(presented: &Presented<'_>) -> bool {
    presented.is_attempt && presented.judgement == Judgement::Refused && presented.verdict() != Some(Verdict::Match)
}

/// What an account did behind a challenge under whatever Call-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// Nothing that is an answer.
    None,
    /// The same client showed credentials for the realm with the same method at the same server in time.
    Answer,
    /// The same, so long behind it that nobody waited for it any more, at another server, or from another port, as another client
    /// behind the same address would.
    Doubtful(Doubt),
}

/// What makes it doubtful that something is the answer to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// How long behind the challenge it was sent.
    pub behind: Duration,
    /// It came from another port.
    pub has_other_port: bool,
    /// It went to another server.
    pub is_at_other_server: bool,
}

impl Doubt {
    /// Whether nobody waited for it any more.
    pub fn is_late(self) -> bool {
        self.behind > facts::ANSWER_WITHIN
    }
}

/// What the account of a challenged request did next.
pub fn follow_up(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> FollowUp {
    let Some((key, answer)) = facts::account_key(session, attempt).zip(attempt.answer()) else { return FollowUp::None };
    let method = attempt.transaction.method.as_bytes();
    let asked: Vec<u64> =
        attempt.challenges.iter().map(|offered| context.accounts.purpose(method, &offered.realm())).collect();
    let shown = context.accounts.presented_within(&key, answer.time, recovery::RECOVERY_WITHIN);
    let mut shown = shown.filter(|shown| asked.contains(&shown.purpose)).peekable();
    let first = shown.peek().map(|shown| doubt(context, attempt, answer.time, shown));
    let is_answer = |doubt: Doubt| !doubt.is_late() && !doubt.has_other_port && !doubt.is_at_other_server;
    match shown.any(|shown| is_answer(doubt(context, attempt, answer.time, shown))) {
        true => FollowUp::Answer,
        false => first.map_or(FollowUp::None, FollowUp::Doubtful),
    }
}

fn doubt(context: &Context<'_>, attempt: &Attempt<'_>, asked: CaptureTime, shown: &Shown) -> Doubt {
    let flow = attempt.transaction.flow();
    // Each connection has a port of its own.
    let is_same_port = shown.has_port_of(flow.source.port) || attempt.transaction.transport.is_reliable();
    let is_same_server = shown.server == context.accounts.server(flow.destination.address);
    Doubt { behind: shown.time.since(asked), has_other_port: !is_same_port, is_at_other_server: !is_same_server }
}

/// Whether credentials of the same account were accepted soon behind an attempt's answer, under whatever Call-ID.
pub fn has_got_in_soon(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let key = facts::account_key(session, attempt);
    let from = attempt.answer().map(|answer| answer.time).or(attempt.transaction.started());
    key.zip(from).is_some_and(|(key, from)| context.accounts.has_got_in(&key, from, recovery::RECOVERY_WITHIN))
}

/// Whether the account ever showed credentials for the realm of a challenge to the server that asks, with whatever method.
pub fn has_shown_realm(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    METHODS.iter().any(|method| has_shown_realm_with(method, session, context, attempt))
}

/// Whether it did so with this method.
pub fn has_shown_realm_with(
    method: &[u8],
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &Attempt<'_>,
) -> bool {
    let Some(key) = facts::account_key(session, attempt) else { return false };
    let server = context.accounts.server(attempt.transaction.flow().destination.address);
    attempt.challenges.iter().any(|offered| {
        let purpose = context.accounts.purpose(method, &offered.realm());
        context.accounts.shown(&key).any(|shown| shown.purpose == purpose && shown.server == server)
    })
}

/// Whether it did so under other Call-IDs alone, and not under this one.
pub fn has_shown_realm_elsewhere(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let is_asked_for = |presented: &Presented<'_>| attempt.offers_realm(&presented.realm());
    !session.presented().any(|(_, _, presented)| is_asked_for(presented)) && has_shown_realm(session, context, attempt)
}
