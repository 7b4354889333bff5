//! SA201: the digest does not fit the password given, and the server refused it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::auth::Qop;
use crate::base::FrameNumber;
use crate::base::FrameRef;
use crate::base::network::is_private;
use crate::digest::Verdict;
use crate::digest::near_miss::Closest;
use crate::history::Shown;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::OF_RULE_MAX;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::credentials::response_malformed;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::rules::tell_more;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA201",
    name: "digest-wrong-password",
    label: "wrong password",
    severity: Severity::High,
    summary: "The digest was not made with the password given, and the server refused it",
    finds: "Credentials whose response differs from the one recomputed with the secret given for that user and realm, and that no \
            single changed input makes right, answered with 401, 403 or 407. Needs a secret. It is medium where the same client got in \
            later under the same Call-ID with a digest that fits, or was let past with one, or, for REGISTER, within five minutes under another one, for good and from the same port.",
    matters: "This is the one case in which wrong password is the right word. Either the client holds another secret, or the one \
              given to sipauth is not the one in use: the text says so, and which of them where the server accepted a digest of the \
              secret given elsewhere in the capture.",
    advice: "Enter the password again on the client. Look for a blank at the end, changed letter case, a key that provisioning \
             put back, or an account with the same name in another realm.",
    not_this: "A digest that fits but is refused is digest-ok-but-rejected. One that fits with one changed input is \
               digest-near-miss, and one that is no digest response-malformed. A wrong realm, nonce or header is told by the rules of \
               those names: the digest is checked over what was sent.",
    sources: &["RFC 3261 section 22.4", "RFC 7616 section 3.4.1"],
    sample: "register-wrong-password-loop",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let wrong = facts::presented(session)
        .filter(|(_, _, presented)| presented.verdict() == Some(Verdict::Mismatch) && facts::is_turned_away(presented))
        .filter(|(_, attempt, presented)| !relay_facts::was_right_before(session, attempt, presented))
        .filter(|(_, attempt, presented)| response_malformed::fault_of(attempt, presented).is_none());
    let mut by_account: BTreeMap<_, Vec<Row<'_, '_>>> = BTreeMap::new();
    for row in wrong {
        by_account.entry((row.2.username(), row.2.realm())).or_default().push(row);
    }
    let mut accounts: Vec<_> = by_account.into_values().collect();
    // In the order in which they were seen.
    accounts.sort_by_key(|wrong| wrong.first().map(|(index, _, _)| *index));
    let more = accounts.len().saturating_sub(OF_RULE_MAX);
    accounts.truncate(OF_RULE_MAX);
    let mut findings: Vec<Finding> =
        accounts.into_iter().filter_map(|mine| finding((session, context), &mine)).collect();
    tell_more(&mut findings, more);
    findings
}

fn finding((session, context): (&Session<'_>, &Context<'_>), mine: &[Row<'_, '_>]) -> Option<Finding> {
    let mine = || mine.iter();
    let (_, attempt, presented) = mine().next().copied()?;
    let requests: Vec<_> = mine().filter_map(|(_, attempt, _)| attempt.request().map(|request| request.at)).collect();
    let name = facts::account(&presented.username(), &presented.realm());
    let mut finding = Finding::new(&RULE, format!("The digest was not made with the password given for {name}"))
        .graded(Severity::High, Confidence::Likely)
        .fault(Fault::Client)
        .explained(format!(
            "The response in {} differs from the one computed with the secret from {} and the user name, realm, nonce and uri as sent. {EITHER}",
            facts::frames_text(&requests),
            facts::source(presented),
        ));
    let untried = mine().filter(|(_, _, presented)| presented.closest == Closest::NotLooked).count();
    match mine().find_map(|(_, _, presented)| tried(&presented.closest)) {
        Some(text) if untried == 0 => finding.explanation.push_str(text),
        Some(text) => {
            finding.explanation.push_str(text);
            finding.explanation.push_str(&format!(
                "{SOME_TRIED} {} of the {} digests.",
                requests.len() - untried,
                requests.len()
            ));
        }
        None => finding.explanation.push_str(NOT_TRIED),
    }
    if presented.credentials.qop() == Some(Qop::AuthInt) {
        finding
            .explanation
            .push_str(" With qop=auth-int the body counts too: one that was changed on the way looks the same.");
    }
    finding.attempt = facts::lead(session, mine().map(|(index, _, _)| *index));
    finding.subject = credentials_facts::subject(session, attempt, presented);
    finding.frames = requests;
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    let last = mine().next_back();
    let got_in = last.and_then(|last| corrected(session, last)).map(|(status, at)| match status {
        200..=299 => format!("A later response fits that secret and was accepted in frame {at}: the client has the right one since, and got in."),
        _ => format!("A later response fits that secret and was let past, with {status} in frame {at}: the client has the right one since."),
    });
    let got_in = got_in.or_else(|| {
        let later = last.and_then(|(_, attempt, sent)| corrected_elsewhere((session, context), attempt, sent))?;
        Some(format!(
            "The same client was accepted {} later under another Call-ID, and not turned away since: somebody has corrected the secret.",
            facts::duration_text(later)
        ))
    });
    if let Some(got_in) = got_in {
        finding.severity = Severity::Medium;
        finding.explanation.push_str(&format!(" {got_in}"));
        return Some(finding.advises(MADE_GOOD));
    }
    finding = finding
        .advises("Enter the secret again on the client; look for a trailing space, changed case, or an old secret kept by provisioning")
        .advises(MAKE_SURE);
    Some(finding)
}

const EITHER: &str = "Either the client holds another secret, or the one given here is not the one in use.";
const MAKE_SURE: &str = "Make sure that the secret given to sipauth is the one that the server has for this account";

/// Says that the client holds the wrong one of the two secrets: the server accepted a digest of the one given, from whomever.
pub fn blame_client(finding: &mut Finding, accepted: FrameRef) {
    let is_before = finding.frames.first().is_none_or(|wrong| accepted < *wrong);
    let frame = accepted.number;
    let instead = match is_before {
        true => format!(
            "The server accepted a digest of that secret in frame {frame}: the client holds another one here, unless the account's was \
             changed in between."
        ),
        false => format!(
            "The server accepts a digest of that secret later, in frame {frame}: the client held another one here, unless the account's \
             was changed in between."
        ),
    };
    if !is_corrected(finding) {
        finding.explanation = finding.explanation.replacen(EITHER, &instead, 1);
        finding.remedy.retain(|advice| advice != MAKE_SURE);
    }
}

/// A right digest of the same client and account behind the last wrong one that was let past, and how it was answered.
fn corrected(
    session: &Session<'_>,
    &(last, wrong, sent): &(usize, &Attempt<'_>, &Presented<'_>),
) -> Option<(u16, FrameNumber)> {
    // Where right ones came between, two secrets are in use by turns.
    let mut right = facts::presented(session).filter(|(_, attempt, presented)| {
        presented.verdict() == Some(Verdict::Match)
            && presented.judgement.is_let_past()
            && attempt.transaction.method == wrong.transaction.method
            && attempt.transaction.is_same_hop(wrong.transaction)
            && presented.username() == sent.username()
            && presented.realm() == sent.realm()
    });
    let (_, accepted, _) = right.next().filter(|(index, _, _)| *index > last)?;
    accepted.answer().map(|answer| (answer.status, answer.at.number))
}

/// Whoever corrects a secret does so while he is at it.
const CORRECTED_WITHIN: Duration = Duration::from_secs(300);

/// How long behind the last wrong digest the same account got in under another Call-ID: from the same port where there is one, or from the
/// same private address. That is most often one phone, which was restarted; a public one may stand for several behind a NAT.
fn corrected_elsewhere(
    (session, context): (&Session<'_>, &Context<'_>),
    wrong: &Attempt<'_>,
    sent: &Presented<'_>,
) -> Option<Duration> {
    // A call that failed stays one, and who got in under this Call-ID was told from the wrong one by its user name.
    if wrong.transaction.method != Method::Register || session.is_let_past() {
        return None;
    }
    let key = facts::account_key(session, wrong)?;
    let flow = wrong.transaction.flow();
    let purposes =
        [Method::Register, Method::Invite].map(|method| context.accounts.purpose(method.as_bytes(), &sent.realm()));
    let refused = Shown {
        time: wrong.request()?.time,
        purpose: *purposes.first()?,
        server: context.accounts.server(flow.destination.address),
        port: if is_private(flow.source.address) { 0 } else { flow.source.port },
    };
    let since = context.accounts.got_in_for_good(&key, refused, &purposes, (CORRECTED_WITHIN, context.end))?;
    Some(since.since(refused.time))
}

const MADE_GOOD: &str =
    "Nothing, where somebody corrected the secret in between; else look for what made the client send another one";

/// Whether the client of a finding has the right secret since.
pub fn is_corrected(finding: &Finding) -> bool {
    finding.remedy.iter().any(|advice| advice == MADE_GOOD)
}

const NOT_TRIED: &str = " Changed inputs were not tried: searches for them have reached their limit.";
const NONE_FITS: &str = " No single change to what was hashed makes it fit: another realm, uri, method, user name or form of the password, among others.";
const SOME_TRIED: &str = " The changes were tried with";
const NONE_FITS_BY_HA1: &str =
    " No single change that can be tried with an HA1 makes it fit; with the password more can be tried.";

/// What is said of a search that found nothing, or was not made: the first digests of an account are searched, and nothing else tells
/// the others from them.
pub const SEARCHED: [&str; 3] = [NONE_FITS, NONE_FITS_BY_HA1, NOT_TRIED];

/// Whether all digests of a finding were searched, and none is a near miss of a secret given.
pub fn is_searched(finding: &Finding) -> bool {
    finding.explanation.contains(NONE_FITS) && !finding.explanation.contains(SOME_TRIED)
}

/// What the search for a near miss adds.
fn tried(closest: &Closest) -> Option<&'static str> {
    match closest {
        Closest::Nothing { all_tried: true } => Some(NONE_FITS),
        Closest::Nothing { all_tried: false } => Some(NONE_FITS_BY_HA1),
        Closest::Several => {
            Some(" Several changed inputs make it fit, each with another of the secrets given: none is told.")
        }
        Closest::NotLooked | Closest::One(_) => None,
    }
}
