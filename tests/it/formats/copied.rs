//! What a capture says beside its packets stands in the file of `--write` as well: comments, interfaces, times. Wireshark's own
//! programs write it and read it.

use std::path::Path;
use std::process::Command;

use crate::corpus;
use crate::corpus::RawFrame;
use crate::formats::packets::fields;
use crate::merging;
use crate::run::Run;
use crate::run::run;
use crate::run::sipauth;
use crate::wire::Order;
use crate::wire::block;
use crate::wire::option;

/// What tshark tells of a frame and of the interface that it came by.
const SAID: [&str; 8] = [
    "frame.interface_id",
    "frame.interface_name",
    "frame.interface_description",
    "frame.time_epoch",
    "frame.packet_flags_direction",
    "frame.len",
    "frame.encap_type",
    "sip.Call-ID",
];

fn copied(folder: &Path, words: &[&str], inputs: &[&str]) -> Run {
    let mut command = sipauth(folder);
    command
        .args(["analyze", "--fail-on", "never", "-T", "csv", "--force", "-w", "out.pcapng"])
        .args(words)
        .args(inputs);
    let run = run(&mut command);
    assert_eq!(run.code, 0, "{words:?} {inputs:?}: {}", run.stderr);
    run
}

/// The comments of each frame that are not of a finding.
fn own_comments(capture: &Path) -> Vec<Vec<String>> {
    let rows = fields(capture, "frame", &["frame.comment"]);
    let own = |row: Vec<String>| {
        let comments = row.into_iter().flat_map(|row| row.split('\u{1}').map(str::to_owned).collect::<Vec<_>>());
        comments.filter(|comment| !comment.starts_with("sipauth F") && !comment.is_empty()).collect()
    };
    rows.into_iter().map(own).collect()
}

fn wireshark(program: &str, words: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(words).current_dir(folder).output();
    let output = output.expect("Wireshark's programs are needed for this test: apt-get install tshark");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it prints UTF-8")
}

fn capture_comments(folder: &Path, name: &str) -> Vec<String> {
    let told = wireshark("capinfos", &["-k", name], folder);
    let comments = told.lines().filter_map(|line| line.strip_prefix("Capture comment:"));
    comments.map(|comment| comment.trim().to_owned()).collect()
}

/// Two interfaces that differ in everything, and frames that come by turns, each with two comments and a direction.
fn described(order: Order, frames: &[RawFrame]) -> Vec<u8> {
    let said = |code, text: &str| option(order, code, text.as_bytes());
    let section = [&order.u32(0x1a2b_3c4d)[..], &order.u16(1), &order.u16(0), &[0xff; 8]].concat();
    let section = [section, said(3, "Linux"), said(1, "trunk to the carrier, 3 pm"), said(1, "second try")].concat();
    let interface = |snaplen: u32, options: &[Vec<u8>]| {
        let fixed = [&order.u16(1)[..], &order.u16(0), &order.u32(snaplen)].concat();
        block(order, 1, &[fixed, options.concat()].concat())
    };
    // Halves of a millisecond by powers of two, and nanoseconds an hour ahead.
    let filter = option(order, 11, b"\0port 5060");
    let outside = interface(1500, &[said(2, "eth0"), said(3, "outside"), option(order, 9, &[0x8b]), filter]);
    let offset = option(order, 14, &order.u64(3600));
    let inside = interface(65_535, &[said(2, "sbc-lan"), option(order, 9, &[9]), offset, option(order, 6, &[2; 6])]);
    let mut file = [block(order, 0x0a0d_0d0a, &section), outside, inside].concat();
    for (number, frame) in (0_u32..).zip(frames) {
        let ns = frame.time_ns;
        let ticks = if number % 2 == 0 { ns / 1_000_000 * 2048 / 1000 } else { ns - 3_600_000_000_000 };
        let [high, low] = [ticks >> 32, ticks & 0xffff_ffff].map(|half| u32::try_from(half).expect("half of it"));
        let len = u32::try_from(frame.bytes.len()).expect("it is short");
        let mut body = [number % 2, high, low, len, frame.original_len].map(|word| order.u32(word)).concat();
        body.extend(&frame.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(said(1, &format!("frame {number}: look at the realm\nand at the nonce")));
        body.extend(
            [option(order, 2, &order.u32(1 + number % 2)), said(1, "Jürgen: seen"), option(order, 0, &[])].concat(),
        );
        file.extend(block(order, 6, &body));
    }
    file
}

#[test]
fn comments_interfaces_and_times_stay_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = corpus::sample("register-wrong-password-403").frames();
    for order in [Order::Little, Order::Big] {
        std::fs::write(folder.path().join("in.pcapng"), described(order, &frames)).expect("it can be written");
        copied(folder.path(), &["-q"], &["in.pcapng"]);
        let (before, after) = (folder.path().join("in.pcapng"), folder.path().join("out.pcapng"));
        let rows = fields(&after, "frame", &SAID);
        assert_eq!(rows, fields(&before, "frame", &SAID));
        assert_eq!((rows[0][1].as_str(), rows[1][1].as_str(), rows[0][2].as_str()), ("eth0", "sbc-lan", "outside"));
        let comments = own_comments(&after);
        assert_eq!(comments, own_comments(&before));
        assert!(comments.iter().all(|comments| comments.len() == 2), "{comments:?}");
        let told = wireshark("capinfos", &["-I", "out.pcapng"], folder.path());
        for line in ["Name = eth0", "Name = sbc-lan", "Capture length = 1500", "Filter string = port 5060"] {
            assert!(told.contains(line), "{line}: {told}");
        }
        for line in ["Time precision = nanoseconds (9)", "Time ticks per second = 2048"] {
            let before = wireshark("capinfos", &["-I", "in.pcapng"], folder.path());
            assert_eq!(told.contains(line), before.contains(line), "{line}: {told}");
        }
        let comments = capture_comments(folder.path(), "out.pcapng");
        assert!(comments[0].starts_with("Written by sipauth"), "{comments:?}");
        assert_eq!(comments[1..], ["trunk to the carrier, 3 pm", "second try"]);
    }
}

/// Comments that Wireshark's editcap writes; and with a filter, those of the frames that are left.
#[test]
fn comments_of_wireshark_stay_with_their_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = corpus::sample("register-wrong-password-403");
    std::fs::write(folder.path().join("plain.pcap"), &sample.bytes).expect("it can be written");
    let words = ["-a", "2:here it begins", "-a", "4:sipauth F7 high: nothing", "plain.pcap", "in.pcapng"];
    wireshark("editcap", &[&["--capture-comment", "ticket 4711"][..], &words].concat(), folder.path());
    copied(folder.path(), &["-q"], &["in.pcapng"]);
    let all = own_comments(&folder.path().join("out.pcapng"));
    // One that speaks like a finding is told from those that are.
    assert_eq!(
        (all[1].as_slice(), all[3].as_slice()),
        (&["here it begins".to_owned()][..], &["before: sipauth F7 high: nothing".to_owned()][..])
    );
    assert_eq!(capture_comments(folder.path(), "out.pcapng")[1..], ["ticket 4711"]);
    copied(folder.path(), &["-q", "-Y", "sip.Status-Code == 401"], &["in.pcapng"]);
    let left = own_comments(&folder.path().join("out.pcapng"));
    assert_eq!(left, [["here it begins"]]);
}

#[test]
fn files_are_written_in_the_order_of_time_and_say_where_frames_came_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = corpus::sample("invite-stale-loop").frames();
    let dealt = |turn: usize| -> Vec<&RawFrame> { frames.iter().skip(turn).step_by(2).collect() };
    merging::write(folder.path(), "whole.pcap", &frames.iter().collect::<Vec<_>>());
    merging::write(folder.path(), "b.pcap", &dealt(0));
    merging::write(folder.path(), "a.pcap", &dealt(1));
    copied(folder.path(), &["-q"], &["a.pcap", "b.pcap"]);
    let same = ["frame.time_epoch", "frame.len", "sip.Call-ID", "sip.CSeq", "sip.auth.nonce"];
    let after = folder.path().join("out.pcapng");
    assert_eq!(fields(&after, "frame", &same), fields(&folder.path().join("whole.pcap"), "frame", &same));
    let sides = fields(&after, "frame", &["frame.interface_description"]);
    assert!(sides.iter().zip(["b.pcap", "a.pcap"].iter().cycle()).all(|(row, name)| row[0] == *name), "{sides:?}");
    // A capture that names its interfaces, and one behind it.
    let (first, second) = frames.split_at(5);
    std::fs::write(folder.path().join("c.pcapng"), described(Order::Little, first)).expect("it can be written");
    merging::write(folder.path(), "d.pcap", &second.iter().collect::<Vec<_>>());
    copied(folder.path(), &["-q"], &["d.pcap", "c.pcapng"]);
    let rows = fields(&after, "frame", &["frame.interface_name", "frame.interface_description"]);
    let expected = [["eth0", "outside"], ["sbc-lan", ""]].into_iter().cycle().take(5);
    // Where there is no name, tshark takes the description for it.
    let expected: Vec<[&str; 2]> = expected.chain(second.iter().map(|_| ["d.pcap", "d.pcap"])).collect();
    assert_eq!(rows, expected);
    assert_eq!(
        capture_comments(folder.path(), "out.pcapng")[1..],
        ["c.pcapng: trunk to the carrier, 3 pm", "c.pcapng: second try"]
    );
}

#[test]
fn secrets_in_comments_are_hidden_and_what_acts_on_terminals_is_not_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = corpus::sample("register-wrong-password-403");
    std::fs::write(folder.path().join("plain.pcap"), &sample.bytes).expect("it can be written");
    let digest = "0123456789abcdef0123456789abcdef";
    let on_frame = format!("1:wants response=\"{digest}\" or {digest}, sip:bob:geheim@b.example; Call-ID abc@x");
    let acts = ["\u{1b}]52;c;QUFB\u{7}", "\u{202e}", "\u{9b}31m", "\u{2028}", "\u{85}"];
    let on_all = format!("HA1 is {digest}{}", acts.concat());
    let words = ["-a", &on_frame, "--capture-comment", &on_all, "plain.pcap", "in.pcapng"];
    wireshark("editcap", &words, folder.path());
    for (words, has_digest, has_password) in [
        (&[][..], false, false),
        (&["--redact", "none"][..], true, false),
        (&["--redact", "none", "--show-secrets"][..], true, true),
    ] {
        let run = copied(folder.path(), words, &["in.pcapng"]);
        let bytes = std::fs::read(folder.path().join("out.pcapng")).expect("it was written");
        let holds = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
        assert_eq!((holds(digest), holds("geheim")), (has_digest, has_password), "{words:?}");
        assert!(holds("; Call-ID abc@x"), "{words:?}: what is no secret stays");
        assert_eq!(run.stderr.contains("own comments and names"), !has_password, "{words:?}: {}", run.stderr);
        let comments = capture_comments(folder.path(), "out.pcapng").concat();
        assert!(comments.contains("HA1 is"), "{comments}");
        assert!(acts.iter().all(|acts| !holds(acts)), "{words:?}");
    }
}
