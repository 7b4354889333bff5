//! An expression as a tree, and how Wireshark would write it.

use std::fmt;

use crate::filter::fields::Field;

/// An expression. `and`, `or` and `xor` hold two or more; none of them holds one of its own kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// At least one.
    Or(Vec<Expr>),
    /// An odd number of them.
    Xor(Vec<Expr>),
    /// All.
    And(Vec<Expr>),
    /// The opposite.
    Not(Box<Expr>),
    /// Something to look at.
    Test(Test),
}

/// One question to a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Whether there is such a field.
    Has(Operand),
    /// Two sides compared.
    Compare {
        /// `any` or `all` in front.
        quantifier: Option<Quantifier>,
        /// A field, or what is made of it.
        left: Operand,
        /// How.
        relation: Relation,
        /// A value, or a field again.
        right: Operand,
    },
    /// Membership in a set.
    In {
        /// `any` or `all` in front.
        quantifier: Option<Quantifier>,
        /// A field, or what is made of it.
        left: Operand,
        /// The set.
        set: Vec<Element>,
    },
}

/// Of a field that appears several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// One is enough.
    Any,
    /// Each, and there is one.
    All,
}

/// How two sides are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `==`: any is equal.
    Equal,
    /// `===`: all are equal.
    AllEqual,
    /// `!=`: all differ.
    Differ,
    /// `!==`: any differs.
    AnyDiffer,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterOrEqual,
    /// `<=`
    LessOrEqual,
    /// A part of it.
    Contains,
    /// A regular expression.
    Matches,
}

impl Relation {
    /// As Wireshark writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Relation::Equal => "==",
            Relation::AllEqual => "===",
            Relation::Differ => "!=",
            Relation::AnyDiffer => "!==",
            Relation::Greater => ">",
            Relation::Less => "<",
            Relation::GreaterOrEqual => ">=",
            Relation::LessOrEqual => "<=",
            Relation::Contains => "contains",
            Relation::Matches => "matches",
        }
    }

    /// Of several values, how many it asks for where nothing stands in front.
    pub fn quantifier(self) -> Quantifier {
        match self {
            Relation::AllEqual | Relation::Differ => Quantifier::All,
            _ => Quantifier::Any,
        }
    }
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A field.
    Field(&'static Field),
    /// A value.
    Literal(Literal),
    /// Some of the bytes of another operand.
    Slice(Box<Operand>, Vec<Part>),
    /// What a function makes of others.
    Call(Function, Vec<Operand>),
}

/// A value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// In quotes; what its escapes stand for.
    Quoted(Vec<u8>),
    /// Without quotes.
    Word(String),
}

/// One member of a set, or the first and the last of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// A value.
    One(Literal),
    /// Values from one to another, both included.
    Range(Literal, Literal),
}

/// Some bytes: `[2]`, `[0:3]`, `[1-4]`, `[:3]`, `[3:]`. Offsets below zero count from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// From an offset, so many bytes.
    Length(i32, u32),
    /// From an offset to another, both included.
    Through(i32, i32),
    /// From an offset to the end.
    From(i32),
}

/// The functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// How many bytes.
    Len,
    /// How many values.
    Count,
    /// A number or an address as text.
    String,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Without its sign.
    Abs,
}

/// Every function with its name.
pub const FUNCTIONS: [(Function, &str); 8] = [
    (Function::Lower, "lower"),
    (Function::Upper, "upper"),
    (Function::Len, "len"),
    (Function::Count, "count"),
    (Function::String, "string"),
    (Function::Max, "max"),
    (Function::Min, "min"),
    (Function::Abs, "abs"),
];

impl Function {
    /// The function of that name.
    pub fn named(name: &str) -> Option<Function> {
        FUNCTIONS.iter().find(|(_, known)| *known == name).map(|(function, _)| *function)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }
}

/// Binds how tightly: what is looser than its place stands in brackets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tightness {
    Or,
    Xor,
    And,
    Not,
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, Tightness::Or)
    }
}

impl Expr {
    fn print(&self, f: &mut fmt::Formatter<'_>, place: Tightness) -> fmt::Result {
        let (own, word, parts) = match self {
            Expr::Or(parts) => (Tightness::Or, " or ", parts),
            Expr::Xor(parts) => (Tightness::Xor, " xor ", parts),
            Expr::And(parts) => (Tightness::And, " and ", parts),
            Expr::Not(inner) => {
                f.write_str("not ")?;
                return inner.print(f, Tightness::Not);
            }
            Expr::Test(test) => return write!(f, "{test}"),
        };
        let has_brackets = own < place;
        if has_brackets {
            f.write_str("(")?;
        }
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                f.write_str(word)?;
            }
            part.print(f, own)?;
        }
        if has_brackets { f.write_str(")") } else { Ok(()) }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::Has(operand) => write!(f, "{operand}"),
            Test::Compare { quantifier, left, relation, right } => {
                write!(f, "{}{left} {} {right}", quantified(*quantifier), relation.symbol())
            }
            Test::In { quantifier, left, set } => {
                write!(f, "{}{left} in {{", quantified(*quantifier))?;
                for (index, element) in set.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write!(f, "{element}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quantified(quantifier: Option<Quantifier>) -> &'static str {
    match quantifier {
        None => "",
        Some(Quantifier::Any) => "any ",
        Some(Quantifier::All) => "all ",
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Element::One(value) => write!(f, "{value}"),
            Element::Range(first, last) => write!(f, "{first} .. {last}"),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Field(field) => f.write_str(field.name),
            Operand::Literal(literal) => write!(f, "{literal}"),
            Operand::Slice(of, parts) => {
                write!(f, "{of}[")?;
                for (index, part) in parts.iter().enumerate() {
                    f.write_str(if index > 0 { "," } else { "" })?;
                    write!(f, "{part}")?;
                }
                f.write_str("]")
            }
            Operand::Call(function, arguments) => {
                write!(f, "{}(", function.name())?;
                for (index, argument) in arguments.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    write!(f, "{argument}")?;
                }
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Length(start, 1) => write!(f, "{start}"),
            Part::Length(start, len) => write!(f, "{start}:{len}"),
            Part::Through(start, end) => write!(f, "{start}-{end}"),
            Part::From(start) => write!(f, "{start}:"),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = match self {
            Literal::Word(word) => return f.write_str(word),
            Literal::Quoted(bytes) => bytes,
        };
        f.write_str("\"")?;
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\\' => write!(f, "\\{character}")?,
                    '\r' => f.write_str("\\r")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    control if control.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(control))?,
                    other => write!(f, "{other}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str("\"")
    }
}
