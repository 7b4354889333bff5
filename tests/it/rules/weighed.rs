//! What is told once, counted whole, and blamed on nobody beyond what the capture shows.

use super::*;

fn try_under(call: usize, after: &str) -> String {
    format!(
        "{after} [c{call}] > REGISTER\n[c{call}] < 401\nWWW-Authenticate: challenge\n[c{call}] > REGISTER\nAuthorization: digest user=1001 password=wrong\n[c{call}] < 401\nWWW-Authenticate: challenge\n"
    )
}

fn tries(calls: std::ops::Range<usize>) -> String {
    calls.map(|call| try_under(call, "+30")).collect()
}

#[test]
fn a_loop_across_a_hundred_call_ids_is_counted_whole() {
    check(
        &[&tries(0..100)],
        NOTHING,
        "
        high challenge-loop by=- sessions=100 says=200_REGISTERs says=under_100_Call-IDs says=100_with_credentials
        medium rejected-credentials by=challenge-loop sessions=100",
    );
    check(
        &[&tries(0..100)],
        SECRET,
        "
        high digest-wrong-password by=- sessions=100
        medium challenge-loop cause=wrong-digest by=digest-wrong-password sessions=100",
    );
}

#[test]
fn a_pause_ends_what_is_counted_of_a_loop_across_call_ids() {
    let all = [tries(0..40), try_under(40, "+300"), tries(41..80)].concat();
    check(&[&all], NOTHING, "high challenge-loop sessions=40 says=80_REGISTERs\nseveral");
}

#[test]
fn a_secret_that_was_corrected_under_the_same_call_id_is_no_failure() {
    let all = [ASKED, WRONG, REFUSED, "+60 ", ASKED, WRONG, REFUSED, "+60 ", ASKED, RIGHT, OK];
    check(&all, SECRET, "verdict ok\nmedium digest-wrong-password says=accepted_in_frame_12 says=Nothing");
    check(&all, NOTHING, "verdict ok\nclean\nlow rejected-credentials sure=possible says=accepted_in_frame_12");
    // Nobody corrects a secret that fast, and one that stays wrong is one.
    check(&[ASKED, RIGHT, REFUSED, RIGHT, OK], NOTHING, "verdict ok\nno rejected-credentials");
    check(&all[..9], SECRET, "high digest-wrong-password says=Enter_the_secret");
    // Two secrets by turns are none that was corrected.
    let turns = [ASKED, RIGHT, OK, "+90 ", ASKED, WRONG, REFUSED, "+90 ", ASKED, RIGHT, OK];
    check(&turns, SECRET, "high digest-wrong-password says=Enter_the_secret");
    // Another account under that Call-ID has another secret.
    let other = RIGHT.replace("user=1001", "user=1002");
    check(
        &[ASKED, WRONG, REFUSED, "+90 ", ASKED, &other, OK],
        "1001,*,secret\n1002,*,secret\n",
        "high digest-wrong-password says=Enter_the_secret",
    );
}

fn turned_down(call: usize) -> String {
    format!("+5 [c{call}] > INVITE sip:20{call}@pbx.example.com\n[c{call}] < 403 IP not authorized\n[c{call}] > ACK\n")
}

#[test]
fn calls_that_are_turned_down_are_counted_from_the_first() {
    let calls = |number: usize| (0..number).map(turned_down).collect::<String>();
    check(
        &[&calls(4)],
        NOTHING,
        "verdict problems\nmedium registrar-rejects-contact sessions=4 says=IP_not_authorized",
    );
    // One or two may be a matter of the numbers.
    check(
        &[&calls(2)],
        NOTHING,
        "verdict nothing_found\nclean\ninfo registrar-rejects-contact sessions=2 says=IP_not_authorized",
    );
}

#[test]
fn nodes_that_refuse_each_others_nonces_by_turns_are_one_trouble() {
    let bare = "> REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    let sent = |to: &str, user: &str| {
        format!(
            "client > {to} REGISTER\nAuthorization: digest user={user} password=secret\nclient < {to} 401\nWWW-Authenticate: challenge\n"
        )
    };
    let turns: String = ["other", "server", "other", "server"].map(|to| sent(to, "1001")).concat();
    check(
        &["other 203.0.113.11\n", bare, &turns],
        NOTHING,
        "high nonce-from-other-server cause=node-switch sure=possible by=-\nno same-credentials-repeated",
    );
    // Who is refused by the node that asked has another trouble.
    let stays: String = ["server", "other", "other", "server"].map(|to| sent(to, "1001")).concat();
    check(&["other 203.0.113.11\n", bare, &stays], NOTHING, "medium nonce-from-other-server");
}

fn unanswered_at(phone: usize) -> String {
    format!(
        "[c{phone}] p{phone} > server REGISTER\nFrom: <sip:10{phone}@pbx.example.com>;tag=a\nTo: <sip:10{phone}@pbx.example.com>\n[c{phone}] p{phone} < server 401\nWWW-Authenticate: challenge\n[c{phone}] p{phone} > server REGISTER\nFrom: <sip:10{phone}@pbx.example.com>;tag=a\nTo: <sip:10{phone}@pbx.example.com>\nAuthorization: digest user=10{phone} password=secret\n+0.5 retransmit\n+1 retransmit\n"
    )
}

fn unanswered(phones: usize) -> String {
    let places: String = (1..=phones).map(|phone| format!("p{phone} 198.51.100.1{phone}\n")).collect();
    let requests: String = (1..=phones).map(unanswered_at).collect();
    [places, requests, LATER.to_owned()].concat()
}

#[test]
fn what_many_clients_suffer_at_one_server_is_told_once() {
    check(
        &[&unanswered(6)],
        NOTHING,
        "
        high auth-retry-no-response fault=unknown sessions=6 says=same_for_6_clients says=203.0.113.10_first unsaid=ALG unsaid=shorten",
    );
    // A few have their own ways, and none sends too much for one.
    check(&[&unanswered(2)], NOTHING, "high auth-retry-no-response fault=path sessions=1 unsaid=shorten\nseveral");
}

#[test]
fn a_challenge_whose_headers_were_cut_is_seen_all_the_same() {
    let call = [CALL_ASKED, CALL_RIGHT, CALL_OK].concat();
    check(
        &["snaplen 200\n", &call],
        NOTHING,
        "verdict nothing_found\ntold a 407 is among them\nmedium capture-quality fault=operator frames=6 says=407_is_seen_in_frame_2",
    );
    check(
        &["snaplen 200\n", "> INVITE\n< 200\n> ACK\n"],
        NOTHING,
        "untold 407\nmedium capture-quality fault=operator unsaid=is_seen_in",
    );
}

#[test]
fn a_capture_that_ends_behind_the_challenge_blames_nobody() {
    check(
        &[ASKED],
        NOTHING,
        "verdict nothing_found\nmedium challenge-unanswered fault=unknown sure=possible says=Record_again unsaid=password_and_realm",
    );
    check(&[ASKED, LATER], NOTHING, "high challenge-unanswered fault=client says=password_and_realm unsaid=Record");
}

#[test]
fn what_was_asked_again_and_again_did_not_merely_end() {
    let again = "+1 > INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n";
    check(
        &[CALL_ASKED, again, again],
        NOTHING,
        "high retry-without-credentials by=-\nmedium challenge-unanswered by=retry-without-credentials says=answered_none unsaid=before_an_answer",
    );
}

#[test]
fn a_client_that_starts_anew_from_the_same_place_is_no_other_client() {
    let anew = "+45 [b] > REGISTER\n[b] < 401\nWWW-Authenticate: challenge\n[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 200\n";
    check(
        &[ASKED, anew],
        NOTHING,
        "medium challenge-unanswered says=another_try_of_the_client says=let_this_challenge_go unsaid=another_port unsaid=another_server",
    );
    let elsewhere = anew.replace("[b] >", "[b] phone > server").replace("[b] <", "[b] phone < server");
    check(
        &["phone 198.51.100.7:5070\n", ASKED, &elsewhere],
        NOTHING,
        "medium challenge-unanswered says=from_another_port says=another_client unsaid=at_another_server",
    );
}

#[test]
fn who_has_an_account_is_told_so_before_anything_else() {
    let call = "+1 [call] > INVITE\n[call] < 401\nWWW-Authenticate: challenge\n[call] > ACK\n";
    let report = analyse(&[ASKED, RIGHT, OK, call, LATER], NOTHING);
    let finding = report.findings.iter().find(|finding| finding.rule == "challenge-unanswered").expect("it is found");
    assert!(finding.remedy.first().is_some_and(|first| first.starts_with("The client has credentials for this realm")));
}

#[test]
fn a_right_digest_over_another_uri_is_to_mend_its_uri_first() {
    let other =
        "> REGISTER sip:203.0.113.10\nAuthorization: digest user=1001 password=secret uri=sip:pbx.example.com\n";
    let report = analyse(&[ASKED, other, REFUSED, other, REFUSED], SECRET);
    let finding = report.findings.iter().find(|finding| finding.rule == "digest-ok-but-rejected").expect("it is found");
    assert!(finding.remedy.first().is_some_and(|first| first.contains("Request-URI")), "{:?}", finding.remedy);
    check(&[ASKED, RIGHT, REFUSED], SECRET, "high digest-ok-but-rejected unsaid=rewrites_the_request_line");
}

#[test]
fn a_filter_shows_what_the_text_quotes() {
    let wrong = "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n";
    check(&[ASKED, wrong, REFUSED, wrong, REFUSED], NOTHING, "high credentials-wrong-header frames=5");
    // Each time that it was sent.
    let unheard = "+0.5 retransmit 1\n+1 retransmit 1\n+2 retransmit 1\n+4 retransmit 1\n";
    check(&[ASKED, unheard, LATER], NOTHING, "high challenge-unanswered fault=path frames=6");
}
