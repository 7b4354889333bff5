//! What is wrong with a filter, and where: a caret under the place, and what to write instead. And notes: what sipauth took,
//! and how Wireshark wants it written.

use std::fmt;
use std::ops::Range;

use crate::base::Untrusted;

/// An expression that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The bytes of the expression that are meant.
    pub at: Range<usize>,
    /// What is wrong.
    pub text: String,
    /// What to write instead, where that is known.
    pub cure: Option<String>,
}

impl FilterError {
    /// Something wrong at `at`.
    pub fn new(at: Range<usize>, text: impl Into<String>) -> FilterError {
        FilterError { at, text: text.into(), cure: None }
    }

    /// With what to write instead.
    #[must_use]
    pub fn cured(self, cure: impl Into<String>) -> FilterError {
        FilterError { cure: Some(cure.into()), ..self }
    }

    /// The expression, and below it carets under the place. Of a long expression, the part around the place.
    pub fn marked(&self, expression: &str) -> [String; 2] {
        let floor = |at: usize| (0..=at.min(expression.len())).rev().find(|at| expression.is_char_boundary(*at));
        let (start, end) = (floor(self.at.start).unwrap_or(0), floor(self.at.end).unwrap_or(0));
        let from = floor(start.saturating_sub(SHOWN_BEFORE)).unwrap_or(0);
        let to = floor((start + SHOWN_BEHIND).min(expression.len())).unwrap_or(from);
        let part = |range: Range<usize>| Untrusted(expression.get(range).unwrap_or_default().as_bytes()).to_terminal();
        let columns = |text: String| text.chars().count();
        let before = columns(part(from..start));
        let len = columns(part(start..end.min(to).max(start))).max(1);
        [part(from..to), format!("{}{}", " ".repeat(before), "^".repeat(len))]
    }
}

/// Bytes of the expression that are shown before the place and behind it.
const SHOWN_BEFORE: usize = 48;
const SHOWN_BEHIND: usize = 72;

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.cure {
            Some(cure) => write!(f, "; {cure}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

/// What is said of a filter that works: once each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// What Wireshark would refuse or read otherwise, and how it is written there.
    pub spelling: Vec<String>,
    /// Why it cannot match what its author meant, and the cure.
    pub warnings: Vec<String>,
}

impl Notes {
    /// Something that Wireshark spells otherwise.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.spelling.contains(&text) && self.spelling.len() < NOTES_MAX {
            self.spelling.push(text);
        }
    }

    /// Something that cannot be meant.
    pub fn warn(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.warnings.contains(&text) && self.warnings.len() < NOTES_MAX {
            self.warnings.push(text);
        }
    }
}

/// Nobody reads more.
const NOTES_MAX: usize = 20;

/// The name nearest to what was written, if one is near.
pub fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let written = written.to_lowercase();
    let tolerance = (written.len() / 4).max(1);
    // What differs by so many letters in length alone is not near, and a word of thousands of letters is near to nothing.
    let names = names.filter(|name| name.len().abs_diff(written.len()) <= tolerance);
    let distance = |name: &str| strsim::damerau_levenshtein(&written, &name.to_lowercase());
    let near = names.map(|name| (distance(name), name)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= tolerance).then_some(near.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let error = FilterError::new(4..7, "no");
        assert_eq!(error.marked("abc \u{7f}xyz")[1], "    ^^^^^^");
        assert_eq!(FilterError::new(3..3, "no").marked("abc"), ["abc".to_owned(), "   ^".to_owned()]);
        assert_eq!(FilterError::new(9..30, "no").marked("äb")[1], "  ^");
        let long = "x".repeat(500);
        assert_eq!(FilterError::new(400..401, "no").marked(&long)[1].len(), SHOWN_BEFORE + 1);
    }

    #[test]
    fn near_names_are_few_letters_away() {
        let names = ["sip.Method", "sip.Status-Code"];
        assert_eq!(nearest("sip.metod", names.into_iter()), Some("sip.Method"));
        assert_eq!(nearest("sip.StatusCode", names.into_iter()), Some("sip.Status-Code"));
        assert_eq!(nearest("rtp.ssrc", names.into_iter()), None);
    }
}
