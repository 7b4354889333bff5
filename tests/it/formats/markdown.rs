//! Reports in Markdown: what they are for a few samples.

use crate::formats::goldens;
use crate::formats::on;
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
