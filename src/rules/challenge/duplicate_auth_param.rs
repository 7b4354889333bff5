//! SA115: a parameter that stands twice.

use crate::auth::DefectKind;
use crate::auth::Params;
use crate::base::FrameRef;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA115",
    name: "duplicate-auth-param",
    label: "parameter twice",
    severity: Severity::Medium,
    summary: "A parameter stands twice in one challenge or in one set of credentials",
    finds: "A parameter name that appears a second time within one challenge or one set of credentials, in any letter case.",
    matters: "A name may appear once. Readers differ in which of the two they take, so the two sides may hash with different \
              values; strict ones refuse the header with 400.",
    advice: "Find who writes the header, or who adds to it on the way, and let each parameter stand once.",
    not_this: "The same names in a second challenge that is joined to the first by a comma are combined-challenges-one-row.",
    sources: &["RFC 3261 section 7.3.1", "RFC 7616 section 3.4"],
    sample: "register-duplicate-parameter",
    check: Check::Form(check),
};

/// A parameter that stands twice: where, which, and whether the values differ.
struct Duplicate<'s, 'run> {
    index: usize,
    attempt: &'s Attempt<'run>,
    at: FrameRef,
    header: &'static str,
    name: String,
    differs: bool,
    is_challenge: bool,
}

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found: Vec<Duplicate<'_, '_>> =
        session.attempts.iter().enumerate().flat_map(|(index, attempt)| duplicates(index, attempt)).collect();
    let Some(first) = found.first() else { return Vec::new() };
    let of = if first.is_challenge { "challenge" } else { "credentials" };
    let values = if first.differs { "with different values" } else { "with the same value" };
    let mut finding = Finding::new(&RULE, format!("{} stands twice in one {}", first.name, first.header))
        .fault(if first.is_challenge { Fault::Server } else { Fault::Client })
        .explained(format!(
            "The {of} in frame {} {} {} twice, {values}; RFC 3261 section 7.3.1 allows each name once. sipauth takes the first.",
            first.at.number,
            if first.is_challenge { "holds" } else { "hold" },
            first.name
        ))
        .advises("Let the parameter stand once; look for a device that adds it on the way");
    finding.frames = found.iter().map(|duplicate| duplicate.at).collect();
    finding.frames.dedup();
    if first.is_challenge {
        finding.evidence = facts::challenge_evidence(first.attempt);
        return vec![facts::about_server(finding, session, first.attempt)];
    }
    finding.attempt = facts::lead(session, found.iter().map(|duplicate| duplicate.index));
    finding.subject = facts::subject(session, first.attempt);
    let presented = first.attempt.credentials.iter().find(|presented| is_doubled(&presented.credentials.params));
    finding.evidence =
        presented.and_then(|presented| facts::credentials_evidence(first.attempt, presented)).into_iter().collect();
    vec![finding]
}

fn is_doubled(params: &Params<'_>) -> bool {
    params.has_defect(DefectKind::DuplicateParam)
}

fn duplicates<'s, 'run>(
    index: usize,
    attempt: &'s Attempt<'run>,
) -> impl Iterator<Item = Duplicate<'s, 'run>> + use<'s, 'run> {
    let challenges = attempt.answer().into_iter().flat_map(move |answer| {
        let doubled = attempt.challenges.iter().filter(|offered| is_doubled(&offered.challenge.params));
        doubled.map(move |offered| (answer.at, offered.header.challenge_header(), &offered.challenge.params, true))
    });
    let credentials = attempt.request().into_iter().flat_map(move |request| {
        let doubled = attempt.credentials.iter().filter(|presented| is_doubled(&presented.credentials.params));
        doubled.map(move |p| (request.at, p.header.credentials_header(), &p.credentials.params, false))
    });
    challenges.chain(credentials).filter_map(move |(at, header, params, is_challenge)| {
        let (name, differs) = doubled(params)?;
        Some(Duplicate { index, attempt, at, header, name, differs, is_challenge })
    })
}

/// The first name that stands twice, and whether its values differ.
fn doubled(params: &Params<'_>) -> Option<(String, bool)> {
    let defect = params.defects().iter().find(|defect| defect.kind == DefectKind::DuplicateParam)?;
    let second = params.iter().find(|param| param.span == defect.span)?;
    let first = params.iter().find(|param| param.name.eq_ignore_ascii_case(second.name))?;
    Some((facts::text(second.name), first.value() != second.value()))
}
