//! The findings as SARIF 2.1.0 (OASIS), for code scanning and dashboards: rules with help, results that point at the frame's
//! bytes in the capture, and fingerprints that stay the same from one capture to the next.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

use serde_json::Value;
use serde_json::json;

use crate::base::Untrusted;
use crate::report::Finding;
use crate::report::FrameAt;
use crate::report::Redaction;
use crate::report::Report;
use crate::report::human;
use crate::rules;
use crate::rules::RULES;
use crate::rules::Rule;
use crate::rules::Severity;

/// Where frames stand in their files, in bytes. Frames of pipes and of compressed files have no place.
pub type Spans = BTreeMap<(u16, u64), Range<u64>>;

/// Frames that a result points at beside the first.
const RELATED_MAX: usize = 50;

/// Every frame that the results point at.
pub fn frames(report: &Report) -> impl Iterator<Item = FrameAt> {
    report.findings.iter().flat_map(|finding| finding.frames.iter().take(RELATED_MAX + 1).copied())
}

/// The log: one run, with one result a finding.
pub fn log(report: &Report, redaction: Redaction, spans: &Spans) -> Value {
    let artifacts: Vec<Value> = report
        .inputs
        .iter()
        .map(|input| json!({ "location": { "uri": uri(&input.path) }, "length": input.bytes, "roles": ["analysisTarget"] }))
        .collect();
    let notifications: Vec<Value> = report
        .diagnostics
        .iter()
        .map(|diagnostic| {
            json!({
                "descriptor": { "id": diagnostic.event },
                "level": if diagnostic.severity == "info" { "note" } else { "warning" },
                "message": { "text": shown(&diagnostic.text) },
            })
        })
        .collect();
    let results: Vec<Value> = report.findings.iter().map(|finding| result(finding, report, spans)).collect();
    let banner = (redaction == Redaction::None).then_some(human::UNREDACTED);
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "semanticVersion": report.tool.version,
                "rules": RULES.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "artifacts": artifacts,
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notifications }],
            "results": results,
            "properties": {
                "verdict": report.summary.verdict,
                "headlines": report.summary.headlines.iter().map(|line| shown(line)).collect::<Vec<_>>(),
                "redaction": redaction.name(),
                "banner": banner,
            },
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": { "text": format!("{}.", rule.summary) },
        "fullDescription": { "text": rule.finds },
        "help": {
            "text": format!("{}\n\nWhat to do: {}\n\nNot this rule: {}", rule.matters, rule.advice, rule.not_this),
            "markdown": rules::explain::page(rule),
        },
        "defaultConfiguration": { "level": default_level(rule.severity) },
        "properties": { "tags": ["sip", "authentication"], "sources": rule.sources },
    })
}

fn default_level(severity: Severity) -> &'static str {
    level(severity.name())
}

/// SARIF §3.27.10.
fn level(severity: &str) -> &'static str {
    match severity {
        "critical" | "high" => "error",
        "medium" => "warning",
        "low" => "note",
        _ => "none",
    }
}

fn result(finding: &Finding, report: &Report, spans: &Spans) -> Value {
    let mut message = format!("{}. {}", shown(&finding.title), shown(&finding.explanation));
    for (number, remedy) in (1..).zip(&finding.remedy) {
        let _ = write!(message, " Do {number}: {}.", shown(remedy));
    }
    // §3.27.22: related locations are unique; a finding may name a frame for more than one reason.
    let mut seen = BTreeSet::new();
    let unique = finding.frames.iter().filter(|frame| seen.insert((frame.input, frame.number)));
    let mut frames = unique.take(RELATED_MAX + 1).map(|frame| location(*frame, report, spans));
    let first: Vec<Value> = frames.next().into_iter().collect();
    let related: Vec<Value> = frames.collect();
    let index = RULES.iter().position(|rule| rule.code == finding.code);
    json!({
        "ruleId": finding.code,
        "ruleIndex": index,
        // SARIF §3.27.10: what is no failure has no level.
        "kind": if finding.is_note() { "informational" } else { "fail" },
        "level": level(finding.severity),
        "message": { "text": message },
        "locations": first,
        "relatedLocations": related,
        "partialFingerprints": { "sipauthFinding/v1": finding.fingerprint },
        "properties": {
            "id": finding.id,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "fault": finding.fault,
            "cause": finding.cause,
            "causedBy": finding.caused_by,
            "sessions": finding.sessions,
            "wiresharkFilter": shown(&finding.wireshark_filter),
        },
    })
}

fn location(frame: FrameAt, report: &Report, spans: &Spans) -> Value {
    let path = report.inputs.get(usize::from(frame.input)).map(|input| uri(&input.path)).unwrap_or_default();
    let mut physical = json!({ "artifactLocation": { "uri": path, "index": frame.input } });
    if let (Some(span), Some(object)) = (spans.get(&(frame.input, frame.number)), physical.as_object_mut()) {
        let region = json!({ "byteOffset": span.start, "byteLength": span.end.saturating_sub(span.start) });
        object.insert("region".to_owned(), region);
    }
    json!({ "physicalLocation": physical, "message": { "text": format!("frame {}", frame.number) } })
}

/// A path as a relative reference (RFC 3986 §4.2): what is no unreserved character or `/` is written by number.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    // What stands before a colon in the first segment would be a scheme, and `//` begins a host.
    if path.starts_with("//") {
        uri.push_str("/.");
    }
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

fn shown(text: &str) -> String {
    Untrusted(text.as_bytes()).to_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_references_and_nothing_else() {
        assert_eq!(uri("a b/c:d.pcap"), "a%20b/c%3Ad.pcap");
        assert_eq!(uri("//host/x"), "/.//host/x");
        assert_eq!(uri("javascript:x"), "javascript%3Ax");
    }
}
