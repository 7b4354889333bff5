//! The elements of a header value: contacts between commas, parameters between semicolons (RFC 3261 §7.3.1).

use memchr::memchr2;
use memchr::memchr3;

/// The pieces between separators that stand neither in quotes nor in angle brackets, without blanks at their ends. Empty ones are left out.
pub fn elements(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let end = end_of_element(value, separator);
        rest = end.and_then(|end| value.get(end.saturating_add(1)..));
        Some(value.get(..end.unwrap_or(value.len())).unwrap_or_default().trim_ascii())
    })
    .filter(|piece| !piece.is_empty())
}

/// Where the first separator stands that parts something; `None` where none does.
fn end_of_element(value: &[u8], separator: u8) -> Option<usize> {
    let mut at = 0_usize;
    let mut is_bracketed = false;
    loop {
        let rest = value.get(at..)?;
        let next = if is_bracketed { memchr2(b'"', b'>', rest) } else { memchr3(b'"', b'<', separator, rest) };
        let found = at.saturating_add(next?);
        at = found.saturating_add(1);
        match value.get(found)? {
            b'"' => at = end_of_quotes(value, at)?,
            b'<' => is_bracketed = true,
            b'>' => is_bracketed = false,
            _ => return Some(found),
        }
    }
}

/// The offset behind the quote that closes a quoted string, whose text begins at `at`; `None` where none does.
pub(super) fn end_of_quotes(value: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        let next = value.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let found = at.saturating_add(next);
        match value.get(found)? {
            b'"' => return Some(found.saturating_add(1)),
            _ => at = found.saturating_add(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quotes_and_brackets_part_nothing() {
        let check = |value: &str, separator: u8, expected: &[&str]| {
            let found: Vec<&[u8]> = elements(value.as_bytes(), separator).collect();
            assert_eq!(found, expected.iter().map(|text| text.as_bytes()).collect::<Vec<_>>(), "{value}");
        };
        check("\"A, \\\", B\" <sip:a,b@c>;x=1 , <sip:d@e>", b',', &["\"A, \\\", B\" <sip:a,b@c>;x=1", "<sip:d@e>"]);
        check("<sip:a;lr>; q=1 ;;expires=0", b';', &["<sip:a;lr>", "q=1", "expires=0"]);
        check(" , ", b',', &[]);
        check("<sip:a, sip:b", b',', &["<sip:a, sip:b"]);
        check("<sip:\"a>,b\">,c", b',', &["<sip:\"a>,b\">", "c"]);
        check("\"a\\\", b", b',', &["\"a\\\", b"]);
    }
}
