//! SA609: what the capture itself lost or shows twice.

use crate::rules::CaptureFacts;
use crate::rules::Check;
use crate::rules::Fault;
use crate::rules::Finding;
use crate::rules::Rule;
use crate::rules::Severity;
use crate::rules::capture_facts::Event;

/// The rule.
pub static RULE: Rule = Rule {
    code: "SA609",
    name: "capture-quality",
    label: "capture quality",
    severity: Severity::Info,
    summary: "The capture lost something, or shows something twice",
    finds: "Packets cut by the snap length, holes in TCP streams, incomplete fragments, packets that the capturing machine dropped, \
            a file that ends within a packet, bytes that can be read two ways, packets seen twice. It is medium where messages were \
            lost and none of those that are left speaks of authentication: then it is the answer. A 401 or 407 is named whose headers were cut.",
    matters: "What a capture did not keep cannot be judged: an answer that is missing may have been there.",
    advice: "Capture again: tcpdump -s 0 keeps packets whole, -B 16384 gives it a larger buffer.",
    not_this: "What is odd about the messages themselves is told beside them.",
    sources: &["RFC 3261 section 18.3"],
    sample: "snaplen-200",
    check: Check::Capture(check),
};

/// Diagnostics that do not speak of the capture.
const OF_THE_RUN: [&str; 7] = [
    "captures_apart",
    "near_misses_not_searched",
    "input_passed_over",
    "secrets_of_similar_names",
    "secrets_not_used",
    "tcp_refused",
    "tls_alert",
];

fn check(facts: &CaptureFacts) -> Vec<Finding> {
    // What was not computed, secrets, and files that are none, say nothing about the capture: they stand among the diagnostics.
    let is_of_capture = |event: &&Event| !OF_THE_RUN.contains(&event.name);
    let events: Vec<&Event> = facts.events.iter().filter(is_of_capture).collect();
    if events.is_empty() {
        return Vec::new();
    }
    let lost = events.iter().any(|event| event.loses_messages);
    let title =
        if lost { "The capture does not hold everything" } else { "The capture shows some packets in an unusual way" };
    let lines: Vec<String> = events.iter().map(|event| line(event)).collect();
    let mut finding = Finding::new(&RULE, title).fault(Fault::Path).explained(format!("{}.", lines.join("; ")));
    if let Some((status, at)) = facts.cut.challenge {
        finding.explanation.push_str(&format!(
            " A {status} is seen in frame {}: what it asks for, and what was answered, stands in headers that were not kept.",
            at.number
        ));
    }
    // Who takes a capture chooses how much of a packet it keeps.
    if events.iter().any(|event| event.name == "frames_cut") {
        finding = finding.fault(Fault::Operator);
    }
    let is_file = |event: &Event| matches!(event.name, "input_truncated" | "input_unreadable");
    if events.iter().any(|event| event.loses_messages && !is_file(event)) {
        finding =
            finding.advises("Capture again with tcpdump -s 0 -B 16384: findings about silence rest on what was kept");
    }
    if events.iter().any(|event| is_file(event)) {
        finding = finding.advises("Copy the file again, once nobody writes to it: its end is missing");
    }
    // Then it is not a footnote to an answer: it is the answer.
    if lost && facts.sip_messages > 0 && !facts.has_authentication {
        finding.severity = Severity::Medium;
    }
    finding.frames = events.iter().filter_map(|event| event.first).chain(facts.cut.frames.iter().copied()).collect();
    finding.frames.sort_unstable();
    finding.frames.dedup();
    vec![finding]
}

fn line(event: &Event) -> String {
    // These name their input and happen once each.
    let is_told_once = matches!(event.name, "input_truncated" | "input_unreadable");
    match event.count {
        _ if is_told_once => event.text.clone(),
        1 => format!("1 {}", of_one(&event.text)),
        many => format!("{many} {}", event.text),
    }
}

/// What is said of many, said of one: the first word that names many, and the verb that speaks of it.
fn of_one(text: &str) -> String {
    const VERBS: [(&str, &str); 5] = [
        (" that are not read, by their numbers:", " that is not read, by its number:"),
        (" that were ", " that was "),
        (" that differ:", " that differs:"),
        (" that contradict themselves or have ", " that contradicts itself or has "),
        (" that contradict ", " that contradicts "),
    ];
    let many = text.split(' ').find(|word| word.ends_with('s') && word.bytes().any(|byte| byte.is_ascii_lowercase()));
    let one = many.map(|many| text.replacen(many, many.trim_end_matches('s'), 1));
    VERBS.iter().fold(one.unwrap_or_default(), |text, (many, one)| text.replacen(many, one, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_once_is_said_of_one() {
        let check = |many: &str, one: &str| assert_eq!(of_one(many), one);
        check("IP datagrams of which fragments are missing", "IP datagram of which fragments are missing");
        check("TCP connections to ports of SIP that were refused", "TCP connection to ports of SIP that was refused");
        check(
            "bytes sent twice that differ: the first copy was read",
            "byte sent twice that differs: the first copy was read",
        );
        check("WebSocket frames that contradict RFC 6455: on", "WebSocket frame that contradicts RFC 6455: on");
        check("TLS records that no key opens", "TLS record that no key opens");
        check("wrong digests that were not searched", "wrong digest that was not searched");
    }
}
