//! TLS that fails before anything is said over it: fatal alerts in clear, and what only looks like one.

use std::collections::BTreeMap;
use std::process::Command;

use sipauth::digest::Keyring;
use sipauth::report::Report;

use crate::corpus;
use crate::rules::analyse_capture;
use crate::run::run;
use crate::run::sipauth;
use crate::wire;
use crate::wire::ACK;
use crate::wire::Order;
use crate::wire::Resolution;
use crate::wire::SYN;
use crate::wire::back;
use crate::wire::tcp_frame;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const FATAL: u8 = 2;
const UNKNOWN_CA: u8 = 48;
const PROTOCOL_VERSION: u8 = 70;

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    record(HANDSHAKE, &[&[kind, 0, 0, u8::try_from(body.len()).unwrap()], body].concat())
}

fn client_hello() -> Vec<u8> {
    handshake(1, &[&[3, 3][..], &[0x7a; 32], &[0, 0, 2, 0xc0, 0x2f, 1, 0]].concat())
}

fn server_hello() -> Vec<u8> {
    handshake(2, &[&[3, 3][..], &[0x7b; 32], &[0, 0xc0, 0x2f, 0]].concat())
}

/// What each side says, in turns.
enum Says {
    Client(Vec<u8>),
    Server(Vec<u8>),
}

/// A connection from this port of the client.
fn connection(port: u16, turns: &[Says]) -> Vec<Vec<u8>> {
    let mut frames = vec![tcp_frame(0, SYN, b""), back(tcp_frame(0, SYN | ACK, b""))];
    let (mut client, mut server) = (1, 1);
    for turn in turns {
        let (Says::Client(bytes) | Says::Server(bytes)) = turn;
        let len = u32::try_from(bytes.len()).unwrap();
        match turn {
            Says::Client(bytes) => {
                frames.push(tcp_frame(client, ACK, bytes));
                client += len;
            }
            Says::Server(bytes) => {
                frames.push(back(tcp_frame(server, ACK, bytes)));
                server += len;
            }
        }
    }
    for frame in &mut frames {
        let at = if frame[34..36] == 40_000_u16.to_be_bytes() { 34 } else { 36 };
        frame[at..at + 2].copy_from_slice(&port.to_be_bytes());
    }
    frames
}

fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    wire::pcap(Order::Little, Resolution::Micro, &wire::timed(frames))
}

/// How often, in which frame first, and in which words: of each kind.
fn told(report: &Report) -> Vec<(u64, u64, String)> {
    let alerts = report.diagnostics.iter().filter(|told| told.event == "tls_alert");
    alerts.map(|told| (told.count, told.first.as_ref().expect("a frame").number, told.text.clone())).collect()
}

fn check(frames: &[Vec<u8>], expect: &[(u64, u64, &str)]) {
    let expect: Vec<(u64, u64, String)> =
        expect.iter().map(|(count, first, text)| (*count, *first, (*text).to_owned())).collect();
    // Whether there are keys, of other connections, makes no difference.
    for report in [analyse_capture(pcap(frames), ""), corpus::analyze(&pcap(frames), Keyring::new())] {
        assert_eq!(told(&report), expect);
        assert!(report.findings.iter().all(|finding| finding.rule != "capture-quality"));
    }
}

/// A client that does not like what the server shows.
fn refused_by_client(port: u16, content: &[u8]) -> Vec<Vec<u8>> {
    let alert = Says::Client(record(ALERT, content));
    connection(port, &[Says::Client(client_hello()), Says::Server(server_hello()), alert])
}

fn refused_by_server(port: u16, content: &[u8]) -> Vec<Vec<u8>> {
    connection(port, &[Says::Client(client_hello()), Says::Server(record(ALERT, content))])
}

#[test]
fn a_fatal_alert_of_either_side_is_told_with_what_it_means() {
    let refused = [1, 2, 3].map(|port| refused_by_client(port, &[FATAL, UNKNOWN_CA])).concat();
    let unknown_ca = "TLS connections refused with the fatal alert unknown_ca: the client does not trust whoever issued the \
                      server's certificate; the first from client 192.0.2.1:1 to server 198.51.100.1:5060";
    check(&refused, &[(3, 5, unknown_ca)]);
    let other = [refused, refused_by_server(4, &[FATAL, PROTOCOL_VERSION])].concat();
    let version = "TLS connection refused with the fatal alert protocol_version: client and server have no TLS version in \
                   common; from server 198.51.100.1:5060 to client 192.0.2.1:4";
    check(&other, &[(3, 5, unknown_ca), (1, 19, version)]);
    let unknown = "TLS connection refused with the fatal alert 41: the log of the server may say why; from server \
                   198.51.100.1:5060 to client 192.0.2.1:4";
    check(&refused_by_server(4, &[FATAL, 41]), &[(1, 4, unknown)]);
}

/// In TLS 1.2 the server sees the client's certificate when the client has begun to encrypt.
#[test]
fn a_server_that_wants_a_certificate_says_so_in_clear() {
    let sealed = [record(20, &[1]), record(HANDSHAKE, &[0x5a; 40])].concat();
    let turns = [
        Says::Client(client_hello()),
        Says::Server(server_hello()),
        Says::Client(sealed),
        Says::Server(record(ALERT, &[FATAL, 42])),
    ];
    let text = "TLS connection refused with the fatal alert bad_certificate: the server does not accept the client's \
                certificate; from server 198.51.100.1:5060 to client 192.0.2.1:4";
    let report = analyse_capture(pcap(&connection(4, &turns)), "");
    assert_eq!(told(&report), [(1, 6, text.to_owned())]);
}

#[test]
fn an_alert_is_told_once_for_its_connection() {
    let twice = record(ALERT, &[FATAL, UNKNOWN_CA]).repeat(50);
    let turns = [
        Says::Client(client_hello()),
        Says::Server(server_hello()),
        Says::Client(twice),
        Says::Server(record(ALERT, &[FATAL, PROTOCOL_VERSION])),
    ];
    let mut frames = connection(7, &turns);
    // And sent again by TCP.
    frames.extend(frames[4..].to_vec());
    let counts = |frames: &[Vec<u8>]| -> Vec<u64> {
        told(&analyse_capture(pcap(frames), "")).iter().map(|(count, ..)| *count).collect()
    };
    assert_eq!(counts(&frames), [1]);
    // A port that is used again is another connection.
    let mut again = frames.clone();
    for mut frame in refused_by_client(7, &[FATAL, UNKNOWN_CA]) {
        let sequence = u32::from_be_bytes([frame[38], frame[39], frame[40], frame[41]]) + 9_000_000;
        frame[38..42].copy_from_slice(&sequence.to_be_bytes());
        again.push(frame);
    }
    assert_eq!(counts(&again), [2]);
}

#[test]
fn what_only_looks_like_a_fatal_alert_is_none() {
    const WARNING: u8 = 1;
    for content in [
        &[WARNING, 0][..],
        &[FATAL, 0],
        &[WARNING, UNKNOWN_CA],
        &[3, UNKNOWN_CA],
        // Sealed, too short, too long.
        &[0x5a; 26],
        &[FATAL],
        &[FATAL, UNKNOWN_CA, 0],
        &[],
    ] {
        check(&refused_by_client(1, content), &[]);
    }
    // Behind the change of cipher all is sealed, whatever it looks like.
    let alert = record(ALERT, &[FATAL, UNKNOWN_CA]);
    let sealed = [record(20, &[1]), alert.clone()].concat();
    let turns = [Says::Client(client_hello()), Says::Server(server_hello()), Says::Client(sealed)];
    assert_eq!(told(&analyse_capture(pcap(&connection(1, &turns)), "")), []);
    let said = [record(23, &[0x5a; 40]), alert.clone()].concat();
    let turns = [Says::Client(client_hello()), Says::Server(server_hello()), Says::Client(said)];
    assert_eq!(told(&analyse_capture(pcap(&connection(1, &turns)), "")), []);
    // Nobody said hello; and SIP in which the same bytes stand.
    check(&connection(1, &[Says::Client(alert.clone())]), &[]);
    let mut message = wire::message(1, 40);
    let at = message.len() - 20;
    message[at..at + alert.len()].copy_from_slice(&alert);
    check(&connection(1, &[Says::Client(message.clone()), Says::Server(alert.clone())]), &[]);
    check(&connection(1, &[Says::Client([message, alert].concat())]), &[]);
}

/// With their keys and without: connections that hold SIP were refused by nobody.
#[test]
fn samples_over_tls_show_no_alert() {
    for sample in corpus::samples().iter().filter(|sample| sample.path.with_file_name("tls.keys").exists()) {
        for report in [sample.report(), analyse_capture(sample.bytes.clone(), "")] {
            assert_eq!(told(&report), [], "{}", sample.name);
        }
    }
}

#[test]
fn kinds_of_alerts_beyond_the_limit_are_counted_together() {
    let frames: Vec<Vec<u8>> = (1..=200).flat_map(|kind| refused_by_server(u16::from(kind), &[FATAL, kind])).collect();
    let told = told(&analyse_capture(pcap(&frames), ""));
    assert_eq!(told.len(), 17);
    assert_eq!(told[16], (184, 68, "TLS connections refused with other fatal alerts".to_owned()));
}

#[test]
fn the_report_notes_it_below_its_first_line_and_hides_who_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let capture = pcap(&refused_by_client(1, &[FATAL, UNKNOWN_CA]));
    std::fs::write(folder.path().join("capture.pcap"), capture).expect("it can be written");
    let human = |options: &[&str]| {
        run(sipauth(folder.path()).args(["analyze", "--quiet", "capture.pcap"]).args(options)).stdout
    };
    let (open, strict) = (human(&[]), human(&["--redact", "strict"]));
    assert!(open.contains("note: 1 TLS connection refused") && open.contains("(first: frame 5)"), "{open}");
    assert!(strict.contains("note: 1 tls alert (first: frame 5)") && !strict.contains("192.0.2.1"), "{strict}");
}

#[test]
fn tshark_knows_the_same_alerts_by_the_same_numbers() {
    let output = Command::new("tshark").args(["-G", "values"]).output();
    let values = output.expect("tshark is needed for this test: apt-get install tshark").stdout;
    let values = String::from_utf8_lossy(&values).to_lowercase();
    let names: BTreeMap<u8, String> = values
        .lines()
        .filter_map(|line| line.strip_prefix("v\ttls.alert_message.desc\t")?.split_once('\t'))
        .map(|(number, name)| (number.parse().expect("a number"), name.replace(' ', "_")))
        .collect();
    let mut named = 0;
    for kind in 1..=u8::MAX {
        let told = told(&analyse_capture(pcap(&refused_by_server(1, &[FATAL, kind])), ""));
        let text = told[0].2.strip_prefix("TLS connection refused with the fatal alert ").expect("it is one");
        let (name, _) = text.split_once(':').expect("a meaning follows");
        if name != kind.to_string() {
            assert_eq!(names.get(&kind).map(String::as_str), Some(name));
            named += 1;
        }
    }
    // RFC 8446 §6 has 27, and one of them closes in good order.
    assert_eq!(named, 26);
}
