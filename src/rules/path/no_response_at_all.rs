//! SA607: asked again and again, and nobody answers.

use std::time::Duration;

use crate::base::time::TRANSACTION_TIMEOUT;
use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::challenge_facts;
use crate::rules::facts;
use crate::rules::path_facts;
use crate::rules::recovery::RECOVERY_WITHIN;
use crate::rules::recovery::has_recovered_anywhere;
use crate::rules::relay_facts;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Presented;
use crate::session::Request;
use crate::session::Session;
use crate::session::Transaction;
use crate::session::judge::RETRANSMISSIONS_OF_PATIENCE;
use crate::session::judge::is_of_client;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA607",
    name: "no-response-at-all",
    label: "no response",
    severity: Severity::High,
    summary: "A request was never answered, however often it was sent, or did not arrive",
    finds: "A request that was sent again at least three times and got no answer of any kind, not even a provisional one; or a REGISTER, \
            or a request with credentials, of which ICMP says that it did not arrive: clients that hear that need not repeat it. Then the finding tells \
            who said so and why: the server's own host that nothing listens on the port (the \
            server's fault), a router or firewall that it has no way or lets nothing through (the path's). The same is true of a server \
            that closes or resets the TCP connection instead of answering. Answers whose branch or CSeq is not that of the request, and an answer \
            that a proxy got and did not pass back, are named. \
            It is medium, and the cause is unfinished, where credentials got a provisional response and never a final one; it is called where \
            a server asks something of a client that logs in at it: a phone that is off, or behind a NAT that forgot it.",
    matters: "The packets do not arrive, or the answers do not come back, or the server drops them on purpose: a firewall, an address \
              that is not allowed, fail2ban. Clients show this as 408 or as a time-out, never as a wrong password.",
    advice: "Check address and port, firewall and NAT. See whether the server's ban list holds the client's address; ask the carrier \
             whether it expects another source address.",
    not_this: "OPTIONS and NOTIFY pings are info, and so is a client that turns to another address or transport and gets in; that is medium where it had waited for long. \
               What a server asks of its client, a request within a dialog, and the end of a registration are medium. \
               One request of which ICMP says that it did not arrive, or behind which the server ended the connection, is medium: the client may have gone on under another Call-ID. \
               An outage that is over, behind which the client got in, is medium and told with its time. \
               A capture that shows one direction only proves nothing.",
    sources: &["RFC 3261 section 17.1.1.2", "RFC 3261 section 17.1.2.2", "RFC 792", "RFC 9293 section 3.5.2"],
    sample: "invite-no-answer",
    check: Check::Trouble(check),
};

/// The cause where a server asks something of its own client.
pub const CALLED: &str = "called";

/// The cause where a server took credentials and never said a last word about them.
pub const UNFINISHED: &str = "unfinished";

/// Whether an attempt was repeated in vain, or the client heard otherwise that nothing comes of it.
fn is_silence(attempt: &Attempt<'_>, context: &Context<'_>) -> bool {
    let is_told = || {
        is_of_client(attempt)
            && attempt.outcome == AttemptOutcome::NoAnswer
            && path_facts::notice_of(attempt, context).is_some_and(|notice| notice.what.why.is_final())
    };
    attempt.answer().is_none()
        && !attempt.transaction.has_provisional()
        && (attempt.transaction.retransmissions() >= RETRANSMISSIONS_OF_PATIENCE || is_told())
}

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let all = session.attempts.iter().enumerate();
    let silent: Vec<_> = all.filter(|(_, attempt)| is_silence(attempt, context)).collect();
    let Some((index, attempt)) = silent.first().copied() else {
        return unfinished(session, context).into_iter().collect();
    };
    let onward = relay_facts::onward_answer(session, attempt);
    // Who was challenged in place of the client, and kept it to himself, is told by challenge-unanswered.
    if onward.is_some_and(|(_, answer)| is_told_of_relay(session, context, answer)) {
        return Vec::new();
    }
    let method = attempt.transaction.method.to_string();
    let server = attempt.transaction.flow().destination;
    let sent: usize = silent.iter().map(|(_, attempt)| attempt.transaction.retransmissions() + 1).sum();
    let answered_before = session.attempts.iter().take(index).any(|earlier| is_answered_there(earlier, attempt));
    let is_answered_later = session.attempts.iter().skip(index).any(|later| is_answered_there(later, attempt));
    let title = match answered_before || is_answered_later {
        true => format!("{server} did not answer this {method}"),
        false => format!("{server} never answered {method}"),
    };
    let mut finding = Finding::new(&RULE, title)
        .graded(Severity::High, Confidence::Likely)
        .fault(Fault::Path)
        .explained(format!(
            "{} sent {method} {} and got no answer of any kind{}.",
            attempt.transaction.flow().source,
            if sent == 1 { "once".to_owned() } else { format!("{sent} times") },
            if answered_before { ", although an earlier request to the same server was answered" } else { "" }
        ))
        .advises("Check that the server listens on this address and port, and that firewall and NAT let both directions pass")
        .advises("See whether the server bans or does not admit the client's address (fail2ban, IP authentication)");
    let is_right = |presented: &Presented<'_>| presented.verdict() == Some(Verdict::Match);
    // Some servers and firewalls drop whoever sends a wrong one, and what was refused under headers that were cut may have been one.
    let may_be_refused =
        |earlier: &Attempt<'_>| earlier.is_refused() || (earlier.is_challenged() && !facts::shows_credentials(earlier));
    if attempt.credentials.iter().all(is_right) && !session.attempts.iter().take(index).any(may_be_refused) {
        finding = finding.excludes("wrong password: the server did not refuse anything, it did not answer");
    }
    finding.severity = severity(session, context, index, sent == 1);
    finding.attempt = facts::lead(session, silent.iter().map(|(index, _)| *index));
    finding.subject = facts::subject(session, attempt);
    finding.frames = silent
        .iter()
        .flat_map(|(_, attempt)| {
            facts::frames_of(attempt).chain(attempt.transaction.copies().iter().map(|copy| copy.at))
        })
        .collect();
    if let Some((sent_on, answer)) = onward {
        finding = tell_onward(finding, attempt, sent_on, answer);
    } else if let Some(unfit) = path_facts::unfit_answer(session, attempt) {
        finding = tell_unfit(finding, attempt, unfit);
    } else if let Some(earlier) = same_cseq_before(session, index, attempt) {
        finding = tell_same_cseq(finding, attempt, earlier);
    }
    finding = path_facts::tell_unreachable(attempt, context, finding);
    vec![if is_called(attempt, context) { tell_called(finding, attempt) } else { finding }]
}

fn is_answered_there(other: &Attempt<'_>, attempt: &Attempt<'_>) -> bool {
    other.answer().is_some() && other.transaction.is_same_hop(attempt.transaction)
}

/// Says of a server that answered the same client under another Call-ID that it did not answer this one.
pub fn narrow(finding: &mut Finding) {
    finding.title = finding.title.replacen(NEVER, NOT_THIS, 1);
}

/// The title, whether or not something else was answered.
pub fn broad_title(finding: &Finding) -> String {
    finding.title.replacen(NOT_THIS, NEVER, 1)
}

const NEVER: &str = " never answered ";
const NOT_THIS: &str = " did not answer this ";

/// What only a client asks of its server keeps it out while nobody answers; the end of what had begun does not.
fn severity(session: &Session<'_>, context: &Context<'_>, index: usize, is_once: bool) -> Severity {
    let Some(attempt) = session.attempts.get(index) else { return Severity::Info };
    // A client that is told turns to the next address or transport (RFC 3263 §4.3), under this Call-ID or another one.
    let has_turned = has_recovered_anywhere(session, index) || has_got_in_elsewhere(session, context, attempt);
    let has_waited = attempt.transaction.retransmissions() >= RETRANSMISSIONS_OF_PATIENCE;
    let is_behind_login = attempt.is_in_dialog() && !attempt.has_credentials();
    if facts::is_ping(attempt) || (has_turned && !has_waited) || (is_once && attempt.is_removal()) {
        Severity::Info
    } else if is_once || has_turned || attempt.is_removal() || is_behind_login || is_called(attempt, context) {
        Severity::Medium
    } else {
        Severity::High
    }
}

/// Whether a registration was accepted soon after, under whatever Call-ID. That of a phone says nothing of its calls.
fn has_got_in_elsewhere(session: &Session<'_>, context: &Context<'_>, attempt: &Attempt<'_>) -> bool {
    let key = facts::account_key(session, attempt);
    attempt.transaction.method == Method::Register
        && key
            .zip(attempt.transaction.started())
            .is_some_and(|(key, sent)| context.accounts.has_got_in(&key, sent, RECOVERY_WITHIN))
}

/// Whether a server asks something of its own client: that one logs in, and is not logged in at.
fn is_called(attempt: &Attempt<'_>, context: &Context<'_>) -> bool {
    let flow = attempt.transaction.flow();
    let (asking, silent) = (flow.source.address, flow.destination.address);
    let is_client = context.accounts.is_client_of(silent, asking) || context.nonces.first_asked(flow).is_some();
    is_client && !is_of_client(attempt) && !context.accounts.is_client_of(asking, silent)
}

/// A phone that is off, or whose NAT has forgotten it.
fn tell_called(mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let (flow, method) = (attempt.transaction.flow(), &attempt.transaction.method);
    let (server, called) = (flow.source.address, flow.destination.address);
    finding.title = format!("{} does not answer the {method} of its server", flow.destination);
    finding
        .explanation
        .push_str(&format!(" {called} is a client of {server}: it logs in there, and nobody logs in at it."));
    finding.cause = Some(CALLED);
    finding.excluded = vec![format!("wrong password: {server} asks for one, and not {called}").into()];
    finding.remedy = vec![
        format!("See whether {called} is on, still registered, and listens where the {method} went").into(),
        "Where it is behind NAT, let it or the server send keep-alives more often than the NAT forgets (OPTIONS, CRLF)"
            .into(),
    ];
    finding.fault(Fault::Unknown)
}

/// Whether challenge-unanswered tells of that challenge.
fn is_told_of_relay(session: &Session<'_>, context: &Context<'_>, challenge: &Answer) -> bool {
    let told = challenge_facts::unanswered_by_anybody(session, context);
    let mut attempts = told.iter().filter_map(|unanswered| session.attempts.get(unanswered.index));
    attempts.any(|attempt| attempt.answer().is_some_and(|answer| answer.at == challenge.at))
}

/// An earlier REGISTER that was answered, and whose CSeq this one has or falls short of.
fn same_cseq_before<'s, 'run>(
    session: &'s Session<'run>,
    index: usize,
    attempt: &Attempt<'_>,
) -> Option<&'s Attempt<'run>> {
    let is_registration = |earlier: &&Attempt<'_>| {
        earlier.outcome == AttemptOutcome::Accepted
            && earlier.transaction.method == Method::Register
            && earlier.transaction.is_same_hop(attempt.transaction)
    };
    let mut before = session.attempts.iter().take(index).rev().take(BEFORE_MAX).filter(is_registration);
    let latest = before.next().filter(|_| attempt.transaction.method == Method::Register)?;
    let is_raised = |later: &Attempt<'_>, earlier: &Attempt<'_>| later.transaction.cseq > earlier.transaction.cseq;
    // A registrar that took such a one before minds nothing.
    let was_minded = before.next().is_none_or(|earlier| is_raised(latest, earlier));
    (attempt.transaction.cseq.is_some() && !is_raised(attempt, latest) && was_minded).then_some(latest)
}

/// Attempts among which it is looked for. Bounds the search in endless sessions.
const BEFORE_MAX: usize = 64;

/// RFC 3261 §10.3: a registrar may pass over a request that is not newer than the one that it has served.
fn tell_same_cseq(mut finding: Finding, attempt: &Attempt<'_>, earlier: &Attempt<'_>) -> Finding {
    let cseq = |attempt: &Attempt<'_>| attempt.transaction.cseq.unwrap_or_default();
    let at = earlier.request().map(|request| request.at.number.to_string()).unwrap_or_default();
    finding.explanation.push_str(&format!(
        " Its CSeq is {}, and the REGISTER in frame {at}, which was accepted, had {}: a registrar takes such a one for an old request (RFC \
         3261 section 10.3).",
        cseq(attempt),
        cseq(earlier),
    ));
    if attempt.is_removal() {
        finding.severity = finding.severity.min(Severity::Medium);
    }
    finding.confidence = Confidence::Possible;
    finding.remedy.insert(0, "Let the client raise CSeq with each REGISTER of a Call-ID".into());
    finding.fault(Fault::Client)
}

/// A proxy sent the request on and has an answer that the client does not get.
fn tell_onward(mut finding: Finding, attempt: &Attempt<'_>, sent_on: &Request, answer: &Answer) -> Finding {
    let server = attempt.transaction.flow().destination.address;
    finding.explanation.push_str(&format!(
        " {server} sent it on in frame {} and was answered {} in frame {}: that answer did not come back to the client.",
        sent_on.at.number, answer.status, answer.at.number
    ));
    finding.frames.extend([sent_on.at, answer.at]);
    finding.frames.sort_unstable();
    finding.remedy = vec![
        format!(
            "See at {server} what becomes of the answer in frame {}, and by which way it goes back",
            answer.at.number
        )
        .into(),
    ];
    finding.fault(Fault::Server)
}

/// Answers came that no client can match (RFC 3261 §17.1.3).
fn tell_unfit(mut finding: Finding, attempt: &Attempt<'_>, unfit: &Transaction) -> Finding {
    let Some(answer) = &unfit.answer else { return finding };
    let what = if unfit.cseq == attempt.transaction.cseq { "the branch of another Via" } else { "another CSeq" };
    finding.title =
        format!("The answer of {} to {} fits no request", attempt.transaction.flow().destination, unfit.method);
    finding.explanation.push_str(&format!(
        " The {} in frame {} came to the same address and has {what} than what was sent: a client has to discard it (RFC 3261 section \
         17.1.3). Something on the way, an ALG as a rule, rewrites requests and does not undo it in answers.",
        answer.status, answer.at.number
    ));
    finding.frames.push(answer.at);
    finding.frames.sort_unstable();
    finding.remedy = vec![
        "Switch off SIP ALG and SIP inspection in the routers and firewalls between the two".into(),
        "Capture on both sides: the device behind which Via and CSeq differ is the one".into(),
    ];
    finding
}

/// How long an INVITE may be worked on in silence: a proxy gives up then (RFC 3261 §16.6, timer C).
const CALL_PATIENCE: Duration = Duration::from_secs(180);

/// Credentials that the server took and never said a last word about.
fn unfinished(session: &Session<'_>, context: &Context<'_>) -> Option<Finding> {
    let mut all = session.attempts.iter().enumerate();
    let (index, attempt) = all.find(|(index, attempt)| is_unfinished(session, context, *index, attempt))?;
    let (flow, method) = (attempt.transaction.flow(), &attempt.transaction.method);
    let request = attempt.request()?;
    let mut finding = Finding::new(&RULE, format!("{} took this {method} and never finished it", flow.destination))
        .graded(Severity::Medium, if *method == Method::Invite { Confidence::Possible } else { Confidence::Likely })
        .fault(Fault::Server)
        .explained(format!(
            "{} sent {method} with credentials in frame {}. A provisional response came, and no final one within {}.",
            flow.source,
            request.at.number,
            facts::duration_text(context.goes_on_behind(request.time)),
        ))
        .advises("Look into the server's log for what it waits for: its accounts (RADIUS, LDAP, a database), DNS, or the next server");
    finding.cause = Some(UNFINISHED);
    finding.attempt = Some(index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of(attempt).chain(attempt.transaction.copies().iter().map(|copy| copy.at)).collect();
    Some(finding)
}

fn is_unfinished(session: &Session<'_>, context: &Context<'_>, index: usize, attempt: &Attempt<'_>) -> bool {
    let transaction = attempt.transaction;
    let (client, server) = (transaction.flow().source.address, transaction.flow().destination.address);
    let is_call = transaction.method == Method::Invite;
    let patience = if is_call { CALL_PATIENCE } else { TRANSACTION_TIMEOUT };
    // Who rings may ring for long, and who goes on within the dialog has got an answer that the capture lacks.
    let is_open = !is_call || (transaction.provisional_at().is_none() && transaction.ack().is_none());
    let goes_on = || session.attempts.iter().skip(index + 1).take(BEFORE_MAX).any(Attempt::is_in_dialog);
    attempt.has_credentials()
        && attempt.answer().is_none()
        && transaction.has_provisional()
        && attempt.is_own_hop()
        && is_open
        && attempt.request().is_some_and(|request| context.goes_on_behind(request.time) >= patience)
        && !session.is_one_way
        && !session.is_accepted_later(index)
        && !answer_facts::has_got_in_soon(session, context, attempt)
        && !facts::is_cancelled(session, attempt)
        && !context.lost.iter().any(|lost| lost.answers(attempt))
        && !context.lost_between.holds(server, client, transaction.transport)
        && !goes_on()
}
