//! A file on its way to its place. It has no name before it is whole, so that whatever ends the process, nothing half is left behind.

use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

/// A file that is being written, readable by its owner alone.
pub enum Draft {
    /// Without a name.
    Unnamed(File),
    /// With one, in the folder of its place, where the system knows no files without a name.
    Named(NamedTempFile),
}

impl Draft {
    /// An empty file in the folder of the place.
    pub fn beside(place: &Path) -> io::Result<Draft> {
        let folder = folder_of(place);
        match unnamed(folder) {
            Some(file) => Ok(Draft::Unnamed(file)),
            // With mode 0600 and O_EXCL.
            None => NamedTempFile::new_in(folder).map(Draft::Named),
        }
    }

    /// Writes it to the disk and gives it its name. A file that has the name gives way if `is_forced`.
    pub fn put(self, place: &Path, is_forced: bool) -> io::Result<()> {
        match self {
            Draft::Unnamed(file) => {
                file.sync_all()?;
                match is_forced {
                    true => {
                        let named = tempfile::Builder::new().make_in(folder_of(place), |path| link(&file, path))?;
                        named.persist(place).map_err(|error| error.error)
                    }
                    false => link(&file, place),
                }
            }
            Draft::Named(file) => {
                file.as_file().sync_all()?;
                let put = if is_forced { file.persist(place) } else { file.persist_noclobber(place) };
                put.map(|_| ()).map_err(|error| error.error)
            }
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Draft::Unnamed(file) => file.write(bytes),
            Draft::Named(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Draft::Unnamed(file) => file.flush(),
            Draft::Named(file) => file.flush(),
        }
    }
}

/// The folder in which a place is.
pub fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The files of this process by number, through which one gets a name.
#[cfg(target_os = "linux")]
const OWN_FILES: &str = "/proc/self/fd";

#[cfg(target_os = "linux")]
fn unnamed(folder: &Path) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::TMPFILE.bits().cast_signed();
    let file = File::options().read(true).write(true).custom_flags(flags).mode(0o600).open(folder).ok()?;
    Path::new(OWN_FILES).exists().then_some(file)
}

#[cfg(target_os = "linux")]
fn link(file: &File, place: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let own = format!("{OWN_FILES}/{}", file.as_raw_fd());
    let (from, to) = (rustix::fs::CWD, rustix::fs::CWD);
    rustix::fs::linkat(from, own, to, place, rustix::fs::AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_folder: &Path) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
fn link(_file: &File, _place: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
