//! SA208: refused, and sent again as they were.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA208",
    name: "same-credentials-repeated",
    label: "same credentials repeated",
    severity: Severity::Medium,
    summary: "Credentials that had been refused were sent again unchanged",
    finds: "A new request with the realm, nonce and response of one that had been refused without stale before. It is \
            info where the repeat was accepted.",
    matters: "What was refused once is refused again. Such clients fill the log of the server, and tools like fail2ban \
            shut them out.",
    advice: "Let the client stop after a refusal and ask its user, or at least wait; and see why the first one was \
            refused.",
    not_this: "Retransmissions, the ACK of an INVITE, the same message on another hop or sent to another server, and a \
            repeat after stale=true are not this. Kamailio gives one nonce to everybody within a second: a new cnonce \
            makes new credentials.",
    sources: &["RFC 3261 section 22.1"],
    sample: "register-same-credentials-repeated",
    check: Check::Trouble(check),
};

/// How many earlier uses of a nonce are looked at. Bounds the search in endless sessions.
const USES_MAX: usize = 64;

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let mut rows = session.attempts.iter().flat_map(|attempt| &attempt.credentials);
    if !rows.any(facts::is_turned_away) {
        return Vec::new();
    }
    let rows = credentials_facts::rows(session, |(index, attempt, presented)| {
        refused_before(session, *index, attempt, presented).is_some()
    });
    let Some((index, attempt, presented)) = rows.first().copied() else { return Vec::new() };
    let Some(first) = refused_before(session, index, attempt, presented) else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let is_let_past = rows.iter().all(|(_, attempt, _)| attempt.is_let_past());
    let mut finding =
        Finding::new(&RULE, format!("{user} sent refused credentials again unchanged, {}", times(rows.len())))
            .fault(Fault::Client)
            .explained(format!(
                "Nonce and response in {} are those of frame {}, which had been answered with {}.",
                credentials_facts::requests_text(&rows),
                first.request().map(|request| request.at.number.to_string()).unwrap_or_default(),
                first.status().unwrap_or_default(),
            ))
            .excludes("retransmission: each is a new transaction")
            .advises("Let the client stop after a refusal, or wait before it tries again");
    if is_let_past {
        finding.severity = Severity::Info;
        finding.explanation.push_str(" The repeat was accepted: the server had changed its mind.");
    }
    if rows.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: the digest fits the one given");
    }
    let mut finding = credentials_facts::about(finding, session, &rows);
    finding.frames = facts::frames_of_all(rows.iter().map(|(_, attempt, _)| *attempt).chain([first]));
    vec![finding]
}

fn times(number: usize) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

/// An earlier attempt of the same client whose same credentials were refused, though not as stale.
fn refused_before<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Option<&'s Attempt<'run>> {
    let (nonce, response) = (presented.nonce?, presented.credentials.response()?);
    // A retry elsewhere or over another transport is the same request.
    if attempt.is_sent_again || attempt.transaction.forwarded_from().is_some() {
        return None;
    }
    let count = presented.credentials.nonce_count().and_then(|count| count.value);
    let uses = session.lookup().counted(nonce, count);
    let before = uses.get(..uses.partition_point(|use_at| *use_at < index))?;
    // A challenge that brings the nonce once more wants it once more: Kamailio gives one to everybody within a second.
    let is_asked_again = |use_at: usize| session.lookup().is_offered_between(nonce, use_at + 1, index);
    let earlier = before.iter().rev().take(USES_MAX).filter(|&&use_at| !is_asked_again(use_at));
    let mut earlier = earlier.filter_map(|&use_at| session.attempts.get(use_at)).filter(|earlier| {
        earlier.transaction.is_same_hop(attempt.transaction)
            && (earlier.transaction.cseq != attempt.transaction.cseq
                || earlier.transaction.flow() == attempt.transaction.flow())
    });
    earlier.find(|earlier| {
        earlier.credentials.iter().any(|other| {
            other.nonce == Some(nonce)
                && facts::is_turned_away(other)
                && other.realm() == presented.realm()
                && other.username() == presented.username()
                && other.credentials.response().as_ref() == Some(&response)
        })
    })
}
