//! Challenges that a client may not have been able to read, or to use: they are suspected before its account, and before the path.

use super::*;

const JOINED: &str = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"a1\", algorithm=SHA-256, qop=\"auth\", Digest realm=\"pbx.example.com\", nonce=\"a2\", algorithm=MD5, qop=\"auth\"\n";
const FOLDED: &str = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\",\n nonce=\"a1\", algorithm=MD5,\n qop=\"auth\"\n";
/// A client that goes on to repeat its request, as one does that has no answer.
const REPEATED: &str = "+0.5 retransmit 1\n+1 retransmit 1\n+2 retransmit 1\n+4 retransmit 1\n+4 retransmit 1\n";

#[test]
fn a_client_that_repeats_its_request_may_not_have_read_the_challenge() {
    check(
        &[JOINED, REPEATED, LATER],
        NOTHING,
        "
        high combined-challenges-one-row fault=server sure=possible by=- says=syntax_error says=user_name
        medium challenge-unanswered cause=joined-challenges sure=possible by=combined-challenges-one-row says=header_line unsaid=Fault:_path",
    );
    check(
        &[FOLDED, REPEATED, LATER],
        NOTHING,
        "
        high strict-parser-rejects fault=unknown sure=possible by=- says=folded
        medium challenge-unanswered cause=folded-challenge fault=unknown by=strict-parser-rejects says=one_line says=NAT",
    );
    // A plain challenge that is not heard was lost on the way.
    check(&[ASKED, REPEATED, LATER], NOTHING, "high challenge-unanswered fault=path sure=likely by=-");
}

#[test]
fn a_client_that_begins_anew_may_not_have_read_the_challenge() {
    check(
        &[JOINED, "+1 ", JOINED, LATER],
        NOTHING,
        "
        high combined-challenges-one-row sure=possible by=-
        medium retry-without-credentials cause=joined-challenges by=combined-challenges-one-row says=header_line says=user_name
        no algorithm-unsupported-no-retry",
    );
    check(
        &[FOLDED, "+1 ", FOLDED, LATER],
        NOTHING,
        "high strict-parser-rejects sure=possible\nmedium retry-without-credentials by=strict-parser-rejects",
    );
    // Who is merely silent may have read what SIP allows.
    check(&[FOLDED, LATER], NOTHING, "high challenge-unanswered fault=client by=-\ninfo strict-parser-rejects");
    check(
        &[ASKED, "+1 ", ASKED, LATER],
        NOTHING,
        "high retry-without-credentials fault=client sure=proven says=Check_the_user_name",
    );
}

#[test]
fn who_has_answered_such_a_challenge_can_read_it() {
    check(&[FOLDED, RIGHT, OK, "+60 ", FOLDED, "+1 ", FOLDED, LATER], SECRET, "high retry-without-credentials by=-");
    // Whoever reads the joined ones of this server has another reason not to answer one.
    let call = JOINED
        .replace("REGISTER", "[call] INVITE")
        .replace("> [call] INVITE", "[call] > INVITE")
        .replace("< 401", "[call] < 401");
    check(
        &[JOINED, RIGHT, OK, &call, "[call] > ACK\n", LATER],
        SECRET,
        "medium combined-challenges-one-row sure=proven by=-\nhigh challenge-unanswered by=-",
    );
}

#[test]
fn what_many_clients_do_not_know_is_suspected_where_nothing_else_is_offered() {
    let asks = |what: &str| format!("+1 > REGISTER\n< 401\nWWW-Authenticate: challenge {what}\n");
    for algorithm in ["SHA-512-256", "MD5-sess", "SHA-256"] {
        let asked = asks(&format!("algorithm={algorithm}"));
        check(
            &[&asked, &asked],
            NOTHING,
            "
            high algorithm-unsupported-no-retry sure=possible by=- says=Many_clients
            medium retry-without-credentials cause=algorithm by=algorithm-unsupported-no-retry",
        );
    }
    let asked = asks("qop=auth-int");
    check(
        &[&asked, &asked],
        NOTHING,
        "high retry-without-credentials cause=qop fault=unknown sure=likely by=- says=auth-int says=Let_the_server",
    );
    for plain in ["qop=auth,auth-int", "qop=none", "algorithm=none"] {
        let asked = asks(plain);
        check(
            &[&asked, &asked],
            NOTHING,
            "high retry-without-credentials fault=client sure=proven by=- says=Check_the_user_name",
        );
    }
}
