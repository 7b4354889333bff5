//! Attacks, what invites them, and what looks like them.

use super::*;

/// A try under a Call-ID of its own: asked, answered with that password, and refused with 403.
fn attempt(index: usize, wait: &str, password: &str) -> String {
    format!(
        "+{wait} [c{index}] > REGISTER\n[c{index}] < 401\nWWW-Authenticate: challenge\n[c{index}] > REGISTER\n\
         Authorization: digest user=1001 password={password}\n[c{index}] < 403\n"
    )
}

fn attempts(count: usize, wait: &str, password: impl Fn(usize) -> String) -> String {
    (0..count).map(|index| attempt(index, wait, &password(index))).collect()
}

fn guess(index: usize) -> String {
    format!("guess{index}")
}

const SCANNER: &str = "agent client friendly-scanner\n";

#[test]
fn a_scanner_that_tries_passwords_under_one_call_id_is_brute_force() {
    let tries: String = (0..12)
        .map(|index| {
            format!("+0.2 > REGISTER\nAuthorization: digest user=1001 password=guess{index}\n< 401\nWWW-Authenticate: challenge\n")
        })
        .collect();
    check(
        &[SCANNER, ASKED, &tries],
        SECRET,
        "
        critical brute-force sure=proven fault=client by=-
        low scanner-agent by=brute-force
        no digest-wrong-password challenge-loop rejected-credentials account-guessed user-enumeration",
    );
}

#[test]
fn quick_tries_under_new_call_ids_are_brute_force() {
    for credentials in [SECRET, NOTHING] {
        check(
            &[&attempts(12, "0.3", guess)],
            credentials,
            "
            critical brute-force sure=likely
            no digest-wrong-password forbidden-after-credentials rejected-credentials challenge-loop account-guessed scanner-agent",
        );
    }
}

#[test]
fn a_phone_that_begins_anew_at_each_try_is_at_most_possible() {
    check(
        &[&attempts(12, "5", |_| "wrong".to_owned())],
        SECRET,
        "
        medium brute-force sure=possible says=looks_the_same
        high digest-wrong-password",
    );
}

#[test]
fn few_or_slow_refusals_are_no_brute_force() {
    check(&[&attempts(9, "0.3", guess)], SECRET, "no brute-force\nhigh digest-wrong-password");
    check(&[&attempts(12, "7", guess)], SECRET, "no brute-force\nhigh digest-wrong-password");
}

#[test]
fn a_stuck_phone_that_repeats_itself_is_no_brute_force() {
    let again = [WRONG, REFUSED].concat().repeat(20);
    check(&[ASKED, &again], SECRET, "no brute-force account-guessed user-enumeration\nhigh digest-wrong-password");
    check(&[ASKED, &again], NOTHING, "no brute-force\nhigh challenge-loop");
}

#[test]
fn three_stuck_phones_behind_one_address_are_no_brute_force() {
    let phone = |user: &str| {
        let again = format!(
            "+1 [{user}] > REGISTER\nAuthorization: digest user={user} password=wrong\n[{user}] < 401\nWWW-Authenticate: challenge\n"
        );
        format!("[{user}] > REGISTER\n[{user}] < 401\nWWW-Authenticate: challenge\n{}", again.repeat(12))
    };
    check(&[&phone("1001"), &phone("1002"), &phone("1003")], NOTHING, "no brute-force user-enumeration");
}

/// Users whose one wrong password is tried under a new Call-ID each time, in turn.
fn lines(wait: &str, users: usize, via: &str) -> String {
    let mut text = String::new();
    for index in 0..12 * users {
        let user = 1001 + index % users;
        let who = format!("{via}From: <sip:{user}@pbx.example.com>;tag=t{index}\nTo: <sip:{user}@pbx.example.com>\n");
        writeln!(text, "+{wait} [c{index}] > REGISTER\n{who}[c{index}] < 401\nWWW-Authenticate: challenge").unwrap();
        writeln!(text, "[c{index}] > REGISTER\n{who}Authorization: digest user={user} password=wrong").unwrap();
        writeln!(text, "[c{index}] < 401\nWWW-Authenticate: challenge").unwrap();
    }
    text
}

#[test]
fn a_gateway_with_wrong_passwords_is_at_most_possible() {
    check(&[&lines("1.2", 4, "")], NOTHING, "medium brute-force sure=possible says=looks_the_same");
    check(&[&lines("0.2", 4, "")], NOTHING, "critical brute-force sure=likely");
    check(&[&lines("0.3", 12, "")], NOTHING, "critical brute-force sure=likely");
}

#[test]
fn what_a_proxy_passes_on_is_at_most_possible() {
    let via = "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKp\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKc\n";
    check(&[&lines("0.2", 4, via)], NOTHING, "medium brute-force sure=possible says=Find_out_who_is_behind");
}

#[test]
fn a_password_that_was_corrected_is_not_guessed() {
    let again = [WRONG, REFUSED].concat().repeat(14);
    check(&[ASKED, &again, RIGHT, OK], SECRET, "no brute-force account-guessed\nmedium digest-wrong-password");
}

#[test]
fn digests_that_differ_for_equal_inputs_prove_different_passwords() {
    let asked = "WWW-Authenticate: challenge nonce=abc qop=none\n";
    let tries = |password: &dyn Fn(usize) -> String| -> String {
        (0..12)
            .map(|index| {
                let password = password(index);
                format!("+1 > REGISTER\nAuthorization: digest user=1001 password={password}\n< 401\n{asked}")
            })
            .collect()
    };
    let first = format!("> REGISTER\n< 401\n{asked}");
    check(&[&first, &tries(&guess)], NOTHING, "critical brute-force sure=proven says=different_passwords");
    check(&[&first, &tries(&|_| "wrong".to_owned())], NOTHING, "no brute-force");
}

#[test]
fn right_digests_that_are_refused_guess_nothing() {
    check(&[&attempts(12, "0.3", |_| "secret".to_owned())], SECRET, "no brute-force");
}

#[test]
fn old_nonces_on_a_busy_trunk_guess_nothing() {
    let calls: String = (0..15)
        .map(|index| {
            format!(
                "+0.2 [c{index}] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n[c{index}] < 407\n\
                 Proxy-Authenticate: challenge\n[c{index}] > ACK\n[c{index}] > INVITE\n\
                 Proxy-Authorization: digest user=1001 password=secret\n[c{index}] < 200\n[c{index}] > ACK\n"
            )
        })
        .collect();
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK, &calls], NOTHING, "no brute-force account-guessed");
}

#[test]
fn calls_that_are_forbidden_guess_nothing() {
    let calls: String = (0..15)
        .map(|index| {
            format!(
                "+0.2 [c{index}] > INVITE\n[c{index}] < 407\nProxy-Authenticate: challenge\n[c{index}] > ACK\n\
                 [c{index}] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n[c{index}] < 403\n[c{index}] > ACK\n"
            )
        })
        .collect();
    check(&[&calls], NOTHING, "no brute-force user-enumeration");
}

#[test]
fn a_guess_that_is_accepted_stands_first() {
    let right = "+0.2 [ok] > REGISTER\n[ok] < 401\nWWW-Authenticate: challenge\n[ok] > REGISTER\n\
                 Authorization: digest user=1001 password=secret\n[ok] < 200\n";
    check(
        &[SCANNER, &attempts(12, "0.3", guess), right],
        SECRET,
        "
        critical account-guessed sure=likely by=-
        medium brute-force by=account-guessed
        low scanner-agent by=account-guessed
        no digest-wrong-password",
    );
    check(&[&attempts(12, "0.3", guess), right], NOTHING, "critical account-guessed sure=possible");
    // Hours later the owner registers from there.
    let later = right.replacen("+0.2", "+400", 1);
    let of_owner = ["agent client snomD785\n", &later].concat();
    check(&[SCANNER, &attempts(12, "0.3", guess), &of_owner], SECRET, "no account-guessed\ncritical brute-force");
    check(&[SCANNER, &attempts(12, "0.3", guess), &later], SECRET, "critical account-guessed");
}

/// A bare request for each of these users, with that answer.
fn probes(users: std::ops::Range<usize>, answer: &str) -> String {
    users
        .map(|user| {
            let lines = format!("From: <sip:{user}@pbx.example.com>;tag=x{user}\nTo: <sip:{user}@pbx.example.com>\n");
            format!("+0.1 [u{user}] > REGISTER\n{lines}[u{user}] < {answer}\n")
        })
        .collect()
}

const CHALLENGED: &str = "401\nWWW-Authenticate: challenge";

#[test]
fn one_source_that_asks_for_many_users_enumerates() {
    let all = [probes(2000..2008, "404"), probes(2008..2014, CHALLENGED)].concat();
    check(
        &[&all, LATER],
        NOTHING,
        "
        medium user-enumeration sure=likely says=tells_them_apart by=-
        no challenge-unanswered registrar-rejects-contact brute-force scanner-agent",
    );
    check(
        &[SCANNER, &probes(2000..2012, CHALLENGED)],
        NOTHING,
        "medium user-enumeration sure=proven\nno challenge-unanswered",
    );
    check(
        &[&probes(2000..2012, "404")],
        NOTHING,
        "medium user-enumeration sure=possible\nmedium registrar-rejects-contact",
    );
}

#[test]
fn a_server_that_tells_nothing_is_asked_for_many_users() {
    check(
        &[&probes(2000..2060, CHALLENGED), LATER],
        NOTHING,
        "medium user-enumeration sure=likely says=alike\nno challenge-unanswered",
    );
}

#[test]
fn few_users_are_no_enumeration() {
    check(&[SCANNER, &probes(2000..2009, "404")], NOTHING, "no user-enumeration\nlow scanner-agent");
}

#[test]
fn phones_behind_one_address_are_no_enumeration() {
    let phones: String = (0..14)
        .map(|index| {
            let user = format!("From: <sip:30{index}@pbx.example.com>;tag=a\nTo: <sip:30{index}@pbx.example.com>\n");
            format!("phone{index} 198.51.100.7:{}\n[p{index}] phone{index} > server REGISTER\n{user}[p{index}] server > phone{index} 404\n", 6000 + index)
        })
        .collect();
    check(&[&phones, LATER], NOTHING, "no user-enumeration brute-force");
}

#[test]
fn a_capture_that_ends_before_phones_can_answer_shows_no_enumeration() {
    check(&[&probes(2000..2012, CHALLENGED)], NOTHING, "no user-enumeration");
}

#[test]
fn a_trunk_that_mostly_succeeds_is_no_enumeration() {
    let calls = |range: std::ops::Range<usize>, answer: &str| -> String {
        range
            .map(|number| {
                format!("+0.1 [t{number}] > INVITE sip:{number}@pbx.example.com\n[t{number}] < {answer}\n[t{number}] > ACK\n")
            })
            .collect()
    };
    let all = [calls(100..112, "404"), calls(200..220, "486"), calls(300..340, "200")].concat();
    check(&[&all, LATER], NOTHING, "no user-enumeration");
    // Nor is a list of dead numbers.
    check(&[&calls(100..130, "404"), LATER], NOTHING, "no user-enumeration");
}

#[test]
fn pings_are_no_enumeration() {
    let pings: String = (0..15)
        .map(|user| format!("+0.1 [o{user}] > OPTIONS\nTo: <sip:{user}@pbx.example.com>\n[o{user}] < 404\n"))
        .collect();
    check(&[&pings, LATER], NOTHING, "no user-enumeration");
}

#[test]
fn a_scanner_is_told_even_if_nobody_asks_it_anything() {
    check(&[SCANNER, "> OPTIONS\n< 200\n"], NOTHING, "low scanner-agent sure=likely fault=client");
    check(
        &["agent client VaxSIPUserAgent/3.1\n", ASKED, WRONG, REFUSED],
        SECRET,
        "low scanner-agent sure=possible\nhigh digest-wrong-password",
    );
    for agent in ["sipsak 0.9.8", "SIPp", "Yealink SIP-T46S 66.85.0.5"] {
        check(&[&format!("agent client {agent}\n"), ASKED, RIGHT, OK], SECRET, "no scanner-agent\nclean");
    }
}

#[test]
fn what_a_scanner_does_is_nobodys_fault() {
    check(
        &[SCANNER, ASKED, WRONG, REFUSED],
        SECRET,
        "low scanner-agent\nno digest-wrong-password challenge-unanswered",
    );
}

#[test]
fn exposure_is_told_once() {
    let second = "[b] > REGISTER\n[b] < 401\nWWW-Authenticate: challenge\n[b] > REGISTER\n\
                  Authorization: digest user=1001 password=secret\n[b] < 200\n";
    check(
        &[ASKED, RIGHT, OK, second],
        SECRET,
        "info cleartext-transport says=frame_3\ninfo weak-algorithm-md5 says=frame_2\nclean",
    );
    let report = analyse(&[ASKED, RIGHT, OK, second], SECRET);
    for rule in ["cleartext-transport", "weak-algorithm-md5"] {
        let counts: Vec<u64> = report.findings.iter().filter(|f| f.rule == rule).map(|f| f.count).collect();
        assert_eq!(counts, [2], "{rule}");
    }
    check(&[ASKED], SECRET, "no cleartext-transport\ninfo weak-algorithm-md5");
    let sha = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256\nWWW-Authenticate: challenge\n";
    check(&[sha, RIGHT, OK], SECRET, "no weak-algorithm-md5\ninfo cleartext-transport");
}

#[test]
fn a_million_sessions_of_one_source_stay_small() {
    // A thousand stand for them: what is kept of a source does not grow with its tries.
    let report = analyse(&[SCANNER, &attempts(1000, "0.01", guess)], NOTHING);
    let brute = report.findings.iter().find(|finding| finding.rule == "brute-force").expect("it is found");
    assert!(brute.frames.len() <= 21 && brute.sessions.len() <= 50, "{} {}", brute.frames.len(), brute.sessions.len());
    let high: u64 = report.summary.findings_by_severity.get("high").copied().unwrap_or(0);
    assert_eq!((high, report.summary.verdict.as_str()), (0, "problems"));
    assert_eq!(report.summary.headlines, ["attacks: 1 brute force"]);
}

#[test]
fn account_guessed_is_found_where_a_tool_for_attacks_gets_in() {
    let tried = |agent: &str, password: &str, answer: &str| {
        format!(
            "> REGISTER\nUser-Agent: {agent}\n< 401\nWWW-Authenticate: challenge\n\
             > REGISTER\nUser-Agent: {agent}\nAuthorization: digest user=1001 password={password}\n< {answer}\n"
        )
    };
    check(
        &[&tried("friendly-scanner", "secret", "200")],
        NOTHING,
        "critical account-guessed sure=likely frames=1 says=friendly-scanner\nlow scanner-agent by=account-guessed\nseveral",
    );
    check(&[&tried("friendly-scanner", "wrong", "403")], NOTHING, "low scanner-agent\nno account-guessed");
    // Softphones bear that name, too.
    check(&[&tried("VaxSIPUserAgent/3.1", "secret", "200")], NOTHING, "low scanner-agent\nno account-guessed");
}
