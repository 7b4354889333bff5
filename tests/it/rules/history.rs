//! What was over before the capture ends is history: it is worth knowing, and not why a client fails now.

use super::*;

const OTHER_REALM: &str = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=old\n";
const SILENT: &str = "> REGISTER\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";

fn under(call: &str, text: &str) -> String {
    text.replace("> ", &format!("[{call}] > ")).replace("< ", &format!("[{call}] < "))
}

fn registered(call: &str) -> String {
    under(call, &[ASKED, RIGHT, OK].concat())
}

#[test]
fn what_was_mended_under_the_same_call_id_keeps_nobody_out() {
    let mended = [ASKED, OTHER_REALM, REFUSED, OTHER_REALM, REFUSED, "+180 ", RIGHT, OK].concat();
    check(&[&mended, LATER], NOTHING, "verdict ok\nmedium realm-mismatch says=That_is_over");
    let forbidden = [ASKED, RIGHT, "< 403\n+60 ", RIGHT, "< 403\n+180 ", ASKED, RIGHT, OK].concat();
    check(&[&forbidden, LATER], NOTHING, "verdict ok\nmedium forbidden-after-credentials says=That_is_over");
    // It came back, or was never mended.
    check(&[&mended, "+600 ", ASKED, OTHER_REALM, REFUSED], NOTHING, "high realm-mismatch unsaid=That_is_over");
    check(&[ASKED, OTHER_REALM, REFUSED, OTHER_REALM, REFUSED, LATER], NOTHING, "high realm-mismatch");
    // What was let past without credentials mends none.
    check(&[ASKED, OTHER_REALM, REFUSED, "+180 > REGISTER\n", OK, LATER], NOTHING, "high realm-mismatch");
}

#[test]
fn an_outage_that_is_over_is_told_with_its_time() {
    let outage = [SILENT, "+300 ", ASKED, RIGHT, OK].concat();
    let over = "verdict ok\nmedium no-response-at-all says=That_is_over says=did_not_answer_this";
    check(&[&outage, LATER], NOTHING, over);
    check(&[&outage, "+600 ", SILENT, LATER], NOTHING, "high no-response-at-all unsaid=That_is_over");
    // Under another Call-ID, too, and again where the client had been in before.
    check(&[&under("a", SILENT), "+300 ", &registered("b"), "+60 ", &registered("c")], NOTHING, over);
    check(&[&registered("a"), "+60 ", &under("b", SILENT), "+90 ", &registered("c")], NOTHING, over);
    // Of who had been in before, the last time is known, and not the first one behind it.
    let last = "+4000 ".to_owned() + &registered("d");
    let untimed = "medium no-response-at-all says=got_in_later,_in_another_session unsaid=min_later";
    check(&[&registered("a"), "+60 ", &under("b", SILENT), "+90 ", &registered("c"), &last], NOTHING, untimed);
    check(&[SILENT, LATER], NOTHING, "high no-response-at-all says=never_answered");
}

#[test]
fn what_keeps_a_client_out_in_the_end_is_told_first() {
    let mended = [ASKED, OTHER_REALM, REFUSED, OTHER_REALM, REFUSED, "+180 ", RIGHT, OK].concat();
    check(
        &[&mended, "+600 ", SILENT, LATER],
        NOTHING,
        "high no-response-at-all by=-\nmedium realm-mismatch by=-\ntold got in at first, but not in the end: 1 no response",
    );
    check(
        &[&mended, "+600 ", ASKED, LATER],
        NOTHING,
        "high challenge-unanswered by=-\nmedium realm-mismatch by=-\ntold in the end: 1 challenge never answered",
    );
    let refused = under("d", &[ASKED, RIGHT, "< 403\n"].concat());
    let before = under("a", &[ASKED, OTHER_REALM, REFUSED, OTHER_REALM, REFUSED].concat());
    let mended = [&before, "+180 ", &registered("b"), "+600 ", &registered("c"), "+600 "].concat();
    check(
        &[&mended, &refused, LATER],
        NOTHING,
        "high forbidden-after-credentials by=-\nmedium realm-mismatch says=That_is_over\ntold in the end: 1 forbidden",
    );
}

#[test]
fn another_phone_or_another_time_mends_nothing() {
    let before = under("a", &[ASKED, OTHER_REALM, REFUSED, OTHER_REALM, REFUSED].concat());
    let fails = "high realm-mismatch unsaid=That_is_over";
    let from = |text: String| text.replace("] >", "] twin > server").replace("] <", "] twin < server");
    let twins = [from(registered("b")), from(registered("c"))].concat();
    check(&["twin 198.51.100.7:5072\n", &before, "+3 ", &twins, LATER], NOTHING, fails);
    check(&[&before, "+400 ", &registered("b"), LATER], NOTHING, fails);
    check(&[&registered("b"), "+3 ", &before, "+3 ", &registered("c"), LATER], NOTHING, fails);
    let again = under("d", &[ASKED, OTHER_REALM, REFUSED].concat());
    check(&[&before, "+3 ", &registered("b"), "+3 ", &again, LATER], NOTHING, fails);
}

#[test]
fn who_sends_credentials_at_last_has_another_problem() {
    let bare = [ASKED, "+60 "].concat().repeat(3);
    check(
        &[&bare, ASKED, RIGHT, "< 403\n", LATER],
        NOTHING,
        "high forbidden-after-credentials by=-\nmedium retry-without-credentials by=- says=That_is_over\ntold 1 forbidden",
    );
    check(
        &[&bare, ASKED, WRONG, REFUSED, WRONG, REFUSED, LATER],
        SECRET,
        "high digest-wrong-password by=-\nmedium retry-without-credentials by=-\ntold 1 wrong password",
    );
    // Who goes on without has it still.
    check(
        &[&bare, ASKED, RIGHT, "< 403\n+60 ", &bare, "> OPTIONS\n< 200\n"],
        NOTHING,
        "high retry-without-credentials",
    );
    check(&[&bare, ASKED, LATER], NOTHING, "high retry-without-credentials");
    // A wrong realm, and with the right one a wrong secret.
    check(
        &[ASKED, OTHER_REALM, REFUSED, "+60 ", ASKED, WRONG, "< 403\n", LATER],
        SECRET,
        "high digest-wrong-password by=-\nmedium realm-mismatch by=- says=That_is_over",
    );
}

#[test]
fn a_right_secret_that_is_let_past_is_right_whatever_is_answered() {
    check(
        &[ASKED, WRONG, "< 403\n+20 ", ASKED, RIGHT, "< 423\n", LATER],
        SECRET,
        "medium digest-wrong-password by=- says=let_past\nmedium registrar-rejects-contact\ntold 1 refused for another reason",
    );
    check(
        &[ASKED, RIGHT, "< 403\n+20 ", ASKED, RIGHT, "< 423\n", LATER],
        NOTHING,
        "medium forbidden-after-credentials\nmedium registrar-rejects-contact\ntold 1 refused for another reason",
    );
    // A wrong one that gets past proves nothing.
    check(&[ASKED, WRONG, "< 403\n+20 ", ASKED, WRONG, "< 423\n", LATER], SECRET, "high digest-wrong-password");
}

#[test]
fn a_loop_across_call_ids_ends_with_the_secret_that_made_it() {
    let tries: String =
        ["a", "b", "c"].map(|call| "+10 ".to_owned() + &under(call, &[ASKED, WRONG, REFUSED].concat())).concat();
    let over = "verdict ok\nmedium digest-wrong-password by=-\nmedium challenge-loop cause=wrong-digest by=digest-wrong-password\nuntold challenge loop";
    for wait in ["+10 ", "+170 "] {
        check(&[&tries, wait, &registered("d"), LATER], SECRET, over);
        check(
            &[&tries, wait, &registered("d"), LATER],
            NOTHING,
            "verdict ok\nmedium challenge-loop\nmedium rejected-credentials",
        );
    }
    check(&[&tries, LATER], NOTHING, "high challenge-loop\nmedium rejected-credentials by=challenge-loop");
}

#[test]
fn calls_that_get_through_show_that_credentials_are_right() {
    let call = |id: &str| "+60 ".to_owned() + &under(id, &[CALL_ASKED, CALL_RIGHT, CALL_OK].concat());
    let refused = under("r", &[CALL_ASKED, &[CALL_WRONG, CALL_REFUSED].concat().repeat(3)].concat());
    let calls: String = ["a", "b", "c"].map(call).concat();
    check(&[&refused, &calls], NOTHING, "verdict ok\nmedium challenge-loop says=That_is_over");
    check(&[&refused, &calls], SECRET, "verdict ok\nmedium digest-wrong-password says=That_is_over");
    // By turns, and where the server does not want the call, each stands for itself.
    check(&[&call("a"), &refused, &calls], NOTHING, "high challenge-loop");
    let forbidden = under("r", &[CALL_ASKED, CALL_RIGHT, "< 403\n> ACK\n"].concat());
    check(&[&forbidden, &calls], NOTHING, "high forbidden-after-credentials");
}

#[test]
fn a_server_that_fell_silent_to_others_blocks_nobody() {
    let cast = "other 198.51.100.99\nlast 198.51.100.98\n";
    let refused = under("r", &[ASKED, &[WRONG, REFUSED].concat().repeat(3)].concat());
    let silent = "+30 ".to_owned() + &under("s", SILENT);
    let beside = SILENT.replace("> ", "[o] other > server ");
    let answered = "+200 [m] last > server OPTIONS\n[m] server > last 200\n";
    let block = "medium blocked-after-failures";
    check(
        &[cast, &refused, &silent, &beside, &silent.replace("[s]", "[t]"), answered],
        NOTHING,
        "no blocked-after-failures",
    );
    check(&[cast, &refused, &silent, answered], NOTHING, block);
    // Somebody was answered all the while.
    let now = answered.replace("+200", "+1").replace("[m]", "[n]");
    check(
        &[cast, &refused, &silent, &beside, &now, &silent.replace("[s]", "[t]").replace("+30", "+5")],
        NOTHING,
        block,
    );
}
