//! A rule as a page of text: for `explain` and for `docs/rules.md`.

use crate::rules::RULES;
use crate::rules::Rule;

/// The page of one rule as Markdown.
pub fn page(rule: &Rule) -> String {
    let sources = rule.sources.join(" · ");
    format!(
        "## {} ({})\n\n{}. Severity: {}.\n\n### What it finds\n\n{}\n\n### Why it matters\n\n{}\n\n### What to do\n\n{}\n\n\
         ### Not this rule\n\n{}\n\nSources: {}. Sample: `samples/{}`.\n",
        rule.name,
        rule.code,
        rule.summary,
        rule.severity.name(),
        rule.finds,
        rule.matters,
        rule.advice,
        rule.not_this,
        sources,
        rule.sample,
    )
}

/// The whole catalogue as Markdown: the content of `docs/rules.md`.
pub fn catalogue() -> String {
    let mut text = String::from(
        "# The catalogue of findings\n\nGenerated from `src/rules/` by `UPDATE_GOLDEN=1 cargo test`; `sipauth explain RULE` prints one of these pages.\n\n\
         | code | rule | severity | what it says |\n| --- | --- | --- | --- |\n",
    );
    for rule in RULES {
        text.push_str(&format!(
            "| {} | [{}](#{}-{}) | {} | {} |\n",
            rule.code,
            rule.name,
            rule.name,
            rule.code.to_lowercase(),
            rule.severity.name(),
            rule.summary
        ));
    }
    for rule in RULES {
        text.push('\n');
        text.push_str(&page(rule));
    }
    text
}

/// The names of rules like the one asked for, nearest first.
pub fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase();
    let words: Vec<&str> = wanted.split('-').filter(|word| word.len() > 2).collect();
    let score = |rule: &Rule| words.iter().filter(|word| rule.name.contains(**word)).count();
    RULES
        .iter()
        .map(|rule| (score(rule), rule.name))
        .filter(|(score, _)| *score > 0)
        .max_by_key(|(score, _)| *score)
        .map(|(_, name)| name)
}
