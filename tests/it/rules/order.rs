//! What came first, where stamps do not say: a clock that is set back, or that counts in seconds. The order of the file decides.

use super::*;

#[test]
fn nobody_began_anew_before_he_was_asked() {
    check(
        &["@10 > REGISTER\n@8 < 401\nWWW-Authenticate: challenge\n"],
        NOTHING,
        "medium challenge-unanswered sure=possible",
    );
    let algorithms =
        "@8 < 401\nWWW-Authenticate: challenge algorithm=SHA-256\nWWW-Authenticate: challenge algorithm=MD5\n";
    check(&["@10 > REGISTER\n", algorithms], NOTHING, "medium algorithm-unsupported-no-retry sure=possible");
}

#[test]
fn a_challenge_is_found_behind_a_step_back() {
    let via = "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKsame\n";
    let asked = format!("@10 > INVITE\n{via}< 407\nProxy-Authenticate: challenge nonce=one\n> ACK\n");
    let retry = format!("@8 > INVITE\n{via}CSeq: 1 INVITE\nProxy-Authorization: digest user=1001 password=secret\n");
    check(&[&asked, &retry, "+0.003 retransmit 2\n> ACK\n"], SECRET, "high branch-reused fault=client");
    check(
        &["@10 > REGISTER\n< 401\nWWW-Authenticate: challenge\n@8 ", RIGHT, OK],
        SECRET,
        "clean\nattempts challenged accepted",
    );
}

#[test]
fn stamps_of_one_second_follow_the_file() {
    let at_once = |text: &str| {
        let lines = text
            .lines()
            .map(|line| if line.starts_with(['>', '<']) { format!("@5 {line}\n") } else { format!("{line}\n") });
        lines.collect::<String>()
    };
    let one = "< 401\nWWW-Authenticate: challenge nonce=one\n";
    let two = "< 401\nWWW-Authenticate: challenge nonce=two stale=true\n";
    let answer = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=one\n";
    let text = at_once(&["> REGISTER\n", one, answer, two, answer, two, answer, two].concat());
    check(&[&text], SECRET, "high old-nonce-reused fault=client\nno stale-loop");
    let overlapping = "> REGISTER\n> REGISTER\n< 401\nCSeq: 1 REGISTER\nWWW-Authenticate: challenge\n";
    check(&[&at_once(overlapping)], NOTHING, "no retry-without-credentials");
}

#[test]
fn an_answer_behind_a_step_of_the_clock_begins_no_new_session() {
    let story = [ASKED, RIGHT, "+3700 ", OK];
    check(&story, SECRET, "verdict ok\nsessions accepted\nno auth-retry-no-response no-response-at-all");
    // A request does.
    check(&[ASKED, RIGHT, OK, "+3700 ", RIGHT, OK], SECRET, "sessions accepted accepted");
}
