//! The command line as scripts and people use it: exit codes, what stands on stdout and what on stderr, and where secrets
//! may come from.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::Run;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

/// A registration that works, with its password.
const GOOD: &str = "register-ok";
/// One that is refused for its password: a finding of severity high.
const BAD: &str = "register-wrong-password-403";

/// A folder with `good.pcap`, `bad.pcap` and `users.csv`, which fits both.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, sample: &str, file: &str| {
        fs::copy(Sample::named(sample).folder.join(file), folder.path().join(name)).expect("the sample is there");
    };
    put("good.pcap", GOOD, "capture.pcap");
    put("bad.pcap", BAD, "capture.pcap");
    put("users.csv", GOOD, "credentials.csv");
    folder
}

/// Runs `sipauth` with these words in such a folder.
fn typed(folder: &Path, words: &[&str]) -> Run {
    run(sipauth(folder).args(words))
}

/// Checks the exit code, and what one line of stderr says.
fn check(folder: &Path, words: &[&str], code: i32, stderr: &str) {
    let run = typed(folder, words);
    assert_eq!(run.code, code, "{words:?}: {run:?}");
    assert!(run.stderr.lines().any(|line| line.contains(stderr)), "{words:?}: {stderr:?} is not in {}", run.stderr);
    if code != 0 && code != 1 && code != 4 {
        assert_eq!(run.stdout, "", "{words:?}: nothing was analysed, so there is no result");
    }
}

#[test]
fn the_exit_code_says_how_it_ended() {
    let folder = folder();
    let check = |words: &[&str], code: i32, stderr: &str| check(folder.path(), words, code, stderr);
    let analyze = ["analyze", "--quiet", "--credentials", "users.csv"];
    let with = |more: &[&'static str]| [&analyze[..], more].concat();
    assert_eq!(typed(folder.path(), &with(&["good.pcap"])).code, 0);
    assert_eq!(typed(folder.path(), &with(&["bad.pcap"])).code, 1);
    assert_eq!(typed(folder.path(), &with(&["--fail-on", "never", "bad.pcap"])).code, 0);
    assert_eq!(typed(folder.path(), &with(&["--fail-on", "info", "good.pcap"])).code, 1);
    check(&["analyze"], 2, "CAPTURE");
    check(&["analyze", "--no-such-option", "good.pcap"], 2, "--no-such-option");
    check(&["analyze", "missing.pcap"], 3, "missing.pcap: ");
    fs::write(folder.path().join("empty.pcap"), "").expect("it can be written");
    check(&["analyze", "empty.pcap"], 3, "empty.pcap: ");
    fs::write(folder.path().join("report.json"), "{\"schema\": \"sipauth.report\"}").expect("it can be written");
    check(&["analyze", "report.json"], 3, "report.json: not a capture: starts with 7b 22");
    check(&["analyze", "--format", "json", "missing.pcap"], 3, "missing.pcap: ");
}

#[test]
fn damage_counts_only_when_strict() {
    let sample = Sample::named("file-cut-short");
    assert_eq!(sample.analyze(&["--quiet", "--strict"]).code, 4);
    assert_eq!(sample.analyze(&["--quiet"]).code, 1);
    assert_eq!(sample.analyze(&["--quiet", "--fail-on", "never"]).code, 0);
    let whole = Sample::named(GOOD).analyze(&["--quiet", "--strict"]);
    assert_eq!(whole.code, 0);
    let cut = sample.analyze(&["--quiet", "--strict", "--format", "json"]);
    assert!(cut.stdout.ends_with("\n}\n"), "the report is whole all the same");
}

#[test]
fn fail_on_asks_for_a_severity() {
    // Its worst finding is medium.
    let sample = Sample::named("register-423");
    assert_eq!(sample.analyze(&["--quiet"]).code, 0);
    assert_eq!(sample.analyze(&["--quiet", "--fail-on", "medium"]).code, 1);
    assert_eq!(sample.analyze(&["--quiet", "--fail-on", "critical"]).code, 0);
}

#[test]
fn of_several_inputs_the_readable_ones_are_analysed() {
    let folder = folder();
    let words = ["analyze", "--quiet", "--format", "json", "--credentials", "users.csv"];
    let run = typed(folder.path(), &[&words[..], &["missing.pcap", "bad.pcap", "good.pcap"]].concat());
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(run.stderr.starts_with("sipauth: missing.pcap: "), "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).expect("a whole report");
    assert_eq!(report["inputs"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["summary"]["sessions"], 2);
    // They are numbered by time.
    let inputs = report["inputs"].as_array().expect("inputs");
    let bad = inputs.iter().position(|input| input["path"] == "bad.pcap").expect("it was read");
    assert_eq!(report["findings"][0]["frames"][0]["input"], bad);
}

#[test]
fn credentials_that_cannot_be_used_are_wrong_use() {
    let folder = folder();
    let check = |words: &[&str], stderr: &str| {
        check(folder.path(), &[&["analyze"][..], words, &["good.pcap"]].concat(), 2, stderr);
    };
    check(&["--credentials", "missing.csv"], "missing.csv: ");
    check(&["--user", "alice"], "--user needs a secret");
    check(&["--password", "p"], "--user");
    check(&["--user", "alice", "--ha1", "12345"], "--ha1: ");
    check(&["--user", "alice", "--ha1", &"g".repeat(32)], "--ha1: ");
    check(&["--user", "alice", "--password", "p", "--password-stdin"], "cannot be used with");
    check(&["--credentials", "-", "--user", "alice", "--password-stdin"], "stdin can be read once");
    crate::cli::check(folder.path(), &["analyze", "--credentials", "-", "-"], 2, "stdin can be read once");
    crate::cli::check(folder.path(), &["analyze", "-", "-"], 2, "stdin can be read once");
    // More passwords for one account than its owner can have used: that would be guessing.
    let rows: String = (0..4).map(|n| format!("alice,sip.example.test,guess-{n}\n")).collect();
    fs::write(folder.path().join("guesses.csv"), rows).expect("it can be written");
    check(&["--credentials", "guesses.csv"], "guesses.csv");
}

/// Every way to give the password of `samples/register-ok`.
#[test]
fn secrets_come_from_files_options_and_pipes() {
    let folder = folder();
    let password = "wonderland-7";
    // MD5 of alice:sip.example.test:wonderland-7, by md5sum.
    let ha1 = "7d0c95978b198a47759b450cfdcdf0d6";
    fs::write(folder.path().join("users.htdigest"), format!("alice:sip.example.test:{ha1}\n")).expect("written");
    let of_user = ["--user", "alice", "--realm", "sip.example.test"];
    let ways: [(&[&str], &str); 7] = [
        (&["--credentials", "users.csv"], ""),
        (&["--credentials", "users.htdigest"], ""),
        (&["--credentials-type", "htdigest", "--credentials", "users.htdigest"], ""),
        (&["--credentials", "-"], "alice,*,wonderland-7\n"),
        (&["--user", "alice", "--password", password], ""),
        (&[&of_user[..], &["--password-stdin"]].concat(), "wonderland-7\n"),
        (&[&of_user[..], &["--ha1", ha1]].concat(), ""),
    ];
    for (options, stdin) in ways {
        let mut command = sipauth(folder.path());
        command.args(["analyze", "--format", "json"]).args(options).arg("good.pcap").write_stdin(stdin);
        let run = run(&mut command);
        assert_eq!(run.code, 0, "{options:?}: {}", run.stderr);
        let report: Value = serde_json::from_str(&run.stdout).expect("a report");
        assert_eq!(report["summary"]["verifications"]["match"], 2, "{options:?}");
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(password) && !text.contains(ha1), "{options:?} shows the secret: {text}");
        }
        let warns = run.stderr.contains("process list");
        assert_eq!(warns, options.contains(&"--password"), "{options:?}: {}", run.stderr);
    }
}

#[test]
fn the_digest_is_shown_only_when_asked_for() {
    let sample = Sample::named(GOOD);
    let count = |run: &Run| {
        let report: Value = serde_json::from_str(&run.stdout).expect("a report");
        let sessions = report["sessions"].as_array().expect("an array").clone();
        let attempts: Vec<Value> =
            sessions.iter().flat_map(|s| s["attempts"].as_array().expect("an array").clone()).collect();
        attempts
            .iter()
            .flat_map(|a| a["credentials"].as_array().expect("an array").clone())
            .filter(|c| c["response"].as_str().is_some_and(|response| response.len() == 32))
            .count()
    };
    assert_eq!(count(&sample.analyze(&["--quiet", "--format", "json"])), 0);
    let open = sample.analyze(&["--format", "json", "--redact", "none"]);
    assert_eq!(count(&open), 2);
    assert!(open.stderr.contains("warning: --redact none"), "{}", open.stderr);
    // What was sent in clear stays hidden even then.
    let basic = Sample::named("register-basic-scheme").analyze(&["--redact", "none"]);
    assert!(basic.stdout.contains("Basic [redacted]"), "{}", basic.stdout);
}

#[test]
fn output_is_never_put_over_something_by_mistake() {
    let folder = folder();
    let check = |place: &str, code: i32, stderr: &str| {
        check(folder.path(), &["analyze", "--output", place, "good.pcap"], code, stderr);
    };
    fs::write(folder.path().join("old.txt"), "old").expect("written");
    std::os::unix::fs::symlink("old.txt", folder.path().join("link.txt")).expect("linked");
    fs::create_dir(folder.path().join("folder")).expect("made");
    let input = fs::read(folder.path().join("good.pcap")).expect("read");
    check("old.txt", 2, "old.txt: exists already; --force replaces it");
    check("link.txt", 2, "link.txt: is a link");
    check("folder", 2, "folder: is a folder");
    check("good.pcap", 2, "good.pcap: is one of the inputs");
    check("./good.pcap", 2, "good.pcap: is one of the inputs");
    check("no-folder/report.txt", 5, "no-folder");
    for place in ["link.txt", "good.pcap"] {
        let run = typed(folder.path(), &["analyze", "--force", "--output", place, "good.pcap"]);
        assert_eq!(run.code, 2, "--force is for existing files only: {}", run.stderr);
    }
    assert_eq!(fs::read(folder.path().join("good.pcap")).expect("read"), input, "no input was touched");
    assert_eq!(fs::read_to_string(folder.path().join("old.txt")).expect("read"), "old");
}

#[test]
fn output_to_a_file_is_what_stdout_would_have_been() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let analyze = ["analyze", "--quiet", "--format", "json", "--credentials", "users.csv", "bad.pcap"];
    let direct = typed(folder.path(), &analyze);
    let filed = typed(folder.path(), &[&analyze[..], &["--output", "report.json"]].concat());
    assert_eq!((filed.code, filed.stdout.as_str()), (1, ""));
    let place = folder.path().join("report.json");
    assert_eq!(fs::read_to_string(&place).expect("it was written"), direct.stdout);
    assert_eq!(fs::metadata(&place).expect("it is there").permissions().mode() & 0o777, 0o600, "a report is private");
    let forced = typed(folder.path(), &[&analyze[..], &["--output", "report.json", "--force"]].concat());
    assert_eq!(forced.code, 1, "{}", forced.stderr);
    let files = fs::read_dir(folder.path()).expect("read").count();
    assert_eq!(files, 4, "nothing else is left behind");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    for format in ["human", "json"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sipauth"))
            .args(["analyze", "--quiet", "--format", format, "capture.pcap"])
            .current_dir(Sample::named(GOOD).folder)
            .stdout(full)
            .output()
            .expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{format}: {stderr}");
        assert!(stderr.starts_with("sipauth: ") && stderr.contains("No space left"), "{format}: {stderr}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    for format in ["human", "json"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sipauth"))
            .args(["analyze", "--quiet", "--format", format, "--credentials", "credentials.csv", "capture.pcap"])
            .current_dir(Sample::named(BAD).folder)
            .stdout(Stdio::from(writer))
            .output()
            .expect("it starts");
        assert_eq!(output.status.code(), Some(1), "{format}: the answer is still the exit code");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{format}");
    }
}

/// The report of a run that read `name`, as if it had read `good.pcap`.
fn renamed(run: &Run, name: &str) -> String {
    run.stdout.replacen(&format!("{name}: "), "good.pcap: ", 1)
}

#[test]
fn pipes_and_compressed_files_give_the_same_report() {
    let folder = folder();
    let bytes = fs::read(folder.path().join("good.pcap")).expect("read");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&bytes).expect("memory can be written");
    let packed = packed.finish().expect("memory can be written");
    fs::write(folder.path().join("good.pcap.gz"), &packed).expect("written");
    let analyze = ["analyze", "--quiet", "--credentials", "users.csv"];
    let direct = typed(folder.path(), &[&analyze[..], &["good.pcap"]].concat());
    assert_eq!(direct.code, 0);
    let zipped = typed(folder.path(), &[&analyze[..], &["good.pcap.gz"]].concat());
    assert_eq!(renamed(&zipped, "good.pcap.gz"), direct.stdout);
    for stdin in [bytes, packed] {
        let piped = run(sipauth(folder.path()).args(analyze).arg("-").write_stdin(stdin));
        assert_eq!(renamed(&piped, "-"), direct.stdout);
    }
}

#[test]
fn names_cannot_act_on_the_terminal() {
    let folder = folder();
    let name = "a\u{1b}]0;owned\u{7}\u{202e}b\n.pcap";
    fs::copy(folder.path().join("good.pcap"), folder.path().join(name)).expect("Linux takes any name");
    let harmless = |text: &str, what: &str| {
        let bad: Vec<char> = text.chars().filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}').collect();
        assert!(bad.is_empty(), "{what}: {bad:?} in {text:?}");
    };
    for format in ["human", "json"] {
        let run = typed(folder.path(), &["analyze", "--format", format, name]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert!(run.stdout.contains("owned"), "{format} names its input");
        harmless(&run.stdout, format);
    }
    let missing = typed(folder.path(), &["analyze", &format!("missing{name}")]);
    assert_eq!(missing.code, 3);
    assert_eq!(missing.stderr.lines().count(), 1, "one event, one line: {:?}", missing.stderr);
    harmless(&missing.stderr, "stderr");
    let csv = typed(folder.path(), &["analyze", "--credentials", name, "good.pcap"]);
    harmless(&csv.stderr, "a capture as credentials");
}

#[test]
fn results_go_to_stdout_and_notes_to_stderr() {
    let folder = folder();
    let analyze = ["analyze", "--user", "alice", "--password", "wonderland-7", "good.pcap"];
    let loud = typed(folder.path(), &analyze);
    let quiet = typed(folder.path(), &[&analyze[..], &["--quiet"]].concat());
    assert_eq!(loud.stdout, quiet.stdout);
    assert_eq!(quiet.stderr, "");
    assert!(loud.stderr.lines().all(|line| line.starts_with("sipauth: ")), "{}", loud.stderr);
    assert!(!loud.stdout.contains('\u{1b}'), "no colour but on a terminal");
    let colored = typed(folder.path(), &[&analyze[..], &["--color", "always"]].concat());
    assert!(colored.stdout.contains('\u{1b}'));
}

#[test]
fn lines_are_at_most_80_columns_wide() {
    for sample in Sample::all() {
        let run = sample.analyze(&["--quiet"]);
        // What is to be pasted stands in one line, and so does what has no blank to break it at.
        let wide = run.stdout.lines().filter(|line| line.chars().count() > 80);
        let wide: Vec<&str> = wide.filter(|line| !line.trim_start().starts_with("Wireshark: ")).collect();
        assert!(
            wide.iter().all(|line| line.trim_start().len() < 100 && !line.trim().contains(' ')),
            "{}: {wide:?}",
            sample.name
        );
    }
}

#[test]
fn explain_knows_a_rule_by_name_and_code_in_any_case() {
    let folder = folder();
    let page = typed(folder.path(), &["explain", "challenge-loop"]);
    assert_eq!(page.code, 0);
    assert!(page.stdout.starts_with("## challenge-loop (SA101)\n"), "{}", page.stdout);
    for other in ["SA101", "sa101", "Challenge-Loop"] {
        assert_eq!(typed(folder.path(), &["explain", other]).stdout, page.stdout, "{other}");
    }
    check(folder.path(), &["explain", "loop"], 2, "did you mean ");
    check(folder.path(), &["explain", "wrong-password"], 2, "did you mean digest-wrong-password?");
    check(folder.path(), &["explain", "zzz"], 2, "`sipauth list rules` shows them all");
}

#[test]
fn lists_are_for_people_and_for_programs() {
    let folder = folder();
    let rules = typed(folder.path(), &["list", "rules", "--format", "json"]);
    let rules: Vec<Value> = serde_json::from_str(&rules.stdout).expect("an array");
    assert_eq!(rules.len(), sipauth::rules::RULES.len());
    for rule in &rules {
        for key in ["name", "code", "severity", "summary", "sample"] {
            assert!(rule[key].as_str().is_some_and(|text| !text.is_empty()), "{key} of {rule}");
        }
        assert!(rule["sources"].as_array().is_some_and(|sources| !sources.is_empty()), "{rule}");
        assert_eq!(rule.as_object().map(serde_json::Map::len), Some(6), "{rule}");
    }
    let table = typed(folder.path(), &["list", "rules"]).stdout;
    assert!(rules.iter().all(|rule| table.contains(rule["name"].as_str().expect("a name"))));
    let algorithms = typed(folder.path(), &["list", "algorithms", "--format", "json"]);
    let algorithms: Vec<Value> = serde_json::from_str(&algorithms.stdout).expect("an array");
    assert!(algorithms.iter().any(|algorithm| algorithm["name"] == "SHA-512-256"), "{algorithms:?}");
}

#[test]
fn the_schema_is_a_schema() {
    let run = typed(&folder().path().join("."), &["schema"]);
    assert_eq!(run.code, 0);
    let schema: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn the_time_of_the_run_is_told_only_when_asked_for() {
    let folder = folder();
    let generated_at = |options: &[&str]| {
        let run = typed(folder.path(), &[&["analyze", "--format", "json", "good.pcap"][..], options].concat());
        serde_json::from_str::<Value>(&run.stdout).expect("a report")["generated_at"].clone()
    };
    assert_eq!(generated_at(&[]), Value::Null);
    assert!(generated_at(&["--stamp"]).as_str().is_some_and(|time| time.ends_with('Z')));
}

#[test]
fn compare_takes_no_failing_session_for_one_that_works() {
    let folder = folder();
    check(folder.path(), &["compare", "bad.pcap", "bad.pcap"], 2, "no session of it got in with credentials");
}

#[test]
fn every_report_for_people_mentions_findings_that_are_not_listed() {
    let folder = folder();
    for format in ["human", "markdown", "html"] {
        let words =
            ["analyze", "--quiet", "--fail-on", "never", "--format", format, "--limit-findings", "1", "bad.pcap"];
        let run = typed(folder.path(), &words);
        assert!(run.stdout.contains("not listed"), "{format}: {}", run.stdout);
    }
}

#[test]
fn a_flood_in_one_call_id_is_counted_whole() {
    let folder = folder();
    let refused = "< 401\nWWW-Authenticate: challenge\n";
    let tried = format!("> REGISTER\nAuthorization: digest user=1001 password=wrong\n{refused}");
    let capture = crate::scenario::pcap(&format!("> REGISTER\n{refused}{}", tried.repeat(1_100)));
    fs::write(folder.path().join("flood.pcap"), capture).expect("the folder is there");
    let run = typed(folder.path(), &["analyze", "--quiet", "--fail-on", "never", "--format", "markdown", "flood.pcap"]);
    assert!(run.stdout.contains("| 1101 | refused (401) |"), "{}", run.stdout);
}
