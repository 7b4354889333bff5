//! What must hold for every rule of the catalogue.

use std::collections::BTreeSet;
use std::path::Path;

use sipauth::rules::RULES;

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn names_and_codes_are_unique_and_in_order() {
    let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    let codes: Vec<&str> = RULES.iter().map(|rule| rule.code).collect();
    assert_eq!(names.len(), RULES.len());
    assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
}

#[test]
fn rules_stand_in_a_file_of_their_name_and_their_group() {
    for rule in RULES {
        let group = match &rule.code[..3] {
            "SA1" => "challenge",
            "SA2" => "credentials",
            "SA3" => "nonce",
            "SA4" => "transaction",
            "SA5" => "configuration",
            "SA6" => "path",
            "SA7" => "security",
            other => panic!("{}: no group {other}", rule.name),
        };
        assert!(rule.code.len() == 5 && rule.code[2..].bytes().all(|digit| digit.is_ascii_digit()), "{}", rule.code);
        let file = package().join("src/rules").join(group).join(format!("{}.rs", rule.name.replace('-', "_")));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} is not there", file.display()));
        assert!(text.starts_with(&format!("//! {}: ", rule.code)), "{}: the first line names the code", file.display());
    }
}

#[test]
fn every_file_of_a_group_is_a_rule_of_the_list() {
    for group in ["challenge", "credentials", "nonce", "transaction", "configuration", "path", "security"] {
        for file in std::fs::read_dir(package().join("src/rules").join(group)).expect("a group") {
            let name = file.expect("a file").file_name().to_string_lossy().replace(".rs", "").replace('_', "-");
            assert!(name == "mod" || sipauth::rules::find(&name).is_some(), "{group}/{name} is not in RULES");
        }
    }
}

#[test]
fn every_rule_is_documented() {
    for rule in RULES {
        for text in [rule.label, rule.summary, rule.finds, rule.matters, rule.advice, rule.not_this] {
            assert!(!text.trim().is_empty() && text == text.trim(), "{}: {text:?}", rule.name);
            assert!(!text.contains("  "), "{}: two blanks in {text:?}", rule.name);
        }
        for text in [rule.finds, rule.matters, rule.advice, rule.not_this] {
            assert!(text.ends_with('.'), "{}: sentences end: {text:?}", rule.name);
        }
        assert!(!rule.summary.ends_with('.'), "{}: one line, no full stop", rule.name);
    }
}

#[test]
fn every_rule_cites_a_standard() {
    for rule in RULES {
        let is_standard = |source: &&str| source.starts_with("RFC ") && source.contains("section ");
        assert!(rule.sources.iter().any(is_standard), "{}: {:?}", rule.name, rule.sources);
    }
}

#[test]
fn every_rule_has_a_sample() {
    for rule in RULES {
        let folder = package().join("samples").join(rule.sample);
        assert!(folder.join("README.md").is_file(), "{}: {}", rule.name, folder.display());
        assert!(
            std::fs::read_dir(&folder).is_ok_and(|files| files
                .flatten()
                .any(|file| { file.file_name().to_string_lossy().starts_with("capture.") })),
            "{}: no capture in {}",
            rule.name,
            folder.display()
        );
    }
}

#[test]
fn rules_are_found_by_name_and_code_in_any_letter_case() {
    for rule in RULES {
        for name in [rule.name.to_uppercase(), rule.code.to_lowercase()] {
            assert_eq!(sipauth::rules::find(&name).map(|found| found.code), Some(rule.code));
        }
    }
    assert!(sipauth::rules::find("challenge").is_none());
}
