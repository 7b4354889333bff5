//! The options that move a bound, and what may be typed behind them.

use std::fmt;

use clap::Args;
use clap::ValueEnum;

use sipauth::base::Limits;
use sipauth::base::limits;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Bounds on memory, depth and time.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits: reaching one is said in the report; `sipauth list limits` shows them all")]
pub struct LimitOptions {
    /// Memory for all that is remembered. The oldest idle sessions are ended and reported to keep within it; with less than the
    /// default, the tables whose size follows the capture shrink in proportion.
    #[arg(long, value_name = "MIB", value_parser = mebibytes(16), default_value_t = Size(limits::MEMORY_BYTES_DEFAULT))]
    memory: Size,

    /// Read at most so much of each input, unpacked where it is compressed.
    #[arg(long, value_name = "SIZE", value_parser = size(KIB, u64::MAX), default_value_t = Size(limits().input_bytes_max))]
    max_input_bytes: Size,

    /// Bytes of one packet.
    #[arg(long, value_name = "SIZE", value_parser = size(64, 16 * MIB), default_value_t = of(limits().packet_len_bytes_max))]
    max_packet: Size,

    /// Tags, labels, tunnels and extension headers in one packet.
    #[arg(long, value_name = "N", value_parser = count(1, 1_024), default_value_t = limits().layers_max)]
    max_layers: usize,

    /// Memory for IP fragments that wait for others; by default 32 MiB, with less --memory in proportion.
    #[arg(long, value_name = "MIB", value_parser = mebibytes(1))]
    frag_mem: Option<Size>,

    /// Directions of TCP connections that are followed at a time; by default 1000000, with less --memory in proportion.
    #[arg(long, value_name = "N", value_parser = count(1, 100_000_000))]
    max_flows: Option<usize>,

    /// Memory for bytes of TCP and SCTP that wait for others; by default 256 MiB, with less --memory in proportion.
    #[arg(long, value_name = "MIB", value_parser = mebibytes(1))]
    reassembly_mem: Option<Size>,

    /// Which copy is read of TCP segments and IP fragments that were sent twice and differ. The message is ambiguous either way.
    #[arg(long, value_enum, value_name = "COPY", default_value_t = Overlap::First)]
    overlap: Overlap,

    /// Bytes of a message's start line and headers in a stream.
    #[arg(long, value_name = "SIZE", value_parser = size(KIB, 16 * MIB), default_value_t = of(limits().header_section_bytes_max))]
    max_headers: Size,

    /// Bytes of a message's body in a stream.
    #[arg(long, value_name = "SIZE", value_parser = size(1, GIB), default_value_t = of(limits().body_bytes_max))]
    max_body: Size,
}

/// Which copy of bytes is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Overlap {
    /// The one that came first.
    First,
    /// The one that came last, as long as the message was not whole.
    Last,
}

impl LimitOptions {
    /// The limits that they ask for.
    pub fn limits(&self) -> Limits {
        let default = Limits::within(self.memory.0);
        let reassembly = self.reassembly_mem.map_or(default.tcp_bytes_max, Size::bytes);
        Limits {
            input_bytes_max: self.max_input_bytes.0,
            packet_len_bytes_max: self.max_packet.bytes(),
            layers_max: self.max_layers,
            fragment_bytes_max: self.frag_mem.map_or(default.fragment_bytes_max, Size::bytes),
            tcp_flows_max: self.max_flows.unwrap_or(default.tcp_flows_max),
            tcp_bytes_max: reassembly,
            tcp_hole_bytes_max: default.tcp_hole_bytes_max.min(reassembly),
            sctp_bytes_max: default.sctp_bytes_max.min(reassembly),
            overlap: match self.overlap {
                Overlap::First => limits::Overlap::First,
                Overlap::Last => limits::Overlap::Last,
            },
            header_section_bytes_max: self.max_headers.bytes(),
            body_bytes_max: self.max_body.bytes(),
            ..default
        }
    }
}

fn limits() -> Limits {
    Limits::default()
}

fn of(bytes: usize) -> Size {
    Size(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// A number of bytes; `u64::MAX` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u64);

impl Size {
    fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// As it may be typed: `256KiB`.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().rev().find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        match unit {
            _ if self.0 == u64::MAX => f.write_str(UNLIMITED),
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

const UNLIMITED: &str = "unlimited";
/// In ascending order.
const UNITS: [(&str, u64); 4] = [("KiB", KIB), ("MiB", MIB), ("GiB", GIB), ("TiB", 1 << 40)];

/// A size in bytes, or with a unit, within these bounds.
fn size(min: u64, max: u64) -> impl Fn(&str) -> Result<Size, String> + Clone {
    move |text| within(parse(text, 1)?, min, max)
}

/// A size in MiB, or with a unit.
fn mebibytes(min: u64) -> impl Fn(&str) -> Result<Size, String> + Clone {
    move |text| within(parse(text, MIB)?, min * MIB, 1024 * GIB)
}

fn count(min: usize, max: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let number = text.parse().map_err(|_| "expected a whole number".to_owned())?;
        if (min..=max).contains(&number) { Ok(number) } else { Err(format!("expected {min} to {max}")) }
    }
}

fn within(bytes: u64, min: u64, max: u64) -> Result<Size, String> {
    if (min..=max).contains(&bytes) {
        return Ok(Size(bytes));
    }
    Err(format!("expected {} to {}", Size(min), Size(max)))
}

/// A whole number and a unit; `K`, `KB` and `KiB` are 1024 bytes each, in any case.
fn parse(text: &str, unit_bytes: u64) -> Result<u64, String> {
    if text.eq_ignore_ascii_case(UNLIMITED) {
        return Ok(u64::MAX);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let named = UNITS.iter().find(|(name, _)| {
        [name.to_owned(), name.trim_end_matches("iB"), &name.replace('i', "")]
            .iter()
            .any(|name| unit.eq_ignore_ascii_case(name))
    });
    let unit_bytes = match (unit, named) {
        ("", _) => unit_bytes,
        (_, Some((_, bytes))) => *bytes,
        ("B" | "b", _) => 1,
        _ => return Err("expected a size, as 512KiB, 64MiB or 2GiB".to_owned()),
    };
    if number.is_empty() {
        return Err("expected a size, as 512KiB, 64MiB or 2GiB".to_owned());
    }
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_bytes));
    bytes.ok_or_else(|| "more bytes than there are numbers for".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        let check = |text: &str, expect: u64| assert_eq!(parse(text, 1), Ok(expect), "{text}");
        check("0", 0);
        check("1500", 1_500);
        check("17B", 17);
        check("64K", 65_536);
        check("64kb", 65_536);
        check("64 KiB", 65_536);
        check("2g", 2 << 30);
        check("unlimited", u64::MAX);
        assert_eq!(parse("3", MIB), Ok(3 << 20));
        assert_eq!(parse("3KiB", MIB), Ok(3 << 10));
        for wrong in ["", "K", "-1", "1.5M", "1 2", "9M9", "99999999999999999999", "99999999999G", "∞"] {
            assert!(parse(wrong, 1).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        for bytes in [0, 1, 1_023, 1 << 10, 3 << 20, (1 << 30) + 1, 5 << 40, u64::MAX] {
            assert_eq!(parse(&Size(bytes).to_string(), 1), Ok(bytes));
        }
    }
}
