//! Sessions followed on a thread of their own, while the caller's reads, decodes and parses. Messages pass from one to the other in
//! the order of the capture, so the report is the same as that of one thread.

use std::ops::Range;
use std::panic;
use std::sync::mpsc;
use std::thread;
use std::thread::JoinHandle;

use crate::analyzer::messages::Messages;
use crate::base::CaptureTime;
use crate::base::Flow;
use crate::base::Limits;
use crate::base::LostPiece;
use crate::base::Notice;
use crate::report::model::Row;
use crate::sip::Message;
use crate::sip::Room;
use crate::sip::parse::Source;
use crate::transport::LostMessage;
use crate::transport::Payload;

/// Steps of a batch; of its bytes, `Limits::batch_bytes_max`. Small enough to be in the cache still when the other thread looks at it,
/// and large enough that waking that one is next to nothing: at half the size it is 3 % of all work.
const STEPS_MAX: usize = 512;

/// Rows that are sent together when the capture is over: each is some kilobytes.
const ROWS_MAX: usize = 16;

/// Batches under way. More would only wait.
const BATCHES: usize = 3;

/// What the other thread is to do. Bytes stand in the batch.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are messages")]
enum Step {
    Message { payload: Payload<'static>, message: Message<'static>, bytes: Range<usize> },
    Contradiction { flow: Flow, bytes: Range<usize> },
    Lost { lost: LostMessage<'static>, bytes: Range<usize> },
    LostBetween(LostPiece),
    Pause(CaptureTime),
    Unreachable(Notice),
}

/// Steps in order.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    steps: Vec<Step>,
    /// The room of headers that were looked at. It goes back: memory is let go most cheaply where it was asked for, and it is used again.
    spent: Vec<Room>,
}

impl Batch {
    fn add(&mut self, bytes: &[u8], step: impl FnOnce(Range<usize>) -> Step) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.steps.push(step(start..self.bytes.len()));
    }

    fn is_full(&self, bytes_max: usize) -> bool {
        self.bytes.len() >= bytes_max || self.steps.len() >= STEPS_MAX
    }

    /// Does all that is to be done, and is empty then.
    fn run(&mut self, messages: &mut Messages) {
        let Batch { bytes, steps, spent } = self;
        let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
        for step in steps.drain(..) {
            match step {
                Step::Message { payload, message, bytes } => {
                    let bytes = part(bytes);
                    let message = Message { bytes, ..message };
                    messages.push_parsed(Payload { bytes, ..payload }, &message);
                    spent.extend(message.headers.into_room());
                }
                Step::Contradiction { flow, bytes } => messages.contradict(flow, part(bytes)),
                Step::Lost { lost, bytes } => messages.lose(LostMessage { bytes: part(bytes), ..lost }),
                Step::Unreachable(notice) => messages.unreachable.note(notice),
                Step::Pause(began) => messages.pauses.add(began),
                Step::LostBetween(lost) => drop(messages.lost_between.insert(lost)),
            }
        }
        bytes.clear();
    }
}

/// What is sent to the other thread.
enum Order {
    Do(Batch),
    /// The capture is over, at that time. Rows that are left go there: it takes only a few at a time.
    Finish(Option<CaptureTime>, mpsc::SyncSender<Vec<Row>>),
}

impl Order {
    /// Nobody takes what comes back where writing has failed.
    fn run(self, messages: &mut Messages, back: &mpsc::Sender<Done>) {
        match self {
            Order::Do(mut batch) => {
                batch.run(messages);
                let _ = back.send((batch, std::mem::take(&mut messages.ready)));
            }
            Order::Finish(latest, left) => {
                let mut rows = Vec::new();
                messages.finish(latest, &mut |row| {
                    rows.push(row);
                    if rows.len() == ROWS_MAX {
                        let _ = left.send(std::mem::take(&mut rows));
                    }
                });
                let _ = left.send(rows);
            }
        }
    }
}

/// What comes back: a batch to be filled again, and the rows of the sessions that it closed.
type Done = (Batch, Vec<Row>);

/// The other thread, and what is on its way there and back.
pub(super) struct Worker {
    batch: Batch,
    header_fields_max: usize,
    batch_bytes_max: usize,
    orders: mpsc::SyncSender<Order>,
    done: mpsc::Receiver<Done>,
    spare: Vec<Batch>,
    thread: JoinHandle<Messages>,
}

impl Worker {
    /// A thread that goes on with what is given.
    pub(super) fn start(mut messages: Messages) -> Worker {
        let (orders, given) = mpsc::sync_channel(BATCHES);
        let (back, done) = mpsc::channel::<Done>();
        let Limits { header_fields_max, batch_bytes_max, .. } = messages.limits;
        let thread = thread::spawn(move || {
            given.into_iter().for_each(|order: Order| order.run(&mut messages, &back));
            messages
        });
        Worker { batch: Batch::default(), header_fields_max, batch_bytes_max, orders, done, spare: Vec::new(), thread }
    }

    /// Hands a message over, parsed.
    pub(super) fn push(&mut self, payload: Payload<'_>) {
        let Payload { flow, transport, frames, time, bytes, cut, ambiguous, link, framing } = payload;
        let source = Source { is_cut: cut, header_fields_max: self.header_fields_max };
        let Message { bytes: _, start, headers, body, has_all_headers, has_whole_body, cseq, defects } =
            crate::sip::parse_into(self.batch.spent.pop().unwrap_or_default(), bytes, source);
        let payload = Payload { flow, transport, frames, time, bytes: &[], cut, ambiguous, link, framing };
        let message = Message { bytes: &[], start, headers, body, has_all_headers, has_whole_body, cseq, defects };
        self.add(bytes, |bytes| Step::Message { payload, message, bytes });
    }

    /// As [`Messages::contradict`].
    pub(super) fn contradict(&mut self, flow: Flow, bytes: &[u8]) {
        self.add(bytes, |bytes| Step::Contradiction { flow, bytes });
    }

    /// As [`Messages::lose`].
    pub(super) fn lose(&mut self, lost: &LostMessage<'_>) {
        let LostMessage { flow, at, time, bytes } = *lost;
        self.add(bytes, |bytes| Step::Lost { lost: LostMessage { flow, at, time, bytes: &[] }, bytes });
    }

    /// Tells between whom packets were lost.
    pub(super) fn lost_between(&mut self, lost: LostPiece) {
        self.add(&[], |_| Step::LostBetween(lost));
    }

    /// Tells since when nobody captured.
    pub(super) fn pause(&mut self, began: CaptureTime) {
        self.add(&[], |_| Step::Pause(began));
    }

    /// Tells what ICMP said.
    pub(super) fn unreachable(&mut self, notice: Notice) {
        self.add(&[], |_| Step::Unreachable(notice));
    }

    /// The rows of the sessions that have closed.
    pub(super) fn receive(&mut self, rows: &mut Vec<Row>) {
        for (batch, closed) in self.done.try_iter() {
            self.spare.push(batch);
            rows.extend(closed);
        }
    }

    fn add(&mut self, bytes: &[u8], step: impl FnOnce(Range<usize>) -> Step) {
        self.batch.add(bytes, step);
        if self.batch.is_full(self.batch_bytes_max) {
            self.send();
        }
    }

    fn send(&mut self) {
        let next = self.spare.pop().unwrap_or_default();
        // A thread that has ended has panicked: `finish` tells.
        let _ = self.orders.send(Order::Do(std::mem::replace(&mut self.batch, next)));
    }

    /// Ends the capture as [`Messages::finish`] does, and gives back what was given.
    pub(super) fn finish(mut self, latest: Option<CaptureTime>, each: &mut impl FnMut(Row)) -> Messages {
        self.send();
        let (left, rows_left) = mpsc::sync_channel(BATCHES);
        let _ = self.orders.send(Order::Finish(latest, left));
        drop(self.orders);
        for rows in rows_left {
            // All that was done before has come by now.
            self.done.try_iter().flat_map(|(_, rows)| rows).for_each(&mut *each);
            rows.into_iter().for_each(&mut *each);
        }
        self.thread.join().unwrap_or_else(|fault| panic::resume_unwind(fault))
    }
}
