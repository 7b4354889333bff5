//! What capture agents report with HEP: the addresses, the time and the transport that they saw are the message's own.

use sipauth::base::SetAside;
use sipauth::base::Transport;
use sipauth::digest::Keyring;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::properties::Differences;
use crate::properties::essence;
use crate::tunnels::on_messages;
use crate::tunnels::set_aside;
use crate::wire::ACK;
use crate::wire::SYN;
use crate::wire::message;
use crate::wire::read_frames;
use crate::wire::tcp_frame;
use crate::wire::udp_frame;
use crate::wrap;
use crate::wrap::hep_1_or_2;
use crate::wrap::hep_3_chunks;
use crate::wrap::hep_3_of;
use crate::wrap::over_udp;

type Report = fn(&RawFrame) -> Vec<u8>;

const VERSIONS: [(&str, Report); 3] = [
    ("version 1", |frame| hep_1_or_2(1, frame)),
    ("version 2", |frame| hep_1_or_2(2, frame)),
    ("version 3", |frame| hep_3_of(&hep_3_chunks(frame))),
];

fn one_frame() -> RawFrame {
    let bytes = udp_frame(&message(1, 0));
    let original_len = u32::try_from(bytes.len()).unwrap();
    RawFrame { time_ns: 1_700_000_000_000_000_000, link: wrap::ETHERNET, bytes, original_len }
}

/// Nobody on the path can read it, and so nobody is told to change it.
#[test]
fn a_password_of_basic_within_tls_is_not_in_clear() {
    let frames = corpus::sample("register-basic-scheme").frames();
    let finding = |protocol: u8| {
        let wrap = |frame: &RawFrame| {
            let mut chunks = hep_3_chunks(frame);
            chunks[1] = wrap::hep_chunk(2, &[protocol]);
            let bytes = over_udp(9060, &hep_3_of(&chunks));
            let original_len = u32::try_from(bytes.len()).unwrap();
            RawFrame { bytes, original_len, ..frame.clone() }
        };
        let reported: Vec<RawFrame> = frames.iter().map(wrap).collect();
        let report = crate::rules::analyse_capture(corpus::plain_pcap(&reported), "");
        let basic = report.findings.iter().find(|finding| finding.rule == "basic-scheme").expect("it is Basic");
        format!("{} {} {:?}", basic.severity, basic.title, basic.remedy)
    };
    let (over_udp, over_tls) = (finding(17), finding(22));
    assert!(over_udp.starts_with("critical ") && over_udp.contains("Change the password"), "{over_udp}");
    assert!(over_tls.starts_with("medium ") && over_tls.contains("within TLS"), "{over_tls}");
    assert!(!over_tls.contains("in clear") && !over_tls.contains("Change the password"), "{over_tls}");
}

#[test]
fn what_agents_report_gives_the_report_of_the_plain_capture() {
    for name in ["register-stale-recovered", "register-wrong-password-loop", "ipv6-register-ok"] {
        let sample = corpus::sample(name);
        let frames = sample.frames();
        let mut expect = on_messages(&sample.report_on(&corpus::plain_pcap(&frames)));
        for (version, report) in VERSIONS {
            // The reports arrive two seconds later. Version 1 has no other time than that of its arrival.
            let late_ns = if version == "version 1" { 0 } else { 2_000_000_000 };
            let wrap = |frame: &RawFrame| {
                let bytes = over_udp(9060, &report(frame));
                let original_len = u32::try_from(bytes.len()).unwrap();
                RawFrame { time_ns: frame.time_ns + late_ns, bytes, original_len, ..frame.clone() }
            };
            let reported: Vec<RawFrame> = frames.iter().map(wrap).collect();
            let mut got = on_messages(&sample.report_on(&corpus::plain_pcap(&reported)));
            for report in [&mut got, &mut expect] {
                report["inputs"][0]["first_packet"] = serde_json::Value::Null;
                report["inputs"][0]["last_packet"] = serde_json::Value::Null;
            }
            assert!(got == expect, "{name} in HEP {version}:\n{got:#}");
        }
    }
}

#[test]
fn recorded_reports_of_an_agent_equal_what_it_saw() {
    let sample = corpus::sample("hep-wrong-password");
    let plain =
        std::fs::read(sample.path.with_file_name("made-with").join("plain.pcap")).expect("it was recorded, too");
    let messages = |capture: &[u8]| {
        let frames = corpus::frames(capture);
        let bytes: Vec<Vec<u8>> = frames.into_iter().map(|frame| frame.bytes).collect();
        let seen = read_frames(&bytes).seen;
        seen.into_iter().map(|seen| (seen.number, seen.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(messages(&sample.bytes), messages(&plain));
    let sessions = |capture: &[u8]| {
        let mut sessions = on_messages(&sample.report_on(capture))["sessions"].clone();
        for session in sessions.as_array_mut().expect("sessions are a list") {
            assert_eq!(session["transport"], "udp");
            // The agent's clock is read some microseconds before or after that of the network card.
            ["attempts", "started", "ended"].iter().for_each(|key| session[key] = serde_json::Value::Null);
        }
        sessions
    };
    assert_eq!(sessions(&sample.bytes), sessions(&plain));
}

/// Version 3 over TCP from one agent, in segments of so many bytes; the messages went over a transport of this number.
pub fn over_tcp(frames: &[RawFrame], segment_len: usize, protocol: u8) -> Vec<RawFrame> {
    let mut segments = vec![RawFrame { bytes: tcp_frame(0, SYN, b""), ..frames[0].clone() }];
    let mut next = 1;
    for frame in frames {
        let mut chunks = hep_3_chunks(frame);
        chunks[1] = wrap::hep_chunk(2, &[protocol]);
        for part in hep_3_of(&chunks).chunks(segment_len) {
            segments.push(RawFrame { bytes: tcp_frame(next, ACK, part), ..frame.clone() });
            next += u32::try_from(part.len()).unwrap();
        }
    }
    for segment in &mut segments {
        segment.original_len = u32::try_from(segment.bytes.len()).unwrap();
    }
    segments
}

#[test]
fn what_agents_report_over_tcp_gives_the_sessions_and_findings_of_the_plain_capture() {
    let mut differences = Differences::default();
    for name in
        ["register-stale-recovered", "register-wrong-password-loop", "ipv6-register-ok", "invite-wrong-password"]
    {
        let sample = corpus::sample(name);
        let frames = sample.frames();
        let expect = essence(&sample.report_on(&corpus::plain_pcap(&frames)));
        for segment_len in [1, 100, 1400] {
            let report = sample.report_on(&corpus::plain_pcap(&over_tcp(&frames, segment_len, 17)));
            differences.compare(&sample, &format!("in segments of {segment_len}"), &expect, &essence(&report));
            assert!(report.sessions.iter().all(|session| session.transport == "udp"), "{name}");
        }
    }
    differences.none();
}

#[test]
fn reading_goes_on_behind_a_lost_segment_and_a_packet_that_is_none() {
    let frames: Vec<RawFrame> =
        (0..20).map(|number| RawFrame { bytes: udp_frame(&message(number, 300)), ..one_frame() }).collect();
    let segments: Vec<Vec<u8>> = over_tcp(&frames, 200, 17).into_iter().map(|segment| segment.bytes).collect();
    assert_eq!(read_frames(&segments).seen.len(), 20);
    for lost in 1..segments.len() {
        let mut fewer = segments.clone();
        fewer.remove(lost);
        let outcome = read_frames(&fewer);
        // Some of them are there but for their end.
        assert!((19..=20).contains(&outcome.seen.len()), "{} of 20 without segment {lost}", outcome.seen.len());
    }
    // Joined in the middle, where a packet begins.
    let packets: Vec<Vec<u8>> = frames.iter().map(|frame| hep_3_of(&hep_3_chunks(frame))).collect();
    let joined = tcp_frame(9000, ACK, &packets.concat());
    assert_eq!(read_frames(&[joined]).seen.len(), 20);
    // A length that lies, and what stands behind it.
    for lie in [0_u16, 5, 40, 65_535] {
        let mut lying = packets.clone();
        lying[3][4..6].copy_from_slice(&lie.to_be_bytes());
        let stream = lying.concat();
        let outcome = read_frames(&[tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &stream)]);
        assert!(outcome.seen.len() >= 3, "{lie}: {}", outcome.seen.len());
        assert!(lie > 1000 || outcome.seen.len() >= 19, "{lie}: {}", outcome.seen.len());
    }
    // Any bit of two packets, one of them whole.
    let stream = packets[..2].concat();
    let headers_len = packets[0].len() - message(0, 300).len();
    for bit in (0..headers_len * 8).chain(packets[0].len() * 8..(packets[0].len() + headers_len) * 8) {
        let mut flipped = stream.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        read_frames(&[tcp_frame(0, SYN, b""), tcp_frame(1, ACK, &flipped)]);
    }
    // A method may be named so in a stream, too.
    let text = String::from_utf8(message(1, 0)).unwrap().replacen("MESSAGE", "HEP3", 1);
    let outcome = read_frames(&[tcp_frame(0, SYN, b""), tcp_frame(1, ACK, text.as_bytes())]);
    assert_eq!(outcome.seen.iter().map(|seen| seen.transport).collect::<Vec<_>>(), [Transport::Tcp]);
}

#[test]
fn a_message_over_tcp_or_sctp_is_one_wherever_it_was_seen() {
    for (protocol, transport) in
        [(17, Transport::Udp), (6, Transport::Tcp), (22, Transport::Tls), (132, Transport::Sctp)]
    {
        let mut chunks = hep_3_chunks(&one_frame());
        chunks[1] = wrap::hep_chunk(2, &[protocol]);
        let outcome = read_frames(&[over_udp(9060, &hep_3_of(&chunks))]);
        assert_eq!(outcome.seen.iter().map(|seen| seen.transport).collect::<Vec<_>>(), [transport]);
    }
}

#[test]
fn chunks_may_stand_in_any_order_and_be_of_other_vendors() {
    let mut chunks = hep_3_chunks(&one_frame());
    chunks.reverse();
    chunks.push([&[0, 7, 0, 15, 0, 9][..], b"abc"].concat());
    assert_eq!(set_aside(&over_udp(9060, &hep_3_of(&chunks))), None);
    // What fills up a datagram behind the length is no part of it.
    assert_eq!(set_aside(&over_udp(9060, &[&hep_3_of(&chunks)[..], &[0; 7]].concat())), None);
}

#[test]
fn what_is_no_message_is_set_aside_by_its_reason() {
    let check = |chunks: &[Vec<u8>], reason: SetAside| {
        assert_eq!(set_aside(&over_udp(9060, &hep_3_of(chunks))), Some(reason));
    };
    let chunks = hep_3_chunks(&one_frame());
    for missing in [2, 3, 4, 5, 11] {
        let mut chunks = chunks.clone();
        chunks.remove(missing);
        check(&chunks, SetAside::HepUnreadable);
    }
    let mut of_rtcp = chunks.clone();
    of_rtcp[8] = wrap::hep_chunk(11, &[5]);
    check(&of_rtcp, SetAside::NotSip);
    let mut of_text = chunks.clone();
    of_text[11] = wrap::hep_chunk(15, b"no message");
    check(&of_text, SetAside::NotSip);
    let mut short = chunks.clone();
    short[2] = wrap::hep_chunk(3, &[127, 0]);
    check(&short, SetAside::HepUnreadable);
}

#[test]
fn lengths_that_lie_are_counted_in_the_report() {
    let whole = hep_3_of(&hep_3_chunks(&one_frame()));
    // The whole, the first chunk, the payload's chunk: too long, too short, nothing.
    let payload_at = whole.len() - message(1, 0).len() - 2;
    let lies: Vec<(usize, u16)> =
        [(4, 0), (4, 5), (4, 65_535), (10, 0), (10, 5), (10, 65_535), (payload_at, 5), (payload_at, 65_535)].into();
    let mut frames = Vec::new();
    for (at, lie) in &lies {
        let mut hep = whole.clone();
        hep[*at..*at + 2].copy_from_slice(&lie.to_be_bytes());
        let bytes = over_udp(9060, &hep);
        assert_eq!(set_aside(&bytes), Some(SetAside::HepUnreadable), "{lie} at {at}");
        let original_len = u32::try_from(bytes.len()).unwrap();
        frames.push(RawFrame { bytes, original_len, ..one_frame() });
    }
    let report = corpus::analyze(&corpus::plain_pcap(&frames), Keyring::new());
    let rows: Vec<(&str, u64)> = report.diagnostics.iter().map(|row| (row.event, row.count)).collect();
    assert_eq!(rows, [("hep_unreadable", lies.len() as u64)]);
}

#[test]
fn a_method_may_be_named_like_the_protocol() {
    let text = String::from_utf8(message(1, 0)).unwrap().replacen("MESSAGE", "HEP3", 1);
    assert_eq!(set_aside(&udp_frame(text.as_bytes())), None);
}

#[test]
fn reports_cut_or_damaged_anywhere_do_no_harm() {
    for (version, report) in VERSIONS {
        let whole = over_udp(9060, &report(&one_frame()));
        let full_len = u32::try_from(whole.len()).unwrap();
        for len in 0..whole.len() {
            for original_len in [full_len, u32::try_from(len).unwrap()] {
                let frame = RawFrame { bytes: whole[..len].to_vec(), original_len, ..one_frame() };
                let report = corpus::analyze(&corpus::plain_pcap(&[frame]), Keyring::new());
                let aside: u64 = report.coverage.set_aside.values().sum();
                assert_eq!(report.coverage.used + aside, 1, "{version} cut at {len}");
            }
        }
        let headers_len = whole.len() - message(1, 0).len();
        for bit in 0..headers_len * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            corpus::analyze(
                &corpus::plain_pcap(&[RawFrame { bytes, original_len: full_len, ..one_frame() }]),
                Keyring::new(),
            );
        }
    }
}

#[test]
fn two_agents_that_see_one_message_report_it_once() {
    let sample = corpus::sample("register-wrong-password-loop");
    let frames = sample.frames();
    let of_agent = |agent: u8, frame: &RawFrame| {
        let mut chunks = hep_3_chunks(frame);
        chunks[9] = wrap::hep_chunk(12, &[0, 0, 0, agent]);
        let bytes = over_udp(9060, &hep_3_of(&chunks));
        let original_len = u32::try_from(bytes.len()).unwrap();
        RawFrame { bytes, original_len, ..frame.clone() }
    };
    let once: Vec<RawFrame> = frames.iter().map(|frame| of_agent(1, frame)).collect();
    let twice: Vec<RawFrame> = frames.iter().flat_map(|frame| [of_agent(1, frame), of_agent(2, frame)]).collect();
    let findings = |frames: &[RawFrame]| {
        let report = sample.report_on(&corpus::plain_pcap(frames));
        // That packets are there twice is a fact of the capture, and told as one.
        let rules = report.findings.iter().map(|finding| finding.rule.to_string());
        let rules = rules.filter(|rule| rule != "capture-quality");
        (report.sessions.len(), report.sessions[0].attempts.len(), rules.collect::<Vec<_>>())
    };
    assert_eq!(findings(&once), findings(&twice));
}
