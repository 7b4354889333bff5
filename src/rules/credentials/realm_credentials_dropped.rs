//! SA211: one realm is answered and the other forgotten.

use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::session::Attempt;
use crate::session::HeaderKind;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA211",
    name: "realm-credentials-dropped",
    label: "realm dropped",
    severity: Severity::High,
    summary: "The client answers a second realm and leaves out the credentials of the first",
    finds: "Credentials of one realm that were let through to a second one that asks too, and a retry that holds the \
            credentials of the second alone, which the first challenges again. It is info where the client got in all \
            the same.",
    matters: "Each proxy on the way wants its own credentials in each request. A client that keeps only the newest goes \
            round in circles, with every password right.",
    advice: "Update the client: it must send the credentials of all realms on the way together. Or take the second \
            challenge away, for instance by trusting the first proxy.",
    not_this: "A second realm behind a first one is progress as long as the retry answers both. One realm that asks \
            again and again is a challenge loop. Two that both answer 401, or share a realm, may be nodes of one server: then it is possible.",
    sources: &["RFC 3261 section 22.3", "RFC 3261 section 16.7"],
    sample: "invite-realm-dropped",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    session.exchanges.iter().filter_map(|exchange| in_exchange(session, &exchange.attempts, context)).collect()
}

/// A retry that dropped a realm: the attempt before it, itself, and the realm.
struct Drop<'s, 'run> {
    before: &'s Attempt<'run>,
    retry: usize,
    realm: Vec<u8>,
    other: Vec<u8>,
    /// Under which headers the two were sent.
    headers: [HeaderKind; 2],
    /// The credentials for the realm are known to be wrong.
    is_wrong: bool,
}

impl Drop<'_, '_> {
    /// What was dropped and what was answered: realms, or the headers of one realm.
    fn names(&self) -> [String; 2] {
        let [dropped, answered] = self.headers;
        match self.realm == self.other {
            true => [dropped, answered]
                .map(|header| format!("{} under {}", facts::quoted(&self.realm), header.challenge_header())),
            false => [&self.realm, &self.other].map(|realm| facts::quoted(realm)),
        }
    }
}

fn in_exchange(session: &Session<'_>, attempts: &[usize], context: &Context<'_>) -> Option<Finding> {
    let pairs = attempts.iter().zip(attempts.iter().skip(1));
    let drops: Vec<Drop<'_, '_>> = pairs.filter_map(|(&before, &retry)| dropped(session, before, retry)).collect();
    let (first, last) = (drops.first()?, drops.last()?);
    let attempt = session.attempts.get(last.retry)?;
    let is_one_realm = first.realm == first.other;
    let [realm, other] = first.names();
    let next = session.attempts.get(first.retry)?;
    // A registrar, or whoever answers a call, is one server: two that answer 401 may be its nodes, of which each names a realm.
    let are_both_401 = first.before.status() == Some(401) && next.status() == Some(401);
    let may_be_nodes = are_both_401 || is_one_realm;
    let is_cut_off = drops.len() == 1 && facts::capture_after(attempt, context) < facts::ANSWER_WITHIN;
    let (severity, confidence) = if session.is_accepted_later(last.retry) {
        (Severity::Info, Confidence::Proven)
    } else if is_cut_off {
        (Severity::Medium, Confidence::Possible)
    } else {
        (Severity::High, if may_be_nodes { Confidence::Possible } else { Confidence::Proven })
    };
    let mut finding = Finding::new(&RULE, format!("The client answers realm {other} and drops its credentials for realm {realm}"))
        .graded(severity, confidence)
        .fault(Fault::Client)
        .explained(format!(
            "Behind credentials for realm {realm}, realm {other} asked. The retry in frame {} answers {other} alone, and {realm} \
             challenges again{}.",
            next.request()?.at.number,
            if drops.len() == 1 { String::new() } else { format!("; so it goes, {} times", drops.len()) }
        ));
    if is_one_realm {
        finding.explanation.push_str(
            " A proxy and the server behind it may share a realm, and then each wants its own header; or nodes of one server ask now \
             so, now otherwise, and take no nonce of each other.",
        );
        finding = finding
            .fault(Fault::Unknown)
            .advises("See whether one server asks under both headers, and let it keep to one");
    } else if may_be_nodes {
        finding.explanation.push_str(
            " Both answer 401, as one server on a way does: nodes of one server may name different realms, and neither may have \
             looked at credentials for the other.",
        );
        finding = finding
            .fault(Fault::Unknown)
            .advises("See whether the nodes behind that address name different realms, and give them one");
    } else if !first.is_wrong {
        finding = finding.excludes(format!("wrong password for realm {realm}: its credentials were let through"));
    }
    finding =
        finding.advises("Update the client: the credentials of all realms on the way go into each request together");
    if severity == Severity::Medium && is_cut_off {
        finding.explanation.push_str(" The capture ends there: the next request may hold both.");
    }
    finding.attempt = facts::lead(session, drops.iter().map(|drop| drop.retry));
    finding.subject = facts::subject(session, attempt);
    finding.subject.realm.clone_from(&first.realm);
    let retries = drops.iter().filter_map(|drop| session.attempts.get(drop.retry));
    finding.frames = facts::frames_of_all(retries.chain(drops.iter().map(|drop| drop.before)));
    let credentials = |attempt: &Attempt<'_>| {
        attempt.credentials.first().and_then(|presented| facts::credentials_evidence(attempt, presented))
    };
    finding.evidence = credentials(first.before).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(first.before));
    finding.evidence.extend(session.attempts.get(first.retry).and_then(credentials));
    Some(finding)
}

fn dropped<'s, 'run>(session: &'s Session<'run>, before: usize, retry: usize) -> Option<Drop<'s, 'run>> {
    let (before, next) = (session.attempts.get(before)?, session.attempts.get(retry)?);
    if !before.is_challenged() || !next.is_challenged() {
        return None;
    }
    let passed = before.credentials.iter().find(|presented| {
        let realm = presented.realm();
        presented.judgement == Judgement::Accepted
            && presented.is_attempt
            && !realm.is_empty()
            && offers(next, presented)
            && next.credentials.iter().all(|other| !is_same(other, presented))
    })?;
    let answered = next.credentials.iter().find(|other| other.is_attempt && offers(before, other))?;
    let (realm, other) = (passed.realm().into_owned(), answered.realm().into_owned());
    let headers = [passed, answered].map(|presented| presented.header);
    Some(Drop { before, retry, realm, other, headers, is_wrong: passed.is_wrong() })
}

/// A proxy and who answers behind it may share a realm, and ask for credentials under headers of their own (RFC 3261 §22.3).
fn is_same(one: &Presented<'_>, other: &Presented<'_>) -> bool {
    (one.header, one.realm()) == (other.header, other.realm())
}

fn offers(attempt: &Attempt<'_>, presented: &Presented<'_>) -> bool {
    let mut challenges = attempt.challenges.iter();
    challenges.any(|offered| (offered.header, offered.realm()) == (presented.header, presented.realm()))
}
