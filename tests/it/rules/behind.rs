//! Whose verdict an answer is: that of who asked, of another product behind it, of another call, of another branch.

use super::*;

/// An INVITE that a proxy asks for credentials.
const PROXY_ASKED: &str =
    "> INVITE\n< 407\nServer: kamailio (5.7.2 (x86_64/linux))\nProxy-Authenticate: challenge\n> ACK\n";

#[test]
fn a_nonce_that_was_given_anew_begins_a_new_count() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=cafe\n";
    let elsewhere = "[b] > SUBSCRIBE\n[b] < 401\nWWW-Authenticate: challenge nonce=cafe\n\
        [b] > SUBSCRIBE\nAuthorization: digest user=1001 password=secret cnonce=other\n";
    let refused = "[b] < 401\nWWW-Authenticate: challenge\n";
    check(&[asked, RIGHT, OK, elsewhere, refused], SECRET, "high digest-ok-but-rejected\nno nc-repeated");
    check(&[asked, RIGHT, OK, elsewhere, refused], NOTHING, "high rejected-credentials\nno nc-repeated");
}

#[test]
fn a_refusal_by_another_product_is_not_that_of_who_asked() {
    let refused = |server: &str| format!("< 100\n< 403\nServer: {server}\n> ACK\n");
    check(
        &[PROXY_ASKED, CALL_RIGHT, &refused("Cisco-SIPGateway/IOS-16"), LATER],
        NOTHING,
        "medium forbidden-after-credentials fault=unknown sure=possible says=Another_product\nverdict problems",
    );
    for same in ["Kamailio/5.8", "(nobody)"] {
        check(&[PROXY_ASKED, CALL_RIGHT, &refused(same), LATER], NOTHING, "high forbidden-after-credentials");
    }
    // Of registrations the one behind has the last word.
    let registered = "> REGISTER\n< 401\nServer: kamailio\nWWW-Authenticate: challenge\n";
    check(
        &[registered, RIGHT, "< 403\nServer: Asterisk\n", LATER],
        SECRET,
        "high forbidden-after-credentials fault=server",
    );
    // A digest that is known to be wrong was let past by nobody.
    check(&[PROXY_ASKED, CALL_WRONG, &refused("Cisco-SIPGateway/IOS-16"), LATER], SECRET, "high digest-wrong-password");
}

#[test]
fn a_server_of_another_name_behind_a_proxy_asks_for_itself() {
    let asks = |server: &str| format!("< 100\n< 401\nServer: {server}\nWWW-Authenticate: challenge nonce=b\n> ACK\n");
    check(
        &[PROXY_ASKED, CALL_RIGHT, &asks("Asterisk PBX 18"), LATER],
        NOTHING,
        "high challenge-unanswered\nno rejected-credentials",
    );
    check(&[PROXY_ASKED, CALL_RIGHT, &asks("kamailio (5.8.0)"), LATER], NOTHING, "high rejected-credentials");
}

#[test]
fn a_right_digest_in_quotes_may_be_refused_for_them() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n";
    // MD5(MD5(1001:pbx.example.com:secret):n1:00000001:c1:auth:MD5(REGISTER:sip:pbx.example.com))
    let quoted = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n1\", \
        uri=\"sip:pbx.example.com\", response=\"4e0d1b75f2778b2b37d49deeaae38597\", cnonce=\"c1\", qop=auth, nc=\"00000001\"\n";
    check(
        &[asked, quoted, REFUSED],
        SECRET,
        "high digest-ok-but-rejected fault=client sure=possible says=nc_in_quotes says=quote_as_RFC_7616",
    );
    check(
        &[ASKED, RIGHT, REFUSED],
        SECRET,
        "high digest-ok-but-rejected fault=server unsaid=in_quotes unsaid=quote_as",
    );
}

#[test]
fn who_got_in_before_is_no_unknown_account() {
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    let hung_up = "> BYE\n< 407\nProxy-Authenticate: challenge\n> BYE\nProxy-Authorization: digest user=1001 password=secret\n\
        < 407\nProxy-Authenticate: challenge\n";
    check(
        &[&call, hung_up, LATER],
        NOTHING,
        "high rejected-credentials excludes=unknown_account unsaid=an_unknown_account_looks",
    );
    check(&[&call, hung_up, LATER], SECRET, "high digest-ok-but-rejected unsaid=HA1");
    check(
        &[CALL_ASKED, CALL_RIGHT, CALL_REFUSED, LATER],
        NOTHING,
        "high rejected-credentials says=an_unknown_account_looks",
    );
    check(&[CALL_ASKED, CALL_RIGHT, CALL_REFUSED, LATER], SECRET, "high digest-ok-but-rejected says=HA1");
}

#[test]
fn the_same_request_on_the_hop_before_was_not_accepted_before() {
    let forked = "edge 203.0.113.20\ntwo 203.0.113.32\nclient > edge INVITE\nedge > client 401\n\
        WWW-Authenticate: challenge realm=two nonce=t1\nclient > edge ACK\nclient > edge INVITE\n\
        Authorization: digest user=1001 password=secret\nedge > two forward\ntwo > edge 401\n\
        WWW-Authenticate: challenge realm=two nonce=t2\nedge > client 200\nCSeq: 2 INVITE\nclient > edge ACK\nCSeq: 2 ACK\n";
    check(&[forked, LATER], NOTHING, "medium rejected-credentials unsaid=was_accepted_in_frame unsaid=had_been_good");
}

#[test]
fn a_digest_that_names_no_algorithm_is_told_by_its_length() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256 nonce=n1\n";
    let sent = |bytes: usize, algorithm: &str| {
        format!(
            "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n1\", \
             uri=\"sip:pbx.example.com\", response=\"{}\"{algorithm}\n",
            "0a".repeat(bytes)
        )
    };
    let named = "high response-malformed fault=client";
    let finds = |request: &str, what: &str| check(&[asked, request, REFUSED], NOTHING, &format!("{named} {what}"));
    finds(&sent(31, ", algorithm=MD5"), "says=printing unsaid=as_long_as");
    finds(&sent(32, ", algorithm=MD5"), "says=as_long_as_a_digest_of_SHA-256 unsaid=printing");
    finds(&sent(32, ""), "says=name_no_algorithm unsaid=printing");
}
