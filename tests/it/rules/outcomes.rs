//! What became of attempts and sessions: interface, part 3.

use super::*;

#[test]
fn attempts_have_every_outcome() {
    check(&[ASKED, RIGHT, OK], NOTHING, "attempts challenged accepted\nsessions accepted");
    check(&[ASKED, WRONG, REFUSED], NOTHING, "attempts challenged refused\nsessions refused");
    check(&[ASKED, WRONG, STALE], NOTHING, "attempts challenged stale\nsessions refused");
    check(&[ASKED, WRONG, "< 403\n"], NOTHING, "attempts challenged forbidden\nsessions forbidden");
    check(&[ASKED, RIGHT, "< 404\n"], NOTHING, "attempts challenged forbidden\nsessions forbidden");
    check(&[ASKED, RIGHT, "< 423\n"], NOTHING, "attempts challenged failed\nsessions failed");
    check(&[ASKED, RIGHT, "< 400\n"], NOTHING, "attempts challenged failed\nsessions failed");
    check(&[ASKED, RIGHT, LATER], NOTHING, "attempts challenged no_answer\nsessions no_answer");
    check(&[ASKED, RIGHT], NOTHING, "attempts challenged undecided\nsessions undecided");
    check(&[ASKED], NOTHING, "attempts challenged\nsessions unanswered_challenge");
}

#[test]
fn a_session_without_a_challenge_is_not_challenged() {
    check(
        &["> INVITE\n", CALL_OK, "> BYE\n< 401\nWWW-Authenticate: challenge\n"],
        NOTHING,
        "sessions not_challenged\nattempts accepted challenged",
    );
    check(
        &["> REGISTER\nAuthorization: digest user=1001 password=secret realm=a nonce=b\n", OK],
        NOTHING,
        "sessions accepted",
    );
}

#[test]
fn the_last_attempt_of_the_first_method_decides() {
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK, "> BYE\n< 403\n"], NOTHING, "sessions accepted");
    check(&[ASKED, RIGHT, OK, "+60 ", RIGHT, REFUSED], NOTHING, "sessions refused");
    check(&[ASKED, RIGHT, OK, "+60 ", RIGHT], NOTHING, "sessions accepted");
}

#[test]
fn a_call_in_progress_is_undecided() {
    check(
        &[CALL_ASKED, CALL_RIGHT, "< 100\n< 180\n", LATER],
        NOTHING,
        "attempts challenged undecided\nsessions undecided",
    );
}

#[test]
fn ack_and_cancel_are_no_attempts() {
    check(
        &[CALL_ASKED, CALL_RIGHT, "< 180\n> CANCEL\n< 200 to CANCEL\n< 487 to INVITE\n> ACK\n"],
        NOTHING,
        "clean\nattempts challenged failed",
    );
}

#[test]
fn a_resend_under_the_same_branch_is_not_the_next_hop() {
    // RFC 3261 §18.1.1: a request may be sent again over another transport, with the same branch and CSeq.
    let first = "> REGISTER\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKsame\nAuthorization: digest user=1001 password=secret\n";
    let again = "+2 client > server REGISTER\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKsame\nCSeq: 2 REGISTER\nAuthorization: again\n";
    let moved = "client 198.51.100.7:40000\n";
    check(
        &[ASKED, first, moved, again, OK, LATER],
        SECRET,
        "sessions accepted\nattempts challenged no_answer accepted\nno nc-repeated",
    );
}

#[test]
fn a_call_over_a_proxy_is_one_attempt_for_each_request() {
    let proxied = "
        edge 203.0.113.20
        client > edge INVITE
        edge > server forward
        server > edge 407
        Proxy-Authenticate: challenge
        edge > client forward
        client > edge ACK
        client > edge INVITE
        Proxy-Authorization: digest user=1001 password=wrong
        edge > server forward
        server > edge 407
        Proxy-Authenticate: challenge
        edge > client forward
        client > edge ACK
    ";
    check(&[proxied], SECRET, "attempts challenged refused\nhigh digest-wrong-password frames=1\nno challenge-loop");
}

#[test]
fn a_call_moves_from_one_port_to_another_within_its_call_id() {
    check(
        &[CALL_ASKED, "client 198.51.100.7:40000\n", CALL_WRONG, CALL_REFUSED, CALL_WRONG, CALL_REFUSED, LATER],
        SECRET,
        "high digest-wrong-password\nmedium challenge-loop cause=wrong-digest by=digest-wrong-password\nno challenge-unanswered",
    );
}

#[test]
fn what_a_server_says_of_its_refusal_is_quoted() {
    let forbidden = "high forbidden-after-credentials";
    let own = "< 403 Forbidden (Bad auth)\nWarning: 399 pbx \"Account locked\"\nReason: Q.850;cause=21\n";
    check(&[ASKED, RIGHT, own], NOTHING, &format!("{forbidden} says=\"Forbidden_(Bad_auth)\";_Warning:_399_pbx"));
    check(&[ASKED, RIGHT, own], NOTHING, &format!("{forbidden} says=Reason:_Q.850;cause=21"));
    let registrar = "< 503\nP-Registrar-Error: Too many registered contacts\n";
    check(&[ASKED, RIGHT, registrar], NOTHING, "medium registrar-rejects-contact says=Too_many_registered_contacts");
    // The usual phrase says nothing that the status does not.
    check(&[ASKED, RIGHT, "< 403 FORBIDDEN\n"], NOTHING, &format!("{forbidden} unsaid=says:"));
    check(
        &[ASKED, RIGHT, "< 403\nWarning: 399 pbx \"Account locked\"\n"],
        NOTHING,
        &format!("{forbidden} says=says:_Warning"),
    );
}

#[test]
fn the_same_name_at_another_server_is_another_account() {
    let names = "one 203.0.113.5\nother 203.0.113.6\n";
    let registered = |realm: &str| {
        format!(
            "[r] client > one REGISTER\n[r] one > client 401\nWWW-Authenticate: challenge realm={realm}\n\
             [r] client > one REGISTER\nAuthorization: digest user=1001 password=secret\n[r] one > client 200\n"
        )
    };
    let refused = |server: &str, realm: &str| {
        let asks = format!(
            "[c] {server} > client 407\nProxy-Authenticate: challenge realm={realm}\n[c] client > {server} ACK\n"
        );
        format!(
            "[c] client > {server} INVITE\n{asks}[c] client > {server} INVITE\n\
             Proxy-Authorization: digest user=1001 password=wrong\n{asks}"
        )
    };
    let differs = "info method-auth-differs";
    let is_told = |realm: &str, server: &str, other: &str, expected: &str| {
        check(&[names, &registered(realm), "+1 ", &refused(server, other), LATER], NOTHING, expected);
    };
    is_told("pbx.example.com", "one", "pbx.example.com", differs);
    is_told("pbx.example.com", "other", "pbx.example.com", differs);
    is_told("pbx.example.com", "one", "calls.example.com", differs);
    is_told("pbx.example.com", "other", "calls.example.com", "no method-auth-differs");
    is_told("asterisk", "other", "asterisk", "no method-auth-differs");
}

#[test]
fn a_user_name_with_a_domain_is_no_user_of_that_realm_without_it() {
    let refused = |user: &str| format!("> REGISTER\nAuthorization: digest user={user} password=wrong\n{REFUSED}");
    let told = |user: &str, text: &str| {
        check(
            &[ASKED, &refused(user), LATER],
            NOTHING,
            &format!("high rejected-credentials says={text} unsaid=@pbx.example.com@"),
        );
    };
    told("1001@pbx.example.com", "of_\"1001@pbx.example.com\"_were");
    told("1001@other.example", "of_\"1001@other.example\"_in_realm_\"pbx.example.com\"_were");
    told("1001", "of_1001@pbx.example.com_were");
}

const ASKED_AGAIN: &str = "407\nProxy-Authenticate: challenge\n";

fn call(id: &str, password: &str, ending: &str) -> String {
    format!(
        "+5 [{id}] > INVITE\n[{id}] < {ASKED_AGAIN}[{id}] > ACK\n[{id}] > INVITE\nProxy-Authorization: digest user=1001 password={password}\n\
         [{id}] < {ending}[{id}] > ACK\n"
    )
}

const REGISTERED_ELSEWHERE: &str = "one 203.0.113.5
[r] client > one REGISTER
[r] one > client 401
WWW-Authenticate: challenge
[r] client > one REGISTER
Authorization: digest user=1001 password=secret
[r] one > client 200
";

#[test]
fn the_headline_says_where_a_client_gets_in_and_where_not() {
    let (refused, called) = (call("c", "wrong", ASKED_AGAIN), call("b", "secret", "200\n"));
    check(&[&refused], SECRET, "told 1 of 1 client did not get in: 1 wrong password");
    let is_told = |scenario: &[&str], where_not: &str| {
        check(scenario, SECRET, &format!("told 1 of 1 client got in {where_not}: 1 wrong password"));
    };
    is_told(&[ASKED, RIGHT, OK, &refused], "with one method, but not with another");
    is_told(&[&called, &refused], "at first, but not in the end");
    is_told(&[REGISTERED_ELSEWHERE, &refused], "at one server, but not at another");
    // Whoever gets in later did not fail.
    check(&[&refused, &called], SECRET, "told 1 of 1 client got in, but not without trouble: 1 wrong password");
    // Whom the server turns down behind his credentials got nothing.
    check(&[ASKED, RIGHT, "< 423\n"], SECRET, "told 1 of 1 client did not get in");
}

#[test]
fn a_secret_that_the_server_took_with_register_is_not_to_be_compared() {
    let refused = call("c", "secret", ASKED_AGAIN);
    let right = "high digest-ok-but-rejected";
    check(&[&refused], SECRET, &format!("{right} says=Compare_the_secret"));
    check(
        &[ASKED, RIGHT, OK, &refused],
        SECRET,
        &format!("{right} says=asks_of_INVITE_alone unsaid=Compare_the_secret"),
    );
    // At another server or in another realm it may be another secret.
    check(&[REGISTERED_ELSEWHERE, &refused], SECRET, &format!("{right} says=Compare_the_secret"));
    let other = refused.replace("challenge", "challenge realm=calls.example.com");
    check(&[ASKED, RIGHT, OK, &other], SECRET, &format!("{right} says=Compare_the_secret"));
}

#[test]
fn a_registration_that_failed_is_not_made_good_by_what_follows() {
    let turned_down = [ASKED, RIGHT, "< 423\n"].concat();
    let not_in = "told 1 of 1 client did not get in: 1 refused for another reason";
    check(&[&turned_down, &call("c", "secret", "402\n")], SECRET, not_in);
    // It ends what never was.
    let ends = RIGHT.replacen("> REGISTER", "> REGISTER\nExpires: 0", 1);
    check(&[&turned_down, &ends, "< 423\n"], SECRET, not_in);
    check(&[ASKED, RIGHT, OK, &ends, "< 423\n"], SECRET, "verdict ok");
    let called = call("c", "secret", "200\n");
    check(
        &[&turned_down, &called],
        SECRET,
        "told 1 of 1 client got in with one method, but not with another: 1 REGISTER ended 423",
    );
    check(&[&call("c", "secret", "402\n"), "+5 ", ASKED, RIGHT, OK], SECRET, "verdict ok");
}

#[test]
fn who_calls_has_not_authenticated_because_the_called_one_did() {
    let called = "[c] server > client INVITE\n[c] client > server 200\n[c] server > client ACK\n\
                  [c] client > server BYE\n[c] server > client 407\nProxy-Authenticate: challenge\n\
                  [c] client > server BYE\nProxy-Authorization: digest user=1001 password=secret\n[c] server > client 200\n";
    check(&[called], SECRET, "told The client authenticated");
    check(&[ASKED, RIGHT, OK, called], SECRET, "told The client authenticated");
}

#[test]
fn what_a_registrar_says_of_itself_is_no_matter_of_the_credentials() {
    let full = "< 503\nP-Registrar-Error: Too many registered contacts\n";
    let told = "medium registrar-rejects-contact fault=operator sure=likely says=more_contacts excludes=wrong_password";
    check(&[ASKED, RIGHT, full], NOTHING, told);
    check(
        &[ASKED, RIGHT, "< 503\n"],
        NOTHING,
        "medium registrar-rejects-contact fault=server sure=possible says=in_trouble",
    );
}

#[test]
fn a_register_that_is_answered_as_a_call_may_have_been_refused() {
    let open = "medium registrar-rejects-contact fault=unknown sure=possible says=No_registrar_answers_so";
    check(&[ASKED, RIGHT, "< 480\n"], NOTHING, &format!("{open} says=Give_the_password"));
    check(&[ASKED, RIGHT, "< 480\n"], SECRET, &format!("{open} unsaid=Give_the_password"));
    check(&[ASKED, RIGHT, "< 423\n"], NOTHING, "medium registrar-rejects-contact sure=likely excludes=wrong_password");
    // Nobody was asked for a password.
    check(&["> REGISTER\n< 480\n"], NOTHING, "medium registrar-rejects-contact sure=likely unsaid=Give_the_password");
}

#[test]
fn a_refresh_that_is_refused_is_not_hidden_by_the_removal_behind_it() {
    let removal = "+9 > REGISTER\nExpires: 0\nAuthorization: digest user=1001 password=secret\n";
    let lost = [ASKED, RIGHT, OK, "+300 ", RIGHT, REFUSED, RIGHT, REFUSED];
    let first_line = "told got in at first, but not in the end";
    check(&[lost.concat().as_str(), LATER], NOTHING, first_line);
    check(&[lost.concat().as_str(), removal, REFUSED, LATER], NOTHING, first_line);
    // What is removed in vain had begun.
    check(&[ASKED, RIGHT, OK, removal, REFUSED, LATER], NOTHING, "untold but not in the end");
}

#[test]
fn a_refresh_makes_no_call_good_that_was_refused_before_it() {
    let refused = "+5 [call] > INVITE\n[call] < 407\nProxy-Authenticate: challenge realm=carrier\n[call] > ACK\n\
                   [call] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n\
                   [call] < 407\nProxy-Authenticate: challenge realm=carrier\n[call] > ACK\n";
    let refresh = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret nc=00000002\n< 200\n";
    let first_line = "told got in with one method, but not with another";
    check(&[ASKED, RIGHT, OK, refused, LATER], NOTHING, first_line);
    check(&[ASKED, RIGHT, OK, refused, refresh, LATER], NOTHING, first_line);
    // Who had not registered yet may not call, and has mended that.
    check(&[refused, "+5 ", ASKED, RIGHT, OK, LATER], NOTHING, "untold but not with another");
}

#[test]
fn new_nonces_refused_in_a_row_are_told_although_the_client_got_in_at_once() {
    let twice = [ASKED, RIGHT, REFUSED, RIGHT, REFUSED, RIGHT, OK, LATER];
    check(&twice, NOTHING, "low rejected-credentials says=corrected_the_password");
    // One may have gone to another node, or was too old.
    check(&[ASKED, RIGHT, REFUSED, RIGHT, OK, LATER], NOTHING, "no rejected-credentials");
}

#[test]
fn an_account_that_was_accepted_before_is_not_told_to_look_at_its_addresses() {
    let again = "+60 [b] > REGISTER\n[b] < 401\nWWW-Authenticate: challenge\n[b] > REGISTER\n\
                 Authorization: digest user=1001 password=secret\n[b] < 403 Account disabled\n";
    let barred = "high forbidden-after-credentials says=what_became_of_the_account unsaid=Contact_addresses";
    check(&[ASKED, RIGHT, OK, again, LATER], SECRET, barred);
    check(&[again, LATER], SECRET, "high forbidden-after-credentials unsaid=what_became says=Contact_addresses");
    // Of a call it is what the call asks for.
    let call = format!("{CALL_ASKED}{CALL_RIGHT}< 403\n> ACK\n").replace("> ", "[c] > ").replace("< ", "[c] < ");
    let not_allowed = "high forbidden-after-credentials says=Compare_this_request unsaid=what_became";
    check(&[ASKED, RIGHT, OK, "+5 ", &call, LATER], SECRET, not_allowed);
}
