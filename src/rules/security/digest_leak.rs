//! SA705: a digest for the other party of a call.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use crate::history::Chronicle;
use crate::history::PairKey;
use crate::history::PeerChallenge;
use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::configuration::realm_generic;
use crate::rules::facts;
use crate::rules::security::scanner_agent;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA705",
    name: "digest-leak",
    label: "digest leak",
    severity: Severity::Critical,
    summary: "The other party of a call asked for credentials and got them",
    finds: "A request within a dialog, most often BYE, that the party which called challenges, and that the client answers with \
            credentials, although that address never challenged or accepted this client outside of dialogs. Where who called bears \
            the name of a tool for attacks, nothing else is asked. It is medium where \
            the client does not answer, which is right, and where the capture begins within the dialog, does not show that \
            the client has another server, shows it there under another account only, or where that is a neighbour of the one that asked: carriers have several. It is high, and \
            possible, where the one that asked names the realm of the client's own server in another network. Where neither who called nor another \
            server is seen, it is info.",
    matters: "With the digest, the caller can try passwords at home as fast as its machines are, unseen. It calls, waits until the phone hangs \
              up, and asks.",
    advice: "Let the phone answer challenges of its registrar and proxy only, and take calls from them only. Change the password of the account.",
    not_this: "A challenge by the server that the client registers with or calls through. A call that the client itself made.",
    sources: &["RFC 3261 section 22.3", "RFC 3261 section 26.3.2", "RFC 7616 section 5.8"],
    sample: "digest-leak",
    check: Check::Capture(check),
};

/// Rules whose findings of the same sessions say no more than this one.
pub const EXPLAINS: (&str, &[&str]) = ("digest-leak", &["in-dialog-challenge-unanswered", "challenge-unanswered"]);

/// What is found of challenges and their answers is no matter for a server here: who asked is a thief.
pub const TAKES_BACK: &[&str] =
    &["accepted-with-other-secret", "digest-ok-accepted", "normal-challenge", "qop-missing-in-challenge"];

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let chronicle = &facts.chronicle;
    let strangers: Vec<&PeerChallenge> = chronicle
        .peers
        .all()
        .iter()
        .filter(|peer| !chronicle.sources.get(peer.pair).is_some_and(|pair| pair.is_known))
        .collect();
    let pairs: BTreeSet<PairKey> = strangers.iter().map(|peer| peer.pair).collect();
    let with_server = chronicle.sources.have_other_server(&pairs);
    let neighbours = chronicle.sources.have_neighbour(&pairs);
    let known = |peer: &PeerChallenge| match with_server.contains(&peer.pair) {
        true if neighbours.contains(&peer.pair) => OwnServer::Neighbour,
        true => OwnServer::Elsewhere,
        false => OwnServer::Unseen,
    };
    // A name that many servers share is known to every thief.
    let is_known_realm = |peer: &PeerChallenge| {
        if realm_generic::kind(&peer.realm).is_some() {
            return false;
        }
        let account = chronicle.sources.hash((&*peer.user, &*peer.realm));
        chronicle.logins.latest(account, peer.pair.client).is_some()
    };
    let others = chronicle.sources.logged_in_elsewhere(&pairs);
    let known = |peer: &PeerChallenge| match known(peer) {
        _ if is_of_tool(facts, peer) => OwnServer::NotThis,
        OwnServer::Elsewhere if is_known_realm(peer) => OwnServer::SameRealm,
        OwnServer::Elsewhere if is_other_account(facts, peer, &others) => OwnServer::OtherAccount,
        known => known,
    };
    strangers.into_iter().filter_map(|peer| finding(peer, known(peer))).collect()
}

/// Whether who called bears the name of a tool for attacks.
fn is_of_tool(facts: &CaptureFacts, peer: &PeerChallenge) -> bool {
    let PairKey { client, server: stranger } = peer.pair;
    let caller = facts.chronicle.sources.get(PairKey { client: stranger, server: client });
    let scanner = caller.and_then(|caller| caller.conduct.as_ref()?.scanner.as_ref());
    scanner.is_some_and(|scanner| scanner_agent::is_attack_only(&scanner.agent))
}

/// Whether a client that logs in elsewhere is seen there under other names only: phones have lines at several servers, and a thief gets
/// the digest of one that the client has.
fn is_other_account(facts: &CaptureFacts, peer: &PeerChallenge, others: &BTreeSet<(PairKey, IpAddr)>) -> bool {
    let Chronicle { sources, logins, .. } = &facts.chronicle;
    let lowest = (peer.pair, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let mut others = others.range(lowest..).take_while(|(pair, _)| *pair == peer.pair).peekable();
    let realms = |address: IpAddr| {
        let server = facts.nonce_servers.iter().filter(move |server| server.address == address);
        server.flat_map(|server| &server.nonces).map(|nonce| &nonce.realm)
    };
    let is_used_in = |realm: &[u8]| logins.latest(sources.hash((&*peer.user, realm)), peer.pair.client).is_some();
    // Where no challenge of that server was captured, nobody knows in which realm.
    let may_be_used_at =
        |address: IpAddr| realms(address).next().is_none() || realms(address).any(|realm| is_used_in(realm));
    peer.answered.is_some() && others.peek().is_some() && !others.any(|(_, address)| may_be_used_at(*address))
}

/// Where the client's own server is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OwnServer {
    /// The capture shows none.
    Unseen,
    /// In the network of the one that asked.
    Neighbour,
    /// In another network, and it let the account in under the very realm that the stranger names.
    SameRealm,
    /// In another network, and the client has another account there than the one whose digest it sent.
    OtherAccount,
    /// In another network.
    Elsewhere,
    /// Wherever: the one that asked is a tool for attacks.
    NotThis,
}

/// What else it may be.
fn doubt(peer: &PeerChallenge, own: OwnServer) -> &'static str {
    match own {
        _ if peer.invited.is_none() => {
            " The capture begins within the dialog: who called, and through whom, is not seen."
        }
        OwnServer::Neighbour => {
            " Its address is next to that of the client's own server: it may be another one of the same carrier."
        }
        OwnServer::SameRealm => {
            " It names the realm of the client's own server, which is in another network: it may be another one of the same carrier, or \
             somebody who copied the realm."
        }
        OwnServer::OtherAccount => {
            " The account is none that the client is seen to use elsewhere: it may be that of another line, whose server this is."
        }
        _ => " The capture does not show another server of this client: the caller may be its own proxy.",
    }
}

fn finding(peer: &PeerChallenge, own: OwnServer) -> Option<Finding> {
    let PairKey { client, server: stranger } = peer.pair;
    let is_shown = peer.invited.is_some() && peer.is_direct && matches!(own, OwnServer::Elsewhere | OwnServer::NotThis);
    let realm = facts::quoted(&peer.realm);
    let mut finding = match peer.answered {
        Some(answered) => {
            let doubt = match own {
                OwnServer::NotThis if is_shown => " It bears the name of a tool for attacks.",
                _ if is_shown => "",
                own => doubt(peer, own),
            };
            let caller = if peer.invited.is_some() { "which had called it" } else { "perhaps the other party of a call" };
            let severity = match peer.invited {
                _ if is_shown => Severity::Critical,
                // The carrier's realm is what a thief would name, too.
                Some(_) if peer.is_direct && own == OwnServer::SameRealm => Severity::High,
                // Who began the dialog is not seen, nor another server: it may be the client's own.
                None if own == OwnServer::Unseen => Severity::Info,
                _ => Severity::Medium,
            };
            let finding = Finding::new(&RULE, format!("{client} gave a digest of its account to {stranger}, {caller}"))
                .graded(
                    severity,
                    if is_shown { Confidence::Likely } else { Confidence::Possible },
                )
                .explained(format!(
                    "{stranger} challenged the {} of the call with {} for realm {realm}, and the request in frame {} answers. \
                     Nothing else in the capture shows {stranger} as a server of {client}.{doubt}",
                    peer.method, peer.status, answered.number
                ))
                .advises("Let the phone answer challenges of its own registrar and proxy only: update it, or take calls from the proxy only");
            if is_shown {
                finding
                    .advises("Change the password of the account: passwords can now be tried on the digest without anybody seeing it")
                    .advises(format!("Block {stranger}"))
            } else {
                finding.advises(format!("Find out whose {stranger} is; if it is no server of yours, block it and change the password"))
            }
        }
        // Without a call by the challenger this says nothing.
        None if !is_shown => return None,
        None => Finding::new(&RULE, format!("{stranger} called {client} and asked it for credentials"))
            .graded(Severity::Medium, Confidence::Likely)
            .explained(format!(
                "{stranger} challenged the {} of its own call for realm {realm}. The client did not answer, which is right: nothing leaked.",
                peer.method
            ))
            .advises(format!("Block {stranger}, and let phones take calls from their proxy only")),
    };
    finding = finding.fault(if peer.answered.is_some() { Fault::Client } else { Fault::Unknown });
    if is_shown {
        finding = finding
            .excludes(match own {
                OwnServer::NotThis => "a challenge of the client's own server: tools for attacks are none",
                _ => "a challenge of the client's own server: it registers elsewhere",
            })
            .excludes("a call through a proxy: the INVITE has one Via, that of the caller");
    }
    finding.frames = peer.invited.into_iter().chain([peer.challenged]).chain(peer.answered).collect();
    finding.frames.sort_unstable();
    finding.sessions = vec![peer.session];
    finding.subject = Subject {
        realm: peer.realm.to_vec(),
        user: peer.user.to_vec(),
        client: Some(client),
        server: Some(stranger),
        ..Subject::default()
    };
    Some(finding)
}
