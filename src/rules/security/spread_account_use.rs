//! SA711: one account, everywhere.

use std::collections::BTreeSet;
use std::time::Duration;

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
    code: "SA711",
    name: "spread-account-use",
    label: "account used everywhere",
    severity: Severity::Medium,
    summary: "One account gets in from many addresses within a short time",
    finds: "Credentials of one user and realm that are accepted from ten addresses or more within ten minutes. Addresses of IPv6 \
            count by their network (/64).",
    matters: "The password is known to more people than it should be: stolen and sold, or the same in every phone.",
    advice: "Ask the owner how many devices there are. Otherwise change the password, remove the foreign registrations, and let the \
             server limit contacts per account.",
    not_this: "An account that a handful of devices share, a phone that moves between networks or whose provider takes its addresses from a pool (it keeps its Call-ID), and a proxy that registers \
               on behalf of others: what came over a further hop is not counted.",
    sources: &["RFC 3261 section 10.3", "RFC 3261 section 26.1.1"],
    sample: "spread-account-use",
    check: Check::Capture(check),
};

const PLACES_MIN: usize = 10;
const WITHIN: Duration = Duration::from_secs(600);

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for spread in facts.chronicle.logins.spread() {
        if spread.places.len() < PLACES_MIN {
            continue;
        }
        let logins = spread.densest(WITHIN);
        let (Some((_, first)), Some((_, last))) = (logins.first(), logins.last()) else { continue };
        // One Call-ID is one device, whose provider gives it an address of its own for each connection.
        let devices: BTreeSet<u64> = logins.iter().map(|(_, login)| login.session).collect();
        if logins.len() < PLACES_MIN || devices.len() < PLACES_MIN {
            continue;
        }
        let user = facts::account(&spread.user, &spread.realm);
        let shown: Vec<String> = logins.iter().take(3).map(|(place, _)| place.to_string()).collect();
        let mut finding = Finding::new(&RULE, format!("{user} got in from {} addresses", logins.len()))
            .graded(Severity::Medium, Confidence::Likely)
            .fault(Fault::Operator)
            .explained(format!(
                "{}, … within {}, each with credentials that the server accepted.",
                shown.join(", "),
                facts::duration_text(last.time.since(first.time))
            ))
            .excludes("guessing: the credentials were accepted")
            .advises("Ask the owner how many devices use the account; if it is not that many, change the password now")
            .advises("Let the server limit the contacts of an account (Asterisk: max_contacts, Kamailio: max_contacts of registrar)");
        finding.spans(logins.iter().map(|(_, login)| login.at), logins.iter().map(|(_, login)| login.session));
        finding.subject = Subject {
            realm: spread.realm.to_vec(),
            user: spread.user.to_vec(),
            client: None,
            server: Some(spread.server),
            ..Subject::default()
        };
        findings.push(finding);
    }
    findings
}
