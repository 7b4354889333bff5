//! Group C: what nonces tell of themselves, whose they are, and how they are counted.

use super::*;

/// 2026-01-05T10:00:00Z, when scenarios begin, in seconds.
const START: u32 = 1_767_607_200;

/// Base64 with padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let of_chunk = |chunk: &[u8]| {
        let padded = [chunk[0], chunk.get(1).copied().unwrap_or(0), chunk.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        let digit = |place: u32| char::from(DIGITS[(bits >> (18 - 6 * place) & 63) as usize]);
        (0..4).map(|place| if place as usize > chunk.len() { '=' } else { digit(place) }).collect::<String>()
    };
    bytes.chunks(3).map(of_chunk).collect()
}

/// A nonce as Kamailio makes it, `issued` seconds into the scenario, and what follows its first MD5.
fn kamailio(issued: u32, life_s: u32, behind: &[u8]) -> String {
    let mut bytes = (START + issued + life_s).to_be_bytes().to_vec();
    bytes.extend((START + issued).to_be_bytes());
    bytes.extend([0x9a; 15]);
    bytes.push(u8::try_from(issued % 251).expect("it fits"));
    bytes.extend(behind);
    base64(&bytes)
}

/// A nonce as OpenSIPS made it before 3.2, that ends so many seconds into the scenario.
fn opensips(ends: u32) -> String {
    format!("{:08x}{ends:08x}95818924d914b5520a3bb26509380b52", START + ends)
}

/// The number and the flag of a nonce that is counted.
const COUNTED: &[u8] = &[1, 2, 3, 4, 0x80];
/// Of one that is good once.
const ONE_TIME: &[u8] = &[1, 2, 3, 4, 0x40];

fn challenged(nonce: &str) -> String {
    format!("< 401\nWWW-Authenticate: challenge nonce=\"{nonce}\"\n")
}

fn stale(nonce: &str) -> String {
    format!("< 401\nWWW-Authenticate: challenge stale=true nonce=\"{nonce}\"\n")
}

fn asked(nonce: &str) -> String {
    format!("> REGISTER\n{}", challenged(nonce))
}

/// A REGISTER with a nonce from before the capture.
fn cached(nonce: &str) -> String {
    format!(
        "> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com qop=auth nonce=\"{nonce}\" nc=0000002a\n"
    )
}

/// A REGISTER with that nonce count.
fn counted(nonce_count: &str) -> String {
    format!("> REGISTER\nAuthorization: digest user=1001 password=secret nc={nonce_count}\n")
}

#[test]
fn nonces_of_the_report_name_their_stack_and_dates() {
    let nonce = kamailio(0, 300, &[]);
    let report = analyse(&[&asked(&nonce), "+2.0 ", RIGHT, OK], SECRET);
    let stack = report.nonces[0].stack.as_ref().expect("its form is known");
    assert_eq!((stack.name.as_str(), stack.inferred), ("kamailio", true));
    let text = |time: Option<sipauth::report::model::Time>| serde_json::to_string(&time).unwrap();
    assert_eq!(text(stack.issued_at), "\"2026-01-05T10:00:00.000000Z\"");
    assert_eq!(text(stack.expires_at), "\"2026-01-05T10:05:00.000000Z\"");
    assert!(stack.age_at_use_ms.is_some_and(|age| (2_000.0..2_100.0).contains(&age)), "{:?}", stack.age_at_use_ms);
    let report = analyse(&[ASKED, RIGHT, OK], SECRET);
    assert!(report.nonces[0].stack.is_none());
}

#[test]
fn a_form_that_the_other_nonces_of_the_server_do_not_have_is_not_believed() {
    // Eight hex digits among others mean nothing; three of them are chan_sip.
    let three = ["1f8275cb", "298d7017", "3d4b0216"].map(|nonce| [asked(nonce), RIGHT.into(), OK.into()].concat());
    let report = analyse(&[&three[0], &three[1], &three[2]], SECRET);
    assert!(report.nonces.iter().all(|nonce| nonce.stack.as_ref().is_some_and(|s| s.name == "asterisk-chan-sip")));
    let report = analyse(&[&three[0], ASKED, RIGHT, OK], SECRET);
    assert!(report.nonces.iter().all(|nonce| nonce.stack.is_none()));
}

#[test]
fn stale_format_is_graded() {
    let yes = "< 401\nWWW-Authenticate: challenge stale=yes\n";
    check(
        &[ASKED, RIGHT, OK, "+60 ", RIGHT, yes, LATER],
        SECRET,
        "high stale-format fault=server by=-\nmedium nonce-rejected-without-stale by=stale-format",
    );
    check(&[ASKED, RIGHT, yes, LATER], NOTHING, "medium stale-format");
    let quoted =
        "< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"f00d\", qop=\"auth\", stale=\"true\"\n";
    check(
        &[ASKED, RIGHT, quoted, RIGHT, OK],
        SECRET,
        "low stale-format sure=proven\ninfo stale-nonce-recovered\nclean",
    );
    check(&[ASKED, RIGHT, quoted, LATER], SECRET, "medium stale-format sure=possible\nhigh stale-ignored-by-client");
}

#[test]
fn stale_format_is_found_where_nothing_failed() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n\", stale=\"FALSE\", qop=\"auth\"\n";
    check(&[asked, RIGHT, OK], SECRET, "low stale-format sure=proven\nclean");
}

#[test]
fn stale_format_takes_true_and_false_in_any_case() {
    for word in ["true", "TRUE", "False"] {
        let answer = format!("< 401\nWWW-Authenticate: challenge stale={word}\n");
        check(&[ASKED, RIGHT, &answer, RIGHT, OK], SECRET, "no stale-format");
    }
    check(&[ASKED, RIGHT, OK], SECRET, "no stale-format");
}

#[test]
fn nonce_unknown_closes_what_a_right_digest_left_open() {
    let old = cached("0ddba11c0ffee");
    check(&[&old, REFUSED, LATER], SECRET, "medium nonce-unknown sure=likely by=- excludes=wrong_password");
    check(
        &[&old, REFUSED, LATER],
        NOTHING,
        "medium nonce-unknown sure=possible\nmedium rejected-credentials by=nonce-unknown",
    );
    check(&[&old, REFUSED, RIGHT, OK], SECRET, "clean\ninfo nonce-unknown");
    let pages = [&*old, REFUSED, &old, REFUSED, &old, REFUSED];
    check(&pages, SECRET, "high nonce-unknown fault=client cause=stale by=-\nmedium challenge-loop by=nonce-unknown");
    check(&pages, NOTHING, "medium nonce-unknown sure=possible");
}

#[test]
fn nonce_unknown_says_how_old_the_nonce_was() {
    let start = "time 2026-01-05T10:00:00Z\n+600 [x] > OPTIONS\n[x] < 200\n";
    let old = cached(&kamailio(0, 300, &[]));
    check(
        &[start, &old, REFUSED, LATER],
        SECRET,
        "medium nonce-unknown says=had_ended_5_min says=inferred_from_the_nonce's_format",
    );
}

#[test]
fn nonce_unknown_is_not_said_of_what_is_known_accepted_or_wrong() {
    check(&[&cached("cafe"), OK], SECRET, "clean\nno nonce-unknown");
    check(&[ASKED, RIGHT, REFUSED, LATER], SECRET, "no nonce-unknown");
    // It was let past before it was refused.
    check(
        &[&cached("cafe"), OK, "+60 ", &cached("cafe").replace("2a", "2b"), STALE, RIGHT, OK],
        SECRET,
        "no nonce-unknown",
    );
    // A wrong password is reason enough, unless the server says stale.
    let wrong = cached("cafe").replace("secret", "wrong");
    check(&[&wrong, REFUSED, LATER], SECRET, "high digest-wrong-password\nno nonce-unknown");
    check(&[&wrong, STALE, LATER], SECRET, "medium nonce-unknown");
    // Announced by the 2xx before.
    let announced = "< 200\nAuthentication-Info: nextnonce=\"cafe\"\n";
    check(&[ASKED, RIGHT, announced, "+60 ", &cached("cafe"), REFUSED, LATER], SECRET, "no nonce-unknown");
    // Another Call-ID brought it.
    let elsewhere = "[b] > INVITE\n[b] < 401\nWWW-Authenticate: challenge nonce=cafe\n[b] > ACK\n";
    check(&[elsewhere, &cached("cafe"), REFUSED, LATER], SECRET, "no nonce-unknown");
    // A wrong realm has a rule of its own.
    let realm = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=other nonce=cafe\n";
    check(&[ASKED, realm, REFUSED, LATER], SECRET, "no nonce-unknown\nhigh realm-mismatch");
}

const NODES: &str = "phone 198.51.100.7  node-a 203.0.113.11  node-b 203.0.113.12\n";

/// A REGISTER of the phone to a node, with credentials, and the answer.
fn at_node(node: &str, answer: &str) -> String {
    format!("phone > {node} REGISTER\nAuthorization: digest user=1001 password=secret\n{node} > phone {answer}\n")
}

const TO_A: &str = "phone > node-a REGISTER\nnode-a > phone 401\nWWW-Authenticate: challenge\n";
const STALE_401: &str = "401\nWWW-Authenticate: challenge stale=true";
const PLAIN_401: &str = "401\nWWW-Authenticate: challenge";

#[test]
fn nonce_from_other_server_is_found() {
    let pages =
        [NODES, TO_A, &at_node("node-b", STALE_401), &at_node("node-a", STALE_401), &at_node("node-b", STALE_401)];
    check(
        &pages,
        NOTHING,
        "high nonce-from-other-server cause=node-switch fault=client sure=possible says=no_load_balancer by=-\nno stale-ignored-by-client",
    );
    let plain = [NODES, TO_A, &at_node("node-b", PLAIN_401), LATER];
    check(
        &plain,
        SECRET,
        "high nonce-from-other-server says=203.0.113.11\nmedium digest-ok-but-rejected by=nonce-from-other-server",
    );
    check(&plain, NOTHING, "medium nonce-from-other-server sure=possible\nhigh rejected-credentials");
}

#[test]
fn nonce_from_other_server_makes_the_loop_precise() {
    let turns = ["node-b", "node-a", "node-b", "node-a", "node-b"].map(|node| at_node(node, STALE_401));
    let pages: Vec<&str> = [NODES, TO_A].into_iter().chain(turns.iter().map(String::as_str)).collect();
    check(
        &pages,
        SECRET,
        "high nonce-from-other-server\nmedium challenge-loop cause=node-switch by=nonce-from-other-server\nmedium stale-loop cause=node-switch by=nonce-from-other-server",
    );
}

#[test]
fn nonce_from_other_server_knows_one_address_with_two_names() {
    let (a, b) = ("Server: Kamailio (a)\n", "Server: Kamailio (b)\n");
    let first = format!("> REGISTER\n< 401\n{a}WWW-Authenticate: challenge\n");
    let refused = |server: &str| format!("< 401\n{server}WWW-Authenticate: challenge stale=true\n");
    check(&[&first, RIGHT, &refused(b), LATER], SECRET, "high nonce-from-other-server says=Kamailio_(a)");
    check(&[&first, RIGHT, &refused(a), LATER], SECRET, "no nonce-from-other-server");
}

#[test]
fn nonce_from_other_server_explains_refusals_until_the_client_stays_at_one() {
    let turns = ["node-b", "node-a", "node-b"].map(|node| at_node(node, PLAIN_401)).concat();
    let settled = [NODES, TO_A, &turns, &at_node("node-b", "200"), LATER];
    let found = "verdict ok\nmedium nonce-from-other-server by=-\nmedium";
    check(&settled, SECRET, &format!("{found} digest-ok-but-rejected by=nonce-from-other-server"));
    check(&settled, NOTHING, &format!("{found} rejected-credentials by=nonce-from-other-server"));
}

#[test]
fn nonce_from_other_server_knows_two_clocks_behind_one_address() {
    // Seconds into the scenario by the clock of whoever challenges; the capture goes on for half a second at a time.
    let tries = |clocks: &[u32]| {
        let again = clocks.iter().skip(1).map(|made| format!("{RIGHT}{}+0.5 ", challenged(&kamailio(*made, 300, &[]))));
        format!("{}{}> OPTIONS\n< 200\n", asked(&kamailio(clocks[0], 300, &[])), again.collect::<String>())
    };
    let two = tries(&[1, 601, 2, 603, 3]);
    let found = "high nonce-from-other-server cause=node-switch fault=server says=differ_by_10_min by=-";
    check(&[&two, LATER], SECRET, &format!("{found} sure=likely says=NTP excludes=wrong_password"));
    check(&[&two, LATER], NOTHING, &format!("{found} sure=possible\nmedium challenge-loop by=nonce-from-other-server"));
    // Within a second, each gives the nonce that it gave before.
    check(&[&tries(&[1, 601, 1, 601, 1]), LATER], SECRET, "high nonce-from-other-server says=differ_by_10_min");
    // A wrong digest is reason enough.
    check(
        &[&two.replace("=secret", "=wrong"), LATER],
        SECRET,
        "no nonce-from-other-server\nhigh digest-wrong-password",
    );
    // One clock, and one that is ahead all the time.
    // One that was set once, and one that counts in minutes.
    for one in [[1, 1, 1, 2, 2], [600, 601, 601, 602, 602], [1, 1, 601, 602, 602], [0, 60, 0, 60, 0]] {
        check(&[&tries(&one), LATER], SECRET, "no nonce-from-other-server\nhigh digest-ok-but-rejected");
    }
    // What took its time is no other clock: the capture's may have been set in between.
    let late = format!("{}{RIGHT}+40 {}", asked(&kamailio(0, 300, &[])), challenged(&kamailio(100, 300, &[])));
    check(&[&late, LATER], SECRET, "no nonce-from-other-server");
    // Nodes with names and addresses of their own say so, too.
    let named = two.replacen("< 401\n", "< 401\nServer: a\n", 1).replacen("< 401\nWWW", "< 401\nServer: b\nWWW", 1);
    check(&[&named, LATER], SECRET, "high nonce-from-other-server says=differ_by_10_min");
}

#[test]
fn nonce_from_other_server_knows_two_clocks_behind_a_proxy_that_was_captured() {
    let names = "phone 192.0.2.10\nproxy 203.0.113.7\nnode-a 203.0.113.11\nnode-b 203.0.113.12\n";
    let story = |ahead: u32| {
        let challenge = |made: u32| format!("401\nWWW-Authenticate: challenge nonce={}\n", kamailio(made, 300, &[]));
        format!(
            "phone > proxy REGISTER\nproxy > node-a forward\nnode-a > proxy {}proxy > phone forward\nphone > proxy REGISTER\n\
             Authorization: digest user=1001 password=secret\nproxy > node-b forward\nnode-b > proxy {}proxy > phone forward\n",
            challenge(0),
            challenge(ahead)
        )
    };
    let found = "high nonce-from-other-server says=differ_by_60_min says=NTP";
    check(&[names, &story(3601), LATER], SECRET, found);
    check(&[names, &story(1), LATER], SECRET, "high nonce-from-other-server unsaid=NTP");
}

#[test]
fn nonce_from_other_server_is_medium_where_the_client_recovers() {
    check(
        &[NODES, TO_A, &at_node("node-b", STALE_401), &at_node("node-b", "200")],
        SECRET,
        "medium nonce-from-other-server",
    );
    check(
        &[NODES, TO_A, &at_node("node-b", STALE_401), &at_node("node-a", "200")],
        SECRET,
        "no nonce-unknown\nmedium nonce-from-other-server",
    );
}

#[test]
fn nonce_from_other_server_is_medium_where_a_wrong_password_keeps_the_client_out() {
    let story = [&at_node("node-b", STALE_401), &at_node("node-b", PLAIN_401), LATER].concat();
    let wrong = story.replace("=secret", "=wrong");
    check(&[NODES, TO_A, &wrong], SECRET, "high digest-wrong-password by=-\nmedium nonce-from-other-server");
    check(&[NODES, TO_A, &story], SECRET, "high nonce-from-other-server");
    // A right digest that was refused is the first thing to mend, whatever the client tried behind it.
    let guessed =
        [&at_node("node-b", PLAIN_401), &at_node("node-b", PLAIN_401).replace("=secret", "=wrong"), LATER].concat();
    check(&[NODES, TO_A, &guessed], SECRET, "high nonce-from-other-server by=-");
}

#[test]
fn nonce_from_other_server_is_not_said_of_clusters_hops_and_wrong_passwords() {
    // A node that took the other's nonces shares its secret.
    let shared = "phone > node-a REGISTER\nnode-a > phone 401\nWWW-Authenticate: challenge\nphone > node-b REGISTER\nAuthorization: digest user=1001 password=secret\nnode-b > phone 200\n";
    let again = [TO_A, &at_node("node-b", STALE_401)]
        .concat()
        .replace("\n", "\n[b] ")
        .replace("\n[b] W", "\nW")
        .replace("\n[b] A", "\nA");
    let again = format!("[b] {}", again.trim_end_matches("[b] "));
    check(&[NODES, shared, "+60 ", &again, LATER], SECRET, "no nonce-from-other-server");
    check(&[NODES, TO_A, &at_node("node-b", "200")], SECRET, "clean\nno nonce-from-other-server");
    let wrong = at_node("node-b", PLAIN_401).replace("secret", "wrong");
    check(&[NODES, TO_A, &wrong, LATER], SECRET, "high digest-wrong-password\nno nonce-from-other-server");
    let hops = "client 198.51.100.7  proxy 203.0.113.1  core 203.0.113.2\nclient > proxy REGISTER\nproxy > core forward\ncore > proxy 401\nWWW-Authenticate: challenge\nproxy > client forward\nclient > proxy REGISTER\nAuthorization: digest user=1001 password=secret\nproxy > core forward\ncore > proxy 401\nWWW-Authenticate: challenge stale=true\nproxy > client forward\n";
    check(
        &[hops, LATER.replace("> O", "client > proxy O").replace("< 2", "proxy > client 2").as_str()],
        SECRET,
        "no nonce-from-other-server nonce-bound-to-source-changed",
    );
}

#[test]
fn nonce_expired_by_content_makes_the_loop_precise() {
    let (first, second, third) = (kamailio(0, 30, &[]), kamailio(41, 30, &[]), kamailio(82, 30, &[]));
    let slow = [&asked(&first), "+41 ", RIGHT, &stale(&second), "+41 ", RIGHT, &stale(&third)];
    check(
        &slow,
        SECRET,
        "high stale-loop cause=expired fault=client excludes=nodes says=good_for_30.0_s by=-\ninfo nonce-expired-by-content sure=likely\nmedium retry-after-long-delay",
    );
    let (first, second, third) = (kamailio(0, 1, &[]), kamailio(2, 1, &[]), kamailio(4, 1, &[]));
    let short = [&asked(&first), "+2 ", RIGHT, &stale(&second), "+2 ", RIGHT, &stale(&third)];
    check(&short, SECRET, "high stale-loop cause=expired fault=server\nno retry-after-long-delay");
}

#[test]
fn a_count_that_is_repeated_with_a_nonce_that_had_ended_may_be_refused_for_its_age() {
    let again = "> REGISTER\nAuthorization: digest user=1001 password=secret nc=00000001\n";
    let (first, second) = (kamailio(0, 30, &[]), kamailio(41, 30, &[]));
    check(
        &[
            &asked(&first),
            RIGHT,
            OK,
            "+41 ",
            again,
            &format!("< 401\nWWW-Authenticate: challenge nonce={second}\n"),
            LATER,
        ],
        SECRET,
        "medium nc-repeated sure=possible says=its_age",
    );
    let (first, second) = (kamailio(0, 300, &[]), kamailio(41, 300, &[]));
    check(
        &[
            &asked(&first),
            RIGHT,
            OK,
            "+41 ",
            again,
            &format!("< 401\nWWW-Authenticate: challenge nonce={second}\n"),
            LATER,
        ],
        SECRET,
        "high nc-repeated sure=likely unsaid=its_age",
    );
}

#[test]
fn nonce_expired_by_content_needs_a_refusal_behind_the_end() {
    let nonce = kamailio(0, 30, &[]);
    check(
        &[&asked(&nonce), "+20 ", RIGHT, &stale(&kamailio(20, 30, &[])), LATER],
        SECRET,
        "no nonce-expired-by-content",
    );
    check(&[&asked(&nonce), "+60 ", RIGHT, OK], SECRET, "no nonce-expired-by-content");
    // A server whose clock is an hour ahead gives the same life.
    let ahead = kamailio(3600, 30, &[]);
    check(
        &[&asked(&ahead), "+20 ", RIGHT, &stale(&kamailio(3600 + 20, 30, &[])), LATER],
        SECRET,
        "no nonce-expired-by-content\ninfo nonce-used-before-issue says=60_min",
    );
    check(
        &[&asked(&ahead), "+41 ", RIGHT, &stale(&kamailio(3600 + 41, 30, &[])), LATER],
        SECRET,
        "info nonce-expired-by-content",
    );
    // Two days away is no date at all.
    check(
        &[&asked(&kamailio(172_800, 30, &[])), "+41 ", RIGHT, STALE, LATER],
        SECRET,
        "no nonce-expired-by-content nonce-used-before-issue",
    );
}

#[test]
fn nonce_used_before_issue_needs_more_than_a_few_seconds() {
    check(&[&asked(&kamailio(95, 300, &[])), RIGHT, OK], SECRET, "clean\ninfo nonce-used-before-issue sure=likely");
    check(&[&asked(&kamailio(4, 300, &[])), RIGHT, OK], SECRET, "no nonce-used-before-issue");
    check(&[ASKED, RIGHT, OK], SECRET, "no nonce-used-before-issue");
}

#[test]
fn nonce_older_than_restart_needs_a_nonce_that_should_have_lived_on() {
    let found = |nonce: &str, wait: &str| {
        analyse(&[&asked(nonce), RIGHT, OK, wait, RIGHT, &stale(&kamailio(120, 300, &[])), RIGHT, OK], SECRET)
            .findings
            .iter()
            .any(|finding| finding.rule == "nonce-older-than-restart")
    };
    assert!(found(&kamailio(0, 300, &[]), "+120 "));
    // It had ended; it is counted; it is good once; it is bound to the request.
    assert!(!found(&kamailio(0, 60, &[]), "+120 "));
    assert!(!found(&kamailio(0, 300, COUNTED), "+120 "));
    assert!(!found(&kamailio(0, 300, ONE_TIME), "+120 "));
    assert!(!found(&kamailio(0, 300, &[7; 16]), "+120 "));
    // It was never good.
    let nonce = kamailio(0, 300, &[]);
    check(&[&asked(&nonce), RIGHT, &stale(&kamailio(1, 300, &[])), RIGHT, OK], SECRET, "no nonce-older-than-restart");
}

#[test]
fn one_time_nonce_reused_is_graded() {
    check(
        &[ASKED, RIGHT, OK, "+10 ", RIGHT, STALE, RIGHT, OK],
        SECRET,
        "clean\ninfo one-time-nonce-reused fault=server sure=possible",
    );
    check(
        &[ASKED, RIGHT, OK, "+10 ", RIGHT, STALE, LATER],
        SECRET,
        "medium one-time-nonce-reused\nhigh stale-ignored-by-client",
    );
    let (once, again) = (kamailio(0, 300, ONE_TIME), stale(&kamailio(60, 300, ONE_TIME)));
    check(
        &[&asked(&once), RIGHT, OK, "+60 ", RIGHT, &again, RIGHT, OK],
        SECRET,
        "info one-time-nonce-reused says=says_so_too sure=likely",
    );
    // The expiry is known, and it is not there yet.
    let next = stale(&opensips(360));
    let opensips = opensips(300);
    check(
        &[&asked(&opensips), RIGHT, OK, "+60 ", RIGHT, &next, RIGHT, OK],
        SECRET,
        "info one-time-nonce-reused says=had_not_ended",
    );
}

#[test]
fn one_time_nonce_reused_is_not_age_count_or_habit() {
    check(&[ASKED, RIGHT, OK, "+60 ", RIGHT, STALE, RIGHT, OK], SECRET, "no one-time-nonce-reused");
    check(&[ASKED, RIGHT, OK, "+10 ", &counted("00000001"), STALE, RIGHT, OK], SECRET, "no one-time-nonce-reused");
    check(&[ASKED, RIGHT, OK, "+5 ", RIGHT, OK, "+5 ", RIGHT, STALE, RIGHT, OK], SECRET, "no one-time-nonce-reused");
    check(
        &[&asked(&kamailio(0, 300, &[])), RIGHT, OK, "+10 ", RIGHT, &stale(&kamailio(10, 300, &[])), RIGHT, OK],
        SECRET,
        "no one-time-nonce-reused",
    );
    let next = stale(&opensips(360));
    let opensips = opensips(30);
    check(
        &[&asked(&opensips), RIGHT, OK, "+60 ", RIGHT, &next, RIGHT, OK],
        SECRET,
        "no one-time-nonce-reused\ninfo nonce-expired-by-content",
    );
}

#[test]
fn nonce_bound_to_source_changed_is_found() {
    let two = "a 198.51.100.7:61022  b 198.51.100.8:61022  server 203.0.113.10\n";
    let first = "a > server REGISTER\nserver > a 401\nWWW-Authenticate: challenge nonce=1767607200/11aa22bb33cc44dd55ee66ff77889900\n";
    let from_b = |nonce: &str, answer: &str| {
        format!(
            "b > server REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com qop=auth algorithm=MD5 nonce={nonce}\nCSeq: 2 REGISTER\nserver > b {answer}\n"
        )
    };
    let stale_too = format!("{STALE_401} nonce=1767607201/5566aa22bb33cc44dd55ee66ff778899");
    let asterisk = "1767607200/11aa22bb33cc44dd55ee66ff77889900";
    let later = LATER.replace("> O", "b > server O").replace("< 2", "server > b 2");
    check(
        &[two, first, &from_b(asterisk, &stale_too), &later],
        SECRET,
        "high nonce-bound-to-source-changed fault=path cause=source-changed by=- says=Asterisk_binds",
    );
    check(
        &[two, first, &from_b(asterisk, PLAIN_401), &later],
        NOTHING,
        "medium nonce-bound-to-source-changed sure=possible",
    );
    check(&[two, first, &from_b(asterisk, "200"), &later], SECRET, "no nonce-bound-to-source-changed");
    let recovered = from_b("none", "200")
        .replace("realm=pbx.example.com qop=auth algorithm=MD5 nonce=none", "")
        .replace("CSeq: 2", "CSeq: 3");
    check(
        &[two, first, &from_b(asterisk, &stale_too), &recovered, &later],
        SECRET,
        "medium nonce-bound-to-source-changed",
    );
    // Packets that leave by two uplinks in turn: nobody needs the password to see it.
    let answers = |who: &str, given: u32| {
        let credentials = format!("digest user=1001 password=secret realm=pbx.example.com qop=auth nonce=n{given}");
        let (cseq, next) = (given + 1, given + 1);
        format!(
            "{who} > server REGISTER\nAuthorization: {credentials}\nCSeq: {cseq} REGISTER\nserver > {who} {PLAIN_401} nonce=n{next}\n"
        )
    };
    let asked = "a > server REGISTER\nserver > a 401\nWWW-Authenticate: challenge nonce=n1\n";
    let by_turns = [two, asked, &answers("b", 1), &answers("a", 2), &answers("b", 3), &later];
    let found = "high nonce-bound-to-source-changed sure=possible by=-\nmedium rejected-credentials by=nonce-bound-to-source-changed";
    check(&by_turns, NOTHING, found);
    check(
        &[two, asked, &answers("b", 1), &answers("b", 2), &answers("b", 3), &later],
        NOTHING,
        "medium nonce-bound-to-source-changed",
    );
    // One that had served at the first address may have been too old.
    let served =
        "a > server REGISTER\nCSeq: 2 REGISTER\nAuthorization: digest user=1001 password=secret nc=1\nserver > a 200\n";
    let refreshed = from_b(asterisk, &stale_too).replace("CSeq: 2", "CSeq: 3").replace("qop=auth", "qop=auth nc=2");
    let recovered = recovered.replace("CSeq: 3", "CSeq: 4");
    check(
        &[two, first, served, "+400 ", &refreshed, &recovered, &later],
        SECRET,
        "info nonce-bound-to-source-changed sure=possible says=too_old",
    );
    // Kamailio's nonce says that it is bound to nothing.
    let free = kamailio(0, 300, &[]);
    let first = first.replace(asterisk, &format!("\"{free}\""));
    check(
        &[
            two,
            &first,
            &from_b(&format!("\"{free}\""), &format!("{STALE_401} nonce=\"{}\"", kamailio(1, 300, &[]))),
            &later,
        ],
        SECRET,
        "no nonce-bound-to-source-changed",
    );
}

#[test]
fn an_old_nonce_explains_nothing_where_new_ones_are_refused_too() {
    let old =
        |password: &str| format!("> REGISTER\nAuthorization: digest user=1001 password={password} nonce=previous\n");
    let tried = |password: &str| WRONG.replace("wrong", password);
    let talk = |password: &str| {
        [ASKED, &tried(password), REFUSED, &tried(password), REFUSED, &old(password), REFUSED, LATER].concat()
    };
    check(
        &[&talk("wrong")],
        SECRET,
        "high digest-wrong-password by=-\nmedium old-nonce-reused sure=possible by=-\nmedium challenge-loop cause=wrong-digest by=digest-wrong-password",
    );
    check(
        &[&talk("wrong")],
        NOTHING,
        "high challenge-loop cause=unknown by=-\nmedium old-nonce-reused sure=possible by=-",
    );
    check(&[&talk("secret")], SECRET, "high digest-ok-but-rejected by=-\nmedium old-nonce-reused sure=possible");
    // One that was let past before, and then is kept, is the reason.
    let kept = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=first nc=00000002\n";
    let ends = [ASKED, RIGHT, OK, "+300 ", kept, REFUSED, kept, REFUSED, kept, REFUSED, LATER].concat();
    check(&[&ends], SECRET, "high old-nonce-reused sure=proven");
    // So is one behind a mistyped password that was made good.
    let issued = |nonce: &str| format!("< 401\nWWW-Authenticate: challenge nonce={nonce}\n");
    let kept = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=bb nc=00000002\n";
    let typo = ["> REGISTER\n", &issued("aa"), WRONG, &issued("bb"), RIGHT, OK, "+300 "].concat();
    let ends = [&typo, kept, &issued("cc"), kept, &issued("dd"), kept, &issued("ee"), LATER].concat();
    check(&[&ends], SECRET, "high old-nonce-reused sure=proven by=-");
}

#[test]
fn a_server_that_answers_from_another_address_is_no_other_server() {
    let names = "phone 192.0.2.10:5060\nserver 203.0.113.5\nother 203.0.113.6\n";
    let ids = |call: &str, cseq: u32| {
        format!(
            "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK{call}{cseq};rport\nFrom: <sip:1001@pbx.example.com>;tag={call}\n\
             To: <sip:1001@pbx.example.com>\nCall-ID: {call}\nCSeq: {cseq} REGISTER\n"
        )
    };
    let refused = |from: &str, ids: &str, nonce: &str| {
        format!(
            "{from} > phone raw\nSIP/2.0 401 Unauthorized\n{ids}\
             WWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"{nonce}\", algorithm=MD5\n\n"
        )
    };
    // MD5 of 1001:pbx.example.com:secret, the nonce, and REGISTER:sip:pbx.example.com.
    let answer = "Authorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"f84f1cec\", uri=\"sip:pbx.example.com\", \
                  response=\"88a699b6346558d4d462601d677c4ac0\"\n";
    let sent =
        |ids: &str, more: &str| format!("phone > server raw\nREGISTER sip:pbx.example.com SIP/2.0\n{ids}{more}\n");
    let (first, next) = (ids("one", 1), ids("two", 2));
    let story = |refuser: &str| {
        let asked = format!("{}{}", sent(&first, ""), refused("other", &first, "f84f1cec"));
        format!("{names}{asked}{}{}", sent(&next, answer), refused(refuser, &next, "later"))
    };
    check(&[&story("server"), LATER], SECRET, "high nonce-from-other-server says=203.0.113.6");
    check(&[&story("other"), LATER], SECRET, "no nonce-from-other-server");
}
