//! Messages in, closed runs out; bounded; ages by capture time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::FrameRef;
use crate::base::Limits;
use crate::base::WireMap;
use crate::session::Run;
use crate::session::Sighting;
use crate::session::Transaction;
use crate::sip::Message;

/// After such a silence nothing comes any more of transactions that were answered: 64 times T1, RFC 3261's timers B, F, H and J.
const OVER_AFTER: Duration = Duration::from_secs(32);

/// Follows every Call-ID of the capture.
#[derive(Debug)]
pub struct Tracker {
    limits: Limits,
    /// Boxed: the table is moved each time it grows.
    runs: WireMap<Arc<[u8]>, Box<Run>>,
    /// Runs that may be over, in the order in which they were last known to be alive: new ones, and those whose dialog ended.
    ending: VecDeque<(CaptureTime, Arc<[u8]>)>,
    /// All others, likewise.
    idle: VecDeque<(CaptureTime, Arc<[u8]>)>,
    now: CaptureTime,
    evicted: u64,
    untracked: u64,
    /// What the bodies take up that runs keep.
    bodies_len_bytes: usize,
}

impl Tracker {
    /// A tracker with no messages.
    pub fn new(limits: &Limits) -> Tracker {
        Tracker {
            limits: limits.clone(),
            runs: WireMap::default(),
            ending: VecDeque::new(),
            idle: VecDeque::new(),
            now: CaptureTime::from_ns(i64::MIN),
            evicted: 0,
            untracked: 0,
            bodies_len_bytes: 0,
        }
    }

    /// Takes one message. Runs that it shows to be over are appended to `closed`.
    pub fn push(&mut self, sighting: Sighting<'_>, closed: &mut Vec<Run>) {
        let closed_before = closed.len();
        let has_room = self.bodies_len_bytes < self.limits.near_miss_bodies_bytes_max;
        let sighting = Sighting { keeps_body: sighting.keeps_body && has_room, ..sighting };
        self.place(sighting, closed);
        let ended: usize = closed.iter().skip(closed_before).map(Run::bodies_len_bytes).sum();
        self.bodies_len_bytes = self.bodies_len_bytes.saturating_sub(ended);
    }

    fn place(&mut self, sighting: Sighting<'_>, closed: &mut Vec<Run>) {
        self.now = self.now.max(sighting.time);
        self.close_idle(closed);
        let call_id = sighting.message.call_id();
        if call_id.is_empty() {
            self.untracked += 1;
            return;
        }
        let gap = self.gap();
        if let Some(run) = self.runs.get_mut(call_id) {
            // A silence longer than the gap begins a new run, whether or not the queue came round to closing the old one.
            if sighting.time.since(run.last_seen) > gap {
                let fresh = Run::new(run.call_id.clone(), &sighting);
                closed.push(std::mem::replace(run.as_mut(), fresh));
            }
            let kept = run.bodies_len_bytes();
            let was_over = run.is_over();
            run.push(sighting, &self.limits);
            self.bodies_len_bytes += run.bodies_len_bytes() - kept;
            if !was_over && run.is_over() {
                self.ending.push_back((self.now, run.call_id.clone()));
            }
            return;
        }
        self.make_room(closed);
        let key: Arc<[u8]> = Arc::from(call_id);
        let mut run = Run::new(key.clone(), &sighting);
        run.push(sighting, &self.limits);
        self.bodies_len_bytes += run.bodies_len_bytes();
        self.ending.push_back((self.now, key.clone()));
        self.runs.insert(key, Box::new(run));
    }

    /// Marks a message that was pushed before as one that can be read two ways.
    pub fn contradict(&mut self, flow: Flow, message: &Message<'_>) {
        if let Some(run) = self.runs.get_mut(message.call_id()) {
            run.contradict(flow, message);
        }
    }

    /// The transaction of that Call-ID whose answer that frame completed, if it is a recent one.
    pub fn answered_at(&mut self, call_id: &[u8], at: FrameRef) -> Option<&mut Transaction> {
        self.runs.get_mut(call_id)?.answered_at(at)
    }

    fn gap(&self) -> Duration {
        Duration::from_secs(self.limits.session_gap_s_max)
    }

    /// Ends the capture: the runs that are left, in order of their first frame.
    pub fn finish(&mut self) -> Vec<Box<Run>> {
        self.ending.clear();
        self.idle.clear();
        let mut runs: Vec<Box<Run>> = std::mem::take(&mut self.runs).into_values().collect();
        runs.sort_unstable_by(|a, b| (a.first, &a.call_id).cmp(&(b.first, &b.call_id)));
        runs
    }

    /// Runs that were ended early because there were too many at a time.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Messages without a Call-ID, which belong to no session.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// The latest time seen; `None` before the first message.
    pub fn now(&self) -> Option<CaptureTime> {
        (self.now != CaptureTime::from_ns(i64::MIN)).then_some(self.now)
    }

    fn close_idle(&mut self, closed: &mut Vec<Run>) {
        while let Some(key) = due(&mut self.ending, self.now, OVER_AFTER) {
            let Some(run) = self.runs.get(&key) else { continue };
            match run.last_seen {
                last_seen if !run.is_over() => self.idle.push_back((last_seen, key)),
                last_seen if self.now.since(last_seen) <= OVER_AFTER => self.ending.push_back((last_seen, key)),
                _ => closed.extend(self.runs.remove(&key).map(|run| *run)),
            }
        }
        let gap = self.gap();
        while let Some(key) = due(&mut self.idle, self.now, gap) {
            let last_seen = self.runs.get(&key).map(|run| run.last_seen);
            match last_seen {
                Some(last_seen) if self.now.since(last_seen) <= gap => self.idle.push_back((last_seen, key)),
                _ => closed.extend(self.runs.remove(&key).map(|run| *run)),
            }
        }
    }

    fn make_room(&mut self, closed: &mut Vec<Run>) {
        while self.runs.len() >= self.limits.sessions_max {
            let Some((_, key)) = self.idle.pop_front().or_else(|| self.ending.pop_front()) else { return };
            let Some(run) = self.runs.remove(&key) else { continue };
            closed.push(*run);
            self.evicted += 1;
        }
    }
}

/// The next one of a queue that was last known to be alive longer ago than that.
fn due(queue: &mut VecDeque<(CaptureTime, Arc<[u8]>)>, now: CaptureTime, after: Duration) -> Option<Arc<[u8]>> {
    let (alive, _) = queue.front()?;
    if now.since(*alive) <= after {
        return None;
    }
    queue.pop_front().map(|(_, key)| key)
}
