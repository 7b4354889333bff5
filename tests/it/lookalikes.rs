//! What stands on the ports of SIP, or quotes it, and is no SIP traffic.

use sipauth::base::SetAside;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::tunnels::set_aside;
use crate::wire::ACK;
use crate::wire::SYN;
use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::ipv6;
use crate::wire::message;
use crate::wire::read_frames;
use crate::wire::tcp_frame;
use crate::wire::udp;
use crate::wire::udp_frame;
use crate::wrap::GRE;
use crate::wrap::VXLAN;

/// Destination unreachable, with the packet that was not delivered (RFC 792, RFC 4443 §3.1).
fn icmp_error(frame: &[u8]) -> Vec<u8> {
    let quoted = &frame[14..];
    match frame[12] {
        0x86 => ethernet(0x86dd, &ipv6(58, &[&[1, 4, 0, 0, 0, 0, 0, 0], quoted].concat())),
        _ => ethernet(0x0800, &ipv4(1, 0, 1, &[&[3, 3, 0, 0, 0, 0, 0, 0], quoted].concat())),
    }
}

#[test]
fn sip_that_an_icmp_error_quotes_is_no_sip_traffic() {
    let v4 = udp_frame(&message(1, 0));
    let v6 = ethernet(0x86dd, &ipv6(17, &udp(&message(1, 0))));
    for frame in [&v4, &v6, &(GRE.wrap)(&v4), &(VXLAN.wrap)(&v4)] {
        assert_eq!(set_aside(frame), None);
        let error = icmp_error(frame);
        for error in [error.clone(), (GRE.wrap)(&error), (VXLAN.wrap)(&error)] {
            assert_eq!(set_aside(&error), Some(SetAside::OtherProtocol));
        }
    }
}

#[test]
fn icmp_errors_in_a_capture_change_no_session() {
    let sample = corpus::sample("register-wrong-password-loop");
    let frames = sample.frames();
    let with_errors = frames.iter().flat_map(|frame| {
        let bytes = icmp_error(&frame.bytes);
        let original_len = u32::try_from(bytes.len()).unwrap();
        [frame.clone(), RawFrame { bytes, original_len, ..frame.clone() }]
    });
    let with_errors: Vec<RawFrame> = with_errors.collect();
    let told = |frames: &[RawFrame]| {
        let report = sample.report_on(&corpus::plain_pcap(frames));
        let sessions = report.sessions.iter().map(|session| (session.outcome.to_string(), session.attempts.len()));
        let findings = report.findings.iter().map(|finding| finding.rule.to_string());
        (sessions.collect::<Vec<_>>(), findings.collect::<Vec<_>>())
    };
    assert_eq!(told(&with_errors), told(&frames));
}

/// First lines that resemble those of SIP.
const OTHERS: [&str; 5] = [
    "GET / HTTP/1.1\r\nHost: pbx.example.test\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: pbx.example.test\r\n\r\n",
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\"\r\nContent-Length: 0\r\n\r\n",
    "OPTIONS rtsp://pbx.example.test RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "NOTIFY * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\n\r\n",
];

#[test]
fn http_on_a_port_of_sip_is_no_sip() {
    for text in OTHERS {
        assert_eq!(set_aside(&udp_frame(text.as_bytes())), Some(SetAside::NotSip), "{text}");
        let stream = text.repeat(3);
        for frames in [
            vec![tcp_frame(0, SYN, b""), tcp_frame(1, ACK, stream.as_bytes())],
            vec![tcp_frame(1, ACK, stream.as_bytes())],
        ] {
            let outcome = read_frames(&frames);
            assert!(outcome.seen.is_empty(), "{text}");
            assert_eq!(outcome.coverage.set_aside.get(&SetAside::NotSip), Some(&1), "{text}");
        }
    }
}
