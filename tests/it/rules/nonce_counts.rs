//! Group C: how nonces are counted, shared and guessed; and what late or needless challenges cost.

use super::*;

/// A REGISTER with that nonce count.
fn counted(nonce_count: &str) -> String {
    format!("> REGISTER\nAuthorization: digest user=1001 password=secret nc={nonce_count}\n")
}

/// REGISTERs with one nonce and these counts, all accepted.
fn counts(all: &[&str]) -> String {
    let each = all.iter().map(|nonce_count| format!("+5 {}{OK}", counted(nonce_count)));
    [ASKED.to_owned()].into_iter().chain(each).collect()
}

#[test]
fn nc_malformed_is_graded() {
    check(
        &[ASKED, &counted("1"), REFUSED, LATER],
        SECRET,
        "high nc-malformed fault=client by=- excludes=wrong_password\nmedium digest-ok-but-rejected by=nc-malformed",
    );
    check(&[ASKED, &counted("00000000"), STALE, LATER], SECRET, "high nc-malformed says=zero");
    check(
        &[ASKED, &counted("1"), REFUSED, LATER],
        NOTHING,
        "medium nc-malformed sure=possible\nhigh rejected-credentials",
    );
    check(&[ASKED, &counted("0000001"), OK], SECRET, "medium nc-malformed sure=proven");
    check(&[ASKED, &counted("1"), REFUSED, RIGHT, OK], SECRET, "medium nc-malformed");
    check(
        &[ASKED, &counted("1"), "< 400\n", LATER],
        SECRET,
        "high malformed-credentials by=-\nmedium nc-malformed by=malformed-credentials",
    );
    let wrong = counted("1").replace("secret", "wrong");
    check(&[ASKED, &wrong, REFUSED, LATER], SECRET, "high digest-wrong-password\nmedium nc-malformed");
}

#[test]
fn nc_malformed_is_eight_hex_digits_or_none() {
    check(&[ASKED, &counted("0000000A"), OK], SECRET, "no nc-malformed");
    check(&[ASKED, &counted("none"), OK], SECRET, "no nc-malformed");
    let no_qop = "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=none\n";
    check(&[no_qop, RIGHT, OK], SECRET, "no nc-malformed");
}

#[test]
fn nc_not_reset_is_found() {
    check(
        &[ASKED, RIGHT, OK, "+60 ", RIGHT, STALE, &counted("00000003"), OK],
        SECRET,
        "medium nc-not-reset sure=likely fault=client\nno nc-gap",
    );
    check(&[ASKED, &counted("0000000f"), OK], SECRET, "low nc-not-reset sure=possible\nclean");
}

#[test]
fn nc_not_reset_is_not_said_of_nonces_from_elsewhere() {
    check(&[ASKED, RIGHT, OK, "+60 ", RIGHT, STALE, RIGHT, OK], SECRET, "no nc-not-reset");
    // Begun before the capture.
    let cached = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com qop=auth nonce=cafe nc=0000002a\n";
    check(&[cached, OK], SECRET, "no nc-not-reset");
    // Kamailio gave the same nonce to another call in the same second, and it was used there.
    let same = "< 401\nWWW-Authenticate: challenge nonce=cafe\n";
    let elsewhere = "[b] > SUBSCRIBE\n[b] < 401\nWWW-Authenticate: challenge nonce=cafe\n[b] > SUBSCRIBE\nAuthorization: digest user=1001 password=secret\n[b] < 200\n";
    check(&[elsewhere, "> REGISTER\n", same, &counted("00000002"), OK], SECRET, "no nc-not-reset");
}

#[test]
fn nc_gap_is_info() {
    check(&[&counts(&["00000001", "00000002", "00000007"])], SECRET, "clean\ninfo nc-gap sure=proven says=4_uses");
    check(&[&counts(&["00000001", "00000003"])], SECRET, "info nc-gap says=1_use_of_the_nonce_is_missing");
}

#[test]
fn nc_gap_is_not_said_of_decimal_counts_acks_and_other_calls() {
    check(&[&counts(&["00000001", "00000002", "00000003"])], SECRET, "no nc-gap");
    check(&[&counts(&["00000009", "00000010"])], SECRET, "no nc-gap");
    // Some clients count the ACK.
    let call = "> INVITE\nProxy-Authorization: digest user=1001 password=secret nc=00000001\n< 200\n> ACK\nProxy-Authorization: digest user=1001 password=secret nc=00000002\n> BYE\nProxy-Authorization: digest user=1001 password=secret nc=00000003\n< 200\n";
    check(&[CALL_ASKED, call], SECRET, "no nc-gap");
    // What was between is used later.
    check(&[&counts(&["00000001", "00000005", "00000003"])], SECRET, "no nc-gap\nmedium nc-backwards");
    // Another call uses the nonce, too.
    let other = "[b] > SUBSCRIBE\nAuthorization: digest user=1001 password=secret realm=pbx.example.com qop=auth nonce=cafe nc=00000002\n[b] < 200\n";
    let first = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=cafe\n";
    check(&[first, RIGHT, OK, other, "+700 ", &counted("00000003"), OK], SECRET, "no nc-gap");
}

#[test]
fn nc_gap_knows_the_uses_of_calls_that_are_still_open() {
    let other = |count: &str| {
        format!(
            "[b] > SUBSCRIBE\nAuthorization: digest user=1001 password=secret realm=pbx.example.com qop=auth nonce=cafe nc={count}\n[b] < 200\n"
        )
    };
    let first = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=cafe\n";
    let uses = [RIGHT, OK, &other("00000002"), &counted("00000003"), OK, "+400 ", &other("00000004")].concat();
    // The registration closes now, and the other Call-ID does not.
    check(&[first, &uses, "+300 [c] > OPTIONS\n[c] < 200\n"], SECRET, "no nc-gap");
}

#[test]
fn nc_backwards_is_found() {
    let back = [ASKED, &counted("00000001"), OK, &counted("00000005"), OK, &counted("00000003")];
    check(&[&back.concat(), OK], SECRET, "medium nc-backwards fault=client sure=likely");
    check(&[&back.concat(), STALE, RIGHT, OK], SECRET, "medium nc-backwards\nno one-time-nonce-reused");
    check(&[&back.concat(), REFUSED, LATER], NOTHING, "medium nc-backwards sure=possible");
}

#[test]
fn nc_backwards_is_not_a_repeat_nor_a_new_nonce_nor_an_overtaking() {
    check(&[&counts(&["00000001", "00000002", "00000002"])], SECRET, "no nc-backwards\ninfo nc-repeated");
    check(&[ASKED, &counted("00000005"), STALE, &counted("00000001"), OK], SECRET, "no nc-backwards");
    let again = "< 401\nWWW-Authenticate: challenge nonce=cafe\n";
    check(&["> REGISTER\n", again, &counted("00000002"), again, &counted("00000001"), OK], SECRET, "no nc-backwards");
    let late = counted("00000002").replace("\nA", "\nCSeq: 2 REGISTER\nA");
    let early = counted("00000003").replace("\nA", "\nCSeq: 3 REGISTER\nA");
    check(&[ASKED, &early, OK, &late, OK], SECRET, "no nc-backwards");
}

#[test]
fn nc_decimal_is_graded() {
    check(&[&counts(&["00000008", "00000009", "00000010"])], SECRET, "medium nc-decimal sure=likely fault=client");
    check(&[&counts(&["00000009", "00000010", "00000019", "00000020"])], SECRET, "medium nc-decimal sure=proven");
}

#[test]
fn nc_decimal_needs_the_step_and_no_letter() {
    check(&[&counts(&["00000008", "00000009", "0000000a"])], SECRET, "no nc-decimal");
    check(&[&counts(&["00000008", "00000010"])], SECRET, "no nc-decimal");
    check(&[&counts(&["00000009", "00000010", "0000001a"])], SECRET, "no nc-decimal");
}

#[test]
fn nc_over_server_limit_needs_a_kamailio_that_counts() {
    // Recorded from a Kamailio with nonce_count; the scenario begins when it was issued.
    let begin = "time 2026-11-21T01:19:03Z\n";
    let counting = ["awDys2sA8YfsTouE67Xl/k1F5Ip2Up9XUbqcuIA=", "awDys2sA8YeovWlN3ZQTrqc4QYqS6/6EUbqduYA="];
    let plain = ["awDyYmsA8TYryarFlPcPHqqF7uWk4Mcs", "awDyZGsA8ThZGaS3Qk+KpZSwIPa/HcEM"];
    let unknown = ["cafe", "babe"];
    let first = |nonce: &str| format!("> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=\"{nonce}\"\n");
    let talk = |nonces: [&str; 2], nonce_count: &str| {
        let next = format!("< 401\nWWW-Authenticate: challenge stale=true nonce=\"{}\"\n", nonces[1]);
        [begin, &first(nonces[0]), &counted("000000ff"), OK, &counted(nonce_count), &next, RIGHT, OK].concat()
    };
    check(&[&talk(counting, "00000100")], SECRET, "info nc-over-server-limit sure=likely\nno one-time-nonce-reused");
    check(&[&talk(plain, "00000100")], SECRET, "no nc-over-server-limit");
    check(&[&talk(counting, "000000fe")], SECRET, "no nc-over-server-limit");
    check(
        &["agent server Kamailio/5.6.3\n", &talk(unknown, "00000100")],
        SECRET,
        "info nc-over-server-limit sure=possible",
    );
    check(&["agent server OpenSIPS\n", &talk(unknown, "00000100")], SECRET, "no nc-over-server-limit");
}

/// A REGISTER of a user under a Call-ID of its own, challenged with that nonce and accepted.
fn registered(user: &str, nonce: &str) -> String {
    format!(
        "user {user}\n[{user}] > REGISTER\n[{user}] < 401\nWWW-Authenticate: challenge nonce={nonce}\n[{user}] > REGISTER\nAuthorization: digest user={user} password=secret\n[{user}] < 200\n"
    )
}

#[test]
fn nonce_not_unique_is_graded_by_the_time_between() {
    let (one, two) = (registered("1001", "5ca1ab1e"), registered("1002", "5ca1ab1e"));
    check(&[&one, "+60 [x] > OPTIONS\n[x] < 200\n", &two], NOTHING, "medium nonce-not-unique sure=proven fault=server");
    check(&[&one, &two], NOTHING, "clean\ninfo nonce-not-unique says=Kamailio");
    let many: Vec<String> = (1001..1050).map(|user| registered(&user.to_string(), "5ca1ab1e")).collect();
    let report = analyse(&many.iter().map(String::as_str).collect::<Vec<_>>(), NOTHING);
    assert_eq!(report.findings.iter().filter(|finding| finding.rule == "nonce-not-unique").count(), 1);
}

#[test]
fn nonce_not_unique_is_not_said_of_one_user_retransmissions_and_algorithms() {
    let one = registered("1001", "5ca1ab1e");
    check(&[&one, "+60 [x] > OPTIONS\n[x] < 200\n", &one.replace("[1001]", "[again]")], NOTHING, "no nonce-not-unique");
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=a\n+5 retransmit\n", RIGHT, OK],
        NOTHING,
        "no nonce-not-unique",
    );
    let two = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=a algorithm=SHA-256\nWWW-Authenticate: challenge nonce=a\n";
    check(&[two, RIGHT, OK], NOTHING, "no nonce-not-unique");
    check(
        &[&registered("1001", "a1"), "+60 [x] > OPTIONS\n[x] < 200\n", &registered("1002", "a2")],
        NOTHING,
        "no nonce-not-unique",
    );
    // Two servers may have hit upon the same.
    let servers = "client 198.51.100.7  other 203.0.113.99\n";
    let elsewhere =
        registered("1002", "5ca1ab1e").replace(" > R", " client > other R").replace(" < ", " other > client ");
    check(&[servers, &one, "+60 [x] > OPTIONS\n[x] < 200\n", &elsewhere], NOTHING, "no nonce-not-unique");
}

/// One client, challenged and accepted with each of these nonces.
fn rounds(nonces: impl IntoIterator<Item = String>) -> String {
    nonces
        .into_iter()
        .map(|nonce| format!("+10 > REGISTER\n< 401\nWWW-Authenticate: challenge nonce=\"{nonce}\"\n{RIGHT}{OK}"))
        .collect()
}

#[test]
fn nonce_predictable_knows_counters_clocks_and_short_nonces() {
    check(
        &[&rounds((0..8).map(|n| format!("00{:x}", 0xa1 + n)))],
        SECRET,
        "low nonce-predictable cause=counter sure=possible fault=server\nclean",
    );
    check(&[&rounds((0..8).map(|n| format!("id-{}", 97 + n)))], SECRET, "low nonce-predictable cause=counter");
    check(
        &[&rounds((0..8).map(|n| format!("{}", 1_767_607_200 + 10 * n)))],
        SECRET,
        "low nonce-predictable cause=timestamp says=seconds",
    );
    let random = ["1f8275cb", "298d7017", "3d4b0216", "0c975b43", "77aa01fe", "0badf00d", "9e2f11aa", "5d77e3c1"];
    check(&[&rounds(random.map(str::to_owned))], SECRET, "low nonce-predictable cause=short says=32_bits");
}

#[test]
fn nonce_predictable_needs_eight_and_a_pattern() {
    check(&[&rounds((0..7).map(|n| format!("00{:x}", 0xa1 + n)))], SECRET, "no nonce-predictable");
    // The scenario's own are 128 bits.
    let own = "> REGISTER\n< 401\nWWW-Authenticate: challenge\n".to_owned() + RIGHT + OK;
    check(&[&own.repeat(9)], SECRET, "no nonce-predictable");
    let keyed = (0..9_u32).map(|n| format!("{}/{:032x}", 1_767_607_200 + n, u128::from(n) * 0x9e37_79b9));
    check(&[&rounds(keyed)], SECRET, "no nonce-predictable");
}

const REFRESH_STALE: &str = "+100 > REGISTER\nAuthorization: digest user=1001 password=secret\n< 401\nWWW-Authenticate: challenge stale=true\n> REGISTER\nAuthorization: digest user=1001 password=secret\n< 200\n";

#[test]
fn nonce_lifetime_shorter_than_refresh_needs_every_refresh_to_be_late() {
    check(
        &[ASKED, RIGHT, OK, REFRESH_STALE, REFRESH_STALE],
        SECRET,
        "clean\ninfo nonce-lifetime-shorter-than-refresh fault=server",
    );
    let plain = REFRESH_STALE.replace(" stale=true", "");
    check(&[ASKED, RIGHT, OK, &plain, &plain], SECRET, "info nonce-lifetime-shorter-than-refresh");
    check(&[ASKED, RIGHT, OK, REFRESH_STALE], SECRET, "no nonce-lifetime-shorter-than-refresh");
    check(
        &[ASKED, RIGHT, OK, REFRESH_STALE, REFRESH_STALE, "+50 ", RIGHT, OK],
        SECRET,
        "no nonce-lifetime-shorter-than-refresh",
    );
    // Good once, and so refused at once.
    let soon = REFRESH_STALE.replace("+100", "+10");
    check(
        &[ASKED, RIGHT, OK, &soon, &soon],
        SECRET,
        "no nonce-lifetime-shorter-than-refresh\ninfo one-time-nonce-reused",
    );
    // The count is what the server minds.
    let stuck = REFRESH_STALE.replace("password=secret", "password=secret nc=00000001");
    check(&[ASKED, RIGHT, OK, &stuck, &stuck], SECRET, "no nonce-lifetime-shorter-than-refresh");
}

#[test]
fn needless_challenge_each_request_needs_three_and_no_second_use() {
    let round = [ASKED, RIGHT, OK].concat();
    check(&[&round.repeat(3)], SECRET, "clean\ninfo needless-challenge-each-request");
    check(&[&round.repeat(2)], SECRET, "no needless-challenge-each-request");
    // Nonces that say nothing of their end may be over after half a minute.
    let apart = |seconds| format!("+{seconds} {round}").repeat(3);
    check(&[&apart(20)], SECRET, "info needless-challenge-each-request fault=client sure=likely");
    check(&[&apart(31)], SECRET, "info needless-challenge-each-request fault=unknown sure=possible");
    check(&[&round.repeat(3), "+1 ", RIGHT, OK], SECRET, "no needless-challenge-each-request");
    check(&[&round.repeat(2), ASKED, RIGHT, REFUSED], SECRET, "no needless-challenge-each-request");
}

#[test]
fn retry_after_long_delay_is_graded() {
    check(&[ASKED, "+6 ", RIGHT, OK], SECRET, "clean\ninfo retry-after-long-delay fault=client");
    check(&[ASKED, "+75 ", RIGHT, STALE, RIGHT, OK], SECRET, "medium retry-after-long-delay says=stale");
    check(&[ASKED, "+4 ", RIGHT, OK], SECRET, "no retry-after-long-delay");
    check(&[ASKED, RIGHT, OK, "+300 ", RIGHT, OK], SECRET, "no retry-after-long-delay");
    // Used again, and stale: it is no late answer.
    check(&[ASKED, RIGHT, OK, "+300 ", RIGHT, STALE, RIGHT, OK], SECRET, "no retry-after-long-delay");
}

#[test]
fn a_count_that_another_call_id_used_is_no_new_one() {
    let with = |count: &str| format!("digest user=1001 password=secret nonce=n1 realm=pbx.example.com nc={count}\n");
    let registered = [
        "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n> REGISTER\nAuthorization: ",
        &with("00000001"),
        "< 200\n",
    ]
    .concat();
    let call = |count: &str, nonce: &str| {
        let credentials = with(count);
        format!(
            "+2 [c] > INVITE\nProxy-Authorization: {credentials}[c] < 407\nProxy-Authenticate: challenge nonce={nonce}\n[c] > ACK\n"
        )
    };
    let repeated = call("00000001", "n2");
    check(
        &[&registered, &repeated, LATER],
        SECRET,
        "high nc-repeated fault=client says=two_Call-IDs\nno nonce-rejected-without-stale",
    );
    check(&[&registered, &repeated, LATER], NOTHING, "medium nc-repeated fault=client sure=possible");
    check(&[&registered, &call("00000002", "n2"), LATER], SECRET, "no nc-repeated\nhigh nonce-rejected-without-stale");
    // A server that does not mind may keep a count for each dialog.
    let accepted = repeated.split("[c] < 407").next().unwrap_or_default();
    check(&[&registered, accepted, "[c] < 200\n[c] > ACK\n", LATER], SECRET, "no nc-repeated\nverdict ok");
}

/// A server of one nonce that looks for replays.
#[test]
fn a_nonce_that_is_delivered_anew_counts_on() {
    let round = |call: &str, wait: u32, nc: &str, password: &str, answer: &str| {
        format!(
            "+{wait} [{call}] > REGISTER\n[{call}] < 401\nWWW-Authenticate: challenge nonce=12345678abcd\n\
             [{call}] > REGISTER\nAuthorization: digest user=1001 password={password} nc={nc}\n[{call}] < {answer}\n"
        )
    };
    let first = round("a", 0, "00000001", "secret", "200");
    let again = "401\nWWW-Authenticate: challenge nonce=12345678abcd";
    let replay = "403\nWarning: 399 sip \"Digest replay attack detected\"";
    // In the same Call-ID, in another, and in one that was silent for long.
    for (call, wait) in [("a", 100), ("b", 100), ("a", 1000)] {
        let repeat = |answer: &str| round(call, wait, "00000001", "secret", answer);
        let high = "high nc-repeated fault=client says=go_on_counting";
        let unsaid = format!("{high} unsaid=not_used_before\nno digest-ok-but-rejected");
        check(&[&first, &repeat(again), LATER], SECRET, &unsaid);
        check(
            &[&first, &repeat(again), LATER],
            NOTHING,
            "medium nc-repeated fault=client sure=possible\nhigh rejected-credentials unsaid=not_used_before",
        );
        for secret in [NOTHING, SECRET] {
            let explained =
                "high nc-repeated fault=client sure=likely\nmedium forbidden-after-credentials by=nc-repeated";
            check(&[&first, &repeat(replay), LATER], secret, explained);
        }
        // Who counts on is refused for something else, and so is who was accepted with the same count before.
        let on = round(call, wait, "00000002", "secret", again);
        check(&[&first, &on, LATER], SECRET, "no nc-repeated\nhigh digest-ok-but-rejected");
        check(&[&first, &repeat("200"), &repeat(again), LATER], SECRET, "no nc-repeated\nhigh digest-ok-but-rejected");
        let wrong = round(call, wait, "00000001", "wrong", again);
        check(&[&first, &wrong, LATER], SECRET, "no nc-repeated\nhigh digest-wrong-password");
        // Within a moment, servers that count nothing have one nonce.
        let at_once = round(call, 0, "00000001", "secret", "403");
        check(&[&first, &at_once, LATER], SECRET, "no nc-repeated\nhigh forbidden-after-credentials");
    }
}

#[test]
fn a_request_that_the_capture_lacks_may_have_begun_the_count() {
    let sent = |cseq: u32, count: u32| {
        format!("> REGISTER\nCSeq: {cseq} REGISTER\nAuthorization: digest user=1001 password=secret nc={count:08x}\n")
    };
    let asked = "> REGISTER\nCSeq: 1 REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    let stale = "< 401\nWWW-Authenticate: challenge stale=true\n";
    let goes_on = |cseq| [asked, &sent(2, 1), stale, &sent(cseq, 2), OK, LATER].concat();
    check(&[&goes_on(3)], SECRET, "medium nc-not-reset sure=likely");
    check(&[&goes_on(4)], SECRET, "low nc-not-reset sure=possible says=missing");
    let late = |count| [asked, "+300 ", &sent(3, count), stale, &sent(4, 1), OK, LATER].concat();
    check(&[&late(1)], SECRET, "medium retry-after-long-delay");
    check(&[&late(2)], SECRET, "no retry-after-long-delay");
}
