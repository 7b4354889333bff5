//! SA206: the digest does not fit the password given, and the server took it.

use std::collections::BTreeMap;

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::OF_RULE_MAX;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::dialog_facts;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::rules::tell_more;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA206",
    name: "accepted-with-other-secret",
    label: "accepted with another secret",
    severity: Severity::Medium,
    summary: "The digest does not fit the password given, and the server accepted it",
    finds: "Credentials whose response differs from the one recomputed with the secret given, answered with a 2xx. Needs a \
            secret.",
    matters: "The password given to sipauth is not the one in use, so that its other verdicts on this account say nothing either. \
              Or the server lets everybody in who sends something that looks like a digest, which is a hole.",
    advice: "Give sipauth the secret that the server has. If it is the same, send a digest with a wrong password on purpose: a \
             server that accepts it does not check.",
    not_this: "A digest that fits but for one input is digest-near-miss. Credentials for a realm that nobody on this hop checks \
               are in transit. A digest for the other party of a call is digest-leak.",
    sources: &["RFC 3261 section 22.1", "RFC 7616 section 3.4.1"],
    sample: "register-accepted-other-password",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let mut wrong = facts::presented(session)
        .filter(|(_, attempt, presented)| is_wrong_and_accepted(session, context, attempt, presented))
        .peekable();
    if wrong.peek().is_none() {
        return Vec::new();
    }
    // A proxy with an account of its own shows another one on the next hop.
    let mut by_account: BTreeMap<_, Vec<Row<'_, '_>>> = BTreeMap::new();
    for row in wrong {
        by_account.entry((row.2.username(), row.2.realm())).or_default().push(row);
    }
    let more = by_account.len().saturating_sub(OF_RULE_MAX);
    let told = by_account.into_values().take(OF_RULE_MAX);
    let mut findings: Vec<Finding> = told.filter_map(|wrong| finding(session, &wrong)).collect();
    tell_more(&mut findings, more);
    findings
}

/// What is said of one account.
fn finding(session: &Session<'_>, wrong: &[Row<'_, '_>]) -> Option<Finding> {
    let (index, attempt, presented) = wrong.first().copied()?;
    let requests: Vec<_> =
        wrong.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    let user = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("The server accepts {user} with another secret than the one given"))
        .graded(Severity::Medium, Confidence::Likely)
        .fault(Fault::Operator)
        .explained(format!(
            "The response in {} differs from the one computed with the secret from {}, and was answered {}.",
            facts::frames_text(&requests),
            facts::source(presented),
            attempt.status().unwrap_or_default(),
        ));
    finding = weigh(session, finding, presented);
    finding = credentials_facts::led_by(finding, session, (index, attempt, presented), wrong);
    finding.evidence.extend(facts::status_evidence(session, attempt));
    Some(finding)
}

/// What else became of the account's digests: a server that refuses wrong ones checks them, and one that took the secret given has
/// it, or had it.
fn weigh(session: &Session<'_>, mut finding: Finding, wrong: &Presented<'_>) -> Finding {
    let of_account =
        |presented: &Presented<'_>| presented.username() == wrong.username() && presented.realm() == wrong.realm();
    let frame_where = |fits: &dyn Fn(&Presented<'_>) -> bool| {
        let found = facts::presented(session).find(|(_, _, presented)| of_account(presented) && fits(presented));
        Some(found?.1.request()?.at.number)
    };
    let accepted = frame_where(&|presented| {
        presented.verdict() == Some(Verdict::Match) && presented.judgement == Judgement::Accepted
    });
    let refused = frame_where(&|presented| presented.is_wrong() && presented.is_refused());
    if let Some(at) = accepted {
        finding.explanation.push_str(&format!(
            " The secret given was accepted in frame {at}: the password was changed in between, or the account has two.",
        ));
        return finding.advises("Give sipauth both secrets; see whether the password was meant to be changed");
    }
    if let Some(at) = refused {
        finding.explanation.push_str(&format!(
            " The server refused another wrong digest in frame {at}, so that it does check them: the secret given here is not the \
             one in use, or no longer.",
        ));
        return finding.advises("Give sipauth the secret that client and server have now");
    }
    finding
        .explanation
        .push_str(" Either the secret given here is not the one in use, or the server does not check digests.");
    finding
        .advises(
            "Give sipauth the secret that client and server have; until then its verdicts on this account say nothing",
        )
        .advises("Where it is the right one, test the server with a wrong password: it must refuse it")
}

fn is_wrong_and_accepted(
    session: &Session<'_>,
    context: &Context<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> bool {
    if presented.verdict() != Some(Verdict::Mismatch)
        || presented.judgement != Judgement::Accepted
        || attempt.outcome != AttemptOutcome::Accepted
        || relay_facts::was_right_before(session, attempt, presented)
        // The other party of a call accepts what it likes.
        || dialog_facts::is_asked_by_beginner(session, context, attempt)
    {
        return false;
    }
    // Who sends several rows was let in by one of them. A row whose nonce nobody here issued may be another hop's.
    let others = || attempt.credentials.iter().filter(|other| !std::ptr::eq(*other, presented) && other.is_attempt);
    // A forking proxy gathers the challenges of its branches in one answer, and one branch is enough to accept (RFC 3261 §16.7).
    let is_asked_beside = |other: &Presented<'_>| {
        other.answers.zip(presented.answers).is_some_and(|(other, this)| other.attempt == this.attempt)
    };
    let is_beside_a_right_one = others().any(|other| {
        other.verdict() == Some(Verdict::Match) && (other.realm() == presented.realm() || is_asked_beside(other))
    });
    let is_in_transit = others().next().is_some() && !facts::answers_known_challenge(context, presented);
    !is_beside_a_right_one && !is_in_transit
}
