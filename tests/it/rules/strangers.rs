//! Digests that go to the wrong party or come from the wrong place, and sources that are let in or shut out.

use sipauth::base::Network;

use super::*;

const CAST: &str = "phone 198.51.100.7  stranger 192.0.2.66  server 203.0.113.10  other 198.51.100.40\n";

/// The phone registers with its own server.
const REGISTERED: &str = "[r] phone > server REGISTER\n[r] server > phone 401\nWWW-Authenticate: challenge\n\
    [r] phone > server REGISTER\nAuthorization: digest user=1001 password=secret\n[r] server > phone 200\n";

/// A stranger calls the phone, which hangs up.
const CALLED: &str =
    "+1 [x] stranger > phone INVITE sip:1001@198.51.100.7\n[x] phone > stranger 200\n[x] stranger > phone ACK\n";
const HANGS_UP: &str = "+2 [x] phone > stranger BYE\nTo: <sip:evil@example.net>;tag=t1\n[x] stranger > phone 407\nProxy-Authenticate: challenge realm=evil.example\n";
const ANSWERS: &str = "[x] phone > stranger BYE\nTo: <sip:evil@example.net>;tag=t1\n\
    Proxy-Authorization: digest user=1001 password=secret\n[x] stranger > phone 200\n";

#[test]
fn a_digest_for_the_caller_is_a_leak() {
    check(
        &[CAST, REGISTERED, CALLED, HANGS_UP, ANSWERS],
        SECRET,
        "critical digest-leak sure=likely fault=client by=-\nno challenge-unanswered in-dialog-challenge-unanswered",
    );
    check(
        &[CAST, CALLED, HANGS_UP, ANSWERS],
        SECRET,
        "medium digest-leak sure=possible says=does_not_show_another_server",
    );
    check(
        &[CAST, REGISTERED, HANGS_UP, ANSWERS],
        SECRET,
        "medium digest-leak sure=possible says=begins_within_the_dialog",
    );
    // Another address of the carrier names the carrier's realm, and so may a thief.
    let same_realm = HANGS_UP.replace(" realm=evil.example", "");
    check(
        &[CAST, REGISTERED, CALLED, &same_realm, ANSWERS],
        SECRET,
        "high digest-leak sure=possible says=realm_of_the_client's_own_server",
    );
    // Nor is another server of the phone: who asks may be its own.
    check(&[CAST, HANGS_UP, ANSWERS], SECRET, "clean\ninfo digest-leak sure=possible says=perhaps");
}

#[test]
fn a_tool_for_attacks_is_nobodys_own_server() {
    let called = CALLED.replace("INVITE sip:1001@198.51.100.7\n", "INVITE sip:1001@198.51.100.7\nUser-Agent: sippts\n");
    let facts = "critical digest-leak sure=likely fault=client says=a_tool_for_attacks\nno accepted-with-other-secret";
    // The capture shows no other server of the phone, or one beside it, or one that names the same realm.
    check(&[CAST, &called, HANGS_UP, ANSWERS], SECRET, facts);
    let beside = CAST.replace("203.0.113.10", "192.0.2.10");
    check(&[&beside, REGISTERED, &called, HANGS_UP, ANSWERS], "1001,evil.example,other\n", facts);
    check(&[CAST, REGISTERED, &called, &HANGS_UP.replace(" realm=evil.example", ""), ANSWERS], SECRET, facts);
    // Through a proxy, the proxy may be the one that asks.
    let proxied = called.replace(
        "User-Agent",
        "Via: SIP/2.0/UDP 192.0.2.66;branch=z9hG4bK2\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\nUser-Agent",
    );
    check(&[CAST, &proxied, HANGS_UP, ANSWERS], SECRET, "medium digest-leak sure=possible");
}

#[test]
fn what_the_other_party_of_a_call_accepts_says_nothing_of_a_secret() {
    let beside = CAST.replace("203.0.113.10", "192.0.2.10");
    let capture = [&beside, REGISTERED, CALLED, HANGS_UP, ANSWERS];
    check(&capture, "1001,*,other\n", "medium digest-leak sure=possible\nmedium accepted-with-other-secret sessions=1");
    let report = analyse(&capture, "1001,evil.example,other\n");
    assert!(!report.findings.iter().any(|finding| finding.rule == "accepted-with-other-secret"), "{}", shown(&report));
}

#[test]
fn a_phone_that_does_not_answer_the_caller_is_right() {
    let later = "+60 [l] other > server OPTIONS\n[l] server > other 200\n";
    let capture = [CAST, REGISTERED, CALLED, HANGS_UP, later];
    check(&capture, SECRET, "medium digest-leak says=nothing_leaked");
    let report = analyse(&capture, SECRET);
    let worse = report.findings.iter().filter(|finding| matches!(finding.severity, "high" | "critical"));
    assert_eq!(worse.count(), 0, "{}", shown(&report));
}

#[test]
fn challenges_of_the_own_server_are_no_leak() {
    // The phone registers with who calls it, or calls through it.
    let registered = REGISTERED.replace("server", "stranger");
    check(&[CAST, &registered, CALLED, HANGS_UP, ANSWERS], SECRET, "no digest-leak");
    let called = "[x] phone > stranger INVITE\n[x] stranger > phone 200\n[x] phone > stranger ACK\n";
    check(&[CAST, REGISTERED, called, HANGS_UP, ANSWERS], SECRET, "no digest-leak");
}

/// The phone's credentials, sent by `who` under `call`.
fn replayed(who: &str, call: &str, params: &str) -> String {
    format!(
        "+6 [{call}] {who} > server REGISTER\n{params}\n[{call}] server > {who} 401\nWWW-Authenticate: challenge stale=true\n"
    )
}

/// The phone registers with a digest that can be copied.
fn first(challenge: &str, digest: &str) -> String {
    format!(
        "phone > server REGISTER\nserver > phone 401\nWWW-Authenticate: challenge nonce=n1 {challenge}\nphone > server REGISTER\n\
         Authorization: digest user=1001 password=secret {digest}\nserver > phone 200\n"
    )
}

const COPY: &str = "Authorization: digest user=1001 password=secret realm=pbx.example.com nonce=n1 uri=sip:pbx.example.com \
    nc=00000001 cnonce=own qop=auth";

#[test]
fn the_same_digest_from_elsewhere_is_a_replay() {
    check(
        &[CAST, &first("", "cnonce=own"), &replayed("stranger", "x", COPY)],
        SECRET,
        "critical replay-suspected sure=likely fault=client by=-\nno digest-leak",
    );
}

#[test]
fn a_phone_that_moved_and_proves_its_password_replays_nothing() {
    let fresh = "[x] stranger > server REGISTER\nAuthorization: digest user=1001 password=secret cnonce=new\n[x] server > stranger 200\n";
    check(
        &[CAST, &first("", "cnonce=own"), &replayed("stranger", "x", COPY), fresh],
        SECRET,
        "medium replay-suspected sure=possible says=holds_the_password",
    );
    // Without qop, whoever moves sends the same digest for the same nonce.
    let bare = "Authorization: digest user=1001 password=secret realm=pbx.example.com nonce=n1 uri=sip:pbx.example.com qop=none";
    let fresh_bare = "[x] stranger > server REGISTER\nAuthorization: digest user=1001 password=secret qop=none\n[x] server > stranger 200\n";
    let moved = [CAST, &first("qop=none", "qop=none"), &replayed("stranger", "x", bare)].concat();
    check(&[&moved, fresh_bare], SECRET, "info replay-suspected sure=possible says=holds_the_password");
    check(&[&moved], SECRET, "medium replay-suspected sure=possible");
    // That the repeat itself was let past proves nothing.
    let accepted = replayed("stranger", "x", COPY).replace("401\nWWW-Authenticate: challenge stale=true", "200");
    check(&[CAST, &first("", "cnonce=own"), &accepted], SECRET, "critical replay-suspected");
    let again = accepted.replace("[x]", "[y]");
    check(&[CAST, &first("", "cnonce=own"), &accepted, &again], SECRET, "critical replay-suspected");
}

#[test]
fn strangers_of_one_network_do_not_vouch_for_each_other() {
    let (cast, second) =
        (CAST.replace("192.0.2.66", "192.0.2.66  second 192.0.2.67"), [CALLED, HANGS_UP, ANSWERS].concat());
    let second = second.replace("stranger", "second").replace("[x]", "[y]");
    let report = analyse(&[&cast, REGISTERED, CALLED, HANGS_UP, ANSWERS, &second], SECRET);
    let leaks =
        report.findings.iter().filter(|finding| finding.rule == "digest-leak" && finding.severity == "critical");
    assert_eq!(leaks.count(), 2, "{}", shown(&report));
}

#[test]
fn a_neighbour_of_the_own_server_may_be_of_the_same_carrier() {
    let cast = CAST.replace("192.0.2.66", "203.0.113.66");
    check(
        &[&cast, REGISTERED, CALLED, HANGS_UP, ANSWERS],
        SECRET,
        "medium digest-leak sure=possible says=the_same_carrier\nno challenge-unanswered",
    );
}

#[test]
fn who_called_is_said_where_it_is_seen() {
    check(&[CAST, REGISTERED, HANGS_UP, ANSWERS], SECRET, "medium digest-leak says=the_other_party_of_a_call");
    check(&[CAST, REGISTERED, CALLED, HANGS_UP, ANSWERS], SECRET, "critical digest-leak says=which_had_called_it");
}

#[test]
fn without_a_nonce_of_the_clients_own_a_replay_is_possible() {
    let copy = "Authorization: digest user=1001 password=secret realm=pbx.example.com nonce=n1 uri=sip:pbx.example.com qop=none";
    check(
        &[CAST, &first("qop=none", ""), &replayed("stranger", "x", copy)],
        SECRET,
        "medium replay-suspected sure=possible says=has_moved",
    );
}

#[test]
fn what_passes_a_proxy_or_changes_its_address_is_no_replay() {
    // The server sends on what it got, under a Call-ID of its own.
    let passed_on = format!("+0.01 [b] server > other REGISTER\n{COPY}\n[b] other > server 200\n");
    check(&[CAST, &first("", "cnonce=own"), &passed_on], SECRET, "no replay-suspected");
    // The same request from a new address.
    let rebound = "phone > server REGISTER\nCall-ID: one\nCSeq: 1 REGISTER\nserver > phone 401\nWWW-Authenticate: challenge nonce=n1\n\
        phone > server REGISTER\nCall-ID: one\nCSeq: 2 REGISTER\nAuthorization: digest user=1001 password=secret cnonce=own\n\
        +1 stranger > server REGISTER\nCall-ID: one\nCSeq: 2 REGISTER\n";
    let rebound = format!("{rebound}{COPY}\nserver > stranger 200\n");
    check(&[CAST, &rebound], SECRET, "no replay-suspected");
    // The same address again: that is another rule's matter.
    check(&[CAST, &first("", "cnonce=own"), &replayed("phone", "x", COPY)], SECRET, "no replay-suspected");
}

/// A call through a proxy that asks for credentials.
const THROUGH_PROXY: &str = "client 198.51.100.7  proxy 203.0.113.10  carrier 192.0.2.130\n\
    client > proxy INVITE\nproxy > client 407\nProxy-Authenticate: challenge\nclient > proxy ACK\nclient > proxy INVITE\n\
    Proxy-Authorization: digest user=1001 password=secret\n";

#[test]
fn credentials_that_travel_beyond_their_proxy_are_noted() {
    let answered = "carrier > proxy 486\nproxy > client forward\nproxy > carrier ACK\nclient > proxy ACK\n";
    check(
        &[THROUGH_PROXY, "proxy > carrier forward\n", answered],
        SECRET,
        "info credentials-to-foreign-host fault=server sure=proven\nclean",
    );
    let removed = "proxy > carrier forward\nProxy-Authorization: -\n";
    check(&[THROUGH_PROXY, removed, answered], SECRET, "no credentials-to-foreign-host");
    // The next host asks for the realm itself.
    let asks = "proxy > carrier forward\ncarrier > proxy 407\nProxy-Authenticate: challenge\nproxy > client forward\n";
    check(&[THROUGH_PROXY, asks], SECRET, "no credentials-to-foreign-host");
}

#[test]
fn credentials_for_who_stands_behind_a_proxy_must_travel() {
    let edge = "phone 198.51.100.7  edge 203.0.113.10  core 10.0.0.5\n\
        phone > edge INVITE\nedge > core forward\ncore > edge 407\nProxy-Authenticate: challenge\nedge > phone forward\n\
        edge > core ACK\nphone > edge ACK\nphone > edge INVITE\nProxy-Authorization: digest user=1001 password=secret\n\
        edge > core forward\ncore > edge 200\nedge > phone forward\n";
    check(&[edge], SECRET, "no credentials-to-foreign-host");
}

fn logins(count: usize, wait: u32) -> String {
    (0..count)
        .map(|index| {
            format!(
                "s{index} 192.0.2.{}\n+{wait} [s{index}] s{index} > server REGISTER\n[s{index}] server > s{index} 401\n\
                 WWW-Authenticate: challenge\n[s{index}] s{index} > server REGISTER\n\
                 Authorization: digest user=1001 password=secret\n[s{index}] server > s{index} 200\n",
                index + 10
            )
        })
        .collect()
}

#[test]
fn an_account_that_is_used_from_many_addresses_is_spread() {
    check(&[&logins(12, 5)], SECRET, "medium spread-account-use says=12_addresses fault=operator\nno replay-suspected");
    check(&[&logins(9, 5)], SECRET, "no spread-account-use\nclean");
    check(&[&logins(12, 300)], SECRET, "no spread-account-use\nclean");
}

/// Six refusals of the phone.
fn refusals() -> String {
    let again = "+2 phone > server REGISTER\nAuthorization: digest user=1001 password=wrong\nserver > phone 401\nWWW-Authenticate: challenge\n";
    format!("phone > server REGISTER\nserver > phone 401\nWWW-Authenticate: challenge\n{}", again.repeat(6))
}

const UNHEARD: &str = "+2 phone > server REGISTER\nAuthorization: digest user=1001 password=wrong\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n";
const OTHER: &str = "+5 [o] other > server OPTIONS\n[o] server > other 200\n";

#[test]
fn silence_for_one_after_refusals_is_a_block() {
    check(
        &[CAST, &refusals(), UNHEARD, OTHER, "+40 [o] other > server OPTIONS\n[o] server > other 200\n"],
        SECRET,
        "
        medium blocked-after-failures sure=likely fault=operator by=-
        high digest-wrong-password
        medium no-response-at-all by=blocked-after-failures",
    );
}

#[test]
fn silence_that_is_not_for_one_alone_is_no_block() {
    // Nobody else is answered.
    let others = "+5 [o] other > server OPTIONS\n+40 [o] other > server OPTIONS\n";
    check(&[CAST, OTHER, &refusals(), UNHEARD, others], SECRET, "no blocked-after-failures");
    // The source is answered later.
    let again = "+1 [n] phone > server OPTIONS\n[n] server > phone 200\n";
    check(&[CAST, &refusals(), UNHEARD, again, OTHER], SECRET, "no blocked-after-failures");
    // It was never refused.
    check(
        &[CAST, REGISTERED, "+2 [r] phone > server REGISTER\n+0.5 retransmit\n+1 retransmit\n+2 retransmit\n", OTHER],
        SECRET,
        "no blocked-after-failures",
    );
}

const UNASKED: &str = "+4 [b] stranger > server REGISTER\nFrom: <sip:77@pbx.example.com>;tag=8\nTo: <sip:77@pbx.example.com>\n[b] server > stranger 200\n";

#[test]
fn a_public_address_that_is_not_asked_is_noted() {
    check(&[CAST, REGISTERED, UNASKED], SECRET, "medium accepted-without-credentials sure=possible fault=operator");
    check(&[CAST, UNASKED, REGISTERED], SECRET, "medium accepted-without-credentials sure=possible");
}

#[test]
fn whoever_may_come_unasked_is_not_noted() {
    // Nobody is asked.
    check(&[CAST, UNASKED], SECRET, "no accepted-without-credentials");
    // A private address, and one that authenticated before.
    let private = CAST.replace("192.0.2.66", "192.168.1.66");
    check(&[&private, REGISTERED, UNASKED], SECRET, "no accepted-without-credentials");
    let authenticated = REGISTERED.replace("phone", "stranger").replace("[r]", "[q]");
    check(&[CAST, REGISTERED, &authenticated, UNASKED], SECRET, "no accepted-without-credentials");
    // Another method is asked for.
    let call = "+4 [b] stranger > server INVITE\n[b] server > stranger 200\n[b] stranger > server ACK\n";
    check(&[CAST, REGISTERED, call], SECRET, "no accepted-without-credentials");
}

#[test]
fn trusted_networks_may_come_unasked() {
    let capture = crate::scenario::pcap(&[CAST, REGISTERED, UNASKED].concat());
    let severity = |trusted: &str| {
        let trusted: Vec<Network> = vec![trusted.parse().expect("a network")];
        let mut analyzer = Analyzer::new(Settings { trusted, ..Settings::default() });
        let mut reader = Reader::open(Box::new(std::io::Cursor::new(capture.clone())), InputId(0), &Limits::default())
            .expect("a capture");
        while let Ok(Some(record)) = reader.next_record() {
            analyzer.push(&record);
        }
        let report = analyzer.finish();
        let found = report.findings.iter().find(|finding| finding.rule == "accepted-without-credentials");
        found.expect("it is found").severity
    };
    assert_eq!((severity("192.0.2.0/24"), severity("192.0.3.0/24")), ("info", "medium"));
}

/// A REGISTER that is asked, answers with that password and gets that answer, a minute after the last.
fn registers(passwords: &[&str]) -> String {
    let one = |password: &&str| {
        let answer = if *password == "secret" { "200" } else { "401\nWWW-Authenticate: challenge" };
        format!(
            "+60 > REGISTER\n< 401\nWWW-Authenticate: challenge\n> REGISTER\n\
             Authorization: digest user=1001 password={password}\n< {answer}\n"
        )
    };
    passwords.iter().map(one).collect()
}

#[test]
fn an_account_that_comes_and_goes_is_flapping() {
    let both = ["secret", "wrong", "secret", "wrong", "secret", "wrong", "secret"];
    check(&[&registers(&both)], SECRET, "medium registration-flapping sure=likely fault=unknown\nno brute-force");
    check(&[&registers(&both[..5])], SECRET, "no registration-flapping");
    check(
        &[&registers(&["wrong", "wrong", "wrong", "wrong", "secret", "secret", "secret"])],
        SECRET,
        "no registration-flapping",
    );
}

#[test]
fn nonces_that_run_out_are_no_flapping() {
    let refresh = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret\n< 401\nWWW-Authenticate: challenge\n\
                   > REGISTER\nAuthorization: digest user=1001 password=secret\n< 200\n";
    check(&[ASKED, RIGHT, OK, &refresh.repeat(6)], SECRET, "no registration-flapping brute-force");
    // Nor where the client gives up, and begins anew under another Call-ID.
    let begins = |number: usize| {
        let right = format!("[c{number}] > REGISTER\nAuthorization: digest user=1001 password=secret\n");
        let asked = format!("[c{number}] < 401\nWWW-Authenticate: challenge\n");
        format!("[c{number}] > REGISTER\n{asked}{right}[c{number}] < 200\n+55 {right}{asked}")
    };
    let all: String = (0..5).map(|number| format!("+30 {}", begins(number))).collect();
    for secret in [SECRET, NOTHING] {
        let report = analyse(&[&all, LATER], secret);
        assert!(report.findings.iter().all(|finding| finding.rule != "registration-flapping"), "{}", shown(&report));
    }
}

#[test]
fn what_is_no_network_is_wrong_use() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("one.pcap"), crate::scenario::pcap(ASKED)).expect("it can be written");
    let run = |network: &str| {
        let mut command = crate::run::sipauth(folder.path());
        crate::run::run(command.args(["analyze", "--fail-on", "never", "--trusted", network, "one.pcap"]))
    };
    let wrong = run("pbx.example.com");
    assert!(wrong.code == 2 && wrong.stderr.contains("192.0.2.0/24"), "{} {}", wrong.code, wrong.stderr);
    assert_eq!(run("2001:db8::/32").code, 0);
}

/// Calls of one address, each from another port, in another name and to another number.
fn calls_from_ports(address: &str, count: usize, last: &str) -> String {
    (0..count)
        .map(|call| {
            format!(
                "bot{call} {address}:{}\n+20 [b{call}] bot{call} > server INVITE sip:0044{call:04}@pbx.example.com\n\
                 From: <sip:1{call:02}@pbx.example.com>;tag=b\nTo: <sip:0044{call:04}@pbx.example.com>\n\
                 [b{call}] server > bot{call} 401\nWWW-Authenticate: challenge\n{last}",
                5080 + call
            )
        })
        .collect()
}

#[test]
fn a_stranger_who_calls_from_a_new_port_each_time_is_one_attacker() {
    let phone = "[r] > REGISTER\n[r] < 401\nWWW-Authenticate: challenge\n\
        [r] > REGISTER\nAuthorization: digest user=1001 password=secret\n[r] < 200\n";
    for count in [8, 12] {
        check(
            &[phone, &calls_from_ports("45.9.9.9", count, ""), LATER],
            NOTHING,
            "medium user-enumeration sure=likely fault=client says=numbers_and_is_let_past_for_none unsaid=alwaysauthreject
            no challenge-unanswered
            untold did not get in
            told attacks: 1 user enumeration",
        );
    }
    // A few calls, those of a network of one's own, and those of who repeats them or registers are no stranger's.
    let spared = "no user-enumeration\nhigh challenge-unanswered";
    check(&[phone, &calls_from_ports("45.9.9.9", 6, ""), LATER], NOTHING, spared);
    check(&[phone, &calls_from_ports("10.9.9.9", 12, ""), LATER], NOTHING, spared);
    let repeated = calls_from_ports("45.9.9.9", 12, "").replace("[b3] server >", "+0.5 retransmit\n[b3] server >");
    check(&[phone, &repeated, LATER], NOTHING, spared);
    let registers = "bot 45.9.9.9:5070\n[x] bot > server REGISTER\n[x] server > bot 401\nWWW-Authenticate: challenge\n\
        [x] bot > server REGISTER\nAuthorization: digest user=1001 password=secret\n[x] server > bot 200\n";
    check(&[registers, &calls_from_ports("45.9.9.9", 12, ""), LATER], NOTHING, spared);
}
