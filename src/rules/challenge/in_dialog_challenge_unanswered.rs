//! SA111: challenged within a dialog, and not answered.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::challenge_facts::Unanswered;
use crate::rules::dialog_facts;
use crate::rules::dialog_facts::Beginner;
use crate::rules::facts;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA111",
    name: "in-dialog-challenge-unanswered",
    label: "challenge within a dialog never answered",
    severity: Severity::High,
    summary: "A request within a call or subscription was challenged, and that was the last of it",
    finds: "A BYE, re-INVITE, UPDATE, REFER, INFO, NOTIFY or other request with a To tag that is challenged, and neither sent again \
            with credentials nor accepted. Where the capture ends early it is medium and possible; so it is where it does not show who \
            began the dialog, and the client is not seen to have an account there. It is likely where the server took the first request \
            without credentials.",
    matters: "A BYE that is not answered leaves the call up at the other side, where it is billed until a timer ends it. Session \
              refreshes and transfers fail in the same way. Many clients have no credentials at hand within a dialog, and many B2BUAs \
              drop them there.",
    advice: "Do not challenge requests within a dialog that the server let in (Kamailio, OpenSIPS: loose_route before the challenge), \
             or let the client send the credentials of the INVITE along.",
    not_this: "A first request whose retry carries the To tag of the challenge belongs to no dialog. Asked by the one who called, a \
               client is right not to answer, unless it has an account there: that is how digests are stolen, and here it is medium. An OPTIONS within a dialog \
               is a ping and info.",
    sources: &["RFC 3261 section 12.2", "RFC 3261 section 22.3", "RFC 3261 section 15"],
    sample: "bye-challenged-unanswered",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    if !session.attempts.iter().any(|attempt| attempt.is_challenged() && attempt.is_in_dialog()) {
        return Vec::new();
    }
    let unanswered = challenge_facts::unanswered(session, context);
    unanswered.into_iter().filter_map(|unanswered| finding(session, context, &unanswered)).collect()
}

fn finding(session: &Session<'_>, context: &Context<'_>, unanswered: &Unanswered) -> Option<Finding> {
    let attempt = session.attempts.get(unanswered.index)?;
    // A challenge that did not come to the client, or too late, is told by challenge-unanswered.
    let is_unheard = attempt.is_unheard() || attempt.is_answered_too_late() || unanswered.notice.is_some();
    if is_unheard || !challenge_facts::is_in_dialog(session, attempt) {
        return None;
    }
    let answer = attempt.answer()?;
    let method = &attempt.transaction.method;
    let who = challenge_facts::who(session, attempt);
    let (mut severity, mut confidence) = (unanswered.severity, unanswered.confidence);
    if *method == Method::Options {
        (severity, confidence) = (Severity::Info, Confidence::Likely);
    }
    // The client has an account there, and yet did not begin the dialog.
    if dialog_facts::beginner(session, attempt) == Some(Beginner::Server) {
        confidence = confidence.min(Confidence::Likely);
    }
    let right = dialog_facts::right_to_be_silent(session, context, attempt);
    let has_none = dialog_facts::was_let_in_without(session, context, attempt);
    let consequence = match method {
        Method::Bye => "The other side may not know that the call is over, and hold it until a timer ends it.",
        Method::Invite | Method::Update => "What should change in the session, or keep it alive, does not.",
        Method::Refer => "The transfer does not happen.",
        _ => "What it should tell or change within the dialog is lost.",
    };
    let mut finding = Finding::new(&RULE, format!("{method} within the dialog was challenged, and {who} never answered"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The {} to the {method} in frame {} asks for credentials within a dialog, and no {method} with credentials follows. {consequence}",
            answer.status, answer.at.number
        ))
        .advises(match has_none {
            true => "Let the server not challenge within a dialog that it let in without credentials",
            false => "Let the server not challenge within a dialog that it let in, or the client answer with the credentials of the first request",
        });
    if unanswered.is_lost {
        let (what, fault) = challenge_facts::lost(attempt, context);
        finding = finding.fault(fault);
        finding.explanation.push_str(&format!(" {what}: the answer may have been among them."));
    } else if unanswered.gap < facts::ANSWER_WITHIN {
        finding
            .explanation
            .push_str(&format!(" The capture ends {} after the challenge.", facts::duration_text(unanswered.gap)));
    }
    if has_none {
        finding.fault = Fault::Unknown;
        finding
            .explanation
            .push_str(" The server took the first request without credentials: the client may have none.");
    }
    if dialog_facts::was_let_in_unseen(session, attempt) {
        (finding.fault, finding.confidence) = (Fault::Unknown, finding.confidence.min(Confidence::Likely));
    }
    if right.is_empty() {
        finding = finding.excludes("wrong password: no digest was sent for this request");
    } else {
        finding.fault = Fault::Unknown;
        finding.explanation.push_str(right);
    }
    Some(challenge_facts::about(finding, session, unanswered.index, attempt))
}
