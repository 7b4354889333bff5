//! What a capture does not hold, or holds in another order, must not be blamed on anybody: an answer before its request,
//! and every frame lost, one at a time.

use serde_json::Value;
use sipauth::report::Report;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::properties::Datagram;
use crate::properties::Differences;
use crate::properties::datagram;
use crate::properties::essence;

/// What is left unsaid where an answer overtakes its request, and why.
const NEEDS_THE_REQUEST_FIRST: &[(&str, &str)] = &[
    ("nextnonce-ignored", "Authentication-Info is read with the credentials that it answers"),
    ("rspauth-mismatch", "Authentication-Info is read with the credentials that it answers"),
    ("ack-mismatch", "an ACK that answers nothing yet is not compared with it"),
];

/// Samples in which an answer that overtakes its request is taken for another one's, and why.
const NOT_OVERTAKEN: &[(&str, &str)] =
    &[("invite-branch-reused", "by branch and CSeq it answers the request before it, sent under the same ones")];

/// As captures of several queues or points hold them: the answer first, and the request within milliseconds behind it.
#[test]
fn an_answer_that_overtakes_its_request_changes_nothing() {
    let mut differences = Differences::default();
    let mut overtaken = 0;
    for sample in corpus::samples() {
        if NOT_OVERTAKEN.iter().any(|(name, _)| *name == sample.name) {
            continue;
        }
        let frames = sample.frames();
        let expect = essence(&sample.report_on(&corpus::plain_pcap(&frames)));
        for (at, pair) in frames.windows(2).enumerate() {
            let [request, answer] = pair else { continue };
            if is_answered_by(request, answer) {
                let mut swapped = frames.clone();
                swapped.swap(at, at + 1);
                let mut found = essence(&sample.report_on(&corpus::plain_pcap(&swapped)));
                let mut expect = expect.clone();
                [&mut found, &mut expect].into_iter().for_each(leave_unsaid);
                differences.compare(&sample, &format!("frame {} first", at + 2), &expect, &found);
                overtaken += 1;
            }
        }
    }
    differences.none();
    assert!(overtaken > 300, "only {overtaken} answers overtook their requests");
}

/// Whether the frames hold a request over UDP and the answer to it, on the same hop.
fn is_answered_by(request: &RawFrame, answer: &RawFrame) -> bool {
    let (Some(request), Some(answer)) = (datagram(request), datagram(answer)) else { return false };
    let is_back = request.ip.get(12..16) == answer.ip.get(16..20) && request.ip.get(16..20) == answer.ip.get(12..16);
    let sip = |datagram: &Datagram| datagram.udp.get(8..).unwrap_or_default().to_vec();
    let (request, answer) = (sip(&request), sip(&answer));
    let branch = |message: &[u8]| {
        let text = String::from_utf8_lossy(message).into_owned();
        let line = text.lines().find(|line| line.to_lowercase().starts_with("v"))?.to_owned();
        Some(line.split("branch=").nth(1)?.split([';', ',']).next()?.trim().to_owned())
    };
    is_back && !request.starts_with(b"SIP/2.0") && answer.starts_with(b"SIP/2.0") && branch(&request) == branch(&answer)
}

fn leave_unsaid(essence: &mut Value) {
    let is_said = |finding: &Value| !NEEDS_THE_REQUEST_FIRST.iter().any(|(rule, _)| finding[0] == *rule);
    if let Some(findings) = essence["findings"].as_array_mut() {
        findings.retain(is_said);
    }
}

/// The findings of a report that are at least medium: rule and severity.
fn grave(report: &Report) -> Vec<(&'static str, &'static str)> {
    let grave = report.findings.iter().filter(|finding| matches!(finding.severity, "medium" | "high" | "critical"));
    grave.map(|finding| (finding.rule, finding.severity)).collect()
}

/// Whichever frame of a capture without trouble is lost, nobody is at fault for it.
#[test]
fn a_frame_that_the_capture_lost_accuses_nobody() {
    let (mut wrong, mut lost) = (Vec::new(), 0);
    for sample in corpus::samples() {
        let frames = sample.frames();
        if frames.len() > 40 || !grave(&sample.report_on(&corpus::plain_pcap(&frames))).is_empty() {
            continue;
        }
        for at in 0..frames.len() {
            let mut rest = frames.clone();
            rest.remove(at);
            let found = grave(&sample.report_on(&corpus::plain_pcap(&rest)));
            if found.iter().any(|(_, severity)| *severity != "medium") {
                wrong.push(format!("{} without frame {}: {found:?}", sample.name, at + 1));
            }
            lost += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lost > 300, "only {lost} frames were lost");
}

/// The report of a sample without one of its frames, with the findings that are at least medium.
fn without_frame(name: &str, number: usize) -> (Report, Vec<(&'static str, &'static str)>) {
    let sample = corpus::sample(name);
    let mut frames = sample.frames();
    frames.remove(number - 1);
    let report = sample.report_on(&corpus::plain_pcap(&frames));
    let grave = grave(&report);
    (report, grave)
}

/// The segment that is lost ends with `REG`: what follows is no method of the client's.
#[test]
fn what_a_hole_leaves_of_a_method_is_no_method() {
    let (report, grave) = without_frame("tcp-split-in-odd-places", 18);
    assert_eq!(grave, []);
    let methods = report.sessions.iter().flat_map(|session| &session.attempts).map(|attempt| &*attempt.method);
    assert!(methods.into_iter().all(|method| method == "REGISTER"));
}

/// The 403 shows that something was sent in answer to the challenge, and the capture does not hold it.
#[test]
fn a_retry_that_the_capture_lost_is_not_missed() {
    let (_, grave) = without_frame("register-retry-after-403", 3);
    assert!(!grave.iter().any(|(rule, _)| matches!(*rule, "retry-without-credentials" | "challenge-unanswered")));
}

/// The last challenge answers a request that the capture does not hold: a wrong password cannot be ruled out.
#[test]
fn a_challenge_of_an_unseen_request_rules_nothing_out() {
    let (report, grave) = without_frame("register-refused-no-password", 3);
    assert_eq!(grave, [("challenge-unanswered", "medium")]);
    let finding = report.findings.iter().find(|finding| finding.rule == "challenge-unanswered").expect("it is there");
    assert_eq!((finding.fault, finding.confidence), ("unknown", "possible"));
    assert!(!finding.excluded.iter().any(|cause| cause.contains("wrong password")), "{:?}", finding.excluded);
}

/// The snap length took the credentials: that none were sent is not known.
#[test]
fn credentials_beyond_the_snap_length_are_not_missed() {
    for name in ["register-refused-no-password", "register-password-with-newline", "telos-vx-register-wrong-password"] {
        let sample = corpus::sample(name);
        let mut frames = sample.frames();
        frames.iter_mut().for_each(|frame| frame.bytes.truncate(560));
        let report = sample.report_on(&corpus::plain_pcap(&frames));
        let cut =
            |finding: &&sipauth::report::Finding| finding.excluded.iter().any(|cause| cause.contains("no digest"));
        assert!(!report.findings.iter().any(|finding| cut(&finding)), "{name}");
        assert!(grave(&report).iter().all(|(_, severity)| *severity == "medium"), "{name}: {:?}", grave(&report));
    }
}

/// A client that goes on seconds later, and sent nothing again, had its answer.
#[test]
fn an_answer_that_the_capture_lost_makes_no_overlap() {
    for (name, number) in [("register-ok", 2), ("register-ok", 4), ("telos-vx-register-ok", 2)] {
        let (_, grave) = without_frame(name, number);
        assert!(!grave.iter().any(|(rule, _)| *rule == "overlapping-register"), "{name} without frame {number}");
    }
}

/// Of two proxies one alone was captured, and what it sends on answers the challenge of the other.
#[test]
fn credentials_on_their_way_are_not_compared_with_another_hops_realm() {
    let sample = corpus::sample("invite-two-realms-ok");
    let mut frames = sample.frames();
    frames.retain(|frame| frame.bytes.get(26..30) == Some(&[127, 0, 1, 11]));
    let report = sample.report_on(&corpus::plain_pcap(&frames));
    assert!(!report.sessions.is_empty());
    assert!(!report.findings.iter().any(|finding| finding.rule == "realm-mismatch"), "{:?}", grave(&report));
}
