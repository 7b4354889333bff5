//! Group E: what only a comparison of sessions shows, and realms that name nobody.

use super::*;

/// A REGISTER of a user, refused or accepted, under a Call-ID of its own.
fn user(name: &str, password: &str, answer: &str) -> String {
    format!(
        "user {name}\n+1 [{name}] > REGISTER\n[{name}] < 401\nWWW-Authenticate: challenge\n[{name}] > REGISTER\nAuthorization: digest user={name} password={password}\n[{name}] < {answer}\n"
    )
}

const AGAIN: &str = "401\nWWW-Authenticate: challenge";
const ALL: &str = "1001,*,secret\n1002,*,secret\n1003,*,secret\n";

#[test]
fn realm_generic_is_found() {
    for realm in ["asterisk", "Localhost", "192.0.2.1", "192.0.2.1:5060", "\"\"", "2001:db8::1"] {
        let asked = format!("> REGISTER\n< 401\nWWW-Authenticate: challenge realm={realm}\n");
        check(&[&asked], NOTHING, "low realm-generic fault=server");
    }
    for realm in ["pbx.example.com", "asterisk.example.com", "1001", "Voice"] {
        let asked = format!("> REGISTER\n< 401\nWWW-Authenticate: challenge realm={realm}\n");
        check(&[&asked], NOTHING, "no realm-generic");
    }
}

#[test]
fn challenge_mode_mixed_is_found() {
    let one = "[one] > INVITE\n[one] < 401\nWWW-Authenticate: challenge\n[one] > ACK\n";
    let two = "+5 [two] > INVITE\n[two] < 407\nProxy-Authenticate: challenge\n[two] > ACK\n";
    check(&[one, two], NOTHING, "medium challenge-mode-mixed fault=server frames=2");
    check(&[one, &one.replace("one", "two")], NOTHING, "no challenge-mode-mixed");
    // Another realm is another question, another method another service, and another server another server.
    check(&[one, &two.replace("challenge\n", "challenge realm=b\n")], NOTHING, "no challenge-mode-mixed");
    check(&[one, &two.replace("INVITE", "SUBSCRIBE").replace("[two] > ACK\n", "")], NOTHING, "no challenge-mode-mixed");
    let elsewhere = two.replace("[two] >", "[two] client > spare").replace("[two] <", "[two] spare > client");
    check(&["spare 203.0.113.11\n", one, &elsewhere], NOTHING, "no challenge-mode-mixed");
    let other_client = two.replace("[two] >", "[two] phone > server").replace("[two] <", "[two] server > phone");
    check(&["phone 198.51.100.8\n", one, &other_client], NOTHING, "no challenge-mode-mixed");
}

#[test]
fn challenge_mode_mixed_is_not_said_of_what_a_proxy_passes_back_nor_of_both_at_once() {
    check(
        &["
            proxy 203.0.113.10  callee 203.0.113.40
            [one] client > proxy INVITE
            [one] proxy > client 407
            Proxy-Authenticate: challenge
            [one] client > proxy ACK
            [two] client > proxy INVITE
            [two] proxy > callee forward
            [two] callee > proxy 401
            WWW-Authenticate: challenge
            [two] proxy > client forward
            [two] client > proxy ACK"],
        NOTHING,
        "no challenge-mode-mixed",
    );
    let both = "[one] > INVITE\n[one] < 401\nWWW-Authenticate: challenge\nProxy-Authenticate: challenge\n[one] > ACK\n";
    let one = "[two] > INVITE\n[two] < 407\nProxy-Authenticate: challenge\n[two] > ACK\n";
    check(&[both, one], NOTHING, "no challenge-mode-mixed");
}

#[test]
fn method_auth_differs_is_found() {
    let refused = "[mwi] > SUBSCRIBE\n[mwi] < 407\nProxy-Authenticate: challenge\n[mwi] > SUBSCRIBE\nProxy-Authorization: digest user=1001 password=secret\n[mwi] < 403\n";
    check(
        &[ASKED, RIGHT, OK, refused],
        SECRET,
        "info method-auth-differs says=SUBSCRIBE_with_403 frames=4 excludes=unknown_user",
    );
    check(&[refused], SECRET, "no method-auth-differs");
    check(&[ASKED, RIGHT, OK, &refused.replace("403", "200")], SECRET, "no method-auth-differs");
    // It was let past at another time.
    let later = "[more] > SUBSCRIBE\n[more] < 407\nProxy-Authenticate: challenge\n[more] > SUBSCRIBE\nProxy-Authorization: digest user=1001 password=secret\n[more] < 200\n";
    check(&[ASKED, RIGHT, OK, refused, later], SECRET, "no method-auth-differs");
    let other = refused.replace("1001", "1002");
    check(&[ASKED, RIGHT, OK, "user 1002\n", &other], SECRET, "no method-auth-differs");
    // A busy callee is past authentication.
    let busy = "[call] > INVITE\n[call] < 407\nProxy-Authenticate: challenge\n[call] > ACK\n[call] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n[call] < 486\n[call] > ACK\n";
    check(&[ASKED, RIGHT, OK, busy], SECRET, "clean\nno method-auth-differs");
}

#[test]
fn failure_scope_is_found_where_all_fail_alike() {
    let three = [user("1001", "secret", AGAIN), user("1002", "secret", AGAIN), user("1003", "secret", AGAIN)].concat();
    check(
        &[&three],
        ALL,
        "info failure-scope cause=shared fault=server sure=likely excludes=wrong_passwords says=1001,_1002_and_1003",
    );
    check(&[&three], NOTHING, "info failure-scope cause=shared fault=unknown sure=possible");
    let two = [user("1001", "secret", AGAIN), user("1002", "secret", AGAIN)].concat();
    check(&[&two], ALL, "no failure-scope");
    // More than are named are counted all the same.
    let many: String = (0..70).map(|number| user(&format!("2{number:03}"), "secret", AGAIN)).collect();
    let all: String = (0..70).map(|number| format!("2{number:03},*,secret\n")).collect();
    check(&[&many], &all, "info failure-scope cause=shared says=All_70_users");
    // Different reasons are different causes.
    let mixed = [user("1001", "secret", AGAIN), user("1002", "wrong", AGAIN), user("1003", "secret", AGAIN)].concat();
    check(&[&mixed], ALL, "no failure-scope");
}

#[test]
fn failure_scope_is_found_where_one_fails() {
    let one = [user("1001", "secret", "200"), user("1002", "secret", "200"), user("1003", "wrong", AGAIN)].concat();
    check(&[&one], ALL, "info failure-scope cause=account sure=likely says=only_1003 excludes=server,_realm_or_path");
    let fixed = [&one, "+5 [later] > REGISTER\n[later] < 401\nWWW-Authenticate: challenge\n[later] > REGISTER\nAuthorization: digest user=1003 password=secret\n[later] < 200\n"].concat();
    check(&[&fixed], ALL, "no failure-scope");
    let few = [user("1001", "secret", "200"), user("1003", "wrong", AGAIN)].concat();
    check(&[&few], ALL, "no failure-scope");
}

#[test]
fn failure_scope_is_not_said_of_somebody_who_tries_names() {
    let names: String = (1001..1013).map(|name| user(&name.to_string(), "guess", AGAIN)).collect();
    check(&[&names], NOTHING, "no failure-scope");
    let right: String = (1001..1013).map(|name| format!("{name},*,guess\n")).collect();
    check(&[&names], &right, "info failure-scope cause=shared");
}

#[test]
fn an_account_that_got_through_with_another_call_is_known() {
    let call = |name: &str, number: &str| {
        format!(
            "[{name}] > INVITE sip:{number}@pbx.example.com\nFrom: <sip:4930123@pbx.example.com>;tag={name}\n[{name}] < 407\n\
             Proxy-Authenticate: challenge\n[{name}] > ACK\n[{name}] > INVITE sip:{number}@pbx.example.com\n\
             From: <sip:4930123@pbx.example.com>;tag={name}\nProxy-Authorization: digest user=trunk password=secret\n"
        )
    };
    let got = [&*call("one", "100"), "[one] < 200\n[one] > ACK\n"].concat();
    let refused = ["+20 ", &*call("two", "900"), "[two] < 403\n[two] > ACK\n"].concat();
    check(
        &[&got, &refused],
        "trunk,*,secret\n",
        "high forbidden-after-credentials fault=server says=it_is_this_call excludes=unknown_or_blocked unsaid=holds_another_secret\ninfo username-not-aor",
    );
    // Alone, the address may be what the account may not use.
    check(&[&refused], "trunk,*,secret\n", "high forbidden-after-credentials fault=operator\nmedium username-not-aor");
}

#[test]
fn an_account_that_registers_has_the_right_secret() {
    let registered = "[r] > REGISTER\n[r] < 401\nWWW-Authenticate: challenge\n\
        [r] > REGISTER\nAuthorization: digest user=1001 password=secret\n[r] < 200\n";
    let asked = |method: &str| {
        format!(
            "+5 > {method}\n< 401\nWWW-Authenticate: challenge\n> {method}\nAuthorization: digest user=1001 password=secret\n< 403\n{LATER}"
        )
    };
    let subscribe = asked("SUBSCRIBE");
    let good = "high forbidden-after-credentials says=the_secret_is_good excludes=wrong_password,_or unsaid=or_it_holds_another_secret";
    for secret in [NOTHING, SECRET] {
        check(&[registered, &subscribe], secret, good);
        check(&[registered, "+5 ", CALL_ASKED, CALL_RIGHT, "< 403\n> ACK\n"], secret, good);
    }
    check(&[&subscribe, "+5 ", registered], SECRET, good);
    // A secret that nobody checked may have been corrected in between.
    let later = "high forbidden-after-credentials says=or_somebody_has_corrected_it unsaid=the_secret_is_good";
    check(&[&subscribe, "+5 ", registered], NOTHING, later);
    let unsaid = "high forbidden-after-credentials unsaid=Give_the_password";
    check(&[registered, &subscribe], NOTHING, unsaid);
    // Another realm, another server, or another registration says nothing of this secret.
    let other = registered.replace("challenge", "challenge realm=other.example");
    let open = "high forbidden-after-credentials says=Give_the_password unsaid=the_secret_is_good";
    check(&[&other, &subscribe], NOTHING, open);
    let elsewhere = ["carrier 203.0.113.77\n", registered].concat().replace("[r] >", "[r] client > carrier");
    let elsewhere = elsewhere.replace("[r] <", "[r] carrier > client");
    check(&[&elsewhere, &subscribe], NOTHING, open);
    check(&[registered, &asked("REGISTER")], NOTHING, open);
    // What stays open is told once, whatever was asked.
    let both = [
        &asked("REGISTER").replace("+5 >", "+5 [x] >").replace("\n<", "\n[x] <").replace("\n>", "\n[x] >"),
        &subscribe,
    ];
    check(&[both[0], both[1]], SECRET, "high forbidden-after-credentials sessions=2");
}

#[test]
fn a_registrar_passes_over_a_register_that_is_not_newer() {
    let registered = [ASKED, RIGHT, OK].concat();
    let leaves = |cseq: u32| {
        format!(
            "+60 > REGISTER\nCSeq: {cseq} REGISTER\nExpires: 0\nContact: *\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n{LATER}"
        )
    };
    check(&[&registered, &leaves(2)], SECRET, "medium no-response-at-all fault=client says=is_2\nverdict ok");
    check(&[&registered, &leaves(3)], SECRET, "medium no-response-at-all fault=path\nverdict ok");
}

#[test]
fn a_kept_nonce_that_serves_the_next_call_is_no_change_of_dialog() {
    let asked = "[one] > INVITE\n[one] < 407\nProxy-Authenticate: challenge\n[one] > ACK\n";
    let next = |wait: u32| {
        format!(
            "+{wait} [two] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n[two] < 200\n[two] > ACK\n{LATER}"
        )
    };
    check(&[asked, &next(1)], SECRET, "medium dialog-identity-changed");
    check(&[asked, &next(20)], SECRET, "info dialog-identity-changed sure=possible");
}

#[test]
fn every_session_that_is_refused_with_a_known_secret_says_so() {
    let registered = "[r] > REGISTER\n[r] < 401\nWWW-Authenticate: challenge\n\
        [r] > REGISTER\nAuthorization: digest user=1001 password=secret\n[r] < 200\n";
    let refused = |call: &str| {
        format!(
            "+20 [{call}] > INVITE\n[{call}] < 407\nProxy-Authenticate: challenge\n[{call}] > ACK\n\
             [{call}] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n[{call}] < 407\nProxy-Authenticate: challenge\n[{call}] > ACK\n"
        )
    };
    let calls = [refused("one"), refused("two")].concat();
    let once = "high digest-ok-but-rejected sessions=2 says=asks_of_INVITE_alone unsaid=HA1_made_for";
    check(&[registered, &calls, LATER], SECRET, once);
    // What is asked of a call is no matter of a registration.
    let again = [
        "+20 [r2] > REGISTER\n[r2] < 401\nWWW-Authenticate: challenge\n[r2] > REGISTER\n",
        "Authorization: digest user=1001 password=secret\n[r2] < 401\nWWW-Authenticate: challenge\n",
    ]
    .concat();
    check(
        &[registered, &calls, &again, LATER],
        SECRET,
        "high digest-ok-but-rejected sessions=1 says=Compare_this_request unsaid=INVITE_alone",
    );
    check(&[&calls, LATER], SECRET, "high digest-ok-but-rejected says=HA1_made_for");
    // A call that was accepted shows the same of another one.
    let third = refused("three");
    let (asked, _) = third.rsplit_once("[three] < 407").expect("it is refused");
    let taken = format!("{asked}[three] < 200\n[three] > ACK\n");
    check(
        &[&taken, &calls, LATER],
        SECRET,
        "high digest-ok-but-rejected says=Compare_this_request unsaid=HA1_made_for",
    );
}

#[test]
fn a_right_digest_that_another_algorithm_made_good_was_not_too_old() {
    let offer = "< 401\nWWW-Authenticate: challenge algorithm=SHA-256\nWWW-Authenticate: challenge algorithm=MD5\n";
    let answer = |algorithm: &str| {
        format!("> REGISTER\nAuthorization: digest user=1001 password=secret algorithm={algorithm}\n")
    };
    let (strong, weak) = (answer("SHA-256"), answer("MD5"));
    check(
        &["> REGISTER\n", offer, &strong, offer, &weak, OK, LATER],
        SECRET,
        "info digest-ok-but-rejected says=same_secret_and_MD5 unsaid=too_old",
    );
    check(
        &["> REGISTER\n", offer, &strong, offer, &strong, OK, LATER],
        SECRET,
        "info digest-ok-but-rejected says=none_of_its_own unsaid=same_secret_and",
    );
}

#[test]
fn new_nonces_that_are_refused_are_not_too_old() {
    let soon = "+1 ";
    let cured = [ASKED, RIGHT, REFUSED, soon, RIGHT, REFUSED, soon, RIGHT, OK, LATER];
    check(&cured, SECRET, "verdict ok\nmedium digest-ok-but-rejected fault=server says=was_corrected unsaid=too_old");
    let once = [ASKED, RIGHT, REFUSED, soon, RIGHT, OK, LATER];
    check(&once, SECRET, "info digest-ok-but-rejected says=none_of_its_own unsaid=too_old");
    // One that had served may have become too old.
    let again = "+400 > REGISTER\nAuthorization: digest user=1001 password=secret nc=00000002\n";
    let aged = [ASKED, RIGHT, OK, again, REFUSED, RIGHT, OK, LATER];
    check(&aged, SECRET, "info digest-ok-but-rejected says=too_old unsaid=corrected");
}

#[test]
fn a_secret_that_was_accepted_and_is_refused_was_changed() {
    let lost = [ASKED, RIGHT, OK, "+5 ", ASKED, RIGHT, REFUSED, RIGHT, REFUSED, LATER];
    let found = "high digest-ok-but-rejected says=was_accepted_in_frame says=changed_on_the_server unsaid=at_all";
    check(&lost, SECRET, found);
    // Nobody knows that of an account that never got in.
    check(&[ASKED, RIGHT, REFUSED, LATER], SECRET, "high digest-ok-but-rejected unsaid=changed_on_the_server");
}

#[test]
fn what_was_taken_in_the_end_is_no_reason_for_a_refusal() {
    let other = "> REGISTER\nAuthorization: digest user=1001 password=secret uri=sip:203.0.113.10\n";
    let cured = [ASKED, other, REFUSED, other, REFUSED, other, OK, LATER];
    check(&cured, SECRET, "medium digest-ok-but-rejected fault=server unsaid=may_insist");
    check(
        &[ASKED, other, REFUSED, other, REFUSED, LATER],
        SECRET,
        "high digest-ok-but-rejected fault=client says=may_insist",
    );
}
