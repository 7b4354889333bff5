//! Asks a message a question.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::filter::ast::Function;
use crate::filter::ast::Operand;
use crate::filter::ast::Part;
use crate::filter::ast::Quantifier;
use crate::filter::fields::Field;
use crate::filter::literal;
use crate::filter::read;
use crate::filter::subject::Spoken;
use crate::filter::subject::Subject;
use crate::filter::subject::Value;
use crate::filter::typed::Check;
use crate::filter::typed::Constant;
use crate::filter::typed::How;

/// What is asked.
#[derive(Clone, Copy)]
pub(super) enum Asked<'m> {
    /// A message as it passes.
    Message(&'m Subject<'m>),
    /// A message of a session that has closed.
    Session(&'m Spoken<'m>),
}

impl<'m> Asked<'m> {
    fn field(self, field: &Field, found: &mut dyn FnMut(Value<'m>)) {
        match self {
            Asked::Message(subject) => read::field(subject, field, found),
            Asked::Session(spoken) => read::late(spoken, field, found),
        }
    }

    /// Every value of an operand.
    fn values(self, operand: &Operand, found: &mut dyn FnMut(Value<'m>)) {
        match operand {
            Operand::Field(field) => self.field(field, found),
            Operand::Literal(literal) => {
                if let crate::filter::ast::Literal::Word(word) = literal
                    && let Some(number) = literal::number(word)
                {
                    found(Value::Number(number));
                }
            }
            Operand::Slice(of, parts) => self.values(of, &mut |value| {
                if let Some(bytes) = bytes_of(value) {
                    found(Value::Part(Cow::Owned(sliced(&bytes, parts).unwrap_or_default())));
                }
            }),
            Operand::Call(function, arguments) => self.call(*function, arguments, found),
        }
    }

    fn call(self, function: Function, arguments: &[Operand], found: &mut dyn FnMut(Value<'m>)) {
        let numbers = || {
            let mut numbers = Vec::new();
            for argument in arguments {
                self.values(argument, &mut |value| {
                    if let Value::Number(number) = value {
                        numbers.push(number);
                    }
                });
            }
            numbers
        };
        let Some(first) = arguments.first() else { return };
        match function {
            Function::Count => {
                let mut count = 0;
                self.values(first, &mut |_| count += 1);
                if count > 0 {
                    found(Value::Number(count));
                }
            }
            Function::Max => numbers().into_iter().max().into_iter().for_each(|number| found(Value::Number(number))),
            Function::Min => numbers().into_iter().min().into_iter().for_each(|number| found(Value::Number(number))),
            Function::Abs => {
                numbers().into_iter().for_each(|number| found(Value::Number(number.saturating_abs())));
            }
            Function::Lower => self.bytes(first, &mut |text| found(Value::Bytes(text.to_ascii_lowercase().into()))),
            Function::Upper => self.bytes(first, &mut |text| found(Value::Bytes(text.to_ascii_uppercase().into()))),
            Function::Len => self.bytes(first, &mut |text| {
                found(Value::Number(i64::try_from(text.len()).unwrap_or(i64::MAX)));
            }),
            Function::String => self.values(first, &mut |value| {
                let text = match value {
                    Value::Number(number) => number.to_string(),
                    Value::Address(address) => address.to_string(),
                    Value::Bytes(_) | Value::Unquoted(_) => return found(value),
                    _ => return,
                };
                found(Value::Bytes(text.into_bytes().into()));
            }),
        }
    }

    fn bytes(self, operand: &Operand, found: &mut dyn FnMut(&[u8])) {
        self.values(operand, &mut |value| {
            if let Some(bytes) = bytes_ref(&value).filter(|_| !is_outside(&value)) {
                found(bytes);
            }
        });
    }

    /// The answer.
    pub(super) fn answers(self, check: &Check) -> bool {
        let (quantifier, left, how) = match check {
            Check::Has(operand) => {
                let mut is_there = false;
                self.values(operand, &mut |value| is_there |= !is_outside(&value));
                return is_there;
            }
            Check::Compare { quantifier, left, how } => (*quantifier, left, how),
        };
        let (mut is_any, mut is_all, mut is_there) = (false, true, false);
        let mut note = |is_yes: bool| {
            is_any |= is_yes;
            is_all &= is_yes;
            is_there = true;
        };
        if let How::OrderedBy(_, right) | How::ContainsOf(right) = how {
            let mut others = Vec::new();
            self.values(right, &mut |value| others.push(value));
            self.values(left, &mut |value| others.iter().for_each(|other| note(compare(&value, how, other))));
        } else {
            self.values(left, &mut |value| note(is_yes(&value, how)));
        }
        match quantifier {
            Quantifier::Any => is_any,
            Quantifier::All => is_there && is_all,
        }
    }
}

fn compare(value: &Value<'_>, how: &How, other: &Value<'_>) -> bool {
    match how {
        How::OrderedBy(accepts, _) => accepts.is_accepted(order_of_values(value, other)),
        How::ContainsOf(_) => match (bytes_ref(value), bytes_ref(other)) {
            (Some(value), Some(part)) => !is_outside(other) && memchr::memmem::find(value, part).is_some(),
            _ => false,
        },
        _ => false,
    }
}

fn order_of_values(one: &Value<'_>, other: &Value<'_>) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Some(one.cmp(other)),
        (Value::Flag(one), Value::Flag(other)) => Some(one.cmp(other)),
        (Value::Address(one), Value::Address(other)) => Some(one.cmp(other)),
        (Value::Nanoseconds(one), Value::Nanoseconds(other)) => Some(one.cmp(other)),
        (Value::Rank(one), Value::Rank(other)) => Some(one.cmp(other)),
        (Value::Part(_), _) | (_, Value::Part(_)) => Some(order_of_parts(bytes_ref(one)?, bytes_ref(other)?)),
        _ => Some(bytes_ref(one)?.cmp(bytes_ref(other)?)),
    }
}

/// As in Wireshark, the longer part is the greater one.
fn order_of_parts(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Whether it is a part that lies outside of its field: as in Wireshark that is not there, and differs from whatever it is compared with.
fn is_outside(value: &Value<'_>) -> bool {
    matches!(value, Value::Part(part) if part.is_empty())
}

fn is_yes(value: &Value<'_>, how: &How) -> bool {
    match how {
        How::Ordered(accepts, constant) => accepts.is_accepted(order(value, constant)),
        How::In(set) => set.iter().any(|(first, last)| {
            order(value, first).is_some_and(Ordering::is_ge) && order(value, last).is_some_and(Ordering::is_le)
        }),
        How::Contains(part) => search(value, part.contains(&b'"'), |text| memchr::memmem::find(text, part).is_some()),
        How::Matches(regex) => search(value, regex.as_str().contains('"'), |text| regex.is_match(text)),
        How::OrderedBy(..) | How::ContainsOf(_) => false,
    }
}

/// What is looked for with a quote in it is looked for in the quoted form as well: that is what Wireshark shows.
fn search(value: &Value<'_>, has_quote: bool, is_found: impl Fn(&[u8]) -> bool) -> bool {
    let Some(text) = bytes_ref(value).filter(|_| !is_outside(value)) else { return false };
    let is_quoted = has_quote && matches!(value, Value::Unquoted(_));
    is_found(text) || (is_quoted && is_found(&[b"\"", text, b"\""].concat()))
}

fn order(value: &Value<'_>, constant: &Constant) -> Option<Ordering> {
    match (value, constant) {
        (Value::Bytes(value) | Value::Unquoted(value), Constant::Bytes(constant)) => {
            Some(value.as_ref().cmp(constant.as_slice()))
        }
        (Value::Part(part), Constant::Bytes(constant)) => Some(order_of_parts(part, constant)),
        (Value::Number(value), Constant::Number(constant)) => Some(value.cmp(constant)),
        (Value::Flag(value), Constant::Flag(constant)) => Some(value.cmp(constant)),
        (Value::Nanoseconds(value), Constant::Nanoseconds(constant)) => Some(value.cmp(constant)),
        (Value::Rank(value), Constant::Rank(constant)) => Some(value.cmp(constant)),
        (Value::Address(value), Constant::Addresses(constant)) if constant.contains(*value) => Some(Ordering::Equal),
        (Value::Address(value), Constant::Addresses(constant)) => Some(value.cmp(&constant.address)),
        _ => None,
    }
}

fn bytes_ref<'v>(value: &'v Value<'_>) -> Option<&'v [u8]> {
    match value {
        Value::Bytes(bytes) | Value::Unquoted(bytes) | Value::Part(bytes) => Some(bytes),
        _ => None,
    }
}

fn bytes_of(value: Value<'_>) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::Bytes(bytes) | Value::Unquoted(bytes) => Some(bytes),
        Value::Address(std::net::IpAddr::V4(address)) => Some(address.octets().to_vec().into()),
        Value::Address(std::net::IpAddr::V6(address)) => Some(address.octets().to_vec().into()),
        _ => None,
    }
}

/// The parts of some bytes, joined; `None` where one of them lies outside.
fn sliced(bytes: &[u8], parts: &[Part]) -> Option<Vec<u8>> {
    let len = bytes.len();
    let place = |offset: i32| {
        let distance = usize::try_from(offset.unsigned_abs()).ok()?;
        if offset < 0 { len.checked_sub(distance) } else { Some(distance) }
    };
    let mut all = Vec::new();
    for part in parts {
        let range = match *part {
            Part::Length(start, count) => {
                let start = place(start)?;
                start..start.checked_add(usize::try_from(count).ok()?)?
            }
            Part::Through(start, last) => place(start)?..place(last)?.checked_add(1)?,
            Part::From(start) => place(start)?..len,
        };
        all.extend_from_slice(bytes.get(range).filter(|part| !part.is_empty())?);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_as_wireshark_cuts_them() {
        let check = |parts: &[Part], expect: Option<&[u8]>| assert_eq!(sliced(b"call1@host", parts).as_deref(), expect);
        check(&[Part::Length(0, 4)], Some(b"call"));
        check(&[Part::Through(0, 1)], Some(b"ca"));
        check(&[Part::From(-4)], Some(b"host"));
        check(&[Part::Length(0, 1), Part::Length(2, 1)], Some(b"cl"));
        check(&[Part::Length(-1, 1)], Some(b"t"));
        check(&[Part::Length(9, 2)], None);
        check(&[Part::From(10)], None);
        check(&[Part::Length(-11, 1)], None);
        check(&[Part::Through(i32::MAX, i32::MIN)], None);
    }

    #[test]
    fn parts_compare_by_length_first_and_differ_where_they_lie_outside() {
        let part = |text: &'static str| Value::Part(text.as_bytes().into());
        let constant = |text: &str| Constant::Bytes(text.as_bytes().to_vec());
        assert_eq!(order(&part("ca"), &constant("b")), Some(Ordering::Greater));
        assert_eq!(order(&part("ca"), &constant("cb")), Some(Ordering::Less));
        assert_eq!(order_of_values(&part("z"), &Value::text(b"ab")), Some(Ordering::Less));
        assert_eq!(order(&part(""), &constant("b")), Some(Ordering::Less));
        assert!(is_outside(&part("")) && !is_outside(&part("b")) && !is_outside(&Value::text(b"")));
        assert!(!search(&part(""), false, |_| true));
    }
}
