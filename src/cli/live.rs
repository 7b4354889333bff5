//! Inputs that may still grow: pipes, and files that are followed. SIGINT and SIGTERM end them as their writer could: the report is
//! made of what was seen.

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use anyhow::Result;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use signal_hook::flag;

use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::ring::Next;
use crate::cli::ring::Ring;

/// How long nothing comes before it is looked again.
const PAUSE: Duration = Duration::from_millis(200);

/// How long reading goes on behind a signal. What the writer of a pipe held back comes in that time, for it got the same signal.
const REST_READ_FOR: Duration = Duration::from_secs(1);

/// Whether the reading is to end.
#[derive(Clone, Default)]
pub struct Stop {
    is_asked: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
    /// When the wish was seen.
    seen: Arc<OnceLock<Instant>>,
}

impl Stop {
    /// From now on SIGINT and SIGTERM are such a wish; the second one ends the process at once.
    ///
    /// # Errors
    /// The system refuses.
    pub fn by_signal() -> Result<Stop> {
        let stop = Stop::default();
        for signal in [SIGINT, SIGTERM] {
            let number = usize::try_from(signal).unwrap_or_default();
            flag::register_conditional_default(signal, Arc::clone(&stop.is_asked))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&stop.signal), number))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.is_asked)))
                .map_err(|error| usage(format!("signals cannot be waited for: {error}")))?;
        }
        Ok(stop)
    }

    /// Ends the reading.
    pub fn ask(&self) {
        self.is_asked.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    pub fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed)
    }

    /// Whether it was to end long ago.
    fn is_overdue(&self) -> bool {
        self.is_asked() && self.seen.get_or_init(Instant::now).elapsed() > REST_READ_FOR
    }

    /// The exit code of the signal, if there was one.
    pub fn exit(&self) -> Option<Exit> {
        match i32::try_from(self.signal.load(Ordering::Relaxed)).unwrap_or_default() {
            SIGINT => Some(Exit::Interrupted),
            SIGTERM => Some(Exit::Terminated),
            _ => None,
        }
    }
}

/// A pipe.
pub struct Pipe {
    file: File,
    stop: Stop,
}

impl Pipe {
    /// Stdin, past the buffer that Rust keeps for it.
    pub fn stdin(stop: Stop) -> io::Result<Pipe> {
        Ok(Pipe::new(File::from(io::stdin().as_fd().try_clone_to_owned()?), stop))
    }

    /// A pipe that is open.
    pub fn new(file: File, stop: Stop) -> Pipe {
        Pipe { file, stop }
    }
}

impl Read for Pipe {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.stop.is_overdue() {
                return Ok(0);
            }
            let was_asked = self.stop.is_asked();
            let mut waiting = [PollFd::new(&self.file, PollFlags::IN)];
            let pause = Timespec::try_from(PAUSE).map_err(io::Error::other)?;
            match rustix::event::poll(&mut waiting, Some(&pause)) {
                Ok(0) if was_asked => return Ok(0),
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.file.read(space),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A file that grows. It ends where the reading is to end, or where the ring goes on with another.
pub struct Growing {
    file: File,
    position: u64,
    ring: Arc<Mutex<Ring>>,
    next: Arc<Mutex<Option<PathBuf>>>,
    /// Nothing stood behind `position` when it was looked last.
    is_at_end: bool,
    /// Another file has begun; what is left of this one is still read.
    is_over: bool,
    stop: Stop,
}

/// What comes behind a file that has ended.
#[derive(Clone)]
pub struct Following {
    ring: Arc<Mutex<Ring>>,
    next: Arc<Mutex<Option<PathBuf>>>,
    stop: Stop,
}

impl Following {
    /// Follows a file.
    pub fn of(path: &Path, stop: Stop) -> Following {
        Following { ring: Arc::new(Mutex::new(Ring::of(path))), next: Arc::default(), stop }
    }

    /// Opens the file that is its turn now.
    pub fn open(&self) -> io::Result<Growing> {
        let file = File::open(locked(&self.ring).current())?;
        let (ring, next) = (Arc::clone(&self.ring), Arc::clone(&self.next));
        Ok(Growing { file, position: 0, ring, next, is_at_end: false, is_over: false, stop: self.stop.clone() })
    }

    /// Goes on to the next file as soon as the ring does; its name. None where the reading is to end.
    pub fn go_on(&self) -> Option<PathBuf> {
        if locked(&self.next).is_none() && !self.stop.is_asked() {
            // Reading broke off at damage: the next file may be whole.
            io::copy(&mut self.open().ok()?, &mut io::sink()).ok()?;
        }
        let next = locked(&self.next).take()?;
        locked(&self.ring).go_on(next.clone());
        Some(next)
    }

    /// Files of which something was not read.
    pub fn left_too_early(&self) -> Vec<PathBuf> {
        locked(&self.ring).left_too_early().to_vec()
    }
}

impl Read for Growing {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        loop {
            // What stands there after a while may be another capture: this is asked before it is read.
            if self.is_at_end && !self.is_over {
                match locked(&self.ring).next(&self.file, self.position) {
                    Next::Nothing => {}
                    Next::Anew(path) => {
                        *locked(&self.next) = Some(path);
                        return Ok(0);
                    }
                    Next::File(path) => {
                        *locked(&self.next) = Some(path);
                        self.is_over = true;
                    }
                }
            }
            let len = self.file.read(space)?;
            self.position += len as u64;
            if len > 0 && !self.stop.is_overdue() {
                self.is_at_end = false;
                return Ok(len);
            }
            if self.is_over {
                locked(&self.ring).leave(&self.file, self.position);
            }
            if self.is_over || self.stop.is_asked() {
                return Ok(0);
            }
            if self.is_at_end {
                std::thread::sleep(PAUSE);
            }
            self.is_at_end = true;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
