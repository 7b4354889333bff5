//! The manual of filters, made of the tables: docs/filters.md, and the file of buttons for Wireshark.

use std::fmt::Write;

use crate::filter::ast::FUNCTIONS;
use crate::filter::fields;
use crate::filter::fields::ALIASES;
use crate::filter::fields::Field;
use crate::filter::fields::Get;
use crate::filter::parse;
use crate::filter::presets::PRESETS;
use crate::filter::presets::Preset;

/// What is written by hand.
const HEAD: &str = include_str!("page.md");

/// docs/filters.md.
pub fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## Presets\n\n| preset | selects | in Wireshark |\n| --- | --- | --- |\n");
    for preset in PRESETS {
        let wireshark = wireshark(preset).map_or_else(|| "its frames".to_owned(), |expression| code(&expression));
        let _ = writeln!(text, "| {} | {} | {wireshark} |", code(&preset.usage()), preset.meaning);
    }
    text.push_str("\n`its frames`: only sipauth knows; a report prints `frame.number in {…}` for them.\n");
    let functions: Vec<String> = FUNCTIONS.iter().map(|(_, name)| code(&format!("{name}()"))).collect();
    let _ = writeln!(text, "\n## Functions\n\n{}.", functions.join(", "));
    text.push_str("\n## Fields\n\n| field | type | what it is | example |\n| --- | --- | --- | --- |\n");
    for field in fields::filled() {
        let example = code(&field.example());
        let _ = writeln!(text, "| {} | {} | {} | {example} |", code(field.name), field.kind.name(), field.what);
    }
    text.push_str("\n## Other names that are understood\n\n| written | meant |\n| --- | --- |\n");
    for alias in ALIASES {
        let meant: Vec<String> = alias.fields.iter().map(|name| code(name)).collect();
        let _ = writeln!(text, "| {} | {} |", code(alias.written), meant.join(" or "));
    }
    text.push_str("\n## Fields of Wireshark that are not filled\n\n| field | because |\n| --- | --- |\n");
    for (field, why) in fields::all().filter_map(|field| Some((field, unfilled(field)?))) {
        let _ = writeln!(text, "| {} | {why} |", code(field.name));
    }
    text
}

/// Why a field is not filled.
pub fn unfilled(field: &Field) -> Option<&'static str> {
    match field.get {
        Get::Unfilled(why) => Some(why),
        _ => None,
    }
}

/// Table cells end at a bar.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// The expression of a preset to paste into Wireshark; `None` where Wireshark cannot know it.
pub fn wireshark(preset: &Preset) -> Option<String> {
    let expression = match preset.value {
        Some(value) => super::presets::expression(&format!("{}={value}", preset.name)).ok()?,
        None => preset.expression.to_owned(),
    };
    let (expr, _) = parse(&expression).ok()?;
    super::Filter::of(expr).ok()?.wireshark()
}

/// The presets as a `dfilter_buttons` file for a Wireshark profile.
pub fn buttons() -> String {
    let mut text = String::from(
        "# Filter buttons made by sipauth list presets --wireshark: put them into the folder of a Wireshark profile.\n",
    );
    for preset in PRESETS.iter().filter(|preset| preset.value.is_none()) {
        if let Some(expression) = wireshark(preset) {
            let cell = |text: &str| format!("\"{}\"", text.replace('\\', "\\x5c").replace('"', "\\x22"));
            let name = cell(&format!("SIP auth//{}", preset.name));
            let _ = writeln!(text, "\"TRUE\",{name},{},{}", cell(&expression), cell(preset.meaning));
        }
    }
    text
}
