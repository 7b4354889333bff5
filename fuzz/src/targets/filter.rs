//! Display filters: what is printed is read as the same, and every message has an answer.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use sipauth::base::CaptureTime;
use sipauth::base::Endpoint;
use sipauth::base::Flow;
use sipauth::base::FrameNumber;
use sipauth::base::FrameRef;
use sipauth::base::InputId;
use sipauth::base::Transport;
use sipauth::filter::Filter;
use sipauth::filter::Subject;
use sipauth::sip;
use sipauth::sip::parse::Source;

const MESSAGE: &[u8] = b"REGISTER sip:pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport\r\n\
    Max-Forwards: 70\r\nFrom: \"A\" <sip:1001@pbx.example.com>;tag=1\r\nTo: <sip:1001@pbx.example.com>\r\nCall-ID: c@192.0.2.1\r\n\
    CSeq: 2 REGISTER\r\nContact: <sip:1001@192.0.2.1:5060>;expires=60\r\nUser-Agent: Phone/1.2\r\n\
    Authorization: Digest username=\"1001\", realm=\"pbx\", nonce=\"abc\", uri=\"sip:pbx.example.com\", nc=00000001, qop=auth, \
    cnonce=\"x\", algorithm=MD5, response=\"00112233445566778899aabbccddeeff\"\r\nContent-Length: 0\r\n\r\n";

/// One input.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let filter = match Filter::parse(text) {
        Ok((filter, _)) => filter,
        Err(error) => return drop(error.to_string()),
    };
    let printed = filter.text();
    let again = match Filter::parse(&printed) {
        Ok((again, _)) => again,
        Err(error) => panic!("{text:?} was printed as {printed:?}, which is none: {error}"),
    };
    assert_eq!(printed, again.text(), "of {text:?}");
    let message = sip::parse(MESSAGE, Source { is_cut: false, header_fields_max: 100 });
    let endpoint = |last| Endpoint { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), port: 5060 };
    let subject = Subject {
        message: &message,
        flow: Flow { source: endpoint(1), destination: endpoint(2) },
        transport: Transport::Udp,
        at: FrameRef { input: InputId(0), number: FrameNumber::FIRST },
        time: CaptureTime::from_ns(1_700_000_000_000_000_000),
        began: CaptureTime::from_ns(1_600_000_000_000_000_000),
        tcp_stream: None,
        is_resend: false,
    };
    assert_eq!(filter.matches(&subject), again.matches(&subject), "{text:?} and {printed:?}");
}
