//! Frames in, report out. The one place that knows the order of the rooms.

use std::hash::BuildHasher;
use std::hash::RandomState;

use crate::analyzer::carriers::Carriers;
use crate::analyzer::clock::Clock;
use crate::analyzer::messages::Messages;
use crate::analyzer::parallel::Worker;
use crate::base::CaptureTime;
use crate::base::DecodeAs;
use crate::base::InputId;
use crate::base::Limits;
use crate::base::Network;
use crate::capture::Frame;
use crate::capture::InputSummary;
use crate::capture::Record;
use crate::digest::Keyring;
use crate::filter::Filter;
use crate::filter::MatchBy;
use crate::filter::Selection;
use crate::packet;
use crate::packet::Decoded;
use crate::report::Redaction;
use crate::report::Report;
use crate::report::ReportBuilder;
use crate::report::findings::Findings;
use crate::report::hidden::Hides;
use crate::report::model;
use crate::report::pseudonyms::Pseudonyms;
use crate::rules::CaptureFacts;
use crate::sip::framing::SipFramer;
use crate::transport::Payload;
use crate::transport::Reassembly;

pub use nonce_list::NonceRows;

mod accounts;
pub mod carriers;
mod clock;
mod closing;
mod conduct;
mod diagnostics;
mod ending;
mod infos;
mod loops;
mod messages;
mod near_misses;
mod nonce_list;
mod outcomes;
mod parallel;
mod peers;
mod revising;
mod selecting;
mod unmatched;

/// What one run is to do.
#[derive(Default)]
pub struct Settings {
    /// The bounds on memory, depth and time.
    pub limits: Limits,
    /// What ports carry besides what their bytes show.
    pub decode_as: DecodeAs,
    /// The secrets to check digests with.
    pub keyring: Keyring,
    /// What the report hides.
    pub redaction: Redaction,
    /// What the names of strict redaction are made with; without it they are made with one that is thrown away.
    pub pseudonym_key: Option<[u8; 32]>,
    /// Sessions to list; beyond them only those with a finding of medium or above. Without it, 10,000 are.
    pub sessions_max: Option<u64>,
    /// Sessions to tell whole: so many that failed, and so many others. Of further ones the attempts are only counted. Without it, and
    /// with a filter, all are told whole.
    pub sessions_whole_max: Option<usize>,
    /// Findings to list. Without it, 1,000 are.
    pub findings_max: Option<usize>,
    /// Networks whose hosts need no credentials, by agreement.
    pub trusted: Vec<Network>,
    /// Which sessions to report; all without one.
    pub filter: Option<Filter>,
    /// What is reported of a session that matches.
    pub match_by: MatchBy,
    /// When nonces are told of.
    pub nonce_rows: NonceRows,
    /// Threads that may be used, the caller's among them; none but that for 0 and 1. The report is the same with any number. Sessions
    /// are handed out a little later with more: where each is wanted as it closes, there should be one.
    pub jobs: usize,
}

/// Sessions and findings that are listed unless settings say otherwise.
pub const SESSIONS_LISTED: u64 = 10_000;
/// See [`SESSIONS_LISTED`].
pub const FINDINGS_LISTED: usize = 1_000;

/// One run over one or more captures.
///
/// Call [`Analyzer::push`] for every record, [`Analyzer::end_input`] behind each input, [`Analyzer::drain`] as often as
/// wanted, and [`Analyzer::finish`] last. None of them can fail: trouble becomes a diagnostic, a defect or a finding.
pub struct Analyzer {
    limits: Limits,
    decode_as: DecodeAs,
    reassembly: Reassembly<SipFramer>,
    clock: Clock,
    /// Where a worker has them, this holds the rows that it sent, and nothing else.
    messages: Messages,
    /// It is still to be started: with the first frame, when it is known what is wanted.
    wants_worker: bool,
    worker: Option<Worker>,
    inputs: Vec<(String, InputSummary)>,
    unreadable: Vec<String>,
    passed_over: Vec<(u64, String)>,
    trusted: Vec<Network>,
    /// The frames that hold SIP, where they are to be told.
    carriers: Option<Carriers>,
}

impl Analyzer {
    /// An analyzer that has seen nothing yet.
    pub fn new(settings: Settings) -> Analyzer {
        let Settings {
            limits,
            decode_as,
            keyring,
            redaction,
            pseudonym_key,
            sessions_max,
            sessions_whole_max,
            findings_max,
            trusted,
            filter,
            match_by,
            nonce_rows,
            jobs,
        } = settings;
        let mut builder = ReportBuilder::new(redaction, sessions_max.unwrap_or(SESSIONS_LISTED), limits.accounts_max);
        if let Some(whole_max) = sessions_whole_max.filter(|_| filter.is_none()) {
            builder.shorten(whole_max);
        }
        if redaction == Redaction::Strict {
            builder.rename(Pseudonyms::new(&pseudonym_key.unwrap_or_else(thrown_away)));
        }
        let findings = Findings::new(findings_max.unwrap_or(FINDINGS_LISTED));
        let mut messages = Messages::new(&limits, keyring, builder, findings);
        messages.nonce_list.rows = nonce_rows;
        messages.selection = filter.map(|filter| Box::new(Selection::new(filter, match_by, &limits)));
        Analyzer {
            reassembly: Reassembly::new(limits.clone()).decoding_as(decode_as.clone()),
            decode_as,
            clock: Clock::default(),
            limits,
            messages,
            inputs: Vec::new(),
            unreadable: Vec::new(),
            passed_over: Vec::new(),
            trusted,
            carriers: None,
            wants_worker: jobs > 1,
            worker: None,
        }
    }

    /// Remembers which frames hold a part of a SIP message, or of one that matches where there is a filter:
    /// [`Analyzer::finish_with_rows`] tells them, and hides in them what `hides` says.
    pub fn keep_frames(&mut self, hides: Option<Hides>) {
        if let Some(selection) = &mut self.messages.selection {
            selection.keep_carriers();
        }
        self.carriers = Some(Carriers::new(hides, &self.limits, &self.decode_as));
    }

    /// The bounds of the run, for who reads its inputs.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The id that the reader of the next input gives its frames.
    pub fn next_input(&self) -> InputId {
        InputId(u16::try_from(self.inputs.len()).unwrap_or(u16::MAX))
    }

    /// Takes one record of a capture.
    pub fn push(&mut self, record: &Record<'_>) {
        match record {
            Record::Frame(frame) => self.push_frame(frame),
            Record::Secrets { kind: Record::TLS_KEY_LOG, bytes } => {
                self.reassembly.add_key_log(bytes);
            }
            _ => {}
        }
    }

    /// Takes a TLS key log in NSS's format (`SSLKEYLOGFILE`), with which connections of frames still to come are decrypted;
    /// says how many secrets it held.
    pub fn add_tls_key_log(&mut self, text: &[u8]) -> usize {
        self.reassembly.add_key_log(text)
    }

    fn push_frame(&mut self, frame: &Frame<'_>) {
        if let Some(began) = self.clock.note(frame) {
            self.tell_pause(began);
        }
        let decoded = packet::decode(frame, &self.limits, &self.decode_as);
        if let Some(selection) = &mut self.messages.selection {
            selection.note_time(frame.time);
            if let Decoded::Tcp(segment) = &decoded {
                selection.note_segment(segment);
            }
        }
        if std::mem::take(&mut self.wants_worker) {
            self.start_worker();
        }
        if self.reassembly.expire(frame.time) {
            self.tell_losses();
        }
        let Analyzer { messages, carriers, worker, .. } = self;
        self.reassembly.push(frame, decoded, &mut |payload| match worker {
            Some(worker) => worker.push(payload),
            None => push_here(messages, carriers, payload),
        });
        self.tell_losses();
    }

    /// Filters look at frames and sessions at once, and so do those who want to know which frames hold what: they do it on one thread.
    fn start_worker(&mut self) {
        if self.messages.selection.is_none() && self.carriers.is_none() {
            let messages = std::mem::replace(&mut self.messages, Messages::elsewhere(&self.limits));
            self.worker = Some(Worker::start(messages));
        }
    }

    /// Notes that an input is read to its end, with what its reader says of it.
    pub fn end_input(&mut self, path: &str, summary: &InputSummary) {
        if let Some(ended) = summary.ended {
            self.clock.note_end(ended);
        }
        self.inputs.push((path.to_owned(), summary.clone()));
    }

    /// Notes that nobody captured behind the frames so far until those that come next, or behind `ended` where that is known: what was open
    /// may have ended in between. Less than 32 s say nothing, so that it may be called between any two inputs which were not captured
    /// at the same time.
    pub fn pause(&mut self, ended: Option<CaptureTime>) {
        if let Some(ended) = ended {
            self.clock.note_end(ended);
        }
        self.clock.pause();
    }

    fn tell_pause(&mut self, began: CaptureTime) {
        match &mut self.worker {
            Some(worker) => worker.pause(began),
            None => self.messages.pauses.add(began),
        }
    }

    /// Notes that an input could not be read, or not to its end.
    pub fn note_unreadable(&mut self, path: &str, error: &str) {
        self.unreadable.push(format!("{path}: {error}"));
    }

    /// Notes what stands among the inputs and is not read because it is no capture: how much, and a sentence about it.
    pub fn note_passed_over(&mut self, count: u64, text: &str) {
        self.passed_over.push((count, text.to_owned()));
    }

    /// The sessions that have closed since the last call, and nonces as [`Settings::nonce_rows`] says.
    pub fn drain(&mut self) -> std::vec::Drain<'_, model::Row> {
        if let Some(worker) = &mut self.worker {
            worker.receive(&mut self.messages.ready);
        }
        self.messages.ready.drain(..)
    }

    /// Ends the capture for those who need sessions: they are handed to `each`. [`Report::sessions`] and [`Report::nonces`] are
    /// empty in what is given back.
    pub fn finish_with(self, mut each: impl FnMut(model::Session)) -> Report {
        let sessions = |row| match row {
            model::Row::Session(session) => each(session),
            model::Row::Nonce(_) => {}
        };
        self.finish_with_rows(sessions).0
    }

    /// Ends the capture: closes every session, hands those that are to be listed to `each`, behind them their nonces, and gives
    /// the rest of the report, with the frames that were to be kept; none unless [`Analyzer::keep_frames`] was called before the first.
    pub fn finish_with_rows(mut self, mut each: impl FnMut(model::Row)) -> (Report, Option<Carriers>) {
        let Analyzer { reassembly, messages, carriers, worker, .. } = &mut self;
        reassembly.finish(&mut |payload| match worker {
            Some(worker) => worker.push(payload),
            None => push_here(messages, carriers, payload),
        });
        self.tell_losses();
        self.messages.ready.drain(..).for_each(&mut each);
        let latest = self.clock.latest();
        match self.worker.take() {
            Some(worker) => self.messages = worker.finish(latest, &mut each),
            None => self.messages.finish(latest, &mut each),
        }
        let Messages { nonce_list, nonces, builder, .. } = &self.messages;
        nonce_list.rest(nonces, builder.pseudonyms()).map(model::Row::Nonce).for_each(&mut each);
        let selection = self.messages.selection.as_mut();
        let selected = selection.and_then(|selection| selection.take_carriers());
        let mut carriers = self.carriers.take();
        if let Some((carriers, selected)) = carriers.as_mut().zip(selected) {
            carriers.frames = selected;
        }
        (self.report(), carriers)
    }

    /// Ends the capture and gives the whole report, with the sessions that were not drained.
    pub fn finish(self) -> Report {
        let (mut sessions, mut nonces) = (Vec::new(), Vec::new());
        let (report, _) = self.finish_with_rows(|row| match row {
            model::Row::Session(session) => sessions.push(session),
            model::Row::Nonce(nonce) => nonces.push(nonce),
        });
        Report { sessions, nonces, ..report }
    }

    /// Tells what the rules should know of packets that are missing.
    fn tell_losses(&mut self) {
        if !self.reassembly.has_news() {
            return;
        }
        let Analyzer { messages, worker, .. } = self;
        self.reassembly.contradicted(&mut |flow, message| match worker {
            Some(worker) => worker.contradict(flow, message),
            None => messages.contradict(flow, message),
        });
        self.reassembly.lost_messages(&mut |lost| match worker {
            Some(worker) => worker.lose(&lost),
            None => messages.lose(lost),
        });
        self.reassembly.unreachable(&mut |notice| match worker {
            Some(worker) => worker.unreachable(notice),
            None => messages.unreachable.note(notice),
        });
        self.reassembly.lost_between(&mut |lost| match worker {
            Some(worker) => worker.lost_between(lost),
            None => drop(messages.lost_between.insert(lost)),
        });
    }

    /// What the rules about the capture are told.
    fn facts(&mut self) -> CaptureFacts {
        self.messages.chronicle.servers.settle();
        let events = diagnostics::events(self);
        let end = self.end();
        CaptureFacts {
            sip_messages: self.messages.sip_messages,
            has_authentication: self.messages.builder.has_authentication(),
            cut: std::mem::take(&mut self.messages.cut),
            events,
            chronicle: std::mem::take(&mut self.messages.chronicle),
            trusted: std::mem::take(&mut self.trusted),
            end: Some(end),
            clock: self.clock.facts().clone(),
            mixed_modes: self.messages.outcomes.mixed_modes(),
            neighbours: self.messages.outcomes.neighbours(),
            method_differences: self.messages.outcomes.method_differences(),
            nonce_servers: ending::nonce_servers(&self.messages.nonces),
        }
    }

    /// The latest time of the capture: frames that hold no SIP count too. Where its clock was set back, the latest behind that.
    fn end(&self) -> CaptureTime {
        self.messages.end(self.clock.latest())
    }
}

/// Takes a message on the caller's thread.
fn push_here(messages: &mut Messages, carriers: &mut Option<Carriers>, payload: Payload<'_>) {
    if let Some(carriers) = carriers {
        carriers.learn(&payload);
        // With a filter, those of messages that match are added at the end.
        if messages.selection.is_none() {
            carriers.add(&payload);
        }
    }
    messages.push(payload);
}

/// A key that nobody is told: from the seeds that the system gives to hash maps.
fn thrown_away() -> [u8; 32] {
    let mut key = [0; 32];
    for part in key.chunks_exact_mut(8) {
        part.copy_from_slice(&RandomState::new().hash_one(part.len()).to_be_bytes());
    }
    key
}
