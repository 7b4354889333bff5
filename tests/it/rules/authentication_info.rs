//! Authentication-Info: what a server proves, and the nonce that it announces.

use super::*;
use crate::scenario::digest::hash;

const ASKED_4E2F: &str = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=4e2f\n";
const ANSWER: &str =
    "> REGISTER\nAuthorization: digest user=1001 password=secret cnonce=ab12 uri=sip:pbx.example.com\n";

/// RFC 7616 §3.5, computed here from its text: A2 is the method, which should be empty, a colon and the uri.
fn rspauth(method: &str, qop: &str, body: Option<&str>) -> String {
    let md5 = |text: &str| hash("MD5", text.as_bytes());
    let ha1 = md5("1001:pbx.example.com:secret");
    let a2 = match body {
        Some(body) => format!("{method}:sip:pbx.example.com:{}", md5(body)),
        None => format!("{method}:sip:pbx.example.com"),
    };
    match qop {
        "" => md5(&format!("{ha1}:4e2f:{}", md5(&a2))),
        qop => md5(&format!("{ha1}:4e2f:00000001:ab12:{qop}:{}", md5(&a2))),
    }
}

fn accepted(info: &str) -> String {
    format!("< 200\nAuthentication-Info: {info}\n")
}

#[test]
fn a_wrong_proof_is_found() {
    let over_method = rspauth("REGISTER", "auth", None);
    let info = accepted(&format!("qop=auth, rspauth=\"{over_method}\", cnonce=\"ab12\", nc=00000001"));
    let found = "medium rspauth-mismatch cause=method fault=server sure=proven excludes=wrong_secret\nsessions accepted\ninfo normal-challenge";
    check(&[ASKED_4E2F, ANSWER, &info], SECRET, found);
    let other = accepted(&format!("rspauth=\"{}\"", "0".repeat(32)));
    check(&[ASKED_4E2F, ANSWER, &other], SECRET, "medium rspauth-mismatch says=expect");
    check(&[ASKED_4E2F, ANSWER, &accepted("rspauth=\"oops\"")], SECRET, "medium rspauth-mismatch");
    // A proxy's proof stands in a header of its own.
    let call = "> INVITE\n< 407\nProxy-Authenticate: challenge nonce=4e2f\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret\n< 200\nProxy-Authentication-Info: rspauth=\"00000000000000000000000000000000\"\n> ACK\n";
    check(&[call], SECRET, "medium rspauth-mismatch");
}

#[test]
fn a_right_proof_is_none() {
    let clean = |info: &str| check(&[ASKED_4E2F, ANSWER, &accepted(info)], SECRET, "clean\nno rspauth-mismatch");
    let right = rspauth("", "auth", None);
    clean(&format!("qop=auth, rspauth=\"{right}\", cnonce=\"ab12\", nc=00000001"));
    clean(&format!("rspauth=\"{}\"", right.to_uppercase()));
    clean("nextnonce=\"77d1\"");
    clean("rspauth=\"\"");
    clean("qop=auth, cnonce=\"ab12\", nc=00000001");
    // Authentication-Info in anything but a 2xx means nothing (RFC 3261 §20.6).
    let refused = format!("< 403\nAuthentication-Info: rspauth=\"{}\"\n", "0".repeat(32));
    check(&[ASKED_4E2F, ANSWER, &refused], SECRET, "no rspauth-mismatch");
}

#[test]
fn without_the_right_secret_nothing_is_said_of_the_proof() {
    let info = accepted(&format!("rspauth=\"{}\"", "0".repeat(32)));
    check(&[ASKED_4E2F, ANSWER, &info], NOTHING, "no rspauth-mismatch");
    check(&[ASKED_4E2F, ANSWER, &info], "1001,*,another\n", "no rspauth-mismatch");
    check(&[ASKED_4E2F, ANSWER, &info], "1002,*,secret\n", "no rspauth-mismatch");
    // Several realms under one header: the proof does not say whose it is.
    let two = "> INVITE\n< 407\nProxy-Authenticate: challenge nonce=a\nProxy-Authenticate: challenge realm=other nonce=b\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=pbx.example.com\nProxy-Authorization: digest user=1001 password=secret realm=other\n< 200\nProxy-Authentication-Info: rspauth=\"00000000000000000000000000000000\"\n> ACK\n";
    check(&[two], SECRET, "no rspauth-mismatch");
}

/// After Authentication-Info linphone drops qop, nc and cnonce, and Kamailio answers with empty ones.
#[test]
fn empty_parameters_are_no_mismatch() {
    let plain = ANSWER.replace("cnonce=ab12", "qop=none cnonce=none nc=none");
    let info = accepted(&format!("nextnonce=\"4e2f\", qop=, rspauth=\"{}\", cnonce=\"\", nc=", rspauth("", "", None)));
    check(&[ASKED_4E2F, &plain, &info], SECRET, "no rspauth-mismatch\nno nextnonce-ignored\nsessions accepted");
    let wrong = accepted("qop=, rspauth=\"00000000000000000000000000000000\", cnonce=\"\", nc=");
    check(&[ASKED_4E2F, &plain, &wrong], SECRET, "medium rspauth-mismatch");
}

#[test]
fn auth_int_covers_the_body_of_the_answer() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=4e2f qop=auth-int\n";
    let answer = |body: &str| {
        let info = accepted(&format!("qop=auth-int, rspauth=\"{}\"", rspauth("", "auth-int", Some("hello\r\n"))));
        format!("{info}Content-Type: text/plain\n\n{body}\n")
    };
    check(&[asked, ANSWER, &answer("hello")], SECRET, "clean\nno rspauth-mismatch");
    check(&[asked, ANSWER, &answer("hullo")], SECRET, "medium rspauth-mismatch sure=likely");
}

const REGISTERED: &str =
    "> REGISTER\nAuthorization: digest user=1001 password=secret\n< 200\nAuthentication-Info: nextnonce=\"77d1a0\"\n";
const WITH_NEXT: &str = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret nonce=77d1a0\n";

#[test]
fn a_nextnonce_that_is_passed_over_is_found() {
    let again = ["+60 ", RIGHT].concat();
    let found = "medium nextnonce-ignored fault=client sure=proven by=- excludes=wrong_password\ninfo stale-nonce-recovered\nsessions accepted";
    check(&[ASKED, REGISTERED, &again, STALE, RIGHT, OK], SECRET, found);
    check(
        &[ASKED, REGISTERED, &again, STALE, REGISTERED, &again, STALE, RIGHT, OK],
        NOTHING,
        "medium nextnonce-ignored says=2_times",
    );
    // Another method of the same client.
    let call = "+60 > MESSAGE\nAuthorization: digest user=1001 password=secret\n";
    check(&[ASKED, REGISTERED, call, STALE], SECRET, "medium nextnonce-ignored");
}

#[test]
fn a_nextnonce_is_ignored_only_by_a_refused_request_with_the_old_one() {
    let again = ["+60 ", RIGHT].concat();
    let none = "no nextnonce-ignored";
    check(&[ASKED, REGISTERED, WITH_NEXT, OK], SECRET, "clean\nno nextnonce-ignored");
    check(&[ASKED, REGISTERED, &again, OK], SECRET, "clean\nno nextnonce-ignored");
    check(&[ASKED, REGISTERED, &again, REFUSED, RIGHT, OK], SECRET, none);
    check(&[ASKED, REGISTERED, WITH_NEXT, STALE, RIGHT, OK], SECRET, none);
    check(&[ASKED, RIGHT, OK, &again, STALE, RIGHT, OK], SECRET, none);
    // The nonce in use, announced again.
    let same = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=77d1a0\n";
    check(&[same, REGISTERED, &again, STALE, RIGHT, OK], SECRET, none);
}

/// Credentials with a nonce that the server announced answer a nonce that is known.
#[test]
fn a_nextnonce_counts_as_issued() {
    let report = analyse(&[ASKED, REGISTERED, WITH_NEXT, OK], SECRET);
    let nonce = report.nonces.iter().find(|nonce| nonce.value == "77d1a0").expect("it is listed");
    assert_eq!((nonce.uses, nonce.accepted), (1, 1));
    assert_eq!(nonce.issued.as_ref().map(|frame| frame.number), Some(4));
    assert_eq!(nonce.realm, "pbx.example.com");
    check(&[ASKED, REGISTERED, WITH_NEXT, REFUSED], SECRET, "high digest-ok-but-rejected");
}

/// Kamailio's rspauth, as recorded: right, and wrong when one digit is another.
#[test]
fn a_recorded_proof_is_right() {
    let sample = crate::run::Sample::named("register-ok-authentication-info");
    let capture = std::fs::read(sample.folder.join("capture.pcap")).expect("read");
    let start = capture.windows(9).position(|part| part == b"rspauth=\"").expect("there is one") + 9;
    let folder = tempfile::tempdir().expect("a folder");
    let credentials = sample.folder.join("credentials.csv");
    for (change, is_found) in [(0, false), (1, true)] {
        let mut capture = capture.clone();
        capture[start] ^= change;
        std::fs::write(folder.path().join("c.pcap"), capture).expect("written");
        let mut command = crate::run::sipauth(folder.path());
        command.args(["analyze", "--quiet", "c.pcap", "--credentials"]).arg(&credentials);
        let run = crate::run::run(&mut command);
        assert_eq!(run.stdout.contains("rspauth-mismatch"), is_found, "{run:?}");
    }
}

/// An rspauth is as good as a response to whoever guesses: no report shows it.
#[test]
fn a_proof_is_not_shown() {
    let info = accepted(&format!("nextnonce=\"77d1\", rspauth=\"{}\"", "0123".repeat(8)));
    let capture = crate::scenario::pcap(&[ASKED_4E2F, ANSWER, &info].concat());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("c.pcap"), capture).expect("written");
    for format in ["human", "json"] {
        let mut command = crate::run::sipauth(folder.path());
        command.args(["analyze", "--user", "1001", "--password", "secret", "--format", format, "c.pcap"]);
        let run = crate::run::run(&mut command);
        assert!(run.stdout.contains("rspauth"), "{run:?}");
        assert!(!run.stdout.contains("01230123"), "{run:?}");
    }
}
