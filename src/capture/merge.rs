//! Several files as one capture: their records in the order of time, as rotated rings and several capture points write them. A
//! file is open only while its time lasts.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::base::CaptureTime;
use crate::base::FrameRef;
use crate::base::InputId;
use crate::base::Limits;
use crate::capture::frame::Frame;
use crate::capture::frame::FrameNotes;
use crate::capture::frame::InterfaceNotes;
use crate::capture::frame::LinkType;
use crate::capture::frame::Record;
use crate::capture::options::Options;
use crate::capture::reader::Reader;
use crate::capture::summary::InputSummary;

/// Opens a file by its name. The error is a sentence for people.
pub type Open = fn(&Path) -> Result<Box<dyn Read + Send>, String>;

/// The records of several files, by time. Files are numbered by the time of their first frame, then in the order given, so that
/// the order in which they are named changes nothing.
pub struct Merge {
    /// Those whose time has not come, in the order in which it comes.
    waiting: VecDeque<Waiting>,
    open: Vec<Opened>,
    /// The one whose record was handed out last.
    handed: Option<usize>,
    opener: Open,
    limits: Limits,
}

/// What comes next.
pub enum Next<'a> {
    /// A record.
    Record(Record<'a>),
    /// A file came to its end.
    Ended(Ended),
    /// A file could not be read at all. It has no number.
    Unreadable {
        /// Its name.
        path: PathBuf,
        /// Why, as a sentence for people.
        error: String,
    },
}

/// What comes next, and where it stands.
pub struct Noted<'a> {
    /// A record, or news of a file.
    pub next: Next<'a>,
    /// The file that a record stands in.
    pub input: InputId,
    /// What is said of a frame beside its bytes.
    pub notes: FrameNotes<'a>,
}

/// What is known of a file behind its last record.
pub struct Ended {
    /// The number that its frames have.
    pub input: InputId,
    /// Its name.
    pub path: PathBuf,
    /// What its reader says of it.
    pub summary: Box<InputSummary>,
    /// Why it could not be read to its end.
    pub error: Option<String>,
}

/// What comes next, before it is lent.
enum Step {
    /// The record of that open file.
    Record(usize),
    News(Next<'static>),
}

struct Waiting {
    path: PathBuf,
    input: InputId,
    first: Option<CaptureTime>,
    /// What is known of it so far, or why nothing can be.
    summary: Result<Box<InputSummary>, String>,
}

struct Opened {
    path: PathBuf,
    input: InputId,
    reader: Reader,
    record: Kept,
}

/// A record on its own feet.
#[derive(Default)]
struct Kept {
    at: Option<FrameRef>,
    time: Option<CaptureTime>,
    link: Option<LinkType>,
    bytes: Vec<u8>,
    original_len: u32,
    interface: u32,
    secrets: Option<u32>,
    statistics: (Option<u64>, Option<u64>),
    /// Its options are still in the reader.
    described: Option<InterfaceNotes<'static>>,
}

impl Merge {
    /// Looks at the first frame of each file. They are read a second time, so that it cannot take pipes.
    pub fn new(paths: &[PathBuf], opener: Open, limits: &Limits) -> Merge {
        let mut waiting: Vec<Waiting> = paths.iter().map(|path| Waiting::new(path, opener, limits)).collect();
        waiting.sort_by_key(|one| (one.summary.is_ok(), one.first.is_none(), one.first));
        for (number, one) in waiting.iter_mut().filter(|one| one.summary.is_ok()).enumerate() {
            one.input = InputId(u16::try_from(number).unwrap_or(u16::MAX));
        }
        Merge { waiting: waiting.into(), open: Vec::new(), handed: None, opener, limits: limits.clone() }
    }

    /// The next record by time, or the news that a file has ended; None behind the last one.
    pub fn next_record(&mut self) -> Option<Next<'_>> {
        let step = self.next_step()?;
        self.lend(step)
    }

    /// The same, with what the capture says of a frame beside its bytes.
    pub fn next_noted(&mut self) -> Option<Noted<'_>> {
        let step = self.next_step()?;
        let handed = self.handed.and_then(|index| self.open.get(index));
        let (input, notes) = handed.map(|one| (one.input, one.reader.frame_notes())).unwrap_or_default();
        Some(Noted { next: self.lend(step)?, input, notes })
    }

    /// Whether no file is open: what comes next was captured behind all that came before.
    pub fn is_between(&self) -> bool {
        self.open.is_empty()
    }

    fn next_step(&mut self) -> Option<Step> {
        if let Some(index) = self.handed.take()
            && let Some(ended) = self.advance(index)
        {
            return Some(Step::News(Next::Ended(ended)));
        }
        while self.is_due() {
            if let Some(news) = self.open_next() {
                return Some(Step::News(news));
            }
        }
        let earliest = self.open.iter().enumerate().min_by_key(|(_, one)| (one.record.time, one.input));
        let index = earliest.map(|(index, _)| index)?;
        self.handed = Some(index);
        Some(Step::Record(index))
    }

    fn lend(&self, step: Step) -> Option<Next<'_>> {
        let one = match step {
            Step::News(news) => return Some(news),
            Step::Record(index) => self.open.get(index)?,
        };
        Some(Next::Record(match one.record.described {
            Some(notes) => Record::Interface(InterfaceNotes { options: one.reader.interface_options(), ..notes }),
            None => one.record.lend(),
        }))
    }

    /// Whether the next file begins before everything that is open.
    fn is_due(&self) -> bool {
        let Some(next) = self.waiting.front() else { return false };
        self.open.iter().all(|one| next.first <= one.record.time)
    }

    fn open_next(&mut self) -> Option<Next<'static>> {
        let Waiting { path, input, summary, .. } = self.waiting.pop_front()?;
        let summary = match summary {
            Ok(summary) => summary,
            Err(error) => return Some(Next::Unreadable { path, error }),
        };
        match open(&path, self.opener, input, &self.limits) {
            Ok(reader) => {
                self.open.push(Opened { path, input, reader, record: Kept::default() });
                self.advance(self.open.len().saturating_sub(1)).map(Next::Ended)
            }
            Err(error) => Some(Next::Ended(Ended { input, path, summary, error: Some(error) })),
        }
    }

    /// Reads the next record of a file; gives what is known of it where there is none.
    fn advance(&mut self, index: usize) -> Option<Ended> {
        let one = self.open.get_mut(index)?;
        let error = match one.reader.next_record() {
            Ok(Some(record)) => {
                one.record.keep(&record);
                return None;
            }
            Ok(None) => None,
            Err(error) => Some(error.to_string()),
        };
        let Opened { path, input, reader, .. } = self.open.remove(index);
        Some(Ended { input, path, summary: Box::new(reader.summary().clone()), error })
    }
}

impl Waiting {
    fn new(path: &Path, opener: Open, limits: &Limits) -> Waiting {
        let (first, summary) = match open(path, opener, InputId(0), limits) {
            Ok(mut reader) => (first_time(&mut reader), Ok(Box::new(reader.summary().clone()))),
            Err(error) => (None, Err(error)),
        };
        Waiting { path: path.to_owned(), input: InputId(0), first, summary }
    }
}

fn open(path: &Path, opener: Open, input: InputId, limits: &Limits) -> Result<Reader, String> {
    Reader::open(opener(path)?, input, limits).map_err(|error| error.to_string())
}

/// None where there is no frame, or it has no time: such a file is numbered last.
fn first_time(reader: &mut Reader) -> Option<CaptureTime> {
    while let Ok(Some(record)) = reader.next_record() {
        if let Record::Frame(frame) = record {
            return frame.time;
        }
    }
    None
}

impl Kept {
    fn keep(&mut self, record: &Record<'_>) {
        let bytes = std::mem::take(&mut self.bytes);
        *self = Kept { bytes, ..Kept::default() };
        self.bytes.clear();
        match *record {
            Record::Frame(Frame { at, time, link, bytes, original_len, interface }) => {
                self.bytes.extend_from_slice(bytes);
                (self.at, self.time, self.link) = (Some(at), time, Some(link));
                (self.original_len, self.interface) = (original_len, interface);
            }
            Record::Secrets { kind, bytes } => {
                self.bytes.extend_from_slice(bytes);
                self.secrets = Some(kind);
            }
            Record::InterfaceStatistics { received, dropped } => self.statistics = (received, dropped),
            Record::Interface(notes) => {
                self.described = Some(InterfaceNotes { options: Options::default(), ..notes });
            }
        }
    }

    fn lend(&self) -> Record<'_> {
        let Kept { time, bytes, original_len, interface, .. } = self;
        match (self.at, self.link, self.secrets) {
            (Some(at), Some(link), _) => Record::Frame(Frame {
                at,
                time: *time,
                link,
                bytes,
                original_len: *original_len,
                interface: *interface,
            }),
            (_, _, Some(kind)) => Record::Secrets { kind, bytes },
            _ => Record::InterfaceStatistics { received: self.statistics.0, dropped: self.statistics.1 },
        }
    }
}
