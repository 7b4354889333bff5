//! Near misses against a second implementation: `near_misses.py` changes one input of a digest at a time and computes with
//! Python's hashlib; the report must name the change. And what must never be one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::OnceLock;

use md5::Digest;
use md5::Md5;
use serde_json::Value;

use sipauth::auth::parse_credentials;
use sipauth::base::Limits;
use sipauth::digest::Request;
use sipauth::digest::Verdict;
use sipauth::digest::Verifier;
use sipauth::digest::keyring;
use sipauth::digest::near_miss::Challenged;
use sipauth::digest::near_miss::Closest;
use sipauth::digest::near_miss::Surroundings;
use sipauth::digest::near_miss::Variant;
use sipauth::report::Report;

use crate::rules::analyse;

struct Case {
    name: String,
    verdict: String,
    scenario: String,
    credentials: String,
}

fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/near_misses.py");
        let run = Command::new("python3").arg(script).output().expect("python3 is installed; .ci/run installs it");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        let cases: Vec<Value> = serde_json::from_slice(&run.stdout).expect("it prints JSON");
        let text = |case: &Value, key: &str| case[key].as_str().expect("it is a text").to_owned();
        let case = |case: &Value| Case {
            name: text(case, "name"),
            verdict: text(case, "verdict"),
            scenario: text(case, "scenario"),
            credentials: text(case, "credentials"),
        };
        cases.iter().map(case).collect()
    })
}

/// The verdict on the last credentials: its name, or the variant's.
fn verdict(report: &Report) -> String {
    let rows = report.sessions.iter().flat_map(|session| &session.attempts).flat_map(|attempt| &attempt.credentials);
    let verification = rows.last().and_then(|row| row.verification.as_ref()).expect("credentials were checked");
    assert_eq!(verification.variant.is_some(), verification.result == "near_miss");
    verification.variant.clone().unwrap_or_else(|| verification.result.to_owned())
}

#[test]
fn every_variant_is_named_where_exactly_it_was_applied() {
    let mut wrong = Vec::new();
    for Case { name, verdict: expected, scenario, credentials } in cases() {
        let found = verdict(&analyse(&[scenario], credentials));
        if found != *expected {
            wrong.push(format!("{expected} ({name}): {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases().len(), wrong.join("\n"));
    let shown: BTreeSet<&str> = cases().iter().map(|case| case.verdict.as_str()).collect();
    let missing: Vec<&str> = Variant::all().map(Variant::name).filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn a_near_miss_is_one_finding_and_the_first() {
    let mut wrong = Vec::new();
    for case in cases() {
        let report = analyse(&[&case.scenario], &case.credentials);
        let high: BTreeMap<&str, Option<&str>> = report
            .findings
            .iter()
            .filter(|finding| finding.severity == "high")
            .map(|finding| (finding.rule, finding.cause))
            .collect();
        let first = high.keys().next().copied();
        let is_expected = match case.verdict.as_str() {
            "match" => first == Some("digest-ok-but-rejected") || first == Some("auth-int-unsupported-by-server"),
            "mismatch" => first == Some("digest-wrong-password"),
            "body-empty" | "body-line-ends" => high == [("auth-int-body-mismatch", Some(case.verdict.as_str()))].into(),
            // What the client made of the nonce is seen without a password as well.
            "nonce-altered" => first == Some("digest-near-miss") || first == Some("nonce-altered"),
            variant => high == [("digest-near-miss", Some(variant))].into() || first == Some("realm-mismatch"),
        };
        if !is_expected || high.len() != 1 {
            wrong.push(format!("{} ({}): {high:?}", case.verdict, case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a report shows of a password variant is the kind of change and nothing of the password.
#[test]
fn reports_of_near_misses_hold_no_password_and_nothing_to_test_one_on() {
    let reports = ["s3cret;rest", "hunter2;more"].map(|given| {
        let (hashed, _) = given.split_once(';').expect("it has one");
        let scenario = format!(
            "> REGISTER\n< 401\nWWW-Authenticate: challenge\n> REGISTER\nAuthorization: digest user=1001 password={hashed} cnonce=c1\n\
             < 401\nWWW-Authenticate: challenge\n"
        );
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("talk.pcap"), crate::scenario::pcap(&scenario)).expect("it can be written");
        ["human", "json"].map(|format| {
            let mut command = crate::run::sipauth(folder.path());
            command.args(["analyze", "--user", "1001", "--password-stdin", "--format", format, "talk.pcap"]);
            let run = crate::run::run(command.write_stdin(given));
            assert!(run.stdout.contains("password-cut"), "{}", run.stdout);
            run.stdout
        })
    });
    assert_eq!(reports[0], reports[1]);
}

/// RFC 7616 §3.4.1 with MD5 and qop=auth, computed here.
fn response(password: &str, cnonce: &str) -> String {
    let hash = |text: String| Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (ha1, ha2) =
        (hash(format!("1001:pbx.example.com:{password}")), hash("REGISTER:sip:pbx.example.com".to_owned()));
    hash(format!("{ha1}:aX7dQk0v1uY2==:0000000a:{cnonce}:auth:{ha2}"))
}

fn search(verifier: &mut Verifier, response: &str, cnonce: &str) -> (Option<Verdict>, Closest) {
    let header = format!(
        "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"aX7dQk0v1uY2==\", uri=\"sip:pbx.example.com\", \
         response=\"{response}\", qop=auth, nc=0000000a, cnonce=\"{cnonce}\""
    );
    let credentials = parse_credentials(header.as_bytes());
    let request = Request { method: b"REGISTER", body: Some(b""), ambiguous: false, headers_cut: false };
    let nonces = [(&b"UwVkG0hP2yZx"[..]).into(), (&b"mF8s3LqT"[..]).into()];
    let around = Surroundings {
        request_uri: b"sip:sip.example.net;transport=udp",
        from: b"sip:1002@home.example",
        to: b"sip:1003@office.example:5070",
        destination: b"203.0.113.10",
        body: Some(b""),
        challenge_realm: Some(b"asterisk"),
        challenged: Some(Challenged { method: b"SUBSCRIBE", uri: b"sip:old.example" }),
        text: header.as_bytes(),
        nonces: &nonces,
    };
    let verdict = verifier.check(&credentials[0], &request, None).map(|checked| checked.verdict);
    (verdict, verifier.near_miss(&credentials[0], &request, &around))
}

/// A password of one's own for each number, as SplitMix64 scatters them.
fn password(number: u64) -> String {
    let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", word ^ (word >> 31))
}

fn unlimited() -> Limits {
    Limits { near_miss_account_searches_max: usize::MAX, near_miss_searches_max: usize::MAX, ..Limits::default() }
}

/// A thousand, or as many as `WRONG_PASSWORDS` says.
#[test]
fn a_thousand_wrong_passwords_give_no_near_miss() {
    let count = std::env::var("WRONG_PASSWORDS").ok().and_then(|count| count.parse::<u64>().ok()).unwrap_or(1_000);
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get() as u64);
    let check = |from: u64| {
        let (keyring, _) = keyring::read(b"1001,*,correct;horse%41\xc3\xa4\n", "c.csv", None).expect("credentials");
        let mut verifier = Verifier::new(keyring).limited(&unlimited());
        for number in (from..count).step_by(threads as usize) {
            let cnonce = format!("{number:x}");
            let found = search(&mut verifier, &response(&password(number), &cnonce), &cnonce);
            assert_eq!(found, (Some(Verdict::Mismatch), Closest::Nothing { all_tried: true }), "{number}");
        }
        assert_eq!(verifier.passed_over(), 0);
    };
    std::thread::scope(|scope| {
        (0..threads).for_each(|from| drop(scope.spawn(move || check(from))));
    });
}

#[test]
fn searches_end_after_a_few_in_vain_and_are_counted() {
    let (keyring, _) = keyring::read(b"1001,*,correct-horse\n", "c.csv", None).expect("credentials");
    let mut verifier = Verifier::new(keyring);
    let mut outcome = |password: &str| search(&mut verifier, &response(password, "c"), "c").1;
    assert!(matches!(outcome("correct-horse "), Closest::One(_)));
    for number in 0..2 {
        assert_eq!(outcome(&password(number)), Closest::Nothing { all_tried: true });
    }
    assert_eq!(outcome("another"), Closest::NotLooked);
    // What fitted once is still looked for: that costs little.
    assert!(matches!(outcome("correct-horse "), Closest::One(_)));
    assert_eq!(outcome("correct-horse\n"), Closest::NotLooked);
    assert_eq!(verifier.passed_over(), 2);
}
