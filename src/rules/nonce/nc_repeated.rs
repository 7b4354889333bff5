//! SA315: the same nonce count twice with one nonce.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA315",
    name: "nc-repeated",
    label: "nonce count repeated",
    severity: Severity::Medium,
    summary: "A nonce count was used twice with the same nonce",
    finds: "The same user, realm, nonce and nonce count in two transactions, with no challenge in between that delivered the nonce \
            anew. It is high where the repeat was refused although the digest is right, and info where it was accepted. A 403 refuses it \
            where the first use was let past. A count that the same client used last in another Call-ID is found where the repeat \
            was refused.",
    matters: "The count exists so that servers can tell replays: one that counts refuses the repeat, often with stale=true. Some \
              clients print 00000001 for ever.",
    advice: "Fix the client: each new request with a nonce counts one up, in eight hex digits.",
    not_this: "Retransmissions, the ACK of an INVITE, the same message on another hop or sent to another server, and a realm that is repeated beside a newly \
               added one share their count. Kamailio delivers one nonce to everybody within a second: a new challenge starts a new \
               count.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-nonce-count-repeated",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let repeated: Vec<_> = facts::presented(session)
        .filter_map(|(index, attempt, presented)| {
            Some((index, attempt, presented, facts::same_nonce_count(session, index, presented)?))
        })
        .collect();
    let Some((_, attempt, presented, earlier)) = repeated.first().copied() else {
        return across_calls(session, context).into_iter().collect();
    };
    let user = facts::account(&presented.username(), &presented.realm());
    // Some servers take a repeat for fraud, and forbid what they allowed before.
    let is_turned_down = |presented: &Presented<'_>, earlier: &Attempt<'_>| {
        presented.is_refused() || presented.judgement == Judgement::Forbidden && earlier.is_let_past()
    };
    let is_refused = repeated.iter().any(|(_, _, p, earlier)| is_turned_down(p, earlier));
    let is_right =
        repeated.iter().any(|(_, _, p, earlier)| p.verdict() == Some(Verdict::Match) && is_turned_down(p, earlier));
    let is_stale = repeated.iter().any(|(_, _, p, _)| p.judgement == Judgement::Stale);
    let (severity, confidence) = if is_right || is_stale {
        (Severity::High, Confidence::Likely)
    } else if is_refused {
        (Severity::Medium, Confidence::Possible)
    } else {
        (Severity::Info, Confidence::Proven)
    };
    let mut finding = Finding::new(&RULE, format!("{user} used a nonce count twice with the same nonce"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The credentials in frame {} repeat nonce and nc={} of frame {}; {}.",
            attempt.request().map(|request| request.at.number.to_string()).unwrap_or_default(),
            presented.credentials.nonce_count().map(|count| facts::text(count.raw)).unwrap_or_default(),
            earlier.request().map(|request| request.at.number.to_string()).unwrap_or_default(),
            if is_refused { "the server refused the repeat" } else { "the server did not mind" }
        ))
        .excludes("retransmission: CSeq and branch are new")
        .advises("Let the client count one up for each new request with the same nonce, in eight hex digits");
    if is_right {
        finding = finding.excludes("wrong password: the digest fits the secret given");
    }
    finding.attempt = facts::lead(session, repeated.iter().map(|(index, _, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(repeated.iter().flat_map(|(_, attempt, _, earlier)| [*earlier, *attempt]));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}

/// A count that another Call-ID of the user used before, where the server turned the repeat down: where it did not, it may keep a
/// count for each dialog.
fn across_calls(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let (index, attempt, presented) = facts::presented(session).find(|(_, attempt, presented)| {
        (presented.is_refused() || presented.judgement == Judgement::Forbidden)
            && !presented.is_wrong()
            && nonce_facts::repeats_count_of_other_call(session, context, attempt, presented)
    })?;
    let user = facts::account(&presented.username(), &presented.realm());
    let is_right = presented.verdict() == Some(Verdict::Match);
    // A 403 may be about permission as well.
    let is_of_nonce = presented.is_refused() && (is_right || presented.judgement == Judgement::Stale);
    let (severity, confidence) = match is_of_nonce {
        true => (Severity::High, Confidence::Likely),
        false => (Severity::Medium, Confidence::Possible),
    };
    let mut finding = Finding::new(&RULE, format!("{user} used a nonce count twice with the same nonce, in two Call-IDs"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The credentials in frame {} repeat the nonce and the nc={} of another Call-ID; the server refused the repeat. The count \
             belongs to the nonce, not to the call.",
            attempt.request()?.at.number,
            presented.credentials.nonce_count().map(|count| facts::text(count.raw)).unwrap_or_default(),
        ))
        .advises("Let the client count one up for each new request with the same nonce, whatever the request is for");
    if is_right {
        finding = finding.excludes("wrong password: the digest fits the secret given");
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([attempt]);
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    Some(finding)
}
