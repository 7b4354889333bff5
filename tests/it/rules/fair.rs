//! What made good of a failure, and what did not: the account's other requests, other devices, and the pace of tries.

use super::*;

/// A REGISTER under a Call-ID of its own that is challenged, and another one with credentials.
fn try_under(call: &str, wait: &str, password: &str, answer: &str) -> String {
    format!(
        "+{wait} [{call}] > REGISTER\n[{call}] < 401\nWWW-Authenticate: challenge\n\
         [{call}] > REGISTER\nAuthorization: digest user=1001 password={password}\n[{call}] {answer}"
    )
}

#[test]
fn a_try_that_fails_alike_makes_no_ignored_stale_good() {
    let stale = "< 401\nWWW-Authenticate: challenge stale=true\n";
    let all: String = ["a", "b", "c", "d"].map(|call| try_under(call, "55", "secret", stale)).concat();
    check(&[&all, LATER], NOTHING, "high stale-ignored-by-client fault=client");
    let in_again = [try_under("a", "55", "secret", stale), try_under("b", "55", "secret", "< 200\n")].concat();
    check(&[&in_again, LATER], NOTHING, "medium stale-ignored-by-client");
}

#[test]
fn an_invite_within_the_dialog_answers_for_an_update() {
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    let update = "+300 > UPDATE\n< 407\nProxy-Authenticate: challenge\n";
    let invite = "> INVITE\nProxy-Authorization: digest user=1001 password=secret\n< 200\n> ACK\n";
    check(&[&call, update, invite, LATER], SECRET, "clean\nverdict ok");
    check(&[&call, update, LATER], SECRET, "high in-dialog-challenge-unanswered");
}

#[test]
fn many_guesses_in_a_row_are_found_at_any_pace_of_a_machine() {
    let guesses = |wait: &str, times: usize| -> String {
        (0..times)
            .map(|number| {
                let refused = "< 401\nWWW-Authenticate: challenge\n";
                try_under(&format!("c{number}"), wait, &format!("guess{number}"), refused)
            })
            .collect()
    };
    check(&[&guesses("1.2", 45)], NOTHING, "critical brute-force");
    check(&[&guesses("1.2", 15)], NOTHING, "medium brute-force sure=possible");
    check(&[&guesses("3", 45)], NOTHING, "medium brute-force sure=possible");
}

#[test]
fn numbers_that_are_probed_faster_than_anybody_dials_are_users() {
    let probes = |wait: &str| -> String {
        (0..30)
            .map(|number| {
                let answer = if number % 3 == 0 { "401\nWWW-Authenticate: challenge\n" } else { "404\n" };
                format!("+{wait} [c{number}] > INVITE sip:{number}@pbx.example.com\n[c{number}] < {answer}[c{number}] > ACK\n")
            })
            .collect()
    };
    check(&[&probes("0.3"), LATER], NOTHING, "medium user-enumeration");
    check(&[&probes("20"), LATER], NOTHING, "several\nno user-enumeration");
}

#[test]
fn a_registrar_in_trouble_that_takes_the_next_try_kept_nobody_out() {
    let refused = "[a] > REGISTER\n[a] < 503\n";
    check(&[refused, &try_under("b", "10", "secret", "< 200\n"), LATER], NOTHING, "clean\nverdict ok");
    check(&[refused, LATER], NOTHING, "medium registrar-rejects-contact");
    // What a registration shows says nothing of calls.
    let calls = "+1 [c] > INVITE\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";
    check(&[calls, &try_under("b", "10", "secret", "< 200\n"), LATER], NOTHING, "high no-response-at-all");
}

#[test]
fn a_caller_that_was_let_on_is_known_to_the_server() {
    let barred: String =
        (0..4).map(|call| format!("+1 [n{call}] > INVITE\n[n{call}] < 403\n[n{call}] > ACK\n")).collect();
    check(&[&barred, LATER], NOTHING, "medium registrar-rejects-contact");
    let talks = "[talk] > INVITE\n[talk] < 200\n[talk] > ACK\n";
    check(&[talks, &barred, LATER], NOTHING, "no registrar-rejects-contact");
}
