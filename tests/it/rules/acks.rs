//! Group D: the ACK of a challenge, a challenge that comes late, and credentials where none belong.

use super::*;

const ASKED_CALL: &str = "> INVITE\n< 407\nProxy-Authenticate: challenge\n";
const REPEATED: &str = "+0.5 retransmit 2\n+1 retransmit 2\n+2 retransmit 2\n";

#[test]
fn ack_missing_is_found() {
    check(
        &[ASKED_CALL, REPEATED, LATER],
        NOTHING,
        "high ack-missing by=- fault=client sure=likely says=3_times
        medium challenge-unanswered by=ack-missing",
    );
    check(&[ASKED_CALL, REPEATED], NOTHING, "medium ack-missing sure=possible");
    let provisional = "> INVITE\n< 100\n< 407\nProxy-Authenticate: challenge\n";
    let repeated = REPEATED.replace("retransmit 2", "retransmit 3");
    check(&[provisional, &repeated, LATER], NOTHING, "high ack-missing fault=unknown says=never_reached");
    check(&[ASKED_CALL, REPEATED, CALL_RIGHT, CALL_OK, LATER], SECRET, "medium ack-missing");
}

#[test]
fn ack_missing_is_the_paths_fault_where_the_client_repeats_its_invite() {
    check(
        &[ASKED_CALL, "+0.5 retransmit 1\n+0.01 retransmit 2\n+1 retransmit 1\n+0.01 retransmit 2\n", LATER],
        NOTHING,
        "high ack-missing fault=path says=does_not_reach",
    );
}

#[test]
fn ack_missing_needs_repetitions_and_no_ack() {
    check(&[ASKED_CALL, REPEATED, "> ACK\n", LATER], NOTHING, "no ack-missing ack-mismatch");
    check(&[ASKED_CALL, "+0.5 retransmit 2\n", LATER], NOTHING, "no ack-missing");
    // The same packets seen twice by a span port are no repetitions.
    check(&[ASKED_CALL, "duplicate 2\nduplicate 2\nduplicate 2\n", LATER], NOTHING, "no ack-missing");
    check(&[ASKED, "+0.5 retransmit 2\n+1 retransmit 2\n+2 retransmit 2\n", LATER], NOTHING, "no ack-missing");
    check(&[ASKED_CALL, "> ACK\n", CALL_RIGHT, CALL_OK], SECRET, "clean\nno ack-missing");
}

#[test]
fn an_ack_whose_headers_were_cut_is_no_mismatch() {
    for len in (60..600).step_by(20) {
        check(&[&format!("snaplen {len}\n"), ASKED_CALL, "> ACK\n", LATER], NOTHING, "no ack-mismatch");
    }
}

#[test]
fn ack_mismatch_is_found() {
    let branch = "> ACK\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKother\n";
    check(
        &[ASKED_CALL, branch, REPEATED, LATER],
        NOTHING,
        "high ack-mismatch by=- fault=client says=Via_branch
        medium challenge-unanswered by=ack-mismatch
        no ack-missing",
    );
    check(&[ASKED_CALL, "> ACK\nCSeq: 77 ACK\n", REPEATED, LATER], NOTHING, "high ack-mismatch says=CSeq");
    let to = "> INVITE\n< 407\nTo: <sip:2000@pbx.example.com>;tag=right\nProxy-Authenticate: challenge\n> ACK\nTo: <sip:2000@pbx.example.com>;tag=wrong\n";
    check(&[to, REPEATED, LATER], NOTHING, "high ack-mismatch says=\"right\"");
}

#[test]
fn ack_mismatch_is_medium_where_the_server_takes_it() {
    let branch = "> ACK\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKother\n";
    check(&[ASKED_CALL, branch, CALL_RIGHT, CALL_OK], SECRET, "medium ack-mismatch says=took_the_ACK");
}

#[test]
fn ack_mismatch_is_not_said_where_one_ack_fits_nor_of_an_accepted_call() {
    let branch = "> ACK\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKother\n";
    check(&[ASKED_CALL, branch, "> ACK\n", LATER], NOTHING, "no ack-mismatch ack-missing");
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK], SECRET, "clean\nno ack-mismatch");
    check(&[CALL_ASKED, CALL_RIGHT, "< 200\n", branch], SECRET, "clean\nno ack-mismatch");
    let old = "> INVITE\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=1\n< 407\nProxy-Authenticate: challenge\n> ACK\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=2\n";
    check(&[old], NOTHING, "no ack-mismatch");
}

#[test]
fn ack_without_invite_credentials_is_found() {
    check(
        &[CALL_ASKED, CALL_RIGHT, "< 200\n> ACK\nProxy-Authorization: -\n"],
        SECRET,
        "clean\ninfo ack-without-invite-credentials",
    );
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK], SECRET, "no ack-without-invite-credentials");
    check(
        &[CALL_ASKED, CALL_RIGHT, "< 486\n> ACK\nProxy-Authorization: -\n"],
        SECRET,
        "no ack-without-invite-credentials",
    );
    check(&["> INVITE\n< 200\n> ACK\n"], NOTHING, "no ack-without-invite-credentials");
}

#[test]
fn credentials_in_cancel_are_found() {
    let cancelled = |header: &str| format!("< 180\n+2 > CANCEL\n{header}< 200 to CANCEL\n< 487 to INVITE\n> ACK\n");
    check(
        &[CALL_ASKED, CALL_RIGHT, &cancelled("Proxy-Authorization: again\n")],
        SECRET,
        "clean\ninfo credentials-in-cancel fault=client",
    );
    check(&[CALL_ASKED, CALL_RIGHT, &cancelled("")], SECRET, "no credentials-in-cancel");
    let asked = "> INVITE\n< 401\nWWW-Authenticate: challenge\n> ACK\n> INVITE\nAuthorization: digest user=1001 password=secret\n";
    check(&[asked, &cancelled("Authorization: again\n")], SECRET, "no credentials-in-cancel");
}

#[test]
fn late_challenge_not_answered_is_found() {
    let late = "> INVITE\n< 100\n< 183\n+2 < 407\nProxy-Authenticate: challenge\n> ACK\n";
    check(
        &[late, LATER],
        NOTHING,
        "high challenge-unanswered cause=late-challenge by=-
        info late-challenge-not-answered by=challenge-unanswered",
    );
    check(&[late, CALL_RIGHT, CALL_OK, LATER], SECRET, "clean\nno late-challenge-not-answered");
    let early = "> INVITE\n< 100\n< 407\nProxy-Authenticate: challenge\n> ACK\n";
    check(&[early, LATER], NOTHING, "high challenge-unanswered\nno late-challenge-not-answered");
}
