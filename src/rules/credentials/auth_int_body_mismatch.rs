//! SA227: the digest covers another body than the one that came.

use crate::digest::near_miss::Input;
use crate::digest::near_miss::Variant;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::near_miss_facts;
use crate::rules::path::alg_suspected;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA227",
    name: "auth-int-body-mismatch",
    label: "body not the one signed",
    severity: Severity::High,
    summary: "The auth-int digest is right for another body than the one that came",
    finds: "Credentials with qop=auth-int whose response differs from the one over the body as captured, and equals the one over \
            an empty body or over the same body with other line ends. It is info where the server accepts the digest. Line ends \
            alone are the client's fault; an empty body is the path's where the request shows that a device has edited it. Needs a secret.",
    matters: "The password is right. The client signs before it has written the body, or in another form, or something changed the body \
              behind its digest (an ALG, a B2BUA, a session border controller that rewrites SDP).",
    advice: "Use qop=auth where anything on the path rewrites bodies. Switch SIP ALG off. Compare the body where the client \
             sends it and where the server receives it.",
    not_this: "A body that was rewritten in its text (addresses, codecs) can't be tried: what was there before is not known, and \
               the finding is then digest-wrong-password, which says so.",
    sources: &["RFC 7616 section 3.4.3", "RFC 3261 section 22.4", "RFC 8760 section 2.6"],
    sample: "invite-auth-int-body-changed",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let groups = near_miss_facts::by_account(session, |variant| variant.input() == Some(Input::Body));
    groups.iter().filter_map(|(variant, rows)| finding(session, *variant, rows)).collect()
}

fn finding(session: &Session<'_>, variant: Variant, rows: &[Row<'_, '_>]) -> Option<Finding> {
    let (_, attempt, presented) = rows.first().copied()?;
    let requests: Vec<_> =
        rows.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    let (severity, _) = near_miss_facts::grade(rows);
    let user = facts::account(&presented.username(), &presented.realm());
    let (body, why, fault, advice) = match variant {
        Variant::BodyEmpty => (
            "an empty body",
            "Either the client signs before it adds the body, or something on the path added or replaced the body.",
            Fault::Unknown,
            "Capture at the client too: where the digest does not fit there either, let the client sign the body that it sends; else look for the \
             device between that rewrites bodies",
        ),
        _ => (
            "the same body with other line ends",
            "The client signs another form of it than it sends: what changes bodies on the way writes other text, and seldom other line ends \
             alone.",
            Fault::Client,
            "Let the client sign the body as it sends it, byte by byte, once the line ends are written",
        ),
    };
    // Where a device has left its marks, it may be that.
    let has_signs = rows.iter().any(|(_, attempt, _)| alg_suspected::has_signs(attempt));
    let fault = match fault {
        Fault::Unknown if has_signs => Fault::Path,
        _ if has_signs => Fault::Unknown,
        fault => fault,
    };
    let mut finding = Finding::new(&RULE, format!("The digest of {user} covers {body}, not the one that came with it"))
        .graded(severity, Confidence::Likely)
        .fault(fault)
        .explained(format!(
            "With qop=auth-int the digest covers the body. The response in {} is right with the secret from {} over {body} \
             ({}). {why}",
            facts::frames_text(&requests),
            facts::source(presented),
            variant.name(),
        ))
        .excludes("wrong password: the digest fits the one given, over another body")
        .advises("Let the server offer qop=auth, which does not cover the body")
        .advises(advice);
    if severity == Severity::Info {
        finding.explanation.push_str(" The server accepts it all the same.");
    }
    finding.cause = Some(variant.name());
    finding.attempt = facts::lead(session, rows.iter().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = requests;
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    Some(finding)
}
