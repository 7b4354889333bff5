//! SA315: the same nonce count twice with one nonce.

use std::time::Duration;

use crate::digest::Verdict;
use crate::history::nonce::Issue;
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
use crate::rules::recovery::may_have_recovered;
use crate::rules::server_words;
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
            was refused. So is one that answers a nonce which the server delivered anew after it had accepted the count.",
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
        return across_calls(session, context).or_else(|| delivered_anew(session, context)).into_iter().collect();
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
            match is_refused {
                true => "the server refused the repeat",
                false => nonce_facts::not_refused(repeated.iter().map(|(_, _, presented, _)| *presented)),
            }
        ))
        .excludes("retransmission: CSeq and branch are new")
        .advises("Let the client count one up for each new request with the same nonce, in eight hex digits");
    if is_right {
        finding = finding.excludes("wrong password: the digest fits the secret given");
    }
    finding.attempt = facts::lead(session, repeated.iter().map(|(index, _, _, _)| *index));
    if finding.attempt.is_some_and(|lead| may_have_recovered(session, lead)) {
        finding.severity = finding.severity.min(Severity::Medium);
    }
    if is_refused {
        let refused = repeated.iter().filter(|(_, _, p, earlier)| is_turned_down(p, earlier));
        finding = weigh_age(finding, context, refused.map(|(_, attempt, presented, _)| (*attempt, *presented)));
    }
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(repeated.iter().flat_map(|(_, attempt, _, earlier)| [*earlier, *attempt]));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}

/// A nonce that had ended by what it says itself is refused with any count.
fn weigh_age<'a>(
    mut finding: Finding,
    context: &Context<'_>,
    refused: impl Iterator<Item = (&'a Attempt<'a>, &'a Presented<'a>)>,
) -> Finding {
    let over: Option<Vec<Duration>> =
        refused.map(|(attempt, presented)| Some(nonce_facts::expired(context, attempt, presented)?.1)).collect();
    let Some(over) = over.and_then(|over| over.into_iter().next()) else { return finding };
    finding.severity = finding.severity.min(Severity::Medium);
    finding.confidence = Confidence::Possible;
    finding.explanation.push_str(&format!(
        " The nonce had ended {} before, {}: its age alone may be why it was refused.",
        facts::duration_text(over),
        nonce_facts::INFERRED
    ));
    finding.advises("Compare the life of nonces on the server with the time between the client's requests")
}

/// A count that the server had accepted and turned down when the client answered the same nonce with it again.
fn delivered_anew(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let (row, issue) = facts::presented(session)
        .filter(|(_, _, presented)| presented.is_refused() || presented.judgement == Judgement::Forbidden)
        .find_map(|row| Some((row, repeats_count_anew(session, context, row)?)))?;
    let (index, attempt, presented) = row;
    let (asking, _) = session.challenge(presented.answers?)?;
    let user = facts::account(&presented.username(), &presented.realm());
    let is_right = presented.verdict() == Some(Verdict::Match);
    let says_so = attempt.answer().is_some_and(|answer| server_words::name(session, answer, "replay"));
    let (severity, confidence) = match (says_so, is_right) {
        (true, _) => (Severity::High, Confidence::Likely),
        (_, true) if presented.is_refused() => (Severity::High, Confidence::Likely),
        (_, true) => (Severity::High, Confidence::Possible),
        _ => (Severity::Medium, Confidence::Possible),
    };
    let count = presented.credentials.nonce_count().map(|count| facts::text(count.raw)).unwrap_or_default();
    let server = attempt.transaction.flow().destination.address;
    let mut finding = Finding::new(&RULE, format!("{user} used a nonce count twice with the same nonce"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The challenge in frame {} brings the nonce of frame {} again, and the credentials in frame {} answer it with nc={count} once \
             more, which {server} had accepted before: now it refuses. A count belongs to its nonce (RFC 7616 section 3.4), and a server \
             that keeps its nonces takes the repeat for a replay.",
            asking.answer()?.at.number,
            issue.at.number,
            attempt.request()?.at.number,
        ))
        .advises("Let the client go on counting where a challenge brings a nonce that it has used before")
        .advises(format!("Or let {server} make a new nonce for each challenge: few clients look whether they know it"));
    if is_right {
        finding = finding.excludes("wrong password: the digest fits the secret given");
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([asking, attempt]);
    finding.evidence = facts::challenge_evidence(asking);
    finding.evidence.extend(facts::credentials_evidence(attempt, presented));
    Some(finding)
}

/// Some servers make one nonce for all challenges of a moment, and count nothing: what they refuse then, they refuse for something else.
const MOMENT: Duration = Duration::from_secs(2);

/// The first challenge with a nonce that was delivered again, where the client answers it again with a count that the server accepted.
pub fn repeats_count_anew(session: &Session<'_>, context: &Context<'_>, row: Row<'_, '_>) -> Option<Issue> {
    let (index, attempt, presented) = row;
    let id = presented.nonce.filter(|_| !presented.is_wrong())?;
    let count = presented.nonce_count?;
    let nonce = context.nonces.get(id)?;
    let issue = nonce.issued()?;
    let (asking, _) = session.challenge(presented.answers.filter(|at| at.is_same_realm)?)?;
    let is_own = issue.flow.source.address == attempt.transaction.flow().destination.address
        && issue.flow.destination.address == attempt.transaction.flow().source.address
        && [session.from_user(), &*presented.username()].iter().any(|user| context.nonces.user(user) == issue.user);
    let is_anew = asking.answer()?.time.since(issue.time) > MOMENT;
    // Where a count was accepted twice, the server keeps none.
    let is_kept = (1..=nonce.highest_count()).contains(&nonce.accepted);
    let lookup = session.lookup();
    let is_first = lookup.counted(id, Some(count)).first() == Some(&index);
    let was_accepted = match lookup.let_past_first(id) {
        Some(_) => !is_first && nonce_facts::was_let_past(session, index, presented),
        // All of them elsewhere, and no count is below the first.
        None => is_first && count == 1 && u64::from(nonce.uses) > lookup.uses(id),
    };
    (is_own && is_anew && is_kept && was_accepted).then_some(issue)
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
    // A 403 may be about permission as well, and a server that let the count past twice keeps none.
    let is_of_nonce = presented.is_refused() && (is_right || presented.judgement == Judgement::Stale);
    let nonce = presented.nonce.and_then(|id| context.nonces.get(id));
    let was_let_past = nonce.is_some_and(|nonce| (1..=nonce.highest_count()).contains(&nonce.accepted));
    let is_suspect = presented.judgement == Judgement::Forbidden && is_right && was_let_past;
    let (severity, confidence) = match is_of_nonce {
        true => (Severity::High, Confidence::Likely),
        false if is_suspect => (Severity::High, Confidence::Possible),
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
    if is_suspect {
        finding.explanation.push_str(
            " The server had let the same account past with that nonce before. What is asked for here may be forbidden as well: a new count would show that.",
        );
    }
    if is_right {
        finding = finding.excludes("wrong password: the digest fits the secret given");
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([attempt]);
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    Some(finding)
}
