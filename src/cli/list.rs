//! `sipauth list`: rules, algorithms and near misses, for people or as JSON.

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::json;

use sipauth::auth::Algorithm;
use sipauth::digest::near_miss::Variant;
use sipauth::report::json;
use sipauth::rules::RULES;

use crate::cli::args::Format;
use crate::cli::args::List;
use crate::cli::args::What;
use crate::cli::exit::Exit;
use crate::cli::output;

/// Prints the list.
pub fn run(options: &List) -> Result<Exit> {
    match (options.what, options.format) {
        (What::Rules, Format::Human) => output::print(&rules_table()),
        (What::Rules, Format::Json) => print_json(&rules_json()),
        (What::Algorithms, Format::Human) => output::print(&algorithms_text()),
        (What::Algorithms, Format::Json) => print_json(&algorithms_json()),
    }
}

fn print_json(value: &serde_json::Value) -> Result<Exit> {
    let mut text = Vec::new();
    json::value(&mut text, value, 0)?;
    text.push(b'\n');
    output::print(&String::from_utf8_lossy(&text))
}

fn rules_table() -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["code", "rule", "severity", "what it says"]);
    for rule in RULES {
        table.add_row([rule.code, rule.name, rule.severity.name(), rule.summary]);
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    lines.concat()
}

fn rules_json() -> serde_json::Value {
    let rules = RULES.iter().map(|rule| {
        json!({
            "name": rule.name,
            "code": rule.code,
            "severity": rule.severity.name(),
            "summary": rule.summary,
            "sources": rule.sources,
            "sample": rule.sample,
        })
    });
    rules.collect::<Vec<_>>().into()
}

fn algorithms_text() -> String {
    let mut text: String = Algorithm::names().map(|name| format!("{name}\n")).collect();
    text.push_str(
        "\nThe password of AKA comes from a SIM: give its k with op or opc, or res, as columns of a CSV file (--credentials).\n",
    );
    text.push_str("\nA digest that fits once one input is changed is a near miss. These changes are tried:\n\n");
    let width = Variant::all().map(|variant| variant.name().len()).max().unwrap_or_default();
    let lines = Variant::all().map(|variant| format!("{:width$}  {}\n", variant.name(), variant.meaning()));
    text.extend(lines);
    text
}

fn algorithms_json() -> serde_json::Value {
    let algorithms = Algorithm::names().map(|name| json!({"name": name, "kind": "algorithm", "meaning": null}));
    let variants = Variant::all()
        .map(|variant| json!({"name": variant.name(), "kind": "near_miss", "meaning": variant.meaning()}));
    algorithms.chain(variants).collect::<Vec<_>>().into()
}
