//! The ladder as a Mermaid sequence diagram, as GitHub, GitLab and Jira's plug-ins draw it.

use std::fmt::Write;

use crate::report::ladder::Ladder;
use crate::report::ladder::Row;
use crate::report::ladder::text::duration;

/// The diagram's source, without a fence around it.
pub fn draw(ladder: &Ladder) -> String {
    let mut text = "sequenceDiagram\n".to_owned();
    for (letter, column) in ('A'..).zip(&ladder.columns) {
        let agent = column.agent.as_deref().map(|agent| format!(" {agent}")).unwrap_or_default();
        let _ = writeln!(text, "  participant {letter} as {}", escaped(&format!("{}{agent}", column.place)));
    }
    let letter = |side: Option<usize>| side.and_then(|side| ('A'..='Z').nth(side));
    let last = ('A'..='Z').nth(ladder.columns.len().saturating_sub(1)).unwrap_or('A');
    let all = if last == 'A' { "A".to_owned() } else { format!("A,{last}") };
    for row in &ladder.rows {
        let _ = match row {
            Row::Gap(seconds) => writeln!(text, "  Note over {all}: {} of silence", duration(*seconds)),
            Row::LeftOut(messages) => writeln!(text, "  Note over {all}: {messages} messages left out"),
            Row::Message(arrow) => {
                let again = if arrow.times > 1 { format!(" x{}", arrow.times) } else { String::new() };
                let note = if arrow.note.is_empty() { String::new() } else { format!(" ({})", arrow.note) };
                let frame = arrow.frame.map(|frame| format!("{}. ", frame.number)).unwrap_or_default();
                let label = escaped(&format!("{frame}{}{again}{note}", arrow.label));
                match (letter(arrow.from), letter(arrow.to)) {
                    (Some(from), Some(to)) => writeln!(text, "  {from}->>{to}: {label}"),
                    _ => writeln!(text, "  Note over {all}: {label}"),
                }
            }
        };
    }
    text
}

/// Mermaid writes characters by number, and a text of letters, digits and these marks alone is never syntax to it, nor to the
/// HTML that it makes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '.' | ' ' | '-' | '_' | '@' | '=' | '/' | '(' | ')' | '+' | ',' | ':' => safe.push(character),
            character if character.is_alphanumeric() => safe.push(character),
            character => {
                let _ = write!(safe, "#{};", u32::from(character));
            }
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_syntax() {
        assert_eq!(escaped("a;b#c<d>\n%%{e"), "a#59;b#35;c#60;d#62;#10;#37;#37;#123;e");
    }
}
