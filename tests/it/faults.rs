//! What goes wrong around the program: inputs that cannot be read, outputs that cannot be written, signals, names from elsewhere. And
//! what it never does: open a socket, or leave a core dump with secrets in it.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::io::Read;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::Sample;
use crate::wire;
use crate::wire::message;
use crate::wire::udp_frame;

const SIPAUTH: &str = env!("CARGO_BIN_EXE_sipauth");

/// A folder with `good.pcap` and `users.csv`, which fits it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = Sample::named("register-ok");
    for (from, to) in [("capture.pcap", "good.pcap"), ("credentials.csv", "users.csv")] {
        fs::copy(sample.folder.join(from), folder.path().join(to)).expect("copied");
    }
    folder
}

fn sipauth(folder: &Path) -> Command {
    let mut command = Command::new(SIPAUTH);
    command.current_dir(folder);
    command
}

/// Runs a command line with `$S` for the program, in a folder.
fn shell(folder: &Path, line: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("S", SIPAUTH).current_dir(folder).stdin(Stdio::null());
    command.output().expect("there is a shell")
}

/// The exit code as a shell has it: 128 and the number of the signal where one ended the process.
fn code(output: &Output) -> i32 {
    let status = output.status;
    status.code().unwrap_or_else(|| 128 + status.signal().expect("a code or a signal"))
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("notes are UTF-8")
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A capture that is longer than what pipes hold back.
fn long_capture() -> Vec<u8> {
    let frames: Vec<Vec<u8>> = (1..=2_000).map(|number| udp_frame(&message(number, 100))).collect();
    wire::pcap(wire::Order::Little, wire::Resolution::Micro, &wire::timed(&frames))
}

/// The program, having read a good part of a capture from its standard input, which stays open.
fn reading(folder: &Path, options: &[&str]) -> Child {
    let mut command = sipauth(folder);
    command.arg("analyze").args(options).arg("-");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("it starts");
    let capture = long_capture();
    assert!(capture.len() > 400_000);
    let input = child.stdin.as_mut().expect("piped");
    // A pipe holds 64 KiB, so that this ends when the rest has been read.
    input.write_all(&capture[..300_000]).expect("it reads on");
    child
}

#[test]
fn an_input_without_permission_is_unreadable() {
    let folder = folder();
    let locked = folder.path().join("locked.pcap");
    fs::copy(folder.path().join("good.pcap"), &locked).expect("copied");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("set");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("set");
    let mut command = sipauth(folder.path());
    if File::open(&locked).is_ok() {
        // Root may read everything: then the program runs as nobody, from a place that nobody can reach.
        let program = folder.path().join("sipauth");
        fs::copy(SIPAUTH, &program).expect("copied");
        command = Command::new(program);
        command.current_dir(folder.path()).uid(65_534).gid(65_534);
    }
    let output = command.args(["analyze", "locked.pcap"]).output().expect("it starts");
    assert_eq!((code(&output), output.stdout.len()), (3, 0));
    assert!(stderr(&output).starts_with("sipauth: locked.pcap: Permission denied"), "{}", stderr(&output));
}

#[test]
fn reading_that_fails_is_said_and_what_came_before_is_reported() {
    let folder = folder();
    // The first read of a process's memory fails: nothing is mapped at its beginning.
    let output = sipauth(folder.path()).args(["analyze", "/proc/self/mem"]).output().expect("it starts");
    assert_eq!((code(&output), output.stdout.len()), (3, 0), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("sipauth: /proc/self/mem: "), "{}", stderr(&output));
    std::os::unix::fs::symlink("loop.pcap", folder.path().join("loop.pcap")).expect("linked");
    let output = sipauth(folder.path()).args(["analyze", "loop.pcap"]).output().expect("it starts");
    assert_eq!((code(&output), output.stdout.len()), (3, 0), "{}", stderr(&output));
}

#[test]
fn a_named_pipe_is_read_like_a_file() {
    let folder = folder();
    let made = Command::new("mkfifo").arg(folder.path().join("pipe")).status().expect("mkfifo is there");
    assert!(made.success());
    let output = shell(folder.path(), "cat good.pcap > pipe & $S analyze --format json --credentials users.csv pipe");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report = report(&output);
    assert_eq!((&report["summary"]["verdict"], &report["inputs"][0]["path"]), (&"ok".into(), &"pipe".into()));
}

#[test]
fn a_file_that_grows_is_read_as_far_as_it_has_come() {
    let folder = folder();
    let capture = long_capture();
    let line = "(while read -r part; do cat $part >> growing.pcap; done < parts) & $S analyze --format json growing.pcap; wait";
    let parts: Vec<String> = capture
        .chunks(20_000)
        .enumerate()
        .map(|(number, part)| {
            fs::write(folder.path().join(format!("part{number}")), part).expect("written");
            format!("part{number}\n")
        })
        .collect();
    fs::write(folder.path().join("parts"), parts[1..].concat()).expect("written");
    fs::copy(folder.path().join("part0"), folder.path().join("growing.pcap")).expect("copied");
    let output = shell(folder.path(), line);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let report = report(&output);
    let packets = report["inputs"][0]["packets"].as_u64().expect("a number");
    assert!((50..=2_000).contains(&packets), "{packets}");
    let is_whole = packets == 2_000;
    assert!(is_whole || report["inputs"][0]["bytes"].as_u64() >= Some(20_000), "{}", report["inputs"]);
}

#[test]
fn names_need_not_be_text() {
    let folder = folder();
    let name = OsStr::from_bytes(b"caf\xe9-\xff.pcap");
    fs::copy(folder.path().join("good.pcap"), folder.path().join(name)).expect("Linux takes any name");
    let place = OsStr::from_bytes(b"out-\xff.json");
    let mut command = sipauth(folder.path());
    command.args(["analyze", "--format", "json", "--output"]).arg(place).arg(name);
    let output = command.output().expect("it starts");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = fs::read(folder.path().join(place)).expect("it was written");
    let report: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(report["summary"]["verdict"], "ok");
    let missing = OsStr::from_bytes(b"gone-\xff\x1b]0;x\x07.pcap");
    let output = sipauth(folder.path()).arg("analyze").arg(missing).output().expect("it starts");
    assert_eq!(code(&output), 3);
    assert!(!stderr(&output).chars().any(|c| c.is_control() && c != '\n'), "{:?}", stderr(&output));
}

#[test]
fn a_name_in_the_place_of_an_option_cannot_act_on_the_terminal() {
    let folder = folder();
    let name = "--\u{1b}]0;owned\u{7}\u{202e}.pcap";
    for words in [&["analyze", name][..], &[name], &["analyze", "--format", name, "good.pcap"], &["list", name]] {
        let mut command = sipauth(folder.path());
        let output = command.args(words).env("CLICOLOR_FORCE", "1").output().expect("it starts");
        assert_eq!(code(&output), 2, "{words:?}");
        let told = stderr(&output);
        assert!(told.contains(".pcap"), "{told}");
        assert!(!told.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{told:?}");
    }
}

/// Lines that end with what the shell says of the program, and what it must say.
#[test]
fn output_that_cannot_be_written_is_said_and_leaves_nothing_behind() {
    let folder = folder();
    let before = names(folder.path());
    // A limit of 512 bytes for each file, as on a disk that is full behind them; without the signal, which would end the process.
    let limited = "trap '' XFSZ; ulimit -f 1; exec $S analyze --quiet";
    let lines = [
        format!("{limited} --format json --output report.json good.pcap"),
        format!("{limited} --format html --output report.html good.pcap"),
        format!("{limited} --write frames.pcapng good.pcap"),
        // What is kept of a pipe to be read again does not fit either.
        format!("{limited} --write frames.pcapng - < good.pcap"),
        format!("{limited} --format json good.pcap > report.json"),
        "$S analyze --quiet --output /dev/full good.pcap".to_owned(),
        "$S analyze --quiet --write /dev/full good.pcap".to_owned(),
        "$S flow --output /dev/full good.pcap".to_owned(),
        "$S compare good.pcap good.pcap > /dev/full".to_owned(),
        "$S list rules > /dev/full".to_owned(),
        "$S schema > /dev/full".to_owned(),
        "$S man > /dev/full".to_owned(),
    ];
    for line in lines {
        let output = shell(folder.path(), &line);
        assert_eq!(code(&output), 5, "{line}: {}", stderr(&output));
        assert_eq!(stderr(&output).lines().count(), 1, "{line}: {}", stderr(&output));
        fs::remove_file(folder.path().join("report.json")).ok();
        assert_eq!(names(folder.path()), before, "{line}");
    }
    // The signal ends the process, and still nothing half is left.
    let output =
        shell(folder.path(), "ulimit -f 1; exec $S analyze --quiet --format json --output report.json good.pcap");
    assert_ne!(code(&output), 0);
    assert_eq!(names(folder.path()), before);
}

#[test]
fn every_write_may_be_the_one_that_fails() {
    let folder = folder();
    let whole = shell(folder.path(), "$S analyze --quiet --format json good.pcap").stdout.len();
    let before = names(folder.path());
    // The limit counts in 512 bytes.
    let units = whole.div_ceil(512);
    assert!(units > 8, "{whole}");
    for limit in 0..units {
        let line =
            format!("trap '' XFSZ; ulimit -f {limit}; exec $S analyze --quiet --format json -o report.json good.pcap");
        let output = shell(folder.path(), &line);
        assert_eq!(code(&output), 5, "{limit}: {}", stderr(&output));
        assert_eq!(names(folder.path()), before, "{limit}");
    }
    let line = format!("ulimit -f {units}; exec $S analyze --quiet --format json -o report.json good.pcap");
    assert_eq!(code(&shell(folder.path(), &line)), 0);
    assert_eq!(fs::metadata(folder.path().join("report.json")).expect("it is there").len(), whole as u64);
}

#[test]
fn notes_that_cannot_be_written_change_no_exit_code() {
    let folder = folder();
    for (to, line) in [">/dev/full", ">&-"].iter().flat_map(|to| {
        [(3, "analyze missing.pcap"), (2, "analyze"), (2, "analyze --overlap x good.pcap"), (2, "explain zzz")]
            .map(|line| (to, line))
    }) {
        let output = shell(folder.path(), &format!("exec $S {} 2{to}", line.1));
        assert_eq!(code(&output), line.0, "{} 2{to}", line.1);
    }
    let warned = "analyze --user alice --password wonderland-7 --redact none --format json good.pcap";
    let output = shell(folder.path(), &format!("exec $S {warned} 2>/dev/full"));
    assert_eq!(code(&output), 0);
    assert_eq!(report(&output)["summary"]["verifications"]["match"], 2);
}

/// Sends a signal, and waits for the end. What the program reads from stays open, so that it is the signal that ends it.
fn ended_by(signal: &str, mut child: Child) -> Output {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &pid]).status().expect("kill is there").success());
    let stdin = child.stdin.take();
    let output = child.wait_with_output().expect("it ends");
    drop(stdin);
    output
}

#[test]
fn a_signal_leaves_whole_files_or_none() {
    // What is read live ends with a report; where nobody could make one, there is no file.
    for (signal, expect) in [("INT", 130), ("TERM", 143), ("KILL", 137)] {
        let folder = folder();
        let before = names(folder.path());
        let output = ended_by(signal, reading(folder.path(), &["--output", "report.txt", "--write", "frames.pcapng"]));
        assert_eq!(code(&output), expect, "{signal}: {}", stderr(&output));
        assert_eq!(output.stdout.len(), 0);
        let written: Vec<String> = names(folder.path()).into_iter().filter(|name| !before.contains(name)).collect();
        match signal {
            "KILL" => assert!(written.is_empty(), "{written:?}"),
            _ => assert_eq!(written, ["frames.pcapng", "report.txt"], "{signal}"),
        }
    }
}

#[test]
fn a_signal_ends_what_is_not_live_at_once() {
    for (signal, expect) in [("INT", 130), ("TERM", 143)] {
        let folder = folder();
        assert!(Command::new("mkfifo").arg(folder.path().join("secrets")).status().expect("mkfifo is there").success());
        let before = names(folder.path());
        // A shell's job in the background ignores SIGINT, and so would what the tests start there.
        let mut command = Command::new("env");
        command.current_dir(folder.path()).args(["--default-signal", env!("CARGO_BIN_EXE_sipauth")]);
        command.args(["compare", "--output", "out.txt", "--credentials", "secrets", "good.pcap", "good.pcap"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        // This returns when the program has opened the other end: by then its output has been begun.
        let writer = fs::OpenOptions::new().write(true).open(folder.path().join("secrets")).expect("opened");
        let output = ended_by(signal, child);
        drop(writer);
        assert_eq!((code(&output), output.stdout.len()), (expect, 0), "{signal}: {}", stderr(&output));
        assert_eq!(names(folder.path()), before, "{signal}");
    }
}

#[test]
fn no_core_dump_is_left_once_a_secret_is_read() {
    let folder = folder();
    let core = |options: &[&str]| {
        let mut child = reading(folder.path(), options);
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("it runs");
        let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("Linux tells");
        let values: Vec<String> = line.split_whitespace().skip(4).take(2).map(str::to_owned).collect();
        drop(child.stdin.take());
        child.wait_with_output().expect("it ends");
        values
    };
    let without = core(&[]);
    assert_eq!(core(&["--credentials", "users.csv"]), ["0", "0"], "without secrets it is {without:?}");
    assert_eq!(core(&["--user", "alice", "--password", "x"]), ["0", "0"]);
    let own = fs::read_to_string("/proc/self/limits").expect("Linux tells");
    let own = own.lines().find(|line| line.starts_with("Max core file size")).expect("Linux tells").to_owned();
    assert!(without.iter().all(|value| own.contains(value.as_str())), "without secrets nothing changes: {own}");
}

/// What a program has to call to speak to a network.
const NETWORK_CALLS: [&str; 8] =
    ["socket", "connect", "bind", "listen", "accept4", "getaddrinfo", "sendto", "recvfrom"];

/// The names of the functions that the program takes from the system's libraries: they stand one behind the other in the table of
/// dynamic symbols.
fn imports() -> Vec<String> {
    let mut program = Vec::new();
    File::open(SIPAUTH).and_then(|mut file| file.read_to_end(&mut program)).expect("it can be read");
    let is_name = |text: &&[u8]| text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.$-".contains(byte));
    let first = b"\0__libc_start_main\0";
    let at = program.windows(first.len()).position(|window| window == first).expect("a program of Linux");
    let before = program[..at].rsplit(|byte| *byte == 0).take_while(is_name);
    let names = before.chain(program[at + 1..].split(|byte| *byte == 0).take_while(is_name));
    names.filter(|text| !text.is_empty()).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

#[test]
fn no_socket_is_ever_opened() {
    let imports = imports();
    let has = |name: &str| imports.iter().any(|import| import == name);
    assert!(has("read") && has("write") && imports.len() > 50, "the table of symbols was not found: {imports:?}");
    let found: Vec<&str> = NETWORK_CALLS.into_iter().filter(|name| has(name)).collect();
    assert!(found.is_empty(), "the program takes {found:?} from the system");
    // And while it runs, with everything that it can be asked for.
    let folder = folder();
    let mut child = reading(
        folder.path(),
        &["--credentials", "users.csv", "--output", "report.html", "--format", "html", "--write", "frames.pcapng"],
    );
    let open: Vec<String> = fs::read_dir(format!("/proc/{}/fd", child.id()))
        .expect("it runs")
        .filter_map(|file| fs::read_link(file.expect("an entry").path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect();
    assert!(open.iter().any(|target| target.starts_with("pipe:")), "{open:?}");
    assert!(!open.iter().any(|target| target.starts_with("socket:")), "{open:?}");
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}
