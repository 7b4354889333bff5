//! Characters → words of the language. Each knows its place, for the caret.

use std::ops::Range;

use crate::filter::error::FilterError;

/// A cursor over an expression. It reads each character once, or twice where a word turns out to be a field.
#[derive(Clone, Debug)]
pub struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

/// What stands in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'t> {
    /// Its text.
    pub text: &'t str,
    /// Where it begins, in bytes.
    pub start: usize,
}

impl Word<'_> {
    /// Its place.
    pub fn place(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }
}

/// A text in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// What its escapes stand for.
    pub bytes: Vec<u8>,
    /// Whether the quotes were single ones.
    pub is_single: bool,
    /// Its place, quotes included.
    pub place: Range<usize>,
}

impl<'t> Lexer<'t> {
    /// At the beginning.
    pub fn new(text: &'t str) -> Lexer<'t> {
        Lexer { text, at: 0 }
    }

    /// What is left.
    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Where it stands.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Takes a whole number, with a sign if it has one.
    pub fn integer(&mut self) -> Option<i32> {
        self.skip_blank();
        let rest = self.rest();
        let sign = usize::from(rest.starts_with('-'));
        let digits = rest.get(sign..)?;
        let len = sign + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let number = rest.get(..len)?.parse().ok()?;
        self.at += len;
        Some(number)
    }

    /// Where the next word begins.
    pub fn place(&mut self) -> usize {
        self.skip_blank();
        self.at
    }

    /// Goes on behind blanks; says whether there were any.
    pub fn skip_blank(&mut self) -> bool {
        let rest = self.rest();
        let len = rest.len() - rest.trim_start().len();
        self.at += len;
        len > 0
    }

    /// Whether everything is read.
    pub fn is_at_end(&mut self) -> bool {
        self.skip_blank();
        self.rest().is_empty()
    }

    /// Takes a symbol if it stands in front.
    pub fn take(&mut self, symbol: &str) -> bool {
        self.skip_blank();
        let is_there = self.rest().starts_with(symbol);
        self.at += if is_there { symbol.len() } else { 0 };
        is_there
    }

    /// Whether a symbol stands in front.
    pub fn has(&mut self, symbol: &str) -> bool {
        self.skip_blank();
        self.rest().starts_with(symbol)
    }

    /// Takes a word of letters, in any case, if it stands in front as a whole. Gives it as it was written.
    pub fn take_keyword(&mut self, keyword: &str) -> Option<Word<'t>> {
        let word = self.name_ahead();
        if !word.text.eq_ignore_ascii_case(keyword) {
            return None;
        }
        self.at += word.text.len();
        Some(word)
    }

    /// The name in front, not yet taken: letters, digits, `.`, `_`, `-`. Empty where there is none.
    pub fn name_ahead(&mut self) -> Word<'t> {
        self.skip_blank();
        let rest = self.rest();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        Word { text: rest.get(..end).unwrap_or_default(), start: self.at }
    }

    /// Takes what `name_ahead` gave.
    pub fn skip(&mut self, word: Word<'_>) {
        self.at = word.start + word.text.len();
    }

    /// The value in front that has no quotes, not yet taken: up to a blank, a bracket or a logical operator; in a set also up to
    /// a comma, a brace or the dots of a range.
    pub fn value_ahead(&mut self, is_in_set: bool) -> Word<'t> {
        self.skip_blank();
        let rest = self.rest();
        let ends = |(at, c): (usize, char)| {
            let from = rest.get(at..).unwrap_or_default();
            let is_end = c.is_whitespace()
                || c == ')'
                || from.starts_with("&&")
                || from.starts_with("||")
                || (is_in_set && (matches!(c, ',' | '}') || from.starts_with("..")));
            is_end.then_some(at)
        };
        let end = rest.char_indices().find_map(ends).unwrap_or(rest.len());
        Word { text: rest.get(..end).unwrap_or_default(), start: self.at }
    }

    /// Takes a text in quotes, if one stands in front: `"x"`, `'x'`, `r"x"`.
    ///
    /// # Errors
    ///
    /// Where the quotes are not closed, or an escape is none.
    pub fn quoted(&mut self) -> Result<Option<Quoted>, FilterError> {
        self.skip_blank();
        let rest = self.rest();
        let is_raw = rest.starts_with("r\"") || rest.starts_with("R\"");
        let body = if is_raw { rest.get(1..).unwrap_or_default() } else { rest };
        let Some(quote @ ('"' | '\'')) = body.chars().next() else { return Ok(None) };
        let start = self.at;
        self.at += usize::from(is_raw) + 1;
        let mut bytes = Vec::new();
        loop {
            let rest = self.rest();
            let Some(next) = rest.chars().next() else {
                let error = FilterError::new(start..self.text.len(), "the quotes are not closed");
                return Err(error.cured(format!("end the text with {quote}")));
            };
            self.at += next.len_utf8();
            if next == quote {
                break;
            }
            if next != '\\' {
                bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
            } else if is_raw {
                // As in Wireshark, a backslash keeps the quote behind it from ending the text, and stays.
                bytes.push(b'\\');
                if self.rest().starts_with(quote) {
                    bytes.push(b'"');
                    self.at += 1;
                }
            } else {
                self.escape(&mut bytes)?;
            }
        }
        Ok(Some(Quoted { bytes, is_single: quote == '\'', place: start..self.at }))
    }

    /// What stands behind a backslash.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), FilterError> {
        let start = self.at.saturating_sub(1);
        let Some(next) = self.rest().chars().next() else { return Ok(()) };
        self.at += next.len_utf8();
        let byte = match next {
            '"' | '\'' | '\\' | '?' => u8::try_from(next).unwrap_or(b'?'),
            'a' => 7,
            'b' => 8,
            't' => b'\t',
            'n' => b'\n',
            'v' => 11,
            'f' => 12,
            'r' => b'\r',
            'x' => self.digits(16, 2).ok_or_else(|| FilterError::new(start..self.at, "\\x needs two hex digits"))?,
            '0'..='7' => {
                self.at -= 1;
                self.digits(8, 3).ok_or_else(|| FilterError::new(start..self.at, "no byte has that octal number"))?
            }
            _ => {
                let error = FilterError::new(start..self.at, format!("\\{next} is no escape"));
                return Err(error.cured("write \\\\ for a backslash, or r\"…\" for a text without escapes"));
            }
        };
        bytes.push(byte);
        Ok(())
    }

    fn digits(&mut self, radix: u32, count_max: usize) -> Option<u8> {
        let rest = self.rest();
        let len = rest.chars().take(count_max).take_while(|c| c.is_digit(radix)).count();
        let number = u8::from_str_radix(rest.get(..len)?, radix).ok()?;
        self.at += len;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_quotes_are_read() {
        let check = |text: &str, bytes: &[u8]| {
            assert_eq!(Lexer::new(text).quoted().unwrap().map(|quoted| quoted.bytes).as_deref(), Some(bytes), "{text}");
        };
        check(r#""a\"b\\\x41\101\n" rest"#, b"a\"b\\AA\n");
        check(r#"r"a\d\"b""#, br#"a\d\"b"#);
        check("'ä'", "ä".as_bytes());
        assert_eq!(Lexer::new("INVITE").quoted(), Ok(None));
        for wrong in ["\"a", "\"\\q\"", "\"\\x\"", "\"\\777\"", "\"\\"] {
            assert!(Lexer::new(wrong).quoted().is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_end_where_the_language_goes_on() {
        let value = |text: &'static str, is_in_set| Lexer::new(text).value_ahead(is_in_set).text;
        assert_eq!(value("20badbb@h)", false), "20badbb@h");
        assert_eq!(value(" INVITE&&x", false), "INVITE");
        assert_eq!(value("400..499}", true), "400");
        assert_eq!(value("a,b", true), "a");
        assert_eq!(value("a,b", false), "a,b");
    }
}
