//! Bytes sent twice that differ: whatever its receiver has read, a message with two versions is ambiguous, and its digest is
//! neither right nor wrong.

use sipauth::report::Report;

use crate::attacks::attempts;
use crate::attacks::beside_a_registration;
use crate::attacks::event;
use crate::attacks::of_user;
use crate::attacks::registration;
use crate::attacks::results;
use crate::wire::ACK;
use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::udp;

use super::sequences::Connection;

/// What follows the second REGISTER, given as its place in the stream and its bytes.
type Attack<'a> = &'a dyn Fn(&mut Connection, u32, &[u8]);

/// A registration over TCP whose second request is sent by `attack`.
fn attacked(messages: &[Vec<u8>], attack: Attack<'_>) -> Report {
    let mut connection = Connection::opened();
    connection.say(false, &messages[0]);
    connection.say(true, &messages[1]);
    let at = connection.next(false);
    attack(&mut connection, at, &messages[2]);
    connection.skip_to(false, at.wrapping_add(u32::try_from(messages[2].len()).unwrap()));
    connection.say(true, &messages[3]);
    beside_a_registration(&connection.frames)
}

/// The same bytes with another response.
fn forged(message: &[u8]) -> Vec<u8> {
    let key = b"response=\"";
    let at = message.windows(key.len()).position(|window| window == key).expect("it has credentials") + key.len();
    let mut forged = message.to_vec();
    forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
    forged
}

#[track_caller]
fn check_ambiguous(report: &Report, what: &str) {
    let sessions: Vec<_> = of_user(report, "1001").collect();
    assert_eq!(sessions.len(), 1, "{what}");
    assert_eq!(results(sessions[0]), ["unverifiable"], "{what}");
    let rows: Vec<_> = sessions[0].attempts.iter().filter(|attempt| !attempt.credentials.is_empty()).collect();
    assert_eq!(rows.len(), 1, "{what}: one attempt, not one a copy");
    assert!(rows[0].ambiguous, "{what}");
    assert_eq!(rows[0].credentials[0].verification.as_ref().and_then(|one| one.reason), Some("ambiguous"), "{what}");
    assert!(event(report, "overlap_ambiguous") >= 1, "{what}");
    assert!(attempts(report).filter(|attempt| attempt.ambiguous).count() == 1, "{what}: no other message is");
}

#[track_caller]
fn check_plain(report: &Report, what: &str) {
    let sessions: Vec<_> = of_user(report, "1001").collect();
    assert_eq!(sessions.len(), 1, "{what}");
    assert_eq!(results(sessions[0]), ["match"], "{what}");
    assert!(attempts(report).all(|attempt| !attempt.ambiguous), "{what}");
    assert_eq!(event(report, "overlap_ambiguous"), 0, "{what}");
}

/// Requests of the usual length, of more than a segment, and longer than a datagram of IPv4 should be.
fn registrations() -> [Vec<Vec<u8>>; 3] {
    ["", &format!("Subject: {}\n", "s".repeat(1500)), &format!("Subject: {}\n", "s".repeat(2500))]
        .map(|more| registration("1001", more))
}

#[test]
fn a_second_copy_with_another_response_makes_the_attempt_ambiguous() {
    for messages in registrations() {
        let what = format!("{} bytes", messages[2].len());
        let len = u32::try_from(messages[2].len()).unwrap();
        // Behind the message: whole, and only where it differs.
        check_ambiguous(
            &attacked(&messages, &|connection, at, message| {
                connection.segments(at, message);
                connection.segments(at, &forged(message));
            }),
            &what,
        );
        check_ambiguous(
            &attacked(&messages, &|connection, at, message| {
                connection.segments(at, message);
                let differs = message.iter().zip(&forged(message)).position(|(one, two)| one != two).unwrap();
                connection.send(at + u32::try_from(differs).unwrap(), ACK, &forged(message)[differs..][..1]);
            }),
            &what,
        );
        // Before it: the forged copy is the one that is read.
        check_ambiguous(
            &attacked(&messages, &|connection, at, message| {
                connection.segments(at, &forged(message));
                connection.segments(at, message);
            }),
            &what,
        );
        // While a part of it waits behind a hole.
        check_ambiguous(
            &attacked(&messages, &|connection, at, message| {
                connection.send(at + 100, ACK, &message[100..]);
                connection.send(at + 100, ACK, &forged(message)[100..]);
                connection.send(at, ACK, &message[..100]);
            }),
            &what,
        );
        // While its last byte is missing.
        check_ambiguous(
            &attacked(&messages, &|connection, at, message| {
                connection.segments(at, &message[..message.len() - 1]);
                connection.segments(at, &forged(message)[..message.len() - 1]);
                connection.send(at + len - 1, ACK, &message[message.len() - 1..]);
            }),
            &what,
        );
    }
}

#[test]
fn a_copy_of_an_earlier_message_makes_that_one_ambiguous() {
    let messages = registration("1001", "");
    let mut connection = Connection::opened();
    let at = connection.next(false);
    for (index, message) in messages.iter().enumerate() {
        connection.say(index % 2 == 1, message);
    }
    // The challenge says something else the second time: the answer to it was right all the same.
    let challenge = String::from_utf8(messages[1].clone()).unwrap().replace("401 Un", "200 Un").into_bytes();
    connection.send_from(true, connection.first(true), &challenge);
    let report = beside_a_registration(&connection.frames);
    let ambiguous: Vec<_> = attempts(&report).filter(|attempt| attempt.ambiguous).collect();
    assert_eq!((ambiguous.len(), ambiguous[0].credentials.len()), (1, 0));
    // Long after, and in the middle of a message that has long been delivered.
    connection.send(at + 30, ACK, b"~");
    let report = beside_a_registration(&connection.frames);
    assert_eq!(event(&report, "overlap_ambiguous"), 2);
}

#[test]
fn the_same_bytes_again_change_nothing() {
    for messages in registrations() {
        let what = format!("{} bytes", messages[2].len());
        check_plain(
            &attacked(&messages, &|connection, at, message| {
                connection.segments(at, message);
                connection.segments(at, message);
                for start in (0..message.len()).step_by(97) {
                    let part = &message[start..(start + 200).min(message.len())];
                    connection.send(at + u32::try_from(start).unwrap(), ACK, part);
                }
            }),
            &what,
        );
    }
}

/// RFC 9293 §3.8.4: a probe may hold one octet of garbage, at the place before the one that is expected. Windows sends zero.
#[test]
fn a_keep_alive_probe_with_an_octet_of_garbage_is_no_contradiction() {
    let messages = registration("1001", "");
    let report = attacked(&messages, &|connection, at, message| {
        connection.segments(at, message);
        let last = at + u32::try_from(message.len()).unwrap() - 1;
        connection.send(last, ACK, &[0]);
        connection.send(last, ACK, &[0]);
    });
    check_plain(&report, "probes");
    // Any other octet is one that a receiver may have read.
    let report = attacked(&messages, &|connection, at, message| {
        connection.segments(at, message);
        connection.send(at + u32::try_from(message.len()).unwrap() - 1, ACK, b"~");
    });
    check_ambiguous(&report, "another octet");
}

#[test]
fn fragments_with_another_response_make_the_attempt_ambiguous() {
    let message = &registration("1001", "")[2];
    let (honest, forged) = (udp(message), udp(&forged(message)));
    let differs = honest.iter().zip(&forged).position(|(one, two)| one != two).unwrap() & !7;
    let part = |bytes: &[u8], range: std::ops::Range<usize>| {
        let more = if range.end < honest.len() { 0x2000 } else { 0 };
        ethernet(0x0800, &ipv4(9, more | u16::try_from(range.start / 8).unwrap(), 17, &bytes[range]))
    };
    let end = differs + 8;
    let whole = [part(&honest, 0..end), part(&honest, end..honest.len())];
    check_plain(&beside_a_registration(&whole), "no copy");
    check_plain(&beside_a_registration(&[&whole[..1], &whole].concat()), "the same copy");
    for (first, second) in [(&honest, &forged), (&forged, &honest)] {
        let frames = [part(first, 0..end), part(second, differs..end), part(&honest, end..honest.len())];
        check_ambiguous(&beside_a_registration(&frames), "in the middle");
        let frames = [part(first, differs..end), part(second, 0..end), part(&honest, end..honest.len())];
        check_ambiguous(&beside_a_registration(&frames), "the later one covers it");
    }
}
