//! TLS made by another implementation: samples sent over connections of OpenSSL, one cipher suite after the other, give the
//! sessions and findings that they give in clear.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::properties::Differences;
use crate::properties::essence;
use crate::properties::flights_over_tcp;

const SAMPLES: [&str; 12] = [
    "compact-headers",
    "invite-407-ok",
    "invite-auth-int-body-changed",
    "invite-realm-dropped",
    "invite-two-realms-ok",
    "register-401-without-challenge",
    "register-nonce-altered",
    "register-ok",
    "register-password-with-newline",
    "register-stale-recovered",
    "register-wrong-password-loop",
    "vos3000-loop-wrong-header",
];

/// Version, cipher suite as OpenSSL names it, and what else is said.
const SUITES: [(&str, &str, &str); 15] = [
    ("tls12", "ECDHE-RSA-AES128-GCM-SHA256", ""),
    ("tls12", "AES256-GCM-SHA384", ""),
    ("tls12", "ECDHE-RSA-CHACHA20-POLY1305", ""),
    ("tls12", "AES128-CCM", ""),
    ("tls12", "AES256-CCM8", ""),
    ("tls12", "AES128-SHA", ""),
    ("tls12", "AES256-SHA256", ""),
    ("tls12", "ECDHE-RSA-AES256-SHA384", ""),
    ("tls12", "AES256-SHA", "no-etm"),
    ("tls12", "ECDHE-RSA-AES128-SHA256", "no-etm"),
    ("tls12", "ECDHE-RSA-AES256-SHA384", "no-etm"),
    ("tls13", "TLS_AES_128_GCM_SHA256", ""),
    ("tls13", "TLS_AES_256_GCM_SHA384", ""),
    ("tls13", "TLS_CHACHA20_POLY1305_SHA256", ""),
    ("tls13", "TLS_AES_128_CCM_SHA256", ""),
];

/// What goes over the wire for each message, and the key log.
struct Talk {
    flights: Vec<Vec<(bool, Vec<u8>)>>,
    keys: String,
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}

fn talk((version, suite, flag): (&str, &str, &str), messages: &[Value]) -> Talk {
    let mut settings = tempfile::NamedTempFile::new().expect("a file");
    // The suites of TLS 1.3 can be chosen by OpenSSL's own settings alone.
    let suites = if version == "tls13" { format!("Ciphersuites = {suite}\n") } else { String::new() };
    write!(settings, "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n{suites}\n[req]\ndistinguished_name = d\n[d]\n")
        .expect("it can be written");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/over_tls.py");
    let mut python = Command::new("python3");
    python.args([script, version, suite]).args(Some(flag).filter(|flag| !flag.is_empty()));
    python.env("OPENSSL_CONF", settings.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = python.spawn().expect("python3 is installed; .ci/run installs it");
    let input = Value::from(messages).to_string();
    process.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it listens");
    let run = process.wait_with_output().expect("it ends");
    assert!(run.status.success(), "{suite}: {}", String::from_utf8_lossy(&run.stderr));
    let said: Value = serde_json::from_slice(&run.stdout).expect("it prints JSON");
    let part = |part: &Value| (part[0].as_bool().expect("a side"), unhex(part[1].as_str().expect("bytes")));
    let flight = |flight: &Value| flight.as_array().expect("a flight").iter().map(part).collect();
    Talk {
        flights: said["flights"].as_array().expect("flights").iter().map(flight).collect(),
        keys: said["keys"].as_str().expect("keys").to_owned(),
    }
}

/// Which connection a message belongs to, and whether the client sends it: who speaks first is the client.
fn side(clients: &mut BTreeMap<Vec<u8>, bool>, flow: &[u8]) -> (String, bool) {
    let reversed = [&flow[4..8], &flow[..4], &flow[10..12], &flow[8..10]].concat();
    let is_client = !clients.get(&reversed).copied().unwrap_or(false);
    clients.entry(flow.to_vec()).or_insert(is_client);
    let client = if is_client { flow } else { &reversed };
    (client.escape_ascii().to_string(), is_client)
}

#[test]
fn samples_over_each_cipher_suite_give_the_sessions_and_findings_of_the_plain_ones() {
    let samples = SAMPLES.map(|name| {
        let sample = corpus::sample(name);
        let frames = sample.frames();
        let expect = essence(&sample.report_on(&corpus::plain_pcap(&frames)));
        (sample, frames, expect)
    });
    // All that is said in all samples, each under connections of its own.
    let mut messages = Vec::new();
    for (sample, frames, _) in &samples {
        let mut clients = BTreeMap::new();
        flights_over_tcp(frames, 0, |flow, message| {
            let (connection, is_client) = side(&mut clients, flow);
            let hex: String = message.iter().map(|byte| format!("{byte:02x}")).collect();
            messages.push(json!([format!("{} {connection}", sample.name), is_client, hex]));
            Vec::new()
        });
    }
    let mut differences = Differences::default();
    for (seed, suite) in (0..).zip(SUITES) {
        let Talk { flights, keys } = talk(suite, &messages);
        let mut flights = flights.into_iter();
        for (sample, frames, expect) in &samples {
            let mut clients = BTreeMap::new();
            let mut carried = flights_over_tcp(frames, seed, |flow, _| {
                let (_, is_client) = side(&mut clients, flow);
                let flight = flights.next().expect("one for each message");
                flight.into_iter().map(|(by_client, bytes)| (by_client != is_client, bytes)).collect()
            });
            let mut read = |what: &str, frames: &[RawFrame]| {
                let report = sample.report_with_keys(&corpus::plain_pcap(frames), keys.as_bytes());
                differences.compare(sample, &format!("{suite:?}{what}"), expect, &essence(&report));
                assert!(report.sessions.iter().all(|session| session.transport == "tls"), "{}", sample.name);
            };
            read("", &carried);
            // Neighbours of one direction change places here and there.
            for at in (5..carried.len()).step_by(4) {
                if carried[at].bytes[26..38] == carried[at - 1].bytes[26..38] {
                    carried.swap(at, at - 1);
                }
            }
            read(" out of order", &carried);
        }
    }
    differences.none();
}
