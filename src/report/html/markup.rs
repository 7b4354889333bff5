//! A page under construction. Markup is what stands in this program's source, text is everything else and is escaped: the
//! types leave no third way.

/// HTML that is put together piece by piece.
#[derive(Debug, Default)]
pub struct Markup(String);

impl Markup {
    /// Appends markup of our own.
    pub fn raw(&mut self, markup: &'static str) -> &mut Markup {
        self.0.push_str(markup);
        self
    }

    /// Appends text, in an element or in a quoted attribute.
    pub fn text(&mut self, text: &str) -> &mut Markup {
        self.0.push_str(&escaped(text));
        self
    }

    /// Appends a number.
    pub fn number(&mut self, number: impl Into<u64>) -> &mut Markup {
        self.0.push_str(&number.into().to_string());
        self
    }

    /// The markup of a picture, which escapes its own texts.
    pub(super) fn picture(&mut self, svg: &str) -> &mut Markup {
        self.0.push_str(svg);
        self
    }

    /// The page.
    pub fn into_string(self) -> String {
        self.0
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup() {
        assert_eq!(escaped("<a href=\"x\" b='&'>\u{1b}\n"), "&lt;a href=&quot;x&quot; b=&#39;&amp;&#39;&gt;\\x1b\\x0a");
    }
}
