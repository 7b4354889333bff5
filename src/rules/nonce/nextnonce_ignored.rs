//! SA319: the server announced the next nonce, and the client went on with the old one.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::InfoRow;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA319",
    name: "nextnonce-ignored",
    label: "nextnonce ignored",
    severity: Severity::Medium,
    summary: "The server announced the next nonce, and the client used the old one again",
    finds: "A 2xx with a nextnonce other than the nonce in use, and the client's next request with the old nonce, answered stale=true.",
    matters: "A server that announces a nextnonce has put the old nonce aside. A client that does not read it pays one refusal and one \
              more round trip for each request; some take that refusal for a wrong password.",
    advice: "Update the client, or expect the extra round trip. Otherwise switch the announcement off: in Kamailio, add_authinfo_hdr of \
             the auth module.",
    not_this: "Where the old nonce is still accepted, nothing is wrong: the client should take the new one, and need not.",
    sources: &["RFC 7616 section 3.5", "RFC 2617 section 3.2.3"],
    sample: "register-nextnonce-ignored",
    check: Check::Deviation(check),
};

/// How many requests behind the announcement are looked at for the client's next one. Bounds the search in long sessions.
const NEXT_MAX: usize = 16;

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let ignored: Vec<_> = (0..session.attempts.len()).filter_map(|index| ignored(session, index)).collect();
    let Some(&Ignored { index, accepted, refused, presented, row }) = ignored.first() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let times = facts::count(ignored.len(), "time");
    let mut finding = Finding::new(&RULE, format!("{user} goes on with the old nonce although the server announced the next one ({times})"))
        .fault(Fault::Client)
        .explained(format!(
            "The 2xx announced the nonce for the next request in {}. The client's next request has the old nonce, and the server \
             calls it stale.",
            row.name()
        ))
        .excludes("wrong password: the same secret was accepted before, and the server says stale, not refused")
        .advises("Update the client to one that reads nextnonce, or expect one extra round trip for each request")
        .advises("Otherwise switch nextnonce off on the server (Kamailio: add_authinfo_hdr of the auth module)");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, refused);
    finding.frames = facts::frames_of_all(ignored.iter().flat_map(|one| [one.accepted, one.refused]));
    if let Some(answer) = accepted.answer() {
        let value = EvidenceValue::Info(row.value.clone(), row.nextnonce);
        finding.evidence.push(Evidence { at: answer.at, header: row.name(), value });
    }
    finding.evidence.extend(facts::credentials_evidence(refused, presented));
    vec![finding]
}

/// An announcement that was passed over.
struct Ignored<'s, 'run> {
    /// The request with the old nonce, as an index into the session's attempts.
    index: usize,
    accepted: &'s Attempt<'run>,
    refused: &'s Attempt<'run>,
    presented: &'s Presented<'run>,
    row: &'run InfoRow,
}

fn ignored<'s, 'run>(session: &'s Session<'run>, index: usize) -> Option<Ignored<'s, 'run>> {
    let accepted = session.attempts.get(index)?;
    let answer = accepted.answer()?;
    let row = answer.infos().iter().find(|row| row.nextnonce.is_some())?;
    let used = accepted.credentials.iter().find(|presented| presented.header == row.header)?.nonce?;
    if row.nextnonce == Some(used) {
        return None;
    }
    let later = session.attempts.iter().enumerate().skip(index + 1).take(NEXT_MAX);
    // What was sent before the announcement came is no answer to it.
    let mut next = later.filter(|(_, next)| {
        next.has_credentials()
            && next.transaction.is_same_hop(accepted.transaction)
            && next.request().is_some_and(|request| request.time > answer.time)
    });
    let (index, refused) = next.next()?;
    let is_old = |presented: &&Presented<'_>| presented.nonce == Some(used) && presented.judgement == Judgement::Stale;
    let presented = refused.credentials.iter().find(is_old)?;
    Some(Ignored { index, accepted, refused, presented, row })
}
