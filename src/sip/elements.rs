//! The elements of a header value: contacts between commas, parameters between semicolons (RFC 3261 §7.3.1).

/// The pieces between separators that stand neither in quotes nor in angle brackets, without blanks at their ends. Empty ones are left out.
pub fn elements(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let (mut is_quoted, mut is_escaped, mut is_bracketed) = (false, false, false);
        let end = value.iter().position(|&byte| {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                b'<' if !is_quoted => is_bracketed = true,
                b'>' if !is_quoted => is_bracketed = false,
                _ => return byte == separator && !is_quoted && !is_bracketed,
            }
            false
        });
        rest = end.and_then(|end| value.get(end.saturating_add(1)..));
        Some(value.get(..end.unwrap_or(value.len())).unwrap_or_default().trim_ascii())
    })
    .filter(|piece| !piece.is_empty())
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
    }
}
