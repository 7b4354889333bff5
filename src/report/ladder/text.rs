//! The ladder in characters, for terminals, tickets and mail.

use textwrap::core::display_width;

use crate::report::ladder::Arrow;
use crate::report::ladder::Ladder;
use crate::report::ladder::Row;

/// Which characters may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// Lines and arrows of Unicode.
    Unicode,
    /// `|`, `-`, `>` and words.
    Ascii,
}

/// `+0.000    1  `: seconds, then the frame.
const PREFIX_WIDTH: usize = 16;
const LANE_WIDTH_MAX: usize = 30;
/// A lane that holds a method and its CSeq number.
const LANE_WIDTH_MIN: usize = 16;
/// From here on there is room for long stems.
const LANE_WIDTH_ROOMY: usize = 24;
const NOTE_WIDTH_MIN: usize = 22;

/// How wide the parts of a drawing are.
struct Layout {
    /// Sides that are drawn.
    columns: usize,
    lane: usize,
    note: usize,
}

/// The ladder as lines of at most `width` columns, each with a newline.
pub fn draw(ladder: &Ladder, width: usize, characters: Characters) -> String {
    let layout = Layout::of(ladder, width);
    let mut text = String::new();
    for line in textwrap::wrap(&format!("{}  {}", ladder.title, ladder.outcome.to_uppercase()), options(width)) {
        push_line(&mut text, &line);
    }
    for line in textwrap::wrap(&ladder.call_id, options(width).initial_indent("    ").subsequent_indent("    ")) {
        push_line(&mut text, &line);
    }
    for (letter, column) in ('A'..).zip(&ladder.columns) {
        let agent = column.agent.as_deref().map(|agent| format!("  {agent}")).unwrap_or_default();
        let line = cut(&format!("    {letter} {}{agent}", column.place), width);
        push_line(&mut text, &line);
    }
    push_line(&mut text, &layout.letters());
    for row in &ladder.rows {
        layout.push_row(&mut text, row);
    }
    match characters {
        Characters::Unicode => text,
        Characters::Ascii => to_ascii(&text),
    }
}

fn options(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
}

impl Layout {
    fn of(ladder: &Ladder, width: usize) -> Layout {
        let room = width.saturating_sub(PREFIX_WIDTH + NOTE_WIDTH_MIN + 3);
        let lanes_max = (room / (LANE_WIDTH_MIN + 1)).max(1);
        let columns = ladder.columns.len().clamp(2, lanes_max + 1);
        let lane = (room / (columns - 1)).saturating_sub(1).clamp(LANE_WIDTH_MIN, LANE_WIDTH_MAX);
        let drawn = PREFIX_WIDTH + (columns - 1) * (lane + 1) + 1;
        Layout { columns, lane, note: width.saturating_sub(drawn + 2).max(NOTE_WIDTH_MIN / 2) }
    }

    /// The letters of the sides above their lines.
    fn letters(&self) -> String {
        let gap = " ".repeat(self.lane);
        let letters: Vec<String> = ('A'..).take(self.columns).map(String::from).collect();
        format!("{}{}", " ".repeat(PREFIX_WIDTH), letters.join(&gap))
    }

    /// The lines of the sides with nothing between them.
    fn rails(&self) -> String {
        vec!["│"; self.columns].join(&" ".repeat(self.lane))
    }

    fn push_row(&self, text: &mut String, row: &Row) {
        let blank = " ".repeat(PREFIX_WIDTH);
        match row {
            Row::Gap(seconds) => {
                let gap = vec!["┆"; self.columns].join(&" ".repeat(self.lane));
                push_line(text, &format!("{blank}{gap}  {} of silence", duration(*seconds)));
            }
            Row::LeftOut(messages) => {
                push_line(text, &format!("{blank}{}  … {messages} messages left out …", self.rails()));
            }
            Row::Message(arrow) => self.push_message(text, arrow),
        }
    }

    fn push_message(&self, text: &mut String, arrow: &Arrow) {
        let time = arrow.at_s.map(|at| format!("+{at:.3}")).unwrap_or_default();
        let frame = arrow.frame.map(|frame| frame.number.to_string()).unwrap_or_default();
        let prefix = format!("{:<16}", format!("{time:<9}{frame:>5} "));
        let is_drawn = |side: Option<usize>| side.filter(|side| *side < self.columns);
        let (rails, note) = match (is_drawn(arrow.from), is_drawn(arrow.to)) {
            (Some(from), Some(to)) if from != to => (self.arrow(from, to, arrow), arrow.note.clone()),
            // Sides that do not fit are told in words.
            _ => (self.rails(), format!("{} {}: {}", self.sides(arrow), arrow.label, arrow.note)),
        };
        let notes = textwrap::wrap(&note, options(self.note).subsequent_indent("  "));
        let mut notes = notes.iter().map(|line| cut(line, self.note));
        push_line(text, &format!("{prefix}{rails}  {}", notes.next().unwrap_or_default()));
        for line in notes {
            push_line(text, &format!("{}{}  {line}", " ".repeat(PREFIX_WIDTH), self.rails()));
        }
    }

    fn sides(&self, arrow: &Arrow) -> String {
        let letter = |side: Option<usize>| side.and_then(|side| ('A'..='Z').nth(side)).unwrap_or('?');
        format!("{} → {}", letter(arrow.from), letter(arrow.to))
    }

    /// The rails with one arrow across them.
    fn arrow(&self, from: usize, to: usize, arrow: &Arrow) -> String {
        let (left, right) = (from.min(to), from.max(to));
        let mut line = String::new();
        for _ in 0..left {
            line.push('│');
            line.push_str(&" ".repeat(self.lane));
        }
        let inner = (right - left) * (self.lane + 1) - 1;
        let head = match (arrow.times, from < to) {
            (1, true) => "▶".to_owned(),
            (1, false) => "◀".to_owned(),
            (times, true) => format!(" ×{times} ▶▶"),
            (times, false) => format!("◀◀ ×{times} "),
        };
        let (stem, label) = match inner < LANE_WIDTH_ROOMY {
            true => ("─", arrow.label.replace("  ", " ")),
            false => ("──", arrow.label.clone()),
        };
        let around = display_width(&head) + display_width(stem) + 2;
        let label = cut(&label, inner.saturating_sub(around + 1).max(3));
        let fill = "─".repeat(inner.saturating_sub(around + display_width(&label)));
        line.push('│');
        match from < to {
            true => line.push_str(&format!("{stem} {label} {fill}{head}")),
            false => line.push_str(&format!("{head}{fill} {label} {stem}")),
        }
        line.push('│');
        for _ in right + 1..self.columns {
            line.push_str(&" ".repeat(self.lane));
            line.push('│');
        }
        line
    }
}

/// `3.9 s`, `2 min 4 s`
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// At most `width` columns, an ellipsis where it was longer.
fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        if display_width(&short) + display_width(character.encode_utf8(&mut [0; 4])) + 1 > width {
            break;
        }
        short.push(character);
    }
    short.push('…');
    short
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// The drawing without a character beyond ASCII: those of names become `?`.
fn to_ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '│' => plain.push('|'),
            '┆' => plain.push(':'),
            '─' => plain.push('-'),
            '▶' => plain.push('>'),
            '◀' => plain.push('<'),
            '×' | '✗' => plain.push('x'),
            '✓' => plain.push('='),
            '≈' | '…' => plain.push('~'),
            '≠' => plain.push('/'),
            '→' => plain.push('>'),
            character if character.is_ascii() => plain.push(character),
            _ => plain.push('?'),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_their_width() {
        assert_eq!(cut("REGISTER", 8), "REGISTER");
        assert_eq!(cut("REGISTER", 7), "REGIST…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(duration(1.04), "1.0 s");
        assert_eq!(duration(3725.0), "62 min 5 s");
    }
}
