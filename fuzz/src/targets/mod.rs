//! What the fuzz targets share: a tape of bytes that decides what is sent, frames made of it, and what must hold of all
//! that was read from them.

pub mod auth_header;
pub mod capture;
pub mod decode;
pub mod filter;
pub mod formats;
pub mod framing;
pub mod hep;
pub mod keyrings;
pub mod message;
pub mod mutation;
pub mod reassembly;
pub mod seeds;
pub mod tls;
pub mod uri;
pub mod verify;
pub mod websocket;

use std::collections::BTreeSet;
use std::io::Cursor;

use sipauth::base::Limits;
use sipauth::digest::Keyring;
use sipauth::digest::Secret;

use crate::wire;
use crate::wire::Order;
use crate::wire::Outcome;
use crate::wire::Resolution;

/// What a target does with one input.
pub type Run = fn(&[u8]);

/// Every target by its name.
pub const ALL: [(&str, Run); 14] = [
    ("auth_header", auth_header::run),
    ("capture", capture::run),
    ("decode", decode::run),
    ("filter", filter::run),
    ("formats", formats::run),
    ("framing", framing::run),
    ("hep", hep::run),
    ("keyrings", keyrings::run),
    ("message", message::run),
    ("reassembly", reassembly::run),
    ("tls", tls::run),
    ("uri", uri::run),
    ("verify", verify::run),
    ("websocket", websocket::run),
];

/// The TLS secrets of the samples from which seeds are made.
pub const KEY_LOG: &str = concat!(
    include_str!("../../../samples/tls-register-ok/tls.keys"),
    include_str!("../../../samples/wss-register-ok/tls.keys"),
    include_str!("../../../samples/tls-key-update/tls.keys"),
);

/// Bytes that decide what happens, taken from the front; zero behind their end.
pub struct Tape<'t>(pub &'t [u8]);

impl<'t> Tape<'t> {
    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// The next two bytes as a number.
    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// So many bytes, or what is left.
    pub fn bytes(&mut self, len: usize) -> &'t [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Limits that a small input can reach.
pub fn small_limits() -> Limits {
    Limits {
        fragment_datagrams_max: 6,
        fragment_bytes_max: 8 * 1024,
        tcp_flows_max: 6,
        tcp_hole_bytes_max: 2 * 1024,
        tcp_hole_segments_max: 8,
        tcp_bytes_max: 16 * 1024,
        sctp_bytes_max: 16 * 1024,
        websocket_message_bytes_max: 4 * 1024,
        websocket_fragments_max: 8,
        header_section_bytes_max: 2 * 1024,
        body_bytes_max: 2 * 1024,
        ..Limits::default()
    }
}

/// Reads frames and their times, and checks the ledger.
pub fn read(frames: &[(u64, Vec<u8>)], limits: &Limits, key_log: &[u8]) -> Outcome {
    let capture = wire::pcap(Order::Little, Resolution::Nano, frames);
    let outcome = wire::read_with_keys(Cursor::new(capture), limits, key_log).expect("it is a capture");
    // A record that begins a message counts as used before anyone knows how the message ends.
    if key_log.is_empty() {
        check(&outcome);
    }
    outcome
}

/// Every frame that counts as used holds a part of a message, and a message's frames stand in order. A message behind a hole
/// names the frame that filled it, too, which may hold no message itself.
pub fn check(outcome: &Outcome) {
    let mut used = BTreeSet::new();
    for seen in &outcome.seen {
        assert!(!seen.bytes.is_empty(), "a message has bytes");
        assert!(seen.frames.is_sorted_by(|one, two| one < two), "frames in order: {:?}", seen.frames);
        assert_eq!(seen.frames.last(), Some(&seen.number));
        used.extend(seen.frames.iter().copied());
    }
    let (counted, named) = (outcome.coverage.used, used.len() as u64);
    let told = || format!("{:?}: {used:?}", outcome.coverage);
    assert!(counted <= named && named <= counted + outcome.seen.len() as u64, "{}", told());
}

/// Frames of one TCP connection, as a tape says: each segment begins with its direction and its length. A length of none
/// is a segment that was lost.
pub fn connection(tape: &mut Tape<'_>, client_first: &[u8], server_first: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut sequence = [0_u32, 0];
    let mut send = |from_server: bool, flags: u8, payload: &[u8], lost: u32| {
        let next = &mut sequence[usize::from(from_server)];
        *next = next.wrapping_add(lost);
        let mut frame = wire::tcp_frame(*next, flags, payload);
        if from_server {
            turn_round(&mut frame);
        }
        *next = next.wrapping_add(u32::try_from(payload.len()).unwrap() + u32::from(flags == wire::SYN));
        frames.push((1_700_000_000_000_000_000 + frames.len() as u64 * 1_000_000, frame));
    };
    for (from_server, first) in [(false, client_first), (true, server_first)] {
        send(from_server, wire::SYN, b"", 0);
        send(from_server, wire::ACK, first, 0);
    }
    while !tape.is_over() {
        let control = tape.byte();
        let len = usize::from(tape.word() & 0x0fff);
        let lost = if control & 0x0e == 0x0e { u32::from(control >> 4) * 100 } else { 0 };
        send(control & 1 == 1, wire::ACK, tape.bytes(len), lost);
    }
    frames
}

/// Makes a frame of [`wire::tcp_frame`] or [`wire::udp_frame`] one of the other direction.
pub fn turn_round(frame: &mut [u8]) {
    for at in 0..4 {
        frame.swap(26 + at, 30 + at);
    }
    for at in 0..2 {
        frame.swap(34 + at, 36 + at);
    }
}

/// Accounts of the samples.
pub fn keyring() -> Keyring {
    let mut keyring = Keyring::new();
    for (user, password) in [("1001", "correct-horse"), ("alice", "wonderland-7"), ("heidi", "hunter2")] {
        let secret = Secret::password(password.as_bytes());
        keyring.account(user.as_bytes(), b"*", secret, "--user").expect("an account fits");
    }
    keyring
}

/// Whether a character acts on a terminal, or changes or hides its neighbours.
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}
