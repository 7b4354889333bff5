//! Frames of every link layer: what is found lies within the frame, and the ledger balances.

use super::Tape;
use sipauth::base::CaptureTime;
use sipauth::base::DecodeAs;
use sipauth::base::FrameNumber;
use sipauth::base::FrameRef;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Frame;
use sipauth::capture::LinkType;
use sipauth::packet;
use sipauth::packet::Decoded;
use sipauth::sip::framing::SipFramer;
use sipauth::transport::Reassembly;

/// One input.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let (link, missing_len) = (tape.word(), u32::from(tape.byte()));
    let frame = Frame {
        at: FrameRef { input: InputId(0), number: FrameNumber::FIRST },
        time: Some(CaptureTime::from_ns(1_700_000_000_000_000_000)),
        link: LinkType(link),
        bytes: tape.0,
        original_len: u32::try_from(tape.0.len()).unwrap() + missing_len,
        interface: 0,
    };
    let limits = Limits::default();
    let decoded = packet::decode(&frame, &limits, &DecodeAs::default());
    let part = match &decoded {
        Decoded::Udp(datagram) => datagram.payload,
        Decoded::Tcp(segment) => segment.payload,
        Decoded::Sctp(packet) => packet.chunks,
        Decoded::Captured(captured) => captured.payload,
        Decoded::Fragment(fragment) => fragment.part.bytes,
        Decoded::Unreachable(_) | Decoded::SetAside(_) => &[],
    };
    assert!(part.is_empty() || frame.bytes.as_ptr_range().contains(&part.as_ptr()));
    assert!(part.len() <= frame.bytes.len());
    let mut reassembly = Reassembly::<SipFramer>::new(limits);
    let mut sink = |payload: sipauth::transport::Payload<'_>| assert!(!payload.bytes.is_empty());
    reassembly.push(&frame, decoded, &mut sink);
    reassembly.finish(&mut sink);
    assert!(reassembly.coverage().is_balanced() && reassembly.coverage().frames == 1);
}
