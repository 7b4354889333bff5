//! tshark is the truth: over the same frames, the same expression selects the same ones. One run of tshark answers for all
//! expressions: a script of its own gives it a tap for each.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Cursor;
use std::process::Command;
use std::sync::OnceLock;

use sipauth::base::CaptureTime;
use sipauth::base::DecodeAs;
use sipauth::base::InputId;
use sipauth::base::Limits;
use sipauth::capture::Reader;
use sipauth::capture::Record;
use sipauth::filter::Filter;
use sipauth::filter::MatchBy;
use sipauth::filter::Selection;
use sipauth::filter::Subject;
use sipauth::filter::fields;
use sipauth::filter::fields::Kind;
use sipauth::filter::page;
use sipauth::filter::presets;
use sipauth::packet;
use sipauth::packet::Decoded;
use sipauth::sip;
use sipauth::sip::framing::SipFramer;
use sipauth::sip::parse::Source;
use sipauth::transport::Payload;
use sipauth::transport::Reassembly;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::wire;

/// Expressions, one a line. `ours => theirs` where tshark has to be asked otherwise, below a line that says why.
const EXPRESSIONS: &str = include_str!("expressions.txt");
/// Messages with every header that fields are read from, between lines of `%%`.
const MESSAGES: &str = include_str!("messages.txt");

/// The samples whose frames are filtered.
const SAMPLES: [&str; 24] = [
    "invite-407-ok",
    "invite-two-realms-ok",
    "invite-401-ok-asterisk",
    "invite-stale-loop",
    "register-ok-asterisk",
    "register-ok-sha-256",
    "register-ok-no-qop",
    "register-basic-scheme",
    "register-aka-ims",
    "register-423",
    "register-both-challenges-unanswered",
    "register-ok-authentication-info",
    "audiocodes-mp11x-register-ok",
    "telos-vx-register-402",
    "telos-vx-register-404",
    "vos3000-wrong-password-loop",
    "vos3000-stale-nonce",
    "compact-headers",
    "ipv6-register-ok",
    "tcp-register-ok",
    "tcp-split-in-odd-places",
    "span-port-duplicates",
    "odd-port-with-rtp",
    "user-enumeration",
];

fn frames() -> Vec<RawFrame> {
    let own =
        MESSAGES.split("%%\n").map(|text| text.replace('\n', "\r\n")).map(|text| wire::udp_frame(text.as_bytes()));
    let own = own.map(|bytes| RawFrame {
        time_ns: 0,
        link: 1,
        original_len: u32::try_from(bytes.len()).expect("a message is small"),
        bytes,
    });
    let of_samples = SAMPLES.iter().flat_map(|name| corpus::sample(name).frames());
    let mut frames: Vec<RawFrame> = own.chain(of_samples).collect();
    for (index, frame) in frames.iter_mut().enumerate() {
        // Half a second each, from 2023-11-14 22:13:20 on.
        frame.time_ns = 1_700_000_000_000_000_000 + index as u64 * 500_000_000;
    }
    frames
}

/// The file that both read.
fn capture() -> &'static [u8] {
    static CAPTURE: OnceLock<Vec<u8>> = OnceLock::new();
    CAPTURE.get_or_init(|| corpus::plain_pcap(&frames()))
}

/// Which frames each expression selects, by tshark; what it says where it refuses one.
fn tshark(expressions: &[String]) -> Vec<Result<Vec<u64>, String>> {
    let folder = tempfile::tempdir().expect("a folder for the script");
    let (capture_at, script_at, list_at) =
        (folder.path().join("all.pcap"), folder.path().join("taps.lua"), folder.path().join("expressions"));
    std::fs::write(&capture_at, capture()).expect("the capture is written");
    std::fs::write(&list_at, expressions.join("\n") + "\n").expect("the list is written");
    std::fs::write(&script_at, include_str!("taps.lua")).expect("the script is written");
    let mut command = Command::new("tshark");
    command.env("TZ", "UTC").env("EXPRESSIONS", &list_at);
    command.args(["-n", "-q", "-o", "tcp.reassemble_out_of_order:TRUE", "-X"]);
    command.arg(format!("lua_script:{}", script_at.display())).arg("-r").arg(&capture_at);
    let output = command.output().expect("tshark is needed for this test: apt-get install tshark");
    let stdout = String::from_utf8(output.stdout).expect("numbers are text");
    let mut answers = BTreeMap::new();
    for line in stdout.lines() {
        let Some((number, answer)) = line.split_once('\t') else { continue };
        let answer = match answer.strip_prefix("ERROR ") {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer.split(',').filter_map(|frame| frame.parse().ok()).collect()),
        };
        answers.insert(number.parse::<usize>().expect("a number"), answer);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(answers.len(), expressions.len(), "tshark answers each expression: {stderr}");
    answers.into_values().collect()
}

/// The same by sipauth.
fn sipauth(filters: Vec<Filter>) -> Vec<Vec<u64>> {
    let limits = Limits::default();
    let new = |filter| (Selection::new(filter, MatchBy::Session, &limits), Vec::new());
    let mut selections: Vec<(Selection, Vec<u64>)> = filters.into_iter().map(new).collect();
    let source = Box::new(Cursor::new(capture().to_vec()));
    let mut reader = Reader::open(source, InputId(0), &limits).expect("it is a capture");
    let mut reassembly = Reassembly::<SipFramer>::new(limits.clone());
    while let Ok(Some(record)) = reader.next_record() {
        let Record::Frame(frame) = record else { continue };
        let decoded = packet::decode(&frame, &limits, &DecodeAs::default());
        for (selection, _) in &mut selections {
            selection.note_time(frame.time);
            if let Decoded::Tcp(segment) = &decoded {
                selection.note_segment(segment);
            }
        }
        reassembly.push(&frame, decoded, &mut |payload| ask(&mut selections, &payload, &limits));
    }
    reassembly.finish(&mut |payload| ask(&mut selections, &payload, &limits));
    let sorted = |(_, mut frames): (Selection, Vec<u64>)| {
        frames.sort_unstable();
        frames.dedup();
        frames
    };
    selections.into_iter().map(sorted).collect()
}

fn ask(selections: &mut [(Selection, Vec<u64>)], payload: &Payload<'_>, limits: &Limits) {
    let source = Source { is_cut: payload.cut, header_fields_max: limits.header_fields_max };
    let message = sip::parse(payload.bytes, source);
    let time = payload.time.unwrap_or(CaptureTime::from_ns(0));
    let (flow, transport, at) = (payload.flow, payload.transport, payload.frames.last);
    for (selection, frames) in selections {
        let subject =
            Subject { message: &message, flow, transport, at, time, began: time, tcp_stream: None, is_resend: false };
        if selection.ask(subject, &payload.frames).is_some() {
            frames.push(at.number.value());
        }
    }
}

/// One line of the list.
#[derive(Debug)]
struct Case {
    ours: String,
    theirs: String,
}

fn cases() -> Vec<Case> {
    let mut reason = None;
    let mut cases = Vec::new();
    for line in EXPRESSIONS.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(text) = line.strip_prefix("# ") {
            reason = Some(text);
            continue;
        }
        cases.push(match line.split_once(" => ") {
            None => Case { ours: line.to_owned(), theirs: line.to_owned() },
            Some((ours, theirs)) => {
                assert!(reason.is_some_and(|reason| reason.starts_with("differs: ")), "{line}: say why");
                Case { ours: ours.to_owned(), theirs: theirs.to_owned() }
            }
        });
    }
    cases
}

/// A frame that is not one of SIP is no business of a filter here.
fn of_sip(expression: &str) -> String {
    format!("sip and ({expression})")
}

#[test]
fn the_same_expression_selects_the_same_frames() {
    let cases = cases();
    assert!(cases.len() >= 300, "{} expressions", cases.len());
    let read = |case: &Case| Filter::parse(&case.ours).unwrap_or_else(|error| panic!("{}: {error}", case.ours)).0;
    let ours = sipauth(cases.iter().map(read).collect());
    let theirs = tshark(&cases.iter().map(|case| of_sip(&case.theirs)).collect::<Vec<_>>());
    let mut faults = String::new();
    let mut selecting = 0;
    for ((case, ours), theirs) in cases.iter().zip(&ours).zip(&theirs) {
        selecting += usize::from(!ours.is_empty());
        match theirs {
            Err(error) => {
                let _ = writeln!(faults, "{}: tshark refuses it: {error}", case.theirs);
            }
            Ok(theirs) if theirs != ours => {
                let only = |some: &[u64], other: &[u64]| -> Vec<u64> {
                    some.iter().filter(|frame| !other.contains(frame)).copied().take(8).collect()
                };
                let (more, less) = (only(ours, theirs), only(theirs, ours));
                let _ = writeln!(faults, "{}: only sipauth {more:?}, only tshark {less:?}", case.ours);
            }
            Ok(_) => {}
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
    // An expression that selects nothing proves little.
    assert!(selecting * 10 > cases.len() * 8, "{selecting} of {} select something", cases.len());
}

/// What is printed to be pasted into Wireshark is what Wireshark reads as sipauth does.
#[test]
fn what_sipauth_prints_is_read_by_tshark() {
    let filters: Vec<Filter> = cases().iter().map(|case| Filter::parse(&case.ours).expect("it is read").0).collect();
    let printed: Vec<String> = filters.iter().filter_map(Filter::wireshark).collect();
    let presets: Vec<String> = presets::PRESETS.iter().filter_map(page::wireshark).collect();
    assert!(presets.len() >= 20, "{presets:?}");
    let all: Vec<String> = printed.into_iter().chain(presets).collect();
    let refused: Vec<String> = tshark(&all)
        .into_iter()
        .zip(&all)
        .filter_map(|(answer, text)| Some(format!("{text}: {}", answer.err()?)))
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// Every field of the table is one of tshark's, and every sip field of tshark's is in the table: filled, or with the reason why not.
#[test]
fn every_field_of_wireshark_is_filled_or_explained() {
    let output = Command::new("tshark").args(["-G", "fields"]).output().expect("tshark is needed for this test");
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut columns = line.split('\t').skip(2);
            Some((columns.next()?, columns.next()?))
        })
        .collect();
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    let missing: Vec<&&str> =
        names.iter().filter(|name| name.starts_with("sip.") && fields::named(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let made_up: Vec<&str> = fields::filled()
        .filter(|field| field.is_wireshark() && field.name.contains('.') && !names.contains(&field.name))
        .map(|field| field.name)
        .collect();
    assert!(made_up.is_empty(), "{made_up:?}");
    let is_same = |kind: Kind, theirs: &str| match kind {
        Kind::Text | Kind::QuotedText => theirs == "FT_STRING",
        Kind::Number => theirs.starts_with("FT_UINT"),
        Kind::Flag => theirs == "FT_BOOLEAN",
        Kind::Ipv4 => theirs == "FT_IPv4",
        Kind::Ipv6 => theirs == "FT_IPv6",
        Kind::Time => theirs == "FT_ABSOLUTE_TIME",
        Kind::Duration => theirs == "FT_RELATIVE_TIME",
        Kind::Nothing => theirs == "FT_NONE",
        Kind::Bytes | Kind::Protocol | Kind::Severity => false,
    };
    let other: Vec<&(&str, &str)> = rows
        .iter()
        .filter(|(name, _)| name.contains('.'))
        .filter(|(name, theirs)| {
            let ours = fields::filled().find(|field| field.name == *name);
            ours.is_some_and(|field| !is_same(field.kind, theirs))
        })
        .collect();
    assert!(other.is_empty(), "of another type in Wireshark: {other:?}");
}

/// The buttons stand in a profile, and tshark starts with it without a word of complaint.
#[test]
fn wireshark_loads_the_buttons() {
    let folder = tempfile::tempdir().expect("a folder for a profile");
    let profile = folder.path().join("wireshark/profiles/sipauth");
    std::fs::create_dir_all(&profile).expect("the profile is made");
    let start = |buttons: &str| {
        std::fs::write(profile.join("dfilter_buttons"), buttons).expect("the buttons are written");
        let mut command = Command::new("tshark");
        command
            .env("XDG_CONFIG_HOME", folder.path())
            .env("HOME", folder.path())
            .args(["-C", "sipauth", "-c", "1", "-r"]);
        let output = command.arg(corpus::sample("register-ok").path).output().expect("tshark is needed for this test");
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{complaints}");
        complaints.lines().filter(|line| !line.contains("Running as user")).collect::<Vec<_>>().join("\n")
    };
    let buttons = page::buttons();
    assert_eq!(start(&buttons), "");
    assert!(buttons.lines().count() >= 15, "{buttons}");
    // Each button holds an expression that tshark reads.
    let expression = |line: &str| Some(line.split("\",\"").nth(2)?.replace("\\x22", "\"").replace("\\x5c", "\\"));
    let expressions: Vec<String> = buttons.lines().filter_map(expression).collect();
    let refused: Vec<String> = tshark(&expressions).into_iter().filter_map(Result::err).collect();
    assert!(expressions.len() >= 15 && refused.is_empty(), "{refused:?}");
}
