//! One way seen on two of its legs, before and behind a proxy or a NAT, and a frame missing on one of them.

use super::*;

const NAMES: &str = "phone 192.168.1.20\nproxy 198.51.100.7\n";

/// What a file and a frame of a classic capture begin with.
const FILE_HEADER_LEN: usize = 24;
const RECORD_HEADER_LEN: usize = 16;
/// Where an address stands in a frame.
const SOURCE: std::ops::Range<usize> = 26..30;
const DESTINATION: std::ops::Range<usize> = 30..34;
const INSIDE: [u8; 4] = [192, 168, 1, 20];

/// What a capture on both sides of a NAT holds: each frame between client and server twice, but for those that are missing, by number.
fn both_sides(scenario: &[&str], missing: &[usize]) -> Vec<u8> {
    let outside = crate::scenario::pcap(&scenario.concat());
    let (header, mut rest) = outside.split_at(FILE_HEADER_LEN);
    let client: [u8; 4] = rest[RECORD_HEADER_LEN..][SOURCE].try_into().expect("four bytes");
    let mut number = 0;
    let mut capture = header.to_vec();
    let mut add = |frame: &[u8]| {
        number += 1;
        if !missing.contains(&number) {
            capture.extend(frame);
        }
    };
    while let Some(len) = rest.get(8..12) {
        let len = u32::from_le_bytes(len.try_into().expect("four bytes")) as usize;
        let (record, behind) = rest.split_at(RECORD_HEADER_LEN + len);
        let (place, is_request) = match record[RECORD_HEADER_LEN..][SOURCE] == client {
            true => (SOURCE, true),
            false => (DESTINATION, false),
        };
        let mut inside = record.to_vec();
        inside[RECORD_HEADER_LEN..][place].copy_from_slice(&INSIDE);
        let both = if is_request { [&inside, record] } else { [record, &inside] };
        both.into_iter().for_each(&mut add);
        rest = behind;
    }
    capture
}

/// An INVITE that a server behind a proxy asks for credentials, and turns down with them. Each message is a frame, from 1.
const PROXY_CALL: [&str; 12] = [
    "phone > proxy INVITE\n",
    "proxy > server forward\n",
    "server > proxy 407\nProxy-Authenticate: challenge\n",
    "proxy > phone forward\n",
    "proxy > server ACK\n",
    "phone > proxy ACK\n",
    "phone > proxy INVITE\nProxy-Authorization: digest user=1001 password=secret\n",
    "proxy > server forward\n",
    "server > proxy 403\n",
    "proxy > phone forward\n",
    "proxy > server ACK\n",
    "phone > proxy ACK\n",
];

/// The messages one after the other, with those unseen whose numbers are given.
fn without(messages: &[&str], missing: &[usize]) -> String {
    let unseen = |(index, message): (usize, &&str)| {
        let (route, what) = message.split_at(message.rfind(['>', '<']).map_or(0, |at| at + 2));
        let (receiver, what) = what.split_once(' ').expect("a receiver and what it is sent");
        match missing.contains(&(index + 1)) {
            true => format!("{route}{receiver} unseen {what}"),
            false => (*message).to_owned(),
        }
    };
    messages.iter().enumerate().map(unseen).collect()
}

#[test]
fn a_bare_request_that_the_capture_lacks_on_the_next_hop_was_not_held_back() {
    for missing in [&[][..], &[1], &[2], &[4], &[1, 4]] {
        let call = without(&PROXY_CALL, missing);
        check(&[NAMES, &call, LATER], NOTHING, "high forbidden-after-credentials\nverdict problems");
        check(
            &[NAMES, &call, LATER],
            SECRET,
            "high forbidden-after-credentials\nno digest-ok-accepted\nverdict problems",
        );
    }
}

#[test]
fn the_other_side_of_a_nat_is_no_next_hop() {
    let call = [CALL_ASKED, CALL_RIGHT, "< 403\n> ACK\n", LATER];
    for missing in [&[][..], &[1], &[2], &[3], &[4]] {
        let capture = both_sides(&call, missing);
        check_capture(capture.clone(), NOTHING, "high forbidden-after-credentials\nverdict problems");
        check_capture(capture, SECRET, "high forbidden-after-credentials\nno digest-ok-accepted\nverdict problems");
    }
}

/// A REGISTER that a registrar behind a proxy asks for credentials, and accepts with them; then the same with the nonce that is known.
const PROXY_REGISTER: [&str; 12] = [
    "phone > proxy REGISTER\n",
    "proxy > server forward\n",
    "server > proxy 401\nWWW-Authenticate: challenge\n",
    "proxy > phone forward\n",
    "phone > proxy REGISTER\nAuthorization: digest user=1001 password=secret\n",
    "proxy > server forward\n",
    "server > proxy 200\n",
    "proxy > phone forward\n",
    "+60 phone > proxy REGISTER\nAuthorization: digest user=1001 password=secret\n",
    "proxy > server forward\n",
    "server > proxy 200\n",
    "proxy > phone forward\n",
];

#[test]
fn an_answer_that_was_seen_on_the_next_hop_alone_is_an_answer() {
    let expected =
        "clean\nattempts challenged accepted accepted\nsessions accepted\nverdict ok\ntold The client authenticated";
    for missing in [&[][..], &[4], &[8], &[12], &[4, 8], &[4, 8, 12]] {
        let register = without(&PROXY_REGISTER, missing);
        check(&[NAMES, &register], SECRET, expected);
        check(&[NAMES, &register, LATER], NOTHING, expected);
    }
    let register = [ASKED, RIGHT, OK, "+60 > REGISTER\nAuthorization: digest user=1001 password=secret\n", OK, LATER];
    for missing in [&[][..], &[3], &[4], &[8], &[12], &[4, 8, 12], &[3, 7, 11]] {
        check_capture(both_sides(&register, missing), SECRET, expected);
    }
}

#[test]
fn a_refusal_that_was_seen_on_the_next_hop_alone_is_a_refusal() {
    for missing in [&[][..], &[4], &[10], &[4, 10]] {
        let call = without(&PROXY_CALL, missing);
        let expected =
            "high forbidden-after-credentials\nattempts challenged forbidden\nverdict problems\ntold 1 of 1 client";
        check(&[NAMES, &call, LATER], NOTHING, expected);
    }
    let call = [
        CALL_ASKED,
        "> INVITE\nTo: <sip:2000@pbx.example.com>;tag=37f2\nProxy-Authorization: digest user=1001 password=secret\n",
        "< 481\n> ACK\n",
        LATER,
    ];
    for missing in [&[][..], &[9], &[10]] {
        check_capture(
            both_sides(&call, missing),
            NOTHING,
            "medium to-tag-added-to-retry sure=likely\nsessions failed\nverdict problems",
        );
    }
}

#[test]
fn who_repeats_a_request_has_not_heard_what_the_next_hop_answered() {
    let repeats = "+0.5 retransmit 9\n+1 retransmit 9\n+2 retransmit 9\n+4 retransmit 9\n";
    let register = without(&PROXY_REGISTER, &[12]);
    check(&[NAMES, &register, repeats, LATER], SECRET, "sessions no_answer\nverdict problems");
}

#[test]
fn both_sides_of_a_nat_are_one_address_of_a_client() {
    let opaque = "WWW-Authenticate: challenge opaque=abc\n";
    let again = format!("> REGISTER\nAuthorization: digest user=1001 password=secret opaque=none\n< 401\n{opaque}");
    let asked = format!("> REGISTER\n< 401\n{opaque}");
    let register = [&asked, &again, &again, &again, LATER].map(|part| part as &str);
    for missing in [&[][..], &[1], &[5], &[9], &[5, 13], &[4], &[12]] {
        let expected = "high opaque-missing-or-changed fault=client\nno nonce-bound-to-source-changed\nattempts challenged refused refused refused\ntold 1 of 1 client";
        check_capture(both_sides(&register, missing), SECRET, expected);
    }
}

#[test]
fn a_request_without_a_branch_is_one_on_both_sides_of_a_nat() {
    let (asked, right) = ("> REGISTER\n", "> REGISTER\nAuthorization: digest user=1001 password=secret\n");
    let via = "Via: SIP/2.0/UDP 192.168.1.20\n";
    let register = format!("{asked}{via}< 401\n{via}WWW-Authenticate: challenge\n{right}{via}< 200\n{via}");
    check_capture(
        both_sides(&[&register, LATER], &[]),
        SECRET,
        "attempts challenged accepted\nsessions accepted\nclean",
    );
}

/// A call whose BYE a proxy passes on, and the challenge back.
const PROXY_BYE: [&str; 4] = [
    "phone > proxy BYE\n",
    "proxy > server forward\n",
    "server > proxy 407\nProxy-Authenticate: challenge\n",
    "proxy > phone forward\n",
];

#[test]
fn a_challenge_on_two_hops_is_one_where_the_request_is_missing_on_the_next() {
    let call = without(&PROXY_CALL[..8], &[]) + "server > proxy 200\nproxy > phone forward\nphone > proxy ACK\n+5 ";
    for missing in [&[][..], &[2]] {
        let bye = without(&PROXY_BYE, missing);
        let expected = "high in-dialog-challenge-unanswered\nmedium challenge-unanswered by=in-dialog-challenge-unanswered\nattempts challenged accepted challenged";
        check(&[NAMES, &call, &bye, LATER], NOTHING, expected);
    }
    for missing in [&[2][..], &[6], &[10], &[2, 6, 10]] {
        let register = without(&PROXY_REGISTER, missing);
        check(
            &[NAMES, &register, LATER],
            SECRET,
            "clean\nattempts challenged accepted accepted\nsessions accepted\nverdict ok",
        );
    }
}

#[test]
fn credentials_that_were_answered_back_to_the_client_are_its_own() {
    let opaque = "WWW-Authenticate: challenge opaque=abc\n";
    let register = [
        "phone > proxy REGISTER\n",
        "proxy > server forward\n",
        &format!("server > proxy 401\n{opaque}"),
        "proxy > phone forward\n",
        "phone > proxy REGISTER\nAuthorization: digest user=1001 password=secret opaque=none\n",
        "proxy > server forward\n",
        &format!("server > proxy 401\n{opaque}"),
        "proxy > phone forward\n",
    ];
    for missing in [&[][..], &[5]] {
        let expected = "high opaque-missing-or-changed fault=client unsaid=of_its_own";
        check(&[NAMES, &without(&register, missing), LATER], SECRET, expected);
    }
}

#[test]
fn a_request_that_was_seen_on_the_next_hop_alone_is_the_clients() {
    let ok = "clean\nattempts challenged accepted accepted\nsessions accepted\ntold The client authenticated";
    for missing in [&[1][..], &[5], &[9], &[1, 5, 9]] {
        check(&[NAMES, &without(&PROXY_REGISTER, missing), LATER], SECRET, ok);
    }
    let refused = "high forbidden-after-credentials\nattempts challenged forbidden\ntold 1 of 1 client";
    for missing in [&[1][..], &[7], &[1, 7]] {
        check(&[NAMES, &without(&PROXY_CALL, missing), LATER], NOTHING, refused);
    }
    let call = without(&PROXY_CALL[..8], &[]) + "server > proxy 200\nproxy > phone forward\nphone > proxy ACK\n+5 ";
    let bye = without(&PROXY_BYE, &[1]);
    check(
        &[NAMES, &call, &bye, LATER],
        NOTHING,
        "high in-dialog-challenge-unanswered\nattempts challenged accepted challenged",
    );
}

#[test]
fn what_a_proxy_sends_with_an_account_of_its_own_is_not_the_clients() {
    let own = "phone > proxy unseen INVITE\nproxy > server forward\nserver > proxy 407\nProxy-Authenticate: challenge\n\
        proxy > server forward\nProxy-Authorization: digest user=trunk password=secret\nserver > proxy 200\nproxy > phone forward\n";
    check(&[NAMES, own, LATER], NOTHING, "attempts challenged accepted accepted");
}

#[test]
fn a_call_id_that_changes_with_the_answer_is_found_on_both_sides_of_a_nat() {
    let begun_anew = |call: &str| format!("[{call}] {RIGHT}[{call}] < 401\nWWW-Authenticate: challenge\n");
    let calls = ["[a] > REGISTER\n[a] < 401\nWWW-Authenticate: challenge\n", &begun_anew("b"), &begun_anew("c"), LATER];
    let found =
        "high dialog-identity-changed by=- fault=client\nmedium digest-ok-but-rejected by=dialog-identity-changed";
    check(&calls, SECRET, found);
    check_capture(both_sides(&calls, &[]), SECRET, found);
}

#[test]
fn a_count_that_goes_on_is_found_on_both_sides_of_a_nat() {
    let counted = |count: u32| format!("> REGISTER\nAuthorization: digest user=1001 password=secret nc={count:08x}\n");
    let again = "< 401\nWWW-Authenticate: challenge stale=true\n";
    let goes_on = [ASKED, &counted(1), "< 200\n", &counted(2), again, &counted(3), "< 200\n"];
    check_capture(both_sides(&goes_on, &[]), NOTHING, "medium nc-not-reset fault=client sure=likely");
    let is_reset = [ASKED, &counted(1), "< 200\n", &counted(2), again, &counted(1), "< 200\n"];
    check_capture(both_sides(&is_reset, &[]), NOTHING, "no nc-not-reset");
}

#[test]
fn what_a_device_altered_is_found_where_the_end_of_the_headers_was_cut() {
    // MD5 over 1001:pbx.example.com:correct-horse, a1a1:00000001:c01:auth, and REGISTER:sip:pbx.example.com, as the phone sends it.
    let altered = "Authorization: Digest username=\"1001\", realm=\"pbx.example.com\", nonce=\"a1a1\", uri=\"sip:203.0.113.10\", \
                   response=\"c0392611d98c1911651f6ecb45bf1604\", algorithm=MD5, cnonce=\"c01\", qop=auth, nc=00000001\n";
    let story = |behind: &str| {
        format!(
            "phone > proxy REGISTER\nproxy > server forward\nserver > proxy 401\nWWW-Authenticate: challenge nonce=a1a1\nproxy > phone forward\n\
             phone > proxy REGISTER\nAuthorization: digest user=1001 password=correct-horse cnonce=c01\n\
             proxy > server forward\n{behind}Subject: {}\nserver > proxy 401\nWWW-Authenticate: challenge nonce=b2b2\nproxy > phone forward\n",
            "headers that go on for longer than the capture keeps of each packet ".repeat(4)
        )
    };
    let secret = "1001,*,correct-horse\n";
    let found = "high header-altered-en-route by=- fault=path";
    check(&["snaplen 760\n", NAMES, &story(altered), LATER], secret, found);
    // What is not there may stand behind the cut.
    let unknown = "no header-altered-en-route";
    check(&["snaplen 400\n", NAMES, &story(altered), LATER], secret, unknown);
}

#[test]
fn a_403_that_names_the_uri_is_about_the_uri_behind_a_proxy_too() {
    let call = |reason: &str| {
        format!(
            "phone > proxy unseen INVITE\nproxy > server forward\nserver > proxy 407\nProxy-Authenticate: challenge\nproxy > server ACK\n\
             phone > proxy unseen INVITE\nProxy-Authorization: digest user=1001 password=secret uri=sip:pbx.example.com\n\
             proxy > server forward\nserver > proxy 403 {reason}\nproxy > server ACK\n"
        )
    };
    let named = call("Proxy auth uri does not match");
    check(&[NAMES, &named, LATER], SECRET, "high uri-differs-from-request-uri by=- fault=unknown");
    check(
        &[NAMES, &call("Forbidden"), LATER],
        SECRET,
        "high forbidden-after-credentials by=-\ninfo uri-differs-from-request-uri",
    );
}

#[test]
fn credentials_that_a_device_passes_on_and_the_capture_cuts_are_not_altered() {
    let story = |len: usize| {
        format!(
            "snaplen {len}\n{NAMES}phone > proxy REGISTER\nproxy > server forward\nserver > proxy 401\nWWW-Authenticate: challenge nonce=a1a1\n\
             proxy > phone forward\nphone > proxy REGISTER\nAuthorization: digest user=1001 password=wrong cnonce=c01\n\
             proxy > server forward\nserver > proxy 401\nWWW-Authenticate: challenge nonce=b2b2\nproxy > phone forward\n{LATER}"
        )
    };
    for len in (200..900).step_by(7) {
        check(&[&story(len)], SECRET, "no header-altered-en-route");
    }
}
