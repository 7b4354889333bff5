//! SA116: a Digest challenge that cannot be answered.

use std::borrow::Cow;

use crate::auth::Challenge;
use crate::auth::DefectKind;
use crate::auth::Malformed;
use crate::auth::Scheme;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::challenge_form::ELSE_ACCOUNT;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Offered;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA116",
    name: "challenge-malformed",
    label: "malformed challenge",
    severity: Severity::High,
    summary: "A Digest challenge cannot be read or lacks what the digest needs",
    finds: "A Digest challenge whose nonce is absent or empty, whose realm is absent, whose quotes are not closed, or that cannot \
            be read at all. It is medium where a challenge beside it can be answered, or where the answer refuses credentials that are not known to be right, and low where the nonce is empty and the client \
            got in with it. And one that is written so that strict clients see no challenge in it, without commas or with semicolons between its \
            parameters or without a blank behind Digest, where nobody answered it.",
    matters: "Realm and nonce go into the digest: without them no client can answer.",
    advice: "Fix the server. If its own log shows a whole header, look for a device between that folds or cuts it.",
    not_this: "A challenge cut by the snap length is a matter of the capture. An unusual but complete challenge that is answered is not malformed.",
    sources: &["RFC 7616 section 3.3", "RFC 3261 section 20.44"],
    sample: "register-challenge-without-nonce",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    match unusable(session) {
        Some(finding) => vec![finding],
        None => unread(session, context).into_iter().collect(),
    }
}

/// A challenge that lacks what a digest needs.
fn unusable(session: &Session<'_>) -> Option<Finding> {
    let broken: Vec<(usize, _, Malformed)> = session
        .attempts
        .iter()
        .enumerate()
        .filter(|(_, attempt)| attempt.is_challenged() && attempt.answer().is_some_and(|answer| answer.has_all_headers))
        .filter_map(|(index, attempt)| {
            let reason = attempt.challenges.iter().find_map(|offered| offered.challenge.malformation())?;
            Some((index, attempt, reason))
        })
        .collect();
    // Behind credentials it is their refusal, and what is wrong with them stands first.
    let (refusing, asking): (Vec<_>, Vec<_>) =
        broken.iter().copied().partition(|(_, attempt, _)| answer_facts::refuses_doubtful(attempt));
    let (_, attempt, reason) = asking.first().or(refusing.first()).copied()?;
    // Where another challenge stands beside it, the client has something to answer.
    let has_other = broken.iter().all(|(_, attempt, _)| attempt.challenges.iter().any(is_answerable));
    let what = if has_other { "One of the challenges" } else { "The challenge" };
    let is_answered = reason == Malformed::NonceEmpty && session.attempts.iter().any(gets_in_with_empty_nonce);
    let (title, consequence) = match is_answered {
        true => (
            "is odd",
            "The client answered it all the same, and was let in: such digests can be sent again by anybody.",
        ),
        false => ("cannot be answered", "No client can compute a digest from that."),
    };
    let mut finding = Finding::new(&RULE, format!("{what} {title}: {}", describe(reason)))
        .fault(Fault::Server)
        .explained(format!(
            "{} from {}: {}. {consequence}",
            facts::count(broken.len(), "challenge"),
            attempt.transaction.flow().destination,
            describe(reason)
        ))
        .advises("Fix the challenge on the server, or find the device that changes it on the way");
    if is_answered {
        finding.severity = Severity::Low;
    } else if has_other {
        finding.explanation.push_str(" The one beside it can be answered.");
    } else if refusing.is_empty() {
        finding = finding.excludes("wrong password: there was nothing to hash it with");
    }
    if !is_answered && (has_other || asking.is_empty()) {
        finding.severity = Severity::Medium;
    }
    finding.attempt = facts::lead(session, asking.iter().chain(&refusing).map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(broken.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::challenge_evidence(attempt);
    Some(finding)
}

/// A challenge that has all it needs, and is written so that a client may not see it: one that nobody answered.
fn unread(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let slips = |attempt: &Attempt<'_>| attempt.challenges.iter().find_map(|offered| slip(&offered.challenge));
    let asked = session.attempts.iter().enumerate().filter(|(_, attempt)| attempt.is_challenged());
    let slipped: Vec<_> = asked.filter_map(|(index, attempt)| Some((index, attempt, slips(attempt)?))).collect();
    let (_, attempt, what) = slipped.first().copied()?;
    // Who answers one can read it.
    let is_answered = session.presented().any(|(_, _, presented)| presented.answers.is_some())
        || answer_facts::has_shown_realm_elsewhere(session, context, attempt);
    let has_other = attempt.challenges.iter().any(|offered| slip(&offered.challenge).is_none());
    // What did not come to the client, nobody could read.
    if is_answered || has_other || path_facts::notice_of_answer(attempt, context).is_some() {
        return None;
    }
    let (severity, confidence) = match session.is_cut_short() && slipped.len() == 1 {
        true => (Severity::Medium, Confidence::Possible),
        false => (Severity::High, Confidence::Likely),
    };
    let mut finding = Finding::new(&RULE, format!("The challenge is not written as SIP has it: {what}"))
        .graded(severity, confidence)
        .fault(Fault::Server)
        .explained(format!(
            "{} from {}: {what} (RFC 3261 section 25.1). Who reads strictly sees no challenge in that which it could answer, and none of them \
             was answered.",
            facts::count(slipped.len(), "challenge"),
            attempt.transaction.flow().destination,
        ))
        .advises("Fix the challenge on the server, or find the device that changes it on the way")
        .advises(ELSE_ACCOUNT);
    finding.attempt = facts::lead(session, slipped.iter().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(slipped.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::challenge_evidence(attempt);
    Some(finding)
}

/// What of the form of a challenge for digests keeps strict clients from seeing it as one.
fn slip(challenge: &Challenge<'_>) -> Option<&'static str> {
    let defects = challenge.defects().iter().filter(|_| challenge.scheme == Scheme::Digest);
    defects.into_iter().find_map(|defect| match defect.kind {
        DefectKind::MissingComma => Some("a comma is missing between its parameters"),
        DefectKind::SemicolonSeparator => Some("a semicolon stands between its parameters in place of a comma"),
        DefectKind::NoBlankAfterScheme => Some("no blank stands behind the word Digest"),
        _ => None,
    })
}

/// Some hash whatever they are given.
fn gets_in_with_empty_nonce(attempt: &Attempt<'_>) -> bool {
    let has_empty_nonce = |presented: &Presented<'_>| {
        let is_filled = |value: Option<Cow<'_, [u8]>>| value.map(|value| !value.is_empty());
        let Presented { credentials, .. } = presented;
        is_filled(credentials.nonce()) == Some(false) && is_filled(credentials.response()) == Some(true)
    };
    attempt.outcome == AttemptOutcome::Accepted && attempt.credentials.iter().any(has_empty_nonce)
}

fn is_answerable(offered: &Offered<'_>) -> bool {
    offered.challenge.scheme == Scheme::Digest && offered.challenge.malformation().is_none()
}

fn describe(reason: Malformed) -> &'static str {
    match reason {
        Malformed::NonceAbsent => "it has no nonce",
        Malformed::NonceEmpty => "its nonce is empty",
        Malformed::RealmAbsent => "it has no realm",
        Malformed::UnclosedQuote => "a quoted value is never closed",
        Malformed::Unreadable => "it cannot be read",
    }
}
