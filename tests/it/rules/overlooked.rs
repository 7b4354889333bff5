//! Failures of which a report said nothing.

use super::*;

#[test]
fn a_register_that_is_refused_without_a_challenge_is_told() {
    for status in ["305", "400", "405", "480", "500", "503"] {
        let refused = format!("> REGISTER\n< {status}\n");
        check(&[&refused, LATER], NOTHING, "medium registrar-rejects-contact says=never_challenged\nverdict problems");
    }
    // A call is refused by whom it may be.
    check(&["> INVITE\n< 503\n> ACK\n", LATER], NOTHING, "no registrar-rejects-contact");
    check(&["> REGISTER\n< 503\n+5 > REGISTER\n", REFUSED, RIGHT, OK, LATER], NOTHING, "clean");
}

fn calls(count: usize, answer: &str) -> String {
    (0..count).map(|call| format!("+5 [c{call}] > INVITE\n[c{call}] < {answer}\n[c{call}] > ACK\n")).collect()
}

#[test]
fn calls_that_are_all_forbidden_without_a_challenge_are_told() {
    check(
        &[&calls(5, "403"), LATER],
        NOTHING,
        "medium registrar-rejects-contact fault=operator sure=possible says=IP_authentication\ntold refused for another reason",
    );
    check(&[&calls(2, "403"), LATER], NOTHING, "clean\ninfo registrar-rejects-contact\nverdict nothing_found");
    check(&[&calls(5, "486"), LATER], NOTHING, "no registrar-rejects-contact");
    // Who gets in otherwise calls numbers that are barred.
    check(
        &[ASKED, RIGHT, OK, "+700 [after] > OPTIONS\n[after] < 200\n", &calls(5, "403"), LATER],
        NOTHING,
        "no registrar-rejects-contact",
    );
}

#[test]
fn credentials_that_a_server_took_and_forgot_are_told() {
    check(
        &[ASKED, RIGHT, "< 100\n", LATER],
        NOTHING,
        "medium no-response-at-all fault=server says=never_finished\nno auth-retry-no-response\nverdict problems",
    );
    // The client goes on to try where the capture ends.
    check(
        &[ASKED, RIGHT, "< 100\n+40 ", ASKED, RIGHT, "< 100\n"],
        NOTHING,
        "medium no-response-at-all cause=unfinished\nverdict problems\ntold did not get in",
    );
    check(&[ASKED, RIGHT, "< 100\n+40 ", OK, LATER], NOTHING, "no no-response-at-all");
    let later = LATER.replace("+40", "+200");
    check(&[CALL_ASKED, CALL_RIGHT, "< 100\n", &later], NOTHING, "medium no-response-at-all says=never_finished");
    // Who rings may ring for long.
    check(&[CALL_ASKED, CALL_RIGHT, "< 100\n< 180\n", &later], NOTHING, "no no-response-at-all");
    check(&[CALL_ASKED, CALL_RIGHT, "< 100\n", LATER], NOTHING, "no no-response-at-all");
}

#[test]
fn a_message_that_its_receiver_declines_is_not_its_servers_fault() {
    let message = "> MESSAGE\nProxy-Authorization: digest user=1001 password=secret\n";
    let asked = "> MESSAGE\n< 407\nProxy-Authenticate: challenge\n";
    check(&[asked, message, "< 603\n"], NOTHING, "medium registrar-rejects-contact fault=unknown");
    check(&[asked, message, "< 503\n"], NOTHING, "medium registrar-rejects-contact fault=server");
}

const LONG: &str = "X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";

#[test]
fn an_answer_that_lost_its_fragments_did_not_arrive_where_the_request_is_repeated() {
    let answer = format!("< first-fragment-of 401\nWWW-Authenticate: challenge\n{LONG}");
    let lost =
        format!("mtu 576\n> REGISTER\n{answer}+0.5 retransmit 1\n+1 retransmit 1\n+2 retransmit 1\n+4 retransmit 1\n");
    check(
        &[&lost, LATER],
        NOTHING,
        "high fragments-incomplete fault=path says=did_not_arrive\nmedium no-response-at-all by=fragments-incomplete",
    );
    let heard = format!("mtu 576\n> REGISTER\n{answer}{RIGHT}{OK}");
    check(&[&heard, LATER], NOTHING, "info fragments-incomplete says=did_arrive");
}
