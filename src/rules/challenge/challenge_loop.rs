//! SA101: challenged again after every answer.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;

use crate::base::FrameRef;
use crate::digest::Verdict;
use crate::history::AccountKey;
use crate::history::LoopStep;
use crate::history::StepKind;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA101",
    name: "challenge-loop",
    label: "challenge loop",
    severity: Severity::High,
    summary: "The client is challenged again after every answer",
    finds: "Three or more 401 or 407 for one realm on one hop, at least two of them after credentials for that realm, and none \
            accepted. A closing 403 belongs to the loop. Phones that change the Call-ID or the From tag at every REGISTER \
            are followed by address of record and source. The cause is read from the evidence: stale, wrong-digest, header-mismatch, realm or \
            unknown.",
    matters: "The client will not get in by trying again. Loops fill logs, trip fail2ban, and hide the one line that says why.",
    advice: "Read the cause: a loop is a symptom. Where another finding of the session is named as its explanation, act on that \
             one. Where the cause is unknown, give the password: then each digest is recomputed, and the password is either \
             cleared or convicted.",
    not_this: "A 407 of a second realm behind an answered first one is progress. Retransmitted challenges are one challenge. A \
               call that ends with 486 got past the challenges. A \
               registration that is challenged at every refresh and accepted each time is no loop.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 22.2", "RFC 7616 section 3.3"],
    sample: "register-wrong-password-loop",
    check: Check::Session(check),
};

/// Challenges that make a loop, and how many of them must follow credentials.
const CHALLENGES_MIN: usize = 3;
const REFUSALS_MIN: usize = 2;

/// REGISTERs of one account that lie further apart than this are tries of their own.
const TRIES_WITHIN_S: u64 = 60;

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for attempts in pursuits(session) {
        for streak in facts::streaks(session, &attempts) {
            if streak.last().is_none_or(|(_, last)| last.is_let_past()) {
                continue;
            }
            for (realm, tried) in tried_by_realm(session, &streak) {
                findings.extend(in_streak(session, &streak, &realm, &tried));
            }
        }
    }
    findings
}

/// The attempts of each exchange. REGISTERs of one address of record belong together, whatever From tag they have: phones
/// change it with every try.
fn pursuits(session: &Session<'_>) -> Vec<Vec<usize>> {
    let mut pursuits: Vec<Vec<usize>> = Vec::new();
    let mut of_account: HashMap<(AccountKey, IpAddr), usize> = HashMap::new();
    for exchange in &session.exchanges {
        let first = exchange.attempts.first().and_then(|&index| session.attempts.get(index));
        let first = first.filter(|_| exchange.method == Method::Register);
        let key = first.and_then(|attempt| Some((facts::account_key(session, attempt)?, exchange.server)));
        let place = key.map_or(pursuits.len(), |key| *of_account.entry(key).or_insert(pursuits.len()));
        match pursuits.get_mut(place) {
            Some(attempts) => attempts.extend(&exchange.attempts),
            None => pursuits.push(exchange.attempts.clone()),
        }
    }
    pursuits.iter_mut().for_each(|attempts| attempts.sort_unstable());
    pursuits
}

/// An attempt with credentials, and which of them.
type Tried<'s, 'run> = (usize, &'s Attempt<'run>, &'s Presented<'run>);

/// The credentials of a streak by the realm that they answer.
fn tried_by_realm<'s, 'run>(
    session: &'s Session<'run>,
    streak: &[(usize, &'s Attempt<'run>)],
) -> BTreeMap<Vec<u8>, Vec<Tried<'s, 'run>>> {
    let mut by_realm: BTreeMap<Vec<u8>, Vec<Tried<'s, 'run>>> = BTreeMap::new();
    for &(index, attempt) in streak {
        for presented in &attempt.credentials {
            let realm = facts::answered_realm(session, index, presented);
            by_realm.entry(realm).or_default().push((index, attempt, presented));
        }
    }
    by_realm.retain(|_, tried| tried.iter().filter(|(_, _, presented)| presented.is_refused()).count() >= REFUSALS_MIN);
    by_realm
}

fn in_streak(
    session: &Session<'_>,
    streak: &[(usize, &Attempt<'_>)],
    realm: &[u8],
    tried: &[Tried<'_, '_>],
) -> Option<Finding> {
    let challenges =
        streak.iter().filter(|(_, attempt)| attempt.is_challenged() && attempt.offers_realm(realm)).count();
    // Its owner was satisfied, and the request went on to the next realm.
    let is_satisfied = tried.iter().any(|(_, _, presented)| presented.judgement == Judgement::Accepted);
    // What was changed behind the client's own hop is that hop's story.
    let is_altered = tried.iter().all(|(_, attempt, presented)| facts::was_right_before(session, attempt, presented));
    if is_satisfied || is_altered || challenges < CHALLENGES_MIN {
        return None;
    }
    let (first, attempt, presented) = tried.first().copied()?;
    let (cause, fault) = cause(session, tried);
    let method = attempt.transaction.method.to_string();
    let user = facts::account(&presented.username(), realm);
    let statuses: Vec<String> =
        tried.iter().filter_map(|(_, attempt, _)| attempt.status()).map(|s| s.to_string()).collect();
    let title = format!(
        "{user} was challenged again after every answer: {} with credentials, 0 accepted",
        facts::count(statuses.len(), &method)
    );
    let mut finding = Finding::new(&RULE, title)
        .fault(fault)
        .explained(format!(
            "{} with credentials for realm {} {}: {}. {}",
            facts::count(statuses.len(), &method),
            facts::quoted(realm),
            if statuses.len() == 1 { "was refused" } else { "were refused" },
            summary_of(&statuses),
            meaning(cause)
        ))
        .excludes("retransmission: every attempt counted here is a new transaction")
        .advises(remedy(cause));
    if !tried.iter().any(|(_, _, presented)| presented.judgement == Judgement::Stale) {
        finding = finding.excludes("stale nonce: no challenge said stale=true");
    }
    finding.cause = Some(cause);
    finding.attempt = Some(first);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(streak.iter().map(|(_, attempt)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(attempt));
    Some(finding)
}

/// `401, 401, then 403`; long lists are cut.
fn summary_of(statuses: &[String]) -> String {
    match statuses {
        [] => "no answer was seen".to_owned(),
        [one] => one.clone(),
        [many @ .., last] if many.len() <= 4 => format!("{}, then {last}", many.join(", ")),
        [first, .., last] => format!("{first} and so on, {} in all, last {last}", statuses.len()),
    }
}

fn cause(session: &Session<'_>, tried: &[(usize, &Attempt<'_>, &Presented<'_>)]) -> (&'static str, Fault) {
    let refused: Vec<_> = tried.iter().filter(|(_, _, presented)| presented.is_refused()).collect();
    let all = |fits: &dyn Fn(usize, &Presented<'_>) -> bool| {
        refused.iter().all(|(index, _, presented)| fits(*index, presented))
    };
    if all(&|_, presented| facts::wrong_header(session, presented).is_some()) {
        ("header-mismatch", Fault::Client)
    } else if all(&|index, presented| facts::mismatched_challenge(session, index, presented).is_some()) {
        ("realm", Fault::Client)
    } else if refused.iter().filter(|(_, _, presented)| presented.judgement == Judgement::Stale).count() >= REFUSALS_MIN
    {
        let is_old =
            refused.iter().any(|(index, _, presented)| facts::newer_challenge(session, *index, presented).is_some());
        ("stale", if is_old { Fault::Client } else { Fault::Server })
    } else if refused.iter().any(|(_, _, presented)| presented.verdict() == Some(Verdict::Mismatch)) {
        ("wrong-digest", Fault::Client)
    } else if all(&|_, presented| presented.verdict() == Some(Verdict::Match)) {
        ("right-digest-refused", Fault::Unknown)
    } else {
        ("unknown", Fault::Unknown)
    }
}

fn meaning(cause: &str) -> &'static str {
    match cause {
        "header-mismatch" => {
            "Each answered the challenge under the wrong kind of header, where the server does not look."
        }
        "realm" => "Each named a realm that the server did not ask for.",
        "stale" => "The server says stale=true: it refuses the age of the nonce, not the password.",
        "wrong-digest" => "The digests do not fit the secret given: the server refuses the answer itself.",
        "right-digest-refused" => "Every digest fits the secret given: the password is not the cause.",
        _ => {
            "No challenge blamed the nonce. Without the password, a capture cannot tell a wrong secret from a server that refuses a right one."
        }
    }
}

fn remedy(cause: &str) -> &'static str {
    match cause {
        "header-mismatch" => {
            "Let the client answer in the header that belongs to the challenge, or let the server challenge with the kind that the client knows"
        }
        "realm" => "Set the client's realm to the one in the challenge, or let it take the realm from there",
        "stale" => {
            "Compare the nonce's lifetime with the time from challenge to retry, and see whether all nodes of the server share the nonce secret"
        }
        "wrong-digest" => "Compare the user name and the password on the client with those on the server",
        "right-digest-refused" => {
            "Look at the server: its stored secret, its checks beyond the digest, and whether challenge and answer reach the same node"
        }
        _ => "Give the password (--user with --ask-password, or --credentials) to learn whether the digests are right",
    }
}

/// The same loop spread over several Call-IDs: the steps of one account, in order of time.
pub fn across_sessions(key: &AccountKey, steps: &[&LoopStep]) -> Option<(Finding, Vec<u64>)> {
    let mut streak: Vec<&LoopStep> = Vec::new();
    for step in steps {
        let is_apart = streak.last().is_some_and(|last| step.time.since(last.time).as_secs() > TRIES_WITHIN_S);
        let is_other_realm = streak.last().is_some_and(|last| last.realm != step.realm);
        if step.kind == StepKind::Accepted || is_apart || is_other_realm {
            if is_loop(&streak) {
                break;
            }
            streak.clear();
        }
        if step.kind != StepKind::Accepted {
            streak.push(step);
        }
    }
    if !is_loop(&streak) {
        return None;
    }
    let refused = streak.iter().filter(|step| step.is_refused()).count();
    let explained_by = explanation(&streak);
    let cause = match explained_by {
        Some("digest-wrong-password") => "wrong-digest",
        Some("credentials-wrong-header") => "header-mismatch",
        Some("realm-mismatch") => "realm",
        Some("old-nonce-reused" | "stale-loop") => "stale",
        _ if streak.iter().filter(|step| step.kind == StepKind::Stale).count() >= REFUSALS_MIN => "stale",
        _ => "unknown",
    };
    let mut sessions: Vec<u64> = streak.iter().map(|step| step.session).collect();
    sessions.dedup();
    let mut frames: Vec<FrameRef> = streak.iter().map(|step| step.at).collect();
    frames.sort_unstable();
    let realm = streak.first().map(|step| step.realm.to_vec()).unwrap_or_default();
    let user = crate::sip::uri::Uri::parse(&key.aor).user.to_vec();
    let mut finding = Finding::new(
        &RULE,
        format!("{} was challenged again after every answer, under a new Call-ID each time", facts::account(&user, &realm)),
    )
    .graded(Severity::High, Confidence::Likely)
    .explained(format!(
        "{} within {TRIES_WITHIN_S} s of each other, from {} under {} Call-IDs; {refused} with credentials, none accepted.",
        facts::count(streak.len(), "REGISTER"),
        key.source,
        sessions.len()
    ))
    .excludes("retransmission: every attempt counted here is a new transaction")
    .advises(remedy(cause));
    if let Some(rule) = explained_by {
        (finding.explained_by, finding.severity) = (Some(rule), Severity::Medium);
    }
    finding.cause = Some(cause);
    finding.frames = frames;
    finding.subject = Subject { realm, user, client: Some(key.source), server: None };
    Some((finding, sessions))
}

/// The rule that explains every refusal of the loop, where it is the same one.
fn explanation(streak: &[&LoopStep]) -> Option<&'static str> {
    let mut rules = streak.iter().filter(|step| step.is_refused()).map(|step| step.explained_by);
    let first = rules.next()??;
    rules.all(|rule| rule == Some(first)).then_some(first)
}

fn is_loop(streak: &[&LoopStep]) -> bool {
    let refused = streak.iter().filter(|step| step.is_refused()).count();
    let mut sessions: Vec<u64> = streak.iter().map(|step| step.session).collect();
    sessions.dedup();
    streak.len() >= CHALLENGES_MIN && refused >= REFUSALS_MIN && sessions.len() > 1
}
