//! The words and symbols between two sides of a comparison.

use crate::filter::ast::Relation;
use crate::filter::error::FilterError;
use crate::filter::error::Notes;
use crate::filter::lex::Lexer;

/// What stands between field and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A comparison.
    Compare(Relation),
    /// Membership in a set.
    In {
        /// `not in`
        is_negated: bool,
    },
}

/// Longer ones first.
const SYMBOLS: [(&str, Relation); 10] = [
    ("===", Relation::AllEqual),
    ("!==", Relation::AnyDiffer),
    ("==", Relation::Equal),
    ("!=", Relation::Differ),
    ("~=", Relation::AnyDiffer),
    (">=", Relation::GreaterOrEqual),
    ("<=", Relation::LessOrEqual),
    ("~", Relation::Matches),
    (">", Relation::Greater),
    ("<", Relation::Less),
];

/// What other languages write, and what is meant.
const FOREIGN: [(&str, &str); 7] =
    [("=>", ">="), ("=<", "<="), ("=~", "matches"), ("<>", "!="), ("!~", "not … matches"), ("=", "=="), (":=", "==")];

const WORDS: [(&str, Relation); 12] = [
    ("eq", Relation::Equal),
    ("any_eq", Relation::Equal),
    ("all_eq", Relation::AllEqual),
    ("ne", Relation::Differ),
    ("all_ne", Relation::Differ),
    ("any_ne", Relation::AnyDiffer),
    ("gt", Relation::Greater),
    ("lt", Relation::Less),
    ("ge", Relation::GreaterOrEqual),
    ("le", Relation::LessOrEqual),
    ("contains", Relation::Contains),
    ("matches", Relation::Matches),
];

/// Takes the verb in front; `None` where a field stands alone.
///
/// # Errors
///
/// Where it is one of another language.
pub(super) fn read(lexer: &mut Lexer<'_>, notes: &mut Notes) -> Result<Option<Verb>, FilterError> {
    let at = lexer.place();
    let is_foreign = |foreign: &&(&str, &str)| {
        lexer.rest().starts_with(foreign.0) && !SYMBOLS.iter().any(|(symbol, _)| lexer.rest().starts_with(symbol))
            || (foreign.0 == "<>" && lexer.rest().starts_with("<>"))
    };
    if let Some((foreign, ours)) = FOREIGN.iter().find(is_foreign) {
        let error = FilterError::new(at..at + foreign.len(), format!("{foreign} is no operator"));
        return Err(error.cured(format!("write {ours}")));
    }
    if let Some((_, relation)) = SYMBOLS.iter().find(|(symbol, _)| lexer.take(symbol)) {
        return Ok(Some(Verb::Compare(*relation)));
    }
    let spell = |written: &str, word: &str, notes: &mut Notes| {
        if written != word {
            notes.note(format!("Wireshark writes {word}, not {written}"));
        }
    };
    for (word, relation) in WORDS {
        if let Some(written) = lexer.take_keyword(word) {
            spell(written.text, word, notes);
            return Ok(Some(Verb::Compare(relation)));
        }
    }
    let before = lexer.clone();
    let is_negated = lexer.take_keyword("not").is_some() || lexer.take("!");
    if let Some(written) = lexer.take_keyword("in") {
        spell(written.text, "in", notes);
        return Ok(Some(Verb::In { is_negated }));
    }
    *lexer = before;
    if let Some(word) = lexer.take_keyword("bitand") {
        return Err(FilterError::new(word.place(), "bit masks are not supported here"));
    }
    Ok(None)
}
