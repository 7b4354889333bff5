//! How reports for people show what every format holds: in which time, and how much of it. Formats for programs do not ask.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use crate::base::CaptureTime;
use crate::report::Report;

/// Columns of one cell or value unless it is to be shown whole.
const CELL_COLUMNS_MAX: usize = 200;

/// What the person who reads asked for.
#[derive(Clone, Debug, Default)]
pub struct Showing {
    /// In which time.
    pub clock: Clock,
    /// Rows of the table of sessions; `None` is what the format finds right.
    pub rows_max: Option<usize>,
    /// Whether long values are shown whole.
    pub is_wide: bool,
}

/// Ways of telling the time.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// RFC 3339 in UTC.
    #[default]
    Utc,
    /// Seconds since the first frame of all inputs.
    Relative,
    /// Seconds since 1970.
    Epoch,
    /// RFC 3339 in this time zone.
    Local(TimeZone),
}

impl Showing {
    /// A time as it is to be shown.
    pub fn time(&self, time: CaptureTime, report: &Report) -> String {
        match &self.clock {
            Clock::Utc => time.to_string(),
            Clock::Epoch => seconds(time.as_ns().into()),
            Clock::Relative => {
                let first = report.inputs.iter().filter_map(|input| input.first_packet).map(|first| first.0).min();
                let first = first.unwrap_or(time).as_ns();
                format!("+{} s", seconds(i128::from(time.as_ns()) - i128::from(first)))
            }
            Clock::Local(zone) => {
                let stamp = jiff::Timestamp::from_nanosecond(time.as_ns().into()).unwrap_or_default();
                stamp.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
            }
        }
    }

    /// A value of one cell, which may have been chosen to be long.
    pub fn cell<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.is_wide { Cow::Borrowed(text) } else { shortened(text, CELL_COLUMNS_MAX) }
    }
}

/// A text of at most so many characters, the last of which is `…` where it was longer.
pub fn shortened(text: &str, characters_max: usize) -> Cow<'_, str> {
    if text.char_indices().nth(characters_max).is_none() {
        return Cow::Borrowed(text);
    }
    let end = text.char_indices().nth(characters_max.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

/// With microseconds, as all times are shown.
fn seconds(ns: i128) -> String {
    let us = ns.div_euclid(1_000);
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_ends_at_its_width() {
        let showing = Showing::default();
        assert_eq!(showing.cell(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(showing.cell(&"é".repeat(201)), format!("{}…", "é".repeat(199)));
        assert_eq!(Showing { is_wide: true, ..showing }.cell(&"é".repeat(201)).chars().count(), 201);
    }

    #[test]
    fn seconds_have_microseconds() {
        assert_eq!(seconds(1_500_000_000), "1.500000");
        assert_eq!(seconds(-1), "-0.000001");
    }
}
