//! SA213: the uri of the credentials is none.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA213",
    name: "uri-malformed",
    label: "uri malformed",
    severity: Severity::Medium,
    summary: "The uri in the credentials is empty, has no scheme, or stands in brackets or without quotes",
    finds: "Digest credentials whose uri is empty, has no scheme (pbx.example.com in place of sip:pbx.example.com), stands \
            in angle brackets or is not in quotes. It is high where the digest is right all the same and the server refused it, \
            or where the server answered 400 or stale.",
    matters: "RFC 3261 wants a SIP or SIPS URI in quotes. Servers compare it with the Request-URI, and a strict parser \
            drops the whole header.",
    advice: "Let the client write the Request-URI as it stands in the request line, scheme included, between quotes.",
    not_this: "A whole URI that differs from the request line is uri-differs-from-request-uri. Refused credentials that \
            no password was given for may be refused for their password: the finding is possible then.",
    sources: &["RFC 3261 section 22.4", "RFC 7616 section 3.4"],
    sample: "register-uri-malformed",
    check: Check::Form(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, _, presented)| credentials_facts::uri_defect(presented).is_some());
    let Some((_, _, presented)) = rows.first().copied() else { return Vec::new() };
    let (severity, confidence) = credentials_facts::grade(&rows);
    let defect = credentials_facts::uri_defect(presented).unwrap_or_default();
    let uri = presented.credentials.uri().unwrap_or_default();
    let finding = Finding::new(&RULE, format!("The uri in the credentials {defect}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The credentials in {} have the uri {}, which {defect}. RFC 3261 wants a SIP or SIPS URI in quotes. {}",
            credentials_facts::requests_text(&rows),
            facts::quoted(&uri),
            credentials_facts::outcome_text(&rows)
        ))
        .advises("Let the client hash and send the Request-URI as it stands in the request line, between quotes");
    vec![credentials_facts::about(finding, session, &rows)]
}
