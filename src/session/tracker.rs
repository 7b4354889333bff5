//! Messages in, closed runs out; bounded; ages by capture time.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Limits;
use crate::base::time::TRANSACTION_TIMEOUT;
use crate::session::NonceId;
use crate::session::Placement;
use crate::session::Run;
use crate::session::Sighting;
use crate::session::Transaction;
use crate::session::budget;
use crate::session::budget::Budget;
use crate::session::kept::Kept;
use crate::session::run::CANDIDATES_MAX;
use crate::session::runs::RunPlace;
use crate::session::runs::Runs;
use crate::sip::Message;

/// After such a silence nothing comes any more of transactions that were answered.
const OVER_AFTER: Duration = TRANSACTION_TIMEOUT;

/// After such a silence a run is laid to rest: most answers, and the requests that follow them, come sooner.
const REST_AFTER: Duration = Duration::from_secs(8);

/// A message from so far ahead may have a wrong time: the clock follows once another one is as far.
const JUMP_MIN: Duration = Duration::from_secs(3600);

/// Messages from so far back show that the clock was ahead: it follows. Each time all queues are written anew, so that it is done but so
/// often: a capture of alternating times would cost a table for each message.
const STEP_BACK_MIN: Duration = Duration::from_secs(60);
const STEPS_BACK_MAX: u32 = 1000;

/// Runs, in the order of the time at which something is known of them.
type Queue = VecDeque<(CaptureTime, RunPlace)>;

/// A run, and in which queue it stood.
#[derive(Clone, Copy)]
enum Queued {
    Watched(RunPlace),
    Over(RunPlace),
    Idle(RunPlace),
}

/// Follows every Call-ID of the capture.
#[derive(Debug)]
pub struct Tracker {
    limits: Limits,
    runs: Runs,
    /// Runs to which messages came lately.
    watched: Queue,
    /// Runs that were over when they fell silent.
    over: Queue,
    /// Runs that fell silent, of which more may come. Sorted: of some more came since they were put here, and they are put here
    /// again, before others that were silent for less.
    idle: BTreeSet<(CaptureTime, Arc<[u8]>)>,
    /// There were so many runs at a time that those at rest are packed: an eighth of the room, for more time than judging takes.
    is_crowded: bool,
    now: CaptureTime,
    /// Until then no run of a queue falls due: most messages need not ask the queues.
    quiet_until: CaptureTime,
    /// The time of the last message, where that was far ahead.
    ahead: Option<CaptureTime>,
    /// Its Call-ID: its run is as young as the clock, once that follows.
    ahead_call: Option<Arc<[u8]>>,
    steps_back: u32,
    evicted: u64,
    untracked: u64,
    /// What the bodies take up that runs keep.
    bodies_len_bytes: usize,
    budget: Budget,
}

impl Tracker {
    /// A tracker with no messages.
    pub fn new(limits: &Limits) -> Tracker {
        Tracker {
            limits: limits.clone(),
            runs: Runs::default(),
            watched: VecDeque::new(),
            over: VecDeque::new(),
            idle: BTreeSet::new(),
            is_crowded: false,
            now: CaptureTime::from_ns(i64::MIN),
            quiet_until: CaptureTime::from_ns(i64::MIN),
            ahead: None,
            ahead_call: None,
            steps_back: 0,
            evicted: 0,
            untracked: 0,
            bodies_len_bytes: 0,
            budget: Budget::default(),
        }
    }

    /// Takes one message. Runs that it shows to be over are appended to `closed`.
    pub fn push(&mut self, mut sighting: Sighting<'_>, closed: &mut Vec<Run>) -> Placement {
        let closed_before = closed.len();
        let has_room = self.bodies_len_bytes < self.limits.near_miss_bodies_bytes_max;
        sighting.keeps_body &= has_room;
        let placement = self.place(sighting, closed);
        while self.budget.held_bytes() > self.limits.state_bytes_max && self.evict_oldest(closed) {}
        let ended: usize = closed.iter().skip(closed_before).map(Run::bodies_len_bytes).sum();
        self.bodies_len_bytes = self.bodies_len_bytes.saturating_sub(ended);
        placement
    }

    fn place(&mut self, sighting: Sighting<'_>, closed: &mut Vec<Run>) -> Placement {
        self.advance(sighting.time);
        if self.now > self.quiet_until {
            self.lay_to_rest();
            self.close_over(closed);
            self.close_idle(closed);
            self.quiet_until = self.next_due();
        }
        let call_id = sighting.message.call_id();
        if call_id.is_empty() {
            self.untracked += 1;
            return Placement::Dropped;
        }
        let gap = self.gap();
        if let Some(place) = self.runs.place_of(call_id)
            && let Some(kept) = self.runs.get_mut(place)
        {
            kept.alive = self.now;
            self.ahead_call = self.ahead.map(|_| kept.call_id().clone());
            let Some(run) = kept.wake() else { return Placement::Dropped };
            // A silence longer than the gap begins a new run, whether or not the queue came round to closing the old one. By the time of the
            // message, which the clock may not have followed yet: a wrong one is paid for by its own session alone.
            if sighting.time.since(run.last_seen) > gap && !run.awaits(&sighting) {
                let fresh = Run::new(run.call_id.clone(), &sighting);
                closed.push(std::mem::replace(run, fresh));
            }
            let bodies = run.bodies_len_bytes();
            let placement = budget::push(run, sighting, &self.limits);
            self.bodies_len_bytes += run.bodies_len_bytes() - bodies;
            kept.is_over = run.is_over();
            self.budget.charge(kept);
            watch(kept, place, &mut self.watched, self.now);
            return placement;
        }
        while self.runs.len() >= self.limits.sessions_max && self.evict_oldest(closed) {}
        let key: Arc<[u8]> = Arc::from(call_id);
        let mut run = Run::new(key.clone(), &sighting);
        let placement = budget::push(&mut run, sighting, &self.limits);
        self.bodies_len_bytes += run.bodies_len_bytes();
        let mut kept = Kept::new(run, self.now);
        self.ahead_call = self.ahead.map(|_| key.clone());
        self.budget.charge(&mut kept);
        kept.is_watched = true;
        let place = self.runs.insert(kept);
        self.watched.extend(place.map(|place| (self.now, place)));
        self.note_crowd();
        placement
    }

    /// Follows the time of the messages. One with a wrong time must not keep sessions from closing ever after, nor close them all.
    fn advance(&mut self, time: CaptureTime) {
        let before = self.ahead.take();
        if self.now().is_some_and(|now| time.since(now) > JUMP_MIN) {
            self.now = before.map_or(self.now, |before| before.min(time));
            self.ahead = Some(time);
            let confirmed = self.ahead_call.take().filter(|_| before.is_some());
            if let Some(kept) = confirmed.and_then(|call_id| self.runs.of_call(&call_id)) {
                kept.alive = self.now;
            }
        } else if self.now.since(time) > STEP_BACK_MIN && self.steps_back < STEPS_BACK_MAX {
            self.steps_back += 1;
            self.step_back(time);
        } else {
            self.now = self.now.max(time);
        }
    }

    /// Sets the clock back, and that of the queues: who stands first in one holds up all others.
    fn step_back(&mut self, time: CaptureTime) {
        self.now = time;
        self.quiet_until = CaptureTime::from_ns(i64::MIN);
        let queues = self.watched.iter_mut().chain(&mut self.over);
        queues.for_each(|(alive, _)| *alive = time.min(*alive));
        let idle = std::mem::take(&mut self.idle);
        self.idle = idle.into_iter().map(|(alive, key)| (alive.min(time), key)).collect();
    }

    /// The run of a Call-ID, awake.
    fn wake(&mut self, call_id: &[u8]) -> Option<&mut Run> {
        let place = self.runs.place_of(call_id)?;
        let kept = self.runs.get_mut(place)?;
        watch(kept, place, &mut self.watched, self.now);
        kept.wake()
    }

    /// Marks a message that was pushed before as one that can be read two ways.
    pub fn contradict(&mut self, flow: Flow, message: &Message<'_>) {
        if let Some(run) = self.wake(message.call_id()) {
            run.contradict(flow, message);
        }
    }

    /// The transaction whose answer is that message, which this frame completed, if it is a recent one.
    pub fn answered_by(&mut self, message: &Message<'_>, at: FrameRef) -> Option<&mut Transaction> {
        let cseq = message.cseq()?;
        // One TCP segment may bring several answers.
        let is_answered = |known: &Transaction| {
            known.answer.as_ref().is_some_and(|answer| answer.at == at)
                && known.cseq == Some(cseq.number)
                && known.method.as_bytes() == cseq.method
        };
        let newest = self.wake(message.call_id())?.transactions.iter_mut().rev().take(CANDIDATES_MAX);
        newest.into_iter().find(|known| is_answered(known))
    }

    fn gap(&self) -> Duration {
        Duration::from_secs(self.limits.session_gap_s_max)
    }

    /// Ends the capture: the runs that are left, in order of their first frame.
    pub fn finish(&mut self) -> impl Iterator<Item = Run> + use<> {
        (self.watched, self.over, self.idle) = (Queue::new(), Queue::new(), BTreeSet::new());
        let mut runs: Vec<(FrameRef, Kept)> = self.runs.take_all().map(|kept| (kept.first(), kept)).collect();
        runs.sort_unstable_by(|(first, one), (other_first, other)| {
            (first, one.call_id()).cmp(&(other_first, other.call_id()))
        });
        runs.into_iter().filter_map(|(_, kept)| kept.into_run())
    }

    /// Runs that were ended early because they were too many or took up too much.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The runs that are not closed yet and had messages lately, in no order.
    pub fn awake(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter_map(Kept::awake)
    }

    /// The nonces that sessions name which are not closed yet.
    pub fn nonces(&self) -> impl Iterator<Item = NonceId> {
        self.runs.iter().flat_map(Kept::nonces)
    }

    /// Messages without a Call-ID, which belong to no session.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// The latest time seen; `None` before the first message.
    pub fn now(&self) -> Option<CaptureTime> {
        (self.now != CaptureTime::from_ns(i64::MIN)).then_some(self.now)
    }

    /// From now on runs at rest are packed, and those that rest already are, if there are too many.
    fn note_crowd(&mut self) {
        if self.is_crowded || self.runs.len() <= self.limits.sessions_unpacked_max {
            return;
        }
        self.is_crowded = true;
        for (_, key) in &self.idle {
            let Some(kept) = self.runs.of_call(key).filter(|kept| !kept.is_watched && !kept.is_over) else {
                continue;
            };
            kept.rest();
            self.budget.charge(kept);
        }
    }

    /// Sorts the runs that fell silent by what is expected of them.
    fn lay_to_rest(&mut self) {
        while let Some(place) = due(&mut self.watched, self.now, REST_AFTER) {
            let Some(kept) = self.runs.get_mut(place) else { continue };
            kept.alive = kept.alive.min(self.now);
            if self.now.since(kept.alive) <= REST_AFTER {
                self.watched.push_back((kept.alive, place));
                continue;
            }
            kept.is_watched = false;
            if kept.is_over {
                self.over.push_back((kept.alive, place));
                continue;
            }
            if self.is_crowded {
                kept.rest();
                self.budget.charge(kept);
            }
            if !std::mem::replace(&mut kept.is_idle, true) {
                self.idle.insert((kept.alive, kept.call_id().clone()));
            }
        }
    }

    /// Closes the runs that are over and stayed silent. One that did not is watched again, and one of a time that the clock has gone back
    /// from waits once more.
    fn close_over(&mut self, closed: &mut Vec<Run>) {
        while let Some(place) = due(&mut self.over, self.now, OVER_AFTER) {
            let Some(kept) = self.runs.get_mut(place) else { continue };
            if kept.alive > self.now {
                kept.alive = self.now;
                self.over.push_back((self.now, place));
            } else if kept.is_over && self.now.since(kept.alive) > OVER_AFTER {
                closed.extend(self.take(place));
            }
        }
    }

    /// Up to when nothing in the queues falls due. What they are given later is of the present time at least.
    fn next_due(&self) -> CaptureTime {
        let idle = self.idle.first().map(|(alive, _)| alive.plus(self.gap()));
        let over = alive(&self.over).map(|alive| alive.plus(OVER_AFTER));
        let watched = alive(&self.watched).unwrap_or(self.now).plus(REST_AFTER);
        [idle, over].into_iter().flatten().fold(watched, CaptureTime::min)
    }

    fn close_idle(&mut self, closed: &mut Vec<Run>) {
        let gap = self.gap();
        while let Some((alive, _)) = self.idle.first()
            && self.now.since(*alive) > gap
            && let Some((_, key)) = self.idle.pop_first()
        {
            let Some(place) = self.runs.place_of(&key) else { continue };
            let alive = self.runs.get_mut(place).map(|kept| kept.alive.min(self.now));
            match alive {
                Some(alive) if self.now.since(alive) <= gap => {
                    self.idle.insert((alive, key));
                }
                _ => closed.extend(self.take(place)),
            }
        }
    }

    fn take(&mut self, place: RunPlace) -> Option<Run> {
        let kept = self.runs.remove(place)?;
        self.budget.release(&kept);
        kept.into_run()
    }

    /// Ends the run that has been silent longest; false where there is none.
    fn evict_oldest(&mut self, closed: &mut Vec<Run>) -> bool {
        // Who stands first in a queue then may fall due earlier.
        self.quiet_until = CaptureTime::from_ns(i64::MIN);
        while let Some((alive, queued)) = self.pop_oldest() {
            let (Queued::Watched(place) | Queued::Over(place) | Queued::Idle(place)) = queued;
            let Some(kept) = self.runs.get_mut(place) else { continue };
            let spoke = kept.alive;
            if spoke <= alive {
                closed.extend(self.take(place));
                self.evicted += 1;
                return true;
            }
            // It spoke since: it goes back to where it was, unless it stands among the watched already.
            match queued {
                Queued::Watched(_) => self.watched.push_back((spoke, place)),
                Queued::Over(_) => watch(kept, place, &mut self.watched, spoke),
                Queued::Idle(_) => {
                    self.idle.insert((spoke, kept.call_id().clone()));
                }
            }
        }
        false
    }

    /// Takes the run off its queue that was alive the longest ago, as far as the queues know.
    fn pop_oldest(&mut self) -> Option<(CaptureTime, Queued)> {
        loop {
            let idle = self.idle.first().map(|(alive, _)| *alive);
            let (over, watched) = (alive(&self.over), alive(&self.watched));
            let oldest = [idle, over, watched].into_iter().flatten().min()?;
            if idle == Some(oldest) {
                let (alive, key) = self.idle.pop_first()?;
                let Some(place) = self.runs.place_of(&key) else { continue };
                return Some((alive, Queued::Idle(place)));
            }
            return if over == Some(oldest) {
                self.over.pop_front().map(|(alive, place)| (alive, Queued::Over(place)))
            } else {
                self.watched.pop_front().map(|(alive, place)| (alive, Queued::Watched(place)))
            };
        }
    }
}

/// Puts a run into the queue of those to which messages came lately.
fn watch(kept: &mut Kept, place: RunPlace, watched: &mut Queue, now: CaptureTime) {
    if !std::mem::replace(&mut kept.is_watched, true) {
        watched.push_back((now, place));
    }
}

/// When the first one of a queue was last known to be alive.
fn alive(queue: &Queue) -> Option<CaptureTime> {
    queue.front().map(|(alive, _)| *alive)
}

/// The next one of a queue that was last known to be alive longer ago than that.
fn due(queue: &mut Queue, now: CaptureTime, after: Duration) -> Option<RunPlace> {
    let (alive, _) = queue.front()?;
    if now.since(*alive) <= after {
        return None;
    }
    queue.pop_front().map(|(_, place)| place)
}
