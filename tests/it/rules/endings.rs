//! How sessions end: answers that never arrive, captures that end too early, logins that are taken back, calls that go on.

use super::*;

/// A REGISTER and its challenge, repeated as one is that has no answer (RFC 3261 §17.1.2.2), each repeat answered.
const REPEATED: &str = "> REGISTER\n< 401\nWWW-Authenticate: challenge\n+0.5 retransmit 1\n+0.01 retransmit 2\n\
    +1 retransmit 1\n+0.01 retransmit 2\n+2 retransmit 1\n+0.01 retransmit 2\n";

#[test]
fn a_client_that_repeats_its_request_did_not_get_the_challenge() {
    let lost = "high challenge-unanswered fault=path sure=likely says=never_came\nno retry-without-credentials";
    check(&[REPEATED, LATER], NOTHING, lost);
    // It gives up and begins anew, and that is not heard either.
    check(&[REPEATED, "+30 ", &REPEATED.replace("mit 1", "mit 9").replace("mit 2", "mit 10"), LATER], NOTHING, lost);
}

#[test]
fn a_repeat_that_crosses_the_challenge_proves_no_loss() {
    let crossed = "> REGISTER\n< 401\nWWW-Authenticate: challenge\n+0.001 retransmit 1\n+0.01 retransmit 2\n";
    check(&[crossed, LATER], NOTHING, "high challenge-unanswered fault=client sure=proven");
    check(&[crossed, "+1 ", ASKED, LATER], NOTHING, "high retry-without-credentials fault=client");
}

#[test]
fn a_repeat_is_no_later_try_of_a_stale_nonce() {
    let stale = "< 401\nWWW-Authenticate: challenge stale=true\n";
    let crossed = [ASKED, RIGHT, stale, "+0.001 retransmit 3\n", LATER].concat();
    check(&[&crossed], SECRET, "high stale-ignored-by-client fault=client");
    let unheard = "+0.5 retransmit 3\n+0.01 retransmit 4\n+1 retransmit 3\n+0.01 retransmit 4\n";
    check(&[ASKED, RIGHT, stale, unheard, LATER], SECRET, "high stale-ignored-by-client fault=path");
}

#[test]
fn what_was_refused_is_not_seen_where_the_request_is_not() {
    check(&["> unseen REGISTER\n< 403\n", LATER], NOTHING, "no registrar-rejects-contact\nverdict nothing_found");
    check(&["> REGISTER\n< 403\n", LATER], NOTHING, "medium registrar-rejects-contact");
    check(&["> unseen INVITE\n< 200\n> ACK\n", LATER], NOTHING, "untold accepted without a challenge");
}

#[test]
fn a_capture_that_ends_behind_a_challenge_shows_no_failure() {
    let cut = "told ends before the client could answer\nmedium challenge-unanswered sure=possible";
    check(&[ASKED], NOTHING, cut);
    check(&[CALL_ASKED], NOTHING, cut);
    let again = "verdict ok\ntold The client authenticated; the capture ends before it could answer its last challenge";
    check(&[ASKED, RIGHT, "< 200\n+60 ", ASKED], SECRET, again);
    check(&[ASKED, RIGHT, "< 200\n+60 ", ASKED], SECRET, "clean\ninfo challenge-unanswered");
    let stale = "< 401\nWWW-Authenticate: challenge stale=true\n";
    check(
        &[ASKED, RIGHT, stale],
        SECRET,
        "medium stale-ignored-by-client says=the_capture_ends\nuntold did not get in",
    );
    // With time to answer, it is one.
    check(&[ASKED, LATER], NOTHING, "told 1 of 1 client did not get in");
}

#[test]
fn a_capture_that_ends_behind_a_new_nonce_shows_no_refusal() {
    let kept = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n\
        > REGISTER\nAuthorization: digest user=1001 password=secret nonce=n1 realm=pbx.example.com nc=00000001\n< 200\n";
    let again = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret nonce=n1 realm=pbx.example.com nc=00000002\n\
        < 401\nWWW-Authenticate: challenge nonce=n2\n";
    check(&[kept, again], NOTHING, "medium rejected-credentials says=ends\nno old-nonce-reused\nverdict ok");
    check(&[kept, again], SECRET, "medium nonce-rejected-without-stale says=ends");
    check(&[kept, again, LATER], NOTHING, "high rejected-credentials says=too_old");
    check(&[kept, again, LATER], SECRET, "high nonce-rejected-without-stale");
    // The nonce of another Call-ID, too.
    let elsewhere = again.replace("> REG", "[b] > REG").replace("\n< 401", "\n[b] < 401");
    check(&[kept, &elsewhere], NOTHING, "medium rejected-credentials says=ends\nno old-nonce-reused\nverdict ok");
    check(
        &[kept, &elsewhere],
        SECRET,
        "medium nonce-rejected-without-stale\nmedium digest-ok-but-rejected sure=possible\nverdict ok",
    );
    // RFC 7616 §3.3: a server says stale of right digests alone.
    let wrong = again.replace("secret", "wrong");
    check(&[kept, &wrong, LATER], SECRET, "no nonce-rejected-without-stale\nhigh digest-wrong-password");
}

#[test]
fn who_logs_off_and_is_gone_did_get_in() {
    let off = "+60 > REGISTER\nContact: *\nExpires: 0\n< 401\nWWW-Authenticate: challenge\n";
    let registered = [ASKED, RIGHT, "< 200\n"].concat();
    let expected = "medium challenge-unanswered says=switched_off\nuntold did not get in";
    check(&[&registered, off, LATER], SECRET, expected);
    check(
        &[
            &registered,
            &off.replace("> REGISTER\n", "> REGISTER\nX: y\n")
                .replace("Contact: *\nExpires: 0", "Contact: <sip:1001@192.0.2.10>;expires=0"),
            LATER,
        ],
        SECRET,
        expected,
    );
    // A refresh that is not answered is another matter, and the client is known to have credentials.
    let refresh = "+60 > REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    check(
        &[&registered, refresh, LATER],
        SECRET,
        "high challenge-unanswered\ntold 1 of 1 client got in at first, but not in the end",
    );
}

#[test]
fn a_call_that_was_accepted_goes_on_whatever_becomes_of_a_re_invite() {
    let call = [CALL_ASKED, CALL_RIGHT, "< 200\nTo: <sip:2000@pbx.example.com>;tag=b\n> ACK\n"].concat();
    let again = "+20 > INVITE\nTo: <sip:2000@pbx.example.com>;tag=b\n< 407\nProxy-Authenticate: challenge\n> ACK\n";
    check(&[&call, again, LATER], SECRET, "sessions accepted\nuntold did not get in");
}

#[test]
fn a_row_with_a_nonce_of_its_own_is_answered_with_its_own_algorithm() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1 algorithm=SHA-256\n\
        WWW-Authenticate: challenge nonce=n2 algorithm=MD5\n";
    let answer =
        "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=n1 realm=pbx.example.com algorithm=MD5\n";
    check(&[asked, answer, REFUSED, LATER], SECRET, "high algorithm-not-offered fault=client");
    check(&[asked, &answer.replace("n1", "n2"), "< 200\n", LATER], SECRET, "no algorithm-not-offered");
}

#[test]
fn a_server_that_goes_on_notifying_is_no_client_that_ignores_a_challenge() {
    let subscribed = "> SUBSCRIBE\nEvent: dialog\n< 200\nTo: <sip:1001@pbx.example.com>;tag=s\n";
    let notify = |cseq: u32| {
        format!(
            "+20 < NOTIFY\nFrom: <sip:1001@pbx.example.com>;tag=s\nTo: <sip:1001@pbx.example.com>;tag=c\nCSeq: {cseq} NOTIFY\n\
             > 401\nWWW-Authenticate: challenge realm=phone\n"
        )
    };
    check(&[subscribed, &notify(1), &notify(2), &notify(3), LATER], NOTHING, "no retry-without-credentials");
}

#[test]
fn an_account_whose_password_was_changed_is_told_so() {
    let new = "> REGISTER\nAuthorization: digest user=1001 password=new\n";
    let told = "medium accepted-with-other-secret says=changed_in_between";
    check(&[ASKED, RIGHT, "< 200\n+60 ", ASKED, new, "< 200\n"], SECRET, told);
    let wrong = "> REGISTER\nAuthorization: digest user=1001 password=bad\n";
    let checks = "medium accepted-with-other-secret says=does_check_them";
    check(&[ASKED, wrong, REFUSED, new, "< 200\n"], SECRET, checks);
    check(&[ASKED, new, "< 200\n"], SECRET, "medium accepted-with-other-secret says=does_not_check");
}

#[test]
fn a_right_digest_over_a_nonce_grown_old_is_no_fault_once_the_next_got_in() {
    let kept = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n\
        > REGISTER\nAuthorization: digest user=1001 password=secret nonce=n1 realm=pbx.example.com nc=00000001\n< 200\n";
    let old = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret nonce=n1 realm=pbx.example.com nc=00000002\n\
        < 401\nWWW-Authenticate: challenge\n";
    check(&[kept, old, RIGHT, "< 200\n", LATER], SECRET, "clean\nverdict ok");
    check(&[kept, old, RIGHT, REFUSED, LATER], SECRET, "several\nhigh digest-ok-but-rejected");
}

#[test]
fn nonces_that_are_stale_at_once_are_not_short_lived() {
    let stale = "< 401\nWWW-Authenticate: challenge stale=true\n";
    let report = analyse(&[ASKED, RIGHT, stale, RIGHT, stale, RIGHT, stale, LATER], SECRET);
    let finding = report.findings.iter().find(|finding| finding.rule == "stale-loop").expect("a stale loop");
    assert!(finding.remedy[0].contains("same node"), "{:?}", finding.remedy);
}

#[test]
fn a_registrar_that_pings_is_no_client_that_did_not_authenticate() {
    let ping = "+5 [p] < OPTIONS\n[p] > 401\nWWW-Authenticate: challenge realm=phone\n";
    check(&[ASKED, RIGHT, "< 200\n", ping, LATER], SECRET, "told The client authenticated\nverdict ok");
}

#[test]
fn a_server_that_answered_before_did_not_answer_this_request() {
    let silent = "+5 > MESSAGE\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";
    check(&[ASKED, RIGHT, "< 200\n", silent, LATER], SECRET, "high no-response-at-all says=did_not_answer_this");
}

#[test]
fn a_challenge_at_the_end_does_not_hide_that_the_last_try_failed() {
    let failed =
        "verdict problems\ntold did not get in: 1 refused for another reason\nmedium registrar-rejects-contact";
    check(&[ASKED, RIGHT, "< 423\n+5 ", ASKED], SECRET, failed);
    let stale = "+5 > REGISTER\nAuthorization: digest user=1001 password=secret nc=00000002\n< 401\nWWW-Authenticate: challenge stale=true\n";
    check(&[ASKED, RIGHT, "< 423\n", stale], SECRET, "told did not get in: 1 refused for another reason");
    check(&[ASKED, RIGHT, "< 423\n+5 ", ASKED, RIGHT, OK], SECRET, "verdict ok\nuntold refused");
    check(&[ASKED, RIGHT, "< 423\n+5 ", ASKED, RIGHT, OK, "+60 ", ASKED], SECRET, "verdict ok\nuntold refused");
}

#[test]
fn a_number_with_and_without_its_plus_is_one_client() {
    let registered = "> REGISTER\nFrom: <sip:4930@pbx.example.com>;tag=a\n< 401\nWWW-Authenticate: challenge\n\
        > REGISTER\nFrom: <sip:4930@pbx.example.com>;tag=a\nAuthorization: digest user=4930 password=secret\n< 200\n";
    let call = "[b] > INVITE\nFrom: <sip:+4930@pbx.example.com>;tag=b\n[b] < 407\nProxy-Authenticate: challenge realm=carrier\n[b] > ACK\n";
    let one = "told 1 of 1 client got in with one method\nhigh challenge-unanswered cause=second-realm";
    check(&[registered, call, LATER], NOTHING, one);
    let other = call.replace("+4930", "+bob");
    check(&[registered, &other, LATER], NOTHING, "told 1 of 2 clients did not get in");
    // Names of accounts are exact, and so are two phones behind one address.
    let refused =
        registered.replace("4930", "+4930").replace("[", "[c").replace("secret", "wrong").replace("< 200", "< 403");
    let refused = refused.replace("> REG", "[c] > REG").replace("< 4", "[c] < 4");
    check(&[registered, &refused, LATER], NOTHING, "told 1 of 2 clients did not get in");
}
