//! What the SIM of an IMS client says of a challenge (RFC 3310 §3.4). Facts, no findings.

use crate::auth::Algorithm;
use crate::rules::credentials_facts::Row;
use crate::rules::streaks;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// Whether the SIM asks for resynchronisation: there is an `auts`.
pub fn asks_to_resync(presented: &Presented<'_>) -> bool {
    presented.credentials.auts().is_some_and(|auts| !auts.is_empty())
}

/// Whether the SIM does not trust the challenge: an empty response to it, and no `auts`. The first request of an IMS client has
/// an empty response, too, and an empty nonce: that is legal.
pub fn distrusts(session: &Session<'_>, presented: &Presented<'_>) -> bool {
    let credentials = &presented.credentials;
    credentials.response().is_some_and(|response| response.is_empty())
        && credentials.nonce().is_some_and(|nonce| !nonce.is_empty())
        && !asks_to_resync(presented)
        && is_aka(session, presented)
}

/// Whether a request is the first of an IMS phone, whose SIM answers what AKA asks.
pub fn is_from_sim(attempt: &Attempt<'_>) -> bool {
    offers_agreement(attempt) || attempt.credentials.iter().any(|presented| presented.credentials.is_ims_initial())
}

fn offers_agreement(attempt: &Attempt<'_>) -> bool {
    attempt.transaction.marks().is_some_and(|marks| marks.offers_agreement)
}

/// Whether a challenge asks the SIM.
fn asks_sim(attempt: &Attempt<'_>) -> bool {
    attempt.challenges.iter().any(|offered| matches!(offered.challenge.algorithm(), Algorithm::Aka { .. }))
}

/// Whether an IMS phone named mechanisms to agree on, and the challenge of its SIM has none: it is to abandon that, and to begin anew under
/// another Call-ID (3GPP TS 24.229 §5.1.1.5).
pub fn lacks_agreement(attempt: &Attempt<'_>) -> bool {
    let is_agreed = attempt.answer().is_some_and(|answer| answer.security_server().is_some());
    // Behind the P-CSCF nobody is to agree on anything, and ck and ik belong there.
    let is_from_phone = attempt.request().is_some_and(|request| request.via_count <= 1);
    offers_agreement(attempt) && is_from_phone && !is_agreed && asks_sim(attempt)
}

/// Whether a challenge names the keys of the session, which the P-CSCF is to keep for itself (3GPP TS 24.229 §5.2.2).
pub fn tells_keys(attempt: &Attempt<'_>) -> bool {
    let mut params = attempt.challenges.iter().flat_map(|offered| offered.challenge.params.iter());
    params.any(|param| param.is("ck") || param.is("ik"))
}

/// Whether credentials or the challenge that they answer name AKA.
fn is_aka(session: &Session<'_>, presented: &Presented<'_>) -> bool {
    let is_aka = |algorithm| matches!(algorithm, Algorithm::Aka { .. });
    is_aka(presented.credentials.algorithm())
        || session.challenge_of(presented).is_some_and(|offered| is_aka(offered.challenge.algorithm()))
}

/// The credentials by which the SIM turned the challenge down, in the streak with most of them. No allocation where there is none.
pub fn turned_down<'s, 'run>(
    session: &'s Session<'run>,
    is_it: impl Fn(&Presented<'run>) -> bool,
) -> Vec<Row<'s, 'run>> {
    if !session.attempts.iter().flat_map(|attempt| &attempt.credentials).any(&is_it) {
        return Vec::new();
    }
    let streaks = session.exchanges.iter().flat_map(|exchange| streaks::of(session, &exchange.attempts));
    let found = streaks.map(|streak| {
        let rows = streak.into_iter().filter_map(|(index, attempt)| {
            Some((index, attempt, attempt.credentials.iter().find(|presented| is_it(presented))?))
        });
        rows.collect::<Vec<_>>()
    });
    found.max_by_key(Vec::len).unwrap_or_default()
}
