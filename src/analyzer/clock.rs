//! Whether the capture's time can be trusted: frames that are older than the one before them.

use crate::base::CaptureTime;
use crate::base::InputId;
use crate::base::frame::CLOCK_STEP_MIN;
use crate::base::pauses::BETWEEN_FILES_MIN;
use crate::base::pauses::WITHIN_FILE_MIN;
use crate::capture::Frame;
use crate::rules::capture_facts::ClockFacts;

/// Interfaces whose clocks are followed; captures have one or two.
const INTERFACES_MAX: usize = 64;

/// The clocks of the input that is being read.
#[derive(Debug, Default)]
pub(super) struct Clock {
    input: Option<InputId>,
    /// The time of the last frame of each interface.
    last: Vec<Option<CaptureTime>>,
    /// The interface of the last frame, and its time.
    newest: Option<(u32, CaptureTime)>,
    /// The latest time since the clock was last set back, and that of the inputs before.
    latest: Option<CaptureTime>,
    latest_before: Option<CaptureTime>,
    /// No input is read that was begun.
    is_between: bool,
    facts: ClockFacts,
}

impl Clock {
    /// Takes a frame's time. Where nobody captured before it, says since when.
    pub(super) fn note(&mut self, frame: &Frame<'_>) -> Option<CaptureTime> {
        let time = frame.time?;
        if self.goes_on(frame, time) {
            return None;
        }
        let pause_min = if std::mem::take(&mut self.is_between) { BETWEEN_FILES_MIN } else { WITHIN_FILE_MIN };
        let began = self.latest().filter(|latest| time.since(*latest) >= pause_min);
        if let Some(began) = began {
            self.facts.pauses.add(frame.at, time.since(began));
        }
        self.step(frame, time);
        began
    }

    /// Takes a time that is not simply the next.
    fn step(&mut self, frame: &Frame<'_>, time: CaptureTime) {
        if self.input != Some(frame.at.input) {
            *self = Clock {
                input: Some(frame.at.input),
                latest_before: self.latest(),
                facts: self.facts.clone(),
                ..Clock::default()
            };
        }
        let before = self.newest.replace((frame.interface, time));
        let own_before = self.own(frame.interface).and_then(|own| own.replace(time));
        let step = own_before.map(|before| before.since(time)).filter(|step| *step > CLOCK_STEP_MIN);
        if let Some(step) = step {
            self.facts.back.add(frame.at, step);
            self.latest = Some(time);
            return;
        }
        let other = before.filter(|(interface, _)| *interface != frame.interface);
        if let Some(gap) = other.map(|(_, before)| before.since(time)).filter(|gap| *gap > CLOCK_STEP_MIN) {
            self.facts.apart.add(frame.at, gap);
        }
        self.latest = self.latest.max(Some(time));
    }

    /// Takes the time at which the input says that it ended, behind its last frame. One from before a step back says nothing.
    pub(super) fn note_end(&mut self, ended: CaptureTime) {
        if self.facts.back.count == 0 {
            self.latest = self.latest.max(Some(ended));
        }
    }

    /// Takes note that no input is read any more: what comes next was captured at another time.
    pub(super) fn pause(&mut self) {
        self.is_between = true;
    }

    /// Takes the time of a frame as nearly all are: of the same interface as the one before, and no older.
    fn goes_on(&mut self, frame: &Frame<'_>, time: CaptureTime) -> bool {
        let Some((interface, newest)) = &mut self.newest else { return false };
        let is_next = *newest <= time && time.since(*newest) < WITHIN_FILE_MIN;
        if *interface != frame.interface || !is_next || self.input != Some(frame.at.input) {
            return false;
        }
        let Some(own) = self.last.get_mut(*interface as usize) else { return false };
        *own = Some(time);
        *newest = time;
        self.latest = self.latest.max(Some(time));
        true
    }

    fn own(&mut self, interface: u32) -> Option<&mut Option<CaptureTime>> {
        let index = usize::try_from(interface).ok().filter(|index| *index < INTERFACES_MAX)?;
        if self.last.len() <= index {
            self.last.resize(index + 1, None);
        }
        self.last.get_mut(index)
    }

    /// The latest time behind the last step back: what came before it says nothing about how long the capture goes on.
    pub(super) fn latest(&self) -> Option<CaptureTime> {
        self.latest.max(self.latest_before)
    }

    /// Whether time went back, and by how much.
    pub(super) fn facts(&self) -> &ClockFacts {
        &self.facts
    }
}
