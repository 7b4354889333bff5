//! What the capture lacks, and what lies outside of a Call-ID: neither is held against anybody.

use super::*;

#[test]
fn a_call_that_goes_on_under_another_call_id_was_answered() {
    let moved = "[b] > INVITE\nProxy-Authorization: digest user=1001 password=secret\n[b] < 200\n[b] > ACK\n";
    let found = "medium dialog-identity-changed sure=proven\nno challenge-unanswered algorithm-unsupported-no-retry";
    check(&[CALL_ASKED, moved, LATER], SECRET, found);
    let asked = "> INVITE\n< 407\nProxy-Authenticate: challenge algorithm=SHA-256\n> ACK\n";
    check(&[asked, moved, LATER], SECRET, found);
    // A nonce that counts two was used before, in a message that the capture lacks.
    let second = moved.replace("password=secret", "password=secret nc=00000002");
    check(&[CALL_ASKED, &second, LATER], SECRET, "no dialog-identity-changed challenge-unanswered");
    // Without the nonce of the challenge it is another call.
    check(&[CALL_ASKED, "[b] > INVITE\n[b] < 200\n[b] > ACK\n", LATER], SECRET, "high challenge-unanswered");
}

#[test]
fn whoever_does_not_hear_a_challenge_does_not_show_what_it_knows() {
    let repeated = |first: usize| {
        format!(
            "+0.5 retransmit {first}\n+0.01 retransmit {}\n+1 retransmit {first}\n+0.01 retransmit {}\n",
            first + 1,
            first + 1
        )
    };
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge algorithm=SHA-256\n";
    let lost = "high challenge-unanswered fault=path sure=likely by=-\nno algorithm-unsupported-no-retry";
    check(&[asked, &repeated(1), LATER], NOTHING, lost);
    check(&[asked, LATER], NOTHING, "high algorithm-unsupported-no-retry fault=client");
    let bye = "+5 > BYE\n< 407\nProxy-Authenticate: challenge\n";
    let lost = "high challenge-unanswered fault=path sure=likely by=-\nno in-dialog-challenge-unanswered";
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK, bye, &repeated(7), LATER], SECRET, lost);
    let found = "high in-dialog-challenge-unanswered fault=client";
    check(&[CALL_ASKED, CALL_RIGHT, CALL_OK, bye, LATER], SECRET, found);
}

#[test]
fn auth_int_alone_is_a_reason_not_to_answer() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=auth-int\n";
    check(&[asked, LATER], NOTHING, "high challenge-unanswered cause=qop fault=unknown sure=likely says=auth-int");
    let both = "> REGISTER\n< 401\nWWW-Authenticate: challenge qop=\"auth-int,auth\"\n";
    check(&[both, LATER], NOTHING, "high challenge-unanswered fault=client sure=proven");
}

#[test]
fn a_cseq_that_the_capture_lacks_may_have_answered() {
    let third = "> REGISTER\nCSeq: 3 REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    let first = "> REGISTER\nCSeq: 1 REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    let open = "medium retry-without-credentials sure=possible fault=unknown says=not_in_the_capture";
    check(&[first, third, LATER], NOTHING, open);
    let second = third.replace("3 REG", "2 REG");
    check(&[first, &second, third, LATER], NOTHING, "high retry-without-credentials sure=proven fault=client");
}

#[test]
fn a_cseq_that_was_passed_over_in_silence_answered_nothing() {
    let asked = |cseq: u32| format!("> REGISTER\nCSeq: {cseq} REGISTER\n< 401\nWWW-Authenticate: challenge\n");
    let again = |cseq| format!("+60 {}", asked(cseq));
    let found = "high retry-without-credentials sure=likely fault=client says=counts_on\nverdict problems\ntold 1 of 1 client did not get in";
    check(&[&asked(210), &again(220), &again(230)], NOTHING, found);
    // Nobody would have waited for so long, and its answer would be there.
    let open = "medium retry-without-credentials sure=possible fault=unknown\nverdict nothing_found";
    check(&[&asked(210), &again(220).replace("+60", "+20")], NOTHING, open);
    let answered = "+0.1 > unseen REGISTER\nCSeq: 211 REGISTER\n< 423\n";
    check(&[&asked(210), answered, &again(220)], NOTHING, "no retry-without-credentials\nverdict nothing_found");
    let same = "high retry-without-credentials sure=proven fault=client excludes=another_transaction\nverdict problems";
    check(&[&asked(210), &again(210), &again(210)], NOTHING, same);
    check(&[&asked(210), &again(210).replace("+60", "+20")], NOTHING, "no retry-without-credentials");
}

#[test]
fn an_ack_shows_the_invite_that_the_capture_lacks() {
    let unseen = "> unseen INVITE\nProxy-Authorization: digest user=1001 password=secret\n< unseen 200\n";
    let ack = "> ACK\nProxy-Authorization: again\n";
    check(
        &["> INVITE\n< 407\nProxy-Authenticate: challenge\n", unseen, ack, LATER],
        NOTHING,
        "no challenge-unanswered ack-mismatch",
    );
}

#[test]
fn an_invite_that_is_acknowledged_had_an_answer() {
    let unheard = "< unseen 200\n> ACK\n+5 > BYE\n< 200\n";
    let open = "no auth-retry-no-response no-response-at-all\nuntold did not get in";
    check(&[CALL_ASKED, CALL_RIGHT, unheard, LATER], SECRET, open);
    check(&[CALL_ASKED, CALL_RIGHT, LATER], SECRET, "medium auth-retry-no-response");
}

#[test]
fn a_nonce_from_before_the_capture_is_no_new_one() {
    let kept = "> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com nonce=old\n";
    let four = [kept, STALE, kept, STALE, kept, STALE, kept, STALE, LATER];
    check(&four, SECRET, "no stale-loop\nhigh nonce-unknown fault=client");
    let new = [kept, STALE, RIGHT, STALE, RIGHT, STALE, LATER];
    check(&new, SECRET, "high stale-loop fault=server");
}

#[test]
fn an_answer_under_way_leaves_a_stale_nonce_undecided() {
    check(&[ASKED, RIGHT, STALE, RIGHT], SECRET, "sessions undecided\nuntold did not get in");
    check(&[ASKED, RIGHT, REFUSED, RIGHT], NOTHING, "sessions undecided");
    check(&[ASKED, WRONG, REFUSED, WRONG], SECRET, "sessions refused\nhigh digest-wrong-password");
    check(&[ASKED, RIGHT, STALE, RIGHT, LATER], SECRET, "sessions no_answer");
}

#[test]
fn the_same_secret_over_another_nonce_clears_the_stored_one() {
    let found = "info digest-ok-but-rejected says=got_in_with_the_same_secret";
    check(&[ASKED, RIGHT, REFUSED, RIGHT, OK], SECRET, found);
    check(&[ASKED, RIGHT, REFUSED, RIGHT, REFUSED, LATER], SECRET, "high digest-ok-but-rejected fault=server");
}

/// Kamailio's nonces begin with the time at which they end and the time at which they were made.
#[test]
fn a_nonce_that_had_ended_is_refused_for_its_age() {
    let scenario = include_str!("../../../samples/register-nonce-expired-by-its-own-date/scenario.txt");
    let credentials = include_str!("../../../samples/register-nonce-expired-by-its-own-date/credentials.csv");
    let plain = scenario.replace(" stale=true", "");
    let found = "high digest-ok-but-rejected cause=expired fault=server says=does_not_say_stale\nhigh challenge-loop by=digest-ok-but-rejected";
    check(&[&plain, LATER], credentials, &found.replace("high challenge-loop", "medium challenge-loop"));
    check(&[&plain, LATER], NOTHING, "high challenge-loop cause=stale fault=server");
}

#[test]
fn a_node_behind_the_server_refuses_the_nonce_of_another() {
    let names = "lb 203.0.113.10\none 203.0.113.31\ntwo 203.0.113.32\n";
    let through = |node: &str, request: &str, answer: &str| {
        format!("client > lb {request}lb > {node} forward\n{node} > lb {answer}lb > client forward\n")
    };
    let asked = through("one", "REGISTER\n", "401\nWWW-Authenticate: challenge nonce=n1\n");
    let right = "REGISTER\nAuthorization: digest user=1001 password=secret\n";
    let refused = through("two", right, "401\nWWW-Authenticate: challenge nonce=n2\n");
    let again = through("one", right, "401\nWWW-Authenticate: challenge nonce=n3\n");
    let found = "high nonce-from-other-server cause=node-switch says=both_behind\nmedium digest-ok-but-rejected by=nonce-from-other-server";
    check(&[names, &asked, &refused, &again, LATER], SECRET, found);
    let same = through("one", right, "401\nWWW-Authenticate: challenge nonce=n2\n");
    check(&[names, &asked, &same, LATER], SECRET, "no nonce-from-other-server");
}

/// The 200 to the credentials is what the capture lacks of the server's stream.
#[test]
fn a_hole_in_the_stream_of_the_server_may_have_held_the_answer() {
    use super::transports::answer;
    use super::transports::register;
    use crate::wire::ACK;
    use crate::wire::Order;
    use crate::wire::Resolution;
    use crate::wire::SYN;
    use crate::wire::back;
    use crate::wire::pcap;
    use crate::wire::tcp_frame;

    let response = super::hops::response("secret");
    let [asked, right] = [register(1, None), register(2, Some(&response))];
    let [challenge, accepted] = [answer(1, "401 Unauthorized", "one"), answer(2, "200 OK", "")];
    let ping = b"OPTIONS sip:1001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.2;branch=z9hG4bKp\r\nFrom: <sip:p@x>;tag=p\r\n\
        To: <sip:1001@192.0.2.1>\r\nCall-ID: p\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("it is short");
    let (sent, got) = (1 + len(&asked), 1 + len(&challenge));
    let frames = |behind: u32| {
        let mut frames = vec![
            tcp_frame(0, SYN, b""),
            back(tcp_frame(0, SYN | ACK, b"")),
            tcp_frame(1, ACK, &asked),
            back(tcp_frame(1, ACK, &challenge)),
            tcp_frame(sent, ACK, &right),
        ];
        // A frame a second; what is behind the hole is taken once it has waited long enough.
        frames.extend((0..behind).map(|number| back(tcp_frame(got + len(&accepted) + number * len(ping), ACK, ping))));
        frames
    };
    let followed: Vec<(u64, Vec<u8>)> = (0..).map(|second: u64| second * 1_000_000_000).zip(frames(60)).collect();
    check_capture(
        pcap(Order::Little, Resolution::Micro, &followed),
        SECRET,
        "medium auth-retry-no-response fault=unknown sure=possible says=not_all_in_the_capture",
    );
    // Nothing follows but the client's word that it has it.
    let mut frames = frames(0);
    let mut heard = tcp_frame(sent + len(&right), ACK, b"");
    let acknowledgment = heard.len() - 12;
    heard[acknowledgment..acknowledgment + 4].copy_from_slice(&(got + len(&accepted)).to_be_bytes());
    let timed =
        |frames: &[Vec<u8>]| (0..).map(|second: u64| second * 10_000_000_000).zip(frames.to_vec()).collect::<Vec<_>>();
    frames.extend(std::iter::repeat_n(tcp_frame(sent + len(&right), ACK, b""), 4));
    check_capture(pcap(Order::Little, Resolution::Micro, &timed(&frames)), SECRET, "high auth-retry-no-response");
    frames.push(heard);
    check_capture(
        pcap(Order::Little, Resolution::Micro, &timed(&frames)),
        SECRET,
        "medium auth-retry-no-response sure=possible says=not_all_in_the_capture\nuntold did not get in",
    );
}

#[test]
fn credentials_under_a_header_that_nobody_asks_for_are_not_judged() {
    let registered = "[r] > REGISTER\n[r] < 401\nWWW-Authenticate: challenge nonce=r1\n\
        [r] > REGISTER\nAuthorization: digest user=1001 password=secret\n[r] < 200\n";
    let kept = "Authorization: digest user=1001 password=secret nonce=r1 nc=00000002\n";
    let asked = format!("> INVITE\n{kept}< 407\nProxy-Authenticate: challenge nonce=p1\n> ACK\n");
    let both = format!("> INVITE\n{kept}Proxy-Authorization: digest user=1001 password=secret nonce=p1\n");
    for ending in [CALL_OK, "< 486\n> ACK\n", "< 503\n> ACK\n"] {
        check(
            &[registered, &asked, &both, ending, LATER],
            SECRET,
            "clean\nno nonce-rejected-without-stale digest-ok-but-rejected nonce-from-other-server",
        );
    }
}

#[test]
fn a_403_from_behind_the_proxy_that_asked_is_not_about_the_credentials() {
    let names = "edge 203.0.113.10\ncallee 203.0.113.40\n";
    let asked = "client > edge INVITE\nedge > client 407\nProxy-Authenticate: challenge\nclient > edge ACK\n";
    let right = "client > edge INVITE\nProxy-Authorization: digest user=1001 password=secret\n";
    let behind = "edge > callee forward\ncallee > edge 403\nedge > client forward\n";
    check(&[names, asked, right, behind, LATER], SECRET, "clean\nno forbidden-after-credentials");
    // Without a hop behind it, it is the answer of who asked.
    check(&[names, asked, right, "edge > client 403\n", LATER], SECRET, "high forbidden-after-credentials");
    // Where the challenge came from behind as well, so does the judgement.
    let asked = "client > edge REGISTER\nedge > callee forward\ncallee > edge 401\nWWW-Authenticate: challenge\nedge > client forward\n";
    let right = "client > edge REGISTER\nAuthorization: digest user=1001 password=secret\n";
    check(&[names, asked, right, behind, LATER], SECRET, "high forbidden-after-credentials");
}

#[test]
fn the_account_of_a_proxy_is_not_that_of_the_phone() {
    let names = "pbx 203.0.113.10\ncarrier 203.0.113.40\n";
    let call =
        "client > pbx INVITE\nProxy-Authorization: digest user=1001 password=secret nonce=n0 realm=pbx.example.com\n";
    let asked = "pbx > carrier forward\ncarrier > pbx 407\nProxy-Authenticate: challenge realm=carrier nonce=c1\n";
    let trunk = "pbx > carrier forward\nProxy-Authorization: digest user=trunk password=wrong realm=carrier nonce=c1\n";
    let refused = "carrier > pbx 407\nProxy-Authenticate: challenge realm=carrier nonce=c2\npbx > client 503\n";
    let secrets = "1001,*,secret\ntrunk,*,right\n";
    let found = "high digest-wrong-password fault=client says=with_credentials_of_its_own";
    check(&[names, call, asked, trunk, refused, LATER], secrets, found);
    let own = ["> INVITE\n< 407\nProxy-Authenticate: challenge\n> ACK\n", CALL_WRONG, CALL_REFUSED, LATER].concat();
    let report = analyse(&[&own], SECRET);
    assert!(!shown(&report).contains("of its own"), "{}", shown(&report));
}

#[test]
fn a_nonce_that_is_given_once_more_may_be_answered_once_more() {
    let asked = "> REGISTER\n< 401\nWWW-Authenticate: challenge nonce=n1\n";
    let same = "> REGISTER\nAuthorization: digest user=1001 password=secret nonce=n1 nc=00000001 cnonce=c\n";
    let refused = "< 401\nWWW-Authenticate: challenge nonce=n2\n";
    check(&[asked, same, refused, same, refused, LATER], SECRET, "medium same-credentials-repeated");
    check(&[asked, same, refused, asked, same, refused, LATER], SECRET, "no same-credentials-repeated");
}

#[test]
fn an_answer_under_way_makes_a_refusal_no_last_word() {
    let refused = [ASKED, RIGHT, REFUSED].concat();
    check(&[&refused, RIGHT], NOTHING, "medium rejected-credentials sure=possible\nuntold did not get in");
    check(&[&refused, RIGHT, "< 401\nWWW-Authenticate: challenge\n", LATER], NOTHING, "high challenge-loop");
    let kept = "+60 > REGISTER\nAuthorization: digest user=1001 password=secret nonce=first\n";
    check(&[ASKED, RIGHT, OK, kept, REFUSED, RIGHT], SECRET, "medium nonce-rejected-without-stale sure=possible");
}

#[test]
fn who_repeats_long_enough_did_not_hear_the_challenge_wherever_the_capture_ends() {
    let again = "+1 retransmit 1\n+0.01 retransmit 2\n".repeat(6);
    let lost = "high challenge-unanswered fault=path sure=likely\ntold 1 of 1 client did not get in";
    check(&[ASKED, &again], NOTHING, lost);
    check(&[ASKED], NOTHING, "medium challenge-unanswered sure=possible\ntold ends before the client could answer");
}

#[test]
fn headers_that_were_cut_may_have_held_the_answer() {
    let cut = |snaplen: u32| format!("snaplen {snaplen}\n{ASKED}{RIGHT}{OK}");
    check(&[&cut(300)], NOTHING, "untold ends before the client could answer\nno overlapping-register");
    let refused = format!("snaplen 330\n{ASKED}{RIGHT}{REFUSED}{RIGHT}{REFUSED}{LATER}");
    check(&[&refused], NOTHING, "untold did not get in\nuntold could answer");
    let report = analyse(&[&cut(300)], NOTHING);
    assert!(report.sessions.iter().flat_map(|session| &session.attempts).all(|attempt| attempt.headers_cut));
}

#[test]
fn what_is_missing_before_a_challenge_answers_it_not() {
    let before = "> unseen REGISTER\n< 200\n+60 ";
    check(&[before, ASKED, LATER], NOTHING, "high challenge-unanswered fault=client sure=proven");
    let gap = "> REGISTER\nCSeq: 5 REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    check(&[ASKED, RIGHT, OK, "+60 ", gap, LATER], SECRET, "high challenge-unanswered fault=client sure=proven");
}

#[test]
fn behind_a_proxy_the_numbers_between_are_its_own() {
    let behind = |cseq: u32| {
        format!(
            "> INVITE\nCSeq: {cseq} INVITE\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa{cseq}\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb{cseq}\n\
             < 401\nWWW-Authenticate: challenge\n> ACK\n"
        )
    };
    check(&[&behind(2), &behind(4), LATER], NOTHING, "high retry-without-credentials sure=proven");
}

#[test]
fn responses_alone_name_the_user() {
    let report = analyse(&["> unseen REGISTER\n< 401\nWWW-Authenticate: challenge\n", LATER], NOTHING);
    assert_eq!(report.sessions[0].user, "1001");
    // What is answered after a while to a request that the capture lacks is the same client's.
    let late = "+700 > unseen REGISTER\n< 401\nWWW-Authenticate: challenge\n";
    check(&[ASKED, RIGHT, OK, late], NOTHING, "untold 2 clients");
}
