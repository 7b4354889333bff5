//! Strict redaction: no name, number, host, address or Call-ID of the capture stands in any report, and names stay the same.

use std::collections::BTreeSet;
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

/// A key for pseudonyms, in a file.
struct Key {
    _folder: tempfile::TempDir,
    path: String,
    pseudonyms: Pseudonyms,
}

impl Key {
    fn new() -> Key {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        std::fs::write(&path, "0123456789abcdef").expect("it can be written");
        let path = path.to_str().expect("a plain name").to_owned();
        Key { _folder: folder, path, pseudonyms: Pseudonyms::new(&Sha256::digest("0123456789abcdef").into()) }
    }

    /// The names in a capture, but for those that are the pseudonyms of others: the documentation networks of the samples are
    /// small, and one address may be that of another.
    fn hidden(&self, default: &Value) -> BTreeSet<String> {
        let names = names(default);
        let image = |name: &String| match name.parse::<SocketAddr>() {
            Ok(place) => SocketAddr::new(
                self.pseudonyms.host(&place.ip().to_string()).parse().expect("it names an address by an address"),
                place.port(),
            )
            .to_string(),
            Err(_) => self.pseudonyms.host(name),
        };
        let images: BTreeSet<String> = names.iter().map(image).collect();
        names.difference(&images).cloned().collect()
    }
}

#[test]
fn no_name_of_a_capture_stands_in_a_strict_report() {
    let key = Key::new();
    let mut looked_for = 0;
    for sample in Sample::all() {
        let default: Value = serde_json::from_str(&report(&sample, &["-T", "json"])).expect("JSON");
        // Whatever a format prints is in this one; numbers, times and filters are no names.
        let strict = report(&sample, &["-T", "json", "--redact", "strict", "--pseudonym-key", &key.path]);
        let mut texts = String::new();
        push_texts(&mut texts, &serde_json::from_str(&strict).expect("JSON"));
        for name in key.hidden(&default) {
            looked_for += 1;
            assert!(!holds(&texts, &name), "{}: holds {name}", sample.name);
        }
    }
    assert!(looked_for > 1_000, "only {looked_for} names were looked for");
}

/// What each command prints in each format, stderr included.
fn strict_outputs(sample: &Sample, key: &Key) -> Vec<(String, String)> {
    let good = Sample::named("register-ok");
    let good = good.folder.join(good.capture());
    let (good, capture) = (good.to_str().expect("a plain name"), sample.capture());
    let mut commands: Vec<Vec<&str>> =
        FORMATS.iter().map(|format| vec!["analyze", "-v", "--fail-on", "never", "-T", format, &capture]).collect();
    commands.extend(["text", "mermaid", "svg"].map(|format| vec!["flow", "-T", format, &capture]));
    commands.extend(["human", "json", "markdown", "html"].map(|format| vec!["compare", "-T", format, good, &capture]));
    let secrets = sample.credentials();
    let secrets: Vec<&str> = secrets.iter().flat_map(|file| ["--credentials", file]).collect();
    let printed = |words: Vec<&str>| {
        let mut command = sipauth(&sample.folder);
        let run = run(command.args(&words).args(&secrets).args(["--redact", "strict", "--pseudonym-key", &key.path]));
        assert!(run.code == 0 && run.stdout.len() > 60, "{}: {words:?}: {}", sample.name, run.stderr);
        // The page's own script counts milliseconds.
        let text = run.stdout.split("<script>").next().unwrap_or_default().to_owned();
        (words[..words.len() - 1].join(" "), text + &run.stderr)
    };
    commands.into_iter().map(printed).collect()
}

#[test]
fn every_command_and_format_hides_names() {
    let key = Key::new();
    let mut looked_for = 0;
    for name in [
        "invite-two-realms-ok",
        "register-wrong-password-403",
        "brute-force",
        "register-username-both-forms",
        "span-port-duplicates",
        "vos3000-realm-mismatch",
        "ipv6-register-ok",
    ] {
        let sample = Sample::named(name);
        let default: Value = serde_json::from_str(&report(&sample, &["-T", "json"])).expect("JSON");
        let hidden = key.hidden(&default);
        for (command, text) in strict_outputs(&sample, &key) {
            for name in &hidden {
                looked_for += 1;
                assert!(!holds(&text, name), "{}: {command}: holds {name}", sample.name);
            }
        }
    }
    assert!(looked_for > 500, "only {looked_for} names were looked for");
}

#[test]
fn a_drawing_is_found_by_its_session_where_call_ids_have_other_names() {
    let sample = Sample::named("register-wrong-password-403");
    let drawn = |words: &[&str]| {
        run(sipauth(&sample.folder).args(["flow", "--redact", "strict"]).args(words).arg(sample.capture()))
    };
    let (by_session, by_call_id) = (drawn(&["--session", "s1"]), drawn(&["--call-id", "f6a44cbf3a27abe6"]));
    assert!(by_session.code == 0 && by_session.stdout.contains("403"), "{by_session:?}");
    assert!(by_call_id.code == 2 && by_call_id.stderr.contains("name the --session"), "{by_call_id:?}");
    let wrong = run(sipauth(&sample.folder).args(["flow", "--pseudonym-key", "capture.pcap", "capture.pcap"]));
    assert!(wrong.code == 2 && wrong.stderr.contains("is for --redact strict"), "{wrong:?}");
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

/// A client may write whatever it likes in the place of a method.
#[test]
fn a_name_in_the_place_of_a_method_is_hidden() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = "> ALICEMILLER\n< 401\nWWW-Authenticate: challenge\n> ALICEMILLER\n\
                    Authorization: digest user=1001 password=secret\n< 500\n+50 [later] > OPTIONS\n";
    std::fs::write(folder.path().join("a.pcap"), crate::scenario::pcap(scenario)).expect("it can be written");
    for format in FORMATS {
        let words = ["analyze", "--quiet", "--fail-on", "never", "--redact", "strict", "--format", format, "a.pcap"];
        let printed = run(sipauth(folder.path()).args(words)).stdout;
        assert!(!printed.is_empty() && !printed.contains("ALICE"), "{format}: {printed}");
    }
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
