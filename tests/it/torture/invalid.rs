//! RFC 4475 §3.1.2 to §3.4: messages that are malformed, or that ask for what cannot be. Nothing is refused here: a defect is
//! said of what we read, and of what we pass over (dates, Contact parameters) nothing is.

use sipauth::sip::HeaderName;

use crate::torture::check;
use crate::torture::check_in_stream;
use crate::torture::messages_of;
use crate::torture::with_crlf;
use crate::wire::udp_frame;

/// A request with this start line, and these lines in place of its own where the names are equal.
fn request(start_line: &str, lines: &str) -> Vec<u8> {
    let method = start_line.split(' ').next().unwrap_or_default();
    let usual = [
        "Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw".to_owned(),
        "Max-Forwards: 70".to_owned(),
        "From: <sip:caller@example.net>;tag=134161461246".to_owned(),
        "To: <sip:user@example.com>".to_owned(),
        "Call-ID: odd.one@host".to_owned(),
        format!("CSeq: 8 {method}"),
        "Content-Length: 0".to_owned(),
    ];
    let name = |line: &str| line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_replaced = |line: &&String| lines.lines().any(|new| name(new) == name(line));
    let mut text = format!("{start_line}\n");
    for line in usual.iter().filter(|line| !is_replaced(line)) {
        text += &format!("{line}\n");
    }
    with_crlf(&format!("{text}{lines}\n"))
}

#[track_caller]
fn check_request(section: &str, start_line: &str, lines: &str, defects: &[&str]) {
    let bytes = request(start_line, lines);
    check(section, &bytes, defects);
    check_in_stream(section, &bytes);
}

const INVITE: &str = "INVITE sip:user@example.com SIP/2.0";
const OPTIONS: &str = "OPTIONS sip:user@example.com SIP/2.0";
const REGISTER: &str = "REGISTER sip:example.com SIP/2.0";

#[test]
fn separators_too_many() {
    let lines = "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\nContact: \"Joe\" <sip:joe@example.org>;;;;\n";
    check_request("3.1.2.1", INVITE, lines, &[]);
    let bytes = request(INVITE, lines);
    assert_eq!(check("3.1.2.1", &bytes, &[]).via_branches().count(), 0);
}

#[test]
fn lengths_of_bodies() {
    let bytes = [&request(INVITE, "Content-Length: 9999\n")[..], b"v=0\r\n"].concat();
    let message = check("3.1.2.2", &bytes, &["body_cut"]);
    assert!(!message.has_whole_body && message.body() == b"v=0\r\n");
    let bytes = [&request(INVITE, "Content-Length: -999\n")[..], b"v=0\r\n"].concat();
    check("3.1.2.3", &bytes, &["bad_content_length"]);
    let bytes = [&request(OPTIONS, "Content-Length: 8\nContent-Length: 5\n")[..], b"12345678"].concat();
    check("3.3.9", &bytes, &["bad_content_length"]);
}

#[test]
fn numbers_beyond_their_range() {
    let lines = "CSeq: 36893488147419103232 REGISTER\nMax-Forwards: 300\nExpires: 10000000000000000000000000000000000000000\n\
        Contact: <sip:user@host129.example.com>;expires=280297596632815\n";
    check_request("3.1.2.4", REGISTER, lines, &["bad_cseq"]);
    let text = "SIP/2.0 503 Service Unavailable\nVia: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzz;odd=1\n\
        To: <sip:user@example.com>\nFrom: <sip:other@example.net>;tag=2\nCall-ID: c\nCSeq: 9292394834772304023312 OPTIONS\n\
        Retry-After: 949302838503028349304023988\nWarning: 1812 overture \"In Progress\"\nContent-Length: 0\n\n";
    let bytes = with_crlf(text);
    assert_eq!(check("3.1.2.5", &bytes, &["bad_cseq"]).status(), Some(503));
    let text = text.replace("503 Service", "4294967301 better not break").replace("9292394834772304023312", "8");
    let bytes = with_crlf(&text);
    assert_eq!(check("3.1.2.19", &bytes, &["start_line"]).status(), Some(0));
    check_in_stream("3.1.2.19", &bytes);
}

#[test]
fn names_that_are_not_quoted_as_they_should_be() {
    let bytes = request(INVITE, "To: \"Mr. J. User <sip:j.user@example.com>\n");
    let message = check("3.1.2.6", &bytes, &[]);
    assert_eq!(message.to().map(|to| to.uri), Some(&b"sip:j.user@example.com"[..]));
    check_request("3.1.2.13", REGISTER, "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\n", &[]);
    let bytes = request(
        OPTIONS,
        "From: \"Bell, Alexander\" <sip:a.g.bell@example.com>;tag=43\nTo: \"Watson\" < sip:t.watson@example.org >\n",
    );
    let message = check("3.1.2.14", &bytes, &[]);
    assert_eq!(message.to().map(|to| to.uri), Some(&b"sip:t.watson@example.org"[..]));
    let bytes = request(OPTIONS, "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43\n");
    let message = check("3.1.2.15", &bytes, &[]);
    assert_eq!(message.from().map(|from| from.uri), Some(&b"sip:a.g.bell@example.com"[..]));
}

#[test]
fn start_lines_that_are_none() {
    let is_odd = &["start_line"];
    check_request("3.1.2.7", "INVITE <sip:user@example.com> SIP/2.0", "", is_odd);
    check_request("3.1.2.8", "INVITE sip:user@example.com; lr SIP/2.0", "", is_odd);
    check_request("3.1.2.9", "INVITE  sip:user@example.com  SIP/2.0", "", is_odd);
    check_request("3.1.2.10", "OPTIONS sip:remote-target@example.com SIP/2.0  ", "", is_odd);
    check_request("3.1.2.11", "INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", "", is_odd);
    check_request(
        "3.1.2.16",
        "OPTIONS sip:t.watson@example.org SIP/7.0",
        "Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKk\n",
        is_odd,
    );
    // The URI is what stands between the blanks: a digest is over its bytes.
    let bytes = request("INVITE  sip:user@example.com  SIP/2.0", "");
    assert_eq!(check("3.1.2.9", &bytes, is_odd).request_uri(), Some(&b"sip:user@example.com"[..]));
    let bytes = request("OPTIONS\tsip:user@example.com\tSIP/2.0", "CSeq: 8 OPTIONS\n");
    let message = check("tabs", &bytes, is_odd);
    assert_eq!((message.method(), message.request_uri()), (Some(&b"OPTIONS"[..]), Some(&b"sip:user@example.com"[..])));
}

#[test]
fn methods_that_differ() {
    check_request("3.1.2.17", OPTIONS, "CSeq: 8 INVITE\n", &["cseq_method_mismatch"]);
    check_request("3.1.2.18", "NEWMETHOD sip:user@example.com SIP/2.0", "CSeq: 8 INVITE\n", &["cseq_method_mismatch"]);
    check_request("3.1.2.12", INVITE, "Date: Fri, 01 Jan 2010 16:00:00 EST\n", &[]);
}

#[test]
fn headers_that_are_missing_or_repeat() {
    let bytes = request(OPTIONS, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\n");
    assert_eq!(check("3.2.1", &bytes, &[]).top_via().and_then(|via| via.branch), Some(&b"z9hG4bK"[..]));
    let bytes = with_crlf(
        "INVITE sip:user@example.com SIP/2.0\nCSeq: 193942 INVITE\nVia: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj\nContent-Length: 0\n\n",
    );
    check("3.3.1", &bytes, &["missing_from", "missing_to", "missing_call_id"]);
    check_in_stream("3.3.1", &bytes);
    let lines = "CSeq: 5 INVITE\nCSeq: 59 INVITE\nCall-ID: one@host\nCall-ID: two@host\nMax-Forwards: 70\nMax-Forwards: 5\n\
        From: <sip:one@example.com>;tag=3413415\nFrom: <sip:two@example.com>;tag=2923420\n\
        To: <sip:one@example.com>\nTo: <sip:two@example.com>\n";
    check_request("3.3.8", INVITE, lines, &["repeated_header"]);
}

/// What a server would refuse or pass on, and a reader of captures shows.
#[test]
fn what_is_odd_above_the_grammar_is_shown() {
    check_request("3.3.2", "OPTIONS nobodyKnowsThisScheme:totallyopaque SIP/2.0", "", &[]);
    check_request("3.3.3", "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", "", &[]);
    let lines = "Contact: <name:John_Smith>\nTo: isbn:2983792873\nFrom: <http://www.example.com>;tag=3\n";
    check_request("3.3.4", REGISTER, lines, &[]);
    check_request("3.3.5", OPTIONS, "Require: nothingSupportsThis\nProxy-Require: noProxiesSupportThis\n", &[]);
    check_request("3.3.6", INVITE, "Content-Type: application/unknownformat\n", &[]);
    check_request("3.3.11", OPTIONS, "Max-Forwards: 0\n", &[]);
    check_request("3.3.12", REGISTER, "Contact: sip:+19725552222@gw1.example.net;unknownparam\n", &[]);
    check_request("3.3.13", REGISTER, "Contact: <sip:+19725552222@gw1.example.net;unknownparam>\n", &[]);
    check_request("3.3.14", REGISTER, "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\n", &[]);
    check_request("3.3.15", INVITE, "Accept: text/nobodyKnowsThis\n", &[]);
    let text = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nVia: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\n\
        Call-ID: b\nCSeq: 35 INVITE\nFrom: sip:user@example.com;tag=11141343\nTo: sip:user@example.edu;tag=2229\nContent-Length: 0\n\n";
    assert_eq!(check("3.3.10", &with_crlf(text), &[]).status(), Some(200));
}

#[test]
fn an_unknown_scheme_of_credentials_is_shown() {
    let bytes = request(REGISTER, "Authorization: NoOneKnowsThisScheme opaque-data=here\n");
    let message = check("3.3.7", &bytes, &[]);
    let value = message.value(HeaderName::Authorization).expect("it is there");
    let credentials = sipauth::auth::parse_credentials(value);
    assert_eq!(credentials[0].scheme_raw, b"NoOneKnowsThisScheme");
    assert!(credentials[0].params.iter().any(|param| param.is("opaque-data") && param.raw == b"here"));
}

/// §3.4.1: an INVITE as RFC 2543 had it, without a branch, a tag in From, and Content-Length.
#[test]
fn an_invite_of_the_old_kind() {
    let text = "INVITE sip:UserB@example.com SIP/2.0\nVia: SIP/2.0/UDP iftgw.example.com\nFrom: <sip:+13035551111@ift.client.example.net;user=phone>\n\
        Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\nTo: sip:+16505552222@ss1.example.net;user=phone\nCall-ID: inv2543.1717@ift\n\
        CSeq: 56 INVITE\nContent-Type: application/sdp\n\nv=0\n";
    let bytes = with_crlf(text);
    let message = check("3.4.1", &bytes, &[]);
    assert_eq!((message.body(), message.has_whole_body), (&b"v=0\r\n"[..], true));
}

/// All of them in one capture, one datagram each: none takes another with it.
#[test]
fn none_is_lost_among_the_others() {
    let starts = [
        "INVITE <sip:user@example.com> SIP/2.0",
        "INVITE sip:user@example.com; lr SIP/2.0",
        "OPTIONS sip:t.watson@example.org SIP/7.0",
        "SIP/2.0 4294967301 better not break",
        "SIP/2.0 100 ",
        "!odd-Method sip:a@b SIP/2.0",
    ];
    let frames: Vec<Vec<u8>> = starts.iter().map(|start| udp_frame(&request(start, ""))).collect();
    assert_eq!(messages_of(&frames), 6);
}
