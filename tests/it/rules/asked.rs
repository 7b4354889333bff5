//! Groups A and B: what is odd about a challenge, and how a client chose among its offers.

use super::*;

const NTLM: &str = "> REGISTER\n< 401\nWWW-Authenticate: NTLM realm=\"SIP\", targetname=\"pool\", version=4\n";
const SHA: &str = "WWW-Authenticate: challenge algorithm=SHA-256\n";
const MD5: &str = "WWW-Authenticate: challenge algorithm=MD5\n";
/// A call with credentials that is up.
const CALL: &str = "> INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret\n< 180\n< 200\n> ACK\n";
const BYE_ASKED: &str = "+20 > BYE\n< 407\nProxy-Authenticate: challenge\n";

#[test]
fn proxy_sent_401_is_found() {
    let proxy = "proxy 203.0.113.10  callee 203.0.113.40\n";
    let forwards = "client > proxy OPTIONS sip:2000@pbx.example.com\nproxy > callee forward\ncallee > proxy 200\nproxy > client forward\n";
    let asks = "+1 client > proxy INVITE\nproxy > client 401\nWWW-Authenticate: challenge\nclient > proxy ACK\n";
    check(&[proxy, forwards, asks], NOTHING, "info proxy-sent-401 sure=possible fault=server");
    // It forwards nothing: it may be the end of the call.
    check(&[proxy, asks], NOTHING, "no proxy-sent-401\ninfo invite-challenged-401");
    // A proxy may be the registrar too.
    let register = "+1 client > proxy REGISTER\nproxy > client 401\nWWW-Authenticate: challenge\n";
    check(&[proxy, forwards, register], NOTHING, "no proxy-sent-401 invite-challenged-401");
    let with_407 = asks.replace("401", "407").replace("WWW", "Proxy");
    check(&[proxy, forwards, &with_407], NOTHING, "no proxy-sent-401 invite-challenged-401");
}

#[test]
fn proxy_sent_401_is_not_said_of_a_401_that_came_from_behind() {
    check(
        &["
            proxy 203.0.113.10  callee 203.0.113.40
            client > proxy OPTIONS sip:2000@pbx.example.com
            proxy > callee forward
            callee > proxy 200
            proxy > client forward
            +1 client > proxy INVITE
            proxy > callee forward
            callee > proxy 401
            WWW-Authenticate: challenge
            proxy > client forward
            client > proxy ACK"],
        NOTHING,
        "no proxy-sent-401\ninfo invite-challenged-401 says=203.0.113.40_answers_INVITE",
    );
}

#[test]
fn ack_or_cancel_challenged_is_found() {
    let cancelled = "> INVITE\n< 180\n+2 > CANCEL\n< 401 to CANCEL\nWWW-Authenticate: challenge\n";
    check(&[cancelled, LATER], NOTHING, "high ack-or-cancel-challenged fault=server sure=proven");
    check(
        &[cancelled, "< 487 to INVITE\n> ACK\n", LATER],
        NOTHING,
        "medium ack-or-cancel-challenged says=all_the_same",
    );
    let ack = "> INVITE\n< 200\n> ACK\n< 407\nCSeq: 1 ACK\nProxy-Authenticate: challenge\n";
    check(&[ack, LATER], NOTHING, "medium ack-or-cancel-challenged says=ACK");
}

#[test]
fn ack_or_cancel_challenged_is_not_said_of_another_refusal() {
    check(&["> INVITE\n< 180\n+2 > CANCEL\n< 481 to CANCEL\n", LATER], NOTHING, "no ack-or-cancel-challenged");
    check(
        &[
            "> INVITE\n< 180\n+2 > CANCEL\n< 200 to CANCEL\n< 401 to INVITE\nWWW-Authenticate: challenge\n> ACK\n",
            LATER,
        ],
        NOTHING,
        "no ack-or-cancel-challenged",
    );
}

#[test]
fn in_dialog_challenge_unanswered_is_found() {
    check(
        &[CALL, BYE_ASKED, LATER],
        SECRET,
        "high in-dialog-challenge-unanswered fault=client by=- sure=proven
        medium challenge-unanswered by=in-dialog-challenge-unanswered",
    );
    check(
        &[CALL, "+20 > INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n", LATER],
        SECRET,
        "high in-dialog-challenge-unanswered says=session",
    );
    check(&[CALL, BYE_ASKED], SECRET, "medium in-dialog-challenge-unanswered sure=possible says=capture_ends");
}

#[test]
fn in_dialog_challenge_unanswered_is_not_said_where_it_was_answered_nor_outside_of_a_dialog() {
    let answered = "> BYE\nProxy-Authorization: digest user=1001 password=secret\n< 200\n";
    check(&[CALL, BYE_ASKED, answered, LATER], SECRET, "clean\nno in-dialog-challenge-unanswered");
    check(&[CALL, BYE_ASKED, "> BYE\n< 200\n", LATER], SECRET, "no in-dialog-challenge-unanswered");
    check(&[CALL_ASKED, LATER], NOTHING, "high challenge-unanswered\nno in-dialog-challenge-unanswered");
    // The retry took over the challenge's To tag, and is no request within a dialog by that.
    let tagged = "> INVITE\nTo: <sip:2000@pbx.example.com>\n< 407\nTo: <sip:2000@pbx.example.com>;tag=t1\nProxy-Authenticate: challenge realm=a\n> ACK\n> INVITE\nTo: <sip:2000@pbx.example.com>;tag=t1\n< 407\nTo: <sip:2000@pbx.example.com>;tag=t1\nProxy-Authenticate: challenge realm=b\n> ACK\n";
    check(&[tagged, LATER], NOTHING, "no in-dialog-challenge-unanswered");
}

#[test]
fn in_dialog_challenge_unanswered_is_medium_where_the_caller_asks_and_info_for_a_ping() {
    let called = "< INVITE\n> 200\n< ACK\n";
    check(
        &[called, BYE_ASKED, LATER],
        NOTHING,
        "medium in-dialog-challenge-unanswered sure=possible fault=unknown says=not_to_answer_is_right
        medium challenge-unanswered by=in-dialog-challenge-unanswered",
    );
    let ping = "+20 > OPTIONS\nTo: <sip:2000@pbx.example.com>;tag=x\n< 407\nProxy-Authenticate: challenge\n";
    check(&[CALL, ping, LATER], SECRET, "info in-dialog-challenge-unanswered");
}

#[test]
fn unsupported_scheme_is_found() {
    check(
        &[NTLM, LATER],
        NOTHING,
        "high unsupported-scheme says=NTLM fault=server by=-
        medium challenge-unanswered by=unsupported-scheme cause=scheme",
    );
    check(&[NTLM], NOTHING, "medium unsupported-scheme sure=possible");
    check(
        &[NTLM, "> REGISTER\nAuthorization: NTLM gssapi-data=\"x\"\n", OK],
        NOTHING,
        "medium unsupported-scheme by=-",
    );
}

#[test]
fn unsupported_scheme_is_info_beside_digest_and_for_bearer() {
    let both = [NTLM, "WWW-Authenticate: challenge\n"].concat();
    check(&[&both, RIGHT, OK], SECRET, "clean\ninfo unsupported-scheme");
    let bearer = "> REGISTER\n< 401\nWWW-Authenticate: Bearer authz_server=\"https://as.example.com\"\n";
    check(&[bearer, LATER], NOTHING, "info unsupported-scheme says=token\nhigh challenge-unanswered");
    check(&[ASKED, RIGHT, OK], SECRET, "no unsupported-scheme");
    check(&["> REGISTER\n< 401\nWWW-Authenticate: Basic realm=\"x\"\n"], NOTHING, "no unsupported-scheme");
}

#[test]
fn combined_challenges_one_row_is_found() {
    let joined = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n1\", qop=\"auth\", NTLM realm=\"x\"\n";
    let answer =
        "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=n1 realm=pbx.example.com qop=auth\n";
    check(&[joined, answer, OK], SECRET, "medium combined-challenges-one-row fault=server says=WWW-Authenticate");
    let credentials = "> REGISTER\nAuthorization: Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"00112233445566778899aabbccddeeff\", Digest username=\"a\", realm=\"q\", nonce=\"m\", uri=\"sip:r\", response=\"00112233445566778899aabbccddeeff\"\n";
    check(&[ASKED, credentials, OK], NOTHING, "medium combined-challenges-one-row fault=client says=credentials");
}

#[test]
fn combined_challenges_one_row_is_not_said_of_two_rows() {
    check(
        &[
            "> REGISTER\n< 401\n",
            SHA,
            MD5,
            "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=SHA-256\n",
            OK,
        ],
        SECRET,
        "clean\nno combined-challenges-one-row duplicate-auth-param algorithm-order-weak-first duplicate-algorithm-same-realm weaker-algorithm-chosen multiple-credentials-one-realm",
    );
}

#[test]
fn duplicate_auth_param_is_found() {
    let twice = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n1\", Realm=\"other\", qop=\"auth\"\n";
    check(&[twice], NOTHING, "medium duplicate-auth-param fault=server says=different_values");
    let counted = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:r\", response=\"00112233445566778899aabbccddeeff\", nc=00000001, nc=00000001\n";
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n\n", counted, "< 400\n"],
        NOTHING,
        "high malformed-credentials by=-\nmedium duplicate-auth-param fault=client says=same_value by=malformed-credentials",
    );
}

#[test]
fn duplicate_auth_param_is_not_said_across_joined_challenges() {
    let joined =
        "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"a\", nonce=\"1\", Digest realm=\"a\", nonce=\"2\"\n";
    check(&[joined], NOTHING, "no duplicate-auth-param\nmedium combined-challenges-one-row");
}

#[test]
fn duplicate_algorithm_same_realm_is_found() {
    let twice = "Proxy-Authenticate: challenge\nProxy-Authenticate: challenge\n> ACK\n";
    check(
        &["> INVITE\n< 407\n", twice, CALL_RIGHT, CALL_OK],
        SECRET,
        "medium duplicate-algorithm-same-realm sure=proven says=equal",
    );
    let other = "Proxy-Authenticate: challenge nonce=a\nProxy-Authenticate: challenge nonce=b\n> ACK\n";
    check(&["> INVITE\n< 407\n", other], NOTHING, "info duplicate-algorithm-same-realm sure=possible says=forking");
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=a\nWWW-Authenticate: challenge nonce=b\n"],
        NOTHING,
        "medium duplicate-algorithm-same-realm sure=likely",
    );
}

#[test]
fn duplicate_algorithm_same_realm_is_info_behind_a_fork_and_not_said_of_other_realms_or_kinds() {
    check(
        &["
            edge 203.0.113.20  one 203.0.113.31  two 203.0.113.32
            client > edge INVITE
            edge > one forward
            edge > two forward
            one > edge 407
            Proxy-Authenticate: challenge nonce=a
            two > edge 407
            Proxy-Authenticate: challenge nonce=a
            edge > client 407
            Proxy-Authenticate: challenge nonce=a
            Proxy-Authenticate: challenge nonce=a
            client > edge ACK"],
        NOTHING,
        "info duplicate-algorithm-same-realm says=forked",
    );
    check(
        &["> INVITE\n< 407\nProxy-Authenticate: challenge realm=a\nProxy-Authenticate: challenge realm=b\n> ACK\n"],
        NOTHING,
        "no duplicate-algorithm-same-realm",
    );
    check(
        &["> INVITE\n< 407\nProxy-Authenticate: challenge\nWWW-Authenticate: challenge\n> ACK\n"],
        NOTHING,
        "no duplicate-algorithm-same-realm",
    );
}

#[test]
fn algorithm_order_weak_first_is_found() {
    check(
        &["> REGISTER\n< 401\n", MD5, SHA, RIGHT, OK],
        SECRET,
        "medium algorithm-order-weak-first fault=server\nno weaker-algorithm-chosen",
    );
    check(
        &[
            "> REGISTER\n< 401\nWWW-Authenticate: challenge realm=a\nWWW-Authenticate: challenge realm=b algorithm=SHA-256\n",
        ],
        NOTHING,
        "no algorithm-order-weak-first",
    );
    check(&["> REGISTER\n< 401\n", SHA, MD5, SHA], NOTHING, "no algorithm-order-weak-first");
    check(&[ASKED, RIGHT, OK], SECRET, "no algorithm-order-weak-first");
}

#[test]
fn invite_challenged_401_is_found_and_joins_the_advice_where_nobody_answers() {
    let asked = "> INVITE\n< 401\nWWW-Authenticate: challenge\n> ACK\n";
    let answer = "> INVITE\nAuthorization: digest user=1001 password=secret\n";
    check(&[asked, answer, CALL_OK], SECRET, "clean\ninfo invite-challenged-401");
    check(
        &[asked, LATER],
        NOTHING,
        "high challenge-unanswered cause=challenge-kind says=2_or_3\ninfo invite-challenged-401",
    );
    check(&[ASKED, RIGHT, OK], SECRET, "no invite-challenged-401");
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK], SECRET, "no invite-challenged-401");
}

#[test]
fn algorithm_unsupported_no_retry_is_found() {
    check(
        &["> REGISTER\n< 401\n", SHA, LATER],
        NOTHING,
        "high algorithm-unsupported-no-retry fault=client sure=likely by=- says=no_MD5
        medium challenge-unanswered by=algorithm-unsupported-no-retry cause=algorithm",
    );
    check(
        &["> REGISTER\n< 401\n", SHA, MD5, LATER],
        NOTHING,
        "high algorithm-unsupported-no-retry says=second_offer\nmedium challenge-unanswered",
    );
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=AKAv1-MD5\n", LATER],
        NOTHING,
        "high algorithm-unsupported-no-retry says=SIM",
    );
    check(&["> REGISTER\n< 401\n", SHA], NOTHING, "medium algorithm-unsupported-no-retry sure=possible");
}

#[test]
fn algorithm_unsupported_no_retry_is_not_said_of_md5_first_nor_of_a_client_that_knows_better() {
    check(
        &["> REGISTER\n< 401\n", MD5, SHA, LATER],
        NOTHING,
        "no algorithm-unsupported-no-retry\nhigh challenge-unanswered",
    );
    check(&[ASKED, LATER], NOTHING, "no algorithm-unsupported-no-retry");
    let sha = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a algorithm=SHA-256\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\n< 407\nProxy-Authenticate: challenge realm=b algorithm=SHA-256\n> ACK\n";
    check(&[sha, LATER], SECRET, "no algorithm-unsupported-no-retry\nhigh challenge-unanswered cause=second-realm");
    check(
        &["> REGISTER\n< 401\n", SHA, "> REGISTER\nAuthorization: digest user=1001 password=secret\n", OK, LATER],
        SECRET,
        "clean\nno algorithm-unsupported-no-retry",
    );
}

#[test]
fn algorithm_unsupported_no_retry_gives_way_to_a_retry_without_credentials() {
    check(
        &["> REGISTER\n< 401\n", SHA, MD5, "+1 > REGISTER\n< 401\n", SHA, MD5, LATER],
        NOTHING,
        "high retry-without-credentials by=- says=user_name\nmedium algorithm-unsupported-no-retry sure=possible",
    );
    // Who begins anew by a timer was silent, as who gives up is.
    for last in ["", LATER] {
        check(
            &["> REGISTER\n< 401\n", SHA, MD5, "+60 > REGISTER\n< 401\n", SHA, MD5, last],
            NOTHING,
            "high algorithm-unsupported-no-retry sure=likely by=- says=second_offer unsaid=before_the_capture_ends
            medium retry-without-credentials cause=algorithm by=algorithm-unsupported-no-retry",
        );
    }
    check(
        &["> REGISTER\n< 401\n", MD5, SHA, "+60 > REGISTER\n< 401\n", MD5, SHA, LATER],
        NOTHING,
        "no algorithm-unsupported-no-retry\nhigh retry-without-credentials",
    );
    // Where nothing else is offered, that is the first thing to look at.
    check(
        &["> REGISTER\n< 401\n", SHA, "+1 > REGISTER\n< 401\n", SHA, LATER],
        NOTHING,
        "
        high algorithm-unsupported-no-retry sure=possible by=- says=user_name
        medium retry-without-credentials cause=algorithm by=algorithm-unsupported-no-retry",
    );
}

#[test]
fn an_algorithm_of_no_standard_is_the_servers_fault() {
    let odd = "WWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"a\", qop=\"auth\", algorithm=SHA-1\n";
    check(
        &["> REGISTER\n< 401\n", odd, LATER],
        NOTHING,
        "high algorithm-unsupported-no-retry fault=server says=none_of_the_standards' says=MD5_or_SHA-256 unsaid=update_the_client",
    );
    check(
        &["> REGISTER\n< 401\n", odd, "> REGISTER\n< 401\n", odd, "> REGISTER\n< 401\n", odd],
        NOTHING,
        "medium retry-without-credentials cause=algorithm fault=server says=MD5_or_SHA-256",
    );
    check(
        &["> REGISTER\n< 401\n", odd, MD5, LATER],
        NOTHING,
        "high algorithm-unsupported-no-retry fault=client says=second_offer",
    );
}

#[test]
fn weaker_algorithm_chosen_is_found() {
    let weak = "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=MD5\n";
    let strong = "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=SHA-256\n";
    check(&["> REGISTER\n< 401\n", SHA, MD5, weak, OK], SECRET, "clean\ninfo weaker-algorithm-chosen fault=client");
    check(
        &["> REGISTER\n< 401\n", SHA, MD5, strong, OK, "+60 > REGISTER\n< 401\n", SHA, MD5, weak, OK],
        SECRET,
        "medium weaker-algorithm-chosen fault=unknown sure=likely says=talked_down unsaid=does_not_know",
    );
    check(&["> REGISTER\n< 401\n", SHA, MD5, strong, OK], SECRET, "no weaker-algorithm-chosen");
}

#[test]
fn a_stronger_challenge_that_cannot_be_answered_is_no_offer() {
    let weak = "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=MD5\n";
    for odd in ["realm=\"pbx.example.com\"", "realm=\"pbx.example.com\", nonce=\"\""] {
        let sha = format!("WWW-Authenticate: Digest {odd}, algorithm=SHA-256\n");
        check(
            &["> REGISTER\n< 401\n", &sha, MD5, weak, OK],
            SECRET,
            "medium challenge-malformed\nno weaker-algorithm-chosen",
        );
    }
}

#[test]
fn multiple_credentials_one_realm_is_found() {
    let both = "> REGISTER\nAuthorization: digest user=1001 password=secret algorithm=SHA-256\nAuthorization: digest user=1001 password=secret algorithm=MD5 nc=00000001\n";
    check(
        &["> REGISTER\n< 401\n", SHA, MD5, both, OK],
        SECRET,
        "medium multiple-credentials-one-realm fault=client\nno weaker-algorithm-chosen",
    );
    let realms = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a\nProxy-Authenticate: challenge realm=b algorithm=SHA-256\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\nProxy-Authorization: digest user=1001 password=secret realm=b\n";
    check(&[realms, CALL_OK], SECRET, "clean\nno multiple-credentials-one-realm");
}
