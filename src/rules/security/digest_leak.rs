//! SA705: a digest for the other party of a call.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use crate::base::FrameRef;
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
            credentials, although that address never challenged or accepted this client outside of dialogs. Critical: the capture \
            shows the call, and the client's own server in another network or the caller's User-Agent as that of a tool for attacks. High, \
            and possible: the one that asked names the realm of the client's own server in another network. Medium: the client does not \
            answer, which is right; or the capture begins within the dialog, does not show the client's own server, shows it under \
            another account only, or beside the one that asked, as carriers have several. Info: neither the call nor another server is seen.",
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
    let sources = &facts.chronicle.sources;
    let is_stranger = |peer: &&PeerChallenge| !sources.get(peer.pair).is_some_and(|pair| pair.is_known);
    let strangers: Vec<&PeerChallenge> = facts.chronicle.peers.all().iter().filter(is_stranger).collect();
    let pairs: BTreeSet<PairKey> = strangers.iter().map(|peer| peer.pair).collect();
    let known = KnownServers {
        with_any: sources.have_other_server(&pairs),
        with_neighbour: sources.have_neighbour(&pairs),
        logged_in: sources.logged_in_elsewhere(&pairs),
    };
    let leak = |peer| Leak { peer, own: known.own_server(facts, peer), is_of_tool: is_of_tool(facts, peer) };
    strangers.into_iter().filter_map(|peer| leak(peer).finding()).collect()
}

/// Whether who called bears the name of a tool for attacks.
fn is_of_tool(facts: &CaptureFacts, peer: &PeerChallenge) -> bool {
    let PairKey { client, server: stranger } = peer.pair;
    let caller = facts.chronicle.sources.get(PairKey { client: stranger, server: client });
    let scanner = caller.and_then(|caller| caller.conduct.as_ref()?.scanner.as_ref());
    scanner.is_some_and(|scanner| scanner_agent::is_attack_only(&scanner.agent))
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
}

/// What the capture shows of the servers of those who were asked by strangers.
struct KnownServers {
    /// Who has another one.
    with_any: BTreeSet<PairKey>,
    /// Who has one in the network of the stranger.
    with_neighbour: BTreeSet<PairKey>,
    /// Where they logged in.
    logged_in: BTreeSet<(PairKey, IpAddr)>,
}

impl KnownServers {
    fn own_server(&self, facts: &CaptureFacts, peer: &PeerChallenge) -> OwnServer {
        match self.with_any.contains(&peer.pair) {
            false => OwnServer::Unseen,
            true if self.with_neighbour.contains(&peer.pair) => OwnServer::Neighbour,
            true if is_own_realm(&facts.chronicle, peer) => OwnServer::SameRealm,
            true if self.is_other_account(facts, peer) => OwnServer::OtherAccount,
            true => OwnServer::Elsewhere,
        }
    }

    /// Whether a client that logs in elsewhere is seen there under other names only: phones have lines at several servers, and a thief
    /// gets the digest of one that the client has.
    fn is_other_account(&self, facts: &CaptureFacts, peer: &PeerChallenge) -> bool {
        let Chronicle { sources, logins, .. } = &facts.chronicle;
        let lowest = (peer.pair, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let mut others = self.logged_in.range(lowest..).take_while(|(pair, _)| *pair == peer.pair).peekable();
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
}

/// Whether the account logged in under the realm that the stranger names. A name that many servers share is known to every thief.
fn is_own_realm(Chronicle { sources, logins, .. }: &Chronicle, peer: &PeerChallenge) -> bool {
    let account = sources.hash((&*peer.user, &*peer.realm));
    realm_generic::kind(&peer.realm).is_none() && logins.latest(account, peer.pair.client).is_some()
}

/// A challenge of the other party of a call.
struct Leak<'a> {
    peer: &'a PeerChallenge,
    own: OwnServer,
    /// Whether the one that asked bears the name of a tool for attacks.
    is_of_tool: bool,
}

impl Leak<'_> {
    /// Whether the capture shows that the one that asked called, and is not the client's own server.
    fn is_shown(&self) -> bool {
        let is_stranger = self.is_of_tool || self.own == OwnServer::Elsewhere;
        self.peer.invited.is_some() && self.peer.is_direct && is_stranger
    }

    /// What else it may be, or what shows that it is nothing else.
    fn remark(&self) -> &'static str {
        match self.own {
            _ if self.is_shown() && self.is_of_tool => " It bears the name of a tool for attacks.",
            _ if self.is_shown() => "",
            _ if self.peer.invited.is_none() => {
                " The capture begins within the dialog: who called, and through whom, is not seen."
            }
            OwnServer::Neighbour => {
                " Its address is next to that of the client's own server: it may be another one of the same carrier."
            }
            OwnServer::SameRealm => {
                " It names the realm of the client's own server, which is in another network: it may be another one of the same carrier, \
                 or somebody who copied the realm."
            }
            OwnServer::OtherAccount => {
                " The account is none that the client is seen to use elsewhere: it may be that of another line, whose server this is."
            }
            _ => " The capture does not show another server of this client: the caller may be its own proxy.",
        }
    }

    fn severity(&self) -> Severity {
        match self.peer.invited {
            _ if self.is_shown() => Severity::Critical,
            // The carrier's realm is what a thief would name, too.
            Some(_) if self.peer.is_direct && self.own == OwnServer::SameRealm => Severity::High,
            // Who began the dialog is not seen, nor another server: it may be the client's own.
            None if self.own == OwnServer::Unseen => Severity::Info,
            _ => Severity::Medium,
        }
    }

    fn finding(&self) -> Option<Finding> {
        let peer = self.peer;
        let PairKey { client, server: stranger } = peer.pair;
        let mut finding = match peer.answered {
            Some(answered) => self.given(answered),
            // Without a call by the challenger this says nothing.
            None if !self.is_shown() => return None,
            None => self.refused(),
        };
        if self.is_shown() {
            finding = finding
                .excludes(match self.is_of_tool {
                    true => "a challenge of the client's own server: tools for attacks are none",
                    false => "a challenge of the client's own server: it registers elsewhere",
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

    /// The client answered.
    fn given(&self, answered: FrameRef) -> Finding {
        let peer = self.peer;
        let PairKey { client, server: stranger } = peer.pair;
        let caller = if peer.invited.is_some() { "which had called it" } else { "perhaps the other party of a call" };
        let confidence = if self.is_shown() { Confidence::Likely } else { Confidence::Possible };
        let finding = Finding::new(&RULE, format!("{client} gave a digest of its account to {stranger}, {caller}"))
            .graded(self.severity(), confidence)
            .fault(Fault::Client)
            .explained(format!(
                "{stranger} challenged the {} of the call with {} for realm {}, and the request in frame {} answers. \
                 Nothing else in the capture shows {stranger} as a server of {client}.{}",
                peer.method,
                peer.status,
                facts::quoted(&peer.realm),
                answered.number,
                self.remark()
            ))
            .advises("Let the phone answer challenges of its own registrar and proxy only: update it, or take calls from the proxy only");
        if self.is_shown() {
            finding
                .advises("Change the password of the account: passwords can now be tried on the digest without anybody seeing it")
                .advises(format!("Block {stranger}"))
        } else {
            finding.advises(format!(
                "Find out whose {stranger} is; if it is no server of yours, block it and change the password"
            ))
        }
    }

    /// The client did not.
    fn refused(&self) -> Finding {
        let peer = self.peer;
        let PairKey { client, server: stranger } = peer.pair;
        Finding::new(&RULE, format!("{stranger} called {client} and asked it for credentials"))
            .graded(Severity::Medium, Confidence::Likely)
            .fault(Fault::Unknown)
            .explained(format!(
                "{stranger} challenged the {} of its own call for realm {}. The client did not answer, which is right: nothing leaked.",
                peer.method,
                facts::quoted(&peer.realm)
            ))
            .advises(format!("Block {stranger}, and let phones take calls from their proxy only"))
    }
}
