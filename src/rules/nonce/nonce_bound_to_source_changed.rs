//! SA322: asked at one address, answered from another, and refused.

use crate::digest::Verdict;
use crate::history::Stack;
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
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA322",
    name: "nonce-bound-to-source-changed",
    label: "client address changed",
    severity: Severity::High,
    summary: "A challenge is answered from another address than it was sent to, and the answer is refused",
    finds: "Credentials that answer a challenge which the same server sent to another client address in the same \
            Call-ID, refused. High needs stale=true, a digest that is proven right, or three refusals and none of an answer from the \
            address that was asked; else it is medium and possible.",
    matters: "Some servers bind a nonce to the address that they sent it to: Asterisk always, Kamailio where \
            auth_checks ask for it. A client behind a NAT that changes its outside address, or with two \
            interfaces, never gets in.",
    advice: "Keep the client on one address: fix the NAT pool or the second uplink, or use one TCP or TLS \
            connection.",
    not_this: "Another port, or another transport from the same address. The hops of one request through a proxy. \
            Kamailio nonces without a second sum, and those of OpenSIPS and SER, are bound to no address.",
    sources: &["RFC 7616 section 3.3", "RFC 3261 section 22.1"],
    sample: "register-transport-source-changed",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let moved: Vec<_> = facts::presented(session)
        .filter_map(|(index, attempt, presented)| {
            Some((index, attempt, presented, nonce_facts::challenged_elsewhere(session, context, attempt, presented)?))
        })
        .collect();
    let Some((index, attempt, presented, asked)) = moved.first().copied() else { return Vec::new() };
    let is_the_nonce = moved.iter().any(|(_, _, presented, _)| nonce_facts::is_about_the_nonce(presented));
    let last = moved.last().map_or(index, |(last, _, _, _)| *last);
    let has_recovered = recovery::has_recovered_anywhere(session, last);
    // One that was good where it was given may have become too old in the meantime.
    let has_served = moved.iter().all(|(index, _, presented, _)| nonce_facts::was_let_past(session, *index, presented));
    // Where nothing else was ever refused, it stands before the loop that this makes.
    let is_every_time = moved.len() >= nonce_facts::TURNS_MIN && moved.len() == nonce_facts::refused_count(session);
    let (severity, sure) = match nonce_facts::severity(is_the_nonce || is_every_time, has_recovered) {
        _ if has_served && has_recovered => (Severity::Info, Confidence::Possible),
        severity if is_the_nonce && !has_served => (severity, Confidence::Likely),
        severity => (severity, Confidence::Possible),
    };
    let user = facts::account(&presented.username(), &presented.realm());
    let answers = attempt.transaction.flow().source.address;
    let requests: Vec<_> =
        moved.iter().filter_map(|(_, attempt, _, _)| attempt.request().map(|request| request.at)).collect();
    let binds = match nonce_facts::format(context, attempt, presented).map(|format| format.stack) {
        Some(Stack::Asterisk) => {
            format!(" Asterisk binds its nonces to the address, and this is one of its, {}.", nonce_facts::INFERRED)
        }
        Some(Stack::Kamailio) => {
            format!(" The nonce is one of Kamailio that is bound to parts of the request, {}.", nonce_facts::INFERRED)
        }
        _ => String::new(),
    };
    let mut finding =
        Finding::new(&RULE, format!("{user} was asked at {asked} and answers from {answers}, where the nonce is refused"))
            .graded(severity, sure)
            .fault(Fault::Path)
            .explained(format!(
                "The credentials in {} answer a challenge that the same server had sent to another address.{binds}",
                facts::frames_text(&requests)
            ))
            .advises("Keep the client on one outside address: look at the NAT pool, a second uplink, and the client's own interfaces")
            .advises("Or use one TCP or TLS connection for challenge and answer");
    if has_served {
        finding.explanation.push_str(" The nonce had served at the first address: it may have been too old by then.");
    }
    if moved.iter().all(|(_, _, presented, _)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: every digest fits the secret given");
    } else if !is_the_nonce {
        finding.explanation.push_str(" Without the password, a wrong one looks the same.");
    }
    finding.cause = Some("source-changed");
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(moved.iter().flat_map(|(_, attempt, presented, _)| {
        let issuer = presented.answers.and_then(|at| session.challenge(at)).map(|(issuer, _)| issuer);
        issuer.into_iter().chain([*attempt])
    }));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(attempt));
    vec![finding]
}
