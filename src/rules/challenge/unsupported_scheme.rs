//! SA113: a scheme that is not Digest.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA113",
    name: "unsupported-scheme",
    label: "scheme other than Digest",
    severity: Severity::Medium,
    summary: "A server asks for a scheme other than Digest",
    finds: "A challenge whose scheme is neither Digest nor Basic: NTLM, Negotiate, Kerberos, TLS-DSK and the like. It is high where \
            nothing else is offered and the client falls silent, and info where a Digest stands beside it. Bearer, which is \
            standard, is info too.",
    matters: "SIP clients know Digest. Microsoft's servers (OCS, Lync, Skype for Business) ask for NTLM, Kerberos or TLS-DSK, which \
              ordinary phones cannot answer.",
    advice: "Let the server offer Digest, put an SBC between that speaks both, or use a client made for that server. For Bearer, give \
             the client a token server (RFC 8898).",
    not_this: "Basic has a rule of its own, basic-scheme. A header without any scheme is malformed.",
    sources: &["RFC 3261 section 22", "RFC 3261 section 20.44", "RFC 8898 section 2.1"],
    sample: "register-ntlm",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let odd: Vec<(usize, &Attempt<'_>)> = session
        .attempts
        .iter()
        .enumerate()
        .filter(|(_, attempt)| {
            attempt.is_challenged()
                && attempt.challenges.iter().any(|offered| challenge_facts::unsupported_scheme(offered).is_some())
        })
        .collect();
    let Some((_, attempt)) = odd.first().copied() else { return Vec::new() };
    let all_bearer =
        odd.iter().all(|(_, attempt)| schemes(attempt).all(|scheme| scheme.eq_ignore_ascii_case(b"Bearer")));
    let has_digest = odd.iter().all(|(_, attempt)| !challenge_facts::has_only_unsupported_schemes(attempt));
    let names: Vec<String> = schemes(attempt).map(facts::text).collect();
    let server = attempt.transaction.flow().destination.address;
    let mut finding = Finding::new(&RULE, format!("{server} asks for {}, which is not Digest", names.join(" and ")))
        .fault(Fault::Server)
        .explained(if all_bearer {
            "The challenge asks for a Bearer token (RFC 8898): a client without a token server cannot answer it."
                .to_owned()
        } else if has_digest {
            "A client that knows Digest only can answer the challenge beside it.".to_owned()
        } else {
            format!("SIP clients know Digest; {} is spoken by Microsoft's clients and few others.", names.join(" and "))
        })
        .advises(if all_bearer {
            "Give the client a token server, or let the server offer Digest too"
        } else {
            "Let the server offer Digest, or put an SBC between that does"
        });
    finding.frames = facts::frames_of_all(odd.iter().map(|(_, attempt)| *attempt));
    finding.evidence = facts::challenge_evidence(attempt);
    if all_bearer || has_digest {
        finding.severity = Severity::Info;
        return vec![facts::about_server(finding, session, attempt)];
    }
    let silent = challenge_facts::unanswered(session, context)
        .into_iter()
        .filter(|silent| silent.severity > Severity::Info)
        .find(|silent| session.attempts.get(silent.index).is_some_and(challenge_facts::has_only_unsupported_schemes));
    match silent {
        Some(silent) => {
            finding = finding
                .graded(silent.severity, silent.confidence.min(Confidence::Likely))
                .excludes("wrong password: no password was asked for in a form that the client knows");
            finding.explanation.push_str(" This client did not answer.");
            finding.attempt = Some(silent.index);
            finding.subject = facts::subject(session, attempt);
            vec![finding]
        }
        None => vec![facts::about_server(finding, session, attempt)],
    }
}

fn schemes<'a>(attempt: &'a Attempt<'_>) -> impl Iterator<Item = &'a [u8]> {
    attempt.challenges.iter().filter_map(challenge_facts::unsupported_scheme)
}
