//! SA228: the server accepts, and its own proof is wrong.

use crate::auth::AuthenticationInfo;
use crate::auth::Qop;
use crate::digest::Verdict;
use crate::digest::verdict::Proof;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::InfoRow;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA228",
    name: "rspauth-mismatch",
    label: "server not proven",
    severity: Severity::Medium,
    summary: "The server's own proof, rspauth, does not fit the secret",
    finds: "A 2xx whose Authentication-Info carries an rspauth that differs from the one computed with the secret, although the \
            client's digest is right.",
    matters: "With rspauth a server shows that it knows the password, too. A client that checks it may drop the registration or the \
              call; and a server that cannot prove itself may not be the one it says it is.",
    advice: "Let the server compute rspauth over an empty method (A2 is \":\" and the uri), with the nonce, nc, cnonce and qop of the \
             request; or switch rspauth off.",
    not_this: "Where the client's own digest does not fit the secret given, nothing is said of rspauth. An empty qop, nc or cnonce in \
               Authentication-Info, as Kamailio writes after a request without qop, is no mismatch.",
    sources: &["RFC 7616 section 3.5", "RFC 2617 section 3.2.3"],
    sample: "register-rspauth-mismatch",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let wrong: Vec<_> = session.attempts.iter().enumerate().filter_map(unproven).collect();
    let Some((index, attempt, presented, row, over_method)) = wrong.first().copied() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let name = row.name();
    let mut finding = Finding::new(&RULE, format!("The server's rspauth for {user} does not fit the secret given"))
        .fault(Fault::Server)
        .explained(format!(
            "{} with {name}: the client's digest is right, and the rspauth in the answer is not what the same secret gives.",
            facts::count(wrong.len(), "2xx")
        ))
        .excludes("wrong secret given to sipauth: the client's digest fits it");
    if over_method {
        finding.cause = Some("method");
        finding.explanation.push_str(" It is right over the method of the request: the server left the method in.");
        finding = finding.advises("Let the server hash an empty method for rspauth (RFC 7616 section 3.5)");
    } else {
        finding = finding
            .advises(
                "See whether the server knows the password of this account, and whether it is the server you expect",
            )
            .advises("Otherwise switch rspauth off: clients that check it refuse the answer");
    }
    if AuthenticationInfo::parse(&row.value).qop() == Some(Qop::AuthInt) {
        // A device that rewrites bodies would do the same.
        finding.confidence = Confidence::Likely;
        finding
            .explanation
            .push_str(" With qop=auth-int it covers the body of the answer, which a device on the path may change.");
    }
    finding.attempt = Some(index);
    finding.frames = facts::frames_of_all(wrong.iter().map(|(_, attempt, ..)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    if let Some(answer) = attempt.answer() {
        let value = EvidenceValue::Info(row.value.clone(), row.nextnonce);
        finding.evidence.push(Evidence { at: answer.at, header: name, value });
    }
    vec![facts::about_server(finding, session, attempt)]
}

type Unproven<'s, 'run> = (usize, &'s Attempt<'run>, &'s Presented<'run>, &'run InfoRow, bool);

/// The credentials that fit, and the proof that does not.
fn unproven<'s, 'run>((index, attempt): (usize, &'s Attempt<'run>)) -> Option<Unproven<'s, 'run>> {
    let rows = attempt.answer()?.infos();
    let (row, over_method) = rows.iter().find_map(|row| match row.proof {
        Some(Proof::Mismatch { over_method }) => Some((row, over_method)),
        _ => None,
    })?;
    let mut fitting = attempt.credentials.iter().filter(|presented| presented.header == row.header);
    let presented = fitting.find(|presented| presented.verdict() == Some(Verdict::Match))?;
    // Several realms, one header without a name: the server of another one may have written it.
    let is_only = attempt.credentials.iter().filter(|presented| presented.header == row.header).count() == 1;
    is_only.then_some((index, attempt, presented, row, over_method))
}
