//! The list of auth-params that follows a scheme: `name=token`, `name="quoted string"`, commas between (RFC 3261 §25.1,
//! RFC 7235 §2.1), as `scanner.rs` reads it. What it cannot read becomes a [`Defect`].

use std::borrow::Cow;
use std::ops::Range;

use crate::auth::name::Name;
use crate::auth::scanner::Scanner;
use crate::auth::scanner::is_blank;
use crate::base::Span;

/// Defects kept for one header value; the others are counted in [`Params::defects_left_out`].
pub const DEFECTS_MAX: usize = 64;

/// Parameters of usual credentials: room made at once.
const PARAMS_USUAL: usize = 12;

/// What a digest is made of, or made for.
const COVERED: [Name; 9] = [
    Name::Username,
    Name::Realm,
    Name::Nonce,
    Name::Uri,
    Name::Response,
    Name::Algorithm,
    Name::Cnonce,
    Name::Qop,
    Name::NonceCount,
];

/// One `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name as sent. Compare with [`Param::is`].
    pub name: &'a [u8],
    /// The value as sent: a token, or what stands between the quotes with its escapes.
    pub raw: &'a [u8],
    /// Whether the value stood in quotes.
    pub quoted: bool,
    /// Where name and value stand in the header value, quotes included.
    pub span: Span,
    // Whether `raw` differs from the value: it holds an escape or a line fold.
    pub(super) altered: bool,
}

impl<'a> Param<'a> {
    /// Whether this is the parameter `name`, in any letter case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value with quoted pairs resolved (RFC 3261 §25.1) and line folds made one space (§7.3.1). Borrowed in the
    /// common case.
    #[inline]
    pub fn value(&self) -> Cow<'a, [u8]> {
        if self.altered { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            // A lone backslash at the end stands for itself.
            b'\\' => value.push(bytes.next().unwrap_or(b'\\')),
            b'\n' => {
                while matches!(value.last(), Some(b' ' | b'\t' | b'\r')) {
                    value.pop();
                }
                value.push(b' ');
                while bytes.next_if(|byte| is_blank(*byte)).is_some() {}
            }
            _ => value.push(byte),
        }
    }
    value
}

/// What was odd about a list of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DefectKind {
    /// The header value is blank.
    Empty,
    /// The list starts without a scheme.
    NoScheme,
    /// The scheme and its first parameter are written as one word.
    NoBlankAfterScheme,
    /// A parameter appears a second time: the first one counts (RFC 3261 §7.3.1 allows one).
    DuplicateParam,
    /// A quoted string is not closed: its value runs to the end.
    UnclosedQuote,
    /// A word without `=`.
    MissingEquals,
    /// `name=` and nothing after it. A value of two quotes is no defect.
    EmptyValue,
    /// `""auth""`: the value within counts.
    DoubledQuotes,
    /// Two parameters without a comma between them.
    MissingComma,
    /// A semicolon where a comma belongs.
    SemicolonSeparator,
    /// Two commas in a row, or one at either end.
    EmptyElement,
    /// Bytes that belong to no parameter.
    Junk,
}

impl DefectKind {
    /// The name in reports, snake case.
    pub fn name(self) -> &'static str {
        match self {
            DefectKind::Empty => "empty",
            DefectKind::NoScheme => "no_scheme",
            DefectKind::NoBlankAfterScheme => "no_blank_after_scheme",
            DefectKind::DuplicateParam => "duplicate_param",
            DefectKind::UnclosedQuote => "unclosed_quote",
            DefectKind::MissingEquals => "missing_equals",
            DefectKind::EmptyValue => "empty_value",
            DefectKind::DoubledQuotes => "doubled_quotes",
            DefectKind::MissingComma => "missing_comma",
            DefectKind::SemicolonSeparator => "semicolon_separator",
            DefectKind::EmptyElement => "empty_element",
            DefectKind::Junk => "junk",
        }
    }
}

/// One oddity and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect {
    /// What was odd.
    pub kind: DefectKind,
    /// Which bytes of the header value.
    pub span: Span,
}

/// The parameters of one challenge, credentials or info, in the order sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    params: Vec<Param<'a>>,
    // For each `Name`, 1 + the index of its first appearance in `params`; 0 when absent.
    slots: [u32; Name::COUNT],
    unknown_names: usize,
    defects: Vec<Defect>,
    defects_left_out: usize,
}

impl<'a> Params<'a> {
    /// Scans a list that has no scheme before it, as in Authentication-Info.
    pub fn parse(value: &'a [u8]) -> Params<'a> {
        let mut scanner = Scanner::new(value);
        let mut params = Params::default();
        // Without a scheme before them, further schemes are words without `=`.
        while let Some(word) = scanner.params(&mut params) {
            params.note(DefectKind::MissingEquals, word);
        }
        params.note_unknown_duplicates();
        params
    }

    /// The first parameter of that name.
    pub fn get(&self, name: Name) -> Option<&Param<'a>> {
        let slot = self.slots.get(name as usize).copied()?;
        self.params.get(slot.checked_sub(1)? as usize)
    }

    /// The value of the first parameter of that name, unescaped.
    pub fn value(&self, name: Name) -> Option<Cow<'a, [u8]>> {
        self.get(name).map(Param::value)
    }

    /// All parameters, duplicates and unknown names included, in the order sent.
    pub fn iter(&self) -> std::slice::Iter<'_, Param<'a>> {
        self.params.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.params.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.params.is_empty()
    }

    /// What was odd: the first [`DEFECTS_MAX`] oddities.
    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// How many oddities [`Params::defects`] leaves out.
    pub fn defects_left_out(&self) -> usize {
        self.defects_left_out
    }

    /// Whether an oddity of that kind is among [`Params::defects`].
    pub fn has_defect(&self, kind: DefectKind) -> bool {
        self.defects.iter().any(|defect| defect.kind == kind)
    }

    /// The parameter behind which a quotation mark stands that belongs to none, in the text that was read.
    pub fn before_stray_quote(&self, text: &[u8]) -> Option<&Param<'a>> {
        let stray = self.stray_quote(text)?;
        self.params.iter().rev().find(|param| param.span.end <= stray.start)
    }

    /// The same, and its value as somebody reads it who takes that mark for its end.
    pub fn to_stray_quote<'t>(&self, text: &'t [u8]) -> Option<(&Param<'a>, &'t [u8])> {
        let stray = self.stray_quote(text)?;
        let param = self.before_stray_quote(text).filter(|param| param.quoted)?;
        let start = (param.span.end as usize).checked_sub(param.raw.len().checked_add(1)?)?;
        let len = stray.of(text).iter().rposition(|byte| *byte == b'"')?;
        Some((param, text.get(start..(stray.start as usize).checked_add(len)?)?))
    }

    fn stray_quote(&self, text: &[u8]) -> Option<Span> {
        let is_stray = |defect: &&Defect| defect.kind == DefectKind::Junk && defect.span.of(text).contains(&b'"');
        self.defects.iter().find(is_stray).map(|defect| defect.span)
    }

    /// Whether a stricter reader of that text finds another value of that name: it stands in doubled quotes, or next to a stray one.
    pub fn is_torn(&self, name: Name, text: &[u8]) -> bool {
        let Some(param) = self.get(name) else { return false };
        let is_doubled =
            |defect: &Defect| defect.kind == DefectKind::DoubledQuotes && defect.span.start == param.span.start;
        let is_beside = |stray: Span| {
            let behind = self.params.iter().find(|other| other.span.start >= stray.end);
            self.before_stray_quote(text).into_iter().chain(behind).any(|other| other.span == param.span)
        };
        self.defects.iter().any(is_doubled) || self.stray_quote(text).is_some_and(is_beside)
    }

    /// A parameter that digests cover and that stands there with two values.
    pub fn two_values_of_one(&self) -> Option<Name> {
        if !self.has_defect(DefectKind::DuplicateParam) && self.defects_left_out == 0 {
            return None;
        }
        let is_other = |param: &&Param<'a>| {
            let first =
                Name::from_bytes(param.name).filter(|name| COVERED.contains(name)).and_then(|name| self.get(name));
            first.is_some_and(|first| first.value() != param.value())
        };
        self.params.iter().find(is_other).and_then(|param| Name::from_bytes(param.name))
    }

    pub(super) fn note(&mut self, kind: DefectKind, range: Range<usize>) {
        let span = Span::new(range);
        if let Some(last) = self.defects.last_mut()
            && last.kind == DefectKind::Junk
            && kind == DefectKind::Junk
            && last.span.end == span.start
        {
            last.span.end = span.end;
        } else if self.defects.len() < DEFECTS_MAX {
            self.defects.push(Defect { kind, span });
        } else {
            self.defects_left_out = self.defects_left_out.saturating_add(1);
        }
    }

    /// Makes room for the parameters of a usual header at once.
    pub(super) fn make_room(&mut self) {
        if self.params.capacity() == 0 {
            self.params = Vec::with_capacity(PARAMS_USUAL);
        }
    }

    pub(super) fn push(&mut self, param: Param<'a>) {
        match Name::from_bytes(param.name) {
            Some(name) => self.push_known(name, param),
            None => {
                self.unknown_names = self.unknown_names.saturating_add(1);
                self.params.push(param);
            }
        }
    }

    /// The same for a parameter whose name was recognized.
    #[inline]
    pub(super) fn push_known(&mut self, name: Name, param: Param<'a>) {
        let next = Span::offset(self.params.len().saturating_add(1));
        match self.slots.get_mut(name as usize) {
            Some(slot) if *slot == 0 => *slot = next,
            _ => self.note(DefectKind::DuplicateParam, param.span.range()),
        }
        self.params.push(param);
    }

    /// Duplicates among unknown names, once all are read: by sorting, for to compare each with each would take quadratic time.
    pub(super) fn note_unknown_duplicates(&mut self) {
        if self.unknown_names < 2 {
            return;
        }
        let mut unknown: Vec<(&[u8], Span)> = Vec::new();
        unknown.extend(
            self.params.iter().filter(|p| Name::from_bytes(p.name).is_none()).map(|param| (param.name, param.span)),
        );
        let folded = |name: &'a [u8]| name.iter().map(u8::to_ascii_lowercase);
        unknown.sort_by(|one, other| folded(one.0).cmp(folded(other.0)).then(one.1.start.cmp(&other.1.start)));
        for pair in unknown.windows(2) {
            if let [one, other] = pair
                && one.0.eq_ignore_ascii_case(other.0)
            {
                self.note(DefectKind::DuplicateParam, other.1.range());
            }
        }
    }
}

impl<'p, 'a> IntoIterator for &'p Params<'a> {
    type Item = &'p Param<'a>;
    type IntoIter = std::slice::Iter<'p, Param<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name=value` pairs as read, and the names of the defects.
    fn check(value: &str, expect: &[(&str, &str)], defects: &[&str]) {
        let params = Params::parse(value.as_bytes());
        let read: Vec<(String, String)> = params
            .iter()
            .map(|p| (String::from_utf8_lossy(p.name).into(), String::from_utf8_lossy(&p.value()).into()))
            .collect();
        let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, expect, "{value:?}");
        let found: Vec<&str> = params.defects().iter().map(|defect| defect.kind.name()).collect();
        assert_eq!(found, defects, "{value:?}");
    }

    #[test]
    fn well_formed_lists_have_no_defects() {
        check(r#"realm="a", nc=00000001"#, &[("realm", "a"), ("nc", "00000001")], &[]);
        check(r#"realm="a, \"b\" \\",nonce="x==,y=""#, &[("realm", r#"a, "b" \"#), ("nonce", "x==,y=")], &[]);
        check("realm=\"a\"\r\n ,\r\n\tnonce = \"b\"", &[("realm", "a"), ("nonce", "b")], &[]);
        check("realm=\"a\",\nnonce=\"b\"", &[("realm", "a"), ("nonce", "b")], &[]);
        check("realm=\"two \r\n  words\"", &[("realm", "two words")], &[]);
        check(r#"opaque="""#, &[("opaque", "")], &[]);
        check(r#"x="1", X2="2""#, &[("x", "1"), ("X2", "2")], &[]);
    }

    #[test]
    fn defects_are_noted_and_the_rest_is_read() {
        check(r#"qop=""auth"",nc=1"#, &[("qop", "auth"), ("nc", "1")], &["doubled_quotes"]);
        check(r#"realm="a", REALM="b""#, &[("realm", "a"), ("REALM", "b")], &["duplicate_param"]);
        check(r#"x=1, X=2, x=3"#, &[("x", "1"), ("X", "2"), ("x", "3")], &["duplicate_param", "duplicate_param"]);
        check(r#"nonce="a"#, &[("nonce", "a")], &["unclosed_quote"]);
        check(r#"nonce="a\"#, &[("nonce", "a\\")], &["unclosed_quote"]);
        check(r#"nonce="a", stale, qop="auth""#, &[("nonce", "a"), ("qop", "auth")], &["missing_equals"]);
        check(r#"nonce="a",qop=,nc="#, &[("nonce", "a"), ("qop", ""), ("nc", "")], &["empty_value", "empty_value"]);
        check(r#"nonce="a" qop="auth""#, &[("nonce", "a"), ("qop", "auth")], &["missing_comma"]);
        check(
            r#"nonce="a"; algorithm=MD5;qop="b""#,
            &[("nonce", "a"), ("algorithm", "MD5"), ("qop", "b")],
            &["semicolon_separator", "semicolon_separator"],
        );
        check("uri=sip:a;transport=tcp,nc=1", &[("uri", "sip:a;transport=tcp"), ("nc", "1")], &[]);
        check(r#"nonce="a","#, &[("nonce", "a")], &["empty_element"]);
        check(r#"nonce="a",,nc=1"#, &[("nonce", "a"), ("nc", "1")], &["empty_element"]);
        check(r#"cnonce=""nc=1,uri="x""#, &[("cnonce", ""), ("nc", "1"), ("uri", "x")], &["missing_comma"]);
        check(r#"nonce="a"@@, nc=1"#, &[("nonce", "a"), ("nc", "1")], &["missing_comma", "junk"]);
    }

    #[test]
    fn spans_point_at_the_bytes_as_sent() {
        let value = br#" realm = "a\"b" , nc=1"#;
        let params = Params::parse(value);
        let spans: Vec<&[u8]> = params.iter().map(|param| param.span.of(value)).collect();
        assert_eq!(spans, [&br#"realm = "a\"b""#[..], b"nc=1"]);
        assert!(params.get(Name::Realm).unwrap().quoted);
        assert_eq!(params.get(Name::Realm).unwrap().raw, br#"a\"b"#);
    }

    #[test]
    fn defects_are_bounded_and_counted() {
        let value = b"a,".repeat(1000);
        let params = Params::parse(&value);
        assert_eq!(params.defects().len(), DEFECTS_MAX);
        assert_eq!(params.defects().len() + params.defects_left_out(), 1001);
        let many = b"x=1,".repeat(5000);
        assert_eq!(Params::parse(&many).len(), 5000);
    }
}
