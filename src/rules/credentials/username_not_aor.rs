//! SA215: the authentication name is not the account's.

use crate::auth::Algorithm;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::rules::server_words;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;
use crate::sip::uri::Uri;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA215",
    name: "username-not-aor",
    label: "user name is not the account",
    severity: Severity::Info,
    summary: "The user name in the credentials is not the user of the From or To address",
    finds: "Digest credentials whose user name is neither the user of the From address (for a REGISTER, of the To \
            address) nor that user with its domain. It is medium where the request was answered 403.",
    matters: "Many systems have an authentication name beside the extension, and that is fine. Others tie the two \
            together and answer 403 although the password is right.",
    advice: "On a 403, see whether this authentication name may use that address: Kamailio calls the refusal a user \
            mismatch, Asterisk looks for the endpoint by either.",
    not_this: "Hashed user names, AKA and the user anonymous are left out.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 10.3"],
    sample: "register-auth-user-differs",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let rows = credentials_facts::rows(session, |(_, attempt, presented)| is_other(session, attempt, presented));
    let is_forbidden = |row: &&credentials_facts::Row<'_, '_>| {
        let (index, attempt, presented) = row;
        attempt.status() == Some(403)
            && !server_words::blame_uri(session, attempt)
            && presented.judgement == Judgement::Forbidden
            && presented.verdict() != Some(Verdict::Mismatch)
            && !session.is_accepted_later(*index)
            && credentials_facts::other_call_let_past(session, context, attempt).is_none()
    };
    let forbidden = rows.iter().find(is_forbidden);
    let Some(row @ (_, attempt, presented)) = forbidden.or(rows.first()).copied() else { return Vec::new() };
    let user = facts::quoted(&presented.username());
    let address = facts::quoted(address(session, attempt).unwrap_or_default());
    let mut finding = Finding::new(&RULE, format!("The user name {user} is not that of the address {address}"))
        .fault(Fault::Unknown)
        .explained(format!("{} authenticates as {user} for {address}.", attempt.transaction.method))
        .advises(
            "Nothing, where the account has an authentication name of its own; else enter the name of the account",
        );
    if forbidden.is_some() {
        finding = finding.graded(Severity::Medium, Confidence::Possible).fault(Fault::Operator);
        finding.explanation.push_str(" The server answered 403: it may not allow this user that address.");
        finding.remedy = vec![
            format!("See on the server whether {user} may use {address}, and correct the one that is wrong").into(),
        ];
    }
    // Each call of a trunk has the address of another caller.
    let key = format!("{} {user} {}", attempt.transaction.flow().source.address, forbidden.is_some());
    let about = if forbidden.is_some() { vec![row] } else { rows };
    vec![credentials_facts::about(finding, session, &about).merged_by(key)]
}

/// Advises what to look at where a registration was refused, nobody knows why, and it names another user than it registers.
pub fn advise(finding: Finding, session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> Finding {
    let is_asked = attempt.transaction.method == Method::Register && is_other(session, attempt, presented);
    let Some(address) = address(session, attempt).filter(|_| is_asked) else { return finding };
    finding.advises(format!(
        "See whether {} is the name by which the server authenticates {}: the client names another user than it registers",
        facts::quoted(&presented.username()),
        facts::quoted(address)
    ))
}

/// The address that a request speaks for.
pub fn address<'run>(session: &Session<'run>, attempt: &Attempt<'_>) -> Option<&'run [u8]> {
    let request = attempt.request()?;
    Some(session.text(if attempt.transaction.method == Method::Register { request.to } else { request.from }))
}

/// Whether the user name is not that of the address which the request speaks for.
pub fn is_other(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let (Some(request), name) = (attempt.request(), presented.username()) else { return false };
    let (from, to) = (session.text(request.from), session.text(request.to));
    // Mostly it is the user of From, as it stands.
    if *name == *Uri::user_of(from) {
        return false;
    }
    let is_named = |address: &[u8]| {
        let uri = Uri::parse(address);
        // Whoever hides the caller's name authenticates as himself all the same (RFC 3323 §4.1.1.3).
        let is_hidden = uri.user.eq_ignore_ascii_case(b"anonymous");
        is_hidden
            || uri.user.is_empty()
            || *name == *uri.user
            || *name == *uri.plain_user()
            || is_user_at_host(&name, &uri)
    };
    let is_register = attempt.transaction.method == Method::Register;
    !name.is_empty()
        && !presented.credentials.userhash()
        && presented.credentials.username_star().is_none()
        && !name.eq_ignore_ascii_case(b"anonymous")
        && !matches!(presented.credentials.algorithm(), Algorithm::Aka { .. })
        && !is_named(from)
        && !(is_register && is_named(to))
}

/// `user@domain`, with or without the scheme.
fn is_user_at_host(name: &[u8], uri: &Uri<'_>) -> bool {
    let named = Uri::parse(name);
    named.plain_user() == uri.plain_user() && !named.host.is_empty()
}
