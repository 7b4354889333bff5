//! Runs the binary as a user would, and compares texts with files that `UPDATE_GOLDEN=1` writes anew.

use std::ffi::OsStr;
use std::path::Path;
use std::path::PathBuf;

use assert_cmd::Command;

/// The folder of the package.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The command, in a folder, free of settings that the machine may have.
pub fn sipauth(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sipauth"));
    command.current_dir(folder);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

/// What one run left behind.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Run {
    let output = command.output().expect("the binary starts");
    Run {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("results are UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("notes are UTF-8"),
    }
}

/// One folder of `samples/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    pub name: String,
    pub folder: PathBuf,
}

impl Sample {
    /// The sample of that name.
    pub fn named(name: &str) -> Sample {
        let folder = Path::new(ROOT).join("samples").join(name);
        assert!(folder.is_dir(), "samples/{name} does not exist");
        Sample { name: name.to_owned(), folder }
    }

    /// All of them, by name.
    pub fn all() -> Vec<Sample> {
        let folders = std::fs::read_dir(Path::new(ROOT).join("samples")).expect("samples/ is part of the package");
        let folders = folders.map(|entry| entry.expect("a folder").path()).filter(|path| path.is_dir());
        let mut all: Vec<Sample> = folders
            .map(|folder| Sample { name: folder.file_name().map(text).expect("it has a name"), folder })
            .collect();
        all.sort();
        assert!(all.len() > 100, "only {} samples were found", all.len());
        all
    }

    /// The file of this name, if there is one: `capture` finds `capture.pcap`.
    fn file(&self, stem: &str) -> Option<String> {
        let files =
            std::fs::read_dir(&self.folder).expect("a folder").map(|entry| text(&entry.expect("a file").file_name()));
        files.into_iter().find(|name| name.split('.').next() == Some(stem))
    }

    /// The name of its capture.
    pub fn capture(&self) -> String {
        self.file("capture").expect("every sample has a capture")
    }

    /// The name of its secrets, where it has any.
    pub fn credentials(&self) -> Option<String> {
        self.file("credentials")
    }

    /// The text of one of its files; empty where there is none.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// `sipauth analyze` as the sample is meant: in its folder and with its secrets.
    pub fn analyze(&self, options: &[&str]) -> Run {
        let mut command = sipauth(&self.folder);
        command.arg("analyze").args(options);
        if let Some(credentials) = self.credentials() {
            command.args(["--credentials", &credentials]);
        }
        if self.folder.join("tls.keys").exists() {
            command.args(["--tls-keylog", "tls.keys"]);
        }
        run(command.arg(self.capture()))
    }
}

fn text(name: &OsStr) -> String {
    name.to_str().expect("names here are plain").to_owned()
}

/// Whether files that tests compare with are to be written anew.
pub fn is_updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Compares a text with a file. Says where they part, or writes the file when updating.
pub fn check_file(path: &Path, actual: &str) -> Result<(), String> {
    let expected = std::fs::read_to_string(path).ok();
    if expected.as_deref() == Some(actual) {
        return Ok(());
    }
    let name = path.strip_prefix(ROOT).unwrap_or(path).display();
    if is_updating() {
        return std::fs::write(path, actual).map_err(|error| format!("{name}: {error}"));
    }
    match expected {
        None => Err(format!("{name}: is missing")),
        Some(expected) => Err(format!("{name}: differs\n{}", difference(&expected, actual))),
    }
}

/// Fails with everything that differs, at once.
pub fn assert_fresh(differences: &[String]) {
    let all = differences.join("\n\n");
    assert!(differences.is_empty(), "{all}\n\nwhere the change is meant, UPDATE_GOLDEN=1 cargo test writes them anew");
}

/// Lines that are shown before and behind those that differ.
const CONTEXT_LINES: usize = 2;
/// Lines that are shown of either text.
const SHOWN_LINES_MAX: usize = 20;

/// The lines in which two texts differ, without what they have in common before and behind.
pub fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let same_first = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - same_first;
    let same_last = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let context = &old[same_first.saturating_sub(CONTEXT_LINES)..same_first];
    let mut shown: Vec<String> = vec![format!("  from line {}:", same_first + 1)];
    shown.extend(context.iter().map(|line| format!("    {line}")));
    for (mark, lines) in [("-", &old), ("+", &new)] {
        let changed = &lines[same_first..lines.len() - same_last];
        shown.extend(changed.iter().take(SHOWN_LINES_MAX).map(|line| format!("  {mark} {line}")));
        if changed.len() > SHOWN_LINES_MAX {
            shown.push(format!("  {mark} … {} lines in all", changed.len()));
        }
    }
    let behind = &old[old.len() - same_last..];
    shown.extend(behind.iter().take(CONTEXT_LINES).map(|line| format!("    {line}")));
    shown.join("\n")
}

#[test]
fn a_difference_shows_what_changed_and_what_stands_around_it() {
    let shown = difference("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nX\ne\nf\n");
    assert_eq!(shown, "  from line 4:\n    b\n    c\n  - d\n  + X\n    e\n    f");
    assert_eq!(difference("a\n", "a\nb\n"), "  from line 2:\n    a\n  + b");
    assert_eq!(difference("a\na\n", "a\n"), "  from line 2:\n    a\n  - a");
}
