//! A stream cut into messages: the cuts tile it, and are the same in whatever pieces it arrives.

use super::Tape;
use super::small_limits;
use sipauth::base::Framer;
use sipauth::base::Limits;
use sipauth::base::Step;
use sipauth::base::StreamStart;
use sipauth::sip::framing::SipFramer;

/// The messages of a stream that arrives in pieces, as (start, length).
fn cut(stream: &[u8], start: StreamStart, limits: &Limits, mut piece: impl FnMut() -> usize) -> Vec<(usize, usize)> {
    let (mut framer, mut messages, mut at, mut end) = (SipFramer::new(start), Vec::new(), 0, 0);
    loop {
        end = (end + piece().max(1)).min(stream.len());
        let is_last = end == stream.len();
        loop {
            let window = &stream[at..end];
            let step = if is_last { framer.interrupt(window, limits) } else { framer.step(window, limits) };
            match step {
                Step::Message { len, .. } | Step::Skip { len, .. } => {
                    assert!((1..=window.len()).contains(&len), "{len} of {}", window.len());
                    if let Step::Message { .. } = step {
                        messages.push((at, len));
                    }
                    at += len;
                }
                Step::More => {
                    assert!(!is_last || window.is_empty(), "{} bytes are left", window.len());
                    break;
                }
                Step::Foreign => return messages,
            }
        }
        if is_last {
            return messages;
        }
    }
}

/// One input.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let control = tape.byte();
    let start = if control & 1 == 0 { StreamStart::Opened } else { StreamStart::Joined };
    let limits = small_limits();
    let whole = cut(tape.0, start, &limits, || tape.0.len());
    let mut seed = u64::from(control) + 1;
    let mut piece = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % if control & 2 == 0 { 4 } else { 300 }
    };
    assert_eq!(whole, cut(tape.0, start, &limits, &mut piece));
}
