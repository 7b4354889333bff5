//! RFC 4475 §3.1.1: well-formed messages that are hard to read.

use sipauth::sip::HeaderName;

use crate::torture::check;
use crate::torture::check_in_stream;
use crate::torture::with_crlf;

#[test]
fn folds_blanks_and_compact_forms_everywhere() {
    let text = "INVITE sip:harp@strings.example.com;oddparam SIP/2.0\nTO :\n sip:harp@strings.example.com ;  tag   = 99120x\n\
        from  : \"H Lute \\\\\\\"\"      <sip:lute@example.com>\n ;\n  tag = 88ab\nMaX-fOrWaRdS: 0042\n\
        Call-ID: folded.everywhere@192.0.2.1\nContent-Length   : 10\ncseq: 0007\n INVITE\nVia  : SIP  /   2.0\n /UDP\n\
        \x20   192.0.2.2;branch=510skd\ns :\nFreshHeader:  a value\n goes on\nNoKnownShape: ;;,,;;,;\n\
        Content-Type: application/sdp\nRoute:\n <sip:edge.example.com;lr;odd=x;plain>\nv:  SIP  / 2.0  / TCP     edge.example.com   ;\n\
        \x20 branch  =   z9hG4bK77ab ,\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK31q\n\
        m:\"One word \\\"<quoted>\\\" more\" <sip:lute@example.com> ; p =\n  x;q = 0.33,\n tel:4443322\n\nv=0\r\ns=-\r\n";
    let text = text.replace("\r\n", "\n");
    let bytes = with_crlf(&text);
    let message = check("3.1.1.1", &bytes, &["blank_before_colon", "folded"]);
    assert_eq!(message.cseq().map(|cseq| (cseq.number, cseq.method)), Some((7, &b"INVITE"[..])));
    assert_eq!(message.to().and_then(|to| to.tag), Some(&b"99120x"[..]));
    assert_eq!(
        message.from().map(|from| (from.uri, from.tag)),
        Some((&b"sip:lute@example.com"[..], Some(&b"88ab"[..])))
    );
    let branches: Vec<&[u8]> = message.via_branches().collect();
    assert_eq!(branches, [&b"510skd"[..], b"z9hG4bK77ab", b"z9hG4bK31q"]);
    assert_eq!(message.values(HeaderName::Contact).count(), 1);
    check_in_stream("3.1.1.1", &bytes);
}

#[test]
fn every_character_that_the_grammar_allows() {
    let mut bytes = with_crlf(
        "!odd-Method0123456789_*+`.%indeed'~ sip:1_odd.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0\n\
         Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\n",
    );
    bytes.extend(
        b"To: \"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7F\" <sip:1_odd.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>\r\n",
    );
    bytes.extend(
        "From: token1~` token2'+_ token3*%!.- <sip:plain@example.com>;odd''~+*_!.-%=\"рабо\";tag=_token~1'+`*%!-.\r\n"
            .as_bytes(),
    );
    bytes.extend(with_crlf(
        "Call-ID: odd.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\nCSeq: 139122385 !odd-Method0123456789_*+`.%indeed'~\n\
         Max-Forwards: 255\nextensionHeader-!.%*+_`'~: \nContent-Length: 0\n\n",
    ));
    let message = check("3.1.1.2", &bytes, &[]);
    assert_eq!(message.from().and_then(|from| from.tag), Some(&b"_token~1'+`*%!-."[..]));
    assert_eq!(message.call_id(), b"odd.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{");
    check_in_stream("3.1.1.2", &bytes);
}

/// A request of that method and Request-URI, with a To of that value.
fn request(method: &str, uri: &str, to: &str) -> Vec<u8> {
    with_crlf(&format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdj\nMax-Forwards: 7\n\
         From: \"%Z%45\" <sip:resource@example.com>;tag=f2\nTo: {to}\nCall-ID: esc@host\nCSeq: 23 {method}\nContent-Length: 0\n\n"
    ))
}

#[test]
fn escapes_and_what_is_none() {
    let uri = "sip:sips%3Auser%40example.com@example.net";
    let bytes = request("INVITE", uri, "sip:%75se%72@example.com");
    let message = check("3.1.1.3", &bytes, &[]);
    assert_eq!(message.request_uri(), Some(uri.as_bytes()));
    check("3.1.1.4", &request("REGISTER", "sip:example.com", "sip:null-%00-null@example.com"), &[]);
    let bytes = request("RE%47IST%45R", "sip:registrar.example.com", "\"%Z%45\" <sip:resource@example.com>");
    let message = check("3.1.1.5", &bytes, &[]);
    // The method is those bytes, and no REGISTER.
    assert_eq!(message.method(), Some(&b"RE%47IST%45R"[..]));
    let bytes = request("OPTIONS", "sip:user@example.com", "caller<sip:caller@example.com>;tag=323");
    let message = check("3.1.1.6", &bytes, &[]);
    assert_eq!(message.to().map(|to| to.uri), Some(&b"sip:caller@example.com"[..]));
    // Parameters in the user part are part of it.
    let uri = "sip:user;par=u%40example.net@example.com";
    let bytes = request("OPTIONS", uri, "sip:j_user@example.com");
    assert_eq!(check("3.1.1.9", &bytes, &[]).request_uri(), Some(uri.as_bytes()));
    let parts = sipauth::sip::uri::Uri::parse(uri.as_bytes());
    assert_eq!((parts.user, parts.host), (&b"user;par=u%40example.net"[..], &b"example.com"[..]));
}

#[test]
fn long_values_and_many_of_them() {
    let long = "x".repeat(2000);
    let vias: String = (0..34).map(|at| format!("v: SIP/2.0/TCP host{at}.example.com\n")).collect();
    let bytes = with_crlf(&format!(
        "INVITE sip:user@example.com SIP/2.0\nTo: \"I have a name of {long} letters\" <sip:user@example.com:6000;p={long}>\n\
         F: sip:{long}@example.net;tag=12982424{long};odd{long}\nCall-ID: {long}\nCSeq: 3882340 INVITE\n\
         Unknown-{long}: {long};{long}={long}\n{vias}Contact: <sip:amazing@example.com:5060;{long}>\nMax-Forwards: 70\nl: 0\n\n"
    ));
    let message = check("3.1.1.7", &bytes, &[]);
    assert_eq!(message.values(HeaderName::Via).count(), 34);
    assert_eq!(message.call_id().len(), 2000);
    check_in_stream("3.1.1.7", &bytes);
}

/// What follows the body in a datagram is no message of its own (RFC 3261 §18.3), whatever it looks like.
#[test]
fn octets_behind_a_datagrams_message_are_no_message() {
    let first = request("REGISTER", "sip:example.com", "sip:j@example.com");
    let bytes = [&first[..], &request("INVITE", "sip:joe@example.com", "sip:joe@example.com")].concat();
    let message = check("3.1.1.8", &bytes, &["bytes_after_body"]);
    assert!(message.body().is_empty() && message.method() == Some(b"REGISTER"));
}

#[test]
fn transports_known_and_unknown() {
    let text = "OPTIONS sip:user@example.com SIP/2.0\nTo: sip:user@example.com\nFrom: <sip:caller@example.com>;tag=323\nMax-Forwards: 70\n\
        Call-ID: transports\nCSeq: 60 OPTIONS\nVia: SIP/2.0/UDP t1.example.com;branch=z9hG4bKk1\nVia: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKk2\n\
        Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bKk3\nVia: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKk4\n\
        Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bKk5\nl: 0\n\n";
    let bytes = with_crlf(text);
    let message = check("3.1.1.10", &bytes, &[]);
    assert_eq!(message.via_branches().count(), 5);
    assert_eq!(message.top_via().map(|via| via.transport()), Some(&b"UDP"[..]));
}

#[test]
fn a_binary_part_in_a_body() {
    let mut body =
        b"--7a9c\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9c\r\nContent-Type: application/octet-stream\r\n\r\n"
            .to_vec();
    body.extend((0..=255_u8).cycle().take(700));
    body.extend(b"\r\n\r\nOPTIONS sip:not-a-message SIP/2.0\r\n\r\n--7a9c--\r\n");
    let head = with_crlf(&format!(
        "MESSAGE sip:kumiko@example.org SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-d87543\nMax-Forwards: 70\n\
         To: <sip:kumiko@example.org>\nFrom: <sip:fluffy@example.com>;tag=2fb0\nCall-ID: 3d9485\nCSeq: 1 MESSAGE\n\
         Content-Type: multipart/mixed;boundary=7a9c\nContent-Length: {}\n\n",
        body.len()
    ));
    let bytes = [&head[..], &body].concat();
    let message = check("3.1.1.11", &bytes, &[]);
    assert_eq!(message.body(), body);
    check_in_stream("3.1.1.11", &bytes);
}

#[test]
fn reason_phrases_odd_and_empty() {
    let response = |status: &str| {
        with_crlf(&format!(
            "SIP/2.0 {status}\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nCall-ID: reason\nCSeq: 35 INVITE\n\
             From: sip:user@example.com;tag=11\nTo: sip:user@example.edu;tag=22\nContent-Length: 0\n\n"
        ))
    };
    let bytes = response("200 = 2**3 * 5**2 но сто девяносто девять - простое");
    assert_eq!(check("3.1.1.12", &bytes, &[]).status(), Some(200));
    check_in_stream("3.1.1.12", &bytes);
    let bytes = response("100 ");
    assert_eq!(check("3.1.1.13", &bytes, &[]).status(), Some(100));
    check_in_stream("3.1.1.13", &bytes);
}
