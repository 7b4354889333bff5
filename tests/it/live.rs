//! Captures that are read while they are written: pipes, files that grow, and rings. Sessions are printed when they close, and a
//! signal ends the reading with a report.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::ChildStdin;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use serde_json::Value;
use tempfile::TempDir;

use crate::corpus::RawFrame;
use crate::corpus::sample;
use crate::wire;
use crate::wire::Order;
use crate::wire::Resolution;

/// A sample that is one session, over in a few seconds.
const SAMPLE: &str = "register-ok";
/// More than the silence after which a Call-ID begins a session anew.
const LATER_NS: u64 = 1_000 * 1_000_000_000;
/// After this a test has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of the header of a pcap file.
const HEADER: usize = 24;

/// The sample as it happens for the n-th time: the bytes of a pcap file.
fn turn(turn: u64) -> Vec<u8> {
    let at = |frame: &RawFrame| (frame.time_ns + turn * LATER_NS, frame.bytes.clone());
    wire::pcap(Order::Little, Resolution::Nano, &sample(SAMPLE).frames().iter().map(at).collect::<Vec<_>>())
}

fn append(place: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(place).expect("it is there");
    file.write_all(bytes).expect("it can be written");
}

/// `sipauth analyze --format ndjson`, while it runs.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn of(folder: &Path, words: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sipauth"));
        command.current_dir(folder).args(["analyze", "--quiet", "--format", "ndjson"]).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
        });
        Running { child, lines }
    }

    fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("a pipe")
    }

    fn line(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("it prints a line while it runs");
        serde_json::from_str(&line).expect("it prints JSON")
    }

    /// Waits for the session that was first to close.
    fn expect_session(&self, id: &str) {
        let line = self.line();
        assert_eq!((line["type"].as_str(), line["id"].as_str()), (Some("session"), Some(id)), "{line}");
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
    }

    /// The exit code and what was printed since.
    fn end(mut self) -> (i32, Vec<Value>) {
        let lines = self.lines.iter().map(|line| serde_json::from_str(&line).expect("it prints JSON")).collect();
        let mut stderr = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("notes are UTF-8");
        assert_eq!(stderr, "");
        (self.child.wait().expect("it ends").code().expect("by itself"), lines)
    }
}

fn of_type<'l>(lines: &'l [Value], name: &'l str) -> impl Iterator<Item = &'l Value> {
    lines.iter().filter(move |line| line["type"] == name)
}

fn events(lines: &[Value]) -> Vec<&str> {
    of_type(lines, "diagnostic").map(|line| line["event"].as_str().expect("a name")).collect()
}

/// How many frames each input had.
fn inputs(lines: &[Value]) -> Vec<(&str, u64)> {
    let inputs = of_type(lines, "input");
    inputs.map(|line| (line["path"].as_str().expect("a path"), line["packets"].as_u64().expect("a number"))).collect()
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("sip.pcap0");
    fs::write(&place, "").expect("it can be written");
    (folder, place)
}

#[test]
fn a_growing_file_is_read_on_until_a_signal_comes() {
    let (folder, place) = folder();
    let running = Running::of(folder.path(), &["--follow", "sip.pcap0"]);
    // Not even the header stands there at once.
    let (first, second) = (turn(0), turn(1));
    append(&place, &first[..10]);
    append(&place, &first[10..]);
    let (half, rest) = second[HEADER..].split_at(second.len() / 2);
    append(&place, half);
    running.expect_session("s1");
    append(&place, rest);
    append(&place, &turn(2)[HEADER..]);
    running.expect_session("s2");
    running.signal(Signal::INT);
    let (code, lines) = running.end();
    assert_eq!(code, 130);
    assert_eq!(of_type(&lines, "session").count(), 1, "the last one is closed by the end");
    let frames = sample(SAMPLE).frames().len() as u64;
    assert_eq!((inputs(&lines), events(&lines)), (vec![("sip.pcap0", 3 * frames)], vec![]));
    assert_eq!(lines.last().expect("a summary")["sessions"], 3);
}

#[test]
fn a_record_that_is_cut_at_the_end_is_said_at_the_end() {
    let (folder, place) = folder();
    append(&place, &turn(0));
    let next = turn(1);
    append(&place, &next[HEADER..next.len() - 7]);
    let running = Running::of(folder.path(), &["--follow", "sip.pcap0"]);
    running.expect_session("s1");
    running.signal(Signal::TERM);
    let (code, lines) = running.end();
    assert_eq!((code, events(&lines)), (143, vec!["input_truncated"]));
}

#[test]
fn the_next_file_of_a_ring_is_read_and_so_is_one_that_is_replaced_or_begun_anew() {
    let (folder, place) = folder();
    append(&place, &turn(0));
    // An older file of the ring, and one of another.
    fs::write(folder.path().join("sip.pcap2"), turn(9)).expect("it can be written");
    File::open(folder.path().join("sip.pcap2"))
        .and_then(|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH))
        .expect("it can be set");
    fs::write(folder.path().join("rtp.pcap0"), turn(9)).expect("it can be written");
    let running = Running::of(folder.path(), &["--follow", "sip.pcap0"]);
    let write = |name: &str, at: u64| fs::write(folder.path().join(name), turn(at)).expect("it can be written");
    write("sip.pcap1", 1);
    running.expect_session("s1");
    // A ring that comes around truncates.
    write("sip.pcap2", 2);
    running.expect_session("s2");
    write("sip.pcap0", 3);
    running.expect_session("s3");
    // Another file of that name, as logrotate leaves it.
    fs::rename(&place, folder.path().join("sip.old")).expect("it can be moved");
    write("sip.pcap0", 4);
    running.expect_session("s4");
    // What is gone is no trouble.
    fs::remove_file(folder.path().join("sip.pcap1")).expect("it can be removed");
    append(&place, &turn(5)[HEADER..]);
    running.expect_session("s5");
    running.signal(Signal::INT);
    let (code, lines) = running.end();
    assert_eq!((code, events(&lines)), (130, vec![]));
    let frames = sample(SAMPLE).frames().len() as u64;
    let names = ["sip.pcap0", "sip.pcap1", "sip.pcap2", "sip.pcap0", "sip.pcap0"];
    let expected: Vec<_> = names.iter().zip([1, 1, 1, 1, 2]).map(|(name, turns)| (*name, turns * frames)).collect();
    assert_eq!(inputs(&lines), expected);
}

#[test]
fn of_a_folder_the_newest_file_is_followed() {
    let (folder, place) = folder();
    fs::create_dir(folder.path().join("ring")).expect("it can be made");
    for at in 0..3 {
        let file = folder.path().join(format!("ring/sip_0000{at}_2026112119150{at}.pcap"));
        fs::write(&file, turn(at)).expect("it can be written");
        let age = std::time::UNIX_EPOCH + Duration::from_secs(1_000 + at);
        File::open(&file).and_then(|file| file.set_modified(age)).expect("it can be set");
    }
    let running = Running::of(folder.path(), &["--follow", "ring"]);
    running.expect_session("s1");
    running.expect_session("s2");
    fs::write(folder.path().join("ring/sip_00003_20261121191503.pcap"), turn(3)).expect("it can be written");
    running.expect_session("s3");
    running.signal(Signal::INT);
    let (code, lines) = running.end();
    let frames = sample(SAMPLE).frames().len() as u64;
    let named = |at: u64| format!("ring/sip_0000{at}_2026112119150{at}.pcap");
    let expected: Vec<_> = (0..4).map(|at| (named(at), frames)).collect();
    assert_eq!(code, 130);
    assert_eq!(inputs(&lines), expected.iter().map(|(name, frames)| (name.as_str(), *frames)).collect::<Vec<_>>());
    assert!(place.exists());
}

#[test]
fn a_pipe_gives_its_sessions_as_they_close() {
    let mut running = Running::of(Path::new("."), &["-"]);
    let mut pipe = running.stdin();
    pipe.write_all(&turn(0)).expect("it reads");
    pipe.write_all(&turn(1)[HEADER..]).expect("it reads");
    running.expect_session("s1");
    // The pipe is still open; what it holds when the signal comes is read.
    pipe.write_all(&turn(2)[HEADER..]).expect("it reads");
    running.signal(Signal::INT);
    let (code, lines) = running.end();
    assert_eq!((code, events(&lines)), (130, vec![]));
    assert_eq!(lines.last().expect("a summary")["sessions"], 3);
    drop(pipe);
}

#[test]
fn nobody_reads_a_pipe_for_an_output_that_is_gone() {
    let mut running = Running::of(Path::new("."), &["-"]);
    let mut pipe = running.stdin();
    let Running { mut child, lines } = running;
    drop(lines);
    let turns = (0..).map(turn).map(|turn| turn[HEADER..].to_vec());
    pipe.write_all(&turn(0)[..HEADER]).expect("it reads");
    // A write fails as soon as nobody reads.
    let written = turns.take(1_000_000).take_while(|turn| pipe.write_all(turn).is_ok()).count();
    assert!(written < 1_000_000);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn what_cannot_be_followed_is_said() {
    let (folder, _) = folder();
    fs::write(folder.path().join("notes.txt"), "this is no capture, and is none when it grows").expect("a file");
    let check = |words: &[&str], code: i32, stderr: &str| {
        let run = crate::run::run(crate::run::sipauth(folder.path()).arg("analyze").args(words));
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.stderr.contains(stderr), "{}", run.stderr);
    };
    check(&["--follow", "-"], 2, "--follow is for files");
    check(&["--follow", "sip.pcap0", "-"], 2, "--follow is for files");
    check(&["--follow", "missing.pcap"], 3, "missing.pcap: ");
    check(&["--follow", "notes.txt"], 3, "notes.txt: not a capture");
}
