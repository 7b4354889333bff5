//! SA706: the same digest from another address.

use crate::history::Replay;
use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA706",
    name: "replay-suspected",
    label: "replay",
    severity: Severity::Critical,
    summary: "The same digest is sent from a second address",
    finds: "The same nonce, nonce count and response from two source addresses, in requests that differ in Call-ID or CSeq. It is \
            medium and possible where the digest holds no nonce of the client's own (no qop), where the server gave the nonce to both, or where the Call-ID is the same: \
            then a client that has moved may have repeated itself. The same where the second address gets in later with a digest \
            of its own: it holds the password. Where both is so, it is info.",
    matters: "Whoever can read the packets can send the digest again. A server that does not count accepts it.",
    advice: "Let the server use qop=auth, count nonces and give each out for a short time. Carry SIP over TLS. Look into who has \
             the second address.",
    not_this: "A second client that the server gave the same nonce and let past: it has the password. A request that a proxy or B2BUA passes on, a second place of capture, and a client whose NAT gave it another \
               address: these keep Call-ID and CSeq, come from who received the first, or lie between the first and its answer. What \
               repeats a digest from long ago, with more than sixteen thousand others in between, is not seen.",
    sources: &["RFC 7616 section 5.5", "RFC 3261 section 22.4", "RFC 2617 section 4.5"],
    sample: "replay",
    check: Check::Capture(check),
};

/// Rules whose findings of the same sessions say no more than this one: whoever replays has no password to answer with.
pub const EXPLAINS: (&str, &[&str]) = ("replay-suspected", &["stale-ignored-by-client", "challenge-unanswered"]);

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let replays = facts.chronicle.uses.replays();
    let holds_password = |replay: &Replay| {
        let key = facts.chronicle.sources.hash((&*replay.user, &*replay.realm));
        let login = facts.chronicle.logins.latest(key, replay.second.client);
        let is_same = |other: &&&Replay| other.second.client == replay.second.client && other.user == replay.user;
        let latest = replays.iter().filter(is_same).map(|other| other.latest).max();
        login.is_some_and(|login| Some(login.time) > latest)
    };
    replays.iter().map(|replay| finding(replay, holds_password(replay))).collect()
}

/// `holds_password`: the second place got in later, with a digest that is no repeat.
fn finding(replay: &Replay, holds_password: bool) -> Finding {
    let Replay { first, second, .. } = replay;
    let user = facts::account(&replay.user, &replay.realm);
    let is_same_call = first.call == second.call;
    let is_clear = replay.has_cnonce && !is_same_call && !holds_password && !second.is_asked;
    let severity = match is_clear {
        true => Severity::Critical,
        // Any client that has moved does the same, and this one has the password.
        false if holds_password && !replay.has_cnonce => Severity::Info,
        false => Severity::Medium,
    };
    let doubt = match (is_same_call, replay.has_cnonce) {
        _ if holds_password => {
            " The same address then got in with a fresh digest: it holds the password, and may be the client that has moved."
        }
        _ if second.is_asked => {
            " The server gave this nonce to both: two devices with one password and a constant cnonce compute the same digest."
        }
        (true, _) => " They share a Call-ID: a client that has moved may have repeated its credentials.",
        (false, false) => " Without qop, a client that has moved computes the same digest for the same nonce.",
        (false, true) => "",
    };
    let fate = match replay.is_accepted {
        Some(true) => " The server let it past.",
        Some(false) => " The server did not accept it.",
        None => "",
    };
    let mut finding = Finding::new(
        &RULE,
        format!("{} sends a digest of {user} that {} sent before", second.client, first.client),
    )
    .graded(severity, if is_clear { Confidence::Likely } else { Confidence::Possible })
    .fault(Fault::Client)
    .explained(format!(
        "Frame {} holds the nonce, nonce count and response of frame {}, {} later and under another {}.{fate}{doubt}",
        second.at.number,
        first.at.number,
        facts::duration_text(second.sent.since(first.sent)),
        if is_same_call { "CSeq" } else { "Call-ID" }
    ))
    .excludes("a request on its way: the second does not come from who received the first")
    .advises(format!("Find out who has the address {}", second.client))
    .advises("Let the server offer qop=auth, refuse a nonce count that it has seen, and end nonces soon")
    .advises("Carry SIP over TLS, so that digests cannot be read");
    if replay.has_cnonce {
        finding = finding.excludes("chance: the digest holds a nonce of the client's own");
    }
    finding.spans([first.at, second.at], [first.session.into(), second.session.into()]);
    finding.subject = Subject {
        realm: replay.realm.to_vec(),
        user: replay.user.to_vec(),
        client: Some(second.client),
        server: replay.server,
        ..Subject::default()
    };
    finding
}
