//! The window through which an input is read: frames borrow from it, and it grows only as far as a limit allows.

use std::io;
use std::io::Read;

use crate::capture::open::Source;

/// Large enough to make a system call rare, small enough to stay in the second-level cache.
const BUFFER_BYTES: usize = 256 * 1024;

/// Unread bytes of an input. Invariant: `start <= end <= bytes.len()`.
pub(super) struct Buffer {
    source: Source,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    /// Bytes that may still be read.
    left: u64,
    bytes_max: u64,
    ended: bool,
    /// More would have come.
    is_at_limit: bool,
    error: Option<io::Error>,
}

impl Buffer {
    /// A window on at most `bytes_max` bytes of the source.
    pub(super) fn new(source: Source, bytes_max: u64) -> Buffer {
        Buffer {
            source,
            bytes: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            offset: 0,
            left: bytes_max,
            bytes_max,
            ended: false,
            is_at_limit: false,
            error: None,
        }
    }

    /// The bytes that have been read and not consumed.
    pub(super) fn window(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Where the window begins, counted in uncompressed bytes from the start of the input.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Makes the window at least `len` bytes long; false where the input ends or breaks before.
    /// The caller has checked `len` against its limit: this allocates.
    #[inline]
    pub(super) fn fill(&mut self, len: usize) -> bool {
        self.end.saturating_sub(self.start) >= len || self.read(len)
    }

    fn read(&mut self, len: usize) -> bool {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end = self.end.saturating_sub(self.start);
        self.start = 0;
        if self.bytes.len() < len {
            self.bytes.resize(len.next_power_of_two(), 0);
        }
        while self.end < len && !self.ended {
            self.read_once();
        }
        self.end >= len
    }

    fn read_once(&mut self) {
        let space = self.bytes.get_mut(self.end..).unwrap_or_default();
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(space.len());
        // At the limit one byte more tells whether it is the end as well.
        let mut beyond = [0];
        let space = if room > 0 { space.get_mut(..room).unwrap_or_default() } else { &mut beyond };
        match self.source.read(space) {
            Ok(0) => self.ended = true,
            Ok(_) if room == 0 => (self.ended, self.is_at_limit) = (true, true),
            // A reader that claims more than it was given room for is broken; the space bounds it.
            Ok(len) => {
                let len = len.min(space.len());
                self.end = self.end.saturating_add(len);
                self.left = self.left.saturating_sub(len as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.error = Some(error);
                self.ended = true;
            }
        }
    }

    /// Drops `len` bytes from the front of the window.
    pub(super) fn consume(&mut self, len: usize) {
        let len = len.min(self.end.saturating_sub(self.start));
        self.start = self.start.saturating_add(len);
        self.offset = self.offset.saturating_add(len as u64);
    }

    /// Drops `len` bytes that may lie beyond the window; false where the input ends before.
    pub(super) fn discard(&mut self, mut len: u64) -> bool {
        while len > 0 {
            if !self.fill(1) {
                return false;
            }
            let step = usize::try_from(len).unwrap_or(usize::MAX).min(self.window().len());
            self.consume(step);
            len = len.saturating_sub(step as u64);
        }
        true
    }

    /// The error that ended the reading, once.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Whether the input went on behind the bytes that may be read.
    pub(super) fn is_at_limit(&self) -> bool {
        self.is_at_limit
    }

    /// The bytes that may be read of the input.
    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    pub(super) fn has_error(&self) -> bool {
        self.error.is_some()
    }
}
