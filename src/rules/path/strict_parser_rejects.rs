//! SA611: a strict stack could not read this header.

use crate::base::FrameRef;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge::challenge_unanswered;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::ChallengeRow;
use crate::session::HeaderKind;
use crate::session::Session;
use crate::session::SessionOutcome;
use crate::sip::HeaderName;
use crate::sip::strict;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA611",
    name: "strict-parser-rejects",
    label: "strict parser rejects",
    severity: Severity::Info,
    summary: "A strict SIP stack could not read an auth header that was refused or ignored",
    finds: "An auth header of a failed session, refused or left unanswered, that a strict second parser cannot read. Its reason is \
            given.",
    matters: "sipauth reads leniently. The peer may not: an odd but legal form can be the whole fault.",
    advice: "Compare the header with the grammar of RFC 3261 section 25.1 and write it the plain way.",
    not_this: "Headers of sessions that succeeded were read by whom it concerns.",
    sources: &["RFC 3261 section 25.1", "RFC 7616 section 3.3"],
    sample: "register-unknown-algorithm",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    if !matches!(
        session.outcome,
        SessionOutcome::Refused | SessionOutcome::UnansweredChallenge | SessionOutcome::Forbidden
    ) {
        return Vec::new();
    }
    // Where the digest is wrong, nobody needs a guess about the grammar.
    if facts::presented(session).any(|(_, _, presented)| presented.verdict().is_some_and(Verdict::is_wrong)) {
        return Vec::new();
    }
    // A challenge that was answered under another Call-ID was read.
    let last = session.attempts.iter().rposition(|attempt| attempt.outcome == AttemptOutcome::Challenged);
    if session.outcome == SessionOutcome::UnansweredChallenge
        && last.is_some_and(|last| challenge_unanswered::is_settled(session, context, last))
    {
        return Vec::new();
    }
    let objections = session.attempts.iter().flat_map(objections);
    let Some((at, header, reason, attempt)) = objections.into_iter().next() else { return Vec::new() };
    let mut finding =
        Finding::new(&RULE, format!("A strict stack could not read the {header} header in frame {}", at.number))
            .graded(Severity::Info, Confidence::Possible)
            .fault(Fault::Unknown)
            .explained(format!("A strict parser says: {reason}. The peer may be as strict."))
            .advises("Compare the header with the grammar of RFC 3261 section 25.1 and write it the plain way");
    finding.frames = vec![at];
    finding.subject = facts::subject(session, attempt);
    vec![finding]
}

/// Whether a strict stack could not read a challenge that is one for digests.
pub fn refuses_challenge(row: &ChallengeRow) -> bool {
    strict::objection(challenge_name(row.header), &row.value).is_some_and(|reason| reason != strict::OTHER_SCHEME)
}

fn objections<'s, 'run>(
    attempt: &'s Attempt<'run>,
) -> Option<(FrameRef, &'static str, &'static str, &'s Attempt<'run>)> {
    let credentials = attempt.request().into_iter().flat_map(|request| {
        request
            .credentials
            .iter()
            .map(|row| (request.at, row.header.credentials_header(), credentials_name(row.header), &row.value))
    });
    let challenges = attempt.answer().into_iter().flat_map(|answer| {
        answer
            .challenges
            .iter()
            .map(|row| (answer.at, row.header.challenge_header(), challenge_name(row.header), &row.value))
    });
    credentials.chain(challenges).find_map(|(at, header, name, value)| {
        strict::objection(name, value).map(|reason| (at, header, reason, attempt))
    })
}

fn credentials_name(header: HeaderKind) -> HeaderName {
    match header {
        HeaderKind::Www => HeaderName::Authorization,
        HeaderKind::Proxy => HeaderName::ProxyAuthorization,
    }
}

fn challenge_name(header: HeaderKind) -> HeaderName {
    match header {
        HeaderKind::Www => HeaderName::WwwAuthenticate,
        HeaderKind::Proxy => HeaderName::ProxyAuthenticate,
    }
}
