//! What a report makes of a filter: which sessions it keeps, and that it changes nothing about them.

use std::collections::BTreeSet;
use std::io::Cursor;

use serde_json::Value;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::Settings;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::filter::Filter;
use sipauth::filter::MatchBy;
use sipauth::report::Report;
use sipauth::report::json;
use sipauth::report::model;

use crate::corpus;
use crate::corpus::Sample;
use crate::run::Sample as Folder;

fn report(sample: &Sample, filter: Option<&str>, match_by: MatchBy) -> Report {
    let filter = filter.map(|text| Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).0);
    let mut analyzer = Analyzer::new(Settings { keyring: sample.keyring(), filter, match_by, ..Settings::default() });
    analyzer.add_tls_key_log(corpus::key_logs());
    let source = Box::new(Cursor::new(sample.bytes.clone()));
    let mut reader = Reader::open(source, InputId(0), &Limits::default()).expect("a sample is a capture");
    while let Ok(Some(record)) = reader.next_record() {
        analyzer.push(&record);
    }
    analyzer.end_input("capture", reader.summary());
    analyzer.finish()
}

fn text(value: &impl serde::Serialize) -> String {
    let mut out = Vec::new();
    json::value(&mut out, value, 0).expect("memory can be written");
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn ids(report: &Report) -> BTreeSet<String> {
    report.sessions.iter().map(|session| session.id.clone()).collect()
}

/// The sessions of which `is` holds.
fn those(report: &Report, is: impl Fn(&model::Session) -> bool) -> BTreeSet<String> {
    report.sessions.iter().filter(|session| is(session)).map(|session| session.id.clone()).collect()
}

#[test]
fn a_filter_that_everything_fulfils_changes_nothing() {
    for sample in corpus::samples() {
        let mut filtered = report(&sample, Some("sip"), MatchBy::Session);
        let selected = filtered.summary.selected.take().expect("a filter says what it kept");
        let all = sample.report();
        assert_eq!(text(&filtered), text(&all), "{}", sample.name);
        assert_eq!((selected.messages, selected.sessions_left_out), (all.summary.sip_messages, 0), "{}", sample.name);
        let late = report(&sample, Some("sipauth.session or not sipauth.session"), MatchBy::Session);
        assert_eq!(text(&late.sessions), text(&all.sessions), "{}", sample.name);
        assert_eq!(text(&late.findings), text(&all.findings), "{}", sample.name);
    }
}

#[test]
fn a_filter_that_nothing_fulfils_keeps_no_session() {
    for sample in corpus::samples() {
        let none = report(&sample, Some("not sip"), MatchBy::Session);
        let all = sample.report();
        let selected = none.summary.selected.as_ref().expect("a filter says what it kept");
        assert_eq!((none.sessions.len(), none.summary.sessions, none.summary.challenges), (0, 0, 0), "{}", sample.name);
        assert_eq!((selected.messages, selected.sessions_left_out), (0, all.summary.sessions), "{}", sample.name);
        assert_eq!(none.summary.verdict, "nothing_found", "{}", sample.name);
        let told = &none.summary.headlines;
        assert!(told[0].starts_with("No SIP") || *told == ["Nothing in this capture fits the filter"], "{told:?}");
        let of_sessions: Vec<&str> =
            none.findings.iter().filter(|finding| !finding.sessions.is_empty()).map(|finding| finding.rule).collect();
        assert_eq!(of_sessions, Vec::<&str>::new(), "{}", sample.name);
        // The capture is the whole one.
        assert_eq!(text(&none.coverage), text(&all.coverage));
        assert_eq!(text(&none.diagnostics), text(&all.diagnostics));
    }
}

/// What sipauth says of a session is what its own fields select: the report without a filter is the truth.
#[test]
fn our_own_fields_say_what_the_report_says() {
    for sample in corpus::samples() {
        let all = sample.report();
        let check = |filter: &str, expect: BTreeSet<String>| {
            let kept = report(&sample, Some(filter), MatchBy::Session);
            assert_eq!(ids(&kept), expect, "{}: {filter}", sample.name);
            // What is kept is as it was.
            for session in &kept.sessions {
                let before = all.sessions.iter().find(|before| before.id == session.id).expect("it was there");
                assert_eq!(text(session), text(before), "{}: {filter}", sample.name);
            }
        };
        for outcome in ["accepted", "refused", "unanswered_challenge", "failed"] {
            check(
                &format!("sipauth.outcome == \"{outcome}\""),
                those(&all, |session| session.outcome.name() == outcome),
            );
        }
        check("sipauth.session == \"s1\"", those(&all, |session| session.id == "s1"));
        let has_result = |session: &model::Session, result: &str| {
            let mut presented = session.attempts.iter().flat_map(|attempt| {
                attempt.credentials.iter().chain(attempt.ack.iter().flat_map(|ack| &ack.credentials))
            });
            presented.any(|one| one.verification.as_ref().map_or("not_checked", |verdict| verdict.result) == result)
        };
        for result in ["match", "mismatch", "near_miss", "not_checked"] {
            check(&format!("sipauth.verify == \"{result}\""), those(&all, |session| has_result(session, result)));
        }
        let mixed = "sip.Method == \"REGISTER\" and sipauth.outcome == \"refused\"";
        let is_register = |session: &model::Session| {
            session.attempts.iter().any(|attempt| attempt.method == "REGISTER" && attempt.request.is_some())
        };
        check(mixed, those(&all, |session| session.outcome.name() == "refused" && is_register(session)));
    }
}

fn with_finding(report: &Report, is: impl Fn(&model::Finding) -> bool) -> BTreeSet<String> {
    report.findings.iter().filter(|finding| is(finding)).flat_map(|finding| finding.sessions.clone()).collect()
}

#[test]
fn sessions_are_selected_by_their_findings() {
    let check = |sample: &str, filter: &str, rule: &str| {
        let sample = corpus::sample(sample);
        let all = sample.report();
        let expect = with_finding(&all, |finding| finding.rule == rule);
        let kept = report(&sample, Some(filter), MatchBy::Session);
        assert!(!expect.is_empty(), "{filter}");
        assert_eq!(ids(&kept), expect, "{filter}");
        assert!(kept.findings.iter().any(|finding| finding.rule == rule), "{filter}");
    };
    check("vos3000-wrong-password-loop", "sipauth.finding == \"challenge-loop\"", "challenge-loop");
    check("invite-stale-loop", "sipauth.finding == SA302", "stale-loop");
    check("invite-wrong-header", "sipauth.finding in {\"SA105\", \"SA106\"}", "credentials-wrong-header");
    let sample = corpus::sample("register-several-users-refused");
    let all = sample.report();
    let severe = report(&sample, Some("sipauth.severity >= \"high\""), MatchBy::Session);
    let expect = with_finding(&all, |finding| matches!(finding.severity, "high" | "critical") && finding.count == 1);
    assert!(expect.is_subset(&ids(&severe)), "{expect:?} {:?}", ids(&severe));
    let stale = corpus::sample("invite-stale-loop");
    let old = |filter: &str| report(&stale, Some(filter), MatchBy::Session).sessions.len();
    assert_eq!([old("sipauth.nonce.age > 2"), old("sipauth.nonce.age > 60"), old("not sipauth.nonce.age")], [1, 0, 1]);
}

#[test]
fn a_session_in_which_nobody_was_asked_has_no_number() {
    let sample = corpus::sample("invite-accepted-by-address");
    let messages = |filter: &str| {
        let kept = report(&sample, Some(filter), MatchBy::Session);
        kept.summary.selected.expect("a filter says what it kept").messages
    };
    assert_eq!(sample.report().summary.sessions, 0);
    assert_eq!((messages("sipauth.session"), messages("sipauth.session == \"s0\"")), (0, 0));
    assert!(messages("not sipauth.session") > 0);
}

/// Sessions of others are left out, and what is found in the rest is what was found before.
#[test]
fn the_report_follows_from_what_is_kept() {
    let sample = corpus::sample("register-several-users-refused");
    let all = sample.report();
    let first = &all.sessions[0];
    let kept = report(&sample, Some(&first.wireshark_filter), MatchBy::Session);
    assert_eq!(ids(&kept), BTreeSet::from([first.id.clone()]));
    let summary = &kept.summary;
    assert_eq!((summary.sessions, summary.sip_messages), (1, all.summary.sip_messages));
    assert_eq!(summary.selected.as_ref().expect("there is a filter").sessions_left_out, all.summary.sessions - 1);
    assert_eq!(summary.credentials, first.attempts.iter().map(|attempt| attempt.credentials.len() as u64).sum::<u64>());
    assert!(summary.headlines.iter().all(|line| !line.contains(" of 2 ") && !line.contains(" of 3 ")), "{summary:?}");
    for finding in kept.findings.iter().filter(|finding| !finding.sessions.is_empty()) {
        assert!(all.findings.iter().any(|before| before.fingerprint == finding.fingerprint), "{}", finding.rule);
    }
}

/// An attack spans more sessions than its finding names: it is told with any of them, and not with others.
#[test]
fn attacks_are_told_with_each_of_their_sessions() {
    let sample = corpus::sample("brute-force");
    let all = sample.report();
    let rules = |report: &Report| report.findings.iter().map(|finding| finding.rule).collect::<Vec<_>>();
    assert!(rules(&all).contains(&"brute-force"), "{:?}", rules(&all));
    let kept = report(&sample, Some("sipauth.session == \"s3\""), MatchBy::Session);
    assert!(kept.sessions.len() == 1 && rules(&kept).contains(&"brute-force"), "{:?}", rules(&kept));
    assert_eq!(kept.summary.verdict, "problems");
    let none = report(&sample, Some("ip.addr == 203.0.113.77"), MatchBy::Session);
    assert!(!rules(&none).contains(&"brute-force"), "{:?}", rules(&none));
}

#[test]
fn by_message_only_its_attempts_are_kept() {
    let sample = corpus::sample("invite-407-ok");
    let all = sample.report();
    let by = |match_by| report(&sample, Some("sip.Status-Code == 407"), match_by);
    assert_eq!(by(MatchBy::Session).sessions[0].attempts.len(), all.sessions[0].attempts.len());
    let kept = by(MatchBy::Message);
    let statuses: Vec<Option<u16>> = kept.sessions[0].attempts.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(407)]);
    let late = report(&sample, Some("sipauth.verify == match"), MatchBy::Message);
    assert!(late.sessions[0].attempts.iter().all(|attempt| !attempt.credentials.is_empty()));
    assert!(late.sessions[0].attempts.len() < all.sessions[0].attempts.len());
}

fn analyze(sample: &str, options: &[&str]) -> crate::run::Run {
    Folder::named(sample).analyze(options)
}

#[test]
fn exit_codes_and_notes_are_those_of_the_selection() {
    let wrong = "register-several-users-refused";
    assert_eq!(analyze(wrong, &[]).code, 1);
    assert_eq!(analyze(wrong, &["-Y", "not sip"]).code, 0);
    let refused = analyze(wrong, &["-Y", "sip.metod == \"x\""]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
    let expect =
        "sipauth: --filter: there is no field sip.metod; did you mean sip.Method?\n  sip.metod == \"x\"\n  ^^^^^^^^^\n";
    assert!(refused.stderr.ends_with(expect), "{}", refused.stderr);
    assert_eq!(analyze(wrong, &["--preset", "failure"]).code, 2);
    let twice = ["-Y", "sip.method == 'A' or sip.method == 'B'"];
    let said = analyze(wrong, &twice).stderr;
    assert_eq!(said.matches("Wireshark spells it sip.Method").count(), 1, "{said}");
    let quiet = analyze(wrong, &[&twice[..], &["-q"]].concat()).stderr;
    assert!(!quiet.contains("Wireshark"), "{quiet}");
    // An escape in a filter acts on no terminal.
    let odd = analyze(wrong, &["-Y", "sip.\u{1b}]0;x\u{7} \u{202e}"]).stderr;
    assert!(!odd.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{odd:?}");
}

#[test]
fn presets_are_joined_by_or_and_with_the_filter_by_and() {
    let filter = |options: &[&str]| {
        let printed = analyze("register-ok", &[options, &["--format", "json"]].concat());
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        let report: Value = serde_json::from_str(&printed.stdout).expect("the report is JSON");
        report["selection"]["filter"].as_str().expect("there is a filter").to_owned()
    };
    assert_eq!(
        filter(&["-p", "challenge-401", "-p", "challenge-407", "-Y", "ip"]),
        "(sip.Status-Code == 401 or sip.Status-Code == 407) and ip"
    );
    assert_eq!(filter(&["--preset", "call=x"]), "sip.Call-ID == \"x\"");
    assert_eq!(
        filter(&["--preset", "stale", "-Y", "sip or ipv6"]),
        "sip.auth.stale matches \"true\" and (sip or ipv6)"
    );
}

/// What the report prints for Wireshark selects, in sipauth itself, the messages that matched.
#[test]
fn the_filter_to_paste_selects_the_same_messages() {
    let sample = corpus::sample("invite-stale-loop");
    for filter in ["sipauth.outcome == \"refused\"", "sipauth.verify == \"match\"", "sip.Status-Code == 407", "not sip"]
    {
        let selected =
            |filter: &str| report(&sample, Some(filter), MatchBy::Session).summary.selected.expect("a filter");
        let first = selected(filter);
        assert!(!first.wireshark_filter.contains("sipauth."), "{}", first.wireshark_filter);
        assert_eq!(selected(&first.wireshark_filter).messages, first.messages, "{filter}");
    }
}

#[test]
fn lists_say_what_there_is() {
    let list = |options: &[&str]| {
        let printed =
            crate::run::run(crate::run::sipauth(std::path::Path::new(crate::run::ROOT)).arg("list").args(options));
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        printed.stdout
    };
    let fields: Value = serde_json::from_str(&list(&["fields", "--format", "json"])).expect("JSON");
    let fields = fields.as_array().expect("a list");
    assert!(fields.len() > 300);
    let named = |name: &str| fields.iter().find(|field| field["name"] == name).expect("it is there");
    assert_eq!(named("sip.Status-Code")["example"], "sip.Status-Code in {401, 407}");
    assert!(named("sip.release-time")["not_filled_because"].is_string());
    assert!(list(&["fields"]).contains("sipauth.nonce.age"));
    let presets: Value = serde_json::from_str(&list(&["presets", "--format", "json"])).expect("JSON");
    assert!(presets.as_array().expect("a list").iter().any(|one| one["name"] == "user" && one["value"] == "USER"));
    assert!(list(&["presets"]).contains("host=HOST"));
    assert!(
        list(&["presets", "--wireshark"]).contains("\"TRUE\",\"SIP auth//challenge-407\",\"sip.Status-Code == 407\"")
    );
}
