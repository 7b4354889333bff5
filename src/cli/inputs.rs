//! Reads the captures of a run.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;

use sipauth::analyzer::Analyzer;
use sipauth::capture::Ended;
use sipauth::capture::Merge;
use sipauth::capture::Next;
use sipauth::capture::Reader;
use sipauth::report::Row;

use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::folders::Found;
use crate::cli::folders::shown;
use crate::cli::input_options::InputOptions;
use crate::cli::live::Following;
use crate::cli::live::Pipe;
use crate::cli::live::Stop;
use crate::cli::output;
use crate::cli::output::Notes;
use crate::cli::second_pass::Opened;
use crate::cli::secret_options::SecretOptions;
use crate::cli::secrets;

/// Captures of a run: each has a number, of 16 bits.
const INPUTS_MAX: usize = 1 << 16;

/// What becomes of a session once it has closed, and of a nonce that is told of.
pub type Each<'e> = &'e mut dyn FnMut(&Row) -> Result<()>;

/// How much of the captures could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Everything that was named.
    All,
    /// Some inputs could not be read, or not to their end.
    Some,
    /// Nothing.
    Nothing,
    /// What there was until a signal, which asks for this exit code.
    Stopped(Exit),
}

/// The captures of a run, found and not yet read.
pub struct Inputs {
    found: Found,
    key_logs: Vec<PathBuf>,
    /// The file that grows.
    followed: Option<PathBuf>,
    /// Whether something is read while it is written.
    is_live: bool,
    stop: Stop,
}

impl Inputs {
    /// Looks for what was named.
    ///
    /// # Errors
    /// Stdin is to be read for two things, or there are too many captures.
    pub fn find(named: &[PathBuf], options: &InputOptions, secrets: &SecretOptions) -> Result<Inputs> {
        let read: Vec<PathBuf> = named.iter().chain(&options.tls_keylog).cloned().collect();
        refuse_two_readers_of_stdin(secrets, &read)?;
        let found = Found::of(named);
        if found.files.len() > INPUTS_MAX {
            let count = found.files.len();
            return Err(usage(format!("{count} captures are too many for one report; give at most {INPUTS_MAX}")));
        }
        let is_live = found.files.iter().any(|path| is_pipe(path));
        let stop = if is_live { Stop::by_signal()? } else { Stop::default() };
        Ok(Inputs { found, key_logs: options.tls_keylog.clone(), followed: None, is_live, stop })
    }

    /// Goes on with the file that was written last, when all have been read.
    ///
    /// # Errors
    /// There is a pipe among them.
    pub fn follow(&mut self) -> Result<()> {
        let files = &mut self.found.files;
        if self.is_live {
            return Err(usage("--follow is for files: a pipe is read to its end anyway; give it alone"));
        }
        let written = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
        // Of those written at one time the last.
        if let Some((index, _)) = files.iter().enumerate().max_by_key(|(_, path)| written(path)) {
            self.followed = Some(files.remove(index));
            self.is_live = true;
            self.stop = Stop::by_signal()?;
        }
        Ok(())
    }

    /// Whether something is read while it is written: results are wanted as they come.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Ends what would be read without end.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// The files that will be read: results are not to be written over them.
    pub fn files(&self) -> Vec<PathBuf> {
        self.found.files.iter().chain(&self.followed).cloned().collect()
    }

    /// Reads them all.
    ///
    /// # Errors
    /// A key log cannot be read, or the output failed. What is wrong with captures is said on stderr and in the report.
    pub fn read(&self, analyzer: &mut Analyzer, opened: &mut Opened, notes: &Notes, each: Each<'_>) -> Result<Reached> {
        self.add_key_logs(analyzer, notes)?;
        for passed_over in &self.found.passed_over {
            for (count, text) in passed_over.texts() {
                notes.note(&text);
                analyzer.note_passed_over(count, &text);
            }
        }
        for (path, error) in &self.found.unreadable {
            tell_unreadable(analyzer, path, error);
        }
        let mut unreadable = self.found.unreadable.len() + self.read_all(analyzer, opened, each)?;
        if let Some(path) = &self.followed {
            unreadable += self.read_on(path, analyzer, opened, each)?;
        }
        let all = self.found.unreadable.len() + self.files().len();
        Ok(match self.stop.exit() {
            Some(exit) => Reached::Stopped(exit),
            None if unreadable == 0 => Reached::All,
            None if unreadable >= all => Reached::Nothing,
            None => Reached::Some,
        })
    }

    /// Reads every input but the one that grows; says how many could not be read at all.
    fn read_all(&self, analyzer: &mut Analyzer, opened: &mut Opened, each: Each<'_>) -> Result<usize> {
        let files = &self.found.files;
        // Pipes have to be read as they come, one behind the other.
        if files.len() > 1 && !files.iter().any(|path| is_pipe(path)) {
            return read_merged(analyzer, files, opened, each);
        }
        let mut unreadable = 0;
        for path in files {
            let outcome = match self.open(path) {
                Ok(source) => read_one(analyzer, path, opened.open(path, source)?, opened, each)?,
                Err(error) => Err(error),
            };
            analyzer.pause(None);
            if let Err(error) = outcome {
                tell_unreadable(analyzer, path, &error);
                unreadable += 1;
            }
        }
        Ok(unreadable)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Read + Send>, String> {
        let told = |error: io::Error| error.to_string();
        if path == Path::new("-") {
            return Ok(Box::new(Pipe::stdin(self.stop.clone()).map_err(told)?));
        }
        match is_pipe(path) {
            true => Ok(Box::new(Pipe::new(File::open(path).map_err(told)?, self.stop.clone()))),
            false => open(path),
        }
    }

    /// Reads a file while it grows, and then the next of its ring, until it is told to stop.
    fn read_on(&self, path: &Path, analyzer: &mut Analyzer, opened: &mut Opened, each: Each<'_>) -> Result<usize> {
        let following = Following::of(path, self.stop.clone());
        let mut next = Some(path.to_owned());
        let mut unreadable = 0;
        while let Some(path) = next {
            let outcome = match following.open() {
                // What was read may be written over when it is wanted again.
                Ok(file) => read_one(analyzer, &path, opened.open(Path::new("-"), Box::new(file))?, opened, each)?,
                Err(error) => Err(error.to_string()),
            };
            let is_first_wrong = outcome.is_err() && unreadable == 0 && analyzer.next_input().0 == 0;
            if let Err(error) = outcome {
                tell_unreadable(analyzer, &path, &error);
                unreadable += 1;
            }
            if usize::from(analyzer.next_input().0) + 1 >= INPUTS_MAX {
                tell_unreadable(analyzer, &path, "is the last that can have a number: begin a new report");
                break;
            }
            next = if is_first_wrong { None } else { following.go_on() };
        }
        for path in following.left_too_early() {
            let text = "went on growing when another file of its ring had begun: what came then was not read";
            tell_unreadable(analyzer, &path, text);
            unreadable += 1;
        }
        Ok(unreadable)
    }

    fn add_key_logs(&self, analyzer: &mut Analyzer, notes: &Notes) -> Result<()> {
        for path in &self.key_logs {
            if analyzer.add_tls_key_log(&secrets::read_key_log(path, notes)?) == 0 {
                let expected = "holds no TLS secrets; expected the lines that SSLKEYLOGFILE has written";
                notes.warn(&format!("{}: {expected}", shown(path)));
            }
        }
        Ok(())
    }
}

/// Refuses what cannot be done: stdin is read to its end by whoever comes first.
pub fn refuse_two_readers_of_stdin(secrets: &SecretOptions, inputs: &[PathBuf]) -> Result<()> {
    let of_inputs = inputs.iter().filter(|path| *path == Path::new("-")).count();
    if of_inputs + secrets.stdin_readers() > 1 {
        return Err(usage(
            "stdin can be read once: give all but one of capture, --credentials, --tls-keylog and password by file or prompt",
        ));
    }
    Ok(())
}

/// Whether what is named can be read once and from its beginning on.
fn is_pipe(path: &Path) -> bool {
    path == Path::new("-") || path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Reads files as one capture, by the time of their frames.
fn read_merged(analyzer: &mut Analyzer, files: &[PathBuf], opened: &mut Opened, each: Each<'_>) -> Result<usize> {
    let mut merge = Merge::new(files, open, analyzer.limits());
    let mut unreadable = 0;
    let mut ended: Vec<Ended> = Vec::new();
    while let Some(next) = merge.next_record() {
        match next {
            Next::Record(record) => {
                opened.progress.add(&record);
                analyzer.push(&record);
            }
            Next::Ended(file) => {
                if let Some(error) = &file.error {
                    tell_unreadable(analyzer, &file.path, error);
                    unreadable += 1;
                }
                ended.push(file);
            }
            Next::Unreadable { path, error } => {
                tell_unreadable(analyzer, &path, &error);
                unreadable += 1;
            }
        }
        if merge.is_between() {
            analyzer.pause(ended.last().and_then(|file| file.summary.ended));
        }
        for row in analyzer.drain() {
            each(&row)?;
        }
    }
    ended.sort_by_key(|file| file.input);
    for file in ended {
        analyzer.end_input(&shown(&file.path), &file.summary);
        opened.merged(&file.path, &file.summary);
    }
    Ok(unreadable)
}

fn tell_unreadable(analyzer: &mut Analyzer, path: &Path, error: &str) {
    let shown = shown(path);
    output::tell(&format!("{shown}: {error}"));
    analyzer.note_unreadable(&shown, error);
}

/// Reads one input. The outer error ends the run: the output failed. The inner one is the input's own.
fn read_one(
    analyzer: &mut Analyzer,
    path: &Path,
    source: Box<dyn Read + Send>,
    opened: &mut Opened,
    each: Each<'_>,
) -> Result<Result<(), String>> {
    let mut reader = match Reader::open(source, analyzer.next_input(), analyzer.limits()) {
        Ok(reader) => reader,
        Err(error) => {
            opened.close();
            return Ok(Err(error.to_string()));
        }
    };
    let mut outcome = Ok(());
    loop {
        match reader.next_record() {
            Ok(Some(record)) => analyzer.push(&record),
            Ok(None) => break,
            Err(error) => {
                outcome = Err(error.to_string());
                break;
            }
        }
        for row in analyzer.drain() {
            each(&row)?;
        }
    }
    analyzer.end_input(&shown(path), reader.summary());
    opened.end(reader.summary());
    Ok(outcome)
}

/// Opens a file. The error is a sentence for people.
pub fn open(path: &Path) -> Result<Box<dyn Read + Send>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("is a folder".to_owned());
    }
    Ok(Box::new(file))
}
