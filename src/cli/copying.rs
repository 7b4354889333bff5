//! The capture that `--write` makes: frames as they may be passed on, with what findings say of them and what the captures that they
//! come from say of them, of their interfaces and of themselves.

use std::io;
use std::io::Write;
use std::path::Path;

use anyhow::Result;

use sipauth::analyzer::carriers::Carriers;
use sipauth::base::InputId;
use sipauth::capture::Frame;
use sipauth::capture::FrameNotes;
use sipauth::capture::PcapngWriter;
use sipauth::capture::Record;
use sipauth::packet::Masked;
use sipauth::report::Report;
use sipauth::report::comments;
use sipauth::report::comments::Comments;
use sipauth::report::comments::Copied;
use sipauth::report::hidden::Hides;

use crate::cli::exit::unwritable;
use crate::cli::folders::shown;

/// What the file of `--write` says of itself.
const MASKED: &str = "Written by sipauth: what it hides is overwritten by x, and checksums are made anew";

/// What was changed in what was written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changed {
    /// Frames in which something was hidden.
    pub rewritten: u64,
    /// Frames that were left out, because it could not be.
    pub withheld: u64,
    /// Comments and names of the captures in which something was hidden.
    pub texts_rewritten: u64,
    /// Comments on whole captures that were left out, because there are too many.
    pub comments_left_out: u64,
}

/// A capture while it is written.
pub struct Copying<'r, W: Write> {
    writer: PcapngWriter<W>,
    comments: Comments,
    carriers: &'r Carriers,
    hides: Option<Hides>,
    changed: Changed,
}

/// What was found to hide in texts so far is counted here.
fn safe(copied: Copied, changed: &mut Changed) -> String {
    changed.texts_rewritten += u64::from(copied.is_masked);
    copied.text
}

fn not_written(error: io::Error) -> anyhow::Error {
    unwritable(format!("--write: {error}"))
}

impl<'r, W: Write> Copying<'r, W> {
    /// Begins the file, with the comments of the captures. `hides`: what is not to stand in it; `None` where everything may, and the
    /// keys that a capture brings along as well.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin(
        out: W,
        report: &Report,
        carriers: &'r Carriers,
        hides: Option<Hides>,
        sections: &[Vec<u8>],
    ) -> Result<Self> {
        let mut changed = Changed::default();
        let own = hides.map(|_| MASKED.to_owned());
        let theirs = sections.iter().map(|text| safe(comments::copied(text, hides), &mut changed));
        let all: Vec<String> = own.into_iter().chain(theirs).collect();
        let writer = PcapngWriter::new(out, &format!("sipauth {}", report.tool.version), &all).map_err(not_written)?;
        let comments = comments::comments(&report.findings, &carriers.frames);
        Ok(Copying { writer, comments, carriers, hides, changed })
    }

    /// Takes a record of an input, whose name stands for that of an interface without one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn record(
        &mut self,
        input: InputId,
        name: Option<&Path>,
        record: &Record<'_>,
        notes: &FrameNotes<'_>,
    ) -> Result<()> {
        match record {
            Record::Frame(frame) if self.carriers.frames.contains(frame.at) => self.frame(frame, notes),
            Record::Secrets { kind, bytes } if self.hides.is_none() => {
                self.writer.secrets(*kind, bytes).map_err(not_written)
            }
            Record::Interface(interface) => {
                let (hides, changed) = (self.hides, &mut self.changed);
                let name = name.map(|name| comments::copied(shown(name).as_bytes(), None).text);
                let mut text = |text: &[u8]| safe(comments::copied(text, hides), changed);
                self.writer.interface(input, interface, name.as_deref(), &mut text).map_err(not_written)
            }
            _ => Ok(()),
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, notes: &FrameNotes<'_>) -> Result<()> {
        let Masked::Frame(bytes) = self.carriers.written(frame) else {
            self.changed.withheld += 1;
            return Ok(());
        };
        self.changed.rewritten += u64::from(*bytes != *frame.bytes);
        let theirs = notes.options.comments();
        let theirs = theirs.map(|text| safe(comments::copied_comment(text, self.hides), &mut self.changed));
        let ours = self.comments.remove(&(frame.at.input.0, frame.at.number.value())).unwrap_or_default();
        let all: Vec<String> = theirs.chain(ours).collect();
        self.writer.frame(&Frame { bytes: &bytes, ..*frame }, notes, &all).map_err(not_written)
    }

    /// Forgets what belongs to an input of which nothing more comes.
    pub fn end_input(&mut self, input: InputId) {
        self.writer.end_input(input);
    }

    /// Gives the place back, and says what was changed.
    pub fn finish(self) -> (W, Changed) {
        (self.writer.finish(), self.changed)
    }
}
