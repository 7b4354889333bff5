//! SA105: a 401 with Proxy-Authenticate, or a 407 with WWW-Authenticate.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::facts;
use crate::rules::recovery::may_have_recovered;
use crate::session::Attempt;
use crate::session::HeaderKind;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA105",
    name: "challenge-header-wrong-kind",
    label: "challenge under the wrong header",
    severity: Severity::High,
    summary: "The challenge stands under the header of the other status code",
    finds: "A 401 whose only challenge is a Proxy-Authenticate header, or a 407 whose only challenge is a WWW-Authenticate header.",
    matters: "RFC 3261 makes WWW-Authenticate mandatory in a 401 and Proxy-Authenticate in a 407. Clients that choose the header \
              by the status code find nothing, or answer under a header where the server does not look.",
    advice: "Correct the challenge mode of the server or SBC: one code with its own header (VOS3000: SS_AUTHCHALLENGEMODE).",
    not_this: "A 401 with both kinds is both-challenges-at-once. A 401 to an INVITE with WWW-Authenticate is legal: a UAS or \
               B2BUA sends it.",
    sources: &["RFC 3261 section 20, table 2", "RFC 3261 section 22.2", "RFC 3261 section 22.3"],
    sample: "register-401-with-proxy-authenticate",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let wrong: Vec<(usize, &Attempt<'_>)> =
        session.attempts.iter().enumerate().filter(|(_, attempt)| is_wrong_kind(attempt)).collect();
    let Some((_, attempt)) = wrong.first().copied() else { return Vec::new() };
    let status = attempt.status().unwrap_or_default();
    let (has, due) =
        if status == 401 { (HeaderKind::Proxy, HeaderKind::Www) } else { (HeaderKind::Www, HeaderKind::Proxy) };
    let mut finding = Finding::new(
        &RULE,
        format!("The {status} carries {} in place of {}", has.challenge_header(), due.challenge_header()),
    )
    .fault(Fault::Server)
    .explained(format!(
        "{} from {} challenged under the wrong kind of header. A client that follows the status code looks for {}.",
        facts::count(wrong.len(), "answer"),
        attempt.transaction.flow().destination,
        due.challenge_header()
    ))
    .advises(format!(
        "Let the server send {} with its {status}, or answer with the other code",
        due.challenge_header()
    ));
    finding.attempt = facts::lead(session, wrong.iter().map(|(index, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(wrong.iter().map(|(_, attempt)| *attempt));
    finding.evidence = facts::challenge_evidence(attempt);
    // Who answers as he was asked has coped; what is wrong with his answer is another matter.
    let is_coped_with = |(index, attempt): &(usize, &Attempt<'_>)| {
        answer_facts::refuses_doubtful(attempt) || answer_facts::is_answered_in_vain(session, *index)
    };
    if !wrong.iter().any(is_coped_with) {
        finding = finding.excludes("client fault: the challenge itself is against RFC 3261 section 20, table 2");
    }
    // Wrong all the same, but everybody coped, as far as is seen.
    let is_over = |index| session.is_accepted_later(index) || may_have_recovered(session, index);
    if wrong.iter().all(|row| is_over(row.0) || is_coped_with(row)) {
        finding.severity = Severity::Medium;
    }
    vec![finding]
}

fn is_wrong_kind(attempt: &Attempt<'_>) -> bool {
    let due = match attempt.status() {
        Some(401) => HeaderKind::Www,
        Some(407) => HeaderKind::Proxy,
        _ => return false,
    };
    attempt.answer().is_some_and(|answer| answer.has_all_headers)
        && !attempt.challenges.is_empty()
        && attempt.challenges.iter().all(|offered| offered.header != due)
}
