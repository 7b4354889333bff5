//! What needs the frames once more when the report is known: the places of frames in their files, and the capture that
//! `--write` makes. What can be read only once is kept in a file beside the output meanwhile.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use anyhow::Result;

use sipauth::analyzer::carriers::Carriers;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::InputSummary;
use sipauth::capture::Merge;
use sipauth::capture::Next;
use sipauth::capture::Noted;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::report::Report;
use sipauth::report::hidden::Hides;
use sipauth::report::sarif;
use sipauth::report::sarif::Spans;

use crate::cli::copying::Changed;
use crate::cli::copying::Copying;
use crate::cli::draft::folder_of;
use crate::cli::exit::unwritable;
use crate::cli::folders::shown;
use crate::cli::inputs;
use crate::cli::output::Sink;
use crate::cli::progress::Progress;

/// Comments on sections that are copied, of all inputs; further ones are counted.
const SECTION_COMMENTS_MAX: usize = 64;

/// The inputs that were opened, in the order of their numbers, and where to read them again.
#[derive(Default)]
pub struct Opened {
    inputs: Vec<(PathBuf, Option<Spool>)>,
    /// Where what can be read only once is kept; `None`: nothing is to be read again.
    folder: Option<PathBuf>,
    /// The first so many inputs were read by turns, in the order of time.
    merged: usize,
    /// Comments on sections of inputs, by the input.
    comments: Vec<(usize, Vec<u8>)>,
    comments_left_out: u64,
    limits: Limits,
    /// What is told of the first reading.
    pub progress: Progress,
}

impl Opened {
    /// None yet. What can be read only once is kept in the folder of `place`, if there is one.
    pub fn new(place: Option<&Path>, limits: &Limits, progress: Progress) -> Opened {
        let folder = place.map(|place| folder_of(place).to_owned());
        Opened { folder, limits: limits.clone(), progress, ..Opened::default() }
    }

    /// Notes that an input is being opened; what is read of it is kept where it has to be.
    pub fn open(&mut self, path: &Path, source: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>> {
        let mut kept = None;
        let mut source = self.progress.of(source);
        if let Some(folder) = self.folder.as_ref().filter(|_| !path.is_file()) {
            let told = |error: io::Error| unwritable(format!("{}: {error}", folder.display()));
            // It has no name, and goes with the process.
            let spool = tempfile::tempfile_in(folder).map_err(told)?;
            let failure = Arc::new(OnceLock::new());
            source = Box::new(Spooled { source, spool: spool.try_clone().map_err(told)?, failure: failure.clone() });
            kept = Some(Spool { file: spool, failure });
        }
        self.inputs.push((path.to_owned(), kept));
        Ok(source)
    }

    /// Notes a file that was read by turns with others, in the order of the numbers.
    pub fn merged(&mut self, path: &Path, summary: &InputSummary) {
        self.inputs.push((path.to_owned(), None));
        self.merged = self.inputs.len();
        self.end(summary);
    }

    /// Notes what is known of the latest input at its end.
    pub fn end(&mut self, summary: &InputSummary) {
        let input = self.inputs.len().saturating_sub(1);
        self.comments.extend(summary.comments.iter().map(|comment| (input, comment.clone())));
        let further = self.comments.len().saturating_sub(SECTION_COMMENTS_MAX);
        self.comments.truncate(SECTION_COMMENTS_MAX);
        self.comments_left_out += summary.comments_left_out + further as u64;
    }

    /// Takes the latest input back: it is no capture, and has no number.
    pub fn close(&mut self) {
        self.inputs.pop();
    }

    /// A reader of an input from its beginning.
    fn again(&self, input: u16) -> Option<Reader> {
        let (path, kept) = self.inputs.get(usize::from(input))?;
        let file = match kept {
            Some(kept) => {
                let mut spool = kept.file.try_clone().ok()?;
                spool.rewind().ok()?;
                spool
            }
            None if path.is_file() => File::open(path).ok()?,
            None => return None,
        };
        Reader::open(Box::new(file), InputId(input), &self.limits).ok()
    }

    fn numbers(&self) -> impl Iterator<Item = u16> {
        0..u16::try_from(self.inputs.len()).unwrap_or(u16::MAX)
    }

    /// Where the frames that a report speaks of stand. What cannot be read a second time, as a pipe, has no places.
    pub fn spans(&self, report: &Report) -> Spans {
        let wanted: BTreeSet<(u16, u64)> = sarif::frames(report).map(|frame| (frame.input, frame.number)).collect();
        let mut spans = Spans::new();
        for input in self.numbers().filter(|input| self.is_a_file(*input)) {
            let Some(mut reader) = self.again(input) else { continue };
            let mut numbers = wanted.range((input, 0)..=(input, u64::MAX)).peekable();
            while let Some(next) = numbers.peek() {
                let number = match reader.next_record() {
                    Ok(Some(Record::Frame(frame))) => frame.at.number.value(),
                    Ok(Some(_)) => continue,
                    _ => break,
                };
                if number >= next.1 {
                    spans.extend(reader.frame_span().filter(|_| number == next.1).map(|span| ((input, number), span)));
                    numbers.next();
                }
            }
        }
        spans
    }

    fn is_a_file(&self, input: u16) -> bool {
        self.inputs.get(usize::from(input)).is_some_and(|(_, kept)| kept.is_none())
    }

    /// Writes the frames with what the report says of them, in the order in which they were read. `hides`: what is not to be written;
    /// `None` writes them as they are, with the keys that a capture brings along.
    pub fn write(&self, sink: Sink, report: &Report, carriers: &Carriers, hides: Option<Hides>) -> Result<Changed> {
        let failures = self.inputs.iter().filter_map(|(_, kept)| kept.as_ref()?.failure.get());
        if let Some(error) = failures.into_iter().next() {
            return Err(unwritable(format!("--write: what a pipe brought could not be kept: {error}")));
        }
        let comments: Vec<Vec<u8>> = self.comments.iter().map(|(input, text)| self.named(*input, text)).collect();
        let mut copying = Copying::begin(sink, report, carriers, hides, &comments)?;
        if self.merged > 0 {
            self.write_merged(&mut copying)?;
        }
        for input in self.numbers().skip(self.merged) {
            let Some(mut reader) = self.again(input) else { return Err(not_again()) };
            // Where reading fails it failed before: the report says so.
            while let Ok(Some((record, notes))) = reader.next_noted() {
                copying.record(InputId(input), self.name(input), &record, &notes)?;
            }
            copying.end_input(InputId(input));
        }
        let (sink, changed) = copying.finish();
        sink.finish()?;
        Ok(Changed { comments_left_out: self.comments_left_out, ..changed })
    }

    fn write_merged(&self, copying: &mut Copying<'_, Sink>) -> Result<()> {
        let paths: Vec<PathBuf> = self.inputs.iter().take(self.merged).map(|(path, _)| path.clone()).collect();
        let mut merge = Merge::new(&paths, inputs::open, &self.limits);
        while let Some(Noted { next, input, notes }) = merge.next_noted() {
            match next {
                Next::Record(record) => copying.record(input, self.name(input.0), &record, &notes)?,
                Next::Ended(file) => copying.end_input(file.input),
                Next::Unreadable { .. } => return Err(not_again()),
            }
        }
        Ok(())
    }

    /// The name of an input, where there are several.
    fn name(&self, input: u16) -> Option<&Path> {
        let name = self.inputs.get(usize::from(input)).map(|(path, _)| path.as_path())?;
        (self.inputs.len() > 1 && name != Path::new("-")).then_some(name)
    }

    /// A comment on a section of an input, which its name is put before where there are several.
    fn named(&self, input: usize, text: &[u8]) -> Vec<u8> {
        let name = u16::try_from(input).ok().and_then(|input| self.name(input));
        let name = name.map(|name| format!("{}: ", shown(name))).unwrap_or_default();
        [name.as_bytes(), text].concat()
    }
}

fn not_again() -> anyhow::Error {
    unwritable("--write: an input could not be read a second time")
}

/// What was read of a source that can be read only once.
struct Spool {
    file: File,
    failure: Arc<OnceLock<String>>,
}

/// Keeps what is read of a source.
struct Spooled {
    source: Box<dyn Read + Send>,
    spool: File,
    /// Why it could not be kept. That is no fault of the source: reading goes on.
    failure: Arc<OnceLock<String>>,
}

impl Read for Spooled {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(space)?;
        if self.failure.get().is_none()
            && let Err(error) = self.spool.write_all(space.get(..len).unwrap_or_default())
        {
            self.failure.get_or_init(|| error.to_string());
        }
        Ok(len)
    }
}
