//! A capture that attacks every reader of a report comes out harmless in every format.

use crate::formats::FORMATS;
use crate::formats::packets::fields;
use crate::hostile;
use crate::run::Run;
use crate::run::Sample;
use crate::run::run;
use crate::run::sipauth;

/// Markup of every kind, a formula, the end of a fence, and a quote.
pub const MARKUP: &str = "=cmd|'/c calc'!A0<img src=x onerror=alert(1)></script><script>alert(2)</script>&lt;`](javascript:alert(3))\
    ```|%%{init}-->\\x5c\\x22 autofocus onfocus=alert(4) x=\\x5c\\x22;end;#35;";

pub fn analysed(attack: &str, words: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("attack.pcap"), hostile::capture_full_of(attack)).expect("it can be written");
    let run = run(sipauth(folder.path()).args(words).arg("attack.pcap"));
    assert!(run.code <= 1, "{words:?}: {}", run.stderr);
    run
}

/// Nothing in a text acts on a terminal or its neighbours, and no line was forged.
fn check_harmless(what: &str, text: &str) {
    let text = text.replace("\r\n", "\n");
    let harmful: Vec<char> = text.chars().filter(|c| *c != '\n' && hostile::is_harmful(*c)).collect();
    assert!(harmful.is_empty(), "{what}: {harmful:?}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("FORGED")), "{what}: a forged line");
}

#[test]
fn no_format_passes_control_characters_on() {
    for redact in ["default", "none", "strict"] {
        for format in FORMATS {
            let run = analysed(hostile::ATTACK, &["analyze", "-v", "--format", format, "--redact", redact]);
            check_harmless(format, &run.stdout);
            check_harmless(&format!("{format}: stderr"), &run.stderr);
        }
    }
    for format in ["text", "mermaid", "svg"] {
        let run = analysed(hostile::ATTACK, &["flow", "--format", format]);
        check_harmless(&format!("flow {format}"), &(run.stdout + &run.stderr));
    }
    let good = Sample::named("register-ok");
    let good = good.folder.join(good.capture());
    for format in ["human", "json", "markdown", "html"] {
        let run = analysed(hostile::ATTACK, &["compare", "--format", format, good.to_str().expect("a plain name")]);
        assert!(run.stdout.len() > 200, "compare {format}: {}", run.stderr);
        check_harmless(&format!("compare {format}"), &(run.stdout + &run.stderr));
    }
}

#[test]
fn no_comment_of_a_packet_passes_control_characters_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("out.pcapng");
    for attack in [hostile::ATTACK, MARKUP] {
        analysed(attack, &["analyze", "--force", "--write", place.to_str().expect("a plain name")]);
        let comments = fields(&place, "frame.comment", &["frame.comment"]);
        assert!(comments.len() >= 4, "{comments:?}");
        for comment in comments.iter().flat_map(|row| row[0].split('\u{1}')) {
            assert!(comment.starts_with("sipauth F"), "{comment}");
            check_harmless("comment", comment);
        }
    }
}

#[test]
fn no_markup_from_the_wire_is_markup_in_a_report() {
    let markdown = analysed(MARKUP, &["analyze", "--format", "markdown"]).stdout;
    // In code spans and fences nothing is markup; what stands between them must be.
    let mut is_fenced = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
            continue;
        }
        let outside: String = if is_fenced { String::new() } else { line.split('`').step_by(2).collect() };
        for markup in ["<img", "<script", "](java", "onerror=alert(1)>"] {
            assert!(!outside.contains(markup), "{markup}: {line}");
        }
    }
    assert!(!is_fenced, "every fence is closed");
    let mermaid = analysed(MARKUP, &["flow", "--format", "mermaid"]).stdout;
    assert!(!mermaid.contains(['<', '`', '%', '{']), "{mermaid}");
    let svg = analysed(MARKUP, &["flow", "--format", "svg"]).stdout;
    assert!(!svg.contains("<img") && !svg.contains("<script"), "{svg}");
}

#[test]
fn no_cell_is_a_formula() {
    let csv = analysed(MARKUP, &["analyze", "--format", "csv"]).stdout;
    let read =
        "import csv, sys; [print(repr(c)) for r in csv.reader(open(sys.argv[1], newline=''), strict=True) for c in r]";
    let cells = crate::formats::piped("python3", &["-c", read], &csv);
    assert!(cells.contains("'=cmd"), "the attack must be there: {cells}");
    for cell in cells.lines().map(|cell| &cell[1..]) {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
    }
}
