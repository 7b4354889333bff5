//! SA102: challenged, and that was the last of it.

use std::time::Duration;

use crate::auth::Credentials;
use crate::auth::parse_credentials;
use crate::base::FrameNumber;
use crate::base::Notice;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::challenge_facts;
use crate::rules::challenge_facts::Circumstance;
use crate::rules::challenge_facts::Unanswered;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::rules::recovery;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::CredentialsRow;
use crate::session::Presented;
use crate::session::Request;
use crate::session::Session;
use crate::session::TextId;
use crate::session::Transaction;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA102",
    name: "challenge-unanswered",
    label: "challenge never answered",
    severity: Severity::High,
    summary: "A challenge was never answered",
    finds: "A 401 or 407 after which no request with credentials for that realm follows in the same Call-ID (for REGISTER and its \
            like also from the same address of record and source) within 32 s, while the capture goes on. Where the capture ends \
            earlier, the finding is medium and possible, and says how long it went on. Where the challenge itself shows why, the \
            cause says so: scheme, algorithm, qop, second-realm, late-challenge or challenge-kind. Where the capture lacks the request \
            that was challenged, or its headers, it is medium and possible. Where the client goes on to repeat its request over \
            UDP for a second or more, the challenge did not reach it, and the fault is the path's.",
    matters: "The client was asked and did not answer: it has no credentials for that realm, does not know the header or the \
              algorithm, or never got the challenge.",
    advice: "Set user name and password for the realm named in the challenge. Where a REGISTER was challenged with 407, or two \
             algorithms were offered, check that the client knows them. A second realm behind a first one needs an account of \
             its own.",
    not_this: "The same request sent again without credentials is retry-without-credentials. A challenge of which ICMP \
               says that it did not come to the client is blamed on who does not listen, or lets nothing through; and where the client then tried TCP and was refused, on the server. OPTIONS and NOTIFY pings want any \
               answer and are info. A challenge without a header that could be answered is challenge-header-missing. A call \
               that was cancelled, or that another branch of a forking proxy won, needs no answer. Whoever is asked within a \
               dialog by the one who began it need not answer: that is medium. So is a log-off (Expires: 0) of a client that is \
               gone: what it was to end expires by itself.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3", "RFC 3261 section 17.1"],
    sample: "invite-second-realm-unanswered",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let unanswered = challenge_facts::unanswered(session, context);
    unanswered.into_iter().filter_map(|unanswered| finding(session, context, &unanswered)).collect()
}

const NOTHING_SENT: &str = "wrong password: no digest was sent in answer to this challenge";

fn finding(session: &Session<'_>, context: &Context<'_>, unanswered: &Unanswered) -> Option<Finding> {
    let &Unanswered { index, severity, confidence, gap, is_lost, notice } = unanswered;
    let attempt = session.attempts.get(index)?;
    let answer = attempt.answer()?;
    let is_proven = gap >= facts::ANSWER_WITHIN;
    let asked = attempt.challenges.first()?.realm();
    let method = attempt.transaction.method.to_string();
    let ending = match is_proven {
        _ if notice.is_some() => "the challenge did not arrive",
        true => "never answered",
        false => "the capture ends before an answer",
    };
    let who = challenge_facts::who(session, attempt);
    let title = format!("{who} was challenged for realm {} and {ending}", facts::quoted(&asked));
    let gap = facts::duration_text(gap);
    let silence = if is_proven {
        format!("No request with credentials for it followed, although the capture goes on for {gap}.")
    } else {
        format!("No request with credentials for it follows, but the capture ends {gap} after the challenge.")
    };
    let is_seen = facts::shows_credentials(attempt);
    let fault = match is_seen {
        _ if is_lost => challenge_facts::lost(attempt, context).1,
        _ if attempt.is_unheard() => Fault::Path,
        true => Fault::Client,
        false => Fault::Unknown,
    };
    let mut finding = Finding::new(&RULE, title).graded(severity, confidence).fault(fault);
    finding.explanation =
        format!("The {} to {method} in frame {} asks for credentials. {silence}", answer.status, answer.at.number);
    if !is_seen {
        finding.explanation.push_str(
            " The request that was challenged is not in the capture, or not whole: it may have carried credentials that the server refused.",
        );
    }
    if let Some(notice) = notice {
        finding = path_facts::tell_bounced(attempt, notice, finding);
        if !attempt.has_credentials() {
            finding = finding.excludes(NOTHING_SENT);
        }
    } else if is_lost {
        finding
            .explanation
            .push_str(&format!(" {}: the answer may have been among them.", challenge_facts::lost(attempt, context).0));
        if !attempt.transaction.transport.is_reliable() {
            finding = finding.advises("Look for the path that loses fragments; TCP, or a shorter request, avoids them");
        }
    } else if attempt.is_unheard() {
        finding = explain_unheard(finding, attempt);
    } else {
        finding = explain_circumstances(session, finding, attempt);
    }
    if let Some(refused) = path_facts::refused_connection(attempt, context) {
        finding = explain_refused(finding, attempt, refused);
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames.extend(facts::frames_of_all([attempt]));
    finding.frames.sort_unstable();
    finding.evidence = facts::challenge_evidence(attempt);
    Some(finding)
}

/// Whether a challenge is proven to be without an answer: the capture goes on long enough, and nothing settled it.
pub fn is_proven(session: &Session<'_>, context: &Context<'_>, index: usize) -> bool {
    let Some(attempt) = session.attempts.get(index) else { return false };
    attempt.outcome == AttemptOutcome::Challenged
        && facts::capture_after(attempt, context) >= facts::ANSWER_WITHIN
        && !is_settled(session, context, index)
}

/// Answered after all: by credentials, by an acceptance without any, or called off.
pub fn is_settled(session: &Session<'_>, context: &Context<'_>, index: usize) -> bool {
    let Some(attempt) = session.attempts.get(index) else { return true };
    let with_nonce = |used: &Presented<'_>| attempt.challenges.iter().any(|offered| offered.nonce == used.nonce);
    // The ACK copies what its INVITE had, which the capture lacks.
    let is_acknowledged_with = attempt.ack_credentials.iter().any(|used| used.nonce.is_some() && with_nonce(used));
    if is_acknowledged_with
        || facts::is_answered_in_call_id(session, index)
        || context.lost.iter().any(|lost| lost.retries(attempt))
    {
        return true;
    }
    let is_answered_elsewhere =
        matches!(attempt.transaction.method, Method::Register | Method::Message | Method::Subscribe | Method::Publish)
            && facts::account_key(session, attempt)
                .zip(attempt.answer())
                .is_some_and(|(key, answer)| context.accounts.has_presented(&key, answer.time, facts::ANSWER_WITHIN));
    facts::is_cancelled(session, attempt)
        || is_answered_elsewhere
        || is_answered_later(session, context, attempt)
        || is_answered_under_other_call_id(context, attempt)
        || goes_on_elsewhere(session, attempt)
        || recovery::has_other_branch_won(session, attempt)
}

/// Whether the Call-ID goes on behind its long silence, and answers with the very nonce: somebody typed the password first.
fn is_answered_later(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    // An ACK has the credentials of its INVITE, which the capture may lack.
    let is_call = attempt.transaction.method == Method::Invite;
    let since = attempt.answer().map(|answer| answer.time).filter(|_| is_call).unwrap_or(session.run.last_seen);
    let mut nonces = attempt.challenges.iter().filter_map(|offered| context.nonces.get(offered.nonce?));
    nonces.any(|nonce| context.nonces.is_used_after(nonce, &session.run.call_id, since))
}

/// Whether the client went on with the very nonce under another Call-ID: dialog-identity-changed tells that story.
fn is_answered_under_other_call_id(context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let mut nonces = attempt.challenges.iter().filter_map(|offered| context.nonces.get(offered.nonce?));
    nonces.any(|nonce| nonce.moved_to().is_some())
}

/// Requests behind a challenge that are looked at for its realm, on whatever hop. Bounds the search in endless sessions.
const GOES_ON_WITHIN: usize = 64;

/// A challenge is answered at once.
const HANGS_UP_WITHIN: Duration = Duration::from_secs(2);

/// Whether a request of the same client on any hop has the nonce or answers the realm, the server accepts one that the capture lacks, or
/// the other side has ended the dialog.
fn goes_on_elsewhere(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    let (Some(asked), Some(request)) = (attempt.answer(), attempt.request()) else { return false };
    let tag = |tag: Option<TextId>| tag.map(|tag| session.text(tag));
    let later = session.run.transactions.iter().filter(|other| other.started() >= Some(asked.time));
    let is_own = |other: &&Request| tag(other.from_tag) == tag(request.from_tag);
    let own = later.filter_map(|other| other.request.as_ref()).filter(is_own).take(GOES_ON_WITHIN);
    if own.flat_map(|request| &request.credentials).any(|row| answers(attempt, row)) {
        return true;
    }
    let is_late = |other: &Transaction| {
        let is_from_server = other.flow.source.address == attempt.transaction.flow.destination.address;
        other.request.is_none() && other.method == attempt.transaction.method && !is_from_server
    };
    // Who hears that the call is over has no more to say, unless it had time to.
    let hangs_up = |other: &Transaction| {
        let apart = other.started().map(|started| started.since(asked.time).max(asked.time.since(started)));
        let from = other.request.as_ref().map(|request| tag(request.from_tag));
        let is_other_side = request.to_tag.is_some() && from == Some(tag(request.to_tag));
        other.method == Method::Bye && is_other_side && apart.is_some_and(|apart| apart < HANGS_UP_WITHIN)
    };
    let accepted = |other: &&Transaction| {
        other.answer.as_ref().is_some_and(|answer| (200..=299).contains(&answer.status) && answer.time >= asked.time)
    };
    session.run.transactions.iter().filter(accepted).any(|other| is_late(other) || hangs_up(other))
}

/// Whether a row of credentials has the nonce of an attempt's challenge, or names its realm.
fn answers(attempt: &Attempt<'_>, row: &CredentialsRow) -> bool {
    let mut nonces = row.known().filter_map(|known| known.nonce);
    nonces.any(|nonce| attempt.challenges.iter().any(|offered| offered.nonce == Some(nonce)))
        || parse_credentials(&row.value).iter().any(|sent| has_realm(attempt, sent))
}

fn has_realm(attempt: &Attempt<'_>, sent: &Credentials<'_>) -> bool {
    !sent.is_ims_initial() && sent.realm().is_some_and(|realm| attempt.offers_realm(&realm))
}

/// The client was about to answer over TCP.
fn explain_refused(mut finding: Finding, attempt: &Attempt<'_>, refused: Notice) -> Finding {
    let server = refused.what.flow.destination;
    finding.explanation.push_str(&format!(
        " The client then tried to connect to {server} over TCP and was refused (TCP RST, frame {}): with credentials the request may be too \
         long for UDP.",
        refused.at.number
    ));
    finding.frames.push(refused.at);
    finding.confidence = finding.confidence.min(Confidence::Likely);
    finding.remedy = vec![
        format!(
            "Let the server accept TCP on {server}, or shorten the client's {} to 1300 bytes with its credentials",
            attempt.transaction.method
        )
        .into(),
    ];
    finding.fault(Fault::Server)
}

/// A client that has an answer does not repeat its request.
fn explain_unheard(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let transaction = attempt.transaction;
    let since = attempt.answer().map(|answer| transaction.last_sent.since(answer.time)).unwrap_or_default();
    finding.explanation.push_str(&format!(
        " The client went on to repeat the very request for {}, which was sent {} times in all: the challenge never came to it, or it \
         could not tell what that answers.",
        facts::duration_text(since),
        transaction.retransmissions() + 1,
    ));
    if !attempt.has_credentials() {
        finding = finding.excludes(NOTHING_SENT);
    }
    finding.advises("Look at the way back to the client: NAT, rport, firewall, the address in Via").advises(
        "Capture at the client: where the challenge arrives there, compare its Via branch and CSeq with the request's",
    )
}

/// What about this challenge the client may not have liked.
fn explain_circumstances(session: &Session<'_>, mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let circumstance = challenge_facts::circumstance(session, attempt);
    finding.cause = circumstance.map(Circumstance::name);
    if challenge_facts::is_second_realm(session, attempt) {
        finding = explain_second_realm(session, finding, attempt);
    }
    if circumstance == Some(Circumstance::Scheme) {
        finding = finding.fault(Fault::Server).advises("Let the server offer Digest: SIP clients know no other scheme");
    }
    if circumstance == Some(Circumstance::Qop) {
        finding.confidence = finding.confidence.min(Confidence::Likely);
        finding.explanation.push_str(" The challenge offers no qop but auth-int, which most clients do not know.");
        finding = finding.fault(Fault::Unknown).advises("Let the server offer qop=\"auth\", alone or before auth-int");
    }
    if challenge_facts::is_late(attempt) {
        finding.explanation.push_str(
            " The call was under way: a provisional response came before the challenge, and some clients take no challenge after one.",
        );
    }
    if challenge_facts::is_asked_by_caller(session, attempt) {
        finding.explanation.push_str(
            " The one who asks is the one who began the dialog: unless that is the client's own server, not to answer is right.",
        );
    }
    let method = &attempt.transaction.method;
    match attempt.status() {
        Some(407) if *method == Method::Register => finding = finding.advises("Many phones know only 401 for REGISTER: let the registrar answer 401 (VOS3000: SS_AUTHCHALLENGEMODE 1 or 3)"),
        Some(401) if *method != Method::Register => finding = finding.advises(format!("A server that can choose may try 407, which callers expect for {method}, or both (VOS3000: SS_AUTHCHALLENGEMODE 2 or 3)")),
        _ => {}
    }
    if let Some(algorithm) = challenge_facts::demanding_algorithm(session, attempt) {
        finding = finding.advises(challenge_facts::algorithm_advice(attempt, &algorithm));
    }
    if session.attempts.iter().all(|attempt| facts::shows_credentials(attempt) && !attempt.has_credentials()) {
        finding = finding.excludes("wrong password: no digest was ever sent");
    }
    if attempt.is_removal() {
        finding.explanation.push_str(
            " The request was to end a registration or subscription, which now stays until it expires: a client that is switched off does not wait.",
        );
        return finding.advises(
            "Nothing, where the client was switched off; else let it answer this challenge as it answers others",
        );
    }
    match used_before(session, attempt) {
        Some(at) => finding.advises(format!(
            "The client has credentials for this realm: it used them in frame {at}. See why it does not for {method}"
        )),
        None => finding.advises("Check that user name, password and realm are set on the client"),
    }
}

/// Another realm was answered before.
fn explain_second_realm(session: &Session<'_>, mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let answered: Vec<String> =
        attempt.credentials.iter().filter(|p| p.is_attempt).map(|p| facts::quoted(&p.realm())).collect();
    let answered = answered.join(", ");
    if challenge_facts::may_be_another_node(session, attempt) {
        finding.explanation.push_str(&format!(
            " Credentials for realm {answered} came before: another server on the way asks for its own, or another node of the \
             same server, which names another realm.",
        ));
        finding = finding.advises("See whether the nodes behind that address name different realms, and give them one");
    } else {
        finding.explanation.push_str(&format!(
            " The credentials for realm {answered} were accepted: the request went on to another server, which asks for its own.",
        ));
        if !attempt.credentials.iter().any(Presented::is_wrong) {
            finding = finding.excludes("wrong password for the first realm: its server let the request pass");
        }
    }
    finding.advises(
        "Give the client an account for the second realm too, or let the first server authenticate on its behalf",
    )
}

/// The frame in which credentials of the same client for the realm of this challenge were let past.
fn used_before(session: &Session<'_>, attempt: &Attempt<'_>) -> Option<FrameNumber> {
    let client = attempt.transaction.flow.source.address;
    let mut before = session.attempts.iter().filter(|other| {
        other.transaction.flow.source.address == client
            && other.is_let_past()
            && other
                .credentials
                .iter()
                .any(|presented| presented.is_attempt && attempt.offers_realm(&presented.realm()))
    });
    Some(before.next()?.request()?.at.number)
}
