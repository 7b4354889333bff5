//! Realm and header: whether the credentials answer what was asked.

use super::*;

const OTHER: &str = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=other\n";

#[test]
fn realm_mismatch_is_found_by_the_nonce() {
    check(
        &[ASKED, OTHER, REFUSED],
        SECRET,
        "high realm-mismatch fault=client excludes=wrong_password\nno digest-ok-but-rejected digest-wrong-password\nattempts challenged refused",
    );
    check(&[ASKED, OTHER, REFUSED], NOTHING, "high realm-mismatch\nmedium rejected-credentials by=realm-mismatch");
}

#[test]
fn realm_mismatch_is_found_without_the_nonce() {
    let other = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=other nonce=own\n";
    check(
        &[ASKED, other, REFUSED, LATER],
        NOTHING,
        "high realm-mismatch by=-\nno retry-without-credentials challenge-unanswered\nsessions refused",
    );
    check(&[ASKED, other, "< 403\n"], NOTHING, "high realm-mismatch");
}

#[test]
fn realm_mismatch_counts_letter_case() {
    let upper = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=PBX.example.com\n";
    check(&[ASKED, upper, REFUSED], SECRET, "high realm-mismatch says=letter_case");
}

#[test]
fn realm_mismatch_is_medium_where_the_server_did_not_mind() {
    check(&[ASKED, OTHER, OK], SECRET, "medium realm-mismatch\nsessions accepted");
    check(&[ASKED, OTHER, REFUSED, RIGHT, OK], SECRET, "medium realm-mismatch");
}

#[test]
fn realm_mismatch_is_not_said_of_credentials_sent_unasked() {
    let cached = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=other nonce=old qop=auth\n";
    check(&[cached, OK], SECRET, "clean\nno realm-mismatch");
    check(&[cached, REFUSED, RIGHT, OK], SECRET, "clean\nno realm-mismatch");
}

#[test]
fn realm_mismatch_is_not_said_of_credentials_in_transit() {
    let carried =
        "> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=first nonce=elsewhere qop=auth\n";
    let both = "> INVITE\nProxy-Authorization: again\nProxy-Authorization: digest user=1001 password=secret\n";
    check(&[carried, CALL_REFUSED, both, CALL_OK], SECRET, "clean\nno realm-mismatch");
    check(&[carried, CALL_REFUSED, both, CALL_REFUSED], SECRET, "no realm-mismatch");
}

#[test]
fn realm_mismatch_is_not_said_of_the_first_ims_register() {
    let ims = "> REGISTER\nAuthorization: Digest username=\"1001@ims\", realm=\"ims.example\", nonce=\"\", uri=\"sip:ims.example\", response=\"\"\n";
    check(&[ASKED, ims, REFUSED, RIGHT, OK], NOTHING, "no realm-mismatch");
}

#[test]
fn realm_mismatch_is_not_said_of_one_nonce_for_two_realms() {
    let asked = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a nonce=same\nProxy-Authenticate: challenge realm=b nonce=same\n> ACK\n";
    let both = "> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\nProxy-Authorization: digest user=1001 password=secret realm=b\n";
    check(&[asked, both, CALL_OK], SECRET, "clean\nno realm-mismatch nc-repeated");
}

#[test]
fn credentials_wrong_header_is_found() {
    let proxy = "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n";
    check(
        &[ASKED, proxy, REFUSED],
        SECRET,
        "high credentials-wrong-header fault=client excludes=wrong_password\nno digest-ok-but-rejected retry-without-credentials",
    );
    check(
        &[CALL_ASKED, "> INVITE\nAuthorization: digest user=1001 password=secret\n", CALL_REFUSED, LATER],
        NOTHING,
        "high credentials-wrong-header\nmedium rejected-credentials by=credentials-wrong-header\nno challenge-unanswered",
    );
    check(&[ASKED, proxy, OK], SECRET, "medium credentials-wrong-header");
}

#[test]
fn credentials_wrong_header_follows_the_challenge_and_not_the_code() {
    let asked = "> REGISTER\n< 401\nProxy-Authenticate: challenge\n";
    check(
        &[asked, "> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n", OK],
        SECRET,
        "no credentials-wrong-header",
    );
    check(
        &[asked, "> REGISTER\nAuthorization: digest user=1001 password=secret\n< 401\nProxy-Authenticate: challenge\n"],
        SECRET,
        "
        high challenge-header-wrong-kind by=-
        medium credentials-wrong-header by=challenge-header-wrong-kind",
    );
}

#[test]
fn credentials_wrong_header_is_not_said_of_a_nonce_offered_in_both() {
    let both =
        "> INVITE\n< 407\nWWW-Authenticate: challenge nonce=same\nProxy-Authenticate: challenge nonce=same\n> ACK\n";
    check(
        &[both, "> INVITE\nAuthorization: digest user=1001 password=secret\n", CALL_OK],
        SECRET,
        "clean\nno credentials-wrong-header",
    );
    let in_turn = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=second\n> INVITE\n< 407\nProxy-Authenticate: challenge nonce=second\n> ACK\n";
    check(
        &[in_turn, "> INVITE\nProxy-Authorization: digest user=1001 password=secret\n", CALL_OK],
        SECRET,
        "no credentials-wrong-header",
    );
}

#[test]
fn credentials_wrong_header_is_not_said_of_a_401_to_a_call() {
    let call = "> INVITE\n< 401\nWWW-Authenticate: challenge\n> ACK\n> INVITE\nAuthorization: digest user=1001 password=wrong\n< 401\nWWW-Authenticate: challenge\n> ACK\n";
    check(&[call], SECRET, "high digest-wrong-password\nno credentials-wrong-header challenge-header-wrong-kind");
}

#[test]
fn several_algorithms_of_one_realm_are_one_challenge() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=one algorithm=SHA-256\nWWW-Authenticate: challenge nonce=one algorithm=MD5\n";
    check(&[asked, RIGHT, OK], SECRET, "clean\nno realm-mismatch credentials-wrong-header old-nonce-reused");
    let joined = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256, qop=\"auth\", Digest realm=\"a\", nonce=\"2\", qop=\"auth\"\n";
    let second =
        "> REGISTER\nAuthorization: digest user=1001 password=secret realm=a nonce=2 algorithm=none qop=auth\n";
    check(
        &[joined, second, OK],
        SECRET,
        "medium combined-challenges-one-row\nno realm-mismatch old-nonce-reused challenge-malformed",
    );
    check(
        &[joined, second, joined.split_once('\n').unwrap().1],
        SECRET,
        "high digest-ok-but-rejected\nno old-nonce-reused",
    );
}

#[test]
fn realm_mismatch_is_said_of_a_realm_that_the_client_keeps() {
    let old = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=old.example nonce=old\n";
    check(
        &[&[old, REFUSED].concat().repeat(4), LATER],
        SECRET,
        "high realm-mismatch fault=client says=old.example by=-\nsessions refused\nmedium challenge-loop cause=realm by=realm-mismatch",
    );
    // One try shows a cached answer, and nobody let it past.
    check(
        &[old, REFUSED, LATER],
        NOTHING,
        "high challenge-unanswered says=nobody_in_this_Call-ID_asked_for unsaid=were_accepted\nno realm-mismatch",
    );
    check(&[old, REFUSED, RIGHT, OK, LATER], SECRET, "clean\nno realm-mismatch");
    // Proxies may be several: the first one may have taken it.
    let proxied = "> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=old.example nonce=old\n";
    check(
        &[&[proxied, CALL_REFUSED].concat().repeat(2), LATER],
        NOTHING,
        "no realm-mismatch\nhigh retry-without-credentials",
    );
}

#[test]
fn an_account_that_answers_another_realm_of_the_server_is_told_both() {
    let registered = |realm: &str| {
        format!(
            "[r] > REGISTER\n[r] < 401\nWWW-Authenticate: challenge realm={realm}\n\
             [r] > REGISTER\nAuthorization: digest user=1001 password=secret realm={realm}\n[r] < 200\n"
        )
    };
    let call = "+20 > INVITE\n< 401\nWWW-Authenticate: challenge realm=itsp\n> ACK\n";
    let both = "high challenge-unanswered cause=second-realm says=got_in_at_this_server_with_realm_\"home\" unsaid=407";
    check(&[&registered("home"), call, LATER], NOTHING, both);
    // Who registers for that very realm has it, and who calls as somebody else may have nothing.
    check(
        &[&registered("itsp"), call, LATER],
        NOTHING,
        "high challenge-unanswered says=The_client_has_credentials unsaid=got_in_at",
    );
    let other = call.replace("> INVITE", "> INVITE\nFrom: <sip:1009@pbx.example.com>;tag=x");
    check(
        &[&registered("home"), &other, LATER],
        NOTHING,
        "high challenge-unanswered cause=second-realm says=407 says=where_that_is_a_gateway unsaid=The_same_client",
    );
    check(&[call, LATER], NOTHING, "high challenge-unanswered cause=challenge-kind says=407");
}

#[test]
fn a_client_that_challenges_its_own_server_is_told_so() {
    let registered = [ASKED, RIGHT, OK].concat();
    for method in ["NOTIFY", "OPTIONS"] {
        let asked = format!(
            "+20 [n] < {method}\nFrom: <sip:asterisk@203.0.113.10>;tag=n\n[n] > 401\nWWW-Authenticate: challenge realm=phone\n"
        );
        let own = "clean\ninfo challenge-unanswered fault=server says=servers_have_no_account unsaid=407";
        check(&[&registered, &asked, LATER], NOTHING, own);
        // Where nobody logged in, who of the two is the client is open.
        check(&[&asked, LATER], NOTHING, "clean\ninfo challenge-unanswered fault=client unsaid=407");
    }
}

#[test]
fn a_server_behind_a_proxy_may_take_its_calls_by_address() {
    let names = "phone 192.0.2.10\nproxy 203.0.113.10\npbx 203.0.113.20\n";
    let call = "phone > proxy INVITE\nproxy > phone 407\nProxy-Authenticate: challenge realm=proxy\nphone > proxy ACK\n\
        phone > proxy INVITE\nProxy-Authorization: digest user=1001 password=secret\nproxy > pbx forward\nProxy-Authorization: -\n\
        pbx > proxy 401\nWWW-Authenticate: challenge realm=asterisk\nproxy > phone forward\nphone > proxy ACK\n";
    check(
        &[names, call, LATER],
        NOTHING,
        "high challenge-unanswered cause=second-realm says=by_its_address unsaid=407",
    );
}

#[test]
fn a_nonce_that_serves_two_realms_hides_no_wrong_one() {
    // Kamailio gives the same nonce to whatever it asks within one second.
    let registered = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n\n\
        > REGISTER\nAuthorization: digest user=1001 password=secret nonce=n nc=00000001\n< 200\n";
    let sent = "[b] > INVITE\nProxy-Authorization: digest user=1001 password=secret nonce=n realm=pbx.example.com nc=00000001\n\
        [b] < 407\nProxy-Authenticate: challenge realm=calls nonce=n\n[b] > ACK\n";
    let called =
        format!("[b] > INVITE\n[b] < 407\nProxy-Authenticate: challenge realm=calls nonce=n\n[b] > ACK\n{sent}{sent}");
    let wrong = "high realm-mismatch fault=client says=calls\ninfo method-auth-differs says=the_other_\"calls\"";
    check(&[registered, &called, LATER], SECRET, wrong);
    check(&[registered, &called, LATER], NOTHING, wrong);
    // A nonce that is kept from the registration, before anybody asks, is none that was given here.
    let kept = format!("{sent}{LATER}").replace("realm=calls nonce=n", "realm=calls nonce=other");
    check(&[registered, &kept], SECRET, "no realm-mismatch");
}

#[test]
fn a_request_that_answers_two_realms_of_one_nonce_confuses_none() {
    let both = "> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=edge nonce=n\n\
        Proxy-Authorization: digest user=1001 password=secret realm=core nonce=n\n";
    let asked = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=core nonce=n\n> ACK\n";
    check(&[asked, both, CALL_OK, LATER], SECRET, "no realm-mismatch");
    check(&[asked, &both.replace("realm=core", "realm=other"), CALL_OK, LATER], SECRET, "medium realm-mismatch");
}

#[test]
fn a_wrong_secret_of_one_realm_is_not_cleared_by_that_of_another() {
    let asked =
        "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a\nProxy-Authenticate: challenge realm=b\n> ACK\n";
    let both = "> INVITE\nProxy-Authorization: digest user=1001 realm=a password=secret\n\
                Proxy-Authorization: digest user=1001 realm=b password=wrong\n< 407\nProxy-Authenticate: challenge realm=b\n> ACK\n";
    let secrets = "1001,a,secret\n1001,b,other\n";
    check(&[asked, both, both, LATER], secrets, "high digest-wrong-password unsaid=accepts_a_digest_of_that_secret");
}
