//! TLS as it was recorded: with its keys, without them, with packets missing, and damaged.

use std::collections::BTreeSet;
use std::io::Cursor;

use sipauth::base::Limits;
use sipauth::base::SetAside;
use sipauth::base::Transport;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;
use crate::wire;
use crate::wire::ACK;
use crate::wire::Outcome;
use crate::wire::SYN;
use crate::wire::tcp_frame;

fn read(frames: &[RawFrame], key_log: &[u8]) -> Outcome {
    let capture = Cursor::new(corpus::plain_pcap(frames));
    wire::read_with_keys(capture, &Limits::default(), key_log).expect("it is a capture")
}

/// Every message of the sample, with all keys.
fn whole(name: &str) -> (Vec<RawFrame>, Outcome) {
    let frames = corpus::sample(name).frames();
    let outcome = read(&frames, corpus::key_logs());
    (frames, outcome)
}

#[test]
fn messages_say_what_carried_them() {
    let transports =
        |name: &str| -> BTreeSet<&str> { whole(name).1.seen.iter().map(|seen| seen.transport.name()).collect() };
    assert_eq!(transports("tls-register-ok"), BTreeSet::from(["tls"]));
    assert_eq!(transports("wss-register-ok"), BTreeSet::from(["wss"]));
    assert_eq!(transports("websocket-register-ok"), BTreeSet::from(["ws"]));
    assert!(Transport::Wss.is_encrypted() && !Transport::Ws.is_encrypted());
}

#[test]
fn without_a_key_the_connection_is_counted_with_its_client_random() {
    let sample = Sample::named("tls-register-ok");
    let run = run(sipauth(&sample.folder).args(["analyze", "--quiet", "--format", "json", "capture.pcap"]));
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("tls_no_key") && run.stdout.contains("client random 7d7c5e4d…"), "{}", run.stdout);
    assert!(run.stdout.contains("\"encrypted\": 6"), "{}", run.stdout);
    // The key of another connection is none.
    let other = corpus::sample("wss-register-ok").path.with_file_name("tls.keys");
    let outcome = read(&corpus::sample("tls-register-ok").frames(), &std::fs::read(other).expect("it is there"));
    assert_eq!((outcome.seen.len(), outcome.events.tls.no_key.count), (0, 1));
}

#[test]
fn no_report_shows_a_tls_secret() {
    for name in ["tls-register-ok", "tls-cipher-suites", "tls-rare-ciphers", "pcapng-tls-secrets"] {
        let sample = Sample::named(name);
        let keys = String::from_utf8(corpus::key_logs().to_vec()).expect("key logs are text");
        for options in [&["--format", "json"][..], &["--redact", "none"]] {
            let run = sample.analyze(options);
            let shown = format!("{}{}", run.stdout, run.stderr).to_lowercase();
            for secret in keys.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(2)) {
                assert!(!shown.contains(&secret[..16]), "{name} shows a secret");
            }
        }
    }
}

#[test]
fn a_file_without_secrets_is_told() {
    let sample = Sample::named("tls-register-ok");
    let words = ["analyze", "--tls-keylog", "credentials.csv", "capture.pcap"];
    let run = run(sipauth(&sample.folder).args(words));
    assert!(run.stderr.contains("holds no TLS secrets"), "{}", run.stderr);
}

#[test]
fn every_command_that_reads_captures_takes_a_key_log() {
    let sample = Sample::named("tls-register-ok");
    let capture = sample.capture();
    let typed = |words: &[&str]| run(sipauth(&sample.folder).args(words));
    let drawn = typed(&["flow", "--tls-keylog", "tls.keys", &capture]);
    assert_eq!(drawn.code, 0, "{drawn:?}");
    assert!(drawn.stdout.contains("401 Unauthorized"), "{}", drawn.stdout);
    let compared = typed(&["compare", "--tls-keylog", "tls.keys", &capture, &capture]);
    assert_eq!(compared.code, 0, "{compared:?}");
    for words in [&["flow", &capture][..], &["compare", &capture, &capture]] {
        assert_eq!(typed(words).code, 2, "there is nothing to see without it");
    }
}

#[test]
fn reading_goes_on_behind_a_lost_segment() {
    // In TLS 1.0 the record behind one that is missing cannot be opened, too.
    for (name, count, lost_max) in [("tls-cipher-suites", 48, 1), ("tls-rare-ciphers", 56, 2)] {
        let (frames, all) = whole(name);
        assert_eq!(all.seen.len(), count);
        let carriers: BTreeSet<u64> = all.seen.iter().flat_map(|seen| seen.frames.clone()).collect();
        for lost in carriers.iter().copied().step_by(5) {
            let mut fewer = frames.clone();
            fewer.remove(usize::try_from(lost - 1).expect("a small number"));
            let seen = read(&fewer, corpus::key_logs()).seen.len();
            assert!(seen >= count - lost_max, "{name} without frame {lost}: {seen} of {count}");
        }
    }
}

#[test]
fn the_order_of_the_two_directions_does_not_matter() {
    // The server's hello is captured last of the handshake: the client waits for it.
    let (frames, all) = whole("tls-register-ok");
    let hello = 5;
    for behind in [7, 9, 10, 11] {
        let mut late = frames.clone();
        let moved = late.remove(hello);
        late.insert(behind, moved);
        let outcome = read(&late, corpus::key_logs());
        assert_eq!(outcome.seen.len(), all.seen.len(), "hello behind frame {behind}");
        assert_eq!(outcome.events.tls.no_handshake.count, 0);
    }
}

#[test]
fn early_data_is_read_with_its_key_and_counted_without() {
    let (frames, all) = whole("tls-early-data");
    assert_eq!((all.seen.len(), all.events.tls.early_data.count), (4, 0));
    let keys = Sample::named("tls-early-data").read("tls.keys");
    let without: Vec<&str> = keys.lines().filter(|line| !line.starts_with("CLIENT_EARLY")).collect();
    let outcome = read(&frames, without.join("\n").as_bytes());
    // Its end is sealed with the same key.
    assert_eq!((outcome.seen.len(), outcome.events.tls.early_data.count), (3, 2));
    // Frame 24 holds the end of the early data, and of the handshake.
    let mut fewer = frames.clone();
    fewer.remove(23);
    assert_eq!(read(&fewer, keys.as_bytes()).seen.len(), 4);
    // The server's hello comes when the early data have long been there, and late.
    let mut late = frames.clone();
    let hello = late.remove(21);
    late.insert(25, hello);
    assert_eq!(read(&late, keys.as_bytes()).seen.len(), 4);
}

#[test]
fn one_side_of_a_handshake_is_too_little() {
    let (frames, _) = whole("tls-register-ok");
    for port in [5061_u16.to_be_bytes(), 33485_u16.to_be_bytes()] {
        // Ethernet, IPv4 without options, then the source port.
        let one_sided: Vec<RawFrame> = frames.iter().filter(|frame| frame.bytes[34..36] == port).cloned().collect();
        let outcome = read(&one_sided, corpus::key_logs());
        assert!(outcome.seen.is_empty() && outcome.coverage.set_aside.contains_key(&SetAside::Encrypted));
        assert_eq!(outcome.events.tls.no_handshake.count, 1);
    }
    let joined = read(&frames[9..], corpus::key_logs());
    assert_eq!((joined.seen.len(), joined.events.tls.no_handshake.count), (0, 1));
}

#[test]
fn a_record_that_was_altered_is_not_believed() {
    let (frames, all) = whole("tls-cipher-suites");
    for seen in all.seen.iter().step_by(3) {
        let mut altered = frames.clone();
        let frame = &mut altered[usize::try_from(seen.number - 1).expect("a small number")];
        let last = frame.bytes.len() - 1;
        frame.bytes[last] ^= 1;
        let outcome = read(&altered, corpus::key_logs());
        assert!(outcome.events.tls.undecryptable.count > 0, "frame {}", seen.number);
        assert!(outcome.seen.iter().all(|other| all.seen.iter().any(|one| one.bytes == other.bytes || other.cut)));
        assert!(outcome.seen.len() >= all.seen.len() - 1);
    }
}

/// A ClientHello and a ServerHello that choose this suite of TLS 1.2, and a record of each side that is sealed.
fn chosen(suite: u16) -> Vec<Vec<u8>> {
    let record = |kind: u8, body: &[u8]| {
        [&[kind, 3, 3][..], &u16::try_from(body.len()).expect("short").to_be_bytes(), body].concat()
    };
    let message = |kind: u8, body: &[u8]| [&[kind, 0, 0, u8::try_from(body.len()).expect("short")], body].concat();
    let [high, low] = suite.to_be_bytes();
    let client = [&[3, 3][..], &[0x7a; 32], &[0, 0, 2, high, low, 1, 0]].concat();
    let stream = [record(22, &message(1, &client)), record(20, &[1]), record(23, &[9; 64])].concat();
    vec![tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &stream)]
}

#[test]
fn connections_in_great_number_and_without_end_are_bounded() {
    // Each reuse of the port is a connection of its own; of none of them the server's side was captured.
    let key_log = format!("CLIENT_RANDOM {} {}\n", "7a".repeat(32), "00".repeat(48));
    let frames: Vec<Vec<u8>> = (0..500).flat_map(|_| chosen(0xc02f)).collect();
    let capture = wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&frames));
    let outcome =
        wire::read_with_keys(Cursor::new(capture), &Limits::default(), key_log.as_bytes()).expect("a capture");
    assert!(outcome.events.tls.no_handshake.count >= 1);
    // Heads of records with lengths that lie, over and over.
    let heads = [23, 3, 3, 0xff, 0xff].repeat(20_000);
    let mut stream = vec![tcp_frame(0, SYN, b"")];
    let pieces = heads.chunks(1400).enumerate();
    stream.extend(pieces.map(|(n, piece)| tcp_frame(1 + u32::try_from(n * 1400).expect("small"), ACK, piece)));
    assert!(wire::read_frames(&stream).seen.is_empty());
}
