//! What of a closed session is remembered to be compared with others.

use crate::analyzer::messages::Messages;
use crate::digest::Verdict;
use crate::history::outcomes::Challenged;
use crate::history::outcomes::Ending;
use crate::history::outcomes::EndingKind;
use crate::history::outcomes::UserKey;
use crate::rules;
use crate::rules::Severity;
use crate::session::Attempt;
use crate::session::HeaderKind;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;
use crate::session::SessionOutcome;

impl Messages {
    /// Notes how a session ended for its user.
    pub(super) fn note_outcome(&mut self, session: &Session<'_>, findings: &[rules::Finding], number: u64) {
        let Some(kind) = kind(session, findings) else { return };
        let user = session.user();
        let method = session.method();
        let last = session.attempts.iter().rev().find(|attempt| {
            Some(&attempt.transaction.method) == method && attempt.answer().is_some() && attempt.is_own_hop()
        });
        let Some((attempt, request, answer)) = last.and_then(|last| Some((last, last.request()?, last.answer()?)))
        else {
            return;
        };
        let Some(realm) = realm(attempt).filter(|_| !user.is_empty()) else { return };
        let key = UserKey { client: attempt.transaction.flow().source.address, user: user.into() };
        let ending = Ending {
            method: attempt.transaction.method.clone(),
            realm,
            server: attempt.transaction.flow().destination.address,
            port: attempt.transaction.flow().source.port,
            session: number,
            at: request.at,
            answer_at: answer.at,
            status: answer.status,
            kind,
        };
        self.outcomes.ended(key, ending);
    }

    /// Notes how the servers of a session asked.
    pub(super) fn note_challenges(&mut self, session: &Session<'_>, number: u64) {
        // What a proxy passes back from behind it is not its own way of asking.
        let mut passed_on: Vec<usize> =
            session.run.transactions.iter().filter_map(|next| next.forwarded_from()).collect();
        passed_on.sort_unstable();
        let mut previous: Option<&Attempt<'_>> = None;
        for attempt in session.attempts.iter().filter(|attempt| attempt.is_challenged() && !attempt.is_in_dialog()) {
            let is_repeated = previous.is_some_and(|previous| is_same_question(previous, attempt));
            previous = Some(attempt);
            let kinds = |kind| attempt.challenges.iter().any(|offered| offered.header == kind);
            let has_both = kinds(HeaderKind::Www) && kinds(HeaderKind::Proxy);
            if is_repeated || has_both || passed_on.binary_search(&attempt.transaction_index).is_ok() {
                continue;
            }
            let (Some(offered), Some(answer)) = (attempt.challenges.first(), attempt.answer()) else { continue };
            // Whoever let these past is one server, and the one behind it another, though it may name the same realm.
            let is_let_past = |sent: &Presented<'_>| sent.is_attempt && sent.judgement == Judgement::Accepted;
            if attempt.credentials.iter().any(|sent| is_let_past(sent) && sent.realm() == offered.realm()) {
                continue;
            }
            self.outcomes.challenged(&Challenged {
                server: attempt.transaction.flow().destination,
                client: attempt.transaction.flow().source.address,
                method: &attempt.transaction.method,
                realm: &offered.realm(),
                is_proxy: answer.status == 407,
                at: answer.at,
                session: number,
            });
        }
    }
}

/// Long sessions ask the same again and again.
fn is_same_question(one: &Attempt<'_>, other: &Attempt<'_>) -> bool {
    let realm = |attempt: &Attempt<'_>| attempt.challenges.first().map(|offered| offered.realm().into_owned());
    one.status() == other.status()
        && one.transaction.method == other.transaction.method
        && one.transaction.flow() == other.transaction.flow()
        && realm(one) == realm(other)
}

/// The realm that asked: that of the credentials, unless the answer to them asks for another one.
fn realm(attempt: &Attempt<'_>) -> Option<Box<[u8]>> {
    let presented = attempt.credentials.first().map(|presented| presented.realm());
    let asks_for_it = presented.as_ref().is_some_and(|realm| attempt.offers_realm(realm));
    let offered = attempt.challenges.first().map(|offered| offered.realm()).filter(|_| !asks_for_it);
    Some(offered.or(presented)?.as_ref().into())
}

fn kind(session: &Session<'_>, findings: &[rules::Finding]) -> Option<EndingKind> {
    let why = || {
        let worst = findings.iter().find(|f| f.severity >= Severity::High && f.explained_by.is_none());
        worst.map_or(session.outcome.name(), |finding| finding.rule.name)
    };
    match session.outcome {
        SessionOutcome::Accepted => Some(EndingKind::LetPast),
        SessionOutcome::Failed if session.is_let_past() => Some(EndingKind::LetPast),
        SessionOutcome::Refused | SessionOutcome::Forbidden => {
            let all = session.attempts.iter().flat_map(|attempt| &attempt.credentials);
            let is_digest_right =
                all.clone().any(|presented| presented.verdict() == Some(Verdict::Match)) && all.clone().all(is_right);
            Some(EndingKind::Refused { why: why(), is_digest_right })
        }
        SessionOutcome::UnansweredChallenge => Some(EndingKind::Unanswered { why: why() }),
        _ => None,
    }
}

fn is_right(presented: &crate::session::Presented<'_>) -> bool {
    presented.verdict() == Some(Verdict::Match)
}
