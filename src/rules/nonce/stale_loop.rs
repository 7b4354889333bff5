//! SA302: every new nonce is stale already.

use std::time::Duration;

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::rules::streaks;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA302",
    name: "stale-loop",
    label: "stale-nonce loop",
    severity: Severity::High,
    summary: "Every answer uses the newest nonce, and every one is called stale",
    finds: "Two or more attempts in a row, each with the newest nonce, each answered stale=true, and none accepted. It is possible, and \
            nobody's fault, where the challenges that brought the nonces are not in the capture.",
    matters: "The client does what it is told. The nonce's life is shorter than the retry takes, the server's nodes do not share \
              the nonce secret, its clock is off, or its nonces work once only. OpenSIPS also says stale for an algorithm or qop it \
              did not offer. PJSIP gives up after three.",
    advice: "Lengthen the nonce lifetime. In a cluster, share the nonce secret or keep a client on one node. Check the clock.",
    not_this: "A client that goes on with the old nonce is old-nonce-reused.",
    sources: &["RFC 7616 section 3.3", "RFC 2617 section 3.2.1"],
    sample: "invite-stale-loop",
    check: Check::Trouble(check),
};

/// Stale answers in a row that make a loop.
const STALE_MIN: usize = 2;

/// Challenge to answer within this time is answered at once: no lifetime is that short.
const AT_ONCE: Duration = Duration::from_millis(500);

/// The cause of a loop whose nonces do not show why they are stale.
pub const CAUSE_UNKNOWN: &str = "stale";

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for exchange in &session.exchanges {
        for streak in streaks::of(session, &exchange.attempts) {
            findings.extend(in_streak(session, context, &streak));
        }
    }
    findings
}

fn in_streak(session: &Session<'_>, context: &Context<'_>, streak: &[(usize, &Attempt<'_>)]) -> Option<Finding> {
    if streak.last().is_some_and(|(_, last)| last.is_let_past()) {
        return None;
    }
    let row = longest_stale(streak);
    let stale: Vec<(usize, &Attempt<'_>, &Presented<'_>)> = row
        .iter()
        .flat_map(|(index, attempt)| attempt.credentials.iter().map(|presented| (*index, *attempt, presented)))
        .filter(|(_, _, presented)| presented.judgement == Judgement::Stale)
        .collect();
    let takes_new_nonces =
        stale.iter().all(|(index, _, presented)| facts::newer_challenge(session, *index, presented).is_none());
    let (index, attempt, presented) = stale.first().copied()?;
    if stale.len() < STALE_MIN || !takes_new_nonces {
        return None;
    }
    let user = facts::account(&presented.username(), &presented.realm());
    let waits: Vec<_> =
        stale.iter().filter_map(|(_, attempt, presented)| nonce_facts::wait(session, attempt, presented)).collect();
    let waited = waited(&waits);
    let is_same_nonce = presented.nonce.is_some() && stale.iter().all(|(_, _, other)| other.nonce == presented.nonce);
    let (title, brings) = match is_same_nonce {
        true => (
            format!("Every answer of {user} is called stale, for a nonce that the server gives again"),
            ", with that very nonce",
        ),
        false => (format!("Every new nonce that {user} answers is called stale"), ""),
    };
    let mut finding = Finding::new(&RULE, format!("{title}: {} in a row", stale.len()))
        .fault(Fault::Server)
        .explained(format!(
            "Each of the {} answers used the newest nonce, and each was answered {} stale=true{brings}.{waited}",
            stale.len(),
            attempt.status().unwrap_or_default()
        ))
        .excludes("client that keeps an old nonce: each answer used the newest one");
    if stale.iter().filter(|(_, _, presented)| is_issued(context, presented)).count() < STALE_MIN {
        finding = weakened(finding, &stale, &user);
    }
    finding.remedy = match is_same_nonce {
        true => {
            vec!["Let the server make a new nonce where it calls one stale: it gives the one that it refuses".into()]
        }
        false => OTHER_NONCES.map(Into::into).to_vec(),
    };
    if stale.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: every digest fits the secret given");
    } else if stale.iter().any(|(_, _, presented)| presented.is_wrong()) {
        finding.explanation.push_str(
            " The digests do not fit the secret given either: this server looks at the nonce before the digest, and will refuse \
             them once the nonce is taken.",
        );
    } else {
        finding = finding.excludes("wrong password as the server's reason: it says stale, which it says of right digests (RFC 2617 section 3.2.1)");
    }
    finding = match is_same_nonce {
        true => Finding { cause: Some(CAUSE_UNKNOWN), ..finding },
        false => told_by_nonces(session, context, finding, &stale),
    };
    if finding.cause != Some("expired") && waits.iter().max().is_some_and(|most| *most <= AT_ONCE) {
        finding.remedy.rotate_left(1);
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(streak.iter().map(|(_, attempt)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(attempt));
    Some(finding)
}

/// Whether the challenge that brought the nonce of these credentials is in the capture.
fn is_issued(context: &Context<'_>, presented: &Presented<'_>) -> bool {
    let nonce = presented.nonce.and_then(|id| context.nonces.get(id));
    presented.answers.is_some() || nonce.is_some_and(|nonce| nonce.issued().is_some())
}

/// What can be said where the challenges that brought the nonces are not in the capture: nobody can tell whether they were new.
fn weakened(mut finding: Finding, stale: &[(usize, &Attempt<'_>, &Presented<'_>)], user: &str) -> Finding {
    finding.title = format!("{} answers of {user} in a row are called stale", stale.len());
    finding.explanation = format!(
        "Each of the {} answers was answered stale=true. The challenges that brought their nonces are not in the capture: whether \
         the client used the newest one cannot be seen.",
        stale.len()
    );
    finding.excluded.clear();
    finding.graded(Severity::High, Confidence::Possible).fault(Fault::Unknown)
}

/// How long the client took to answer.
fn waited(waits: &[Duration]) -> String {
    let (Some(least), Some(most)) = (waits.iter().min(), waits.iter().max()) else { return String::new() };
    let (least, most) = (facts::duration_text(*least), facts::duration_text(*most));
    let range = if least == most { least } else { format!("{least} to {most}") };
    format!(" From challenge to answer the client took {range}.")
}

/// What to do where each nonce is another one.
const OTHER_NONCES: [&str; 2] = [
    "Lengthen the nonce lifetime beyond the time that the client takes",
    "See whether challenge and answer reach the same node, or nodes that share the nonce secret, and whether clocks agree",
];

/// The attempts of the longest row of stale answers.
fn longest_stale<'s, 'run>(streak: &'s [(usize, &'s Attempt<'run>)]) -> &'s [(usize, &'s Attempt<'run>)] {
    let rows = streak.split(|(_, attempt)| attempt.outcome != AttemptOutcome::Stale);
    rows.max_by_key(|row| row.len()).unwrap_or_default()
}

/// What the nonces themselves say of the cause.
fn told_by_nonces(
    session: &Session<'_>,
    context: &Context<'_>,
    mut finding: Finding,
    stale: &[Row<'_, '_>],
) -> Finding {
    let over = |(_, attempt, presented): &Row<'_, '_>| nonce_facts::expired(context, attempt, presented);
    if let Some((cause, fault)) = nonce_facts::loop_cause(session, context, stale) {
        finding.cause = Some(cause.name());
        return finding.fault(fault);
    }
    let expired: Vec<_> = stale.iter().filter_map(over).collect();
    let Some((format, _)) = expired.first().filter(|_| expired.len() == stale.len()) else {
        finding.cause = Some(CAUSE_UNKNOWN);
        return finding;
    };
    finding.cause = Some("expired");
    let life =
        format.life().map(|life| format!(" They are good for {}.", facts::duration_text(life))).unwrap_or_default();
    finding
        .explanation
        .push_str(&format!(" Each nonce had ended before it was used, {}.{life}", nonce_facts::INFERRED));
    // Where each was too old for every node, nodes and clocks need no second look.
    finding.remedy.truncate(1);
    // A machine answers at once: who takes longer is late, however short the life.
    let waits = stale.iter().filter_map(|(_, attempt, presented)| nonce_facts::wait(session, attempt, presented));
    if waits.min().is_some_and(|wait| wait > nonce_facts::ANSWER_PROMPTLY) {
        finding.fault = Fault::Client;
        finding.remedy.insert(0, "Find what the client waits for before it answers a challenge".into());
    }
    finding.excludes("nodes that do not share their nonces: each nonce was too old for all of them")
}
