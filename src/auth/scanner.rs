//! Reads a scheme and its auth-params (RFC 3261 §25.1, RFC 7235 §2.1). It never fails and passes over the bytes once, with
//! a bounded look ahead.

use std::ops::Range;

use memchr::memchr3;

use crate::auth::name::Name;
use crate::auth::params::DefectKind;
use crate::auth::params::Param;
use crate::auth::params::Params;
use crate::auth::scheme::is_known_scheme;
use crate::base::Span;
use crate::base::first_of;
use crate::base::is_token;

/// Blanks and line ends. A line end counts as a blank whatever follows it: text copied from documents has lost the
/// blanks that made its lines folds.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// One pass over a header value.
pub(super) struct Scanner<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(value: &'a [u8]) -> Scanner<'a> {
        Scanner { value, at: 0 }
    }

    /// The bytes of a range that this scanner returned.
    pub(super) fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.value.get(range).unwrap_or_default()
    }

    /// Reads the scheme; its range is empty when there is none.
    pub(super) fn scheme(&mut self, params: &mut Params<'a>) -> Range<usize> {
        self.skip_blanks();
        let start = self.at;
        let scheme = self.token();
        self.skip_blanks();
        if self.peek().is_none() && scheme.is_empty() {
            params.note(DefectKind::Empty, 0..self.value.len());
        } else if self.peek() == Some(b'=') || scheme.is_empty() {
            // The first word is a parameter's name: the scheme is missing, or the blank after it.
            const DIGEST: usize = "digest".len();
            let digest = start..start.saturating_add(DIGEST);
            let glued = scheme.len() > DIGEST && self.slice(digest.clone()).eq_ignore_ascii_case(b"digest");
            self.at = if glued { digest.end } else { start };
            let kind = if glued { DefectKind::NoBlankAfterScheme } else { DefectKind::NoScheme };
            params.note(kind, scheme);
            return if glued { digest } else { start..start };
        } else if self.at == scheme.end && self.peek().is_some() {
            params.note(DefectKind::NoBlankAfterScheme, scheme.clone());
        }
        scheme
    }

    /// Reads parameters up to the end of the value, or up to the next scheme of a comma-joined list, which it returns.
    pub(super) fn params(&mut self, params: &mut Params<'a>) -> Option<Range<usize>> {
        params.make_room();
        let mut is_first = true;
        loop {
            let comma = self.separator(params, is_first);
            is_first = false;
            self.peek()?;
            if self.usual_param(params).is_some() {
                continue;
            }
            let name = self.token();
            if name.is_empty() {
                self.at = self.at.saturating_add(1);
                params.note(DefectKind::Junk, name.start..self.at);
                continue;
            }
            self.skip_blanks();
            if self.peek() == Some(b'=') {
                self.at = self.at.saturating_add(1);
                self.skip_blanks();
                self.value_of(name, params);
            } else if comma && self.is_scheme(&name) {
                return Some(name);
            } else {
                params.note(DefectKind::MissingEquals, name);
            }
        }
    }

    /// Adds a parameter that is written as nearly every stack does: no blanks, and a token or a plain quoted string for its value.
    /// Where it is written otherwise, nothing is read.
    #[inline]
    fn usual_param(&mut self, params: &mut Params<'a>) -> Option<()> {
        let start = self.at;
        let rest = self.value.get(start..)?;
        let known = Name::usual(rest);
        let (name, value) = match known {
            Some(known) => rest.split_at_checked(known.as_str().len())?,
            None => split_token(rest).filter(|(name, _)| !name.is_empty())?,
        };
        let (raw, behind, quoted) = match value {
            [b'=', b'"', inside @ ..] => {
                let end = first_of(inside, [b'"', b'\\', b'\n']).filter(|&end| end > 0)?;
                let (raw, behind) = inside.split_at_checked(end)?;
                (raw, behind.strip_prefix(b"\"")?, true)
            }
            [b'=', bare @ ..] => {
                let (raw, behind) = split_token(bare).filter(|(raw, _)| !raw.is_empty())?;
                (raw, matches!(behind, [] | [b',', ..]).then_some(behind)?, false)
            }
            _ => return None,
        };
        self.at = self.value.len().saturating_sub(behind.len());
        let param = Param { name, raw, quoted, span: Span::new(start..self.at), altered: false };
        match known {
            Some(known) => params.push_known(known, param),
            None => params.push(param),
        }
        Some(())
    }

    /// Skips what stands between two parameters. Whether a comma was among it.
    fn separator(&mut self, params: &mut Params<'a>, is_first: bool) -> bool {
        let start = self.at;
        // As nearly every stack writes it.
        let usual = match self.value.get(start..) {
            Some([b',', b' ', next, ..]) if is_token(*next) => 2,
            Some([b',', next, ..]) if is_token(*next) => 1,
            _ => 0,
        };
        if usual > 0 && !is_first {
            self.at = start.saturating_add(usual);
            return true;
        }
        let mut commas = 0_usize;
        let mut semicolons = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b',' => {
                    commas = commas.saturating_add(1);
                    if commas > 1 || is_first {
                        params.note(DefectKind::EmptyElement, self.at..self.at.saturating_add(1));
                    }
                }
                b';' => {
                    semicolons = semicolons.saturating_add(1);
                    params.note(DefectKind::SemicolonSeparator, self.at..self.at.saturating_add(1));
                }
                _ if is_blank(byte) => {}
                _ => break,
            }
            self.at = self.at.saturating_add(1);
        }
        if self.peek().is_none() {
            if commas == 1 && !is_first {
                params.note(DefectKind::EmptyElement, start..self.at);
            }
        } else if commas.saturating_add(semicolons) == 0 && !params.is_empty() && !self.is_after_defect(params, start) {
            params.note(DefectKind::MissingComma, start..self.at);
        }
        commas > 0
    }

    /// Whether what ends at `end` was noted already: junk is said once, not for each byte.
    fn is_after_defect(&self, params: &Params<'a>, end: usize) -> bool {
        let before = self.value.get(..end).unwrap_or_default().trim_ascii_end().len();
        params.defects().last().is_some_and(|defect| defect.span.range().end >= before)
    }

    /// After a comma, a word that is not followed by `=`: a scheme if a parameter comes next, or if it is a known one.
    fn is_scheme(&mut self, word: &Range<usize>) -> bool {
        let after = self.at;
        let next = self.token();
        self.skip_blanks();
        let has_param = after > word.end && !next.is_empty() && self.peek() == Some(b'=');
        self.at = after;
        has_param || is_known_scheme(self.slice(word.clone()))
    }

    /// Reads the value of `name` and adds the parameter.
    fn value_of(&mut self, name: Range<usize>, params: &mut Params<'a>) {
        let start = name.start;
        let name = self.slice(name);
        let quoted = self.peek() == Some(b'"');
        let (raw, altered) = if let Some(raw) = self.doubled_quotes() {
            params.note(DefectKind::DoubledQuotes, start..self.at);
            (raw, false)
        } else if quoted {
            self.quoted_string(params)
        } else {
            let raw = self.bare_value(name);
            if raw.is_empty() {
                params.note(DefectKind::EmptyValue, start..self.at);
            }
            (raw, false)
        };
        let raw = self.slice(raw);
        params.push(Param { name, raw, quoted, span: Span::new(start..self.at), altered });
    }

    /// Some stacks leave the quotes away round a nonce or a uri: everything up to a comma or a blank counts. A semicolon
    /// belongs to a uri, and ends any other value.
    fn bare_value(&mut self, name: &[u8]) -> Range<usize> {
        let is_uri = name.eq_ignore_ascii_case(b"uri");
        let start = self.at;
        self.skip_while(|byte| !(is_blank(byte) || byte == b',' || (byte == b';' && !is_uri)));
        start..self.at
    }

    /// Reads a quoted string. The range lies between the quotes; true when it holds an escape or a line fold.
    fn quoted_string(&mut self, params: &mut Params<'a>) -> (Range<usize>, bool) {
        let open = self.at;
        let start = open.saturating_add(1);
        let mut altered = false;
        self.at = start;
        while let Some(offset) = memchr3(b'"', b'\\', b'\n', self.slice(self.at..self.value.len())) {
            let found = self.at.saturating_add(offset);
            match self.value.get(found) {
                Some(b'"') => {
                    self.at = found.saturating_add(1);
                    return (start..found, altered);
                }
                Some(b'\\') => self.at = found.saturating_add(2).min(self.value.len()),
                _ => self.at = found.saturating_add(1),
            }
            altered = true;
        }
        self.at = self.value.len();
        params.note(DefectKind::UnclosedQuote, open..self.at);
        (start..self.at, altered)
    }

    /// Reads `""value""`. None, and nothing read, when the value is written otherwise.
    fn doubled_quotes(&mut self) -> Option<Range<usize>> {
        let rest = self.slice(self.at..self.value.len()).strip_prefix(b"\"\"")?;
        let len = rest.iter().position(|byte| *byte == b'"' || *byte == b',' || is_blank(*byte))?;
        if !rest.get(len..)?.starts_with(b"\"\"") {
            return None;
        }
        let start = self.at.saturating_add(2);
        self.at = start.saturating_add(len).saturating_add(2);
        Some(start..start.saturating_add(len))
    }

    fn peek(&self) -> Option<u8> {
        self.value.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        // Mostly there is none.
        while self.peek().is_some_and(is_blank) {
            self.at = self.at.saturating_add(1);
        }
    }

    fn token(&mut self) -> Range<usize> {
        let start = self.at;
        self.skip_while(is_token);
        start..self.at
    }

    fn skip_while(&mut self, belongs: impl Fn(u8) -> bool) {
        let rest = self.value.get(self.at..).unwrap_or_default();
        self.at = self.at.saturating_add(rest.iter().position(|&byte| !belongs(byte)).unwrap_or(rest.len()));
    }
}

/// The token that bytes begin with, and what stands behind it.
fn split_token(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.iter().position(|&byte| !is_token(byte)).unwrap_or(bytes.len()))
}
