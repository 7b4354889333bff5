//! The challenge loop and its causes.

use super::*;

#[test]
fn a_loop_without_a_password_has_an_unknown_cause_and_stands_first() {
    check(
        &[ASKED, WRONG, REFUSED, WRONG, REFUSED],
        NOTHING,
        "
        high challenge-loop cause=unknown fault=unknown by=- excludes=stale excludes=retransmission
        medium rejected-credentials by=challenge-loop
        no old-nonce-reused nc-repeated stale-loop challenge-unanswered
        sessions refused
        attempts challenged refused refused",
    );
}

#[test]
fn a_loop_of_wrong_digests_is_caused_by_the_password() {
    check(
        &[ASKED, WRONG, REFUSED, WRONG, REFUSED],
        SECRET,
        "
        high digest-wrong-password by=- frames=2
        medium challenge-loop cause=wrong-digest fault=client by=digest-wrong-password
        no rejected-credentials digest-ok-but-rejected",
    );
}

#[test]
fn a_loop_of_right_digests_is_the_servers() {
    check(
        &[ASKED, RIGHT, REFUSED, RIGHT, REFUSED],
        SECRET,
        "
        high digest-ok-but-rejected fault=server by=-
        medium challenge-loop by=digest-ok-but-rejected
        no digest-wrong-password rejected-credentials",
    );
}

#[test]
fn a_loop_of_stale_answers_is_the_servers() {
    check(
        &[ASKED, RIGHT, STALE, RIGHT, STALE, RIGHT, STALE],
        SECRET,
        "
        high stale-loop fault=server by=- excludes=wrong_password
        medium challenge-loop cause=stale fault=server by=stale-loop
        no digest-wrong-password old-nonce-reused nonce-rejected-without-stale",
    );
}

#[test]
fn a_loop_on_the_first_nonce_is_the_clients() {
    let old = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=first\n";
    check(
        &[ASKED, RIGHT, STALE, old, STALE, old, STALE],
        SECRET,
        "
        high old-nonce-reused fault=client by=-
        medium challenge-loop cause=stale fault=client by=old-nonce-reused
        no stale-loop digest-wrong-password",
    );
}

#[test]
fn a_loop_under_the_wrong_header_is_the_clients() {
    let wrong = "> INVITE\nAuthorization: digest user=1001 password=secret\n";
    check(
        &[CALL_ASKED, wrong, CALL_REFUSED, wrong, CALL_REFUSED],
        SECRET,
        "
        high credentials-wrong-header fault=client by=- excludes=wrong_password
        medium challenge-loop cause=header-mismatch fault=client by=credentials-wrong-header
        no digest-ok-but-rejected retry-without-credentials challenge-unanswered",
    );
}

#[test]
fn a_loop_of_another_realm_is_the_clients() {
    let wrong = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=10.0.0.1\n";
    check(
        &[ASKED, wrong, REFUSED, wrong, REFUSED],
        SECRET,
        "
        high realm-mismatch fault=client by=- excludes=wrong_password
        medium challenge-loop cause=realm fault=client by=realm-mismatch
        no digest-ok-but-rejected",
    );
}

#[test]
fn a_loop_of_another_realm_and_nonce_is_the_clients() {
    let wrong = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=10.0.0.1 nonce=cached\n";
    check(
        &[ASKED, wrong, REFUSED, wrong, REFUSED, LATER],
        NOTHING,
        "
        high realm-mismatch by=-
        medium challenge-loop cause=realm by=realm-mismatch
        no retry-without-credentials
        sessions refused
        attempts challenged refused refused",
    );
}

#[test]
fn a_closing_403_belongs_to_the_loop() {
    check(
        &[ASKED, WRONG, REFUSED, WRONG, REFUSED, WRONG, "< 403\n"],
        NOTHING,
        "
        high forbidden-after-credentials by=-
        medium challenge-loop says=403 by=forbidden-after-credentials
        sessions forbidden",
    );
    check(
        &[ASKED, WRONG, REFUSED, WRONG, REFUSED, WRONG, "< 403\n"],
        SECRET,
        "
        high digest-wrong-password
        medium challenge-loop by=digest-wrong-password",
    );
}

#[test]
fn two_challenges_are_no_loop() {
    check(&[ASKED, WRONG, REFUSED], NOTHING, "no challenge-loop\nhigh rejected-credentials");
    check(&[ASKED, "> REGISTER\n", REFUSED, WRONG, REFUSED], NOTHING, "no challenge-loop");
    check(&[ASKED, "> REGISTER\n", REFUSED, "> REGISTER\n", REFUSED], NOTHING, "no challenge-loop");
}

#[test]
fn copies_make_no_loop() {
    let copies = "> REGISTER\nduplicate\n< 401\nWWW-Authenticate: challenge\nduplicate\n> REGISTER\nAuthorization: digest user=1001 password=wrong\nduplicate\n+0.5 retransmit 5\n+1 retransmit 5\n< 401\nWWW-Authenticate: challenge\nduplicate\nretransmit\nretransmit\n";
    check(&[copies], SECRET, "no challenge-loop nc-repeated\nhigh digest-wrong-password\nattempts challenged refused");
}

#[test]
fn a_second_realm_is_progress() {
    let chain = |realm: &str| {
        format!(
            "> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\nProxy-Authorization: digest user=1001 password=secret realm={realm}\n< 407\nProxy-Authenticate: challenge realm=c\n> ACK\n"
        )
    };
    let first = "> INVITE\n< 407\nProxy-Authenticate: challenge realm=a\n> ACK\n> INVITE\nProxy-Authorization: digest user=1001 password=secret realm=a\n< 407\nProxy-Authenticate: challenge realm=b\n> ACK\n";
    check(
        &[first, &chain("b")],
        SECRET,
        "no challenge-loop rejected-credentials digest-ok-but-rejected nc-repeated\nattempts challenged challenged challenged",
    );
}

#[test]
fn a_refresh_that_is_challenged_each_time_is_no_loop() {
    let refresh: String = (0..12).map(|_| format!("+120 {ASKED}{RIGHT}{OK}")).collect();
    check(
        &[&refresh],
        SECRET,
        "clean\ninfo normal-challenge\nno challenge-loop nonce-rejected-without-stale\nsessions accepted",
    );
}

#[test]
fn a_loop_that_ends_well_is_no_loop() {
    check(
        &[ASKED, WRONG, REFUSED, WRONG, REFUSED, RIGHT, OK],
        SECRET,
        "no challenge-loop\nmedium digest-wrong-password\nsessions accepted",
    );
    check(
        &[ASKED, RIGHT, STALE, RIGHT, STALE, RIGHT, OK],
        SECRET,
        "clean\nno challenge-loop stale-loop\ninfo stale-nonce-recovered",
    );
}

#[test]
fn a_call_that_got_past_authentication_is_no_loop() {
    check(
        &[CALL_ASKED, CALL_RIGHT, CALL_REFUSED, CALL_RIGHT, CALL_REFUSED, CALL_RIGHT, "< 180\n< 486\n> ACK\n"],
        NOTHING,
        "no challenge-loop rejected-credentials\nsessions failed",
    );
    check(
        &[
            CALL_ASKED,
            CALL_RIGHT,
            "< 407\nProxy-Authenticate: challenge stale=true\n> ACK\n",
            CALL_RIGHT,
            "< 407\nProxy-Authenticate: challenge stale=true\n> ACK\n",
            CALL_RIGHT,
            "< 486\n> ACK\n",
        ],
        NOTHING,
        "no challenge-loop stale-loop",
    );
}

#[test]
fn a_realm_that_was_satisfied_in_the_end_is_no_loop() {
    let asks = |realm: &str| format!("< 407\nProxy-Authenticate: challenge realm={realm}\n> ACK\n");
    let (a, b) = (asks("a"), asks("b"));
    check(
        &["> INVITE\n", &a, CALL_WRONG, &a, CALL_WRONG, &a, CALL_RIGHT, &b, LATER],
        NOTHING,
        "no challenge-loop\nhigh challenge-unanswered says=realm_\"b\"",
    );
}

#[test]
fn two_loops_after_a_success_are_seen() {
    check(&[ASKED, RIGHT, OK, "+60 ", ASKED, WRONG, REFUSED, WRONG, REFUSED], NOTHING, "high challenge-loop");
}

#[test]
fn a_kamailio_nonce_for_all_within_one_second_makes_no_loop_of_two_phones() {
    let phone = |call: &str, user: &str| {
        format!(
            "[{call}] > REGISTER\nFrom: <sip:{user}@pbx>;tag={call}\nTo: <sip:{user}@pbx>\n[{call}] < 401\nWWW-Authenticate: challenge nonce=same\n[{call}] > REGISTER\nFrom: <sip:{user}@pbx>;tag={call}\nTo: <sip:{user}@pbx>\nAuthorization: digest user={user} password=secret nc=00000001 cnonce={call}\n[{call}] < 200\n"
        )
    };
    let all: String = ["1", "2", "3"].map(|n| phone(&format!("c{n}"), &format!("100{n}"))).concat();
    check(&[&all], NOTHING, "clean\nno challenge-loop nc-repeated");
}

fn try_under(call: &str, status: &str) -> String {
    format!(
        "+2 [{call}] > REGISTER\n[{call}] < 401\nWWW-Authenticate: challenge\n[{call}] > REGISTER\nAuthorization: digest user=1001 password=wrong\n[{call}] < {status}\n"
    )
}

fn tries(status: &str) -> String {
    ["a", "b", "c"].map(|call| try_under(call, status)).concat()
}

#[test]
fn a_loop_across_call_ids_is_found() {
    check(
        &[&tries("401\nWWW-Authenticate: challenge")],
        NOTHING,
        "
        high challenge-loop cause=unknown sure=likely says=Call-ID excludes=wrong_realm sessions=3
        medium rejected-credentials by=challenge-loop sessions=3",
    );
    check(
        &[&tries("401\nWWW-Authenticate: challenge"), &try_under("d", "200")],
        NOTHING,
        "
        medium challenge-loop says=The_next_Call-ID_got_in excludes=wrong_realm sessions=3
        medium rejected-credentials by=challenge-loop sessions=3",
    );
}

#[test]
fn a_loop_across_call_ids_is_caused_by_what_its_sessions_say() {
    check(
        &[&tries("401\nWWW-Authenticate: challenge")],
        SECRET,
        "
        high digest-wrong-password by=- sessions=3
        medium challenge-loop cause=wrong-digest by=digest-wrong-password sessions=3",
    );
}

#[test]
fn an_account_that_fails_alike_under_many_call_ids_has_one_finding() {
    let all = [&tries("403"), LATER].concat();
    check(&[&all], NOTHING, "high forbidden-after-credentials sessions=3 says=more_sessions");
    // Another answer, another account or another server is another finding.
    check(&[&all, &try_under("d", "404")], NOTHING, "high forbidden-after-credentials sessions=3\nseveral");
    let other = try_under("e", "403").replace("user=1001", "user=1002");
    check(
        &[&all, &other],
        NOTHING,
        "high forbidden-after-credentials sessions=3\nhigh forbidden-after-credentials sessions=1",
    );
    let elsewhere = try_under("f", "403").replace("[f] >", "[f] client > core").replace("[f] <", "[f] client < core");
    let elsewhere = format!("core 203.0.113.99\n{all}{elsewhere}");
    check(
        &[&elsewhere],
        NOTHING,
        "high forbidden-after-credentials sessions=3\nhigh forbidden-after-credentials sessions=1",
    );
}

#[test]
fn a_loop_across_call_ids_counts_stale_answers() {
    check(&[&tries("401\nWWW-Authenticate: challenge stale=true")], NOTHING, "high challenge-loop cause=stale");
}

#[test]
fn the_headline_of_a_loop_that_is_explained_names_what_explains_it() {
    let stale = |call: &str| try_under(call, "401\nWWW-Authenticate: challenge stale=true");
    let apart = ["a", "b", "c"].map(|call| stale(call).replacen("+2", "+59", 1)).concat();
    check(
        &[&apart, LATER],
        NOTHING,
        "high stale-ignored-by-client\nmedium challenge-loop by=stale-ignored-by-client\ntold stale nonce ignored\nuntold challenge loop",
    );
}

#[test]
fn a_loop_across_from_tags_is_found() {
    let each = |tag: &str| {
        format!(
            "> REGISTER\nFrom: <sip:1001@pbx.example.com>;tag={tag}\n< 401\nWWW-Authenticate: challenge\n> REGISTER\nFrom: <sip:1001@pbx.example.com>;tag={tag}\nAuthorization: digest user=1001 password=wrong\n< 401\nWWW-Authenticate: challenge\n"
        )
    };
    check(&[&each("one"), &each("two")], NOTHING, "high challenge-loop\nmedium rejected-credentials by=challenge-loop");
}

#[test]
fn refreshes_under_new_call_ids_are_no_loop() {
    check(&[&tries("200")], NOTHING, "clean\nno challenge-loop");
    let slow: String = ["a", "b", "c"]
        .map(|call| format!("+70 [x{call}] > OPTIONS\n{}", try_under(call, "401\nWWW-Authenticate: challenge")))
        .concat();
    check(&[&slow], NOTHING, "no challenge-loop");
    check(&[&try_under("a", "401\nWWW-Authenticate: challenge"), &try_under("b", "200")], NOTHING, "no challenge-loop");
}

#[test]
fn a_loop_of_mixed_causes_names_none() {
    let other = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=other\n";
    check(
        &[ASKED, other, REFUSED, RIGHT, REFUSED, RIGHT, REFUSED],
        NOTHING,
        "high realm-mismatch\nmedium challenge-loop cause=unknown",
    );
}

#[test]
fn a_server_that_repeats_its_nonce_makes_a_loop_and_no_repeated_count() {
    let same = "< 401\nWWW-Authenticate: challenge nonce=same\n";
    let first = "> REGISTER\nAuthorization: digest user=1001 password=wrong nc=00000001\n";
    check(
        &["> REGISTER\n", same, first, same, first, same, first, same],
        NOTHING,
        "high challenge-loop\nno nc-repeated old-nonce-reused",
    );
}

#[test]
fn each_hop_has_its_own_loop() {
    let one = "a 203.0.113.31  b 203.0.113.32\n";
    let on = |server: &str| {
        format!(
            "client > {server} REGISTER\n{server} > client 401\nWWW-Authenticate: challenge\nclient > {server} REGISTER\nAuthorization: digest user=1001 password=wrong\n{server} > client 401\nWWW-Authenticate: challenge\n"
        )
    };
    check(&[one, &on("a"), &on("b")], NOTHING, "no challenge-loop");
}

#[test]
fn a_loop_of_calls_with_both_kinds_of_challenge_is_one_loop() {
    let both = "< 407\nWWW-Authenticate: challenge nonce=x1\nProxy-Authenticate: challenge nonce=x1\n> ACK\n";
    check(
        &["> INVITE\n", both, CALL_WRONG, both, CALL_WRONG, both],
        SECRET,
        "high digest-wrong-password\nmedium challenge-loop cause=wrong-digest\nno credentials-wrong-header",
    );
}

#[test]
fn a_phone_that_authenticates_as_somebody_else_is_one_client() {
    let named = tries("401\nWWW-Authenticate: challenge").replace("user=1001", "user=auth1001");
    check(&[&named, LATER], NOTHING, "high challenge-loop sessions=3 says=auth1001\ntold 1 of 1 client did not get in");
    let gets_in = "+1 [z] > REGISTER\n[z] < 401\nWWW-Authenticate: challenge\n[z] > REGISTER\n\
        Authorization: digest user=auth1001 password=secret\n[z] < 200\n";
    check(&[&named, gets_in, LATER], NOTHING, "untold of 2 clients\nuntold of 1 client did");
}

/// REGISTERs under new Call-IDs that all have one nonce, each refused with a newer one.
fn kept(calls: &[&str], apart_s: u32, refusal: &str) -> String {
    let each = calls.iter().enumerate().map(|(nc, call)| {
        format!(
            "+{apart_s} [{call}] > REGISTER\nAuthorization: digest user=1001 password=secret nonce=first nc=0000000{}\n[{call}] < 401\nWWW-Authenticate: challenge{refusal}\n",
            nc + 2
        )
    });
    each.collect()
}

const KEPT: [&str; 4] = ["a", "b", "c", "d"];

#[test]
fn a_nonce_that_is_kept_from_call_id_to_call_id_is_the_clients_doing() {
    let first = [ASKED, RIGHT, OK].concat();
    let old = "high old-nonce-reused cause=stale fault=client sure=likely by=- sessions=4 says=under_each_new_Call-ID";
    let looping = "medium challenge-loop cause=stale fault=client by=old-nonce-reused sessions=4";
    // Whether the server says why or not; where it does, they may lie further apart.
    for (apart_s, refusal) in [(10, " stale=true"), (90, " stale=true"), (10, "")] {
        for secret in [NOTHING, SECRET] {
            let expected = format!("{old}\n{looping}\ntold old nonce kept");
            check(&[&first, &kept(&KEPT, apart_s, refusal), LATER], secret, &expected);
        }
    }
    // Where the capture lacks its beginning, too.
    let unseen = kept(&KEPT, 10, " stale=true").replace("nonce=first", "nonce=before");
    check(&[&unseen, LATER], SECRET, &format!("{old}\n{looping}\nmedium nonce-unknown by=old-nonce-reused"));
}

#[test]
fn a_nonce_that_no_newer_one_had_replaced_is_not_kept() {
    // The newest is taken each time.
    check(&[&tries("401\nWWW-Authenticate: challenge stale=true"), LATER], NOTHING, "no old-nonce-reused");
    // A password that was changed may be why it is refused, and the client does not try again.
    let first = [ASKED, RIGHT, OK].concat();
    check(
        &[&first, &kept(&KEPT, 90, ""), LATER],
        NOTHING,
        "high rejected-credentials\nno old-nonce-reused challenge-loop",
    );
    // The server gives the same one again.
    let same = kept(&KEPT, 10, " nonce=n").replace("nonce=first", "nonce=n");
    check(&[&same, LATER], NOTHING, "no old-nonce-reused");
    // Its first answer was refused as well: there is more than the nonce.
    let refused = [ASKED, WRONG, REFUSED].concat();
    check(&[&refused, &kept(&KEPT, 10, "").replace("=secret", "=wrong"), LATER], NOTHING, "no old-nonce-reused");
    // The client got in at last.
    let in_after = "+5 [z] > REGISTER\n[z] < 401\nWWW-Authenticate: challenge\n[z] > REGISTER\nAuthorization: digest user=1001 password=secret\n[z] < 200\n";
    check(&[&first, &kept(&KEPT, 10, " stale=true"), in_after, LATER], NOTHING, "medium old-nonce-reused fault=client");
    // Requests that are under way when the answer comes cannot know it.
    let at_once: String = KEPT
        .iter()
        .map(|call| {
            format!("+0.001 [{call}] > REGISTER\nAuthorization: digest user=1001 password=secret nonce=first\n")
        })
        .collect();
    let answers: String =
        KEPT.iter().map(|call| format!("[{call}] < 401\nWWW-Authenticate: challenge stale=true\n")).collect();
    check(
        &[&first, "+10 [p] > OPTIONS\n[p] < 200\n", &at_once, &answers, LATER],
        NOTHING,
        "no old-nonce-reused\nseveral",
    );
}

#[test]
fn a_b2bua_that_keeps_the_call_id_has_no_loop_of_its_own() {
    let names = "phone 192.0.2.10\nsbc 203.0.113.5\ncore 198.51.100.30\n";
    let round = |credentials: &str, number: u32| {
        format!(
            "phone > sbc REGISTER\nFrom: <sip:1001@pbx.example.com>;tag=p\nCSeq: {number} REGISTER\n{credentials}\
             sbc > core REGISTER\nFrom: <sip:1001@pbx.example.com>;tag=s\nCSeq: 10{number} REGISTER\n{}\
             core > sbc 401\nWWW-Authenticate: challenge nonce=n{number}\nsbc > phone 401\nWWW-Authenticate: challenge nonce=n{number}\n",
            credentials.replace(
                "digest user=1001 password=wrong",
                &format!("digest user=1001 password=wrong nonce=n{}", number - 1)
            ),
        )
    };
    let wrong = "Authorization: digest user=1001 password=wrong\n";
    let all: String = [round("", 1), round(wrong, 2), round(wrong, 3), round(wrong, 4)].concat();
    let report = analyse(&[names, &all, LATER], NOTHING);
    assert_eq!(
        report.findings.iter().filter(|finding| finding.rule == "challenge-loop").count(),
        1,
        "{}",
        shown(&report)
    );
    check(&[names, &all, LATER], SECRET, "high digest-wrong-password\nmedium challenge-loop by=digest-wrong-password");
    // Servers that ask for themselves refuse for themselves.
    let own = all.replace(
        "core > sbc 401\nWWW-Authenticate: challenge nonce=n",
        "core > sbc 401\nWWW-Authenticate: challenge nonce=own",
    );
    let own = own.replace("password=wrong nonce=n", "password=wrong nonce=own");
    let report = analyse(&[names, &own, LATER], NOTHING);
    assert_eq!(
        report.findings.iter().filter(|finding| finding.rule == "challenge-loop").count(),
        2,
        "{}",
        shown(&report)
    );
}

#[test]
fn what_gets_in_at_the_other_address_of_a_server_is_no_loop() {
    let sent = "Authorization: digest user=1001 password=secret\n";
    let stale = format!("phone > one REGISTER\n{sent}one > phone 401\nWWW-Authenticate: challenge stale=true\n");
    let taken = format!("phone > two REGISTER\n{sent}two > phone 200\n");
    let asked = "phone 192.0.2.10\none 203.0.113.5\ntwo 203.0.113.6\nphone > one REGISTER\none > phone 401\nWWW-Authenticate: challenge\n";
    let turns = format!("{stale}{taken}");
    check(&[asked, &turns, &turns, &turns, &turns], SECRET, "no stale-loop challenge-loop");
    check(&[asked, &stale, &stale, &stale], SECRET, "high stale-loop");
}

#[test]
fn nonces_that_nobody_saw_given_are_not_known_to_be_new() {
    let names = "phone 192.0.2.10\none 203.0.113.5\ntwo 203.0.113.6\n";
    // The other node's challenges are not in the capture.
    let round = |nonce: &str| {
        format!(
            "phone > one REGISTER\nAuthorization: digest user=1001 password=secret nonce={nonce}\none > phone 401\nWWW-Authenticate: challenge stale=true\n"
        )
    };
    let asked = "phone > one REGISTER\none > phone 401\nWWW-Authenticate: challenge\n";
    let unseen = [names, asked, &round("b1"), &round("b2"), &round("b3"), LATER];
    check(&unseen, SECRET, "high stale-loop fault=unknown sure=possible unsaid=newest_nonce._");
}

#[test]
fn a_loop_in_which_one_digest_is_right_does_not_say_that_none_fits() {
    let changed = [ASKED, RIGHT, REFUSED, WRONG, REFUSED, WRONG, REFUSED, LATER];
    check(&changed, SECRET, "medium challenge-loop cause=wrong-digest says=Not_all_digests_fit");
    let wrong = [ASKED, WRONG, REFUSED, WRONG, REFUSED, WRONG, REFUSED, LATER];
    check(&wrong, SECRET, "medium challenge-loop cause=wrong-digest says=The_digests_do_not_fit");
}
