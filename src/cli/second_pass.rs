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
use sipauth::capture::Frame;
use sipauth::capture::PcapngWriter;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::packet::Masked;
use sipauth::report::Report;
use sipauth::report::comments;
use sipauth::report::sarif;
use sipauth::report::sarif::Spans;

use crate::cli::draft::folder_of;
use crate::cli::exit::unwritable;
use crate::cli::output::Sink;
use crate::cli::progress::Progress;

/// What the file of `--write` says of itself.
const MASKED: &str = "Written by sipauth: what it hides is overwritten by x, and checksums are made anew";

/// What was changed in what was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changed {
    /// Frames in which something was hidden.
    pub rewritten: u64,
    /// Frames that were left out, because it could not be.
    pub withheld: u64,
}

/// The inputs that were opened, in the order of their numbers, and where to read them again.
#[derive(Default)]
pub struct Opened {
    inputs: Vec<(PathBuf, Option<Spool>)>,
    /// Where what can be read only once is kept; `None`: nothing is to be read again.
    folder: Option<PathBuf>,
    limits: Limits,
    /// What is told of the first reading.
    pub progress: Progress,
}

impl Opened {
    /// None yet. What can be read only once is kept in the folder of `place`, if there is one.
    pub fn new(place: Option<&Path>, limits: &Limits, progress: Progress) -> Opened {
        let folder = place.map(|place| folder_of(place).to_owned());
        Opened { inputs: Vec::new(), folder, limits: limits.clone(), progress }
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

    /// Notes a file that was read, in the order of the numbers.
    pub fn note(&mut self, path: &Path) {
        self.inputs.push((path.to_owned(), None));
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

    /// Writes the frames with what the report says of them. `has_secrets` writes them as they are, and copies the keys that a
    /// capture brings along.
    pub fn write(&self, sink: Sink, report: &Report, carriers: &Carriers, has_secrets: bool) -> Result<Changed> {
        let told = |error: io::Error| unwritable(format!("--write: {error}"));
        let failures = self.inputs.iter().filter_map(|(_, kept)| kept.as_ref()?.failure.get());
        if let Some(error) = failures.into_iter().next() {
            return Err(unwritable(format!("--write: what a pipe brought could not be kept: {error}")));
        }
        let comments = comments::comments(&report.findings, &carriers.frames);
        let application = format!("sipauth {}", report.tool.version);
        let mut writer = PcapngWriter::new(sink, &application, (!has_secrets).then_some(MASKED)).map_err(told)?;
        let mut changed = Changed::default();
        for input in self.numbers() {
            let Some(mut reader) = self.again(input) else {
                return Err(unwritable("--write: an input could not be read a second time"));
            };
            // Where reading fails it failed before: the report says so.
            while let Ok(Some(record)) = reader.next_record() {
                match record {
                    Record::Frame(frame) if carriers.frames.contains(frame.at) => {
                        let key = (frame.at.input.0, frame.at.number.value());
                        let of_frame = comments.get(&key).map(Vec::as_slice).unwrap_or_default();
                        let Masked::Frame(bytes) = carriers.written(&frame) else {
                            changed.withheld += 1;
                            continue;
                        };
                        changed.rewritten += u64::from(*bytes != *frame.bytes);
                        writer.frame(&Frame { bytes: &bytes, ..frame }, of_frame).map_err(told)?;
                    }
                    Record::Secrets { kind, bytes } if has_secrets => writer.secrets(kind, bytes).map_err(told)?,
                    _ => {}
                }
            }
        }
        writer.finish().finish()?;
        Ok(changed)
    }
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
