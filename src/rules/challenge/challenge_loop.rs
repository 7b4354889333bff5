//! SA101: challenged again after every answer.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::net::IpAddr;

use crate::digest::Verdict;
use crate::history::AccountKey;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::credentials::username_not_aor;
use crate::rules::credentials_facts;
use crate::rules::credentials_facts::Row;
use crate::rules::facts;
use crate::rules::loop_cause::LoopCause;
use crate::rules::nonce_facts;
use crate::rules::relay_facts;
use crate::rules::streaks;
use crate::session::Attempt;
use crate::session::AttemptOutcome;
use crate::session::Judgement;
use crate::session::NonceId;
use crate::session::Presented;
use crate::session::Session;
use crate::sip::Method;
use crate::sip::uri::Uri;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA101",
    name: "challenge-loop",
    label: "challenge loop",
    severity: Severity::High,
    summary: "The client is challenged again after every answer",
    finds: "Three or more 401 or 407 for one realm on one hop, at least two of them after credentials for that realm, and none \
            accepted. A closing 403 belongs to the loop. Phones that change the Call-ID or the From tag at every REGISTER \
            are followed by address of record and source, for 60 s, or for ten minutes where they keep the nonce that was called stale. The cause is read from the evidence: stale, wrong-digest, same-nonce, \
            header-mismatch, realm, uri, node-switch, cseq, branch or unknown.",
    matters: "The client will not get in by trying again. Loops fill logs, trip fail2ban, and hide the one line that says why.",
    advice: "Read the cause: a loop is a symptom. Where another finding of the session is named as its explanation, act on that \
             one. Where the cause is unknown, give the password: then each digest is recomputed, and the password is either \
             cleared or convicted.",
    not_this: "A 407 of a second realm behind an answered first one is progress. A B2BUA that passes the challenges on under the same Call-ID \
               has no loop of its own. Retransmitted challenges are one challenge. A \
               call that ends with 486 got past the challenges. A \
               registration that is challenged at every refresh and accepted each time is no loop.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 22.2", "RFC 7616 section 3.3"],
    sample: "register-wrong-password-loop",
    check: Check::Trouble(check),
};

/// What a loop explains whose own cause is not known.
pub const EXPLAINS: (&str, &[&str]) = ("challenge-loop", &["rejected-credentials", "challenge-unanswered"]);

/// The same of a loop across Call-IDs: who took each new nonce, and stops at last, ignored none.
pub const EXPLAINS_ACROSS: &[&str] = &["rejected-credentials", "challenge-unanswered", "stale-ignored-by-client"];

/// Challenges that make a loop, and how many of them must follow credentials.
pub(in crate::rules) const CHALLENGES_MIN: usize = 3;
pub(in crate::rules) const REFUSALS_MIN: usize = 2;

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut told: Vec<BTreeSet<NonceId>> = Vec::new();
    for attempts in pursuits(session) {
        let mut nonces = BTreeSet::new();
        for streak in streaks::of(session, &attempts) {
            if streak.last().is_none_or(|(_, last)| last.is_let_past()) {
                continue;
            }
            for (realm, tried) in tried_by_realm(session, &streak) {
                let tried_nonces: BTreeSet<NonceId> =
                    tried.iter().filter_map(|(_, _, presented)| presented.nonce).collect();
                // Who passes the same nonces on under this Call-ID is the other side of a B2BUA.
                if told.iter().any(|known| !tried_nonces.is_empty() && tried_nonces.is_subset(known)) {
                    continue;
                }
                let found = in_streak(session, context, &streak, &realm, &tried);
                if found.is_some() {
                    nonces.extend(tried_nonces);
                }
                findings.extend(found);
            }
        }
        told.push(nonces);
    }
    findings
}

/// The attempts of each exchange. REGISTERs of one address of record belong together, whatever From tag they have: phones
/// change it with every try.
fn pursuits(session: &Session<'_>) -> Vec<Vec<usize>> {
    let mut pursuits: Vec<Vec<usize>> = Vec::new();
    let mut of_account: HashMap<(AccountKey<'_>, IpAddr), usize> = HashMap::new();
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

/// The credentials of a streak by the realm that they answer.
fn tried_by_realm<'s, 'run>(
    session: &'s Session<'run>,
    streak: &[(usize, &'s Attempt<'run>)],
) -> BTreeMap<Vec<u8>, Vec<Row<'s, 'run>>> {
    let mut by_realm: BTreeMap<Vec<u8>, Vec<Row<'s, 'run>>> = BTreeMap::new();
    for &(index, attempt) in streak {
        // An IMS client announces itself with an empty digest (RFC 3310 §4): there is nothing in it to refuse.
        for presented in attempt.credentials.iter().filter(|presented| !presented.credentials.is_ims_initial()) {
            let realm = facts::answered_realm(session, index, presented);
            by_realm.entry(realm).or_default().push((index, attempt, presented));
        }
    }
    by_realm.retain(|_, tried| {
        number_of_attempts(tried.iter().filter(|(_, _, presented)| presented.is_refused())) >= REFUSALS_MIN
    });
    by_realm
}

/// How many attempts these rows stand in: one may answer each algorithm of a challenge (RFC 8760 §2.3).
fn number_of_attempts<'t, 's: 't, 'run: 's>(rows: impl Iterator<Item = &'t Row<'s, 'run>>) -> usize {
    rows.map(|(index, _, _)| index).collect::<BTreeSet<_>>().len()
}

fn in_streak(
    session: &Session<'_>,
    context: &Context<'_>,
    streak: &[(usize, &Attempt<'_>)],
    realm: &[u8],
    tried: &[Row<'_, '_>],
) -> Option<Finding> {
    let challenges =
        streak.iter().filter(|(_, attempt)| attempt.is_challenged() && attempt.offers_realm(realm)).count();
    // Its owner was satisfied, and the request went on to the next realm.
    let is_satisfied = tried.iter().any(|(_, _, presented)| presented.judgement == Judgement::Accepted);
    // What was changed behind the client's own hop is that hop's story.
    let is_altered = tried.iter().all(|(_, attempt, sent)| relay_facts::was_right_before(session, attempt, sent));
    if is_satisfied || is_altered || challenges < CHALLENGES_MIN {
        return None;
    }
    let (first, attempt, presented) = tried.first().copied()?;
    let (cause, fault) = cause(session, context, tried);
    let is_right = (cause, fault) == (LoopCause::Unknown, Fault::Server);
    let (said, advised) = words(cause, is_right, tried);
    let is_stale = tried.iter().any(|(_, _, presented)| presented.judgement == Judgement::Stale);
    let method = attempt.transaction.method.to_string();
    let user = facts::account(&presented.username(), realm);
    let by_attempt: BTreeMap<usize, u16> =
        tried.iter().filter_map(|(index, attempt, _)| Some((*index, attempt.status()?))).collect();
    let statuses: Vec<String> = by_attempt.values().map(u16::to_string).collect();
    let since = match credentials_facts::let_past_before(session, first, presented) {
        Some(accepted) => {
            format!("{user}, accepted in frame {accepted}, was challenged again after every answer since")
        }
        None => format!("{user} was challenged again after every answer"),
    };
    let title = format!("{since}: {} with credentials, 0 accepted", facts::count(statuses.len(), &method));
    let mut finding = Finding::new(&RULE, title)
        .fault(fault)
        .explained(format!(
            "{} with credentials in answer to realm {} {}: {}. {said}",
            facts::count(statuses.len(), &method),
            facts::quoted(realm),
            if statuses.len() == 1 { "was refused" } else { "were refused" },
            summary_of(&statuses),
        ))
        .excludes("retransmission: every attempt counted here is a new transaction")
        .advises(advised);
    if cause == LoopCause::Unknown && !is_right {
        finding = username_not_aor::advise(finding, session, attempt, presented);
    }
    if is_right || cause == LoopCause::WrongDigest {
        // What the server has stored, nobody has seen; nor need the secret given be the one in use.
        finding.confidence = Confidence::Likely;
    } else if (cause, fault) == (LoopCause::NodeSwitch, Fault::Unknown) {
        // A wrong password is refused by every node.
        finding.confidence = Confidence::Possible;
    }
    if !is_stale {
        finding = finding.excludes("stale nonce: no challenge said stale=true");
    }
    finding.cause = Some(cause.name());
    finding.attempt = Some(first);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(streak.iter().map(|(_, attempt)| *attempt));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(attempt));
    Some(tell_unseen(finding, streak))
}

/// What came of the last attempt may not be in the capture.
fn tell_unseen(mut finding: Finding, streak: &[(usize, &Attempt<'_>)]) -> Finding {
    let unseen = streak.last().filter(|(_, last)| last.has_unseen_answer() && last.outcome == AttemptOutcome::NoAnswer);
    if let Some(request) = unseen.and_then(|(_, last)| last.request()) {
        finding.confidence = Confidence::Possible;
        finding.explanation.push_str(&format!(
            " What was answered to the last of them, in frame {}, is not in the capture: it may have been accepted.",
            request.at.number
        ));
    }
    finding
}

/// `401, 401, then 403`; long lists are cut.
fn summary_of(statuses: &[String]) -> String {
    match statuses {
        [] => "no answer was seen".to_owned(),
        [one] => one.clone(),
        [many @ .., last] if many.len() <= 4 => format!("{}, then {last}", many.join(", ")),
        [first, rest @ ..] if rest.iter().all(|status| status == first) => {
            format!("{first} each time, {} in all", statuses.len())
        }
        [first, .., last] => format!("{first} and so on, {} in all, last {last}", statuses.len()),
    }
}

/// A loop's cause: what holds for every refusal in it, surest first.
fn cause(session: &Session<'_>, context: &Context<'_>, tried: &[Row<'_, '_>]) -> (LoopCause, Fault) {
    let refused: Vec<Row<'_, '_>> = tried.iter().copied().filter(|(_, _, presented)| presented.is_refused()).collect();
    let all = |fits: &dyn Fn(&Row<'_, '_>) -> bool| refused.iter().all(fits);
    let verdict = |(_, _, presented): &Row<'_, '_>| presented.verdict();
    // Refused is not proof: what else is odd counts only where the digest is right, for a wrong password looks the same.
    let is_right = all(&|row| verdict(row) == Some(Verdict::Match));
    let is_wrong = refused.iter().any(|(_, _, presented)| presented.is_wrong());
    let is_old = |(index, _, presented): &Row<'_, '_>| facts::newer_challenge(session, *index, presented).is_some();
    let is_over = |row: &Row<'_, '_>| !row.2.is_wrong() && nonce_facts::expired(context, row.1, row.2).is_some();
    // Where new nonces are refused in the same way, it is not their age.
    let is_new_refused =
        refused.iter().any(|row| nonce_facts::is_refused_while_new(session, row.0, row.2) && !is_over(row));
    let is_stale =
        |row: &Row<'_, '_>| row.2.judgement == Judgement::Stale || is_over(row) || (is_old(row) && !is_new_refused);
    if all(&|(_, attempt, presented)| answer_facts::wrong_header(session, attempt, presented).is_some()) {
        (LoopCause::HeaderMismatch, Fault::Client)
    } else if all(&|(index, _, presented)| facts::mismatched_challenge(session, *index, presented).is_some()) {
        (LoopCause::Realm, Fault::Client)
    } else if let Some(cause) = nonce_facts::loop_cause(session, context, &refused) {
        cause
    } else if !is_wrong && all(&|(_, attempt, presented)| is_from_other_node(session, attempt, presented)) {
        let is_of_nonce = is_right || all(&|(_, _, presented)| presented.judgement == Judgement::Stale);
        (LoopCause::NodeSwitch, if is_of_nonce { Fault::Server } else { Fault::Unknown })
    } else if refused.iter().filter(|row| is_stale(row)).count() >= REFUSALS_MIN {
        (LoopCause::Stale, if refused.iter().any(is_old) { Fault::Client } else { Fault::Server })
    } else if is_wrong {
        (LoopCause::WrongDigest, Fault::Client)
    } else if all(&|(_, attempt, presented)| is_taken_for_copy(session, attempt, presented)) {
        (LoopCause::Branch, Fault::Client)
    } else if is_right && all(&|(_, attempt, p)| credentials_facts::repeats_cseq(session, attempt, p)) {
        (LoopCause::CSeq, Fault::Client)
    } else if is_right && all(&|(_, attempt, presented)| has_other_uri(session, attempt, presented)) {
        (LoopCause::Uri, Fault::Client)
    } else if repeats_itself(&refused) {
        (LoopCause::SameNonce, Fault::Unknown)
    } else {
        (LoopCause::Unknown, if is_right { Fault::Server } else { Fault::Unknown })
    }
}

/// Whether another node gave the nonce than the one that refuses it: another address, or another name in Server.
fn is_from_other_node(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let Some((asking, _)) = presented.answers.and_then(|at| session.challenge(at)) else { return false };
    let name = |attempt: &Attempt<'_>| Some(session.text(attempt.answer()?.server?));
    asking.transaction.flow().destination.address != attempt.transaction.flow().destination.address
        || name(asking).zip(name(attempt)).is_some_and(|(gave, refuses)| gave != refuses)
}

/// Whether the retry has the old branch and gets the old challenge back, nonce and all.
fn is_taken_for_copy(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let is_same = |nonce| attempt.challenges.iter().any(|offered| offered.nonce == Some(nonce));
    credentials_facts::repeats_branch(session, attempt, presented) && presented.nonce.is_some_and(is_same)
}

/// Whether the uri is none, or is not the Request-URI on the client's own hop.
fn has_other_uri(session: &Session<'_>, attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let Some((request, uri)) = attempt.request().zip(presented.credentials.uri()) else { return false };
    let asked = Uri::parse(session.text(request.uri));
    credentials_facts::uri_defect(presented).is_some()
        || (request.via_count <= 1 && Uri::parse(&uri).first_difference(&asked).is_some())
}

/// Whether every refusal but the first is of what had been refused before: the same nonce and the same response.
fn repeats_itself(refused: &[Row<'_, '_>]) -> bool {
    let Some(((_, _, first), others)) = refused.split_first() else { return false };
    others.iter().all(|(_, _, other)| {
        other.nonce.is_some()
            && other.nonce == first.nonce
            && other.credentials.response() == first.credentials.response()
    })
}

/// What is said of a cause, and advised.
fn words(cause: LoopCause, is_right: bool, tried: &[Row<'_, '_>]) -> (&'static str, &'static str) {
    let any = |fits: fn(&Presented<'_>) -> bool| tried.iter().any(|(_, _, presented)| fits(presented));
    let is_unverifiable = any(|presented| matches!(presented.verdict(), Some(Verdict::Unverifiable(_))));
    match cause {
        _ if is_right => (ALL_RIGHT, LOOK_AT_SERVER),
        LoopCause::WrongDigest if any(|presented| presented.verdict() == Some(Verdict::Match)) => {
            (SOME_WRONG, cause.remedy())
        }
        LoopCause::Unknown if any(facts::lacks_scheme) => (NO_SCHEME, facts::NAME_SCHEME),
        LoopCause::Unknown if !any(facts::is_digest) => (NO_DIGEST, LOOK_AT_LOG),
        LoopCause::Unknown => {
            let said = match any(|presented| presented.judgement == Judgement::Stale) {
                true => SOME_STALE,
                false if is_unverifiable => UNCHECKED,
                false => cause.meaning(),
            };
            (said, if is_unverifiable { LOOK_AT_FORM } else { cause.remedy() })
        }
        _ => (cause.meaning(), cause.remedy()),
    }
}

/// What is said where the client changed the secret on the way.
const SOME_WRONG: &str = "Not all digests fit the secret given: those that do not are refused for that.";

/// What is said where a nonce was called stale on the way, and that does not explain the rest.
const SOME_STALE: &str = "Only some challenges blamed the nonce. Without the password, a capture cannot tell a wrong secret from a server that refuses a right one.";

/// What is said where a secret was given, and did not help.
const UNCHECKED: &str = "No challenge blamed the nonce, and the digests could not be recomputed: a capture cannot tell a wrong secret from a server that refuses a right one.";

/// What is said where every digest was checked and is right.
const ALL_RIGHT: &str = "Every digest fits the secret given: the client holds that one, and whether the server does, a capture cannot tell.";
const LOOK_AT_SERVER: &str = "Look at the server: its stored secret, its checks beyond the digest, and whether challenge and answer reach the same node";

/// What is said of other schemes than Digest, and advised.
const NO_DIGEST: &str =
    "Only digests can be checked: a capture cannot tell a wrong secret from a server that refuses a right one.";
const NO_SCHEME: &str =
    "The credentials begin without the word Digest: a server that reads strictly does not know what they are.";
const LOOK_AT_LOG: &str = "See in the server's log why it refuses them";

/// What is advised where the secret was given, and the digests could not be recomputed with it.
const LOOK_AT_FORM: &str =
    "See why the digests could not be recomputed, and mend that first: what the check lacks, the server may lack too";
