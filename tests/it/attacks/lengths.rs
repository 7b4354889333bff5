//! Lengths that lie, and headers, lines and bodies that never end.

use crate::attacks::beside_a_registration;
use crate::attacks::event;
use crate::attacks::of_user;
use crate::attacks::registration;
use crate::attacks::results;
use crate::attacks::sequences::Connection;
use crate::wire::ACK;
use crate::wire::SYN;
use crate::wire::tcp_frame;
use crate::wire::udp_frame;

/// A request with these header lines, and nothing behind its blank line.
fn request(lines: &str) -> Vec<u8> {
    format!(
        "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bKx\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:a@a>\r\nCall-ID: x\r\n\
         CSeq: 1 OPTIONS\r\n{lines}\r\n"
    )
    .into_bytes()
}

/// A request with a Content-Length of somebody's making, then a registration in the same stream.
fn check_length(lines: &str, event_name: &str) {
    let mut connection = Connection::opened();
    connection.say(false, &request(lines));
    for (index, message) in registration("1001", "").iter().enumerate() {
        connection.say(index % 2 == 1, message);
    }
    let report = beside_a_registration(&connection.frames);
    assert_eq!(report.summary.sip_messages, 4 + 5, "{lines:?}: {:?}", report.diagnostics);
    let sessions: Vec<_> = of_user(&report, "1001").collect();
    assert_eq!((sessions.len(), results(sessions[0])), (1, vec!["match"]), "{lines:?}");
    if event_name.is_empty() {
        assert_eq!(event(&report, "bad_content_length"), 0, "{lines:?}");
    } else {
        assert_eq!(event(&report, event_name), 1, "{lines:?}");
    }
}

#[test]
fn a_content_length_that_lies_costs_its_own_message_alone() {
    let long = "9".repeat(1000);
    let too_long = ["4294967295", "4294967296", "18446744073709551617", "16777217", &long].map(str::to_owned);
    let no_number = ["-1", "+5", "0x10", "", "12abc", "1 2", "1,0", "\u{661}"].map(str::to_owned);
    for value in too_long.into_iter().chain(no_number) {
        check_length(&format!("Content-Length: {value}\r\n"), "bad_content_length");
        check_length(&format!("l: {value}\r\n"), "bad_content_length");
    }
    check_length("Content-Length: 0\r\nContent-Length: 5\r\n", "bad_content_length");
    check_length("Content-Length: 0\r\nl: 5\r\n", "bad_content_length");
    check_length("", "bad_content_length");
    check_length(&format!("Content-Length: {}\r\n", "0".repeat(300)), "");
    check_length("Content-Length: 0\r\nl: 0\r\n", "");
}

/// Over UDP the datagram ends the message, and its length is no reason to read on or to stop.
#[test]
fn lengths_in_datagrams_take_nothing_from_others() {
    for value in ["4294967295", "-1", "0x10", "99999999999999999999", "3"] {
        let datagram = [&request(&format!("Content-Length: {value}\r\n"))[..], b"12345"].concat();
        let report = beside_a_registration(&[udp_frame(&datagram), udp_frame(&request(""))]);
        assert_eq!(report.summary.sip_messages, 4 + 2, "{value}");
    }
}

/// A body that is promised and never comes may be as long as the limit allows: the registration in it is none. What comes in
/// other streams is read.
#[test]
fn a_body_that_never_ends_hides_nothing_elsewhere() {
    let mut connection = Connection::opened();
    connection.say(false, &request("Content-Length: 16777216\r\n"));
    for _ in 0..40 {
        connection.say(false, &registration("1001", "")[2]);
    }
    let report = beside_a_registration(&connection.frames);
    assert_eq!(report.summary.sip_messages, 4 + 1);
    assert_eq!((event(&report, "message_cut"), of_user(&report, "1001").count()), (1, 0));
}

/// Headers, a line, or a start line that go on for more than their limit: the message is cut there, and the next one is read.
#[test]
fn what_never_ends_is_cut_and_reading_goes_on() {
    const LIMIT: usize = 256 * 1024;
    let headers = [&request("")[..60], "Subject: x\r\n".repeat(LIMIT / 10).as_bytes(), b"\r\n"].concat();
    let line = [&request("")[..60], b"Subject: ", "x".repeat(LIMIT + 5000).as_bytes(), b"\r\n\r\n"].concat();
    let folds = [&request("")[..60], b"Subject: ", "x\r\n ".repeat(LIMIT / 3).as_bytes(), b"\r\n\r\n"].concat();
    let start = [b"REGISTER sip:", "x".repeat(LIMIT + 5000).as_bytes(), b" SIP/2.0\r\n\r\n"].concat();
    for (what, endless) in [("headers", headers), ("a line", line), ("folds", folds), ("a start line", start)] {
        let mut connection = Connection::opened();
        // Of a stream that never was SIP, this much would prove that it is none.
        connection.say(false, &request("Content-Length: 0\r\n"));
        endless.chunks(1400).for_each(|part| connection.say(false, part));
        for (index, message) in registration("1001", "").iter().enumerate() {
            connection.say(index % 2 == 1, message);
        }
        let report = beside_a_registration(&connection.frames);
        let sessions: Vec<_> = of_user(&report, "1001").collect();
        assert_eq!(sessions.len(), 1, "{what}: {:?} {:?}", report.diagnostics, report.coverage);
        assert_eq!(results(sessions[0]), ["match"], "{what}");
        let told = event(&report, "message_too_large") + crate::attacks::set_aside(&report, "tcp_gap");
        assert!(told + crate::attacks::set_aside(&report, "not_sip") >= 1, "{what}: {:?}", report.coverage);
        if what != "a start line" {
            assert_eq!(event(&report, "message_too_large"), 1, "{what}");
        }
    }
}

/// Two lengths for one message are two ways to read what follows: neither is followed.
#[test]
fn a_request_within_a_disputed_body_is_told_with_its_dispute() {
    let inner = registration("1001", "")[2].clone();
    let head = request(&format!("Content-Length: 0\r\nContent-Length: {}\r\n", inner.len()));
    let frames = [tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &[&head[..], &inner].concat())];
    let report = beside_a_registration(&frames);
    assert_eq!(event(&report, "bad_content_length"), 1);
}
