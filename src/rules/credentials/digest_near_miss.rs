//! SA202: the digest is wrong, and one changed input makes it right.

use crate::digest::near_miss::Input;
use crate::digest::near_miss::Variant;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::near_miss_facts;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA202",
    name: "digest-near-miss",
    label: "near miss",
    severity: Severity::High,
    summary: "The digest is wrong for what was sent, and right if one input is another one",
    finds: "Credentials whose response differs from the one recomputed, and equals it once exactly one input is changed: another \
            uri, method, realm, user name, algorithm, qop, nonce or nonce count, or the password given in another form. The \
            variant stands in cause; `sipauth list algorithms` lists them all. It is info where the server accepts the digest, and possible where a uri has the address of one end in \
            place of a name: an ALG may have written it. \
            Needs a secret.",
    matters: "The client knows the password and computes the digest wrongly: entering the password again does not help. Each of \
              these is a bug or a setting that can be named.",
    advice: "Mend what the variant names: it says what the client hashed in place of what it sent. For the password variants \
             compare the secret on both sides, character by character and with its ends.",
    not_this: "A digest that no single change makes right is digest-wrong-password. Another body under qop=auth-int is \
               auth-int-body-mismatch. A wrong realm or nonce that was hashed as it was sent is no near miss.",
    sources: &["RFC 7616 section 3.4.1", "RFC 7616 section 3.4.2", "RFC 7616 section 3.4.3", "RFC 3261 section 22.4"],
    sample: "register-password-with-newline",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let groups = near_miss_facts::by_account(session, |variant| variant.input() != Some(Input::Body));
    groups.iter().filter_map(|(variant, rows)| finding(session, *variant, rows)).collect()
}

fn finding(session: &Session<'_>, variant: Variant, rows: &[Row<'_, '_>]) -> Option<Finding> {
    let (_, attempt, presented) = rows.first().copied()?;
    let requests: Vec<_> =
        rows.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    let (severity, confidence) = near_miss_facts::grade(rows);
    let said = near_miss_facts::said(presented);
    let user = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("The digest of {user} is a near miss: the client {said}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The response in {} differs from the one computed with the secret from {} and everything as sent. One change makes it \
             fit, and no other does: {} ({}).",
            facts::frames_text(&requests),
            facts::source(presented),
            variant.meaning(),
            variant.name(),
        ))
        .excludes("wrong password: a digest made with another secret fits none of these changes");
    if severity == Severity::Info {
        finding
            .explanation
            .push_str(" The server accepts it all the same: it computes in the same way, or does not check.");
    }
    finding = finding.advises(near_miss_facts::advice(variant));
    if variant.input() == Some(Input::Password) {
        finding = about_password(finding, severity);
    }
    if severity > Severity::Info && rows.iter().all(near_miss_facts::may_be_rewritten) {
        finding = about_device(finding);
    }
    finding.cause = Some(variant.name());
    finding.attempt = facts::lead(session, rows.iter().map(|(index, _, _)| *index));
    finding.subject = credentials_facts::subject(session, attempt, presented);
    finding.frames = requests;
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    Some(finding)
}

/// Whoever has only this side of an ALG sees what a client that is odd would do.
fn about_device(mut finding: Finding) -> Finding {
    finding.explanation.push_str(
        " The uri that was sent has the address of one end in place of the host name that was hashed: a device on the path (SIP ALG) that \
         writes addresses into credentials makes just that of what a client did right.",
    );
    (finding.fault, finding.confidence) = (Fault::Unknown, Confidence::Possible);
    finding.advises("Capture at the client: where the uri is right there, switch the SIP ALG of the device in between off, or use TLS")
}

/// Two sides know the password, and a capture shows that they differ, not which of them is odd.
fn about_password(mut finding: Finding, severity: Severity) -> Finding {
    finding.excluded.clear();
    let text = if severity == Severity::Info {
        finding.fault = Fault::Operator;
        " The server takes the digest: so the secret given to sipauth is the one in another form than is in use."
    } else {
        " Either the client has altered the password, or the secret given to sipauth is not in the form that the server has: \
         the refusal speaks for the client."
    };
    finding.explanation.push_str(text);
    finding
        .excludes("another password: the client has the one given, but for this")
        .advises("Make sure that the secret given to sipauth is in the form that the server has for this account")
}
