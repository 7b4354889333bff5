//! Messages: every span lies within, the header fields stand in order and tile the header section, and views never fail.

use super::Tape;
use sipauth::sip;
use sipauth::sip::HeaderName;
use sipauth::sip::StartLine;
use sipauth::sip::parse::Source;
use sipauth::sip::uri::Uri;

/// One input.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape(bytes);
    let control = tape.byte();
    let source = Source { is_cut: control & 1 == 1, header_fields_max: if control & 2 == 0 { 8192 } else { 8 } };
    let message = sip::parse(tape.0, source);
    let (one, two) = match message.start {
        StartLine::Request { method, uri } => (method, uri),
        StartLine::Response { reason, .. } => (reason, reason),
    };
    assert!(one.end as usize <= tape.0.len() && two.end as usize <= tape.0.len());
    assert!(message.headers.len() <= source.header_fields_max);
    let mut at = one.start;
    for header in message.headers.iter() {
        assert!(at <= header.start, "{at} {header:?}");
        let name_len = message.header_name(header).len();
        assert!(name_len > 0 && header.start as usize + name_len <= header.value_at.start as usize);
        assert!(header.value_at.start <= header.value_at.end);
        at = header.value_at.end;
    }
    assert!(message.body.is_empty() || at <= message.body.start);
    assert!(message.body.end as usize <= tape.0.len());
    for defect in &message.defects {
        assert!(defect.at.start <= defect.at.end && defect.at.end as usize <= tape.0.len(), "{defect:?}");
    }
    let (_, _, _) = (message.cseq(), message.top_via(), message.via_branches().count());
    for address in [message.from(), message.to()].into_iter().flatten() {
        Uri::parse(address.uri);
    }
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization, HeaderName::CallId] {
        assert_eq!(message.values(name).count(), message.headers.all(name).count());
    }
}
