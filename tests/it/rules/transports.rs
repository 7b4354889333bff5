//! UDP and TCP in one session, and two copies of one message: packet by packet.

use super::hops::response;
use super::*;
use crate::wire::ACK;
use crate::wire::Order;
use crate::wire::Resolution;
use crate::wire::SYN;
use crate::wire::back;
use crate::wire::block;
use crate::wire::enhanced_packet;
use crate::wire::pcap;
use crate::wire::pcapng_head;
use crate::wire::tcp_frame;
use crate::wire::timed;
use crate::wire::udp_frame;

/// A REGISTER of the phone; with the response, if there is one.
pub(super) fn register(cseq: u32, response: Option<&str>) -> Vec<u8> {
    let credentials = response.map(|response| {
        format!(
            "Authorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"one\", uri=\"sip:pbx.example.com\", \
             response=\"{response}\", algorithm=MD5, cnonce=\"c1\", qop=auth, nc=00000001\r\n"
        )
    });
    format!(
        "REGISTER sip:pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{cseq}\r\n\
         From: <sip:1001@pbx.example.com>;tag=a\r\nTo: <sip:1001@pbx.example.com>\r\nCall-ID: c\r\n\
         CSeq: {cseq} REGISTER\r\n{}Content-Length: 0\r\n\r\n",
        credentials.unwrap_or_default()
    )
    .into_bytes()
}

pub(super) fn answer(cseq: u32, status: &str, nonce: &str) -> Vec<u8> {
    let challenge = format!("WWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"{nonce}\", qop=\"auth\"\r\n");
    format!(
        "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{cseq}\r\n\
         From: <sip:1001@pbx.example.com>;tag=a\r\nTo: <sip:1001@pbx.example.com>;tag=b\r\nCall-ID: c\r\n\
         CSeq: {cseq} REGISTER\r\n{}Content-Length: 0\r\n\r\n",
        if status.starts_with("401") { &challenge } else { "" }
    )
    .into_bytes()
}

fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    pcap(Order::Little, Resolution::Micro, &timed(frames))
}

/// Asked over UDP, answered over TCP.
fn switched(last: &[u8]) -> Vec<u8> {
    capture(&[
        udp_frame(&register(1, None)),
        back(udp_frame(&answer(1, "401 Unauthorized", "one"))),
        tcp_frame(0, SYN, b""),
        tcp_frame(1, ACK, &register(2, Some(&response("secret")))),
        back(tcp_frame(0, ACK, last)),
    ])
}

#[test]
fn transport_switched_is_found() {
    check_capture(
        switched(&answer(2, "401 Unauthorized", "two")),
        NOTHING,
        "medium transport-switched sure=possible says=over_TCP",
    );
    check_capture(
        switched(&answer(2, "401 Unauthorized", "two")),
        SECRET,
        "high digest-ok-but-rejected\nmedium transport-switched",
    );
}

#[test]
fn transport_switched_is_info_where_it_worked_or_the_password_is_wrong() {
    check_capture(switched(&answer(2, "200 OK", "")), SECRET, "clean\ninfo transport-switched\nsessions accepted");
    check_capture(
        switched(&answer(2, "401 Unauthorized", "two")),
        "1001,*,other\n",
        "high digest-wrong-password\ninfo transport-switched",
    );
}

#[test]
fn transport_switched_is_not_said_of_one_transport() {
    let udp = [
        udp_frame(&register(1, None)),
        back(udp_frame(&answer(1, "401 Unauthorized", "one"))),
        udp_frame(&register(2, Some(&response("secret")))),
        back(udp_frame(&answer(2, "401 Unauthorized", "two"))),
    ];
    check_capture(capture(&udp), SECRET, "high digest-ok-but-rejected\nno transport-switched");
}

/// A request over TCP that is sent again with another response, behind its answer or before it.
fn contradicted(again: &[u8]) -> Report {
    let first = register(1, None);
    let next = u32::try_from(first.len()).unwrap() + 1;
    let frames = [
        tcp_frame(0, SYN, b""),
        tcp_frame(1, ACK, &first),
        back(tcp_frame(0, ACK, &answer(1, "401 Unauthorized", "one"))),
        tcp_frame(next, ACK, &register(2, Some(&response("secret")))),
        tcp_frame(next, ACK, again),
        back(tcp_frame(
            u32::try_from(answer(1, "401 Unauthorized", "one").len()).unwrap(),
            ACK,
            &answer(2, "401 Unauthorized", "two"),
        )),
    ];
    analyse_capture(capture(&frames), SECRET)
}

#[test]
fn a_request_that_was_sent_twice_and_differs_is_neither_right_nor_wrong() {
    let verdict = |report: &Report| {
        let attempt = &report.sessions[0].attempts[1];
        let credentials = serde_json::to_value(&attempt.credentials).expect("it can be written");
        (attempt.ambiguous, credentials[0]["verification"]["result"].clone())
    };
    let (is_ambiguous, value) = verdict(&contradicted(&register(2, Some(&response("secret")))));
    assert!(!is_ambiguous, "the same bytes: {value}");
    assert_eq!(value, serde_json::json!("match"), "{value}");
    let report = contradicted(&register(2, Some(&response("wrong"))));
    let (is_ambiguous, value) = verdict(&report);
    assert!(is_ambiguous, "{value}");
    assert_eq!(value, serde_json::json!("unverifiable"), "{value}");
    assert!(report.findings.iter().all(|finding| finding.rule != "digest-ok-but-rejected"));
    // What was contradicted is this message and not the one before.
    assert!(!report.sessions[0].attempts[0].ambiguous);
}

/// Two interfaces, and how many seconds the second one's clock is behind.
fn two_interfaces(behind_s: u64) -> Vec<u8> {
    let order = Order::Little;
    let interface = [&order.u16(1)[..], &order.u16(0), &order.u32(0)].concat();
    let start = 1_700_000_000_000_000;
    let packet = |interface: u32, at_ms: u64, frame: &[u8]| {
        let behind_us = if interface == 1 { behind_s * 1_000_000 } else { 0 };
        enhanced_packet(order, interface, start + at_ms * 1_000 - behind_us, frame)
    };
    let response = response("secret");
    [
        pcapng_head(order, &[]),
        block(order, 1, &interface),
        packet(0, 0, &udp_frame(&register(1, None))),
        packet(1, 10, &back(udp_frame(&answer(1, "401 Unauthorized", "one")))),
        packet(0, 20, &udp_frame(&register(2, Some(&response)))),
        packet(1, 30, &back(udp_frame(&answer(2, "200 OK", "")))),
    ]
    .concat()
}

#[test]
fn clock_jump_tells_interfaces_whose_clocks_differ() {
    check_capture(two_interfaces(40), SECRET, "clean\ninfo clock-jump says=interfaces_differ\nsessions accepted");
    check_capture(two_interfaces(0), SECRET, "clean\nno clock-jump\nsessions accepted");
}
