//! Groups E and P: other refusals, silence, and the capture itself.

use super::*;

const PATIENCE: &str = "+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";

#[test]
fn no_response_at_all_is_found() {
    check(
        &["> REGISTER\n", PATIENCE, LATER],
        NOTHING,
        "high no-response-at-all fault=path sure=likely excludes=wrong_password\nsessions no_answer",
    );
    check(
        &[CALL_ASKED, CALL_RIGHT, PATIENCE, LATER],
        SECRET,
        "medium no-response-at-all says=although_an_earlier_request by=auth-retry-no-response\nno challenge-unanswered",
    );
}

#[test]
fn no_response_at_all_is_found_for_credentials_sent_unasked() {
    check(
        &[
            "> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx nonce=cached qop=auth\n",
            PATIENCE,
            LATER,
        ],
        NOTHING,
        "high no-response-at-all\nsessions no_answer",
    );
}

#[test]
fn no_response_at_all_is_info_for_a_ping() {
    check(&["> OPTIONS\n", PATIENCE, LATER], NOTHING, "clean\ninfo no-response-at-all");
}

#[test]
fn no_response_at_all_needs_patience_and_silence() {
    check(&["> REGISTER\n+0.5 retransmit\n+1 retransmit\n", LATER], NOTHING, "no no-response-at-all");
    check(&["> INVITE\n", PATIENCE, "< 100\n", LATER], NOTHING, "no no-response-at-all");
    check(&["> REGISTER\n", PATIENCE, OK, LATER], NOTHING, "no no-response-at-all");
    check(&["> REGISTER\nduplicate\nduplicate\nduplicate\nduplicate\n", LATER], NOTHING, "no no-response-at-all");
}

#[test]
fn silence_is_info_where_one_direction_was_captured() {
    check(
        &["> REGISTER\n< unseen 401\nWWW-Authenticate: challenge\n", RIGHT, PATIENCE, LATER],
        NOTHING,
        "info no-response-at-all sure=possible",
    );
    check(
        &["> unseen REGISTER\n< 401\nWWW-Authenticate: challenge\n+40 [later] > unseen OPTIONS\n[later] < 200\n"],
        NOTHING,
        "clean\ninfo challenge-unanswered",
    );
    check(&["> INVITE\n< unseen 200\n> ACK\n", LATER], NOTHING, "clean");
}

#[test]
fn registrar_rejects_contact_is_found() {
    check(
        &[ASKED, RIGHT, "< 423\n"],
        SECRET,
        "medium registrar-rejects-contact fault=client excludes=wrong_password\nsessions failed\nattempts challenged failed",
    );
    check(&[ASKED, RIGHT, "< 402\n"], SECRET, "medium registrar-rejects-contact fault=operator");
    check(&[ASKED, RIGHT, "< 503\n"], SECRET, "medium registrar-rejects-contact fault=server");
    check(&["> REGISTER\n< 404\n"], NOTHING, "medium registrar-rejects-contact says=never_challenged\nsessions failed");
    check(&["> REGISTER\n< 403\n"], NOTHING, "medium registrar-rejects-contact");
    check(&["> SUBSCRIBE\n< 408\n"], NOTHING, "medium registrar-rejects-contact");
}

#[test]
fn registrar_rejects_contact_is_info_where_it_was_not_the_last_word() {
    check(&[ASKED, RIGHT, "< 423\n", RIGHT, OK], SECRET, "clean\ninfo registrar-rejects-contact");
}

#[test]
fn registrar_rejects_contact_is_neither_about_authentication_nor_the_called_party() {
    check(&[ASKED, RIGHT, "< 403\n"], NOTHING, "no registrar-rejects-contact");
    check(&[ASKED, RIGHT, "< 404\n"], NOTHING, "no registrar-rejects-contact");
    check(&[ASKED, RIGHT, "< 400\n"], NOTHING, "no registrar-rejects-contact");
    check(&[ASKED, RIGHT, "< 482\n"], NOTHING, "no registrar-rejects-contact");
    check(&[CALL_ASKED, CALL_RIGHT, "< 486\n> ACK\n"], NOTHING, "clean\nno registrar-rejects-contact");
    check(&["> REGISTER\n< 503\n"], NOTHING, "no registrar-rejects-contact");
}

#[test]
fn user_unknown_suspected_is_found() {
    check(
        &[ASKED, RIGHT, "< 404\n"],
        NOTHING,
        "medium user-unknown-suspected fault=operator by=forbidden-after-credentials\nsessions forbidden",
    );
    check(&[ASKED, RIGHT, "< 404\n+5 ", RIGHT, OK], NOTHING, "info user-unknown-suspected");
}

#[test]
fn user_unknown_suspected_is_neither_a_called_party_nor_unasked() {
    check(&[CALL_ASKED, CALL_RIGHT, "< 404\n> ACK\n"], NOTHING, "no user-unknown-suspected");
    check(&["> REGISTER\n< 404\n"], NOTHING, "no user-unknown-suspected");
    check(&[ASKED, RIGHT, REFUSED], NOTHING, "no user-unknown-suspected");
}

#[test]
fn capture_quality_is_found() {
    // Where it hides all there is to know, it is the answer.
    check(&["snaplen 200\n", ASKED], NOTHING, "medium capture-quality says=snap_length");
    check(&["> REGISTER\nduplicate\n", OK], NOTHING, "info capture-quality says=twice");
    check(
        &["mtu 600\n> first-fragment-of MESSAGE\n\n", &"x".repeat(900), "\n"],
        NOTHING,
        "info capture-quality says=fragments",
    );
}

#[test]
fn capture_quality_is_not_said_of_a_whole_capture() {
    check(&[ASKED, RIGHT, OK], NOTHING, "no capture-quality");
    check(&["> REGISTER\n+0.5 retransmit\n", OK], NOTHING, "no capture-quality");
    check(&["mtu 600\n> MESSAGE\n\n", &"x".repeat(900), "\n", OK], NOTHING, "no capture-quality");
}

#[test]
fn strict_parser_rejects_is_found() {
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx\"\n", LATER],
        NOTHING,
        "info strict-parser-rejects sure=possible",
    );
}

#[test]
fn strict_parser_rejects_is_not_said_of_plain_headers_nor_of_success() {
    check(&[ASKED, RIGHT, REFUSED], NOTHING, "no strict-parser-rejects");
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx\"\n> REGISTER\n", OK],
        NOTHING,
        "no strict-parser-rejects",
    );
}

#[test]
fn strict_parser_rejects_is_not_said_of_a_challenge_answered_under_another_call_id() {
    let folded =
        "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\",\n nonce=\"abc\", qop=\"auth\"\n";
    let answer = "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 200\n";
    check(&[folded, answer, LATER], SECRET, "medium dialog-identity-changed\nno strict-parser-rejects");
    check(&[folded, LATER], SECRET, "high challenge-unanswered\ninfo strict-parser-rejects");
}
