//! TCP connections that the server ends instead of answering: RFC 9293 §3.5.2 and §3.6, RFC 3261 §18.4.

use super::NOTHING;
use super::SECRET;
use super::check_capture;
use super::hops::response;
use super::transports::answer;
use super::transports::register;
use crate::wire::ACK;
use crate::wire::FIN;
use crate::wire::Order;
use crate::wire::RST;
use crate::wire::Resolution;
use crate::wire::SYN;
use crate::wire::back;
use crate::wire::pcap;
use crate::wire::tcp_frame;
use crate::wire::timed;
use crate::wire::udp_frame;

/// Both directions of a connection, byte for byte.
#[derive(Default)]
struct Connection {
    frames: Vec<Vec<u8>>,
    client: u32,
    server: u32,
}

impl Connection {
    fn opened() -> Connection {
        let frames = vec![tcp_frame(0, SYN, b""), back(tcp_frame(0, SYN | ACK, b""))];
        Connection { frames, client: 1, server: 1 }
    }

    fn sends(mut self, flags: u8, bytes: &[u8]) -> Connection {
        let mut frame = tcp_frame(self.client, flags | ACK, bytes);
        frame[42..46].copy_from_slice(&self.server.to_be_bytes());
        self.frames.push(frame);
        self.client += u32::try_from(bytes.len()).unwrap() + u32::from(flags & FIN);
        self
    }

    fn hears(mut self, flags: u8, bytes: &[u8]) -> Connection {
        let mut frame = back(tcp_frame(self.server, flags | ACK, bytes));
        frame[42..46].copy_from_slice(&self.client.to_be_bytes());
        self.frames.push(frame);
        self.server += u32::try_from(bytes.len()).unwrap() + u32::from(flags & FIN);
        self
    }

    fn check(self, secret: &str, found: &str) {
        check_capture(pcap(Order::Little, Resolution::Micro, &timed(&self.frames)), secret, found);
    }
}

/// Challenged, and answering with that password.
fn answering(password: &str) -> Connection {
    let asked = Connection::opened().sends(0, &register(1, None)).hears(0, &answer(1, "401 Unauthorized", "one"));
    asked.sends(0, &register(2, Some(&response(password))))
}

#[test]
fn a_server_that_hangs_up_on_credentials_is_named() {
    let rule = "high auth-retry-no-response sure=likely";
    answering("secret").hears(RST, b"").check(
        SECRET,
        &format!("{rule} fault=server says=reset_the_connection says=RST,_frame_6\ntold 1 of 1 client did not get in"),
    );
    answering("secret")
        .hears(FIN, b"")
        .check(NOTHING, &format!("{rule} fault=server says=closed_the_connection says=FIN,_frame_6"));
    // Who sent a wrong digest may have been banned for it.
    answering("other").hears(RST, b"").check(SECRET, &format!("{rule} fault=unknown says=does_not_fit"));
    // Nothing was said, and the capture ends: the answer may be under way.
    answering("secret").check(SECRET, "no auth-retry-no-response");
}

#[test]
fn a_server_that_hangs_up_on_the_first_request_is_named() {
    let rule = "medium no-response-at-all fault=server says=once";
    let asks = || Connection::opened().sends(0, &register(1, None));
    asks().hears(RST, b"").check(NOTHING, &format!("{rule} says=reset_the_connection"));
    asks().hears(FIN, b"").check(NOTHING, &format!("{rule} says=closed_the_connection"));
    // Nobody saw the connection begin, nor the server say anything.
    let joined = || Connection { client: 7000, server: 9000, ..Connection::default() }.sends(0, &register(1, None));
    joined().hears(RST, b"").check(NOTHING, &format!("{rule} says=reset_the_connection"));
    joined().check(NOTHING, "no no-response-at-all");
}

#[test]
fn the_end_of_a_connection_is_no_silence_where_nothing_is_due() {
    let none = "no no-response-at-all\nno auth-retry-no-response";
    let ok = answer(2, "200 OK", "");
    answering("secret").hears(FIN, &ok).check(SECRET, &format!("clean\n{none}"));
    answering("secret").hears(0, &ok).hears(RST, b"").check(SECRET, &format!("clean\n{none}"));
    // The capture lacks the answer: the connection ends behind bytes that are not there.
    let mut gap = answering("secret").hears(0, &ok);
    gap.frames.pop();
    gap.hears(FIN, b"").check(SECRET, none);
    // A FIN that crosses the request does not acknowledge it.
    let mut crossing = answering("secret").hears(FIN, b"");
    let fin = crossing.frames.last_mut().unwrap();
    fin[42..46].copy_from_slice(&1_u32.to_be_bytes());
    crossing.check(SECRET, none);
    // The client gave up first, or resets the connection itself.
    answering("secret").sends(FIN, b"").hears(FIN, b"").check(SECRET, none);
    answering("secret").sends(RST, b"").check(SECRET, none);
    // A client that has its challenge may leave: the challenge arrived.
    let asked = || Connection::opened().sends(0, &register(1, None)).hears(0, &answer(1, "401 Unauthorized", "one"));
    let later = || udp_frame(&answer(9, "200 OK", ""));
    for mut left in [asked().sends(RST, b""), asked().sends(FIN, b"")] {
        left.frames.extend([later()]);
        left.check(NOTHING, "no no-response-at-all\nno auth-retry-no-response");
    }
}

/// A connection that the server has forgotten is opened anew.
#[test]
fn who_gets_in_over_the_next_connection_was_only_late() {
    let mut forgotten = answering("secret").hears(RST, b"");
    let again = |mut frame: Vec<u8>, at: usize| {
        frame[at..at + 2].copy_from_slice(&40_001_u16.to_be_bytes());
        frame
    };
    forgotten.frames.extend([
        again(tcp_frame(0, SYN, b""), 34),
        again(back(tcp_frame(0, SYN | ACK, b"")), 36),
        again(tcp_frame(1, ACK, &register(3, Some(&response("secret")))), 34),
        again(back(tcp_frame(1, ACK, &answer(3, "200 OK", ""))), 36),
    ]);
    forgotten.check(SECRET, "clean\nsessions accepted");
}

/// A server that is not there answers a SYN with a RST. No message comes of that, and it is the answer all the same.
#[test]
fn connections_that_are_refused_are_counted() {
    let refused = |frames: &[Vec<u8>]| {
        let report = super::analyse_capture(pcap(Order::Little, Resolution::Micro, &timed(frames)), NOTHING);
        let told = report.diagnostics.iter().find(|told| told.event == "tcp_refused");
        told.map(|told| (told.count, told.first.as_ref().map(|first| first.number)))
    };
    let (syn, rst) = (tcp_frame(7, SYN, b""), back(tcp_frame(0, RST | ACK, b"")));
    assert_eq!(refused(&[syn.clone(), rst.clone(), syn.clone(), rst.clone()]), Some((2, Some(2))));
    // The same RST twice, one that nobody asked for, one that ends what had begun, and another service.
    assert_eq!(refused(&[syn.clone(), rst.clone(), rst.clone()]), Some((1, Some(2))));
    assert_eq!(refused(std::slice::from_ref(&rst)), None);
    assert_eq!(refused(&[syn.clone(), back(tcp_frame(3, SYN | ACK, b"")), rst.clone()]), None);
    let other = |mut frame: Vec<u8>, at: usize| {
        frame[at..at + 2].copy_from_slice(&8080_u16.to_be_bytes());
        frame
    };
    assert_eq!(refused(&[other(syn, 36), other(rst, 34)]), None);
}

/// RFC 3261 §18.1.1: what is too long for a datagram goes over TCP, and credentials make it longer.
#[test]
fn who_cannot_answer_over_tcp_was_not_silent() {
    let asked = [udp_frame(&register(1, None)), back(udp_frame(&answer(1, "401 Unauthorized", "one")))];
    let refused = [tcp_frame(7, SYN, b""), back(tcp_frame(0, RST | ACK, b""))];
    let capture = |frames: &[&[Vec<u8>]]| {
        let mut frames: Vec<(u64, Vec<u8>)> = timed(&frames.concat());
        let later = String::from_utf8(answer(7, "200 OK", "")).unwrap().replace("Call-ID: c", "Call-ID: d");
        let last = frames.last().map_or(0, |(time, _)| *time);
        frames.push((last + 60_000_000_000, udp_frame(later.as_bytes())));
        pcap(Order::Little, Resolution::Nano, &frames)
    };
    let tried = capture(&[&asked, &refused]);
    check_capture(tried, NOTHING, "high challenge-unanswered fault=server sure=likely says=over_TCP says=frame_4");
    check_capture(capture(&[&asked]), NOTHING, "high challenge-unanswered fault=client sure=proven");
    // A connection from before has nothing to do with it.
    check_capture(capture(&[&refused, &asked]), NOTHING, "high challenge-unanswered fault=client");
}

/// Ports are one thing and transports another.
#[test]
fn the_end_of_a_connection_says_nothing_of_datagrams() {
    let asked = [udp_frame(&register(1, None)), back(udp_frame(&answer(1, "401 Unauthorized", "one")))];
    let sent = udp_frame(&register(2, Some(&response("secret"))));
    let on_the_same_port = |mut frame: Vec<u8>, at: usize| {
        frame[at..at + 2].copy_from_slice(&5060_u16.to_be_bytes());
        frame
    };
    let mut capture: Vec<(u64, Vec<u8>)> = timed(&asked);
    let start = capture.last().map_or(0, |(time, _)| *time);
    capture.extend((1..5).map(|second| (start + second * 1_000_000_000, sent.clone())));
    let idle = Connection::opened().sends(0, &super::transports::register(9, None)).hears(FIN, b"");
    let ports = idle.frames.into_iter().enumerate().map(|(index, frame)| match index {
        1 | 3 => on_the_same_port(frame, 36),
        _ => on_the_same_port(frame, 34),
    });
    capture.extend(ports.map(|frame| (start + 6_000_000_000, frame)));
    let capture = pcap(Order::Little, Resolution::Nano, &capture);
    check_capture(capture, SECRET, "high auth-retry-no-response fault=path");
}

/// A client that is hung up on may begin anew under another Call-ID, and get in.
#[test]
fn who_sends_credentials_again_under_another_call_id_may_have_got_in() {
    let mut begun_anew = answering("secret").hears(RST, b"");
    let other = |message: Vec<u8>| {
        udp_frame(String::from_utf8(message).unwrap().replace("Call-ID: c", "Call-ID: d").as_bytes())
    };
    begun_anew.frames.push(other(register(3, Some(&response("secret")))));
    begun_anew.frames.push(back(other(answer(3, "200 OK", ""))));
    begun_anew.check(SECRET, "medium auth-retry-no-response sure=possible fault=server");
}

/// The frames of a connection a hundredth of a second apart, and the last of them sent again, so many milliseconds behind it each.
fn with_resent(connection: &Connection, again_ms: &[u64]) -> Vec<(u64, Vec<u8>)> {
    let mut frames: Vec<_> =
        (0..).zip(&connection.frames).map(|(at, frame)| (at * 10_000_000, frame.clone())).collect();
    let (last, frame) = frames.last().expect("there is one").clone();
    frames.extend(again_ms.iter().map(|ms| (last + ms * 1_000_000, frame.clone())));
    frames
}

fn check_resent(frames: &[(u64, Vec<u8>)], found: &str) {
    check_capture(pcap(Order::Little, Resolution::Micro, frames), NOTHING, found);
}

/// What a TCP that hears nothing does (RFC 6298 §5).
const BACKED_OFF_MS: &[u64] = &[200, 600, 1_400, 3_000, 6_200];

#[test]
fn a_segment_that_nobody_acknowledges_is_lost_on_the_path() {
    let lost = "high auth-retry-no-response fault=path sure=likely says=acknowledged_none says=MTU";
    check_resent(&with_resent(&answering("secret"), BACKED_OFF_MS), lost);
    // Its host has it: why it says nothing is another matter.
    let heard = answering("secret").hears(0, b"");
    let mut frames = with_resent(&answering("secret"), BACKED_OFF_MS);
    frames.insert(5, (41_000_000, heard.frames.last().expect("there is one").clone()));
    check_resent(&frames, "no auth-retry-no-response\nattempts challenged undecided");
    // It has no room, and says so each time.
    let mut full = with_resent(&answering("secret"), BACKED_OFF_MS);
    let mut says = answering("secret").hears(0, b"").frames.pop().expect("there is one");
    says[45] = says[45].wrapping_sub(1);
    full.push((40_000_000 + 300_000_000, says));
    full.sort_by_key(|(time, _)| *time);
    check_resent(&full, "no auth-retry-no-response");
    // A capture that holds each packet several times shows no TCP at work, nor does one resent packet.
    check_resent(&with_resent(&answering("secret"), &[0, 0, 0, 1, 1]), "no auth-retry-no-response");
    check_resent(&with_resent(&answering("secret"), &[200, 600]), "no auth-retry-no-response");
}

#[test]
fn a_challenge_that_nobody_acknowledges_did_not_come_to_the_client() {
    let asked = Connection::opened().sends(0, &register(1, None)).hears(0, &answer(1, "401 Unauthorized", "one"));
    let lost = "challenge-unanswered fault=path says=did_not_come_to_the_client says=acknowledged_none";
    check_resent(&with_resent(&asked, BACKED_OFF_MS), &format!("high {lost}"));
    let mut later = with_resent(&asked, BACKED_OFF_MS);
    later.push((40_000_000_000, udp_frame(b"OPTIONS sip:a SIP/2.0\r\nCall-ID: z\r\nCSeq: 1 OPTIONS\r\n\r\n")));
    check_resent(&later, &format!("high {lost}"));
    check_resent(&with_resent(&asked, &[]), "medium challenge-unanswered unsaid=acknowledged_none");
}

#[test]
fn credentials_on_a_connection_that_the_server_had_closed_were_reset() {
    let asked = Connection::opened().sends(0, &register(1, None)).hears(0, &answer(1, "401 Unauthorized", "one"));
    let late = asked.hears(FIN, b"").sends(0, &register(2, Some(&response("secret")))).hears(RST, b"");
    late.check(SECRET, "high auth-retry-no-response fault=server sure=likely says=RST,_frame_7");
}

#[test]
fn a_request_that_is_sent_twice_over_a_stream_may_be_refused_for_that() {
    let slowly = |connection: Connection| {
        let frames: Vec<_> = timed(&connection.frames)
            .into_iter()
            .zip(0_u64..)
            .map(|((time, frame), index)| (time + index * 600_000_000, frame))
            .collect();
        pcap(Order::Little, Resolution::Micro, &frames)
    };
    let refused = answer(2, "401 Unauthorized", "two");
    let again = || register(2, Some(&response("secret")));
    check_capture(
        slowly(answering("secret").sends(0, &again()).hears(0, &refused)),
        SECRET,
        "high digest-ok-but-rejected fault=client sure=possible says=once_over_TCP says=in_frame_6",
    );
    check_capture(
        slowly(answering("secret").hears(0, &refused)),
        SECRET,
        "high digest-ok-but-rejected fault=server sure=likely unsaid=once_over_TCP",
    );
    // What comes behind the refusal did not bring it about, and who takes a copy does not mind.
    check_capture(
        slowly(answering("secret").hears(0, &refused).sends(0, &again())),
        SECRET,
        "high digest-ok-but-rejected unsaid=once_over_TCP",
    );
    let ok = answer(2, "200 OK", "");
    check_capture(slowly(answering("secret").sends(0, &again()).hears(0, &ok)), SECRET, "clean");
}
