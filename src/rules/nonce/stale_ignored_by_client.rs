//! SA303: told that the nonce is old, the client goes silent.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::answer_facts::FollowUp;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::rules::nonce::stale_format;
use crate::session::AttemptOutcome;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA303",
    name: "stale-ignored-by-client",
    label: "stale nonce ignored",
    severity: Severity::High,
    summary: "A stale nonce was announced, and the client did not try again",
    finds: "Credentials answered with stale=true as the last word of the exchange: no further request within 32 s, while the capture \
            goes on. Where the capture ends earlier, the finding is medium and possible; where the account shows other credentials for that realm \
            within 64 s, medium and likely. Where the client goes on to repeat the request \
            behind it, the answer did not reach it, and the fault is the path's.",
    matters: "stale=true means: the digest was right, take this new nonce. A client that takes it for a refusal shows its user a \
              wrong password.",
    advice: "Update the client. A longer nonce lifetime on the server hides the fault.",
    not_this: "Further requests with the old nonce are old-nonce-reused.",
    sources: &["RFC 7616 section 3.3", "RFC 3261 section 22.1"],
    sample: "register-stale-ignored",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let last_of_each = session.exchanges.iter().filter_map(|exchange| exchange.attempts.last().copied());
    last_of_each.filter_map(|index| finding(session, context, index)).collect()
}

fn finding(session: &Session<'_>, context: &Context<'_>, index: usize) -> Option<Finding> {
    let attempt = session.attempts.get(index)?;
    if attempt.outcome != AttemptOutcome::Stale || has_followed_elsewhere(session, context, index) {
        return None;
    }
    let gap = facts::capture_after(attempt, context);
    let is_proven = gap >= facts::ANSWER_WITHIN;
    let presented = attempt.credentials.iter().find(|presented| presented.is_refused())?;
    let user = facts::account(&presented.username(), &presented.realm());
    let follow_up = answer_facts::follow_up(session, context, attempt);
    let (severity, confidence) = match is_proven {
        // A try that failed as this one did makes nothing good.
        true if matches!(follow_up, FollowUp::Doubtful(_))
            && answer_facts::has_got_in_soon(session, context, attempt) =>
        {
            (Severity::Medium, Confidence::Likely)
        }
        true if attempt.is_removal() => (Severity::Medium, Confidence::Likely),
        true if attempt.is_unheard() => (Severity::High, Confidence::Likely),
        // A strict client does not find the word.
        true if attempt.challenges.iter().any(stale_format::is_odd) => (Severity::High, Confidence::Likely),
        true => (Severity::High, Confidence::Proven),
        false => (Severity::Medium, Confidence::Possible),
    };
    let ending = if is_proven { "did not try the new one" } else { "the capture ends before it tries the new one" };
    let silence = match (is_proven, follow_up) {
        (true, FollowUp::Doubtful(doubt)) => format!(
            "The next request of the account with credentials came {} behind it, under another Call-ID.",
            facts::duration_text(doubt.behind)
        ),
        (true, _) => {
            format!("No request followed, although the capture goes on for {}.", facts::duration_text(gap))
        }
        (false, _) => format!("No request followed, but the capture ends {} after it.", facts::duration_text(gap)),
    };
    let mut finding = Finding::new(&RULE, format!("{user} was told that its nonce is stale, and {ending}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The {} in frame {} says stale=true and brings a new nonce. {silence}",
            attempt.status().unwrap_or_default(),
            attempt.answer()?.at.number
        ))
        .excludes("wrong password as the server's reason: it says stale");
    if attempt.is_unheard() {
        finding
            .explanation
            .push_str(" The client went on to repeat its request behind it: the answer did not come to it.");
        finding = finding
            .fault(Fault::Path)
            .advises("Look at the way back to the client: NAT, rport, firewall, the address in Via");
    } else {
        finding = finding
            .advises("Update the client: on stale=true it must answer the new nonce without asking the user")
            .advises("Until then, lengthen the nonce lifetime on the server beyond the client's refresh interval");
    }
    Some(challenge_facts::about(finding, session, index, attempt))
}

/// Another exchange or Call-ID may carry the next try, or the one after a client moved to another address. A client that
/// answered one stale challenge after the other ignores none: it gave up.
fn has_followed_elsewhere(session: &Session<'_>, context: &Context<'_>, index: usize) -> bool {
    let Some(attempt) = session.attempts.get(index) else { return true };
    let mut unsuccessful = session.attempts.iter().take(index).rev().take_while(|before| !before.is_let_past());
    let is_one_of_many = unsuccessful.any(|before| before.outcome == AttemptOutcome::Stale);
    let is_taken = session.attempts.iter().skip(index + 1).flat_map(|later| &later.credentials).any(|presented| {
        presented.nonce.is_some() && attempt.challenges.iter().any(|offered| offered.nonce == presented.nonce)
    });
    if is_one_of_many || is_taken {
        return true;
    }
    answer_facts::is_answered_in_call_id(session, index)
        || answer_facts::follow_up(session, context, attempt) == FollowUp::Answer
}
