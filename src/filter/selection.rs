//! Which sessions a filter keeps. It looks at each message as it passes, remembers what that answered under its Call-ID, and decides
//! when the run closes.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::FrameSet;
use crate::base::Frames;
use crate::base::Limits;
use crate::base::WireMap;
use crate::filter::Closed;
use crate::filter::Filter;
use crate::filter::MessageAt;
use crate::filter::Subject;
use crate::filter::fields::Get;
use crate::filter::resend::Resends;
use crate::filter::streams::Streams;
use crate::filter::subject::Role;
use crate::filter::subject::Spoken;
use crate::history::PairKey;
use crate::packet::Segment;
use crate::sip::Message;

/// What a match keeps in the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchBy {
    /// The whole session.
    #[default]
    Session,
    /// The attempts that have a message which matches, and the findings that name one.
    Message,
}

/// A filter at work.
#[derive(Debug)]
pub struct Selection {
    filter: Filter,
    by: MatchBy,
    /// What the messages of open runs answered, by Call-ID.
    marks: WireMap<Box<[u8]>, Vec<Mark>>,
    /// How many are kept at a time.
    marks_count: usize,
    marks_max: usize,
    resends: Option<Resends>,
    streams: Option<Streams>,
    began: Option<CaptureTime>,
    sessions: BTreeSet<u64>,
    pairs: BTreeSet<PairKey>,
    frames: Vec<FrameRef>,
    /// All frames that messages which match are made of, where they are to be told.
    carriers: Option<FrameSet>,
    counts: Counts,
}

/// What a filter did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that match.
    pub messages: u64,
    /// Sessions that are kept.
    pub sessions: u64,
    /// Sessions that are left out.
    pub sessions_left_out: u64,
    /// Messages, sessions and connections that could not be remembered.
    pub forgotten: u64,
}

/// What a message answered: what [`Selection::remember`] remembers of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    bits: u64,
    /// The frames beside the one that completed it, where they are still to be told.
    others: Box<[FrameRef]>,
}

/// One message and what it answered.
#[derive(Clone, Debug)]
struct Mark {
    at: MessageAt,
    answers: Answers,
}

/// What is kept of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// Nothing.
    Nothing,
    /// All of it.
    Whole,
    /// What has to do with these messages.
    Messages(BTreeSet<MessageAt>),
}

/// Frames that are kept for a filter to paste.
const FRAMES_MAX: usize = 1000;

impl Selection {
    /// A filter that has seen nothing yet.
    pub fn new(filter: Filter, by: MatchBy, limits: &Limits) -> Selection {
        Selection {
            by,
            marks: WireMap::default(),
            marks_count: 0,
            marks_max: limits.filter_messages_max,
            resends: filter.asks_for(Get::Resend).then(|| Resends::new(limits.sessions_max)),
            streams: filter.asks_for(Get::TcpStream).then(|| Streams::new(limits.tcp_flows_max)),
            filter,
            began: None,
            sessions: BTreeSet::new(),
            pairs: BTreeSet::new(),
            frames: Vec::new(),
            carriers: None,
            counts: Counts::default(),
        }
    }

    /// Remembers which frames matching messages are made of: [`Selection::take_carriers`] tells them.
    pub fn keep_carriers(&mut self) {
        self.carriers.get_or_insert_default();
    }

    /// The frames that matching messages are made of; `None` where they were not to be kept.
    pub fn take_carriers(&mut self) -> Option<FrameSet> {
        self.carriers.take()
    }

    /// Notes when a frame was captured: the first one is when the capture began.
    pub fn note_time(&mut self, time: Option<CaptureTime>) {
        if self.began.is_none() {
            self.began = time;
        }
    }

    /// Notes a TCP segment.
    pub fn note_segment(&mut self, segment: &Segment<'_>) {
        if let Some(streams) = &mut self.streams {
            streams.note(segment);
        }
    }

    /// Asks a message, which came in these frames. Its answers are to be handed to [`Selection::remember`] once the runs are closed
    /// that it shows to be over; `None` where there is nothing to note.
    pub fn ask(&mut self, subject: Subject<'_>, frames: &Frames) -> Option<Answers> {
        let subject = Subject {
            began: self.began.unwrap_or(subject.time),
            tcp_stream: self.streams.as_ref().and_then(|streams| streams.of(&subject)),
            is_resend: self.resends.as_mut().is_some_and(|resends| resends.is_resend(&subject)),
            ..subject
        };
        if self.filter.is_late() {
            let others = if self.carriers.is_some() { frames.others.clone() } else { Box::default() };
            return Some(Answers { bits: self.filter.bits(&subject), others });
        }
        let is_match = self.filter.matches(&subject);
        if is_match {
            self.note_match(subject.at, &frames.others);
        }
        is_match.then(Answers::default)
    }

    fn note_match(&mut self, at: FrameRef, others: &[FrameRef]) {
        self.counts.messages += 1;
        if let Some(carriers) = &mut self.carriers {
            others.iter().chain([&at]).for_each(|frame| carriers.insert(*frame));
        }
        if self.frames.len() < FRAMES_MAX {
            self.frames.push(at);
        }
    }

    /// Remembers what a message that this frame completed answered, until its run closes.
    pub fn remember(&mut self, message: &Message<'_>, frame: FrameRef, answers: Answers) {
        let call_id = message.call_id();
        // Those belong to no session, and nobody would ask for their marks.
        if call_id.is_empty() {
            return;
        }
        let mark = || Mark { at: MessageAt::of(message, frame), answers };
        let needs_all = self.filter.is_late() || self.by == MatchBy::Message;
        if let Some(marks) = self.marks.get_mut(call_id) {
            if !needs_all {
                return;
            }
            if self.marks_count >= self.marks_max {
                self.counts.forgotten += 1;
                return;
            }
            marks.push(mark());
        } else if self.marks_count < self.marks_max {
            self.marks.insert(call_id.into(), vec![mark()]);
        } else {
            self.counts.forgotten += 1;
            return;
        }
        self.marks_count += 1;
    }

    /// Decides on a session that has closed. Asked once for each, in order.
    ///
    /// What is known of the session may be left out where the filter is not late.
    pub fn decide(&mut self, call_id: &[u8], closed: Option<&Closed<'_>>) -> Selected {
        let marks = self.marks.remove(call_id).unwrap_or_default();
        self.marks_count = self.marks_count.saturating_sub(marks.len());
        let matching = match closed {
            Some(closed) if self.filter.is_late() => self.decide_late(&marks, closed),
            _ => marks,
        };
        let selected = match (matching.is_empty(), self.by) {
            (true, _) => Selected::Nothing,
            (false, MatchBy::Session) => Selected::Whole,
            (false, MatchBy::Message) => Selected::Messages(matching.into_iter().map(|mark| mark.at).collect()),
        };
        let Some((closed, number)) = closed.and_then(|closed| Some((closed, closed.number?))) else { return selected };
        if selected == Selected::Nothing {
            self.counts.sessions_left_out += 1;
        } else {
            self.counts.sessions += 1;
            if self.sessions.len() >= self.marks_max {
                self.counts.forgotten += 1;
                return selected;
            }
            self.sessions.insert(number);
            let first = closed.session.attempts.first().map(|first| first.transaction.flow());
            let pair = first.map(|flow| PairKey { client: flow.source.address, server: flow.destination.address });
            self.pairs.extend(pair);
        }
        selected
    }

    fn decide_late(&mut self, marks: &[Mark], closed: &Closed<'_>) -> Vec<Mark> {
        let mut roles = BTreeMap::new();
        for attempt in &closed.session.attempts {
            let copies = attempt.copies.iter().map(|copy| copy.at);
            for frame in attempt.request().map(|request| request.at).into_iter().chain(copies) {
                let request = MessageAt::request(attempt.transaction, frame);
                roles.entry(request).or_insert((attempt, Role::Request));
            }
            if let Some(ack) = attempt.transaction.ack() {
                roles.entry(MessageAt::ack(ack)).or_insert((attempt, Role::Ack));
            }
        }
        let is_match = |mark: &&Mark| {
            let spoken = Spoken { closed: *closed, attempt: roles.get(&mark.at).copied() };
            self.filter.decides(mark.answers.bits, &spoken)
        };
        let matching: Vec<Mark> = marks.iter().filter(is_match).cloned().collect();
        matching.iter().for_each(|mark| self.note_match(mark.at.frame, &mark.answers.others));
        matching
    }

    /// Whether a finding belongs to what is kept: it speaks of no session, or of one that is.
    pub fn keeps(&self, sessions: &[u64]) -> bool {
        sessions.is_empty() || sessions.iter().any(|session| self.sessions.contains(session))
    }

    /// Whether a session between these two is kept.
    pub fn keeps_pair(&self, pair: &PairKey) -> bool {
        self.pairs.contains(pair)
    }

    /// Whether the filter decides only when a session has closed.
    pub fn is_late(&self) -> bool {
        self.filter.is_late()
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        let resends = self.resends.as_ref().map_or(0, |resends| resends.forgotten);
        let streams = self.streams.as_ref().map_or(0, |streams| streams.forgotten);
        Counts { forgotten: self.counts.forgotten + resends + streams, ..self.counts }
    }

    /// The filter, as Wireshark writes it; `None` where Wireshark lacks what it asks for.
    pub fn wireshark(&self) -> Option<String> {
        self.filter.wireshark()
    }

    /// The frames of the messages that match, the first of them where there are many.
    pub fn frames(&self) -> &[FrameRef] {
        &self.frames
    }
}
