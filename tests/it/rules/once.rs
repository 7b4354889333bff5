//! One cause, one finding, however often it was met; and no cause of what was over before it began.

use super::*;

fn phone(name: usize, text: &str) -> String {
    text.replace("> REGISTER", &format!("[c{name}] p{name} > server REGISTER\nFrom: <sip:10{name}@pbx.example.com>;tag=a\nTo: <sip:10{name}@pbx.example.com>"))
        .replace("< 4", &format!("[c{name}] p{name} < server 4"))
}

fn phones(number: usize, text: &str) -> String {
    let places: String = (1..=number).map(|name| format!("p{name} 198.51.100.1{name}\n")).collect();
    (1..=number).fold(places, |all, name| all + &phone(name, text))
}

fn under(call: &str, text: &str) -> String {
    text.replace("> ", &format!("[{call}] > ")).replace("< ", &format!("[{call}] < "))
}

#[test]
fn a_wrong_secret_is_one_finding_however_often_it_was_tried() {
    let more = under("b", &[ASKED, WRONG, REFUSED, WRONG, REFUSED, WRONG, REFUSED].concat());
    let most = under("c", &[ASKED, WRONG, REFUSED, WRONG, REFUSED].concat());
    check(
        &[ASKED, WRONG, REFUSED, "+30 ", &more, "+30 ", &most],
        SECRET,
        "high digest-wrong-password sessions=3 frames=6\nmedium challenge-loop sessions=2",
    );
    // Another account has another secret.
    let other = under("b", &[ASKED, &WRONG.replace("1001", "1002"), REFUSED].concat());
    check(
        &[ASKED, WRONG, REFUSED, "+30 ", &other],
        "1001,*,secret\n1002,*,secret\n",
        "high digest-wrong-password sessions=1",
    );
}

#[test]
fn what_the_end_of_the_capture_leaves_open_is_what_went_before_it() {
    let bare = |call: &str| under(call, ASKED);
    check(
        &[&bare("a"), "+40 ", &bare("b"), "+40 ", &bare("c"), "+3 [later] > OPTIONS\n[later] < 200\n"],
        NOTHING,
        "high challenge-unanswered sure=proven sessions=3",
    );
    // One that was answered is none.
    check(
        &[&bare("a"), &under("a", RIGHT), &under("a", OK), "+40 ", &bare("b"), LATER],
        SECRET,
        "high challenge-unanswered sessions=1",
    );
}

#[test]
fn a_secret_that_was_corrected_under_another_call_id_is_no_failure() {
    let wrong = [ASKED, WRONG, REFUSED, WRONG, REFUSED].concat();
    let right = |call: &str| under(call, &[ASKED, RIGHT, OK].concat());
    let corrected = "verdict ok\nmedium digest-wrong-password by=- says=under_another_Call-ID says=Nothing\nmedium challenge-loop by=digest-wrong-password";
    check(&[&wrong, "+3 ", &right("b")], SECRET, corrected);
    check(&[&wrong, "+3 ", &right("b"), "+60 ", &right("d")], SECRET, corrected);
    let fails = "high digest-wrong-password says=Enter_the_secret";
    // Turns of right and wrong, another port, another account, and a long time are no correction.
    check(&[&right("b"), "+3 ", &wrong], SECRET, fails);
    check(&[&right("a"), "+3 ", &wrong, "+3 ", &right("b")], SECRET, fails);
    let again = under("c", &[ASKED, WRONG, REFUSED].concat());
    check(&[&wrong, "+3 ", &right("b"), "+3 ", &again], SECRET, fails);
    check(&[&wrong, "+400 ", &right("b")], SECRET, fails);
    // A call that needs no account shows nothing of the secret.
    let turned_down = under("b", &[ASKED, WRONG, REFUSED].concat());
    check(
        &[&wrong, "+3 ", &turned_down, "+3 [c] > INVITE sip:112@pbx.example.com\n[c] < 200\n[c] > ACK\n"],
        SECRET,
        fails,
    );
    let call = under("c", &[CALL_ASKED, CALL_WRONG, CALL_REFUSED].concat());
    check(&[&wrong, "+3 ", &right("b"), "+3 ", &call], SECRET, fails);
    let from = |text: String, who: &str| {
        text.replace("[b] >", &format!("[b] {who} > server")).replace("[b] <", &format!("[b] {who} < server"))
    };
    check(&["twin 198.51.100.7:5072\n", &wrong, "+3 ", &from(right("b"), "twin")], SECRET, fails);
}

#[test]
fn a_secret_that_was_corrected_with_a_restart_from_another_port_is_no_failure() {
    let by = |who: &str, text: &str| {
        text.replace("> ", &format!("{who} > server ")).replace("< ", &format!("{who} < server "))
    };
    let corrected = |address: &str, expected: &str| {
        let phone = format!("phone {address}:5060\nagain {address}:5062\n");
        let wrong = by("phone", &[ASKED, WRONG, REFUSED, WRONG, REFUSED].concat());
        let right = by("again", &under("b", &[ASKED, RIGHT, OK].concat()));
        check(&[&phone, &wrong, "+3 ", &right], SECRET, expected);
    };
    corrected("10.1.2.3", "verdict ok\nmedium digest-wrong-password says=corrected");
    // Behind a public address there may be several.
    corrected("198.51.100.9", "high digest-wrong-password says=Enter_the_secret");
}

#[test]
fn a_secret_is_corrected_also_where_a_refresh_is_not_answered_yet() {
    let refused = "[a] > REGISTER\nAuthorization: digest user=1001 password=wrong\n[a] < 403\n";
    let right = "+30 [b] > REGISTER\n[b] < 401\nWWW-Authenticate: challenge\n";
    let fits = "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 200\n";
    check(
        &[
            "[a] > REGISTER\n[a] < 401\nWWW-Authenticate: challenge\n",
            refused,
            right,
            fits,
            "+300 ",
            fits,
            "+300 ",
            fits,
        ],
        SECRET,
        "verdict ok\nmedium digest-wrong-password says=corrected",
    );
}

#[test]
fn what_proves_a_server_at_fault_is_told_once() {
    let bare = "> REGISTER\n< 401\n";
    check(
        &[&phones(3, bare), LATER],
        NOTHING,
        "high challenge-header-missing fault=server sure=proven sessions=3 says=same_for_3_clients unsaid=Look_at",
    );
    check(&[bare, &under("b", bare), LATER], NOTHING, "high challenge-header-missing sessions=2 unsaid=clients");
    // Two servers have two faults.
    let other = "other 203.0.113.11\n[b] client > other REGISTER\n[b] client < other 401\n";
    check(&[bare, other, LATER], NOTHING, "high challenge-header-missing sessions=1");
    // Silent phones are silent each for its own reason.
    check(
        &[&phones(3, "> REGISTER\n< 401\nWWW-Authenticate: challenge\n"), LATER],
        NOTHING,
        "high challenge-unanswered sessions=1",
    );
}

#[test]
fn a_wrong_secret_explains_nothing_that_was_refused_before_it() {
    check(
        &[ASKED, RIGHT, REFUSED, "+6 ", WRONG, REFUSED],
        SECRET,
        "
        high digest-ok-but-rejected fault=server by=-
        medium digest-wrong-password by=- says=right_secret_was_refused_before
        medium challenge-loop by=digest-ok-but-rejected",
    );
    // A wrong one that comes first leads.
    check(&[ASKED, WRONG, REFUSED, "+6 ", RIGHT, REFUSED], SECRET, "high digest-wrong-password by=-");
    let near = "> REGISTER\nAuthorization: digest user=1001 password=secret method=INVITE\n";
    check(
        &[ASKED, near, REFUSED, "+6 ", WRONG, REFUSED],
        SECRET,
        "high digest-near-miss by=-\nmedium digest-wrong-password by=- says=near_miss_was_refused_before",
    );
}

#[test]
fn a_400_behind_credentials_of_the_same_form_is_about_something_else() {
    let again = "> PUBLISH\nAuthorization: digest user=1001 password=secret\n";
    let asked = "> PUBLISH\n< 401\nWWW-Authenticate: challenge\n";
    check(&[asked, again, OK, "+1 ", again, "< 400 Bad request\n"], SECRET, "no malformed-credentials");
    // Nobody took credentials before, or ones of another form.
    check(&[asked, again, "< 400 Bad request\n"], SECRET, "medium malformed-credentials");
    let without = "> PUBLISH\nAuthorization: digest user=1001 password=secret qop=none\n";
    check(&[asked, without, OK, "+1 ", again, "< 400 Bad request\n"], SECRET, "medium malformed-credentials");
    check(&[asked, again, OK, "+1 ", again, "< 400 Bad nonce\n"], SECRET, "high malformed-credentials");
}
