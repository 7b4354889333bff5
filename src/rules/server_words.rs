//! What an answer says of itself: a reason phrase that is not the usual one, and the headers Warning, Reason and P-Registrar-Error.
//! Servers name there what no status tells, as `403 Forbidden (Bad auth)` does.

use crate::rules::Evidence;
use crate::rules::EvidenceValue;
use crate::rules::Finding;
use crate::rules::Severity;
use crate::rules::configuration::registrar_rejects_contact;
use crate::rules::facts;
use crate::session::Answer;
use crate::session::Attempt;
use crate::session::Session;
use crate::sip::status;

/// Quotes each answer that says more than its status in the first finding about it: servers are no witnesses, but who knows the server
/// knows what it means.
pub(super) fn quote(session: &Session<'_>, findings: &mut [Finding]) {
    let mut quoted: Vec<usize> = Vec::new();
    // Of a call that is turned down there may be nothing but what the server says.
    let is_quoted = |finding: &Finding| {
        finding.severity >= Severity::Medium || std::ptr::eq(finding.rule, &registrar_rejects_contact::RULE)
    };
    for finding in findings.iter_mut().filter(|finding| is_quoted(finding)) {
        let Some(index) = finding.attempt.filter(|index| finding.explained_by.is_none() && !quoted.contains(index))
        else {
            continue;
        };
        let answer = session.attempts.get(index).and_then(|attempt| attempt.answer());
        if let Some(answer) = answer.filter(|answer| answer.status >= 300) {
            add(session, answer, finding);
            quoted.push(index);
        }
    }
}

/// Whether an answer names something in its own words, whatever their letter case.
pub(super) fn name(session: &Session<'_>, answer: &Answer, what: &str) -> bool {
    let texts = std::iter::once(answer.reason).chain(answer.words().map(|(_, value)| value));
    texts.into_iter().any(|text| facts::text(session.text(text)).to_ascii_lowercase().contains(what))
}

/// Whether what was answered to a request names a URI as what it dislikes: `Proxy auth uri does not match SIP "to" uri`.
pub(super) fn blame_uri(session: &Session<'_>, attempt: &Attempt<'_>) -> bool {
    attempt.answer().is_some_and(|answer| answer.status >= 300 && name(session, answer, " uri"))
}

fn add(session: &Session<'_>, answer: &Answer, finding: &mut Finding) {
    let phrase = session.text(answer.reason);
    let own = (!status::is_usual_phrase(answer.status, phrase)).then(|| facts::quoted(phrase));
    let headers = answer.words().map(|(header, value)| (header, facts::text(session.text(value))));
    let named = headers.clone().map(|(header, value)| format!("{header}: {value}"));
    let all: Vec<String> = own.into_iter().chain(named).collect();
    if all.is_empty() {
        return;
    }
    finding.explanation.push_str(&format!(" The answer in frame {} says: {}.", answer.at.number, all.join("; ")));
    let as_evidence =
        headers.map(|(header, value)| Evidence { at: answer.at, header, value: EvidenceValue::Text(value) });
    finding.evidence.extend(as_evidence);
}
