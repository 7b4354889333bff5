//! The same answer on two hops, compared: what a device made of a challenge, or of an acceptance, on its way back to the client.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::auth::Challenge;
use crate::auth::Stale;
use crate::auth::parse_challenges;
use crate::auth::parse_credentials;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::facts;
use crate::session::Answer;
use crate::session::HeaderKind;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::Method;

/// What a device changed in an answer that it passed back.
#[derive(Debug)]
pub struct AlteredAnswer<'run> {
    /// The transaction on the client's side of the device.
    pub first: &'run Transaction,
    /// What the client was told there.
    pub told: &'run Answer,
    /// The transaction behind the device.
    pub next: &'run Transaction,
    /// What was answered there.
    pub given: &'run Answer,
    /// The attempt of the client that the answer is for.
    pub attempt: Option<usize>,
    /// What was changed.
    pub what: Change,
}

/// What of an answer was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was a challenge, and it is gone.
    Removed,
    /// The challenge stands under the header of the other kind.
    Header,
    /// Parameters of the challenge.
    Parameters(Vec<&'static str>),
    /// A REGISTER was accepted, and the client was told otherwise.
    Refused,
}

impl Change {
    /// The cause in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Change::Removed => "challenge-removed",
            Change::Header | Change::Parameters(_) => "challenge",
            Change::Refused => "answer",
        }
    }
}

/// A device passes an answer back at once.
const PASSED_BACK_WITHIN: Duration = Duration::from_secs(5);

/// Transactions behind one among which its other next hops are looked for, and what became of its answer. Bounds the search in endless
/// sessions.
const BEHIND_WITHIN: usize = 64;

/// What was changed in the answer of this transaction before it came to the hop before; `None` where it is the first hop, where a device
/// answered for itself, and where nothing that matters was changed.
pub fn altered_answer<'run>(session: &Session<'run>, index: usize) -> Option<AlteredAnswer<'run>> {
    let all = &session.run.transactions;
    let next = all.get(index)?;
    let origin = next.forwarded_from()?;
    let first = all.get(origin)?;
    let (told, given) = (first.answer.as_ref()?, next.answer.as_ref()?);
    let is_whole = |answer: &Answer| answer.has_all_headers && !answer.is_ambiguous;
    let is_passed_back = given.time <= told.time && told.time.since(given.time) <= PASSED_BACK_WITHIN;
    // A device that tries again, or elsewhere, answers with what came of all that.
    let mut behind = all.iter().skip(origin + 1).take(BEHIND_WITHIN);
    let is_only = behind.all(|other| other.forwarded_from() != Some(origin) || std::ptr::eq(other, next));
    let is_comparable = first.flow().source.address != next.flow().source.address && is_whole(told) && is_whole(given);
    // A repeat has an answer of its own, which may be another one.
    let is_asked_once = first.retransmissions() == 0 && next.retransmissions() == 0;
    if !is_comparable || !is_passed_back || !is_only || !is_asked_once || answers_itself(session, index, told) {
        return None;
    }
    let what = change(session, (index, first), told, given)?;
    Some(AlteredAnswer { first, told, next, given, attempt: session.attempt_of(origin), what })
}

/// Whether the device answered the challenge before it said anything to the client: then it has an account of its own.
fn answers_itself(session: &Session<'_>, index: usize, told: &Answer) -> bool {
    let mut behind = session.run.transactions.iter().skip(index).take(BEHIND_WITHIN);
    let Some(next) = behind.next() else { return false };
    let given: Vec<_> =
        next.answer.iter().flat_map(|answer| &answer.challenges).flat_map(|row| &row.nonces).flatten().collect();
    let own = behind.filter(|known| known.flow().source.address == next.flow().source.address);
    let mut sent = own.filter_map(|known| known.request.as_ref()).filter(|request| request.time <= told.time);
    sent.any(|request| {
        request.credentials.iter().any(|row| row.first.nonce.as_ref().is_some_and(|nonce| given.contains(&nonce)))
    })
}

fn change(
    session: &Session<'_>,
    (index, first): (usize, &Transaction),
    told: &Answer,
    given: &Answer,
) -> Option<Change> {
    match (given.status, told.status) {
        (200..=299, 400 | 402..=406 | 408..) if first.method == Method::Register => Some(Change::Refused),
        (401 | 407, 401 | 407) if told.challenges.is_empty() => {
            (!given.challenges.is_empty()).then_some(Change::Removed)
        }
        (401 | 407, 401 | 407) => {
            let (given, told) = (challenges(given), challenges(told));
            let is_kept = |(header, one): &(HeaderKind, Challenge<'_>)| {
                let is_same = |other: &Challenge<'_>| other.nonce() == one.nonce() && differing(one, other).is_empty();
                told.iter().any(|(kind, other)| kind == header && is_same(other))
            };
            // One of several offers is enough for a client.
            if given.iter().any(is_kept) {
                return None;
            }
            given.iter().find_map(|(header, one)| changed((session, index), (*header, one), &told))
        }
        _ => None,
    }
}

fn challenges(answer: &Answer) -> Vec<(HeaderKind, Challenge<'_>)> {
    let rows = answer.challenges.iter();
    rows.flat_map(|row| parse_challenges(&row.value).into_iter().map(|one| (row.header, one))).collect()
}

/// What became of one challenge. One with the same nonce is the same; another nonce for the realm is the device's own, unless the server
/// gets it back from the client.
fn changed(
    (session, index): (&Session<'_>, usize),
    (header, given): (HeaderKind, &Challenge<'_>),
    told: &[(HeaderKind, Challenge<'_>)],
) -> Option<Change> {
    let nonce = given.nonce()?;
    let same: Vec<_> = told.iter().filter(|(_, told)| told.nonce().as_deref() == Some(&*nonce)).collect();
    if let Some((kind, told)) = same.first() {
        let names = differing(given, told);
        // Within a second, Kamailio gives one nonce to whoever asks: it is the device that asks for itself.
        if *kind != header && told.realm() != given.realm() {
            return None;
        }
        return Some(if *kind == header || !names.is_empty() { Change::Parameters(names) } else { Change::Header });
    }
    let (_, other) = told.iter().find(|(kind, told)| *kind == header && told.realm() == given.realm())?;
    let is_taken_back = passes_on(session, index, &other.nonce()?);
    is_taken_back.then(|| Change::Parameters(vec!["nonce"]))
}

/// Whether credentials with that nonce were passed on by whoever got them, and refused: who takes them does not look at them.
fn passes_on(session: &Session<'_>, index: usize, nonce: &[u8]) -> bool {
    let is_refused = |known: &&Transaction| known.answer.as_ref().is_some_and(|answer| answer.status >= 400);
    let behind = session.run.transactions.iter().skip(index).take(BEHIND_WITHIN);
    let passed_on = behind.filter(|known| known.forwarded_from().is_some()).filter(is_refused);
    let mut rows = passed_on.filter_map(|known| known.request.as_ref()).flat_map(|request| &request.credentials);
    rows.any(|row| {
        let mut all = parse_credentials(&row.value).into_iter();
        all.any(|credentials| credentials.nonce().as_deref() == Some(nonce))
    })
}

/// The parameters in which two challenges differ for a client, however they are written.
fn differing(given: &Challenge<'_>, told: &Challenge<'_>) -> Vec<&'static str> {
    let qops = |challenge: &Challenge<'_>| -> BTreeSet<Vec<u8>> {
        challenge.qop().iter().map(|qop| qop.name().to_ascii_lowercase()).collect()
    };
    let is_stale = |challenge: &Challenge<'_>| challenge.stale() == Some(Stale::True);
    let pairs = [
        ("scheme", given.scheme == told.scheme),
        ("realm", given.realm() == told.realm()),
        ("algorithm", given.algorithm().is_same(told.algorithm())),
        // What is left of a list is what the server offers, too.
        ("qop", qops(given) == qops(told) || (!qops(told).is_empty() && qops(told).is_subset(&qops(given)))),
        ("opaque", given.opaque().unwrap_or_default() == told.opaque().unwrap_or_default()),
        ("stale", is_stale(given) == is_stale(told)),
    ];
    pairs.into_iter().filter(|(_, is_same)| !is_same).map(|(name, _)| name).collect()
}

impl AlteredAnswer<'_> {
    /// What was done, behind the name of who did it.
    pub fn done(&self) -> &'static str {
        match self.what {
            Change::Removed => "took the challenge out of the answer",
            Change::Header => "put the challenge under another header",
            Change::Parameters(_) => "changed the challenge",
            Change::Refused => "turned an acceptance into a refusal",
        }
    }

    /// How the two answers differ.
    pub fn differences(&self) -> String {
        let (given, told) = (self.given, self.told);
        let frames = format!(
            "the {} of {} came to it in frame {}, and was passed back in frame {}",
            given.status,
            self.next.flow().destination,
            given.at.number,
            told.at.number
        );
        match &self.what {
            Change::Removed => format!("{frames} without its challenge"),
            Change::Header => format!("{frames} with the challenge under another header"),
            Change::Parameters(names) => {
                let names = names.join(", ");
                format!("{frames} with another {names} in the challenge")
            }
            Change::Refused => format!("{frames} as {}", told.status),
        }
    }

    /// Both answers as far as they differ.
    pub fn evidence(&self, session: &Session<'_>) -> Vec<Evidence> {
        let of = |answer: &Answer| match (self.what == Change::Refused, answer.challenges.first()) {
            (false, Some(row)) => Evidence {
                at: answer.at,
                header: row.header.challenge_header(),
                value: EvidenceValue::Challenge(row.value.clone(), row.nonces.clone()),
            },
            _ => {
                let value = format!("{} {}", answer.status, facts::text(session.text(answer.reason)));
                Evidence { at: answer.at, header: "Status", value: EvidenceValue::Text(value) }
            }
        };
        vec![of(self.given), of(self.told)]
    }
}
