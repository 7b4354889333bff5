//! From capture files to SIP messages: the same messages however the bytes were packed, cut, ordered or damaged.

use std::io;
use std::io::Cursor;
use std::io::Read;

use proptest::prelude::*;
use sipauth::base::Limits;
use sipauth::base::SetAside;
use sipauth::capture::Compression;
use sipauth::capture::Record;

use crate::wire;
use crate::wire::ACK;
use crate::wire::Order;
use crate::wire::Outcome;
use crate::wire::Resolution;
use crate::wire::SYN;
use crate::wire::ethernet;
use crate::wire::ipv4;
use crate::wire::ipv6_fragment;
use crate::wire::message;
use crate::wire::read_frames;
use crate::wire::tcp_frame;
use crate::wire::udp;
use crate::wire::udp_frame;

fn texts(outcome: &Outcome) -> Vec<Vec<u8>> {
    outcome.seen.iter().map(|seen| seen.bytes.clone()).collect()
}

fn read_bytes(capture: Vec<u8>) -> Outcome {
    wire::read(Cursor::new(capture), &Limits::default()).unwrap()
}

/// Two messages over UDP, one in fragments, two over TCP, and what else a network carries.
fn small_frames() -> Vec<Vec<u8>> {
    let stream = [message(3, 30), message(4, 0)].concat();
    let datagram = udp(&message(2, 50));
    let (first, second) = datagram.split_at(64);
    vec![
        udp_frame(&message(1, 0)),
        tcp_frame(999, SYN, b""),
        ethernet(0x0806, &[0; 28]),
        ethernet(0x0800, &ipv4(7, 8, 17, second)),
        tcp_frame(1100, ACK, &stream[100..]),
        udp_frame(b"\r\n\r\n"),
        ethernet(0x0800, &ipv4(7, 0x2000, 17, first)),
        tcp_frame(1000, ACK, &stream[..100]),
        udp_frame(&[0x80, 0, 0, 1, 2, 3]),
    ]
}

#[test]
fn a_small_capture_gives_its_messages_and_a_balanced_ledger() {
    let outcome = read_frames(&small_frames());
    let seen: Vec<_> = outcome.seen.iter().map(|seen| (seen.number, seen.frames.clone(), seen.bytes.clone())).collect();
    let expect = vec![
        (1, vec![1], message(1, 0)),
        (7, vec![4, 7], message(2, 50)),
        (8, vec![5, 8], message(3, 30)),
        (8, vec![5, 8], message(4, 0)),
    ];
    assert_eq!(seen, expect);
    assert_eq!(outcome.coverage.used, 5);
    let aside = |reason| outcome.coverage.set_aside.get(&reason).copied();
    assert_eq!(aside(SetAside::NotIp), Some(1));
    assert_eq!(aside(SetAside::KeepAlive), Some(1));
    assert_eq!(aside(SetAside::NotSip), Some(1));
    assert_eq!(aside(SetAside::TcpNoPayload), Some(1));
}

#[test]
fn every_container_of_the_same_frames_gives_the_same_messages() {
    let frames = wire::timed(&small_frames());
    let expect = read_bytes(wire::pcap(Order::Little, Resolution::Micro, &frames));
    assert_eq!(expect.seen.first().and_then(|seen| seen.time_ns), Some(1_700_000_000_000_000_000));
    for order in [Order::Little, Order::Big] {
        for resolution in [Resolution::Micro, Resolution::Nano] {
            for file in [wire::pcap(order, resolution, &frames), wire::pcapng(order, resolution, &frames)] {
                assert_eq!(read_bytes(file.clone()).seen, expect.seen, "{order:?} {resolution:?}");
                let (front, back) = file.split_at(file.len() / 2);
                let members = [wire::gzip(front), wire::gzip(back)].concat();
                let packed = read_bytes(members.clone());
                assert_eq!(packed.seen, expect.seen, "gzip {order:?} {resolution:?}");
                assert_eq!(packed.summary.compression, Some(Compression::Gzip));
                assert_eq!(packed.summary.bytes, members.len() as u64);
                assert_eq!(packed.summary.truncated, None);
                // A frame to be passed over (RFC 8878 §3.1.2) stands between the two.
                let skipped = [&[0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
                let packed = [wire::zstd(front), skipped.clone(), wire::zstd(back)].concat();
                for packed in [packed.clone(), [skipped, packed].concat()] {
                    let outcome = read_bytes(packed.clone());
                    assert_eq!(outcome.seen, expect.seen, "zstd {order:?} {resolution:?}");
                    assert_eq!(outcome.summary.compression, Some(Compression::Zstd));
                    assert_eq!(outcome.summary.bytes, packed.len() as u64);
                    assert_eq!(outcome.summary.truncated, None);
                }
            }
        }
    }
}

/// Hands over one byte a time, and sometimes none because of a signal.
struct SlowPipe(Cursor<Vec<u8>>, bool);

impl Read for SlowPipe {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        let len = space.len().min(1);
        if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(&mut space[..len]) }
    }
}

#[test]
fn a_slow_pipe_gives_what_a_file_gives() {
    let frames = wire::timed(&small_frames());
    let pcap = wire::pcap(Order::Little, Resolution::Micro, &frames);
    for file in [wire::gzip(&pcap), wire::zstd(&pcap), wire::pcapng(Order::Big, Resolution::Nano, &frames), pcap] {
        let slow = wire::read(SlowPipe(Cursor::new(file.clone()), false), &Limits::default()).unwrap();
        assert_eq!(slow.seen, read_bytes(file).seen);
    }
}

#[test]
fn every_prefix_is_read_as_far_as_it_goes() {
    let frames = wire::timed(&small_frames());
    let files = [
        wire::pcap(Order::Little, Resolution::Micro, &frames),
        wire::pcapng(Order::Little, Resolution::Micro, &frames),
        wire::gzip(&wire::pcap(Order::Big, Resolution::Micro, &frames)),
    ];
    for file in files {
        let whole = read_bytes(file.clone()).summary;
        let mut packets = 0;
        for len in 0..file.len() {
            let Ok(part) = wire::read(Cursor::new(file[..len].to_vec()), &Limits::default()) else { continue };
            assert!(part.summary.packets >= packets, "a longer prefix holds no fewer frames");
            packets = part.summary.packets;
        }
        assert!(packets >= whole.packets - 1);
    }
}

#[test]
fn zstd_damaged_anywhere_does_no_harm() {
    let file = wire::zstd(&wire::pcap(Order::Little, Resolution::Micro, &wire::timed(&small_frames())));
    let whole = read_bytes(file.clone()).seen.len();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut flipped = file.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(outcome) = wire::read(Cursor::new(flipped), &Limits::default()) {
                // A cut tells of itself, and what was whole before it is there.
                assert!(outcome.seen.len() == whole || outcome.summary.truncated.is_some(), "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn zstd_cut_short_gives_what_was_before_the_cut() {
    let frames: Vec<Vec<u8>> = (0..3000).map(|number| udp_frame(&message(number, number % 400))).collect();
    let pcap = wire::pcap(Order::Little, Resolution::Micro, &wire::timed(&frames));
    let file = wire::zstd(&pcap);
    let mut before = 0;
    for tenths in 1..10 {
        let part = file[..file.len() * tenths / 10].to_vec();
        // Without one whole block there is nothing to recognise.
        let Ok(outcome) = wire::read(Cursor::new(part), &Limits::default()) else {
            assert_eq!(before, 0);
            continue;
        };
        let truncated = outcome.summary.truncated.expect("it is cut");
        assert!(truncated.starts_with("zstd data damaged or cut after "), "{truncated}");
        assert!(outcome.summary.packets >= before);
        before = outcome.summary.packets;
    }
    assert!(before > 2000, "{before} packets in nine tenths of the file");
}

#[test]
fn zstd_is_unpacked_in_bounded_memory() {
    // One frame of a window that takes 128 MiB, then a block that repeats a byte.
    let greedy = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x88, 0x03, 0x00, 0x10, 0xd4];
    let error = wire::read(Cursor::new(greedy.to_vec()), &Limits::default()).err().expect("it is refused");
    let expect = "cannot read: a zstd frame asks for a window of 134217728 bytes, the limit is 33554432";
    assert_eq!(error.to_string(), expect);
    // The same behind a frame that is fine: what was there before is kept.
    let fine = wire::zstd(&wire::pcap(Order::Little, Resolution::Micro, &wire::timed(&small_frames())));
    let outcome = read_bytes([&fine[..], &greedy].concat());
    assert_eq!(outcome.seen.len(), read_bytes(fine).seen.len());
    assert!(outcome.summary.truncated.is_some_and(|why| why.starts_with("zstd data damaged or cut after ")));
}

#[test]
fn no_flipped_bit_does_harm() {
    let frames = wire::timed(&small_frames());
    for file in
        [wire::pcap(Order::Little, Resolution::Micro, &frames), wire::pcapng(Order::Little, Resolution::Nano, &frames)]
    {
        for at in 0..file.len() {
            for bit in 0..8 {
                let mut flipped = file.clone();
                flipped[at] ^= 1 << bit;
                // `read` itself asserts that the ledger balances.
                let _ = wire::read(Cursor::new(flipped), &Limits::default());
            }
        }
    }
}

/// A segment from before the place where the stream was joined, of which the capture holds the headers alone.
#[test]
fn an_early_segment_without_its_payload_is_counted() {
    let early = tcp_frame(900, ACK, b"0123456789");
    let frames = [tcp_frame(1000, ACK, &message(1, 0)), early[..early.len() - 10].to_vec()];
    // `read_frames` asserts that the ledger balances.
    let outcome = read_frames(&frames);
    assert_eq!(outcome.seen.len(), 1);
}

#[test]
fn a_read_error_comes_after_what_was_read() {
    struct Broken(Cursor<Vec<u8>>);
    impl Read for Broken {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            match self.0.read(space)? {
                0 => Err(io::Error::other("disk on fire")),
                len => Ok(len),
            }
        }
    }
    let file = wire::pcap(Order::Little, Resolution::Micro, &wire::timed(&small_frames()));
    let source = Box::new(Broken(Cursor::new(file[..file.len() - 1].to_vec())));
    let mut reader = sipauth::capture::Reader::open(source, sipauth::base::InputId(0), &Limits::default()).unwrap();
    let mut packets = 0;
    let error = loop {
        match reader.next_record() {
            Ok(Some(Record::Frame(_))) => packets += 1,
            Ok(Some(_)) => {}
            Ok(None) => unreachable!("the error comes first"),
            Err(error) => break error,
        }
    };
    assert_eq!(packets, small_frames().len() - 1);
    assert_eq!(error.to_string(), "cannot read: disk on fire");
    assert!(reader.next_record().unwrap().is_none());
}

#[test]
fn pcapng_times_follow_the_options_of_their_interface() {
    let check = |order: Order, options: &[u8], ticks: u64, expect_ns: i64| {
        let frame = wire::enhanced_packet(order, 0, ticks, &udp_frame(&message(1, 0)));
        let outcome = read_bytes([wire::pcapng_head(order, options), frame].concat());
        assert_eq!(outcome.seen[0].time_ns, Some(expect_ns), "{order:?} {options:?}");
    };
    for order in [Order::Little, Order::Big] {
        check(order, &[], 5, 5_000);
        check(order, &wire::option(order, 9, &[0x83]), 20, 2_500_000_000);
        check(order, &wire::option(order, 14, &order.u64(3600)), 5, 3_600_000_005_000);
        check(order, &wire::option(order, 14, &order.u64(u64::MAX)), 0, -1_000_000_000);
        check(order, &wire::option(order, 9, &[0x7f]), u64::MAX, 0);
    }
}

#[test]
fn pcapng_blocks_of_every_kind_are_read_or_passed_over() {
    let frame = udp_frame(&message(1, 0));
    for order in [Order::Little, Order::Big] {
        let len = order.u32(u32::try_from(frame.len()).unwrap());
        let simple = wire::block(order, 3, &[&len[..], &frame].concat());
        let obsolete_head = [&order.u16(0)[..], &order.u16(0), &order.u32(0), &order.u32(9), &len, &len].concat();
        let obsolete = wire::block(order, 2, &[&obsolete_head[..], &frame].concat());
        let counters = [wire::option(order, 4, &order.u64(9)), wire::option(order, 5, &order.u64(3))].concat();
        let statistics = wire::block(order, 5, &[&order.u32(0)[..], &order.u64(0), &counters].concat());
        let malformed = wire::block(order, 6, &[0xff; 40]);
        let unknown = wire::block(order, 0x7777, b"whatever");
        let undescribed = wire::enhanced_packet(order, 9, 0, &frame);
        let head = wire::pcapng_head(order, &[]);
        let file = [&head[..], &simple, &unknown, &malformed, &statistics, &undescribed, &head, &obsolete].concat();
        let outcome = read_bytes(file);
        let numbers: Vec<_> = outcome.seen.iter().map(|seen| (seen.number, seen.time_ns)).collect();
        assert_eq!(numbers, vec![(1, None), (3, Some(9_000))]);
        assert_eq!(outcome.coverage.set_aside.get(&SetAside::UnknownLinkType), Some(&1));
        assert_eq!((outcome.summary.skipped_blocks, outcome.summary.interface_drops), (1, 3));
        assert_eq!(outcome.summary.truncated, None);
    }
}

#[test]
fn lengths_that_lie_stop_the_reading_with_an_offset() {
    let check = |mut file: Vec<u8>, at: usize, lie: u32, expect: &str| {
        file[at..at + 4].copy_from_slice(&lie.to_le_bytes());
        assert_eq!(read_bytes(file).summary.truncated.as_deref(), Some(expect));
    };
    let frames = wire::timed(&small_frames());
    let pcap = wire::pcap(Order::Little, Resolution::Micro, &frames);
    let lie = "damaged at byte 24: a record claims 2147483647 bytes, the limit is 262144";
    check(pcap, 32, 0x7fff_ffff, lie);
    let pcapng = wire::pcapng(Order::Little, Resolution::Micro, &frames);
    check(pcapng.clone(), 52, 0, "damaged at byte 48: a block claims 0 bytes");
    check(pcapng.clone(), 52, 16, "damaged at byte 48: a block whose two lengths differ");
    let lie = "damaged at byte 48: a block claims 2147483644 bytes, the limit is 16777216";
    check(pcapng, 52, 0x7fff_fffc, lie);
}

proptest! {
    #[test]
    fn any_segmentation_order_and_duplication_gives_the_same_messages(
        bodies in prop::collection::vec(0_usize..300, 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        order in any::<u64>(),
        copies in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        isn in any::<u32>(),
    ) {
        let messages: Vec<_> = bodies.iter().enumerate().map(|(number, len)| message(number, *len)).collect();
        let stream = messages.concat();
        let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len())).chain([0, stream.len()]).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut pieces: Vec<_> = ends.windows(2).map(|pair| (pair[0], pair[1])).collect();
        // A second copy of some segments, with other borders.
        for copy in copies {
            let (start, end) = pieces[copy.index(pieces.len())];
            pieces.push((start.saturating_sub(3), end));
        }
        let mut state = order | 1;
        for at in (1..pieces.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            pieces.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        let mut frames = vec![tcp_frame(isn, SYN, b"")];
        for (start, end) in pieces {
            let sequence = isn.wrapping_add(1).wrapping_add(u32::try_from(start).unwrap());
            frames.push(tcp_frame(sequence, ACK, &stream[start..end]));
        }
        let outcome = read_frames(&frames);
        prop_assert_eq!(texts(&outcome), messages);
        prop_assert!(outcome.seen.iter().all(|seen| !seen.cut && !seen.ambiguous));
        prop_assert_eq!(outcome.events.tcp_gap.count, 0);
    }

    #[test]
    fn any_fragmentation_and_order_gives_the_same_datagram(
        body in 0_usize..1500,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
        order in any::<u64>(),
        is_v6 in any::<bool>(),
    ) {
        let message = message(1, body);
        let datagram = udp(&message);
        let blocks = datagram.len().div_ceil(8);
        let inner = cuts.iter().map(|cut| cut.index(blocks) * 8);
        let mut ends: Vec<_> = inner.chain([0, datagram.len()]).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut pieces: Vec<_> = ends.windows(2).map(|pair| (pair[0], pair[1])).collect();
        prop_assume!(pieces.len() > 1);
        let mut state = order | 1;
        for at in (1..pieces.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            pieces.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        let frames: Vec<_> = pieces.into_iter().map(|(start, end)| {
            let (units, more) = (u16::try_from(start / 8).unwrap(), end < datagram.len());
            let payload = &datagram[start..end];
            if is_v6 {
                ethernet(0x86dd, &ipv6_fragment(9, units << 3 | u16::from(more), 17, payload))
            } else {
                ethernet(0x0800, &ipv4(9, units | if more { 0x2000 } else { 0 }, 17, payload))
            }
        }).collect();
        let outcome = read_frames(&frames);
        prop_assert_eq!(texts(&outcome), vec![message]);
        prop_assert_eq!(outcome.coverage.used, frames.len() as u64);
    }

    #[test]
    fn random_frames_never_upset_anything(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..20)) {
        read_frames(&frames);
    }
}
