//! A question with its values read: what a message is compared with. Says what cannot be compared.

use std::cmp::Ordering;

use regex::bytes::Regex;
use regex::bytes::RegexBuilder;

use crate::filter::ast::Element;
use crate::filter::ast::Function;
use crate::filter::ast::Literal;
use crate::filter::ast::Operand;
use crate::filter::ast::Quantifier;
use crate::filter::ast::Relation;
use crate::filter::ast::Test;
use crate::filter::fields::Get;
use crate::filter::fields::Kind;
use crate::filter::literal;
use crate::filter::literal::Addresses;
use crate::filter::names::SEVERITIES;

/// Bytes that a compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 256 << 10;
/// Levels of groups in a regular expression.
const REGEX_NESTING_MAX: u32 = 64;

/// A question, ready to be asked.
#[derive(Debug)]
pub(super) enum Check {
    /// Whether there is one.
    Has(Operand),
    /// Whether one of several, or each, stands in a relation.
    Compare { quantifier: Quantifier, left: Operand, how: How },
}

/// A relation with its right side.
#[derive(Debug)]
pub(super) enum How {
    Ordered(Accepts, Constant),
    OrderedBy(Accepts, Operand),
    Contains(Vec<u8>),
    ContainsOf(Operand),
    Matches(Box<Regex>),
    In(Vec<(Constant, Constant)>),
}

/// Which orders are a yes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepts {
    less: bool,
    equal: bool,
    greater: bool,
    /// What is not ordered at all differs.
    unordered: bool,
}

impl Accepts {
    pub(super) fn is_accepted(self, order: Option<Ordering>) -> bool {
        match order {
            Some(Ordering::Less) => self.less,
            Some(Ordering::Equal) => self.equal,
            Some(Ordering::Greater) => self.greater,
            None => self.unordered,
        }
    }

    fn of(relation: Relation) -> Accepts {
        let accepts = |less, equal, greater| Accepts { less, equal, greater, unordered: false };
        match relation {
            Relation::Less => accepts(true, false, false),
            Relation::LessOrEqual => accepts(true, true, false),
            Relation::Greater => accepts(false, false, true),
            Relation::GreaterOrEqual => accepts(false, true, true),
            Relation::Differ | Relation::AnyDiffer => {
                Accepts { less: true, equal: false, greater: true, unordered: true }
            }
            _ => accepts(false, true, false),
        }
    }
}

/// A value to compare with.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    Bytes(Vec<u8>),
    Number(i64),
    Flag(bool),
    Addresses(Addresses),
    Nanoseconds(i128),
    Rank(u8),
}

type Result<T> = std::result::Result<T, String>;

/// What the values of an operand are.
pub(super) fn kind(operand: &Operand) -> Result<Kind> {
    match operand {
        Operand::Field(field) => Ok(field.kind),
        Operand::Literal(Literal::Word(word)) if literal::number(word).is_some() => Ok(Kind::Number),
        Operand::Literal(literal) => Err(format!("{literal} is no field")),
        Operand::Slice(of, _) => match kind(of)? {
            Kind::Ipv4 | Kind::Ipv6 => Ok(Kind::Bytes),
            of_kind if of_kind.is_bytes() => Ok(Kind::Bytes),
            of_kind => Err(format!("{of} is of the kind `{}`: it has no parts", of_kind.name())),
        },
        Operand::Call(function, arguments) => call_kind(*function, arguments),
    }
}

fn call_kind(function: Function, arguments: &[Operand]) -> Result<Kind> {
    let name = function.name();
    let kinds = arguments.iter().map(kind).collect::<Result<Vec<Kind>>>()?;
    let is_one = |fits: fn(Kind) -> bool| matches!(kinds.as_slice(), [one] if fits(*one));
    let is_text = |kind| matches!(kind, Kind::Text | Kind::QuotedText);
    match function {
        Function::Lower | Function::Upper if is_one(is_text) => Ok(Kind::Text),
        Function::Lower | Function::Upper => Err(format!("{name}() takes one text")),
        Function::Len if is_one(Kind::is_bytes) => Ok(Kind::Number),
        Function::Len => Err("len() takes one text".to_owned()),
        Function::Count if matches!(arguments, [Operand::Field(_)]) => Ok(Kind::Number),
        Function::Count => Err("count() takes one field".to_owned()),
        Function::String if is_one(|kind| matches!(kind, Kind::Number | Kind::Ipv4 | Kind::Ipv6 | Kind::Text)) => {
            Ok(Kind::Text)
        }
        Function::String => Err("string() takes one number or address".to_owned()),
        Function::Abs if !is_one(|kind| kind == Kind::Number) => Err("abs() takes one number".to_owned()),
        Function::Abs | Function::Max | Function::Min if kinds.iter().all(|kind| *kind == Kind::Number) => {
            Ok(Kind::Number)
        }
        _ => Err(format!("{name}() takes numbers")),
    }
}

/// Whether a field in it is known only when the session closes; `None` where it has no field.
fn is_late(operand: &Operand) -> Option<bool> {
    match operand {
        Operand::Field(field) => Some(field.get.is_late()),
        Operand::Literal(_) => None,
        Operand::Slice(of, _) => is_late(of),
        Operand::Call(_, arguments) => arguments.iter().filter_map(is_late).max(),
    }
}

impl Check {
    /// Reads the values of a question.
    pub(super) fn of(test: &Test) -> Result<Check> {
        match test {
            Test::Has(operand @ Operand::Call(function, _)) => {
                Err(format!("{operand} has to be compared: {} gives a value", function.name()))
            }
            Test::Has(operand) => Ok(Check::Has(operand.clone())),
            Test::Compare { quantifier, left, relation, right } => {
                let quantifier = quantifier.unwrap_or(relation.quantifier());
                let how = How::of(left, *relation, right)?;
                Ok(Check::Compare { quantifier, left: left.clone(), how })
            }
            Test::In { quantifier, left, set } => {
                let kind = kind(left)?;
                let pair = |element: &Element| match element {
                    Element::One(value) => constant(kind, left, value).map(|value| (value.clone(), value)),
                    Element::Range(first, last) => Ok((constant(kind, left, first)?, constant(kind, left, last)?)),
                };
                let set = set.iter().map(pair).collect::<Result<Vec<_>>>()?;
                let quantifier = quantifier.unwrap_or(Quantifier::Any);
                Ok(Check::Compare { quantifier, left: left.clone(), how: How::In(set) })
            }
        }
    }

    /// Whether it is decided only when the session closes.
    pub(super) fn is_late(&self) -> bool {
        let (Check::Has(left) | Check::Compare { left, .. }) = self;
        is_late(left).unwrap_or(false)
    }

    /// Whether it asks for something that this reads.
    pub(super) fn asks_for(&self, get: Get) -> bool {
        let sides = match self {
            Check::Has(left) => [Some(left), None],
            Check::Compare { left, how: How::OrderedBy(_, right) | How::ContainsOf(right), .. } => {
                [Some(left), Some(right)]
            }
            Check::Compare { left, .. } => [Some(left), None],
        };
        sides.into_iter().flatten().any(|side| asks_for(side, get))
    }
}

fn asks_for(operand: &Operand, get: Get) -> bool {
    match operand {
        Operand::Field(field) => field.get == get,
        Operand::Literal(_) => false,
        Operand::Slice(of, _) => asks_for(of, get),
        Operand::Call(_, arguments) => arguments.iter().any(|argument| asks_for(argument, get)),
    }
}

impl How {
    fn of(left: &Operand, relation: Relation, right: &Operand) -> Result<How> {
        let kind = kind(left)?;
        match (relation, right) {
            (Relation::Matches, _) if !kind.is_bytes() => {
                Err(format!("{left} is of the kind `{}`: {MAKE_TEXT}", kind.name()))
            }
            (Relation::Contains, _) if !kind.is_bytes() => {
                Err(format!("{left} is of the kind `{}`: {MAKE_TEXT}", kind.name()))
            }
            (Relation::Matches, Operand::Literal(Literal::Quoted(pattern))) => regex(pattern),
            (Relation::Matches, _) => Err("matches takes a text: a regular expression in quotes".to_owned()),
            (Relation::Contains, Operand::Literal(value)) => searched(kind, value).map(How::Contains),
            (_, Operand::Literal(value)) => Ok(How::Ordered(Accepts::of(relation), constant(kind, left, value)?)),
            (_, right) => {
                let right_kind = self::kind(right)?;
                let is_same = kind == right_kind || (kind.is_bytes() && right_kind.is_bytes());
                if !is_same || matches!(kind, Kind::Protocol | Kind::Nothing) {
                    let (one, other) = (kind.name(), right_kind.name());
                    return Err(format!("{left} ({one}) and {right} ({other}) cannot be compared"));
                }
                if is_late(left) != is_late(right) && is_late(right).is_some() {
                    return Err(format!(
                        "{left} is known when the session ends, {right} is not: they cannot be compared"
                    ));
                }
                Ok(match relation {
                    Relation::Contains => How::ContainsOf(right.clone()),
                    _ => How::OrderedBy(Accepts::of(relation), right.clone()),
                })
            }
        }
    }
}

const MAKE_TEXT: &str = "it can be compared, not searched; string() makes a text of numbers and addresses";

/// Wireshark matches without regard to letter case; `(?-i)` regards it.
fn regex(pattern: &[u8]) -> Result<How> {
    let pattern = std::str::from_utf8(pattern).map_err(|_| "the regular expression is not UTF-8".to_owned())?;
    let built = RegexBuilder::new(pattern)
        .case_insensitive(true)
        .unicode(false)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .nest_limit(REGEX_NESTING_MAX)
        .build();
    // Letters beyond ASCII need the rules of Unicode; for all else, bytes are bytes.
    let built = built.or_else(|_| {
        RegexBuilder::new(pattern)
            .case_insensitive(true)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .nest_limit(REGEX_NESTING_MAX)
            .build()
    });
    built.map(|regex| How::Matches(Box::new(regex))).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!("the regular expression takes more than {REGEX_BYTES_MAX} bytes"),
        _ if ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|look| pattern.contains(look)) => {
            "look-around is not supported: it can take for ever; write two tests and join them with and, or not"
                .to_owned()
        }
        _ if has_back_reference(pattern) => "back references are not supported: they can take for ever".to_owned(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("that is no regular expression: {last}")
        }
    })
}

fn has_back_reference(pattern: &str) -> bool {
    pattern.as_bytes().windows(2).any(|pair| matches!(pair, [b'\\', b'1'..=b'9']))
}

/// What to look for: bytes in hex where the field is bytes, else text.
fn searched(kind: Kind, value: &Literal) -> Result<Vec<u8>> {
    let bytes = match value {
        Literal::Quoted(bytes) => bytes.clone(),
        Literal::Word(word) if matches!(kind, Kind::Bytes | Kind::Protocol) => {
            literal::hex_bytes(word).unwrap_or_else(|| word.clone().into_bytes())
        }
        Literal::Word(word) => word.clone().into_bytes(),
    };
    if bytes.is_empty() { Err("everything contains an empty text".to_owned()) } else { Ok(bytes) }
}

/// A value as the field has them.
fn constant(kind: Kind, left: &Operand, value: &Literal) -> Result<Constant> {
    let wrong = |wanted: &str| format!("{value} is no {wanted}; {left} is of the kind `{}`", kind.name());
    let word = match value {
        Literal::Word(word) => Some(word.as_str()),
        Literal::Quoted(bytes) => std::str::from_utf8(bytes).ok(),
    };
    let is_word = matches!(value, Literal::Word(_));
    let read = |word: Option<&str>| -> Option<Constant> {
        match kind {
            Kind::Number if is_word => literal::number(word?).map(Constant::Number),
            Kind::Flag => literal::flag(word?).map(Constant::Flag),
            Kind::Ipv4 | Kind::Ipv6 if is_word => literal::network(kind, word?).map(Constant::Addresses),
            Kind::Time => literal::time(word?).map(Constant::Nanoseconds),
            Kind::Duration if is_word => literal::duration(word?).map(Constant::Nanoseconds),
            Kind::Severity => {
                let rank = SEVERITIES.iter().position(|name| Some(*name) == word)?;
                u8::try_from(rank).ok().map(Constant::Rank)
            }
            _ => None,
        }
    };
    match kind {
        Kind::Text => Ok(Constant::Bytes(bytes_of(value))),
        Kind::QuotedText => {
            let bytes = bytes_of(value);
            let inner = bytes.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\""));
            Ok(Constant::Bytes(inner.map_or(bytes.clone(), <[u8]>::to_vec)))
        }
        Kind::Bytes => searched(kind, value).map(Constant::Bytes),
        Kind::Protocol | Kind::Nothing => Err(format!("{left} is there or not: it cannot be compared")),
        Kind::Number => read(word).ok_or_else(|| wrong("whole number")),
        Kind::Flag => read(word).ok_or_else(|| wrong("true or false")),
        Kind::Ipv4 | Kind::Ipv6 => read(word).ok_or_else(|| wrong("address (names are not looked up)")),
        Kind::Time => read(word).ok_or_else(|| wrong("time like \"2026-11-21 03:00:00\"")),
        Kind::Duration => read(word).ok_or_else(|| wrong("number of seconds")),
        Kind::Severity => read(word).ok_or_else(|| wrong("severity: info, low, medium, high, critical")),
    }
}

fn bytes_of(value: &Literal) -> Vec<u8> {
    match value {
        Literal::Quoted(bytes) => bytes.clone(),
        Literal::Word(word) => word.clone().into_bytes(),
    }
}
