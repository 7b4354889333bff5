//! RFC 5118: SIP with addresses of IPv6, with brackets and without.

use sipauth::sip::uri::Uri;

use crate::torture::check;
use crate::torture::check_in_stream;
use crate::torture::with_crlf;

/// A REGISTER to that URI, with these lines behind its own.
fn request(uri: &str, via: &str, lines: &str) -> Vec<u8> {
    with_crlf(&format!(
        "REGISTER {uri} SIP/2.0\nTo: sip:user@example.com\nFrom: sip:user@example.com;tag=81x2\nVia: {via}\nCall-ID: SSG9559905523997077@hlau_4100\n\
         Max-Forwards: 70\nContact: \"Caller\" <sip:caller@[2001:db8::1]>\nCSeq: 98176 REGISTER\n{lines}\n"
    ))
}

const VIA: &str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111";

/// Host and port as we read them.
#[track_caller]
fn check_uri(text: &str, host: &str, port: &str) {
    let uri = Uri::parse(text.as_bytes());
    assert_eq!((uri.host, uri.port), (host.as_bytes(), port.as_bytes()), "{text}");
}

#[test]
fn references_with_brackets_and_without() {
    let bytes = request("sip:[2001:db8::10]", VIA, "Content-Length: 0\n");
    let message = check("4.1", &bytes, &[]);
    assert_eq!(message.top_via().map(|via| via.sent_by()), Some(&b"[2001:db8::9:1]"[..]));
    check_in_stream("4.1", &bytes);
    // §4.2: without brackets it is no URI of SIP. It is shown as it was sent.
    let bytes = request("sip:2001:db8::10", VIA, "Content-Length: 0\n");
    assert_eq!(check("4.2", &bytes, &[]).request_uri(), Some(&b"sip:2001:db8::10"[..]));
    check_uri("sip:[2001:db8::10]", "[2001:db8::10]", "");
    // §4.3: 5070 belongs to the address; §4.4: here it is the port.
    check_uri("sip:[2001:db8::10:5070]", "[2001:db8::10:5070]", "");
    check_uri("sip:[2001:db8::10]:5070", "[2001:db8::10]", "5070");
    check("4.3", &request("sip:[2001:db8::10:5070]", VIA, "Content-Length: 0\n"), &[]);
    check("4.4", &request("sip:[2001:db8::10]:5070", VIA, "Content-Length: 0\n"), &[]);
}

#[test]
fn received_with_brackets_and_without() {
    for received in ["[2001:db8::9:255]", "2001:db8::9:255"] {
        let via = format!("SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111");
        let bytes = request("sip:[2001:db8::10]", &via, "Content-Length: 0\n");
        let message = check("4.5", &bytes, &[]);
        assert_eq!(message.top_via().and_then(|via| via.branch), Some(&b"z9hG4bKas3-111"[..]));
    }
}

#[test]
fn addresses_of_both_kinds_and_mapped_ones() {
    let sdp = "v=0\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\nc=IN IP6 2001:db8::1\nt=3338481189 3370017201\n\
        m=audio 6000 RTP/AVP 2\nc=IN IP4 192.0.2.1\nm=video 6024 RTP/AVP 107\nc=IN IP6 ::ffff:192.0.2.10\n";
    let len = with_crlf(sdp).len();
    let bytes = request(
        "sip:user@[2001:db8::10]",
        VIA,
        &format!("Content-Type: application/sdp\nContent-Length: {len}\n\n{sdp}"),
    );
    // The request ends with a blank line of its own behind the body.
    let bytes = &bytes[..bytes.len() - 2];
    let message = check("4.6, 4.8, 4.9", bytes, &[]);
    assert_eq!(message.body().len(), len);
    check_in_stream("4.6, 4.8, 4.9", bytes);
    let vias = format!(
        "{VIA}\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKb\nVia: SIP/2.0/TCP [::ffff:192.0.2.10]:19823;branch=z9hG4bKc"
    );
    let bytes = request("sip:user@example.com", &vias, "Content-Length: 0\n");
    assert_eq!(check("4.7", &bytes, &[]).via_branches().count(), 3);
    check_uri("sip:[::ffff:192.0.2.2]:5060", "[::ffff:192.0.2.2]", "5060");
    // §4.10: three colons, as an early grammar had it.
    check_uri("sip:user@[2001:db8:::192.0.2.1]", "[2001:db8:::192.0.2.1]", "");
    check("4.10", &request("sip:user@[2001:db8:::192.0.2.1]", VIA, "Content-Length: 0\n"), &[]);
}
