//! An expression, ready to be asked. What only a closed session can answer is split off: each message leaves the answers to the
//! rest as bits, and the whole is decided when its session closes.

use crate::filter::ast::Expr;
use crate::filter::ast::Operand;
use crate::filter::ast::Test;
use crate::filter::error::FilterError;
use crate::filter::error::Notes;
use crate::filter::eval::Asked;
use crate::filter::fields::Get;
use crate::filter::parse;
use crate::filter::subject::Spoken;
use crate::filter::subject::Subject;
use crate::filter::typed::Check;

/// Parts of an expression that mix what a message says with what its session shows.
const TERMS_MAX: usize = 64;

/// A display filter.
#[derive(Debug)]
pub struct Filter {
    expr: Expr,
    root: Node,
    /// What messages answer as they pass; empty where they answer the whole.
    terms: Vec<Node>,
    is_late: bool,
}

#[derive(Debug)]
enum Node {
    Or(Vec<Node>),
    Xor(Vec<Node>),
    And(Vec<Node>),
    Not(Box<Node>),
    Check(Box<Check>),
    Term(usize),
}

impl Filter {
    /// Reads an expression, and says what is odd about it.
    ///
    /// # Errors
    ///
    /// Where it is none, or asks for what sipauth does not have.
    pub fn parse(text: &str) -> Result<(Filter, Notes), FilterError> {
        let (expr, notes) = parse::parse(text)?;
        Filter::of(expr).map(|filter| (filter, notes)).map_err(|error| FilterError::new(0..text.len(), error))
    }

    /// A filter of an expression that was read before.
    ///
    /// # Errors
    ///
    /// Where it mixes too much.
    pub fn of(expr: Expr) -> Result<Filter, String> {
        let root = compile(&expr)?;
        let is_late = root.has(&|check| check.is_late());
        let mut terms = Vec::new();
        let root = if is_late { split(root, &mut terms) } else { root };
        if terms.len() > TERMS_MAX {
            return Err(format!("more than {TERMS_MAX} parts mix messages and sessions; write it shorter"));
        }
        Ok(Filter { expr, root, terms, is_late })
    }

    /// Both have to be fulfilled.
    ///
    /// # Errors
    ///
    /// Where they mix too much.
    pub fn and(self, other: Filter) -> Result<Filter, String> {
        let parts = [self.expr, other.expr].into_iter().flat_map(|expr| match expr {
            Expr::And(parts) => parts,
            other => vec![other],
        });
        Filter::of(Expr::And(parts.collect()))
    }

    /// One has to be fulfilled.
    ///
    /// # Errors
    ///
    /// Where they mix too much.
    pub fn or(self, other: Filter) -> Result<Filter, String> {
        let parts = [self.expr, other.expr].into_iter().flat_map(|expr| match expr {
            Expr::Or(parts) => parts,
            other => vec![other],
        });
        Filter::of(Expr::Or(parts.collect()))
    }

    /// The expression, as Wireshark writes it.
    pub fn text(&self) -> String {
        self.expr.to_string()
    }

    /// The expression to paste into Wireshark; `None` where Wireshark cannot know what it asks for.
    pub fn wireshark(&self) -> Option<String> {
        self.expr.is_for_wireshark().then(|| self.text())
    }

    /// Whether it can be decided only when a session has closed.
    pub fn is_late(&self) -> bool {
        self.is_late
    }

    /// Whether some part of it reads that.
    pub(super) fn asks_for(&self, get: Get) -> bool {
        let asks = |check: &Check| check.asks_for(get);
        self.root.has(&asks) || self.terms.iter().any(|term| term.has(&asks))
    }

    /// Whether a message fulfils it. Of a filter that is late, whether it may.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.is_late || self.root.is_true(0, &mut |check| Asked::Message(subject).answers(check))
    }

    /// What a message answers before its session has closed.
    pub(super) fn bits(&self, subject: &Subject<'_>) -> u64 {
        let mut ask = |check: &Check| Asked::Message(subject).answers(check);
        let answers = self.terms.iter().enumerate().map(|(place, term)| u64::from(term.is_true(0, &mut ask)) << place);
        answers.fold(0, |all, bit| all | bit)
    }

    /// Whether a message with these answers fulfils it, now that its session has closed.
    pub(super) fn decides(&self, bits: u64, spoken: &Spoken<'_>) -> bool {
        self.root.is_true(bits, &mut |check| Asked::Session(spoken).answers(check))
    }
}

impl Expr {
    /// Whether Wireshark has all its fields and operators.
    fn is_for_wireshark(&self) -> bool {
        match self {
            Expr::Xor(_) => false,
            Expr::Or(parts) | Expr::And(parts) => parts.iter().all(Expr::is_for_wireshark),
            Expr::Not(inner) => inner.is_for_wireshark(),
            // Wireshark 4.0 looks into sets for fields only.
            Expr::Test(Test::In { left, .. }) if !matches!(left, Operand::Field(_)) => false,
            Expr::Test(test) => test.operands().all(Operand::is_for_wireshark),
        }
    }
}

impl Test {
    fn operands(&self) -> impl Iterator<Item = &Operand> {
        let sides = match self {
            Test::Has(left) | Test::In { left, .. } => [Some(left), None],
            Test::Compare { left, right, .. } => [Some(left), Some(right)],
        };
        sides.into_iter().flatten()
    }
}

impl Operand {
    fn is_for_wireshark(&self) -> bool {
        match self {
            Operand::Field(field) => field.is_wireshark(),
            Operand::Literal(_) => true,
            Operand::Slice(of, _) => of.is_for_wireshark(),
            Operand::Call(_, arguments) => arguments.iter().all(Operand::is_for_wireshark),
        }
    }
}

fn compile(expr: &Expr) -> Result<Node, String> {
    let all = |parts: &[Expr]| parts.iter().map(compile).collect::<Result<Vec<Node>, String>>();
    Ok(match expr {
        Expr::Or(parts) => Node::Or(all(parts)?),
        Expr::Xor(parts) => Node::Xor(all(parts)?),
        Expr::And(parts) => Node::And(all(parts)?),
        Expr::Not(inner) => Node::Not(Box::new(compile(inner)?)),
        Expr::Test(test) => Node::Check(Box::new(Check::of(test)?)),
    })
}

/// Takes out whatever asks nothing of the session.
fn split(node: Node, terms: &mut Vec<Node>) -> Node {
    if !node.has(&|check| check.is_late()) {
        terms.push(node);
        return Node::Term(terms.len() - 1);
    }
    let mut all = |parts: Vec<Node>| parts.into_iter().map(|part| split(part, terms)).collect();
    match node {
        Node::Or(parts) => Node::Or(all(parts)),
        Node::Xor(parts) => Node::Xor(all(parts)),
        Node::And(parts) => Node::And(all(parts)),
        Node::Not(inner) => Node::Not(Box::new(split(*inner, terms))),
        other => other,
    }
}

impl Node {
    fn has(&self, wanted: &dyn Fn(&Check) -> bool) -> bool {
        match self {
            Node::Or(parts) | Node::Xor(parts) | Node::And(parts) => parts.iter().any(|part| part.has(wanted)),
            Node::Not(inner) => inner.has(wanted),
            Node::Check(check) => wanted(check),
            Node::Term(_) => false,
        }
    }

    fn is_true(&self, bits: u64, ask: &mut dyn FnMut(&Check) -> bool) -> bool {
        match self {
            Node::Or(parts) => parts.iter().any(|part| part.is_true(bits, ask)),
            Node::Xor(parts) => parts.iter().filter(|part| part.is_true(bits, ask)).count() % 2 == 1,
            Node::And(parts) => parts.iter().all(|part| part.is_true(bits, ask)),
            Node::Not(inner) => !inner.is_true(bits, ask),
            Node::Check(check) => ask(check),
            Node::Term(place) => bits >> place & 1 == 1,
        }
    }
}
