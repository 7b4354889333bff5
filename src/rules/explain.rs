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

/// The rule whose name is most like the one asked for, unless none is like it at all.
pub fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase().replace([' ', '_'], "-");
    // Words of the name find it as well: people remember `stale`, `realm` or `wrong-password`.
    let likeness = |rule: &Rule| {
        let has_words = wanted.contains('-') && rule.name.contains(&wanted);
        let has_word = has_words || wanted.len() > 3 && rule.name.split('-').any(|word| word == wanted);
        let most =
            |wanted: &str| rule.name.split('-').map(|word| strsim::jaro_winkler(word, wanted)).fold(0.0, f64::max);
        let (words, count) = wanted.split('-').fold((0.0, 0.0), |(sum, count), word| (sum + most(word), count + 1.0));
        strsim::jaro_winkler(rule.name, &wanted).max(words / count * 0.95) + if has_word { 1.0 } else { 0.0 }
    };
    let scored = RULES.iter().map(|rule| (likeness(rule), rule.name));
    scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_rule() {
        assert_eq!(nearest("chalenge-loop"), Some("challenge-loop"));
        assert_eq!(nearest("challange-loop"), Some("challenge-loop"));
        for asked in ["wrong-password", "wrong password", "wrong_pasword", "Wrong-Digest-Password"] {
            assert_eq!(nearest(asked), Some("digest-wrong-password"), "{asked}");
        }
        assert!(nearest("realm").is_some_and(|name| name.starts_with("realm-")));
        assert_eq!(nearest("zzzz"), None);
    }
}
