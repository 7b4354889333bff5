//! The interfaces of a pcapng section: link types, time resolutions and drop counters.

use crate::base::CaptureTime;
use crate::capture::frame::LinkType;

const NS_PER_S: i128 = 1_000_000_000;

/// One capture interface.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// Bytes kept of each packet; 0 means all.
    pub(super) snaplen: u32,
    pub(super) resolution: Resolution,
    /// Seconds that are added to every time of this interface.
    pub(super) offset_s: i64,
    /// Packets dropped, by the latest counter.
    pub(super) drops: u64,
}

impl Interface {
    /// Stands in for an interface that was not described, or not readably.
    pub(super) fn undescribed() -> Interface {
        Interface { link: LinkType::UNDESCRIBED, snaplen: 0, resolution: Resolution::default(), offset_s: 0, drops: 0 }
    }

    /// A timestamp in ticks of this interface, as time.
    pub(super) fn time(&self, ticks: u64) -> CaptureTime {
        let since_offset = self.resolution.to_ns(ticks);
        CaptureTime::from_ns_saturating(since_offset.saturating_add(i128::from(self.offset_s).saturating_mul(NS_PER_S)))
    }
}

/// Ticks per second, as the option `if_tsresol` codes them: a power of ten, or of two where the top bit is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resolution(pub(super) u8);

/// Microseconds.
impl Default for Resolution {
    fn default() -> Resolution {
        Resolution(6)
    }
}

impl Resolution {
    fn to_ns(self, ticks: u64) -> i128 {
        let ticks = i128::from(ticks);
        let exponent = u32::from(self.0 & 0x7f);
        if self.0 & 0x80 != 0 {
            return ticks.saturating_mul(NS_PER_S).checked_shr(exponent).unwrap_or(0);
        }
        match exponent.checked_sub(9) {
            None => ticks.saturating_mul(10_i128.pow(9_u32.saturating_sub(exponent))),
            Some(finer) => 10_i128.checked_pow(finer).and_then(|divisor| ticks.checked_div(divisor)).unwrap_or(0),
        }
    }
}

/// The interfaces of the current section, by number.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    list: Vec<Interface>,
}

impl Interfaces {
    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    /// Remembers an interface and says its number; `None` where there are `interfaces_max` of them.
    pub(super) fn push(&mut self, interface: Interface, interfaces_max: usize) -> Option<u32> {
        let number = self.list.len();
        if number >= interfaces_max {
            return None;
        }
        self.list.push(interface);
        u32::try_from(number).ok()
    }

    /// The interface of that number, or one of unknown link type.
    pub(super) fn of(&self, number: u32) -> Interface {
        self.list.get(number as usize).copied().unwrap_or_else(Interface::undescribed)
    }

    /// Takes over a drop counter, which counts from the start of the capture; returns by how much it grew.
    pub(super) fn set_drops(&mut self, number: u32, drops: u64) -> u64 {
        let Some(interface) = self.list.get_mut(number as usize) else { return 0 };
        let growth = drops.saturating_sub(interface.drops);
        interface.drops = interface.drops.max(drops);
        growth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_become_time_in_every_resolution() {
        let check = |resolution: u8, ticks: u64, ns: i128| {
            assert_eq!(Resolution(resolution).to_ns(ticks), ns, "if_tsresol {resolution:#x}");
        };
        check(0, 3, 3_000_000_000);
        check(6, 1_500_000, 1_500_000_000);
        check(9, 7, 7);
        check(12, 7_999, 7);
        check(0x7f, u64::MAX, 0);
        check(0x80, 2, 2_000_000_000);
        check(0x8a, 1024 + 512, 1_500_000_000);
        check(0xff, u64::MAX, 0);
    }

    #[test]
    fn absurd_offsets_saturate() {
        let with = |offset_s| Interface { offset_s, ..Interface::undescribed() };
        assert_eq!(with(3600).time(1).as_ns(), 3_600_000_001_000);
        assert_eq!(with(-3600).time(0).as_ns(), -3_600_000_000_000);
        assert_eq!(with(i64::MIN).time(u64::MAX).as_ns(), i64::MIN);
        assert_eq!(with(i64::MAX).time(u64::MAX).as_ns(), i64::MAX);
    }
}
