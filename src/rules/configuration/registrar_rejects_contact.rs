//! SA502: authentication is not the problem.

use crate::history::PairKey;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::answer_facts;
use crate::rules::facts;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::HeaderName;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA502",
    name: "registrar-rejects-contact",
    label: "refused for another reason",
    severity: Severity::Info,
    summary: "The request failed for another reason than authentication",
    finds: "A REGISTER, SUBSCRIBE, PUBLISH or MESSAGE with credentials for which no others were asked and whose final answer is still \
            an error (423, 402, 420, 408, 503 …), or one that was never challenged, or not any more, and answered 402, 403, 404, 408 or 423; a REGISTER that was never \
            challenged and is refused in whatever way; and calls of a source that are answered 403 without a challenge, and of which none is let past: info, and medium from the third on. It is medium where that is \
            the session's last answer, or nothing follows but bare requests that are challenged, and only possible where the server is in trouble (408, 5xx), where a REGISTER is answered as calls are (480, 486, 603 …), or the digest is known to be wrong.",
    matters: "Looking for a wrong password leads nowhere: the server refuses the contact, the interval, the extension or the account.",
    advice: "Read the status: 423 wants a longer interval (Min-Expires), 402 and 404 speak of the account or extension, 408 and 503 \
             of something behind the server. P-Registrar-Error, where it is there, says what the registrar minds.",
    not_this: "401, 407 and 403 to credentials are about authentication or permission. Final answers to calls (486, 480…) are the \
               called party's.",
    sources: &["RFC 3261 section 10.3", "RFC 3261 section 21.4"],
    sample: "register-423",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let asked = asked(session);
    let all = session.attempts.iter().zip(asked).enumerate();
    let is_failure = |attempt: &Attempt<'_>, asked: Asked| {
        is_other_failure(attempt, asked == Asked::Now)
            && !is_refused_behind(session, attempt)
            && !answers_without_digest(attempt)
    };
    let failed: Vec<_> = all.filter(|(_, (attempt, asked))| is_failure(attempt, *asked)).collect();
    let Some((index, (attempt, asked))) = failed.last().copied() else {
        return unadmitted(session, context).into_iter().collect();
    };
    let status = attempt.status().unwrap_or_default();
    // What was to end expires by itself.
    let is_over = asked == Asked::Before && attempt.is_removal();
    let is_last = is_last(session, index) && !is_over && !answer_facts::has_got_in_soon(session, context, attempt);
    let method = attempt.transaction.method.to_string();
    let is_wrong = attempt.credentials.iter().any(Presented::is_wrong);
    let error = attempt.answer().and_then(|answer| registrar_error(session, answer));
    let is_foreign = attempt.transaction.method == Method::Register && attempt.has_credentials() && is_of_calls(status);
    let is_let_past = !attempt.has_credentials() || error.is_some() || (attempt.is_let_past() && !is_foreign);
    let past = match attempt.has_credentials() {
        true if error.is_some() => "The registrar says what it minds, and it is not the credentials",
        false if asked == Asked::Before => "The server asked for no credentials this time, as it had before",
        false => "The request was never challenged",
        true if is_let_past => "The credentials were let past",
        // Nothing says that it looked at them first.
        true => "The server did not ask for other credentials",
    };
    let (title, confidence) = match is_let_past {
        true => (format!("{method} failed with {status}: authentication is not the problem"), Confidence::Likely),
        false if status == 408 || (status >= 500 && !is_of_request(status)) => {
            (format!("{method} with credentials failed with {status}: the server is in trouble"), Confidence::Possible)
        }
        false => (format!("{method} with credentials failed with {status}"), Confidence::Possible),
    };
    let mut finding = Finding::new(&RULE, title)
        .graded(if is_last { Severity::Medium } else { Severity::Info }, confidence)
        .fault(fault(status))
        .explained(format!("{past}, and the final answer is {status}."))
        .advises(error.and_then(RegistrarError::advice).unwrap_or_else(|| advice(status)));
    if error == Some(RegistrarError::Contacts) {
        finding.fault = Fault::Operator;
    }
    if is_foreign && error.is_none() {
        finding = explain_foreign(finding, attempt);
    }
    if let Some(refusals) = refused_before(context, attempt) {
        finding = suspect_ban(finding, attempt, refusals);
    } else if is_wrong {
        finding.explanation.push_str(" The digest does not fit the secret given.");
    } else if is_let_past {
        finding = finding.excludes("wrong password: the server did not ask for another answer");
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(failed.iter().map(|(_, (attempt, _))| *attempt));
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    vec![finding]
}

/// Refusals of credentials after which servers and what guards them shut a source out.
const REFUSALS_MIN: u64 = 3;

/// How often the server has refused credentials of the source of a bare request that it answers 403, where it took none since.
fn refused_before(context: &Context<'_>, attempt: &Attempt<'_>) -> Option<u64> {
    let flow = attempt.transaction.flow();
    let pair = PairKey { client: flow.source.address, server: flow.destination.address };
    let refusals = context.sources.get(pair)?.conduct.as_deref()?.refusals;
    (attempt.status() == Some(403) && !attempt.has_credentials() && refusals >= REFUSALS_MIN).then_some(refusals)
}

/// Some servers answer a source that they have blocked with 403 in place of silence.
fn suspect_ban(mut finding: Finding, attempt: &Attempt<'_>, refusals: u64) -> Finding {
    let flow = attempt.transaction.flow();
    let (client, server) = (flow.source.address, flow.destination.address);
    finding.title =
        format!("{} failed with 403 after {refusals} refused credentials of {client}", attempt.transaction.method);
    finding.explanation.push_str(&format!(
        " {server} had asked {client} for credentials before, and refused them {refusals} times: it may have blocked the address, or the account, for \
         that."
    ));
    finding.confidence = Confidence::Possible;
    finding.remedy = vec![
        "First correct what was refused: see the findings about the credentials of this source".into(),
        format!("Then see whether {server} has blocked {client} or the account, and lift that, or wait until it ends")
            .into(),
    ];
    finding
}

const GIVE_PASSWORD: &str =
    "Give the password (--user with --ask-password, or --credentials) to learn whether the digest is right";

/// The answer is none of a registrar's own.
fn explain_foreign(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    finding.explanation.push_str(
        " No registrar answers so of itself (RFC 3261 section 10.3): a proxy before it may have put that in the place of a refusal.",
    );
    finding.remedy = vec![
        "Capture behind the server, or read its log: what the REGISTER with credentials was answered there".into(),
    ];
    let is_checked = attempt.credentials.iter().any(|presented| presented.verdict().is_some());
    let may_be_checked = !is_checked && attempt.credentials.iter().any(facts::is_digest);
    if may_be_checked { finding.advises(GIVE_PASSWORD) } else { finding }
}

/// Statuses that speak of a called party, or of a call.
fn is_of_calls(status: u16) -> bool {
    matches!(status, 480 | 484..=488 | 491 | 600..=606)
}

/// What the registrars of Kamailio and OpenSIPS say of a REGISTER that got past authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RegistrarError {
    /// The account has as many contacts as it may have.
    Contacts,
    /// There is a registration under this Call-ID with a CSeq number as high.
    CSeq,
    Other,
}

impl RegistrarError {
    fn advice(self) -> Option<&'static str> {
        match self {
            RegistrarError::Contacts => Some(
                "Let another phone of the account log off, or let the account have more contacts (Kamailio, OpenSIPS: max_contacts)",
            ),
            RegistrarError::CSeq => Some(
                "Let the client count CSeq up within a Call-ID, or take a new Call-ID when it starts: the registrar has seen this number",
            ),
            RegistrarError::Other => None,
        }
    }
}

fn registrar_error(session: &Session<'_>, answer: &Answer) -> Option<RegistrarError> {
    let (_, said) = answer.words().find(|(header, _)| *header == HeaderName::RegistrarError.as_str())?;
    let said = session.text(said).to_ascii_lowercase();
    let says = |word: &[u8]| memchr::memmem::find(&said, word).is_some();
    Some(match (says(b"contacts"), says(b"cseq")) {
        (true, _) => RegistrarError::Contacts,
        (_, true) => RegistrarError::CSeq,
        _ => RegistrarError::Other,
    })
}

/// Attempts behind one among which its next hop is looked for. Bounds the search in endless sessions.
const NEXT_HOP_WITHIN: usize = 64;

/// Whether a server sent the request on, and its credentials were refused there: it is that refusal, in other words.
fn is_refused_behind(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let own = attempt.transaction_index;
    let behind = session.attempts.partition_point(|other| other.transaction_index <= own);
    let next = session.attempts.iter().skip(behind).take(NEXT_HOP_WITHIN);
    let mut refused =
        next.filter(|next| next.transaction.forwarded_from() == Some(own)).flat_map(|next| &next.credentials);
    refused.any(|presented| presented.is_refused() || presented.judgement == Judgement::Forbidden)
}

/// Whether it answers a challenge, and proves nothing: the SIM of an IMS client does so that does not take it (RFC 3310 §3.4).
fn answers_without_digest(attempt: &Attempt<'_>) -> bool {
    attempt.credentials.iter().any(|presented| !presented.is_attempt && presented.nonce.is_some())
}

/// Whether a client was asked for credentials, as far as its request shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// In this exchange, and it has not got in with any since.
    Now,
    /// It has got in since, and its next request was not challenged.
    Before,
    Never,
}

/// Whether the client had been asked, for each attempt of the session in order.
fn asked(session: &Session<'_>) -> Vec<Asked> {
    let of_exchange = |exchange| match session.attempts_of(exchange).any(Attempt::is_challenged) {
        true => Asked::Now,
        false => Asked::Never,
    };
    let mut asked: Vec<Asked> = session.exchanges.iter().map(of_exchange).collect();
    let of_attempt = |attempt: &Attempt<'_>| {
        let Some(known) = asked.get_mut(attempt.exchange) else { return Asked::Never };
        *known = match *known {
            Asked::Before if attempt.is_challenged() => Asked::Now,
            Asked::Now if attempt.has_credentials() && attempt.outcome == AttemptOutcome::Accepted => Asked::Before,
            known => known,
        };
        *known
    };
    session.attempts.iter().map(of_attempt).collect()
}

/// Whether nothing came of what follows a refusal: bare requests, each of which was challenged.
fn is_last(session: &Session<'_>, index: usize) -> bool {
    let exchange = session.attempts.get(index).map(|attempt| attempt.exchange);
    session.attempts.iter().skip(index + 1).all(|later| is_begun_anew(later) && Some(later.exchange) == exchange)
}

fn is_begun_anew(attempt: &Attempt<'_>) -> bool {
    attempt.is_challenged() && !attempt.has_credentials() && facts::shows_credentials(attempt)
}

/// Whether a challenge comes to a client whose credentials were let past, and refused for another reason, and that has begun anew since: it
/// is no silence that kept it out.
pub fn was_refused_before(session: &Session<'_>, index: usize) -> bool {
    let exchange = session.attempts.get(index).and_then(|attempt| session.exchanges.get(attempt.exchange));
    let before = exchange.into_iter().flat_map(|exchange| exchange.attempts.iter().rev().filter(|at| **at <= index));
    let mut before = before.filter_map(|at| session.attempts.get(*at)).take(BEGUN_ANEW_MAX);
    let last = before.find(|before| !is_begun_anew(before));
    last.is_some_and(|last| last.is_let_past() && is_other_failure(last, true))
}

/// How often a client begins anew before nobody looks back any more. Bounds the search in endless sessions.
const BEGUN_ANEW_MAX: usize = 64;

fn is_other_failure(attempt: &Attempt<'_>, was_challenged: bool) -> bool {
    let is_registrar_business =
        matches!(attempt.transaction.method, Method::Register | Method::Subscribe | Method::Publish | Method::Message);
    let Some(status) = attempt.status() else { return false };
    let got_past = attempt.has_credentials()
        && status >= 400
        && !matches!(status, 400 | 401 | 403 | 407 | 482 | 494)
        && !attempt.answer().is_some_and(wants_agreement)
        && !(status == 404 && attempt.transaction.method == Method::Register);
    // What wants an agreement first, or an extension, is told elsewhere. Only to a REGISTER is a redirection the end.
    let is_refusal = match attempt.transaction.method {
        Method::Register if attempt.is_own_hop() => {
            status >= 300 && !matches!(status, 401 | 407 | 420 | 421 | 482 | 494)
        }
        _ => matches!(status, 402 | 403 | 404 | 408 | 423),
    };
    // A request that the capture lacks may have carried credentials.
    let never_asked = facts::shows_credentials(attempt) && !attempt.has_credentials() && !was_challenged && is_refusal;
    is_registrar_business && (got_past || never_asked)
}

/// RFC 3329 §2.3.1: an agreement on security is a story of its own.
fn wants_agreement(answer: &Answer) -> bool {
    answer.requires_agreement() || answer.security_server().is_some()
}

/// Calls of one source that are turned down before they are no matter of the called number any more.
const CALLS_MIN: usize = 3;

/// Calls that a server refuses with 403 and asks nobody for credentials: it knows its callers by their address, and not this one.
fn unadmitted(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let (index, attempt) = session.attempts.iter().enumerate().find(|(_, attempt)| is_turned_down_call(attempt))?;
    let flow = attempt.transaction.flow();
    let pair = PairKey { client: flow.source.address, server: flow.destination.address };
    let known = context.sources.get(pair);
    let has_account = context.accounts.is_client_of(pair.client, pair.server)
        || known.is_some_and(|pair| pair.let_past > 0 || pair.is_admitted || pair.is_authenticated);
    let before = known.and_then(|pair| pair.conduct.as_deref()).map_or(0, |conduct| conduct.calls_turned_down);
    if has_account || session.has_authentication() {
        return None;
    }
    // One or two may be a matter of the numbers that were called; they count once there are more.
    let severity = if before + 1 < CALLS_MIN { Severity::Info } else { Severity::Medium };
    let mut finding = Finding::new(&RULE, format!("{} turns calls of {} down without a challenge", pair.server, pair.client))
        .graded(severity, Confidence::Possible)
        .fault(Fault::Operator)
        .explained(
            "It answers INVITE with 403 and asks for no credentials: where it knows its callers by their address, it does not know this one; \
             else the numbers that were called are barred.",
        )
        .excludes("wrong password: nobody asked for one")
        .advises(format!("See at {} whether it admits the address {} (IP authentication), or barred the number", pair.server, pair.client));
    finding.attempt = Some(index);
    finding.subject = Subject { user: Vec::new(), ..facts::subject(session, attempt) };
    finding.frames = facts::frames_of(attempt).collect();
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    Some(finding.merged_by(format!("{} {}", pair.client, pair.server)))
}

fn is_turned_down_call(attempt: &Attempt<'_>) -> bool {
    let transaction = attempt.transaction;
    transaction.method == Method::Invite
        && attempt.status() == Some(403)
        && transaction.provisional_at().is_none()
        && !attempt.is_in_dialog()
        && attempt.is_own_hop()
        && facts::shows_credentials(attempt)
}

/// RFC 3261 §21.5.2, §21.5.6, §21.5.7: what is asked for is not supported, or is too long.
fn is_of_request(status: u16) -> bool {
    matches!(status, 501 | 505 | 513)
}

fn fault(status: u16) -> Fault {
    match status {
        513 => Fault::Client,
        501 | 505 => Fault::Unknown,
        420 | 421 | 423 => Fault::Client,
        402..=404 => Fault::Operator,
        500..=599 => Fault::Server,
        _ => Fault::Unknown,
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        402 => {
            "Check the extension and the account's state on the server: 402 says that this account may not register now"
        }
        403 => "Check whether the server admits this address or account: it refused without asking for credentials",
        404 => "Compare user and domain of the To URI with the accounts on the server",
        408 => "Look behind the server: it timed out waiting for somebody else",
        420 => {
            "Switch the extension off that the client requires: the answer's Unsupported header names it, and its own Require or Proxy-Require"
        }
        421 => {
            "Let the client support the extension that the answer's Require header names, or do not demand it of this client"
        }
        423 => "Let the client ask for a longer interval: the answer's Min-Expires says how long",
        501 | 505 => {
            "See in the server's log what of the request it does not support: the method, a header, or the version"
        }
        513 => "Make the request shorter: the server takes no message of this length",
        500..=599 => "Look at the server's own log: it failed or is overloaded",
        _ => "Read the reason phrase and the server's log: the request was refused for what it asks, not for who asks",
    }
}
