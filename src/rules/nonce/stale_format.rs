//! SA307: a stale parameter that is not a plain true or false.

use crate::auth::Name;
use crate::auth::Stale;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Offered;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA307",
    name: "stale-format",
    label: "malformed stale",
    severity: Severity::Medium,
    summary: "The stale parameter is quoted, or neither true nor false",
    finds: "A challenge whose stale parameter stands in quotes, or says something other than true and false. It \
            is high where the word is odd, the digest is proven right, and the client did not get in; low where \
            the word is right but for its quotes and the client got in.",
    matters: "stale is a token without quotes. A client that does not understand it takes the challenge for a \
            refusal of the password, and stops.",
    advice: "Fix the server to write stale=true, without quotes.",
    not_this: "Letter case does not matter: stale=TRUE is right. An absent stale means false.",
    sources: &["RFC 7616 section 3.3", "RFC 2617 section 3.2.1"],
    sample: "register-stale-yes",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let mut odd = session.attempts.iter().enumerate().flat_map(|(index, attempt)| {
        attempt.challenges.iter().filter(|offered| is_odd(offered)).map(move |offered| (index, attempt, offered))
    });
    let Some((index, attempt, offered)) = odd.next() else { return Vec::new() };
    let is_word_odd = matches!(offered.challenge.stale(), Some(Stale::Odd(_)));
    let word = offered.challenge.params.get(Name::Stale).map(|param| facts::quoted(param.raw)).unwrap_or_default();
    let refused = attempt.credentials.iter().find(|presented| presented.is_refused());
    let is_right = refused.is_some_and(|presented| presented.verdict() == Some(Verdict::Match));
    let is_recovered = session.is_accepted_later(index);
    let (severity, confidence) = match (is_word_odd, is_recovered) {
        (true, false) if is_right => (Severity::High, Confidence::Likely),
        (true, _) => (Severity::Medium, Confidence::Proven),
        (false, false) => (Severity::Medium, Confidence::Possible),
        (false, true) => (Severity::Low, Confidence::Proven),
    };
    let title = match is_word_odd {
        true => format!("The server says stale={word}, which is neither true nor false"),
        false => format!("The server writes stale={word} in quotes"),
    };
    let meaning = match is_word_odd {
        true => {
            "The standard knows true and false. A client may read this word as false, and take the challenge for a refusal of its password."
        }
        false => {
            "stale is a token and stands without quotes. A strict client may not find the word, and take the challenge for a refusal of its password."
        }
    };
    let mut finding =
        Finding::new(&RULE, title).graded(severity, confidence).fault(Fault::Server).explained(meaning).advises(
            "Fix the server to write stale=true without quotes, or to leave stale out where it does not mean it",
        );
    if is_right {
        finding = finding.excludes("wrong password: the digest fits the secret given");
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = attempt.answer().map(|answer| answer.at).into_iter().collect();
    finding.evidence = facts::challenge_evidence(attempt);
    if severity == Severity::High { vec![finding] } else { vec![facts::about_server(finding, session, attempt)] }
}

/// Whether a challenge writes stale in quotes, or says neither true nor false.
pub fn is_odd(offered: &Offered<'_>) -> bool {
    let param = offered.challenge.params.get(Name::Stale);
    param.is_some_and(|param| param.quoted || matches!(offered.challenge.stale(), Some(Stale::Odd(_))))
}
