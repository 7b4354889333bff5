//! Capture files that lie about themselves, and compressed ones that are bombs.

use sipauth::report::Report;

use crate::attacks::check_clean;
use crate::attacks::event;
use crate::attacks::frames_of_registration;
use crate::attacks::keyring;
use crate::attacks::registration;
use crate::attacks::results;
use crate::corpus;
use crate::wire;
use crate::wire::Order;
use crate::wire::Resolution;
use crate::wire::block;
use crate::wire::enhanced_packet;
use crate::wire::gzip;
use crate::wire::option;
use crate::wire::pcapng_head;
use crate::wire::udp_frame;
use crate::wire::zstd;

fn frames() -> Vec<Vec<u8>> {
    frames_of_registration("1001", "")
}

fn pcap() -> Vec<u8> {
    wire::pcap(Order::Little, Resolution::Micro, &wire::timed(&frames()))
}

/// The report on a file; the registration in it was verified.
#[track_caller]
fn check_verified(file: &[u8], what: &str) -> Report {
    let report = corpus::analyze(file, keyring());
    check_clean(&report);
    assert_eq!(report.sessions.len(), 1, "{what}");
    assert_eq!(results(&report.sessions[0]), ["match"], "{what}");
    report
}

/// As [`check_verified`], and the file is said to break off.
#[track_caller]
fn check_told(file: &[u8], what: &str) {
    let report = check_verified(file, what);
    assert_eq!(event(&report, "input_truncated"), 1, "{what}: {:?}", report.diagnostics);
    assert!(report.inputs[0].truncated, "{what}");
}

#[test]
fn compressed_captures_that_are_damaged_behind_the_registration_are_told() {
    for (name, packed) in [("gzip", gzip(&pcap())), ("zstd", zstd(&pcap()))] {
        check_verified(&packed, name);
        check_told(&[&packed[..], b"garbage behind"].concat(), &format!("{name}, garbage behind"));
    }
    let packed = gzip(&pcap());
    // The sum and the length stand last (RFC 1952 §2.3.1).
    for (what, at) in [("a wrong sum", packed.len() - 8), ("a wrong length", packed.len() - 1)] {
        let mut damaged = packed.clone();
        damaged[at] ^= 1;
        check_told(&damaged, what);
    }
    check_told(&packed[..packed.len() - 3], "cut short");
    // Members one behind the other are one file (RFC 1952 §2.2).
    let whole = pcap();
    let (head, rest) = whole.split_at(200);
    let report = check_verified(&[gzip(head), gzip(rest)].concat(), "two members");
    assert_eq!(event(&report, "input_truncated"), 0);
}

#[test]
fn one_layer_of_compression_is_unpacked() {
    for (what, nested) in [
        ("gzip in gzip", gzip(&gzip(&pcap()))),
        ("zstd in gzip", gzip(&zstd(&pcap()))),
        ("gzip in zstd", zstd(&gzip(&pcap()))),
    ] {
        assert!(corpus::analyze_from(std::io::Cursor::new(nested), keyring()).is_none(), "{what}");
    }
}

/// Records of no bytes, a thousand to a byte of the file; and one record that is a bomb.
#[test]
fn bombs_are_read_as_they_unpack() {
    let empty = [pcap(), vec![0; 4 << 20]].concat();
    let packed = gzip(&empty);
    assert!(packed.len() < 64 << 10, "{} bytes are a bomb", packed.len());
    let report = check_verified(&packed, "records of no bytes");
    assert_eq!(report.coverage.frames, 4 + (4 << 20) / 16);
    let head = [0, 0, 0xffff_fff0_u32, 0xffff_fff0].map(u32::to_le_bytes).concat();
    let record = [&pcap()[..], &head, &vec![0; 4 << 20]].concat();
    check_told(&gzip(&record), "one record");
}

/// A record header of pcap: seconds, fraction, captured and original length.
fn record(words: [u32; 4], bytes: &[u8]) -> Vec<u8> {
    [&words.map(u32::to_le_bytes).concat()[..], bytes].concat()
}

#[test]
fn pcap_lengths_that_lie_end_the_reading_and_are_told() {
    for len in [u32::MAX, 1 << 31, (1 << 31) - 1, 262_145] {
        check_told(&[pcap(), record([1_700_000_001, 0, len, len], &[0; 64])].concat(), &format!("{len} bytes"));
    }
    // More captured than there was: the frame is read, and nothing is computed from the smaller number.
    let frame = udp_frame(&registration("1001", "")[0]);
    let len = u32::try_from(frame.len()).unwrap();
    for original in [0, 1, len - 1] {
        let file = [pcap(), record([1_700_000_001, 0, len, original], &frame)].concat();
        let report = corpus::analyze(&file, keyring());
        assert_eq!((report.coverage.frames, report.summary.sip_messages), (5, 5), "{original} of {len}");
    }
    // A snap length of zero in the file's head says nothing about its records.
    let mut file = pcap();
    file[16..20].copy_from_slice(&[0; 4]);
    check_verified(&file, "snap length 0");
}

/// Times backwards, at the ends of what can be said, and with a fraction of more than a second: durations stay numbers.
#[test]
fn absurd_times_give_no_absurd_durations() {
    let times = [[u32::MAX, u32::MAX], [0, 0], [u32::MAX, 999_999], [1, u32::MAX], [0, 1]];
    for turn in 0..times.len() {
        let mut file = wire::pcap(Order::Little, Resolution::Micro, &[]);
        for (index, frame) in frames().iter().enumerate() {
            let [seconds, fraction] = times[(index + turn) % times.len()];
            let len = u32::try_from(frame.len()).unwrap();
            file.extend(record([seconds, fraction, len, len], frame));
        }
        check_durations(&file);
    }
    let order = Order::Little;
    for resolution in [&[0][..], &[0x7f], &[0xff], &[0x80], &[63], &[9, 9], &[]] {
        for offset in [i64::MIN, i64::MAX, 0, -1] {
            let offset = option(order, 14, &offset.cast_unsigned().to_le_bytes());
            let head = pcapng_head(order, &[option(order, 9, resolution), offset].concat());
            for ticks in [[0, u64::MAX, 1, u64::MAX], [u64::MAX, 0, u64::MAX / 2, 7]] {
                let packets = frames().into_iter().zip(ticks);
                let packets: Vec<u8> =
                    packets.flat_map(|(frame, ticks)| enhanced_packet(order, 0, ticks, &frame)).collect();
                check_durations(&[head.clone(), packets].concat());
            }
        }
    }
}

/// Every duration of the report is none or a number that is not negative.
fn check_durations(file: &[u8]) {
    let report = corpus::analyze(file, keyring());
    check_clean(&report);
    assert_eq!(report.summary.sip_messages, 4);
    let mut durations: Vec<f64> = report.nonces.iter().filter_map(|nonce| nonce.lifetime_ms).collect();
    durations.extend(crate::attacks::attempts(&report).filter_map(|attempt| attempt.response_ms));
    assert!(durations.iter().all(|ms| ms.is_finite() && *ms >= 0.0), "{durations:?}");
}

#[test]
fn pcapng_blocks_that_lie_cost_themselves_where_their_framing_holds() {
    let order = Order::Little;
    let packet = |interface: u32, frame: &[u8]| enhanced_packet(order, interface, 1_700_000_000_000_000, frame);
    let with = |lie: &[u8]| {
        let packets: Vec<Vec<u8>> = frames().iter().map(|frame| packet(0, frame)).collect();
        [&pcapng_head(order, &[])[..], &packets[..2].concat(), lie, &packets[2..].concat()].concat()
    };
    let frame = udp_frame(b"x");
    // Captured more than the block holds.
    let mut overrun = packet(0, &frame);
    overrun[20..24].copy_from_slice(&60_000_u32.to_le_bytes());
    let report = check_verified(&with(&overrun), "a packet longer than its block");
    assert_eq!(event(&report, "blocks_skipped"), 1);
    // An interface that was never described, and options that run over their block.
    let report = check_verified(&with(&packet(4_000_000_000, &frame)), "an unknown interface");
    assert_eq!(crate::attacks::set_aside(&report, "unknown_link_type"), 1);
    let options =
        [&1_u16.to_le_bytes()[..], &0_u16.to_le_bytes(), &0_u32.to_le_bytes(), &[9, 0, 0xff, 0xff, 9, 0, 0, 0]];
    check_verified(&with(&block(order, 1, &options.concat())), "an option longer than its block");
    check_verified(&with(&block(order, 5, &[0xff; 12])), "statistics of nothing");
    check_verified(&with(&block(order, 10, &[0xff; 8])), "secrets longer than their block");
    // Lengths that cannot be: the rest of the file is lost, and that is told.
    let whole = [pcapng_head(order, &[]), frames().iter().flat_map(|frame| packet(0, frame)).collect()].concat();
    for (what, len) in [("0", 0_u32), ("8", 8), ("13", 13), ("huge", u32::MAX), ("huge and round", 0xffff_fff0)] {
        let lie = [&6_u32.to_le_bytes()[..], &len.to_le_bytes(), &[0; 64]].concat();
        check_told(&[&whole[..], &lie].concat(), what);
    }
    // The length of a section is a hint, and a wrong one misleads nobody.
    for len in [0_u64, 1, u64::MAX - 1, 1 << 62] {
        let mut file = whole.clone();
        file[16..24].copy_from_slice(&len.to_le_bytes());
        check_verified(&file, "a section's length");
    }
}

#[test]
fn sixty_thousand_interfaces_cost_little() {
    let order = Order::Little;
    let interface = block(order, 1, &[&1_u16.to_le_bytes()[..], &[0; 6]].concat());
    let packets: Vec<u8> =
        frames().iter().flat_map(|frame| enhanced_packet(order, 59_999, 1_700_000_000_000_000, frame)).collect();
    check_verified(&[pcapng_head(order, &[]), interface.repeat(60_000), packets].concat(), "60,000 interfaces");
}
