//! Text → expression. Written by hand: it descends no deeper than `NESTING_MAX`, and reads on where it is. What Wireshark would
//! refuse and nobody can misunderstand is taken, set right, and noted.

use std::ops::Range;

use crate::filter::ast::Element;
use crate::filter::ast::Expr;
use crate::filter::ast::Function;
use crate::filter::ast::Literal;
use crate::filter::ast::Operand;
use crate::filter::ast::Part;
use crate::filter::ast::Quantifier;
use crate::filter::ast::Relation;
use crate::filter::ast::Test;
use crate::filter::conflict;
use crate::filter::error::FilterError;
use crate::filter::error::Notes;
use crate::filter::error::nearest;
use crate::filter::fields;
use crate::filter::fields::Field;
use crate::filter::lex::Lexer;
use crate::filter::lex::Word;
use crate::filter::names;
use crate::filter::relation;
use crate::filter::relation::Verb;
use crate::filter::spelling;
use crate::filter::typed;

/// Bytes of an expression.
pub const EXPRESSION_BYTES_MAX: usize = 64 << 10;
/// Brackets, `not` and functions within each other.
pub const NESTING_MAX: usize = 64;
/// Regular expressions: each may take 256 KiB.
pub const REGEXES_MAX: usize = 100;

type Result<T> = std::result::Result<T, FilterError>;

/// Reads an expression.
///
/// # Errors
///
/// Where it is none, or asks for what sipauth does not have.
pub fn parse(text: &str) -> Result<(Expr, Notes)> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(FilterError::new(0..0, format!("the expression is longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    let mut parser = Parser { lexer: Lexer::new(text), notes: Notes::default(), depth: 0, regexes: 0 };
    if parser.lexer.is_at_end() {
        return Err(FilterError::new(0..0, "the expression is empty").cured("for all SIP messages, write sip"));
    }
    let expr = parser.or()?;
    if !parser.lexer.is_at_end() {
        return Err(parser.unexpected());
    }
    let expr = conflict::cure(expr, &mut parser.notes);
    Ok((expr, parser.notes))
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    notes: Notes,
    depth: usize,
    regexes: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self) -> Result<Expr> {
        let mut parts = vec![self.xor()?];
        while self.logical("||", "or") {
            parts.push(self.xor()?);
        }
        Ok(chain(parts, Expr::Or))
    }

    fn xor(&mut self) -> Result<Expr> {
        let mut parts = vec![self.and()?];
        while self.logical("^^", "xor") {
            self.notes.note("Wireshark 4.0 has no xor: write (a or b) and not (a and b)");
            parts.push(self.and()?);
        }
        Ok(chain(parts, Expr::Xor))
    }

    fn and(&mut self) -> Result<Expr> {
        let mut parts = vec![self.not()?];
        while self.logical("&&", "and") {
            parts.push(self.not()?);
        }
        Ok(chain(parts, Expr::And))
    }

    fn logical(&mut self, symbol: &str, keyword: &'static str) -> bool {
        self.lexer.take(symbol) || self.keyword(keyword)
    }

    /// Takes a word of the language.
    fn keyword(&mut self, keyword: &'static str) -> bool {
        let Some(word) = self.lexer.take_keyword(keyword) else { return false };
        if word.text != keyword {
            self.notes.note(format!("Wireshark writes {keyword}, not {}", word.text));
        }
        true
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            let at = self.lexer.place();
            let error = FilterError::new(at..at + 1, format!("more than {NESTING_MAX} levels of brackets and not"));
            return Err(error.cured("write the expression flatter"));
        }
        Ok(())
    }

    fn not(&mut self) -> Result<Expr> {
        let is_negated = self.lexer.take("!") || self.keyword("not");
        if is_negated {
            self.deeper()?;
            let inner = self.not()?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(inner)));
        }
        if !self.lexer.has("(") {
            return self.test();
        }
        let open = self.lexer.place();
        self.deeper()?;
        self.lexer.take("(");
        let inner = self.or()?;
        self.depth -= 1;
        if self.lexer.take(")") {
            return Ok(inner);
        }
        match self.lexer.is_at_end() {
            true => Err(FilterError::new(open..open + 1, "the bracket is not closed").cured("add )")),
            false => Err(self.unexpected()),
        }
    }

    /// One question: a field alone, or compared with something.
    fn test(&mut self) -> Result<Expr> {
        let quantifier = if self.keyword("any") {
            Some(Quantifier::Any)
        } else if self.keyword("all") {
            Some(Quantifier::All)
        } else {
            None
        };
        let start = self.lexer.place();
        let (left, others) = self.left()?;
        let left_place = start..self.lexer.at();
        let verb = relation::read(&mut self.lexer, &mut self.notes)?;
        let kind = typed::kind(&left).map_err(|text| FilterError::new(left_place.clone(), text))?;
        let (test, is_negated, value_place) = match verb {
            None if quantifier.is_some() => {
                let at = self.lexer.place();
                return Err(
                    FilterError::new(at..at + 1, "any and all need a comparison").cured("write any field == value")
                );
            }
            None => (Test::Has(left), false, left_place),
            Some(Verb::Compare(relation)) => {
                let at = self.lexer.place();
                self.regexes += usize::from(relation == Relation::Matches);
                if self.regexes > REGEXES_MAX {
                    let text = format!("more than {REGEXES_MAX} regular expressions");
                    return Err(FilterError::new(at..at + 1, text).cured("join them with | in one"));
                }
                let right = self.right()?;
                let right = spelling::right(kind, relation, right, &mut self.notes);
                let place = at..self.lexer.at();
                (Test::Compare { quantifier, left, relation, right }, false, place)
            }
            Some(Verb::In { is_negated }) => {
                let at = self.lexer.place();
                let set = self.set()?;
                let spell = |element| spelling::element(kind, element, &mut self.notes);
                let set = set.into_iter().map(spell).collect();
                (Test::In { quantifier, left, set }, is_negated, at..self.lexer.at())
            }
        };
        typed::Check::of(&test).map_err(|text| FilterError::new(value_place, text))?;
        let expr = spread(test, others);
        Ok(if is_negated { Expr::Not(Box::new(expr)) } else { expr })
    }

    /// What stands left: a field, a part of one, or what a function makes of it. And the other fields that its name stands for.
    fn left(&mut self) -> Result<(Operand, &'static [&'static str])> {
        if let Some(quoted) = self.lexer.quoted()? {
            return Err(
                FilterError::new(quoted.place, "a text cannot stand on the left").cured("write field == \"text\"")
            );
        }
        let word = self.lexer.name_ahead();
        if word.text.is_empty() {
            return Err(self.unexpected());
        }
        if let Some(call) = self.call()? {
            return Ok((call, &[]));
        }
        if word.text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(
                FilterError::new(word.place(), "a number cannot stand on the left").cured("write field == number")
            );
        }
        self.lexer.skip(word);
        let (field, others) = names::resolve(word, &mut self.notes)?;
        Ok((self.sliced(Operand::Field(field))?, others))
    }

    /// A function with its arguments, if one stands in front.
    fn call(&mut self) -> Result<Option<Operand>> {
        let word = self.lexer.name_ahead();
        let behind = self.lexer.rest().get(word.text.len()..).unwrap_or_default();
        if !behind.trim_start().starts_with('(') {
            return Ok(None);
        }
        let Some(function) = Function::named(word.text) else {
            let names = crate::filter::ast::FUNCTIONS.iter().map(|(_, name)| *name);
            let error = FilterError::new(word.place(), format!("there is no function {}", word.text));
            let cure = match nearest(word.text, names.clone()) {
                Some(name) => format!("did you mean {name}?"),
                None => format!("there are {}", names.collect::<Vec<_>>().join(", ")),
            };
            return Err(error.cured(cure));
        };
        self.deeper()?;
        self.lexer.skip(word);
        self.lexer.take("(");
        let mut arguments = Vec::new();
        loop {
            arguments.push(self.argument()?);
            if !self.lexer.take(",") {
                break;
            }
        }
        if !self.lexer.take(")") {
            return Err(self.unexpected());
        }
        self.depth -= 1;
        let call = Operand::Call(function, arguments);
        typed::kind(&call).map_err(|text| FilterError::new(word.place(), text))?;
        self.sliced(call).map(Some)
    }

    fn argument(&mut self) -> Result<Operand> {
        if let Some(call) = self.call()? {
            return Ok(call);
        }
        let word = self.lexer.name_ahead();
        if word.text.is_empty() {
            return Err(self.unexpected());
        }
        self.lexer.skip(word);
        if word.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Operand::Literal(Literal::Word(word.text.to_owned())));
        }
        let (field, others) = names::resolve(word, &mut self.notes)?;
        if let [first, second, ..] = others {
            let text = format!("{} stands for several fields", word.text);
            return Err(FilterError::new(word.place(), text).cured(format!("write {first} or {second}")));
        }
        self.sliced(Operand::Field(field))
    }

    /// The part in square brackets behind an operand.
    fn sliced(&mut self, operand: Operand) -> Result<Operand> {
        if !self.lexer.rest().starts_with('[') {
            return Ok(operand);
        }
        let start = self.lexer.at();
        self.lexer.take("[");
        let mut parts = Vec::new();
        loop {
            parts.push(self.part()?);
            if !self.lexer.take(",") {
                break;
            }
        }
        if !self.lexer.take("]") {
            return Err(self.unexpected());
        }
        let slice = Operand::Slice(Box::new(operand), parts);
        typed::kind(&slice).map_err(|text| FilterError::new(start..self.lexer.at(), text))?;
        Ok(slice)
    }

    fn part(&mut self) -> Result<Part> {
        let at = self.lexer.place();
        let wrong = |end: usize| {
            let error = FilterError::new(at..end, "that is no part of a field");
            error.cured("write [start:length], [first-last], [start:] or [place]")
        };
        if self.lexer.take(":") {
            let len = self.lexer.integer().and_then(|len| u32::try_from(len).ok()).filter(|len| *len > 0);
            return len.map(|len| Part::Length(0, len)).ok_or_else(|| wrong(self.lexer.at() + 1));
        }
        let start = self.lexer.integer().ok_or_else(|| wrong(at + 1))?;
        let part = if self.lexer.take(":") {
            match self.lexer.has("]") || self.lexer.has(",") {
                true => Some(Part::From(start)),
                false => {
                    let len = self.lexer.integer().and_then(|len| u32::try_from(len).ok()).filter(|len| *len > 0);
                    len.map(|len| Part::Length(start, len))
                }
            }
        } else if self.lexer.take("-") {
            // As in Wireshark, both count from the same end. It wants one byte to be written as one.
            let last = self.lexer.integer().filter(|last| start <= *last && (start < 0) == (*last < 0));
            last.map(|last| match last == start {
                true => Part::Length(start, 1),
                false => Part::Through(start, last),
            })
        } else {
            Some(Part::Length(start, 1))
        };
        part.ok_or_else(|| wrong(self.lexer.at() + 1))
    }

    /// What stands right of a comparison: a value or another field.
    fn right(&mut self) -> Result<Operand> {
        if let Some(quoted) = self.lexer.quoted()? {
            return Ok(Operand::Literal(spelling::quoted(quoted, &mut self.notes)));
        }
        let name = self.lexer.name_ahead();
        let value = self.lexer.value_ahead(false);
        let behind = value.text.get(name.text.len()..).unwrap_or_default();
        if Function::named(name.text).is_some()
            && let Some(call) = self.call()?
        {
            return Ok(call);
        }
        if let Some(field) = self.field_at_right(name, behind)? {
            self.lexer.skip(name);
            return self.sliced(Operand::Field(field));
        }
        self.word(value).map(Operand::Literal)
    }

    /// A word on the right is a field where it is spelled as one.
    fn field_at_right(&mut self, name: Word<'t>, behind: &str) -> Result<Option<&'static Field>> {
        if !(behind.is_empty() || behind.starts_with('[')) {
            return Ok(None);
        }
        let is_known = fields::named(name.text).is_some()
            || (name.text.contains('.') && fields::nearly_named(name.text).is_some());
        if !is_known {
            return Ok(None);
        }
        names::resolve(name, &mut self.notes).map(|(field, _)| Some(field))
    }

    fn word(&mut self, word: Word<'t>) -> Result<Literal> {
        if word.text.is_empty() {
            let at = self.lexer.place();
            return Err(FilterError::new(at..at + 1, "a value is missing here"));
        }
        self.lexer.skip(word);
        Ok(Literal::Word(word.text.to_owned()))
    }

    fn value_in_set(&mut self) -> Result<Literal> {
        if let Some(quoted) = self.lexer.quoted()? {
            return Ok(spelling::quoted(quoted, &mut self.notes));
        }
        let word = self.lexer.value_ahead(true);
        self.word(word)
    }

    fn set(&mut self) -> Result<Vec<Element>> {
        let open = self.lexer.place();
        if !self.lexer.take("{") {
            let error = FilterError::new(open..open + 1, "a set stands in braces");
            return Err(error.cured("write in {401, 407} or in {400..499}"));
        }
        let mut set = Vec::new();
        while !self.lexer.take("}") {
            if self.lexer.is_at_end() {
                return Err(FilterError::new(open..open + 1, "the brace is not closed").cured("add }"));
            }
            if !set.is_empty() && !self.lexer.take(",") {
                self.notes.note("Wireshark wants commas between the members of a set: {401, 407}");
            }
            let first = self.value_in_set()?;
            set.push(match self.lexer.take("..") {
                true => Element::Range(first, self.value_in_set()?),
                false => Element::One(first),
            });
        }
        if set.is_empty() {
            return Err(FilterError::new(open..self.lexer.at(), "the set is empty"));
        }
        Ok(set)
    }

    /// What stands in front does not belong there.
    fn unexpected(&mut self) -> FilterError {
        let at = self.lexer.place();
        let Some(next) = self.lexer.rest().chars().next() else {
            return FilterError::new(at..at + 1, "the expression ends too early").cured("a field belongs here");
        };
        let place: Range<usize> = at..at + next.len_utf8();
        match next {
            '+' | '-' | '*' | '/' | '%' => FilterError::new(place, "arithmetic is not supported here"),
            '&' => FilterError::new(place, "bit masks are not supported here").cured("for \"and\", write && or and"),
            '#' => FilterError::new(place, "layers are not supported here"),
            '@' => FilterError::new(place, "raw fields are not supported here"),
            '$' => FilterError::new(place, "macros are not supported here"),
            '|' => FilterError::new(place, "| is no operator").cured("write || or or"),
            ')' => FilterError::new(place, "no bracket is open here"),
            _ => {
                let word = self.lexer.value_ahead(false);
                let text = format!("{} was not expected here", word.text);
                FilterError::new(word.place(), text).cured("join tests with and, or; put texts with blanks into quotes")
            }
        }
    }
}

/// A chain of one is no chain, and those of the same kind are one.
fn chain(mut parts: Vec<Expr>, kind: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    let own = std::mem::discriminant(&kind(Vec::new()));
    let flat = parts.into_iter().flat_map(|part| {
        let is_own = std::mem::discriminant(&part) == own;
        match part {
            Expr::Or(inner) | Expr::Xor(inner) | Expr::And(inner) if is_own => inner,
            other => vec![other],
        }
    });
    kind(flat.collect())
}

/// The same question to every field that a name stands for: any of them, or each where all have to differ.
fn spread(test: Test, others: &'static [&'static str]) -> Expr {
    if others.len() < 2 {
        return Expr::Test(test);
    }
    let is_each = matches!(test, Test::Compare { relation: Relation::Differ, .. });
    let with = |name: &&str| {
        let mut test = test.clone();
        let (Test::Has(left) | Test::Compare { left, .. } | Test::In { left, .. }) = &mut test;
        replace(left, fields::named(name)?);
        Some(Expr::Test(test))
    };
    let all: Vec<Expr> = others.iter().filter_map(with).collect();
    if is_each { Expr::And(all) } else { Expr::Or(all) }
}

fn replace(operand: &mut Operand, field: &'static Field) {
    match operand {
        Operand::Field(known) => *known = field,
        Operand::Slice(of, _) => replace(of, field),
        Operand::Call(..) | Operand::Literal(_) => {}
    }
}
