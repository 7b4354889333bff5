//! Where one SIP message ends and the next begins in a byte stream (RFC 3261 §7.5, §18.3), and what begins one at all.
//!
//! The cutter remembers how far it has looked, so a message that arrives in a thousand segments is scanned once.

use memchr::memchr;

use crate::base::ContentLength;
use crate::base::Framer;
use crate::base::Framing;
use crate::base::Limits;
use crate::base::SetAside;
use crate::base::Step;
use crate::base::StreamStart;
use crate::base::first_of;
use crate::sip::start_line::Line;
use crate::sip::start_line::could_become_start_line;
use crate::sip::start_line::find_start_in;
use crate::sip::start_line::is_start_line;
use crate::sip::start_line::line_kind;

pub use crate::sip::start_line::looks_like_sip;

/// Bytes without a start line after which a stream that never had one is given up.
const FOREIGN_BYTES_MAX: usize = 64 * 1024;
/// So much of a stream's first line tells whether it is of another protocol.
const FIRST_LINE_BYTES_MAX: usize = 1024;
/// An unfinished line is kept this long while looking for a start line.
const SEARCH_LINE_BYTES_MAX: usize = 8 * 1024;

/// Cuts one direction of a stream into SIP messages.
#[derive(Debug)]
pub struct SipFramer {
    state: State,
    /// Bytes of the window in which the current state has found nothing.
    scanned: usize,
    /// Bytes skipped since the stream began; counts only until the first message.
    skipped: usize,
    /// Whether a message has been seen: then the stream is SIP whatever follows.
    is_sip: bool,
    start: StreamStart,
}

#[derive(Debug)]
enum State {
    /// A start line, or blank lines before it, are to come.
    Start,
    /// Somewhere between messages; a start line is looked for.
    Search,
    /// Within the header section.
    Headers(Headers),
    /// The headers are whole; the message is `len` bytes long.
    Body { len: usize, framing: Framing },
    /// Not SIP.
    Foreign,
}

/// What the header section has said so far.
#[derive(Debug, Default)]
struct Headers {
    /// Where the value of a Content-Length header begins whose last line has not been seen.
    open_value: Option<usize>,
    /// What the Content-Length headers said; the body's length.
    value: Option<Result<usize, ContentLength>>,
    /// Up to here in the window, no line feed ends the line that is being read.
    looked: usize,
}

impl Framer for SipFramer {
    /// The default ports, without TLS and with it (RFC 3261 §19.1.2).
    const PORTS: &'static [u16] = &[5060, 5061];

    fn new(start: StreamStart) -> SipFramer {
        let state = if start == StreamStart::Opened { State::Start } else { State::Search };
        SipFramer { state, scanned: 0, skipped: 0, is_sip: false, start }
    }

    fn recognises(bytes: &[u8]) -> bool {
        looks_like_sip(bytes)
    }

    fn step(&mut self, window: &[u8], limits: &Limits) -> Step {
        loop {
            let step = match &self.state {
                State::Foreign => Some(Step::Foreign),
                State::Start => self.start(window, limits),
                State::Search => self.search(window, limits),
                State::Headers(_) => self.headers(window, limits),
                State::Body { len, framing } if *len <= window.len() => {
                    let (len, framing) = (*len, *framing);
                    Some(self.message(len, framing, false))
                }
                State::Body { .. } => Some(Step::More),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    fn rescan(&mut self) {
        self.enter(match self.state {
            // Both begin with the window.
            State::Headers(_) | State::Body { .. } | State::Start => State::Start,
            State::Search => State::Search,
            State::Foreign => State::Foreign,
        });
    }

    fn interrupt(&mut self, window: &[u8], limits: &Limits) -> Step {
        match self.step(window, limits) {
            Step::More if window.is_empty() => {
                self.enter(State::Search);
                Step::More
            }
            Step::More => self.flush(window),
            step => step,
        }
    }
}

impl SipFramer {
    fn enter(&mut self, state: State) {
        self.state = state;
        self.scanned = 0;
    }

    fn message(&mut self, len: usize, framing: Framing, cut: bool) -> Step {
        self.is_sip = true;
        // Where a length was given, the next message follows at once; else there may be a body in between.
        let trusted = framing.content_length == ContentLength::Given && !cut;
        self.enter(if trusted { State::Start } else { State::Search });
        Step::Message { len, framing, cut }
    }

    fn skip(&mut self, len: usize, reason: SetAside) -> Step {
        self.scanned = self.scanned.saturating_sub(len);
        Step::Skip { len, reason }
    }

    /// Skips bytes that are no message; too many of them show that the stream is something else.
    fn skip_junk(&mut self, junk: &[u8]) -> Step {
        let len = junk.len();
        if junk.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return self.skip(len, SetAside::KeepAlive);
        }
        self.skipped = self.skipped.saturating_add(len);
        if !self.is_sip && self.skipped > FOREIGN_BYTES_MAX && self.start != StreamStart::Told {
            self.enter(State::Foreign);
            return Step::Foreign;
        }
        self.skip(len, if self.is_sip { SetAside::TcpGap } else { SetAside::NotSip })
    }

    /// The end of the line that begins the window, behind its line feed.
    fn first_line_end(&mut self, window: &[u8]) -> Option<usize> {
        let unseen = window.get(self.scanned..).unwrap_or_default();
        let end = memchr(b'\n', unseen).map(|at| self.scanned.saturating_add(at).saturating_add(1));
        if end.is_none() {
            self.scanned = window.len();
        }
        end
    }

    fn start(&mut self, window: &[u8], limits: &Limits) -> Option<Step> {
        // Blank lines before a start line are ignored (RFC 3261 §7.5), and pings are made of them (RFC 5626 §3.5.1).
        let blank = window.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
        if blank > 0 {
            return Some(self.skip(blank, SetAside::KeepAlive));
        }
        if window.is_empty() {
            return Some(Step::More);
        }
        // What is decided must not depend on where the segments were cut: a line that is not whole is waited for as long as
        // that may change anything.
        let Some(end) = self.first_line_end(window) else {
            let wait_len = match could_become_start_line(window) {
                true => limits.header_section_bytes_max,
                false if self.is_foreign(window) => 0,
                false => FIRST_LINE_BYTES_MAX,
            };
            if window.len() <= wait_len {
                return Some(Step::More);
            }
            self.no_start_line(window);
            return None;
        };
        let line = window.get(..end).unwrap_or_default();
        if is_start_line(line) && line.len() <= limits.header_section_bytes_max {
            self.enter(State::Headers(Headers::default()));
            self.scanned = end;
        } else {
            self.no_start_line(line);
        }
        None
    }

    /// What stands where a start line should be decides what the stream is, if that is open.
    fn no_start_line(&mut self, line: &[u8]) {
        self.enter(if self.is_foreign(line) { State::Foreign } else { State::Search });
    }

    /// Whether a line, or what is there of it, shows that the stream is of another protocol.
    fn is_foreign(&self, line: &[u8]) -> bool {
        let is_open = self.start == StreamStart::Opened && !self.is_sip;
        is_open && line_kind(line.get(..FIRST_LINE_BYTES_MAX).unwrap_or(line)) == Line::Foreign
    }

    fn search(&mut self, window: &[u8], limits: &Limits) -> Option<Step> {
        if self.start == StreamStart::Joined && !self.is_sip && self.skipped == 0 && is_tls_record(window) {
            self.enter(State::Foreign);
            return None;
        }
        let mut line_start = 0;
        while let Some(end) = self.first_line_end(window) {
            let line = window.get(line_start..end).unwrap_or_default();
            let found = find_start_in(line)
                .filter(|within| line.len().saturating_sub(*within) <= limits.header_section_bytes_max);
            if let Some(within) = found {
                let at = line_start.saturating_add(within);
                self.enter(State::Start);
                return (at > 0).then(|| self.skip_junk(window.get(..at).unwrap_or_default()));
            }
            line_start = end;
            self.scanned = end;
        }
        if line_start > 0 {
            return Some(self.skip_junk(window.get(..line_start).unwrap_or_default()));
        }
        // A line that is too long for a start line is dropped, but for its end, where one may begin.
        match window.len().checked_sub(SEARCH_LINE_BYTES_MAX) {
            Some(excess) if excess >= SEARCH_LINE_BYTES_MAX => {
                Some(self.skip_junk(window.get(..excess).unwrap_or_default()))
            }
            _ => Some(Step::More),
        }
    }

    fn headers(&mut self, window: &[u8], limits: &Limits) -> Option<Step> {
        let State::Headers(headers) = &mut self.state else { return None };
        loop {
            let looked = headers.looked.max(self.scanned);
            let line_end = first_of(window.get(looked..).unwrap_or_default(), [b'\n'])
                .map(|at| looked.saturating_add(at).saturating_add(1));
            let line = line_end.and_then(|end| window.get(self.scanned..end)).unwrap_or_default();
            headers.looked = line_end.unwrap_or(window.len());
            if self.scanned.saturating_add(line.len()) > limits.header_section_bytes_max
                || (line.is_empty() && window.len() > limits.header_section_bytes_max)
            {
                let len = self.scanned;
                let framing = Framing { content_length: ContentLength::Missing, too_large: true };
                return Some(self.message(len, framing, true));
            }
            match line {
                [] => return Some(Step::More),
                b"\r\n" | b"\n" => {
                    headers.close_value(window, self.scanned, limits);
                    let head_len = self.scanned.saturating_add(line.len());
                    let (body_len, content_length) = headers.body_len();
                    let framing = Framing { content_length, too_large: false };
                    self.state = State::Body { len: head_len.saturating_add(body_len), framing };
                    return None;
                }
                // The blank line is lost, and the next message has begun.
                line if is_start_line(line) => {
                    let len = self.scanned;
                    let framing = Framing { content_length: ContentLength::Missing, too_large: false };
                    return Some(self.message(len, framing, true));
                }
                [b' ' | b'\t', ..] => {}
                line => {
                    headers.close_value(window, self.scanned, limits);
                    headers.open_value = content_length_value(line).map(|at| self.scanned.saturating_add(at));
                }
            }
            self.scanned = self.scanned.saturating_add(line.len());
        }
    }

    /// Gives up waiting: what is there is a message without its end, or nothing.
    fn flush(&mut self, window: &[u8]) -> Step {
        let is_message = match self.state {
            State::Headers(_) | State::Body { .. } => true,
            State::Start | State::Search => looks_like_sip(window),
            State::Foreign => false,
        };
        if is_message {
            let framing = match self.state {
                State::Body { framing, .. } => framing,
                _ => Framing { content_length: ContentLength::Missing, too_large: false },
            };
            return self.message(window.len(), framing, true);
        }
        let step = self.skip_junk(window);
        if step != Step::Foreign {
            self.enter(State::Search);
        }
        step
    }
}

impl Headers {
    /// Takes the value of an open Content-Length header, which ends at `end`.
    fn close_value(&mut self, window: &[u8], end: usize, limits: &Limits) {
        let Some(start) = self.open_value.take() else { return };
        let new = parse_content_length(window.get(start..end).unwrap_or_default(), limits.body_bytes_max);
        self.value = Some(match self.value {
            Some(old) if old != new => Err(ContentLength::Conflicting),
            _ => new,
        });
    }

    fn body_len(&self) -> (usize, ContentLength) {
        match self.value {
            Some(Ok(len)) => (len, ContentLength::Given),
            Some(Err(trouble)) => (0, trouble),
            None => (0, ContentLength::Missing),
        }
    }
}

/// Where the value begins, if the line is a Content-Length header, long or compact (RFC 3261 §7.3.3, §20.14).
fn content_length_value(line: &[u8]) -> Option<usize> {
    if !matches!(line.first(), Some(b'C' | b'c' | b'L' | b'l')) {
        return None;
    }
    let colon = memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii_end();
    (name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l")).then_some(colon.saturating_add(1))
}

/// RFC 3261 §25.1: `1*DIGIT`, and nothing else but blanks and folds around it.
fn parse_content_length(value: &[u8], max: usize) -> Result<usize, ContentLength> {
    let digits = value.trim_ascii();
    if digits.is_empty() {
        return Err(ContentLength::Bad);
    }
    let mut len: usize = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(ContentLength::Bad);
        }
        let next = len.checked_mul(10).and_then(|len| len.checked_add(usize::from(digit.saturating_sub(b'0'))));
        len = next.filter(|len| *len <= max).ok_or(ContentLength::Bad)?;
    }
    Ok(len)
}

/// RFC 8446 §5.1: content type 20 to 23, then a version whose first byte is 3.
fn is_tls_record(window: &[u8]) -> bool {
    matches!(window, [20..=23, 3, 0..=4, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts a whole stream that is fed in pieces of `step` bytes; each message with its flags, and how the stream ended.
    fn cut(stream: &[u8], step: usize) -> Vec<(Vec<u8>, ContentLength, bool)> {
        let limits = Limits { header_section_bytes_max: 300, ..Limits::default() };
        let (mut framer, mut messages, mut start) = (SipFramer::new(StreamStart::Opened), Vec::new(), 0);
        let ends = (step..stream.len()).step_by(step).chain([stream.len()]);
        for end in ends {
            let last = end == stream.len();
            loop {
                let window = &stream[start..end];
                let found = if last { framer.interrupt(window, &limits) } else { framer.step(window, &limits) };
                match found {
                    Step::More => break,
                    Step::Foreign => return messages,
                    Step::Skip { len, .. } => start += len,
                    Step::Message { len, framing, cut } => {
                        messages.push((window[..len].to_vec(), framing.content_length, cut));
                        start += len;
                    }
                }
            }
        }
        messages
    }

    /// Checks what follows an `OPTIONS` start line: the length of the message, and what is said of it.
    #[track_caller]
    fn check(headers_and_body: &str, body_len: usize, content_length: ContentLength) {
        let first = format!("OPTIONS sip:a SIP/2.0\r\n{headers_and_body}");
        let second = "SIP/2.0 200 OK\r\nl:0\r\n\r\n";
        let head_len = first.find("\r\n\r\n").map_or_else(|| first.find("\n\n").unwrap() + 2, |at| at + 4);
        let stream = format!("{first}{second}");
        let message = first.as_bytes()[..head_len + body_len].to_vec();
        let expect = vec![(message, content_length, false), (second.as_bytes().to_vec(), ContentLength::Given, false)];
        for step in [1, 7, 4096] {
            assert_eq!(cut(stream.as_bytes(), step), expect, "in steps of {step}");
        }
    }

    #[test]
    fn content_length_ends_a_message_in_all_its_spellings() {
        check("Content-Length: 3\r\n\r\nabc", 3, ContentLength::Given);
        check("l:3\r\n\r\nabc", 3, ContentLength::Given);
        check("CONTENT-LENGTH  :\t003 \r\n\r\nabc", 3, ContentLength::Given);
        check("Content-Length:\r\n 3\r\n\r\nabc", 3, ContentLength::Given);
        check("Content-Length: 3\n\nabc", 3, ContentLength::Given);
        check("l: 3\r\nContent-Length: 3\r\n\r\nabc", 3, ContentLength::Given);
        check(&format!("l: {}\r\n\r\n", "0".repeat(200)), 0, ContentLength::Given);
        check("Via: a\r\n\r\n", 0, ContentLength::Missing);
        check("Via: a\r\n\r\nv=0\r\no=- 1\r\n", 0, ContentLength::Missing);
        check("l: 3\r\nl: 4\r\n\r\nabc\r\n", 0, ContentLength::Conflicting);
        for bad in ["-1", "+5", "0x10", "", "12abc", "4294967295", "36893488147419103233", "3, 3", "1 2"] {
            check(&format!("Content-Length: {bad}\r\n\r\nabc\r\n"), 0, ContentLength::Bad);
        }
    }

    #[test]
    fn what_surrounds_messages_is_skipped() {
        let message = "OPTIONS sip:a SIP/2.0\r\nl:0\r\n\r\n";
        let whole = (message.as_bytes().to_vec(), ContentLength::Given, false);
        let check = |stream: &str, count: usize| {
            for step in [1, 5, 4096] {
                assert_eq!(cut(stream.as_bytes(), step), vec![whole.clone(); count], "{stream:?} in steps of {step}");
            }
        };
        check(&format!("\r\n\r\n{message}\r\n\r\n{message}\r\n"), 2);
        check(&format!("{message}garbage\r\nmore: garbage\r\n\r\n{message}"), 2);
        check(&format!("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{message}"), 1);
        check(&format!("GET / HTTP/1.1\r\n\r\n{message}"), 0);
        check(&format!("\x16\x03\x01{message}"), 0);
    }

    #[test]
    fn messages_without_end_are_cut() {
        let start = b"OPTIONS sip:a SIP/2.0\r\n".to_vec();
        let endless = [&start[..], &b"X: y\r\n".repeat(100)].concat();
        let messages = cut(&endless, 4096);
        assert_eq!((messages.len(), messages[0].2), (1, true), "a header section beyond the limit");
        let one_line = [&start[..], &[b'x'; 1000]].concat();
        assert_eq!(cut(&one_line, 1), vec![(start.clone(), ContentLength::Missing, true)], "a line beyond the limit");
        let short_body = b"OPTIONS sip:a SIP/2.0\r\nl: 9\r\n\r\nabc";
        assert_eq!(cut(short_body, 1), vec![(short_body.to_vec(), ContentLength::Given, true)]);
        assert_eq!(cut(b"OPTIONS sip:a", 1), vec![(b"OPTIONS sip:a".to_vec(), ContentLength::Missing, true)]);
    }
}
