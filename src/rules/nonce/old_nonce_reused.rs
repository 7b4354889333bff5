//! SA304: a newer nonce was at hand, and the client went on with the old one.

use crate::base::FrameNumber;
use crate::digest::Verdict;
use crate::history::LoopStep;
use crate::history::StepKind;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA304",
    name: "old-nonce-reused",
    label: "old nonce kept",
    severity: Severity::High,
    summary: "The client keeps an old nonce although it was given a newer one",
    finds: "Credentials with a nonce although a newer one of the same realm and kind of challenge had reached that client in the \
            same Call-ID, and the answer is a refusal or stale. Or a row of REGISTERs, each under a new Call-ID and all with the same \
            nonce, although each refusal brought a newer one. A nonce whose challenge the capture lacks counts where it had been accepted.",
    matters: "The server refuses the nonce, not the password: trying again with it can never work.",
    advice: "Update the client: it caches its first challenge. Restarting it helps until the nonce expires again.",
    not_this: "Other dialogs may keep a nonce of their own. An old nonce that is accepted is legal. A request that was under \
               way when the new challenge left the server could not know it. Where the first answer to a challenge was refused too, or \
               the digest is known to be wrong, it is medium and possible: then there is more than the nonce.",
    sources: &["RFC 7616 section 3.3", "RFC 3261 section 22.1"],
    sample: "register-old-nonce-reused",
    check: Check::Deviation(check),
};

/// What a nonce that is kept from Call-ID to Call-ID explains of these.
pub const EXPLAINS: (&str, &[&str]) = (
    "old-nonce-reused",
    &[
        "stale-ignored-by-client",
        "nonce-rejected-without-stale",
        "nonce-unknown",
        "rejected-credentials",
        "digest-ok-but-rejected",
        "nc-repeated",
        "nonce-expired-by-content",
    ],
);

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let old: Vec<_> = facts::presented(session)
        .filter(|(index, _, presented)| {
            presented.is_refused() && facts::ignored_challenge(session, context, *index, presented).is_some()
        })
        .collect();
    let Some((index, attempt, presented)) = old.first().copied() else { return Vec::new() };
    let Some(newer) = facts::ignored_challenge(session, context, index, presented) else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let requests: Vec<_> =
        old.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    let mut finding = Finding::new(&RULE, format!("{user} keeps an old nonce although the server gave a newer one"))
        .fault(Fault::Client)
        .explained(format!(
            "{} used a nonce that the challenge in frame {} had replaced; {} refused.",
            capitalised(&facts::frames_text(&requests)),
            newer.answer().map(|answer| answer.at.number.to_string()).unwrap_or_default(),
            if old.len() == 1 { "it was" } else { "all were" }
        ))
        .advises("Update the client: it must answer the newest challenge and forget the nonce it cached");
    if let Some(refused) = refused_while_new(session, index, presented) {
        finding = finding.graded(Severity::Medium, Confidence::Possible);
        finding.explanation.push_str(&format!(
            " The first answer to a challenge was refused as well, in frame {refused}, and not called stale: there is more than the old nonce."
        ));
    } else if old.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Mismatch)) {
        finding = finding.graded(Severity::Medium, Confidence::Possible);
        finding.explanation.push_str(" The digest is wrong as well, and a newer nonce does not mend that.");
    }
    if old.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: every digest fits the secret given, over the old nonce");
    }
    finding.cause = Some("stale");
    finding.attempt = facts::lead(session, old.iter().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(old.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::challenge_evidence(newer);
    finding.evidence.extend(facts::credentials_evidence(attempt, presented));
    vec![finding]
}

/// Whether all credentials of a loop across Call-IDs have the same nonce, although each refusal had brought a newer one. Where the first
/// challenge of the loop brought it and its first answer was refused, there is more than the nonce.
pub fn is_kept_in(steps: &[&LoopStep]) -> bool {
    let refused: Vec<&&LoopStep> = steps.iter().filter(|step| step.is_refused()).collect();
    let Some(first) = refused.first() else { return false };
    let was_new = first.kind == StepKind::Refused
        && steps.iter().any(|step| step.offered == first.nonce && step.answered < first.time);
    refused.len() > 1
        && !was_new
        && refused.windows(2).all(|pair| matches!(pair, [one, next] if one.is_repeated_by(next)))
}

/// What is said of such a loop.
pub fn in_series(steps: &[&LoopStep], of_loop: &Finding, is_recovered: bool) -> Finding {
    let refused: Vec<&&LoopStep> = steps.iter().filter(|step| step.is_refused()).collect();
    let subject = of_loop.subject.clone();
    let user = facts::account(&subject.user, &subject.realm);
    let title =
        format!("{user} keeps an old nonce under each new Call-ID, although the server gave a newer one each time");
    let mut finding = Finding::new(&RULE, title)
        .graded(if is_recovered { Severity::Medium } else { Severity::High }, Confidence::Likely)
        .fault(Fault::Client)
        .explained(format!(
            "{} with credentials use the same nonce, each under another Call-ID, and each was refused with a newer nonce {}.",
            facts::count(refused.len(), "REGISTER"),
            match refused.iter().filter(|step| step.kind == StepKind::Stale).count() {
                0 => "and without stale=true".to_owned(),
                stale if stale == refused.len() => "and stale=true".to_owned(),
                stale => format!("({stale} of them with stale=true)"),
            }
        ))
        .advises("Update the client: it must answer the newest challenge and forget the nonce it cached");
    if refused.iter().all(|step| step.kind == StepKind::Refused) {
        finding.explanation.push_str(" Whether the password is right as well, these refusals do not say.");
        finding = finding.advises("Let the server say stale=true of a nonce that is too old: clients may take the refusal for a wrong password");
    }
    finding.cause = Some("stale");
    finding.frames.clone_from(&of_loop.frames);
    finding.subject = subject;
    finding
}

/// The answer to a request of the same realm before that one whose nonce was new, and that was refused all the same.
fn refused_while_new(session: &Session<'_>, before: usize, old: &Presented<'_>) -> Option<FrameNumber> {
    let earlier = facts::presented(session).take(SEARCHED_MAX).take_while(|(index, _, _)| *index < before);
    let mut of_realm = earlier.filter(|(_, _, presented)| presented.realm() == old.realm());
    let refused = of_realm.find(|(index, _, presented)| {
        // One that was made good later says nothing of the nonces behind it.
        !session.is_accepted_later(*index) && nonce_facts::is_refused_while_new(session, *index, presented)
    });
    refused.and_then(|(_, attempt, _)| attempt.answer()).map(|answer| answer.at.number)
}

/// A series begins with its session. Bounds the search in endless ones.
const SEARCHED_MAX: usize = 64;

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
