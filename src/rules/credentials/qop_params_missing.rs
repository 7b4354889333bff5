//! SA224: qop without cnonce and nc, or those without qop.

use crate::auth::Name;
use crate::digest::Verdict;
use crate::digest::near_miss::Variant;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA224",
    name: "qop-params-missing",
    label: "qop parameters missing",
    severity: Severity::Medium,
    summary: "The credentials have a qop without cnonce or nc, or one of these without a qop",
    finds: "Digest credentials with qop and without cnonce or nc, or with cnonce or nc and without qop. It is high \
            where the digest was made without qop and fits the secret given, and was refused, or where the server answered \
            400 or stale.",
    matters: "With qop, both go into the digest: a server that misses one cannot compute the response, and most answer \
            400 or challenge again.",
    advice: "Update the client: whoever writes qop writes cnonce and nc too, and whoever leaves qop out leaves them \
            out.",
    not_this: "Empty values, as after qop= and nc=, count as left out. A -sess algorithm needs its cnonce without qop \
            too. A nonce count of the wrong width is nc-malformed.",
    sources: &["RFC 7616 section 3.4", "RFC 2617 section 3.2.2"],
    sample: "register-qop-without-cnonce",
    check: Check::Form(check),
};

/// What to do about it.
pub(super) const ALL_OR_NONE: &str = "Let the client write qop, cnonce and nc together, or none of them";

/// Parameters that stand there without the qop that they belong to: a server may take that for the newer form, and compute another digest.
pub(super) fn left_without_qop(presented: &Presented<'_>) -> Option<String> {
    let (has_qop, names) = credentials_facts::misplaced_qop_params(presented)?;
    (!has_qop).then(|| format!("{} without a qop", listed(&names)))
}

fn listed(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(" and ")
}

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, _, presented)| {
        credentials_facts::misplaced_qop_params(presented).is_some()
    });
    let Some((_, _, presented)) = rows.first().copied() else { return Vec::new() };
    let is_left_out = |(_, attempt, presented): &credentials_facts::Row<'_, '_>| {
        presented.verdict() == Some(Verdict::NearMiss(Variant::QopIgnored))
            && credentials_facts::is_turned_down(attempt, presented)
    };
    let (severity, confidence) = match rows.iter().any(is_left_out) {
        true => (Severity::High, Confidence::Likely),
        false => credentials_facts::grade(&rows),
    };
    let Some((has_qop, names)) = credentials_facts::misplaced_qop_params(presented) else { return Vec::new() };
    let names = listed(&names);
    let (title, severity) = if has_qop {
        (format!("The credentials have a qop and no {}", names.replace("and", "or")), severity)
    } else {
        (format!("The credentials have {names} and no qop"), severity.min(Severity::Medium))
    };
    // A right digest that is refused may be refused for this: no more is known, as that finding says.
    let is_right = |(_, _, presented): &credentials_facts::Row<'_, '_>| presented.verdict() == Some(Verdict::Match);
    let confidence = match confidence {
        Confidence::Likely if !has_qop && rows.iter().any(is_right) && !rows.iter().any(is_unread) => {
            Confidence::Possible
        }
        confidence => confidence,
    };
    let finding = Finding::new(&RULE, title.clone())
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "{title} ({}). {}",
            credentials_facts::requests_text(&rows),
            credentials_facts::outcome_text(&rows)
        ))
        .advises(ALL_OR_NONE);
    vec![credentials_facts::about(finding, session, &rows)]
}

/// Whether the server says itself that it could not read the request.
fn is_unread((_, _, presented): &credentials_facts::Row<'_, '_>) -> bool {
    presented.judgement == Judgement::BadRequest
}
