//! Group P: what the network does to requests, and what the capture does not show.

use super::*;

const PATIENCE: &str = "+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";

/// A body of so many bytes.
fn body(bytes: usize) -> String {
    format!("\n{}\n", "x".repeat(bytes))
}

#[test]
fn auth_retry_no_response_is_found() {
    check(
        &[CALL_ASKED, CALL_RIGHT, PATIENCE, LATER],
        SECRET,
        "
        high auth-retry-no-response fault=path sure=likely by=- excludes=wrong_password
        medium no-response-at-all by=auth-retry-no-response
        no challenge-unanswered auth-request-too-large-for-udp
        sessions no_answer",
    );
    // One repetition and half a minute of silence are enough.
    check(&[ASKED, WRONG, "+0.5 retransmit\n", LATER], NOTHING, "high auth-retry-no-response\nno no-response-at-all");
}

#[test]
fn auth_retry_no_response_is_weaker_where_less_was_tried() {
    check(&[ASKED, RIGHT, LATER], SECRET, "medium auth-retry-no-response sure=possible");
    let ping =
        "> OPTIONS\n< 401\nWWW-Authenticate: challenge\n> OPTIONS\nAuthorization: digest user=1001 password=secret\n";
    check(&[ping, PATIENCE, LATER], SECRET, "clean\ninfo auth-retry-no-response");
    check(&[ASKED, RIGHT, PATIENCE, "+8 ", RIGHT, OK], SECRET, "medium auth-retry-no-response\nsessions accepted");
}

#[test]
fn a_server_that_answered_credentials_before_is_not_cut_off_by_the_path() {
    check(
        &[ASKED, WRONG, REFUSED, WRONG, REFUSED, WRONG, PATIENCE, LATER],
        SECRET,
        "high digest-wrong-password by=-\nmedium no-response-at-all\nno auth-retry-no-response",
    );
    check(
        &[ASKED, RIGHT, OK, "+60 ", RIGHT, PATIENCE, LATER],
        SECRET,
        "high no-response-at-all\nno auth-retry-no-response",
    );
}

#[test]
fn auth_retry_no_response_needs_a_challenge_credentials_and_silence() {
    check(&["> REGISTER\n", PATIENCE, LATER], NOTHING, "no auth-retry-no-response");
    check(&[ASKED, RIGHT, PATIENCE, OK, LATER], SECRET, "clean\nno auth-retry-no-response");
    check(&[CALL_ASKED, CALL_RIGHT, PATIENCE, "< 100\n", LATER], SECRET, "no auth-retry-no-response");
    // The capture ends.
    check(&[ASKED, RIGHT, "+1 [later] > OPTIONS\n[later] < 200\n"], SECRET, "no auth-retry-no-response");
    // Its nonce is not of this session.
    let cached = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx nonce=cached qop=auth\n";
    check(&[cached, PATIENCE, LATER], NOTHING, "high no-response-at-all by=-\nno auth-retry-no-response");
}

#[test]
fn a_request_too_large_for_udp_explains_silence() {
    let long = body(1300);
    check(
        &[CALL_ASKED, CALL_RIGHT.trim_end(), "\n", &long, PATIENCE, LATER],
        SECRET,
        "
        high auth-request-too-large-for-udp fault=path sure=likely by=- excludes=wrong_password
        medium auth-retry-no-response by=auth-request-too-large-for-udp
        medium no-response-at-all",
    );
    let fragmented = body(700);
    check(
        &["mtu 1000\n", CALL_ASKED, CALL_RIGHT, &fragmented, PATIENCE, LATER],
        SECRET,
        "high auth-request-too-large-for-udp by=- says=fragments",
    );
}

#[test]
fn a_request_too_large_for_udp_may_explain_silence_where_it_fits_one_packet() {
    check(
        &[CALL_ASKED, CALL_RIGHT, &body(750), PATIENCE, LATER],
        SECRET,
        "high auth-retry-no-response by=-\nmedium auth-request-too-large-for-udp sure=possible",
    );
}

#[test]
fn a_request_too_large_for_udp_is_info_where_the_path_lets_it_through() {
    check(&[CALL_ASKED, CALL_RIGHT, &body(1600), CALL_OK], SECRET, "clean\ninfo auth-request-too-large-for-udp");
    // As long a request was answered before.
    let asked = ["> INVITE\n", &body(1600), "< 407\nProxy-Authenticate: challenge\n> ACK\n"].concat();
    check(
        &[&asked, CALL_RIGHT, &body(1600), PATIENCE, LATER],
        SECRET,
        "high auth-retry-no-response by=-\ninfo auth-request-too-large-for-udp",
    );
    check(&[CALL_ASKED, CALL_RIGHT, &body(300), CALL_OK], SECRET, "clean\nno auth-request-too-large-for-udp");
}

#[test]
fn fragments_incomplete_is_found() {
    let sent = CALL_RIGHT.replacen("> INVITE", "> first-fragment-of INVITE", 1);
    let again = "+0.5 > first-fragment-of retransmit 4\n+1 > first-fragment-of retransmit 4\n+2 > first-fragment-of retransmit 4\n";
    check(
        &["mtu 900\n", CALL_ASKED, &sent, &body(900), again, LATER],
        SECRET,
        "
        high fragments-incomplete fault=path by=- excludes=wrong_password
        medium auth-retry-no-response by=fragments-incomplete
        no challenge-unanswered",
    );
    // The next frame comes when the session is long over, and tells of both.
    check(
        &["mtu 900\n", CALL_ASKED, &sent, &body(900), again, &LATER.replace("+40", "+3000")],
        SECRET,
        "high fragments-incomplete fault=path by=-\nno challenge-unanswered",
    );
    // Too early to call it silence.
    check(
        &["mtu 900\n", CALL_ASKED, &sent, &body(900), "+1 [later] > OPTIONS\n[later] < 200\n"],
        SECRET,
        "medium fragments-incomplete sure=possible\nno auth-retry-no-response challenge-unanswered",
    );
}

#[test]
fn fragments_incomplete_is_info_where_the_message_arrived() {
    let sent = CALL_RIGHT.replacen("> INVITE", "> first-fragment-of INVITE", 1);
    check(
        &["mtu 900\n", CALL_ASKED, &sent, &body(900), CALL_OK, LATER],
        SECRET,
        "info fragments-incomplete says=the_capture_alone_lacks\nno auth-retry-no-response",
    );
    // The answer itself.
    let answer = ["< first-fragment-of 200\n", &body(900)].concat();
    check(
        &["mtu 900\n", CALL_ASKED, CALL_RIGHT, &answer, "> ACK\n", LATER],
        SECRET,
        "info fragments-incomplete\nno auth-retry-no-response",
    );
}

#[test]
fn fragments_incomplete_is_not_said_of_other_calls_nor_of_whole_messages() {
    let other = ["[other] > first-fragment-of MESSAGE\n", &body(900)].concat();
    check(&["mtu 900\n", ASKED, RIGHT, OK, &other, LATER], SECRET, "clean\nno fragments-incomplete");
    check(&["mtu 900\n", CALL_ASKED, CALL_RIGHT, &body(900), CALL_OK], SECRET, "no fragments-incomplete");
}

#[test]
fn response_not_seen_one_way_is_found() {
    check(
        &["> REGISTER\n< unseen 401\nWWW-Authenticate: challenge\n", RIGHT, "< unseen 200\n", LATER],
        SECRET,
        "clean\ninfo response-not-seen-one-way",
    );
    check(
        &["> unseen REGISTER\n< 401\nWWW-Authenticate: challenge\n", "+40 [later] > OPTIONS\n[later] < 200\n"],
        NOTHING,
        "clean\ninfo response-not-seen-one-way says=No_request",
    );
    check(
        &["> REGISTER\n< unseen 401\nWWW-Authenticate: challenge\n", RIGHT, PATIENCE, LATER],
        SECRET,
        "clean\ninfo response-not-seen-one-way\nno auth-retry-no-response",
    );
}

#[test]
fn response_not_seen_one_way_is_not_said_of_silence_nor_without_authentication() {
    check(&["> REGISTER\n", PATIENCE, LATER], NOTHING, "no response-not-seen-one-way");
    check(&[ASKED, RIGHT, PATIENCE, LATER], SECRET, "no response-not-seen-one-way");
    check(&["> INVITE\n< unseen 200\n> ACK\n", LATER], NOTHING, "no response-not-seen-one-way");
}

#[test]
fn clock_jump_is_found() {
    let ok = "@60 > REGISTER\n< 401\nWWW-Authenticate: challenge\n> REGISTER\nAuthorization: digest user=1001 password=secret\n";
    check(&[ok, "@20 < 200\n"], SECRET, "clean\ninfo clock-jump says=40.0_s\nsessions accepted");
    // Queues put packets out of order.
    check(&[ok, "@59.5 < 200\n"], SECRET, "clean\nno clock-jump");
    check(&[ASKED, RIGHT, OK, "+4000 [later] > OPTIONS\n[later] < 200\n"], SECRET, "no clock-jump");
}

#[test]
fn time_before_a_jump_is_no_silence() {
    // The clock says 60 s at the end, and no second has passed since the challenge.
    let early = "@60 [before] > OPTIONS\n[before] < 200\n@20 > REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    check(&[early], NOTHING, "medium challenge-unanswered sure=possible\ninfo clock-jump");
    check(&[early, LATER], NOTHING, "high challenge-unanswered\ninfo clock-jump");
    check(&[early, RIGHT, "+0.5 retransmit\n"], SECRET, "no auth-retry-no-response no-response-at-all");
}

#[test]
fn security_agreement_failed_is_found() {
    let asked = "< 494\nSecurity-Server: ipsec-3gpp;alg=hmac-sha-1-96;q=0.1\n";
    check(&["> REGISTER\n", asked, LATER], NOTHING, "medium security-agreement-failed fault=client");
    check(&["> REGISTER\n< 494\n"], NOTHING, "medium security-agreement-failed fault=server");
    check(&["> REGISTER\n< 421\nRequire: path, sec-agree\n"], NOTHING, "medium security-agreement-failed");
    let differs = "Security-Verify: tls\n";
    let challenge = [ASKED, "Security-Server: ipsec-3gpp;alg=hmac-sha-1-96, tls\n"].concat();
    check(
        &[&challenge, RIGHT, differs, OK],
        SECRET,
        "medium security-agreement-failed says=Security-Verify\nsessions accepted",
    );
}

#[test]
fn security_agreement_failed_is_not_said_of_an_agreement() {
    let asked = "> REGISTER\n< 494\nSecurity-Server: tls\n";
    check(&[asked, ASKED, RIGHT, OK], SECRET, "clean\nno security-agreement-failed");
    let anew = "+1 [n] > REGISTER\nSecurity-Verify: tls\n[n] < 401\nWWW-Authenticate: challenge\n\
        [n] > REGISTER\nAuthorization: digest user=1001 password=secret\n[n] < 200\n";
    check(&[asked, anew, LATER], SECRET, "clean\nno security-agreement-failed");
    let of_other = anew
        .replace("REGISTER\n", "REGISTER\nTo: <sip:1002@pbx.example.com>\nFrom: <sip:1002@pbx.example.com>;tag=o\n");
    check(&[asked, &of_other, LATER], SECRET, "medium security-agreement-failed fault=client");
    check(&["> REGISTER\n< 421\nRequire: path\n"], NOTHING, "no security-agreement-failed");
    let challenge = [ASKED, "Security-Server: ipsec-3gpp; alg=hmac-sha-1-96\nSecurity-Server: tls\n"].concat();
    check(
        &[&challenge, RIGHT, "Security-Verify: TLS,ipsec-3gpp;alg=hmac-sha-1-96\n", OK],
        SECRET,
        "clean\nno security-agreement-failed",
    );
    // It repeats what an earlier server offered, and this challenge offers nothing.
    check(&[ASKED, RIGHT, "Security-Verify: tls\n", OK], SECRET, "clean\nno security-agreement-failed");
}

const ALG_VIA: &str =
    "Via: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bKalg;rport\nContact: <sip:1001@198.51.100.7:61022>\n";

#[test]
fn alg_suspected_is_found() {
    let asked = "> INVITE\n< 407\nProxy-Authenticate: challenge qop=auth-int\n> ACK\n";
    let refused = "< 407\nProxy-Authenticate: challenge qop=auth-int\n> ACK\n";
    check(
        &[asked, CALL_WRONG, ALG_VIA, "\nsdp\n", refused],
        SECRET,
        "medium alg-suspected fault=path sure=possible says=192.168.1.20",
    );
    check(
        &[asked, CALL_WRONG, "Content-Length: 3\n\nabcdef\n", refused],
        SECRET,
        "medium alg-suspected says=Content-Length",
    );
    let uri = "> REGISTER sip:203.0.113.10\nAuthorization: digest user=1001 password=secret uri=sip:pbx.example.com\n";
    check(&[ASKED, uri, ALG_VIA, REFUSED], NOTHING, "medium alg-suspected says=uri");
}

#[test]
fn alg_suspected_needs_a_sign_a_refusal_and_something_that_depends_on_it() {
    let asked = "> INVITE\n< 407\nProxy-Authenticate: challenge qop=auth-int\n> ACK\n";
    let refused = "< 407\nProxy-Authenticate: challenge qop=auth-int\n> ACK\n";
    check(&[asked, CALL_WRONG, "\nsdp\n", refused], SECRET, "no alg-suspected");
    // Clients that learn their address write it into the Contact; the digest does not cover it.
    check(&[CALL_ASKED, CALL_WRONG, ALG_VIA, "\nsdp\n", CALL_REFUSED], SECRET, "no alg-suspected");
    // The digest is right over the body as it came.
    check(&[asked, CALL_RIGHT, ALG_VIA, "\nsdp\n", refused], SECRET, "no alg-suspected");
    check(&[asked, CALL_RIGHT, ALG_VIA, "\nsdp\n", CALL_OK], SECRET, "clean\nno alg-suspected");
    // All of it is private: no NAT at all.
    let private = ALG_VIA.replace("198.51.100.7", "192.168.1.20");
    check(&[asked, CALL_WRONG, &private, "\nsdp\n", refused], SECRET, "no alg-suspected");
    // Line ends behind the body are nobody's doing.
    check(&[asked, CALL_WRONG, "Content-Length: 3\n\nabc\n", refused], SECRET, "no alg-suspected");
}

/// Repeats of a message as timer E has them (RFC 3261 §17.1.2.2), each answered alike.
fn repeated(request: usize, answer: Option<usize>) -> String {
    let again = |wait: &str| {
        let answered = answer.map(|answer| format!("+0.01 retransmit {answer}\n")).unwrap_or_default();
        format!("+{wait} retransmit {request}\n{answered}")
    };
    ["0.5", "1", "2", "4", "4", "4", "4", "4", "4", "4"].map(again).concat()
}

#[test]
fn a_client_that_does_not_hear_that_it_got_in_has_failed() {
    let unheard = "high auth-retry-no-response fault=path sure=likely says=does_not_hear excludes=wrong_password";
    let (open, heard) = ("medium auth-retry-no-response sure=possible says=does_not_hear", "no auth-retry-no-response");
    check(&[ASKED, RIGHT, OK, &repeated(3, Some(4)), LATER], SECRET, unheard);
    // It may be the clock of the answers that is ahead.
    check(&[ASKED, RIGHT, OK, &repeated(3, None), LATER], NOTHING, open);
    // It hears the next one.
    let next = "> REGISTER\nAuthorization: digest user=1001 password=secret nc=00000002\n< 200\n";
    let medium = "medium auth-retry-no-response says=does_not_hear";
    check(&[ASKED, RIGHT, OK, &repeated(3, Some(4)), "+20 ", next, LATER], SECRET, medium);
    // Whoever falls silent before its time has heard, unless the capture ends first.
    let some = "+0.5 retransmit 3\n+0.01 retransmit 4\n+1 retransmit 3\n+0.01 retransmit 4\n+2 retransmit 3\n+0.01 retransmit 4\n\
        +4 retransmit 3\n+0.01 retransmit 4\n";
    check(&[ASKED, RIGHT, OK, some, LATER], SECRET, heard);
    check(&[ASKED, RIGHT, OK, some], SECRET, open);
    check(&[ASKED, RIGHT, OK, "+0.5 retransmit 3\n+0.01 retransmit 4\n+1 retransmit 3\n", LATER], SECRET, "clean");
    // A phone that sends the very same again and again is not waiting for an answer.
    for wait in ["5", "60"] {
        let same = [wait; 7].map(|wait| format!("+{wait} retransmit 3\n+0.01 retransmit 4\n")).concat();
        check(&[ASKED, RIGHT, OK, &same, LATER], SECRET, heard);
    }
    // Calls have an ACK for that.
    check(&[CALL_ASKED, CALL_RIGHT, "< 486\n", &repeated(4, None), LATER], SECRET, heard);
}

#[test]
fn a_refusal_behind_many_repeats_is_not_about_the_credentials() {
    let late = "high auth-retry-no-response fault=path sure=possible says=only_after\nno malformed-credentials";
    check(&[ASKED, RIGHT, &repeated(3, None), "< 400\n", LATER], SECRET, late);
    // A server that is slow is no path that loses packets.
    for slow in ["< 500\n", "< 503\n", "< 504\n"] {
        let told = "medium registrar-rejects-contact fault=server\nno auth-retry-no-response";
        check(&[ASKED, RIGHT, &repeated(3, None), slow, LATER], SECRET, told);
    }
    let call = [CALL_ASKED, CALL_RIGHT, &repeated(4, None), "< 503\n> ACK\n", LATER];
    check(&call, SECRET, "no auth-retry-no-response");
    check(&[ASKED, RIGHT, "< 400\n", LATER], SECRET, "medium malformed-credentials\nno auth-retry-no-response");
    check(&[ASKED, RIGHT, &repeated(3, None), "< 200\n", LATER], SECRET, "no auth-retry-no-response");
}

#[test]
fn who_was_asked_for_more_than_the_path_takes_may_have_answered() {
    let asked =
        |pad: usize| format!("> INVITE\nX-Pad: {}\n< 407\nProxy-Authenticate: challenge\n> ACK\n", "x".repeat(pad));
    let long = "high challenge-unanswered fault=client sure=likely says=small_MTU";
    check(&[&asked(900), LATER], NOTHING, long);
    check(&[&asked(10), LATER], NOTHING, "high challenge-unanswered fault=client sure=proven unsaid=MTU");
}
