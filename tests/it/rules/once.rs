//! One cause, one finding, however often it was met; and no cause of what was over before it began.

use super::*;

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
