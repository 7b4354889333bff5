//! What needs the frames once more when the report is known: the places of frames in their files, and the capture that
//! `--write` makes. What can be read only once is kept in a file beside the output meanwhile.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;
use tempfile::NamedTempFile;

use sipauth::base::FrameSet;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::PcapngWriter;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::report::Report;
use sipauth::report::comments;
use sipauth::report::sarif;
use sipauth::report::sarif::Spans;

use crate::cli::exit::unwritable;
use crate::cli::output::Sink;

/// The inputs that were opened, in the order of their numbers, and where to read them again.
#[derive(Default)]
pub struct Opened {
    inputs: Vec<(PathBuf, Option<NamedTempFile>)>,
    /// Where what can be read only once is kept; `None`: nothing is to be read again.
    folder: Option<PathBuf>,
    limits: Limits,
}

impl Opened {
    /// None yet. What can be read only once is kept in the folder of `place`, if there is one.
    pub fn new(place: Option<&Path>, limits: &Limits) -> Opened {
        let folder = place.map(|place| match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        });
        Opened { inputs: Vec::new(), folder, limits: limits.clone() }
    }

    /// Notes that an input is being opened; what is read of it is kept where it has to be.
    pub fn open(&mut self, path: &Path, source: Box<dyn Read + Send>) -> Result<Box<dyn Read + Send>> {
        let mut kept = None;
        let mut source = source;
        if let Some(folder) = self.folder.as_ref().filter(|_| !path.is_file()) {
            let told = |error: io::Error| unwritable(format!("{}: {error}", folder.display()));
            let spool = NamedTempFile::new_in(folder).map_err(told)?;
            source = Box::new(Spooled { source, spool: spool.reopen().map_err(told)? });
            kept = Some(spool);
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
            Some(kept) => kept.reopen().ok()?,
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

    /// Writes the frames with what the report says of them. `has_secrets` copies the keys that a capture brings along.
    pub fn write(&self, sink: Sink, report: &Report, frames: &FrameSet, has_secrets: bool) -> Result<()> {
        let told = |error: io::Error| unwritable(format!("--write: {error}"));
        let comments = comments::comments(&report.findings);
        let application = format!("sipauth {}", report.tool.version);
        let mut writer = PcapngWriter::new(sink, &application).map_err(told)?;
        for input in self.numbers() {
            let Some(mut reader) = self.again(input) else {
                return Err(unwritable("--write: an input could not be read a second time"));
            };
            // Where reading fails it failed before: the report says so.
            while let Ok(Some(record)) = reader.next_record() {
                match record {
                    Record::Frame(frame) if frames.contains(frame.at) => {
                        let key = (frame.at.input.0, frame.at.number.value());
                        let of_frame = comments.get(&key).map(Vec::as_slice).unwrap_or_default();
                        writer.frame(&frame, of_frame).map_err(told)?;
                    }
                    Record::Secrets { kind, bytes } if has_secrets => writer.secrets(kind, bytes).map_err(told)?,
                    _ => {}
                }
            }
        }
        writer.finish().finish()
    }
}

/// Keeps what is read of a source.
struct Spooled {
    source: Box<dyn Read + Send>,
    spool: File,
}

impl Read for Spooled {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(space)?;
        self.spool.write_all(space.get(..len).unwrap_or_default())?;
        Ok(len)
    }
}
