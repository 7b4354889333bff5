//! SA606: what one request says about addresses and lengths does not fit together, and its digest fails.

use crate::auth::Qop;
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
use crate::session::Presented;
use crate::session::Session;
use crate::sip::uri::Uri;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA606",
    name: "alg-suspected",
    label: "ALG suspected",
    severity: Severity::Medium,
    summary: "Something on the path seems to have edited the request",
    finds: "A refused request in which a private address stands in the Via and a public one in the Contact, or whose body has another \
            length than Content-Length says, and whose digest depends on what was edited: it covers the body (qop=auth-int), or a \
            uri that is not the Request-URI.",
    matters: "Routers with a SIP ALG translate some addresses of a message and forget others, or the length. A digest over what was \
              edited no longer fits, and that looks like a wrong password.",
    advice: "Switch the SIP ALG off, on the phone's router first. Use TLS, which no ALG can read, or qop=auth in place of auth-int. \
             Capture before and behind the router to be sure.",
    not_this: "Clients that learn their public address write it into their Contact themselves: alone that is no sign. Two captures \
               of one message that differ are header-altered-en-route.",
    sources: &["RFC 3261 section 18.3", "RFC 7616 section 3.4.3", "RFC 3261 section 22.4"],
    sample: "alg-suspected",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let mut suspected =
        facts::presented(session).filter(|(_, attempt, presented)| is_suspected(session, attempt, presented));
    let Some((index, attempt, presented)) = suspected.next() else { return Vec::new() };
    let Some(request) = attempt.request() else { return Vec::new() };
    let mut frames = vec![request.at];
    frames.extend(suspected.filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)));
    let failing = match presented.credentials.qop() {
        Some(Qop::AuthInt) => "The digest covers the body (qop=auth-int)",
        _ => "The uri in the credentials is not the Request-URI",
    };
    let mut finding = Finding::new(&RULE, "Something on the path seems to have edited the request")
        .graded(Severity::Medium, Confidence::Possible)
        .fault(Fault::Path)
        .explained(format!(
            "In frame {} {}. {failing}, and the server refused it. A router that translates addresses within SIP messages does that.",
            request.at.number,
            signs(session, attempt).join("; "),
        ))
        .advises("Switch the SIP ALG of the router off, or use TLS, which it cannot read")
        .advises("Capture before and behind the router: the same request, compared, tells for certain");
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = frames;
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    vec![finding]
}

/// Whether the request looks as if a device had edited it.
pub fn has_signs(attempt: &Attempt<'_>) -> bool {
    attempt.transaction.marks().is_some_and(|marks| marks.is_length_wrong || marks.addresses.is_some())
}

fn is_suspected(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let Some(request) = attempt.request() else { return false };
    if !has_signs(attempt)
        || !facts::is_turned_away(presented)
        || request.is_ambiguous
        || attempt.transaction.forwarded_from().is_some()
    {
        return false;
    }
    // What was signed is what came: then nothing that the digest depends on was edited.
    match presented.credentials.qop() {
        Some(Qop::AuthInt) => presented.verdict() != Some(Verdict::Match),
        // Nor is a password that is wrong over the uri as sent a matter of what became of the Request-URI.
        _ => presented.verdict() != Some(Verdict::Mismatch) && differs(session, attempt, presented),
    }
}

fn differs(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let Some((sent, request)) = presented.credentials.uri().zip(attempt.request()) else { return false };
    let uri = session.text(request.uri);
    let (sent, uri) = (Uri::parse(&sent), Uri::parse(uri));
    // A client that hashes a shorter form does that itself; an ALG puts another host or port in.
    !sent.host.is_empty() && !uri.host.is_empty() && !sent.host.eq_ignore_ascii_case(uri.host)
}

fn signs(session: &Session<'_>, attempt: &Attempt<'_>) -> Vec<String> {
    let mut signs = Vec::new();
    let Some(marks) = attempt.transaction.marks() else { return signs };
    if let Some(odd) = &marks.addresses {
        let media = odd.media.map(|media| format!(" and the body {}", facts::text(session.text(media))));
        signs.push(format!(
            "Via has the private address {}{}, while the Contact is the public {}",
            facts::text(session.text(odd.via)),
            media.unwrap_or_default(),
            facts::text(session.text(odd.contact)),
        ));
    }
    if marks.is_length_wrong {
        signs.push("Content-Length is not the length of the body".to_owned());
    }
    signs
}
