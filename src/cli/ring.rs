//! Which file goes on where one ends that grows: rings of tcpdump and dumpcap, and files that are replaced or begun anew.
//!
//! What can be told is told by names, identities and first bytes; that a file is full is nowhere written.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::cli::folders::by_number;
use crate::cli::folders::is_capture;

/// Bytes by which a file is known again: they reach into the first frame of a pcap, whose time differs from file to file.
const HEAD_BYTES: usize = 64;

/// Digits of a number that stands behind letters and counts all the same, as in `trace20261121.pcap`; shorter ones are part of a
/// name, as in `sbc1`.
const NUMBER_DIGITS_MIN: usize = 4;

/// A file by what the system calls it.
type Identity = (u64, u64);

/// What a file was when it was looked at last.
struct State {
    head: Vec<u8>,
    /// Bytes that were there, or that have been read.
    len: u64,
    modified: Option<SystemTime>,
    is_read: bool,
}

/// A file that grows, and the ring that it is part of.
pub struct Ring {
    current: PathBuf,
    head: Vec<u8>,
    /// What was there before, and what has been read.
    known: BTreeMap<Identity, State>,
    /// Files that went on growing although another one had begun.
    left_too_early: Vec<PathBuf>,
}

/// What stands behind the end of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing yet.
    Nothing,
    /// Another file. What is left of this one comes first.
    File(PathBuf),
    /// The same file, written anew from its beginning.
    Anew(PathBuf),
}

impl Ring {
    /// The ring of a file. Its older files are not read; those that are newer come next.
    pub fn of(current: &Path) -> Ring {
        let mut ring =
            Ring { current: current.to_owned(), head: Vec::new(), known: BTreeMap::new(), left_too_early: Vec::new() };
        let written = fs::metadata(current).and_then(|metadata| metadata.modified()).ok();
        for (path, metadata) in ring.others() {
            // Clocks of file systems are coarse: files of one moment are told by their names.
            let age =
                metadata.modified().ok().cmp(&written).then_with(|| by_number(path.as_os_str(), current.as_os_str()));
            if age.is_lt() {
                ring.note(&path, &metadata);
            }
        }
        ring
    }

    /// The file that is read now.
    pub fn current(&self) -> &Path {
        &self.current
    }

    /// Files of which something was not read, because the ring had gone on.
    pub fn left_too_early(&self) -> &[PathBuf] {
        &self.left_too_early
    }

    /// Goes on to another file.
    pub fn go_on(&mut self, next: PathBuf) {
        self.current = next;
        self.head.clear();
    }

    /// What stands behind the end of `file`, of which `position` bytes have been read.
    pub fn next(&mut self, file: &File, position: u64) -> Next {
        let Ok(open) = file.metadata() else { return Next::Nothing };
        let is_rewritten = open.len() < position || !self.has_old_head(file);
        if is_rewritten {
            return Next::Anew(self.current.clone());
        }
        self.successor(&open).map_or(Next::Nothing, Next::File)
    }

    /// Notes that a file was read up to that byte, and will be read no further.
    pub fn leave(&mut self, file: &File, position: u64) {
        if let Ok(open) = file.metadata() {
            let state = State { head: self.head.clone(), len: position, modified: open.modified().ok(), is_read: true };
            self.known.insert(identity(&open), state);
        }
    }

    /// Whether the file begins as it did. Where it was too short to tell it by before, what it begins with now is noted.
    fn has_old_head(&mut self, file: &File) -> bool {
        let head = head(file);
        if !head.starts_with(&self.head) {
            return false;
        }
        self.head = head;
        true
    }

    fn successor(&mut self, open: &Metadata) -> Option<PathBuf> {
        // The name was given to another file.
        let replaced = fs::metadata(&self.current).is_ok_and(|metadata| identity(&metadata) != identity(open));
        if replaced && is_capture(&self.current).is_ok_and(|is_capture| is_capture) {
            return Some(self.current.clone());
        }
        let others = self.others();
        // Of what is gone nothing needs to be known; its number is given to new files.
        self.known.retain(|known, _| others.iter().any(|(_, metadata)| identity(metadata) == *known));
        let mut next: Vec<(SystemTime, PathBuf)> = Vec::new();
        for (path, metadata) in others {
            let is_new = match self.known.get_mut(&identity(&metadata)) {
                None => true,
                Some(state) if metadata.len() < state.len => true,
                Some(state) if metadata.len() == state.len && metadata.modified().ok() == state.modified => false,
                Some(state) => {
                    let is_the_same = File::open(&path).is_ok_and(|file| head(&file).starts_with(&state.head));
                    if is_the_same && state.is_read && metadata.len() > state.len {
                        self.left_too_early.push(path.clone());
                    }
                    if is_the_same {
                        state.is_read &= metadata.len() == state.len;
                        (state.len, state.modified) = (metadata.len(), metadata.modified().ok());
                    }
                    !is_the_same
                }
            };
            if is_new && is_capture(&path).is_ok_and(|is_capture| is_capture) {
                next.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        next.into_iter()
            .min_by(|(one, a), (other, b)| one.cmp(other).then_with(|| by_number(a.as_os_str(), b.as_os_str())))
            .map(|(_, path)| path)
    }

    /// The other files of the ring, with what the system says of them.
    fn others(&self) -> Vec<(PathBuf, Metadata)> {
        let Some(name) = self.current.file_name() else { return Vec::new() };
        let own = pattern(name);
        let folder = self.current.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return Vec::new() };
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        let others = names.filter(|other| other != name && pattern(other) == own);
        let paths = others.map(|other| folder.map_or_else(|| PathBuf::from(&other), |folder| folder.join(&other)));
        let files = paths.filter_map(|path| {
            fs::symlink_metadata(&path).ok().filter(Metadata::is_file).map(|metadata| (path, metadata))
        });
        files.collect()
    }

    fn note(&mut self, path: &Path, metadata: &Metadata) {
        let Ok(file) = File::open(path) else { return };
        self.known.insert(
            identity(metadata),
            State { head: head(&file), len: metadata.len(), modified: metadata.modified().ok(), is_read: false },
        );
    }
}

fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

fn head(file: &File) -> Vec<u8> {
    let mut head = vec![0; HEAD_BYTES];
    let len = file.read_at(&mut head, 0).unwrap_or(0);
    head.truncate(len);
    head
}

/// What the names of a ring have in common: `sip.pcap`, `sip.pcap1` (tcpdump -C); `sip_00001_20261121191500.pcapng` (dumpcap);
/// `sip-191500.pcap` (tcpdump -G).
fn pattern(name: &OsStr) -> Vec<u8> {
    let name = name.as_bytes();
    let len = name.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |last| last + 1);
    let stem = name.get(..len).unwrap_or_default();
    let mut pattern = Vec::with_capacity(len);
    for run in stem.chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit()) {
        let is_number = run.first().is_some_and(u8::is_ascii_digit);
        let is_named = pattern.last().is_some_and(u8::is_ascii_alphabetic) && run.len() < NUMBER_DIGITS_MIN;
        match is_number && !is_named {
            true => pattern.push(b'#'),
            false => pattern.extend_from_slice(run),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_ring_are_known_by_their_names() {
        let is_one = |one: &str, other: &str| pattern(OsStr::new(one)) == pattern(OsStr::new(other));
        assert!(is_one("sip.pcap", "sip.pcap1"));
        assert!(is_one("sip.pcap09", "sip.pcap10"));
        assert!(is_one("sip_00001_20261121191500.pcapng", "sip_00002_20261121191600.pcapng"));
        assert!(is_one("sip-235959.pcap", "sip-000000.pcap"));
        assert!(is_one("trace20261121.pcap", "trace20261122.pcap"));
        assert!(is_one("20261121.pcap", "20261122.pcap"));
        assert!(!is_one("sbc1_00001_20261121191500.pcapng", "sbc2_00001_20261121191500.pcapng"));
        assert!(!is_one("sip.pcap", "sip.pcapng"));
        assert!(!is_one("sip.pcap1", "sip.pcap1.gz"));
        assert!(!is_one("sip.pcap", "rtp.pcap"));
    }
}
