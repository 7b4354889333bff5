//! Requests that somebody between client and server sends on: who was asked, and who kept quiet.

use super::*;

const NAMES: &str = "phone 198.51.100.7\nproxy 203.0.113.10\ncarrier 203.0.113.99\n";
/// The proxy authenticates the phone itself, and sends the call on.
const LET_ON: &str = "phone > proxy INVITE\nproxy > phone 407\nProxy-Authenticate: challenge\nphone > proxy ACK\n\
    phone > proxy INVITE\nProxy-Authorization: digest user=1001 password=secret\nproxy > carrier forward\n";
const CARRIER_ASKS: &str = "carrier > proxy 407\nProxy-Authenticate: challenge realm=carrier.example nonce=c\n";

#[test]
fn a_challenge_that_a_proxy_keeps_to_itself_is_not_the_phones() {
    let kept = [NAMES, LET_ON, CARRIER_ASKS, "proxy > phone 480\nCSeq: 2 INVITE\nphone > proxy ACK\n", LATER].concat();
    check(
        &[&kept],
        NOTHING,
        "high challenge-unanswered fault=server sure=likely says=203.0.113.10_was_challenged excludes=wrong_password_of_the_client",
    );
    // Passed back, it is the phone's to answer; whether it should have come to the phone at all is not seen.
    let passed = [NAMES, LET_ON, CARRIER_ASKS, "proxy > phone forward\nphone > proxy ACK\n", LATER].concat();
    check(&[&passed], NOTHING, "high challenge-unanswered fault=client sure=likely cause=second-realm says=1001");
    // Nothing is wrong where the proxy tries another way and gets through.
    let through =
        [NAMES, LET_ON, CARRIER_ASKS, "proxy > phone 200\nCSeq: 2 INVITE\nphone > proxy ACK\n", LATER].concat();
    check(&[&through], NOTHING, "clean");
}

#[test]
fn a_b2bua_that_keeps_the_call_id_is_asked_for_itself() {
    let own = "proxy > carrier INVITE\nFrom: <sip:trunk@carrier.example>;tag=b\nTo: <sip:2000@carrier.example>\nCSeq: 70 INVITE\n";
    let let_on = LET_ON.replace("proxy > carrier forward\n", own);
    let asked = "carrier > proxy 407\nCSeq: 70 INVITE\nFrom: <sip:trunk@carrier.example>;tag=b\nProxy-Authenticate: challenge realm=carrier.example\n";
    let failed = "proxy > phone 503\nCSeq: 2 INVITE\nphone > proxy ACK\nCSeq: 2 ACK\n";
    check(
        &[NAMES, &let_on, asked, failed, LATER],
        NOTHING,
        "high challenge-unanswered fault=server says=203.0.113.10\nsessions failed",
    );
}

#[test]
fn a_challenge_that_stays_behind_the_proxy_makes_no_client_deaf() {
    let silent = "phone > proxy REGISTER\nproxy > carrier forward\ncarrier > proxy 401\nWWW-Authenticate: challenge\n\
        +0.5 phone > proxy retransmit 1\n+1 phone > proxy retransmit 1\n+2 phone > proxy retransmit 1\n";
    let silent = silent.replace("phone > proxy retransmit", "retransmit");
    check(
        &[NAMES, &silent, LATER],
        NOTHING,
        "high challenge-unanswered fault=server\nno retry-without-credentials no-response-at-all",
    );
    let refused = silent.replace("401\nWWW-Authenticate: challenge\n", "404\n");
    check(&[NAMES, &refused, LATER], NOTHING, "several\nhigh no-response-at-all fault=server says=did_not_come_back");
    // Where nobody knows what became of it, the way is as good as the server.
    let nothing = silent.replace("proxy > carrier forward\ncarrier > proxy 401\nWWW-Authenticate: challenge\n", "");
    check(&[NAMES, &nothing, LATER], NOTHING, "high no-response-at-all fault=path");
}

#[test]
fn a_refusal_of_the_proxys_own_credentials_is_not_the_callers() {
    let sent = "phone > proxy INVITE\nproxy > carrier forward\ncarrier > proxy 407\nProxy-Authenticate: challenge realm=c nonce=one\n\
        proxy > carrier ACK\nproxy > carrier INVITE\nCSeq: 1 INVITE\nVia: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bKtwo\n\
        Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKp\nProxy-Authorization: digest user=trunk password=wrong realm=c\n\
        carrier > proxy 407\nProxy-Authenticate: challenge realm=c nonce=two\nproxy > carrier ACK\n\
        proxy > phone 407\nCSeq: 1 INVITE\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKp\nProxy-Authenticate: challenge realm=c nonce=two\n";
    let sent = sent.replacen(
        "phone > proxy INVITE\n",
        "phone > proxy INVITE\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKp\n",
        1,
    );
    check(&[NAMES, &sent, LATER], NOTHING, "high rejected-credentials says=trunk\nno challenge-unanswered");
}

#[test]
fn whoever_sends_within_the_dialog_is_named() {
    let call = "user 1001\nphone > proxy INVITE\nFrom: <sip:1001@pbx.example.com>;tag=a\nproxy > phone 200\nTo: <sip:1002@pbx.example.com>;tag=b\n\
        phone > proxy ACK\n+5 other > proxy BYE\nFrom: <sip:1002@pbx.example.com>;tag=b\nTo: <sip:1001@pbx.example.com>;tag=a\n\
        proxy > other 407\nProxy-Authenticate: challenge\n";
    check(
        &[NAMES, "other 198.51.100.8\n", call, LATER],
        NOTHING,
        "medium in-dialog-challenge-unanswered fault=unknown says=1002_never_answered",
    );
}

const REGISTERED: &str = "[trunk] proxy > carrier REGISTER\n[trunk] carrier > proxy 401\nWWW-Authenticate: challenge realm=carrier\n\
    [trunk] proxy > carrier REGISTER\nAuthorization: digest user=pbx password=secret\n[trunk] carrier > proxy 200\n";
const CALLED: &str = "[call] carrier > proxy INVITE\n[call] proxy > carrier 401\nWWW-Authenticate: challenge realm=asterisk\n\
    [call] carrier > proxy ACK\n";

#[test]
fn a_carrier_does_not_log_in_at_its_customer() {
    let trunk = [NAMES, REGISTERED, CALLED, LATER].concat();
    check(
        &[&trunk],
        NOTHING,
        "high challenge-unanswered fault=server sure=possible cause=trunk says=without_a_challenge",
    );
    check(&[NAMES, CALLED, LATER], NOTHING, "high challenge-unanswered fault=client cause=challenge-kind");
}

#[test]
fn who_was_let_in_before_without_credentials_is_known_by_something_else() {
    let taken = "[first] carrier > proxy INVITE\n[first] proxy > carrier 200\n[first] carrier > proxy ACK\n";
    check(
        &[NAMES, taken, "+40 ", CALLED, LATER],
        NOTHING,
        "high challenge-unanswered fault=unknown sure=possible says=without_asking",
    );
}

#[test]
fn a_client_that_answers_the_one_kind_knows_it() {
    let answered = "[one] > INVITE\n[one] < 401\nWWW-Authenticate: challenge\n[one] > ACK\n\
        [one] > INVITE\nAuthorization: digest user=1001 password=secret\n[one] < 200\n[one] > ACK\n[one] > BYE\n[one] < 200\n";
    let silent = "[two] > INVITE\n[two] < 401\nWWW-Authenticate: challenge\n[two] > ACK\n";
    let report = analyse(&[answered, "+60 ", silent, LATER], NOTHING);
    let found = report.findings.iter().find(|finding| finding.rule == "challenge-unanswered").expect("it is found");
    assert_eq!(found.cause, None, "{}", shown(&report));
    check(&[silent, LATER], NOTHING, "high challenge-unanswered cause=challenge-kind sure=likely");
}

#[test]
fn what_follows_within_ipsec_is_not_seen() {
    let asked = "> REGISTER\n< 401\nSecurity-Server: ipsec-3gpp;alg=hmac-md5-96;spi-c=1;spi-s=2;port-c=3;port-s=4\n\
        WWW-Authenticate: challenge algorithm=AKAv1-MD5\n";
    check(
        &[asked, LATER],
        NOTHING,
        "clean\ninfo challenge-unanswered says=IPsec\nno algorithm-unsupported-no-retry\nsessions undecided",
    );
    let plain = asked.replace("Security-Server: ipsec-3gpp;alg=hmac-md5-96;spi-c=1;spi-s=2;port-c=3;port-s=4\n", "");
    check(&[&plain, LATER], NOTHING, "high algorithm-unsupported-no-retry fault=client");
}

#[test]
fn answers_that_fit_no_request_are_no_silence() {
    let via = |branch: &str| format!("Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{branch}\n");
    let sent = format!("> REGISTER\n{}", via("a"));
    let again = "+0.5 retransmit 1\n+1 retransmit 1\n+2 retransmit 1\n";
    let other_branch = format!("{sent}< 401\n{}WWW-Authenticate: challenge\n{again}", via("b"));
    let other_cseq = format!("{sent}< 401\n{}CSeq: 9 REGISTER\nWWW-Authenticate: challenge\n{again}", via("a"));
    for (capture, says) in [(other_branch, "another_Via"), (other_cseq, "another_CSeq")] {
        let found = format!("high no-response-at-all fault=path says={says}\nno challenge-unanswered");
        check(&[&capture, LATER], NOTHING, &found);
    }
    // An answer to something else that the capture lacks.
    let unrelated = format!("{sent}< 401\n{}CSeq: 9 REGISTER\nWWW-Authenticate: challenge\n{again}", via("b"));
    check(&[&unrelated, LATER], NOTHING, "high no-response-at-all says=no_answer_of_any_kind");
}

#[test]
fn what_a_b2bua_is_refused_behind_it_is_not_the_callers() {
    let asked = "[a] phone > proxy INVITE sip:00491234567@pbx.example.com\n[a] proxy > phone 407\nProxy-Authenticate: challenge\n\
        [a] phone > proxy ACK\n[a] phone > proxy INVITE sip:00491234567@pbx.example.com\n\
        Proxy-Authorization: digest user=1001 password=secret\n[a] proxy > phone 100\n";
    let own = |from: &str| {
        format!(
            "[b] {from} > carrier INVITE sip:+491234567@carrier.example\nTo: <sip:+491234567@carrier.example>\n\
             [b] carrier > {from} 403\n[b] {from} > carrier ACK\n"
        )
    };
    let passed_back = "[a] proxy > phone 403\nCSeq: 2 INVITE\n";
    let behind = "medium forbidden-after-credentials fault=server says=refused_behind excludes=wrong_password";
    let asked_for = asked.replace(
        "INVITE sip:00491234567@pbx.example.com\n",
        "INVITE sip:00491234567@pbx.example.com\nTo: <sip:00491234567@pbx.example.com>\n",
    );
    for (from, names) in [("proxy", NAMES.to_owned()), ("outside", format!("{NAMES}outside 192.0.2.9\n"))] {
        for secret in [SECRET, NOTHING] {
            check(&[&names, &asked_for, &own(from), passed_back, LATER], secret, behind);
        }
    }
    // An extension is called by its whole number.
    let short =
        [&asked_for, &own("proxy")].map(|part| part.replace("00491234567", "2000").replace("+491234567", "2000"));
    check(&[NAMES, &short[0], &short[1], passed_back, LATER], SECRET, behind);
    let other = short[1].replace("2000", "2001");
    check(&[NAMES, &short[0], &other, passed_back, LATER], SECRET, "high forbidden-after-credentials");
    // A call of somebody else to another number shows nothing, nor one that was refused before this one began.
    let other = own("other").replace("+491234567", "+4999999");
    let names = format!("{NAMES}other 192.0.2.9\n");
    check(&[&names, &asked_for, &other, passed_back, LATER], SECRET, "high forbidden-after-credentials");
    check(&[NAMES, &own("proxy"), &asked_for, passed_back, LATER], SECRET, "high forbidden-after-credentials");
}

#[test]
fn an_answer_with_a_via_too_many_is_to_be_discarded() {
    let vias = "Via: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bKgw\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\n";
    let own = "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa\n";
    let asked = |vias: &str| {
        format!(
            "> REGISTER\n{own}< 401\n{vias}WWW-Authenticate: challenge\n+4 > REGISTER\n< 401\nWWW-Authenticate: challenge\n"
        )
    };
    let extra = asked(&format!("{own}Via: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bKgw\n"));
    check(&[&extra, LATER], NOTHING, "high retry-without-credentials fault=server sure=possible says=more_Via");
    check(&[&asked(own), LATER], NOTHING, "high retry-without-credentials fault=client sure=proven");
    // Behind the gateway both stand there rightly.
    let sent_on = format!("> REGISTER\n{vias}< 401\n{vias}WWW-Authenticate: challenge\n");
    check(&[&sent_on, LATER], NOTHING, "high challenge-unanswered fault=client");
}

#[test]
fn a_client_that_may_have_heard_the_challenge_is_not_cleared() {
    let asked = "phone > proxy REGISTER\nproxy > carrier forward\ncarrier > proxy 401\nWWW-Authenticate: challenge\n";
    // The way back is not captured, and nobody repeats himself.
    check(&[NAMES, asked, LATER], NOTHING, "medium challenge-unanswered fault=unknown sure=possible");
    // A challenge that crosses a CANCEL wants no answer.
    let call = "phone > proxy INVITE\nproxy > carrier forward\nphone > proxy CANCEL\nproxy > phone 200 to CANCEL\n\
        carrier > proxy 407\nCSeq: 1 INVITE\nProxy-Authenticate: challenge\nproxy > phone 487\nCSeq: 1 INVITE\n";
    check(&[NAMES, call, LATER], NOTHING, "clean");
    // Short captures tell it with care.
    let told = asked.to_owned() + "proxy > phone 403\n";
    check(&[NAMES, &told], NOTHING, "medium challenge-unanswered fault=server sure=possible");
}

#[test]
fn who_has_an_account_at_the_asker_is_no_carrier_of_it() {
    let mutual = "[own] carrier > proxy INVITE\n[own] proxy > carrier 401\nWWW-Authenticate: challenge realm=asterisk\n[own] carrier > proxy ACK\n\
        [own] carrier > proxy INVITE\nAuthorization: digest user=peer password=secret\n[own] proxy > carrier 200\n[own] carrier > proxy ACK\n";
    check(&[NAMES, REGISTERED, mutual, "+5 ", CALLED, LATER], NOTHING, "high challenge-unanswered fault=client");
}

#[test]
fn other_refusals_of_the_moment_clear_nobody() {
    // Another client calls the same number, and is asked by the same server.
    let wrong = "[a] phone > proxy INVITE sip:5551234@pbx.example.com\nTo: <sip:5551234@pbx.example.com>\n[a] proxy > phone 407\nProxy-Authenticate: challenge\n\
        [a] phone > proxy ACK\n[a] phone > proxy INVITE sip:5551234@pbx.example.com\nTo: <sip:5551234@pbx.example.com>\n\
        Proxy-Authorization: digest user=1001 password=wrong\n";
    let other = "[b] other > proxy INVITE sip:5551234@pbx.example.com\nTo: <sip:5551234@pbx.example.com>\n[b] proxy > other 403\n[b] other > proxy ACK\n";
    let names = format!("{NAMES}other 198.51.100.8\n");
    check(
        &[&names, wrong, other, "[a] proxy > phone 403\nCSeq: 2 INVITE\n", LATER],
        NOTHING,
        "high forbidden-after-credentials",
    );
    // The server let the caller past where it calls the carrier, and has no credentials for that.
    let own = "[b] proxy > carrier INVITE sip:5551234@carrier.example\nTo: <sip:5551234@carrier.example>\n[b] carrier > proxy 407\n\
        Proxy-Authenticate: challenge realm=c\n[b] proxy > carrier ACK\n";
    check(
        &[&names, wrong, own, "[a] proxy > phone 403\nCSeq: 2 INVITE\n", LATER],
        NOTHING,
        "high challenge-unanswered\nmedium forbidden-after-credentials fault=server says=refused_behind",
    );
}

#[test]
fn a_stale_loop_of_a_server_that_takes_such_credentials_is_its_own() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge opaque=o\n";
    let bare = "> REGISTER\nAuthorization: digest user=1001 password=secret opaque=none\n";
    let stale = "< 401\nWWW-Authenticate: challenge opaque=o stale=true\n";
    let looped = [bare, stale].concat().repeat(4);
    check(
        &[asked, &looped, LATER],
        SECRET,
        "high opaque-missing-or-changed fault=client\nmedium stale-loop by=opaque-missing-or-changed",
    );
    check(&[asked, bare, OK, "+60 ", &looped, LATER], SECRET, "high stale-loop fault=server");
}
