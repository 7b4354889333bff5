//! Each sample is a case: what `sipauth analyze` prints for it stands in its `report.txt` and `report.json`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use serde_json::Value;

use sipauth::auth::AuthenticationInfo;
use sipauth::auth::parse_credentials;
use sipauth::base::Limits;
use sipauth::report::Report;
use sipauth::rules;
use sipauth::rules::RULES;
use sipauth::sip::HeaderName;
use sipauth::sip::parse::Source;

use crate::run::Sample;
use crate::run::assert_fresh;
use crate::run::check_file;

/// Samples in which nothing fails: none of their findings may be high.
const FINE: &[&str] = &[
    "audiocodes-mp11x-register-ok",
    "big-endian",
    "cancel-with-credentials",
    "clock-jump",
    "compact-headers",
    "credentials-passed-on",
    "escaped-quotes",
    "folded-authorization",
    "fragmented-invite-ok",
    "invite-401-ok-asterisk",
    "invite-407-ok",
    "invite-accepted-by-address",
    "invite-ack-without-credentials",
    "invite-anonymous",
    "invite-challenge-mode-mixed",
    "invite-no-reply-seen",
    "invite-qop-not-offered",
    "invite-same-algorithm-twice",
    "invite-two-realms-ok",
    "ipv6-register-ok",
    "nonce-predictable",
    "options-ping-challenged",
    "pcapng-tls-secrets",
    "proxy-sent-401",
    "register-401-with-proxy-authenticate",
    "register-407-ok",
    "register-aka-ims",
    "register-aka-sync-failure",
    "register-answers-both-algorithms",
    "register-auth-user-differs",
    "register-callid-churn",
    "register-challenges-in-one-row",
    "register-clock-ahead",
    "register-every-refresh-stale",
    "register-nextnonce-ignored",
    "register-nonce-count-256",
    "register-nonce-count-backwards",
    "register-nonce-count-decimal",
    "register-nonce-count-gap",
    "register-nonce-count-not-reset",
    "register-nonce-count-repeated",
    "register-nonce-count-stuck",
    "register-nonce-unknown",
    "register-ok",
    "register-ok-asterisk",
    "register-ok-authentication-info",
    "register-ok-md5-sess",
    "register-ok-no-qop",
    "register-ok-sha-256",
    "register-one-time-nonce",
    "register-overlapping",
    "register-refresh-challenged-each-time",
    "register-server-restarted",
    "register-stale-recovered",
    "register-uri-rewritten",
    "register-weak-algorithm-first",
    "register-weaker-algorithm-chosen",
    "replies-lost",
    "span-port-duplicates",
    "tcp-register-ok",
    "tcp-segments-out-of-order",
    "tcp-split-in-odd-places",
    "telos-vx-register-ok",
    "tls-cipher-suites",
    "tls-rare-ciphers",
    "tls-early-data",
    "tls-key-update",
    "tls-register-ok",
    "tls-session-resumed",
    "vos3000-mode-3-both-challenges",
    "vos3000-stale-nonce",
    "websocket-register-ok",
    "wss-register-ok",
];

/// Goldens are read and written by tests that run side by side, so each test makes the report itself and only this one
/// compares.
#[test]
fn every_sample_gives_its_report() {
    let mut differences = Vec::new();
    for sample in Sample::all() {
        for (options, name) in [(&["--quiet"][..], "report.txt"), (&["--quiet", "--format", "json"][..], "report.json")]
        {
            let run = sample.analyze(options);
            assert!(run.code <= 1, "{}: exit code {}: {}", sample.name, run.code, run.stderr);
            assert_eq!(run.stderr, "", "{}: --quiet", sample.name);
            differences.extend(check_file(&sample.folder.join(name), &run.stdout).err());
        }
    }
    assert_fresh(&differences);
}

fn json_text(sample: &Sample) -> String {
    sample.analyze(&["--quiet", "--format", "json"]).stdout
}

fn report(sample: &Sample) -> Value {
    serde_json::from_str(&json_text(sample)).expect("the report is JSON")
}

fn found<'r>(report: &'r Value, key: &str) -> Vec<&'r str> {
    let findings = report["findings"].as_array().expect("findings are an array");
    findings.iter().map(|finding| finding[key].as_str().expect("it is a string")).collect()
}

#[test]
fn every_rule_is_shown_by_its_sample() {
    for rule in RULES {
        let report = report(&Sample::named(rule.sample));
        assert!(found(&report, "code").contains(&rule.code), "samples/{} does not show {}", rule.sample, rule.name);
    }
}

#[test]
fn every_sample_shows_what_its_row_in_the_readme_expects() {
    let table = Sample { name: String::new(), folder: std::path::Path::new(crate::run::ROOT).join("samples") };
    let mut missing = BTreeSet::new();
    let mut rows = 0;
    for row in table.read("README.md").lines().filter(|line| line.starts_with("| [")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_start_matches('[').split(']').next().expect("a link");
        let report = report(&Sample::named(name));
        rows += 1;
        let expected = cells[3].split(", ").filter(|slug| rules::find(slug).is_some());
        for slug in expected.filter(|slug| !found(&report, "rule").contains(slug)) {
            missing.insert((name.to_owned(), slug.to_owned()));
        }
    }
    assert_eq!(rows, Sample::all().len(), "one row a sample");
    assert!(missing.is_empty(), "not found: {missing:?}");
}

#[test]
fn nothing_is_high_where_nothing_fails() {
    for name in FINE {
        let report = report(&Sample::named(name));
        let severities = found(&report, "severity");
        assert!(!severities.iter().any(|severity| matches!(*severity, "high" | "critical")), "{name}: {severities:?}");
    }
}

#[test]
fn every_json_report_is_valid_by_the_schema() {
    let schema: Value = serde_json::from_str(&sipauth::report::schema::schema()).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    for sample in Sample::all() {
        let report = report(&sample);
        let errors: Vec<String> =
            validator.iter_errors(&report).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", sample.name);
    }
    assert!(!validator.is_valid(&serde_json::json!({"schema": "sipauth.report"})), "the schema demands the other keys");
}

/// The keys of an object, in the order in which they are written.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[test]
fn streamed_reports_have_the_keys_of_the_model_in_its_order() {
    let keys = |text: &str| serde_json::from_str::<Keys>(text).expect("an object").0;
    let model = keys(&serde_json::to_string(&Report::empty()).expect("it can be written"));
    for name in ["register-ok", "brute-force", "invite-accepted-by-address"] {
        assert_eq!(keys(&json_text(&Sample::named(name))), model, "{name}");
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let sample = Sample::named("brute-force");
    assert_eq!(json_text(&sample), json_text(&sample));
}

/// Everything in a capture that a guess of its password can be tested on, and how many credentials hold it.
pub fn tests_of_a_guess(sample: &Sample) -> BTreeMap<Vec<u8>, usize> {
    let capture = File::open(sample.folder.join(sample.capture())).expect("the capture is there");
    let outcome = crate::wire::read(capture, &Limits::default()).expect("the capture can be read");
    let mut all = BTreeMap::new();
    let mut add = |value: Option<std::borrow::Cow<'_, [u8]>>| {
        // The shorter ones are written by hand to be wrong, as in a response of no digits.
        if let Some(value) = value.filter(|value| value.len() >= 8) {
            *all.entry(value.to_ascii_lowercase()).or_insert(0) += 1;
        }
    };
    for seen in &outcome.seen {
        let message = sipauth::sip::parse(&seen.bytes, Source { is_cut: seen.cut, header_fields_max: 8192 });
        for header in &message.headers {
            let value = message.text(header.value_at);
            match header.name {
                HeaderName::Authorization | HeaderName::ProxyAuthorization => {
                    for credentials in parse_credentials(value) {
                        add(credentials.response());
                        add(credentials.auts());
                    }
                }
                HeaderName::AuthenticationInfo | HeaderName::ProxyAuthenticationInfo => {
                    add(AuthenticationInfo::parse(value).rspauth());
                }
                _ => {}
            }
        }
    }
    all
}

/// The passwords and HA1s in the secrets of a sample.
fn secrets(sample: &Sample) -> Vec<String> {
    let Some(name) = sample.credentials() else { return Vec::new() };
    let separator = if name.ends_with(".csv") { ',' } else { ':' };
    let text = sample.read(&name);
    let last = text.lines().filter(|line| !line.starts_with("user,")).filter_map(|line| line.rsplit(separator).next());
    last.map(|secret| secret.trim_matches('"').to_owned()).filter(|secret| !secret.is_empty()).collect()
}

#[test]
fn no_report_holds_what_a_guess_of_a_password_can_be_tested_on() {
    let mut hidden = 0;
    for sample in Sample::all() {
        let values = tests_of_a_guess(&sample);
        for options in [&[][..], &["--format", "json"][..]] {
            let run = sample.analyze(options);
            let output = (run.stdout + &run.stderr).to_ascii_lowercase();
            for value in values.keys() {
                let value = std::str::from_utf8(value).expect("digests are digits");
                hidden += 1;
                assert!(!output.contains(value), "{}: {options:?}: holds {value}", sample.name);
                // Eight digits of it rule out all but one wrong guess in four milliards.
                assert!(!output.contains(&value[..8]), "{}: {options:?}: holds the beginning of {value}", sample.name);
            }
        }
    }
    assert!(hidden > 500, "only {hidden} digests were looked for");
}

#[test]
fn no_report_holds_a_password() {
    for sample in Sample::all() {
        let names = names(&sample);
        for secret in secrets(&sample).iter().filter(|secret| !names.contains(&secret.to_lowercase())) {
            for options in [&[][..], &["--format", "json"][..], &["--redact", "none"][..]] {
                let run = sample.analyze(options);
                let output = run.stdout + &run.stderr;
                assert!(!output.contains(secret), "{}: {options:?}: holds {secret}", sample.name);
            }
        }
    }
}

/// Words that a report may hold although they are somebody's password: Asterisk's 1001 has the password 1001, and the
/// AudioCodes of the manual is a maker, a realm and a password.
fn names(sample: &Sample) -> Vec<String> {
    let known = [("register-ok-asterisk", "1001"), ("invite-401-ok-asterisk", "1001"), ("user-enumeration", "1001")];
    let mut names: Vec<String> =
        known.iter().filter(|(name, _)| *name == sample.name).map(|(_, word)| (*word).to_owned()).collect();
    if sample.name.starts_with("audiocodes") {
        names.push("audiocodes".to_owned());
    }
    names
}

/// The same talk with one password or another; `$SECRET` stands for it.
pub const TALK: &str = "
    > REGISTER
    < 401
    WWW-Authenticate: challenge
    > REGISTER
    Authorization: digest user=1001 password=$SECRET cnonce=c1
    < 401
    WWW-Authenticate: challenge
    > REGISTER
    Authorization: digest user=1001 password=$SECRET cnonce=c2
    < 200
";

/// What clients send where nobody expects a secret; `SECRET` is the one.
const ODD_CREDENTIALS: [&str; 12] = [
    "Bearer SECRET",
    "Bearer SECRET.abc-_~",
    "Basic\tSECRET",
    "Basic A, SECRET",
    "SECRET",
    "SECRET==",
    "NTLM opaque=\"o\", realm=\"r\", targetname=\"t\", gssapi-data=\"SECRET\"",
    "Negotiate SECRET",
    "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:a\", RESPONSE = \"SECRET\"",
    "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:a\", response=\"SECRET\";",
    "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:a, response=\"SECRET\"",
    "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:1001:SECRET@a,response=SECRET",
];

#[test]
fn secrets_in_odd_places_reach_no_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = "0123456789abcdef0123456789abcdef";
    for odd in ODD_CREDENTIALS {
        let odd = odd.replace("SECRET", secret);
        let named =
            format!("From: <sip:1001:{secret}@pbx.example.com>;tag=1\nTo: <sip:1001:{secret}@pbx.example.com>\n");
        let asked = format!("> REGISTER\n{named}< 401\nWWW-Authenticate: challenge\n");
        let answered = format!("> REGISTER\n{named}Authorization: {odd}\n< 401\nWWW-Authenticate: challenge\n");
        let capture = crate::scenario::pcap(&[asked, answered.clone(), answered].concat());
        std::fs::write(folder.path().join("odd.pcap"), capture).expect("it can be written");
        for format in ["human", "json", "ndjson", "csv", "markdown", "html", "sarif"] {
            for redact in ["default", "strict"] {
                let mut command = crate::run::sipauth(folder.path());
                command.args(["analyze", "--format", format, "--redact", redact, "odd.pcap"]);
                if redact == "default" {
                    command.args(["--write", "out.pcapng", "--force"]);
                }
                let run = crate::run::run(&mut command);
                assert!(run.code <= 1, "{}", run.stderr);
                let shown = run.stdout + &run.stderr;
                assert!(!shown.contains(&secret[..8]), "{odd} in {format}, {redact}:\n{shown}");
            }
        }
        let written = std::fs::read(folder.path().join("out.pcapng")).expect("it was written");
        assert!(!written.windows(8).any(|part| part == &secret.as_bytes()[..8]), "{odd} in a comment or a packet");
    }
}

#[test]
fn two_passwords_give_the_same_report() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), "a key for these reports").expect("it can be written");
    let report = |secret: &str, format: &str, redact: &[&str]| {
        std::fs::write(folder.path().join("talk.pcap"), crate::scenario::pcap(&TALK.replace("$SECRET", secret)))
            .expect("it can be written");
        let mut command = crate::run::sipauth(folder.path());
        command.args(["analyze", "--user", "1001", "--password-stdin", "--format", format, "talk.pcap"]);
        command.args(redact);
        let run = crate::run::run(command.write_stdin(secret));
        assert!(!matches!(format, "human" | "json") || run.stdout.contains("match"), "{}", run.stdout);
        (run.code, run.stdout, run.stderr)
    };
    for format in crate::formats::FORMATS {
        for redact in [&[][..], &["--redact", "strict", "--pseudonym-key", "key"]] {
            let (one, other) = (report("first-secret", format, redact), report("another-secret", format, redact));
            assert_eq!(one, other, "{format}");
        }
    }
}
