//! Group SA1, but for the loop: the challenge, and how it is answered.

use super::*;

const PROXY_ASKED: &str = "> REGISTER\n< 407\nProxy-Authenticate: challenge\n";

#[test]
fn challenge_unanswered_is_found() {
    check(
        &[ASKED, LATER],
        NOTHING,
        "high challenge-unanswered sure=proven fault=client\nsessions unanswered_challenge",
    );
    check(
        &[CALL_ASKED, LATER],
        NOTHING,
        "high challenge-unanswered sure=proven excludes=wrong_password\nattempts challenged",
    );
    check(
        &[ASKED, "[b] > INVITE\n[b] < 407\nProxy-Authenticate: challenge realm=carrier\n", LATER],
        NOTHING,
        "high challenge-unanswered says=carrier",
    );
}

#[test]
fn challenge_unanswered_at_the_end_of_the_capture_is_possible() {
    check(&[ASKED], NOTHING, "medium challenge-unanswered sure=possible says=capture_ends");
    check(&[ASKED, "+31.9 [later] > OPTIONS\n[later] < 200\n"], NOTHING, "medium challenge-unanswered sure=possible");
    check(&[ASKED, "+32 [later] > OPTIONS\n"], NOTHING, "high challenge-unanswered sure=proven");
}

#[test]
fn challenge_unanswered_is_not_said_of_a_second_realm_that_was_answered() {
    let both = "> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\nProxy-Authorization: digest user=1001 password=secret realm=b\n";
    let first = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\n< 407\nProxy-Authenticate: challenge realm=b\n> ACK\n";
    check(&[first, both, CALL_OK, LATER], NOTHING, "clean\nsessions accepted\nattempts challenged challenged accepted");
    check(
        &[first, LATER],
        NOTHING,
        "high challenge-unanswered says=realm_\"b\" excludes=first_realm\nno challenge-loop rejected-credentials\nsessions unanswered_challenge",
    );
}

#[test]
fn challenge_unanswered_is_not_said_of_a_call_that_was_cancelled() {
    check(
        &[
            "> INVITE\n< 100\n+1 > CANCEL\n< 200 to CANCEL\n< 407 to INVITE\nProxy-Authenticate: challenge\n> ACK\n",
            LATER,
        ],
        NOTHING,
        "no challenge-unanswered",
    );
}

#[test]
fn challenge_unanswered_is_info_for_a_ping() {
    let ping = "> OPTIONS\n< 407\nProxy-Authenticate: challenge\n+20 > OPTIONS\n< 407\nProxy-Authenticate: challenge\n";
    check(&[ping, LATER], NOTHING, "clean\ninfo challenge-unanswered\ninfo retry-without-credentials");
    let notify = "> NOTIFY\n< 401\nWWW-Authenticate: challenge\n";
    check(&[notify, LATER], NOTHING, "clean\ninfo challenge-unanswered");
}

#[test]
fn challenge_unanswered_is_not_said_where_the_answer_has_another_call_id() {
    let answer = "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 200\n";
    check(&[ASKED, answer, LATER], NOTHING, "no challenge-unanswered\nsessions unanswered_challenge accepted");
    check(&[ASKED, "+40 ", answer, LATER], NOTHING, "medium challenge-unanswered\nno dialog-identity-changed");
    check(&[ASKED, "+70 ", answer, LATER], NOTHING, "high challenge-unanswered\nno dialog-identity-changed");
    check(&[ASKED, "[b] > REGISTER\n[b] < 200\n", LATER], NOTHING, "high challenge-unanswered");
}

#[test]
fn challenge_unanswered_is_medium_where_the_next_call_is_answered() {
    let next = "[b] > INVITE\n[b] < 407\nProxy-Authenticate: challenge nonce=next\n[b] > ACK\n\
                [b] > INVITE\nProxy-Authorization: digest user=1001 password=secret nonce=next\n[b] < 200\n[b] > ACK\n";
    check(
        &[CALL_ASKED, "+8 ", next, LATER],
        SECRET,
        "medium challenge-unanswered sure=likely says=hung_up\nverdict ok",
    );
    // One before it shows that it knew how to; nothing tells that it still does.
    check(
        &[next, "+8 ", CALL_ASKED, LATER],
        SECRET,
        "high challenge-unanswered sure=proven unsaid=credentials_of_registrations",
    );
    // Another realm is another account.
    let other = next.replace("nonce=next", "nonce=next realm=other");
    check(&[CALL_ASKED, "+8 ", &other, LATER], SECRET, "high challenge-unanswered sure=proven");
}

#[test]
fn challenge_unanswered_is_likely_where_the_caller_goes_on_to_its_next_call() {
    let registered = [ASKED, RIGHT, OK].concat();
    let call = |id: &str| format!("[{id}] > INVITE\n[{id}] < 407\nProxy-Authenticate: challenge\n[{id}] > ACK\n");
    check(
        &[&registered, &call("b"), "+12 ", &call("c")],
        SECRET,
        "high challenge-unanswered sure=likely says=another_INVITE says=credentials_of_registrations\nmedium challenge-unanswered sure=possible\n\
         verdict problems",
    );
    // Who places many calls has not finished the one before.
    check(&[&registered, &call("b"), "+2 ", &call("c")], SECRET, "medium challenge-unanswered sure=possible");
    let of_another = call("c").replace("[c] > INVITE\n", "[c] > INVITE\nFrom: <sip:2002@pbx.example.com>;tag=c\n");
    check(&[&registered, &call("b"), "+12 ", &of_another], SECRET, "medium challenge-unanswered sure=possible");
}

#[test]
fn challenge_unanswered_is_not_said_where_another_fork_won() {
    let forked = "
        edge 203.0.113.20  one 203.0.113.31  two 203.0.113.32
        client > edge INVITE
        edge > one forward
        edge > two forward
        one > edge 407
        Proxy-Authenticate: challenge realm=one
        edge > one ACK
        two > edge 200
        edge > client forward
        client > edge ACK
        +40 [later] client > edge OPTIONS
    ";
    check(&[forked], NOTHING, "no challenge-unanswered\nsessions not_challenged");
}

#[test]
fn retry_without_credentials_is_found() {
    check(
        &[ASKED, "> REGISTER\n", REFUSED, LATER],
        NOTHING,
        "
        high retry-without-credentials fault=client excludes=wrong_password by=-
        medium challenge-unanswered by=retry-without-credentials
        no challenge-loop rejected-credentials
        attempts challenged challenged",
    );
}

#[test]
fn retry_without_credentials_is_medium_where_the_client_recovers() {
    check(&[ASKED, "> REGISTER\n", REFUSED, RIGHT, OK], NOTHING, "medium retry-without-credentials\nsessions accepted");
}

#[test]
fn retry_without_credentials_is_info_where_the_retry_was_accepted() {
    check(&[ASKED, "+5 > REGISTER\n", OK, LATER], NOTHING, "clean\ninfo retry-without-credentials");
}

#[test]
fn retry_without_credentials_is_high_where_a_later_one_fails() {
    check(
        &[ASKED, "+5 > REGISTER\n", OK, "+300 > REGISTER\n", REFUSED, "+1 > REGISTER\n", REFUSED, LATER],
        NOTHING,
        "high retry-without-credentials",
    );
}

#[test]
fn retry_without_credentials_is_not_a_retransmission() {
    check(
        &["> REGISTER\n+0.5 retransmit\n+1 retransmit\n+0.1 < 401\nWWW-Authenticate: challenge\n", RIGHT, OK],
        NOTHING,
        "clean\nno retry-without-credentials\nattempts challenged accepted",
    );
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: challenge\n+0.4 retransmit 1\n< retransmit 2\n", RIGHT, OK],
        NOTHING,
        "clean\nno retry-without-credentials\nattempts challenged accepted",
    );
    check(
        &[
            "> REGISTER\nduplicate\n< 401\nWWW-Authenticate: challenge\nduplicate\n",
            RIGHT,
            "duplicate\n",
            OK,
            "duplicate\n",
        ],
        NOTHING,
        "clean\nno retry-without-credentials\nattempts challenged accepted",
    );
}

#[test]
fn retry_without_credentials_needs_a_request_sent_after_the_challenge() {
    let overlapping = "> REGISTER\n+0.5 > REGISTER\n+0.1 < 401\nWWW-Authenticate: challenge\nCSeq: 1 REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    check(&[overlapping, RIGHT, OK], NOTHING, "no retry-without-credentials\nsessions accepted");
}

#[test]
fn retry_without_credentials_is_not_said_of_a_wrong_realm() {
    let other = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=other\n";
    check(&[ASKED, other, REFUSED, LATER], NOTHING, "no retry-without-credentials");
}

#[test]
fn challenge_header_missing_is_found() {
    check(
        &["> REGISTER\n< 401\n", LATER],
        NOTHING,
        "high challenge-header-missing fault=server excludes=wrong_password\nno challenge-unanswered\nsessions unanswered_challenge",
    );
    check(&["> INVITE\n< 407\n> ACK\n", LATER], NOTHING, "high challenge-header-missing says=Proxy-Authenticate");
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate:\n", LATER],
        NOTHING,
        "high challenge-header-missing\nno challenge-unanswered",
    );
}

#[test]
fn challenge_header_missing_is_not_said_of_the_other_kind_nor_of_a_cut_message() {
    check(&["> REGISTER\n< 401\nProxy-Authenticate: challenge\n", LATER], NOTHING, "no challenge-header-missing");
    check(
        &[
            "snaplen 260\n> REGISTER\n< 401\nSubject: so long that the header section is cut before its end by the snap length of the capture, which is short\nWWW-Authenticate: challenge\n",
            LATER,
        ],
        NOTHING,
        "no challenge-header-missing",
    );
    check(&["> INVITE\n< 486\n> ACK\n", LATER], NOTHING, "no challenge-header-missing");
}

#[test]
fn challenge_header_missing_is_medium_where_the_client_got_in() {
    check(&["> REGISTER\n< 401\n> REGISTER\n", OK], NOTHING, "medium challenge-header-missing");
}

#[test]
fn challenge_header_wrong_kind_is_found() {
    let asked = "> REGISTER\n< 401\nProxy-Authenticate: challenge\n";
    check(
        &[asked, LATER],
        NOTHING,
        "
        high challenge-header-wrong-kind fault=server by=-
        medium challenge-unanswered by=challenge-header-wrong-kind",
    );
    check(
        &["> INVITE\n< 407\nWWW-Authenticate: challenge\n> ACK\n", LATER],
        NOTHING,
        "high challenge-header-wrong-kind says=407",
    );
    check(
        &[asked, "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n", OK],
        NOTHING,
        "medium challenge-header-wrong-kind\nno credentials-wrong-header",
    );
}

#[test]
fn challenge_header_wrong_kind_is_neither_both_kinds_nor_a_401_to_a_call() {
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=a\nProxy-Authenticate: challenge nonce=b\n", RIGHT, OK],
        NOTHING,
        "clean\nno challenge-header-wrong-kind\ninfo both-challenges-at-once",
    );
    let call = "> INVITE\n< 401\nWWW-Authenticate: challenge\n> ACK\n> INVITE\nAuthorization: digest user=1001 password=secret\n";
    check(&[call, CALL_OK], NOTHING, "clean\nno challenge-header-wrong-kind credentials-wrong-header");
}

#[test]
fn challenge_header_wrong_kind_stays_high_where_only_an_earlier_one_was_coped_with() {
    let asked = "+600 > REGISTER\n< 401\nProxy-Authenticate: challenge\n";
    check(
        &[asked, "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n", OK, asked, LATER],
        NOTHING,
        "high challenge-header-wrong-kind",
    );
}

#[test]
fn register_challenged_407_is_info_or_medium() {
    check(
        &[PROXY_ASKED, "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n", OK],
        NOTHING,
        "clean\ninfo register-challenged-407",
    );
    check(
        &[PROXY_ASKED, LATER],
        NOTHING,
        "high challenge-unanswered\nmedium register-challenged-407 by=challenge-unanswered",
    );
}

#[test]
fn register_challenged_407_says_nothing_of_silence_where_the_capture_ends() {
    check(&[PROXY_ASKED], NOTHING, "info register-challenged-407\nmedium challenge-unanswered sure=possible");
    let elsewhere = "[b] > REGISTER\nProxy-Authorization: digest user=1001 password=secret\n[b] < 200\n";
    check(
        &[PROXY_ASKED, elsewhere, LATER],
        NOTHING,
        "info register-challenged-407\nno challenge-unanswered\nmedium dialog-identity-changed",
    );
}

#[test]
fn register_challenged_407_is_not_said_of_other_requests() {
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK], NOTHING, "clean\nno register-challenged-407");
    check(&[ASKED, RIGHT, OK], NOTHING, "clean\nno register-challenged-407");
}

#[test]
fn both_challenges_at_once_needs_both_kinds() {
    let both = "> INVITE\n< 407\nWWW-Authenticate: challenge nonce=a\nProxy-Authenticate: challenge nonce=a\n> ACK\n";
    check(&[both, CALL_RIGHT, CALL_OK], NOTHING, "clean\ninfo both-challenges-at-once");
    let two =
        "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256\nWWW-Authenticate: challenge algorithm=MD5\n";
    check(&[two, RIGHT, OK], NOTHING, "no both-challenges-at-once");
    let in_turn = "> INVITE\n< 401\nWWW-Authenticate: challenge realm=a\n> ACK\n> INVITE\nAuthorization: digest user=1001 password=secret\n< 407\nProxy-Authenticate: challenge realm=b\n> ACK\n";
    check(&[in_turn], NOTHING, "no both-challenges-at-once");
}

#[test]
fn basic_scheme_is_critical_once_the_password_was_sent() {
    let offered = "> REGISTER\n< 401\nWWW-Authenticate: Basic realm=\"pbx\"\n";
    check(&[offered, LATER], NOTHING, "medium basic-scheme fault=server\nhigh challenge-unanswered");
    check(
        &[offered, "> REGISTER\nAuthorization: Basic MTAwMTpzZWNyZXQ=\n", OK],
        NOTHING,
        "critical basic-scheme fault=server\nno rejected-credentials",
    );
    check(&["> REGISTER\nAuthorization: basic MTAwMTpzZWNyZXQ=\n", OK], NOTHING, "critical basic-scheme fault=client");
}

#[test]
fn basic_scheme_is_neither_digest_nor_bearer() {
    check(&["> REGISTER\n< 401\nWWW-Authenticate: Bearer realm=\"pbx\"\n"], NOTHING, "no basic-scheme");
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"Basic realm\", nonce=\"Basic\"\n", RIGHT, OK],
        NOTHING,
        "no basic-scheme",
    );
}

#[test]
fn challenge_malformed_is_found() {
    for broken in [
        "Digest realm=\"pbx\"",
        "Digest realm=\"pbx\", nonce=\"\"",
        "Digest nonce=\"abc\"",
        "Digest realm=\"pbx\", nonce=\"abc",
        "Digest",
    ] {
        let asked = format!("> REGISTER\n< 401\nWWW-Authenticate: {broken}\n");
        check(
            &[&asked, LATER],
            NOTHING,
            "high challenge-malformed fault=server by=-\nmedium challenge-unanswered by=challenge-malformed",
        );
    }
}

#[test]
fn challenge_malformed_is_not_an_odd_challenge() {
    for odd in [
        "Digest   realm = \"p,b\\\"x\" ,nonce=\"a=b,c==\",,stale=\"FALSE\",x=y",
        "dIGEST realm=pbx, nonce=abc",
        "Digest realm=\"\", nonce=\"abc\"",
        "Digest realm=\"pbx\",\n nonce=\"abc\"",
        "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256, Digest realm=\"a\", nonce=\"2\"",
    ] {
        let asked = format!("> REGISTER\n< 401\nWWW-Authenticate: {odd}\n");
        check(&[&asked], NOTHING, "no challenge-malformed challenge-header-missing");
    }
    check(&["> REGISTER\n< 401\nWWW-Authenticate: NTLM\n"], NOTHING, "no challenge-malformed");
    check(&["> REGISTER\n< 200\nWWW-Authenticate: Digest realm=\"pbx\"\n"], NOTHING, "no challenge-malformed");
}

#[test]
fn challenge_malformed_is_not_a_challenge_cut_by_the_snap_length() {
    check(
        &[
            "snaplen 420\n> REGISTER\n< 401\nWWW-Authenticate: challenge realm=a.very.long.realm.of.a.carrier.example nonce=0123456789012345678901234567890123456789012345678901234567890123456789\n",
            LATER,
        ],
        NOTHING,
        "no challenge-malformed challenge-header-missing",
    );
}

#[test]
fn challenge_malformed_explains_nothing_where_another_challenge_can_be_answered() {
    let asked =
        "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx\", algorithm=SHA-256\nWWW-Authenticate: challenge\n";
    let answer =
        |password: &str| format!("> REGISTER\nAuthorization: digest user=1001 password={password} algorithm=MD5\n");
    check(&[asked, &answer("wrong"), REFUSED, LATER], SECRET, "high digest-wrong-password\nmedium challenge-malformed");
    check(&[asked, &answer("secret"), OK], SECRET, "medium challenge-malformed\nsessions accepted");
}

#[test]
fn normal_challenge_is_found() {
    check(
        &[ASKED, RIGHT, OK],
        NOTHING,
        "clean\ninfo normal-challenge frames=4\nsessions accepted\nattempts challenged accepted",
    );
    check(&[CALL_ASKED, CALL_RIGHT, "< 100\n< 180\n", CALL_OK], SECRET, "clean\ninfo normal-challenge");
    // MD5 may be spelled in any case, and be left out.
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=md5\n";
    check(
        &[asked, "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=none\n", OK],
        SECRET,
        "clean\ninfo normal-challenge",
    );
}

#[test]
fn normal_challenge_is_neither_a_refusal_nor_a_credential_sent_unasked() {
    check(&[ASKED, WRONG, REFUSED, LATER], NOTHING, "no normal-challenge");
    check(
        &["> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx nonce=cached qop=auth\n", OK],
        NOTHING,
        "clean\nno normal-challenge\nsessions accepted",
    );
    check(&[ASKED, "> REGISTER\n", OK], NOTHING, "no normal-challenge");
}

#[test]
fn challenge_unanswered_is_not_said_where_the_clients_address_changed() {
    check(&[ASKED, "client 198.51.100.8\n", RIGHT, OK, LATER], NOTHING, "no challenge-unanswered");
    check(&[ASKED, RIGHT, STALE, "client 198.51.100.8\n", RIGHT, OK, LATER], NOTHING, "no stale-ignored-by-client");
}

#[test]
fn challenge_unanswered_waits_for_a_run_that_fell_silent() {
    check(
        &[ASKED, "+700 > REGISTER\n", REFUSED, "+700 [later] > OPTIONS\n"],
        NOTHING,
        "sessions unanswered_challenge unanswered_challenge\nhigh challenge-unanswered",
    );
}

#[test]
fn an_empty_nonce_is_hashed_by_who_was_given_it() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx\", nonce=\"\"\n";
    let answer =
        |password: &str| format!("> REGISTER\nAuthorization: digest user=1001 password={password} nonce=\"\"\n");
    check(
        &[asked, &answer("secret"), OK],
        SECRET,
        "verdict ok\nlow challenge-malformed says=all_the_same unsaid=cannot_be_answered\ninfo digest-ok-accepted\nno verification-not-possible",
    );
    let again = asked.replace("> REGISTER\n", "");
    check(&[asked, &answer("wrong"), &again, LATER], SECRET, "high challenge-malformed\nmedium digest-wrong-password");
}

#[test]
fn a_client_that_begins_anew_has_not_answered() {
    let asked =
        |call: &str, after: &str| format!("{after} [{call}] > REGISTER\n[{call}] < 401\nWWW-Authenticate: challenge\n");
    let (first, anew) = (asked("a", "+0"), asked("b", "+5"));
    let never = "told 1 of 1 client did not get in: 1 challenge never answered";
    check(
        &[&first, &anew],
        NOTHING,
        &format!("high challenge-unanswered sure=likely says=began_anew_in_frame_3\n{never}\nseveral"),
    );
    // Nobody knows of the last one, of one that crossed the challenge, and of what was answered elsewhere.
    let open = "medium challenge-unanswered sure=possible\nuntold did not get in\nseveral";
    check(&[&first], NOTHING, open);
    check(&[&first, &asked("b", "+0.2")], NOTHING, open);
    let answered = "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 200\n";
    check(&[&first, &anew, answered], NOTHING, "verdict ok\nno challenge-unanswered");
    let other = anew.replace("> REGISTER", "> REGISTER\nTo: <sip:1002@pbx.example.com>");
    check(&[&first, &other], NOTHING, open);
}

#[test]
fn a_challenge_that_strict_clients_do_not_see_is_the_servers() {
    for (odd, said) in [
        ("Digest realm=\"pbx\" nonce=\"n\" algorithm=MD5", "a_comma_is_missing"),
        ("Digest realm=\"pbx\"; nonce=\"n\"; algorithm=MD5", "a_semicolon_stands"),
        ("Digestrealm=\"pbx\",nonce=\"n\"", "no_blank"),
    ] {
        let asked = format!("> REGISTER\n< 401\nWWW-Authenticate: {odd}\n");
        let found = format!(
            "high challenge-malformed fault=server sure=likely by=- says={said}\nmedium retry-without-credentials by=challenge-malformed"
        );
        check(&[&asked, &asked, &asked, LATER], NOTHING, &found);
        // Who answers it has read it.
        let answer = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx\", nonce=\"n\", uri=\"sip:pbx.example.com\", \
                      response=\"0123456789abcdef0123456789abcdef\"\n< 200\n";
        check(&[&asked, answer], NOTHING, "no challenge-malformed");
    }
}
