//! Right digests that were refused, one by one: whether their nonces were old or new, what the same secret got before and behind them, and what to
//! do about it.

use crate::digest::Verdict;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::credentials::digest_ok_but_rejected::COMPARE_SECRET;
use crate::rules::credentials::digest_ok_but_rejected::COMPARE_SECRET_HERE;
use crate::rules::credentials::rejected_credentials::NO_ACCOUNT;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::rules::recovery;
use crate::rules::relay_facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;

/// Whether the same secret got in soon after: then it was the nonce that the server refused, or the algorithm.
pub(super) fn is_made_good(session: &Session<'_>, index: usize, presented: &Presented<'_>) -> bool {
    recovery::has_recovered(session, index) && taken_soon(session, index, presented).is_some()
}

/// The credentials with which it did.
pub(super) fn taken_soon<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<(&'s Attempt<'run>, &'s Presented<'run>)> {
    let let_past = session.lookup().let_past_from(index).iter().take(MADE_GOOD_WITHIN);
    let mut later = let_past.filter_map(|later| session.attempts.get(*later));
    later.find_map(|later| Some((later, later.credentials.iter().find(|later| is_same_taken(later, presented))?)))
}

/// A request that got in with the same secret before.
fn taken_before<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    presented: &Presented<'_>,
) -> Option<&'s Attempt<'run>> {
    let let_past =
        session.lookup().let_past_from(0).iter().take(MADE_GOOD_WITHIN).take_while(|before| **before < index);
    let mut before = let_past.filter(|before| !relay_facts::is_on_hop_before(session, index, **before));
    before.find_map(|before| {
        let before = session.attempts.get(*before)?;
        before.credentials.iter().any(|sent| is_same_taken(sent, presented)).then_some(before)
    })
}

/// Whether a digest of the same secret for the same account was let past.
fn is_same_taken(other: &Presented<'_>, presented: &Presented<'_>) -> bool {
    other.verdict() == Some(Verdict::Match)
        && other.judgement.is_let_past()
        && (other.realm(), other.username()) == (presented.realm(), presented.username())
}

/// How many attempts that were let past are looked at for the same digest over another nonce. Bounds the search in endless sessions.
pub(super) const MADE_GOOD_WITHIN: usize = 64;

/// Right digests that were refused without stale=true.
pub(super) struct Refusals<'s, 'run, 'c> {
    pub(super) session: &'s Session<'run>,
    pub(super) context: &'c Context<'c>,
    pub(super) rows: &'c [Row<'s, 'run>],
    /// The same secret got in soon after each of them.
    pub(super) is_made_good: bool,
}

impl Refusals<'_, '_, '_> {
    /// The algorithm with which the same secret got in, where all that was refused had another one.
    pub(super) fn other_algorithm(&self) -> Option<String> {
        let (last, _, presented) = self.rows.last().filter(|_| self.is_made_good)?;
        let (_, taken) = taken_soon(self.session, *last, presented)?;
        let is_other = |(_, _, row): &Row<'_, '_>| row.credentials.algorithm() != taken.credentials.algorithm();
        self.rows.iter().all(is_other).then(|| algorithm_name(taken))
    }

    /// A nonce that says itself when it ends, and was used later: the server refused its age and did not call it stale.
    pub(super) fn blame_age(&self, mut finding: Finding) -> Finding {
        let Some((_, attempt, presented)) = self.rows.first() else { return finding };
        let Some((format, over)) = nonce_facts::expired(self.context, attempt, presented) else { return finding };
        if self.is_made_good {
            finding = finding.graded(Severity::Info, Confidence::Likely);
        } else if self.rows.last().is_some_and(|(last, _, _)| self.session.is_left_open(*last)) {
            finding = finding.graded(Severity::Medium, Confidence::Possible);
        }
        let life =
            format.life().map(|life| format!("was good for {} and ", facts::duration_text(life))).unwrap_or_default();
        finding.explanation.push_str(&format!(
            " The nonce of frame {} {life}had ended {} before it was used, {}: the server refuses it for its age, and does not say stale=true.",
            nonce_facts::frame_of(attempt),
            facts::duration_text(over),
            nonce_facts::INFERRED,
        ));
        finding.cause = Some("expired");
        finding
            .advises("Lengthen the life of nonces on the server (nonce_expire in Kamailio and OpenSIPS), or let the client answer faster")
            .advises("Let the server say stale=true when it refuses a nonce for its age")
    }

    /// A nonce that had been good may have become too old, which some servers do not say: nothing is wrong where the next try got in,
    /// and where the capture ends, nobody knows.
    pub(super) fn weigh_age(&self, mut finding: Finding) -> Finding {
        let Some(&(last, attempt, presented)) = self.rows.last() else { return finding };
        if let Some(taken) = self.other_algorithm() {
            let refused = algorithm_name(presented);
            finding.explanation.push_str(&format!(
                " The next try got in with the same secret and {taken}: the server offers {refused}, and cannot check it for this account.",
            ));
            return finding.graded(Severity::Info, Confidence::Likely);
        }
        if self.is_made_good {
            return self.tell_made_good(finding);
        }
        if self.session.is_left_open(last) && nonce_facts::was_good(self.session, self.context, last, presented) {
            finding.explanation.push_str(" The nonce had been good before, and may have become too old.");
            finding.explanation.push_str(&facts::ends_behind(attempt, self.context));
            return finding.graded(Severity::Medium, Confidence::Possible);
        }
        finding
    }

    /// The same secret got in soon after. One new nonce may have gone to another node; several in a row seldom do.
    fn tell_made_good(&self, mut finding: Finding) -> Finding {
        let new = self.new_nonces();
        let (said, severity) = match new {
            0 => (
                "the server took the nonce for too old, used up or none of its own, and does not say stale=true.",
                Severity::Info,
            ),
            1 => (
                "the server took the nonce for none of its own, and does not say stale=true, or what it has stored for this account was \
                 corrected in between.",
                Severity::Info,
            ),
            _ => (
                "most likely what the server has stored for this account was corrected in between, or the account was made. The nonces were new, \
                 and used for the first time: their age is no reason. Nodes behind one address that do not share their nonces would look the \
                 same.",
                Severity::Medium,
            ),
        };
        finding.explanation.push_str(&format!(" A later try got in with the same secret: {said}"));
        finding.graded(severity, Confidence::Likely).advises(match severity {
            Severity::Medium => MADE_GOOD_AT_SERVER,
            _ => MADE_GOOD,
        })
    }

    /// How many of them are the first use of a nonce that the server had just given.
    fn new_nonces(&self) -> usize {
        let is_new = |row: &&Row<'_, '_>| nonce_facts::is_refused_while_new(self.session, row.0, row.2);
        self.rows.iter().filter(is_new).count()
    }

    /// What to look at on the server, where nothing got in behind it.
    pub(super) fn advise(&self, mut finding: Finding) -> Finding {
        let Some((index, attempt, presented)) = self.rows.first() else { return finding };
        let accepted = credentials_facts::let_past_before(self.session, *index, presented);
        if accepted.is_none() {
            let is_register = attempt.transaction.method == Method::Register;
            finding =
                finding.advises(if is_register { COMPARE_SECRET } else { COMPARE_SECRET_HERE }).advises(NO_ACCOUNT);
        }
        // A nonce that had served before may have become too old. A new one shows that it is the secret.
        let with_it = taken_before(self.session, *index, presented);
        let with_it = with_it.filter(|_| self.new_nonces() > 0).and_then(|taken| Some((taken, taken.request()?)));
        if let Some((taken, request)) = with_it {
            let before = request.at.number;
            finding.explanation.push_str(&format!(" The same secret was accepted in frame {before}"));
            finding = self.compare_methods(finding, &taken.transaction.method);
            finding = finding
                .advises(format!("See whether the account's password was changed on the server since frame {before}"));
        }
        finding.advises("See whether the node that challenged is the one that answered, and whether identity rules tie the user to the From address")
    }

    /// Where the secret was taken with another method than all that was refused, it is what the server does with that one which differs.
    fn compare_methods(&self, mut finding: Finding, taken: &Method) -> Finding {
        let method = self.rows.first().map(|(_, attempt, _)| &attempt.transaction.method);
        let is_alone = |method: &&Method| self.rows.iter().all(|(_, other, _)| other.transaction.method == **method);
        let Some(method) = method.filter(is_alone).filter(|method| *method != taken) else {
            finding.explanation.push('.');
            return finding;
        };
        finding.explanation.push_str(&format!(", with {taken}; only {method} is seen to be refused."));
        finding.advises(format!(
            "See what the server checks of {method} otherwise than of {taken}: another realm's or table's secret, another route, the tags of the call"
        ))
    }
}

pub(super) const MADE_GOOD: &str = "Nothing, where it happens once; else see whether the server was restarted, whether nodes share their nonces, and how long \
     these live";

const MADE_GOOD_AT_SERVER: &str = "Nothing, where the account was corrected on the server meanwhile; else see whether nodes behind its address share \
     their nonces and their accounts";

fn algorithm_name(presented: &Presented<'_>) -> String {
    presented.credentials.algorithm().name().unwrap_or("an unknown algorithm").to_owned()
}
