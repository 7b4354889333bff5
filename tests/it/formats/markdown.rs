//! Reports in Markdown: what they are for a few samples.

use crate::formats::escapes::MARKUP;
use crate::formats::escapes::analysed;
use crate::formats::goldens;
use crate::formats::on;
use crate::hostile;
use crate::run::Sample;

#[test]
fn reports_are_those_of_the_samples() {
    goldens(&[
        ("register-wrong-password-403", &["analyze", "--quiet", "--format", "markdown"], "report.md"),
        ("invite-two-realms-ok", &["analyze", "--quiet", "--format", "markdown"], "report.md"),
    ]);
}

/// A table that lost a cell is no table any more: every row has as many as its head.
#[test]
fn tables_keep_their_shape() {
    for sample in Sample::all() {
        let text = on(&sample, &["analyze", "--quiet", "--format", "markdown"]).stdout;
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert!(rows.iter().all(|row| cells(row) == 9), "{}: {rows:?}", sample.name);
        assert_eq!(text.matches("```").count() % 2, 0, "{}: fences", sample.name);
    }
}

/// A text that Mermaid cannot take for anything else: letters, digits, marks that mean nothing to it, and characters by number.
fn is_plain(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('#') {
        let Some((number, behind)) = behind.split_once(';') else { return false };
        if !is_bare(before) || number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
        rest = behind;
    }
    !text.trim().is_empty() && is_bare(rest)
}

fn is_bare(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || " .-_@=/()+,:".contains(c))
}

/// What is wrong with a diagram, by the part of Mermaid's grammar of sequence diagrams that is used here.
fn wrong_lines(diagram: &str) -> Vec<&str> {
    let mut sides = Vec::new();
    let mut lines = diagram.lines();
    let mut wrong: Vec<&str> = lines.next().filter(|first| *first != "sequenceDiagram").into_iter().collect();
    for line in lines {
        let is_right = match line.strip_prefix("  ").unwrap_or_default() {
            participant if participant.starts_with("participant ") => {
                let side = participant.split(' ').nth(1).unwrap_or_default();
                sides.push(side);
                let text = participant.strip_prefix(&format!("participant {side} as ")).unwrap_or_default();
                matches!(side.as_bytes(), [b'A'..=b'F']) && is_plain(text)
            }
            other => {
                let (head, text) = other.split_once(": ").unwrap_or_default();
                let over = head.strip_prefix("Note over ").map(|over| over.split(',').collect::<Vec<_>>());
                let named = over.unwrap_or_else(|| head.split("->>").collect());
                // A text that begins with these words is none: they say how it is laid out.
                let is_order = text.starts_with("wrap:") || text.starts_with("nowrap:");
                named.iter().all(|side| sides.contains(side)) && named.len() <= 2 && is_plain(text) && !is_order
            }
        };
        wrong.extend((!is_right).then_some(line));
    }
    wrong
}

#[test]
fn diagrams_hold_nothing_that_mermaid_could_misread() {
    let mut all: Vec<(String, String)> = Vec::new();
    for sample in Sample::all() {
        let report = on(&sample, &["analyze", "--quiet", "--format", "markdown"]).stdout;
        let fences = report.split("```mermaid\n").skip(1).filter_map(|rest| rest.split("```").next());
        all.extend(fences.map(|diagram| (sample.name.clone(), diagram.to_owned())));
    }
    for attack in [MARKUP, hostile::ATTACK, "end", "wrap:", "as A#quot;; Note over A: x", "%%{init: {}}%%", "A@{ }"] {
        all.push((format!("attack {attack:?}"), analysed(attack, &["flow", "--format", "mermaid"]).stdout));
    }
    assert!(all.len() > 150, "{} diagrams", all.len());
    for (name, diagram) in all {
        let wrong = wrong_lines(&diagram);
        assert!(wrong.is_empty() && diagram.lines().count() > 3, "{name}: {wrong:#?}");
    }
    let head = "sequenceDiagram\n  participant A as x\n  participant B as y\n";
    for wrong in
        ["  A->>B: a;b", "  A->>C: x", "  A->>B: a#b", "  end", "  A->>B: ", "  A->>B: wrap: x", "  Note over A: <b>"]
    {
        assert_eq!(wrong_lines(&format!("{head}{wrong}\n")), [wrong]);
    }
}
