//! Conditions on named values: `pe.sram_kib * fabric.width_pes <= 40e6`, `workload != "llama2-70b"`.
//!
//! Two sums of products with a relation between them. Every number is a real one, so that `48 == 48.0` holds and `1 / 2`
//! is a half, which is why this is not a general expression language.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number; a flag is 1 (`true`) or 0 (`false`).
    Number(f64),
    /// A text.
    Text(String),
}

/// A condition that can be parsed. In files it is its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    /// As it was written.
    pub text: String,
    left: Term,
    relation: Relation,
    right: Term,
}

/// What is wrong with a condition, and where in its text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    /// Bytes of the text.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Value(Value),
    Name(String, Range<usize>),
    Both(Operator, Box<[Term; 2]>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Relation {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Unequal,
}

/// The longer sign before the one that it starts with.
const RELATIONS: [(&str, Relation); 6] = [
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("==", Relation::Equal),
    ("!=", Relation::Unequal),
    ("<", Relation::Less),
    (">", Relation::Greater),
];

/// Parentheses inside each other, and signs before a number, at most.
const DEEPEST: usize = 32;

impl Condition {
    /// Out of a text.
    ///
    /// # Errors
    /// The first place that cannot be read.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let left = reader.sum()?;
        let relation = reader.relation()?;
        let right = reader.sum()?;
        reader.space();
        if reader.at < text.len() {
            return Err(reader.fault("the condition should end here"));
        }
        Ok(Self { text: text.to_owned(), left, relation, right })
    }

    /// The names in it, with their places.
    pub fn names(&self) -> Vec<(&str, Range<usize>)> {
        let mut names = Vec::new();
        self.left.names(&mut names);
        self.right.names(&mut names);
        names
    }

    /// Whether it holds where names stand for what `of` says.
    ///
    /// # Errors
    /// A name without a value, or a text where a number is needed.
    pub fn holds(&self, of: &dyn Fn(&str) -> Option<Value>) -> Result<bool, ConditionError> {
        match (self.left.value(of)?, self.right.value(of)?) {
            (Value::Number(left), Value::Number(right)) => Ok(match self.relation {
                Relation::Less => left < right,
                Relation::AtMost => left <= right,
                Relation::Greater => left > right,
                Relation::AtLeast => left >= right,
                Relation::Equal => left == right,
                Relation::Unequal => left != right,
            }),
            (Value::Text(left), Value::Text(right)) => match self.relation {
                Relation::Equal => Ok(left == right),
                Relation::Unequal => Ok(left != right),
                _ => Err(self.whole("texts are equal or not; none is less than another")),
            },
            _ => Err(self.whole("a text is compared with a number")),
        }
    }

    fn whole(&self, message: &str) -> ConditionError {
        ConditionError { at: 0..self.text.len(), message: message.to_owned() }
    }
}

impl TryFrom<String> for Condition {
    type Error = ConditionError;

    fn try_from(text: String) -> Result<Self, ConditionError> {
        Self::parse(&text)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}

impl Term {
    fn names<'a>(&'a self, names: &mut Vec<(&'a str, Range<usize>)>) {
        match self {
            Self::Value(_) => {}
            Self::Name(name, at) => names.push((name, at.clone())),
            Self::Both(_, terms) => terms.iter().for_each(|term| term.names(names)),
        }
    }

    fn value(&self, of: &dyn Fn(&str) -> Option<Value>) -> Result<Value, ConditionError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Name(name, at) => of(name)
                .ok_or_else(|| ConditionError { at: at.clone(), message: format!("`{name}` has no value") }),
            Self::Both(operator, terms) => {
                let [left, right] = [terms[0].value(of)?, terms[1].value(of)?];
                let (Value::Number(left), Value::Number(right)) = (left, right) else {
                    let message = "only numbers can be added and multiplied".to_owned();
                    return Err(ConditionError { at: 0..0, message });
                };
                Ok(Value::Number(match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide => left / right,
                    Operator::Remainder => left % right,
                }))
            }
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn fault(&self, message: &str) -> ConditionError {
        let width = self.rest().chars().next().map_or(0, char::len_utf8);
        ConditionError { at: self.at..self.at + width, message: message.to_owned() }
    }

    /// Take one of some signs.
    fn sign<T: Copy>(&mut self, signs: &[(&str, T)]) -> Option<T> {
        self.space();
        let (sign, what) = signs.iter().find(|(sign, _)| self.rest().starts_with(sign))?;
        self.at += sign.len();
        Some(*what)
    }

    fn relation(&mut self) -> Result<Relation, ConditionError> {
        let found = self.sign(&RELATIONS);
        found.ok_or_else(|| self.fault("a condition has one of <, <=, >, >=, ==, != here"))
    }

    fn sum(&mut self) -> Result<Term, ConditionError> {
        let signs = [("+", Operator::Add), ("-", Operator::Subtract)];
        let mut term = self.product()?;
        while let Some(operator) = self.sign(&signs) {
            term = Term::Both(operator, Box::new([term, self.product()?]));
        }
        Ok(term)
    }

    fn product(&mut self) -> Result<Term, ConditionError> {
        let signs = [("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)];
        let mut term = self.atom()?;
        while let Some(operator) = self.sign(&signs) {
            term = Term::Both(operator, Box::new([term, self.atom()?]));
        }
        Ok(term)
    }

    fn atom(&mut self) -> Result<Term, ConditionError> {
        self.space();
        if self.depth == DEEPEST {
            return Err(self.fault("too many parentheses or signs"));
        }
        self.depth += 1;
        let term = match self.rest().chars().next() {
            Some('(') => {
                self.at += 1;
                let term = self.sum()?;
                if self.sign(&[(")", ())]).is_none() {
                    return Err(self.fault("a `)` is missing here"));
                }
                Ok(term)
            }
            Some('-') => {
                self.at += 1;
                let zero = Term::Value(Value::Number(0.0));
                Ok(Term::Both(Operator::Subtract, Box::new([zero, self.atom()?])))
            }
            Some('"') => self.quoted(),
            Some(first) if first.is_ascii_digit() || first == '.' => self.number(),
            Some(first) if first.is_ascii_alphabetic() || first == '_' => Ok(self.name()),
            _ => Err(self.fault("a number, a name, a \"text\" or a `(` should stand here")),
        };
        self.depth -= 1;
        term
    }

    fn quoted(&mut self) -> Result<Term, ConditionError> {
        let inner = &self.text[self.at + 1..];
        let end = inner.find('"').ok_or_else(|| self.fault("this text has no end"))?;
        let term = Term::Value(Value::Text(inner[..end].to_owned()));
        self.at += end + 2;
        Ok(term)
    }

    fn number(&mut self) -> Result<Term, ConditionError> {
        let mut end = 0;
        let bytes = self.rest().as_bytes();
        while let Some(byte) = bytes.get(end) {
            let in_exponent = matches!(byte, b'+' | b'-') && matches!(bytes[end - 1], b'e' | b'E');
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') || in_exponent) {
                break;
            }
            end += 1;
        }
        let written = &self.rest()[..end];
        let number = written.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
        let Some(number) = number else {
            let message = format!("`{written}` is not a number");
            return Err(ConditionError { at: self.at..self.at + end, message });
        };
        self.at += end;
        Ok(Term::Value(Value::Number(number)))
    }

    fn name(&mut self) -> Term {
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let end = self.rest().find(|c| !of_name(c)).unwrap_or(self.rest().len());
        let (start, name) = (self.at, self.rest()[..end].to_owned());
        self.at += end;
        match name.as_str() {
            "true" => Term::Value(Value::Number(1.0)),
            "false" => Term::Value(Value::Number(0.0)),
            _ => Term::Name(name, start..start + end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> Result<bool, ConditionError> {
        Condition::parse(text)?.holds(&|name| match name {
            "pe.sram_kib" => Some(Value::Number(48.0)),
            "workload" => Some(Value::Text("llama2-7b".to_owned())),
            _ => None,
        })
    }

    #[test]
    fn sums_and_products_bind_as_in_school() {
        for text in [
            "pe.sram_kib == 48",
            "1 / 2 == 0.5",
            "1 + 2 * 3 == 7",
            "(1 + 2) * 3 == 9",
            "7 - 2 - 1 == 4",
            "-2 * -3 == 6",
            "pe.sram_kib*1e3 >= 4_8e3",
            "7 % 4 != 2",
            "2e-1 < .3",
            "workload == \"llama2-7b\"",
            "workload != \"x\"",
            "true > false",
        ] {
            assert_eq!(holds(text), Ok(true), "{text}");
        }
        for text in ["pe.sram_kib < 48", "pe.sram_kib > 48", "1 == 2", "workload == \"x\"", "2 <= 1"] {
            assert_eq!(holds(text), Ok(false), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_pointed_at() {
        let place = |text: &str| holds(text).unwrap_err().at;
        assert_eq!(place("1 + < 2"), 4..5);
        assert_eq!(place("1 2"), 2..3);
        assert_eq!(place("1 == 2 3"), 7..8);
        assert_eq!(place("(1 == 2"), 3..4);
        assert_eq!(place("1e == 2"), 0..2);
        assert_eq!(place("a.b == 2"), 0..3);
        assert_eq!(place("\"a == 2"), 0..1);
        assert_eq!(place("workload < \"b\""), 0..14);
        assert_eq!(place("workload < 3"), 0..12);
        assert_eq!(place(""), 0..0);
        assert!(holds(&format!("{}1 == 1", "(".repeat(100_000))).is_err());
        assert!(holds(&format!("{}1 == 1", "-".repeat(100_000))).is_err());
    }
}
