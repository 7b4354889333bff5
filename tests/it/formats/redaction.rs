//! Strict redaction: no name, number, host, address or Call-ID of the capture stands in any report, and names stay the same.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::SocketAddr;

use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use sipauth::report::pseudonyms::Pseudonyms;

use crate::formats::FORMATS;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

/// Words of the catalogue, its example of a host among them, and of products, which a realm or a user may have as well.
const COMMON: [&str; 8] =
    ["asterisk", "audiocodes", "kamailio", "anonymous", "telos", "user", "fritz!box", "pbx.example.com"];

/// The texts of a report that name somebody, as they stand on the wire.
fn names(report: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        let rest = text.split_once(':').map_or(text, |(scheme, rest)| match scheme {
            "sip" | "sips" | "tel" => rest,
            _ => text,
        });
        let rest = rest.split([';', '?', '>']).next().unwrap_or_default();
        names.extend(rest.split('@').map(|part| part.trim_end_matches(":5060").to_owned()));
        names.insert(rest.to_owned());
    };
    for session in report["sessions"].as_array().expect("sessions") {
        for key in ["call_id", "client", "server", "user", "from", "to", "realm"] {
            add(&session[key]);
        }
        for attempt in session["attempts"].as_array().expect("attempts") {
            for key in ["from", "to"] {
                add(&attempt[key]);
            }
            for key in ["client", "server"] {
                add(&attempt["hop"][key]);
            }
            for credentials in attempt["credentials"].as_array().expect("credentials") {
                for key in ["username", "realm", "uri"] {
                    add(&credentials[key]);
                }
            }
        }
    }
    for nonce in report["nonces"].as_array().expect("nonces") {
        add(&nonce["value"]);
    }
    names.retain(|name| name.len() >= 4 && !COMMON.contains(&name.to_lowercase().as_str()));
    names
}

/// The texts in a value that could name somebody, a line each.
fn push_texts(texts: &mut String, value: &Value) {
    match value {
        Value::String(text) => texts.extend([text, "\n"]),
        Value::Array(all) => all.iter().for_each(|one| push_texts(texts, one)),
        Value::Object(all) => {
            let is_none = |key: &str| {
                matches!(key, "time" | "started" | "ended" | "first_packet" | "last_packet" | "wireshark_filter")
                    || key.ends_with("_at")
            };
            all.iter().filter(|(key, _)| !is_none(key)).for_each(|(_, one)| push_texts(texts, one));
        }
        _ => {}
    }
}

fn report(sample: &Sample, words: &[&str]) -> String {
    let words = [&["--quiet", "--fail-on", "never"], words].concat();
    let run = sample.analyze(&words);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}: {words:?}", sample.name);
    run.stdout
}

/// Whether a text holds a name on its own, and not within another word or number.
fn holds(text: &str, name: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric());
    text.match_indices(name)
        .any(|(at, _)| !is_word(text[..at].chars().next_back()) && !is_word(text[at + name.len()..].chars().next()))
}

#[test]
fn no_name_of_a_capture_stands_in_a_strict_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    std::fs::write(&key, "0123456789abcdef").expect("it can be written");
    let key = key.to_str().expect("a plain name");
    let pseudonyms = Pseudonyms::new(&Sha256::digest("0123456789abcdef").into());
    let mut looked_for = 0;
    for sample in Sample::all() {
        let default: Value = serde_json::from_str(&report(&sample, &["-T", "json"])).expect("JSON");
        let names = names(&default);
        // Whatever a format prints is in this one; numbers, times and filters are no names.
        let strict = report(&sample, &["-T", "json", "--redact", "strict", "--pseudonym-key", key]);
        // The documentation networks of the samples are small: one address may be the pseudonym of another.
        let image = |name: &String| match name.parse::<SocketAddr>() {
            Ok(place) => SocketAddr::new(
                pseudonyms.host(&place.ip().to_string()).parse().expect("it names an address by an address"),
                place.port(),
            )
            .to_string(),
            Err(_) => pseudonyms.host(name),
        };
        let images: BTreeSet<String> = names.iter().map(image).collect();
        let mut texts = String::new();
        push_texts(&mut texts, &serde_json::from_str(&strict).expect("JSON"));
        for name in names.difference(&images) {
            looked_for += 1;
            assert!(!holds(&texts, name), "{}: holds {name}", sample.name);
        }
    }
    assert!(looked_for > 1_000, "only {looked_for} names were looked for");
}

#[test]
fn every_format_hides_names() {
    for name in ["invite-two-realms-ok", "register-wrong-password-403", "brute-force"] {
        let sample = Sample::named(name);
        let default: Value = serde_json::from_str(&report(&sample, &["-T", "json"])).expect("JSON");
        for format in FORMATS {
            let strict = report(&sample, &["-T", format, "--redact", "strict"]);
            // The page's own script counts milliseconds.
            let strict = strict.split("<script>").next().unwrap_or_default();
            let is_address = |name: &&String| name.parse::<IpAddr>().is_ok() || name.parse::<SocketAddr>().is_ok();
            for name in names(&default).iter().filter(|name| !is_address(name)) {
                assert!(!holds(strict, name), "{format}: holds {name}");
            }
        }
    }
}

#[test]
fn names_are_the_same_under_one_key_and_others_under_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("it can be written");
        path.to_str().expect("a plain name").to_owned()
    };
    let (one, other, short) = (key("one", "0123456789abcdef"), key("other", "fedcba9876543210"), key("short", "0123"));
    let sample = Sample::named("register-wrong-password-403");
    let strict = |more: &[&str]| report(&sample, &[&["-T", "json", "--redact", "strict"], more].concat());
    assert_eq!(strict(&["--pseudonym-key", &one]), strict(&["--pseudonym-key", &one]));
    assert_ne!(strict(&["--pseudonym-key", &one]), strict(&["--pseudonym-key", &other]));
    assert_ne!(strict(&[]), strict(&[]), "each report has a key of its own");
    let wrong = |words: &[&str], told: &str| {
        let run = run(sipauth(&sample.folder).args(["analyze", "capture.pcap"]).args(words));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{words:?}");
        assert!(run.stderr.contains(told), "{words:?}: {}", run.stderr);
    };
    wrong(&["--redact", "strict", "--pseudonym-key", &short], "at least 16");
    wrong(&["--pseudonym-key", &one], "is for --redact strict");
    wrong(&["--redact", "strict", "--write", "x.pcapng"], "cannot hold");
}

#[test]
fn what_is_no_name_stays() {
    let sample = Sample::named("register-wrong-password-403");
    let read = |words: &[&str]| -> Value { serde_json::from_str(&report(&sample, words)).expect("JSON") };
    let (default, strict) = (read(&["-T", "json"]), read(&["-T", "json", "--redact", "strict"]));
    assert_eq!(strict["selection"]["redaction"], "strict");
    for key in ["coverage", "summary"] {
        assert_eq!(strict[key], default[key], "{key}");
    }
    let codes = |report: &Value| -> Vec<Value> {
        report["findings"].as_array().expect("findings").iter().map(|one| one["code"].clone()).collect()
    };
    assert_eq!(codes(&strict), codes(&default));
    let first = &strict["sessions"][0];
    assert_eq!(first["outcome"], default["sessions"][0]["outcome"]);
    assert_eq!(first["user"], first["attempts"][1]["credentials"][0]["username"], "one name for one user");
}
