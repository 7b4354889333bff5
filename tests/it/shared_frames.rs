//! Several messages in one TCP segment: each is itself, although they share a frame.

use std::collections::BTreeMap;
use std::io::Cursor;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::filter::Filter;
use sipauth::filter::MatchBy;
use sipauth::report::Report;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::properties::datagram;
use crate::properties::essence;
use crate::properties::over_tcp;
use crate::properties::segment;
use crate::rules::analyse_capture;
use crate::scenario;
use crate::wire::ACK;
use crate::wire::SYN;

struct Segment {
    flow: Vec<u8>,
    sent: Vec<u8>,
    sequence: u32,
    time_ns: u64,
}

/// What is sent so close together may leave in one segment; what comes later is another try.
const AT_ONCE_NS: u64 = 100_000_000;

/// The frames with every SIP datagram as a part of a TCP stream; what one side says at once stands in one segment.
fn in_one_segment(frames: &[RawFrame]) -> Vec<RawFrame> {
    let mut next_sequence: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    let mut all: Vec<RawFrame> = Vec::new();
    // The latest segment, to which more may be added.
    let mut latest: Option<Segment> = None;
    for frame in frames {
        let Some(whole) = datagram(frame) else {
            all.push(frame.clone());
            latest = None;
            continue;
        };
        let flow = [&whole.ip[12..20], &whole.udp[..4]].concat();
        let is_at_once = |before: &Segment| before.flow == flow && frame.time_ns - before.time_ns < AT_ONCE_NS;
        let (mut sent, sequence) = match latest.take().filter(is_at_once) {
            Some(before) => {
                all.pop();
                (before.sent, before.sequence)
            }
            None => (Vec::new(), *next_sequence.entry(flow.clone()).or_insert(1)),
        };
        if sequence == 1 && sent.is_empty() {
            all.push(segment(frame, &whole, 0, SYN, b""));
        }
        sent.extend_from_slice(&whole.udp[8..]);
        all.push(segment(frame, &whole, sequence, ACK, &sent));
        next_sequence.insert(flow.clone(), sequence + u32::try_from(sent.len()).expect("it is small"));
        latest = Some(Segment { flow, sent, sequence, time_ns: frame.time_ns });
    }
    all
}

fn capture(text: &str) -> Vec<u8> {
    corpus::plain_pcap(&in_one_segment(&corpus::frames(&scenario::pcap(text))))
}

fn filtered(capture: Vec<u8>, filter: &str, match_by: MatchBy) -> Report {
    let filter = Some(Filter::parse(filter).expect("it is a filter").0);
    let mut analyzer = Analyzer::new(Settings { filter, match_by, ..Settings::default() });
    let mut reader = Reader::open(Box::new(Cursor::new(capture)), InputId(0), &Limits::default()).expect("a capture");
    while let Some(record) = reader.next_record().expect("it can be read") {
        analyzer.push(&record);
    }
    analyzer.end_input("capture", reader.summary());
    analyzer.finish()
}

/// The frames of the requests and answers of a report's attempts.
fn attempts(report: &Report) -> Vec<(Option<u64>, Option<u64>)> {
    let attempts = report.sessions.iter().flat_map(|session| &session.attempts);
    let number = |frame: &Option<sipauth::report::FrameAt>| frame.as_ref().map(|frame| frame.number);
    attempts.map(|attempt| (number(&attempt.request), number(&attempt.response))).collect()
}

/// The ACK of the challenge and the INVITE that answers it leave the client together.
const CALL: &str = "> INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n> INVITE\n\
                    Proxy-Authorization: digest user=1001 password=secret\n< 200\n> ACK\n";

#[test]
fn an_invite_in_the_frame_of_an_ack_is_found_by_what_its_credentials_are() {
    for filter in ["sipauth.verify == \"not_checked\"", "sipauth.nonce.age >= 0"] {
        let report = filtered(capture(CALL), filter, MatchBy::Session);
        assert_eq!(report.summary.selected.as_ref().map(|selected| selected.messages), Some(2), "{filter}");
        assert_eq!(report.sessions.len(), 1, "{filter}");
    }
}

#[test]
fn by_message_an_attempt_is_not_kept_for_another_message_of_its_frame() {
    let all = filtered(capture(CALL), "sip", MatchBy::Message);
    assert_eq!(attempts(&all), [(Some(2), Some(4)), (Some(5), Some(6))]);
    let kept = filtered(capture(CALL), "sip.Method == \"INVITE\" and sip.CSeq.seq == 2", MatchBy::Message);
    assert_eq!(attempts(&kept), [(Some(5), Some(6))]);
    let kept = filtered(capture(CALL), "sip.Method == \"ACK\" and sip.CSeq.seq == 1", MatchBy::Message);
    assert_eq!(attempts(&kept), [(Some(2), Some(4))]);
}

/// A server that answers the later request first, with both answers in one segment.
#[test]
fn an_rspauth_is_held_against_the_request_that_its_message_answers() {
    let proof = |method: &str| {
        let md5 = |text: &str| scenario::digest::hash("MD5", text.as_bytes());
        let (ha1, a2) = (md5("1001:pbx.example.com:secret"), md5(":sip:2000@pbx.example.com"));
        let nc = if method == "INVITE" { "00000001" } else { "00000002" };
        format!("rspauth=\"{}\"", md5(&format!("{ha1}:4e2f:{nc}:ab12:auth:{a2}")))
    };
    let digest = "Authorization: digest user=1001 password=secret cnonce=ab12 uri=sip:2000@pbx.example.com";
    let text = format!(
        "> INVITE\n< 401\nWWW-Authenticate: challenge nonce=4e2f\n> ACK\n> INVITE\n{digest}\n< 183\n> UPDATE\n{digest}\n\
         < 200 to UPDATE\nAuthentication-Info: {}\n< 200 to INVITE\nAuthentication-Info: {}\n> ACK\n",
        proof("UPDATE"),
        proof("INVITE")
    );
    let report = analyse_capture(capture(&text), "1001,*,secret\n");
    let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
    assert!(!rules.contains(&"rspauth-mismatch"), "{rules:?}");
    let wrong = text.replace(&proof("INVITE"), "rspauth=\"00000000000000000000000000000000\"");
    let report = analyse_capture(capture(&wrong), "1001,*,secret\n");
    let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
    assert!(rules.contains(&"rspauth-mismatch"), "{rules:?}");
}

/// A proxy that sends two requests of one Call-ID on in one segment, and passes two answers back.
#[test]
fn a_request_that_was_sent_on_shows_its_own_answer() {
    let text = "
        core 192.0.2.9
        > OPTIONS
        < 401
        WWW-Authenticate: challenge
        > OPTIONS
        Via: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bKa
        > OPTIONS
        Via: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bKb
        server > core forward
        Via: SIP/2.0/TCP 203.0.113.10;branch=z9hG4bKc
        CSeq: 2 OPTIONS
        server > core forward
        Via: SIP/2.0/TCP 203.0.113.10;branch=z9hG4bKd
        core > server 404
        Via: SIP/2.0/TCP 203.0.113.10;branch=z9hG4bKc
        CSeq: 2 OPTIONS
        core > server 200
        < 404
        Via: SIP/2.0/TCP 198.51.100.7;branch=z9hG4bKa
        CSeq: 2 OPTIONS
        < 200
    ";
    let report = analyse_capture(capture(text), "");
    let attempts = report.sessions.iter().flat_map(|session| &session.attempts);
    let hops = attempts.map(|attempt| (attempt.status, attempt.copies.iter().map(|copy| copy.status).collect()));
    let hops: Vec<(Option<u16>, Vec<Option<u16>>)> = hops.collect();
    assert_eq!(hops, [(Some(401), vec![]), (Some(404), vec![Some(404)]), (Some(200), vec![Some(200)])]);
}

#[test]
fn what_one_side_says_at_once_may_stand_in_one_segment() {
    let mut joined = 0;
    for sample in corpus::samples() {
        let frames = sample.frames();
        let apart = over_tcp(&frames, 1);
        let together = in_one_segment(&frames);
        let openings = together.iter().filter(|frame| frame.bytes.get(47) == Some(&SYN)).count();
        joined += usize::from(together.len() - openings < frames.len());
        let [apart, together] =
            [apart, together].map(|frames| essence(&sample.report_on(&corpus::plain_pcap(&frames))));
        assert_eq!(apart, together, "{}", sample.name);
    }
    assert!(joined > 30, "only {joined} samples have such messages");
}
