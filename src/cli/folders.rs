//! What was named, as a list of files: a folder stands for the captures in it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;

use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::base::Untrusted;
use sipauth::capture::CaptureErrorKind;
use sipauth::capture::Reader;

/// Names that a note about files gives.
const NAMES_SHOWN: usize = 3;

/// What the arguments stand for.
#[derive(Default)]
pub struct Found {
    /// Files as they were named, those of folders in the order of their names, and `-`.
    pub files: Vec<PathBuf>,
    /// Folders in which there is no capture, and files in them that cannot be looked into. The text says why.
    pub unreadable: Vec<(PathBuf, String)>,
    /// What is in folders and is no capture.
    pub passed_over: Vec<PassedOver>,
}

/// What of a folder is not read.
pub struct PassedOver {
    /// The folder.
    pub folder: PathBuf,
    /// Files that are no captures, by name.
    pub files: Vec<PathBuf>,
    /// Folders within it.
    pub folders: u64,
}

impl Found {
    /// Looks into the folders among `named`; files are taken as they are. A folder is what `folder/*` would name in a shell, less
    /// what is no capture by its content: hidden files and folders within it are left alone. A file with several names is read once.
    pub fn of(named: &[PathBuf]) -> Found {
        let mut found = Found::default();
        let mut taken: BTreeSet<(u64, u64)> =
            named.iter().filter_map(|path| fs::metadata(path).ok()).map(identity).collect();
        for path in named {
            // A pipe that is called like a folder does not exist.
            if path == Path::new("-") || !path.is_dir() {
                found.files.push(path.clone());
            } else if let Err(error) = found.look_into(path, &mut taken) {
                found.unreadable.push((path.clone(), error.to_string()));
            }
        }
        found
    }

    fn look_into(&mut self, folder: &Path, taken: &mut BTreeSet<(u64, u64)>) -> io::Result<()> {
        let mut names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.retain(|name| !name.as_bytes().starts_with(b"."));
        names.sort_by(|one, other| by_number(one, other));
        let captures_before = self.files.len() + self.unreadable.len();
        let mut rest = PassedOver { folder: folder.to_owned(), files: Vec::new(), folders: 0 };
        let mut has_taken = false;
        for path in names.iter().map(|name| folder.join(name)) {
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => rest.folders += 1,
                Ok(metadata) if metadata.is_file() && taken.contains(&identity(metadata.clone())) => has_taken = true,
                Ok(metadata) if metadata.is_file() => match is_capture(&path) {
                    Ok(true) => {
                        taken.insert(identity(metadata));
                        self.files.push(path);
                    }
                    Ok(false) => rest.files.push(path),
                    Err(error) => self.unreadable.push((path, error)),
                },
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    self.unreadable.push((path, error.to_string()))
                }
                // A link to nothing; or a pipe, which would have to be waited for.
                _ => rest.files.push(path),
            }
        }
        if captures_before == self.files.len() + self.unreadable.len() && !has_taken {
            self.unreadable.push((folder.to_owned(), format!("no capture in this folder{}", rest.counted())));
        } else if !rest.files.is_empty() || rest.folders > 0 {
            self.passed_over.push(rest);
        }
        Ok(())
    }
}

impl PassedOver {
    /// How many, and what they are: `captures: 2 files that are no captures: README.md, notes.txt`.
    pub fn texts(&self) -> Vec<(u64, String)> {
        let folder = shown(&self.folder);
        let mut texts = Vec::new();
        if !self.files.is_empty() {
            let count = self.files.len() as u64;
            let names: Vec<String> = self.files.iter().take(NAMES_SHOWN).map(|path| last(path)).collect();
            let more = if self.files.len() > NAMES_SHOWN { ", …" } else { "" };
            let files = counted(count, "file that is no capture", "files that are no captures");
            texts.push((count, format!("{folder}: {files}: {}{more}", names.join(", "))));
        }
        if self.folders > 0 {
            let folders = counted(self.folders, "folder within it is not read", "folders within it are not read");
            texts.push((self.folders, format!("{folder}: {folders}: name what you want of them, too")));
        }
        texts
    }

    /// The same behind a sentence: `; it holds 2 files and 1 folder`.
    fn counted(&self) -> String {
        let files = counted(self.files.len() as u64, "file", "files");
        match self.folders {
            0 if self.files.is_empty() => ": it is empty".to_owned(),
            0 => format!(": it holds {files}"),
            folders => format!(": it holds {files}, and {}; name those", counted(folders, "folder", "folders")),
        }
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A name as reports show it: bytes that are not UTF-8 as `\xff`.
pub fn shown(path: &Path) -> String {
    Untrusted(path.as_os_str().as_bytes()).to_text()
}

fn last(path: &Path) -> String {
    shown(Path::new(path.file_name().unwrap_or(path.as_os_str())))
}

fn identity(metadata: Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Whether a file is a capture, by its content. The error is a sentence for people.
pub fn is_capture(path: &Path) -> Result<bool, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    match Reader::open(Box::new(file), InputId(0), &Limits::default()) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind {
            CaptureErrorKind::NotACapture(_) | CaptureErrorKind::Empty => Ok(false),
            _ => Err(error.to_string()),
        },
    }
}

/// By their bytes, but numbers by what they are worth: `sip.pcap9` stands before `sip.pcap10`, as rings are written.
pub fn by_number(one: &OsStr, other: &OsStr) -> Ordering {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    runs(one).cmp(runs(other)).then_with(|| one.cmp(other))
}

/// A name in parts: a number of any length by its digits' count and the digits themselves, everything else byte by byte.
fn runs(name: &[u8]) -> impl Iterator<Item = (u8, usize, &[u8])> {
    let is_same_kind = |one: &u8, other: &u8| one.is_ascii_digit() && other.is_ascii_digit();
    name.chunk_by(is_same_kind).map(|run| match run {
        [first, ..] if first.is_ascii_digit() => {
            let zeros = run.iter().take_while(|digit| **digit == b'0').count();
            let worth = run.get(zeros..).unwrap_or_default();
            (b'0', worth.len(), worth)
        }
        _ => (run.first().copied().unwrap_or_default(), 0, run),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_by_what_they_are_worth() {
        let check = |mut names: Vec<&str>, expect: &[&str]| {
            names.sort_by(|one, other| by_number(OsStr::new(one), OsStr::new(other)));
            assert_eq!(names, expect);
        };
        check(
            vec!["sip.pcap10", "sip.pcap9", "sip.pcap", "sip.pcap1"],
            &["sip.pcap", "sip.pcap1", "sip.pcap9", "sip.pcap10"],
        );
        check(
            vec!["sip_00010_20261121.pcapng", "sip_00009_20261122.pcapng", "sip_00009_20261121.pcapng"],
            &["sip_00009_20261121.pcapng", "sip_00009_20261122.pcapng", "sip_00010_20261121.pcapng"],
        );
        check(vec!["b1", "a2", "a:", "a/", "a10"], &["a/", "a2", "a10", "a:", "b1"]);
        check(vec!["a01", "a1", "a001"], &["a001", "a01", "a1"]);
        // No number is too long.
        check(
            vec!["a99999999999999999999999", "a100000000000000000000000"],
            &["a99999999999999999999999", "a100000000000000000000000"],
        );
    }
}
