//! Values that Wireshark would refuse and that nobody can misunderstand: set right, and noted.

use crate::filter::ast::Element;
use crate::filter::ast::Literal;
use crate::filter::ast::Operand;
use crate::filter::ast::Relation;
use crate::filter::error::Notes;
use crate::filter::fields::Kind;
use crate::filter::lex::Quoted;
use crate::filter::literal;

/// A text in quotes.
pub(super) fn quoted(quoted: Quoted, notes: &mut Notes) -> Literal {
    let literal = Literal::Quoted(quoted.bytes);
    if quoted.is_single {
        notes.note(format!("Wireshark wants double quotes: {literal}"));
    }
    literal
}

/// What stands right of a comparison with a field of that kind.
pub(super) fn right(kind: Kind, relation: Relation, right: Operand, notes: &mut Notes) -> Operand {
    let Operand::Literal(value) = right else { return right };
    Operand::Literal(match (relation, value) {
        (Relation::Matches, Literal::Word(word)) => {
            let quoted = Literal::Quoted(word.into_bytes());
            notes.note(format!("Wireshark wants a regular expression in quotes: matches {quoted}"));
            quoted
        }
        (Relation::Contains, value @ Literal::Word(_)) if kind == Kind::Protocol => searched(value, notes),
        (Relation::Matches | Relation::Contains, value @ Literal::Quoted(_)) => value,
        (_, value) => literal(kind, value, notes),
    })
}

/// A member of a set of that kind.
pub(super) fn element(kind: Kind, element: Element, notes: &mut Notes) -> Element {
    match element {
        Element::One(value) => Element::One(literal(kind, value, notes)),
        Element::Range(first, last) => Element::Range(literal(kind, first, notes), literal(kind, last, notes)),
    }
}

fn literal(kind: Kind, value: Literal, notes: &mut Notes) -> Literal {
    match (kind, value) {
        (Kind::Text | Kind::QuotedText | Kind::Severity, Literal::Word(word)) if !is_plain(&word) => {
            let quoted = Literal::Quoted(word.into_bytes());
            notes.note(format!("Wireshark wants quotes: {quoted}"));
            quoted
        }
        (Kind::Number | Kind::Ipv4 | Kind::Ipv6 | Kind::Duration, Literal::Quoted(bytes)) => {
            match String::from_utf8(bytes) {
                Ok(text) if is_value(kind, &text) => {
                    notes.note(format!("Wireshark wants no quotes: {text}"));
                    Literal::Word(text)
                }
                Ok(text) => Literal::Quoted(text.into_bytes()),
                Err(error) => Literal::Quoted(error.into_bytes()),
            }
        }
        (Kind::Time, Literal::Word(word)) if literal::time(&word).is_some() => {
            let quoted = Literal::Quoted(word.into_bytes());
            notes.note(format!("Wireshark wants quotes: {quoted}"));
            quoted
        }
        (_, value) => value,
    }
}

/// Whether it can stand without quotes, and is what Wireshark would read as a value.
fn is_value(kind: Kind, text: &str) -> bool {
    let is_word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".:/-".contains(&b));
    is_word
        && match kind {
            Kind::Number => literal::number(text).is_some(),
            Kind::Ipv4 | Kind::Ipv6 => literal::network(kind, text).is_some(),
            _ => literal::duration(text).is_some(),
        }
}

/// A word that Wireshark reads as one.
fn is_plain(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// `sip contains 70001`: Wireshark takes digits for bytes in hex. Who means bytes puts colons between them.
fn searched(value: Literal, notes: &mut Notes) -> Literal {
    match value {
        Literal::Word(word) if literal::hex_bytes(&word).is_none() || !word.contains(':') => {
            let quoted = Literal::Quoted(word.into_bytes());
            notes.note(format!("Wireshark may read this as bytes in hex, and wants quotes: contains {quoted}"));
            quoted
        }
        other => other,
    }
}
