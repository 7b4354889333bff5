//! Tricks with sequence numbers, and holes that never fill.

use crate::attacks::attempts;
use crate::attacks::beside_a_registration;
use crate::attacks::event;
use crate::attacks::of_user;
use crate::attacks::registration;
use crate::attacks::results;
use crate::attacks::set_aside;
use crate::hostile::check_linear;
use crate::wire::ACK;
use crate::wire::FIN;
use crate::wire::RST;
use crate::wire::SYN;
use crate::wire::message;
use crate::wire::tcp_frame;

/// Near enough to the end of the numbers that every exchange passes it.
const CLIENT_FIRST: u32 = u32::MAX - 300;
const SERVER_FIRST: u32 = u32::MAX - 100;

/// Both directions of a connection, frame by frame.
pub struct Connection {
    pub frames: Vec<Vec<u8>>,
    next: [u32; 2],
}

impl Connection {
    /// Behind its handshake.
    pub fn opened() -> Connection {
        let mut connection = Connection { frames: Vec::new(), next: [CLIENT_FIRST, SERVER_FIRST] };
        connection.frames.push(tcp_frame(CLIENT_FIRST.wrapping_sub(1), SYN, b""));
        let mut answer = tcp_frame(SERVER_FIRST.wrapping_sub(1), SYN | ACK, b"");
        turn_round(&mut answer);
        connection.frames.push(answer);
        connection
    }

    /// The number of the first byte of a direction.
    pub fn first(&self, from_server: bool) -> u32 {
        if from_server { SERVER_FIRST } else { CLIENT_FIRST }
    }

    /// The number of the next byte of a direction.
    pub fn next(&self, from_server: bool) -> u32 {
        self.next[usize::from(from_server)]
    }

    /// Takes bytes as said that were sent by hand.
    pub fn skip_to(&mut self, from_server: bool, sequence: u32) {
        self.next[usize::from(from_server)] = sequence;
    }

    /// The next bytes of a direction.
    pub fn say(&mut self, from_server: bool, bytes: &[u8]) {
        let at = self.next(from_server);
        self.send_from(from_server, at, bytes);
        self.skip_to(from_server, at.wrapping_add(u32::try_from(bytes.len()).unwrap()));
    }

    /// Bytes of a direction, anywhere.
    pub fn send_from(&mut self, from_server: bool, sequence: u32, bytes: &[u8]) {
        self.send(sequence, ACK, bytes);
        if from_server {
            turn_round(self.frames.last_mut().expect("it was sent just now"));
        }
    }

    /// A segment of the client, anywhere.
    pub fn send(&mut self, sequence: u32, flags: u8, bytes: &[u8]) {
        self.frames.push(tcp_frame(sequence, flags, bytes));
    }

    /// Bytes of the client in segments of the usual size.
    pub fn segments(&mut self, sequence: u32, bytes: &[u8]) {
        const SEGMENT_LEN: usize = 1448;
        for (index, part) in bytes.chunks(SEGMENT_LEN).enumerate() {
            self.send(sequence.wrapping_add(u32::try_from(index * SEGMENT_LEN).unwrap()), ACK, part);
        }
    }
}

/// Source becomes destination.
fn turn_round(frame: &mut [u8]) {
    (0..4).for_each(|at| frame.swap(26 + at, 30 + at));
    (0..2).for_each(|at| frame.swap(34 + at, 36 + at));
}

/// Plays a registration whose requests are sent by `send`, and checks that it is read as one that was sent plainly.
#[track_caller]
fn check_harmless(what: &str, send: impl Fn(&mut Connection, u32, &[u8])) {
    let mut connection = Connection::opened();
    for (index, message) in registration("1001", "").iter().enumerate() {
        match index % 2 {
            1 => connection.say(true, message),
            _ => {
                let at = connection.next(false);
                send(&mut connection, at, message);
                connection.skip_to(false, at.wrapping_add(u32::try_from(message.len()).unwrap()));
            }
        }
    }
    let report = beside_a_registration(&connection.frames);
    let sessions: Vec<_> = of_user(&report, "1001").collect();
    assert_eq!(sessions.len(), 1, "{what}");
    assert_eq!(results(sessions[0]), ["match"], "{what}");
    assert_eq!(sessions[0].attempts.len(), 2, "{what}: each message counts once");
    assert!(attempts(&report).all(|attempt| !attempt.ambiguous && attempt.copies.is_empty()), "{what}");
    assert_eq!((event(&report, "tcp_gap"), event(&report, "message_cut")), (0, 0), "{what}");
}

#[test]
fn tricks_with_sequence_numbers_do_not_matter() {
    let number = |at: u32, offset: usize| at.wrapping_add(u32::try_from(offset).unwrap());
    check_harmless("plain", |connection, at, message| connection.send(at, ACK, message));
    check_harmless("a byte a segment", |connection, at, message| {
        (0..message.len()).for_each(|offset| connection.send(number(at, offset), ACK, &message[offset..=offset]));
    });
    check_harmless("a byte a segment, backwards", |connection, at, message| {
        let rest = (0..message.len()).rev();
        rest.for_each(|offset| connection.send(number(at, offset), ACK, &message[offset..=offset]));
    });
    check_harmless("a storm of copies", |connection, at, message| {
        (0..500).for_each(|_| connection.send(at, ACK, message));
    });
    check_harmless("resets out of the window, and of the wrong number", |connection, at, message| {
        connection.send(at.wrapping_add(1 << 30), RST, b"");
        connection.send(at.wrapping_add(1), RST, b"");
        connection.send(at, ACK, message);
        connection.send(at.wrapping_sub(1), RST, b"");
    });
    check_harmless("an opening that was seen before", |connection, at, message| {
        connection.send(CLIENT_FIRST.wrapping_sub(1), SYN, b"");
        connection.send(at, ACK, message);
    });
    check_harmless("an end far away", |connection, at, message| {
        connection.send(at.wrapping_add(1 << 29), FIN | ACK, b"");
        connection.send(at, ACK, message);
    });
    check_harmless("stray bytes far away", |connection, at, message| {
        connection.send(at.wrapping_add(1 << 29), ACK, message);
        connection.send(at, ACK, message);
        connection.send(at.wrapping_sub(1 << 29), ACK, message);
    });
}

#[test]
fn a_port_that_is_used_again_with_a_lower_number_is_another_connection() {
    let mut frames = Vec::new();
    for (index, first) in [90_000_u32, 50, 7].into_iter().enumerate() {
        frames.push(tcp_frame(first, SYN, b""));
        frames.push(tcp_frame(first + 1, ACK, &message(index, 0)));
    }
    let report = beside_a_registration(&frames);
    assert_eq!(report.summary.sip_messages, 4 + 3);
    assert_eq!(event(&report, "tcp_gap"), 0);
}

/// Holes that never fill: what follows each is read, and each is told.
#[test]
fn reading_goes_on_behind_holes() {
    let frames: Vec<Vec<u8>> = (0..2000_u32)
        .map(|index| tcp_frame(1 + index * 1000, ACK, &message(usize::try_from(index).unwrap(), 0)))
        .collect();
    let report = beside_a_registration(&[&[tcp_frame(0, SYN, b"")], &frames[..]].concat());
    assert_eq!(report.summary.sip_messages, 4 + 2000);
    assert!(event(&report, "tcp_gap") >= 1900, "{}", event(&report, "tcp_gap"));
}

#[test]
fn holes_cost_linear_time() {
    // Every other byte, forwards and backwards: each piece stands alone.
    let odd = |index: usize| tcp_frame(u32::try_from(10 + 2 * index).unwrap(), ACK, b"x");
    check_linear("alternating holes", 20_000, |n| (0..n).map(odd).collect());
    check_linear("alternating holes, backwards", 20_000, |n| (0..n).rev().map(odd).collect());
    check_linear("a line that never ends, in pieces", 40, |n| {
        let endless = "x".repeat(1000);
        let head = tcp_frame(1, ACK, b"REGISTER sip:a SIP/2.0\r\nSubject: ");
        let rest = (0..n * 100).map(|at| tcp_frame(u32::try_from(35 + at * 1000).unwrap(), ACK, endless.as_bytes()));
        [tcp_frame(0, SYN, b""), head].into_iter().chain(rest).collect()
    });
}

#[test]
fn connections_half_open_are_counted() {
    let frames: Vec<Vec<u8>> = (0..20_000_u32)
        .map(|index| {
            let mut frame = tcp_frame(index, SYN, b"");
            frame[34..36].copy_from_slice(&u16::try_from(index % 60_000).unwrap().to_be_bytes());
            frame
        })
        .collect();
    let report = beside_a_registration(&frames);
    assert_eq!(set_aside(&report, "tcp_no_payload"), 20_000);
}
