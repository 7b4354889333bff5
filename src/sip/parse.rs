//! The scanner: bytes → message and defects. It never fails and reads every byte at most twice.

use crate::base::Span;
use crate::base::first_of;
use crate::base::is_token;
use crate::sip::Defect;
use crate::sip::DefectKind;
use crate::sip::Header;
use crate::sip::HeaderName;
use crate::sip::Headers;
use crate::sip::Message;
use crate::sip::Room;
use crate::sip::StartLine;
use crate::sip::defect::HeaderGap;
use crate::sip::lines::Line;
use crate::sip::lines::LineEnd;
use crate::sip::lines::Lines;

/// What the caller knows of the bytes beside their content.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// Bytes are missing at the end: the snap length or a hole took them.
    pub is_cut: bool,
    /// At most this many header fields are read (`Limits::header_fields_max`).
    pub header_fields_max: usize,
}

/// Reads one message. `bytes` hold one message whole, as a datagram or a framed part of a stream.
pub fn parse(bytes: &[u8], source: Source) -> Message<'_> {
    parse_into(Room::new(), bytes, source)
}

/// As [`parse`], in the room of headers that nobody needs any more: it saves each message an allocation, and two threads a quarter of
/// the memory that one lets go for the other.
pub fn parse_into(room: Room, bytes: &[u8], source: Source) -> Message<'_> {
    let mut message = Message {
        bytes,
        start: StartLine::Request { method: Span::default(), uri: Span::default() },
        headers: Headers::new(room),
        body: Span::default(),
        has_all_headers: false,
        has_whole_body: false,
        cseq: None,
        defects: Vec::new(),
    };
    let mut lines = Lines::new(bytes, leading_blank(bytes));
    let mut scanner = Scanner { bytes, source, message: &mut message };
    scanner.start_line(&mut lines);
    let section = scanner.header_section(lines);
    scanner.body(section.end as usize);
    check_headers(&mut message);
    if !section.is_ascii {
        check_text(&mut message);
    }
    message
}

/// RFC 3261 §7.5: blank lines before the start line are to be ignored.
fn leading_blank(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(bytes.len())
}

/// Fills a message, part by part.
struct Scanner<'m, 'a> {
    bytes: &'a [u8],
    source: Source,
    message: &'m mut Message<'a>,
}

/// What the header section was, besides its headers.
struct Section {
    /// Where the body begins.
    end: u32,
    /// Whether it is all ASCII; `false` says nothing.
    is_ascii: bool,
}

impl<'a> Scanner<'_, 'a> {
    fn defect(&mut self, kind: DefectKind, at: Span) {
        // The same oddity on each line (LF-only, folding) is said once: the first place is enough.
        if !self.message.defects.iter().any(|defect| defect.kind == kind) {
            self.message.defects.push(Defect { kind, at });
        }
    }

    fn start_line(&mut self, lines: &mut Lines<'a>) {
        let Some(line) = lines.next() else { return };
        if line.end == LineEnd::LfOnly {
            self.defect(DefectKind::LineFeedOnly, line.at);
        }
        let is_status = line.text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"));
        self.message.start = if is_status { self.status_line(&line) } else { self.request_line(&line) };
    }

    fn request_line(&mut self, line: &Line<'_>) -> StartLine {
        if let Some(start) = plain_request_line(line) {
            return start;
        }
        let start = line.at.start as usize;
        let text = line.text;
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let method_end = memchr::memchr2(b' ', b'\t', text).unwrap_or(text.len());
        let after = text.get(method_end..).unwrap_or_default();
        let uri_start = method_end.saturating_add(after.iter().take_while(|byte| is_blank(byte)).count());
        // The version is the last word; a URI with a blank inside keeps it.
        let last_blank = memchr::memrchr2(b' ', b'\t', text.trim_ascii_end()).filter(|&blank| blank >= uri_start);
        let version_start = last_blank.unwrap_or(text.len());
        let uri = text.get(uri_start.min(version_start)..version_start).unwrap_or_default().trim_ascii_end();
        let uri_end = uri_start.min(version_start).saturating_add(uri.len());
        // RFC 3261 §7.1: single blanks, and none behind the version or in the URI, which has neither brackets nor headers.
        let is_plain = text.get(method_end..uri_start) == Some(b" ")
            && text.get(uri_end..).is_some_and(|version| version.eq_ignore_ascii_case(b" SIP/2.0"))
            && memchr::memchr2(b' ', b'\t', uri).is_none()
            && memchr::memchr2(b'<', b'>', uri).is_none()
            && !has_headers(uri);
        if !is_plain || line.end == LineEnd::Missing {
            self.defect(DefectKind::StartLine, line.at);
        }
        StartLine::Request {
            method: Span::new(start..start.saturating_add(method_end)),
            uri: Span::new(start.saturating_add(uri_start.min(uri_end))..start.saturating_add(uri_end)),
        }
    }

    fn status_line(&mut self, line: &Line<'_>) -> StartLine {
        let text = line.text;
        let code_start = first_of(text, [b' ']).map_or(text.len(), |blank| blank.saturating_add(1));
        let digits = text.get(code_start..).unwrap_or_default();
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let code = digits.get(..count).filter(|code| code.len() == 3).and_then(strict_number);
        let status = code.and_then(|code| u16::try_from(code).ok()).unwrap_or(0);
        if status == 0 {
            self.defect(DefectKind::StartLine, line.at);
        }
        let reason_start = code_start.saturating_add(count).saturating_add(1).min(text.len());
        StartLine::Response { status, reason: tail(line.at, text.get(reason_start..).unwrap_or_default()) }
    }

    /// Reads header fields up to the blank line, if it is there.
    fn header_section(&mut self, mut lines: Lines<'a>) -> Section {
        while let Some(line) = lines.next() {
            match line.end {
                LineEnd::Missing if self.source.is_cut => {
                    // Half a Call-ID or half a digest is worse than none.
                    return self.headers_cut(line.at.start, lines.are_ascii());
                }
                LineEnd::LfOnly if !line.text.is_empty() => self.defect(DefectKind::LineFeedOnly, line.at),
                _ => {}
            }
            match line.text {
                [] => {
                    self.message.has_all_headers = true;
                    return Section { end: lines.at(), is_ascii: lines.are_ascii() };
                }
                [b' ' | b'\t', ..] => self.continuation(&line, DefectKind::Folded),
                _ => self.header_line(&line),
            }
        }
        self.headers_cut(lines.at(), lines.are_ascii())
    }

    #[cold]
    fn headers_cut(&mut self, end: u32, is_ascii: bool) -> Section {
        self.defect(DefectKind::HeadersCut, Span { start: end, end: Span::offset(self.bytes.len()) });
        Section { end, is_ascii }
    }

    fn header_line(&mut self, line: &Line<'_>) {
        let Some((name, value)) = HeaderName::usual(line.text).or_else(|| self.unusual_header(line)) else {
            return self.stray_line(line);
        };
        if self.message.headers.len() >= self.source.header_fields_max {
            return self.defect(DefectKind::TooManyHeaders, line.at);
        }
        let value_at = match value {
            // Nearly always.
            [b' ', value @ ..] if has_graphic_ends(value) => tail(line.at, value),
            _ => {
                let value = value.trim_ascii_start();
                let blanks = value.len().saturating_sub(value.trim_ascii_end().len());
                let at = tail(line.at, value);
                Span { end: at.end.saturating_sub(Span::offset(blanks)), ..at }
            }
        };
        self.message.headers.push(Header { name, start: line.at.start, value_at });
    }

    /// A header that is rare, or written otherwise than the standards do: its name, and what stands behind the colon.
    fn unusual_header<'l>(&mut self, line: &Line<'l>) -> Option<(HeaderName, &'l [u8])> {
        // A name is a few bytes long: a plain loop is through before a search has begun.
        let name_end = line.text.iter().take_while(|&&byte| is_token(byte)).count();
        let (written, rest) = line.text.split_at_checked(name_end).filter(|(written, _)| !written.is_empty())?;
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let value = rest.get(blanks..)?.strip_prefix(b":")?;
        if blanks > 0 && self.message.headers.len() < self.source.header_fields_max {
            let start = (line.at.start as usize).saturating_add(name_end);
            self.defect(DefectKind::BlankBeforeColon, Span::new(start..start.saturating_add(blanks)));
        }
        Some((HeaderName::parse(written), value))
    }

    /// A line without `name:`. Text pasted from manuals loses the blank that marks a fold: where the header before ends in
    /// a comma, the line goes on with it.
    fn stray_line(&mut self, line: &Line<'_>) {
        let bytes = self.bytes;
        let goes_on = self.header_before(line).is_some_and(|header| header.value_at.of(bytes).ends_with(b","));
        if goes_on {
            self.continuation(line, DefectKind::FoldedWithoutBlank);
        } else {
            self.defect(DefectKind::NotAHeader, line.at);
        }
    }

    fn continuation(&mut self, line: &Line<'_>, kind: DefectKind) {
        let (bytes, end) = (self.bytes, (line.at.start as usize).saturating_add(line.text.trim_ascii_end().len()));
        let Some(header) = self.header_before(line) else {
            return self.defect(DefectKind::NotAHeader, line.at);
        };
        let start = header.value_at.start as usize;
        // A value that starts on the next line (`Authorization:` CRLF blank …) begins with its first byte there.
        let text = bytes.get(start..end).unwrap_or_default();
        header.value_at =
            Span::new(start.saturating_add(text.len().saturating_sub(text.trim_ascii_start().len()))..end.max(start));
        self.defect(kind, line.at);
    }

    /// The header that a line follows at once. Behind a line that was left out a fold belongs to that.
    fn header_before(&mut self, line: &Line<'_>) -> Option<&mut Header> {
        let bytes = self.bytes;
        let header = self.message.headers.last_mut()?;
        let between = bytes.get(header.value_at.end as usize..line.at.start as usize)?;
        between.trim_ascii().is_empty().then_some(header)
    }

    /// The body's span, and whether all of it is there.
    fn body(&mut self, start: usize) {
        let end = self.bytes.len();
        let available = end.saturating_sub(start);
        let (body_end, is_whole) = match self.content_length() {
            Some(length) if length > available => {
                self.defect(DefectKind::BodyCut, Span::new(start..end));
                (end, false)
            }
            Some(length) => {
                let body_end = start.saturating_add(length);
                if length < available {
                    self.defect(DefectKind::BytesAfterBody, Span::new(body_end..end));
                }
                (body_end, true)
            }
            // RFC 3261 §18.3: without Content-Length the body ends with the datagram.
            None => (end, !self.source.is_cut && self.message.has_all_headers),
        };
        self.message.body = Span::new(start..body_end);
        self.message.has_whole_body = is_whole;
    }

    fn content_length(&mut self) -> Option<usize> {
        let mut length = None;
        let mut bad = None;
        for span in self.message.headers.all(HeaderName::ContentLength).map(|header| header.value_at) {
            match strict_number(span.of(self.bytes)) {
                Some(number) if length.is_none_or(|first| first == number) => length = Some(number),
                _ => bad = bad.or(Some(span)),
            }
        }
        if let Some(bad) = bad {
            self.defect(DefectKind::BadContentLength, bad);
        }
        length
    }
}

/// A request line as nearly every stack writes it, and so without a defect; `None` says nothing. One look at each byte of the URI is
/// quicker than a search for each of the bytes that it may not have.
fn plain_request_line(line: &Line<'_>) -> Option<StartLine> {
    let head = line.text.strip_suffix(b" SIP/2.0").filter(|_| line.end != LineEnd::Missing)?;
    let method_len = head.iter().position(|&byte| matches!(byte, b' ' | b'\t')).filter(|&len| len > 0)?;
    let uri = head.get(method_len..)?.strip_prefix(b" ").filter(|uri| !uri.is_empty())?;
    let is_plain = uri.iter().all(|&byte| byte > b' ' && !matches!(byte, b'<' | b'>' | b'?'));
    let start = line.at.start as usize;
    let uri_start = start.saturating_add(method_len).saturating_add(1);
    is_plain.then(|| StartLine::Request {
        method: Span::new(start..start.saturating_add(method_len)),
        uri: Span::new(uri_start..uri_start.saturating_add(uri.len())),
    })
}

/// Where the last bytes of a line stand.
fn tail(line: Span, bytes: &[u8]) -> Span {
    Span { start: line.end.saturating_sub(Span::offset(bytes.len())), end: line.end }
}

/// Whether there are no blanks to be trimmed.
fn has_graphic_ends(value: &[u8]) -> bool {
    matches!((value.first(), value.last()), (Some(first), Some(last)) if first.is_ascii_graphic() && last.is_ascii_graphic())
}

/// Whether a URI has headers (RFC 3261 §19.1.1), which a Request-URI may not: behind the user part, which may hold a `?`.
fn has_headers(uri: &[u8]) -> bool {
    memchr::memrchr(b'?', uri).is_some_and(|at| uri.get(at..).is_some_and(|behind| !behind.contains(&b'@')))
}

/// Digits and nothing else; leading zeros are fine. `None` where it does not fit.
fn strict_number(text: &[u8]) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_usize, |number, byte| {
        let digit = Some(byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(usize::from(digit))
    })
}

/// Which mandatory headers are missing, which repeat, and what CSeq says.
fn check_headers(message: &mut Message<'_>) {
    for (name, gap) in MANDATORY {
        // What the capture cut off is not missing.
        if !message.headers.has(name) && message.has_all_headers {
            message.defects.push(Defect { kind: DefectKind::MissingHeader(gap), at: Span::default() });
        }
    }
    // Via may repeat.
    let single = [HeaderName::From, HeaderName::To, HeaderName::CallId, HeaderName::CSeq];
    let repeating = single.into_iter().filter(|name| message.headers.repeats(*name));
    if let Some(at) = repeating.filter_map(|name| repeated(message, name)).min_by_key(|at| at.start) {
        message.defects.push(Defect { kind: DefectKind::RepeatedHeader, at });
    }
    if let Some(at) = message.headers.first(HeaderName::CSeq).map(|header| header.value_at) {
        message.cseq = cseq(message.bytes, at);
        match message.cseq() {
            None => message.defects.push(Defect { kind: DefectKind::BadCSeq, at }),
            Some(cseq) if message.method().is_some_and(|method| method != cseq.method) => {
                message.defects.push(Defect { kind: DefectKind::CSeqMethodMismatch, at });
            }
            Some(_) => {}
        }
    }
}

/// The number of a CSeq header, and where its method stands.
fn cseq(bytes: &[u8], at: Span) -> Option<(u32, Span)> {
    let value = at.of(bytes);
    let mut number = None;
    let mut rest = value;
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        let digit = u32::from(digit.wrapping_sub(b'0'));
        number = Some(number.unwrap_or(0_u32).checked_mul(10)?.checked_add(digit)?);
        rest = behind;
    }
    let method = rest.trim_ascii_start();
    // RFC 3261 §25.1: CSeq = 1*DIGIT LWS Method.
    let has_both = rest.len() > method.len() && !method.is_empty();
    let end = at.range().end;
    number.filter(|_| has_both).map(|number| (number, Span::new(end.saturating_sub(method.len())..end)))
}

/// The first header of that name that says something else than the one before it.
fn repeated(message: &Message<'_>, name: HeaderName) -> Option<Span> {
    let mut values = message.headers.all(name).map(|header| header.value_at);
    let first = values.next()?.of(message.bytes);
    values.find(|at| at.of(message.bytes) != first)
}

/// The headers that every message must have (RFC 3261 §8.1.1), but Max-Forwards, which old stacks leave out.
const MANDATORY: [(HeaderName, HeaderGap); 5] = [
    (HeaderName::Via, HeaderGap::Via),
    (HeaderName::From, HeaderGap::From),
    (HeaderName::To, HeaderGap::To),
    (HeaderName::CallId, HeaderGap::CallId),
    (HeaderName::CSeq, HeaderGap::CSeq),
];

/// Header values are UTF-8 (RFC 3261 §25.1). The section is checked in one go; only where that fails, value by value.
fn check_text(message: &mut Message<'_>) {
    let head = message.bytes.get(..message.body.start as usize).unwrap_or(message.bytes);
    if std::str::from_utf8(head).is_ok() {
        return;
    }
    let is_odd = |header: &&Header| std::str::from_utf8(header.value_at.of(message.bytes)).is_err();
    if let Some(at) = message.headers.iter().find(is_odd).map(|header| header.value_at) {
        message.defects.push(Defect { kind: DefectKind::NotUtf8, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Source = Source { is_cut: false, header_fields_max: 100 };

    fn kinds(message: &Message<'_>) -> Vec<&'static str> {
        message.defects.iter().map(|defect| defect.kind.name()).collect()
    }

    const HEAD: &str = "Via: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n";

    fn check(message: &str, expected: &[&str]) {
        assert_eq!(kinds(&parse(message.as_bytes(), WHOLE)), expected, "{message:?}");
    }

    #[test]
    fn a_plain_request_has_no_defect() {
        let text = format!("REGISTER sip:b SIP/2.0\r\n{HEAD}Content-Length: 2\r\n\r\nhi");
        let message = parse(text.as_bytes(), WHOLE);
        assert_eq!(kinds(&message), Vec::<&str>::new());
        assert_eq!(message.method(), Some(&b"REGISTER"[..]));
        assert_eq!(message.request_uri(), Some(&b"sip:b"[..]));
        assert_eq!(message.call_id(), b"c");
        assert_eq!(message.cseq(), Some(crate::sip::CSeq { number: 1, method: b"REGISTER" }));
        assert_eq!(message.body(), b"hi");
        assert_eq!(message.top_via().and_then(|via| via.branch), Some(&b"z9hG4bKa"[..]));
    }

    #[test]
    fn a_fold_behind_a_line_that_was_left_out_belongs_to_that() {
        let text = format!("REGISTER sip:b SIP/2.0\r\n{HEAD}Subject: a\r\nno colon here\r\n b\r\n,c\r\n\r\n");
        let message = parse(text.as_bytes(), WHOLE);
        assert_eq!(kinds(&message), ["not_a_header"]);
        assert_eq!(message.headers.iter().last().map(|header| header.value_at.of(text.as_bytes())), Some(&b"a"[..]));
        // Nor to the last header that was kept, where there were too many.
        let few = Source { header_fields_max: 5, ..WHOLE };
        let text = format!("REGISTER sip:b SIP/2.0\r\n{HEAD}Subject: a\r\n b\r\n\r\n");
        let message = parse(text.as_bytes(), few);
        assert_eq!(
            message.headers.iter().last().map(|header| header.value_at.of(text.as_bytes())),
            Some(&b"1 REGISTER"[..])
        );
        let text = format!("REGISTER sip:b SIP/2.0\r\n{HEAD}Subject:\r\n  a\r\n\tb\r\n\r\n");
        let message = parse(text.as_bytes(), WHOLE);
        assert_eq!(kinds(&message), ["folded"]);
        assert_eq!(
            message.headers.iter().last().map(|header| header.value_at.of(text.as_bytes())),
            Some(&b"a\r\n\tb"[..])
        );
    }

    #[test]
    fn oddities_are_defects_and_the_message_stays() {
        check(&format!("REGISTER sip:b SIP/2.0\n{}\n", HEAD.replace("\r\n", "\n")), &["line_feed_only"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}X: a,\r\n b\r\n\r\n"), &["folded"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}X: a,\r\nuri=\"sip:b\"\r\n\r\n"), &["folded_without_blank"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}X : a\r\n\r\n"), &["blank_before_colon"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}nonsense\r\n\r\n"), &["not_a_header"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}"), &["headers_cut"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}l: 9\r\n\r\nhi"), &["body_cut"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}l: 1\r\n\r\nhi"), &["bytes_after_body"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}l: -1\r\n\r\nhi"), &["bad_content_length"]);
        check(&format!("INVITE sip:b SIP/2.0\r\n{HEAD}\r\n"), &["cseq_method_mismatch"]);
        check(
            "REGISTER sip:b SIP/2.0\r\n\r\n",
            &["missing_via", "missing_from", "missing_to", "missing_call_id", "missing_cseq"],
        );
        check(&format!("SIP/2.0 4x1 No\r\n{HEAD}\r\n"), &["start_line"]);
        check(&format!("REGISTER sip:b SIP/2.0\r\n{HEAD}Call-ID: other\r\n\r\n"), &["repeated_header"]);
    }

    #[test]
    fn a_cut_message_keeps_only_whole_headers() {
        let text = b"REGISTER sip:b SIP/2.0\r\nCall-ID: c\r\nAuthorization: Digest usern";
        let message = parse(text, Source { is_cut: true, ..WHOLE });
        assert_eq!(message.headers.len(), 1);
        assert!(!message.has_all_headers && !message.has_whole_body);
        assert_eq!(kinds(&message), ["headers_cut"]);
    }

    #[test]
    fn folded_values_keep_their_bytes() {
        let text = format!("REGISTER sip:b SIP/2.0\r\n{HEAD}aUTHORIZATION  :\r\n  Digest a=1,\r\n\tb=2\r\n\r\n");
        let message = parse(text.as_bytes(), WHOLE);
        assert_eq!(message.value(HeaderName::Authorization), Some(&b"Digest a=1,\r\n\tb=2"[..]));
    }

    #[test]
    fn content_length_is_digits_only() {
        let check = |text: &str, number| assert_eq!(strict_number(text.as_bytes()), number, "{text}");
        check("0", Some(0));
        check("007", Some(7));
        check(&"0".repeat(300), Some(0));
        check("+5", None);
        check("12abc", None);
        check("", None);
        check(&"9".repeat(30), None);
    }
}
