//! SA309: one node challenges, and another one refuses its nonce.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::digest::Verdict;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::answer_facts;
use crate::rules::clock_facts;
use crate::rules::facts;
use crate::rules::nonce_facts;
use crate::rules::nonce_facts::OtherServer;
use crate::rules::recovery;
use crate::session::Attempt;
use crate::session::Judgement;
use crate::session::Presented;
use crate::session::Session;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA309",
    name: "nonce-from-other-server",
    label: "nonce of another server",
    severity: Severity::High,
    summary: "A nonce that one server issued is refused by another",
    finds: "Credentials that answer the challenge of one server address, sent to and refused by another one, or \
            by the same address under another Server name, with another clock (by the nonces of both challenges) or by another node that \
            it passed the request on to, where that one never took such a nonce. Where the clocks of the two differ by 5 s and more, it says so. So are nodes of one address that ask for one realm and for another by turns. High needs \
            stale=true, a digest that is proven right, or several servers that refuse each other's nonces by turns and nothing else; \
            else it is medium and possible. It is medium, too, where the client then answered the right server with a wrong digest.",
    matters: "Behind a load balancer or several SRV records, challenge and answer may reach different nodes. Each \
            refuses what the other asked for, and a client gets in by luck only.",
    advice: "Give all nodes the same nonce secret, or keep a client on the node that challenged it. OpenSIPS \
            nodes need disable_nonce_check too: each remembers the nonces that it has seen. Nonces that hold a time need clocks \
            that agree.",
    not_this: "Nodes that took each other's nonces before share their secret. The hops of one request through a \
            proxy are one path, and no other server.",
    sources: &["RFC 7616 section 3.3", "RFC 3261 section 22.1", "RFC 3263 section 4"],
    sample: "register-nonce-from-other-node",
    check: Check::Trouble(check),
};

fn check(session: &Session<'_>, context: &Context<'_>) -> Vec<Finding> {
    let foreign: Vec<_> = facts::presented(session)
        .filter_map(|(index, attempt, presented)| {
            Some((index, attempt, presented, nonce_facts::other_server(session, context, attempt, presented)?))
        })
        .collect();
    // A clock is set once, and then it is that of one server still. Two nodes change back.
    if foreign.iter().all(|(_, _, _, other)| *other == OtherServer::Clock) && foreign.len() < CHANGES_MIN {
        return Vec::new();
    }
    let has_realms = foreign.iter().all(|(_, _, _, other)| *other == OtherServer::Realm);
    if has_realms && foreign.len() < CHANGES_MIN {
        return Vec::new();
    }
    let Some((index, attempt, presented, other)) = foreign.first() else { return Vec::new() };
    let is_the_nonce = foreign.iter().any(|(_, _, presented, _)| nonce_facts::is_about_the_nonce(presented));
    let is_stale = foreign.iter().any(|(_, _, presented, _)| presented.judgement == Judgement::Stale);
    let last = foreign.last().map_or(*index, |(last, _, _, _)| *last);
    // Where nodes refuse each other's nonces by turns, and nothing else was ever refused, it stands before the loop that they make.
    let is_by_turns = !is_the_nonce && are_by_turns(session, &foreign);
    let is_proven = foreign.iter().any(|(_, _, presented, _)| presented.verdict() == Some(Verdict::Match));
    let is_over = recovery::has_recovered_anywhere(session, last) || (!is_proven && is_refused_at_home(session, last));
    let severity = nonce_facts::severity(is_the_nonce || is_by_turns, is_over);
    let user = facts::account(&presented.username(), &presented.realm());
    let (issuer, refuser) = names(session, attempt, other);
    let requests: Vec<_> =
        foreign.iter().filter_map(|(_, attempt, _, _)| attempt.request().map(|request| request.at)).collect();
    let mut finding = Finding::new(&RULE, format!("{user} answers a nonce of {issuer}, and {refuser} refuses it"))
        .graded(severity, if is_the_nonce { Confidence::Likely } else { Confidence::Possible })
        .fault(Fault::Server)
        .explained(format!(
            "The credentials in {} answer the challenge of another server than the one that refused them{}. In this capture, neither lets \
             past a nonce of the other.",
            facts::frames_text(&requests),
            if is_stale { " with stale=true" } else { "" }
        ))
        .advises("Give all nodes of the server the same nonce secret; OpenSIPS also needs disable_nonce_check")
        .advises("Or keep a client on the node that challenged it: by source address or Call-ID at the load balancer, or with one SRV record");
    let is_elsewhere = |(_, attempt, presented, other): &(usize, &Attempt<'_>, &Presented<'_>, OtherServer)| {
        matches!(other, OtherServer::Address(_)) && answer_facts::sent_elsewhere(session, attempt, presented).is_some()
    };
    if foreign.iter().all(is_elsewhere) {
        finding = explain_elsewhere(finding);
    }
    if has_realms {
        finding = explain_realms(session, finding, attempt);
    }
    if foreign.iter().all(|(_, _, presented, _)| presented.verdict() == Some(Verdict::Match)) {
        finding = finding.excludes("wrong password: every digest fits the secret given");
    } else if !is_the_nonce {
        finding.explanation.push_str(" Without the password, a wrong one looks the same.");
    }
    if let Some(clocks) =
        foreign.iter().find_map(|(_, attempt, presented, _)| clock_facts::apart(session, context, attempt, presented))
    {
        finding.explanation.push_str(&clocks.said());
        finding.remedy.insert(0, "Set the clocks of all nodes of the server by NTP".into());
    }
    finding.cause = Some("node-switch");
    // Two servers are two exchanges: it explains what is found of either.
    finding.attempt = presented.answers.is_none().then_some(*index);
    finding.subject = facts::subject(session, attempt);
    finding.frames = facts::frames_of_all(foreign.iter().flat_map(|(_, attempt, presented, _)| {
        let issuer = presented.answers.and_then(|at| session.challenge(at)).map(|(issuer, _)| issuer);
        issuer.into_iter().chain([*attempt])
    }));
    finding.evidence = facts::credentials_evidence(attempt, presented).into_iter().collect();
    finding.evidence.extend(facts::challenge_evidence(attempt));
    vec![finding]
}

/// The client turns to another address: so it may have chosen, or a balancer that writes the address anew.
fn explain_elsewhere(mut finding: Finding) -> Finding {
    finding.explanation.push_str(
        " The client sent them to another address than the one that challenged it: where no load balancer in front of this capture wrote that \
         address, the client chose it.",
    );
    finding.confidence = Confidence::Possible;
    finding.remedy.insert(0, answer_facts::STAY_THERE.into());
    finding.fault(Fault::Client)
}

/// Nodes that differ in their realm ask for it by turns.
fn explain_realms(session: &Session<'_>, mut finding: Finding, attempt: &Attempt<'_>) -> Finding {
    let server = attempt.transaction.flow().destination.address;
    let mut realms: Vec<String> = session
        .attempts
        .iter()
        .filter(|other| other.exchange == attempt.exchange)
        .flat_map(|other| other.challenges.iter().map(|offered| facts::quoted(&offered.realm())))
        .take(REALMS_MAX)
        .collect();
    realms.sort_unstable();
    realms.dedup();
    let realms = realms.join(" and for ");
    finding.title = format!("{server} asks for {realms} by turns, and none of them lets the client in");
    finding.explanation = format!(
        "The client answered each challenge, and was asked for another realm in its place, then for the first one again with a new nonce. So it \
         is where nodes with a realm each take turns behind {server}, and none knows what the other asked for. Two servers, one behind the other, \
         that want a new nonce for every request look the same.",
    );
    finding.remedy.insert(0, "Give all nodes of the server the same realm".into());
    finding
}

/// Challenges whose realms are named.
const REALMS_MAX: usize = 8;

/// Whether the client came back with a nonce of the right server, and was refused for its digest: then that keeps it out.
fn is_refused_at_home(session: &Session<'_>, last: usize) -> bool {
    let mut later = facts::presented(session).filter(|(index, _, _)| *index > last);
    later.any(|(_, _, presented)| presented.is_refused() && presented.is_wrong())
}

/// Changes of the clock that show two of them.
const CHANGES_MIN: usize = 2;

/// Whether several servers refuse what answers another one, and no server refuses what answers itself.
fn are_by_turns(session: &Session<'_>, foreign: &[(usize, &Attempt<'_>, &Presented<'_>, OtherServer)]) -> bool {
    let refusing = |attempt: &Attempt<'_>, other: &OtherServer| match other {
        OtherServer::Behind { refused, .. } => *refused,
        _ => attempt.transaction.flow().destination.address,
    };
    let servers: BTreeSet<IpAddr> = foreign.iter().map(|(_, attempt, _, other)| refusing(attempt, other)).collect();
    let is_one = |other: &OtherServer| matches!(other, OtherServer::Clock | OtherServer::Realm);
    let is_behind_one = foreign.iter().all(|(_, _, _, other)| is_one(other));
    (servers.len() > 1 || is_behind_one)
        && foreign.len() >= nonce_facts::TURNS_MIN
        && foreign.len() == nonce_facts::refused_count(session)
}

/// Who challenged, and who refused.
fn names(session: &Session<'_>, attempt: &Attempt<'_>, other: &OtherServer) -> (String, String) {
    let address = attempt.transaction.flow().destination.address;
    match other {
        OtherServer::Address(issuer) => (issuer.to_string(), address.to_string()),
        OtherServer::Clock | OtherServer::Realm => (format!("one node of {address}"), "another one".to_owned()),
        OtherServer::Behind { issued, refused } => (issued.to_string(), format!("{refused}, both behind {address},")),
        OtherServer::Name(issuer) => {
            let name = attempt.answer().and_then(|answer| answer.server).map(|name| facts::quoted(session.text(name)));
            (format!("{} at {address}", facts::quoted(issuer)), name.unwrap_or_default())
        }
    }
}
