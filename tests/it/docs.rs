//! Documentation that can be generated is, and what it shows is what the program prints. `UPDATE_GOLDEN=1` writes it anew.

use std::path::Path;

use serde_json::Value;
use sipauth::base::limit_table;

use crate::run::ROOT;
use crate::run::Run;
use crate::run::Sample;
use crate::run::assert_fresh;
use crate::run::check_file;
use crate::run::run;
use crate::run::sipauth;

fn fresh(name: &str, actual: &str) {
    assert_fresh(&check_file(&Path::new(ROOT).join(name), actual).err().into_iter().collect::<Vec<_>>());
}

fn readme() -> String {
    std::fs::read_to_string(Path::new(ROOT).join("README.md")).expect("there is a README")
}

#[test]
fn the_catalogue_is_fresh() {
    fresh("docs/rules.md", &sipauth::rules::explain::catalogue());
}

#[test]
fn the_manual_of_filters_is_fresh() {
    fresh("docs/filters.md", &sipauth::filter::page::page());
}

#[test]
fn the_schema_is_fresh() {
    let printed = run(sipauth(Path::new(ROOT)).arg("schema"));
    fresh("docs/report.schema.json", &printed.stdout);
}

/// The blocks of code in a page that are marked with a language, each with the byte at which it begins.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<(usize, &'p str)> {
    let fence = format!("\n```{language}\n");
    let starts = page.match_indices(&fence).map(|(at, _)| at + fence.len());
    starts.map(|at| (at, page[at..].split("\n```").next().expect("a block"))).collect()
}

/// Runs what stands behind `sipauth` in a line of the README, in the folder of the package.
fn typed(line: &str) -> Run {
    run(sipauth(Path::new(ROOT)).args(line.split_whitespace()))
}

const CARGO_RUN: &str = "cargo run --release --locked -- ";

/// The README shows what its first command prints: nothing left out, nothing made up.
#[test]
fn the_readme_shows_a_real_report() {
    let readme = readme();
    let command =
        readme.lines().find_map(|line| line.strip_prefix(CARGO_RUN)).expect("the README has a command to start with");
    let printed = typed(command).stdout;
    let (at, shown) =
        blocks(&readme, "text").into_iter().find(|(_, block)| block.contains("frames, ")).expect("a report");
    let updated = format!("{}{}{}", &readme[..at], printed.trim_end(), &readme[at + shown.len()..]);
    fresh("README.md", &updated);
}

/// Every command and option that pages name exists.
#[test]
fn commands_of_the_pages_exist() {
    let mut commands = 0;
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/json.md",
        "docs/filters.md",
        "docs/tickets.md",
        "docs/manual.md",
    ] {
        let text = std::fs::read_to_string(Path::new(ROOT).join(page)).expect("the page is there");
        for (_, block) in blocks(&text, "sh") {
            for line in block.replace("\\\n", " ").lines() {
                // What a pipe brings in, or takes away, is other programs' business.
                let parts = line.split(" | ").map(|part| part.trim().trim_start_matches("$ "));
                let ours = parts.filter_map(|part| part.strip_prefix("sipauth ").or(part.strip_prefix(CARGO_RUN)));
                for words in ours {
                    commands += 1;
                    check_words(page, words);
                }
            }
        }
    }
    assert!(commands >= 8, "only {commands} commands were found");
}

fn check_words(page: &str, words: &str) {
    let words: Vec<&str> = words.split_whitespace().take_while(|word| !matches!(*word, ">" | "#" | "<")).collect();
    let command = words.first().expect("a command");
    let help = typed(&format!("{command} --help"));
    assert_eq!(help.code, 0, "{page}: there is no command {command}: {}", help.stderr);
    for option in words.iter().filter(|word| word.starts_with('-') && word.len() > 1) {
        let option = option.split('=').next().expect("a name");
        let is_known = help.stdout.split_whitespace().any(|word| word.trim_end_matches(',') == option);
        assert!(is_known, "{page}: {command} has no option {option}");
    }
}

/// Links to files of the package lead somewhere.
#[test]
fn links_lead_to_files() {
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "samples/README.md",
        "docs/json.md",
        "docs/manual.md",
    ] {
        let page = Path::new(ROOT).join(page);
        let text = std::fs::read_to_string(&page).expect("the page is there");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            let place = page.parent().expect("it lies in a folder").join(target);
            assert!(place.exists(), "{}: {target} does not exist", page.display());
        }
    }
}

/// The table of limits has a row for every limit of the code, and SECURITY.md shows it.
#[test]
fn every_limit_is_told() {
    let read = |name: &str| std::fs::read_to_string(Path::new(ROOT).join(name)).expect("it is there");
    let (code, page) = (read("src/base/limits.rs"), read("SECURITY.md"));
    let names = code.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next());
    let names: Vec<&str> = names.filter(|name| name.contains("_max")).collect();
    assert!(names.len() > 15, "{names:?}");
    let has_row = |name: &&&str| limit_table::table().any(|row| row.name == **name);
    let missing: Vec<&&str> = names.iter().filter(|name| !has_row(name)).collect();
    assert!(missing.is_empty(), "the table of limits does not tell {missing:?}");
    let start = page.find("| limit | default |").expect("SECURITY.md has a table of limits");
    let table: usize = page[start..].lines().take_while(|line| line.starts_with('|')).map(|line| line.len() + 1).sum();
    fresh("SECURITY.md", &format!("{}{}{}", &page[..start], limit_table::markdown(), &page[start + table..]));
}

/// Each row of the manual says of its sample what its report says: the headline, the finding to act on, and what to do first.
#[test]
fn the_manual_says_what_the_reports_say() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("docs/manual.md")).expect("the page is there");
    let catalogue = std::fs::read_to_string(Path::new(ROOT).join("docs/rules.md")).expect("the page is there");
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| ") && line.contains("](../samples/")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, sample, headline, finding, first] = cells.as_slice() else { panic!("{line}: five cells") };
        let (name, target) = sample.trim_matches(['[', ')']).split_once("](").expect("a link");
        assert_eq!(target, format!("../samples/{name}/README.md"));
        let text = Sample::named(name).read("report.json");
        let report: Value = serde_json::from_str(&text).expect("the report is JSON");
        assert_eq!(report["summary"]["headlines"][0], *headline, "{name}");
        let act_on = &report["findings"][0];
        let is_to_act_on = ["critical", "high", "medium"].iter().any(|severity| act_on["severity"] == *severity);
        let expected = match act_on["rule"].as_str().filter(|_| is_to_act_on) {
            Some(rule) => {
                let code = act_on["code"].as_str().expect("a code");
                assert!(catalogue.contains(&format!("\n## {rule} ({code})\n")), "{rule}: its page has that anchor");
                (
                    format!("[{rule}](rules.md#{rule}-{})", code.to_lowercase()),
                    act_on["remedy"][0].as_str().unwrap_or(""),
                )
            }
            None => (String::new(), ""),
        };
        assert_eq!((finding.to_string(), *first), expected, "{name}");
        rows += 1;
    }
    assert!(rows >= 30, "{rows} rows");
}
