//! The builder held against values computed elsewhere (Python's hashlib), and against tshark.

use std::process::Command;

use super::digest::hash;
use super::pcap::checksum;

const CALL: &str = "
    time 2026-01-05T10:00:00Z
    agent client Yealink SIP-T46S 66.85.0.5
    client 198.51.100.7  edge 203.0.113.10  core 203.0.113.20:5080
    +0.250 client > edge INVITE

    sdp
    client < edge 100
    edge > client 407
    Proxy-Authenticate: challenge realm=edge.example.com nonce=n1
    client > edge ACK
    client > edge INVITE
    Proxy-Authorization: digest user=1001 password=secret cnonce=abc

    sdp
    edge > core forward
    core > edge 200

    sdp
    edge > client forward
    +1.5 client > edge ACK
    +20 client > edge retransmit
";

/// The text of the messages, one after the other, without the headers of the frames and the file.
fn text(scenario: &str) -> String {
    String::from_utf8_lossy(&super::pcap(scenario)).into_owned()
}

fn check(scenario: &str, holds: &[&str], lacks: &[&str]) {
    let text = text(scenario);
    for part in holds {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for part in lacks {
        assert!(!text.contains(part), "{part} is in {text}");
    }
}

fn signed(challenge: &str, credentials: &str, response: &str) {
    let scenario = format!(
        "> REGISTER\n< 401\nWWW-Authenticate: challenge {challenge}\n> REGISTER\nAuthorization: digest {credentials}\n"
    );
    check(&scenario, &[&format!("response=\"{response}\"")], &[]);
}

#[test]
fn responses_are_those_of_hashlib() {
    let secret = "user=1001 password=secret cnonce=abc";
    signed("realm=asterisk nonce=n1", secret, "627f0edeea91720625f4e5a077c5ec8b");
    signed("realm=asterisk nonce=n1 qop=none", secret, "40dbf8497d6c35c959986ce8b2b40934");
    signed("realm=asterisk nonce=n1 algorithm=MD5-sess", secret, "e5d80851e46dcb4490065b2d51605a95");
    let sha = "168777e9ba4e4c742ac53710db589309ad59eb2eaac50db9b1ff91edc5088fd8";
    signed("realm=asterisk nonce=n1 algorithm=SHA-256", secret, sha);
    let sha = "f731bcd0dad9a38c5ef6bf4b2f500f18324908d607a29d11360d754af89eae61";
    signed("realm=asterisk nonce=n1 algorithm=SHA-256-sess", secret, sha);
    let escaped = r#"user="he said \"hi\"" password=secret"#;
    signed(r#"realm="Corp \\ Lab" nonce=n1 qop=none"#, escaped, "c6aef47d33cdba223c73841a288dca4d");
}

#[test]
fn auth_int_signs_the_body() {
    let scenario = "
        > INVITE
        < 407
        Proxy-Authenticate: challenge realm=asterisk nonce=n1 qop=auth-int
        > INVITE
        Proxy-Authorization: digest user=1001 password=secret cnonce=abc

        hello
    ";
    check(scenario, &["65b95abfd921059a0f617af28d461dd7", "qop=auth-int", "Content-Length: 7\r\n\r\nhello\r\n"], &[]);
}

#[test]
fn rfc_7616_section_3_9_1() {
    // The example of RFC 7616 §3.9.1 with the password of its erratum 4495, hashed over GET.
    let challenge = "realm=http-auth@example.org nonce=7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    let credentials = "user=Mufasa password=\"Circle of Life\" method=GET uri=/dir/index.html \
                       cnonce=f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    signed(challenge, credentials, "8ca523f5e9506fed4657c9700eebdbec");
}

#[test]
fn sha_512_256_is_no_cut_sha_512() {
    let abc = "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23";
    assert_eq!(hash("SHA-512-256", b"abc"), abc);
}

#[test]
fn what_is_signed_may_differ_from_what_is_sent() {
    let upper = "627F0EDEEA91720625F4E5A077C5EC8B";
    signed("realm=asterisk nonce=n1", "user=1001 password=secret cnonce=abc response=upper", upper);
    let other_realm = "user=1001 password=secret cnonce=abc realm=other signed-realm=asterisk";
    signed("realm=asterisk nonce=n1", other_realm, "627f0edeea91720625f4e5a077c5ec8b");
}

#[test]
fn defaults_follow_the_transaction() {
    let holds = [
        "From: <sip:1001@pbx.example.com>;tag=",
        "CSeq: 2 INVITE",
        "CSeq: 2 ACK",
        "Max-Forwards: 69",
        "rport=5060;received=198.51.100.7",
        "User-Agent: Yealink SIP-T46S 66.85.0.5",
        "nc=00000001",
    ];
    check(CALL, &holds, &["CSeq: 3", "nc=00000002", "received=203.0.113.20"]);
}

#[test]
fn written_headers_replace_and_remove() {
    let scenario = "
        > REGISTER sip:other.example.com
        v: SIP/2.0/UDP 192.0.2.1
        Max-Forwards: -
        Subject: folded
          text
        < 200
        > retransmit
        > bytes \\r\\n\\x00
    ";
    let holds =
        ["REGISTER sip:other.example.com SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1\r\n", "Subject: folded\r\n  text\r\n"];
    check(scenario, &holds, &["Max-Forwards", "rport"]);
}

#[test]
fn nonces_are_chosen_and_counted() {
    let register = |nonce: &str| format!("> REGISTER\nAuthorization: digest user=1001 password=x nonce={nonce}\n");
    let challenge = |nonce: &str| format!("< 401\nWWW-Authenticate: challenge nonce={nonce}\n");
    let script = [
        "> REGISTER\n",
        &challenge("one"),
        &register("last"),
        &challenge("two"),
        &register("last"),
        &register("first"),
    ];
    let text = text(&script.concat());
    let used: Vec<&str> = text.split("username=").skip(1).filter_map(|rest| rest.split('"').nth(5)).collect();
    assert_eq!(used, ["one", "two", "one"]);
    assert_eq!(text.matches("nc=00000002").count(), 1);
}

#[test]
fn unseen_messages_happen_off_the_record() {
    let scenario =
        "> REGISTER\n< unseen 401\nWWW-Authenticate: challenge\n> REGISTER\nAuthorization: digest user=1 password=x";
    check(scenario, &["Authorization: Digest", "CSeq: 2"], &["SIP/2.0 401"]);
}

#[test]
fn large_messages_are_cut_in_fragments() {
    let scenario = format!("mtu 1500\n> MESSAGE\n\n{}\n> first-fragment-of MESSAGE\n\n{0}\n", "x".repeat(1500));
    let records = super::pcap(&scenario);
    let ipv4_headers = records.windows(4).filter(|bytes| bytes == &[0x08, 0x00, 0x45, 0x00]).count();
    assert_eq!(ipv4_headers, 3, "two fragments, and one of two");
}

#[test]
fn checksum_of_rfc_1071() {
    assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
}

/// The oracle: right checksums, nothing malformed, every message seen, at its time.
#[test]
fn tshark_reads_what_is_built() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), super::pcap(CALL)).expect("it can be written");
    let mut tshark = Command::new("tshark");
    tshark.args(["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-d", "udp.port==5080,sip", "-r"]);
    tshark.arg(file.path());
    tshark.args(["-T", "fields", "-e", "ip.checksum.status", "-e", "udp.checksum.status", "-e", "sip.CSeq"]);
    tshark.args(["-e", "_ws.malformed", "-e", "_ws.expert.message"]);
    let Ok(output) = tshark.output() else {
        eprintln!("tshark is not installed: skipped");
        return;
    };
    let rows = String::from_utf8_lossy(&output.stdout);
    let good = |row: &&str| row.starts_with("1\t1\t") && row.contains("INVITE") | row.contains("ACK");
    assert_eq!(rows.lines().filter(good).count(), 10, "{rows}");
    assert!(!rows.contains("alformed"), "{rows}");
}
