//! When a session closes, and that what is said of a client does not depend on it.

use std::io::Cursor;

use sipauth::analyzer::Analyzer;
use sipauth::analyzer::NonceRows;
use sipauth::analyzer::Settings;
use sipauth::base::CaptureTime;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Frame;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::digest::keyring;
use sipauth::filter::Filter;
use sipauth::filter::MatchBy;
use sipauth::report::Report;
use sipauth::report::Row;

use crate::corpus;
use crate::scenario;

const SECRET: &str = "1001,*,secret\n";

const FORBIDDEN: &str = "
    > REGISTER
    < 401
    WWW-Authenticate: challenge
    > REGISTER
    Authorization: digest user=1001 password=wrong
    < 403
";

const CALL: &str = "
    +5 [call] > INVITE
    [call] < 407
    Proxy-Authenticate: challenge
    [call] > ACK
    [call] > INVITE
    Proxy-Authorization: digest user=1001 password=secret
    [call] < 200
    [call] > ACK
";

const BYE: &str = "
    +20 [call] > BYE
    [call] < 200
";

/// The capture goes on, with nothing that anybody is asked for.
const LATER: &str = "
    +40 [ping] > OPTIONS
    [ping] < 200
    +1 [pong] > OPTIONS
    [pong] < 200
";

fn push(analyzer: &mut Analyzer, scenario: &[&str]) {
    push_capture(analyzer, &scenario::pcap(&scenario.concat()));
}

fn push_capture(analyzer: &mut Analyzer, capture: &[u8]) {
    let source = Box::new(Cursor::new(capture.to_vec()));
    let mut reader = Reader::open(source, InputId(0), &Limits::default()).expect("it is a capture");
    while let Ok(Some(record)) = reader.next_record() {
        analyzer.push(&record);
    }
}

/// The methods of the sessions that close before the capture ends.
fn closed_before_the_end(scenario: &[&str]) -> Vec<String> {
    let mut analyzer = Analyzer::new(Settings::default());
    push(&mut analyzer, scenario);
    analyzer.drain().filter_map(|row| Some(row.session()?.method.clone())).collect()
}

fn report(scenario: &[&str]) -> Report {
    let (keyring, _) = keyring::read(SECRET.as_bytes(), "c.csv", None).expect("credentials");
    corpus::analyze(&scenario::pcap(&scenario.concat()), keyring)
}

#[test]
fn a_call_that_was_ended_closes_after_half_a_minute() {
    assert_eq!(closed_before_the_end(&[CALL, BYE, LATER]), ["INVITE"]);
}

#[test]
fn what_may_go_on_is_kept() {
    let none: [&str; 0] = [];
    // A call that lasts, a registration that will be refreshed, and a BYE that was not answered yet.
    assert_eq!(closed_before_the_end(&[CALL, LATER]), none);
    assert_eq!(closed_before_the_end(&[FORBIDDEN, LATER]), none);
    assert_eq!(closed_before_the_end(&[CALL, "    +20 [call] > BYE\n", LATER]), none);
    // Nor was one that is being asked for credentials.
    let challenged = "    +20 [call] > BYE\n    [call] < 407\n    Proxy-Authenticate: challenge\n";
    assert_eq!(closed_before_the_end(&[CALL, challenged, LATER]), none);
    // And not before half a minute is over.
    assert_eq!(closed_before_the_end(&[CALL, BYE, "    +20 [ping] > OPTIONS\n    [ping] < 200\n"]), none);
}

#[test]
fn the_latest_session_of_a_client_decides_whichever_closes_first() {
    // The call ends last and closes first.
    let forbidden = FORBIDDEN.replace("REGISTER", "SUBSCRIBE");
    let headlines = report(&[&forbidden, CALL, BYE, LATER]).summary.headlines;
    assert_eq!(headlines, ["1 of 1 client got in, but not without trouble: 1 wrong password"]);
    let not_in = ["1 of 1 client got in with one method, but not with another: 1 wrong password"];
    assert_eq!(report(&[CALL, BYE, &forbidden, LATER]).summary.headlines, not_in);
    // A registration is another matter than what follows.
    assert_eq!(report(&[FORBIDDEN, CALL, BYE, LATER]).summary.headlines, not_in);
}

/// So many clients that get in that what is true of all of them has all the frames it will show.
fn many() -> String {
    let each = |number: usize| {
        format!(
            "[c{number}] > REGISTER\n[c{number}] < 401\nWWW-Authenticate: challenge\n[c{number}] > REGISTER\n\
             Authorization: digest user=1001 password=secret\n[c{number}] < 200\n"
        )
    };
    (0..150).map(each).collect()
}

#[test]
fn what_many_sessions_share_is_counted_in_full() {
    let report = report(&[&many()]);
    for rule in ["normal-challenge", "digest-ok-accepted"] {
        let shared: Vec<_> = report.findings.iter().filter(|finding| finding.rule == rule).collect();
        assert_eq!(shared.len(), 1, "{rule}");
        assert_eq!(shared[0].count, 150, "{rule}");
        assert!(shared[0].explanation.ends_with("Seen in 150 sessions."), "{}", shared[0].explanation);
        assert!(!shared[0].title.is_empty() && !shared[0].frames.is_empty());
    }
}

#[test]
fn what_many_sessions_share_is_counted_in_full_where_messages_are_chosen() {
    let (filter, _) = Filter::parse("sip.Status-Code == 401").expect("a filter");
    let settings = Settings { filter: Some(filter), match_by: MatchBy::Message, ..Settings::default() };
    let mut analyzer = Analyzer::new(settings);
    push(&mut analyzer, &[&many()]);
    let report = analyzer.finish();
    let shared = report.findings.iter().find(|finding| finding.rule == "normal-challenge").expect("it is found");
    assert_eq!(shared.count, 150);
}

/// The outcomes of all sessions within these limits, in order of their first message, and how many were ended early.
fn outcomes_within(limits: Limits, scenario: &str) -> (Vec<String>, u64) {
    let mut analyzer = Analyzer::new(Settings { limits, ..Settings::default() });
    push(&mut analyzer, &[scenario]);
    let report = analyzer.finish();
    let evicted = report.diagnostics.iter().find(|told| told.event == "state_evicted").map_or(0, |told| told.count);
    let mut sessions = report.sessions;
    sessions.sort_by_key(|session| session.attempts.first().and_then(|first| Some(first.request.as_ref()?.number)));
    (sessions.into_iter().map(|session| session.outcome.to_string()).collect(), evicted)
}

/// A client that goes on and on while others are challenged and fall silent; then it is let in.
fn among_the_silent(others: usize) -> String {
    let busy = "+1 [busy] > REGISTER\n[busy] < 401\nWWW-Authenticate: challenge\n";
    let silent = |n: usize| format!("+1 [s{n}] > REGISTER\n[s{n}] < 401\nWWW-Authenticate: challenge\n");
    let each: String = (0..others).map(|n| if n % 4 == 0 { busy.to_owned() + &silent(n) } else { silent(n) }).collect();
    each + "+1 [busy] > REGISTER\nAuthorization: digest user=1001 password=secret\n[busy] < 200\n"
}

#[test]
fn what_was_silent_longest_gives_way_and_is_reported() {
    let all = outcomes_within(Limits::default(), &among_the_silent(60));
    assert_eq!((all.0.len(), all.1), (61, 0));
    // So few Call-IDs, or so little memory, that most have to go: none is lost, and the busy one stays whole.
    let few = Limits { sessions_max: 8, ..Limits::default() };
    assert_eq!(outcomes_within(few, &among_the_silent(60)), (all.0.clone(), 53));
    let little = Limits { state_bytes_max: 24 * 1024, ..Limits::default() };
    let (outcomes, evicted) = outcomes_within(little, &among_the_silent(60));
    assert_eq!(outcomes, all.0);
    assert!((1..60).contains(&evicted), "{evicted}");
}

#[test]
fn a_call_id_with_endless_credentials_is_full_and_says_so() {
    let retry = "+1 > REGISTER\nAuthorization: digest user=1001 password=wrong\n< 401\nWWW-Authenticate: challenge\n";
    let all = format!("> REGISTER\n< 401\nWWW-Authenticate: challenge\n{}", retry.repeat(200));
    let told = |limits: Limits| {
        let mut analyzer = Analyzer::new(Settings { limits, ..Settings::default() });
        push(&mut analyzer, &[&all]);
        let report = analyzer.finish();
        let dropped = report.diagnostics.iter().find(|told| told.event == "transactions_dropped");
        (report.summary.credentials, dropped.map_or(0, |told| told.count))
    };
    assert_eq!(told(Limits::default()), (200, 0));
    let (_, dropped) = told(Limits { session_rows_bytes_max: 32 * 1024, ..Limits::default() });
    assert!((2 * 100..2 * 150).contains(&dropped), "{dropped}");
}

#[test]
fn no_memory_is_too_little_to_end_and_report_every_session() {
    let limits = Limits { state_bytes_max: 0, ..Limits::default() };
    let (outcomes, evicted) = outcomes_within(limits, FORBIDDEN);
    // Each message is a session of its own.
    assert_eq!(evicted, 4);
    assert!(!outcomes.is_empty());
}

/// The report on a sample whose clock runs so fast that a moment between two messages becomes a long silence.
fn slowly(sample: &corpus::Sample, limits: &Limits) -> String {
    let settings = Settings { limits: limits.clone(), keyring: sample.keyring(), ..Settings::default() };
    let mut analyzer = Analyzer::new(settings);
    let mut reader = Reader::open(Box::new(Cursor::new(sample.bytes.clone())), InputId(0), limits).expect("a capture");
    let mut first = None;
    while let Ok(Some(record)) = reader.next_record() {
        let stretched = |time: CaptureTime| {
            let first = *first.get_or_insert(time);
            first.plus(time.since(first) * 20)
        };
        match record {
            Record::Frame(frame) => {
                let time = frame.time.map(stretched);
                analyzer.push(&Record::Frame(Frame { time, ..frame }));
            }
            other => analyzer.push(&other),
        }
    }
    let report = analyzer.finish();
    serde_json::to_string_pretty(&report).expect("a report is JSON")
}

#[test]
fn packing_what_is_silent_changes_no_report() {
    let packed = Limits { sessions_unpacked_max: 0, ..Limits::default() };
    for sample in corpus::samples() {
        assert_eq!(slowly(&sample, &packed), slowly(&sample, &Limits::default()), "{}", sample.name);
    }
}

#[test]
fn what_rests_when_it_becomes_crowded_is_packed_and_kept() {
    let all = outcomes_within(Limits::default(), &among_the_silent(60));
    let limits = Limits { sessions_unpacked_max: 30, ..Limits::default() };
    assert_eq!(outcomes_within(limits.clone(), &among_the_silent(60)), all);
    // What is packed takes less of the same memory.
    let little =
        |limits: Limits| outcomes_within(Limits { state_bytes_max: 48 * 1024, ..limits }, &among_the_silent(60)).1;
    assert!(little(limits) < little(Limits::default()));
}

/// What is told of nonces, in order of what is told: before the capture ends, and then.
fn nonce_rows(capture: &[u8], nonce_rows: NonceRows) -> [Vec<String>; 2] {
    let told = |row: Row| match row {
        Row::Nonce(nonce) => Some(serde_json::to_string(&nonce).expect("it is JSON")),
        Row::Session(_) => None,
    };
    let mut analyzer = Analyzer::new(Settings { nonce_rows, ..Settings::default() });
    push_capture(&mut analyzer, capture);
    let before: Vec<String> = analyzer.drain().filter_map(told).collect();
    let mut behind = Vec::new();
    analyzer.finish_with_rows(|row| behind.extend(told(row)));
    [before, behind]
}

#[test]
fn a_session_closes_after_its_silence_whoever_spoke_before_it() {
    let register = |wait: u32, label: &str| {
        let said = |line: &str| match line.trim() {
            line if line.starts_with(['>', '<']) => format!("[{label}] {line}\n"),
            line => format!("{line}\n"),
        };
        let text: String = FORBIDDEN.lines().map(said).collect();
        format!("+{wait} [w{wait}] > OPTIONS\n[w{wait}] < 200\n{text}")
    };
    // The first one speaks again behind the second, and is silent again before the third.
    let talk = [register(1, "a"), register(300, "b"), register(200, "a"), register(60, "c")].concat();
    let later = |wait: u32| format!("+{wait} [later{wait}] > OPTIONS\n[later{wait}] < 200\n");
    assert_eq!(closed_before_the_end(&[&talk, &later(530)]), ["REGISTER"]);
    assert_eq!(closed_before_the_end(&[&talk, &later(530), &later(20)]), ["REGISTER", "REGISTER"]);
}

#[test]
fn a_message_with_a_wrong_time_keeps_no_session_open() {
    let far = "    +94608000 [far] > OPTIONS\n";
    let behind = |time: u32| format!("    @{time} [at{time}] > OPTIONS\n    [at{time}] < 200\n");
    // One is not believed, and closes nothing.
    let none: [&str; 0] = [];
    assert_eq!(closed_before_the_end(&[CALL, BYE, far]), none);
    assert_eq!(closed_before_the_end(&[CALL, BYE, far, &behind(30)]), none);
    assert_eq!(closed_before_the_end(&[CALL, BYE, far, &behind(70), &behind(71)]), ["INVITE"]);
    // Two are: the clock goes back with what comes then.
    let call = [CALL, BYE].concat().replace("+5 [call] >", "@100 [call] >").replace("+20", "@120");
    let twice = [far, "    +1 [further] > OPTIONS\n"].concat();
    let first = "    > OPTIONS\n    < 200\n";
    assert_eq!(closed_before_the_end(&[first, &twice, &call, &behind(180), &behind(181)]), ["INVITE"]);
}

#[test]
fn what_the_report_shows_of_nonces_changes_no_finding() {
    let asked = |call: &str, user: usize| {
        let who = format!("From: <sip:{user}@pbx.example.com>;tag=t{user}\nTo: <sip:{user}@pbx.example.com>\n");
        format!("+10 [{call}] > REGISTER\n{who}[{call}] < 401\nWWW-Authenticate: challenge nonce={call}\n")
    };
    let answered = "[first] > REGISTER\nAuthorization: digest user=1001 password=secret\n[first] < 200\n";
    let others: String = (0..400).map(|number| asked(&format!("n{number}"), 2000 + number)).collect();
    let late = "+700 [late] > REGISTER\nAuthorization: digest user=1001 password=secret realm=pbx.example.com nonce=first\n\
        [late] < 401\nWWW-Authenticate: challenge nonce=new\n";
    let capture = scenario::pcap(&[&asked("first", 1001), answered, &others, late].concat());
    let reports = [NonceRows::AtEnd, NonceRows::AtRest, NonceRows::Never].map(|nonce_rows| {
        let limits = Limits { nonces_max: 128, ..Limits::default() };
        let mut analyzer = Analyzer::new(Settings { limits, nonce_rows, ..Settings::default() });
        push_capture(&mut analyzer, &capture);
        analyzer.finish()
    });
    let findings = |report: &Report| serde_json::to_string(&(&report.findings, &report.diagnostics)).expect("JSON");
    assert!(reports.iter().all(|report| findings(report) == findings(&reports[0])));
    assert!(reports[0].diagnostics.iter().any(|diagnostic| diagnostic.event == "nonces_not_followed"));
    // Those that are forgotten are told of all the same.
    let values: Vec<&str> = reports[0].nonces.iter().map(|nonce| nonce.value.as_str()).collect();
    assert!(values.contains(&"first") && values.contains(&"n0") && values.contains(&"n399"), "{values:?}");
}

#[test]
fn nonces_are_told_of_when_nobody_uses_them_any_more() {
    let register = |number: usize| {
        format!(
            "
            +30 [r{number}] > REGISTER
            [r{number}] < 401
            WWW-Authenticate: challenge
            [r{number}] > REGISTER
            Authorization: digest user=1001 password=secret
            [r{number}] < 200
            "
        )
    };
    let capture = scenario::pcap(&(0..1_200).map(register).collect::<String>());
    let [none, at_end] = nonce_rows(&capture, NonceRows::AtEnd);
    assert_eq!((none.len(), at_end.len()), (0, 1_200));
    let [before, behind] = nonce_rows(&capture, NonceRows::AtRest);
    // Ten minutes of 30 s are 20; what is left has waited for the next look.
    assert!(before.len() > 900 && behind.len() > 20, "{} {}", before.len(), behind.len());
    assert_eq!([before, behind].concat(), at_end);
    assert_eq!(nonce_rows(&capture, NonceRows::Never), [Vec::<String>::new(), Vec::new()]);
}

/// Pings of Call-IDs of their own, one each ten seconds from that second on.
fn pings(name: &str, from: u32, count: u32) -> String {
    (0..count)
        .map(|number| format!("@{} [{name}{number}] > OPTIONS\n[{name}{number}] < 200\n", from + 10 * number))
        .collect()
}

#[test]
fn a_session_that_was_over_closes_when_the_clock_is_set_back() {
    // The clock runs fifty minutes ahead while the call is made and ended, and for a while behind it.
    let call = format!("@3000 [lead] > OPTIONS\n[lead] < 200\n{}", [CALL, BYE].concat().replace("    ", ""));
    let ahead = pings("ahead", 3040, 2);
    assert_eq!(
        closed_before_the_end(&[&call, &ahead, &pings("set", 20, 40)]).first().map(String::as_str),
        Some("INVITE")
    );
}

#[test]
fn a_session_with_a_wrong_time_closes_when_it_falls_silent() {
    let wrong = format!(
        "@86400 [ahead] > OPTIONS\n[ahead] < 200\n@1 {}",
        CALL.replace("    ", "").trim_start().trim_start_matches("+5 ")
    );
    let pings = pings("ping", 20, 90);
    let over = BYE.replace("    ", "");
    assert!(closed_before_the_end(&[&wrong, &over, &pings]).contains(&"INVITE".to_owned()));
}

#[test]
fn what_comes_after_hours_of_silence_is_a_session_of_its_own() {
    // Nothing else speaks in between: the clock follows with the second message alone.
    let tries =
        format!("{FORBIDDEN}+7200 {}+7200 {}", FORBIDDEN.trim_start(), FORBIDDEN.trim_start()).replace("    ", "");
    let report = report(&[&tries]);
    let outcomes: Vec<&str> = report.sessions.iter().map(|session| session.outcome.name()).collect();
    assert_eq!(outcomes, ["forbidden", "forbidden", "forbidden"]);
    // Nor where each try is one request of the same Call-ID, with a nonce that was kept.
    let again = "+7200 > REGISTER\nAuthorization: digest user=1001 password=wrong\n< 403\n".repeat(2);
    let report = corpus::analyze(
        &scenario::pcap(&[FORBIDDEN.replace("    ", ""), again].concat()),
        keyring::read(SECRET.as_bytes(), "c.csv", None).expect("credentials").0,
    );
    let outcomes: Vec<&str> = report.sessions.iter().map(|session| session.outcome.name()).collect();
    assert_eq!(outcomes, ["forbidden", "forbidden", "forbidden"]);
}
