//! SA234: a right auth-int digest is refused, and qop=auth was not tried.

use crate::auth::Qop;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::facts;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA234",
    name: "auth-int-unsupported-by-server",
    label: "auth-int refused",
    severity: Severity::High,
    summary: "A digest over the body (auth-int) is right and refused, and qop=auth was not tried",
    finds: "Credentials with qop=auth-int whose response is right over the body as captured, that answer the newest challenge and \
            are challenged again without stale, where no credentials with qop=auth were sent for that realm. Needs a secret.",
    matters: "Servers offer auth-int that cannot check it, or check it wrongly: the body hash of Kamailio is unreliable. Nothing \
              that is entered on the client helps.",
    advice: "Take auth-int out of what the server offers, or let the client answer with qop=auth.",
    not_this: "A digest that fits another body is auth-int-body-mismatch. Where qop=auth is refused too, the cause lies elsewhere: \
               digest-ok-but-rejected.",
    sources: &["RFC 7616 section 3.4.3", "RFC 3261 section 22.4", "RFC 8760 section 2.6"],
    sample: "invite-auth-int-refused",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let refused: Vec<_> = facts::presented(session)
        .filter(|(index, attempt, presented)| {
            is_auth_int(presented)
                && presented.verdict() == Some(Verdict::Match)
                && presented.judgement == Judgement::Refused
                && facts::answers_known_challenge(context, presented)
                && answer_facts::wrong_header(session, attempt, presented).is_none()
                && facts::newer_challenge(session, *index, presented).is_none()
                && facts::same_nonce_count(session, *index, presented).is_none()
                && !facts::has_uppercase_response(presented)
        })
        .collect();
    let Some((_, attempt, presented)) = refused.first().copied() else { return Vec::new() };
    let realm = presented.realm();
    let was_auth_tried = facts::presented(session)
        .any(|(_, _, other)| other.credentials.qop() == Some(Qop::Auth) && other.realm() == realm);
    if was_auth_tried {
        return Vec::new();
    }
    let requests: Vec<_> =
        refused.iter().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    let user = facts::account(&presented.username(), &realm);
    let offers_auth =
        session.challenge_of(presented).is_some_and(|offered| offered.challenge.qop().contains(&Qop::Auth));
    let mut finding =
        Finding::new(&RULE, format!("The auth-int digest of {user} is right, and the server refuses it"))
            .graded(Severity::High, Confidence::Likely)
            .fault(Fault::Server)
            .explained(format!(
                "The response in {} is right over the body as sent, with the secret from {}, and answers the newest nonce. The \
                 server challenged again without calling the nonce stale. A server that cannot check a body does that; one that \
                 has another secret does it too, and only an answer with qop=auth would tell them apart.",
                facts::frames_text(&requests),
                facts::source(presented),
            ))
            .excludes("wrong password on the client: the digest fits the one given here")
            .excludes("body changed before this point of the path: the digest covers it, and fits");
    finding = if offers_auth {
        finding.advises("Let the client answer with qop=auth, which the server offers too")
    } else {
        finding.advises("Let the server offer qop=auth: it offers auth-int alone, and the client has no choice")
    };
    finding = finding
        .advises("See whether the server supports auth-int for this method, and whether something behind this point changes the body");
    finding.attempt = facts::lead(session, refused.iter().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(refused.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(attempt));
    vec![finding]
}

fn is_auth_int(presented: &Presented<'_>) -> bool {
    presented.credentials.qop() == Some(Qop::AuthInt)
}
