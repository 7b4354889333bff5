//! SARIF: the parts that the standard demands (OASIS, SARIF 2.1.0), and that the places it names hold the frames.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::formats::on;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

const SARIF: [&str; 4] = ["analyze", "--quiet", "--format", "sarif"];

fn log(sample: &Sample) -> Value {
    serde_json::from_str(&on(sample, &SARIF).stdout).expect("the log is JSON")
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

/// What the standard demands of each object that we write: §3.13, §3.14, §3.19, §3.27, §3.28, §3.49.
#[test]
fn logs_have_what_the_standard_demands() {
    for sample in Sample::all() {
        let log = log(&sample);
        assert_eq!(log["version"], "2.1.0");
        assert!(log["$schema"].as_str().is_some_and(|uri| uri.starts_with("https://")));
        assert_eq!(list(&log["runs"]).len(), 1);
        let run = &log["runs"][0];
        let driver = &run["tool"]["driver"];
        assert_eq!(driver["name"], "sipauth");
        let rules = list(&driver["rules"]);
        let ids: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().expect("an id")).collect();
        assert_eq!(ids.len(), rules.len(), "ids are unique");
        for rule in rules {
            for key in ["shortDescription", "fullDescription", "help"] {
                assert!(rule[key]["text"].as_str().is_some_and(|text| !text.is_empty()), "{key}");
            }
        }
        let levels = ["none", "note", "warning", "error"];
        for result in list(&run["results"]) {
            let index = result["ruleIndex"].as_u64().expect("an index");
            assert_eq!(rules[usize::try_from(index).expect("it is small")]["id"], result["ruleId"]);
            assert!(levels.contains(&result["level"].as_str().expect("a level")));
            // §3.27.9: a kind other than fail demands the level none.
            assert_eq!(result["kind"] != "fail", result["level"] == "none");
            assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
            assert!(result["partialFingerprints"]["sipauthFinding/v1"].is_string());
            for place in list(&result["locations"]).iter().chain(list(&result["relatedLocations"])) {
                let artifact = &place["physicalLocation"]["artifactLocation"];
                assert_eq!(run["artifacts"][0]["location"]["uri"], artifact["uri"], "{}", sample.name);
            }
        }
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    }
}

/// Another program's types, made from the schema of the standard, hold everything that we write: whatever is missing, unknown or of
/// another type there does not come out again as it went in.
#[test]
fn another_reader_of_sarif_keeps_every_word() {
    for sample in Sample::all() {
        let log = log(&sample);
        let read: serde_sarif::sarif::Sarif =
            serde_json::from_value(log.clone()).unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        assert_eq!(serde_json::to_value(&read).expect("it is JSON"), log, "{}", sample.name);
        // The schema asks for lists without repetition, which types do not show.
        for result in list(&log["runs"][0]["results"]) {
            for key in ["locations", "relatedLocations"] {
                let places: BTreeSet<String> = list(&result[key]).iter().map(Value::to_string).collect();
                assert_eq!(places.len(), list(&result[key]).len(), "{}: {key}", sample.name);
            }
        }
    }
}

#[test]
fn results_point_at_the_bytes_of_their_frame() {
    for name in ["register-wrong-password-403", "big-endian", "pcapng-wrong-password"] {
        let sample = Sample::named(name);
        let file = std::fs::read(sample.folder.join(sample.capture())).expect("the capture is there");
        let frames = sample_frames(&sample);
        let mut places = 0;
        let log = log(&sample);
        for result in list(&log["runs"][0]["results"]) {
            for place in list(&result["locations"]).iter().chain(list(&result["relatedLocations"])) {
                let number: usize =
                    place["message"]["text"].as_str().expect("text")["frame ".len()..].parse().expect("n");
                let region = &place["physicalLocation"]["region"];
                let at = |key: &str| usize::try_from(region[key].as_u64().expect("a number")).expect("it fits");
                let (offset, len) = (at("byteOffset"), at("byteLength"));
                assert_eq!(file[offset..offset + len], frames[number - 1], "{name}: frame {number}");
                places += 1;
            }
        }
        assert!(places > 2, "{name}: {places}");
    }
}

/// The bytes of each frame, as tshark reads them.
fn sample_frames(sample: &Sample) -> Vec<Vec<u8>> {
    let output = std::process::Command::new("tshark")
        .args(["-n", "-T", "json", "-x", "-j", "frame", "-r"])
        .arg(sample.folder.join(sample.capture()))
        .output()
        .expect("tshark is needed for this test: apt-get install tshark");
    let packets: Value = serde_json::from_slice(&output.stdout).expect("tshark prints JSON");
    let hex = |packet: &Value| {
        let text = packet["_source"]["layers"]["frame_raw"][0].as_str().expect("bytes").to_owned();
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).expect("hex")).collect()
    };
    list(&packets).iter().map(hex).collect()
}

#[test]
fn what_cannot_be_read_twice_has_no_bytes() {
    let sample = Sample::named("gzip-wrong-password");
    assert!(log(&sample)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].is_null());
    let sample = Sample::named("register-wrong-password-403");
    let capture = std::fs::read(sample.folder.join(sample.capture())).expect("it is there");
    let piped = run(sipauth(&sample.folder).args(SARIF).arg("-").write_stdin(capture));
    let log: Value = serde_json::from_str(&piped.stdout).expect("the log is JSON");
    assert!(log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].is_null());
}

#[test]
fn a_log_is_that_of_the_sample() {
    let sample = Sample::named("register-wrong-password-403");
    let log = log(&sample);
    let results: Vec<String> = list(&log["runs"][0]["results"])
        .iter()
        .map(|one| format!("{} {} {}", one["ruleId"], one["level"], one["properties"]["fault"]))
        .collect();
    let report: Value =
        serde_json::from_str(&on(&sample, &["analyze", "-q", "-T", "json"]).stdout).expect("the report is JSON");
    let level = |severity: &str| match severity {
        "critical" | "high" => "error",
        "medium" => "warning",
        "low" => "note",
        _ => "none",
    };
    let expected: Vec<String> = list(&report["findings"])
        .iter()
        .map(|one| format!("{} \"{}\" {}", one["code"], level(one["severity"].as_str().expect("text")), one["fault"]))
        .collect();
    assert_eq!(results, expected);
}
