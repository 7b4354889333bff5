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
