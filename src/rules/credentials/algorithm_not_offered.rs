//! SA218: an algorithm that the challenge does not offer.

use crate::auth::Name;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::AlgorithmFit;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA218",
    name: "algorithm-not-offered",
    label: "algorithm not offered",
    severity: Severity::Medium,
    summary: "The credentials use an algorithm that the challenge does not offer",
    finds: "Digest credentials whose algorithm is in no challenge of their realm, or is spelled in other letter case. \
            An algorithm that is left out means MD5. It is high where the digest is right all the same and was \
            refused, or where the server answered 400 or stale.",
    matters: "A server checks the digest with the algorithm that it offered: one made with another never fits. A few \
            compare the word byte by byte.",
    advice: "Let the client take the algorithm from the challenge and write it as it stands there. Where the client \
            can do no other, let the server offer the one that it knows.",
    not_this: "The weaker one of several that were offered is weaker-algorithm-chosen. MD5 left out on either side is \
            the same as MD5 written down.",
    sources: &["RFC 7616 section 3.4", "RFC 8760 section 2.4"],
    sample: "register-algorithm-not-offered",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(
        session,
        |(_, _, presented)| matches!(credentials_facts::algorithm_fit(session, presented), Some(fit) if fit != AlgorithmFit::Same),
    );
    let Some((_, _, presented)) = rows.first().copied() else { return Vec::new() };
    let (severity, confidence) = credentials_facts::grade(&rows);
    let sent = credentials_facts::algorithm_text(presented.credentials.params.get(Name::Algorithm).map(|p| p.raw));
    let mut asked: Vec<String> = credentials_facts::offers(session, presented)
        .map(|offered| offered.challenge.params.get(Name::Algorithm).map(|param| param.raw))
        .map(credentials_facts::algorithm_text)
        .collect();
    asked.dedup();
    let asked = asked.join(", ");
    let is_beside = is_offered_beside(session, presented);
    let is_case = credentials_facts::algorithm_fit(session, presented) == Some(AlgorithmFit::OtherCase);
    let (title, severity) = if is_case {
        // Where the server did not mind, nothing is wrong.
        let is_let_past = rows.iter().all(|(_, _, presented)| presented.judgement.is_let_past());
        let worst = if is_let_past { Severity::Info } else { Severity::Medium };
        (format!("The credentials write algorithm {sent}, the challenge {asked}"), severity.min(worst))
    } else if is_beside {
        // A nonce that was made for another algorithm is as good as none.
        let severity = credentials_facts::grade_fatal(&rows).0;
        (format!("The credentials use algorithm {sent} with the nonce of the challenge for {asked}"), severity)
    } else {
        (format!("The credentials use algorithm {sent}, the challenge offers {asked}"), severity)
    };
    // RFC 3261 section 7.3.1: few servers look at the case, and a refusal has other causes as well.
    let confidence = match confidence {
        Confidence::Likely if is_case => Confidence::Possible,
        graded => graded,
    };
    let finding = Finding::new(&RULE, title)
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "The credentials in {} say algorithm {sent}; the challenge offers {asked}.{} {}",
            credentials_facts::requests_text(&rows),
            if is_beside {
                " The same answer asks for the other one as well, with a nonce of its own."
            } else if is_case {
                " Only letter case differs, which RFC 3261 section 7.3.1 allows and strict peers do not."
            } else {
                ""
            },
            credentials_facts::outcome_text(&rows)
        ))
        .advises("Let the client take the algorithm from the challenge, letter by letter");
    vec![credentials_facts::about(finding, session, &rows)]
}

/// Whether the answer that holds the challenge offers the algorithm in another one of the realm, with another nonce.
fn is_offered_beside(session: &Session<'_>, presented: &Presented<'_>) -> bool {
    let Some((asking, answered)) = presented.answers.and_then(|at| session.challenge(at)) else { return false };
    asking.challenges.iter().any(|other| {
        other.realm() == answered.realm()
            && other.nonce != answered.nonce
            && other.challenge.algorithm() == presented.credentials.algorithm()
    })
}
