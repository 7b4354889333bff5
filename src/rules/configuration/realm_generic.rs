//! SA503: a realm that names nobody.

use std::net::IpAddr;
use std::net::SocketAddr;

use crate::auth::Scheme;
use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::facts;
use crate::rules::relay_facts;
use crate::session::Attempt;
use crate::session::Session;
use crate::sip::host_port::within_brackets;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA503",
    name: "realm-generic",
    label: "generic realm",
    severity: Severity::Low,
    summary: "The realm is a default, an address or empty, and not unique",
    finds: "A Digest challenge whose realm is asterisk, localhost, an IP address, or empty.",
    matters: "The realm tells one server from another: it picks the account on the client and goes into the stored HA1. With a realm \
              that thousands of servers share, credentials for one are good for others where the password is the same, and a \
              client with two accounts cannot tell which to use.",
    advice: "Set the realm to the host or domain name of the service. Stored HA1s have to be computed anew, and clients that select \
             their account by realm set to the new one.",
    not_this: "A realm that differs from the SIP domain, but is a name of its own, is legal.",
    sources: &["RFC 3261 section 22.1"],
    sample: "register-generic-realm",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found = session.attempts.iter().find_map(|attempt| Some((attempt, generic(attempt)?)));
    let Some((attempt, (realm, what))) = found else { return Vec::new() };
    let server = relay_facts::asker(session, attempt);
    let mut finding = Finding::new(&RULE, format!("The realm {} of {server} is {what}", facts::quoted(&realm)))
        .fault(Fault::Server)
        .explained(
            "A realm should be unique and hold a host or domain name (RFC 3261 section 22.1): clients choose their account by it, and it is part of every stored HA1."
                .to_owned(),
        )
        .advises("Set the realm to the service's own host or domain name, and compute stored HA1s anew");
    finding.frames = facts::frames_of_all([attempt]);
    finding.evidence = facts::challenge_evidence(attempt);
    let subject = facts::subject(session, attempt);
    finding.subject = crate::rules::Subject { realm, user: Vec::new(), client: None, server: Some(server), ..subject };
    vec![finding.merged_by(server.to_string())]
}

/// A realm of the challenges that names nobody, and what it is.
fn generic(attempt: &Attempt<'_>) -> Option<(Vec<u8>, &'static str)> {
    attempt.challenges.iter().filter(|offered| offered.challenge.scheme == Scheme::Digest).find_map(|offered| {
        let realm = offered.challenge.realm()?;
        let kind = kind(&realm)?;
        Some((realm.into_owned(), kind))
    })
}

/// What is wrong with a realm that names nobody.
pub fn kind(realm: &[u8]) -> Option<&'static str> {
    let realm = realm.trim_ascii();
    if realm.is_empty() {
        return Some("empty");
    }
    if realm.eq_ignore_ascii_case(b"asterisk") || realm.eq_ignore_ascii_case(b"localhost") {
        return Some("a default that many servers share");
    }
    // Most realms are names, and a letter beyond those of hex digits says so.
    if !realm.iter().all(|byte| byte.is_ascii_hexdigit() || b".:%[]".contains(byte)) {
        return None;
    }
    let text = std::str::from_utf8(realm).ok()?;
    let bare = std::str::from_utf8(within_brackets(realm).unwrap_or(realm)).ok()?;
    let is_address = bare.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok();
    is_address.then_some("an address and no name")
}
