//! SA710: credentials that travel beyond the host that asked for them.

use std::net::IpAddr;

use crate::auth::parse_challenges;
use crate::auth::parse_credentials;
use crate::rules::Check;
use crate::rules::Confidence;
use crate::rules::Context;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::rules::facts;
use crate::session::CredentialsRow;
use crate::session::HeaderKind;
use crate::session::Session;
use crate::session::Transaction;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA710",
    name: "credentials-to-foreign-host",
    label: "credentials passed on",
    severity: Severity::Info,
    summary: "A proxy passes the credentials meant for it on to the next host",
    finds: "A Proxy-Authorization for a realm that a proxy asked for by itself, and that is still there in the request which that \
            proxy sends on to a host which did not ask for that realm.",
    matters: "Whoever runs the next host can try passwords on the digest at home. RFC 3261 lets proxies pass it on; nothing needs it.",
    advice: "Let the proxy remove what it has consumed (Kamailio and OpenSIPS: consume_credentials()).",
    not_this: "Credentials of realms that are asked for further on must travel. A proxy that passed the challenge on from behind it \
               passes on the answer as well.",
    sources: &["RFC 3261 section 22.3", "RFC 7616 section 3.8"],
    sample: "credentials-passed-on",
    check: Check::Session(check),
};

/// How many hops are looked at: what a proxy does it does always.
const HOPS_MAX: usize = 64;

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let all = &session.run.transactions;
    let forwarded = all.iter().filter_map(|known| Some((known, all.get(known.forwarded_from()?)?)));
    let mut passed_on = forwarded.take(HOPS_MAX).filter_map(|(next, first)| {
        let rows = &next.request.as_ref()?.credentials;
        let row = rows.iter().find(|row| is_passed_on(session, first, next, row))?;
        Some((first, next, row))
    });
    let Some((first, next, row)) = passed_on.next() else { return Vec::new() };
    let Some(request) = &next.request else { return Vec::new() };
    let (proxy, host) = (first.flow().destination.address, next.flow().destination.address);
    let realm = realm_of(row);
    let mut finding =
        Finding::new(&RULE, format!("{proxy} passes the credentials for {} on to {host}", facts::quoted(&realm)))
            .graded(Severity::Info, Confidence::Proven)
            .fault(Fault::Server)
            .explained(format!(
                "{proxy} asked for them and let them past; the request that it sends to {host} still holds them. That host did not \
                 ask for this realm."
            ))
            .advises("Let the proxy remove the credentials that it has checked (Kamailio, OpenSIPS: consume_credentials())");
    finding.frames = first.request.iter().chain(&next.request).map(|request| request.at).collect();
    finding.evidence = vec![Evidence {
        at: request.at,
        header: row.header.credentials_header(),
        value: EvidenceValue::Credentials(row.value.clone(), row.first.nonce),
    }];
    finding.subject =
        Subject { realm, user: Vec::new(), client: Some(proxy), server: Some(host), ..Subject::default() };
    let key = format!("{proxy} {host} {}", facts::text(&finding.subject.realm));
    vec![finding.merged_by(key)]
}

/// Whether a row of credentials was consumed by the proxy that sends it on.
fn is_passed_on(session: &Session<'_>, first: &Transaction, next: &Transaction, row: &CredentialsRow) -> bool {
    let (proxy, host) = (first.flow().destination.address, next.flow().destination.address);
    let came_with = first.request.as_ref().is_some_and(|request| {
        request.credentials.iter().any(|known| known.header == row.header && known.value == row.value)
    });
    row.header == HeaderKind::Proxy
        && came_with
        && next.flow().source.address == proxy
        && host != proxy
        && asks_by_itself(session, proxy, row)
        && !asks(session, host, &realm_of(row))
}

/// Whether that address challenged with the nonce of these credentials, and the request had gone no further.
fn asks_by_itself(session: &Session<'_>, proxy: IpAddr, row: &CredentialsRow) -> bool {
    let Some(nonce) = row.first.nonce else { return false };
    let issued = session.attempts.iter().take(HOPS_MAX).find(|attempt| {
        attempt.transaction.flow().destination.address == proxy
            && attempt.challenges.iter().any(|offered| offered.nonce == Some(nonce))
    });
    let mut all = session.run.transactions.iter();
    issued.is_some_and(|attempt| !all.any(|known| known.forwarded_from() == Some(attempt.transaction_index)))
}

/// Whether that host was seen to ask for that realm, on whatever hop.
fn asks(session: &Session<'_>, host: IpAddr, realm: &[u8]) -> bool {
    let of_host = session.run.transactions.iter().filter(|known| known.flow().destination.address == host);
    let rows = of_host.filter_map(|known| known.answer.as_ref()).flat_map(|answer| &answer.challenges);
    let mut challenges = rows.flat_map(|row| parse_challenges(&row.value));
    challenges.any(|challenge| challenge.realm().unwrap_or_default() == realm)
}

fn realm_of(row: &CredentialsRow) -> Vec<u8> {
    let credentials = parse_credentials(&row.value);
    credentials.first().and_then(|credentials| credentials.realm()).map(|realm| realm.into_owned()).unwrap_or_default()
}
