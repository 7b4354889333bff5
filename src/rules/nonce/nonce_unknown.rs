//! SA308: a nonce that nobody in this capture has issued is refused.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::rules::recovery;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA308",
    name: "nonce-unknown",
    label: "unknown nonce",
    severity: Severity::Medium,
    summary: "A nonce that no challenge of the capture brought is refused",
    finds: "Credentials whose nonce stands in no challenge of the capture, refused. It is info where a later try \
            was let past, and high where the client sends it again although it was given a new one, and the \
            refusal is known to be about the nonce.",
    matters: "The client keeps a nonce from before, from another node, or from its cache. Until it takes a new \
            one, nothing that it signs is accepted; a client that stops here shows a wrong password.",
    advice: "Let the client answer the new challenge. Where many clients show this at once, see whether the \
            server was restarted, or whether another node answers than the one that challenged.",
    not_this: "Accepted, such a nonce is legal: nonces live long, and captures start late. A nonce that a 2xx \
            announced as nextnonce is known. A nonce under a wrong realm is realm-mismatch.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3", "RFC 7616 section 3.3"],
    sample: "register-nonce-unknown",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let unknown: Vec<_> = facts::presented(session)
        .filter(|(index, attempt, presented)| is_unknown(session, context, *index, attempt, presented))
        .collect();
    let Some((index, attempt, presented)) = unknown.first().copied() else { return Vec::new() };
    let is_kept = unknown.iter().filter(|(_, _, other)| other.nonce == presented.nonce).count() > 1;
    let last = unknown.last().map_or(index, |(last, _, _)| *last);
    let is_recovered = session.is_accepted_later(last) || recovery::has_recovered_anywhere(session, last);
    let is_the_nonce = unknown.iter().any(|(_, _, presented)| nonce_facts::is_about_the_nonce(presented));
    // Of thousands of nonces those are forgotten that nobody seems to use any more.
    let may_be_forgotten = context.nonces.forgotten() > 0;
    let (severity, confidence) = if may_be_forgotten && !is_kept {
        (Severity::Info, Confidence::Possible)
    } else if is_recovered {
        (Severity::Info, Confidence::Likely)
    } else if is_kept && is_the_nonce {
        (Severity::High, Confidence::Likely)
    } else if is_the_nonce {
        (Severity::Medium, Confidence::Likely)
    } else {
        (Severity::Medium, Confidence::Possible)
    };
    let user = facts::account(&presented.username(), &presented.realm());
    let title = match is_kept {
        true if may_be_forgotten => format!("{user} keeps a nonce from long before, and the server does not take it"),
        false if may_be_forgotten => format!("{user} used a nonce from long before, and was refused"),
        true => format!("{user} keeps a nonce from before the capture, and the server does not take it"),
        false => format!("{user} used a nonce that nobody in this capture has issued, and was refused"),
    };
    let requests: Vec<_> =
        unknown.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    let mut finding = Finding::new(&RULE, title)
        .graded(severity, confidence)
        .fault(if is_kept { Fault::Client } else { Fault::Unknown })
        .explained(format!(
            "{} brings the nonce of {}; the server answered {} with a new one.{}",
            match may_be_forgotten {
                true => "No challenge of late, of those that are remembered,",
                false => "No challenge of this capture",
            },
            facts::frames_text(&requests),
            attempt.status().unwrap_or_default(),
            age_text(context, attempt, presented),
        ))
        .advises("Let the client answer the newest challenge and forget the nonce that it had kept")
        .advises("Where many clients show this at once, look for a restart of the server, or for nodes that do not share their nonces");
    if !may_be_forgotten {
        finding = finding.excludes("a challenge of another realm: the nonce stands in no challenge at all");
    }
    if is_recovered {
        finding.explanation.push_str(" A later try was let past: all that it cost is a round trip.");
    }
    if presented.verdict() == Some(Verdict::Match) {
        finding = finding.excludes("wrong password: the digest fits the secret given, over the unknown nonce");
    } else if !is_the_nonce && !is_recovered {
        finding.explanation.push_str(" Without the password, a wrong one cannot be told from a nonce that is too old.");
    }
    finding.cause = is_kept.then_some("stale");
    finding = credentials_facts::led_by(finding, session, (index, attempt, presented), &unknown);
    finding.evidence.extend(facts::challenge_evidence(attempt));
    vec![finding]
}

fn is_unknown(
    session: &Session<'_>,
    context: &Context<'_>,
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> bool {
    if !presented.is_refused() || presented.answers.is_some() || nonce_facts::is_wrong(presented) {
        return false;
    }
    // What was let past is as good as known.
    let known = presented.nonce.and_then(|id| context.nonces.get(id));
    known.is_some_and(|nonce| nonce.issued().is_none() && nonce.accepted == 0)
        && attempt.is_own_hop()
        && attempt.offers_realm(&presented.realm())
        && facts::mismatched_challenge(session, index, presented).is_none()
}

fn age_text(context: &Context<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> String {
    let Some(age) = nonce_facts::age(context, attempt, presented) else { return String::new() };
    match (age.over, age.at_use) {
        (Some(over), _) => format!(" It had ended {} before, {}.", facts::duration_text(over), nonce_facts::INFERRED),
        (None, Some(old)) => format!(" It was {} old, {}.", facts::duration_text(old), nonce_facts::INFERRED),
        _ => String::new(),
    }
}
