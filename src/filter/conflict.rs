//! Conjunctions that nothing can fulfil: a response has no method, and no message has two statuses.

use crate::filter::ast::Expr;
use crate::filter::ast::Literal;
use crate::filter::ast::Operand;
use crate::filter::ast::Relation;
use crate::filter::ast::Test;
use crate::filter::error::Notes;
use crate::filter::fields;
use crate::filter::fields::Field;
use crate::filter::fields::Get;
use crate::filter::fields::Side;

/// Warns of whatever in it is never true, and says what would be. A method asked of responses is taken for that in CSeq, which
/// is what is meant.
pub(super) fn cure(expr: Expr, notes: &mut Notes) -> Expr {
    match expr {
        Expr::And(parts) => {
            warn_of_values(&parts, notes);
            let parts = warn_of_sides(parts, notes);
            Expr::And(parts.into_iter().map(|part| cure(part, notes)).collect())
        }
        Expr::Or(parts) => Expr::Or(parts.into_iter().map(|part| cure(part, notes)).collect()),
        Expr::Xor(parts) => Expr::Xor(parts.into_iter().map(|part| cure(part, notes)).collect()),
        Expr::Not(inner) => Expr::Not(Box::new(cure(*inner, notes))),
        Expr::Test(test) => {
            warn_of_letter_case(&test, notes);
            Expr::Test(test)
        }
    }
}

/// The field that has to be there for a test to be true.
fn field_of(expr: &Expr) -> Option<&'static Field> {
    let Expr::Test(Test::Has(left) | Test::Compare { left, .. } | Test::In { left, .. }) = expr else { return None };
    let mut operand = left;
    loop {
        operand = match operand {
            Operand::Field(field) => return Some(field),
            Operand::Slice(of, _) => of,
            Operand::Call(_, arguments) => arguments.first()?,
            Operand::Literal(_) => return None,
        };
    }
}

/// Which side every way to fulfil it needs.
fn side_of(expr: &Expr) -> Option<(Side, &'static Field)> {
    match expr {
        Expr::Or(parts) => {
            let mut sides = parts.iter().map(side_of);
            let first = sides.next()??;
            sides.all(|side| side.is_some_and(|(side, _)| side == first.0)).then_some(first)
        }
        _ => field_of(expr).map(|field| (field.side(), field)).filter(|(side, _)| *side != Side::Both),
    }
}

fn warn_of_sides(parts: Vec<Expr>, notes: &mut Notes) -> Vec<Expr> {
    let of = |wanted: Side| parts.iter().filter_map(side_of).find(|(side, _)| *side == wanted).map(|(_, field)| field);
    let (Some(request), Some(response)) = (of(Side::Request), of(Side::Response)) else { return parts };
    let (request_name, response_name) = (request.name, response.name);
    let why =
        format!("{request_name} is in requests only, {response_name} in responses only: both together never match");
    let in_both = fields::named("sip.CSeq.method").filter(|_| request.get == Get::Method);
    let Some(in_both) = in_both else {
        notes.warn(format!("{why}; join the two with or"));
        return parts;
    };
    notes.warn(format!("{why}; read as {}, which is in both", in_both.name));
    parts.into_iter().map(|part| with_method_of_cseq(part, in_both)).collect()
}

/// The same with `sip.CSeq.method` for `sip.Method`.
fn with_method_of_cseq(expr: Expr, in_both: &'static Field) -> Expr {
    match expr {
        Expr::Or(parts) => Expr::Or(parts.into_iter().map(|part| with_method_of_cseq(part, in_both)).collect()),
        Expr::Test(mut test) => {
            let (Test::Has(left) | Test::Compare { left, .. } | Test::In { left, .. }) = &mut test;
            replace_method(left, in_both);
            Expr::Test(test)
        }
        other => other,
    }
}

fn replace_method(operand: &mut Operand, in_both: &'static Field) {
    match operand {
        Operand::Field(field) if field.get == Get::Method => *field = in_both,
        Operand::Field(_) | Operand::Literal(_) => {}
        Operand::Slice(of, _) => replace_method(of, in_both),
        Operand::Call(_, arguments) => arguments.iter_mut().for_each(|argument| replace_method(argument, in_both)),
    }
}

/// Methods are written in upper case, and compare with letter case (RFC 3261 §7.1).
fn warn_of_letter_case(test: &Test, notes: &mut Notes) {
    let Test::Compare { left: Operand::Field(field), relation: Relation::Equal, right, .. } = test else { return };
    let Operand::Literal(value) = right else { return };
    let text = match value {
        Literal::Quoted(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Literal::Word(word) => word.clone(),
    };
    let is_method = matches!(field.name, "sip.Method" | "sip.CSeq.method");
    if is_method && text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        let upper = text.to_ascii_uppercase();
        notes.warn(format!("methods compare with letter case: for {upper}, write {} == \"{upper}\"", field.name));
    }
}

fn warn_of_values(parts: &[Expr], notes: &mut Notes) {
    let mut wanted: Vec<(&'static Field, &Literal)> = Vec::new();
    for part in parts {
        let Expr::Test(Test::Compare { left: Operand::Field(field), relation: Relation::Equal, right, .. }) = part
        else {
            continue;
        };
        let Operand::Literal(value) = right else { continue };
        if !field.is_single() {
            continue;
        }
        match wanted.iter().find(|(known, _)| known == field) {
            Some((_, other)) if !is_same(other, value) => {
                let name = field.name;
                notes.warn(format!(
                    "this never matches: {name} is {other} or {value}, not both; write {name} in {{{other}, {value}}}"
                ));
            }
            Some(_) => {}
            None => wanted.push((field, value)),
        }
    }
}

fn is_same(one: &Literal, other: &Literal) -> bool {
    let bytes = |literal: &Literal| match literal {
        Literal::Quoted(bytes) => bytes.clone(),
        Literal::Word(word) => word.clone().into_bytes(),
    };
    bytes(one) == bytes(other)
}
