//! Forking proxies, trunks and servers that share a realm: what is told of one request on several branches, and of one account in many calls.

use super::*;

const FORK: &str = "edge 203.0.113.20  one 203.0.113.31  two 203.0.113.32\n";

/// Seen at the proxy alone: one branch takes the call that another one asks again for.
fn forked(realms: [&str; 2]) -> String {
    let [one, two] = realms;
    let via = |branch: &str| {
        format!("Via: SIP/2.0/UDP 203.0.113.20;branch=z9hG4bK{branch}\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKc\n")
    };
    let [a, b, c, d] = ["a", "b", "c", "d"].map(via);
    format!(
        "{FORK}edge > one INVITE\n{a}edge > two INVITE\nCSeq: 1 INVITE\n{b}\
         one > edge 401\n{a}WWW-Authenticate: challenge realm={one}\nedge > one ACK\n\
         two > edge 401\n{b}WWW-Authenticate: challenge realm={two}\nedge > two ACK\n\
         edge > one INVITE\nCSeq: 2 INVITE\n{c}Authorization: digest user=1001 password=secret realm={one}\n\
         edge > two INVITE\nCSeq: 2 INVITE\n{d}Authorization: again\n\
         one > edge 200\nCSeq: 2 INVITE\n{c}edge > one ACK\nCSeq: 2 ACK\n\
         two > edge 401\nCSeq: 2 INVITE\n{d}WWW-Authenticate: challenge realm={two}\n"
    )
}

#[test]
fn one_branch_that_accepts_is_enough() {
    for realms in [["same", "same"], ["one", "two"]] {
        let capture = [&*forked(realms), LATER].concat();
        let report = analyse(&[&capture], SECRET);
        let high = report.findings.iter().find(|finding| matches!(finding.severity, "high" | "critical"));
        assert!(high.is_none(), "{realms:?} {}", shown(&report));
        assert_eq!(report.summary.verdict, "ok", "{realms:?} {}", shown(&report));
    }
}

#[test]
fn one_of_many_branches_that_accepts_is_enough() {
    let mut capture = "> INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n".to_owned();
    capture = (1..=9).map(|number| format!("b{number} 203.0.113.{number}\n")).collect::<String>() + &capture;
    for number in 1..=9 {
        capture += &format!(
            "client > b{number} INVITE\nCSeq: 2 INVITE\nContact: <sip:{number}@198.51.100.7>\n\
             Proxy-Authorization: digest user=1001 password=secret\n"
        );
    }
    capture += "b1 > client 200\nCSeq: 2 INVITE\n";
    for number in 2..=9 {
        capture += &format!("b{number} > client 487\nCSeq: 2 INVITE\n");
    }
    check(&[&capture, LATER], SECRET, "clean\nsessions accepted\nverdict ok");
}

#[test]
fn an_account_of_a_realm_that_another_branch_asks_for_was_not_looked_at() {
    let both = "> INVITE\n< 401\nWWW-Authenticate: challenge realm=one\nWWW-Authenticate: challenge realm=two\n> ACK\n";
    let answer =
        |realm: &str, password: &str| format!("Authorization: digest user=1001 password={password} realm={realm}\n");
    let sent = format!("> INVITE\n{}{}", answer("one", "secret"), answer("two", "wrong"));
    check(&[both, &sent, CALL_OK], SECRET, "clean\nno accepted-with-other-secret");
    // Asked one behind the other, each server has looked at its own.
    let first = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=one\n> ACK\n";
    let next =
        format!("> INVITE\nProxy-{}< 401\nWWW-Authenticate: challenge realm=two\n> ACK\n", answer("one", "secret"));
    let last = format!("> INVITE\nProxy-Authorization: again\n{}", answer("two", "wrong"));
    check(&[first, &next, &last, CALL_OK], SECRET, "medium accepted-with-other-secret");
}

#[test]
fn a_proxy_and_the_server_behind_it_may_share_a_realm() {
    let both = "> INVITE\n< 401\nProxy-Authenticate: challenge nonce=p\nWWW-Authenticate: challenge nonce=w\n> ACK\n";
    let to_proxy = "> INVITE\nProxy-Authorization: digest user=1001 password=secret nonce=p\n";
    let again = "< 401\nWWW-Authenticate: challenge\n> ACK\n";
    check(&[both, to_proxy, again, LATER], SECRET, "high challenge-unanswered fault=client\nno digest-ok-but-rejected");
    let refused = "< 407\nProxy-Authenticate: challenge\n> ACK\n";
    check(&[both, to_proxy, refused, LATER], SECRET, "high digest-ok-but-rejected fault=server");
}

#[test]
fn of_two_challenges_for_one_realm_each_wants_its_answer() {
    let both = "> INVITE\n< 401\nWWW-Authenticate: challenge nonce=one\nWWW-Authenticate: challenge nonce=two\n> ACK\n";
    let first = "> INVITE\nAuthorization: digest user=1001 password=secret nonce=one\n";
    let again = "< 401\nWWW-Authenticate: challenge\n> ACK\n";
    check(
        &[both, first, again, LATER],
        SECRET,
        "high digest-ok-but-rejected fault=unknown sure=possible says=two_challenges_for_that_realm",
    );
    let single = "> INVITE\n< 401\nWWW-Authenticate: challenge nonce=one\n> ACK\n";
    check(&[single, first, again, LATER], SECRET, "high digest-ok-but-rejected fault=server sure=likely");
}

/// One call of a trunk, with the address of its caller, to somebody else each time.
fn call(number: usize, caller: &str, answer: &str) -> String {
    format!(
        "+0.5 [c{number}] > INVITE sip:300{number}@pbx.example.com\nFrom: <sip:{caller}@pbx.example.com>;tag=t{number}\n[c{number}] < 407\nProxy-Authenticate: challenge\n\
         [c{number}] > ACK\n[c{number}] > INVITE sip:300{number}@pbx.example.com\nFrom: <sip:{caller}@pbx.example.com>;tag=t{number}\n\
         Proxy-Authorization: digest user=1001 password=secret\n{answer}"
    )
}

fn refused_call(number: usize, caller: &str) -> String {
    call(number, caller, &format!("[c{number}] < 407\nProxy-Authenticate: challenge\n[c{number}] > ACK\n"))
}

#[test]
fn calls_of_a_pbx_are_no_brute_force() {
    let calls: String = (0..12).map(|number| refused_call(number, "1001")).collect();
    let registered = [ASKED, RIGHT, OK].concat();
    check(&[&registered, &calls], NOTHING, "no brute-force account-guessed\nhigh rejected-credentials");
    // Nothing shows that it knows the password.
    check(&[&calls], NOTHING, "medium brute-force sure=possible says=a_PBX_that_calls");
    check(&[&calls], SECRET, "no brute-force\nhigh digest-ok-but-rejected");
    // One party that calls another again and again under ever new Call-IDs is none.
    let again: String =
        (0..12).map(|number| refused_call(number, "1001").replace(&format!("sip:300{number}@"), "sip:900@")).collect();
    check(&[&again], NOTHING, "critical brute-force sure=likely");
}

#[test]
fn whose_calls_a_trunk_makes_is_not_held_against_it() {
    let calls: String = (0..4).map(|number| refused_call(number, &format!("44207000{number}"))).collect();
    check(&[&calls, LATER], SECRET, "high digest-ok-but-rejected fault=server sessions=4");
    let forbidden =
        |number| call(number, &format!("44207000{number}"), &format!("[c{number}] < 403\n[c{number}] > ACK\n"));
    let calls: String = (0..4).map(forbidden).collect();
    check(&[&calls, LATER], SECRET, "medium username-not-aor sessions=4");
}

#[test]
fn who_has_calls_that_are_let_on_and_others_that_are_not_is_in() {
    let accepted = |number| call(number, "1001", &format!("[c{number}] < 200\n[c{number}] > ACK\n"));
    let mixed = [accepted(0), refused_call(1, "1001"), accepted(2), refused_call(3, "1001")].concat();
    check(&[&mixed, LATER], SECRET, "untold did not get in\ntold got in, but not without trouble");
    let worse = [accepted(0), refused_call(1, "1001"), refused_call(2, "1001")].concat();
    let not_in_the_end = "told 1 of 1 client got in at first, but not in the end";
    check(&[&worse, LATER], SECRET, not_in_the_end);
    let locked_out: String = (4..7).map(|number| refused_call(number, "1001")).collect();
    check(&[&mixed, &locked_out, LATER], SECRET, not_in_the_end);
    // A registration that fails is another matter.
    check(
        &[&mixed, ASKED, WRONG, REFUSED, LATER],
        SECRET,
        "told 1 of 1 client got in with one method, but not with another",
    );
}

#[test]
fn each_request_counts_once_whatever_it_answers() {
    let both = "WWW-Authenticate: challenge algorithm=SHA-256\nWWW-Authenticate: challenge algorithm=MD5\n";
    let sent = "> REGISTER\nAuthorization: digest user=1001 password=wrong algorithm=SHA-256\n\
        Authorization: digest user=1001 password=wrong algorithm=MD5\n";
    let turn = [sent, "< 401\n", both].concat();
    check(
        &["> REGISTER\n< 401\n", both, &turn.repeat(2)],
        NOTHING,
        "high challenge-loop says=2_REGISTERs_with_credentials",
    );
}

#[test]
fn keepalives_and_calls_that_the_other_side_ends_want_no_answer() {
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    let ping = "+20 > OPTIONS\nTo: <sip:2000@pbx.example.com>;tag=b\n< 407\nProxy-Authenticate: challenge\n";
    let bye = "> BYE\n< 200\n";
    check(&[&call, ping, bye, LATER], SECRET, "clean");
    check(&[&call, &ping.repeat(3), bye, LATER], SECRET, "clean");
    let asked = "> BYE\n< 407\nProxy-Authenticate: challenge\n";
    check(&[&call, asked, LATER], SECRET, "high in-dialog-challenge-unanswered");
    check(&[&call, asked, "< BYE\n> 200\n", LATER], SECRET, "clean");
    // What is to be told within the call had time to be told.
    let info = asked.replace("BYE", "INFO");
    check(&[&call, &info, "+20 < BYE\n> 200\n", LATER], SECRET, "high in-dialog-challenge-unanswered");
    check(&[&call, &info, "> BYE\n< 200\n", LATER], SECRET, "high in-dialog-challenge-unanswered");
}

#[test]
fn what_the_capture_lacks_may_have_answered_a_challenge() {
    check(
        &[ASKED, "> unseen REGISTER\nAuthorization: digest user=1001 password=secret\n", OK, LATER],
        NOTHING,
        "no challenge-unanswered",
    );
    check(&[ASKED, LATER], NOTHING, "high challenge-unanswered");
}

#[test]
fn a_request_that_is_too_long_or_not_supported_is_no_servers_trouble() {
    for (status, fault) in [("513", "client"), ("501", "unknown"), ("503", "server")] {
        let found = format!("medium registrar-rejects-contact fault={fault}");
        check(&[ASKED, RIGHT, &format!("< {status}\n"), LATER], SECRET, &found);
    }
}

#[test]
fn the_callers_of_a_pbx_without_an_account_are_one_client() {
    let bare = |number: usize| {
        let caller = format!("From: <sip:44207000{number}@pbx.example.com>;tag=t{number}\n");
        format!(
            "+0.5 [b{number}] > INVITE\n{caller}[b{number}] < 407\nProxy-Authenticate: challenge\n[b{number}] > ACK\n{caller}"
        )
    };
    let calls: String = (0..4).map(bare).collect();
    check(&[&calls, LATER], NOTHING, "high challenge-unanswered sessions=4\ntold 1 of 1 client did not get in");
    let accepted = call(9, "1001", "[c9] < 200\n[c9] > ACK\n");
    check(&[&accepted, &calls, LATER], SECRET, "told got in, but not without trouble: 1 challenge never answered");
    // Two lines of one phone are two.
    let two: String = (0..2).map(bare).collect();
    check(&[&two, LATER], NOTHING, "told 2 of 2 clients did not get in");
}

/// A nonce of one call that the next ones use, too, whatever caller they name.
#[test]
fn a_nonce_that_a_trunk_keeps_was_good_whoever_calls() {
    let first = call(0, "442070000", "[c0] < 200\n[c0] > ACK\n").replacen(
        "Proxy-Authenticate: challenge",
        "Proxy-Authenticate: challenge nonce=kept",
        1,
    );
    let next = |number: usize, count: &str| {
        format!(
            "+1 [c{number}] > INVITE\nFrom: <sip:44207000{number}@pbx.example.com>;tag=t{number}\n\
             Proxy-Authorization: digest user=1001 password=secret nonce=kept realm=pbx.example.com qop=auth nc={count}\n\
             [c{number}] < 407\nProxy-Authenticate: challenge\n[c{number}] > ACK\n"
        )
    };
    let refused = "high nonce-rejected-without-stale fault=server";
    check(&[&first, &next(1, "00000002"), LATER], SECRET, refused);
    // What comes late under a lower count is refused for that.
    let accepted = next(2, "00000005").replace("[c2] < 407\nProxy-Authenticate: challenge\n", "[c2] < 200\n");
    check(&[&first, &accepted, &next(3, "00000003"), LATER], SECRET, &format!("{refused} says=not_the_highest"));
}

/// What goes on in a Call-ID need not be the client's doing.
#[test]
fn what_others_do_settles_no_challenge() {
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    let asked = "> BYE\n< 407\nProxy-Authenticate: challenge\n";
    let unanswered = "high in-dialog-challenge-unanswered";
    check(&[&call, asked, "+300 < BYE\n> 200\n", LATER], SECRET, unanswered);
    let hangs_up =
        "+20 < BYE\nAuthorization: digest user=2000 password=other realm=pbx.example.com nonce=x qop=none\n> 200\n";
    check(&[&call, &asked.replace("BYE", "INFO"), hangs_up, LATER], SECRET, unanswered);
}

/// A proxy that has a wrong password of its own and turns to the next carrier is a client that fails.
#[test]
fn a_server_that_accepts_after_another_has_refused_is_no_branch() {
    let names = "spare 203.0.113.11\n";
    let spare = "client > spare REGISTER\nCSeq: 2 REGISTER\nspare > client 200\nCSeq: 2 REGISTER\n";
    check(&[names, ASKED, WRONG, REFUSED, spare, LATER], SECRET, "high digest-wrong-password");
}

/// Phones behind one address have ports of their own.
#[test]
fn three_phones_behind_one_address_are_three_clients() {
    let names = "a 198.51.100.7:5061  b 198.51.100.7:5062  c 198.51.100.7:5063\n";
    let call = |phone: &str| {
        format!(
            "[{phone}] {phone} > server INVITE\nFrom: <sip:{phone}@pbx.example.com>;tag={phone}\n[{phone}] server > {phone} 407\n\
             Proxy-Authenticate: challenge\n[{phone}] {phone} > server ACK\n"
        )
    };
    let calls: String = ["a", "b", "c"].map(call).concat();
    let later = "+40 [later] a > server OPTIONS\n[later] server > a 200\n";
    check(&[names, &calls, later], NOTHING, "told 3 of 3 clients did not get in\nhigh challenge-unanswered sessions=1");
}

/// A Call-ID that a second call uses again, from its first CSeq number on.
#[test]
fn a_second_call_to_the_same_server_is_no_branch_of_the_first() {
    let first = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    let second = "+60 > INVITE\nFrom: <sip:1001@pbx.example.com>;tag=again\nTo: <sip:2000@pbx.example.com>\nCSeq: 1 INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n\
        > INVITE\nFrom: <sip:1001@pbx.example.com>;tag=again\nTo: <sip:2000@pbx.example.com>\nCSeq: 2 INVITE\nProxy-Authorization: digest user=1001 password=wrong\n\
        < 403\n> ACK\n";
    check(&[&first, second, LATER], SECRET, "sessions forbidden");
}

#[test]
fn a_reused_branch_is_seen_where_the_capture_lacks_the_first_request() {
    let via = "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKsame\n";
    let asked = format!("> unseen INVITE\n{via}< 407\nProxy-Authenticate: challenge nonce=one\n> ACK\n");
    let retry = format!("> INVITE\n{via}CSeq: 1 INVITE\nProxy-Authorization: digest user=1001 password=secret\n");
    check(
        &[&asked, &retry, "+0.003 retransmit 2\n> ACK\n"],
        SECRET,
        "high branch-reused fault=client\nattempts challenged refused",
    );
    // Nobody is refused by what came before.
    let expected = "attempts challenged undecided\nno digest-ok-but-rejected";
    check(&[&asked, &retry], SECRET, expected);
    check(&[&asked.replace("> ACK\n", ""), &retry], SECRET, expected);
}
