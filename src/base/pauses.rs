//! When nobody captured: between one file and the next, where no other goes on, or for hours within one that was merged. What was open
//! before a pause may have ended in it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::time::TRANSACTION_TIMEOUT;

/// A shorter one between two files is a quiet wire while a ring goes on, and no answer is given up in it.
pub const BETWEEN_FILES_MIN: Duration = TRANSACTION_TIMEOUT;

/// So long no frame at all comes in files that were merged of several: registrations come once an hour, and pings more often.
pub const WITHIN_FILE_MIN: Duration = Duration::from_secs(3600);

/// Pauses that are remembered: only those of the last minutes can lie behind a session that is still open.
const REMEMBERED_MAX: usize = 64;

/// The latest pauses of a capture.
#[derive(Clone, Debug, Default)]
pub struct Pauses {
    /// When each began.
    began: VecDeque<CaptureTime>,
}

impl Pauses {
    /// Adds one that began then.
    pub fn add(&mut self, began: CaptureTime) {
        if self.began.len() == REMEMBERED_MAX {
            self.began.pop_front();
        }
        self.began.push_back(began);
    }

    /// Until when the capture, which ends at `end`, goes on behind that time without a pause.
    pub fn end_behind(&self, time: CaptureTime, end: CaptureTime) -> CaptureTime {
        self.began.iter().copied().filter(|began| *began >= time).fold(end, CaptureTime::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_goes_on_until_its_next_pause() {
        let [first, second, end] = [10, 500, 900].map(CaptureTime::from_ns);
        let mut pauses = Pauses::default();
        assert_eq!(pauses.end_behind(first, end), end);
        pauses.add(first);
        pauses.add(second);
        let ends = [9, 10, 11, 501].map(|time| pauses.end_behind(CaptureTime::from_ns(time), end));
        assert_eq!(ends, [first, first, second, end]);
        for later in 1_000..1_100 {
            pauses.add(CaptureTime::from_ns(later));
        }
        assert_eq!(pauses.end_behind(first, end), end, "those that are long over are forgotten");
    }
}
