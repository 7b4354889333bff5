//! What a guess of a password can be tested on stands neither in drawings nor in comparisons nor in the packets that `--write` copies.

use std::path::Path;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::formats::packets::fields;
use crate::golden::TALK;
use crate::golden::tests_of_a_guess;
use crate::hep;
use crate::properties::in_fragments;
use crate::properties::over_tcp;
use crate::run::Run;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;
use crate::scenario;
use crate::wire;

/// The bytes of what `--write` makes of a sample.
fn written(sample: &Sample, folder: &Path, more: &[&str]) -> (Vec<u8>, Run) {
    let place = folder.join("out.pcapng");
    let words = ["--format", "csv", "--fail-on", "never", "--force", "--write", place.to_str().expect("a plain name")];
    let run = sample.analyze(&[&words, more].concat());
    (std::fs::read(place).expect("it was written"), run)
}

fn holds(bytes: &[u8], value: &[u8]) -> bool {
    memchr::memmem::find(&bytes.to_ascii_lowercase(), value).is_some()
}

#[test]
fn no_packet_holds_what_a_guess_can_be_tested_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut hidden, mut left_out) = (0, Vec::new());
    for sample in Sample::all() {
        let values = tests_of_a_guess(&sample);
        let (bytes, run) = written(&sample, folder.path(), &[]);
        assert_eq!(run.code, 0, "{}: {}", sample.name, run.stderr);
        for value in values.keys() {
            let shown = String::from_utf8_lossy(value);
            assert!(!holds(&bytes, value), "{}: holds {shown}", sample.name);
            assert!(!holds(&bytes, &value[..8]), "{}: holds the beginning of {shown}", sample.name);
        }
        hidden += values.len();
        if run.stderr.contains("left out") {
            left_out.push(sample.name);
        }
    }
    assert!(hidden > 250, "only {hidden} digests were looked for");
    let is_wrapped = |name: &String| {
        ["tunnel", "vxlan", "gre", "gtp", "geneve", "hep", "sctp", "websocket", "erspan", "ipip", "homer"]
            .iter()
            .any(|wrap| name.contains(wrap))
    };
    assert!(left_out.iter().all(is_wrapped), "frames are left out of {left_out:?}");
}

#[test]
fn packets_are_as_they_were_but_for_what_is_hidden() {
    let folder = tempfile::tempdir().expect("a folder");
    let after = folder.path().join("out.pcapng");
    let mut right = 0;
    for name in [
        "register-wrong-password-loop",
        "tcp-split-in-odd-places",
        "ipv6-register-ok",
        "invite-auth-int-refused",
        "register-ok-authentication-info",
    ] {
        let sample = Sample::named(name);
        let (_, run) = written(&sample, folder.path(), &[]);
        assert!(run.stderr.contains("is overwritten by x"), "{name}: {}", run.stderr);
        let same = [
            "frame.time_epoch",
            "frame.len",
            "sip.Call-ID",
            "sip.CSeq",
            "sip.auth.nonce",
            "sip.auth.uri",
            "sip.msg_body",
        ];
        let before = sample.folder.join(sample.capture());
        assert_eq!(fields(&after, "sip", &same), fields(&before, "sip", &same), "{name}");
        for row in fields(&after, "sip.auth.digest.response", &["sip.auth.digest.response"]) {
            assert!(row[0].chars().all(|c| matches!(c, 'x' | '"' | '\u{1}')), "{name}: {row:?}");
        }
        // 1 is a right one. Those of packets that never left the machine are often not computed.
        let all = checksums(&before).into_iter().zip(checksums(&after));
        right += all.clone().filter(|(before, _)| before.contains('1')).count();
        let spoilt: Vec<_> = all.filter(|(before, after)| before.contains('1') && !after.contains('1')).collect();
        assert!(spoilt.is_empty(), "{name}: {spoilt:?}");
    }
    assert!(right > 0, "no sample has checksums");
}

fn checksums(capture: &Path) -> Vec<String> {
    let mut tshark = std::process::Command::new("tshark");
    tshark.args(["-n", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields", "-Y", "sip"]);
    tshark.args(["-e", "udp.checksum.status", "-e", "tcp.checksum.status"]);
    let output = tshark.arg("-r").arg(capture).output().expect("tshark is needed for this test");
    String::from_utf8(output.stdout).expect("numbers are text").lines().map(str::to_owned).collect()
}

/// Two answers to one challenge, of which the second is accepted, with one password or another.
fn talk(secret: &str) -> Vec<u8> {
    scenario::pcap(&TALK.replace("$SECRET", secret))
}

#[test]
fn two_passwords_give_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = |secret: &str, words: &[&str]| {
        std::fs::write(folder.path().join("talk.pcap"), talk(secret)).expect("it can be written");
        let mut command = sipauth(folder.path());
        std::fs::write(folder.path().join("users.csv"), format!("1001,*,{secret}\n")).expect("it can be written");
        // What is told on stderr is compared as well.
        command.args(words).args(["--credentials", "users.csv"]);
        let run = run(&mut command);
        assert!(run.code <= 1, "{words:?}: {}", run.stderr);
        (run.code, run.stdout, run.stderr, std::fs::read(folder.path().join("out.pcapng")).unwrap_or_default())
    };
    let check = |words: &[&str]| {
        let (one, other) = (made("first-secret", words), made("another-secret", words));
        assert!(one == other, "{words:?}:\n{}\n{}", one.1, other.1);
        one
    };
    std::fs::write(folder.path().join("key"), "0123456789abcdef").expect("it can be written");
    for hides in [&["--redact", "default"][..], &["--redact", "strict", "--pseudonym-key", "key"]] {
        for format in ["text", "mermaid", "svg"] {
            check(&[&["flow", "--format", format, "talk.pcap"], hides].concat());
        }
        for format in ["human", "json", "markdown", "html"] {
            check(&[&["compare", "--format", format, "talk.pcap", "talk.pcap"], hides].concat());
        }
    }
    let (_, _, _, bytes) = check(&["analyze", "--force", "-w", "out.pcapng", "talk.pcap"]);
    assert!(holds(&bytes, b"response=\"xxxxxxxx"));
    check(&["analyze", "--force", "-w", "out.pcapng", "-Y", "sip.Authorization", "talk.pcap"]);
}

#[test]
fn what_was_sent_in_clear_is_hidden_even_where_nothing_else_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = b"INVITE sip:bob:geheim@b.example SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\nCall-ID: 1\r\n\
        Authorization: Digest username=\"a\", response=\"0123456789abcdef0123456789abcdef\"\r\n\
        Proxy-Authorization: Basic dXNlcjpwYXNz\r\nContent-Length: 27\r\n\r\na=crypto:1 A inline:Sch1ssl";
    let frame = RawFrame { time_ns: 0, link: 1, original_len: 0, bytes: wire::udp_frame(text) };
    let frame = RawFrame { original_len: u32::try_from(frame.bytes.len()).expect("small"), ..frame };
    std::fs::write(folder.path().join("in.pcap"), corpus::plain_pcap(&[frame])).expect("it can be written");
    for (words, digest, clear) in [
        (&[][..], false, false),
        (&["--redact", "none"][..], true, false),
        (&["--redact", "none", "--show-secrets"][..], true, true),
    ] {
        let mut command = sipauth(folder.path());
        command.args(["analyze", "-q", "--fail-on", "never", "--force", "-w", "out.pcapng"]).args(words).arg("in.pcap");
        assert_eq!(run(&mut command).code, 0);
        let bytes = std::fs::read(folder.path().join("out.pcapng")).expect("it was written");
        assert!(holds(&bytes, b"sip:bob"), "{words:?}");
        assert_eq!(holds(&bytes, b"0123456789abcdef"), digest, "{words:?}");
        for secret in ["geheim", "dxnlcjpwyxnz", "sch1ssl"] {
            assert_eq!(holds(&bytes, secret.as_bytes()), clear, "{words:?}: {secret}");
        }
    }
}

/// What `--write` makes of these frames, as `out.pcapng` in that folder.
fn written_of(folder: &Path, frames: &[RawFrame]) -> Vec<u8> {
    std::fs::write(folder.join("in.pcap"), corpus::plain_pcap(frames)).expect("it can be written");
    let mut command = sipauth(folder);
    command.args(["analyze", "-q", "--fail-on", "never", "--force", "-w", "out.pcapng", "in.pcap"]);
    assert_eq!(run(&mut command).code, 0);
    std::fs::read(folder.join("out.pcapng")).expect("it was written")
}

/// Wherever packets end, each holds but masked digits.
#[test]
fn a_response_in_pieces_is_hidden_in_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = Sample::named("register-wrong-password-loop");
    let values = tests_of_a_guess(&sample);
    let frames = corpus::sample(&sample.name).frames();
    let made = (1..=6).map(|seed| (format!("fragments {seed}"), in_fragments(&frames, seed)));
    let made = made.chain((1..=6).map(|seed| (format!("segments {seed}"), over_tcp(&frames, seed))));
    let mut in_pieces = 0;
    for (what, frames) in made {
        in_pieces += values.keys().filter(|value| !frames.iter().any(|frame| holds(&frame.bytes, value))).count();
        let bytes = written_of(folder.path(), &frames);
        for value in values.keys() {
            let shown = String::from_utf8_lossy(value);
            assert!(!value.windows(6).any(|part| holds(&bytes, part)), "{what}: holds a part of {shown}");
        }
        let texts =
            fields(&folder.path().join("out.pcapng"), "sip.auth.digest.response", &["sip.auth.digest.response"]);
        assert!(texts.iter().all(|row| row[0].trim_matches('"').chars().all(|c| c == 'x')), "{what}: {texts:?}");
        assert!(texts.len() >= values.len(), "{what}: {} messages are left", texts.len());
    }
    assert!(in_pieces > 10, "{in_pieces} responses stood in more than one packet");
}

/// Over TCP, and of messages that went over UDP or TLS: reports show them in clear.
#[test]
fn a_response_that_an_agent_reports_is_hidden() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = Sample::named("register-wrong-password-loop");
    let values = tests_of_a_guess(&sample);
    let frames = corpus::sample(&sample.name).frames();
    for (segment_len, protocol) in [(31, 22), (1400, 22), (31, 17), (1400, 17)] {
        let reported = hep::over_tcp(&frames, segment_len, protocol);
        let bytes = written_of(folder.path(), &reported);
        assert!(holds(&bytes, b"xxxxxxxx"), "{protocol} in segments of {segment_len}");
        for value in values.keys() {
            let is_shown = value.windows(8).any(|part| holds(&bytes, part));
            assert!(!is_shown, "{protocol} in segments of {segment_len}: holds a part of {}", value.escape_ascii());
        }
    }
}

/// Each secret is looked for in all frames of its message: one of nothing but secrets would take minutes.
#[test]
fn a_message_with_more_secrets_than_any_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let more = "X: response=0123456789abcdef\n".repeat(300);
    let capture = scenario::pcap(&format!("> OPTIONS\n{more}< 200\n{}", &TALK.replace("$SECRET", "secret")));
    std::fs::write(folder.path().join("talk.pcap"), capture).expect("it can be written");
    let mut command = sipauth(folder.path());
    let run = run(command.args(["analyze", "--write", "out.pcapng", "talk.pcap"]));
    assert!(run.stderr.contains("1 frame left out"), "{}", run.stderr);
    let written = std::fs::read(folder.path().join("out.pcapng")).expect("it was written");
    assert!(!written.windows(16).any(|part| part == b"0123456789abcdef"));
}
