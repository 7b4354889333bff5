//! Which stack made a nonce, and when, read from its form. Stacks write the time into their nonces to judge their age without
//! keeping a list (RFC 7616 §3.3 proposes it). Nobody promises these forms: all of it is inferred, and what does not fit the
//! time of the capture is not believed.

use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::encoding::base64_decoded;

/// What a nonce says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceFormat {
    /// Who made it.
    pub stack: Stack,
    /// When it was made, by the server's clock, in whole seconds.
    pub issued: Option<CaptureTime>,
    /// When it ends, by the server's clock, in whole seconds.
    pub expires: Option<CaptureTime>,
    /// Kamailio: the server keeps its nonce count, in one byte (`nonce_count`).
    pub is_counted: bool,
    /// Kamailio: the server takes it once (`one_time_nonce`).
    pub is_one_time: bool,
    /// Kamailio: bound to parts of the request, the source address perhaps among them (`auth_checks_*`).
    pub is_bound: bool,
}

/// The stacks whose nonces are known by their form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stack {
    /// Kamailio and SER 2: expiry, issue, one or two MD5 sums, perhaps a number and its flags; in base64.
    Kamailio,
    /// OpenSIPS before 3.2: expiry, index and MD5 in hex.
    OpenSips,
    /// OpenSIPS from 3.2: encrypted.
    OpenSipsEncrypted,
    /// Asterisk's res_pjsip: `epoch/md5`.
    Asterisk,
    /// Asterisk's chan_sip: a random number of eight hex digits.
    AsteriskChanSip,
    /// reSIProcate: `epoch:md5`.
    Resiprocate,
    /// SER before 2, reSIProcate's helper for it, OpenSIPS without nonce check: expiry and MD5 in hex.
    Ser,
    /// Sofia-SIP, and Flexisip with it: seconds since 1900, counter, HMAC; in base64.
    Sofia,
    /// FreeSWITCH: a UUID.
    FreeSwitch,
    /// libre, and baresip with it: MD5 and the time in 16 hex digits.
    Libre,
    /// An AKA challenge: RAND and AUTN (RFC 3310 §3.2).
    Aka,
}

impl Stack {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Stack::Kamailio => "kamailio",
            Stack::OpenSips | Stack::OpenSipsEncrypted => "opensips",
            Stack::Asterisk => "asterisk",
            Stack::AsteriskChanSip => "asterisk-chan-sip",
            Stack::Resiprocate => "resiprocate",
            Stack::Ser => "ser",
            Stack::Sofia => "sofia-sip",
            Stack::FreeSwitch => "freeswitch",
            Stack::Libre => "libre",
            Stack::Aka => "aka",
        }
    }

    /// Whether its form is so plain that other stacks may well write the same: one nonce proves nothing.
    pub fn is_plain(self) -> bool {
        self == Stack::AsteriskChanSip
    }
}

impl NonceFormat {
    fn of(stack: Stack) -> NonceFormat {
        NonceFormat { stack, issued: None, expires: None, is_counted: false, is_one_time: false, is_bound: false }
    }

    /// How long the server lets it live, where it says so.
    pub fn life(&self) -> Option<Duration> {
        Some(self.expires?.since(self.issued?)).filter(|life| !life.is_zero())
    }
}

/// How far a decoded time may lie from the capture's.
const SKEW_MAX: Duration = Duration::from_secs(24 * 3600);
/// The longest life that is believed.
const LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// Seconds from 1900, where NTP begins, to 1970.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;
/// Longer ones are not looked at.
const LEN_BYTES_MAX: usize = 256;

/// Fewer bytes than this, or what looks like them in base64, are of no form that is known: short words are base64 by chance.
const ENCODED_LEN_BYTES_MIN: usize = 24;

/// Flags of the last byte of a Kamailio nonce with a number: the rest of the byte names a pool.
const NUMBER_IS_COUNTED: u8 = 0x80;
const NUMBER_IS_ONE_TIME: u8 = 0x40;

/// Reads a nonce that was seen at a time of the capture. `None` where no form fits, where its times do not fit the
/// capture, and where two forms fit.
pub fn read(value: &[u8], seen: CaptureTime, is_aka: bool) -> Option<NonceFormat> {
    if value.len() > LEN_BYTES_MAX {
        return None;
    }
    let bytes = base64_decoded(value).filter(|bytes| bytes.len() >= ENCODED_LEN_BYTES_MIN);
    if is_aka {
        return bytes.filter(|bytes| bytes.len() >= 32).map(|_| NonceFormat::of(Stack::Aka));
    }
    let hex = value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let all = [
        bytes.as_deref().and_then(kamailio),
        bytes.as_deref().and_then(sofia),
        bytes.as_deref().filter(|bytes| is_encrypted(value, bytes)).map(|_| NonceFormat::of(Stack::OpenSipsEncrypted)),
        hex.then(|| opensips(value)).flatten(),
        hex.then(|| libre(value)).flatten(),
        hex.then(|| ser(value)).flatten(),
        (hex && value.len() == 8).then(|| NonceFormat::of(Stack::AsteriskChanSip)),
        epoch_and_md5(value, b'/', Stack::Asterisk),
        epoch_and_md5(value, b':', Stack::Resiprocate),
        is_uuid(value).then(|| NonceFormat::of(Stack::FreeSwitch)),
    ];
    let mut fitting = all.into_iter().flatten().filter(|format| is_plausible(format, seen));
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn is_plausible(format: &NonceFormat, seen: CaptureTime) -> bool {
    let is_near = |time: CaptureTime| time.since(seen).max(seen.since(time)) <= SKEW_MAX;
    let (Some(issued), Some(_)) = (format.issued, format.expires) else {
        return format.issued.or(format.expires).is_none_or(is_near);
    };
    is_near(issued) && format.life().is_some_and(|life| life <= LIFE_MAX)
}

fn kamailio(bytes: &[u8]) -> Option<NonceFormat> {
    let flags = match bytes.len() {
        24 | 40 => 0,
        29 | 45 => *bytes.last()?,
        _ => return None,
    };
    let has_number = matches!(bytes.len(), 29 | 45);
    if has_number && flags & (NUMBER_IS_COUNTED | NUMBER_IS_ONE_TIME) == 0 {
        return None;
    }
    let seconds = |at: usize| Some(i64::from(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)));
    Some(NonceFormat {
        issued: Some(unix(seconds(4)?)),
        expires: Some(unix(seconds(0)?)),
        is_counted: flags & NUMBER_IS_COUNTED != 0,
        is_one_time: flags & NUMBER_IS_ONE_TIME != 0,
        is_bound: matches!(bytes.len(), 40 | 45),
        ..NonceFormat::of(Stack::Kamailio)
    })
}

fn sofia(bytes: &[u8]) -> Option<NonceFormat> {
    if bytes.len() != 24 || bytes.get(20..)? != [0; 4] {
        return None;
    }
    let since_1900 = i64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let issued = Some(unix(since_1900.checked_sub(NTP_TO_UNIX_S)?));
    Some(NonceFormat { issued, ..NonceFormat::of(Stack::Sofia) })
}

fn opensips(hex: &[u8]) -> Option<NonceFormat> {
    (hex.len() == 48).then_some(())?;
    Some(NonceFormat { expires: Some(hex_time(hex.get(..8)?)?), ..NonceFormat::of(Stack::OpenSips) })
}

fn libre(hex: &[u8]) -> Option<NonceFormat> {
    (hex.len() == 48 && hex.get(32..40)? == b"00000000").then_some(())?;
    Some(NonceFormat { issued: Some(hex_time(hex.get(40..)?)?), ..NonceFormat::of(Stack::Libre) })
}

fn ser(hex: &[u8]) -> Option<NonceFormat> {
    (hex.len() == 40).then_some(())?;
    Some(NonceFormat { expires: Some(hex_time(hex.get(..8)?)?), ..NonceFormat::of(Stack::Ser) })
}

fn epoch_and_md5(value: &[u8], separator: u8, stack: Stack) -> Option<NonceFormat> {
    let (epoch, md5) = value.split_at_checked(value.iter().position(|byte| *byte == separator)?)?;
    let digits = epoch.len() <= 11 && epoch.iter().all(u8::is_ascii_digit);
    let is_md5 = md5.len() == 33 && md5.iter().skip(1).all(u8::is_ascii_hexdigit);
    let seconds: i64 = std::str::from_utf8(epoch).ok()?.parse().ok()?;
    (digits && is_md5).then(|| NonceFormat { issued: Some(unix(seconds)), ..NonceFormat::of(stack) })
}

/// 33 random bytes in 44 digits. Text that merely consists of such digits, as a hash does, is mostly written in one letter case.
fn is_encrypted(value: &[u8], bytes: &[u8]) -> bool {
    value.len() == 44
        && bytes.len() == 33
        && value.iter().any(u8::is_ascii_uppercase)
        && value.iter().any(u8::is_ascii_lowercase)
}

/// `8-4-4-4-12` hex digits (RFC 9562 §4).
fn is_uuid(value: &[u8]) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(at, byte)| if is_dash(at) { *byte == b'-' } else { matches!(byte, b'0'..=b'9' | b'a'..=b'f') })
}

fn unix(seconds: i64) -> CaptureTime {
    CaptureTime::from_ns_saturating(i128::from(seconds) * 1_000_000_000)
}

fn hex_time(digits: &[u8]) -> Option<CaptureTime> {
    Some(unix(i64::from(u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn at(seconds: i64) -> CaptureTime {
        unix(seconds)
    }

    /// What a nonce seen at `seen` holds: the stack, and its times in seconds.
    fn check(nonce: &str, seen: i64, expected: Option<(Stack, Option<i64>, Option<i64>)>) {
        let format = read(nonce.as_bytes(), at(seen), false);
        let seconds = |time: CaptureTime| time.as_ns() / 1_000_000_000;
        let found = format.map(|f| (f.stack, f.issued.map(seconds), f.expires.map(seconds)));
        assert_eq!(found, expected, "{nonce}");
    }

    #[test]
    fn nonces_of_kamailio_hold_issue_and_expiry() {
        // Recorded from Kamailio 5.6.3 in the second 1795223862.
        let recorded = "awDyYmsA8TYryarFlPcPHqqF7uWk4Mcs";
        check(recorded, 1_795_223_862, Some((Stack::Kamailio, Some(1_795_223_862), Some(1_795_224_162))));
        // The beginning of one from a public trace: issued 2019-08-12 11:42:53, and good for 300 s.
        let public = "XVFR6V1RUL1rrrrrrrrrrrrrrrrrrrrr";
        check(public, 1_565_610_173, Some((Stack::Kamailio, Some(1_565_610_173), Some(1_565_610_473))));
    }

    #[test]
    fn nonces_of_kamailio_tell_what_is_checked() {
        // Recorded with nonce_count on: a number and the flag 0x80 follow the MD5.
        let counted = read(b"awDys2sA8YfsTouE67Xl/k1F5Ip2Up9XUbqcuIA=", at(1_795_223_943), false).unwrap();
        assert!(counted.is_counted && !counted.is_one_time && !counted.is_bound);
        assert_eq!(counted.life(), Some(Duration::from_secs(300)));
        let unpadded = read(b"awDys2sA8YfsTouE67Xl/k1F5Ip2Up9XUbqcuIA", at(1_795_223_943), false);
        assert_eq!(unpadded, Some(counted));
        let plain = read(b"awDyYmsA8TYryarFlPcPHqqF7uWk4Mcs", at(1_795_223_862), false).unwrap();
        assert!(!plain.is_counted && !plain.is_one_time && !plain.is_bound);
        // 29 bytes whose last has neither flag are no Kamailio nonce.
        assert_eq!(read(b"awDys2sA8YfsTouE67Xl/k1F5Ip2Up9XUbqcuAA=", at(1_795_223_943), false), None);
    }

    #[test]
    fn nonces_of_sofia_hold_seconds_since_1900() {
        // Their beginnings are from public logs: 2021-06-23 13:37:21 and 2018-06-11 18:27:56.
        let rest = "AAAAAQAAAAAAq83vEjQAAAAA";
        check(&format!("kbd95AAA{rest}"), 1_624_455_441, Some((Stack::Sofia, Some(1_624_455_441), None)));
        check(&format!("rD3J3gAA{rest}"), 1_528_741_676, Some((Stack::Sofia, Some(1_528_741_676), None)));
    }

    #[test]
    fn nonces_in_hex_are_told_apart_by_their_times() {
        let md5 = "95818924d914b5520a3bb26509380b52";
        // 2016-10-24 21:29:13, from a public trace of OpenSIPS.
        check(&format!("580e7d29000000a7{md5}"), 1_477_344_530, Some((Stack::OpenSips, None, Some(1_477_344_553))));
        check(&format!("580e7d29{md5}"), 1_477_344_530, Some((Stack::Ser, None, Some(1_477_344_553))));
        check(&format!("{md5}00000000580e7d29"), 1_477_344_560, Some((Stack::Libre, Some(1_477_344_553), None)));
        // Fits both ways, so it is neither.
        check("580e7d29000000a7aaaaaaaaaaaaaaaa00000000580e7d29", 1_477_344_560, None);
    }

    #[test]
    fn nonces_with_a_written_epoch() {
        let md5 = "68d02215bf176a7bdfcb861eb2107521";
        check(&format!("1795224619/{md5}"), 1_795_224_619, Some((Stack::Asterisk, Some(1_795_224_619), None)));
        check(&format!("1795224619:{md5}"), 1_795_224_619, Some((Stack::Resiprocate, Some(1_795_224_619), None)));
        check(&format!("1795224619.{md5}"), 1_795_224_619, None);
        check("1795224619/68d0", 1_795_224_619, None);
        check(&format!("+1795224619/{md5}"), 1_795_224_619, None);
    }

    #[test]
    fn nonces_without_a_time() {
        check("1f8275cb", 0, Some((Stack::AsteriskChanSip, None, None)));
        check("1F8275CB", 0, None);
        check("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", 0, Some((Stack::FreeSwitch, None, None)));
        check("f81d4fae07dec-11d0-a765-00a0c91e6bf6", 0, None);
        let encrypted = "QzVs1pGdWbM6hQ0q5cZpC0Jw8T1w5yH7tq3xv2Zk9mAB";
        assert_eq!(encrypted.len(), 44);
        check(encrypted, 0, Some((Stack::OpenSipsEncrypted, None, None)));
        for odd in ["", "py8a4800934510ecf229472fb7", "n0d79aa13175d8aeaf7f52962782956bb", "00a1", "é"] {
            check(odd, 0, None);
        }
    }

    #[test]
    fn an_aka_challenge_is_known_by_its_algorithm() {
        let rand_and_autn = b"QzVs1pGdWbM6hQ0q5cZpC0Jw8T1w5yH7tq3xv2Zk9mA=";
        assert_eq!(read(rand_and_autn, at(0), true).map(|format| format.stack), Some(Stack::Aka));
        assert_eq!(read(rand_and_autn, at(0), false), None);
        assert_eq!(read(b"1f8275cb", at(0), true), None);
    }

    #[test]
    fn times_that_do_not_fit_the_capture_are_not_believed() {
        let recorded = "awDyYmsA8TYryarFlPcPHqqF7uWk4Mcs";
        check(recorded, 1_795_223_862 + DAY + 1, None);
        check(recorded, 1_795_223_862 - DAY - 1, None);
        // Expiry before issue, and more than seven days behind it.
        check("awDxNmsA8mIryarFlPcPHqqF7uWk4Mcs", 1_795_223_862, None);
        check("awosYmsA8TYryarFlPcPHqqF7uWk4Mcs", 1_795_223_862, None);
        check("1700000000/95818924d914b5520a3bb26509380b52", 1_800_000_000, None);
    }
}
