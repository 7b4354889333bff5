//! SA103: the same request again, as if nothing had been asked.

use std::time::Duration;

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::challenge_facts;
use crate::rules::challenge_facts::Circumstance;
use crate::rules::challenge_form;
use crate::rules::dialog_facts;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::rules::unanswered;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Session;
use crate::session::Transaction;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA103",
    name: "retry-without-credentials",
    label: "retry without credentials",
    severity: Severity::High,
    summary: "The request was sent again without credentials",
    finds: "A challenge, and as the next request of the exchange the same request with a higher CSeq and still no credentials for \
            that realm; or, when nobody waits for the first any more, with the same one in a new transaction. It is medium and possible where \
            a CSeq between the two is not in the capture: that request may have had them. Where nothing was seen for 32 s before the \
            client began again, that is no more than a numbering of its own, and it is likely.",
    matters: "The client saw the challenge and could not answer it: no account for that realm, no password, or a scheme or \
              algorithm it does not know.",
    advice: "Set user name and password. Where the client selects its account by realm, compare the configured realm with the one \
             in the challenge.",
    not_this: "The same CSeq and branch again is a retransmission: then the challenge did not arrive. A challenge whose nonce is \
               used later in the Call-ID was answered, if perhaps to another of the server's addresses. What a proxy sent on, and kept the \
               challenge of, is challenge-unanswered.",
    sources: &["RFC 3261 section 22.2", "RFC 3261 section 22.3"],
    sample: "invite-challenge-ignored",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    session.exchanges.iter().filter_map(|exchange| finding(session, context, exchange)).collect()
}

fn finding(session: &Session<'_>, context: &Context<'_>, exchange: &crate::session::Exchange) -> Option<Finding> {
    let pairs: Vec<(usize, &Attempt<'_>, &Attempt<'_>)> = exchange
        .attempts
        .iter()
        .zip(exchange.attempts.iter().skip(1))
        .filter_map(|(&first, &next)| Some((first, session.attempts.get(first)?, session.attempts.get(next)?)))
        // The answer may have gone to another of the server's addresses.
        .filter(|(index, first, next)| is_ignored(first, next) && !answer_facts::is_nonce_used_later(session, *index))
        // Whoever is asked by the one who called need not answer, and goes on with what he has to say.
        .filter(|(_, first, _)| !dialog_facts::is_asked_by_beginner(session, context, first))
        // What a proxy sends on has what the client sent, who may never have heard of the challenge.
        .filter(|(_, first, _)| !relay_facts::origin(session, first).is_some_and(relay_facts::is_kept_back))
        .collect();
    let is_harmless = |(_, first, next): &&(usize, &Attempt<'_>, &Attempt<'_>)| {
        next.outcome == AttemptOutcome::Accepted || facts::is_ping(first)
    };
    let worst = pairs.iter().find(|pair| !is_harmless(pair));
    let (_, first, next) = worst.or(pairs.first()).copied()?;
    let method = first.transaction.method.to_string();
    let asked = first.challenges.first()?.realm();
    let title = format!(
        "{} sent {method} again without credentials for realm {}",
        client(session, first),
        facts::quoted(&asked)
    );
    let mut finding = Finding::new(&RULE, title)
        .fault(Fault::Client)
        .explained(format!(
            "After the {} in frame {} the next {method} (frame {}) carries no credentials for that realm; this happened {}.",
            first.status().unwrap_or_default(),
            frame(first.answer().map(|answer| answer.at)),
            frame(next.request().map(|request| request.at)),
            if pairs.len() == 1 { "once".to_owned() } else { format!("{} times", pairs.len()) },
        ))
        .excludes(match has_credentials_for(session, &asked) {
            false => "wrong password: no digest was ever sent for this realm",
            true => "wrong password: no digest was sent in answer to this challenge",
        })
        .excludes(match first.transaction.cseq == next.transaction.cseq {
            false => "retransmission: the CSeq is higher",
            true => "retransmission: it is another transaction, and nobody waited for the first any more",
        })
        .advises(match has_credentials_for(session, &asked) {
            false => "Check the user name, password and realm on the client: it sends nothing that the server could check".to_owned(),
            true => format!("See why the client, which has credentials for this realm, does not send them with {method}"),
        });
    if let Some(circumstance) = challenge_facts::demands_much(session, context, first) {
        finding = explain_demand(session, context, finding, (first, circumstance));
    } else {
        finding = challenge_form::tell_spelling(finding, session, context, first);
    }
    if worst.is_none() {
        finding.severity = Severity::Info;
    } else if first.is_removal() {
        // What it was to end expires by itself.
        finding.severity = Severity::Medium;
    }
    if pairs.iter().take(GAPS_MAX).all(|(_, first, next)| is_gap_between(session, first, next)) {
        finding = explain_gap(session, finding, (first, next));
    }
    if first.answer().is_some_and(Answer::has_extra_via) {
        finding = unanswered::explain_extra_via(finding, first);
    }
    finding.attempt = facts::lead(session, pairs.iter().filter(|pair| !is_harmless(pair)).map(|(index, _, _)| *index))
        .or(pairs.first().map(|(index, _, _)| *index));
    finding.subject = facts::subject(session, first);
    finding.frames = facts::frames_of_all(pairs.iter().flat_map(|(_, first, next)| [*first, *next]));
    finding.evidence = facts::challenge_evidence(first);
    Some(finding)
}

/// Retries that the capture lacks may have had them. Where their answers are missing, too, and all else for as long as a transaction lasts, a
/// client that adds more than one (against RFC 3261 §10.2) is the better explanation.
fn explain_gap(session: &Session<'_>, mut finding: Finding, (first, next): (&Attempt<'_>, &Attempt<'_>)) -> Finding {
    finding.excluded.clear();
    let silence = silence_between(first, next).filter(|silence| *silence >= facts::ANSWER_WITHIN);
    if let Some(silence) = silence.filter(|_| !is_answered_between(session, first, next)) {
        finding.explanation.push_str(&format!(
            " A CSeq between the two is not in the capture, and no answer to one either: for {} nothing was seen. Unless the client sent it \
             where this capture does not look, it counts on by more than one.",
            facts::duration_text(silence)
        ));
        finding.confidence = finding.confidence.min(Confidence::Likely);
        return finding;
    }
    finding.explanation.push_str(" A CSeq between the two is not in the capture: that request may have had them.");
    let severity = finding.severity.min(Severity::Medium);
    finding.graded(severity, Confidence::Possible).fault(Fault::Unknown)
}

/// How long behind a challenge the client sent its next request.
fn silence_between(first: &Attempt<'_>, next: &Attempt<'_>) -> Option<Duration> {
    let (answer, request) = first.answer().zip(next.request())?;
    Some(request.time.since(answer.time))
}

/// What the challenge asks for may be more than the client knows: then its account is not the first thing to look at.
fn explain_demand(
    session: &Session<'_>,
    context: &Context<'_>,
    mut finding: Finding,
    (asking, circumstance): (&Attempt<'_>, Circumstance),
) -> Finding {
    finding.cause = Some(circumstance.name());
    finding.remedy.clear();
    finding = unanswered::explain_demand(finding, circumstance);
    let algorithm = challenge_facts::demanding_algorithm(session, context, asking);
    if let Some(algorithm) = algorithm.filter(|_| circumstance == Circumstance::Algorithm) {
        finding.explanation.push_str(&format!(
            " The challenge offers {algorithm} {}: a client that does not know it behaves so, and one without an account, too.",
            if challenge_facts::has_plain_md5(asking) { "first, and MD5 behind it" } else { "and no MD5" },
        ));
        finding.confidence = finding.confidence.min(Confidence::Likely);
        if challenge_facts::offers_unknown_alone(asking) {
            finding.fault = Fault::Server;
        }
        finding = finding.advises(challenge_facts::algorithm_advice(asking, &algorithm));
    }
    finding.advises(challenge_form::ELSE_ACCOUNT)
}

fn is_ignored(first: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    let is_later = match (first.transaction.cseq, next.transaction.cseq) {
        (Some(known), Some(later)) if known == later => {
            silence_between(first, next).is_some_and(|silence| silence >= facts::ANSWER_WITHIN)
        }
        (Some(first), Some(next)) => next > first,
        _ => true,
    };
    let times = first.answer().zip(next.request());
    let had_answer = times.is_some_and(|(answer, request)| !request.moment().is_before(answer.moment()));
    let has_headers = next.request().is_some_and(|request| request.has_all_headers);
    first.outcome == AttemptOutcome::Challenged
        && first.has_challenge()
        // Behind credentials that the capture lacks, and that were refused, a client may begin anew.
        && facts::shows_credentials(first)
        && !first.is_unheard()
        && !first.is_answered_too_late()
        && is_later
        && had_answer
        && has_headers
        && !answer_facts::answers_any(next, &first.challenges)
        // An AKA client that fails to authenticate the network answers with an empty response, or with auts (RFC 3310 §3.4).
        && !next.credentials.iter().any(|presented| first.offers_realm(&presented.realm()))
        // A realm that nobody asked for was an answer all the same: realm-mismatch tells that story.
        && !next.credentials.iter().any(|p| p.is_attempt && !first.credentials.iter().any(|known| known.realm() == p.realm()))
}

fn has_credentials_for(session: &Session<'_>, realm: &[u8]) -> bool {
    facts::presented(session).any(|(_, _, presented)| presented.realm() == realm)
}

/// Retries that are looked at for a gap before them. Bounds the search in endless sessions.
const GAPS_MAX: usize = 16;

/// Whether the client counted on between two requests, and the capture holds no request of the Call-ID that took the number.
fn is_gap_between(session: &Session<'_>, first: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    // Behind a proxy, the numbers between are those of what the proxy asked for itself.
    if next.request().is_none_or(|request| request.via_count > 1) {
        return false;
    }
    let Some((before, behind)) = first.transaction.cseq.zip(next.transaction.cseq) else { return false };
    behind.saturating_sub(before) > 1 && !between(session, first, next).any(|known| known.request.is_some())
}

/// Whether answers to requests between the two were captured.
fn is_answered_between(session: &Session<'_>, first: &Attempt<'_>, next: &Attempt<'_>) -> bool {
    between(session, first, next).next().is_some()
}

/// What the capture holds of the CSeqs between two requests.
fn between<'s>(
    session: &'s Session<'_>,
    first: &Attempt<'_>,
    next: &Attempt<'_>,
) -> impl Iterator<Item = &'s Transaction> {
    let (first, next) = (first.transaction.cseq, next.transaction.cseq);
    let all = session.run.transactions.iter();
    all.filter(move |known| known.cseq.is_some() && first < known.cseq && known.cseq < next)
}

fn client(session: &Session<'_>, attempt: &Attempt<'_>) -> String {
    let user = session.user();
    if user.is_empty() { attempt.transaction.flow().source.to_string() } else { facts::text(&user) }
}

fn frame(at: Option<crate::base::FrameRef>) -> String {
    at.map(|at| at.number.to_string()).unwrap_or_default()
}
