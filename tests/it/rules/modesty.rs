//! What a capture does not prove is not said: who got in, what a server let past, whose password, and who is at fault.

use super::*;

/// A try with a wrong password under a Call-ID of its own, and one that gets in.
fn mistyped(call: &str) -> String {
    format!(
        "+5 [{call}] > REGISTER\n[{call}] < 401\nWWW-Authenticate: challenge\n[{call}] > REGISTER\n\
         Authorization: digest user=1001 password=wrong\n[{call}] < 401\nWWW-Authenticate: challenge\n"
    )
}

const GOT_IN: &str = "+5 [z] > REGISTER\n[z] < 401\nWWW-Authenticate: challenge\n\
    [z] > REGISTER\nAuthorization: digest user=1001 password=secret\n[z] < 200\n";

#[test]
fn only_a_2xx_accepts_what_nobody_was_asked_for() {
    for (answer, told) in [("", false), ("< 403\n", false), ("< 503\n", false), (OK, true)] {
        let word = if told { "told" } else { "untold" };
        check(&["> REGISTER\n", answer], NOTHING, &format!("{word} accepted without a challenge"));
    }
    check(&["> INVITE\n< 500\n> ACK\n"], NOTHING, "untold accepted without a challenge");
}

#[test]
fn an_answer_that_goes_to_the_second_server_is_no_retry_without_credentials() {
    let cast = "client 198.51.100.7  one 203.0.113.10  two 203.0.113.11\n";
    let asked = "client > one REGISTER\none > client 401\nWWW-Authenticate: challenge\n";
    let right = "client > two REGISTER\nAuthorization: digest user=1001 password=secret\n";
    let accepted = "two > client 200\n";
    check(&[cast, asked, right, accepted, "+60 ", asked, right, accepted], SECRET, "clean\nverdict ok");
    check(&[cast, asked, "+60 ", asked], NOTHING, "high retry-without-credentials");
}

#[test]
fn who_mistyped_the_password_and_got_in_did_not_fail() {
    let tries = ["a", "b", "c"].map(mistyped).concat();
    check(&[&tries, GOT_IN], NOTHING, "untold did not get in\nmedium challenge-loop says=The_next_Call-ID_got_in");
    check(&[&tries], NOTHING, "told 1 of 1 client did not get in\nhigh challenge-loop");
}

#[test]
fn one_direction_does_not_show_that_a_client_failed() {
    let refresh = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret nonce=n realm=r qop=auth\n";
    let bare = "> REGISTER\n";
    check(&[bare, refresh, refresh, refresh, LATER], NOTHING, "untold did not get in");
}

#[test]
fn a_400_to_flawless_credentials_may_be_about_the_request() {
    check(
        &[ASKED, RIGHT, "< 400 Invalid Contact header\n"],
        SECRET,
        "medium malformed-credentials fault=unknown sure=possible\ntold credentials answered 400",
    );
    check(
        &[ASKED, RIGHT, "< 400 Bad Authorization header\n"],
        SECRET,
        "high malformed-credentials fault=client sure=likely",
    );
    check(&[CALL_ASKED, CALL_RIGHT, "< 183\n< 400\n> ACK\n"], SECRET, "no malformed-credentials\nverdict ok");
}

#[test]
fn a_400_to_another_uri_is_about_the_credentials() {
    let other = "> REGISTER\nAuthorization: digest user=1001 password=secret uri=sip:10.0.0.1\n";
    check(&[ASKED, other, "< 400\n"], SECRET, "high malformed-credentials fault=client");
}

#[test]
fn two_headers_of_one_realm_may_be_two_servers_or_one() {
    let as_proxy = "< 407\nProxy-Authenticate: challenge\n";
    let to_proxy = "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n";
    let turn = [to_proxy, REFUSED, RIGHT, as_proxy].concat();
    check(
        &["> REGISTER\n", as_proxy, &turn, &turn, &turn, LATER],
        SECRET,
        "high realm-credentials-dropped fault=unknown sure=possible\nno challenge-mode-mixed digest-ok-but-rejected",
    );
}

#[test]
fn a_nonce_of_another_call_that_is_newer_is_no_old_one() {
    let call = "[c] > INVITE\n[c] < 401\nWWW-Authenticate: challenge nonce=n1\n[c] > ACK\n";
    let register = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n2\n\
        > REGISTER\nAuthorization: digest user=1001 password=secret\n< 200\n";
    let with_it = "[c] > INVITE\nAuthorization: digest user=1001 password=secret nonce=n2 realm=pbx.example.com\n\
        [c] < 401\nWWW-Authenticate: challenge nonce=n3\n[c] > ACK\n";
    check(&[call, register, with_it], SECRET, "no old-nonce-reused");
}

#[test]
fn answers_alone_may_show_that_nobody_got_in() {
    let refused = ["+3 > unseen REGISTER\n", REFUSED].concat();
    check(&[&refused.repeat(9), LATER], NOTHING, "told did not get in");
    check(&[&refused, LATER], NOTHING, "untold did not get in");
}

#[test]
fn what_is_known_to_be_wrong_was_not_let_past() {
    let message = "> MESSAGE\n< 407\nProxy-Authenticate: challenge\n> MESSAGE\n\
        Proxy-Authorization: digest user=1001 password=wrong\n< 404\n";
    check(&[message], SECRET, "verdict problems\nmedium registrar-rejects-contact says=does_not_fit_the_secret");
    let report = analyse(&[message], SECRET);
    assert!(report.findings.iter().all(|finding| !finding.explanation.contains("let past")));
}

#[test]
fn a_loop_that_goes_on_behind_an_acceptance_is_told() {
    let before = ["a", "b", "c"].map(mistyped).concat();
    let behind = ["d", "e", "f"].map(mistyped).concat();
    check(&[&before, GOT_IN, &behind, LATER], NOTHING, "high challenge-loop\ntold got in at first, but not in the end");
}

#[test]
fn nodes_of_one_server_may_name_different_realms() {
    let asks = |realm: &str| format!("< 401\nWWW-Authenticate: challenge realm={realm}\n");
    let answers = |realm: &str| format!("> REGISTER\nAuthorization: digest user=1001 password=wrong realm={realm}\n");
    let (one, two) = (asks("one"), asks("two"));
    let turn = [answers("one"), two, answers("two"), one.clone()].concat();
    let scenario = ["> REGISTER\n", &one, &turn, &turn, LATER];
    let dropped = "high realm-credentials-dropped fault=unknown sure=possible says=nodes_of_one_server";
    check(&scenario, NOTHING, dropped);
    // Whichever of them is asked, a digest that is known to be wrong is no better there.
    check(&scenario, SECRET, "several\nhigh digest-wrong-password fault=client\nno realm-credentials-dropped");
    for credentials in [NOTHING, SECRET] {
        let report = analyse(&scenario, credentials);
        assert!(
            report.findings.iter().all(|finding| finding.excluded.iter().all(|text| !text.contains("let through")))
        );
    }
}

#[test]
fn a_server_in_trouble_has_let_nothing_past() {
    for status in ["500", "503"] {
        let answer = format!("< {status}\n");
        check(
            &[ASKED, WRONG, &answer],
            SECRET,
            "medium registrar-rejects-contact sure=possible says=does_not_fit_the_secret",
        );
        check(&[ASKED, RIGHT, &answer], NOTHING, "medium registrar-rejects-contact says=the_server_is_in_trouble");
    }
    check(&[ASKED, RIGHT, "< 423\n"], NOTHING, "medium registrar-rejects-contact excludes=wrong_password");
}

#[test]
fn silence_does_not_clear_a_password() {
    let silent = [ASKED, WRONG, "+1 retransmit\n+2 retransmit\n+4 retransmit\n", LATER];
    check(&silent, SECRET, "high auth-retry-no-response says=Correct_the_password");
    let report = analyse(&silent, SECRET);
    assert!(report.findings.iter().all(|finding| finding.excluded.iter().all(|text| !text.contains("wrong password"))));
    check(
        &[ASKED, RIGHT, "+1 retransmit\n+2 retransmit\n+4 retransmit\n", LATER],
        SECRET,
        "high auth-retry-no-response excludes=wrong_password",
    );
}

#[test]
fn a_right_digest_with_a_403_does_not_clear_the_server() {
    check(
        &[ASKED, RIGHT, "< 403\n"],
        SECRET,
        "high forbidden-after-credentials says=holds_another_secret excludes=wrong_password_on_the_client",
    );
}

#[test]
fn what_the_other_party_refuses_is_no_failure_to_get_in() {
    for status in ["480", "489", "603"] {
        let message = format!(
            "> MESSAGE\n< 407\nProxy-Authenticate: challenge\n> MESSAGE\n\
            Proxy-Authorization: digest user=1001 password=secret\n< {status}\n"
        );
        check(&[&message], SECRET, "verdict ok\nuntold did not get in");
    }
    check(&[CALL_ASKED, CALL_RIGHT, "< 183\n< 482\n> ACK\n"], NOTHING, "untold did not get in");
    // A key for an extension that is gone.
    check(&[ASKED, RIGHT, OK, "+5 [blf] > SUBSCRIBE\n[blf] < 404\n"], SECRET, "verdict ok");
    check(&["> SUBSCRIBE\n< 403\n"], NOTHING, "told did not get in");
}

#[test]
fn a_call_that_was_called_off_needs_no_answer() {
    let crossed = "> INVITE\n> CANCEL\n< 407 to INVITE\nProxy-Authenticate: challenge\n> ACK\n< 200 to CANCEL\n";
    check(&[crossed, LATER], NOTHING, "untold did not get in\nno challenge-unanswered");
}

#[test]
fn a_nonce_of_another_user_is_the_clients_fault() {
    let theirs = "[a] > REGISTER\nFrom: <sip:1002@pbx.example.com>;tag=b\nTo: <sip:1002@pbx.example.com>\n\
        [a] < 401\nWWW-Authenticate: challenge nonce=theirs\n[a] > REGISTER\nFrom: <sip:1002@pbx.example.com>;tag=b\n\
        To: <sip:1002@pbx.example.com>\nAuthorization: digest user=1002 password=other\n[a] < 200\n";
    let mine = "+5 > REGISTER\nAuthorization: digest user=1001 password=secret nonce=theirs\n";
    check(
        &[theirs, ASKED, mine, REFUSED, mine, REFUSED],
        SECRET,
        "high old-nonce-reused fault=client\nno nonce-rejected-without-stale digest-ok-but-rejected",
    );
}

#[test]
fn credentials_answer_the_row_of_their_algorithm() {
    let both =
        "WWW-Authenticate: challenge algorithm=SHA-256 nonce=n\nWWW-Authenticate: challenge algorithm=MD5 nonce=n\n";
    let sha = "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=SHA-256 nonce=n\n";
    let refused = ["< 401\n", both].concat();
    check(
        &["> REGISTER\n", &refused, sha, &refused, sha, &refused],
        SECRET,
        "high digest-ok-but-rejected fault=server\nno algorithm-not-offered",
    );
}

#[test]
fn a_weaker_algorithm_behind_a_refusal_was_not_chosen() {
    let both = "WWW-Authenticate: challenge algorithm=SHA-256\nWWW-Authenticate: challenge algorithm=MD5\n";
    let sha = "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=SHA-256\n";
    let md5 = "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=MD5\n";
    let refused = ["< 401\n", both].concat();
    check(&["> REGISTER\n", &refused, sha, &refused, md5, OK], SECRET, "no weaker-algorithm-chosen");
    check(&["> REGISTER\n", &refused, md5, OK], SECRET, "info weaker-algorithm-chosen");
}

#[test]
fn a_wrong_digest_behind_an_announcement_did_not_get_in() {
    check(&[CALL_ASKED, CALL_WRONG, "< 183\n< 403\n> ACK\n"], SECRET, "high digest-wrong-password\nverdict problems");
    check(&[CALL_ASKED, CALL_RIGHT, "< 183\n< 403\n> ACK\n"], SECRET, "verdict ok");
}

#[test]
fn the_same_realm_under_the_other_header_is_another_server() {
    let answers_both = "> REGISTER\nProxy-Authorization: again\nAuthorization: digest user=1001 password=secret\n";
    let proxy = "> REGISTER\n< 407\nProxy-Authenticate: challenge\n\
        > REGISTER\nProxy-Authorization: digest user=1001 password=secret\n";
    check(&[proxy, REFUSED, answers_both, OK], SECRET, "no digest-ok-but-rejected\nverdict ok");
    check(&[proxy, REFUSED, LATER], SECRET, "no digest-ok-but-rejected\nhigh challenge-unanswered");
}

#[test]
fn another_from_tag_is_no_proven_cause() {
    let other_tag =
        "> REGISTER\nFrom: <sip:1001@pbx.example.com>;tag=other\nAuthorization: digest user=1001 password=secret\n";
    check(
        &[ASKED, other_tag, REFUSED],
        SECRET,
        "high dialog-identity-changed sure=possible says=compare_the_secret\nmedium digest-ok-but-rejected by=dialog-identity-changed",
    );
}

#[test]
fn a_password_typed_late_is_an_answer() {
    check(&[ASKED, "+700 ", RIGHT, OK], SECRET, "no challenge-unanswered\nverdict ok");
}

#[test]
fn a_server_in_trouble_has_accepted_nothing() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n";
    let sent = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=n1 realm=pbx.example.com\n";
    let refused = "< 401\nWWW-Authenticate: challenge nonce=n2\n";
    check(&[asked, sent, "< 503\n+5 ", sent, refused, LATER], NOTHING, "no nonce-rejected-without-stale");
    check(&[asked, sent, "< 200\n+5 ", sent, refused, LATER], NOTHING, "medium nonce-rejected-without-stale");
}

#[test]
fn a_wrong_digest_behind_another_partys_answer_was_let_past_by_nobody() {
    let wrong = "> INVITE\nProxy-Authorization: digest user=1001 password=wrong\n< 180\n< 486\n> ACK\n";
    check(&[CALL_ASKED, wrong], SECRET, "no normal-challenge");
    check(&[CALL_ASKED, CALL_RIGHT, "< 180\n< 486\n> ACK\n"], SECRET, "verdict ok\ninfo digest-ok-accepted");
}

#[test]
fn what_a_server_took_all_the_same_is_said_so() {
    let asked = "> REGISTER\n< 407\nProxy-Authenticate: challenge\n";
    check(
        &[asked, RIGHT, OK],
        SECRET,
        "medium credentials-wrong-header says=took_that_all_the_same unsaid=A_server_that_asked",
    );
    check(
        &[asked, RIGHT, "< 407\nProxy-Authenticate: challenge\n", LATER],
        SECRET,
        "high credentials-wrong-header says=A_server_that_asked",
    );
    let same = "> REGISTER\nCSeq: 1 REGISTER\n";
    let retry = "> REGISTER\nCSeq: 1 REGISTER\nAuthorization: digest user=1001 password=secret\n";
    let bare = [same, "< 401\nWWW-Authenticate: challenge\n", retry].concat();
    check(&[&bare, OK], SECRET, "clean\nlow cseq-not-incremented sure=proven");
    check(&[&bare, REFUSED, LATER], SECRET, "high cseq-not-incremented");
}

#[test]
fn a_nonce_that_is_stale_and_given_again_is_no_new_one() {
    let stale = "< 401\nWWW-Authenticate: challenge nonce=same stale=true\n";
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=same\n";
    check(
        &[asked, RIGHT, stale, RIGHT, stale, RIGHT, stale, LATER],
        SECRET,
        "high stale-loop fault=server says=a_nonce_that_the_server_gives_again says=make_a_new_nonce unsaid=Every_new_nonce",
    );
    check(
        &[ASKED, RIGHT, STALE, RIGHT, STALE, LATER],
        SECRET,
        "high stale-loop says=Every_new_nonce unsaid=gives_again",
    );
}

#[test]
fn a_refusal_that_gives_the_nonce_once_more_shows_where_it_belongs() {
    let sent =
        "> REGISTER\nProxy-Authorization: digest user=1001 password=secret nonce=n realm=pbx.example.com nc=00000004\n";
    let wrong = "high credentials-wrong-header fault=client by=- says=belongs_in_Authorization";
    check(&[sent, "< 401\nWWW-Authenticate: challenge nonce=n\n", LATER], SECRET, wrong);
    // Another nonce may take the place of one that was too old, and under the same header nothing is wrong.
    for other in ["< 401\nWWW-Authenticate: challenge nonce=other\n", "< 407\nProxy-Authenticate: challenge nonce=n\n"]
    {
        check(&[sent, other, LATER], SECRET, "no credentials-wrong-header");
    }
}
