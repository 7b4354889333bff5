//! SA212: the digest's uri is not the Request-URI.

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::uri::Uri;
use crate::sip::uri::UriPart;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA212",
    name: "uri-differs-from-request-uri",
    label: "uri differs",
    severity: Severity::Info,
    summary: "The uri in the credentials is not the Request-URI",
    finds: "Credentials whose uri differs from the request line, compared by the SIP URI rules: the part that differs is named. It \
            is medium where the request was refused on the client's own hop and the client never got in with such a uri, and high where \
            a right digest gets a 403 that itself speaks of the uri.",
    matters: "A server may compare the two and refuse. RFC 3261 calls inequality no error by itself, since proxies rewrite the \
              request line.",
    advice: "Let the client hash and send the Request-URI as it stands in the request line, port and parameters included.",
    not_this: "Behind a proxy that rewrote the request line the difference is expected.",
    sources: &["RFC 3261 section 22.4", "RFC 7616 section 3.4.6", "RFC 3261 section 19.1.4"],
    sample: "register-uri-rewritten",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let differing: Vec<(usize, &Attempt<'_>, &Presented<'_>, UriPart)> = facts::presented(session)
        .filter_map(|(index, attempt, presented)| {
            Some((index, attempt, presented, difference(session, attempt, presented)?))
        })
        .collect();
    let Some((index, attempt, presented, part)) = differing.first().copied() else { return Vec::new() };
    let Some(request) = attempt.request() else { return Vec::new() };
    let sent = presented.credentials.uri().unwrap_or_default();
    let refused: Vec<_> = differing
        .iter()
        .filter(|(index, attempt, presented, _)| {
            matches!(presented.judgement, Judgement::Refused | Judgement::Forbidden | Judgement::BadRequest)
                && !session.is_accepted_later(*index)
                && (!is_forwarded(attempt) || is_blamed(session, attempt, presented))
        })
        .collect();
    let blamed = refused.iter().find(|(_, attempt, presented, _)| is_blamed(session, attempt, presented));
    let mut finding = Finding::new(
        &RULE,
        format!("The uri in the credentials differs from the Request-URI in its {}", part.name()),
    )
    .explained(format!(
        "The credentials hash {}; the request line says {}.",
        facts::quoted(&sent),
        facts::quoted(session.text(request.uri))
    ))
    .fault(Fault::Client)
    .advises(
        "Let the client hash the Request-URI as sent; where a device rewrites the request line, that one is the cause",
    );
    if differing.iter().all(|(_, _, presented, _)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: the digest fits the one given, over the uri that was sent");
    }
    // RFC 3261 §22.4: whoever rewrote the request line on the way made the difference.
    if differing.iter().all(|(_, attempt, _, _)| is_forwarded(attempt)) {
        finding.fault = Fault::Path;
    }
    if !refused.is_empty() {
        finding = finding.graded(Severity::Medium, Confidence::Possible);
        finding.attempt = Some(index);
    }
    if let Some((index, attempt, _, _)) = blamed {
        finding = finding.graded(Severity::High, Confidence::Likely);
        // Whether the client or a proxy made the difference, only the hop before would show.
        if is_forwarded(attempt) {
            finding.fault = Fault::Unknown;
        }
        finding.attempt = Some(*index);
        finding.evidence.extend(facts::status_evidence(session, attempt));
    }
    finding.subject = facts::subject(session, attempt);
    finding.frames =
        differing.iter().filter_map(|(_, attempt, _, _)| attempt.request().map(|request| request.at)).collect();
    finding.evidence.splice(..0, facts::credentials_evidence(attempt, presented));
    vec![finding]
}

/// Whether a right digest was forbidden for its uri: the reason phrase of the answer names it, as those of some SBCs do.
pub fn is_blamed(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_forbidden = presented.judgement == Judgement::Forbidden && presented.verdict() == Some(Verdict::Match);
    if !is_forbidden || difference(session, attempt, presented).is_none() {
        return false;
    }
    let reason = attempt.answer().map(|answer| session.text(answer.reason)).unwrap_or_default();
    let words = reason.split(|byte| !byte.is_ascii_alphanumeric());
    words.into_iter().any(|word| word.eq_ignore_ascii_case(b"uri"))
}

/// Whether somebody between the client and here may have rewritten the request line.
fn is_forwarded(attempt: &Attempt<'_>) -> bool {
    attempt.request().is_none_or(|request| request.via_count > 1)
}

fn difference(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Option<UriPart> {
    let sent = presented.credentials.uri()?;
    let request = attempt.request()?;
    let uri = session.text(request.uri);
    if *sent == *uri || sent.is_empty() || uri.is_empty() {
        return None;
    }
    Uri::parse(&sent).first_difference(&Uri::parse(uri))
}
