//! Captures that somebody made to do harm: damaged bit by bit, full of control characters, or built to be slow.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::process::Command;

use sipauth::auth::parse_credentials;
use sipauth::digest::Keyring;
use sipauth::digest::Secret;
use sipauth::report::Report;
use sipauth::sip;
use sipauth::sip::HeaderName;
use sipauth::sip::parse::Source;

use crate::corpus;
use crate::corpus::Sample;
use crate::scenario;
use crate::wire;
use crate::wire::ACK;
use crate::wire::SYN;
use crate::wire::tcp_frame;
use crate::wire::udp_frame;

/// Prefixes and flipped bits of one sample that are tried: the same ones every time, spread over the whole file.
const TRIES: usize = 900;

fn survives(sample: &Sample, capture: Vec<u8>, what: &str) {
    let keyring = sample.keyring();
    let run = move || {
        if let Some(report) = corpus::analyze_from(std::io::Cursor::new(capture), keyring) {
            corpus::json(&report);
            corpus::human(&report);
        }
    };
    assert!(std::panic::catch_unwind(AssertUnwindSafe(run)).is_ok(), "{}, {what}", sample.name);
}

fn check_damaged(name: &str) {
    let sample = corpus::sample(name);
    let len = sample.bytes.len();
    // Prime steps, so that every position within a record and every bit comes up.
    let step = (len / TRIES).max(1) | 1;
    for end in (0..len).step_by(step) {
        survives(&sample, sample.bytes[..end].to_vec(), &format!("cut at {end}"));
    }
    let step = (len * 8 / TRIES).max(1) | 1;
    for bit in (0..len * 8).step_by(step) {
        survives(&sample, flipped(&sample.bytes, bit), &format!("bit {bit} flipped"));
    }
    // The headers of the file and of its first record, bit by bit.
    for bit in 0..len.min(48) * 8 {
        survives(&sample, flipped(&sample.bytes, bit), &format!("bit {bit} flipped"));
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

#[test]
fn damaged_pcap_does_no_harm() {
    check_damaged("register-ok");
}

#[test]
fn damaged_pcapng_does_no_harm() {
    check_damaged("pcapng-wrong-password");
}

#[test]
fn damaged_tcp_streams_do_no_harm() {
    check_damaged("tcp-split-in-odd-places");
}

#[test]
fn damaged_fragments_do_no_harm() {
    check_damaged("fragmented-invite-ok");
}

#[test]
fn damaged_gzip_does_no_harm() {
    check_damaged("gzip-wrong-password");
}

#[test]
fn damaged_zstd_does_no_harm() {
    check_damaged("zstd-wrong-password");
}

#[test]
fn damaged_tunnels_do_no_harm() {
    check_damaged("gre-wrong-password");
}

#[test]
fn damaged_reports_of_agents_do_no_harm() {
    check_damaged("hep-wrong-password");
}

#[test]
fn damaged_ipv6_does_no_harm() {
    check_damaged("ipv6-register-ok");
}

#[test]
fn damaged_websockets_within_tls_do_no_harm() {
    check_damaged("wss-register-ok");
}

/// The verdicts on all credentials of a report.
fn verdicts(report: &Report) -> Vec<String> {
    let attempts = report.sessions.iter().flat_map(|session| &session.attempts);
    let rows = attempts.flat_map(|attempt| &attempt.credentials);
    rows.filter_map(|row| row.verification.as_ref()).map(|verification| verification.result.to_string()).collect()
}

fn keyring() -> Keyring {
    let mut keyring = Keyring::new();
    keyring.account(b"1001", b"*", Secret::password(b"secret"), "--user").expect("one account fits");
    keyring
}

/// A challenge and an answer, signed with this password; then the answer's bytes and where they begin in the file.
fn signed(password: &str, method: &str, qop: &str) -> (Vec<u8>, usize, Vec<u8>) {
    let text = format!(
        "> {method}\n< 401\nWWW-Authenticate: challenge qop={qop}\n> {method}\n\
         Authorization: digest user=1001 password={password}\n\nbody of the message\n"
    );
    let file = scenario::pcap(&text);
    let start_line = format!("{method} sip:");
    let start = file.windows(start_line.len()).rposition(|window| window == start_line.as_bytes());
    let start = start.expect("the answer is there");
    let message = file[start..].to_vec();
    (file, start, message)
}

#[test]
fn no_flipped_bit_turns_a_wrong_digest_into_a_right_one() {
    for qop in ["auth", "none", "auth-int"] {
        let (file, start, message) = signed("wrong", "REGISTER", qop);
        assert_eq!(verdicts(&corpus::analyze(&file, keyring())), ["mismatch"]);
        for bit in (start * 8..(start + message.len()) * 8).step_by(3) {
            let verdicts = verdicts(&corpus::analyze(&flipped(&file, bit), keyring()));
            assert!(
                !verdicts.iter().any(|verdict| verdict == "match"),
                "{qop}, bit {} of the message",
                bit - start * 8
            );
        }
    }
}

#[test]
fn every_flipped_bit_under_the_digest_costs_the_match() {
    for qop in ["auth", "none", "auth-int"] {
        let (file, start, message) = signed("secret", "REGISTER", qop);
        assert_eq!(verdicts(&corpus::analyze(&file, keyring())), ["match"]);
        let mut checked = 0;
        for (name, offset) in digest_input(&message, qop == "auth-int") {
            for bit in 0..8 {
                // RFC 7616 §3.4.1 wants lower case; a client that sends upper case knew the password all the same.
                if name == "response" && bit == 5 && message[offset].is_ascii_alphabetic() {
                    continue;
                }
                let verdicts = verdicts(&corpus::analyze(&flipped(&file, (start + offset) * 8 + bit), keyring()));
                assert!(
                    !verdicts.iter().any(|verdict| verdict == "match"),
                    "{qop}: {name}, bit {bit} of byte {offset}"
                );
                checked += 1;
            }
        }
        assert!(checked > 800, "only {checked} bits were under the digest");
    }
}

/// Where the bytes stand that the digest covers, and the response itself.
fn digest_input(message: &[u8], covers_body: bool) -> Vec<(&'static str, usize)> {
    let parsed = sip::parse(message, Source { is_cut: false, header_fields_max: 100 });
    let offset_of = |part: &[u8]| part.as_ptr() as usize - message.as_ptr() as usize;
    let mut input = Vec::new();
    let mut add = |name, part: &[u8]| input.extend((0..part.len()).map(|at| (name, offset_of(part) + at)));
    add("method", parsed.method().expect("it is a request"));
    let value = parsed.value(HeaderName::Authorization).expect("it has credentials");
    let credentials = &parse_credentials(value)[0];
    for name in ["username", "realm", "nonce", "uri", "response", "cnonce", "nc", "qop"] {
        let found = credentials.params.iter().find(|param| param.is(name));
        if let Some(param) = found {
            add(name, param.raw);
        }
    }
    if covers_body {
        add("body", parsed.body());
    }
    input
}

/// What must not reach a terminal: escape sequences of every kind, C1 controls raw and in UTF-8, direction overrides, line
/// ends of every kind, invisible characters, and a tower of combining marks.
pub const ATTACK: &str = "\\x1b[95;105mA\\x1b]52;c;QUFB\\x07B\\x1b]8;;http://x\\x1b\\\\C\\x9b31mD\\xc2\\x9b31mE\\xe2\\x80\\xaeF\
    \\xe2\\x81\\xa6G\\xe2\\x80\\xa8H\\x0bI\\x0cJ\\x08K\\x7fL\\x00M\\xc2\\x85N\\xef\\xbb\\xbfO\\xf3\\xa0\\x81\\x81P\\x1bPq\\x1b\\\\Q\
    n\\xcc\\x81\\xcc\\x81\\xcc\\x81\\xcc\\x81\\xcc\\x81\\xcc\\x81R\\x90\\x9d\\xffS";

/// A capture whose every header holds that text, in the escapes of scenarios.
pub fn capture_full_of(x: &str) -> Vec<u8> {
    let head = |who: &str| {
        format!(
            "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{who}{x}\\r\\nFrom: \"{x}\" <sip:{x}@a>;tag={x}\\r\\n\
             To: \"{x}\" <sip:{x}@a>\\r\\nCall-ID: {x}\\r\\nCSeq: 1 REGISTER\\r\\n\
             Contact: <sip:{x}@h>\\r\\nUser-Agent: {x}\\rFORGED\\r\\nServer: {x}\\r\\n"
        )
    };
    let (first, second) = (head("1"), head("2").replace("CSeq: 1", "CSeq: 2"));
    let challenge = format!(
        "Digest realm=\"{x}\", nonce=\"{x}\\r\\n FORGED\", opaque=\"{x}\", qop=\"{x}\", algorithm={x}, stale={x}, {x}=1"
    );
    let credentials = format!(
        "Digest username=\"{x}\", realm=\"{x}\", nonce=\"{x}\\r\\n FORGED\", uri=\"sip:{x}\", response=\"{x}\", \
         algorithm=MD5, cnonce=\"{x}\", qop={x}, nc={x}, {x}=\"\\x0a FORGED\""
    );
    let text = [
        format!("> bytes REGISTER sip:{x} SIP/2.0\\r\\n{first}Content-Length: 0\\r\\n\\r\\n"),
        format!("< bytes SIP/2.0 401 {x}\\r\\n{first}WWW-Authenticate: {challenge}\\r\\nContent-Length: 0\\r\\n\\r\\n"),
        format!(
            "> bytes REGISTER sip:{x} SIP/2.0\\r\\n{second}Authorization: {credentials}\\r\\nContent-Length: 0\\r\\n\\r\\n"
        ),
        format!(
            "< bytes SIP/2.0 401 {x}\\r\\n{second}WWW-Authenticate: {challenge}\\r\\nContent-Length: 0\\r\\n\\r\\n"
        ),
        format!(
            "> bytes REGISTER sip:{x} SIP/2.0\\r\\n{}Proxy-Authorization: {credentials}\\r\\n\\r\\n",
            second.replace("CSeq: 2", "CSeq: 3")
        ),
        format!("< bytes SIP/2.0 403 {x}\\r\\n{}\\r\\n", second.replace("CSeq: 2", "CSeq: 3")),
        // An unknown method and scheme, and credentials that are no list at all.
        format!(
            "> bytes {x} sip:{x} SIP/2.0\\r\\n{}Authorization: {x} {x}\\r\\n\\r\\n",
            second.replace("CSeq: 2 REGISTER", "CSeq: 4 X\\x1bY")
        ),
        format!(
            "> bytes INVITE sip:{x} SIP/2.0\\r\\n{}Authorization: Basic {x}\\r\\n\\r\\n",
            first.replace("REGISTER", "INVITE").replace("Call-ID: ", "Call-ID: 2")
        ),
        format!(
            "< bytes SIP/2.0 407 {x}\\r\\n{}Proxy-Authenticate: {challenge}\\r\\n\\r\\n",
            first.replace("REGISTER", "INVITE").replace("Call-ID: ", "Call-ID: 2")
        ),
    ];
    scenario::pcap(&(text.join("\n") + "\n"))
}

/// A character that acts on a terminal, or that changes or hides its neighbours.
pub fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[test]
fn nothing_from_the_wire_acts_on_a_terminal() {
    let report = corpus::analyze(&capture_full_of(ATTACK), keyring());
    assert!(report.sessions.len() >= 2 && report.findings.len() >= 2, "the attack must be seen to be harmless");
    let json = corpus::json(&report);
    let harmful: Vec<char> = json.chars().filter(|c| *c != '\n' && is_harmful(*c)).collect();
    assert!(harmful.is_empty(), "JSON: {harmful:?}");
    serde_json::from_str::<serde_json::Value>(&json).expect("the report is JSON");
    let human = corpus::human(&report);
    // Our own colours have the form ESC [ digits m.
    let mut plain = String::new();
    let mut parts = human.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (style, text) = part.split_once('m').unwrap_or(("", part));
        let is_style = style.starts_with('[') && style[1..].chars().all(|c| c.is_ascii_digit() || c == ';');
        assert!(is_style && style != "[95;105", "human: ESC {part:?}");
        plain.push_str(text);
    }
    for line in plain.lines() {
        let harmful: Vec<char> = line.chars().filter(|c| is_harmful(*c)).collect();
        assert!(harmful.is_empty(), "human: {harmful:?} in {line:?}");
        assert!(!line.trim_start_matches(['│', ' ']).starts_with("FORGED"), "human: a forged line: {line:?}");
        assert!(!line.contains("\u{301}\u{301}\u{301}"), "human: a tower of marks: {line:?}");
    }
}

/// CPU time of this thread in nanoseconds; `None` where the system does not tell.
fn cpu_ns() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

fn cost_ns(capture: &[u8]) -> Option<u64> {
    let before = cpu_ns();
    let report = corpus::analyze(capture, keyring());
    corpus::json(&report);
    corpus::human(&report);
    Some(cpu_ns()? - before?)
}

/// Twice as much may cost twice as much, and somewhat more for caches and noise; quadratic costs four times as much.
pub fn check_linear(what: &str, n: usize, capture: impl Fn(usize) -> Vec<Vec<u8>>) {
    const SLACK_NS: u64 = 40_000_000;
    let file = |n| wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&capture(n)));
    let (once, twice) = (file(n), file(2 * n));
    let mut costs = Vec::new();
    for _ in 0..3 {
        let (Some(one), Some(two)) = (cost_ns(&once), cost_ns(&twice)) else { return };
        if two <= one * 5 / 2 + SLACK_NS {
            return;
        }
        costs.push((one, two));
    }
    panic!("{what}: {n} and {} cost (ns) {costs:?}", 2 * n);
}

fn request(call_id: usize, cseq: usize, more: &str) -> Vec<u8> {
    let text = format!(
        "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{call_id}x{cseq}\r\nFrom: <sip:1001@a>;tag=1\r\n\
         To: <sip:1001@a>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n{more}Content-Length: 0\r\n\r\n"
    );
    text.into_bytes()
}

fn credentials(realm: usize) -> String {
    format!(
        "Authorization: Digest username=\"1001\",realm=\"r{realm}\",nonce=\"n\",uri=\"sip:a\",\
         response=\"00112233445566778899aabbccddeeff\"\r\n"
    )
}

/// One message over TCP, in segments.
fn over_tcp(message: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = vec![tcp_frame(0, SYN, b"")];
    let mut sequence = 1;
    for part in message.chunks(1400) {
        frames.push(tcp_frame(sequence, ACK, part));
        sequence += u32::try_from(part.len()).expect("a segment is small");
    }
    frames
}

#[test]
fn many_transactions_of_one_call_id_cost_linear_time() {
    check_linear("transactions", 5_000, |n| (1..=n).map(|cseq| udp_frame(&request(1, cseq, ""))).collect());
}

#[test]
fn many_answers_of_one_account_cost_linear_time() {
    check_linear("answers", 2_500, |n| (1..=n).map(|cseq| udp_frame(&request(1, cseq, &credentials(1)))).collect());
}

#[test]
fn many_retransmissions_cost_linear_time() {
    check_linear("retransmissions", 10_000, |n| (1..=n).map(|_| udp_frame(&request(1, 1, &credentials(1)))).collect());
}

#[test]
fn many_call_ids_cost_linear_time() {
    check_linear("Call-IDs", 25_000, |n| (1..=n).map(|call| udp_frame(&request(call, 1, ""))).collect());
}

#[test]
fn many_realms_of_one_nonce_cost_linear_time() {
    check_linear("realms", 5_000, |n| {
        (1..=n).map(|realm| udp_frame(&request(realm, 1, &credentials(realm)))).collect()
    });
}

#[test]
fn many_vias_cost_linear_time() {
    let rows = |n: usize| over_tcp(&request(1, 1, &"v:a/b/c d\r\n".repeat(n)));
    check_linear("Via rows", 10_000, rows);
    let joined = |n: usize| over_tcp(&request(1, 1, &format!("Via: {}x\r\n", "a/b/c d;b=c,".repeat(n))));
    check_linear("Vias in one row", 10_000, joined);
}

#[test]
fn many_parameters_cost_linear_time() {
    let distinct = |n: usize| {
        let params: String = (0..n).map(|at| format!("p{at:x}=1,")).collect();
        over_tcp(&request(1, 1, &format!("Authorization: Digest {params}nonce=\"n\"\r\n")))
    };
    check_linear("parameters", 10_000, distinct);
    let equal = |n: usize| over_tcp(&request(1, 1, &format!("Authorization: Digest {}\r\n", "nonce=a,".repeat(n))));
    check_linear("equal parameters", 10_000, equal);
    let words = |n: usize| {
        let message = request(1, 1, &format!("Authentication-Info: nextnonce=\"x\"{}\r\n", ",x a=1".repeat(n)));
        let answer = String::from_utf8(message).expect("text").replace("REGISTER sip:a SIP/2.0", "SIP/2.0 200 OK");
        over_tcp(answer.as_bytes())
    };
    check_linear("words between parameters", 4_000, words);
}

#[test]
fn quotes_and_backslashes_cost_linear_time() {
    for piece in ["\"", "\\\"", "\"\"", "\\", "=\"", "\"\"a\"\"", ",", "Digest ", "\r\n ", "<", ";"] {
        let row = |n: usize| over_tcp(&request(1, 1, &format!("Authorization: Digest a=\"{}\r\n", piece.repeat(n))));
        check_linear(&format!("{piece:?}"), 64 * 1024 / piece.len() / 2, row);
        let address = |n: usize| over_tcp(&request(1, 1, &format!("Contact: \"{}\r\n", piece.repeat(n))));
        check_linear(&format!("Contact {piece:?}"), 64 * 1024 / piece.len() / 2, address);
    }
}

#[test]
fn many_sessions_fit_in_little_memory() {
    let frames: Vec<Vec<u8>> = (1..=50_000).map(|call| udp_frame(&request(call, 1, &credentials(call)))).collect();
    let file = wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&frames));
    let mut capture = tempfile::NamedTempFile::new().expect("a file for the capture");
    capture.write_all(&file).expect("the capture can be written");
    // 600 MB of address space, program and libraries included.
    let script = "ulimit -v 600000 && exec \"$0\" analyze --limit-sessions 10 \"$1\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_sipauth")]).arg(capture.path());
    let output = shell.output().expect("there is a shell");
    assert!(output.status.code() == Some(0), "{:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn more_credentials_than_any_proxy_chain_asks_for_are_counted_and_left_out() {
    let rows: String = (0..100).map(credentials).collect();
    let joined = format!("Authorization: {}\r\n", vec!["Digest a=b"; 70].join(", "));
    let asked = format!("Proxy-Authenticate: {}\r\n", vec!["Digest realm=\"r\", nonce=\"n\""; 65].join(", "));
    let answer = String::from_utf8(request(1, 1, &asked)).expect("text");
    let answer = answer.replace("REGISTER sip:a SIP/2.0", "SIP/2.0 407 Proxy Authentication Required");
    let frames = [request(1, 1, &rows), answer.into_bytes(), request(2, 1, &joined)].map(|message| udp_frame(&message));
    let file = wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&frames));
    let report = corpus::analyze(&file, keyring());
    let dropped = report.diagnostics.iter().find(|diagnostic| diagnostic.event == "auth_rows_dropped");
    assert_eq!(dropped.map(|dropped| dropped.count), Some(36 + 6 + 1));
    assert_eq!(report.summary.credentials, 64 + 64);
}

#[test]
fn names_longer_than_any_are_counted_and_have_no_history() {
    let long = "x".repeat(2_000);
    let more = credentials(1).replace("username=\"1001\"", &format!("username=\"{long}\"")).replace("r1", &long);
    let message =
        String::from_utf8(request(1, 1, &more)).expect("text").replace("sip:1001@a", &format!("sip:{long}@a"));
    let answer = message.replace("REGISTER sip:a SIP/2.0", "SIP/2.0 403 Forbidden").replace(&more, "");
    let frames = [message, answer].map(|text| udp_frame(text.as_bytes()));
    let file = wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&frames));
    let report = corpus::analyze(&file, keyring());
    for event in ["accounts_not_followed", "clients_not_followed", "nonces_not_followed", "sources_not_followed"] {
        assert!(report.diagnostics.iter().any(|diagnostic| diagnostic.event == event), "{event}");
    }
    assert_eq!(report.summary.credentials, 1);
}
