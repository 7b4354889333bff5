//! Capture time: the only time there is. Nothing in the library reads a clock.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

/// 64 times T1 of RFC 3261 §17.1: timers B, F, H and J. Who has not answered by then does not answer, and who was answered may repeat
/// what it sent for as long.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(32);

/// Nanoseconds since 1970-01-01 UTC as the capture says. Absurd values saturate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaptureTime(i64);

impl CaptureTime {
    /// From nanoseconds since the epoch.
    pub const fn from_ns(ns: i64) -> CaptureTime {
        CaptureTime(ns)
    }

    /// From nanoseconds since the epoch that may not fit; saturates.
    pub fn from_ns_saturating(ns: i128) -> CaptureTime {
        CaptureTime(i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Nanoseconds since the epoch.
    pub fn as_ns(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero where the capture's clock stepped back, never negative.
    pub fn since(self, earlier: CaptureTime) -> Duration {
        Duration::from_nanos(if self > earlier { self.0.abs_diff(earlier.0) } else { 0 })
    }

    /// This time plus `wait`, saturating.
    #[must_use]
    pub fn plus(self, wait: Duration) -> CaptureTime {
        CaptureTime(self.0.saturating_add(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX)))
    }
}

const NS_PER_S: i64 = 1_000_000_000;

/// RFC 3339 in UTC with microseconds: `2023-11-14T22:13:20.000000Z`.
impl fmt::Display for CaptureTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The whole range of i64 nanoseconds (1677 to 2262) is within jiff's.
        let (seconds, ns) = (self.0.div_euclid(NS_PER_S), self.0.rem_euclid(NS_PER_S));
        let ns = i32::try_from(ns).unwrap_or_default();
        let stamp = jiff::Timestamp::new(seconds, ns).unwrap_or_default();
        let civil = jiff::tz::Offset::UTC.to_datetime(stamp);
        // Written by hand: jiff's printer, made for every format, took a fiftieth of a JSON report.
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |place: std::ops::Range<usize>, number: i32| {
            let mut left = number;
            for digit in text.get_mut(place).into_iter().flatten().rev() {
                *digit += u8::try_from(left % 10).unwrap_or(0);
                left /= 10;
            }
        };
        put(0..4, civil.year().into());
        put(5..7, civil.month().into());
        put(8..10, civil.day().into());
        put(11..13, civil.hour().into());
        put(14..16, civil.minute().into());
        put(17..19, civil.second().into());
        put(20..26, civil.subsec_nanosecond() / 1000);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_prints_as_rfc3339_with_microseconds() {
        assert_eq!(CaptureTime::from_ns(1_700_000_000_000_000_000).to_string(), "2023-11-14T22:13:20.000000Z");
        assert_eq!(CaptureTime::from_ns(1_700_000_000_123_456_789).to_string(), "2023-11-14T22:13:20.123456Z");
        assert_eq!(CaptureTime::from_ns(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(CaptureTime::from_ns(i64::MIN).to_string(), "1677-09-21T00:12:43.145224Z");
        assert_eq!(CaptureTime::from_ns(i64::MAX).to_string(), "2262-04-11T23:47:16.854775Z");
    }

    #[test]
    fn durations_are_never_negative() {
        assert_eq!(CaptureTime::from_ns(5).since(CaptureTime::from_ns(9)), Duration::ZERO);
        assert_eq!(
            CaptureTime::from_ns(i64::MAX).since(CaptureTime::from_ns(i64::MIN)),
            Duration::from_nanos(u64::MAX)
        );
    }
}
