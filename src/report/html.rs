//! The report as one page.

/// Text for an element or a quoted attribute. Control characters and those that hide or turn the direction are shown by number.
pub fn escaped(text: &str) -> String {
    let visible = crate::base::Untrusted(text.as_bytes()).to_terminal();
    let mut safe = String::with_capacity(visible.len());
    for character in visible.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            character => safe.push(character),
        }
    }
    safe
}
