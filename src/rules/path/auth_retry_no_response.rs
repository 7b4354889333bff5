//! SA601: the first request was answered, the one with credentials is not.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::FrameRef;
use crate::base::Why;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::rules::recovery::has_recovered;
use crate::rules::unanswered;
use crate::session::Attempt;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA601",
    name: "auth-retry-no-response",
    label: "retry without response",
    severity: Severity::High,
    summary: "The request with credentials was never answered, although the one without was",
    finds: "A challenge, and behind it the request with credentials for it, sent and repeated to the same server without any \
            answer, not even a provisional one. It is medium where the request was not repeated, or where only its first fragment \
            was captured. Where ICMP, or the end of the TCP connection, tells where the request ended, the finding says who is at fault: \
            a server that closes or resets the connection instead of answering has the request. So it is where the server answered, and \
            the client goes on to repeat the request over UDP until it gives up: it did not hear the answer. That is medium and possible where the capture ends before it gives up, or the server answered once. And where the first answer \
            came behind all those repeats, and is a 400 or 482, which may be about the repeat: possible.",
    matters: "The path lets the first request through and not the second. The second is longer by its credentials: fragments, a \
              small MTU, a SIP ALG that rewrites it, or a server that drops what it does not like.",
    advice: "Capture at the server, too: does the request arrive? Try it over TCP, or with a shorter body, and with the router's \
             SIP ALG switched off. See whether the server bans the client's address.",
    not_this: "A server that never answered anything, or that had answered credentials before, is no-response-at-all. Pings are info. A capture that shows one direction \
               only proves nothing. What the request's length explains is auth-request-too-large-for-udp, or \
               fragments-incomplete.",
    sources: &[
        "RFC 3261 section 17.1.1.2",
        "RFC 3261 section 17.1.2.2",
        "RFC 3261 section 18.1.1",
        "RFC 792",
        "RFC 9293 section 3.5.2",
    ],
    sample: "invite-retry-too-large",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let silent = |index: &usize| path_facts::silent_retry(session, context, *index).is_some();
    let all: Vec<usize> = (0..session.attempts.len()).filter(silent).collect();
    if let Some(index) = facts::lead(session, all.iter().copied()) {
        return finding(session, context, index, &all).into_iter().collect();
    }
    unheard(session).or_else(|| after_silence(session)).or_else(|| lost(session, context)).into_iter().collect()
}

/// Timer F ends a transaction 32 s behind its request; its last repeat comes up to 4 s before (RFC 3261 §17.1.2.2).
const GIVEN_UP_FROM: Duration = Duration::from_secs(28);

/// The longest wait between two repeats, of a client that has not doubled it further.
const REPEATED_EVERY: Duration = Duration::from_secs(4);

/// How sure it is that a client did not hear the answers to its request; `None` where it heard the last one.
fn unheard_grade(session: &Session<'_>, attempt: &Attempt<'_>) -> Option<(Severity, Confidence)> {
    let is_unheard = attempt.has_credentials()
        && attempt.transaction.method != Method::Invite
        && attempt.is_own_hop()
        && !attempt.is_challenged()
        && attempt.has_given_up_unheard()
        && attempt.is_repeated_by_timer();
    let (request, answer) = (attempt.request().filter(|_| is_unheard)?, attempt.answer()?);
    let last = attempt.transaction.last_sent();
    let repeated = last.since(request.time);
    // Whoever falls silent before its time has heard.
    let is_waiting = session.end.since(last) <= repeated.max(REPEATED_EVERY);
    match repeated >= GIVEN_UP_FROM {
        // A server that gets each repeat answers it; else the two clocks of a capture may differ.
        true if answer.repeats() > 0 => Some((Severity::High, Confidence::Likely)),
        true => Some((Severity::Medium, Confidence::Possible)),
        false => is_waiting.then_some((Severity::Medium, Confidence::Possible)),
    }
}

/// The server answered the request with credentials, and the client goes on to repeat it.
fn unheard(session: &Session<'_>) -> Option<Finding> {
    let graded = |attempt| Some((unheard_grade(session, attempt)?, attempt));
    let mut all = session.attempts.iter().enumerate();
    let (index, ((severity, confidence), attempt)) =
        all.find_map(|(index, attempt)| Some((index, graded(attempt)?)))?;
    let (method, answer) = (&attempt.transaction.method, attempt.answer()?);
    let flow = attempt.transaction.flow();
    let title = format!("{} does not hear the answer to {method} with credentials", flow.source);
    let severity = if goes_on_behind(session, index) { Severity::Medium } else { severity };
    let mut finding = Finding::new(&RULE, title).graded(severity, confidence).fault(Fault::Path).explained(format!(
        "{} answered {} in frame {}. The client went on to send the very request, {} times in all, until {} behind that answer: no answer came to \
         it. What the server has done with it, the client does not know.",
        flow.destination,
        answer.status,
        answer.at.number,
        attempt.transaction.retransmissions() + 1,
        facts::duration_text(attempt.transaction.last_sent().since(answer.time)),
    ));
    finding = unanswered::way_back(finding, attempt);
    if attempt.is_let_past() {
        finding = finding.excludes("wrong password: the server let the credentials past");
    }
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = in_order(attempt.transaction.resent().chain(facts::frames_of(attempt)));
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    Some(finding)
}

/// Whether the client went on behind an answer that it did not hear, and heard the next one.
fn goes_on_behind(session: &Session<'_>, index: usize) -> bool {
    let mut behind = session.attempts.iter().skip(index + 1);
    behind.any(|later| later.is_own_hop() && later.is_let_past() && !later.is_unheard())
}

/// The request with credentials was refused at last, when it had been repeated for long.
fn after_silence(session: &Session<'_>) -> Option<Finding> {
    let (index, attempt) =
        session.attempts.iter().enumerate().find(|(_, attempt)| attempt.is_refused_after_silence())?;
    let challenged = attempt.credentials.iter().find_map(|presented| session.challenge(presented.answers?))?.0;
    let (answer, request) = (attempt.answer()?, attempt.request()?);
    let (flow, took) = (attempt.transaction.flow(), facts::duration_text(answer.time.since(request.time)));
    let method = &attempt.transaction.method;
    let mut finding = about(challenged, flow.destination, Suspect::of(session, attempt))
        .graded(Severity::High, Confidence::Possible)
        .explained(format!(
            "{} sent the credentials in frame {} and repeated them {}, and the first answer is the {} in frame {}, {took} later: what the server \
             said to those before did not come back, or it did not get them. The {} may be about the repeat: a server that has taken a \
             {method} does not take the same again.",
            flow.source,
            request.at.number,
            facts::count(attempt.transaction.retransmissions(), "time"),
            answer.status,
            answer.at.number,
            answer.status,
        ));
    finding.title =
        format!("{} answered {method} with credentials only after {took}, with {}", flow.destination, answer.status);
    finding = weigh_digest(finding, attempt, None);
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = in_order(attempt.transaction.resent().chain(facts::frames_of(attempt)));
    finding.evidence = facts::status_evidence(session, attempt).into_iter().collect();
    Some(finding)
}

fn finding(session: &Session<'_>, context: &Context<'_>, index: usize, all: &[usize]) -> Option<Finding> {
    let attempt = session.attempts.get(index)?;
    let challenged = path_facts::silent_retry(session, context, index)?;
    let (answer, request) = (challenged.answer()?, attempt.request()?);
    let (flow, transport) = (attempt.transaction.flow(), attempt.transaction.transport);
    let told = path_facts::notice_of(attempt, context).map(|notice| notice.what.why);
    let is_lossy = context.lost_between.holds(flow.destination.address, flow.source.address, transport);
    let (severity, confidence) =
        grade(session, index, told, is_lossy || (all.len() == 1 && goes_on(session, context, attempt)))?;
    let times = match attempt.transaction.retransmissions() {
        0 => "once".to_owned(),
        repeated => format!("repeated the request {}", facts::count(repeated, "time")),
    };
    let mut finding = about(challenged, flow.destination, Suspect::of(session, attempt));
    finding = finding.graded(severity, confidence).explained(format!(
        "The {} in frame {} asks for credentials. {} sent them in frame {}, {times}, and got no answer of any kind.{}",
        answer.status,
        answer.at.number,
        flow.source,
        request.at.number,
        match transport.is_reliable() {
            true if told.is_none() => OVER_STREAM.to_owned(),
            true => String::new(),
            false => sizes(challenged, attempt),
        },
    ));
    finding = path_facts::tell_unreachable(attempt, context, finding);
    if let Some(at) = kept_back(session, challenged, attempt) {
        finding = explain_kept_back(finding, flow.destination.address, at);
    }
    if is_lossy {
        finding.fault = Fault::Unknown;
        finding.explanation.push_str(
            " What the server sends to the client is not all in the capture: the answer may have been in what is missing.",
        );
    }
    finding = weigh_digest(finding, attempt, told);
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    let silent = all.iter().filter_map(|&index| session.attempts.get(index));
    let sent = silent
        .flat_map(|attempt| facts::frames_of(attempt).chain(attempt.transaction.copies().iter().map(|copy| copy.at)));
    finding.frames = in_order(finding.frames.into_iter().chain(sent).chain(facts::frames_of(challenged)));
    finding.evidence = facts::challenge_evidence(challenged);
    finding
        .evidence
        .extend(attempt.credentials.first().and_then(|presented| facts::credentials_evidence(attempt, presented)));
    Some(finding)
}

/// Where the server sent the first request on, which the capture shows, and the one with credentials not.
fn kept_back(session: &Session<'_>, challenged: &Attempt<'_>, attempt: &Attempt<'_>) -> Option<FrameRef> {
    let sent_on = |attempt: &Attempt<'_>| {
        let behind = session.run.transactions.iter().skip(attempt.transaction_index).take(SENT_ON_WITHIN);
        let next = behind.filter(|next| next.forwarded_from() == Some(attempt.transaction_index));
        next.filter_map(|next| next.request.as_ref()).map(|request| request.at).next()
    };
    sent_on(challenged).filter(|_| sent_on(attempt).is_none())
}

/// Transactions behind one among which its next hop is looked for. Bounds the search in endless sessions.
const SENT_ON_WITHIN: usize = 64;

fn explain_kept_back(mut finding: Finding, device: IpAddr, at: FrameRef) -> Finding {
    finding.explanation.push_str(&format!(
        " {device} sent the first request on, in frame {}, and this one not, as far as the capture shows: it came there, and went no further.",
        at.number
    ));
    finding.remedy = vec![
        format!("Look at {device}: its log, its rules, and what it does with Authorization headers or longer requests")
            .into(),
    ];
    finding.fault(Fault::Path)
}

/// Whether the client sent credentials again behind the end of its connection, under whatever Call-ID: then it may have got in.
fn goes_on(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let ended = path_facts::notice_of(attempt, context).filter(|notice| notice.what.why.is_end());
    ended
        .zip(facts::account_key(session, attempt))
        .is_some_and(|(ended, key)| context.accounts.has_presented(&key, ended.time, facts::ANSWER_WITHIN))
}

/// `is_doubtful`: the answer, or what came of a later try, may be there and is not seen here.
fn grade(session: &Session<'_>, index: usize, told: Option<Why>, is_doubtful: bool) -> Option<(Severity, Confidence)> {
    let attempt = session.attempts.get(index)?;
    let is_repeated = attempt.transaction.retransmissions() > 0 || attempt.transaction.transport.is_reliable();
    Some(match is_repeated {
        _ if facts::is_ping(attempt) => (Severity::Info, Confidence::Likely),
        // A server may forget a connection that was idle for long: the client opens another one.
        _ if told.is_some_and(Why::is_end) && has_recovered(session, index) => (Severity::Info, Confidence::Likely),
        _ if is_doubtful => (Severity::Medium, Confidence::Possible),
        true => (Severity::High, Confidence::Likely),
        false => (Severity::Medium, Confidence::Possible),
    })
}

/// What is known of the digest that nobody answered.
fn weigh_digest(mut finding: Finding, attempt: &Attempt<'_>, told: Option<Why>) -> Finding {
    if !attempt.credentials.iter().any(Presented::is_wrong) {
        let is_right = attempt.credentials.iter().any(|presented| presented.verdict() == Some(Verdict::Match));
        return if is_right { finding.excludes("wrong password: the digest fits the one given") } else { finding };
    }
    finding.explanation.push_str(" The digest does not fit the secret given.");
    // A server that hangs up on a wrong digest may not be the one to blame.
    if told.is_some_and(Why::is_end) {
        finding.fault = Fault::Unknown;
    }
    // A host on which nothing listens has seen no digest.
    if told != Some(Why::Port) {
        let advice = "Correct the password: some servers and firewalls drop whoever sends a wrong one";
        finding.remedy.insert(0, advice.into());
    }
    finding
}

/// The request with credentials is there as first fragments only.
fn lost(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let retry = path_facts::lost_retry(session, context).filter(|retry| retry.is_silence)?;
    let answer = retry.challenged.answer()?;
    let mut finding = about(retry.challenged, retry.challenged.transaction.flow().destination, Suspect::Length)
        .graded(Severity::Medium, Confidence::Likely)
        .explained(format!(
            "The {} in frame {} asks for credentials. {} sent them: of that request only the first fragment was captured, {} in \
             all, and no answer of any kind.",
            answer.status,
            answer.at.number,
            retry.challenged.transaction.flow().source,
            facts::count(retry.frames.len(), "time"),
        ));
    finding.attempt = Some(retry.index);
    finding.subject = facts::subject(session, retry.challenged);
    finding.frames = in_order(retry.frames.iter().copied().chain(facts::frames_of(retry.challenged)));
    finding.evidence = facts::challenge_evidence(retry.challenged);
    Some(finding)
}

/// RFC 3261 §18.1.1: where the path's MTU is not known, longer requests go over TCP.
const LENGTH_OF_CONCERN: u32 = 1300;

/// What may have kept a request from being answered, beside what is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Suspect {
    /// Its host has it, or has ended the connection.
    Stream,
    /// It is a datagram, longer than those that were answered, and too long for some path.
    Length,
    /// It is a datagram, and no longer than one that was answered, or than any path takes.
    Path,
}

impl Suspect {
    fn of(session: &Session<'_>, attempt: &Attempt<'_>) -> Suspect {
        let len_bytes = |attempt: &Attempt<'_>| attempt.request().map(|request| request.len_bytes);
        let was_longer_answered = session.attempts.iter().any(|other| {
            len_bytes(other) >= len_bytes(attempt)
                && other.answer().is_some()
                && other.transaction.is_same_hop(attempt.transaction)
        });
        match attempt.transaction.transport.is_reliable() {
            true => Suspect::Stream,
            false if was_longer_answered || len_bytes(attempt) < Some(LENGTH_OF_CONCERN) => Suspect::Path,
            false => Suspect::Length,
        }
    }
}

fn about(challenged: &Attempt<'_>, server: crate::base::Endpoint, suspect: Suspect) -> Finding {
    let method = challenged.transaction.method.to_string();
    let status = challenged.status().unwrap_or_default();
    let title = format!("{server} answered {method} with {status}, and {method} with credentials not at all");
    let mut finding = Finding::new(&RULE, title);
    if suspect == Suspect::Stream {
        return finding
            .fault(Fault::Unknown)
            .advises("Look at the TCP packets behind the request: whether the server's host acknowledged it, or reset the connection")
            .advises("Where it did, look into the server's log: it has the request; else capture at the server, too");
    }
    finding = finding
        .fault(Fault::Path)
        .advises("Capture at the server, too, and see whether the request with credentials arrives there");
    if suspect == Suspect::Length {
        finding = finding
            .advises("Send it over TCP or shorten its body: it is longer than the first request by its credentials");
    }
    finding.advises("Switch the router's SIP ALG off, and see whether the server bans the client's address")
}

/// What is known of a request over TCP that nobody answered: its length does not matter, and its host may well have it.
const OVER_STREAM: &str = " Over a stream, an acknowledgement of its bytes says that the server's host has it, and a reset that the server \
     wants no more of the connection.";

fn sizes(challenged: &Attempt<'_>, attempt: &Attempt<'_>) -> String {
    let bytes = challenged.request().zip(attempt.request()).map(|(first, next)| (first.len_bytes, next.len_bytes));
    match bytes {
        Some((first, next)) if next > first => {
            format!(" It has {next} bytes; the request that was answered had {first}.")
        }
        _ => String::new(),
    }
}

fn in_order(frames: impl Iterator<Item = FrameRef>) -> Vec<FrameRef> {
    let mut frames: Vec<FrameRef> = frames.collect();
    frames.sort_unstable();
    frames.dedup();
    frames
}
