//! What counts as an answer to a challenge, and what does not: who need not answer, who did elsewhere, and who was asked too late.

use super::*;

const BYE_ASKED: &str = "+20 > BYE\nTo: <sip:2000@pbx.example.com>;tag=b\n< 407\nProxy-Authenticate: challenge\n";
const REGISTERED: &str = "[r] > REGISTER\n[r] < 401\nWWW-Authenticate: challenge\n\
    [r] > REGISTER\nAuthorization: digest user=1001 password=secret\n[r] < 200\n";

#[test]
fn where_the_beginning_of_the_dialog_is_not_seen_silence_may_be_right() {
    let possible = "medium in-dialog-challenge-unanswered sure=possible fault=unknown says=not_to_answer_is_right";
    check(&[BYE_ASKED, LATER], NOTHING, possible);
    // The called one has an account where it registers: it is its own server that asks.
    check(&[REGISTERED, BYE_ASKED, LATER], NOTHING, "high in-dialog-challenge-unanswered sure=proven fault=client");
    check(&[BYE_ASKED, "+5 ", REGISTERED, LATER], NOTHING, "high in-dialog-challenge-unanswered fault=client");
    // Nor is there a doubt where the client called.
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    let bye = "+20 > BYE\n< 407\nProxy-Authenticate: challenge\n";
    check(&[&call, bye, LATER], SECRET, "high in-dialog-challenge-unanswered sure=proven fault=client");
}

#[test]
fn whoever_a_proxy_called_need_not_answer_it() {
    let names = "phone 192.0.2.10\nproxy 203.0.113.5\ngateway 198.51.100.20\n";
    let call = "phone > proxy INVITE\nFrom: <sip:1001@pbx.example.com>;tag=a\nproxy > phone 407\nProxy-Authenticate: challenge\nphone > proxy ACK\n\
        phone > proxy INVITE\nFrom: <sip:1001@pbx.example.com>;tag=a\nProxy-Authorization: digest user=1001 password=secret\n\
        proxy > gateway forward\ngateway > proxy 200\nTo: <sip:2000@pbx.example.com>;tag=g\nproxy > phone forward\n";
    let bye = "+20 gateway > proxy BYE\nFrom: <sip:2000@pbx.example.com>;tag=g\nTo: <sip:1001@pbx.example.com>;tag=a\n\
        proxy > gateway 407\nProxy-Authenticate: challenge\n";
    check(
        &[names, call, bye, LATER],
        NOTHING,
        "medium in-dialog-challenge-unanswered sure=possible fault=unknown says=not_to_answer_is_right",
    );
    // Where the called one registers is its own server.
    let registered = "[r] gateway > proxy REGISTER\nFrom: <sip:2000@pbx.example.com>;tag=r\nTo: <sip:2000@pbx.example.com>\n\
        [r] proxy > gateway 401\nWWW-Authenticate: challenge\n[r] gateway > proxy REGISTER\nFrom: <sip:2000@pbx.example.com>;tag=r\n\
        To: <sip:2000@pbx.example.com>\nAuthorization: digest user=2000 password=secret\n[r] proxy > gateway 200\n";
    check(&[names, registered, call, bye, LATER], NOTHING, "high in-dialog-challenge-unanswered fault=client");
    let own = "+20 phone > proxy BYE\nFrom: <sip:1001@pbx.example.com>;tag=a\nTo: <sip:2000@pbx.example.com>;tag=g\n\
        proxy > phone 407\nProxy-Authenticate: challenge\n";
    check(&[names, call, own, LATER], NOTHING, "high in-dialog-challenge-unanswered sure=proven fault=client");
}

#[test]
fn a_client_that_was_let_in_without_credentials_may_have_none() {
    let call = "> INVITE\n< 200\n> ACK\n";
    let bye = "+20 > BYE\n< 407\nProxy-Authenticate: challenge\n";
    check(
        &[call, bye, LATER],
        NOTHING,
        "high in-dialog-challenge-unanswered sure=likely fault=unknown says=let_in_without_credentials",
    );
    check(&[REGISTERED, call, bye, LATER], NOTHING, "high in-dialog-challenge-unanswered sure=proven fault=client");
}

#[test]
fn what_stands_beside_the_right_header_is_not_under_the_wrong_one() {
    let both = |password: &str| {
        format!(
            "> REGISTER\nAuthorization: digest user=1001 password={password}\n\
             Proxy-Authorization: digest user=1001 password={password} nonce=n realm=pbx.example.com\n"
        )
    };
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n\n";
    check(
        &[asked, &both("wrong"), REFUSED, LATER],
        SECRET,
        "high digest-wrong-password by=-\nno credentials-wrong-header",
    );
    check(&[asked, &both("secret"), OK, LATER], SECRET, "clean\nno credentials-wrong-header");
    let alone = "> REGISTER\nProxy-Authorization: digest user=1001 password=wrong nonce=n realm=pbx.example.com\n";
    check(&[asked, alone, REFUSED, LATER], SECRET, "high credentials-wrong-header");
}

#[test]
fn the_form_of_a_refusal_does_not_clear_the_password() {
    let refusals = [
        ("< 401\n", "challenge-header-missing"),
        (
            "< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"\", qop=\"auth\"\n",
            "challenge-malformed",
        ),
    ];
    for (refusal, form) in refusals {
        let wrong = format!("high digest-wrong-password by=-\nmedium {form} fault=server");
        check(&[ASKED, WRONG, refusal, LATER], SECRET, &wrong);
        check(&[ASKED, WRONG, refusal, LATER], NOTHING, &format!("high rejected-credentials by=-\nmedium {form}"));
        // A right digest that is refused so is the server's own doing.
        check(&[ASKED, RIGHT, refusal, LATER], SECRET, &format!("high {form} fault=server"));
        let report = analyse(&[ASKED, WRONG, refusal, LATER], SECRET);
        let excluded = report.findings.iter().filter(|finding| finding.rule == form).flat_map(|found| &found.excluded);
        assert!(!excluded.into_iter().any(|text| text.starts_with("wrong password")), "{}", shown(&report));
    }
}

#[test]
fn whoever_answers_under_the_header_that_he_was_asked_in_has_coped() {
    let asked = "< 401\nProxy-Authenticate: challenge\n";
    let answer = |password| format!("> REGISTER\nProxy-Authorization: digest user=1001 password={password}\n");
    check(
        &["> REGISTER\n", asked, &answer("wrong"), asked, LATER],
        SECRET,
        "high digest-wrong-password by=-\nmedium challenge-header-wrong-kind fault=server",
    );
    check(
        &["> REGISTER\n", asked, &answer("secret"), asked, LATER],
        SECRET,
        "high challenge-header-wrong-kind fault=server excludes=client_fault",
    );
}

#[test]
fn a_challenge_beside_one_that_can_be_answered_shuts_nobody_out() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"x\"\nWWW-Authenticate: challenge\n";
    check(&[asked, RIGHT, OK], SECRET, "medium challenge-malformed says=beside_it_can_be_answered\nsessions accepted");
    let report = analyse(&[asked, RIGHT, OK], SECRET);
    let found = report.findings.iter().find(|finding| finding.rule == "challenge-malformed").expect("it is found");
    assert!(found.excluded.is_empty(), "{}", shown(&report));
}

#[test]
fn a_challenge_that_came_when_the_client_had_given_up_is_not_its_fault() {
    let late = ["> REGISTER\n", "+3 retransmit\n", "+36 < 401\nWWW-Authenticate: challenge\n"].concat();
    check(&[&late, LATER], NOTHING, "high challenge-unanswered fault=server sure=likely says=a_client_waits_no_longer");
    let again = "+2 > REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    check(&[&late, again, LATER], NOTHING, "no retry-without-credentials");
    let in_time = late.replace("+36", "+25");
    check(&[&in_time, LATER], NOTHING, "high challenge-unanswered fault=client sure=proven");
    // Who rings has an INVITE answered when it will be.
    let ringing = "> INVITE\n< 100\n+36 < 407\nProxy-Authenticate: challenge\n> ACK\n";
    check(&[ringing, LATER], NOTHING, "high challenge-unanswered fault=client");
}

#[test]
fn another_request_of_the_dialog_answers_nothing() {
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    let refer = "+10 > REFER\n< 407\nProxy-Authenticate: challenge nonce=r\n";
    let bye_asked = "+40 > BYE\n< 407\nProxy-Authenticate: challenge nonce=b\n";
    let bye = "> BYE\nProxy-Authorization: digest user=1001 password=secret\n< 200\n";
    check(
        &[&call, refer, bye_asked, bye, LATER],
        SECRET,
        "high in-dialog-challenge-unanswered fault=client says=REFER\nno challenge-header-missing",
    );
    let hold = "+10 > INVITE\n< 407\nProxy-Authenticate: challenge nonce=r\n> ACK\n";
    let cached = "+40 > BYE\nProxy-Authorization: digest user=1001 password=secret nonce=first nc=00000002\n< 200\n";
    check(&[&call, hold, cached, LATER], SECRET, "high in-dialog-challenge-unanswered says=INVITE");
    // The nonce of the challenge is an answer, whatever it comes with; so is the same method.
    let with_nonce = "> BYE\nProxy-Authorization: digest user=1001 password=secret\n< 200\n";
    check(&[&call, hold, with_nonce, LATER], SECRET, "no in-dialog-challenge-unanswered challenge-unanswered");
    let again =
        "+10 > INVITE\nProxy-Authorization: digest user=1001 password=secret nonce=first nc=00000002\n< 200\n> ACK\n";
    check(&[&call, hold, again, LATER], SECRET, "no in-dialog-challenge-unanswered challenge-unanswered");
}

#[test]
fn another_method_or_realm_of_the_account_answers_nothing() {
    let watched = "[s] > SUBSCRIBE\n[s] < 407\nProxy-Authenticate: challenge\n+3 ";
    let unanswered =
        "high challenge-unanswered fault=client sure=proven says=See_why_it_does_not_answer_this_SUBSCRIBE";
    check(&[watched, REGISTERED, LATER], SECRET, unanswered);
    // The same method for the same realm at the same server is what was asked for.
    let again = "[t] > SUBSCRIBE\n[t] < 407\nProxy-Authenticate: challenge\n\
        [t] > SUBSCRIBE\nProxy-Authorization: digest user=1001 password=secret\n[t] < 200\n";
    check(&[watched, again, LATER], SECRET, "clean");
    let other = again.replace("challenge\n", "challenge realm=other.example\n");
    check(&[watched, &other, LATER], SECRET, "high challenge-unanswered fault=client");
}

#[test]
fn an_answer_from_another_port_or_at_another_server_is_a_doubtful_one() {
    let names = "phone 192.0.2.10:5060\ntwin 192.0.2.10:40001\none 203.0.113.5\nother 203.0.113.6\n";
    let asked = "[a] twin > one REGISTER\n[a] one > twin 401\nWWW-Authenticate: challenge\n+3 ";
    let in_at = |client: &str, server: &str| {
        format!(
            "[b] {client} > {server} REGISTER\n[b] {server} > {client} 401\nWWW-Authenticate: challenge\n\
             [b] {client} > {server} REGISTER\nAuthorization: digest user=1001 password=secret\n[b] {server} > {client} 200\n"
        )
    };
    let doubtful = "medium challenge-unanswered sure=possible says=another_client";
    check(&[names, asked, &in_at("phone", "one"), LATER], SECRET, doubtful);
    check(&[names, asked, &in_at("twin", "other"), LATER], SECRET, doubtful);
    check(&[names, asked, &in_at("twin", "one"), LATER], SECRET, "clean");
}

#[test]
fn a_client_that_gets_in_within_a_minute_has_not_ignored_much() {
    let again = RIGHT.replace("> REGISTER\n", "> REGISTER\nCSeq: 9 REGISTER\n");
    let stale =
        [ASKED, RIGHT, OK, "+20 > REGISTER\nAuthorization: digest user=1001 password=secret nc=00000002\n", STALE]
            .concat();
    let in_after = |seconds| format!("+{seconds} {}", REGISTERED);
    check(
        &[&stale, &in_after(45), LATER],
        SECRET,
        "medium stale-ignored-by-client sure=likely says=under_another_Call-ID",
    );
    check(&[&stale, &in_after(10), LATER], SECRET, "no stale-ignored-by-client");
    check(&[&stale, &in_after(90), LATER], SECRET, "high stale-ignored-by-client sure=proven");
    check(&[ASKED, &in_after(45), LATER], SECRET, "medium challenge-unanswered sure=possible");
    check(&[ASKED, &in_after(90), LATER], SECRET, "high challenge-unanswered sure=proven");
    check(&[ASKED, &again, OK, LATER], SECRET, "clean");
}

#[test]
fn a_client_that_used_an_algorithm_knows_it() {
    let registered = REGISTERED.replace("challenge\n", "challenge algorithm=SHA-256\n");
    let call = "+5 > INVITE\n< 407\nProxy-Authenticate: challenge algorithm=SHA-256\n> ACK\n";
    check(
        &[&registered, call, LATER],
        SECRET,
        "high challenge-unanswered fault=client says=under_another_Call-ID\nno algorithm-unsupported-no-retry",
    );
    check(&[REGISTERED, call, LATER], SECRET, "high algorithm-unsupported-no-retry");
}

#[test]
fn an_empty_response_is_no_try_in_a_loop() {
    let announced = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"\", uri=\"sip:pbx.example.com\", response=\"\"\n";
    let loops = [announced, REFUSED, WRONG, REFUSED, WRONG, REFUSED, LATER].concat();
    check(&[&loops], NOTHING, "high challenge-loop says=2_REGISTERs_with_credentials");
    check(&[&[announced, REFUSED].concat().repeat(4), LATER], NOTHING, "high response-malformed\nno challenge-loop");
}

#[test]
fn two_accounts_of_one_call_id_do_not_answer_for_each_other() {
    let other = "From: <sip:1002@pbx.example.com>;tag=two\nTo: <sip:1002@pbx.example.com>\n";
    let bare = format!("> REGISTER\n{other}< 401\nWWW-Authenticate: challenge\n");
    let wrong = format!(
        "> REGISTER\n{other}Authorization: digest user=1002 password=wrong\n< 401\nWWW-Authenticate: challenge\n"
    );
    let first = [ASKED, RIGHT, OK].concat();
    check(&[&bare, "+1 ", &first, LATER], SECRET, "high challenge-unanswered fault=client");
    check(&[&bare, &wrong, "+1 ", &first, LATER], SECRET, "high rejected-credentials");
    // One account that gets in at last has got in.
    check(&[ASKED, WRONG, REFUSED, RIGHT, OK, LATER], SECRET, "medium digest-wrong-password");
}

#[test]
fn a_challenged_ack_that_did_not_count_tears_the_call_down() {
    let ack = "> ACK\nCSeq: 1 ACK\n< 407\nCSeq: 1 ACK\nProxy-Authenticate: challenge\n";
    let again = "+4 < 200\nCSeq: 1 INVITE\n";
    let call = "> INVITE\n< 200\n";
    check(&[call, ack, again, ack, again, ack, LATER], NOTHING, "high ack-or-cancel-challenged says=did_not_count");
    check(&[call, ack, LATER], NOTHING, "medium ack-or-cancel-challenged says=all_the_same");
}

#[test]
fn a_challenged_cancel_lets_the_dead_call_be_answered() {
    let cancel = "> INVITE\n< 180\n+2 > CANCEL\n< 407 to CANCEL\nProxy-Authenticate: challenge\n";
    check(
        &[cancel, "+3 < 200 to INVITE\n> ACK\n", LATER],
        NOTHING,
        "high ack-or-cancel-challenged fault=server says=accepted_behind_it",
    );
    check(&[cancel, "+3 < 487 to INVITE\n> ACK\n", LATER], NOTHING, "medium ack-or-cancel-challenged");
}

#[test]
fn a_host_that_calls_for_several_users_may_be_a_carrier() {
    let call = |name: &str, user: &str| {
        format!(
            "[{name}] carrier > pbx INVITE\nFrom: <sip:{user}@carrier.example>;tag={name}\n\
             [{name}] pbx > carrier 401\nWWW-Authenticate: challenge\n[{name}] carrier > pbx ACK\n"
        )
    };
    let names = "carrier 203.0.113.200\npbx 198.51.100.5\n";
    check(
        &[names, &call("a", "+49170"), &call("b", "+49171"), LATER],
        NOTHING,
        "high challenge-unanswered sure=possible fault=unknown cause=trunk says=identify",
    );
    check(
        &[names, &call("a", "1001"), &call("b", "1001"), LATER],
        NOTHING,
        "high challenge-unanswered fault=client cause=challenge-kind",
    );
}

#[test]
fn who_is_forbidden_may_change_the_call_id_with_every_retry() {
    let forbidden = |number: u32, user: &str, wait: u32| {
        format!(
            "+{wait} [{number}] > REGISTER\nTo: <sip:{user}@pbx.example.com>\n[{number}] < 401\nWWW-Authenticate: challenge\n\
             [{number}] > REGISTER\nTo: <sip:{user}@pbx.example.com>\nAuthorization: digest user={user} password=secret\n[{number}] < 403\n"
        )
    };
    let all = |user: fn(u32) -> &'static str, wait| -> String {
        (1..=5).map(|number| forbidden(number, user(number), wait)).collect()
    };
    check(&[&all(|_| "1001", 10), LATER], NOTHING, "medium retry-after-403 fault=client sessions=2 says=new_Call-ID");
    check(&[&all(|_| "1001", 40), LATER], NOTHING, "no retry-after-403");
    let users = |number| ["1001", "1002", "1003", "1004", "1005"][number as usize - 1];
    check(&[&all(users, 10), LATER], NOTHING, "no retry-after-403");
}

#[test]
fn an_answer_at_another_server_of_the_service_is_one() {
    let names = "one 203.0.113.5\nother 203.0.113.6\nphone 192.0.2.10\nneighbour 192.0.2.11\n";
    let asked =
        "[a] phone > one INVITE\n[a] one > phone 407\nProxy-Authenticate: challenge nonce=n\n[a] phone > one ACK\n";
    let answer = |who: &str| {
        format!(
            "[b] {who} > other INVITE\nProxy-Authorization: digest user=1001 password=secret nonce=n realm=pbx.example.com\n\
             [b] other > {who} 200\n[b] {who} > other ACK\n"
        )
    };
    check(&[names, asked, &answer("phone"), LATER], SECRET, "clean\nno challenge-unanswered dialog-identity-changed");
    // A nonce that many got within one second is another client's, too.
    check(&[names, asked, &answer("neighbour"), LATER], SECRET, "high challenge-unanswered fault=client");
}

#[test]
fn a_challenge_that_took_another_way_back_is_told_so() {
    let names = "phone 192.0.2.10:5060\nport 192.0.2.10:40000\nserver 203.0.113.5\nother 203.0.113.6\n";
    let ids = "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKone;rport\nFrom: <sip:1001@pbx.example.com>;tag=a\n\
        To: <sip:1001@pbx.example.com>\nCall-ID: one\nCSeq: 1 REGISTER\n";
    let asked = format!("phone > server raw\nREGISTER sip:pbx.example.com SIP/2.0\n{ids}\n");
    let challenge = "WWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n\", qop=\"auth\", algorithm=MD5\n";
    let refused = |way: &str| format!("{way} raw\nSIP/2.0 401 Unauthorized\n{ids}{challenge}\n");
    let (straight, from_other, to_port) =
        (refused("server > phone"), refused("other > phone"), refused("server > port"));
    let again = "+0.5 retransmit 1\n+1 retransmit 1\n+2 retransmit 1\n";
    let path = "high challenge-unanswered fault=path sure=likely";
    check(
        &[names, &asked, &from_other, again, LATER],
        NOTHING,
        &format!("{path} says=came_from_203.0.113.6:5060,_but_the_request_had_gone_to_203.0.113.5:5060"),
    );
    check(
        &[names, &asked, &to_port, again, LATER],
        NOTHING,
        &format!("{path} says=went_to_192.0.2.10:40000,_but_the_request_had_come_from_192.0.2.10:5060"),
    );
    // Who repeats nothing has got it.
    check(
        &[names, &asked, &from_other, LATER],
        NOTHING,
        "high challenge-unanswered fault=client sure=likely says=came_from_203.0.113.6:5060",
    );
    // The way of the request, too: the capture holds both sides of a device.
    check(
        &[names, &asked, &from_other, "+0.1 ", &straight, LATER],
        NOTHING,
        "high challenge-unanswered sure=proven unsaid=came_from",
    );
    check(&[names, &asked, &straight, LATER], NOTHING, "high challenge-unanswered sure=proven unsaid=came_from");
}

#[test]
fn a_phone_that_listens_at_another_port_than_it_sends_from_is_told_so() {
    let names = "phone 192.0.2.10:50933\nserver 203.0.113.5\n";
    let register = |via: &str| {
        let ids = format!(
            "Via: SIP/2.0/UDP {via};branch=z9hG4bKone\nFrom: <sip:1001@pbx.example.com>;tag=a\n\
             To: <sip:1001@pbx.example.com>\nCall-ID: one\nCSeq: 1 REGISTER\n"
        );
        let challenge =
            "WWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n\", qop=\"auth\", algorithm=MD5\n";
        format!(
            "phone > server raw\nREGISTER sip:pbx.example.com SIP/2.0\n{ids}\n\n\
             server > phone raw\nSIP/2.0 401 Unauthorized\n{ids}{challenge}\n"
        )
    };
    let again = "+0.5 retransmit 1\n+1 retransmit 1\n+2 retransmit 1\n";
    let (server, path) = ("high challenge-unanswered fault=server sure=likely", "high challenge-unanswered fault=path");
    let said = format!("{server} says=wants_answers_at_port_5060");
    check(&[names, &register("192.0.2.10"), again, LATER], NOTHING, &said);
    check(&[names, &register("192.0.2.10:5060"), again, LATER], NOTHING, &said);
    for asks in ["192.0.2.10:5060;rport", "192.0.2.10:50933", "10.0.0.1:5060", "phone.example.com"] {
        let unsaid = format!("{path} unsaid=wants_answers_at");
        check(&[names, &register(asks), again, LATER], NOTHING, &unsaid);
    }
}
