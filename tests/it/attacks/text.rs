//! Text from the wire that acts on its reader, forges a line, hides what it is, or takes for ever to be searched.

use sipauth::digest::Keyring;
use sipauth::digest::Secret;
use sipauth::filter::Filter;
use sipauth::report::Redaction;
use sipauth::report::Report;
use sipauth::report::csv::CsvWriter;
use sipauth::report::markdown::MarkdownReport;
use sipauth::report::ndjson::NdjsonWriter;

use crate::attacks::analyze;
use crate::attacks::attempts;
use crate::attacks::check_clean;
use crate::attacks::results;
use crate::corpus;
use crate::hostile;
use crate::hostile::is_harmful;
use crate::wire::udp_frame;

/// A challenge that is never answered, and credentials, with this text wherever a text may stand.
fn exchange(text: &[u8]) -> Vec<Vec<u8>> {
    let fill = |template: &str| {
        let parts: Vec<&[u8]> = template.split('@').map(str::as_bytes).collect();
        udp_frame(&parts.join(text))
    };
    let head = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: \"@\" <sip:@#h>;tag=1\r\nTo: <sip:@#h>\r\nCall-ID: @\r\n\
        CSeq: 1 REGISTER\r\nUser-Agent: @\r\nServer: @\r\n";
    vec![
        fill(&format!(
            "REGISTER sip:h SIP/2.0\r\n{head}Authorization: Digest username=\"@\", realm=\"@\", nonce=\"@\", uri=\"sip:@\", \
             response=\"@\", opaque=\"@\"\r\n\r\n"
        )),
        fill(&format!("SIP/2.0 401 @\r\n{head}WWW-Authenticate: Digest realm=\"@\", nonce=\"@\", qop=\"@\"\r\n\r\n")),
    ]
}

/// All characters that act on a terminal, or change or hide their neighbours, and every byte that is no character.
#[test]
fn no_character_acts_on_a_reader() {
    let harmful: Vec<char> = ('\0'..='\u{10ffff}').filter(|c| is_harmful(*c)).collect();
    assert!(harmful.len() > 200);
    // No line end that ends a header: those are tried alone.
    for part in harmful.chunks(24) {
        let text: String = part.iter().filter(|c| !matches!(c, '\r' | '\n')).flat_map(|c| [*c, 'x']).collect();
        let report = analyze(&exchange(text.as_bytes()));
        assert_eq!(attempts(&report).count(), 1, "{part:?}");
    }
    for line_end in ["\r", "\n ", "\r\n ", "\r\n\t", "\u{b}", "\u{c}", "\u{85}", "\u{2028}"] {
        let report = analyze(&exchange(format!("a{line_end}FORGED=1,\u{9b}31m").as_bytes()));
        assert_eq!(attempts(&report).count(), 1, "{line_end:?}");
    }
    let raw: Vec<u8> = (0x80..=0xff).flat_map(|byte| [byte, b'x']).collect();
    assert_eq!(attempts(&analyze(&exchange(&raw))).count(), 1);
}

/// One event, one line: an attempt is a row of CSV, and a line of NDJSON is one object, whatever its values hold.
#[test]
fn no_value_begins_a_line() {
    let report = corpus::analyze(&hostile::capture_full_of(hostile::ATTACK), Keyring::new());
    let (mut csv, mut ndjson) = (CsvWriter::new(Vec::new()), NdjsonWriter::new(Vec::new(), Report::empty()));
    let mut markdown = MarkdownReport::new(Redaction::Default);
    for session in &report.sessions {
        csv.session(session).expect("memory can be written");
        ndjson.session(session).expect("memory can be written");
        markdown.session(session);
    }
    let csv = String::from_utf8(csv.finish().expect("memory can be written")).expect("it is UTF-8");
    assert_eq!(csv.matches('\n').count(), 1 + attempts(&report).count());
    assert_eq!(csv.matches('\r').count(), csv.matches("\r\n").count());
    let ndjson = String::from_utf8(ndjson.finish(&report).expect("memory can be written")).expect("it is UTF-8");
    let kinds: Vec<String> = ndjson
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line is an object")["type"].to_string())
        .collect();
    let count = |kind: &str| kinds.iter().filter(|name| name.contains(kind)).count();
    assert_eq!((count("session"), count("finding")), (report.sessions.len(), report.findings.len()));
    assert_eq!(count("summary"), 1);
    // A table that a value could widen or break has rows of another length.
    let text = markdown.print(&report);
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let rows: Vec<usize> = text.lines().filter(|line| line.starts_with('|')).map(cells).collect();
    assert!(rows.len() > 2 && rows.iter().all(|cells| *cells == rows[0]), "{rows:?}");
}

fn md5_hex(parts: &[&[u8]]) -> String {
    use md5::Digest;
    md5::Md5::digest(parts.join(&b':')).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names that are no UTF-8, and that hold a zero octet: the digest is over the bytes as sent, and the report gives them back
/// without loss.
#[test]
fn bytes_that_are_no_text_are_hashed_as_sent_and_told_in_hex() {
    for name in [&b"j\xf6rg"[..], b"a\0b", b"\xff\xfe", "jo\u{308}rg".as_bytes(), b"a\xc3", "\u{fffd}".as_bytes()] {
        let mut keyring = Keyring::new();
        keyring.account(name, b"*", Secret::password(b"secret"), "--user").expect("an account fits");
        let (ha1, ha2) = (md5_hex(&[name, b"r\xe9", b"secret"]), md5_hex(&[b"REGISTER", b"sip:h"]));
        let response = md5_hex(&[ha1.as_bytes(), b"n\x80", ha2.as_bytes()]);
        let message = [
            &b"REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:a@h>\r\n"[..],
            b"Call-ID: 1\r\nCSeq: 1 REGISTER\r\nAuthorization: Digest username=\"",
            name,
            b"\", realm=\"r\xe9\", nonce=\"n\x80\", uri=\"sip:h\", response=\"",
            response.as_bytes(),
            b"\"\r\n\r\n",
        ]
        .concat();
        let file = crate::wire::pcap(
            crate::wire::Order::Little,
            crate::wire::Resolution::Micro,
            &crate::wire::timed(&[udp_frame(&message)]),
        );
        let report = corpus::analyze(&file, keyring);
        check_clean(&report);
        assert_eq!(results(&report.sessions[0]), ["match"], "{name:?}");
        let row = &report.sessions[0].attempts[0].credentials[0];
        let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        match std::str::from_utf8(name) {
            Ok(text) => assert_eq!((row.username.as_deref(), &row.username_hex), (Some(text), &None)),
            Err(_) => assert_eq!(row.username_hex, Some(hex(name))),
        }
        assert_eq!(row.realm_hex, Some(hex(b"r\xe9")));
        assert_eq!(report.nonces[0].value_hex, Some(hex(b"n\x80")));
    }
}

/// A backtracking matcher would take for ever on this expression: the number of steps doubles with each letter.
#[test]
fn expressions_cost_linear_time() {
    for pattern in ["(a+)+$", "(a|aa)+$", "(.*a){20}", "(?:a?){60}a{60}"] {
        let filter = format!("sip.User-Agent matches \"{pattern}\"");
        let filter = Filter::parse(&filter).unwrap_or_else(|error| panic!("{filter}: {error}")).0;
        let settings = sipauth::analyzer::Settings { filter: Some(filter), ..Default::default() };
        let mut analyzer = sipauth::analyzer::Analyzer::new(settings);
        let message = format!("OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\nUser-Agent: {}!\r\n\r\n", "a".repeat(60_000));
        let file = crate::wire::pcap(
            crate::wire::Order::Little,
            crate::wire::Resolution::Micro,
            &crate::wire::timed(&[udp_frame(message.as_bytes())]),
        );
        let source = Box::new(std::io::Cursor::new(file));
        let limits = sipauth::base::Limits::default();
        let mut reader =
            sipauth::capture::Reader::open(source, analyzer.next_input(), &limits).expect("it is a capture");
        while let Ok(Some(record)) = reader.next_record() {
            analyzer.push(&record);
        }
        let report = analyzer.finish();
        assert_eq!(report.summary.sip_messages, 1, "{pattern}");
    }
}
