//! Digests with a secret at hand: near misses, bodies under auth-int, responses that are none, and what the server makes of
//! wrong digests.

use super::*;

/// Hashed with another method than it is sent with.
const NEAR: &str = "> REGISTER\nAuthorization: digest user=1001 password=secret method=INVITE\n";
/// The same for a call.
const CALL_NEAR: &str = "> INVITE\nProxy-Authorization: digest user=1001 password=secret method=REGISTER\n";

#[test]
fn digest_near_miss_is_found() {
    check(&[ASKED, NEAR, REFUSED], SECRET, "
        high digest-near-miss cause=method-other fault=client sure=proven says=hashed_the_method_INVITE excludes=wrong_password
        no digest-wrong-password digest-ok-but-rejected rejected-credentials forbidden-after-credentials");
    check(&[CALL_ASKED, CALL_NEAR, CALL_REFUSED], SECRET, "high digest-near-miss cause=method-other");
    check(
        &[ASKED, NEAR, "< 403\n"],
        SECRET,
        "high digest-near-miss\nno digest-wrong-password forbidden-after-credentials",
    );
}

#[test]
fn digest_near_miss_names_what_was_hashed_and_what_was_sent() {
    let signed = |what: &str| format!("> REGISTER\nAuthorization: digest user=1001 password=secret {what}\n");
    let says = |what: &str, says: &str| {
        check(&[ASKED, &signed(what), REFUSED], SECRET, &format!("high digest-near-miss {says}"))
    };
    says(
        "signed-uri=sip:pbx.example.com:5060",
        "cause=uri-port says=uri_\"sip:pbx.example.com:5060\",_not_\"sip:pbx.example.com\"",
    );
    says("signed-user=1001@pbx.example.com", "cause=username-with-domain says=\"1001@pbx.example.com\",_not_\"1001\"");
    says("nc=0000000a signed-nc=00000010", "cause=nc-decimal says=\"00000010\",_not_\"0000000a\"");
    says("algorithm=SHA-256 signed-algorithm=SHA-512-256", "cause=algorithm-other says=SHA-512-256,_not_with_SHA-256");
    says("signed-qop=none", "cause=qop-ignored says=left_qop");
}

#[test]
fn digest_near_miss_names_the_realm_that_was_hashed() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge realm=asterisk\n";
    let signed = "> REGISTER\nAuthorization: digest user=1001 password=secret signed-realm=pbx.example.com\n";
    let again = asked.replace("> REGISTER\n", "");
    check(
        &[asked, signed, &again],
        SECRET,
        "
        high digest-near-miss cause=realm-domain says=hashed_realm_\"pbx.example.com\",_not_\"asterisk\"",
    );
}

#[test]
fn digest_near_miss_of_a_password_blames_no_side_alone() {
    check(
        &[ASKED, RIGHT, REFUSED],
        "1001,*,\"secret \"\n",
        "
        high digest-near-miss cause=password-trimmed fault=client says=or_the_secret_given_to_sipauth
        no digest-wrong-password",
    );
    check(
        &[ASKED, RIGHT, OK],
        "1001,*,\"secret \"\n",
        "
        info digest-near-miss cause=password-trimmed fault=operator
        clean
        no accepted-with-other-secret digest-ok-accepted",
    );
}

#[test]
fn digest_near_miss_is_info_where_the_server_accepts_it() {
    check(&[ASKED, NEAR, OK], SECRET, "info digest-near-miss\nclean\nno accepted-with-other-secret digest-ok-accepted");
}

#[test]
fn digest_near_miss_is_medium_where_the_client_recovers_or_nobody_answers() {
    check(&[ASKED, NEAR, REFUSED, RIGHT, OK], SECRET, "medium digest-near-miss\nsessions accepted");
    check(&[ASKED, NEAR], SECRET, "medium digest-near-miss sure=likely");
}

#[test]
fn digest_near_miss_explains_the_loop() {
    check(
        &[ASKED, NEAR, REFUSED, NEAR, REFUSED, NEAR, REFUSED],
        SECRET,
        "
        high digest-near-miss frames=3
        medium challenge-loop cause=wrong-digest by=digest-near-miss",
    );
    let calls: String = (1..=3)
        .map(|call| {
            format!(
                "[c{call}] {}[c{call}] {}[c{call}] {}",
                ASKED.replace("\n< ", &format!("\n[c{call}] < ")),
                NEAR,
                REFUSED
            )
        })
        .collect();
    check(&[&calls], SECRET, "several\nhigh digest-near-miss\nmedium challenge-loop cause=wrong-digest");
}

#[test]
fn digest_near_miss_stands_behind_a_wrong_realm_and_before_a_wrong_uri() {
    let realm =
        "> REGISTER\nAuthorization: digest user=1001 password=secret realm=other signed-realm=pbx.example.com\n";
    check(
        &[ASKED, realm, REFUSED],
        SECRET,
        "
        high realm-mismatch
        medium digest-near-miss cause=realm-challenge by=realm-mismatch",
    );
    let uri = "> REGISTER\nAuthorization: digest user=1001 password=secret uri=sip:elsewhere.example signed-uri=sip:pbx.example.com\n";
    check(
        &[ASKED, uri, REFUSED],
        SECRET,
        "
        high digest-near-miss cause=uri-request-uri
        medium uri-differs-from-request-uri by=digest-near-miss",
    );
}

#[test]
fn digest_near_miss_needs_a_secret_a_single_change_and_no_ack() {
    let twice = "> REGISTER\nAuthorization: digest user=1001 password=secret method=INVITE signed-uri=sip:pbx.example.com:5060\n";
    check(
        &[ASKED, twice, REFUSED],
        SECRET,
        "
        high digest-wrong-password says=No_single_change
        no digest-near-miss",
    );
    check(&[ASKED, NEAR, REFUSED], NOTHING, "no digest-near-miss\nhigh rejected-credentials");
    let ack = "> ACK\nProxy-Authorization: digest user=1001 password=secret method=BYE\n";
    let scenario = [CALL_ASKED, CALL_RIGHT, "< 200\n", ack];
    check(&scenario, SECRET, "no digest-near-miss digest-wrong-password\nclean");
    assert_eq!(analyse(&scenario, SECRET).summary.verifications.near_miss, 0);
}

#[test]
fn several_secrets_that_fit_in_several_ways_name_none() {
    check(
        &[ASKED, RIGHT, REFUSED],
        "1001,*,\"secret \"\n1001,*,secret;x\n",
        "
        high digest-wrong-password says=Several_changed_inputs
        no digest-near-miss",
    );
}

#[test]
fn searches_in_vain_end_and_are_told() {
    let tries: String = std::iter::repeat_n([WRONG, REFUSED].concat(), 6).collect();
    let report = analyse(&[ASKED, &tries], SECRET);
    let event = report.diagnostics.iter().find(|event| event.event == "near_misses_not_searched").expect("it is told");
    assert_eq!((event.count, event.severity), (4, "info"));
    check(
        &[ASKED, &tries],
        SECRET,
        "high digest-wrong-password says=The_changes_were_tried_with_2_of_the_6\nno capture-quality",
    );
    // What fits goes on being found, however often.
    let near: String = std::iter::repeat_n([NEAR, REFUSED].concat(), 12).collect();
    check(&[ASKED, &near], SECRET, "high digest-near-miss frames=12\nno digest-wrong-password");
}

const CALL_INT_ASKED: &str = "> INVITE\n\nsdp\n< 407\nProxy-Authenticate: challenge qop=\"auth,auth-int\"\n> ACK\n";
const CALL_INT_RIGHT: &str = "> INVITE\nProxy-Authorization: digest user=1001 password=secret qop=auth-int\n\nsdp\n";

#[test]
fn auth_int_body_mismatch_is_found() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n qop=auth-int\n";
    // MD5("1001:pbx.example.com:secret") and so on, over an empty body, by Python's hashlib.
    let signed = format!(
        "> REGISTER\nAuthorization: digest user=1001 password=secret cnonce=c nc=00000001 response={EMPTY_BODY_RESPONSE}\n\na=b\n"
    );
    check(
        &[asked, &signed, REFUSED],
        SECRET,
        "
        high auth-int-body-mismatch cause=body-empty fault=unknown sure=likely excludes=wrong_password
        no digest-wrong-password digest-near-miss",
    );
    check(&[asked, &signed, OK], SECRET, "info auth-int-body-mismatch\nclean\nno accepted-with-other-secret");
    check(&[asked, &signed, REFUSED], NOTHING, "no auth-int-body-mismatch");
}

const EMPTY_BODY_RESPONSE: &str = "fa440726b5fafac3581d1c9eb00c3ea8";

#[test]
fn auth_int_body_mismatch_is_none_of_a_right_body_nor_of_a_wrong_password() {
    check(
        &[CALL_INT_ASKED, CALL_INT_RIGHT, CALL_OK],
        SECRET,
        "clean\nno auth-int-body-mismatch\ninfo digest-ok-accepted",
    );
    let wrong = CALL_INT_RIGHT.replace("secret", "wrong");
    check(
        &[CALL_INT_ASKED, &wrong, CALL_REFUSED],
        SECRET,
        "
        high digest-wrong-password says=changed_on_the_way
        no auth-int-body-mismatch",
    );
    // auth where auth-int is sent leaves the body out: the client's slip, not the path's.
    let left_out = CALL_INT_RIGHT.replace("qop=auth-int", "qop=auth-int signed-qop=auth");
    check(
        &[CALL_INT_ASKED, &left_out, CALL_REFUSED],
        SECRET,
        "
        high digest-near-miss cause=qop-other says=qop_\"auth\",_not_\"auth-int\"
        no auth-int-body-mismatch",
    );
}

/// It is said of the letter case, and not of a body.
#[test]
fn a_qop_in_upper_case_is_not_taken_for_a_body() {
    let upper = RIGHT.replace("password=secret", "password=secret qop=AUTH signed-qop=auth");
    check(&[ASKED, &upper, "< 403\n"], SECRET, "high digest-near-miss cause=qop-other says=qop_\"auth\",_not_\"AUTH\"");
}

#[test]
fn auth_int_unsupported_by_server_is_found() {
    check(
        &[CALL_INT_ASKED, CALL_INT_RIGHT, CALL_REFUSED],
        SECRET,
        "
        high auth-int-unsupported-by-server fault=server sure=likely excludes=wrong_password
        medium digest-ok-but-rejected by=auth-int-unsupported-by-server",
    );
    let alone = CALL_INT_ASKED.replace("auth,auth-int", "auth-int");
    check(
        &[&alone, CALL_INT_RIGHT, CALL_REFUSED],
        SECRET,
        "high auth-int-unsupported-by-server says=offers_auth-int_alone",
    );
}

#[test]
fn auth_int_unsupported_by_server_needs_a_right_digest_refused_and_auth_not_tried() {
    let no = "no auth-int-unsupported-by-server";
    let auth = CALL_INT_RIGHT.replace("auth-int", "auth");
    check(&[CALL_INT_ASKED, CALL_INT_RIGHT, CALL_REFUSED, &auth, CALL_REFUSED], SECRET, no);
    check(&[CALL_INT_ASKED, CALL_INT_RIGHT, CALL_REFUSED, &auth, CALL_OK], SECRET, no);
    check(&[CALL_INT_ASKED, CALL_INT_RIGHT, CALL_OK], SECRET, no);
    check(&[CALL_INT_ASKED, &auth, CALL_REFUSED], SECRET, &format!("{no}\nhigh digest-ok-but-rejected"));
    check(&[CALL_INT_ASKED, CALL_INT_RIGHT, CALL_REFUSED], NOTHING, no);
    let stale = "< 407\nProxy-Authenticate: challenge stale=true\n> ACK\n";
    check(&[CALL_INT_ASKED, CALL_INT_RIGHT, stale], SECRET, no);
    check(&[CALL_INT_ASKED, CALL_INT_RIGHT, "< 403\n> ACK\n"], SECRET, no);
}

fn response(text: &str) -> String {
    format!("> REGISTER\nAuthorization: digest user=1001 password=secret response={text}\n")
}

#[test]
fn response_malformed_is_found() {
    let short = response("3f1d2c4b5a69788796a5b4c3d2e1f0a");
    check(
        &[ASKED, &short, REFUSED],
        SECRET,
        "
        high response-malformed fault=client sure=proven says=31_hex_digits
        no digest-wrong-password digest-near-miss",
    );
    check(
        &[ASKED, &short, REFUSED],
        NOTHING,
        "high response-malformed\nmedium rejected-credentials by=response-malformed",
    );
    check(
        &[ASKED, &short, REFUSED, &short, REFUSED, &short, REFUSED],
        SECRET,
        "
        high response-malformed frames=3
        medium challenge-loop by=response-malformed",
    );
    let base64 = response("\"P3ohKx9vQmWq1sTzX0bYcg==\"");
    check(&[ASKED, &base64, REFUSED], SECRET, "high response-malformed says=not_all_hex");
    let long = response(&"0123456789abcdef".repeat(4));
    check(&[ASKED, &long, REFUSED], SECRET, "high response-malformed says=64_hex_digits\nno digest-wrong-password");
    check(
        &[ASKED, &long, REFUSED],
        NOTHING,
        "high response-malformed says=computes_SHA-256_whatever_algorithm_it_names",
    );
    check(
        &[ASKED, &short, REFUSED],
        NOTHING,
        "high response-malformed unsaid=whatever_algorithm says=prints_its_digest_wrongly",
    );
    check(&[ASKED, &short, OK], NOTHING, "medium response-malformed");
    check(&[ASKED, &short, "< 400\n"], NOTHING, "medium response-malformed\nhigh malformed-credentials");
    check(&[ASKED, &short, REFUSED, RIGHT, OK], SECRET, "medium response-malformed");
}

#[test]
fn an_empty_response_to_a_challenge_is_no_digest() {
    let empty = response("\"\"");
    check(
        &[ASKED, &empty, REFUSED],
        SECRET,
        "high response-malformed fault=client says=no_digest excludes=wrong_password",
    );
    check(&[ASKED, &empty, "< 403\n"], NOTHING, "high response-malformed says=no_digest");
    let looped = [ASKED, &empty, REFUSED, &empty, REFUSED, &empty, REFUSED];
    check(&looped, SECRET, "high response-malformed\nmedium challenge-loop by=response-malformed");
    check(&[ASKED, &empty, OK], SECRET, "info response-malformed");
}

#[test]
fn response_malformed_is_none_of_its_neighbours() {
    let no = "no response-malformed";
    check(&[ASKED, RIGHT, OK], SECRET, no);
    check(&[ASKED, WRONG, REFUSED], SECRET, no);
    check(&[ASKED, &response("upper"), REFUSED], SECRET, &format!("{no}\nhigh response-uppercase"));
    // An IMS client begins each registration so.
    let bare = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"\", uri=\"sip:pbx.example.com\", response=\"\"\n";
    check(&[bare, REFUSED, RIGHT, OK, "+30 ", bare, REFUSED, RIGHT, OK], SECRET, no);
    check(&[bare, REFUSED, "+60 ", bare, REFUSED], SECRET, no);
    let sha = "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=SHA-256\n";
    check(&[ASKED, sha, REFUSED], SECRET, no);
    // 64 digits under the name of MD5, and right for SHA-256.
    let named = "> REGISTER\nAuthorization: digest user=1001 password=secret signed-algorithm=SHA-256\n";
    check(&[ASKED, named, REFUSED], SECRET, &format!("{no}\nhigh digest-near-miss cause=algorithm-other"));
    check(&[ASKED, "> REGISTER\nAuthorization: Basic MTAwMTpzZWNyZXQ=\n", REFUSED], SECRET, no);
    let unknown = "> REGISTER\nAuthorization: digest user=1001 response=00aa algorithm=SHA1\n";
    check(&[ASKED, unknown, REFUSED], SECRET, no);
}

#[test]
fn digest_ok_accepted_is_info() {
    check(&[ASKED, RIGHT, OK], SECRET, "info digest-ok-accepted excludes=wrong_password\nclean");
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK], SECRET, "info digest-ok-accepted");
    check(&[ASKED, RIGHT, "< 423\n"], SECRET, "info digest-ok-accepted");
}

#[test]
fn digest_ok_accepted_needs_a_right_digest_and_success() {
    let no = "no digest-ok-accepted";
    check(&[ASKED, RIGHT, OK], NOTHING, no);
    check(&[ASKED, WRONG, OK], SECRET, no);
    for answer in [REFUSED, STALE, "< 403\n", "< 503\n", "< 408\n", ""] {
        check(&[ASKED, RIGHT, answer], SECRET, no);
    }
}

#[test]
fn accepted_with_other_secret_is_found() {
    check(
        &[ASKED, WRONG, OK],
        SECRET,
        "
        medium accepted-with-other-secret fault=operator sure=likely
        no digest-wrong-password digest-ok-accepted
        sessions accepted",
    );
    check(&[CALL_ASKED, CALL_WRONG, CALL_OK], SECRET, "medium accepted-with-other-secret");
}

#[test]
fn accepted_with_other_secret_needs_a_wrong_digest_and_success() {
    let no = "no accepted-with-other-secret";
    check(&[ASKED, RIGHT, OK], SECRET, no);
    check(&[ASKED, WRONG, OK], NOTHING, no);
    check(&[ASKED, WRONG, REFUSED], SECRET, no);
    check(&[ASKED, WRONG, "< 486\n"], SECRET, no);
    // A row for a realm of another hop beside the one that is asked for.
    let two = "> REGISTER\nAuthorization: digest user=1001 password=wrong realm=elsewhere nonce=x\nAuthorization: digest user=1001 password=secret\n";
    check(&[ASKED, two, OK], SECRET, no);
}

#[test]
fn stale_with_wrong_digest_is_info_and_medium_in_a_loop() {
    check(
        &[ASKED, WRONG, STALE, WRONG, REFUSED],
        SECRET,
        "
        info stale-with-wrong-digest fault=server sure=proven
        high digest-wrong-password",
    );
    check(
        &[ASKED, WRONG, STALE, WRONG, STALE, WRONG, STALE],
        SECRET,
        "medium stale-with-wrong-digest\nhigh stale-loop",
    );
    check(&[ASKED, NEAR, STALE], SECRET, "info stale-with-wrong-digest");
    check(&[ASKED, WRONG, STALE, WRONG, STALE, RIGHT, OK], SECRET, "info stale-with-wrong-digest");
}

#[test]
fn stale_with_wrong_digest_needs_stale_and_a_wrong_digest() {
    let no = "no stale-with-wrong-digest";
    check(&[ASKED, RIGHT, STALE, RIGHT, OK], SECRET, no);
    check(&[ASKED, WRONG, REFUSED], SECRET, no);
    check(&[ASKED, WRONG, STALE], NOTHING, no);
}

#[test]
fn a_secret_that_the_server_took_elsewhere_is_not_the_wrong_one() {
    // From another host, under another Call-ID.
    let others = |scenario: &str| {
        let from_desk =
            scenario.replace("> REGISTER", "[o] desk > server REGISTER").replace("\n< ", "\n[o] server > desk ");
        format!("desk 198.51.100.8\n{from_desk}")
    };
    let taken = others(&[ASKED, RIGHT, OK].concat());
    let wrong = [ASKED, WRONG, REFUSED, LATER].concat();
    let facts = "high digest-wrong-password fault=client says=accepted_a_digest_of_that_secret_in_frame_3 unsaid=Make_sure_that_the_secret";
    check(&[&taken, "+60 [x] > OPTIONS\n[x] < 200\n", &wrong], SECRET, facts);
    let later = "high digest-wrong-password fault=client says=accepts_a_digest_of_that_secret_later,_in_frame_";
    check(&[ASKED, WRONG, REFUSED, &taken.replacen("[o] desk", "+10 [o] desk", 1)], SECRET, later);
    // Another account's secret says nothing, and neither does one that was not given.
    let other = others(&[ASKED, "> REGISTER\nAuthorization: digest user=1002 password=secret\n", OK].concat());
    let either = "high digest-wrong-password says=or_the_one_given_here";
    check(&[&other, &wrong], "1001,*,secret\n1002,*,secret\n", either);
    check(&[&taken.replace("password=secret", "password=third"), &wrong], SECRET, either);
}

#[test]
fn searches_of_accepted_digests_leave_some_for_refused_ones() {
    let other = "[old] > REGISTER\n[old] < 401\nWWW-Authenticate: challenge\n\
        [old] > REGISTER\nAuthorization: digest user=1001 password=other\n[old] < 200\n";
    let taken: String = (0..3).map(|name| other.replace("old", &format!("old{name}"))).collect();
    let blank = "+60 > REGISTER\n< 401\nWWW-Authenticate: challenge\n> REGISTER\nAuthorization: digest user=1001 password=\"secret \"\n";
    check(
        &[&taken, blank, REFUSED, LATER],
        SECRET,
        "high digest-near-miss says=blank\nno digest-wrong-password\nmedium accepted-with-other-secret sessions=3",
    );
    // In one Call-ID, the refused one is looked at first, whenever it came.
    let same = taken.replace("[old0] ", "").replace("[old1] ", "").replace("[old2] ", "");
    check(&[&same, blank, REFUSED, LATER], SECRET, "high digest-near-miss says=blank");
}

#[test]
fn a_device_that_writes_addresses_into_the_uri_looks_like_a_client_that_hashes_another() {
    let sent = |uri: &str| {
        let signed = "signed-uri=sip:pbx.example.com";
        format!("> REGISTER\nAuthorization: digest user=1001 password=secret uri={uri} {signed}\n")
    };
    for address in ["sip:203.0.113.10", "sip:198.51.100.7:5060"] {
        check(
            &[ASKED, &sent(address), REFUSED],
            SECRET,
            "high digest-near-miss fault=unknown sure=possible says=SIP_ALG",
        );
    }
    for other in ["sip:elsewhere.example", "sip:198.51.100.77"] {
        check(&[ASKED, &sent(other), REFUSED], SECRET, "high digest-near-miss fault=client sure=proven unsaid=ALG");
    }
}
