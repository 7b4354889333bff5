//! SA102: challenged, and that was the last of it.

use std::time::Duration;

use crate::auth::Credentials;
use crate::auth::parse_credentials;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::answer_facts::FollowUp;
use crate::rules::challenge_facts;
use crate::rules::challenge_facts::Unanswered;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::rules::recovery;
use crate::rules::relay_facts;
use crate::rules::unanswered;
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
    finds: "A 401 or 407 after which no request with its nonce, nor one of the same method with credentials for that realm, follows in \
            the same Call-ID (for REGISTER and its like also from the same address of record and source at the same server) within \
            32 s, while the capture goes on, or until the client begins anew with a REGISTER, or 4 s later with another INVITE, without credentials. Where the capture ends \
            earlier, the finding is medium and possible, and says how long it went on: less than 2 s speak against nobody; a pause of half a minute between two files, or of an hour without any frame, \
            is such an end, and where the capturing machine dropped packets nothing is proven. So it is where the account shows what was asked \
            for within 64 s, but later, from another port or at another server. Where the challenge itself shows why, the \
            cause says so: scheme, joined-challenges, folded-challenge (where the client goes on to repeat its request), algorithm, qop, second-realm (also where the same user got in at that server with another realm), late-challenge or challenge-kind (also where the client answers the 401 of that server to REGISTER, and not its 407); security-agreement where an IMS phone asked for an agreement and the challenge for its SIM has no Security-Server; and trunk where the one who was asked is a \
            server that asked the asker before, or calls for several users and is not seen to log in for any. A spelling that SIP allows and few servers use (a scheme or an algorithm in other letter case, several \
            lines) is named as a possible reason. Where the capture lacks \
            the request that was challenged, or its headers, it is medium and possible. Where the client goes on to repeat its request \
            over UDP for a second or more, the challenge did not reach it, and the fault is the path's; one that came from elsewhere than the \
            request went to, or went elsewhere than that came from, is told so, and one that did not go to the port which the client's Via names without rport is the server's fault. Where the challenge came more than \
            32 s behind the request, the client may have given up, and the fault is the server's.",
    matters: "The client was asked and did not answer: it has no credentials for that realm, does not know the header or the \
              algorithm, or never got the challenge.",
    advice: "Set user name and password for the realm named in the challenge. Where a REGISTER was challenged with 407, or two \
             algorithms were offered, check that the client knows them. A second realm behind a first one needs an account of \
             its own.",
    not_this: "The same request sent again without credentials is retry-without-credentials. A challenge of which ICMP \
               says that it did not come to the client is blamed on who does not listen, or lets nothing through; and where the client then tried TCP and was refused, on the server. OPTIONS and NOTIFY pings want any \
               answer and are info. A nonce that the client used first under another Call-ID was \
               answered, if at another server of the service. A challenge without a header that could be answered is challenge-header-missing. Where the same client answers the challenge to another call soon after, it is medium. A call \
               that was cancelled, or that another branch of a forking proxy won, needs no answer. Whoever is asked within a \
               dialog by the one who began it need not answer: that is medium. So is a log-off (Expires: 0) of a client that is \
               gone: what it was to end expires by itself. A challenge to a proxy or B2BUA, for what it sent on, that did not come \
               back to the client is that one's to answer. Behind an answer that agrees on IPsec (Security-Server) nothing is seen, and it is info.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3", "RFC 3261 section 17.1"],
    sample: "invite-second-realm-unanswered",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let unanswered = challenge_facts::unanswered_by_anybody(session, context);
    unanswered.into_iter().filter_map(|unanswered| finding(session, context, &unanswered)).collect()
}

fn finding(session: &Session<'_>, context: &Context<'_>, challenge: &Unanswered) -> Option<Finding> {
    let &Unanswered { index, severity, confidence, gap, is_lost, notice, anew } = challenge;
    let attempt = session.attempts.get(index)?;
    if let Some(origin) = relay_facts::origin(session, attempt) {
        return relayed(session, challenge, origin);
    }
    if relay_facts::is_refusal_of_relay(session, attempt) || path_facts::is_unfit(session, attempt) {
        return None;
    }
    let answer = attempt.answer()?;
    let is_proven = gap >= facts::ANSWER_WITHIN || anew.is_some();
    let asked = attempt.challenges.first()?.realm();
    let method = attempt.transaction.method.to_string();
    let ending = match is_proven {
        _ if notice.is_some() => "the challenge did not arrive",
        _ if session.is_one_way && attempt.request().is_none() => "what followed is not in the capture",
        true => "never answered",
        false if is_asked_again(session, index) && has_answered(session, index) => {
            "had not answered the last challenge when the capture ends"
        }
        false if is_asked_again(session, index) => "had answered none when the capture ends",
        false => "the capture ends before an answer",
    };
    let who = challenge_facts::who(session, attempt);
    let title = format!("{who} was challenged for realm {} and {ending}", facts::quoted(&asked));
    let gap = facts::duration_text(gap);
    let silence = if session.is_one_way && attempt.request().is_none() {
        "The capture holds no request: whether it was answered cannot be told.".to_owned()
    } else if let Some((time, at)) = anew {
        let later = facts::duration_text(time.since(answer.time));
        let anew = match attempt.transaction.method {
            Method::Invite => "sent another INVITE",
            _ => "began anew",
        };
        format!(
            "No request with credentials for it followed: {later} later the client {anew} in frame {}, again without any.",
            at.number
        )
    } else if is_proven {
        format!("No request with credentials for it followed, although the capture goes on for {gap}.")
    } else {
        format!("No request with credentials for it follows, but the capture ends {gap} after the challenge.")
    };
    let is_seen = facts::shows_credentials(attempt);
    let fault = match is_seen {
        _ if is_lost => challenge_facts::lost(attempt, context).1,
        _ if attempt.is_unheard() => Fault::Path,
        _ if session.run.agrees_on_ipsec(attempt.transaction) => Fault::Unknown,
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
    finding = unanswered::explain(session, context, finding, attempt, challenge);
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames.extend(facts::frames_of_all([attempt]));
    finding.frames.sort_unstable();
    finding.evidence = facts::challenge_evidence(attempt);
    Some(finding)
}

/// Whether the same exchange was challenged before, and went on without credentials: what ends with the capture is no first try.
fn is_asked_again(session: &Session<'_>, index: usize) -> bool {
    let Some(exchange) = session.attempts.get(index).map(|attempt| attempt.exchange) else { return false };
    let mut before = session.attempts.iter().take(index).rev().take(GOES_ON_WITHIN);
    session.attempts.get(index).is_some_and(|attempt| !attempt.has_credentials())
        && before.any(|other| other.exchange == exchange && other.is_challenged() && !other.has_credentials())
}

/// Whether the same client answered a challenge before under this Call-ID.
fn has_answered(session: &Session<'_>, index: usize) -> bool {
    let source = |attempt: &Attempt<'_>| attempt.transaction.flow().source.address;
    let mine = session.attempts.get(index).map(source);
    let mut before = session.attempts.iter().take(index).rev().take(GOES_ON_WITHIN);
    before.any(|other| Some(source(other)) == mine && other.has_credentials())
}

/// Somebody between client and server was challenged for what he sent on, and kept it to himself.
fn relayed(session: &Session<'_>, unanswered: &Unanswered, origin: &Attempt<'_>) -> Option<Finding> {
    let attempt = session.attempts.get(unanswered.index)?;
    let answer = attempt.answer()?;
    // One that was passed back is the client's to answer, and where the client got in nothing is wrong.
    let is_called_off = origin.status() == Some(487) || facts::is_cancelled(session, origin);
    if origin.is_challenged() || origin.outcome == AttemptOutcome::Accepted || is_called_off {
        return None;
    }
    let relay = attempt.transaction.flow().source.address;
    let method = &attempt.transaction.method;
    let realm = facts::quoted(&attempt.challenges.first()?.realm());
    let client = challenge_facts::who(session, origin);
    let title = format!(
        "{relay} was challenged for realm {realm} when it sent on the {method} of {client}, and never answered"
    );
    let asked = format!("The {} in frame {} was sent to {relay}", answer.status, answer.at.number);
    let mut finding = Finding::new(&RULE, title).advises(format!(
        "Give {relay} the account for realm {realm}, let {} admit its address, or let {relay} pass the challenge back to the client",
        attempt.transaction.flow().destination.address
    ));
    finding = match relay_facts::is_kept_back(origin) {
        true => finding
            .graded(unanswered.severity, unanswered.confidence.min(Confidence::Likely))
            .fault(Fault::Server)
            .explained(format!("{asked}, which neither answered it nor passed it back: {}. The client was not asked.", told(origin)))
            .excludes("wrong password of the client: it was not asked for this realm"),
        false => finding
            .graded(unanswered.severity.min(Severity::Medium), Confidence::Possible)
            .fault(Fault::Unknown)
            .explained(format!(
                "{asked}. What {relay} told the client is not in the capture, and the client did not repeat its request: it may have been asked."
            )),
    };
    finding.attempt = Some(unanswered.index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all([origin, attempt]);
    finding.evidence = facts::challenge_evidence(attempt);
    Some(finding)
}

/// What the client got in place of the challenge.
fn told(origin: &Attempt<'_>) -> String {
    match origin.answer() {
        Some(answer) => format!("it answered the client {} in frame {}", answer.status, answer.at.number),
        None => "the client, which repeated its request, got no answer".to_owned(),
    }
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
        || answer_facts::is_answered_in_call_id(session, index)
        || context.lost.iter().any(|lost| lost.retries(attempt))
    {
        return true;
    }
    let is_answered_elsewhere = challenge_facts::is_repeated_at_will(attempt)
        && answer_facts::follow_up(session, context, attempt) == FollowUp::Answer;
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
    let is_own = |other: &Request| tag(other.from_tag) == tag(request.from_tag);
    let own = later.filter(|other| other.request.as_ref().is_some_and(is_own)).take(GOES_ON_WITHIN);
    let is_answer = |other: &Transaction| {
        let mut rows = other.request.iter().flat_map(|request| &request.credentials);
        // A BYE for the same realm says nothing of the re-INVITE that was to be answered.
        let is_same_method = other.method == attempt.transaction.method;
        rows.any(|row| has_nonce(attempt, row) || (is_same_method && has_realm(attempt, row)))
    };
    if own.into_iter().any(is_answer) {
        return true;
    }
    let is_late = |other: &Transaction| {
        let is_from_server = other.flow().source.address == attempt.transaction.flow().destination.address;
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

/// Whether a row of credentials has the nonce of an attempt's challenge.
fn has_nonce(attempt: &Attempt<'_>, row: &CredentialsRow) -> bool {
    let mut nonces = row.known().filter_map(|known| known.nonce);
    nonces.any(|nonce| attempt.challenges.iter().any(|offered| offered.nonce == Some(nonce)))
}

/// Whether it names its realm.
fn has_realm(attempt: &Attempt<'_>, row: &CredentialsRow) -> bool {
    let sent = parse_credentials(&row.value);
    let mut realms = sent.iter().filter(|sent| !sent.is_ims_initial()).filter_map(Credentials::realm);
    realms.any(|realm| attempt.offers_realm(&realm))
}
