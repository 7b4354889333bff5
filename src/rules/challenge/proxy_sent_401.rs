//! SA109: a proxy that answers 401 itself.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::base::FrameRef;
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
use crate::session::Session;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA109",
    name: "proxy-sent-401",
    label: "401 from a proxy",
    severity: Severity::Info,
    summary: "A server that forwards requests as a proxy answered 401 itself",
    finds: "A 401 to a request that the capture never shows again behind the server, from a server that forwards other requests \
            of the same Call-ID with its own Via on top. It is possible only: the capture may miss a leg.",
    matters: "401 is for those at the end: registrars, phones, B2BUAs. A proxy asks with 407. A client that keeps the two kinds of \
              credentials apart may send the wrong ones along, or take the proxy's realm for that of the called party.",
    advice: "Let the proxy challenge with 407 and Proxy-Authenticate (Kamailio: proxy_challenge in place of www_challenge).",
    not_this: "A REGISTER is answered 401 by a proxy that is the registrar too. A 401 that the proxy passes back from behind it is \
               not its own. A B2BUA, which sends requests of its own, is a user agent and may use 401.",
    sources: &["RFC 3261 section 22.1", "RFC 3261 section 22.3", "RFC 3261 section 21.4.2"],
    sample: "proxy-sent-401",
    check: Check::Deviation(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let asked = |attempt: &&Attempt<'_>| {
        attempt.status() == Some(401)
            && attempt.transaction.method != Method::Register
            && attempt.request().is_some()
            && attempt.challenges.iter().any(|offered| offered.header == HeaderKind::Www)
    };
    if !session.attempts.iter().any(|attempt| asked(&attempt)) {
        return Vec::new();
    }
    let forwards: Vec<Forward> = forwards(session);
    let proxies: BTreeSet<IpAddr> = forwards.iter().map(|forward| forward.by).collect();
    let forwarded: BTreeSet<usize> = forwards.iter().map(|forward| forward.from).collect();
    let is_own = |attempt: &&Attempt<'_>| {
        proxies.contains(&attempt.transaction.flow().destination.address)
            && !forwarded.contains(&attempt.transaction_index)
    };
    let own: Vec<&Attempt<'_>> = session.attempts.iter().filter(asked).filter(is_own).collect();
    let Some(attempt) = own.first().copied() else { return Vec::new() };
    let method = attempt.transaction.method.to_string();
    let proxy = attempt.transaction.flow().destination.address;
    let shown = forwards.iter().find(|forward| forward.by == proxy).map(|forward| forward.at);
    let mut finding = Finding::new(&RULE, format!("{proxy} forwards requests as a proxy, and answers {method} with 401 itself"))
        .graded(Severity::Info, Confidence::Possible)
        .fault(Fault::Server)
        .explained(format!(
            "Behind {proxy} the capture shows other requests of this Call-ID with its Via on top{}, but never the one that was answered 401. A proxy asks with 407 (RFC 3261 section 22.1). A leg that was not captured would explain it too.",
            shown.map(|at| format!(" (frame {})", at.number)).unwrap_or_default()
        ))
        .advises("Let the proxy challenge with 407 and Proxy-Authenticate");
    finding.frames = facts::frames_of_all(own.iter().copied());
    finding.frames.extend(shown);
    finding.evidence = facts::challenge_evidence(attempt);
    vec![facts::about_server(finding, session, attempt)]
}

/// A request that went on behind who got it, under one Via more.
struct Forward {
    by: IpAddr,
    /// Which transaction it was before.
    from: usize,
    at: FrameRef,
}

fn forwards(session: &Session<'_>) -> Vec<Forward> {
    let transactions = &session.run.transactions;
    let forwarded = transactions.iter().filter_map(|next| {
        let from = next.forwarded_from()?;
        let before = transactions.get(from)?;
        let (first, request) = (before.request.as_ref()?, next.request.as_ref()?);
        let is_nested = request.via_count > first.via_count;
        is_nested.then_some(Forward { by: before.flow().destination.address, from, at: request.at })
    });
    forwarded.collect()
}
