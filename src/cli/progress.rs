//! How far the reading of the inputs has come: one line on stderr, on a terminal alone, once it takes longer than a second.

use std::fs;
use std::io;
use std::io::IsTerminal;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use sipauth::capture::Record;

/// How long nothing is shown, and how often something new.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);

/// Before each frame of a pcap.
const RECORD_HEADER_BYTES: u64 = 16;

const BAR_COLUMNS: u64 = 30;

/// Counts what is read of all inputs together.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Mutex<State>>>);

struct State {
    began: Instant,
    shown: Option<Instant>,
    done: u64,
    /// Bytes of all inputs; `None` where one is a pipe.
    total: Option<u64>,
}

impl Progress {
    /// Of these inputs; silent where nobody looks.
    pub fn new(inputs: &[PathBuf], is_wanted: bool) -> Progress {
        if !is_wanted || !io::stderr().is_terminal() {
            return Progress::default();
        }
        let len = |input: &PathBuf| fs::metadata(input).ok().filter(fs::Metadata::is_file).map(|file| file.len());
        let total = inputs.iter().map(len).sum();
        Progress(Some(Arc::new(Mutex::new(State { began: Instant::now(), shown: None, done: 0, total }))))
    }

    /// A source, counted.
    pub fn of(&self, source: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        match &self.0 {
            None => source,
            Some(state) => Box::new(Counted { source, state: Arc::clone(state) }),
        }
    }

    /// Counts a record that came from one of several files, which are read by turns: about as much as it took in its file.
    pub fn add(&self, record: &Record<'_>) {
        let Some(state) = &self.0 else { return };
        let len = match record {
            Record::Frame(frame) => frame.bytes.len() as u64 + RECORD_HEADER_BYTES,
            _ => 0,
        };
        state.lock().unwrap_or_else(PoisonError::into_inner).add(len, Instant::now());
    }

    /// Takes the line away, so that something else may stand there.
    pub fn end(&self) {
        let Some(state) = &self.0 else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.shown.take().is_some() {
            // Nothing depends on it.
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

struct Counted {
    source: Box<dyn Read + Send>,
    state: Arc<Mutex<State>>,
}

impl Read for Counted {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let len = self.source.read(space)?;
        self.state.lock().unwrap_or_else(PoisonError::into_inner).add(len as u64, Instant::now());
        Ok(len)
    }
}

impl State {
    fn add(&mut self, len: u64, now: Instant) {
        self.done += len;
        let is_early = now.duration_since(self.began) < PATIENCE;
        if is_early || self.shown.is_some_and(|shown| now.duration_since(shown) < PAUSE) {
            return;
        }
        self.shown = Some(now);
        let line = line(self.done, self.total, now.duration_since(self.began));
        let _ = io::stderr().write_all(format!("\r{line}\x1b[K").as_bytes());
    }
}

/// `[=========>          ]  43 %  430 of 1000 MB  12 s left`
fn line(done: u64, total: Option<u64>, took: Duration) -> String {
    let mega = |bytes: u64| bytes / 1_000_000;
    let Some(total) = total.filter(|total| *total > 0) else {
        return format!("{} MB read, {} s", mega(done), took.as_secs());
    };
    let done = done.min(total);
    let share = |whole: u64| u64::try_from(u128::from(done) * u128::from(whole) / u128::from(total)).unwrap_or(whole);
    let filled = usize::try_from(share(BAR_COLUMNS)).unwrap_or(0);
    let empty = usize::try_from(BAR_COLUMNS).unwrap_or(0) - filled;
    let left_s = match done {
        0 => 0,
        _ => (u128::from(took.as_secs()) * u128::from(total - done) / u128::from(done)).min(359_999),
    };
    let bar = format!("{}{}", "=".repeat(filled), " ".repeat(empty));
    format!("[{bar}] {:>3} %  {} of {} MB  {left_s} s left", share(100), mega(done), mega(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let half = line(500_000_000, Some(1_000_000_000), Duration::from_secs(12));
        assert_eq!(half, format!("[{}{}]  50 %  500 of 1000 MB  12 s left", "=".repeat(15), " ".repeat(15)));
        assert_eq!(line(2_500_000, None, Duration::from_secs(3)), "2 MB read, 3 s");
        assert!(line(7, Some(0), Duration::ZERO).starts_with("0 MB"));
        assert!(line(9, Some(7), Duration::ZERO).contains("100 %"));
    }
}
