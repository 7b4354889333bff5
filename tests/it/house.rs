//! The rules of the house that a machine can check: who imports whom, how long files and functions are, what may not stand
//! in code that reads captures, and what the repository does not speak of.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// Every room, and the rooms it may import; `base` is open to all. From the bottom up.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("capture", &[]),
    ("packet", &["capture"]),
    ("transport", &["packet"]),
    ("sip", &[]),
    ("auth", &[]),
    ("digest", &["sip", "auth"]),
    ("session", &["sip", "auth", "digest"]),
    ("history", &["sip", "session"]),
    ("rules", &["sip", "auth", "digest", "session", "history"]),
    ("filter", &["packet", "sip", "auth", "session", "history", "rules"]),
    ("report", &["sip", "auth", "digest", "session", "history", "rules"]),
    (
        "analyzer",
        &["capture", "packet", "transport", "sip", "auth", "digest", "session", "history", "rules", "filter", "report"],
    ),
];

/// Imports against the order, with the reason.
const DEVIATIONS: &[(&str, &str, &str)] = &[];

/// What only these rooms may see of the digest room: verdicts, never secrets.
const VERDICTS: [&str; 9] =
    ["Verdict", "Reason", "Checked", "verdict", "verify::Checked", "SourceId", "near_miss", "{Checked", "{Verdict"];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// One source file, as a list of lines.
struct Source {
    /// `capture/reader.rs`
    name: String,
    text: String,
    /// Up to the tests at its end.
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("a folder can be read").path()) {
        match path.is_dir() {
            true => files_below(&path, found),
            false => found.push(path),
        }
    }
    found.sort();
}

fn sources() -> Vec<Source> {
    let folder = root().join("src");
    let mut files = Vec::new();
    files_below(&folder, &mut files);
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("sources are UTF-8");
        let name = path.strip_prefix(&folder).expect("it is below").to_string_lossy().into_owned();
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        Source { name, text, code }
    };
    files.iter().map(read).collect()
}

impl Source {
    /// The folder below `src`, or the file's own name.
    fn room(&self) -> &str {
        let room = self.name.split('/').next().unwrap_or_default();
        room.strip_suffix(".rs").unwrap_or(room)
    }

    fn is_library(&self) -> bool {
        !matches!(self.room(), "cli" | "main")
    }

    /// The lines of code with their numbers, comments left out.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn check(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The paths behind `crate::` in a line: `session::Run`, `sip::{Message`.
fn crate_paths(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '{'))).unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn imports_point_down_the_house() {
    let mut faults = Vec::new();
    let mut deviations: BTreeSet<_> = DEVIATIONS.iter().map(|(from, to, _)| (*from, *to)).collect();
    let sources = sources();
    for source in sources.iter().filter(|source| source.is_library() && source.name != "lib.rs") {
        let room = source.room();
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            faults.push(format!("{}: {room} is no room of the house", source.name));
            continue;
        };
        for (number, line) in source.lines() {
            for path in crate_paths(line) {
                let target = path.split("::").next().unwrap_or_default();
                let target = target.trim_start_matches('{');
                let is_fine = target == room || target == "base" || allowed.contains(&target);
                if !is_fine && !deviations.remove(&(&*source.name, target)) {
                    faults.push(format!("{}:{number}: {room} imports {target}", source.name));
                }
            }
        }
    }
    faults.extend(deviations.iter().map(|(file, to)| format!("{file} no longer imports {to}: take it off the list")));
    check(faults);
}

/// What ARCHITECTURE.md says of who may import whom is what is held here.
#[test]
fn the_table_of_imports_is_true() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it stands at the top level");
    for (room, allowed) in ROOMS.iter().filter(|(room, _)| !matches!(*room, "base" | "analyzer")) {
        let row = text.lines().find_map(|line| line.strip_prefix(&format!("| {room} |"))).expect("each room has a row");
        let row = row.trim_end_matches('|').replace("(verdicts)", "");
        let told: BTreeSet<&str> = row.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        assert_eq!(told, allowed.iter().copied().collect(), "{room}");
    }
}

#[test]
fn the_rooms_above_see_verdicts_and_no_secrets() {
    let mut faults = Vec::new();
    let above = ["session", "history", "rules", "filter", "report"];
    for source in sources().iter().filter(|source| above.contains(&source.room())) {
        for (number, line) in source.lines() {
            for path in crate_paths(line).filter_map(|path| path.strip_prefix("digest::")) {
                if !VERDICTS.iter().any(|allowed| path.starts_with(allowed)) {
                    faults.push(format!("{}:{number}: digest::{path}", source.name));
                }
            }
        }
    }
    check(faults);
}

/// Words with hyphens that are no rules: causes, and what stands on the wire or in a ticket.
const NO_RULES: &[&str] = &[
    "auth-int",
    "challenge-grammar",
    "challenge-kind",
    "challenge-removed",
    "credentials-removed",
    "folded-challenge",
    "friendly-scanner",
    "header-mismatch",
    "joined-challenges",
    "late-challenge",
    "node-switch",
    "proxy-authorization",
    "request-uri",
    "same-nonce",
    "second-realm",
    "security-agreement",
    "sip-auth",
    "sip-scan",
    "source-changed",
    "wrong-digest",
];

/// Rules are named by their words where rooms speak of each other's findings: a rule that is renamed is missed here.
#[test]
fn rules_that_are_named_exist() {
    let rules: BTreeSet<&str> = sipauth::rules::RULES.iter().map(|rule| rule.name).collect();
    let mut others: BTreeSet<&str> = NO_RULES.iter().copied().collect();
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| ["rules", "report", "analyzer"].contains(&source.room())) {
        for (number, line) in source.lines().filter(|(_, line)| !line.trim_start().starts_with("sample:")) {
            for word in line.split('"').skip(1).step_by(2).filter(|word| is_slug(word) && !rules.contains(word)) {
                if !NO_RULES.contains(&word) {
                    faults.push(format!("{}:{number}: {word} is no rule", source.name));
                }
                others.remove(word);
            }
        }
    }
    faults.extend(others.into_iter().map(|word| format!("{word} is named nowhere")));
    check(faults);
}

/// `two-words` in lower case.
fn is_slug(word: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    word.contains('-') && word.split('-').all(is_part)
}

#[test]
fn files_and_functions_fit_the_eye() {
    let mut faults = Vec::new();
    for source in sources() {
        let len = source.text.lines().count();
        if len > FILE_LINES_MAX {
            faults.push(format!("{}: {len} lines", source.name));
        }
        if !source.text.starts_with("//!") {
            faults.push(format!("{}: does not say what it is for (`//!`)", source.name));
        }
        for (name, start, len) in functions(&source.code) {
            if len > FUNCTION_LINES_MAX {
                faults.push(format!("{}:{start}: {name} has {len} lines", source.name));
            }
        }
    }
    check(faults);
}

/// Name, first line and length of every function: from its `fn` to the brace at the same indent.
fn functions(code: &str) -> Vec<(&str, usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut functions = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let words: Vec<&str> = trimmed.split_whitespace().take_while(|word| !word.starts_with("//")).collect();
        let Some(at) = words.iter().position(|word| *word == "fn") else { continue };
        let is_qualifier = |word: &&str| word.starts_with("pub") || word.starts_with("crate::") || *word == "const";
        if !words[..at].iter().all(is_qualifier) {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - trimmed.len()]);
        let is_short = trimmed.ends_with('}') || trimmed.ends_with(';');
        let end = (index..lines.len()).find(|end| is_short || lines[*end] == close).unwrap_or(index);
        functions.push((words.get(at + 1).copied().unwrap_or_default(), index + 1, end - index + 1));
    }
    functions
}

/// What must not stand in the library's code, tests left out, and where it may.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (".unwrap()", &[]),
    ("panic!(", &[]),
    ("todo!(", &[]),
    ("unimplemented!(", &[]),
    ("unsafe ", &[]),
    ("dbg!(", &[]),
    ("println!(", &["cli/"]),
    ("eprintln!(", &["cli/"]),
    ("print!(", &["cli/"]),
    ("std::fs", &["cli/"]),
    ("std::net::Tcp", &[]),
    ("std::net::Udp", &[]),
    ("std::thread", &["analyzer/parallel.rs", "cli/"]),
    ("Instant", &["cli/"]),
    ("SystemTime", &["cli/"]),
    ("Timestamp::now", &["cli/"]),
    ("static mut", &[]),
    ("thread_local!", &[]),
    ("OnceLock", &["cli/"]),
    ("std::env", &["cli/"]),
    ("rsip::", &["sip/strict.rs"]),
    ("anyhow", &["cli/", "main.rs"]),
];

#[test]
fn library_code_neither_panics_nor_talks_nor_looks_at_the_clock() {
    let mut faults = Vec::new();
    for source in sources() {
        for (number, line) in source.lines() {
            for (word, places) in FORBIDDEN {
                let is_there = line.match_indices(word).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let after = line[at + word.len()..].chars().next();
                    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                    let starts = word.starts_with('.') || !is_word(before);
                    starts && (word.ends_with(|c: char| !c.is_alphanumeric()) || !is_word(after))
                });
                if is_there && !places.iter().any(|place| source.name.starts_with(place)) {
                    faults.push(format!("{}:{number}: {}", source.name, word.trim()));
                }
            }
            // `expect` says why it cannot fail, where it may stand at all.
            let expects =
                line.split(".expect(").skip(1).filter(|rest| !rest.starts_with('"') || rest.starts_with("\"\""));
            faults.extend(expects.map(|_| format!("{}:{number}: expect without a reason", source.name)));
        }
    }
    check(faults);
}

/// The lints that forbid indexing, `unwrap` and narrowing casts stand in the library, which reads what comes off the wire.
#[test]
fn lints_guard_every_line() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).expect("the library has a root");
    for lint in [
        "unwrap_used",
        "expect_used",
        "indexing_slicing",
        "string_slice",
        "panic",
        "unreachable",
        "cast_possible_truncation",
        "cast_sign_loss",
        "cast_possible_wrap",
        "print_stderr",
    ] {
        assert!(text.contains(&format!("clippy::{lint}")), "{lint}");
    }
    for root_file in ["src/lib.rs", "src/main.rs"] {
        let text = std::fs::read_to_string(root().join(root_file)).expect("both roots are there");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{root_file}");
    }
}

#[test]
fn one_import_stands_on_a_line() {
    let mut faults = Vec::new();
    // A room's own front door may list what it hands out.
    let is_inside = |source: &&Source| !source.name.ends_with("mod.rs") && source.name != "lib.rs";
    for source in sources().iter().filter(is_inside) {
        for (number, line) in source.lines().filter(|(_, line)| line.starts_with("use crate::") && line.contains('{')) {
            faults.push(format!("{}:{number}: {line}", source.name));
        }
    }
    check(faults);
}

/// The repository speaks of the program, not of the desk it was written on.
#[test]
fn nothing_speaks_of_how_it_was_made() {
    // Written in halves, lest this file names them.
    let words = [
        ["/wo", "rk/"],
        ["shared/", "design"],
        ["house", ".md"],
        ["limits", ".md"],
        ["crates", ".md"],
        ["/tmp", "/w-"],
    ];
    let words = words.map(|halves| halves.concat());
    let mut files = Vec::new();
    for folder in ["src", "tests", "docs", "samples", "benches", "examples", "fuzz", ".ci", ".github"] {
        files_below(&root().join(folder), &mut files);
    }
    // What fuzzing leaves behind is not part of the repository.
    files.retain(|file| {
        !["target", "corpus", "artifacts"].iter().any(|made| file.starts_with(root().join("fuzz").join(made)))
    });
    let top = std::fs::read_dir(root()).expect("the package has a folder").map(|entry| entry.expect("an entry").path());
    files.extend(top.filter(|path| path.is_file() && !path.ends_with("Cargo.lock")));
    let mut faults = Vec::new();
    for file in files {
        // Captures are no text.
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (index, line) in text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(*word)) {
                faults.push(format!("{}:{}: {word}", file.display(), index + 1));
            }
        }
    }
    check(faults);
}
