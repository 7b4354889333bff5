//! Groups E and P: other refusals, silence, and the capture itself.

use super::*;

const PATIENCE: &str = "+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n";

#[test]
fn no_response_at_all_is_found() {
    check(
        &["> REGISTER\n", PATIENCE, LATER],
        NOTHING,
        "high no-response-at-all fault=path sure=likely excludes=wrong_password\nsessions no_answer",
    );
    check(
        &[CALL_ASKED, CALL_RIGHT, PATIENCE, LATER],
        SECRET,
        "medium no-response-at-all says=although_an_earlier_request by=auth-retry-no-response\nno challenge-unanswered",
    );
}

#[test]
fn no_response_at_all_is_found_for_credentials_sent_unasked() {
    check(
        &[
            "> REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx nonce=cached qop=auth\n",
            PATIENCE,
            LATER,
        ],
        NOTHING,
        "high no-response-at-all\nsessions no_answer",
    );
}

#[test]
fn no_response_at_all_is_info_for_a_ping() {
    check(&["> OPTIONS\n", PATIENCE, LATER], NOTHING, "clean\ninfo no-response-at-all");
}

#[test]
fn no_response_at_all_needs_patience_and_silence() {
    check(&["> REGISTER\n+0.5 retransmit\n+1 retransmit\n", LATER], NOTHING, "no no-response-at-all");
    check(&["> INVITE\n", PATIENCE, "< 100\n", LATER], NOTHING, "no no-response-at-all");
    check(&["> REGISTER\n", PATIENCE, OK, LATER], NOTHING, "no no-response-at-all");
    check(&["> REGISTER\nduplicate\nduplicate\nduplicate\nduplicate\n", LATER], NOTHING, "no no-response-at-all");
}

#[test]
fn silence_is_info_where_one_direction_was_captured() {
    check(
        &["> REGISTER\n< unseen 401\nWWW-Authenticate: challenge\n", RIGHT, PATIENCE, LATER],
        NOTHING,
        "info no-response-at-all sure=possible",
    );
    check(
        &["> unseen REGISTER\n< 401\nWWW-Authenticate: challenge\n+40 [later] > unseen OPTIONS\n[later] < 200\n"],
        NOTHING,
        "clean\ninfo challenge-unanswered",
    );
    check(&["> INVITE\n< unseen 200\n> ACK\n", LATER], NOTHING, "clean");
}

#[test]
fn registrar_rejects_contact_is_found() {
    check(
        &[ASKED, RIGHT, "< 423\n"],
        SECRET,
        "medium registrar-rejects-contact fault=client excludes=wrong_password\nsessions failed\nattempts challenged failed",
    );
    check(&[ASKED, RIGHT, "< 402\n"], SECRET, "medium registrar-rejects-contact fault=operator");
    check(&[ASKED, RIGHT, "< 503\n"], SECRET, "medium registrar-rejects-contact fault=server");
    check(&["> REGISTER\n< 404\n"], NOTHING, "medium registrar-rejects-contact says=never_challenged\nsessions failed");
    check(&["> REGISTER\n< 403\n"], NOTHING, "medium registrar-rejects-contact");
    check(&["> SUBSCRIBE\n< 408\n"], NOTHING, "medium registrar-rejects-contact");
}

#[test]
fn registrar_rejects_contact_is_info_where_it_was_not_the_last_word() {
    check(&[ASKED, RIGHT, "< 423\n", RIGHT, OK], SECRET, "clean\ninfo registrar-rejects-contact");
}

#[test]
fn a_refusal_for_another_reason_is_told_of_who_begins_anew_behind_it() {
    let brief = ["+60 ", ASKED, RIGHT, "< 423\nMin-Expires: 3600\n"].concat();
    let four = brief.repeat(4);
    let told = "medium registrar-rejects-contact fault=client by=- says=longer_interval
        medium challenge-unanswered by=registrar-rejects-contact
        no needless-challenge-each-request
        told refused for another reason
        untold challenge never answered";
    check(&[&four, ASKED, LATER], NOTHING, told);
    check(
        &[&brief, ASKED],
        NOTHING,
        "medium registrar-rejects-contact by=-\nmedium challenge-unanswered by=registrar-rejects-contact",
    );
    // Who got in before, or whose credentials were refused, is silent for something else.
    let taken = ["+60 ", ASKED, RIGHT, OK].concat();
    check(&[&taken, ASKED, LATER], NOTHING, "high challenge-unanswered by=-\nno registrar-rejects-contact");
    check(&[&brief, &taken, ASKED, LATER], NOTHING, "high challenge-unanswered by=-\ninfo registrar-rejects-contact");
    check(&[&taken.repeat(4)], NOTHING, "info needless-challenge-each-request");
}

#[test]
fn a_registrar_that_no_longer_asks_refuses_for_another_reason() {
    let taken = ["+400 ", ASKED, RIGHT, OK].concat().repeat(3);
    for status in ["403", "404", "500", "503"] {
        let refused = format!("+60 > REGISTER\n< {status}\n").repeat(4);
        check(
            &[&taken, &refused, LATER],
            NOTHING,
            "medium registrar-rejects-contact says=no_credentials_this_time
            told got in at first, but not in the end: 1 refused for another reason",
        );
        check(&[&taken, &refused, RIGHT, OK, LATER], NOTHING, "clean\ninfo registrar-rejects-contact\nverdict ok");
    }
    // Whoever is asked is to answer, and a log-off matters to nobody.
    check(&[&taken, ASKED, "> REGISTER\n< 403\n", LATER], NOTHING, "no registrar-rejects-contact");
    check(&[&taken, "> REGISTER\nExpires: 0\n< 403\n", LATER], NOTHING, "clean");
}

#[test]
fn an_extension_that_is_missing_is_another_reason() {
    let refused = |status: &str| format!("< {status}\n{LATER}");
    for (status, header) in [("420\nUnsupported: gruu", "Unsupported"), ("421\nRequire: path", "Require_header")] {
        let found = format!("medium registrar-rejects-contact fault=client sure=possible says={header}");
        check(&[ASKED, RIGHT, &refused(status)], NOTHING, &found);
    }
    let agree = refused("421\nRequire: sec-agree\nSecurity-Server: tls");
    check(&[ASKED, RIGHT, &agree], NOTHING, "no registrar-rejects-contact\nmedium security-agreement-failed");
}

#[test]
fn registrar_rejects_contact_is_neither_about_authentication_nor_the_called_party() {
    check(&[ASKED, RIGHT, "< 403\n"], NOTHING, "no registrar-rejects-contact");
    check(&[ASKED, RIGHT, "< 404\n"], NOTHING, "no registrar-rejects-contact");
    check(&[ASKED, RIGHT, "< 400\n"], NOTHING, "no registrar-rejects-contact");
    check(&[ASKED, RIGHT, "< 482\n"], NOTHING, "no registrar-rejects-contact");
    check(&[CALL_ASKED, CALL_RIGHT, "< 486\n> ACK\n"], NOTHING, "clean\nno registrar-rejects-contact");
    check(&["> SUBSCRIBE\n< 503\n"], NOTHING, "no registrar-rejects-contact");
}

#[test]
fn user_unknown_suspected_is_found() {
    check(
        &[ASKED, RIGHT, "< 404\n"],
        NOTHING,
        "medium user-unknown-suspected fault=operator by=forbidden-after-credentials\nsessions forbidden",
    );
    check(&[ASKED, RIGHT, "< 404\n+5 ", RIGHT, OK], NOTHING, "info user-unknown-suspected");
}

#[test]
fn user_unknown_suspected_is_neither_a_called_party_nor_unasked() {
    check(&[CALL_ASKED, CALL_RIGHT, "< 404\n> ACK\n"], NOTHING, "no user-unknown-suspected");
    check(&["> REGISTER\n< 404\n"], NOTHING, "no user-unknown-suspected");
    check(&[ASKED, RIGHT, REFUSED], NOTHING, "no user-unknown-suspected");
}

#[test]
fn capture_quality_is_found() {
    // Where it hides all there is to know, it is the answer.
    check(&["snaplen 200\n", ASKED], NOTHING, "medium capture-quality says=snap_length");
    check(&["> REGISTER\nduplicate\n", OK], NOTHING, "info capture-quality says=twice");
    check(
        &["mtu 600\n> first-fragment-of MESSAGE\n\n", &"x".repeat(900), "\n"],
        NOTHING,
        "info capture-quality says=fragments",
    );
}

#[test]
fn capture_quality_is_not_said_of_a_whole_capture() {
    check(&[ASKED, RIGHT, OK], NOTHING, "no capture-quality");
    check(&["> REGISTER\n+0.5 retransmit\n", OK], NOTHING, "no capture-quality");
    check(&["mtu 600\n> MESSAGE\n\n", &"x".repeat(900), "\n", OK], NOTHING, "no capture-quality");
}

#[test]
fn strict_parser_rejects_is_found() {
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx\"\n", LATER],
        NOTHING,
        "info strict-parser-rejects sure=possible",
    );
}

#[test]
fn strict_parser_rejects_is_not_said_of_plain_headers_nor_of_success() {
    check(&[ASKED, RIGHT, REFUSED], NOTHING, "no strict-parser-rejects");
    check(
        &["> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx\"\n> REGISTER\n", OK],
        NOTHING,
        "no strict-parser-rejects",
    );
}

#[test]
fn strict_parser_rejects_is_not_said_of_a_challenge_answered_under_another_call_id() {
    let folded =
        "> REGISTER\n< 401\nWWW-Authenticate: Digest realm=\"pbx.example.com\",\n nonce=\"abc\", qop=\"auth\"\n";
    let answer = "[b] > REGISTER\nAuthorization: digest user=1001 password=secret\n[b] < 200\n";
    check(&[folded, answer, LATER], SECRET, "medium dialog-identity-changed\nno strict-parser-rejects");
    check(&[folded, LATER], SECRET, "high challenge-unanswered\ninfo strict-parser-rejects");
}

/// What ICMP says of a frame: its protocol, type and code, and who says it.
type Said = (u8, [u8; 2], [u8; 4]);

/// The IP header of a frame and the first eight bytes behind it, sent back to who sent it.
fn notice((protocol, [kind, code], by): Said, of: &[u8]) -> Vec<u8> {
    let icmp = [&[kind, code, 0, 0, 0, 0, 0, 0], &of[14..42]].concat();
    let mut notice = crate::wire::ethernet(0x0800, &crate::wire::ipv4(9, 0, protocol, &icmp));
    notice[26..30].copy_from_slice(&by);
    notice[30..34].copy_from_slice(&of[26..30]);
    notice
}

/// A REGISTER that is sent so many times, what ICMP says of it, if anything, and much later one of that Call-ID that is accepted.
fn refused_by(said: Option<Said>, times: u64, call_id: &str) -> Vec<u8> {
    use crate::wire;
    let mut frames = refused_frames(said, times);
    frames.push((60_000_000_000, later(call_id)));
    wire::pcap(wire::Order::Little, wire::Resolution::Nano, &frames)
}

/// Shows that the capture goes on.
fn later(call_id: &str) -> Vec<u8> {
    let answer = String::from_utf8(super::transports::answer(7, "200 OK", "")).expect("it is text");
    crate::wire::udp_frame(answer.replace("Call-ID: c", &format!("Call-ID: {call_id}")).as_bytes())
}

fn refused_frames(said: Option<Said>, times: u64) -> Vec<(u64, Vec<u8>)> {
    refused_frames_of(&super::transports::register(1, None), said, times)
}

fn refused_frames_of(register: &[u8], said: Option<Said>, times: u64) -> Vec<(u64, Vec<u8>)> {
    use crate::wire;
    let mut frames = Vec::new();
    for second in 0..times {
        let sent = wire::udp_frame(register);
        frames.push((second * 1_000_000_000, sent.clone()));
        frames.extend(said.map(|said| (second * 1_000_000_000 + 500_000, notice(said, &sent))));
    }
    frames
}

/// RFC 792: a host says that nothing listens, a firewall that it is in the way, a router that there is none.
#[test]
fn icmp_tells_where_a_request_ended() {
    let (server, firewall) = (crate::wire::SERVER, [192, 0, 2, 254]);
    let rule = "high no-response-at-all sure=likely";
    let check = |said, found: &str| check_capture(refused_by(said, 5, "d"), NOTHING, &format!("{rule} {found}"));
    check(Some((1, [3, 3], server)), "fault=server says=nothing_listens_on_port says=frame_10");
    check(Some((1, [3, 13], firewall)), "fault=path says=192.0.2.254_says_that_it_does_not_let");
    check(Some((1, [3, 1], firewall)), "fault=path says=192.0.2.254_says_that_the_request_does_not_arrive");
    check(Some((1, [3, 3], firewall)), "fault=path says=192.0.2.254_says_that_the_request_does_not_arrive");
    check(Some((1, [3, 4], firewall)), "fault=path says=too_large_for_the_way_on");
    check(Some((1, [11, 0], firewall)), "fault=path says=hops_ran_out");
    check(Some((1, [11, 1], server)), "fault=path says=some_fragments_of_the_request");
    // Whoever gets in at last had waited for long.
    check_capture(refused_by(Some((1, [3, 3], server)), 5, "c"), NOTHING, "medium no-response-at-all fault=server");
    // Other ICMP, and other protocols, say nothing of it.
    for said in [None, Some((1, [11, 2], firewall)), Some((1, [8, 0], server)), Some((50, [3, 3], server))] {
        let report = analyse_capture(refused_by(said, 5, "d"), NOTHING);
        let finding =
            report.findings.iter().find(|finding| finding.rule == "no-response-at-all").expect("it is silent");
        assert!(finding.fault == "path" && !finding.explanation.contains("ICMP"), "{}", finding.explanation);
        let expect = if said.is_some() { 5 } else { 0 };
        assert_eq!(report.coverage.set_aside.get("other_protocol").copied().unwrap_or(0), expect);
    }
}

/// RFC 3261 §18.4: who hears by ICMP that a request did not arrive need not send it again.
#[test]
fn one_request_is_enough_where_icmp_says_that_it_did_not_arrive() {
    use crate::wire;
    let server = wire::SERVER;
    let found = "medium no-response-at-all fault=server says=sent_REGISTER_once";
    let alone = refused_frames(Some((1, [3, 3], server)), 1);
    let alone = wire::pcap(wire::Order::Little, wire::Resolution::Nano, &alone);
    check_capture(alone, NOTHING, &format!("{found}\ntold 1 of 1 client did not get in"));
    // A phone that is off is nobody's server: what does not come to it is told only where it is repeated.
    let register = super::transports::register(1, None);
    let options = String::from_utf8(register).expect("it is text").replace("REGISTER", "OPTIONS");
    let to_phone = refused_frames_of(options.as_bytes(), Some((1, [3, 3], server)), 1);
    let to_phone = wire::pcap(wire::Order::Little, wire::Resolution::Nano, &to_phone);
    check_capture(to_phone, NOTHING, "clean\nno no-response-at-all\nverdict nothing_found");
    // Whoever gets in later was only late.
    check_capture(refused_by(Some((1, [3, 3], server)), 1, "c"), NOTHING, &found.replace("medium", "info"));
    check_capture(refused_by(Some((1, [3, 4], server)), 1, "c"), NOTHING, "no no-response-at-all");
    check_capture(refused_by(None, 1, "c"), NOTHING, "no no-response-at-all");
}

/// A challenge of which ICMP says that it did not come to the client was not ignored by it.
#[test]
fn icmp_tells_that_a_challenge_did_not_arrive() {
    use crate::wire;
    let challenge = super::transports::answer(1, "401 Unauthorized", "n");
    let mut back = wire::udp_frame(&challenge);
    for (one, other) in [(26, 30), (27, 31), (28, 32), (29, 33), (34, 36), (35, 37)] {
        back.swap(one, other);
    }
    let check = |said: Option<Said>, found: &str| {
        let asked = wire::udp_frame(&super::transports::register(1, None));
        let mut frames = vec![(0, asked), (1_000_000, back.clone())];
        frames.extend(said.map(|said| (2_000_000, notice(said, &back))));
        frames.push((60_000_000_000, later("d")));
        check_capture(wire::pcap(wire::Order::Little, wire::Resolution::Nano, &frames), NOTHING, found);
    };
    check(None, "high challenge-unanswered sure=proven fault=client");
    let gone = "high challenge-unanswered sure=likely fault=client says=nothing_listens_on_port says=frame_3";
    check(Some((1, [3, 3], wire::CLIENT)), gone);
    check(
        Some((1, [3, 13], [192, 0, 2, 254])),
        "high challenge-unanswered sure=likely fault=path says=let_the_answer_through",
    );
}

#[test]
fn a_status_that_cannot_be_read_is_no_answer() {
    let silent = format!("{RIGHT}+0.5 retransmit\n+1 retransmit\n+2 retransmit\n+4 retransmit\n");
    let found = "high auth-retry-no-response";
    check(&[ASKED, &silent, LATER], SECRET, found);
    check(&[ASKED, &silent, "< raw\nSIP/2.0 2000 OK\nVia: SIP/2.0/UDP 198.51.100.7:5060\n\n", LATER], SECRET, found);
}
