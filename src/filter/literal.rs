//! Values as they are written: numbers, addresses, times, bytes.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::filter::fields::Kind;

/// Decimal, `0x` hex, `0b` binary, or octal with a leading 0.
pub(super) fn number(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let is_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_hexdigit());
    let radix = |prefix: &str, radix| {
        let digits = digits.strip_prefix(prefix)?;
        is_digit(digits).then(|| i64::from_str_radix(digits, radix).ok())
    };
    let number = if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        None
    } else if digits == "0" {
        Some(0)
    } else {
        let prefixed = radix("0x", 16).or_else(|| radix("0X", 16)).or_else(|| radix("0b", 2)).or_else(|| radix("0", 8));
        prefixed.unwrap_or_else(|| digits.parse().ok())
    };
    number.map(|number| number * sign)
}

/// `true`, `False`, `TRUE`, or a number: all but 0 are true.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => number(text).map(|number| number != 0),
    }
}

/// An address, and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    /// The address.
    pub address: IpAddr,
    prefix: u32,
}

impl Addresses {
    /// Whether it is one of them.
    pub(super) fn contains(&self, other: IpAddr) -> bool {
        let host_bits = |len: u32| len.saturating_sub(self.prefix);
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(host_bits(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()).checked_shr(host_bits(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// `192.0.2.1`, `2001:db8::/32`.
pub(super) fn network(kind: Kind, text: &str) -> Option<Addresses> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let (address, bits) = match kind {
        Kind::Ipv4 => (IpAddr::V4(address.parse::<Ipv4Addr>().ok()?), 32),
        _ => (IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), 128),
    };
    let prefix = match prefix {
        Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
            prefix.parse().ok().filter(|p| *p <= bits)?
        }
        Some(_) => return None,
        None => bits,
    };
    Some(Addresses { address, prefix })
}

/// Seconds, with or without decimals, in nanoseconds.
pub(super) fn duration(text: &str) -> Option<i128> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || part.len() > 9 {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let part: i128 = format!("{part:0<9}").parse().ok()?;
    Some(sign * (whole.checked_mul(1_000_000_000)?.checked_add(part)?))
}

/// `2026-11-21 03:00:00.5`, the same with `T` and `Z`, or `Nov 21, 2026 03:00:00.5`. In UTC; nanoseconds since 1970.
pub(super) fn time(text: &str) -> Option<i128> {
    let text = text.trim();
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(stamp.as_nanosecond());
    }
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .ok()
        .or_else(|| jiff::civil::DateTime::strptime("%b %d, %Y %H:%M:%S%.f", text).ok())
        .or_else(|| jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", text).ok())
        .or_else(|| jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M", text).ok())?;
    Some(jiff::tz::Offset::UTC.to_timestamp(civil).ok()?.as_nanosecond())
}

/// `63:61:6c`, `63-61`, `63.61` or `63`.
pub(super) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let separator = text.chars().find(|c| matches!(c, ':' | '-' | '.'));
    let byte = |pair: &str| {
        let is_pair = pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_pair.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    match separator {
        Some(separator) => text.split(separator).map(byte).collect(),
        None => (0..text.len()).step_by(2).map(|at| byte(text.get(at..at + 2)?)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_wireshark_reads_them() {
        assert_eq!(["401", "0x191", "0621", "0b11", "-1", "0"].map(number), [401, 401, 401, 3, -1, 0].map(Some));
        assert_eq!(["", "4x", "0x", "401.0", "+1", "08", "9999999999999999999"].map(number), [None; 7]);
        assert_eq!(duration("1.5"), Some(1_500_000_000));
        assert_eq!(["", ".", "1.", "a", "1.0000000001"].map(duration), [None; 5]);
        let at = Some(1_699_999_999_500_000_000);
        for text in
            ["2023-11-14 22:13:19.5", "2023-11-14T22:13:19.5Z", "Nov 14, 2023 22:13:19.5", "2023-11-14T22:13:19.5"]
        {
            assert_eq!(time(text), at, "{text}");
        }
        assert_eq!(["1700000000", "yesterday", ""].map(time), [None; 3]);
        assert_eq!(hex_bytes("63:61"), Some(vec![0x63, 0x61]));
        assert_eq!(hex_bytes("6361"), Some(vec![0x63, 0x61]));
        assert_eq!(["6", "6x", "63:6", "ü"].map(hex_bytes), [const { None }; 4]);
        let network = |text| network(Kind::Ipv4, text);
        assert!(network("192.0.2.0/24").unwrap().contains("192.0.2.9".parse().unwrap()));
        assert!(!network("192.0.2.0/24").unwrap().contains("192.0.3.9".parse().unwrap()));
        assert!(network("192.0.2.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert_eq!([network("192.0.2.0/33"), network("host"), network("::1")], [None; 3]);
    }
}
