//! What clients and servers of the field did, as their users' tickets tell it: each was once said wrongly, or not at all.

use super::*;

const WITHOUT_NONCE: &str = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", \
    uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\"\n";

/// The right answer, but for these parameters.
fn right(odd: &str) -> String {
    format!("> REGISTER\nAuthorization: digest user=1001 password=secret {odd}\n")
}

#[test]
fn a_nonce_that_is_left_out_is_the_clients_fault() {
    let empty = right("nonce=\"\"");
    for secret in [SECRET, NOTHING] {
        check(
            &[ASKED, &empty, REFUSED],
            secret,
            "high nonce-altered fault=client sure=proven by=- says=leaves_it_empty\nno digest-ok-but-rejected",
        );
        check(
            &[ASKED, WITHOUT_NONCE, REFUSED],
            secret,
            "high nonce-altered fault=client sure=proven by=- says=has_none",
        );
        check(
            &[ASKED, &empty, REFUSED, &empty, REFUSED],
            secret,
            "high nonce-altered says=leaves_it_empty\nmedium challenge-loop fault=client by=nonce-altered",
        );
        check(
            &[ASKED, &empty, "< 403\n"],
            secret,
            "high nonce-altered\nmedium forbidden-after-credentials by=nonce-altered",
        );
    }
    check(&[ASKED, &empty, REFUSED], NOTHING, "medium rejected-credentials by=nonce-altered unsaid=too_old");
}

#[test]
fn a_nonce_is_not_left_out_by_who_has_not_been_given_one() {
    // An IMS phone begins with all of it empty (RFC 3310 section 4), also when it begins anew.
    let initial = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"\", \
        uri=\"sip:pbx.example.com\", response=\"\"\n";
    check(&[initial, REFUSED, "+40 ", initial, REFUSED], NOTHING, "no nonce-altered");
    check(&[&right("nonce=\"\""), REFUSED, RIGHT, OK], SECRET, "no nonce-altered\nsessions accepted");
    let both = RIGHT.trim_end().to_owned()
        + "\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", \
        nonce=\"\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\"\n";
    check(&[ASKED, &both, REFUSED], SECRET, "no nonce-altered");
}

#[test]
fn a_nonce_count_that_goes_on_with_a_new_nonce_is_why_a_right_digest_is_refused() {
    let counted = |count: u32| right(&format!("nc={count:08}"));
    let loops = [&counted(2), REFUSED, &counted(3), REFUSED, &counted(4), REFUSED].concat();
    check(
        &[ASKED, RIGHT, OK, "+30 ", &loops],
        SECRET,
        "high nc-not-reset fault=client sure=likely by=-\nmedium digest-ok-but-rejected by=nc-not-reset\n\
         medium challenge-loop by=nc-not-reset",
    );
    // Without the secret it is one oddity, and what is said of the first nonce holds for that alone.
    let two = [&counted(2), REFUSED, &counted(3), REFUSED].concat();
    check(
        &[ASKED, RIGHT, OK, "+30 ", &two],
        NOTHING,
        "high rejected-credentials unsaid=had_been_good\nmedium nc-not-reset sure=likely",
    );
    // A server that takes it from the same client does not mind.
    check(&[ASKED, RIGHT, OK, "+30 ", &two, &counted(4), OK], SECRET, "verdict ok\nmedium nc-not-reset");
    check(&[ASKED, RIGHT, REFUSED, RIGHT, REFUSED], SECRET, "high digest-ok-but-rejected by=-\nno nc-not-reset");
}

#[test]
fn another_from_tag_stands_before_the_servers_secret() {
    let tagged = |tag: &str| format!("> INVITE\nFrom: <sip:1001@pbx.example.com>;tag={tag}\n");
    let asked = format!("{}< 407\nProxy-Authenticate: challenge\n> ACK\n", tagged("one"));
    let answer = |tag: &str| tagged(tag) + "Proxy-Authorization: digest user=1001 password=secret\n";
    check(
        &[&asked, &answer("two"), CALL_REFUSED],
        SECRET,
        "high dialog-identity-changed fault=client sure=possible by=-\nmedium digest-ok-but-rejected by=dialog-identity-changed",
    );
    check(&[&asked, &answer("one"), CALL_REFUSED], SECRET, "high digest-ok-but-rejected\nno dialog-identity-changed");
    check(&[&asked, &answer("two"), CALL_OK], SECRET, "verdict ok\nmedium dialog-identity-changed");
}

#[test]
fn a_list_that_is_sent_back_as_qop_is_the_clients_fault() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1 qop=\"auth,auth-int\"\n";
    let list = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n1\", \
        uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\", cnonce=\"c\", nc=00000001, qop=\"auth,auth-int\"\n";
    let odd = "high qop-not-offered fault=client sure=likely by=- says=whole_list";
    check(&[asked, list, REFUSED], NOTHING, &format!("{odd}\nmedium rejected-credentials by=qop-not-offered"));
    // A wrong secret may be hashed in any way.
    check(&[asked, list, REFUSED], SECRET, &format!("{odd}\nno digest-wrong-password"));
    check(&[asked, list, OK], NOTHING, "verdict ok\nmedium qop-not-offered");
    // Without quotes the rest of the list is no value.
    let unquoted = right("qop=\"auth,auth-int\"");
    check(&[asked, &unquoted, REFUSED], SECRET, "high digest-near-miss cause=qop-other");
    check(
        &[asked, &right("qop=undefined"), "< 403\n"],
        SECRET,
        "high qop-not-offered says=undefined says=digest_is_right by=-",
    );
    check(&[asked, &right("qop=auth"), REFUSED], SECRET, "no qop-not-offered");
}

#[test]
fn an_algorithm_that_is_left_out_may_be_why_a_right_digest_is_refused() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=MD5\n";
    let without = right("algorithm=none");
    let unnamed = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"n1\", qop=\"auth\"\n";
    check(
        &[asked, &without, REFUSED],
        SECRET,
        "high digest-ok-but-rejected fault=client sure=possible says=write_the_algorithm excludes=wrong_password",
    );
    check(&[asked, &without, "< 400\n"], SECRET, "medium malformed-credentials sure=possible says=write_the_algorithm");
    // Where the server took them so, or names none, it is no reason.
    check(&[asked, &without, OK, "+30 ", &without, REFUSED, &without, REFUSED], SECRET, "no digest-wrong-password");
    check(&[unnamed, &without, REFUSED], SECRET, "high digest-ok-but-rejected unsaid=write_the_algorithm");
    check(&[asked, RIGHT, REFUSED], SECRET, "high digest-ok-but-rejected unsaid=write_the_algorithm");
}

#[test]
fn a_server_that_names_a_uri_does_not_mean_the_user_name() {
    let answer = "> INVITE\nProxy-Authorization: digest user=trunk password=secret\n";
    let secret = "trunk,*,secret\n";
    let named = "< 403 Proxy auth uri does not match SIP \"to\" uri\n";
    check(
        &[CALL_ASKED, answer, named],
        secret,
        "high forbidden-after-credentials fault=unknown says=Compare_the_uri\ninfo username-not-aor",
    );
    check(
        &[CALL_ASKED, answer, "< 403\n"],
        secret,
        "high forbidden-after-credentials fault=operator unsaid=Compare_the_uri\nmedium username-not-aor",
    );
}

#[test]
fn who_is_refused_when_it_leaves_is_not_nothing_to_tell() {
    let leaving = |authorization: &str| format!("> REGISTER\nExpires: 0\n{authorization}");
    let asked = leaving("") + "< 401\nWWW-Authenticate: challenge\n";
    let right = leaving("Authorization: digest user=1001 password=secret\n");
    let told = "verdict problems\ntold 1 of 1 client was not seen to get in: 1 stale nonce ignored\nsessions refused";
    check(&[&asked, &right, STALE, LATER], SECRET, told);
    check(&[&asked, &right, STALE, LATER], NOTHING, told);
    // Whoever had been let in leaves by itself in the end, and a client that powers off answers no challenge.
    check(&[ASKED, RIGHT, OK, "+30 ", &right, STALE, LATER], SECRET, "untold get in\nuntold did not");
    let other = |steps: &str| steps.replace("> REG", "[other] > REG").replace("< ", "[other] < ");
    check(&[ASKED, RIGHT, OK, "+30 ", &other(&[&asked, &*right, STALE].concat()), LATER], SECRET, "verdict ok");
    check(&[&asked, LATER], NOTHING, "verdict nothing_found");
    // The capture may end before the client tries the new nonce.
    check(&[&asked, &right, STALE], NOTHING, "verdict nothing_found");
}

const RINGS: &str = "< 180\n";
const CALLED_OFF: &str = "+3 > CANCEL\n< 200\n< 487\nCSeq: 2 INVITE\n> ACK\n";

#[test]
fn a_call_that_rings_with_credentials_was_let_past() {
    for end in [LATER, CALLED_OFF, "+3 > CANCEL\n< 481\n"] {
        for secret in [SECRET, NOTHING] {
            check(&[CALL_ASKED, CALL_RIGHT, RINGS, end], secret, "verdict ok\ntold The client authenticated");
        }
    }
    // 100 comes from whoever has the request, and a server that rings before it asks has let nobody past.
    check(&[CALL_ASKED, CALL_RIGHT, "< 100\n", LATER], SECRET, "verdict nothing_found");
    let late = "> INVITE\n< 183\n< 407\nProxy-Authenticate: challenge\n> ACK\n";
    check(&[late, CALL_RIGHT, "< 183\n", LATER], SECRET, "verdict nothing_found");
    check(&[CALL_ASKED, CALL_RIGHT, RINGS, CALL_REFUSED], SECRET, "verdict problems");
    check(&[CALL_ASKED, CALL_WRONG, RINGS, LATER], SECRET, "untold authenticated;");
}

#[test]
fn a_nonce_count_of_a_call_that_rang_is_why_the_next_one_is_forbidden() {
    let call = |name: &str, steps: &str| {
        let lines = steps.lines().map(|line| match line.starts_with(['>', '<', '+']) {
            true if line.starts_with('+') => line.replacen(' ', &format!(" [{name}] "), 1),
            true => format!("[{name}] {line}"),
            false => line.to_owned(),
        });
        lines.fold(String::new(), |all, line| all + &line + "\n")
    };
    let rang = call("one", &[CALL_ASKED, CALL_RIGHT, RINGS, CALLED_OFF].concat());
    let again = |count: &str| {
        let credentials = format!("Proxy-Authorization: digest user=1001 password=secret of=2 {count}\n");
        "+8 ".to_owned() + &call("two", &format!("> INVITE\n{credentials}< 403\n> ACK\n"))
    };
    check(
        &[&rang, &again("nc=00000001"), LATER],
        SECRET,
        "high nc-repeated fault=client sure=possible by=- says=a_new_count_would_show\n\
         medium forbidden-after-credentials by=nc-repeated says=so_does_the_server\ntold got in at first",
    );
    // With a count of its own, it is that call which is forbidden.
    check(&[&rang, &again("nc=00000002"), LATER], SECRET, "high forbidden-after-credentials by=-\nno nc-repeated");
    check(&[&rang, &again("nc=00000001"), LATER], NOTHING, "high forbidden-after-credentials by=-");
}

#[test]
fn headers_that_were_cut_may_hold_the_answer_to_a_challenge() {
    let cut = |len: u32, rest: &[&str]| {
        let capture = format!("snaplen {len}\n") + &rest.concat();
        analyse(&[&capture], NOTHING).summary.headlines.join("; ")
    };
    let all = [ASKED, RIGHT, REFUSED, RIGHT, REFUSED];
    for len in (150..700).step_by(10) {
        let told = cut(len, &all);
        let is_told = told.contains("cut") || told.contains("did not get in");
        assert!(is_told && !told.contains("the capture ends before"), "{len}: {told}");
    }
    let padded = format!("> REGISTER\nCSeq: 2 REGISTER\nX-Long: {}\n", "x".repeat(400));
    let told = cut(600, &[ASKED, &padded, "< 401\nCSeq: 2 REGISTER\nWWW-Authenticate: challenge\n"]);
    assert!(!told.contains("the capture ends before"), "{told}");
    // A whole capture that ends behind the challenge says so.
    check(&[ASKED], NOTHING, "told the capture ends before the client could answer its challenge");
}

#[test]
fn a_gateway_that_got_in_with_another_realm_is_told_so() {
    let registered = "[reg] > REGISTER\nFrom: <sip:trunk@pbx.example.com>;tag=g\nTo: <sip:trunk@pbx.example.com>\n[reg] < 401\nWWW-Authenticate: \
        challenge\n[reg] > REGISTER\nFrom: <sip:trunk@pbx.example.com>;tag=g\nTo: <sip:trunk@pbx.example.com>\nAuthorization: digest user=trunk password=secret\n\
        [reg] < 200\n";
    let call = |from: &str, realm: &str| {
        format!(
            "+60 [call] {from} > server INVITE\nFrom: <sip:0115550199@pbx.example.com>;tag=c\n[call] {from} < server 401\nWWW-Authenticate: \
             challenge realm={realm}\n[call] {from} > server ACK\n"
        )
    };
    let report = analyse(&[&call("client", "itsp-2"), LATER], NOTHING);
    let finding = report.findings.iter().find(|finding| finding.rule == "challenge-unanswered").expect("it is found");
    assert!(finding.remedy[0].contains("user name, password and realm"), "{:?}", finding.remedy);
    assert!(finding.remedy[1].starts_with("Where that is not it"), "{:?}", finding.remedy);
    check(
        &[registered, &call("client", "itsp-2"), LATER],
        NOTHING,
        "high challenge-unanswered cause=second-realm fault=client sure=likely says=answer_realm_\"itsp-2\" says=address_and_port_trunk",
    );
    // The same realm, another port, and several accounts behind one port are no such gateway.
    check(
        &[registered, &call("client", "pbx.example.com"), LATER],
        NOTHING,
        "high challenge-unanswered unsaid=second-realm",
    );
    check(
        &["other 198.51.100.7:5070\n", registered, &call("other", "itsp-2"), LATER],
        NOTHING,
        "high challenge-unanswered cause=challenge-kind unsaid=address_and_port",
    );
    let second = registered.replace("[reg]", "[two]").replace("trunk", "desk");
    check(
        &[registered, &second, &call("client", "itsp-2"), LATER],
        NOTHING,
        "high challenge-unanswered cause=challenge-kind unsaid=address_and_port",
    );
}

/// A REGISTER with credentials for these realms, and a challenge for another one.
fn by_turns(sent: &[(&str, &str)], asked: (&str, &str)) -> String {
    let mut text = "> REGISTER\n".to_owned();
    for (realm, nonce) in sent {
        text += &format!("Authorization: digest user=1001 password=secret realm={realm} nonce={nonce} of={nonce}\n");
    }
    text + &format!("< 401\nWWW-Authenticate: challenge realm={} nonce={}\n", asked.0, asked.1)
}

#[test]
fn nodes_with_a_realm_each_that_take_turns_are_no_nonce_that_grew_old() {
    let (a1, b2, a3, b4, a5) = (("a", "n1"), ("b", "n2"), ("a", "n3"), ("b", "n4"), ("a", "n5"));
    let turns = [
        by_turns(&[], a1),
        by_turns(&[a1], b2),
        by_turns(&[a1, b2], a3),
        by_turns(&[a3, b2], b4),
        by_turns(&[a3, b4], a5),
    ];
    let turns: Vec<&str> = turns.iter().map(String::as_str).chain([LATER]).collect();
    check(
        &turns,
        SECRET,
        "high nonce-from-other-server fault=server sure=likely by=- says=for_\"a\"_and_for_\"b\"_by_turns says=the_same_realm\n\
         no nonce-rejected-without-stale\nmedium digest-ok-but-rejected by=nonce-from-other-server",
    );
    check(
        &turns,
        NOTHING,
        "high nonce-from-other-server sure=possible says=a_wrong_one_looks_the_same\n\
         medium rejected-credentials by=nonce-from-other-server unsaid=had_been_good unsaid=was_accepted",
    );
    // One change may be anything, and a nonce that had been good for a request may have grown too old.
    check(&[turns[0], turns[1], turns[2], LATER], SECRET, "no nonce-from-other-server nonce-rejected-without-stale");
    let old = by_turns(&[a1], a3);
    check(
        &[turns[0], "> REGISTER\nAuthorization: digest user=1001 password=secret realm=a\n< 200\n+30 ", &old, LATER],
        SECRET,
        "high nonce-rejected-without-stale\nno nonce-from-other-server",
    );
}

#[test]
fn another_accounts_credentials_stand_before_the_servers_secret() {
    let refer = |from: &str, more: &str| format!("> REFER\nFrom: <sip:{from}@pbx.example.com>;tag=r\n{more}");
    let credentials = "Authorization: digest user=sales password=secret\n";
    let story =
        |from: &str| refer(from, "") + "< 401\nWWW-Authenticate: challenge\n" + &refer(from, credentials) + REFUSED;
    let secret = "sales,*,secret\n";
    check(
        &[&story("desk"), LATER],
        secret,
        "high digest-ok-but-rejected fault=unknown says=\"sales\"_is_not_that_of says=answers_the_REFER_with_another_one",
    );
    // The account's own address, and the number of somebody who calls by way of it, say nothing.
    for from in ["sales", "+39061555"] {
        check(
            &[&story(from), LATER],
            secret,
            "high digest-ok-but-rejected fault=server sure=likely unsaid=answers_the_REFER",
        );
    }
    // Nor is it the name where the server takes the one for the other.
    let taken = story("desk") + &refer("desk", credentials) + "< 202\n+30 " + &refer("desk", credentials) + REFUSED;
    check(&[&taken, LATER], secret, "medium digest-ok-but-rejected fault=server unsaid=allows_no_such_thing");
}

#[test]
fn who_was_challenged_within_a_call_is_told_by_the_answer_alone() {
    let begun = "> INVITE\n< unseen 200\n> unseen ACK\n";
    let asked = "+5 < unseen REFER\nFrom: <sip:desk@pbx.example.com>;tag=d\n> 401\nWWW-Authenticate: challenge\n";
    check(&[begun, asked, LATER], NOTHING, "medium challenge-unanswered says=desk_was_challenged");
}

#[test]
fn credentials_that_go_to_another_address_than_the_challenge_came_from_are_told() {
    let sent = |to: &str, answer: &str| {
        format!(
            "client > {to} INVITE\nProxy-Authorization: digest user=1001 password=secret\nclient < {to} {answer}client > {to} ACK\n"
        )
    };
    let other = "other 203.0.113.12\n";
    let told = "fault=client sure=possible says=to_the_address_that_challenged_it";
    check(
        &[other, CALL_ASKED, &sent("other", "403\n"), LATER],
        SECRET,
        &format!("high forbidden-after-credentials {told} says=203.0.113.10_had_challenged"),
    );
    check(
        &[other, CALL_ASKED, &sent("other", "407\nProxy-Authenticate: challenge\n"), LATER],
        SECRET,
        &format!("high nonce-from-other-server {told}\nmedium digest-ok-but-rejected by=nonce-from-other-server"),
    );
    // The one that challenged refuses for another reason, and so does one that knows the nonce.
    check(
        &[CALL_ASKED, &sent("server", "403\n"), LATER],
        SECRET,
        "high forbidden-after-credentials fault=server sure=likely unsaid=had_challenged",
    );
    check(&[other, CALL_ASKED, &sent("other", "200\n"), LATER], SECRET, "verdict ok");
}

#[test]
fn a_b2bua_whose_own_credentials_are_refused_is_the_cause_of_the_bare_407_that_it_passes_back() {
    let names = "phone 198.51.100.51  b2bua 198.51.100.12  trunk 198.51.100.11\n";
    let leg = |more: &str| {
        format!("b2bua > trunk INVITE\nFrom: <sip:1001@198.51.100.12>;tag=b\nTo: <sip:1002@198.51.100.11>\n{more}")
    };
    let begun = "phone > b2bua INVITE\nFrom: <sip:1001@198.51.100.12>;tag=a\n".to_owned()
        + &leg("")
        + "trunk > b2bua 407\nProxy-Authenticate: challenge\nb2bua > trunk ACK\n";
    let sent = leg("Proxy-Authorization: digest user=1003 password=wrong\n");
    let refused = "trunk > b2bua 407\nProxy-Authenticate: challenge\nb2bua > trunk ACK\n";
    let passed = "b2bua > phone 407\nFrom: <sip:1001@198.51.100.12>;tag=a\nCSeq: 1 INVITE\nphone > b2bua ACK\n";
    let secret = "1003,*,secret\n";
    check(
        &[names, &begun, &sent, refused, passed, LATER],
        secret,
        "high digest-wrong-password by=-\nmedium challenge-header-missing by=digest-wrong-password says=passes_that_refusal_back\n\
         told wrong password\nuntold header",
    );
    check(
        &[names, &begun, &sent, refused, passed, LATER],
        NOTHING,
        "high rejected-credentials by=-\nmedium challenge-header-missing by=rejected-credentials",
    );
    // Long behind it, and without credentials of its own, the bare 407 is its own fault.
    check(
        &[names, "phone > b2bua INVITE\nb2bua > phone 407\nphone > b2bua ACK\n", LATER],
        secret,
        "high challenge-header-missing by=-",
    );
}

#[test]
fn a_client_that_answers_401_alone_is_not_told_to_set_an_account() {
    let call = "+20 [call] > INVITE\nFrom: <sip:1001@198.51.100.7>;tag=c\n[call] < 407\nProxy-Authenticate: challenge\n[call] > ACK\n";
    let told = "high challenge-unanswered cause=challenge-kind fault=client sure=likely says=It_may_not_know_407";
    check(&[ASKED, RIGHT, OK, call, LATER], SECRET, &format!("{told} unsaid=Check_that_user_name"));
    // Another realm, somebody else, or a REGISTER that was asked with 407 show no such thing.
    let untold = "high challenge-unanswered unsaid=may_not_know_407";
    let realm = call.replace("challenge\n", "challenge realm=other\n");
    check(&[ASKED, RIGHT, OK, &realm, LATER], SECRET, untold);
    check(&[ASKED, RIGHT, OK, &call.replace("sip:1001@", "sip:1009@"), LATER], SECRET, untold);
    let proxied = "> REGISTER\n< 407\nProxy-Authenticate: challenge\n> REGISTER\nProxy-Authorization: digest user=1001 password=secret\n< 200\n";
    check(&[proxied, call, LATER], SECRET, untold);
    check(&[call, LATER], SECRET, "high challenge-unanswered sure=proven says=Check_that_user_name");
}

#[test]
fn a_quotation_mark_too_many_stands_before_a_wrong_password() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n";
    let torn = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", \",nonce=\"n1\", \
        uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\", cnonce=\"c1\", qop=auth, nc=00000001\n";
    let whole = &torn.replace(", \",nonce", ", nonce");
    check(
        &[asked, torn, REFUSED],
        SECRET,
        "high auth-param-quoting fault=client sure=possible by=- says=mark_too_many_behind_realm\n\
         medium digest-wrong-password by=auth-param-quoting unsaid=wrong_realm unsaid=old_nonce",
    );
    check(
        &[asked, torn, REFUSED],
        NOTHING,
        "high auth-param-quoting fault=client sure=likely by=-\nmedium rejected-credentials by=auth-param-quoting unsaid=wrong_realm unsaid=old_nonce",
    );
    check(&[asked, torn, REFUSED, torn, REFUSED], NOTHING, "medium challenge-loop fault=client by=auth-param-quoting");
    check(&[asked, torn, OK], NOTHING, "verdict ok\nlow auth-param-quoting");
    check(&[asked, whole, REFUSED], SECRET, "high digest-wrong-password excludes=wrong_realm\nno auth-param-quoting");
    // The client copies what the server writes.
    let odd = "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\", \", nonce=\"n1\", qop=\"auth\"\n";
    check(&[odd, torn, REFUSED], SECRET, "high digest-wrong-password unsaid=wrong_realm\nmedium auth-param-quoting");
}

#[test]
fn the_same_credentials_twice_in_one_request_are_told() {
    let of = |cnonce: &str| format!("Authorization: digest user=1001 password=secret cnonce={cnonce} nc=00000001\n");
    let twice = format!("> REGISTER\n{}{}", of("c1"), of("c1"));
    check(
        &[ASKED, &twice, REFUSED],
        SECRET,
        "high multiple-credentials-one-realm fault=client sure=possible by=- says=stands_twice\n\
         medium digest-ok-but-rejected by=multiple-credentials-one-realm",
    );
    check(
        &[ASKED, &twice, REFUSED],
        NOTHING,
        "high rejected-credentials by=-\nmedium multiple-credentials-one-realm fault=client sure=possible",
    );
    check(
        &[ASKED, &twice, "< 400\n"],
        SECRET,
        "high malformed-credentials says=several_of_them\nmedium multiple-credentials-one-realm by=malformed-credentials",
    );
    check(&[ASKED, &twice, OK], SECRET, "verdict ok\nlow multiple-credentials-one-realm sure=proven");
    check(&[ASKED, RIGHT, REFUSED], SECRET, "high digest-ok-but-rejected\nno multiple-credentials-one-realm");
    // Two that differ are two, and what is wrong is wrong twice.
    let other = format!("> REGISTER\n{}{}", of("c1"), of("c2"));
    check(&[ASKED, &other, REFUSED], SECRET, "high digest-ok-but-rejected\nno multiple-credentials-one-realm");
    let wrong = &twice.replace("password=secret", "password=wrong");
    check(&[ASKED, wrong, REFUSED], SECRET, "high digest-wrong-password by=-\nmedium multiple-credentials-one-realm");
}

#[test]
fn a_value_in_doubled_quotes_is_not_ruled_out() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1 opaque=00000188\n";
    // MD5(MD5(1001:pbx.example.com:secret):n1:00000001:c1:auth:MD5(REGISTER:sip:pbx.example.com))
    let answer = |opaque: &str| {
        format!(
            "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n1\", uri=\"sip:pbx.example.com\", \
             response=\"4e0d1b75f2778b2b37d49deeaae38597\", algorithm=MD5, cnonce=\"c1\", opaque={opaque}, qop=auth, nc=00000001\n"
        )
    };
    let (doubled, plain) = (answer("\"\"00000188\"\""), answer("\"00000188\""));
    let refused = "< 401\nWWW-Authenticate: challenge opaque=00000188\n";
    check(
        &[asked, &doubled, refused],
        SECRET,
        "high digest-ok-but-rejected fault=client sure=possible says=doubled_quotes unsaid=wrong_opaque says=quote_as_RFC_7616",
    );
    check(&[asked, &doubled, refused], NOTHING, "high rejected-credentials unsaid=wrong_opaque");
    check(
        &[asked, &plain, refused],
        SECRET,
        "high digest-ok-but-rejected fault=server excludes=wrong_opaque unsaid=quote_as_RFC_7616",
    );
}

#[test]
fn letter_case_alone_is_a_possible_cause_and_no_likely_one() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=md5\n";
    let upper = right("algorithm=MD5");
    check(
        &[asked, &upper, REFUSED],
        SECRET,
        "high digest-ok-but-rejected\nmedium algorithm-not-offered fault=client sure=possible",
    );
    check(&[asked, &upper, OK], SECRET, "verdict ok\ninfo algorithm-not-offered sure=proven");
    let other = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256\n";
    check(&[other, &upper, REFUSED], SECRET, "high algorithm-not-offered sure=likely");
}

#[test]
fn a_server_that_refuses_the_first_use_of_a_nonce_does_not_mind_the_count_of_the_next() {
    let next = right("nc=00000002");
    check(
        &[ASKED, RIGHT, REFUSED, &next, REFUSED],
        SECRET,
        "high digest-ok-but-rejected by=-\nmedium nc-not-reset fault=client sure=possible",
    );
}

#[test]
fn a_legal_but_unusual_spelling_is_named_where_a_challenge_goes_unanswered() {
    let asked = |challenge: &str| format!("> REGISTER\n< 401\nWWW-Authenticate: {challenge}\n");
    let of = |scheme: &str, algorithm: &str| {
        asked(&format!("{scheme} realm=\"pbx.example.com\", nonce=\"n1\", algorithm={algorithm}, qop=\"auth\""))
    };
    for (odd, says) in [
        (of("DIGEST", "MD5"), "scheme_as_DIGEST"),
        (of("Digest", "md5"), "algorithm_as_md5"),
        (asked("Digest realm=\"pbx.example.com\",\n nonce=\"n1\", qop=\"auth\""), "over_several_lines"),
    ] {
        check(
            &[&odd, LATER],
            NOTHING,
            &format!("high challenge-unanswered fault=client sure=likely by=- says={says} says=password_and_realm"),
        );
        // Who answered it can read it.
        let again = odd.replace("n1", "n2");
        check(&[&odd, RIGHT, OK, "+60 ", &again, LATER], SECRET, &format!("high challenge-unanswered unsaid={says}"));
    }
    check(
        &[&of("Digest", "md5"), "> REGISTER\n", REFUSED, LATER],
        NOTHING,
        "high retry-without-credentials fault=client says=algorithm_as_md5",
    );
    check(&[&of("Digest", "MD5"), LATER], NOTHING, "high challenge-unanswered sure=proven unsaid=unusual");
    check(
        &[&of("Digest", "MD5"), "> REGISTER\n", REFUSED, LATER],
        NOTHING,
        "high retry-without-credentials unsaid=unusual",
    );
}

#[test]
fn an_accepted_call_is_to_be_acknowledged_with_its_own_number() {
    let asked = "> INVITE\nCSeq: 7 INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n";
    let answer = "> INVITE\nCSeq: 8 INVITE\nProxy-Authorization: digest user=1001 password=secret\n< 200\n";
    let ack =
        |cseq: u32| format!("> ACK\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKnew{cseq}\nCSeq: {cseq} ACK\n");
    let (old, repeated) = (ack(7), "+0.5 retransmit 5\n+1 retransmit 5\n+2 retransmit 5\n");
    check(
        &[asked, answer, &old, repeated, LATER],
        SECRET,
        "verdict ok\nmedium ack-mismatch fault=client sure=proven by=- says=CSeq says=was_challenged",
    );
    check(&[asked, answer, &ack(8), repeated, LATER], SECRET, "clean\nno ack-mismatch");
    check(&[asked, answer, &old, &ack(8), LATER], SECRET, "clean\nno ack-mismatch");
    check(&[asked, answer, &old, LATER], SECRET, "clean\nno ack-mismatch");
    // The ACK of the challenge, sent again.
    check(&[asked, answer, "retransmit 3\n", repeated, LATER], SECRET, "clean\nno ack-mismatch");
}

#[test]
fn a_challenge_that_is_acknowledged_and_repeated_all_the_same_is_told() {
    let repeated = "+0.5 retransmit 2\n+1 retransmit 2\n+2 retransmit 2\n";
    check(
        &[CALL_ASKED, CALL_RIGHT, CALL_OK, repeated, LATER],
        SECRET,
        "verdict ok\nmedium ack-missing fault=unknown sure=possible says=3_times excludes=missing_ACK\nno ack-mismatch",
    );
    // What crossed the ACK, or came soon behind one that was lost, is no sign.
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK, "+0.5 retransmit 2\n+1 retransmit 2\n", LATER], SECRET, "clean");
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK, "+4 retransmit 2\n", LATER], SECRET, "clean");
    // So are answers to copies of the INVITE.
    let copies = "+0.5 retransmit 1\nretransmit 2\n+1 retransmit 1\nretransmit 2\n+2 retransmit 1\nretransmit 2\n";
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK, copies, LATER], SECRET, "no ack-missing");
}

#[test]
fn a_challenge_that_is_sent_again_for_a_reused_branch_is_an_answer() {
    let via = |branch: &str| format!("Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{branch}\n");
    let asked = format!("> REGISTER\n{}< 401\nWWW-Authenticate: challenge\n", via("one"));
    let answer = |branch: &str| format!("+0.3 {RIGHT}{}", via(branch));
    for copies in ["+0.02 retransmit 2\n", "+0.02 retransmit 2\n+0.5 retransmit 3\n+0.02 retransmit 2\n"] {
        check(
            &[&asked, &answer("one"), copies, LATER],
            SECRET,
            "high branch-reused fault=client sure=likely by=- says=answer_to_the_first_request_again unsaid=No_answer\n\
             medium auth-retry-no-response by=branch-reused",
        );
    }
    // Silence may have other reasons, and a branch of its own is no copy.
    check(&[&asked, &answer("one"), LATER], SECRET, "high branch-reused sure=possible says=No_answer");
    check(&[&asked, &answer("two"), "+0.02 retransmit 2\n", LATER], SECRET, "no branch-reused");
    // Who sent the first request again is answered for that.
    check(
        &[&asked, &answer("one"), "+0.5 retransmit 1\n+0.02 retransmit 2\n", LATER],
        SECRET,
        "high branch-reused sure=possible",
    );
}

#[test]
fn other_line_ends_alone_are_what_the_client_signs() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n qop=auth-int\n";
    // Over a body with LF for CRLF, and over none, by Python's hashlib.
    let signed = |response: &str, header: &str| {
        format!(
            "> REGISTER\n{header}Authorization: digest user=1001 password=secret cnonce=c nc=00000001 response={response}\n\na=b\nc=d\n"
        )
    };
    let (lines, none) = ("c2694c52acb2d00f84220025dc3571fd", "fa440726b5fafac3581d1c9eb00c3ea8");
    check(
        &[asked, &signed(lines, ""), REFUSED],
        SECRET,
        "high auth-int-body-mismatch cause=body-line-ends fault=client sure=likely says=sign_the_body_as_it_sends",
    );
    check(&[asked, &signed(none, ""), REFUSED], SECRET, "high auth-int-body-mismatch cause=body-empty fault=unknown");
    // A length that is not that of the body is the mark of a device.
    check(
        &[asked, &signed(none, "Content-Length: 3\n"), REFUSED],
        SECRET,
        "high auth-int-body-mismatch cause=body-empty fault=path",
    );
}

#[test]
fn credentials_of_two_realms_in_one_line_are_not_called_several_of_one() {
    let joined = "> REGISTER\nAuthorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"n1\", \
        uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\", Digest username=\"1001\", realm=\"other\", \
        nonce=\"n2\", uri=\"sip:pbx.example.com\", response=\"0123456789abcdef0123456789abcdef\"\n";
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n";
    check(
        &[asked, joined, "< 400\n"],
        NOTHING,
        "high malformed-credentials says=in_one_line unsaid=for_one_realm\nno multiple-credentials-one-realm",
    );
}
