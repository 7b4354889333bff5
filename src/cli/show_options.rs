//! How a report is shown, and what is told on the way.

use anyhow::Result;
use clap::Args;
use clap::ValueEnum;
use jiff::tz::TimeZone;

use sipauth::report::showing::Clock;
use sipauth::report::showing::Showing;

use crate::cli::exit::usage;

/// Options of `analyze` that change how a report for people looks.
#[derive(Args, Debug)]
#[command(next_help_heading = "Showing: human, Markdown and HTML reports")]
pub struct ShowOptions {
    /// In which time to show when something happened; JSON, CSV and SARIF keep to UTC.
    #[arg(long, value_enum, default_value_t = TimeStyle::Utc, value_name = "HOW")]
    time: TimeStyle,

    /// Show so many sessions in the table: 40 by default in the human report, 200 in Markdown, 10,000 in HTML.
    #[arg(long, value_name = "N")]
    max_rows: Option<usize>,

    /// Show values whole that are longer than 200 columns.
    #[arg(long)]
    wide: bool,

    /// No progress on stderr. It is shown only on a terminal, and only after a second.
    #[arg(long)]
    pub no_progress: bool,

    /// Tell on stderr what is read, and how.
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// Ways of telling the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TimeStyle {
    /// RFC 3339 in UTC.
    Utc,
    /// Seconds since the first frame of the capture.
    Relative,
    /// Seconds since 1970.
    Epoch,
    /// RFC 3339 in the time zone of this machine, or of TZ.
    Local,
}

impl ShowOptions {
    /// Sessions without trouble that are listed: as many as the table has rows, and at least these.
    pub fn sessions_listed(&self, at_least: u64) -> u64 {
        at_least.max(self.max_rows.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0))
    }

    /// What they mean.
    pub fn showing(&self) -> Result<Showing> {
        let clock = match self.time {
            TimeStyle::Utc => Clock::Utc,
            TimeStyle::Relative => Clock::Relative,
            TimeStyle::Epoch => Clock::Epoch,
            TimeStyle::Local => Clock::Local(local_zone()?),
        };
        Ok(Showing { clock, rows_max: self.max_rows, is_wide: self.wide })
    }
}

/// The zone that TZ names, else the machine's, which is UTC where it has none.
fn local_zone() -> Result<TimeZone> {
    match TimeZone::try_system() {
        Ok(zone) => Ok(zone),
        Err(_) if std::env::var_os("TZ").is_some() => {
            Err(usage("--time local: TZ names no time zone that is known; set it to one such as Europe/Berlin"))
        }
        Err(_) => Ok(TimeZone::UTC),
    }
}
