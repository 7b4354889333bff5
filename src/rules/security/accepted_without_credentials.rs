//! SA713: let in without being asked.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::network::is_public;
use crate::history::Entry;
use crate::history::PairKey;
use crate::history::Server;
use crate::history::Trail;
use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA713",
    name: "accepted-without-credentials",
    label: "accepted without credentials",
    severity: Severity::Medium,
    summary: "A server that challenges others lets a public address in without asking",
    finds: "A REGISTER or INVITE from a public address that is accepted without a challenge and without credentials, by a server \
            that challenges other clients for the same method. It is info for addresses in a network given with --trusted.",
    matters: "If that address is not an agreed one, anybody can register there, or call at your expense.",
    advice: "Compare the address with the list of hosts that are let in by address. Name those with --trusted CIDR, and challenge \
             the others.",
    not_this: "Private addresses; a proxy that sends on what others sent; hosts that challenge others themselves, which are peers; \
               clients that authenticated with that server at another time; requests within a dialog.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 26.3.2.1"],
    sample: "register-accepted-without-credentials",
    check: Check::Capture(check),
};

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (address, server) in facts.chronicle.servers.all() {
        for (entry, is_trusted) in
            [(Entry::Register, false), (Entry::Register, true), (Entry::Invite, false), (Entry::Invite, true)]
        {
            let open = open_to(facts, address, server, entry, is_trusted);
            if let Some(asked) = server.asks.get(&entry).filter(|_| !open.is_empty()) {
                findings.push(finding(address, entry, is_trusted, &open, asked.client, asked.at));
            }
        }
    }
    findings
}

/// The clients that are let in by that method, and should not be, or need not be asked.
fn open_to<'f>(
    facts: &CaptureFacts,
    address: IpAddr,
    server: &'f Server,
    entry: Entry,
    is_trusted: bool,
) -> BTreeMap<IpAddr, &'f Trail> {
    let chronicle = &facts.chronicle;
    let of_method = server.unasked.iter().filter(|((method, _), _)| *method == entry);
    let open = of_method.filter(|((_, client), _)| {
        let pair = chronicle.sources.get(PairKey { client: *client, server: address });
        is_public(*client)
            && facts.trusted.iter().any(|network| network.contains(*client)) == is_trusted
            && !chronicle.servers.is_server(*client)
            && !pair.is_some_and(|pair| pair.is_authenticated)
            && server.asks.get(&entry).is_some_and(|asked| asked.client != *client)
    });
    open.map(|((_, client), trail)| (*client, trail)).collect()
}

fn finding(
    server: IpAddr,
    entry: Entry,
    is_trusted: bool,
    open: &BTreeMap<IpAddr, &Trail>,
    asked: IpAddr,
    asked_at: crate::base::FrameRef,
) -> Finding {
    let method = match entry {
        Entry::Register => "REGISTER",
        Entry::Invite => "INVITE",
    };
    let shown: Vec<String> = open.keys().take(3).map(ToString::to_string).collect();
    let more = if open.len() > shown.len() { format!(" and {} more", open.len() - shown.len()) } else { String::new() };
    let whom = format!("{}{more}", shown.join(", "));
    let title = format!("{server} accepts {method} of {whom} without credentials");
    let mut finding = Finding::new(&RULE, title).fault(Fault::Operator).explained(format!(
        "It challenges others for {method}, {asked} in frame {}.{}",
        asked_at.number,
        if is_trusted {
            " These addresses are among those named as trusted."
        } else {
            " If these addresses are not let in by agreement, anybody can come the same way."
        }
    ));
    finding = match is_trusted {
        true => finding.graded(Severity::Info, Confidence::Proven),
        false => finding
            .graded(Severity::Medium, Confidence::Possible)
            .advises("Compare the addresses with those that are to be let in without a password")
            .advises("Name the agreed ones with --trusted CIDR; let the server challenge the others"),
    };
    finding.frames = open.values().flat_map(|trail| trail.frames()).chain([asked_at]).collect();
    finding.frames.sort_unstable();
    let client = open.keys().next().copied().filter(|_| open.len() == 1);
    finding.subject = Subject { client, server: Some(server), ..Subject::default() };
    finding
}
