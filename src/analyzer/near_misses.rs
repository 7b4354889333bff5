//! The search for near misses, once a session is known: only then is it clear which challenge a digest answers, and what
//! is a copy.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::digest::Request;
use crate::digest::Verdict;
use crate::digest::Verifier;
use crate::digest::near_miss::Challenged;
use crate::digest::near_miss::Closest;
use crate::digest::near_miss::Surroundings;
use crate::history::Nonces;
use crate::session::Presented;
use crate::session::Session;

/// Attempts before this one whose nonces are tried, and how many of those.
const ATTEMPTS_BEFORE_MAX: usize = 8;
const NONCES_MAX: usize = 4;

/// Looks for what every wrong digest of a session is nearly right for: first of those that were refused, for an account may have so many
/// searches and no more. Digests that are right cost nothing here.
pub(super) fn search(session: &mut Session<'_>, nonces: &Nonces, verifier: &mut Verifier) {
    let mut found: Vec<(usize, usize, Closest)> = Vec::new();
    let rows = session.attempts.iter().enumerate().flat_map(|(index, attempt)| {
        attempt.credentials.iter().enumerate().map(move |(row, presented)| (index, row, presented))
    });
    let wrong = rows.filter(|(_, _, presented)| presented.verdict().is_some_and(Verdict::may_be_near));
    let (accepted, refused): (Vec<_>, Vec<_>) = wrong.partition(|(_, _, presented)| presented.judgement.is_let_past());
    for (index, row, presented) in refused.into_iter().chain(accepted) {
        found.push((index, row, closest(session, index, presented, nonces, verifier)));
    }
    for (index, row, closest) in found {
        let attempt = session.attempts.get_mut(index);
        if let Some(presented) = attempt.and_then(|attempt| attempt.credentials.get_mut(row)) {
            presented.closest = closest;
        }
    }
}

fn closest(
    session: &Session<'_>,
    index: usize,
    presented: &Presented<'_>,
    nonces: &Nonces,
    verifier: &mut Verifier,
) -> Closest {
    let attempt = session.attempts.get(index);
    let Some((attempt, sent)) = attempt.and_then(|attempt| Some((attempt, attempt.request()?))) else {
        return Closest::NotLooked;
    };
    let body = session.run.body(sent.at);
    let request = Request { method: attempt.transaction.method.as_bytes(), body, ambiguous: false, headers_cut: false };
    let answered = presented.answers.and_then(|at| session.challenge(at));
    let challenged = answered.and_then(|(issuer, _)| {
        let uri = session.text(issuer.request()?.uri);
        Some(Challenged { method: issuer.transaction.method.as_bytes(), uri })
    });
    let realm = answered.map(|(_, offered)| offered.realm());
    let issued = presented.nonce.and_then(|id| nonces.get(id)).filter(|nonce| nonce.issued().is_some());
    let destination = match attempt.transaction.flow().destination.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let around = Surroundings {
        request_uri: session.text(sent.uri),
        from: session.text(sent.from),
        to: session.text(sent.to),
        destination: destination.as_bytes(),
        body,
        challenge_realm: realm.as_deref().or(issued.map(|nonce| &*nonce.realm)),
        challenged,
        text: &presented.row.value,
        nonces: &other_nonces(session, index, presented),
    };
    match presented.judgement.is_let_past() {
        true => verifier.near_miss_of_accepted(&presented.credentials, &request, &around),
        false => verifier.near_miss(&presented.credentials, &request, &around),
    }
}

/// The nonces that were offered or used shortly before, newest first, without the one that the credentials name.
fn other_nonces<'s>(session: &'s Session<'_>, index: usize, presented: &Presented<'_>) -> Vec<Cow<'s, [u8]>> {
    let sent = presented.credentials.nonce().unwrap_or_default();
    let before = session.attempts.get(index.saturating_sub(ATTEMPTS_BEFORE_MAX)..index).unwrap_or_default();
    let mut others: Vec<Cow<'s, [u8]>> = Vec::new();
    for attempt in before.iter().rev() {
        let offered = attempt.challenges.iter().filter_map(|offered| offered.challenge.nonce());
        let used = attempt.credentials.iter().filter_map(|other| other.credentials.nonce());
        for nonce in offered.chain(used) {
            if others.len() < NONCES_MAX && nonce != sent && !nonce.is_empty() && !others.contains(&nonce) {
                others.push(nonce);
            }
        }
    }
    others
}
