//! Answers that the capture lacks, and that came all the same: nobody failed for them.

use super::*;

/// Longer than one fragment of a small MTU.
fn long(answer: &str) -> String {
    format!("< first-fragment-of {answer}X-Padding: {}\n", "x".repeat(500))
}

#[test]
fn an_answer_whose_first_fragment_is_there_was_given() {
    let accepted = long("200\n");
    let open = "info fragments-incomplete\nno auth-retry-no-response no-response-at-all\nuntold did not get in\nsessions undecided";
    check(&["mtu 576\n", ASKED, RIGHT, &accepted, LATER], NOTHING, open);
    // The same of each refresh, and of what else is told of them.
    let refresh = format!("+50 {RIGHT}{accepted}");
    check(&["mtu 576\n", ASKED, RIGHT, &accepted, &refresh.repeat(3), LATER], NOTHING, open);
    check(&["mtu 576\n", ASKED, RIGHT, OK, &refresh, LATER], NOTHING, "info fragments-incomplete\nsessions accepted");
    // Who goes on to repeat his request has not got it.
    let repeated = "+0.5 retransmit 3\n+1 retransmit 3\n+2 retransmit 3\n+4 retransmit 3\n";
    let lost = "high fragments-incomplete fault=path says=did_not_arrive\ntold did not get in\nsessions no_answer";
    check(&["mtu 576\n", ASKED, RIGHT, &accepted, repeated, LATER], NOTHING, lost);
}

#[test]
fn an_answer_that_the_capture_lacks_ends_a_loop() {
    // Each refresh is called stale once, and what came of the next try nobody sees.
    let refresh = format!("+50 {RIGHT}{STALE}{RIGHT}");
    check(&[ASKED, RIGHT, &refresh.repeat(5), LATER], SECRET, "no challenge-loop stale-loop");
    let by_fragment = format!("+50 {RIGHT}{STALE}{RIGHT}{}", long("200\n"));
    check(&["mtu 576\n", ASKED, RIGHT, OK, &by_fragment.repeat(5), LATER], SECRET, "no challenge-loop stale-loop");
    // What comes back in the next request shows that it was another challenge.
    let unseen = format!("{RIGHT}< unseen 401\nWWW-Authenticate: challenge\n");
    let found = "high challenge-loop sure=proven";
    check(&[ASKED, RIGHT, REFUSED, &unseen, RIGHT, REFUSED, LATER], NOTHING, found);
    // The last may have been let past.
    let found = "high challenge-loop sure=possible says=it_may_have_been_accepted";
    check(&[ASKED, RIGHT, REFUSED, RIGHT, REFUSED, RIGHT, LATER], NOTHING, found);
    check(&[ASKED, RIGHT, REFUSED, RIGHT, REFUSED, RIGHT], NOTHING, "high challenge-loop sure=proven");
}

/// Over UDP a request is repeated until it is answered.
#[test]
fn a_request_that_was_sent_once_need_not_have_failed() {
    let open = "medium auth-retry-no-response sure=possible\nuntold did not get in\nverdict nothing_found";
    check(&[ASKED, RIGHT, LATER], NOTHING, open);
    let other = "[b] client2 > server REGISTER\n[b] server > client2 401\nWWW-Authenticate: challenge\n\
        [b] client2 > server REGISTER\nAuthorization: digest user=1001 password=secret\n[b] server > client2 200\n";
    let told = "told 1 of 2 clients authenticated; the capture does not show how it ended for the others\nverdict ok";
    check(&["client2 198.51.100.8\n", ASKED, RIGHT, "+60 ", other], NOTHING, told);
    check(&[ASKED, RIGHT, OK, "+60 ", RIGHT, LATER], NOTHING, "untold not in the end\nverdict ok");
    // Whoever repeats it has not heard.
    let repeated = "+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";
    let silent = "high auth-retry-no-response sure=likely\ntold 1 of 1 client did not get in";
    check(&[ASKED, RIGHT, repeated, LATER], NOTHING, silent);
}

#[test]
fn a_client_that_counts_on_has_heard() {
    let kept = |count: &str| {
        format!(
            "+60 > REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com nonce=old qop=auth nc=000000{count}\n"
        )
    };
    let once = "info response-not-seen-one-way\nuntold did not get in";
    check(&[&kept("fe"), &kept("ff"), LATER], NOTHING, once);
    let repeated = format!("{}+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n", kept("fe"));
    let silent = "high no-response-at-all\nno response-not-seen-one-way\ntold did not get in";
    check(&[&repeated, LATER], NOTHING, silent);
}

#[test]
fn what_was_accepted_behind_a_challenge_had_credentials_though_responses_alone_were_captured() {
    let asked = "> unseen REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    let accepted = "> unseen REGISTER\n< 200\n";
    check(&[asked, accepted, "+60 ", asked, LATER], NOTHING, "told got in at first, but not in the end");
    check(&[asked, accepted], NOTHING, "verdict ok");
    check(&[asked, "+60 ", asked, LATER], NOTHING, "told did not get in");
}

#[test]
fn nothing_is_said_of_answers_that_nobody_saw() {
    let odd = |count: &str| {
        format!(
            "> REGISTER\n< unseen 401\nWWW-Authenticate: challenge\n> REGISTER\nAuthorization: digest user=1001 password=secret nc={count}\n"
        )
    };
    check(&[&odd("1"), LATER], NOTHING, "medium nc-malformed says=does_not_show unsaid=did_not_mind");
    check(&[&odd("1"), OK, LATER], NOTHING, "medium nc-malformed says=did_not_mind");
    let [five, four] = ["00000005", "00000004"].map(|count| {
        format!(
            "> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com nonce=old nc={count}\n"
        )
    });
    let unseen = "< unseen 200\n";
    let open = "medium nc-backwards says=does_not_show unsaid=did_not_mind";
    check(&[&five, unseen, &four, unseen, LATER], NOTHING, open);
    check(&[&five, OK, &four, OK, LATER], NOTHING, "medium nc-backwards says=did_not_mind");
}

#[test]
fn what_was_refused_under_headers_that_were_cut_may_have_been_a_wrong_password() {
    let silent = format!("> REGISTER\n{}", "+4 retransmit\n".repeat(4));
    let cut = |snap_len: u32| format!("snaplen {snap_len}\n{ASKED}{WRONG}{REFUSED}{WRONG}{REFUSED}{silent}{LATER}");
    let report = analyse(&[&cut(330)], NOTHING);
    let silence = report.findings.iter().find(|finding| finding.rule == "no-response-at-all").expect("nobody answers");
    assert!(silence.excluded.iter().all(|excluded| !excluded.contains("did not refuse")), "{}", shown(&report));
    check(&[&silent, LATER], NOTHING, "high no-response-at-all excludes=wrong_password");
}

#[test]
fn an_invite_whose_headers_were_cut_may_have_carried_credentials() {
    let call = format!("> INVITE\nX-Padding: {}\n{CALL_OK}", "x".repeat(700));
    let bye = "+5 > BYE\n< 407\nProxy-Authenticate: challenge\n";
    let without = "high in-dialog-challenge-unanswered says=without_credentials";
    check(&[&call, bye, LATER], NOTHING, without);
    let cut = "high in-dialog-challenge-unanswered fault=unknown sure=likely unsaid=without_credentials";
    check(&["snaplen 800\n", &call, bye, LATER], NOTHING, cut);
}

#[test]
fn of_a_client_that_was_not_captured_nothing_is_said() {
    let asked = "> unseen REGISTER\n< 407\nProxy-Authenticate: challenge\n";
    let found = "info challenge-unanswered unsaid=never_answered says=cannot_be_told\ninfo register-challenged-407 unsaid=did_not_answer";
    check(&[asked, LATER], NOTHING, found);
    let agree = "REGISTER\n< 421\nRequire: sec-agree\nSecurity-Server: ipsec-3gpp\n";
    let open = "medium security-agreement-failed fault=unknown sure=possible unsaid=nothing_followed";
    check(&["> unseen ", agree, LATER], NOTHING, open);
    check(&["> ", agree, LATER], NOTHING, "medium security-agreement-failed fault=client says=nothing_followed");
}

#[test]
fn who_was_answering_when_the_capture_ends_may_have_coped() {
    let wrong = "> REGISTER\n< 401\nProxy-Authenticate: challenge\n";
    let answer = "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n";
    check(&[wrong, answer], NOTHING, "medium challenge-header-wrong-kind");
    check(&[wrong, LATER], NOTHING, "high challenge-header-wrong-kind");
    let silent = "+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";
    check(&[wrong, answer, silent, LATER], NOTHING, "high challenge-header-wrong-kind\nseveral");
    let counted = |count: &str| format!("> REGISTER\nAuthorization: digest user=1001 password=secret nc={count}\n");
    let again = counted("00000001");
    check(&[ASKED, &again, OK, &again, STALE, RIGHT], SECRET, "medium nc-repeated");
}
