//! SA225: quotes where none belong, or none where they do.

use crate::auth::DefectKind;
use crate::auth::Name;
use crate::auth::Params;
use crate::auth::Scheme;
use crate::digest::Verdict;
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
use crate::session::AttemptOutcome;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA225",
    name: "auth-param-quoting",
    label: "quoting",
    severity: Severity::Medium,
    summary: "A parameter of an auth header is quoted that must not be, or the reverse",
    finds: "Digest credentials with algorithm, qop or nc in quotes, with username, realm, nonce, response, cnonce or \
            opaque without, or with doubled quotes; and challenges with algorithm in quotes, or realm, nonce, opaque, \
            domain or qop without. It is low where nobody minds, and high where credentials were refused that have a \
            quotation mark too many behind a value.",
    matters: "Most parsers take either form. Strict ones refuse the header, answer 400, or read another value and \
            compute another digest.",
    advice: "Write each parameter as RFC 7616 sections 3.3 and 3.4 want it. The one who wrote it can be seen by the \
            header: credentials are the client's, challenges the server's.",
    not_this: "The uri is left to uri-malformed and stale to stale-format. Any letter case is right in words without \
            quotes.",
    sources: &["RFC 7616 section 3.3", "RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-quoted-tokens",
    check: Check::Form(check),
};

/// Which parameters are words without quotes, and which stand between quotes (RFC 7616 §3.3, §3.4).
struct Form {
    bare: &'static [Name],
    quoted: &'static [Name],
}

static CREDENTIALS: Form = Form {
    bare: &[Name::Algorithm, Name::Qop, Name::NonceCount, Name::UserHash],
    quoted: &[Name::Username, Name::Realm, Name::Nonce, Name::Response, Name::Cnonce, Name::Opaque, Name::Auts],
};

static CHALLENGE: Form = Form {
    bare: &[Name::Algorithm, Name::UserHash],
    quoted: &[Name::Realm, Name::Nonce, Name::Opaque, Name::Domain, Name::Qop],
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    in_credentials(session, context).into_iter().chain(in_challenges(session)).collect()
}

/// What to do about credentials.
pub(super) const QUOTE_RIGHTLY: &str = "Let the client quote as RFC 7616 section 3.4 says: algorithm, qop and nc without quotes, everything else between them";

fn in_credentials(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let rows = credentials_facts::rows(session, |(_, _, presented)| oddities_of(presented).is_some());
    let (_, _, presented) = rows.first()?;
    let oddities = oddities_of(presented)?;
    // Most servers take either form: that one refuses for it is never more than possible. A mark too many is another matter.
    let (severity, confidence) = match (credentials_facts::grade(&rows), torn(session, &rows)) {
        ((_, Confidence::Proven), _) => (Severity::Low, Confidence::Proven),
        (_, Some(Some(Verdict::Mismatch))) => (Severity::High, Confidence::Possible),
        (_, Some(_)) => (Severity::High, Confidence::Likely),
        _ => (Severity::Medium, Confidence::Possible),
    };
    // Where nobody minds, it is what that make of client does with any account.
    let shared = (!session.has_trouble).then(|| {
        let agent = rows.first().and_then(|(_, attempt, _)| attempt.request()?.user_agent);
        let agent = agent.map(|agent| facts::text(session.text(agent))).unwrap_or_default();
        format!("{agent} {oddities}")
    });
    if let Some(again) = shared.as_ref().and_then(|key| context.said.again(&RULE, key)) {
        let attempt = facts::lead(session, rows.iter().map(|(index, _, _)| *index));
        return Some(Finding { attempt, ..again.graded(severity, confidence).fault(Fault::Client) });
    }
    let finding = Finding::new(&RULE, format!("The credentials are quoted wrongly: {oddities}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "In {}: {oddities}. {}",
            credentials_facts::requests_text(&rows),
            if severity == Severity::High { TORN } else { credentials_facts::outcome_text(&rows) }
        ))
        .advises(QUOTE_RIGHTLY);
    let mut finding = credentials_facts::about(finding, session, &rows);
    if let Some(key) = shared {
        finding = finding.merged_by(key);
    }
    Some(finding)
}

const TORN: &str = "What the header says behind that depends on who reads it: a strict server finds another value there, or none. A digest that does not fit \
     may be right over what the client takes the value for: it proves no wrong password.";

/// Whether a quotation mark too many, which the challenge does not have, stands in credentials that were turned down; and whether a secret fits.
fn torn(session: &Session<'_>, rows: &[Row<'_, '_>]) -> Option<Option<Verdict>> {
    let is_copied = |presented: &Presented<'_>| {
        session.challenge_of(presented).is_some_and(|offered| offered.challenge.params.has_defect(DefectKind::Junk))
    };
    let mut torn = rows.iter().filter(|(_, attempt, presented)| {
        presented.credentials.params.before_stray_quote(&presented.row.value).is_some()
            && credentials_facts::is_turned_down(attempt, presented)
            && !is_copied(presented)
    });
    torn.next().map(|(_, _, presented)| presented.verdict())
}

/// What a server writes into its challenges is said once for all of its clients.
fn in_challenges(session: &Session<'_>) -> Option<Finding> {
    let (index, attempt, offered) = session.attempts.iter().enumerate().find_map(|(index, attempt)| {
        let is_digest = |challenge: &crate::auth::Challenge<'_>| challenge.scheme == Scheme::Digest;
        let mut odd = attempt.challenges.iter().map(|offered| &offered.challenge);
        let found = odd.find(|challenge| is_digest(challenge) && is_odd(&challenge.params, &CHALLENGE))?;
        Some((index, attempt, found))
    })?;
    let oddities = oddities(&offered.params, &CHALLENGE);
    let is_let_past = session.attempts.iter().skip(index).any(|later| later.outcome == AttemptOutcome::Accepted);
    let (severity, confidence) =
        if is_let_past { (Severity::Low, Confidence::Proven) } else { (Severity::Medium, Confidence::Possible) };
    let mut finding = Finding::new(&RULE, format!("The challenge is quoted wrongly: {oddities}"))
        .graded(severity, confidence)
        .fault(Fault::Server)
        .explained(format!("In the challenge: {oddities}. Strict clients do not answer such a challenge, or answer it wrongly."))
        .advises("Let the server quote as RFC 7616 section 3.3 says: algorithm and stale without quotes, everything else between them");
    finding.frames = facts::frames_of(attempt).collect();
    finding.evidence = facts::challenge_evidence(attempt);
    let mut finding = facts::about_server(finding, session, attempt);
    finding.merge = finding.merge.map(|key| format!("{key} {oddities}"));
    Some(finding)
}

fn is_odd(params: &Params<'_>, form: &Form) -> bool {
    wrongly_quoted(params, form).next().is_some() || params.has_defect(DefectKind::DoubledQuotes)
}

/// The parameters that are not written as they should be, with what is wrong. Values that are left out need no quotes.
fn wrongly_quoted<'p>(params: &'p Params<'_>, form: &'p Form) -> impl Iterator<Item = (Name, &'static str)> + 'p {
    let has = |name: Name, quoted: bool| {
        params.get(name).is_some_and(|param| param.quoted == quoted && !param.raw.is_empty())
    };
    let bare = form.bare.iter().filter(move |name| has(**name, true)).map(|name| (*name, "in quotes"));
    let quoted = form.quoted.iter().filter(move |name| has(**name, false)).map(|name| (*name, "without quotes"));
    bare.chain(quoted)
}

/// How credentials are quoted wrongly: a server that reads strictly finds other values there, or none.
pub(super) fn oddities_of(presented: &Presented<'_>) -> Option<String> {
    let params = &presented.credentials.params;
    let stray = params.before_stray_quote(&presented.row.value);
    let stray = stray.map(|param| format!("a quotation mark too many behind {}", facts::text(param.name)));
    let odd = is_odd(params, &CREDENTIALS).then(|| oddities(params, &CREDENTIALS));
    let all: Vec<String> = stray.into_iter().chain(odd).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn oddities(params: &Params<'_>, form: &Form) -> String {
    let mut odd: Vec<String> =
        wrongly_quoted(params, form).map(|(name, what)| format!("{} {what}", name.as_str())).collect();
    if params.has_defect(DefectKind::DoubledQuotes) {
        odd.push("doubled quotes".to_owned());
    }
    odd.join(", ")
}
