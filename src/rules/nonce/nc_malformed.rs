//! SA314: a nonce count that is not eight hex digits.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::rules::recovery;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA314",
    name: "nc-malformed",
    label: "malformed nonce count",
    severity: Severity::Medium,
    summary: "The nonce count is not eight hex digits, or zero",
    finds: "Credentials with qop whose nc is not exactly eight hex digits, or is 00000000. It is high where the \
            digest is right as sent and was refused, or the server said stale to it.",
    matters: "Servers that read the count refuse another width before they look at the digest: Kamailio does. The \
            digest covers the text of nc as sent, so a server that prints it anew finds another digest.",
    advice: "Fix the client to print nc with eight hex digits, beginning with 00000001 for each nonce.",
    not_this: "Quotes around nc are auth-param-quoting. Credentials without qop need no nc; with qop and without nc \
            they are qop-params-missing. Where the server answered 400, malformed-credentials stands first.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-nonce-count-malformed",
    check: Check::Form(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let odd: Vec<_> =
        facts::presented(session).filter(|(_, attempt, presented)| is_odd(presented) && attempt.is_own_hop()).collect();
    let Some((index, attempt, presented)) = odd.first().copied() else { return Vec::new() };
    let refused = odd.iter().rev().find(|(_, _, presented)| nonce_facts::is_about_the_nonce(presented));
    let is_cause = refused.is_some_and(|(index, _, _)| !recovery::has_recovered_anywhere(session, *index));
    let is_refused = odd.iter().any(|(_, _, presented)| facts::is_turned_away(presented) || presented.is_refused());
    let (severity, confidence) = if is_cause {
        (Severity::High, Confidence::Likely)
    } else if is_refused {
        (Severity::Medium, Confidence::Possible)
    } else {
        (Severity::Medium, Confidence::Proven)
    };
    let raw = presented.credentials.nonce_count().map(|count| facts::text(count.raw)).unwrap_or_default();
    let is_zero = nonce_facts::count_of(presented) == Some(0);
    let what = if is_zero { "begins to count at zero" } else { "is not eight hex digits" };
    let mut finding = Finding::new(&RULE, format!("The nonce count nc={raw} {what}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "RFC 7616 asks for exactly eight hex digits and a first use of 00000001; {}.",
            match (is_cause, is_refused) {
                (true, _) => "the server refuses what is right but for that",
                (false, true) => "the server refused the credentials, perhaps for that",
                (false, false) if odd.iter().any(|(_, _, presented)| presented.judgement.is_let_past()) =>
                    "this server did not mind, another one will",
                (false, false) => "what the server made of it, the capture does not show",
            }
        ))
        .advises("Fix the client to print nc with eight hex digits, counting from 00000001 with each nonce");
    if odd.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: the digest fits the secret given, with nc as sent");
    }
    finding.attempt = facts::lead(session, odd.iter().map(|(index, _, _)| *index)).or(Some(index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(odd.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}

fn is_odd(presented: &Presented<'_>) -> bool {
    let count = presented.credentials.nonce_count().filter(|count| !count.raw.is_empty());
    count.is_some_and(|count| count.value.is_none_or(|value| value == 0)) && presented.credentials.qop().is_some()
}
