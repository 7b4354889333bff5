//! What ports are told to carry (`--port`, `-d`): tunnels on ports that are not theirs, as tshark reads them, and SIP behind bytes
//! of something else.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::corpus;
use crate::corpus::sample;
use crate::run::run;
use crate::run::sipauth;
use crate::wire;
use crate::wire::ACK;
use crate::wire::Order;
use crate::wire::Resolution;
use crate::wire::SYN;
use crate::wire::message;
use crate::wire::tcp_frame;
use crate::wire::timed;
use crate::wire::udp_frame;
use crate::wrap;
use crate::wrap::ETHERNET;
use crate::wrap::Wrapping;
use crate::wrap::wrapped;

/// How many SIP messages the report on a capture counts.
fn messages(capture: &Path, options: &[&str]) -> u64 {
    let words = ["analyze", "--fail-on", "never", "--format", "json"];
    let run = run(sipauth(Path::new(".")).args(words).args(options).arg(capture));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{options:?}");
    let report: Value = serde_json::from_str(&run.stdout).expect("it prints JSON");
    report["summary"]["sip_messages"].as_u64().expect("a number")
}

fn tshark(capture: &Path, options: &[&str]) -> u64 {
    let output = Command::new("tshark").args(["-n", "-r"]).arg(capture).args(["-Y", "sip"]).args(options).output();
    String::from_utf8(output.expect("tshark is there").stdout).expect("text").lines().count() as u64
}

#[test]
fn a_tunnel_may_be_on_any_port_that_is_named() {
    let sample = sample("register-stale-recovered");
    let frames = sample.frames();
    let all = frames.len() as u64;
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("capture.pcap");
    let tunnels: [(&str, Wrapping); 4] = [
        ("vxlan", Wrapping { name: "", link: ETHERNET, wrap: |frame| wrap::over_udp(4790, &wrap::vxlan(frame)) }),
        (
            "geneve",
            Wrapping { name: "", link: ETHERNET, wrap: |frame| wrap::over_udp(4790, &wrap::geneve(&[], frame)) },
        ),
        ("gtp", Wrapping { name: "", link: ETHERNET, wrap: |frame| wrap::over_udp(4790, &wrap::gtp_u(0, &[], frame)) }),
        (
            "tzsp",
            Wrapping {
                name: "",
                link: ETHERNET,
                wrap: |frame| wrap::over_udp(4790, &[&[1, 0, 0, 1, 1][..], frame].concat()),
            },
        ),
    ];
    for (protocol, wrapping) in tunnels {
        fs::write(&place, corpus::plain_pcap(&wrapped(&frames, &wrapping))).expect("it can be written");
        let told = format!("udp.port==4790,{protocol}");
        assert_eq!(messages(&place, &[]), 0, "{protocol}");
        assert_eq!(messages(&place, &["-d", &told]), all, "{protocol}");
        assert_eq!(messages(&place, &["-d", &format!("udp.port==4789-4799,{protocol}")]), all, "{protocol}");
        assert_eq!(tshark(&place, &["-d", &told]), all, "{protocol}");
    }
}

#[test]
fn sip_is_found_behind_other_bytes_where_a_port_is_told_to_carry_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("capture.pcap");
    let write = |frames: &[Vec<u8>]| {
        let bytes = wire::pcap(Order::Little, Resolution::Micro, &timed(frames));
        fs::write(&place, bytes).expect("it can be written");
    };
    let datagram = |before: &[u8]| udp_frame(&[before, &message(1, 40)].concat());
    let noise = udp_frame(b"\x80\x00\x12\x34 no SIP in here\r\n");
    write(&[datagram(b"\x00\x17\x01\x02"), datagram(b"\xff\xfe header\r\n"), datagram(b"[7] "), datagram(b""), noise]);
    assert_eq!(messages(&place, &[]), 1);
    assert_eq!(messages(&place, &["--port", "5061"]), 1, "another port");
    assert_eq!(messages(&place, &["-d", "tcp.port==5060,sip"]), 1, "another transport");
    assert_eq!(messages(&place, &["--port", "5060"]), 4);
    assert_eq!(messages(&place, &["-d", "udp.port==5060:2,sip"]), 4);
    // A stream whose first line says that it is another protocol, and one that says nothing for long.
    let stream = |before: &[u8]| {
        let bytes = [before, &message(1, 40), &message(2, 40)].concat();
        let mut frames = vec![tcp_frame(99, SYN, b"")];
        for (at, segment) in (0..).step_by(1_000).zip(bytes.chunks(1_000)) {
            frames.push(tcp_frame(100 + at, ACK, segment));
        }
        frames
    };
    for before in
        [&b"CONNECT sip.example.test:5060 HTTP/1.1\r\n\r\n"[..], &b"\x01\x02\x03 of its own\r\n".repeat(8_000)]
    {
        write(&stream(before));
        assert_eq!(messages(&place, &[]), 0);
        assert_eq!(messages(&place, &["--port", "5060"]), 2);
        assert_eq!(messages(&place, &["-d", "tcp.port==5060,sip"]), 2);
    }
}

/// What is told changes nothing of what is known without it.
#[test]
fn what_is_known_by_its_content_stays_what_it_is() {
    let told = ["--port", "5060", "-d", "tcp.port==0-65535,sip", "-d", "udp.port==0-65535,sip"];
    for name in ["tls-register-ok", "websocket-register-ok", "hep-wrong-password", "odd-port-with-rtp", "register-ok"] {
        let sample = crate::run::Sample::named(name);
        let report = |options: &[&str]| {
            let run = sample.analyze(&[&["--quiet", "--fail-on", "never", "--format", "json"], options].concat());
            assert_eq!(run.code, 0, "{run:?}");
            run.stdout
        };
        assert_eq!(report(&told), report(&[]), "{name}");
    }
}

#[test]
fn what_cannot_be_told_is_wrong_use() {
    let check = |told: &str, stderr: &str| {
        let run = run(sipauth(Path::new(".")).args(["analyze", "-d", told, "capture.pcap"]));
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(stderr), "{told}: {}", run.stderr);
    };
    check("5080,sip", "expected PLACE==PORT,PROTOCOL, as in udp.port==5080,sip");
    check("tcp.port==8443,tls", "tls is known by its content on every port: leave this out");
    check("udp.port==99999,sip", "expected a port (5080), several (5080-5089)");
}
