//! A request that a server without a state, or a restarted one, answers anew each time that it is repeated.

use super::*;

/// The first message once more, half a second later.
const AGAIN: &str = "+0.5 retransmit 1\n";
const REPEATED_RETRY: &str = "+0.5 retransmit 3\n";
/// A digest without qop, in answer to a challenge that offers one.
const QOP_DROPPED: &str = "> REGISTER\nAuthorization: digest user=1001 password=secret qop=none\n";

#[test]
fn an_acceptance_behind_a_failure_of_the_same_request_counts() {
    for failure in [REFUSED, "< 503\n", "< 403\n"] {
        check(
            &[ASKED, RIGHT, failure, REPEATED_RETRY, OK, LATER],
            SECRET,
            "clean\nattempts challenged accepted\nno digest-ok-but-rejected registrar-rejects-contact",
        );
    }
    let invite = [CALL_ASKED, CALL_RIGHT, "< 503\n+0.5 retransmit 4\n", CALL_OK, LATER];
    check(&invite, SECRET, "clean\nattempts challenged accepted");
}

#[test]
fn an_acceptance_that_no_repeat_explains_is_that_of_a_request_that_the_capture_lacks() {
    let told = "sessions accepted\nattempts challenged accepted\nno challenge-unanswered";
    // A client that uses its branch again, and a capture that lacks what it sent.
    check(&[ASKED, OK, LATER], NOTHING, told);
    // Who acknowledges has heard.
    check(&[CALL_ASKED, "+0.5 retransmit 1\n", CALL_OK, LATER], NOTHING, told);
    // The span port shows the request twice.
    check(&["> REGISTER\nduplicate\n", REFUSED, OK, LATER], NOTHING, told);
    // All of it twice is no more than once.
    check(&[ASKED, "duplicate\n", OK, "duplicate\n", LATER], NOTHING, told);
}

#[test]
fn the_challenge_that_is_answered_is_the_one_that_was_heard() {
    let heard_second = [ASKED, AGAIN, REFUSED];
    let then = |what: &[&'static str]| [&heard_second[..], what].concat();
    check(&then(&[RIGHT, OK]), SECRET, "clean\nattempts challenged accepted");
    check(&then(&[QOP_DROPPED, REFUSED]), SECRET, "high qop-dropped fault=client says=frame_5");
    let opaque = "< 401\nWWW-Authenticate: challenge opaque=abc\n";
    let dropped = "> REGISTER\nAuthorization: digest user=1001 password=secret opaque=none\n";
    check(
        &["> REGISTER\n", opaque, AGAIN, opaque, dropped, opaque],
        SECRET,
        "high opaque-missing-or-changed fault=client",
    );
    // It is not the later one because it is later.
    let first = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=first\n";
    check(&then(&[first, OK]), SECRET, "clean\nattempts challenged accepted\nno old-nonce-reused");
    // An acceptance that came too late: the client went on with the challenge.
    check(&[ASKED, AGAIN, OK, RIGHT, OK], SECRET, "clean\nattempts challenged accepted");
}

#[test]
fn a_nonce_that_is_brought_anew_is_not_old() {
    let one = "< 401\nWWW-Authenticate: challenge nonce=one\n";
    let two = "< 401\nWWW-Authenticate: challenge nonce=two\n";
    let answer = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=one\n";
    check(&["> REGISTER\n", one, answer, two, REPEATED_RETRY, one, answer, two], NOTHING, "no old-nonce-reused");
    check(&["> REGISTER\n", one, answer, two, answer, two], NOTHING, "medium old-nonce-reused");
}

#[test]
fn an_ack_may_be_that_of_the_second_answer() {
    let asked = |tag: &str| format!("< 407\nTo: <sip:2000@pbx.example.com>;tag={tag}\nProxy-Authenticate: challenge\n");
    let ack = |tag: &str| format!("> ACK\nTo: <sip:2000@pbx.example.com>;tag={tag}\n");
    let begun = ["> INVITE\n", &asked("one"), AGAIN, &asked("two")].concat();
    check(&[&begun, &ack("two"), CALL_RIGHT, CALL_OK], SECRET, "clean\nno ack-mismatch ack-missing");
    check(&[&begun, &ack("one"), CALL_RIGHT, CALL_OK], SECRET, "clean\nno ack-mismatch ack-missing");
    check(&[&begun, &ack("one"), &ack("two"), CALL_RIGHT, CALL_OK], SECRET, "clean\nno ack-mismatch ack-missing");
    check(&[&begun, &ack("three"), CALL_RIGHT, CALL_OK], SECRET, "medium ack-mismatch");
}

#[test]
fn answers_that_never_arrive_are_still_unheard() {
    let again = "+1 retransmit 1\n< 401\nWWW-Authenticate: challenge\n".repeat(5);
    check(&[ASKED, &again, LATER], NOTHING, "high challenge-unanswered fault=path says=never_came_to_it");
}

#[test]
fn both_hops_are_answered_anew() {
    check(
        &["
            proxy 198.51.100.20
            client > proxy REGISTER
            proxy > server forward
            server > proxy 401
            WWW-Authenticate: challenge
            proxy > client forward
            +0.5 retransmit 1
            +0.01 retransmit 2
            server > proxy 401
            WWW-Authenticate: challenge
            proxy > client forward
            client > proxy REGISTER
            Authorization: digest user=1001 password=secret
            proxy > server forward
            server > proxy 200
            proxy > client forward"],
        SECRET,
        "clean\nattempts challenged accepted\nno header-altered-en-route",
    );
}

#[test]
fn answers_beside_the_one_that_counts_are_shown_and_are_few() {
    let report = analyse_capture(crate::scenario::pcap(&[ASKED, AGAIN, REFUSED, RIGHT, OK].concat()), SECRET);
    let first = &report.sessions[0].attempts[0];
    assert_eq!((first.response.map(|at| at.number), first.other_answers.len()), (Some(4), 1));
    let many = "retransmit 1\n< 401\nWWW-Authenticate: challenge\n".repeat(100);
    let report = analyse_capture(crate::scenario::pcap(&[ASKED, &many].concat()), SECRET);
    assert_eq!(report.sessions[0].attempts[0].other_answers.len(), 12);
}
