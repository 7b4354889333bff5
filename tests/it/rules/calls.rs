//! What becomes of calls behind their credentials: rung, called off, answered with an old answer.

use super::*;

/// The human report.
#[track_caller]
fn tells(scenario: &[&str], row: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("talk.pcap"), crate::scenario::pcap(&scenario.concat()))
        .expect("it can be written");
    let run =
        crate::run::run(crate::run::sipauth(folder.path()).args(["analyze", "--format", "markdown", "talk.pcap"]));
    let rows: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("| s")).collect();
    assert!(rows.iter().any(|line| line.contains(row)), "{rows:#?}");
}

#[test]
fn a_call_that_rang_with_its_credentials_is_no_undecided_407() {
    for ringing in ["< 180\n", "< 183\n", "< 100\n< 180\n+3 > CANCEL\n< 481\n"] {
        tells(&[CALL_ASKED, CALL_RIGHT, ringing, LATER], "| undecided (it rang) |");
    }
    // Nobody was asked behind the credentials, or somebody was asked before them; and what ended has a status.
    tells(&[CALL_ASKED, CALL_RIGHT, "< 100\n", LATER], "| undecided (407) |");
    tells(
        &["> INVITE\n< 180\n< 407\nProxy-Authenticate: challenge\n> ACK\n", CALL_RIGHT, "< 180\n", LATER],
        "| undecided (407) |",
    );
    tells(&[CALL_ASKED, CALL_RIGHT, "< 180\n", CALL_OK, LATER], "| accepted (200) |");
}

#[test]
fn a_cancel_with_the_number_of_the_bare_invite_is_told() {
    let ringing = [CALL_ASKED, CALL_RIGHT, "< 180\n"].concat();
    let old = "+5 > CANCEL\nCSeq: 1 CANCEL\n";
    let told = "medium cseq-not-incremented cause=cancel fault=client says=CANCEL";
    check(&[&ringing, old, "< 481 to CANCEL\n", LATER], SECRET, &format!("verdict ok\n{told} sure=proven says=481"));
    check(&[&ringing, old, LATER], NOTHING, &format!("{told} sure=likely"));
    check(
        &[&ringing, old, "< 481 to CANCEL\n+15 < 200 to INVITE\nCSeq: 2 INVITE\n> ACK\n", LATER],
        SECRET,
        &format!("verdict ok\nsessions accepted\n{told}"),
    );
    // It is not why a secret was refused before.
    let refused = [CALL_ASKED, CALL_WRONG, CALL_REFUSED, CALL_RIGHT, "< 180\n"].concat();
    check(
        &[&refused, "+5 > CANCEL\nCSeq: 1 CANCEL\n< 481 to CANCEL\n", LATER],
        NOTHING,
        "medium cseq-not-incremented\nno malformed-credentials",
    );
    // The right number, one that the server takes all the same, and one that crossed the challenge.
    let none = "no cseq-not-incremented";
    check(&[&ringing, "+5 > CANCEL\n< 481 to CANCEL\n", LATER], SECRET, none);
    check(&[&ringing, old, "< 200 to CANCEL\n< 487 to INVITE\nCSeq: 2 INVITE\n> ACK\n"], SECRET, none);
    let crossed = "> INVITE\n> CANCEL\n< 407 to INVITE\nProxy-Authenticate: challenge\n> ACK\n< 481 to CANCEL\n";
    check(&[crossed, LATER], NOTHING, none);
}

#[test]
fn an_answer_that_is_sent_again_for_a_repeat_is_no_duplicate_however_soon() {
    // The challenge comes just before the client repeats its INVITE, and at once for the repeat.
    let asked = "> INVITE\n+0.49 < 407\nProxy-Authenticate: challenge\n";
    let again = "+0.01 retransmit 1\n+0.01 retransmit 2\n+0.99 retransmit 1\n+0.01 retransmit 2\n";
    check(&[asked, again, LATER], NOTHING, "high ack-missing says=2_times");
    // Of a port that shows each packet twice neither is sent again.
    let twice =
        "> INVITE\nduplicate 1\n< 407\nProxy-Authenticate: challenge\nduplicate 3\n+0.5 retransmit 3\nduplicate 3\n";
    check(&[twice, LATER], NOTHING, "no ack-missing");
}

#[test]
fn counts_without_a_qop_may_be_why_a_right_digest_is_refused() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n1\", algorithm=MD5\n";
    // MD5(MD5(1001:pbx.example.com:secret):n1:MD5(REGISTER:sip:pbx.example.com))
    let odd = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n1\", \
        uri=\"sip:pbx.example.com\", response=\"507f869d74519de19911b6d2a3053682\", algorithm=MD5, cnonce=\"c1\", nc=00000001\n";
    let again = asked.replace("> REGISTER\n", "");
    check(
        &[asked, odd, &again, LATER],
        SECRET,
        "high digest-ok-but-rejected fault=client sure=possible says=cnonce_and_nc_without_a_qop says=or_none_of_them
        medium qop-params-missing fault=client sure=possible",
    );
    check(&[asked, odd, "< 400\n", LATER], SECRET, "medium qop-params-missing sure=likely by=malformed-credentials");
}

#[test]
fn a_stored_answer_for_a_retry_is_not_silence() {
    let stored = "> REGISTER\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKone\n< 401\nWWW-Authenticate: challenge\n\
        > REGISTER\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKone\nAuthorization: digest user=1001 password=secret\n";
    tells(&[stored, "+0.1 retransmit 2\n", LATER], "| no answer (401 again) |");
    tells(&[stored, LATER], "| no answer |");
}

#[test]
fn the_realm_of_a_row_is_that_of_who_began() {
    let refer = "+5 < REFER\n> 401\nWWW-Authenticate: challenge realm=supplier\n< REFER\n\
        Authorization: digest user=sales password=secret\n> 202\n";
    tells(&["> INVITE\n< 200\n> ACK\n", refer, LATER], "| 1001 | INVITE |");
    tells(&[CALL_ASKED, CALL_RIGHT, CALL_OK, refer, LATER], "| 1001@pbx.example.com | INVITE |");
    let trunk = "phone 192.168.1.20\nproxy 198.51.100.7\nphone > proxy INVITE\nproxy > server forward\n\
        server > proxy 407\nProxy-Authenticate: challenge realm=carrier\nproxy > server ACK\nproxy > server forward\n\
        Proxy-Authorization: digest user=trunk password=secret\nserver > proxy 503\nproxy > phone forward\n";
    tells(&[trunk, LATER], "| 1001 | INVITE |");
    // Nor is the user that of a B2BUA which calls on under the same Call-ID.
    let called_on = trunk
        .replace("proxy > server forward", "proxy > server INVITE")
        .replace("proxy > phone forward", "proxy > phone 503");
    tells(&[&called_on, LATER], "| 1001 | INVITE |");
    // Nor is who sent the credentials left to guess.
    let refused = trunk.replace("503", "407\nProxy-Authenticate: challenge realm=carrier");
    check(&[&refused, LATER], NOTHING, "high rejected-credentials says=client_here_is_198.51.100.7,_which_sends");
    let refused = refer.replace("> 202", "> 401\nWWW-Authenticate: challenge realm=supplier");
    check(
        &["> INVITE\n< 200\n> ACK\n", &refused, LATER],
        NOTHING,
        "high rejected-credentials says=the_other_side_of_the_call",
    );
}

/// A call by way of a PBX, which calls on under a Call-ID of its own: how that call ends, and what the PBX tells its caller.
fn called_on(inner: &str, outer: &str) -> String {
    format!(
        "phone 192.168.1.20\npbx 198.51.100.7\n[a] phone > pbx INVITE\n[a] pbx > phone 407\nProxy-Authenticate: challenge realm=pbx\n\
         [a] phone > pbx ACK\n[a] phone > pbx INVITE\nProxy-Authorization: digest user=1001 password=secret\n[a] pbx > phone 100\n\
         [b] pbx > server INVITE\n[b] server > pbx 407\nProxy-Authenticate: challenge realm=carrier\n[b] pbx > server ACK\n\
         [b] pbx > server INVITE\nProxy-Authorization: digest user=trunk password=wrong\n[b] server > pbx {inner}[b] pbx > server ACK\n\
         [a] pbx > phone {outer}[a] phone > pbx ACK\n{LATER}"
    )
}

#[test]
fn what_keeps_a_call_from_going_through_on_the_other_leg_is_named_to_the_phone() {
    let again = "407\nProxy-Authenticate: challenge realm=carrier\n";
    let told = "high rejected-credentials by=- says=trunk@carrier
        medium forbidden-after-credentials fault=server says=203.0.113.10_asked_for_credentials_in_vain_in_frame_10";
    for outer in ["403\n", "480\n", "503\n", "603\n"] {
        check(&[&called_on(again, outer)], SECRET, &format!("{told} sure=likely"));
    }
    check(&[&called_on(again, "183\n[a] pbx > phone 480\n")], SECRET, &format!("{told} sure=possible"));
    // A challenge without a header is that refusal, passed back.
    check(
        &[&called_on(again, "407\n")],
        SECRET,
        "high rejected-credentials says=trunk@carrier
        medium challenge-header-missing says=asked_for_credentials_in_vain_in_frame_10 says=trunk",
    );
    // What another server said then is what is passed back.
    let then =
        format!("{again}[b] pbx > server ACK\n[c] pbx > second INVITE\n[c] second > pbx 404\n[c] pbx > second ACK\n");
    let then = format!(
        "second 203.0.113.99\n{}",
        called_on(&then, "480\n").replace("[c] pbx > second ACK\n[b] pbx > server ACK\n", "[c] pbx > second ACK\n")
    );
    check(&[&then], SECRET, "no forbidden-after-credentials");
    // Nor is a call that is turned down for itself refused for anybody's credentials.
    check(&[&called_on("486\n", "486\n")], SECRET, "no forbidden-after-credentials");
    check(&[&called_on("403\n", "503\n")], SECRET, "high forbidden-after-credentials says=trunk@carrier\nuntold 2 of");
}

#[test]
fn who_asks_its_own_registrar_for_credentials_is_told_so_when_it_refuses_them() {
    let trunk = |registered: &str, refused: &str| {
        format!(
            "pbx 198.51.100.7\nitsp 203.0.113.10\n{registered}[b] itsp > pbx INVITE\n[b] pbx > itsp 401\nWWW-Authenticate: challenge realm=asterisk\n\
             [b] itsp > pbx ACK\n[b] itsp > pbx INVITE\nAuthorization: digest user=1001 password=other\n[b] pbx > itsp {refused}[b] itsp > pbx ACK\n{LATER}"
        )
    };
    let registered = "[a] pbx > itsp REGISTER\n[a] itsp > pbx 401\nWWW-Authenticate: challenge\n[a] pbx > itsp REGISTER\n\
        Authorization: digest user=1001 password=secret\n[a] itsp > pbx 200\n";
    let again = "401\nWWW-Authenticate: challenge realm=asterisk\n";
    let told = "fault=server says=no_account_at_their_clients says=without_a_challenge";
    for refused in ["403\n", again] {
        check(
            &[&trunk(registered, refused)],
            SECRET,
            &format!("high digest-wrong-password {told} unsaid=on_the_client"),
        );
    }
    check(&[&trunk(registered, again)], NOTHING, &format!("high rejected-credentials {told}"));
    check(&[&trunk("", again)], SECRET, "high digest-wrong-password fault=client unsaid=at_their_clients");
}

#[test]
fn anonymous_is_no_account_whose_password_could_be_given() {
    let sent = |user: &str| format!("> INVITE\nProxy-Authorization: digest user={user} password=none\n");
    check(
        &[CALL_ASKED, &sent("anonymous"), CALL_REFUSED, LATER],
        SECRET,
        "high rejected-credentials fault=client says=account_for_realm_\"pbx.example.com\" unsaid=Give_the_password",
    );
    check(
        &[CALL_ASKED, &sent("sales"), CALL_REFUSED, LATER],
        NOTHING,
        "high rejected-credentials fault=unknown says=Give_the_password",
    );
}

#[test]
fn a_secret_that_is_taken_with_one_method_and_refused_with_another_is_told_so() {
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    let sent = |method: &str| {
        format!(
            "> {method}\n< 407\nProxy-Authenticate: challenge\n> {method}\nProxy-Authorization: digest user=1001 password=secret\n< 407\nProxy-Authenticate: challenge\n"
        )
    };
    check(
        &[&call, "+9 ", &sent("BYE"), LATER],
        SECRET,
        "high digest-ok-but-rejected says=with_INVITE;_only_BYE says=checks_of_BYE_otherwise",
    );
    check(&[&call, "+9 ", &sent("INVITE"), LATER], SECRET, "high digest-ok-but-rejected unsaid=otherwise_than_of");
}

#[test]
fn a_403_without_a_challenge_after_refusals_may_be_a_ban() {
    let wrong = [ASKED, WRONG, REFUSED, WRONG, REFUSED, WRONG, REFUSED].concat();
    let bare = "+60 [b] > REGISTER\n[b] < 403\n";
    let ban = "medium registrar-rejects-contact sure=possible says=may_have_blocked says=First_correct unsaid=not_the_problem unsaid=did_not_ask_for_another";
    for secret in [SECRET, NOTHING] {
        check(&[&wrong, bare, LATER], secret, ban);
    }
    // Who was refused once, and who got in since, is turned down for something else.
    let once = [ASKED, WRONG, REFUSED].concat();
    for before in [once, wrong + RIGHT + OK] {
        check(&[&before, bare, LATER], SECRET, "medium registrar-rejects-contact unsaid=blocked");
    }
}

#[test]
fn a_prack_without_credentials_is_not_for_want_of_an_account() {
    let ringing = [CALL_ASKED, CALL_RIGHT, "< 183\n"].concat();
    let prack = "> PRACK\n< 407 to PRACK\nProxy-Authenticate: challenge\n";
    for end in ["", "+32 < 504 to INVITE\nCSeq: 2 INVITE\n"] {
        check(
            &[&ringing, prack, end, LATER],
            SECRET,
            "high challenge-unanswered fault=client says=has_credentials_for_this_realm unsaid=Check_that_user_name",
        );
    }
}

#[test]
fn a_trunk_that_calls_with_its_number_as_user_name_is_told_of_the_account_that_it_registered() {
    let registered = [ASKED, RIGHT, OK].concat();
    let call = |user: &str| {
        let asked = "[c] < 407\nProxy-Authenticate: challenge\n[c] > ACK\n";
        format!("[c] > INVITE\n{asked}[c] > INVITE\nProxy-Authorization: digest user={user} password=other\n{asked}")
    };
    let told = "says=another_user_name_here says=belongs_in_From";
    for (secrets, rule) in
        [(SECRET, "rejected-credentials"), ("1001,*,secret\n5550100,*,secret\n", "digest-wrong-password")]
    {
        check(&[&registered, &call("5550100"), LATER], secrets, &format!("high {rule} {told}"));
    }
    // The account itself; one that nobody registered; and one that was refused when it registered, too.
    check(&[&registered, &call("1001"), LATER], NOTHING, "high rejected-credentials unsaid=another_user_name_here");
    check(&[&call("5550100"), LATER], NOTHING, "high rejected-credentials unsaid=another_user_name_here");
    let second = "[b] > REGISTER\n[b] < 401\nWWW-Authenticate: challenge\n[b] > REGISTER\n\
        Authorization: digest user=5550100 password=other\n[b] < 403\n";
    check(
        &[&registered, second, &call("5550100"), LATER],
        NOTHING,
        "high rejected-credentials unsaid=another_user_name_here",
    );
}
