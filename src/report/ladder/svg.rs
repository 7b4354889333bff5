//! The ladder as a picture that stands in a page or alone. Text from the capture is only ever a text node.

use std::fmt::Write;

use crate::report::html::escaped;
use crate::report::ladder::Arrow;
use crate::report::ladder::Ladder;
use crate::report::ladder::Row;
use crate::report::ladder::Tone;
use crate::report::ladder::text::duration;
use crate::report::showing::shortened;

const LEFT: usize = 140;
const LANE: usize = 250;
const NOTES: usize = 436;
const HEAD: usize = 46;
const STEP: usize = 26;

/// Colours of a picture that stands alone; a page brings its own, for light and dark.
const STYLE: &str = "<style>svg{background:#fff;color:#1a1c20;font:13px system-ui,sans-serif}.rail{stroke:#9aa1ab}\
.arrow{stroke:#4a525e}.good{color:#11683a}.bad{color:#b3261e}.dim{color:#5b636e}text{fill:currentColor}\
@media (prefers-color-scheme:dark){svg{background:#14161a;color:#e8eaed}.good{color:#6fd29a}.bad{color:#ff9a92}\
.dim{color:#a3abb6}.arrow{stroke:#a3abb6}}</style>";

/// The picture with its own colours, as a file.
pub fn draw(ladder: &Ladder) -> String {
    let picture = embedded(ladder, "ladder");
    picture.replacen('>', &format!(">{STYLE}"), 1).replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1)
}

/// The picture for a page. `id` has to be the page's own.
pub fn embedded(ladder: &Ladder, id: &str) -> String {
    let columns = ladder.columns.len().max(2);
    let right = LEFT + (columns - 1) * LANE;
    let (width, height) = (right + NOTES, HEAD + (ladder.rows.len() + 1) * STEP);
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg class=\"ladder\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"{id}-t\"><title id=\"{id}-t\">{}: {} messages, {}</title>",
        escaped(&ladder.title),
        ladder.rows.iter().filter(|row| matches!(row, Row::Message(_))).count(),
        escaped(&ladder.outcome)
    );
    for (index, column) in ladder.columns.iter().enumerate() {
        let x = LEFT + index * LANE;
        let agent = shortened(column.agent.as_deref().unwrap_or_default(), 34);
        let _ = write!(
            svg,
            "<text x=\"{x}\" y=\"14\" text-anchor=\"middle\" font-weight=\"600\">{}</text>\
             <text x=\"{x}\" y=\"31\" text-anchor=\"middle\" class=\"dim\">{}</text>\
             <line x1=\"{x}\" y1=\"38\" x2=\"{x}\" y2=\"{height}\" class=\"rail\"/>",
            escaped(&shortened(&column.place, 34)),
            escaped(&agent)
        );
    }
    for (index, row) in ladder.rows.iter().enumerate() {
        let y = HEAD + (index + 1) * STEP;
        let middle = (LEFT + right) / 2;
        let _ = match row {
            Row::Gap(seconds) => write!(
                svg,
                "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" class=\"dim\">{} of silence</text>",
                y - 6,
                duration(*seconds)
            ),
            Row::LeftOut(messages) => write!(
                svg,
                "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" class=\"dim\">{messages} messages left out</text>",
                y - 6
            ),
            Row::Message(arrow) => {
                push_message(&mut svg, arrow, y, right);
                Ok(())
            }
        };
    }
    svg.push_str("</svg>");
    svg
}

fn push_message(svg: &mut String, arrow: &Arrow, y: usize, right: usize) {
    let tone = match arrow.tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Plain => "plain",
    };
    let time = arrow.at_s.map(|at| format!("+{at:.3} s")).unwrap_or_default();
    let frame = arrow.frame.map(|frame| format!("#{}", frame.number)).unwrap_or_default();
    let _ = write!(
        svg,
        "<text x=\"2\" y=\"{y}\" class=\"dim\">{time}</text><text x=\"{}\" y=\"{y}\" class=\"dim\" \
         text-anchor=\"end\">{frame}</text>",
        LEFT - 8
    );
    let again = if arrow.times > 1 { format!("  ×{}", arrow.times) } else { String::new() };
    let mut note = arrow.note.clone();
    match (arrow.from, arrow.to) {
        (Some(from), Some(to)) if from != to => {
            let (x1, x2) = (LEFT + from * LANE, LEFT + to * LANE);
            // The head is drawn by hand: a marker would take one colour for all.
            let back = if x2 > x1 { x2 - 8 } else { x2 + 8 };
            let room = x1.abs_diff(x2) / 8;
            let _ = write!(
                svg,
                "<g class=\"{tone}\"><line x1=\"{x1}\" y1=\"{y}\" x2=\"{x2}\" y2=\"{y}\" class=\"arrow\"/>\
                 <path d=\"M{x2} {y}L{back} {}L{back} {}Z\" fill=\"currentColor\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></g>",
                y - 4,
                y + 4,
                (x1 + x2) / 2,
                y - 5,
                escaped(&shortened(&format!("{}{again}", arrow.label), room))
            );
        }
        _ => note = format!("{}{again} {note}", arrow.label),
    }
    let _ =
        write!(svg, "<text x=\"{}\" y=\"{y}\" class=\"{tone}\">{}</text>", right + 14, escaped(&shortened(&note, 62)));
}
