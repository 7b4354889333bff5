//! SA411: a new Call-ID for each registration.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::AttemptOutcome;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA411",
    name: "registration-callid-churn",
    label: "Call-ID churn",
    severity: Severity::Info,
    summary: "Each registration of an account comes under a new Call-ID",
    finds: "Three or more accepted registrations of one address of record from one address and port, each under a \
            Call-ID of its own.",
    matters: "A registrar tells an old REGISTER from a new one by Call-ID and CSeq. Under ever new Call-IDs the order \
            is lost, and traces of one phone fall apart.",
    advice: "Let the client keep one Call-ID for all registrations with a registrar, until it is restarted.",
    not_this: "A phone that was restarted takes a new Call-ID, once. Several phones behind one NAT have ports of their \
            own. A Call-ID that held a second registration is kept.",
    sources: &["RFC 3261 section 10.2"],
    sample: "register-callid-churn",
    check: Check::Session(check),
};

/// So many Call-IDs are a habit: a phone is not restarted that often.
const CALL_IDS_MIN: u32 = 3;

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let mut accepted = session.attempts.iter().enumerate().filter(|(_, attempt)| {
        attempt.transaction.method == Method::Register && attempt.outcome == AttemptOutcome::Accepted
    });
    let Some((index, attempt)) = accepted.next() else { return Vec::new() };
    let key = facts::account_key(session, attempt).filter(|key| context.accounts.new_call_ids(key) >= CALL_IDS_MIN);
    let Some(key) = key else { return Vec::new() };
    let user = facts::account(&session.user(), &[]);
    let mut finding = Finding::new(&RULE, format!("{user} registers under a new Call-ID each time"))
        .graded(Severity::Info, Confidence::Likely)
        .fault(Fault::Client)
        .explained(format!(
            "{CALL_IDS_MIN} registrations or more from {}, each accepted, and none has the Call-ID of the one before.",
            attempt.transaction.flow().source
        ))
        .advises("Let the client keep one Call-ID for all registrations with a registrar");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of(attempt).collect();
    vec![finding.merged_by(format!("{} {}", key.source, facts::text(&key.aor)))]
}
