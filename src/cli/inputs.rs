//! Reads the captures of a run.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use anyhow::Result;

use sipauth::analyzer::Analyzer;
use sipauth::base::Limits;
use sipauth::capture::Ended;
use sipauth::capture::Merge;
use sipauth::capture::Next;
use sipauth::capture::Reader;
use sipauth::report::Session;

use crate::cli::args::SecretOptions;
use crate::cli::exit::usage;
use crate::cli::folders::Found;
use crate::cli::folders::shown;
use crate::cli::input_options::InputOptions;
use crate::cli::output;
use crate::cli::output::Notes;
use crate::cli::second_pass::Opened;
use crate::cli::secrets;

/// Captures of a run: each has a number, of 16 bits.
const INPUTS_MAX: usize = 1 << 16;

/// What becomes of a session once it has closed.
pub type Each<'e> = &'e mut dyn FnMut(&Session) -> Result<()>;

/// How much of the captures could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Everything that was named.
    All,
    /// Some inputs could not be read, or not to their end.
    Some,
    /// Nothing.
    Nothing,
}

/// The captures of a run, found and not yet read.
pub struct Inputs {
    found: Found,
    key_logs: Vec<PathBuf>,
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
        Ok(Inputs { found, key_logs: options.tls_keylog.clone() })
    }

    /// The files that will be read: results are not to be written over them.
    pub fn files(&self) -> &[PathBuf] {
        &self.found.files
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
        let unreadable = self.found.unreadable.len() + read_all(analyzer, &self.found.files, opened, each)?;
        Ok(match unreadable {
            0 => Reached::All,
            count if count == self.found.unreadable.len() + self.found.files.len() => Reached::Nothing,
            _ => Reached::Some,
        })
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

pub fn refuse_two_readers_of_stdin(options: &SecretOptions, inputs: &[PathBuf]) -> Result<()> {
    let stdin = |paths: &[PathBuf]| paths.iter().filter(|path| *path == Path::new("-")).count();
    let readers = stdin(inputs) + stdin(&options.credentials) + usize::from(options.password_stdin);
    if readers > 1 {
        return Err(usage(
            "stdin can be read once: give all but one of capture, --credentials, --tls-keylog and password by file or prompt",
        ));
    }
    Ok(())
}

/// Reads every input; says how many could not be read at all.
fn read_all(analyzer: &mut Analyzer, inputs: &[PathBuf], opened: &mut Opened, each: Each<'_>) -> Result<usize> {
    // Pipes have to be read as they come, one behind the other.
    if inputs.len() > 1 && inputs.iter().all(|path| path != Path::new("-") && (path.is_file() || !path.exists())) {
        return read_merged(analyzer, inputs, opened, each);
    }
    let mut unreadable = 0;
    for path in inputs {
        if let Err(error) = read_one(analyzer, path, opened, each)? {
            tell_unreadable(analyzer, path, &error);
            unreadable += 1;
        }
    }
    Ok(unreadable)
}

/// Reads files as one capture, by the time of their frames.
fn read_merged(analyzer: &mut Analyzer, files: &[PathBuf], opened: &mut Opened, each: Each<'_>) -> Result<usize> {
    let mut merge = Merge::new(files, open, &Limits::default());
    let mut unreadable = 0;
    let mut ended: Vec<Ended> = Vec::new();
    while let Some(next) = merge.next_record() {
        match next {
            Next::Record(record) => analyzer.push(&record),
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
        for session in analyzer.drain() {
            each(&session)?;
        }
    }
    ended.sort_by_key(|file| file.input);
    for file in ended {
        analyzer.end_input(&shown(&file.path), &file.summary);
        opened.note(&file.path);
    }
    Ok(unreadable)
}

fn tell_unreadable(analyzer: &mut Analyzer, path: &Path, error: &str) {
    let shown = shown(path);
    eprintln!("sipauth: {}", output::one_line(&format!("{shown}: {error}")));
    analyzer.note_unreadable(&shown, error);
}

/// Reads one input. The outer error ends the run: the output failed. The inner one is the input's own.
fn read_one(analyzer: &mut Analyzer, path: &Path, opened: &mut Opened, each: Each<'_>) -> Result<Result<(), String>> {
    let source: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        match open(path) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        }
    };
    let source = opened.open(path, source)?;
    let mut reader = match Reader::open(source, analyzer.next_input(), &Limits::default()) {
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
        for session in analyzer.drain() {
            each(&session)?;
        }
    }
    analyzer.end_input(&shown(path), reader.summary());
    Ok(outcome)
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err("is a folder".to_owned());
    }
    Ok(Box::new(file))
}
