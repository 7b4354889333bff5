//! SA110: an ACK or a CANCEL that is asked for credentials.

use crate::base::FrameRef;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
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
            accepted, cancelled, or refused for another reason.",
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
    let server = transaction.flow.destination.address;
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
    // An INVITE that ended otherwise shows that the server went on without what it asked for.
    let ended = invite.and_then(|index| session.attempts.get(index)).and_then(|attempt| attempt.status());
    if ended.is_some() {
        finding.severity = Severity::Medium;
        finding.explanation.push_str(" The INVITE came to its end all the same.");
    }
    finding.attempt = invite;
    finding.subject.client = Some(transaction.flow.source.address);
    finding.subject.server = Some(server);
    finding.frames = frames(&challenged);
    vec![finding]
}

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
