//! The JSON Schema of the report, made from its types.

use crate::report::Report;

/// The schema as pretty JSON with a newline at its end.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Report);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
