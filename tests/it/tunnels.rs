//! Links and tunnels: whatever is put around the packets of a capture, the report on what they say stays the same, and tshark
//! finds the same messages in them.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use serde_json::Value;
use sipauth::base::Limits;
use sipauth::base::SetAside;
use sipauth::report::Report;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::wire;
use crate::wire::Order;
use crate::wire::ethernet;
use crate::wire::message;
use crate::wire::read_frames;
use crate::wire::udp_frame;
use crate::wrap;
use crate::wrap::GRE;
use crate::wrap::LINKS;
use crate::wrap::TUNNELS;
use crate::wrap::VXLAN;
use crate::wrap::Wrapping;
use crate::wrap::wrapped;

/// The report, without what it says of the file.
pub fn on_messages(report: &Report) -> Value {
    let mut report: Value = serde_json::from_str(&corpus::json(report)).expect("the report is JSON");
    let input = &mut report["inputs"][0];
    input["bytes"] = Value::Null;
    input["link_types"] = Value::Null;
    report
}

fn check(name: &str) {
    let sample = corpus::sample(name);
    let frames = sample.frames();
    let expect = on_messages(&sample.report_on(&corpus::plain_pcap(&frames)));
    assert!(expect["sessions"].as_array().is_some_and(|sessions| !sessions.is_empty()), "{name}");
    for wrapping in LINKS.iter().chain(TUNNELS) {
        let capture = corpus::plain_pcap(&wrapped(&frames, wrapping));
        let got = on_messages(&sample.report_on(&capture));
        assert!(got == expect, "{name} in {}:\n{}", wrapping.name, corpus::human(&sample.report_on(&capture)));
    }
}

#[test]
fn datagrams_in_tunnels_give_the_report_of_the_plain_capture() {
    check("register-stale-recovered");
    check("register-wrong-password-loop");
}

#[test]
fn streams_in_tunnels_give_the_report_of_the_plain_capture() {
    check("tcp-segments-out-of-order");
    check("tcp-split-in-odd-places");
}

#[test]
fn fragments_in_tunnels_give_the_report_of_the_plain_capture() {
    check("fragments-out-of-order-wrong-password");
    check("invite-fragment-lost");
}

#[test]
fn ipv6_in_tunnels_gives_the_report_of_the_plain_capture() {
    check("ipv6-register-ok");
}

/// Each wrapping meets a dozen samples, and each sample several wrappings.
#[test]
fn every_sample_in_links_and_tunnels_gives_the_report_of_the_plain_capture() {
    const WRAPPINGS_EACH: usize = 5;
    let mut differ = Vec::new();
    let mut turns = LINKS.iter().chain(TUNNELS).cycle();
    let mut samples = 0;
    for sample in corpus::samples() {
        let frames = sample.frames();
        // What a network card put together is longer than a frame that tells its length may be.
        let is_plain = |frame: &RawFrame| {
            frame.link == wrap::ETHERNET && (60..1500).contains(&frame.bytes.len()) && frame.bytes[12] < 0x81
        };
        // What is tagged or in a tunnel already has a place of its own, and shows its own headers.
        if !frames.iter().all(is_plain) {
            continue;
        }
        samples += 1;
        let expect = on_messages(&sample.report_on(&corpus::plain_pcap(&frames)));
        for wrapping in turns.by_ref().take(WRAPPINGS_EACH) {
            let capture = corpus::plain_pcap(&wrapped(&frames, wrapping));
            if on_messages(&sample.report_on(&capture)) != expect {
                differ.push(format!("{} in {}", sample.name, wrapping.name));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    let all = LINKS.len() + TUNNELS.len();
    assert!(samples * WRAPPINGS_EACH >= 12 * all, "only {samples} samples for {all} wrappings");
}

/// A pcapng file of frames with any link types, each run of frames on an interface of its own.
fn on_interfaces(runs: &[Vec<RawFrame>]) -> Vec<u8> {
    let order = Order::Little;
    let section = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat();
    let mut file = wire::block(order, 0x0a0d_0d0a, &section);
    for run in runs {
        file.extend(wire::block(order, 1, &[&order.u16(run[0].link)[..], &order.u16(0), &order.u32(0)].concat()));
    }
    for (interface, run) in (0..).zip(runs) {
        for frame in run {
            file.extend(wire::enhanced_packet(order, interface, frame.time_ns / 1000, &frame.bytes));
        }
    }
    file
}

/// The Call-IDs that tshark finds, by frame.
pub fn call_ids(capture: &[u8]) -> BTreeMap<usize, String> {
    let mut file = tempfile::NamedTempFile::new().expect("a file for the capture");
    file.write_all(capture).expect("the capture can be written");
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-d", "udp.port==8472,vxlan"]);
    tshark.args(["-Y", "sip", "-T", "fields", "-e", "frame.number", "-e", "sip.Call-ID", "-r"]).arg(file.path());
    let output = tshark.output().expect("tshark is needed for this test: apt-get install tshark");
    let text = String::from_utf8(output.stdout).expect("Call-IDs of samples are plain");
    let row = |line: &str| {
        let (number, call_id) = line.split_once('\t')?;
        Some((number.parse().ok()?, call_id.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// tshark 4.0 knows no link type 219, looks for no control word unless it is told the label, and takes the byte order of NFLOG from the file.
const NOT_BY_TSHARK: &[&str] =
    &["MPLS as a link", "an Ethernet pseudowire with a control word", "NFLOG, of a big-endian host"];

#[test]
fn tshark_finds_the_same_messages_in_tunnels() {
    for name in ["register-stale-recovered", "ipv6-register-ok"] {
        let frames = corpus::sample(name).frames();
        let all = LINKS.iter().chain(TUNNELS).filter(|wrapping| !NOT_BY_TSHARK.contains(&wrapping.name));
        let all: Vec<&Wrapping> = all.collect();
        let plain = call_ids(&on_interfaces(std::slice::from_ref(&frames)));
        assert_eq!(plain.len(), frames.len(), "every frame of {name} is a message");
        let runs: Vec<Vec<RawFrame>> = all.iter().map(|wrapping| wrapped(&frames, wrapping)).collect();
        let found = call_ids(&on_interfaces(&runs));
        let mut differ = Vec::new();
        for (index, wrapping) in all.iter().enumerate() {
            let first = index * frames.len();
            let here = found.range(first + 1..=first + frames.len());
            let here: BTreeMap<usize, String> = here.map(|(at, call_id)| (at - first, call_id.clone())).collect();
            if here != plain {
                differ.push(format!("{}: {here:?}", wrapping.name));
            }
        }
        assert!(differ.is_empty(), "{name}: tshark finds {plain:?}, but in\n{}", differ.join("\n"));
    }
}

/// The frame's IPv4 packet in parts of so many bytes of payload each.
fn in_fragments(frame: &[u8], identification: u16, part_len: usize) -> Vec<Vec<u8>> {
    let (protocol, payload) = (frame[14 + 9], &frame[14 + 20..]);
    let parts = payload.chunks(part_len).enumerate();
    let last = payload.len().div_ceil(part_len) - 1;
    let part = |(index, part): (usize, &[u8])| {
        let offset = u16::try_from(index * part_len / 8).unwrap();
        let offset_and_more = if index < last { offset | 0x2000 } else { offset };
        ethernet(0x0800, &wrap::outer_ipv4_part(identification, offset_and_more, protocol, part))
    };
    parts.map(part).collect()
}

#[test]
fn fragments_of_a_tunnel_are_put_together_before_it_is_looked_into() {
    let plain = message(1, 700);
    for wrapping in TUNNELS {
        let frame = (wrapping.wrap)(&udp_frame(&plain));
        if frame[12..14] != [8, 0] {
            continue;
        }
        let frames = in_fragments(&frame, 9, 256);
        let outcome = read_frames(&frames);
        assert_eq!(outcome.seen.len(), 1, "{}", wrapping.name);
        assert_eq!((&outcome.seen[0].bytes, outcome.seen[0].frames.len()), (&plain, frames.len()), "{}", wrapping.name);
        // And with the fragment in the middle gone, it is the tunnel's datagram that is incomplete.
        let mut frames = frames;
        frames.remove(1);
        let outcome = read_frames(&frames);
        assert_eq!((outcome.seen.len(), outcome.events.fragments_incomplete.count), (0, 1), "{}", wrapping.name);
    }
}

#[test]
fn fragments_within_fragments_are_put_together() {
    let plain = message(1, 900);
    let mut frames = Vec::new();
    for (identification, inner) in (1..).zip(in_fragments(&udp_frame(&plain), 50, 512)) {
        frames.extend(in_fragments(&(GRE.wrap)(&inner), identification, 128));
    }
    let outcome = read_frames(&frames);
    assert_eq!(outcome.seen.len(), 1);
    assert_eq!((&outcome.seen[0].bytes, outcome.seen[0].frames.len()), (&plain, frames.len()));
    frames.reverse();
    assert_eq!(read_frames(&frames).seen.len(), 1);
}

/// What a frame is set aside for, if it is.
pub fn set_aside(frame: &[u8]) -> Option<SetAside> {
    let outcome = read_frames(&[frame.to_vec()]);
    assert!(outcome.seen.len() + outcome.coverage.set_aside.len() == 1, "{outcome:?}", outcome = outcome.coverage);
    outcome.coverage.set_aside.keys().next().copied()
}

#[test]
fn layers_are_read_up_to_the_limit_and_counted_beyond() {
    let limit = sipauth::base::Limits::default().layers_max;
    let plain = udp_frame(&message(1, 0));
    assert_eq!(set_aside(&wrap::vlans(limit, &plain)), None);
    assert_eq!(set_aside(&wrap::vlans(limit + 1, &plain)), Some(SetAside::TooManyLayers));
    for wrapping in TUNNELS.iter().filter(|wrapping| (wrapping.wrap)(&plain)[12..14] == [8, 0]) {
        let mut nested = plain.clone();
        let mut depth = 0;
        while set_aside(&nested).is_none() {
            depth += 1;
            nested = (wrapping.wrap)(&nested);
        }
        assert_eq!(set_aside(&nested), Some(SetAside::TooManyLayers), "{} {depth} times", wrapping.name);
        assert!(depth >= 4 && depth <= limit + 1, "{} {depth} times", wrapping.name);
    }
}

#[test]
fn a_thousand_layers_cost_nothing() {
    let on_small_stack = std::thread::Builder::new().stack_size(256 * 1024);
    let run = on_small_stack.spawn(|| {
        let plain = udp_frame(&message(1, 0));
        assert_eq!(set_aside(&wrap::vlans(350, &plain)), Some(SetAside::TooManyLayers));
        for wrapping in [&TUNNELS[0], &GRE, &VXLAN] {
            let nested = (0..400).fold(plain.clone(), |frame, _| (wrapping.wrap)(&frame));
            assert_eq!(set_aside(&nested), Some(SetAside::TooManyLayers), "{}", wrapping.name);
        }
    });
    run.expect("a thread can be made").join().expect("the limit is reached long before the stack ends");
}

#[test]
fn the_layer_limit_is_in_the_report() {
    let frame = wrap::vlans(17, &udp_frame(&message(1, 0)));
    let capture = wire::pcap(Order::Little, wire::Resolution::Micro, &wire::timed(&[frame]));
    let report = corpus::analyze(&capture, sipauth::digest::Keyring::new());
    assert_eq!(
        report.diagnostics.iter().map(|row| (row.event, row.count)).collect::<Vec<_>>(),
        [("too_many_layers", 1)]
    );
}

#[test]
fn headers_cut_anywhere_are_counted() {
    let plain = udp_frame(&message(1, 0));
    for wrapping in LINKS.iter().chain(TUNNELS) {
        let whole = RawFrame { time_ns: 0, link: 1, bytes: plain.clone(), original_len: 0 };
        let whole = wrapped(&[whole], wrapping).remove(0);
        for len in 0..whole.bytes.len() {
            // Once as a snap length cuts, once as a liar does.
            for original_len in [u32::try_from(whole.bytes.len()).unwrap(), u32::try_from(len).unwrap()] {
                let frame = RawFrame { bytes: whole.bytes[..len].to_vec(), original_len, ..whole.clone() };
                let report = corpus::analyze(&corpus::plain_pcap(&[frame]), sipauth::digest::Keyring::new());
                let aside: u64 = report.coverage.set_aside.values().sum();
                assert_eq!(report.coverage.used + aside, 1, "{} cut at {len}", wrapping.name);
            }
        }
    }
}

#[test]
fn no_flipped_bit_in_a_tunnel_does_harm() {
    let plain = udp_frame(&message(1, 0));
    for wrapping in LINKS.iter().chain(TUNNELS) {
        let whole = RawFrame { time_ns: 0, link: 1, bytes: plain.clone(), original_len: 0 };
        let whole = wrapped(&[whole], wrapping).remove(0);
        // All headers stand in front of the message.
        let headers_len = whole.bytes.len() + 42 - plain.len();
        for bit in 0..headers_len * 8 {
            let mut frame = whole.clone();
            frame.bytes[bit / 8] ^= 1 << (bit % 8);
            frame.original_len = u32::try_from(frame.bytes.len()).unwrap();
            // The ledger is checked in there.
            corpus::analyze(&corpus::plain_pcap(&[frame]), sipauth::digest::Keyring::new());
        }
    }
}

#[test]
fn sip_on_the_ports_of_tunnels_stays_sip() {
    for port in [4789, 8472, 6081, 2152, 37008, 9060] {
        for start in ["MESSAGE", "INVITE", "!!eX", "0x", "HEP3", "(", "H"] {
            let text = String::from_utf8(message(1, 0)).unwrap().replacen("MESSAGE", start, 1);
            let frame = ethernet(0x0800, &wrap::outer_ipv4(17, &wrap::outer_udp(port, text.as_bytes())));
            let is_token = !start.contains('(');
            assert_eq!(set_aside(&frame).is_none(), is_token, "{start} on port {port}");
        }
    }
}

#[test]
fn wifi_that_is_encrypted_or_in_parts_is_set_aside() {
    let plain = wrap::wifi([0x88, 1], &[0, 0], &udp_frame(&message(1, 0)));
    let changed = |at: usize, bits: u8| {
        let mut bytes = plain.clone();
        bytes[at] ^= bits;
        let original_len = u32::try_from(bytes.len()).unwrap();
        let frame = RawFrame { time_ns: 0, link: wrap::IEEE802_11, bytes, original_len };
        let outcome = wire::read(std::io::Cursor::new(corpus::plain_pcap(&[frame])), &Limits::default()).unwrap();
        outcome.coverage.set_aside.keys().next().copied()
    };
    assert_eq!(changed(1, 0), None);
    assert_eq!(changed(1, 0x40), Some(SetAside::OtherProtocol), "encrypted");
    assert_eq!(changed(1, 0x04), Some(SetAside::OtherProtocol), "the first part");
    assert_eq!(changed(22, 0x01), Some(SetAside::OtherProtocol), "another part");
    assert_eq!(changed(24, 0x80), Some(SetAside::OtherProtocol), "a bundle");
    assert_eq!(changed(0, 0x40), Some(SetAside::NotIp), "without data");
    assert_eq!(changed(0, 0x08), Some(SetAside::NotIp), "a beacon");
    assert_eq!(changed(0, 0x01), Some(SetAside::Malformed), "a version to come");
}

#[test]
fn link_types_that_are_not_read_are_named() {
    let bytes = udp_frame(&message(1, 0));
    let original_len = u32::try_from(bytes.len()).unwrap();
    let frame = RawFrame { time_ns: 0, link: 147, bytes, original_len };
    let report = corpus::analyze(&corpus::plain_pcap(&[frame]), sipauth::digest::Keyring::new());
    assert_eq!(report.summary.headlines, ["No SIP in what could be read of this capture"]);
    let told: Vec<_> = report.diagnostics.iter().map(|told| (told.event, told.severity, told.text.as_str())).collect();
    assert_eq!(told, [("link_types_not_read", "low", "link types that are not read, by their numbers: 147")]);
}

#[test]
fn what_only_looks_like_a_tunnel_is_left_alone() {
    let udp = |port: u16, payload: &[u8]| ethernet(0x0800, &wrap::outer_ipv4(17, &wrap::outer_udp(port, payload)));
    let tunnel = wrap::vxlan(&udp_frame(&message(1, 0)));
    // Another port, another flag, a control message.
    assert_eq!(set_aside(&udp(4790, &tunnel)), Some(SetAside::NotSip));
    assert_eq!(set_aside(&udp(4789, &[&[0][..], &tunnel[1..]].concat())), Some(SetAside::NotSip));
    assert_eq!(set_aside(&udp(4789, &[12, 0, 0, 4, 0, 0, 0, 0])), Some(SetAside::OtherProtocol));
    assert_eq!(set_aside(&udp(6081, &[0, 0x80, 0x65, 0x58, 0, 0, 0, 0])), Some(SetAside::OtherProtocol));
    assert_eq!(set_aside(&udp(2152, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0])), Some(SetAside::NotSip));
    assert_eq!(set_aside(&udp(37008, &[1, 0, 0, 18, 1])), Some(SetAside::OtherProtocol));
}
