//! SA204: 403 to credentials.

use crate::base::FrameRef;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::credentials::uri_differs_from_request_uri;
use crate::rules::credentials::username_not_aor;
use crate::rules::credentials_facts;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::rules::server_words;
use crate::session::Attempt;
use crate::session::Behind;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA204",
    name: "forbidden-after-credentials",
    label: "forbidden",
    severity: Severity::High,
    summary: "Credentials were answered with 403 (or 404 to a REGISTER)",
    finds: "A request with credentials answered 403, or a REGISTER with credentials answered 404, without a 1xx from behind the \
            server before it. With a secret that fits, the client is cleared: permission, or another secret on the server; without \
            one the finding is possible: password or permission.",
    matters: "403 has many causes: a registrar sends it when the account may not use that address of record, a proxy when the \
              account may not call there, and some servers in place of a second 401.",
    advice: "Compare From, To and Contact with what the account may use. Look at the account's permissions and at its balance.",
    not_this: "A digest that does not fit is digest-wrong-password. A 403 behind a 180 comes from the called party. One that a B2BUA \
               got for its own call to the same number, and passes back, is about that call: here it is medium, and so is whatever it says where \
               that call was asked for credentials in vain. So is one by another \
               product than the one that asked, by its Server header: it may stand behind that one.",
    sources: &["RFC 3261 section 21.4.4", "RFC 3261 section 10.3"],
    sample: "register-right-digest-403",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let forbidden: Vec<_> =
        facts::presented(session).filter(|(_, _, p)| p.judgement == Judgement::Forbidden && !p.is_wrong()).collect();
    let Some((index, attempt, presented)) = forbidden.first().copied() else {
        return refused_behind(session).into_iter().collect();
    };
    let is_right = presented.verdict() == Some(Verdict::Match);
    // A secret that nobody checked may have been corrected before a later call got through.
    let is_known = |at: &FrameRef| is_right || attempt.request().is_some_and(|request| *at < request.at);
    let let_past = credentials_facts::other_call_let_past(session, context, attempt).filter(is_known);
    let (title, confidence, explanation) = told(attempt, presented, let_past.is_some());
    let mut finding = Finding::new(&RULE, title)
        .graded(Severity::High, confidence)
        .fault(if is_right { Fault::Server } else { Fault::Unknown })
        .explained(explanation);
    let is_unknown = attempt.status() == Some(404) && let_past.is_none();
    if is_unknown {
        finding = finding.advises(
            "See whether the server has an account of that name: compare user and domain of the To URI with its accounts",
        );
    }
    if is_right {
        finding = finding.excludes("wrong password on the client: the digest fits the one given");
        if has_served(session, index, attempt, presented) {
            finding = finding.advises(
                "See whether the server forbids the second use of a nonce, which it had accepted: a 401 with stale=true would \
                 let the client go on",
            );
        }
        if server_words::blame_uri(session, attempt) {
            finding = finding.fault(Fault::Unknown).advises(COMPARE_URI);
        } else if let_past.is_none() && username_not_aor::is_other(session, attempt, presented) {
            finding.fault = Fault::Operator;
            finding.explanation.push_str(
                " The user name is not that of the address: many servers refuse that in this way, and username-not-aor tells which the two are.",
            );
        }
    } else if presented.verdict().is_none() && facts::is_digest(presented) && let_past.is_none() {
        finding = finding.advises(GIVE_PASSWORD);
    }
    finding = match let_past {
        Some(at) => explain_other_call(finding, at),
        None if is_unknown => finding,
        None => finding.advises(CHECK_ADDRESSES),
    };
    if is_right && let_past.is_none() {
        finding = explain_elsewhere(finding, session, attempt, presented);
    }
    // A registrar behind a proxy has the last word on the account, whoever asked.
    let is_behind = |(_, attempt, p): &(usize, &Attempt<'_>, &Presented<'_>)| {
        attempt.transaction.method != Method::Register && session.is_answered_by_other_product(attempt, p)
    };
    if !presented.is_wrong() && forbidden.iter().all(is_behind) {
        finding = finding.graded(Severity::Medium, Confidence::Possible).fault(Fault::Unknown);
        finding.explanation.push_str(OTHER_PRODUCT);
    }
    let is_for_uri = |(index, attempt, p): &(usize, &Attempt<'_>, &Presented<'_>)| {
        !session.is_accepted_later(*index) && uri_differs_from_request_uri::is_blamed(session, attempt, p)
    };
    if forbidden.iter().all(is_for_uri) {
        (finding.explained_by, finding.severity) = (Some(uri_differs_from_request_uri::RULE.name), Severity::Medium);
        finding.fault = Fault::Client;
    }
    finding.attempt = facts::lead(session, forbidden.iter().map(|(index, _, _)| *index));
    finding.subject = credentials_facts::subject(session, attempt, presented);
    finding.frames = facts::frames_of_all(forbidden.iter().map(|(_, attempt, _)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::status_evidence(session, attempt));
    vec![finding]
}

const COMPARE_URI: &str = "Compare the uri of the credentials with the Request-URI, To and From, with all their parameters: the server's words name one of them";

/// Whoever does not know the nonce may say 403, too.
fn explain_elsewhere(
    mut finding: Finding,
    session: &Session<'_>,
    attempt: &Attempt<'_>,
    presented: &Presented<'_>,
) -> Finding {
    let Some(challenger) = answer_facts::sent_elsewhere(session, attempt, presented) else { return finding };
    finding.explanation.push_str(&format!(
        " The client sent them to {}, and {challenger} had challenged it: who does not know the nonce of another server may refuse it with this \
         status as well.",
        attempt.transaction.flow().destination.address
    ));
    finding.confidence = Confidence::Possible;
    finding.remedy.insert(0, answer_facts::STAY_THERE.into());
    finding.fault(Fault::Client)
}

const OTHER_PRODUCT: &str = " Another product answers than the one that asked for these credentials: it may stand behind that one, and refuse for reasons of its own.";

/// A B2BUA let the credentials past and was itself refused behind it, under another Call-ID: for its credentials, or with the status that it
/// passes back.
fn refused_behind<'s, 'run>(session: &'s Session<'run>) -> Option<Finding> {
    let of_behind = |(index, attempt): (usize, &'s Attempt<'run>)| {
        let answer = attempt.answer().filter(|_| attempt.has_credentials())?;
        let behind = answer.behind().filter(|behind| answer.status == 403 || is_of_credentials(*behind))?;
        Some((index, attempt, answer, behind))
    };
    let (index, attempt, answer, behind) = session.attempts.iter().enumerate().find_map(of_behind)?;
    let presented = attempt.credentials.iter().find(|presented| presented.judgement == Judgement::Passed)?;
    let server = attempt.transaction.flow().destination.address;
    let user = facts::account(&presented.username(), &presented.realm());
    // Another status may be about another branch, which rang.
    let confidence = match answer.status != 403 && attempt.transaction.provisional_at().is_some() {
        true => Confidence::Possible,
        false => Confidence::Likely,
    };
    let mut finding = Finding::new(&RULE, format!("{user} was let past, and its call was refused behind {server}"))
        .graded(Severity::Medium, confidence)
        .fault(Fault::Server)
        .explained(format!(
            "{} It passed that back as {} in frame {}.",
            relay_facts::made_behind(server, behind),
            answer.status,
            answer.at.number
        ))
        .excludes("wrong password of this client: the server let it past before it called on")
        .advises(format!(
            "See why the call that {server} made was refused in frame {}: account and permissions of its trunk",
            behind.at.number
        ));
    finding.attempt = Some(index);
    finding.subject = credentials_facts::subject(session, attempt, presented);
    finding.frames = facts::frames_of_all([attempt]);
    finding.frames.push(behind.at);
    finding.frames.sort_unstable();
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    Some(finding)
}

/// Whether a call behind a B2BUA was refused for the credentials of that, or their lack.
fn is_of_credentials(behind: Behind) -> bool {
    matches!(behind.status, 401 | 407)
}

/// The same account got through with another call from the same address.
fn explain_other_call(mut finding: Finding, at: FrameRef) -> Finding {
    finding.explanation.push_str(&format!(
        " The same address got through with credentials in frame {}: it is this call that the server does not want.",
        at.number
    ));
    finding
        .excludes("an account that is unknown or blocked: it got through with another call")
        .advises(format!(
            "Compare the call with the one in frame {}: the number that is called, permission for that destination, how many calls at a time, \
             the balance",
            at.number
        ))
}

const GIVE_PASSWORD: &str =
    "Give the password (--user with --ask-password, or --credentials) to tell password from permission";
const CHECK_ADDRESSES: &str =
    "Check that the account may use the From, To and Contact addresses sent here, and what it is allowed to do";

/// What a refusal leaves open, with a right digest and with one that nobody checked.
type Doubts = (&'static str, &'static str);

const REGISTER_DOUBTS: Doubts = (
    "Either the server does not allow this account what is asked, or it holds another secret and refuses with this status.",
    "So a capture cannot tell a wrong secret from an account that lacks the permission.",
);

/// The same of other requests: where the account registers, these doubts are gone.
const OTHER_DOUBTS: Doubts = (
    "Either the server does not allow this account what it asks for here, or it holds another secret and refuses with this status.",
    "So a capture cannot tell a wrong secret from an account that lacks the permission for this request.",
);

fn doubts(attempt: &Attempt<'_>) -> Doubts {
    match attempt.transaction.method == Method::Register {
        true => REGISTER_DOUBTS,
        false => OTHER_DOUBTS,
    }
}

/// Says that the secret is good where the server accepted credentials of that account from the same client, with another request.
pub fn settle_doubt(finding: &mut Finding, accepted: Option<FrameRef>) {
    let (right, unchecked) = OTHER_DOUBTS;
    let Some(accepted) = accepted else {
        // Then it is as open as that of a REGISTER, and told in the same words.
        finding.explanation =
            finding.explanation.replacen(right, REGISTER_DOUBTS.0, 1).replacen(unchecked, REGISTER_DOUBTS.1, 1);
        return;
    };
    let known = format!(
        "The server accepted credentials of the same account from this client in frame {}: the secret is good, and it is this request that it \
         does not allow.",
        accepted.number
    );
    let is_later = finding.frames.first().is_some_and(|refused| accepted > *refused);
    let Some(doubt) = [right, unchecked].into_iter().find(|doubt| finding.explanation.contains(doubt)) else {
        if !is_later {
            tell_accepted_before(finding, accepted);
        }
        return;
    };
    // What nobody checked may have been corrected before it was accepted.
    if doubt == unchecked && is_later {
        finding.explanation.push_str(&format!(
            " The server accepted credentials of the same account from this client later, in frame {}: the secret was good all the time, or \
             somebody has corrected it.",
            accepted.number
        ));
        return;
    }
    finding.explanation = finding.explanation.replacen(doubt, &known, 1);
    finding.remedy.retain(|advice| advice != GIVE_PASSWORD);
    let excluded =
        "wrong password, or an account that is unknown or blocked: the server accepted it with another request";
    finding.excluded.insert(0, excluded.into());
    if let Some(advice) = finding.remedy.iter_mut().find(|advice| *advice == CHECK_ADDRESSES) {
        *advice = format!(
            "Compare this request with the one in frame {}: what is asked for, the From address, and what the account is allowed to do",
            accepted.number
        )
        .into();
    }
}

/// Says of a REGISTER that the server had accepted the same account from that client before: what it asks for then is no news to the server.
fn tell_accepted_before(finding: &mut Finding, accepted: FrameRef) {
    let before = accepted.number;
    let Some(advice) = finding.remedy.iter_mut().find(|advice| *advice == CHECK_ADDRESSES) else { return };
    *advice = format!(
        "See on the server what became of the account since frame {before}: it may have been disabled, barred or given another password"
    )
    .into();
    finding.explanation.push_str(&format!(" The same account was accepted in frame {before}."));
}

/// What was answered to what, how sure it is what that means, and why.
fn told(attempt: &Attempt<'_>, presented: &Presented<'_>, is_let_past_elsewhere: bool) -> (String, Confidence, String) {
    let status = attempt.status().unwrap_or_default();
    let user = facts::account(&presented.username(), &presented.realm());
    let is_right = presented.verdict() == Some(Verdict::Match);
    if is_right {
        (
            format!("{user} sent the digest of the password given and got {status}"),
            Confidence::Likely,
            match is_let_past_elsewhere {
                true => "The digest fits the secret given: the client holds it, and so does the server.".to_owned(),
                false => format!("The digest fits the secret given: the client holds it. {}", doubts(attempt).0),
            },
        )
    } else if status == 404 {
        (
            format!("{user} sent credentials and got 404: the server does not seem to know the account"),
            Confidence::Possible,
            "The registrar answered credentials with Not Found: it looked for the address of record, and whether it looked \
             at the digest first a capture does not show."
                .to_owned(),
        )
    } else if is_let_past_elsewhere {
        (
            format!("{user} sent credentials and got {status}"),
            Confidence::Possible,
            "The server answered credentials with a final refusal.".to_owned(),
        )
    } else {
        (
            format!("{user} sent credentials and got {status}"),
            Confidence::Possible,
            format!(
                "The server answered credentials with a final refusal, and {}. {}",
                facts::unchecked(presented),
                doubts(attempt).1
            ),
        )
    }
}

/// Whether the same nonce let a request of this kind past before.
fn has_served(session: &Session<'_>, index: usize, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let first = presented.nonce.and_then(|nonce| session.lookup().let_past_first(nonce)).filter(|first| *first < index);
    let first = first.and_then(|first| session.attempts.get(first));
    first.is_some_and(|first| first.transaction.method == attempt.transaction.method)
}
