//! SA110: an ACK or a CANCEL that is asked for credentials.

use std::time::Duration;

use crate::base::FrameRef;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::session::Attempt;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA110",
    name: "ack-or-cancel-challenged",
    label: "ACK or CANCEL challenged",
    severity: Severity::High,
    summary: "A server challenges ACK or CANCEL",
    finds: "A 401 or 407 whose CSeq names ACK or CANCEL. It is medium where the call ended as it should all the same: the INVITE was \
            accepted, cancelled, or refused for another reason; not where the server goes on to repeat its answer behind the ACK, nor where \
            the INVITE is accepted behind the CANCEL.",
    matters: "Nobody can answer: neither may be sent again with a higher CSeq. A challenged CANCEL cancels nothing, and the phone \
              at the other end rings on; a challenged ACK leaves the call unconfirmed, and it is torn down after 32 s.",
    advice: "Let the server take ACK and CANCEL on the INVITE's word: its authentication must skip both methods (Kamailio and \
             OpenSIPS: test the method before the challenge).",
    not_this: "A CANCEL answered 481 came too late or under another branch; it was not challenged.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 9.1", "RFC 3261 section 20, table 3"],
    sample: "cancel-challenged",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let challenged: Vec<&Transaction> = session.run.transactions.iter().filter(is_challenged).collect();
    let Some(transaction) = challenged.first().copied() else { return Vec::new() };
    let method = &transaction.method;
    let status = transaction.answer.as_ref().map(|answer| answer.status).unwrap_or_default();
    let server = transaction.flow().destination.address;
    let consequence = if *method == Method::Cancel {
        "A CANCEL cannot be sent again with credentials, for its CSeq is that of its INVITE: what it should end goes on."
    } else {
        "An ACK has no answer, and nobody waits for one: the server goes on without it."
    };
    let mut finding = Finding::new(&RULE, format!("{server} answers {method} with {status}"))
        .fault(Fault::Server)
        .explained(format!(
            "{} challenged, which RFC 3261 section 22.1 forbids. {consequence}",
            if challenged.len() == 1 {
                format!("1 {method} was")
            } else {
                format!("{} such requests were", challenged.len())
            }
        ))
        .excludes("wrong password: nobody is allowed to ask for one here")
        .advises("Let the server's authentication skip ACK and CANCEL");
    let invite = session.attempts.iter().rposition(|attempt| {
        attempt.transaction.method == Method::Invite
            && attempt.transaction.cseq == transaction.cseq
            && attempt.transaction.is_same_hop(transaction)
    });
    // An INVITE that ended as it should shows that the server went on without what it asked for.
    let call = invite.and_then(|index| session.attempts.get(index)).filter(|attempt| attempt.answer().is_some());
    let harmed = call.and_then(|call| challenged.iter().find_map(|challenged| harm(call, challenged)));
    if let Some(harm) = harmed {
        finding.explanation.push_str(harm);
    } else if call.is_some() {
        finding.severity = Severity::Medium;
        finding.explanation.push_str(" The INVITE came to its end all the same.");
    }
    // That the INVITE was accepted makes nothing good of what came of it.
    finding.attempt = invite.filter(|_| harmed.is_none());
    finding.subject.client = Some(transaction.flow().source.address);
    finding.subject.server = Some(server);
    finding.frames = frames(&challenged);
    vec![finding]
}

/// What became of a call for want of an ACK or a CANCEL; `None` where it ended as if the server had taken it.
fn harm(call: &Attempt<'_>, challenged: &Transaction) -> Option<&'static str> {
    let (answer, asked) = (call.answer()?, challenged.answer.as_ref()?);
    let is_success = (200..=299).contains(&answer.status);
    if challenged.method == Method::Cancel {
        return (is_success && answer.time > asked.time)
            .then_some(" The INVITE that it should have ended was accepted behind it.");
    }
    // One repeat may have crossed the ACK.
    let goes_on = answer.last_sent().since(asked.time) >= REPEATED_FOR;
    goes_on.then_some(" The server went on to repeat its answer to the INVITE: the ACK did not count.")
}

/// So long behind an ACK no repeat of what it acknowledges crosses it.
const REPEATED_FOR: Duration = Duration::from_secs(1);

fn is_challenged(transaction: &&Transaction) -> bool {
    !transaction.method.is_challengeable()
        && transaction.answer.as_ref().is_some_and(|answer| matches!(answer.status, 401 | 407))
}

fn frames(transactions: &[&Transaction]) -> Vec<FrameRef> {
    let each = transactions.iter().flat_map(|transaction| {
        let request = transaction.request.as_ref().map(|request| request.at);
        request.into_iter().chain(transaction.answer.as_ref().map(|answer| answer.at))
    });
    let mut frames: Vec<FrameRef> = each.collect();
    frames.sort_unstable();
    frames
}
