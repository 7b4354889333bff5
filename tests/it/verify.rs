//! `sipauth verify` as it is typed: published vectors, texts as people paste them, and what it must not show.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::Run;
use crate::run::run;
use crate::run::sipauth;
use crate::scenario::digest::hash;

const RFC_2617: [&str; 2] = [
    r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
    r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
];

/// RFC 7616 §3.9.1: one challenge for each algorithm.
const RFC_7616: &str = r#"WWW-Authenticate: Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256,
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
WWW-Authenticate: Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5,
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
"#;

fn rfc_7616_answer(algorithm: &str, response: &str) -> String {
    format!(
        r#"Authorization: Digest username="Mufasa",
    realm="http-auth@example.org",
    uri="/dir/index.html",
    algorithm={algorithm},
    nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    nc=00000001,
    cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    qop=auth,
    response="{response}",
    opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
    )
}

/// The example of the AudioCodes MP-11x manual, folded lines without the blanks that folds need.
const AUDIOCODES: [&str; 2] = [
    "WWW-Authenticate: Digest realm=\"audiocodes.com\",\nnonce=\"11432d6bce58ddf02e3b5e1c77c010d2\",\nstale=FALSE,\nalgorithm=MD5\n",
    "Authorization: Digest username=\"122\",\nrealm=\"audiocodes.com\",\nnonce=\"11432d6bce58ddf02e3b5e1c77c010d2\",\nuri=\"sip:10.2.2.222\",\nresponse=\"b9c45d0234a5abf5ddf5c704029b38cf\"\n",
];

fn verify([challenge, credentials]: [&str; 2], method: &str, more: &[&str]) -> Run {
    verify_in(&tempfile::tempdir().expect("a folder"), [challenge, credentials], method, more, "")
}

fn verify_in(folder: &TempDir, [challenge, credentials]: [&str; 2], method: &str, more: &[&str], stdin: &str) -> Run {
    let words = ["verify", "--challenge", challenge, "--credentials-header", credentials, "--method", method];
    run(sipauth(folder.path()).args(words).args(more).write_stdin(stdin))
}

#[track_caller]
fn check(texts: [&str; 2], method: &str, more: &[&str], code: i32, says: &[&str]) {
    let run = verify(texts, method, more);
    assert_eq!(run.code, code, "{more:?}: {run:?}");
    let text = if code == 2 { &run.stderr } else { &run.stdout };
    for word in says {
        assert!(text.contains(word), "{more:?}: {word:?} is not in {text}");
    }
    // Without response and cnonce nobody can test a guess.
    for part in texts[1].split(['"', ',']).filter(|part| part.len() >= 30 && !texts[0].contains(part)) {
        assert!(!run.stdout.contains(part) && !run.stderr.contains(part), "{part} is shown: {run:?}");
    }
}

#[test]
fn a_near_miss_is_named_as_in_a_report() {
    let [challenge, answer] = RFC_2617;
    let other_realm = answer.replace("realm=\"testrealm@host.com\"", "realm=\"asterisk\"");
    let secret = ["--quiet", "--user", "Mufasa", "--password", "Circle Of Life"];
    let says = [
        "near_miss: the digest of Mufasa@asterisk is right with the secret given (--user), but for one input",
        "the client hashed realm \"testrealm@host.com\", not \"asterisk\"",
    ];
    check([challenge, &other_realm], "GET", &secret, 1, &says);
    let run = verify([challenge, &other_realm], "GET", &[&secret[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&run.stdout).expect("it prints JSON");
    assert_eq!(report["credentials"][0]["verification"]["variant"], "realm-challenge");
    assert_eq!(report["credentials"][0]["near_miss"], "hashed realm \"testrealm@host.com\", not \"asterisk\"");
}

#[test]
fn published_vectors_fit() {
    let mufasa = |password: &'static str| ["--quiet", "--user", "Mufasa", "--password", password];
    check(
        RFC_2617,
        "GET",
        &mufasa("Circle Of Life"),
        0,
        &[
            "match: the digest was made with the secret given for Mufasa@testrealm@host.com (--user)",
            "over: method GET, uri /dir/index.html, algorithm MD5, qop auth",
            "the challenge is answered",
        ],
    );
    check(RFC_2617, "GET", &mufasa("circle of life"), 1, &["mismatch: the digest was not made with the secret given"]);
    check(RFC_2617, "POST", &mufasa("Circle Of Life"), 1, &["mismatch: "]);
    let md5 = rfc_7616_answer("MD5", "8ca523f5e9506fed4657c9700eebdbec");
    let sha = rfc_7616_answer("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
    for answer in [&md5, &sha] {
        check([RFC_7616, answer], "GET", &mufasa("Circle of Life"), 0, &["match: ", "the challenge is answered"]);
    }
    let upper = md5.replace("8ca523f5", "8CA523F5");
    check(
        [RFC_7616, &upper],
        "GET",
        &mufasa("Circle of Life"),
        0,
        &["match: ", "note: the response is written in upper-case"],
    );
}

/// The printed answer fits the HA1 that the manual prints, and not the password it names.
#[test]
fn the_example_of_audiocodes_fits_by_ha1_alone() {
    let ha1 = ["--user", "122", "--ha1", "a8f17d4b41ab8dab6c95d3c14e34a9e1"];
    check(AUDIOCODES, "REGISTER", &ha1, 0, &["match: ", "qop none", "the challenge is answered"]);
    let password = ["--quiet", "--user", "122", "--password", "AudioCodes"];
    check(
        AUDIOCODES,
        "REGISTER",
        &password,
        1,
        &["mismatch: the digest was not made with the secret given for 122@audiocodes.com"],
    );
    let right = AUDIOCODES[1].replace("b9c45d0234a5abf5ddf5c704029b38cf", "ced1be6f6bee4719894543e3b714aeee");
    check([AUDIOCODES[0], &right], "REGISTER", &password, 0, &["match: "]);
}

#[test]
fn what_the_credentials_do_not_answer_is_said() {
    let ha1 = ["--user", "122", "--ha1", "a8f17d4b41ab8dab6c95d3c14e34a9e1"];
    let asked = |challenge: &str, code, says: &[&str]| check([challenge, AUDIOCODES[1]], "REGISTER", &ha1, code, says);
    asked(
        &AUDIOCODES[0].replace("11432d6b", "21432d6b"),
        0,
        &["match: ", "not answered: nonce: the credentials use another nonce"],
    );
    asked(
        &AUDIOCODES[0].replace("audiocodes.com", "AudioCodes.com"),
        0,
        &["not answered: realm: ", "only the letter case differs"],
    );
    asked(
        &AUDIOCODES[0].replace("MD5", "SHA-256, qop=\"auth\", opaque=\"x\""),
        0,
        &[
            "not answered: algorithm: the challenge asks for SHA-256, the credentials say MD5",
            "not answered: qop: the challenge offers a qop, and the credentials have none",
            "not answered: opaque: the challenge has an opaque",
        ],
    );
    asked(
        &AUDIOCODES[0].replace("WWW-Authenticate", "Proxy-Authenticate"),
        0,
        &["not answered: header: Proxy-Authenticate is answered in Authorization"],
    );
    asked("NTLM realm=\"x\"", 0, &["not answered: scheme: the challenge asks for NTLM, the credentials are Digest"]);
}

#[test]
fn texts_come_from_files_pipes_and_whole_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let ha1 = ["--user", "122", "--ha1", "a8f17d4b41ab8dab6c95d3c14e34a9e1"];
    let message = format!(
        "REGISTER sip:10.2.2.222 SIP/2.0\r\nFrom: <sip: 122@10.1.1.200>;tag=1\r\n{}Content-Length: 5\r\n\r\nAuthorization: Digest username=\"no\"",
        AUDIOCODES[1].replace('\n', "\r\n ").trim_end_matches(' ')
    );
    fs::write(folder.path().join("answer.txt"), message).expect("written");
    let fits = |texts, stdin| {
        let run = verify_in(&folder, texts, "REGISTER", &ha1, stdin);
        assert_eq!(run.code, 0, "{texts:?}: {run:?}");
        assert!(run.stdout.contains("the challenge is answered"), "{run:?}");
    };
    fits([AUDIOCODES[0], "@answer.txt"], "");
    fits(["-", "@answer.txt"], AUDIOCODES[0]);
    fits(
        [AUDIOCODES[0].trim_start_matches("WWW-Authenticate:"), "-"],
        AUDIOCODES[1].trim_start_matches("Authorization: "),
    );
    fs::write(folder.path().join("body"), "v=0\r\n").expect("written");
    let md5 = |text: &str| hash("MD5", text.as_bytes());
    let a2 = md5(&format!("INVITE:sip:x:{}", md5("v=0\r\n")));
    let response = md5(&format!("{}:n:00000001:c:auth-int:{a2}", md5("alice:r:secret")));
    let answer = format!(
        r#"Digest username="alice",realm="r",nonce="n",uri="sip:x",qop=auth-int,nc=00000001,cnonce="c",response="{response}""#
    );
    for (body, code) in [(&["--body", "body"][..], 0), (&[], 1)] {
        let more = [&["--user", "alice", "--password-stdin"], body].concat();
        let texts = [r#"Digest realm="r",nonce="n",qop="auth-int""#, &answer];
        let run = verify_in(&folder, texts, "INVITE", &more, "secret\n");
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.stdout.contains("note: qop=auth-int covers the body: --body FILE gives it"), "{run:?}");
    }
}

#[test]
fn wrong_use_is_said_in_one_line() {
    let ha1 = ["--user", "122", "--ha1", "a8f17d4b41ab8dab6c95d3c14e34a9e1"];
    let check = |texts: [&str; 2], more: &[&str], says: &str| check(texts, "REGISTER", more, 2, &[says]);
    check(AUDIOCODES, &[], "no secret is given: add --credentials FILE, or --user USER with --ask-password");
    check(["hello", AUDIOCODES[1]], &ha1, "--challenge: no challenge in it");
    check(["", AUDIOCODES[1]], &ha1, "--challenge: no challenge in it");
    check([AUDIOCODES[0], "Digest"], &ha1, "--credentials-header: no credentials in it");
    check([AUDIOCODES[0], "username=\"122\""], &ha1, "--credentials-header: no credentials in it");
    check([AUDIOCODES[0], "@missing.txt"], &ha1, "--credentials-header: missing.txt: ");
    check(["-", "-"], &ha1, "stdin can be read once");
    check([AUDIOCODES[0], "-"], &["--user", "a", "--password-stdin"], "stdin can be read once");
    check(AUDIOCODES, &["--user", "122"], "--user needs a secret");
    let run = run(sipauth(std::path::Path::new(".")).args(["verify", "--challenge", "x"]));
    assert_eq!(run.code, 2, "{run:?}");
}

#[test]
fn what_is_no_match_says_why() {
    let other = ["--user", "bob", "--ha1", "a8f17d4b41ab8dab6c95d3c14e34a9e1"];
    check(AUDIOCODES, "REGISTER", &other, 1, &["not_checked: no secret was given for 122@audiocodes.com"]);
    let sha = ["--user", "122", "--ha1", &"0".repeat(64)];
    check(
        AUDIOCODES,
        "REGISTER",
        &sha,
        1,
        &[
            "unverifiable: the digest of 122@audiocodes.com could not be recomputed: the HA1 given is for another algorithm",
        ],
    );
    let basic = [AUDIOCODES[0], "Authorization: Basic MTIyOkF1ZGlvQ29kZXM="];
    check(basic, "REGISTER", &other, 1, &["unverifiable: ", "Basic credentials hold no digest"]);
    let run = verify(basic, "REGISTER", &other);
    assert!(!run.stdout.contains("MTIy"), "{run:?}");
}

#[test]
fn json_says_the_same() {
    let ha1 = ["--user", "122", "--ha1", "a8f17d4b41ab8dab6c95d3c14e34a9e1", "--format", "json"];
    let challenge = AUDIOCODES[0].replace("MD5", "MD5, opaque=\"x\"");
    let run = verify([&challenge, AUDIOCODES[1]], "REGISTER", &ha1);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((run.code, report["result"].as_str()), (0, Some("match")));
    let row = &report["credentials"][0];
    assert_eq!(row["verification"]["credential_source"], "--user");
    assert_eq!((row["header"].as_str(), row["username"].as_str()), (Some("Authorization"), Some("122")));
    assert_eq!(row["unanswered"][0]["parameter"], "opaque");
    assert!(!run.stdout.contains("b9c45d02"), "{}", run.stdout);
    let run = verify(AUDIOCODES, "BYE", &ha1);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    // It was made for a REGISTER.
    assert_eq!((run.code, report["result"].as_str()), (1, Some("near_miss")));
    let other = AUDIOCODES[1].replace("b9c45d02", "a9c45d02");
    let run = verify([AUDIOCODES[0], &other], "REGISTER", &ha1);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((run.code, report["result"].as_str()), (1, Some("mismatch")));
}

/// Control characters in what was pasted do not reach the terminal.
#[test]
fn text_from_the_wire_is_escaped() {
    let ha1 = ["--user", "122", "--ha1", "a8f17d4b41ab8dab6c95d3c14e34a9e1"];
    let evil = AUDIOCODES[1].replace("10.2.2.222", "10\u{1b}[31m\u{202e}");
    let run = verify([AUDIOCODES[0], &evil], "REGISTER", &ha1);
    assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains('\u{202e}'), "{run:?}");
}

#[test]
fn a_body_that_was_not_given_convicts_nobody() {
    let over_body = RFC_2617[1].replace("qop=auth,", "qop=auth-int,");
    let texts = [RFC_2617[0], over_body.as_str()];
    check(texts, "GET", &["--user", "Mufasa", "--password", "Circle Of Life"], 1, &["near_miss", "hashed qop"]);
    let secret = ["--user", "Mufasa", "--password", "another"];
    check(texts, "GET", &secret, 1, &["unverifiable", "--body FILE gives it"]);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("body"), "another").expect("the folder is there");
    let run = verify_in(&folder, texts, "GET", &[&secret[..], &["--body", "body"]].concat(), "");
    assert!(run.code == 1 && run.stdout.contains("mismatch"), "{run:?}");
}

#[test]
fn a_response_of_another_length_is_told() {
    let cut = RFC_2617[1].replace("4ef1\"", "4ef\"");
    let secret = ["--user", "Mufasa", "--password", "Circle Of Life"];
    check([RFC_2617[0], cut.as_str()], "GET", &secret, 1, &["no secret fits it"]);
}
