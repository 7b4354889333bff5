//! SA231: the server could not read the credentials.

use std::collections::BTreeSet;

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::AlgorithmFit;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA231",
    name: "malformed-credentials",
    label: "credentials answered 400",
    severity: Severity::High,
    summary: "Credentials were answered with 400: the server could not read them, or the rest of the request",
    finds: "A request with credentials answered 400 Bad Request, where the same request without them had been challenged. What \
            sipauth itself finds odd about them is listed. It is high where something is, or where the reason phrase speaks of \
            them; else it is medium, and the request may be at fault.",
    matters: "The digest was never looked at: the server stumbles over the form. Clients show this as a failed registration, and \
              nobody looks at the header.",
    advice: "Compare the header with what RFC 7616 section 3.4 allows: which values are quoted, that nc and cnonce come with qop, \
             and that no parameter stands twice.",
    not_this: "A 400 to a request without credentials speaks of the request itself, and one behind a 1xx comes from another party. Where \
               the server took credentials of the same form before, with the same method and in the same Call-ID, it can read them.",
    sources: &["RFC 2617 section 3.2.2", "RFC 7616 section 3.4", "RFC 3261 section 21.4.1"],
    sample: "register-quoted-tokens",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let refused: Vec<_> = facts::presented(session)
        .filter(|(_, _, presented)| presented.judgement == Judgement::BadRequest && presented.answers.is_some())
        .collect();
    let Some((index, attempt, presented)) = refused.first().copied() else { return Vec::new() };
    let user = facts::account(&presented.username(), &presented.realm());
    let mut odd: Vec<String> =
        presented.credentials.defects().iter().map(|defect| defect.kind.name().replace('_', " ")).collect();
    if presented.row.known().count() > 1 {
        odd.push("several of them in one line".to_owned());
    } else if stands_beside_another(attempt, presented) {
        odd.push("several of them for one realm".to_owned());
    }
    let found = if odd.is_empty() { String::new() } else { format!(" What is odd about them: {}.", odd.join(", ")) };
    let requests: BTreeSet<usize> = refused.iter().map(|(index, _, _)| *index).collect();
    let reason = attempt.answer().map(|answer| session.text(answer.reason)).unwrap_or_default();
    let is_of_form =
        refused.iter().any(|(_, attempt, presented)| is_odd(session, attempt, presented)) || speaks_of_form(reason);
    let is_explained = |row: &Row<'_, '_>| was_taken_so(session, row) || row.1.is_refused_after_silence();
    if !is_of_form && refused.iter().all(is_explained) {
        return Vec::new();
    }
    let (title, doubt) = match is_of_form {
        true => (format!("The server could not read the credentials of {user}"), ""),
        false => (
            format!("The request of {user} with credentials was answered 400"),
            match credentials_facts::drops_algorithm(session, presented) {
                true => {
                    " They leave out the algorithm that the challenge names: it is MD5 then, and some servers want it in writing. Else it may be the \
                     rest of the request that the server could not read."
                }
                false => {
                    " Nothing about their form is odd: it may be the rest of the request that the server could not read."
                }
            },
        ),
    };
    let mut finding =
        Finding::new(&RULE, title).graded(Severity::High, Confidence::Likely).fault(Fault::Client).explained(format!(
            "The bare request was challenged, and {} with credentials {} answered 400.{found}{doubt}",
            facts::count(requests.len(), &attempt.transaction.method.to_string()),
            if requests.len() == 1 { "was" } else { "were" },
        ));
    if !is_of_form {
        finding = finding.graded(Severity::Medium, Confidence::Possible).fault(Fault::Unknown);
        if credentials_facts::drops_algorithm(session, presented) {
            finding = finding.advises("Let the client write the algorithm of the challenge into its credentials");
        }
        finding = finding
            .advises("Read the reason phrase and the server's log: which header or line of the body it stumbled over");
    }
    finding = finding
        .advises("Compare the header with RFC 7616 section 3.4: quoting, nc and cnonce beside qop, no parameter twice");
    if refused.iter().all(|(_, _, presented)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: the digest fits the one given");
    }
    finding.attempt = facts::lead(session, refused.iter().map(|(index, _, _)| *index)).or(Some(index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(refused.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::status_evidence(session, attempt));
    vec![finding]
}

/// Whether something about the credentials is not as the standards or their challenge want it.
fn is_odd(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let request_uri = attempt.request().map(|request| session.text(request.uri));
    !presented.credentials.is_plain()
        // RFC 7616 §3.4.6: 400 is the answer to a uri that is not that of the request.
        || presented.credentials.uri().as_deref() != request_uri
        || presented.answers.is_none_or(|at| !at.is_same_realm)
        || stands_beside_another(attempt, presented)
        || answer_facts::wrong_header(session, attempt, presented).is_some()
        || credentials_facts::algorithm_fit(session, presented) == Some(AlgorithmFit::NotOffered)
        || credentials_facts::drops_qop(session, presented)
        || credentials_facts::qop_not_offered(session, presented).is_some()
        || credentials_facts::differs_in_opaque(session, presented)
}

/// How many requests back one with the same form is looked for. Bounds the search in endless sessions.
const TAKEN_WITHIN: usize = 64;

/// Whether the same server let credentials of the very same form past before, to a request of the same method: it can read them.
fn was_taken_so(session: &Session<'_>, &(index, attempt, presented): &Row<'_, '_>) -> bool {
    let mut before = session.attempts.iter().take(index).rev().take(TAKEN_WITHIN);
    let is_alike = |other: &Presented<'_>| {
        other.header == presented.header && other.judgement.is_let_past() && has_same_form(other, presented)
    };
    before.any(|other| {
        other.transaction.is_same_hop(attempt.transaction)
            && other.transaction.method == attempt.transaction.method
            && other.is_let_past()
            && other.credentials.iter().any(is_alike)
    })
}

/// Whether both have the same parameters, in the same order and quoted alike.
fn has_same_form(one: &Presented<'_>, other: &Presented<'_>) -> bool {
    let form = |presented: &Presented<'_>| {
        presented
            .credentials
            .params
            .iter()
            .map(|param| (param.name.to_ascii_lowercase(), param.quoted))
            .collect::<Vec<_>>()
    };
    one.credentials.scheme == other.credentials.scheme && form(one) == form(other)
}

/// Whether the header stands there twice for one realm, or holds several credentials in one line.
fn stands_beside_another(attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_same = |other: &&Presented<'_>| {
        other.header == presented.header
            && other.realm() == presented.realm()
            && other.credentials.algorithm() == presented.credentials.algorithm()
    };
    presented.row.known().count() > 1 || attempt.credentials.iter().filter(is_same).count() > 1
}

/// Whether a reason phrase names what is wrong, and that is the credentials (RFC 3261 §21.4.1).
fn speaks_of_form(reason: &[u8]) -> bool {
    let reason = reason.to_ascii_lowercase();
    let words: [&[u8]; 8] =
        [b"auth", b"credential", b"digest", b"nonce", b"realm", b"username", b"response", b"opaque"];
    words.iter().any(|word| memchr::memmem::find(&reason, word).is_some())
}
