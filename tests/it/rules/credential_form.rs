//! Group B: credentials that part from their challenge, and what a refusal of them proves.

use super::*;

/// A REGISTER with the right password and something odd about it.
fn right(odd: &str) -> String {
    format!("> REGISTER\nAuthorization: digest user=1001 password=secret {odd}\n")
}

/// The same with a wrong password.
fn wrong(odd: &str) -> String {
    format!("> REGISTER\nAuthorization: digest user=1001 password=wrong {odd}\n")
}

/// What every rule about a form that strict servers refuse has in common: refused is not proof.
#[track_caller]
fn check_grades(rule: &str, asked: &str, odd: &str) {
    let (right, wrong) = (right(odd), wrong(odd));
    let expect = |scenario: &[&str], credentials: &str, expected: &str| check(scenario, credentials, expected);
    expect(&[asked, &right, REFUSED], SECRET, &format!("high {rule} sure=likely fault=client by=-"));
    expect(&[asked, &right, STALE], NOTHING, &format!("high {rule} sure=likely"));
    expect(
        &[asked, &right, REFUSED],
        NOTHING,
        &format!("medium {rule} sure=possible says=wrong_password\nhigh rejected-credentials by=-"),
    );
    expect(
        &[asked, &right, "< 403\n"],
        SECRET,
        &format!("medium {rule} sure=possible\nhigh forbidden-after-credentials"),
    );
    expect(&[asked, &right, OK], SECRET, &format!("medium {rule} sure=proven\nsessions accepted"));
    expect(&[asked, &right, REFUSED, RIGHT, OK], SECRET, &format!("medium {rule}\nsessions accepted"));
    expect(
        &[asked, &right, "< 400\n"],
        NOTHING,
        &format!("medium {rule} by=malformed-credentials\nhigh malformed-credentials"),
    );
    // A digest that is wrong explains the refusal by itself.
    let is_wrong = analyse(&[asked, &wrong, REFUSED], SECRET);
    let found = is_wrong.findings.iter().find(|finding| finding.rule == rule).expect("it is found");
    assert_eq!((found.severity, found.confidence), ("medium", "possible"), "{rule}");
}

#[test]
fn uri_malformed_is_graded() {
    check_grades("uri-malformed", ASKED, "uri=pbx.example.com");
    check(&[ASKED, &right("uri=pbx.example.com"), REFUSED], SECRET, "medium digest-ok-but-rejected by=uri-malformed");
}

#[test]
fn uri_malformed_is_empty_unquoted_or_without_scheme() {
    check(&[ASKED, &right("uri=\"\""), OK], SECRET, "medium uri-malformed says=is_empty");
    check(&[ASKED, &right("uri=1001@pbx.example.com"), OK], SECRET, "medium uri-malformed says=no_scheme");
    let bare = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=sip:pbx.example.com, response=\"0123456789abcdef0123456789abcdef\"\n";
    check(&[ASKED, bare, OK], NOTHING, "medium uri-malformed says=quotes");
    check(&[ASKED, &right("uri=sip:10.0.0.1"), REFUSED], SECRET, "no uri-malformed");
    check(&[ASKED, &right("uri=sips:pbx.example.com"), OK], SECRET, "no uri-malformed");
}

#[test]
fn algorithm_not_offered_is_graded() {
    check_grades("algorithm-not-offered", ASKED, "algorithm=SHA-256");
    check_grades(
        "algorithm-not-offered",
        "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256\n",
        "algorithm=none signed-algorithm=MD5",
    );
}

#[test]
fn algorithm_not_offered_is_neither_one_of_several_nor_left_out_for_md5() {
    let two = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256\nWWW-Authenticate: challenge\n";
    check(&[two, &right("algorithm=MD5"), REFUSED], SECRET, "no algorithm-not-offered");
    check(&[two, &right("algorithm=SHA-256"), REFUSED], SECRET, "no algorithm-not-offered");
    check(&[ASKED, &right("algorithm=none"), REFUSED], SECRET, "no algorithm-not-offered");
    check(&[ASKED, &right("algorithm=MD5"), REFUSED], SECRET, "no algorithm-not-offered");
    let unseen = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=unseen realm=pbx.example.com qop=auth algorithm=SHA-256\n";
    check(&[unseen, REFUSED], SECRET, "no algorithm-not-offered");
}

#[test]
fn algorithm_in_other_letter_case_is_never_high() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n\", algorithm=MD5, qop=\"auth\"\n";
    check(
        &[asked, &right("algorithm=md5"), OK],
        SECRET,
        "info algorithm-not-offered sure=proven says=letter_case\nclean",
    );
    check(
        &[asked, &right("algorithm=md5"), REFUSED],
        SECRET,
        "medium algorithm-not-offered\nhigh digest-ok-but-rejected by=-",
    );
}

#[test]
fn qop_dropped_is_graded() {
    check_grades("qop-dropped", ASKED, "qop=none");
}

#[test]
fn qop_dropped_needs_a_challenge_that_offers_one() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=none\n";
    check(&[asked, RIGHT, REFUSED], SECRET, "no qop-dropped qop-not-offered");
    check(&[ASKED, RIGHT, REFUSED], SECRET, "no qop-dropped qop-not-offered qop-params-missing");
}

#[test]
fn qop_not_offered_is_graded() {
    check_grades("qop-not-offered", "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=none\n", "qop=auth");
    check_grades("qop-not-offered", "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=auth-int\n", "qop=auth");
}

#[test]
fn qop_not_offered_is_not_one_of_a_list() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=\"auth,auth-int\"\n";
    check(&[asked, &right("qop=auth-int"), REFUSED], SECRET, "no qop-not-offered qop-dropped");
}

#[test]
fn qop_params_missing_is_graded() {
    let odd = right("cnonce=none nc=none signed-qop=none");
    check(&[ASKED, &odd, REFUSED], SECRET, "high qop-params-missing sure=likely fault=client says=but_for_one_input");
    check(&[ASKED, &odd, REFUSED], NOTHING, "medium qop-params-missing sure=possible fault=client");
    check(&[ASKED, &odd, STALE], NOTHING, "high qop-params-missing sure=likely by=-");
    check(&[ASKED, &odd, OK], SECRET, "medium qop-params-missing sure=proven\nsessions accepted");
    check(&[ASKED, &right("cnonce=none"), OK], SECRET, "medium qop-params-missing says=no_cnonce");
    check(
        &[ASKED, &right("cnonce=none nc=none signed-qop=none"), "< 400\n"],
        SECRET,
        "high malformed-credentials by=-\nmedium qop-params-missing by=malformed-credentials",
    );
}

#[test]
fn qop_params_without_a_qop_are_never_high() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=none\n";
    check(
        &[asked, &right("cnonce=0a4f nc=00000001"), REFUSED],
        SECRET,
        "medium qop-params-missing\nhigh digest-ok-but-rejected",
    );
}

#[test]
fn qop_params_missing_is_not_said_of_empty_ones_nor_of_sessions() {
    let empty = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\", qop=, nc=, cnonce=\"\"\n";
    check(&[ASKED, empty, OK], NOTHING, "no qop-params-missing");
    let session = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\", algorithm=MD5-sess, cnonce=\"a1\"\n";
    check(&[ASKED, session, OK], NOTHING, "no qop-params-missing");
}

#[test]
fn opaque_missing_or_changed_is_graded() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge opaque=5ccc\n";
    check_grades("opaque-missing-or-changed", asked, "opaque=none");
    check_grades("opaque-missing-or-changed", asked, "opaque=other");
    check(&[asked, &right("opaque=none"), REFUSED], SECRET, "no digest-ok-but-rejected");
}

#[test]
fn opaque_that_is_empty_is_none() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n\", qop=\"auth\", opaque=\"\"\n";
    check(
        &[asked, &right("opaque=none"), REFUSED],
        SECRET,
        "no opaque-missing-or-changed\nhigh digest-ok-but-rejected",
    );
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: challenge opaque=5ccc\n", RIGHT, REFUSED],
        SECRET,
        "no opaque-missing-or-changed\nhigh digest-ok-but-rejected excludes=wrong_opaque",
    );
    check(&[ASKED, &right("opaque=mine"), REFUSED], SECRET, "no opaque-missing-or-changed");
}

const DIGEST: &str = "Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\"";
const ASKED_N: &str = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n\n";

#[test]
fn auth_param_quoting_is_found_in_credentials() {
    let with = |params: &str| format!("> REGISTER\nAuthorization: {DIGEST}, cnonce=\"c\"{params}\n");
    check(
        &[ASKED_N, &with(", qop=\"auth\", nc=00000001"), OK],
        NOTHING,
        "low auth-param-quoting fault=client sure=proven says=qop_in_quotes",
    );
    check(&[ASKED_N, &with(", qop=auth, nc=\"00000001\""), OK], NOTHING, "low auth-param-quoting says=nc_in_quotes");
    check(
        &[ASKED_N, &with(", qop=auth, nc=00000001, algorithm=\"MD5\""), REFUSED],
        NOTHING,
        "medium auth-param-quoting sure=possible says=algorithm_in_quotes",
    );
    check(&[ASKED_N, &with(", qop=\"\"auth\"\", nc=00000001"), OK], NOTHING, "low auth-param-quoting says=doubled");
    let bare = with(", qop=auth, nc=00000001").replace("\"1001\"", "1001");
    check(&[ASKED_N, &bare, OK], NOTHING, "low auth-param-quoting says=username_without_quotes");
    check(
        &[ASKED_N, &with(", qop=\"auth\", nc=00000001"), "< 400\n"],
        NOTHING,
        "high malformed-credentials\nmedium auth-param-quoting by=malformed-credentials",
    );
}

#[test]
fn auth_param_quoting_is_found_in_challenges_and_is_the_servers() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n\", algorithm=\"MD5\", qop=\"auth\"\n";
    check(&[asked, RIGHT, OK], SECRET, "clean\nlow auth-param-quoting fault=server");
    check(&[asked, LATER], NOTHING, "medium auth-param-quoting fault=server sure=possible");
}

#[test]
fn auth_param_quoting_is_not_what_the_standard_wants() {
    check(&[ASKED, RIGHT, OK], SECRET, "no auth-param-quoting");
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n\", stale=\"FALSE\", qop=\"auth\"\n";
    check(&[asked, RIGHT, OK], SECRET, "no auth-param-quoting");
}

#[test]
fn username_empty_is_found() {
    let nobody = "> REGISTER\nAuthorization: digest user=\"\" password=secret\n";
    check(
        &[ASKED, nobody, REFUSED, LATER],
        NOTHING,
        "high username-empty fault=client by=-\nmedium rejected-credentials by=username-empty",
    );
    check(&[ASKED, nobody, OK], NOTHING, "medium username-empty");
    let unnamed = "> REGISTER\nAuthorization: Digest realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\"\n";
    check(&[ASKED_N, unnamed, REFUSED], NOTHING, "high username-empty says=missing");
}

#[test]
fn username_empty_is_not_said_of_ims_nor_of_anonymous() {
    let ims = "> REGISTER\nAuthorization: Digest username=\"\", realm=\"pbx.example.com\", nonce=\"\", uri=\"sip:pbx.example.com\", response=\"\"\n";
    check(&[ims, REFUSED, RIGHT, OK], SECRET, "clean\nno username-empty");
    let aka = "> REGISTER\nAuthorization: Digest username=\"\", realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\", algorithm=AKAv1-MD5\n";
    check(&[ASKED_N, aka, REFUSED], NOTHING, "no username-empty");
    let star = "> REGISTER\nAuthorization: Digest username*=UTF-8''j%C3%B6rg, realm=\"pbx.example.com\", nonce=\"n\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\"\n";
    check(&[ASKED_N, star, REFUSED], NOTHING, "no username-empty username-both-forms");
}

#[test]
fn username_both_forms_is_found() {
    let both = format!("> REGISTER\nAuthorization: {DIGEST}, username*=UTF-8''1001\n");
    check(
        &[ASKED_N, &both, REFUSED],
        NOTHING,
        "high username-both-forms fault=client by=-\nmedium rejected-credentials by=username-both-forms",
    );
    check(&[ASKED_N, &both, OK], NOTHING, "medium username-both-forms");
    check(
        &[ASKED_N, &both, "< 400\n"],
        NOTHING,
        "high malformed-credentials\nmedium username-both-forms by=malformed-credentials",
    );
    check(&[ASKED_N, &both, REFUSED], SECRET, "medium username-both-forms sure=possible\nhigh digest-wrong-password");
    check(&[ASKED, RIGHT, REFUSED], SECRET, "no username-both-forms username-empty");
}

#[test]
fn username_not_aor_is_info_and_medium_with_403() {
    let other = "> REGISTER\nAuthorization: digest user=1002 password=secret\n";
    let secret = "1002,*,secret\n";
    check(&[ASKED, other, OK], secret, "clean\ninfo username-not-aor");
    check(&[ASKED, other, REFUSED], secret, "info username-not-aor");
    check(
        &[ASKED, other, "< 403\n"],
        secret,
        "high forbidden-after-credentials\nmedium username-not-aor sure=possible",
    );
    check(&[ASKED, other, "< 403\n", "+5 ", RIGHT, OK], secret, "info username-not-aor");
}

#[test]
fn username_not_aor_is_not_said_of_the_account_in_another_form() {
    check(&[ASKED, RIGHT, "< 403\n"], SECRET, "no username-not-aor");
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=1001@pbx.example.com password=secret\n", "< 403\n"],
        NOTHING,
        "no username-not-aor",
    );
    let third =
        "> REGISTER\nFrom: <sip:admin@pbx.example.com>;tag=a\nAuthorization: digest user=1001 password=secret\n";
    check(&[ASKED, third, OK], SECRET, "no username-not-aor");
    let hidden = "> INVITE\nFrom: <sip:anonymous@anonymous.invalid>;tag=a\nProxy-Authorization: digest user=1001 password=secret\n";
    check(&[CALL_ASKED, hidden, CALL_OK], SECRET, "no username-not-aor");
    check(
        &[ASKED, "> REGISTER\nAuthorization: digest user=anonymous password=secret\n", OK],
        NOTHING,
        "no username-not-aor\ninfo anonymous-credentials",
    );
}

#[test]
fn anonymous_credentials_are_info() {
    let nobody = "> INVITE\nProxy-Authorization: digest user=Anonymous password=\"\"\n";
    check(&[CALL_ASKED, nobody, CALL_OK], NOTHING, "clean\ninfo anonymous-credentials");
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK], SECRET, "no anonymous-credentials");
}

#[test]
fn nonce_altered_is_found() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=\"aX7dQk0v1uY2==\"\n";
    let with = |nonce: &str| right(&format!("nonce={nonce}"));
    check(
        &[asked, &with("aX7dQk0v1uY2"), REFUSED],
        SECRET,
        "high nonce-altered fault=client by=- says=padding excludes=wrong_password",
    );
    check(
        &[asked, &with("aX7dQk0v"), REFUSED],
        NOTHING,
        "high nonce-altered says=cut\nmedium rejected-credentials by=nonce-altered",
    );
    check(&[asked, &with("ax7dqk0v1uy2=="), REFUSED], NOTHING, "high nonce-altered says=letter_case");
    check(&[asked, &with("aX7dQk0v1uY2%3D%3D"), REFUSED], NOTHING, "high nonce-altered says=escapes");
    check(&[asked, &with("aX7dQk0v1uY2"), OK], SECRET, "medium nonce-altered\nsessions accepted");
    check(&[asked, &with("aX7dQk0v1uY2"), REFUSED, RIGHT, OK], SECRET, "medium nonce-altered");
    check(
        &[asked, &wrong("nonce=aX7dQk0v1uY2"), REFUSED],
        SECRET,
        "medium nonce-altered sure=possible\nhigh digest-wrong-password",
    );
}

#[test]
fn nonce_altered_is_not_another_nonce() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=\"aX7dQk0v1uY2==\"\n";
    check(&[asked, RIGHT, REFUSED], SECRET, "no nonce-altered");
    check(&[asked, &right("nonce=unseen"), REFUSED], SECRET, "no nonce-altered");
    check(&[asked, &right("nonce=aX7"), REFUSED], SECRET, "no nonce-altered");
    // One that was given in its own right, before.
    let two = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=aX7dQk0v\n> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=aX7dQk0v1uY2\n";
    check(&[two, &right("nonce=first"), REFUSED], SECRET, "no nonce-altered\nhigh old-nonce-reused");
}

#[test]
fn same_credentials_repeated_is_found() {
    let same = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=same\n";
    let refused = "< 401\nWWW-Authenticate: challenge nonce=same\n";
    let again = "+5 > REGISTER\nAuthorization: again\n";
    check(
        &[same, WRONG, refused, again, refused],
        SECRET,
        "high digest-wrong-password by=-\nmedium same-credentials-repeated fault=client by=-\nmedium challenge-loop cause=wrong-digest by=digest-wrong-password",
    );
    check(
        &[same, WRONG, refused, again, refused],
        NOTHING,
        "high challenge-loop cause=same-nonce\nmedium same-credentials-repeated",
    );
    check(&[same, WRONG, refused, again, OK], NOTHING, "clean\ninfo same-credentials-repeated");
    check(&[same, RIGHT, "< 403\n", again, "< 403\n"], SECRET, "medium same-credentials-repeated");
}

#[test]
fn same_credentials_repeated_is_neither_stale_nor_a_copy_nor_new() {
    let stale = "< 401\nWWW-Authenticate: challenge nonce=same stale=true\n";
    let same = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=same\n";
    let refused = "< 401\nWWW-Authenticate: challenge nonce=same\n";
    let again = "+5 > REGISTER\nAuthorization: again\n";
    check(&[same, RIGHT, stale, again, refused], SECRET, "no same-credentials-repeated");
    check(
        &[same, WRONG, "+0.5 retransmit\n+1 retransmit\nduplicate\n", refused],
        SECRET,
        "no same-credentials-repeated",
    );
    check(&[same, WRONG, refused, WRONG, refused], SECRET, "no same-credentials-repeated");
    check(&[same, RIGHT, OK, again, OK], SECRET, "no same-credentials-repeated");
    check(&[CALL_ASKED, CALL_WRONG, CALL_REFUSED], SECRET, "no same-credentials-repeated");
    let spare = "spare 203.0.113.11\n";
    let elsewhere = "+1 client > spare REGISTER\nAuthorization: again\nspare > client 200\n";
    check(&[spare, same, WRONG, refused, elsewhere], SECRET, "no same-credentials-repeated");
}

const FORBIDDEN: &str = "+5 > REGISTER\nAuthorization: digest user=1001 password=secret\n< 403\n";

#[test]
fn retry_after_403_is_found() {
    check(
        &[ASKED, RIGHT, "< 403\n", FORBIDDEN, FORBIDDEN, FORBIDDEN],
        SECRET,
        "high forbidden-after-credentials by=-\nmedium retry-after-403 fault=client by=forbidden-after-credentials says=3_times",
    );
    check(
        &[ASKED, RIGHT, "< 403\n", FORBIDDEN, FORBIDDEN, FORBIDDEN, "+5 ", RIGHT, OK],
        SECRET,
        "medium retry-after-403\nsessions accepted",
    );
}

#[test]
fn retry_after_403_needs_three_soon_and_for_the_same_user() {
    check(&[ASKED, RIGHT, "< 403\n", FORBIDDEN, FORBIDDEN], SECRET, "no retry-after-403");
    let late = FORBIDDEN.replace("+5", "+40");
    check(&[ASKED, RIGHT, "< 403\n", &late, &late, &late, &late], SECRET, "no retry-after-403");
    let of = |user: &str| format!("+5 > REGISTER\nAuthorization: digest user={user} password=secret\n< 403\n");
    check(&[ASKED, &of("1"), &of("2"), &of("3"), &of("4"), &of("5")], NOTHING, "no retry-after-403");
    let calls = "+5 > INVITE\nProxy-Authorization: digest user=1001 password=secret\n< 403\n> ACK\n";
    check(&[CALL_ASKED, calls, calls, calls, calls, calls], SECRET, "no retry-after-403");
}

/// One proxy lets through, the next one asks, and the client forgets the first.
fn with_realms(sent: &[&str], asked: &str) -> String {
    let rows: Vec<String> = sent
        .iter()
        .map(|realm| format!("Proxy-Authorization: digest user=1001 password=secret realm={realm}\n"))
        .collect();
    let answer = if asked == "200" {
        "< 200\n".to_owned()
    } else {
        format!("< 407\nProxy-Authenticate: challenge realm={asked}\n")
    };
    format!("> INVITE\n{}{answer}> ACK\n", rows.concat())
}

#[test]
fn realm_credentials_dropped_is_found() {
    let steps = [
        with_realms(&[], "edge"),
        with_realms(&["edge"], "core"),
        with_realms(&["core"], "edge"),
        with_realms(&["edge"], "core"),
        with_realms(&["core"], "edge"),
    ];
    let scenario: Vec<&str> = steps.iter().map(String::as_str).collect();
    check(&scenario, SECRET, "high realm-credentials-dropped fault=client sure=proven by=-\nno realm-mismatch");
    let once = [&scenario[..3], &[LATER]].concat();
    check(&once, NOTHING, "high realm-credentials-dropped by=-");
    check(&scenario[..3], NOTHING, "medium realm-credentials-dropped sure=possible");
    let both = with_realms(&["edge", "core"], "200");
    check(&[scenario[0], scenario[1], scenario[2], &both], SECRET, "clean\ninfo realm-credentials-dropped");
}

#[test]
fn realm_credentials_dropped_is_not_said_where_both_are_sent() {
    let steps = [
        with_realms(&[], "edge"),
        with_realms(&["edge"], "core"),
        with_realms(&["edge", "core"], "edge"),
        with_realms(&["edge", "core"], "core"),
    ];
    let scenario: Vec<&str> = steps.iter().map(String::as_str).collect();
    check(&scenario, SECRET, "no realm-credentials-dropped");
    check(&[ASKED, RIGHT, REFUSED, RIGHT, REFUSED], SECRET, "no realm-credentials-dropped");
}

#[test]
fn what_is_ruled_out_is_listed_and_true() {
    let all = "excludes=wrong_realm excludes=old_nonce excludes=wrong_header excludes=wrong_algorithm excludes=wrong_qop excludes=wrong_opaque excludes=wrong_uri excludes=repeated_nonce_count excludes=malformed_nonce_count excludes=malformed_response excludes=changed_transport excludes=CSeq_not_raised excludes=reused_branch";
    check(&[ASKED, WRONG, REFUSED], NOTHING, &format!("high rejected-credentials {all}"));
    check(&[ASKED, WRONG, REFUSED], SECRET, &format!("high digest-wrong-password {all}"));
    check(&[ASKED, RIGHT, REFUSED], SECRET, &format!("high digest-ok-but-rejected excludes=wrong_password {all}"));
    check(
        &[ASKED, RIGHT, "< 403\n"],
        SECRET,
        &format!("high forbidden-after-credentials excludes=wrong_password {all}"),
    );
    check(&[ASKED, WRONG, REFUSED, WRONG, REFUSED], NOTHING, &format!("high challenge-loop {all}"));
}

#[track_caller]
fn check_not_ruled_out(scenario: &[&str], credentials: &str, rule: &str, cause: &str) {
    let report = analyse(scenario, credentials);
    let finding = report.findings.iter().find(|finding| finding.rule == rule).expect("it is found");
    assert!(!finding.excluded.iter().any(|text| text.starts_with(cause)), "{cause}: {:?}", finding.excluded);
}

#[test]
fn what_does_not_fit_is_not_ruled_out() {
    let rule = "rejected-credentials";
    check_not_ruled_out(&[ASKED, &right("uri=sip:10.0.0.1"), REFUSED], NOTHING, rule, "wrong uri");
    check_not_ruled_out(&[ASKED, &right("qop=none"), REFUSED], NOTHING, rule, "wrong qop");
    check_not_ruled_out(&[ASKED, &right("algorithm=SHA-256"), REFUSED], NOTHING, rule, "wrong algorithm");
    check_not_ruled_out(&[ASKED, &right("nc=1"), REFUSED], NOTHING, rule, "malformed nonce count");
    check_not_ruled_out(&[ASKED, &right("response=upper"), REFUSED], NOTHING, rule, "malformed response");
    let opaque = "> REGISTER\n< 401\nWWW-Authenticate: challenge opaque=5ccc\n";
    check_not_ruled_out(&[opaque, &right("opaque=none"), REFUSED], NOTHING, rule, "wrong opaque");
    let old = "> REGISTER\nCSeq: 1 REGISTER\nAuthorization: digest user=1001 password=secret\n";
    check_not_ruled_out(&[ASKED, old, REFUSED], NOTHING, rule, "CSeq");
    check_not_ruled_out(&[ASKED, RIGHT, REFUSED], NOTHING, rule, "wrong password");
    // One of two that differs is enough.
    check_not_ruled_out(
        &[ASKED, RIGHT, REFUSED, &right("uri=sip:10.0.0.1"), REFUSED],
        NOTHING,
        "challenge-loop",
        "wrong uri",
    );
}

#[test]
fn a_loop_tells_its_cause() {
    let node = |name: &str, stale: &str| format!("< 401\nServer: {name}\nWWW-Authenticate: challenge {stale}\n");
    check(
        &["> REGISTER\n", &node("a", ""), RIGHT, &node("b", ""), RIGHT, &node("a", "")],
        NOTHING,
        "high challenge-loop cause=node-switch fault=unknown sure=possible",
    );
    let odd = right("uri=sip:10.0.0.1");
    check(&[ASKED, &odd, REFUSED, &odd, REFUSED], SECRET, "medium challenge-loop cause=uri");
    check(&[ASKED, &odd, REFUSED, &odd, REFUSED], NOTHING, "high challenge-loop cause=unknown");
    let bare = right("uri=pbx.example.com");
    check(
        &[ASKED, &bare, REFUSED, &bare, REFUSED],
        SECRET,
        "high uri-malformed by=-\nmedium challenge-loop cause=uri fault=client by=uri-malformed",
    );
    let opaque = "> REGISTER\n< 401\nWWW-Authenticate: challenge opaque=5ccc\n";
    let refused = "< 401\nWWW-Authenticate: challenge opaque=5ccc\n";
    let none = right("opaque=none");
    check(
        &[opaque, &none, refused, &none, refused],
        SECRET,
        "high opaque-missing-or-changed\nmedium challenge-loop fault=client by=opaque-missing-or-changed",
    );
    check(
        &[ASKED, RIGHT, REFUSED, RIGHT, REFUSED],
        SECRET,
        "medium challenge-loop cause=unknown fault=server says=cannot_tell",
    );
}

#[test]
fn a_qop_without_what_belongs_to_it_may_be_left_out_of_the_digest() {
    let bare = "> REGISTER\nAuthorization: digest user=1001 password=PW cnonce=none nc=none signed-qop=none\n";
    let right = bare.replace("PW", "secret");
    let found =
        "high qop-params-missing fault=client by=-\nmedium digest-near-miss cause=qop-ignored by=qop-params-missing";
    check(&[ASKED, &right, REFUSED, LATER], SECRET, found);
    check(&[ASKED, &right, REFUSED, LATER], NOTHING, "medium qop-params-missing sure=possible\nno digest-near-miss");
    let wrong = bare.replace("PW", "wrong");
    check(
        &[ASKED, &wrong, REFUSED, LATER],
        SECRET,
        "medium qop-params-missing\nno digest-near-miss digest-wrong-password",
    );
    // Nobody can give a cnonce that was never sent.
    let loops = [ASKED, &wrong, REFUSED, &wrong, REFUSED, &wrong, REFUSED, LATER].concat();
    let told = analyse(&[&loops], SECRET).findings;
    assert!(told.iter().all(|finding| finding.remedy.iter().all(|text| !text.starts_with("Give the password"))));
}

#[test]
fn a_uri_in_angle_brackets_is_malformed() {
    let answer = "> REGISTER\nAuthorization: digest user=1001 password=secret uri=<sip:pbx.example.com>\n";
    check(&[ASKED, answer, REFUSED, LATER], SECRET, "high uri-malformed fault=client by=- says=angle_brackets");
    check(&[ASKED, answer, OK], SECRET, "medium uri-malformed");
}

#[test]
fn basic_credentials_have_no_nonce_and_no_digest() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Basic realm=\"pbx.example.com\"\n";
    let answer =
        "> REGISTER\nAuthorization: Basic dXNlcjpwYXNz\n< 401\nWWW-Authenticate: Basic realm=\"pbx.example.com\"\n";
    let report = analyse(&[asked, answer, LATER], NOTHING);
    let refused =
        report.findings.iter().find(|finding| finding.rule == "rejected-credentials").expect("it was refused");
    assert!(!refused.explanation.contains("nonce") && !refused.title.contains("password was not given"), "{refused:?}");
    check(&[asked, answer, LATER], NOTHING, "told credentials refused\nno strict-parser-rejects\nseveral");
}

/// What no password can be held against is not asked for one.
#[test]
fn no_password_is_asked_for_where_there_is_no_digest() {
    const ROW: &str = "WWW-Authenticate: Bearer realm=\"pbx.example.com\", authz_server=\"https://idp.example.com\"\n";
    let asked = format!("> REGISTER\n< 401\n{ROW}");
    let token = "> REGISTER\nAuthorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMDAxIn0.c2ln\n";
    let refused = format!("< 401\n{ROW}");
    for secret in [NOTHING, SECRET] {
        check(
            &[&asked, token, &refused, LATER],
            secret,
            "
            medium rejected-credentials sure=possible says=token says=server's_log unsaid=password unsaid=nonce unsaid=digest
            info cleartext-transport says=tokens unsaid=digests",
        );
        check(
            &[&asked, token, "< 403\n"],
            secret,
            "high forbidden-after-credentials sure=possible says=only_digests_can_be_checked unsaid=--ask-password",
        );
    }
    check(&[&asked, token, &refused, LATER], SECRET, "info verification-not-possible says=Nothing: unsaid=tcpdump");
    let ntlm = "WWW-Authenticate: NTLM realm=\"SIP\", targetname=\"x\"\n";
    let tries: String = (0..3)
        .map(|_| format!("> REGISTER\nAuthorization: NTLM realm=\"SIP\", gssapi-data=\"TlRM\"\n< 401\n{ntlm}"))
        .collect();
    check(
        &["> REGISTER\n< 401\n", ntlm, &tries, LATER],
        NOTHING,
        "high challenge-loop cause=unknown says=Only_digests_can_be_checked unsaid=--ask-password",
    );
    let both = "[c2] > REGISTER\n[c2] < 401\nWWW-Authenticate: challenge\n[c2] > REGISTER\nAuthorization: digest user=1001 password=secret\n[c2] < 200\n";
    check(&[&asked, token, OK, both], NOTHING, "info cleartext-transport says=tokens says=digests");
}

#[test]
fn credentials_without_the_word_digest_are_told_so() {
    let asked = |nonce: u8| format!("< 401\nWWW-Authenticate: challenge nonce=n{nonce}\n");
    let bare = |nonce: u8| {
        format!(
            "> REGISTER\nAuthorization: username=\"1001\", realm=\"pbx.example.com\", nonce=\"n{nonce}\", uri=\"sip:pbx.example.com\", \
             response=\"00112233445566778899aabbccddee{nonce:02}\"\n"
        )
    };
    for secret in [NOTHING, SECRET] {
        check(
            &["> REGISTER\n", &asked(1), &bare(1), &asked(2), &bare(2), &asked(3), LATER],
            secret,
            "high challenge-loop cause=unknown says=without_the_word_Digest says=begin_the_header unsaid=--ask-password",
        );
        check(
            &["> REGISTER\n", &asked(1), &bare(1), &asked(2), LATER],
            secret,
            "high rejected-credentials says=they_name_no_scheme says=begin_the_header unsaid=--ask-password",
        );
    }
}

#[test]
fn a_right_digest_for_another_address_may_be_refused_for_that() {
    let bob = "> REGISTER\nAuthorization: digest user=2002 password=secret\n";
    let secrets = "1001,*,secret\n2002,*,secret\n";
    let found = "high digest-ok-but-rejected fault=operator says=is_not_that_of_the_address";
    check(&[ASKED, bob, REFUSED, LATER], secrets, found);
    check(&[ASKED, RIGHT, REFUSED, LATER], secrets, "high digest-ok-but-rejected fault=server");
}
