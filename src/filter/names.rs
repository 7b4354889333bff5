//! A written name → the field that is meant: by letter case, by alias, and what is said of those that sipauth does not fill.

use crate::filter::error::FilterError;
use crate::filter::error::Notes;
use crate::filter::error::nearest;
use crate::filter::fields;
use crate::filter::fields::ALIASES;
use crate::filter::fields::Field;
use crate::filter::fields::Get;
use crate::filter::lex::Word;

/// The severities, from the least on.
pub(super) const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

/// The field, and all fields that the name stands for where it stands for several.
///
/// # Errors
///
/// Where no field is called like that, or sipauth does not fill it.
pub(super) fn resolve(
    word: Word<'_>,
    notes: &mut Notes,
) -> Result<(&'static Field, &'static [&'static str]), FilterError> {
    let written = word.text;
    if let Some(field) = fields::named(written).or_else(|| fields::nearly_named(written)) {
        if field.name != written {
            notes.note(format!("Wireshark spells it {}, not {written}", field.name));
        }
        return usable(field, word, notes).map(|field| (field, [].as_slice()));
    }
    let plain = written.to_ascii_lowercase().replace('_', "-");
    let alias = ALIASES.iter().find(|alias| alias.written.replace('_', "-") == plain);
    if let Some(alias) = alias
        && let Some(field) = alias.fields.first().and_then(|name| fields::named(name))
    {
        notes.note(format!("Wireshark has no {written}: write {}", alias.fields.join(" or ")));
        return Ok((field, alias.fields));
    }
    let error = FilterError::new(word.place(), format!("there is no field {written}"));
    let names = || fields::filled().map(|field| field.name).chain(ALIASES.iter().map(|alias| alias.written));
    // Who remembers the last part of a name finds it by that.
    let last = written.rsplit('.').next().unwrap_or(written);
    let by_last = || {
        fields::filled().find(|field| field.name.rsplit('.').next().is_some_and(|end| end.eq_ignore_ascii_case(last)))
    };
    let cure = match nearest(written, names()).or_else(|| Some(by_last()?.name)) {
        Some(name) => {
            let alias = ALIASES.iter().find(|alias| alias.written == name);
            format!("did you mean {}?", alias.map_or(name.to_owned(), |alias| alias.fields.join(" or ")))
        }
        None => "sipauth list fields names them all".to_owned(),
    };
    Err(error.cured(cure))
}

fn usable(field: &'static Field, word: Word<'_>, notes: &mut Notes) -> Result<&'static Field, FilterError> {
    match field.get {
        Get::Unfilled(why) => {
            let text = format!("Wireshark has {}, sipauth does not fill it, because {why}", field.name);
            Err(FilterError::new(word.place(), text))
        }
        Get::Never => {
            notes.note(format!(
                "sipauth reads SIP only: {} is never there, and the rest of the expression counts",
                field.name
            ));
            Ok(field)
        }
        _ => Ok(field),
    }
}
