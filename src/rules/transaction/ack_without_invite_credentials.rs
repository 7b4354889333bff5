//! SA407: the ACK of an accepted call without its INVITE's credentials.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::said;
use crate::session::Attempt;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA407",
    name: "ack-without-invite-credentials",
    label: "ACK without credentials",
    severity: Severity::Info,
    summary: "The ACK of a 2xx lacks the credentials of its INVITE",
    finds: "An INVITE with credentials that was accepted, and whose ACK has none.",
    matters: "An ACK cannot be challenged, so it carries the credentials of its INVITE. Hardly any server looks; one that checks every \
              request drops the ACK, and the call ends after 32 s.",
    advice: "Nothing, where calls last. Where they end after 32 s, let the client send the credentials along, or the server take ACK \
             unchecked.",
    not_this: "The ACK of a refused INVITE needs none. Behind a proxy that strips its own credentials, they are missing by right.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 13.2.2.4"],
    sample: "invite-ack-without-credentials",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let bare: Vec<&Attempt<'_>> = session.attempts.iter().filter(|attempt| is_bare(attempt)).collect();
    let Some(attempt) = bare.first().copied() else { return Vec::new() };
    // True of most clients of a server, or of none.
    let key = said::address_key(attempt.transaction.flow().destination.address);
    if let Some(again) = context.said.again(&RULE, &key) {
        return vec![again];
    }
    let client = attempt.transaction.flow().source.address;
    let mut finding = Finding::new(&RULE, format!("{client} leaves the credentials out of its ACK"))
        .fault(Fault::Client)
        .explained("The INVITE had credentials and was accepted; its ACK has none. Servers that check every request would drop it.")
        .advises("Nothing, where calls last; else let the client copy the INVITE's credentials into the ACK");
    let acks = bare.iter().filter_map(|attempt| attempt.transaction.ack().map(|ack| ack.at));
    finding.frames = facts::frames_of_all(bare.iter().copied()).into_iter().chain(acks).collect();
    finding.frames.sort_unstable();
    finding.subject = facts::server(session, attempt);
    vec![finding.merged_by(key)]
}

fn is_bare(attempt: &Attempt<'_>) -> bool {
    attempt.transaction.method == Method::Invite
        && attempt.status().is_some_and(|status| (200..=299).contains(&status))
        && attempt.transaction.forwarded_from().is_none()
        && attempt.has_credentials()
        && attempt.transaction.ack().is_some_and(|ack| ack.credentials.is_empty() && ack.has_all_headers)
}
