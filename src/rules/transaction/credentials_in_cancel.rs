//! SA412: credentials in a CANCEL.

use crate::rules::Check;
use crate::rules::Context;
use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::Subject;
use crate::session::CredentialsRow;
use crate::session::HeaderKind;
use crate::session::Request;
use crate::session::Session;
use crate::session::Transaction;
use crate::sip::Method;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA412",
    name: "credentials-in-cancel",
    label: "credentials in a CANCEL",
    severity: Severity::Info,
    summary: "A CANCEL carries Proxy-Authorization",
    finds: "A CANCEL with a Proxy-Authorization header.",
    matters: "It has no place there: CANCEL goes from hop to hop, and no proxy may ask for credentials. Its digest is that of the \
              INVITE, or one that nobody checks; a strict server may refuse the request.",
    advice: "Nothing, where calls can be cancelled. Else fix the client to copy only what RFC 3261 section 9.1 names.",
    not_this: "Authorization in a CANCEL is allowed by the header table. Credentials in an ACK are what the standard asks for.",
    sources: &["RFC 3261 section 20, table 3", "RFC 3261 section 9.1", "RFC 3261 section 22.1"],
    sample: "cancel-with-credentials",
    check: Check::Session(check),
};

fn check(session: &Session<'_>, _: &Context<'_>) -> Vec<Finding> {
    let found: Vec<(&Transaction, &Request, &CredentialsRow)> =
        session.run.transactions.iter().filter_map(with_credentials).collect();
    let Some((transaction, request, row)) = found.first().copied() else { return Vec::new() };
    let client = transaction.flow().source.address;
    let mut finding = Finding::new(&RULE, format!("{client} sends Proxy-Authorization in CANCEL"))
        .fault(Fault::Client)
        .explained("RFC 3261 has no Proxy-Authorization in CANCEL: it goes from hop to hop and must not be challenged.")
        .advises("Nothing, where calls can be cancelled; else fix the client");
    finding.frames = found.iter().map(|(_, request, _)| request.at).collect();
    finding.evidence = vec![Evidence {
        at: request.at,
        header: row.header.credentials_header(),
        value: EvidenceValue::Credentials(row.value.clone(), row.first.nonce),
    }];
    finding.subject = Subject {
        user: session.user(),
        client: Some(client),
        server: Some(transaction.flow().destination.address),
        ..Subject::default()
    };
    vec![finding.merged_by(client.to_string())]
}

fn with_credentials(transaction: &Transaction) -> Option<(&Transaction, &Request, &CredentialsRow)> {
    if transaction.method != Method::Cancel {
        return None;
    }
    let request = transaction.request.as_ref()?;
    let row = request.credentials.iter().find(|row| row.header == HeaderKind::Proxy)?;
    Some((transaction, request, row))
}
