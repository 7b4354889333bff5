//! Where results go: stdout, or a file that is written whole or not at all. Notes go to stderr.

use std::fs;
use std::io;
use std::io::BufWriter;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;

use sipauth::base::Untrusted;
use sipauth::report::ladder::text::Characters;

use crate::cli::args::Color;
use crate::cli::draft;
use crate::cli::draft::Draft;
use crate::cli::exit::Exit;
use crate::cli::exit::unwritable;
use crate::cli::exit::usage;

/// Prints a text to stdout.
pub fn print(text: &str) -> Result<Exit> {
    let mut sink = Sink::stdout();
    sink.write_all(text.as_bytes()).map_err(|error| unwritable(format!("stdout: {error}")))?;
    sink.finish()?;
    Ok(Exit::Success)
}

/// One line of text for a terminal, whatever file names or errors hold.
pub fn one_line(text: &str) -> String {
    Untrusted(text.as_bytes()).to_terminal()
}

/// One line on stderr. Where that cannot be written, there is nobody to tell.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "sipauth: {}", one_line(text));
}

/// A line that belongs to the one before.
pub fn tell_more(text: &str) {
    let _ = writeln!(io::stderr(), "{}", one_line(text));
}

/// Warnings on stderr.
pub struct Notes {
    /// Whether they were switched off.
    pub is_quiet: bool,
}

impl Notes {
    /// Something to change.
    pub fn warn(&self, text: &str) {
        if !self.is_quiet {
            tell(&format!("warning: {text}"));
        }
    }

    /// Something to know.
    pub fn note(&self, text: &str) {
        if !self.is_quiet {
            tell(&format!("note: {text}"));
        }
    }
}

/// The place of the result.
pub enum Sink {
    /// Standard output. A reader that has gone away ends the output, not the run.
    Stdout { out: BufWriter<io::Stdout>, is_closed: bool },
    /// A file that has no name yet, and its place.
    File { out: BufWriter<Draft>, place: PathBuf, is_forced: bool },
    /// A device or a pipe that has a name: there is nothing to put in place.
    Device { out: BufWriter<fs::File>, place: PathBuf },
}

impl Sink {
    /// Standard output.
    pub fn stdout() -> Sink {
        Sink::Stdout { out: BufWriter::new(io::stdout()), is_closed: false }
    }

    /// A file. It is refused over one of the inputs, over a link, and over an existing file unless forced.
    /// `-` is standard output; devices are written to as they are.
    pub fn file(place: &Path, inputs: &[PathBuf], is_forced: bool) -> Result<Sink> {
        if place == Path::new("-") {
            return Ok(Sink::stdout());
        }
        if let Some(device) = open_device(place)? {
            return Ok(Sink::Device { out: BufWriter::new(device), place: place.to_owned() });
        }
        refuse_bad_place(place, inputs, is_forced)?;
        let folder = draft::folder_of(place);
        if !folder.is_dir() {
            return Err(unwritable(format!("{}: there is no such folder; make it first", folder.display())));
        }
        let told = |error: io::Error| unwritable(format!("{}: {}", folder.display(), error.kind()));
        let file = Draft::beside(place).map_err(told)?;
        Ok(Sink::File { out: BufWriter::new(file), place: place.to_owned(), is_forced })
    }

    /// Whether its reader has gone away.
    pub fn is_closed(&self) -> bool {
        matches!(self, Sink::Stdout { is_closed: true, .. })
    }

    /// Writes what is still held back, and puts a file in its place.
    pub fn finish(self) -> Result<()> {
        match self {
            Sink::Stdout { is_closed: true, .. } => Ok(()),
            Sink::Stdout { mut out, .. } => match out.flush() {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritable(format!("stdout: {error}"))),
                _ => Ok(()),
            },
            Sink::Device { mut out, place } => {
                out.flush().map_err(|error| unwritable(format!("{}: {error}", place.display())))
            }
            Sink::File { out, place, is_forced } => {
                let told = |error: io::Error| unwritable(format!("{}: {error}", place.display()));
                let file = out.into_inner().map_err(|error| told(error.into_error()))?;
                file.put(&place, is_forced).map_err(told)?;
                Ok(())
            }
        }
    }
}

/// What became of writing to stdout. Whoever reads it may have seen enough: what comes behind that is not missed.
fn to_reader(written: io::Result<()>, is_closed: &mut bool) -> io::Result<()> {
    *is_closed |= matches!(&written, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
    if *is_closed { Ok(()) } else { written }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Sink::File { out, .. } => out.write_all(bytes),
            Sink::Device { out, .. } => out.write_all(bytes),
            Sink::Stdout { is_closed: true, .. } => Ok(()),
            Sink::Stdout { out, is_closed } => to_reader(out.write_all(bytes), is_closed),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::File { out, .. } => out.flush(),
            Sink::Device { out, .. } => out.flush(),
            Sink::Stdout { is_closed: true, .. } => Ok(()),
            Sink::Stdout { out, is_closed } => to_reader(out.flush(), is_closed),
        }
    }
}

/// A device or named pipe, opened; `None` for anything else.
fn open_device(place: &Path) -> Result<Option<fs::File>> {
    let is_device = fs::symlink_metadata(place).is_ok_and(|metadata| {
        let kind = metadata.file_type();
        !kind.is_file() && !kind.is_dir() && !kind.is_symlink()
    });
    if !is_device {
        return Ok(None);
    }
    let opened = fs::OpenOptions::new().write(true).open(place);
    opened.map(Some).map_err(|error| unwritable(format!("{}: {error}", place.display())))
}

fn refuse_bad_place(place: &Path, inputs: &[PathBuf], is_forced: bool) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(place) else { return Ok(()) };
    let shown = place.display();
    if metadata.is_symlink() {
        return Err(usage(format!("{shown}: is a link; name the file itself")));
    }
    if metadata.is_dir() {
        return Err(usage(format!("{shown}: is a folder; name a file in it")));
    }
    let is_input = inputs.iter().any(|input| same_file(input, &metadata));
    if is_input {
        return Err(usage(format!("{shown}: is one of the inputs; choose another name")));
    }
    if !is_forced {
        return Err(usage(format!("{shown}: exists already; --force replaces it")));
    }
    Ok(())
}

fn same_file(input: &Path, metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(input).is_ok_and(|input| input.dev() == metadata.dev() && input.ino() == metadata.ino())
}

/// Whether styles are written, and how wide the report is.
pub fn terminal(color: Color, to_file: bool) -> (bool, usize) {
    let is_terminal = !to_file && io::stdout().is_terminal();
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let width = if is_terminal {
        width.unwrap_or(sipauth::report::human::WIDTH_DEFAULT)
    } else {
        sipauth::report::human::WIDTH_DEFAULT
    };
    let has_color = match color {
        Color::Always => true,
        Color::Never => false,
        // NO_COLOR and CLICOLOR_FORCE are anstream's business.
        Color::Auto => !to_file && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    };
    (has_color, width.max(40))
}

/// Which characters a drawing may use: a terminal says by its locale that it knows no more than ASCII.
pub fn characters(to_file: bool) -> Characters {
    if to_file || !io::stdout().is_terminal() {
        return Characters::Unicode;
    }
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    let name = locale.map(|locale| locale.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    if name.contains("utf-8") || name.contains("utf8") { Characters::Unicode } else { Characters::Ascii }
}
