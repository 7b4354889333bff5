//! One root cause, one high finding; what recovered is not failed.

use super::*;

#[test]
fn what_recovers_on_another_hop_is_failed_on_this_one() {
    let spare = "spare 203.0.113.11\n";
    let elsewhere = "client > spare REGISTER\nspare > client 401\nWWW-Authenticate: challenge\nclient > spare REGISTER\nAuthorization: digest user=1001 password=secret\nspare > client 200\n";
    check(&[spare, ASKED, WRONG, REFUSED, elsewhere], SECRET, "high digest-wrong-password");
}

#[test]
fn a_call_that_was_let_past_has_recovered() {
    check(
        &[CALL_ASKED, CALL_WRONG, CALL_REFUSED, CALL_RIGHT, "< 180\n< 486\n> ACK\n"],
        SECRET,
        "medium digest-wrong-password\nsessions failed",
    );
}

#[test]
fn a_wrong_header_explains_a_repeated_count_and_a_refusal() {
    let same = "< 407\nProxy-Authenticate: challenge nonce=same\n> ACK\n";
    let wrong = "> INVITE\nAuthorization: digest user=1001 password=secret nc=00000001\n";
    check(
        &["> INVITE\n", same, wrong, same, wrong, same],
        NOTHING,
        "
        high credentials-wrong-header by=-
        medium rejected-credentials by=credentials-wrong-header
        medium challenge-loop by=credentials-wrong-header cause=header-mismatch
        no nc-repeated old-nonce-reused",
    );
}

#[test]
fn a_wrong_password_explains_a_count_that_stands_still() {
    let wrong = "> REGISTER\nAuthorization: digest user=1001 password=wrong nc=00000001\n";
    check(
        &[ASKED, RIGHT, OK, "+60 ", wrong, REFUSED, LATER],
        SECRET,
        "high digest-wrong-password by=-\nmedium nc-repeated by=digest-wrong-password",
    );
}

#[test]
fn a_wrong_password_and_a_wrong_header_are_one_cause() {
    let wrong = "> INVITE\nAuthorization: digest user=1001 password=wrong\n";
    check(
        &[CALL_ASKED, wrong, CALL_REFUSED, wrong, CALL_REFUSED],
        SECRET,
        "high credentials-wrong-header by=-\nmedium challenge-loop by=credentials-wrong-header",
    );
}

#[test]
fn a_wrong_realm_comes_before_a_wrong_password() {
    let wrong = "> REGISTER\nAuthorization: digest user=1001 password=wrong realm=other\n";
    check(&[ASKED, wrong, REFUSED], SECRET, "high realm-mismatch by=-\nmedium digest-wrong-password by=realm-mismatch");
}

#[test]
fn a_malformed_challenge_explains_silence_and_loops() {
    let broken = "< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\"\n";
    let answer = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com nonce=own\n";
    check(
        &["> REGISTER\n", broken, answer, broken, answer, broken],
        NOTHING,
        "high challenge-malformed by=-\nmedium challenge-loop by=challenge-malformed",
    );
}

#[test]
fn a_missing_header_explains_what_follows() {
    check(
        &["> REGISTER\n< 401\n> REGISTER\n< 401\n", LATER],
        NOTHING,
        "high challenge-header-missing by=-\nno retry-without-credentials",
    );
}

#[test]
fn two_exchanges_may_each_have_a_cause() {
    let subscribe =
        "> SUBSCRIBE\nFrom: <sip:1001@pbx.example.com>;tag=two\n< 407\nProxy-Authenticate: challenge realm=presence\n";
    check(
        &[ASKED, WRONG, REFUSED, subscribe, LATER],
        SECRET,
        "several\nhigh digest-wrong-password by=-\nhigh challenge-unanswered by=-",
    );
}

#[test]
fn findings_stand_in_the_order_in_which_to_act() {
    let report = analyse(&[ASKED, WRONG, REFUSED, WRONG, REFUSED], SECRET);
    let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["digest-wrong-password", "challenge-loop", "cleartext-transport", "weak-algorithm-md5"]);
}
