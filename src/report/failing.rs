//! Why a session counts as a failure of its client, and when it does not.

use crate::report::client::is_let_past;
use crate::report::client::is_ping;
use crate::rules::Confidence;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::configuration::registrar_rejects_contact;
use crate::rules::facts;
use crate::rules::path::no_response_at_all;
use crate::rules::precedence;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Session;
use crate::session::SessionOutcome;
use crate::session::judge::RETRANSMISSIONS_OF_PATIENCE;
use crate::sip::Method;

/// Whether nobody seems to have answered because one direction alone was captured.
pub fn is_unheard(session: &Session<'_>) -> bool {
    let last = session.attempts.last().map_or(0, |last| last.transaction.retransmissions());
    let challenged = session.attempts.iter().filter(|attempt| attempt.is_challenged()).count();
    session.is_one_way
        && match session.outcome {
            // Who has an answer does not repeat the request.
            SessionOutcome::NoAnswer => last < RETRANSMISSIONS_OF_PATIENCE,
            // One challenge begins most sessions that end well.
            SessionOutcome::UnansweredChallenge => challenged < 2,
            _ => false,
        }
}

/// Whether the last request may well have been answered, and the capture lacks that: over UDP it is repeated until it is (RFC 3261
/// §17.1.1.2, §17.1.2.2). Nor does the first line say more than the findings do.
pub fn is_silence_doubtful(session: &Session<'_>, findings: &[Finding]) -> bool {
    let last = session.own_attempts().rev().find(|attempt| attempt.outcome == AttemptOutcome::NoAnswer);
    let told = findings.iter().filter(|finding| {
        finding.severity >= Severity::Medium && finding.explained_by.is_none() && precedence::speaks_of_silence(finding)
    });
    let is_sure = |finding: &Finding| finding.severity >= Severity::High || finding.confidence >= Confidence::Likely;
    session.outcome == SessionOutcome::NoAnswer
        && last
            .is_some_and(|last| last.has_unseen_answer() || (last.has_credentials() && told.clone().next().is_some()))
        && !told.clone().any(is_sure)
}

/// How a failed session ended, where authentication or the request itself was refused. How a call ends with the called party
/// is not the caller's failure to authenticate.
pub fn failure(session: &Session<'_>, findings: &[Finding]) -> Option<String> {
    let method = session.method()?;
    let status = session.final_status();
    let last = session.attempts.iter().rev().find(|attempt| attempt.transaction.method == *method);
    let is_own = match method {
        Method::Register => true,
        Method::Invite => {
            let is_of_server = last.is_none_or(|last| last.transaction.provisional_at().is_none());
            let is_turned_down = || {
                let told = findings.iter().filter(|finding| finding.severity >= Severity::Medium);
                told.into_iter().any(|finding| finding.rule.is(&registrar_rejects_contact::RULE))
            };
            is_of_server && (matches!(status, Some(400 | 420 | 421 | 481 | 482 | 494)) || is_turned_down())
        }
        // What is asked of whom is another matter than who asks.
        _ => last.is_none_or(|last| match last.has_credentials() {
            true => !is_let_past(last),
            false => status == Some(403),
        }),
    };
    if session.outcome == SessionOutcome::Failed && !is_own {
        return None;
    }
    // Nobody answers a challenge of a call that was called off.
    if session.outcome == SessionOutcome::UnansweredChallenge
        && last.is_some_and(|last| facts::is_cancelled(session, last))
    {
        return None;
    }
    // Who does not answer its own server, or within a call that had begun, keeps nobody out.
    let is_called = || findings.iter().any(|finding| finding.cause == Some(no_response_at_all::CALLED));
    let is_behind_login = || last.is_some_and(|last| last.is_in_dialog() && !last.has_credentials());
    if session.outcome == SessionOutcome::NoAnswer && (is_called() || is_behind_login()) {
        return None;
    }
    // What was to end expires by itself: what counts is whether it had begun.
    if last.is_some_and(Attempt::is_removal) && session.outcome != SessionOutcome::Forbidden {
        let mut before =
            session.attempts.iter().rev().filter(|one| one.transaction.method == *method && !one.is_removal());
        let has_failed = |one: &Attempt<'_>| {
            matches!(one.outcome, AttemptOutcome::Failed | AttemptOutcome::Forbidden | AttemptOutcome::Refused)
        };
        before.next().filter(|before| has_failed(before))?;
    }
    if is_ping(session) && session.outcome == SessionOutcome::UnansweredChallenge {
        return None;
    }
    // Where nobody misses the answer to a challenge, it was given elsewhere, or in what the capture lacks.
    let is_missed = findings.iter().any(|finding| finding.attempt.is_some());
    if session.outcome == SessionOutcome::UnansweredChallenge && !is_missed {
        return None;
    }
    Some(reason(method, status, findings))
}

/// Why the credentials were refused with which a client wanted to end what the capture does not show to have begun.
pub fn removal_refused(session: &Session<'_>, findings: &[Finding]) -> Option<String> {
    let method = session.method()?;
    let mut own = session.attempts.iter().filter(|one| one.transaction.method == *method);
    let is_alone = own.all(|one| one.is_removal() || one.outcome == AttemptOutcome::Challenged);
    let is_refused = session.outcome == SessionOutcome::Refused && !session.is_one_way;
    (is_refused && is_alone).then(|| reason(method, session.final_status(), findings))
}

/// The worst that is known of a session that failed.
fn reason(method: &Method, status: Option<u16>, findings: &[Finding]) -> String {
    let mut causes =
        findings.iter().filter(|finding| finding.severity >= Severity::Medium && finding.attempt.is_some());
    let worst = causes.clone().find(|finding| !finding.is_over).or_else(|| causes.next());
    // It stands in the first line of strict reports as well, and another method may be any text of the capture.
    let named = match method {
        Method::Other(_) => "unknown method".to_owned(),
        known => known.to_string(),
    };
    match (worst, status) {
        (Some(finding), _) => finding.rule.label.to_owned(),
        (None, Some(status)) => format!("{named} ended {status}"),
        (None, None) => format!("{named} not answered"),
    }
}
