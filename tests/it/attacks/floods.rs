//! Much of what is cheap to send and may be dear to read.

use crate::attacks::beside_a_registration;
use crate::hostile::check_linear;
use crate::wire::ACK;
use crate::wire::SYN;
use crate::wire::tcp_frame;
use crate::wire::udp_frame;

/// The `number`th of the texts that have one sum under `h * 31 + byte`: each pair of letters is one of two of equal sum.
fn collides_in_31(number: usize) -> String {
    (0..20).map(|bit| if number >> bit & 1 == 0 { "Aa" } else { "BB" }).collect()
}

/// The same under `h * 33 + byte`.
fn collides_in_33(number: usize) -> String {
    (0..20).map(|bit| if number >> bit & 1 == 0 { "Bb" } else { "CA" }).collect()
}

fn request(name: &str) -> Vec<u8> {
    format!(
        "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{name}\r\nFrom: <sip:{name}@a>;tag={name}\r\nTo: <sip:{name}@a>\r\n\
         Call-ID: {name}\r\nCSeq: 1 REGISTER\r\nAuthorization: Digest username=\"{name}\", realm=\"{name}\", nonce=\"{name}\", \
         uri=\"sip:a\", response=\"00112233445566778899aabbccddeeff\"\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

#[test]
fn keys_made_to_collide_cost_linear_time() {
    let sum = |text: &str, factor: u32| {
        text.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(factor).wrapping_add(u32::from(byte)))
    };
    assert!((1..99).all(|number| sum(&collides_in_31(number), 31) == sum(&collides_in_31(0), 31)));
    assert!((1..99).all(|number| sum(&collides_in_33(number), 33) == sum(&collides_in_33(0), 33)));
    check_linear("keys of one sum by 31", 4_000, |n| {
        (0..n).map(|number| udp_frame(&request(&collides_in_31(number)))).collect()
    });
    check_linear("keys of one sum by 33", 4_000, |n| {
        (0..n).map(|number| udp_frame(&request(&collides_in_33(number)))).collect()
    });
    let frames: Vec<Vec<u8>> = (0..500).map(|number| udp_frame(&request(&collides_in_31(number)))).collect();
    assert_eq!(beside_a_registration(&frames).summary.sip_messages, 504);
}

/// RFC 2046 §5.1: parts that hold parts, three hundred deep and more.
#[test]
fn bodies_within_bodies_cost_linear_time() {
    let nested = |levels: usize| {
        let open = |at: usize| format!("--b{at}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", at + 1);
        let body: String = (0..levels).map(open).collect();
        let head = request("a");
        let head =
            String::from_utf8_lossy(&head).replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
        [head.as_bytes(), body.as_bytes()].concat()
    };
    let frames = |levels: usize| {
        let message = nested(levels);
        let parts = message.chunks(1400).enumerate();
        let parts = parts.map(|(at, part)| tcp_frame(u32::try_from(at * 1400 + 1).unwrap(), ACK, part));
        [tcp_frame(0, SYN, b"")].into_iter().chain(parts).collect::<Vec<_>>()
    };
    assert_eq!(beside_a_registration(&frames(300)).summary.sip_messages, 5);
    check_linear("bodies within bodies", 5_000, frames);
}

/// A datagram from one host of the network to another.
fn between(from: u8, to: u8, text: &str) -> Vec<u8> {
    let mut frame = udp_frame(text.as_bytes());
    (frame[29], frame[33]) = (from, to);
    frame
}

/// One Call-ID in which a proxy passes on thousands of requests, and another challenge back each time.
#[test]
fn challenges_that_are_altered_by_the_thousand_cost_linear_time() {
    let hops = |number: usize| {
        let ids = |vias: &str| {
            format!("{vias}From: <sip:a@a>;tag=a\r\nTo: <sip:a@a>\r\nCall-ID: one\r\nCSeq: {} REGISTER\r\n", number + 1)
        };
        let outer = format!("Via: SIP/2.0/UDP c;branch=z9hG4bKc{number}\r\n");
        let inner = format!("Via: SIP/2.0/UDP p;branch=z9hG4bKp{number}\r\n{outer}");
        let row = format!(
            "Authorization: Digest username=\"a\", realm=\"r\", nonce=\"u{number}\", uri=\"sip:a\", response=\"{number:032x}\"\r\n"
        );
        let asks = |vias: &str| format!("REGISTER sip:a SIP/2.0\r\n{}{row}\r\n", ids(vias));
        let says = |vias: &str, nonce: char| {
            format!(
                "SIP/2.0 401 No\r\n{}WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}{number}\"\r\n\r\n",
                ids(vias)
            )
        };
        [
            between(1, 2, &asks(&outer)),
            between(2, 3, &asks(&inner)),
            between(3, 2, &says(&inner, 'n')),
            between(2, 1, &says(&outer, 'm')),
        ]
    };
    check_linear("altered challenges", 1_500, |n| (0..n).flat_map(hops).collect());
}
