//! Group C: the life of a nonce.

use super::*;

const OLD: &str = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=first\n";

#[test]
fn stale_nonce_recovered_is_info() {
    check(
        &[ASKED, RIGHT, STALE, RIGHT, OK],
        SECRET,
        "clean\ninfo stale-nonce-recovered excludes=wrong_password\nsessions accepted\nattempts challenged stale accepted",
    );
    check(
        &[ASKED, RIGHT, "< 401\nWWW-Authenticate: challenge stale=\"TRUE\"\n", RIGHT, OK],
        SECRET,
        "info stale-nonce-recovered",
    );
    let call = "< 407\nProxy-Authenticate: challenge stale=true\n> ACK\n";
    check(&[CALL_ASKED, CALL_RIGHT, call, CALL_RIGHT, CALL_OK], SECRET, "clean\ninfo stale-nonce-recovered");
}

#[test]
fn stale_nonce_recovered_needs_stale_and_success() {
    check(&[ASKED, RIGHT, REFUSED, RIGHT, OK], NOTHING, "no stale-nonce-recovered");
    check(&[ASKED, RIGHT, STALE, RIGHT, REFUSED], NOTHING, "no stale-nonce-recovered");
    check(
        &[ASKED, RIGHT, "< 401\nWWW-Authenticate: challenge stale=yes\n", RIGHT, OK],
        NOTHING,
        "no stale-nonce-recovered",
    );
    // stale=true to a request without credentials says nothing.
    check(
        &["> REGISTER\n", STALE, RIGHT, OK],
        NOTHING,
        "clean\nno stale-nonce-recovered\nattempts challenged accepted",
    );
}

#[test]
fn stale_loop_is_found() {
    check(
        &[ASKED, RIGHT, STALE, RIGHT, STALE],
        SECRET,
        "high stale-loop cause=stale fault=server by=-\nmedium challenge-loop by=stale-loop\nno stale-ignored-by-client",
    );
}

#[test]
fn stale_loop_needs_two_in_a_row_on_the_newest_nonce() {
    check(&[ASKED, RIGHT, STALE, LATER], NOTHING, "no stale-loop");
    check(&[ASKED, RIGHT, STALE, RIGHT, STALE, RIGHT, OK], NOTHING, "no stale-loop");
    check(&[ASKED, RIGHT, STALE, OLD, STALE], NOTHING, "no stale-loop\nhigh old-nonce-reused");
    check(&[ASKED, RIGHT, STALE, RIGHT, OK, "+60 ", RIGHT, STALE, RIGHT, OK], NOTHING, "clean\nno stale-loop");
    check(&[ASKED, RIGHT, STALE, RIGHT, REFUSED, RIGHT, STALE], NOTHING, "no stale-loop");
}

#[test]
fn stale_loop_does_not_clear_a_password_that_is_wrong() {
    check(&[ASKED, WRONG, STALE, WRONG, STALE], SECRET, "high stale-loop says=do_not_fit\nno digest-wrong-password");
    let report = analyse(&[ASKED, WRONG, STALE, WRONG, STALE], SECRET);
    let finding = report.findings.iter().find(|finding| finding.rule == "stale-loop").unwrap();
    assert!(!finding.excluded.iter().any(|text| text.contains("wrong password")), "{:?}", finding.excluded);
}

#[test]
fn stale_ignored_by_client_is_found() {
    check(
        &[ASKED, RIGHT, STALE, LATER],
        SECRET,
        "high stale-ignored-by-client sure=proven fault=client\nno challenge-unanswered\nsessions refused\nattempts challenged stale",
    );
    check(&[ASKED, RIGHT, STALE], SECRET, "medium stale-ignored-by-client sure=possible");
}

#[test]
fn stale_ignored_by_client_is_not_said_where_the_client_went_on() {
    check(&[ASKED, RIGHT, STALE, RIGHT, OK, LATER], SECRET, "clean\nno stale-ignored-by-client");
    check(&[ASKED, RIGHT, STALE, OLD, STALE, LATER], SECRET, "high old-nonce-reused\nno stale-ignored-by-client");
    check(
        &[ASKED, RIGHT, STALE, "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 200\n", LATER],
        SECRET,
        "no stale-ignored-by-client",
    );
    check(&[ASKED, RIGHT, REFUSED, LATER], SECRET, "no stale-ignored-by-client");
}

#[test]
fn old_nonce_reused_is_found() {
    check(
        &[ASKED, RIGHT, STALE, OLD, STALE],
        SECRET,
        "high old-nonce-reused cause=stale fault=client excludes=wrong_password by=-",
    );
    check(
        &[ASKED, RIGHT, OK, "+60 ", RIGHT, REFUSED, OLD, REFUSED, LATER],
        SECRET,
        "high old-nonce-reused\nmedium digest-ok-but-rejected by=old-nonce-reused\nmedium nonce-rejected-without-stale by=old-nonce-reused",
    );
}

#[test]
fn old_nonce_reused_needs_a_refusal_and_a_newer_challenge_of_the_same_kind() {
    check(&[ASKED, RIGHT, STALE, OLD, OK], SECRET, "clean\nno old-nonce-reused");
    check(
        &[
            "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=same\n",
            RIGHT,
            "< 401\nWWW-Authenticate: challenge nonce=same\n",
            RIGHT,
            "< 401\nWWW-Authenticate: challenge nonce=same\n",
        ],
        SECRET,
        "no old-nonce-reused nc-repeated",
    );
    check(&[ASKED, RIGHT, REFUSED, RIGHT, REFUSED], SECRET, "no old-nonce-reused");
    let other_call = "[b] > INVITE\n[b] < 407\nProxy-Authenticate: challenge\n[b] > ACK\n";
    check(&[ASKED, other_call, RIGHT, REFUSED], SECRET, "no old-nonce-reused\nhigh digest-ok-but-rejected");
}

#[test]
fn old_nonce_reused_is_not_said_of_a_request_that_was_under_way() {
    // The second REGISTER left the client before the new challenge reached it: it arrives a moment behind.
    let crossing = "> REGISTER\n< 401\nWWW-Authenticate: challenge\n+0.06 > REGISTER\nAuthorization: digest user=1001 password=secret\n+0.001 < 401\nWWW-Authenticate: challenge stale=true\n+0.002 > REGISTER\nAuthorization: digest user=1001 password=secret nonce=first\n+0.001 < 401\nWWW-Authenticate: challenge stale=true\n+0.06 > REGISTER\nAuthorization: digest user=1001 password=secret\n";
    check(&[crossing, OK], SECRET, "clean\nno old-nonce-reused");
}

#[test]
fn old_nonce_reused_is_medium_where_the_client_recovers() {
    check(&[ASKED, RIGHT, STALE, OLD, STALE, RIGHT, OK], SECRET, "medium old-nonce-reused\nsessions accepted");
}

#[test]
fn nonce_rejected_without_stale_is_graded() {
    check(
        &[ASKED, RIGHT, OK, "+60 ", RIGHT, REFUSED, LATER],
        SECRET,
        "high nonce-rejected-without-stale fault=server by=-\nmedium digest-ok-but-rejected by=nonce-rejected-without-stale",
    );
    check(
        &[ASKED, RIGHT, OK, "+60 ", RIGHT, REFUSED, LATER],
        NOTHING,
        "medium nonce-rejected-without-stale sure=possible\nhigh rejected-credentials",
    );
    check(&[ASKED, RIGHT, OK, "+60 ", RIGHT, REFUSED, RIGHT, OK], SECRET, "info nonce-rejected-without-stale");
    // A client that took it for a wrong password was gone until then.
    check(
        &[ASKED, RIGHT, OK, "+60 ", RIGHT, REFUSED, "+60 ", ASKED, RIGHT, OK],
        SECRET,
        "medium nonce-rejected-without-stale fault=server sure=likely says=tried_anew_60.0_s_later",
    );
}

#[test]
fn nonce_rejected_without_stale_knows_nonces_of_other_call_ids() {
    let call = "[b] > INVITE\nAuthorization: digest user=1001 password=secret realm=pbx.example.com qop=auth\n[b] < 401\nWWW-Authenticate: challenge\n[b] > ACK\n";
    check(&[ASKED, RIGHT, OK, "+700 ", call, LATER], SECRET, "high nonce-rejected-without-stale");
    let busy = "[b] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n[b] < 407\nProxy-Authenticate: challenge\n[b] > ACK\n";
    check(
        &[
            "[b] ",
            CALL_ASKED.replace("\n<", "\n[b] <").replace("\n> A", "\n[b] > A").as_str(),
            "[b] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n[b] < 486\n[b] > ACK\n",
            busy,
            LATER,
        ],
        SECRET,
        "high nonce-rejected-without-stale\nmedium digest-ok-but-rejected",
    );
}

#[test]
fn nonce_rejected_without_stale_is_not_a_first_use_nor_stale() {
    check(&[ASKED, RIGHT, REFUSED, LATER], SECRET, "no nonce-rejected-without-stale");
    check(&[ASKED, RIGHT, OK, "+60 ", RIGHT, STALE, LATER], SECRET, "no nonce-rejected-without-stale");
    let same = "< 401\nWWW-Authenticate: challenge nonce=same\n";
    check(&["> REGISTER\n", same, RIGHT, OK, "+60 ", RIGHT, same, LATER], SECRET, "no nonce-rejected-without-stale");
}

#[test]
fn nc_repeated_is_graded() {
    let again = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret nc=00000001\n";
    check(&[ASKED, RIGHT, OK, again, OK], SECRET, "clean\ninfo nc-repeated sure=proven");
    check(&[ASKED, RIGHT, OK, again, REFUSED, LATER], NOTHING, "medium nc-repeated sure=possible");
    check(
        &[ASKED, RIGHT, OK, again, REFUSED, LATER],
        SECRET,
        "high nc-repeated fault=client by=-\nno digest-ok-but-rejected",
    );
    check(&[ASKED, RIGHT, OK, again, STALE], NOTHING, "high nc-repeated");
    check(&[ASKED, RIGHT, OK, again, STALE, RIGHT, OK], NOTHING, "medium nc-repeated\ninfo stale-nonce-recovered");
}

#[test]
fn nc_repeated_is_not_a_copy() {
    check(
        &[ASKED, RIGHT, "+0.5 retransmit\n+1 retransmit\nduplicate\n", OK],
        SECRET,
        "clean\nno nc-repeated\nattempts challenged accepted",
    );
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK], SECRET, "clean\nno nc-repeated");
    let hops = "
        edge 203.0.113.20
        client > edge REGISTER
        edge > server forward
        server > edge 401
        WWW-Authenticate: challenge
        edge > client forward
        client > edge REGISTER
        Authorization: digest user=1001 password=secret
        edge > server forward
        server > edge 200
        edge > client forward
    ";
    check(&[hops], SECRET, "clean\nno nc-repeated\nattempts challenged accepted");
}

#[test]
fn nc_repeated_is_not_a_nonce_delivered_again_nor_counted_on() {
    let same = "< 401\nWWW-Authenticate: challenge nonce=same\n";
    let first = "> REGISTER\nAuthorization: digest user=1001 password=secret nc=00000001\n";
    check(&["> REGISTER\n", same, first, OK, "> REGISTER\n", same, first, OK], SECRET, "clean\nno nc-repeated");
    check(&[ASKED, RIGHT, OK, RIGHT, OK], SECRET, "clean\nno nc-repeated");
    let decimal = |nc: &str| format!("> REGISTER\nAuthorization: digest user=1001 password=secret nc={nc}\n");
    check(&[ASKED, &decimal("00000009"), OK, &decimal("00000010"), OK], SECRET, "no nc-repeated\nmedium nc-decimal");
}

#[test]
fn nc_repeated_is_not_a_realm_repeated_beside_a_new_one() {
    let first = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\n< 407\nProxy-Authenticate: challenge realm=b\n> ACK\n";
    let both = "> INVITE\nProxy-Authorization: again\nProxy-Authorization: digest user=1001 password=secret realm=b\n";
    check(&[first, both, CALL_OK], SECRET, "clean\nno nc-repeated");
}

#[test]
fn nc_repeated_is_not_the_same_cseq_sent_elsewhere() {
    let forked = "
        edge 203.0.113.20  one 203.0.113.31  two 203.0.113.32
        client > edge INVITE
        Proxy-Authorization: digest user=1001 password=secret realm=pbx nonce=cached qop=auth
        edge > one forward
        edge > two forward
        one > edge 407
        Proxy-Authenticate: challenge realm=one
        two > edge 407
        Proxy-Authenticate: challenge realm=two
    ";
    check(&[forked], NOTHING, "no nc-repeated");
    let failover = "spare 203.0.113.11\n> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx nonce=cached qop=auth\n+8 client > spare REGISTER\nCSeq: 1 REGISTER\nAuthorization: again\nspare > client 200\n";
    check(&[failover], NOTHING, "no nc-repeated");
}

#[test]
fn a_new_nonce_of_another_kind_of_challenge_makes_no_nonce_old() {
    // Two realms, one of a proxy: the answer to the first stays good when the second asks.
    let first = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\n< 401\nWWW-Authenticate: challenge realm=a\n> ACK\n";
    let both = "> INVITE\nProxy-Authorization: again\nAuthorization: digest user=1001 password=secret\n";
    check(&[first, both, "< 407\nProxy-Authenticate: challenge realm=a\n> ACK\n"], SECRET, "no old-nonce-reused");
}

#[test]
fn escaped_nonces_and_padding_are_the_same_nonce() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=\"a\\\\b,c==\"\n";
    check(&[asked, RIGHT, REFUSED], SECRET, "high digest-ok-but-rejected\nno realm-mismatch");
}

#[test]
fn an_old_nonce_is_old_though_the_capture_begins_behind_its_challenge() {
    let sent = |count: u32| {
        format!(
            "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=n realm=pbx.example.com nc={count:08x}\n"
        )
    };
    let other = |nonce: &str| format!("< 401\nWWW-Authenticate: challenge nonce={nonce}\n");
    let kept = [&sent(1), OK, &sent(2), &other("two"), &sent(3), &other("three"), &sent(4), &other("four"), LATER];
    check(
        &kept,
        SECRET,
        "high old-nonce-reused fault=client by=-\nmedium nonce-rejected-without-stale by=old-nonce-reused",
    );
    // It answers the newest one.
    let next = "> REGISTER\nAuthorization: digest user=1001 password=secret nc=00000001\n";
    check(&[&sent(1), OK, &sent(2), &other("two"), next, OK, LATER], SECRET, "no old-nonce-reused");
}
