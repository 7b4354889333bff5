//! `sipauth list`: presets, fields, rules, algorithms and near misses, limits, for people or as JSON.

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets;
use serde_json::json;

use sipauth::auth::Algorithm;
use sipauth::base::Limits;
use sipauth::base::limit_table;
use sipauth::base::limit_table::Amount;
use sipauth::digest::near_miss::Variant;
use sipauth::filter::fields;
use sipauth::filter::page;
use sipauth::filter::presets::PRESETS;
use sipauth::report::json;
use sipauth::rules::RULES;

use crate::cli::args::List;
use crate::cli::args::ListFormat;
use crate::cli::args::What;
use crate::cli::exit::Exit;
use crate::cli::exit::usage;
use crate::cli::output;

/// Prints the list.
pub fn run(options: &List) -> Result<Exit> {
    if options.wireshark {
        return match options.what {
            What::Presets => output::print(&page::buttons()),
            _ => Err(usage("--wireshark goes with presets: sipauth list presets --wireshark")),
        };
    }
    match (options.what, options.format) {
        (What::Presets, ListFormat::Human) => output::print(&presets_text()),
        (What::Presets, ListFormat::Json) => print_json(&presets_json()),
        (What::Fields, ListFormat::Human) => output::print(&fields_table()),
        (What::Fields, ListFormat::Json) => print_json(&fields_json()),
        (What::Rules, ListFormat::Human) => output::print(&rules_table()),
        (What::Rules, ListFormat::Json) => print_json(&rules_json()),
        (What::Algorithms, ListFormat::Human) => output::print(&algorithms_text()),
        (What::Algorithms, ListFormat::Json) => print_json(&algorithms_json()),
        (What::Limits, ListFormat::Human) => output::print(&limits_table()),
        (What::Limits, ListFormat::Json) => print_json(&limits_json()),
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
    lines(&table).concat()
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

const ITS_FRAMES: &str = "only here; a report prints frame.number in {…} for its messages";

fn presets_text() -> String {
    let mut text = String::new();
    for preset in PRESETS {
        let wireshark = page::wireshark(preset).unwrap_or_else(|| ITS_FRAMES.to_owned());
        text.extend([preset.usage(), "\n    ".to_owned(), preset.meaning.to_owned()]);
        text.extend(["\n    Wireshark: ".to_owned(), wireshark, "\n".to_owned()]);
    }
    text
}

fn presets_json() -> serde_json::Value {
    let presets = PRESETS.iter().map(|preset| {
        json!({
            "name": preset.name,
            "value": preset.value,
            "meaning": preset.meaning,
            "expression": preset.expression,
            "wireshark": page::wireshark(preset),
        })
    });
    presets.collect::<Vec<_>>().into()
}

fn fields_table() -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["field", "type", "what it is", "example"]);
    for field in fields::filled() {
        table.add_row([field.name, field.kind.name(), field.what, &field.example()]);
    }
    let mut lines = lines(&table);
    lines.push("\nWireshark has these fields as well; sipauth does not fill them:\n\n".to_owned());
    let unfilled = fields::all().filter_map(|field| Some(format!("{}: {}\n", field.name, page::unfilled(field)?)));
    lines.extend(unfilled);
    lines.concat()
}

fn fields_json() -> serde_json::Value {
    let fields = fields::all().map(|field| {
        let why = page::unfilled(field);
        json!({
            "name": field.name,
            "type": field.kind.name(),
            "meaning": if why.is_some() { None } else { Some(field.what) },
            "example": if why.is_some() { None } else { Some(field.example()) },
            "not_filled_because": why,
        })
    });
    fields.collect::<Vec<_>>().into()
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

fn limits_table() -> String {
    let limits = Limits::default();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["limit", "default", "option", "what happens then", "diagnostics"]);
    for row in limit_table::table() {
        let default = format!("{} {}", (row.value)(&limits), row.of);
        table.add_row([row.name, default.trim_end(), row.flag.unwrap_or("-"), row.then, &row.events.join(", ")]);
    }
    lines(&table).concat()
}

fn limits_json() -> serde_json::Value {
    let limits = Limits::default();
    let rows = limit_table::table().map(|row| {
        let (default, unit) = match (row.value)(&limits) {
            Amount::Bytes(u64::MAX) => (serde_json::Value::Null, "bytes"),
            Amount::Bytes(bytes) => (bytes.into(), "bytes"),
            Amount::Count(count) => (count.into(), "count"),
            Amount::Seconds(seconds) => (seconds.into(), "seconds"),
            Amount::Choice(name) => (name.into(), "choice"),
        };
        json!({
            "name": row.name,
            "default": default,
            "unit": unit,
            "of": row.of,
            "flag": row.flag,
            "then": row.then,
            "events": row.events,
        })
    });
    rows.collect::<Vec<_>>().into()
}

/// The lines of a table, without the blanks that fill its last column.
fn lines(table: &Table) -> Vec<String> {
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
