//! Group B, but for realms: what the server made of the credentials.

use super::*;

use crate::scenario::digest::hash;

#[test]
fn digest_wrong_password_is_found() {
    check(&[ASKED, WRONG, REFUSED], SECRET, "
        high digest-wrong-password sure=likely fault=client excludes=wrong_realm excludes=old_nonce excludes=wrong_header
        no rejected-credentials forbidden-after-credentials challenge-unanswered
        sessions refused");
    check(&[CALL_ASKED, CALL_WRONG, CALL_REFUSED], SECRET, "high digest-wrong-password");
    check(
        &[ASKED, WRONG, "< 403\n"],
        SECRET,
        "high digest-wrong-password\nno forbidden-after-credentials\nsessions forbidden",
    );
}

#[test]
fn digest_wrong_password_is_medium_where_the_client_recovers() {
    check(&[ASKED, WRONG, REFUSED, "+10 ", RIGHT, OK], SECRET, "medium digest-wrong-password\nsessions accepted");
}

#[test]
fn digest_wrong_password_is_high_where_only_an_earlier_one_recovered() {
    check(
        &[ASKED, WRONG, REFUSED, RIGHT, OK, "+300 ", ASKED, WRONG, REFUSED],
        SECRET,
        "high digest-wrong-password\nsessions refused",
    );
}

#[test]
fn digest_wrong_password_is_softened_by_a_right_digest_however_late() {
    check(&[ASKED, WRONG, REFUSED, "+90 ", RIGHT, OK], SECRET, "verdict ok\nmedium digest-wrong-password");
    // What was let past without one corrects nothing.
    check(&[ASKED, WRONG, REFUSED, "+90 > REGISTER\n", OK], SECRET, "high digest-wrong-password");
}

#[test]
fn digest_wrong_password_needs_a_refusal_a_secret_and_a_wrong_digest() {
    check(&[ASKED, WRONG, OK], SECRET, "no digest-wrong-password");
    check(&[ASKED, WRONG, REFUSED], NOTHING, "no digest-wrong-password");
    check(&[ASKED, WRONG, REFUSED], "1002,*,secret\n", "no digest-wrong-password\nhigh rejected-credentials");
    check(&[ASKED, RIGHT, REFUSED], SECRET, "no digest-wrong-password");
    check(&[ASKED, WRONG, "< 503\n"], SECRET, "no digest-wrong-password");
    check(&[ASKED, WRONG, STALE], SECRET, "no digest-wrong-password");
}

#[test]
fn digest_wrong_password_is_not_said_of_credentials_in_transit() {
    let chain = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=other realm=a\n< 407\nProxy-Authenticate: challenge realm=b\n> ACK\n";
    check(&[chain], SECRET, "no digest-wrong-password rejected-credentials");
}

#[test]
fn escaped_quotes_are_hashed_unescaped() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge realm=\"Corp \\\"Lab\\\"\"\n";
    check(&[asked, RIGHT, OK], SECRET, "clean\nno realm-mismatch\ninfo normal-challenge");
    check(&[asked, RIGHT, REFUSED], SECRET, "no digest-wrong-password realm-mismatch");
}

#[test]
fn digest_ok_but_rejected_is_found() {
    check(
        &[ASKED, RIGHT, REFUSED],
        SECRET,
        "high digest-ok-but-rejected sure=likely fault=server excludes=wrong_password\nsessions refused",
    );
    check(&[CALL_ASKED, CALL_RIGHT, CALL_REFUSED], SECRET, "high digest-ok-but-rejected");
}

#[test]
fn digest_ok_but_rejected_is_found_where_the_answer_has_another_call_id() {
    let answer =
        "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 401\nWWW-Authenticate: challenge\n";
    check(
        &[ASKED, answer],
        SECRET,
        "medium digest-ok-but-rejected by=dialog-identity-changed\nno challenge-unanswered",
    );
}

#[test]
fn a_user_name_in_the_extended_form_may_be_refused_for_that() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1 qop=none\n";
    let answer = |user: &str| {
        format!(
            "> REGISTER\nAuthorization: Digest {user}, realm=\"pbx.example.com\", nonce=\"n1\", uri=\"sip:pbx.example.com\", \
             algorithm=MD5, response=\"507f869d74519de19911b6d2a3053682\"\n"
        )
    };
    check(
        &[asked, &answer("username*=UTF-8''1001"), REFUSED, LATER],
        SECRET,
        "high digest-ok-but-rejected fault=client sure=possible says=username*",
    );
    check(
        &[asked, &answer("username=\"1001\""), REFUSED, LATER],
        SECRET,
        "high digest-ok-but-rejected fault=server sure=likely unsaid=username*",
    );
}

#[test]
fn digest_ok_but_rejected_is_none_of_its_neighbours() {
    let not = |also: &str| format!("{also}\nno digest-ok-but-rejected");
    check(&[ASKED, RIGHT, STALE], SECRET, &not("sessions refused"));
    check(
        &[ASKED, "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n", REFUSED],
        SECRET,
        &not("high credentials-wrong-header"),
    );
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret realm=other\n", REFUSED],
        SECRET,
        &not("high realm-mismatch"),
    );
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret response=upper\n", REFUSED],
        SECRET,
        &not("high response-uppercase"),
    );
    check(&[ASKED, RIGHT, "< 403\n"], SECRET, &not("high forbidden-after-credentials"));
    check(&[ASKED, RIGHT, REFUSED], NOTHING, &not("high rejected-credentials"));
    check(
        &[
            "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=unseen realm=pbx.example.com qop=auth\n",
            REFUSED,
            RIGHT,
            OK,
        ],
        SECRET,
        &not("clean"),
    );
}

#[test]
fn forbidden_after_credentials_is_found() {
    check(
        &[ASKED, RIGHT, "< 403\n"],
        NOTHING,
        "high forbidden-after-credentials sure=possible fault=unknown\nno rejected-credentials\nsessions forbidden",
    );
    check(
        &[ASKED, RIGHT, "< 403\n"],
        SECRET,
        "high forbidden-after-credentials sure=likely fault=server excludes=wrong_password",
    );
    check(
        &[CALL_ASKED, CALL_RIGHT, "< 100\n< 403\n> ACK\n"],
        SECRET,
        "high forbidden-after-credentials\nattempts challenged forbidden",
    );
}

#[test]
fn forbidden_after_credentials_is_not_the_called_party() {
    check(
        &[CALL_ASKED, CALL_RIGHT, "< 180\n< 403\n> ACK\n"],
        NOTHING,
        "clean\nno forbidden-after-credentials\nsessions failed",
    );
    check(
        &[CALL_ASKED, CALL_RIGHT, "< 404\n> ACK\n"],
        NOTHING,
        "clean\nno forbidden-after-credentials user-unknown-suspected",
    );
    check(&["> REGISTER\n< 403\n"], NOTHING, "no forbidden-after-credentials\nsessions failed");
    check(&[ASKED, WRONG, "< 403\n"], SECRET, "no forbidden-after-credentials");
}

#[test]
fn forbidden_after_credentials_is_medium_where_the_client_recovers() {
    check(&[ASKED, RIGHT, "< 403\n+5 ", RIGHT, OK], NOTHING, "medium forbidden-after-credentials");
}

#[test]
fn rejected_credentials_is_found() {
    check(&[ASKED, RIGHT, REFUSED], NOTHING, "
        high rejected-credentials sure=likely fault=unknown excludes=wrong_realm excludes=old_nonce excludes=wrong_qop excludes=wrong_uri
        no digest-wrong-password challenge-unanswered");
    check(
        &[
            "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=same\n",
            RIGHT,
            "< 401\nWWW-Authenticate: challenge nonce=same\n",
        ],
        NOTHING,
        "high rejected-credentials",
    );
    check(
        &[
            ASKED,
            "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 401\nWWW-Authenticate: challenge\n",
        ],
        NOTHING,
        "high rejected-credentials",
    );
}

#[test]
fn rejected_credentials_with_a_nonce_from_before_the_capture_are_possible() {
    check(
        &[
            "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=unseen realm=pbx.example.com qop=auth\n",
            REFUSED,
            LATER,
        ],
        NOTHING,
        "medium rejected-credentials sure=possible\nsessions refused",
    );
}

#[test]
fn rejected_credentials_is_not_said_once_the_client_got_in() {
    check(&[ASKED, WRONG, REFUSED, RIGHT, OK], NOTHING, "clean\nno rejected-credentials");
    check(
        &[CALL_ASKED, CALL_WRONG, CALL_REFUSED, CALL_RIGHT, "< 180\n< 486\n> ACK\n"],
        NOTHING,
        "clean\nno rejected-credentials\nsessions failed",
    );
    check(&[ASKED, RIGHT, STALE, LATER], NOTHING, "no rejected-credentials");
    check(&[ASKED, RIGHT, "< 403\n"], NOTHING, "no rejected-credentials");
    check(&[ASKED, RIGHT, REFUSED], SECRET, "no rejected-credentials");
}

#[test]
fn rejected_credentials_are_those_that_were_not_accepted_later() {
    check(
        &[ASKED, WRONG, REFUSED, RIGHT, OK, "+200 ", ASKED, WRONG, REFUSED],
        NOTHING,
        "high rejected-credentials frames=2",
    );
}

#[test]
fn response_uppercase_is_high_where_it_explains_the_refusal() {
    let upper = "> REGISTER\nAuthorization: digest user=1001 password=secret response=upper\n";
    check(
        &[ASKED, upper, REFUSED],
        SECRET,
        "high response-uppercase fault=client\nno digest-wrong-password digest-ok-but-rejected",
    );
    check(
        &[ASKED, upper, REFUSED, upper, REFUSED],
        SECRET,
        "high response-uppercase\nmedium challenge-loop by=response-uppercase",
    );
    check(
        &[ASKED, upper, "< 403\n"],
        SECRET,
        "high response-uppercase\nmedium forbidden-after-credentials by=response-uppercase",
    );
    check(&[ASKED, upper, REFUSED], NOTHING, "medium response-uppercase\nhigh rejected-credentials");
    check(&[ASKED, upper, OK], SECRET, "medium response-uppercase");
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=wrong response=upper\n", REFUSED],
        SECRET,
        "medium response-uppercase\nhigh digest-wrong-password",
    );
}

#[test]
fn response_uppercase_is_neither_nonce_nor_opaque_nor_digits_alone() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=ABCDEF opaque=ABCDEF\n";
    check(&[asked, RIGHT, OK], SECRET, "clean\nno response-uppercase");
    check(
        &[
            ASKED,
            "> REGISTER\nAuthorization: digest user=1001 password=secret response=01234567890123456789012345678901\n",
            REFUSED,
        ],
        NOTHING,
        "no response-uppercase",
    );
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret response=NOTHEX\n", REFUSED],
        NOTHING,
        "no response-uppercase",
    );
}

#[test]
fn qop_missing_in_challenge_is_found() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=none\n";
    check(&[asked, RIGHT, OK], SECRET, "medium qop-missing-in-challenge fault=server\nsessions accepted");
    check(
        &[
            "> REGISTER\n< 401\nWWW-Authenticate: challenge\nWWW-Authenticate: challenge algorithm=SHA-256 qop=none\n",
            RIGHT,
            OK,
        ],
        SECRET,
        "medium qop-missing-in-challenge",
    );
}

#[test]
fn qop_missing_in_challenge_is_not_missing_in_the_credentials() {
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret qop=none\n", OK],
        SECRET,
        "no qop-missing-in-challenge",
    );
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\", qop=auth\n", RIGHT, OK],
        SECRET,
        "no qop-missing-in-challenge",
    );
    check(&["> REGISTER\n< 401\nWWW-Authenticate: Basic realm=\"a\"\n"], NOTHING, "no qop-missing-in-challenge");
    check(&["> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"a\"\n"], NOTHING, "no qop-missing-in-challenge");
}

#[test]
fn uri_differs_is_info_and_medium_where_refused_on_the_first_hop() {
    let other = "> REGISTER\nAuthorization: digest user=1001 password=secret uri=sip:pbx.example.com:5060\n";
    check(&[ASKED, other, OK], SECRET, "clean\ninfo uri-differs-from-request-uri says=port");
    check(
        &[ASKED, other, REFUSED],
        NOTHING,
        "medium uri-differs-from-request-uri sure=possible\nhigh rejected-credentials",
    );
    check(&[ASKED, other, "< 403\n"], NOTHING, "medium uri-differs-from-request-uri\nhigh forbidden-after-credentials");
    check(&[ASKED, other, "< 400\n"], NOTHING, "medium uri-differs-from-request-uri");
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret uri=sip:10.0.0.1\n", OK],
        SECRET,
        "info uri-differs-from-request-uri says=host",
    );
}

#[test]
fn uri_differs_is_info_where_the_same_difference_was_accepted() {
    let other = "> REGISTER\nAuthorization: digest user=1001 password=secret uri=sip:pbx.example.com:5060\n";
    check(&[ASKED, other, REFUSED, other, OK], NOTHING, "clean\ninfo uri-differs-from-request-uri");
}

#[test]
fn uri_differs_is_info_behind_a_proxy_that_rewrote_the_request_line() {
    let hop = "> INVITE sip:2000@10.0.0.9\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb\nProxy-Authorization: digest user=1001 password=secret uri=sip:2000@pbx.example.com\n";
    check(&[CALL_ASKED, hop, CALL_REFUSED], NOTHING, "info uri-differs-from-request-uri fault=path");
}

#[test]
fn uri_differs_is_not_said_of_equal_uris() {
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=1001 password=secret uri=SIP:PBX.example.COM\n", REFUSED],
        NOTHING,
        "no uri-differs-from-request-uri",
    );
    check(&[ASKED, RIGHT, REFUSED], NOTHING, "no uri-differs-from-request-uri");
}

#[test]
fn verification_not_possible_is_found() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256\n";
    check(
        &[asked, RIGHT, OK],
        "user,realm,password,ha1\n1001,pbx.example.com,,0123456789abcdef0123456789abcdef\n",
        "info verification-not-possible cause=no_ha1_for_algorithm",
    );
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=XOR\n";
    check(
        &[asked, RIGHT, REFUSED],
        SECRET,
        "info verification-not-possible cause=unknown_algorithm\nhigh rejected-credentials says=could_not_be_recomputed\nno digest-wrong-password",
    );
    check(&[asked, RIGHT, "< 403\n"], SECRET, "high forbidden-after-credentials says=could_not_be_recomputed");
    check(&[asked, RIGHT, "< 403\n"], NOTHING, "high forbidden-after-credentials says=password_was_not_given");
}

#[test]
fn verification_not_possible_is_not_said_without_a_secret_nor_of_the_first_ims_register() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=XOR\n";
    check(&[asked, RIGHT, OK], NOTHING, "no verification-not-possible");
    check(&[asked, RIGHT, OK], "1002,*,secret\n", "no verification-not-possible");
    check(&[ASKED, RIGHT, OK], SECRET, "no verification-not-possible");
    let ims = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"\", uri=\"sip:pbx.example.com\", response=\"\"\n";
    check(
        &[ims, REFUSED, RIGHT, OK],
        SECRET,
        "clean\nno verification-not-possible rejected-credentials realm-mismatch\nattempts challenged accepted",
    );
}

#[test]
fn credentials_of_two_users_are_judged_each() {
    let other = "> REGISTER\nAuthorization: digest user=1002 password=secret\n";
    check(&[ASKED, WRONG, REFUSED, other, REFUSED], SECRET, "several\nhigh digest-wrong-password");
}

#[test]
fn compact_and_folded_headers_are_read() {
    let asked =
        "> REGISTER\n< 401\nWWW-Authenticate: Digest\n realm=\"pbx.example.com\",\n\tnonce=\"abc\", qop=\"auth\"\n";
    check(&[asked, RIGHT, OK], SECRET, "clean\ninfo normal-challenge");
}

#[test]
fn credentials_changed_on_the_way_are_not_the_clients_fault() {
    check(
        &[include_str!("../../../samples/alg-rewrites-credentials/scenario.txt")],
        include_str!("../../../samples/alg-rewrites-credentials/credentials.csv"),
        "high header-altered-en-route fault=path sure=proven\nmedium digest-ok-but-rejected fault=path by=header-altered-en-route\nmedium challenge-loop by=header-altered-en-route\nno digest-wrong-password",
    );
}

#[test]
fn a_session_of_sess_that_began_before_the_capture_cannot_be_checked() {
    let later = |nonce: &str, count: &str| {
        format!(
            "> REGISTER\nAuthorization: digest user=1001 password=secret nonce={nonce} realm=pbx.example.com qop=auth \
             algorithm=MD5-sess nc={count} cnonce=b signed-cnonce=a\n"
        )
    };
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1 algorithm=MD5-sess\n";
    let unknown = "info verification-not-possible\nno digest-wrong-password";
    check(&[&later("n0", "00000002"), REFUSED, LATER], SECRET, unknown);
    // Neither can what follows: the first one seen is not the first.
    check(&[&later("n0", "00000002"), "< 200\n+5 ", &later("n0", "00000003"), REFUSED, LATER], SECRET, unknown);
    check(&[&later("n0", "00000001"), REFUSED, LATER], SECRET, "high digest-wrong-password");
    check(&[asked, &later("n1", "00000001"), REFUSED, LATER], SECRET, "high digest-wrong-password");
    // The challenge is there, and the first answer to it was not captured.
    check(&[asked, &later("n1", "00000002"), REFUSED, LATER], SECRET, unknown);
}

/// A request of a `-sess` session whose A1 was made of another nonce and cnonce (RFC 7616 §3.4.2).
fn of_session(nonce: &str, count: &str, cnonce: &str, [first_nonce, first_cnonce]: [&str; 2]) -> String {
    let md5 = |text: String| hash("MD5", text.as_bytes());
    let a1 = md5(format!("{}:{first_nonce}:{first_cnonce}", md5("1001:pbx.example.com:secret".to_owned())));
    format!(
        "> REGISTER\nAuthorization: digest user=1001 realm=pbx.example.com qop=auth algorithm=MD5-sess signed-algorithm=MD5 \
         nonce={nonce} nc={count} cnonce={cnonce} ha1={a1}\n"
    )
}

const NO_BLAME: &str = "no digest-wrong-password accepted-with-other-secret";

#[test]
fn devices_that_share_a_nonce_have_sessions_of_their_own() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1 algorithm=MD5-sess\n";
    let (one, other) = (of_session("n1", "00000001", "a", ["n1", "a"]), of_session("n1", "00000001", "b", ["n1", "b"]));
    let later = of_session("n1", "00000002", "c", ["n1", "b"]);
    check(&[asked, &one, "< 200\n+5 ", &other, "< 200\n+5 ", &later, "< 403\n", LATER], SECRET, NO_BLAME);
    let wrong = of_session("n1", "00000002", "c", ["n1", "d"]);
    let all = [asked, &one, "< 200\n+5 ", &other, "< 200\n+5 ", &wrong, "< 403\n", LATER];
    check(&all, SECRET, "high digest-wrong-password");
}

#[test]
fn a_session_of_sess_goes_on_with_the_next_nonce() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1 algorithm=MD5-sess\n";
    let first = of_session("n1", "00000001", "a", ["n1", "a"]) + "< 200\nAuthentication-Info: nextnonce=\"n2\"\n+5 ";
    for start in [["n1", "a"], ["n2", "b"]] {
        let next = of_session("n2", "00000001", "b", start);
        check(&[asked, &first, &next, "< 403\n", LATER], SECRET, NO_BLAME);
    }
    let wrong = of_session("n2", "00000001", "b", ["n2", "a"]);
    check(&[asked, &first, &wrong, "< 403\n", LATER], SECRET, "high digest-wrong-password");
}

#[test]
fn which_of_two_values_counts_nobody_knows() {
    let md5 = |text: String| hash("MD5", text.as_bytes());
    let ha1 = md5("1001:pbx.example.com:secret".to_owned());
    let response = md5(format!("{ha1}:n1:00000001:two:auth:{}", md5("REGISTER:sip:pbx.example.com".to_owned())));
    let with = |cnonces: &str| {
        format!(
            "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n1\", \
             uri=\"sip:pbx.example.com\", qop=auth, nc=00000001, {cnonces}, response=\"{response}\"\n"
        )
    };
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n";
    let both = with("cnonce=\"one\", cnonce=\"two\"");
    let unknown = "info verification-not-possible cause=repeated_parameter\nmedium duplicate-auth-param";
    check(&[asked, &both, "< 403\n", LATER], SECRET, &format!("{unknown}\n{NO_BLAME}"));
    check(&[asked, &both, OK], SECRET, &format!("{unknown}\n{NO_BLAME}"));
    // The same twice, and the first one right.
    check(&[asked, &with("cnonce=\"one\", cnonce=\"one\""), "< 403\n", LATER], SECRET, "high digest-wrong-password");
    check(&[asked, &with("cnonce=\"two\", cnonce=\"one\""), OK], SECRET, "no verification-not-possible");
}

#[test]
fn accounts_of_one_call_id_are_told_one_by_one_up_to_a_bound() {
    let tries = |count: usize| {
        (0..count)
            .map(|at| {
                format!(
                    "> REGISTER\nAuthorization: digest user=1001 password=wrong realm=r{at} nonce=n{at}\n< 401\nWWW-Authenticate: challenge realm=r{next} nonce=n{next}\n",
                    next = at + 1
                )
            })
            .collect::<String>()
    };
    let first = "> REGISTER\n< 401\nWWW-Authenticate: challenge realm=r0 nonce=n0\n";
    let wrong = |report: &Report| {
        let all = report.findings.iter().filter(|finding| finding.rule == "digest-wrong-password");
        all.map(|finding| finding.explanation.contains("more times in this session")).collect::<Vec<_>>()
    };
    let few = wrong(&analyse(&[first, &tries(8), LATER], SECRET));
    assert_eq!((few.len(), few.contains(&true)), (8, false));
    let many = wrong(&analyse(&[first, &tries(80), LATER], SECRET));
    assert_eq!((many.len(), many.iter().filter(|has_more| **has_more).count()), (64, 1));
}

#[test]
fn a_nonce_grown_old_is_no_fault_where_the_next_call_is_turned_down_by_the_called_party() {
    let called = "> INVITE\n< 407\nProxy-Authenticate: challenge nonce=n\n> ACK\n\
        > INVITE\nProxy-Authorization: digest user=1001 password=secret nonce=n nc=00000001\n< 200\n> ACK\n";
    let again = "+300 [b] > INVITE\nProxy-Authorization: digest user=1001 password=secret nonce=n realm=pbx.example.com nc=00000002\n\
        [b] < 407\nProxy-Authenticate: challenge\n[b] > ACK\n\
        [b] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n";
    for answer in ["[b] < 486\n[b] > ACK\n", "[b] < 200\n[b] > ACK\n"] {
        check(&[called, again, answer, LATER], SECRET, "clean\ninfo digest-ok-but-rejected");
    }
}

#[test]
fn a_registration_in_another_name_that_is_refused_is_to_be_compared_by_name() {
    let other = "> REGISTER\nAuthorization: digest user=Reception password=wrong\n";
    check(&[ASKED, other, REFUSED], NOTHING, "high rejected-credentials says=another_user_than_it_registers");
    check(
        &[ASKED, other, REFUSED, other, REFUSED, other, REFUSED],
        NOTHING,
        "high challenge-loop cause=unknown says=another_user_than_it_registers",
    );
    check(&[ASKED, WRONG, REFUSED], NOTHING, "high rejected-credentials unsaid=another_user");
}
