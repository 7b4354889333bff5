//! Those who did nothing wrong: callees, owners, lines of a phone, and whoever shares a nonce, an address or a branch with somebody.

use super::*;

const PATIENCE: &str = "+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";
const REGISTERED: &str = "[reg] > REGISTER\n[reg] < 401\nWWW-Authenticate: challenge\n[reg] > REGISTER\n\
    Authorization: digest user=1001 password=secret\n[reg] < 200\n";
/// Time goes by.
const AFTER: &str = "+300 [after] > OPTIONS\n[after] < 200\n";
const IN_DIALOG: &str = "From: <sip:1001@pbx.example.com>;tag=a\nTo: <sip:2000@pbx.example.com>;tag=b\n";

#[test]
fn a_phone_that_is_off_is_no_server_and_its_pbx_no_client() {
    for method in ["INVITE", "MESSAGE", "NOTIFY", "UPDATE"] {
        let tag = if matches!(method, "NOTIFY" | "UPDATE") { IN_DIALOG } else { "" };
        let asked = format!("+60 [ask] server > client {method}\n{tag}");
        check(
            &[REGISTERED, &asked, PATIENCE, LATER],
            NOTHING,
            "medium no-response-at-all fault=unknown cause=called says=is_a_client_of unsaid=the_server_bans\nverdict ok",
        );
    }
    // One that never logged in there may be the server of the two.
    check(
        &["> INVITE\n", PATIENCE, LATER],
        NOTHING,
        "high no-response-at-all fault=path unsaid=is_a_client_of\nverdict problems",
    );
}

#[test]
fn what_had_begun_ends_without_an_answer_and_keeps_nobody_out() {
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    check(&[&call, "+30 > BYE\n", PATIENCE, LATER], SECRET, "medium no-response-at-all\nverdict ok");
    let removal = "+100 [reg] > REGISTER\nExpires: 0\nAuthorization: digest user=1001 password=secret\n";
    check(&[REGISTERED, removal, PATIENCE, LATER], SECRET, "medium no-response-at-all\nverdict ok");
    let refresh = removal.replace("Expires: 0\n", "");
    check(&[REGISTERED, &refresh, PATIENCE, LATER], SECRET, "high no-response-at-all\nverdict problems");
}

#[test]
fn who_gets_in_at_another_server_under_another_call_id_is_not_kept_out() {
    let silent = "[one] > REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx nonce=old\n";
    let next = "other 203.0.113.20\n+2 [two] client > other REGISTER\n[two] other > client 401\nWWW-Authenticate: challenge\n\
        [two] client > other REGISTER\nAuthorization: digest user=1001 password=secret\n[two] other > client 200\n";
    check(&[silent, PATIENCE, next, LATER], NOTHING, "medium no-response-at-all\nverdict ok");
    let refused = next.replace("client 200", "client 403");
    check(&[silent, PATIENCE, &refused, LATER], NOTHING, "several\nhigh no-response-at-all");
}

const CALLER: &str = "caller 192.0.2.66\n";
/// Somebody calls the phone, and challenges its BYE.
const LEAK: &str = "[call] caller > client INVITE\nFrom: <sip:x@caller.example>;tag=x\nTo: <sip:1001@caller.example>\n\
    [call] client > caller 200\nFrom: <sip:x@caller.example>;tag=x\nTo: <sip:1001@caller.example>;tag=y\n[call] caller > client ACK\n\
    +5 [call] client > caller BYE\nFrom: <sip:1001@caller.example>;tag=y\nTo: <sip:x@caller.example>;tag=x\n\
    [call] caller > client 407\nProxy-Authenticate: challenge realm=thief nonce=t\n\
    [call] client > caller BYE\nFrom: <sip:1001@caller.example>;tag=y\nTo: <sip:x@caller.example>;tag=x\n\
    Proxy-Authorization: digest user=1001 password=secret realm=thief nonce=t\n[call] caller > client 200\n";

#[test]
fn a_caller_is_a_thief_only_where_the_account_is_known_to_be_anothers() {
    check(&[CALLER, REGISTERED, LEAK, LATER], NOTHING, "critical digest-leak sure=likely");
    // Whatever else the phone sends something to is no server of its own.
    let ping = "carrier 198.18.0.9\n[ping] client > carrier OPTIONS\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n";
    check(&[CALLER, ping, LEAK, LATER], NOTHING, "medium digest-leak sure=possible says=does_not_show_another_server");
    // A second line, whose server this may be.
    let line = LEAK.replace("user=1001", "user=2001");
    check(&[CALLER, REGISTERED, &line, LATER], NOTHING, "medium digest-leak sure=possible says=another_line");
}

fn calls(count: usize, from: impl Fn(usize) -> String, answer: &str) -> String {
    (0..count)
        .map(|call| {
            format!(
                "+1 [n{call}] > INVITE sip:4930{call:04}@pbx.example.com\nFrom: <sip:{}@pbx.example.com>;tag=a\n\
                 To: <sip:4930{call:04}@pbx.example.com>\n[n{call}] < {answer}\n[n{call}] > ACK\n",
                from(call)
            )
        })
        .collect()
}

#[test]
fn numbers_that_a_pbx_dials_are_no_users() {
    let asked = "407\nProxy-Authenticate: challenge";
    check(
        &[&calls(60, |_| "trunk".to_owned(), asked), LATER],
        NOTHING,
        "high challenge-unanswered\nno user-enumeration\ntold challenge never answered",
    );
    // Who calls each of them in another name looks for one that is let past.
    check(&[&calls(60, |call| format!("4{call}"), asked), LATER], NOTHING, "medium user-enumeration sure=likely");
}

#[test]
fn lines_that_a_client_subscribes_to_are_no_users_of_its_own() {
    let keys = |count: usize| -> String {
        (0..count)
            .map(|key| {
                format!("+0.1 [k{key}] > SUBSCRIBE sip:5{key}@pbx.example.com\nTo: <sip:5{key}@pbx.example.com>\n[k{key}] < 404\n")
            })
            .collect()
    };
    check(&[REGISTERED, &keys(60), LATER], NOTHING, "no user-enumeration");
    check(&[&keys(60), LATER], NOTHING, "medium user-enumeration sure=possible");
}

#[test]
fn an_owner_with_an_old_password_guesses_nothing() {
    let tries = |wait: &str| -> String {
        (0..14)
            .map(|index| {
                format!(
                    "+{wait} [c{index}] > REGISTER\n[c{index}] < 401\nWWW-Authenticate: challenge\n[c{index}] > REGISTER\n\
                     Authorization: digest user=1001 password=old\n[c{index}] < 403\n"
                )
            })
            .collect()
    };
    let right = REGISTERED.replace("[reg]", "[ok]");
    check(&[REGISTERED, AFTER, &tries("1.3"), LATER], NOTHING, "no brute-force account-guessed");
    check(&[REGISTERED, AFTER, &tries("1.3"), &right, LATER], NOTHING, "no brute-force account-guessed");
    check(&[&tries("1.3"), &right, LATER], NOTHING, "medium brute-force sure=possible\nno account-guessed");
    check(&[&tries("0.5"), &right, LATER], NOTHING, "critical account-guessed");
}

#[test]
fn a_nonce_that_both_were_given_is_replayed_by_nobody() {
    let device = |who: &str, call: &str, challenge: &str| {
        format!(
            "[{call}] {who} > server REGISTER\n[{call}] server > {who} 401\nWWW-Authenticate: challenge nonce=shared\n[{call}] {who} > server REGISTER\n\
             Authorization: digest user=1001 password=secret nonce=shared cnonce=constant\n[{call}] server > {who} 200\n"
        )
        .replace("nonce=shared\n[", challenge)
    };
    let two = "two 198.51.100.88\n";
    let given = "nonce=shared\n[";
    check(&[two, &device("client", "a", given), &device("two", "b", given), LATER], NOTHING, "no replay-suspected");
    let stolen = "+5 [b] two > server REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com nonce=shared uri=sip:pbx.example.com nc=00000001 cnonce=constant qop=auth\n[b] server > two 200\n";
    check(&[two, &device("client", "a", given), stolen, LATER], NOTHING, "critical replay-suspected");
}

#[test]
fn a_scanner_that_gets_no_answer_is_as_it_should_be() {
    check(
        &["agent client friendly-scanner\n> REGISTER\n", PATIENCE, LATER],
        NOTHING,
        "low scanner-agent\nno no-response-at-all",
    );
    check(&["agent client Phone\n> REGISTER\n", PATIENCE, LATER], NOTHING, "high no-response-at-all");
}

const REFUSALS: &str = "[r] > REGISTER\n[r] < 401\nWWW-Authenticate: challenge\n[r] > REGISTER\nAuthorization: digest user=1001 password=wrong\n[r] < 401\n\
    WWW-Authenticate: challenge\n[r] > REGISTER\nAuthorization: digest user=1001 password=wrong\n[r] < 401\nWWW-Authenticate: challenge\n\
    [r] > REGISTER\nAuthorization: digest user=1001 password=wrong\n[r] < 401\nWWW-Authenticate: challenge\n";
const OTHERS: &str = "other 198.51.100.99\n+40 [o] other > server OPTIONS\n[o] server > other 200\n";

#[test]
fn whoever_was_let_in_since_is_not_blocked_for_what_was_refused() {
    let silence = "+60 [s] > REGISTER\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n";
    check(&[REFUSALS, silence, OTHERS], NOTHING, "medium blocked-after-failures");
    let corrected = "[r] > REGISTER\nAuthorization: digest user=1001 password=secret\n[r] < 200\n";
    check(&[REFUSALS, corrected, silence, OTHERS], NOTHING, "no blocked-after-failures\nhigh no-response-at-all");
    // Another phone behind the same NAT, which asks where nobody listens.
    let elsewhere =
        "dead 203.0.113.10:5070\n+60 [s] client > dead REGISTER\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n";
    check(&[REFUSALS, elsewhere, OTHERS], NOTHING, "no blocked-after-failures");
    let pings = silence.replace("REGISTER", "OPTIONS");
    check(&[REFUSALS, &pings, OTHERS], NOTHING, "no blocked-after-failures");
}

#[test]
fn a_clock_that_was_set_back_makes_no_overlap() {
    let first = "@10 > REGISTER\nCSeq: 1 REGISTER\n@20 < 401\nCSeq: 1 REGISTER\nWWW-Authenticate: challenge\n";
    let set_back = "@15 > REGISTER\nCSeq: 2 REGISTER\nAuthorization: digest user=1001 password=secret\n@15.1 < 200\nCSeq: 2 REGISTER\n";
    check(&[first, set_back], NOTHING, "no overlapping-register");
}

#[test]
fn one_branch_for_all_is_the_proxys() {
    let vias = |own: &str| {
        format!(
            "Via: SIP/2.0/UDP 203.0.113.7;branch=z9hG4bKcydzigwkX\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK{own}\n"
        )
    };
    let register = |via: &str, other: &str, last: &str| {
        format!(
            "> REGISTER\n{via}< 401\nWWW-Authenticate: challenge\n> REGISTER\n{other}Authorization: digest user=1001 password=secret\n< {last}\n"
        )
    };
    check(
        &[&register(&vias("one"), &vias("two"), "200")],
        NOTHING,
        "info branch-reused fault=path says=sends_the_request_on\nclean",
    );
    let own = "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKsame\n";
    check(&[&register(own, own, "200")], NOTHING, "medium branch-reused fault=client");
}

#[test]
fn a_digest_that_the_server_never_got_is_not_refused_by_it() {
    let cast = "sbc 203.0.113.5\n";
    let asked = "client > sbc REGISTER\nsbc > server forward\nserver > sbc 401\nWWW-Authenticate: challenge\nsbc > client forward\n\
        client > sbc REGISTER\nAuthorization: digest user=1001 password=secret\n";
    let judged = "server > sbc 401\nWWW-Authenticate: challenge\nsbc > client forward\n";
    let replaced = "sbc > server forward\nAuthorization: digest user=sbc password=other\n";
    check(
        &[cast, asked, replaced, judged, LATER],
        SECRET,
        "no digest-ok-but-rejected\nhigh rejected-credentials says=sbc@",
    );
    check(&[cast, asked, "sbc > server forward\n", judged, LATER], SECRET, "high digest-ok-but-rejected");
}

#[test]
fn one_phone_with_many_addresses_is_one_device() {
    let from = |call: &dyn Fn(usize) -> String| -> String {
        let cast: String = (0..12).map(|place| format!("p{place} 100.64.{place}.7\n")).collect();
        let logins = (0..12).map(|place| {
            let call = call(place);
            format!(
                "+20 [{call}] p{place} > server REGISTER\nCSeq: {} REGISTER\n[{call}] server > p{place} 401\nCSeq: {} REGISTER\nWWW-Authenticate: challenge\n\
                 [{call}] p{place} > server REGISTER\nCSeq: {} REGISTER\nAuthorization: digest user=1001 password=secret\n[{call}] server > p{place} 200\nCSeq: {} REGISTER\n",
                2 * place + 1,
                2 * place + 1,
                2 * place + 2,
                2 * place + 2,
            )
        });
        cast + &logins.collect::<String>()
    };
    check(&[&from(&|_| "one".to_owned())], NOTHING, "no spread-account-use");
    check(&[&from(&|place| format!("c{place}"))], NOTHING, "medium spread-account-use");
}

#[test]
fn a_wrong_password_is_no_alg() {
    let sent = |password: &str| {
        format!(
            "> REGISTER sip:203.0.113.10\nAuthorization: digest user=1001 password={password} uri=sip:pbx.example.com\n\
             Via: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bKalg;rport\nContact: <sip:1001@198.51.100.7:61022>\n"
        )
    };
    check(&[ASKED, &sent("wrong"), REFUSED], SECRET, "high digest-wrong-password\nno alg-suspected");
    check(&[ASKED, &sent("wrong"), REFUSED], NOTHING, "medium alg-suspected");
}

#[test]
fn a_realm_is_that_of_whoever_asked_and_not_of_who_passed_it_back() {
    let passed = "proxy 203.0.113.5\nclient > proxy REGISTER\nproxy > server forward\nserver > proxy 401\nWWW-Authenticate: challenge realm=asterisk\n\
        proxy > client forward\n";
    check(&[passed], NOTHING, "low realm-generic says=203.0.113.10 unsaid=203.0.113.5");
    let own =
        "proxy 203.0.113.5\nclient > proxy REGISTER\nproxy > client 401\nWWW-Authenticate: challenge realm=asterisk\n";
    check(&[own], NOTHING, "low realm-generic says=203.0.113.5");
}

#[test]
fn a_challenge_that_is_answered_did_arrive() {
    let asked = "> INVITE\n< 407\nProxy-Authenticate: challenge\n+0.5 retransmit 2\n+1 retransmit 2\n+2 retransmit 2\n";
    let answered = [asked, CALL_RIGHT, CALL_OK].concat();
    check(&[&answered, LATER], NOTHING, "medium ack-missing fault=client says=did_reach_the_client");
}
