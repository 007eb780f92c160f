//! What may stand in a field: the check, the sentence that says it, and the JSON Schema of it.

use std::fmt;

use serde_json::json;
use toml::Value;
use toml::de::DeValue;

/// The legal values of a field.
#[derive(Clone, Debug)]
pub(super) enum Legal {
    /// A whole number of the range, ends included.
    Integer(u64, u64),
    /// A whole number of the range, or one word.
    IntegerOr(&'static str, u64, u64),
    /// A finite number above zero, at most this.
    Positive(f64),
    /// A finite number from zero to this.
    FromZero(f64),
    /// A number from zero to below one.
    BelowOne,
    /// A number from zero to below one, or a list of them.
    BelowOneEach,
    /// A multiple of 1/8 from 1/8 to this.
    Eighths(f64),
    /// A list of so many whole numbers at most, at least one, each of the range.
    Integers(usize, u64, u64),
    /// One of the words.
    Word(&'static [&'static str]),
    /// A list of some of the words, each at most once.
    Words(&'static [&'static str]),
    /// A path, relative to the folder of the file that gives it.
    Path,
    /// Words that are not empty, on one line.
    Text,
    /// A list of so many texts at most.
    Texts(usize),
}

impl Legal {
    /// `found` as a plain value, or `None` where it is not legal.
    pub(super) fn check(&self, found: &DeValue<'_>) -> Option<Value> {
        match *self {
            Self::Integer(min, max) => integer(found, min, max),
            Self::IntegerOr(word, min, max) => {
                self::word(found, &[word]).or_else(|| integer(found, min, max))
            }
            Self::Positive(max) => real(found, |x| x > 0.0 && x <= max),
            Self::FromZero(max) => real(found, |x| x >= 0.0 && x <= max),
            Self::BelowOne => real(found, |x| (0.0..1.0).contains(&x)),
            Self::BelowOneEach => match found.as_array() {
                Some(items) if !items.is_empty() => {
                    let levels = items.iter().map(|item| Self::BelowOne.check(item.get_ref()));
                    levels.collect::<Option<_>>().map(Value::Array)
                }
                Some(_) => None,
                None => Self::BelowOne.check(found),
            },
            Self::Eighths(max) => real(found, |x| x > 0.0 && x <= max && (x * 8.0).fract() == 0.0),
            Self::Integers(longest, min, max) => {
                let items = found.as_array().filter(|items| (1..=longest).contains(&items.len()))?;
                items
                    .iter()
                    .map(|item| integer(item.get_ref(), min, max))
                    .collect::<Option<_>>()
                    .map(Value::Array)
            }
            Self::Word(words) => word(found, words),
            Self::Words(words) => {
                let items: Vec<Value> = found
                    .as_array()?
                    .iter()
                    .map(|item| word(item.get_ref(), words))
                    .collect::<Option<_>>()?;
                let once = items.iter().enumerate().all(|(i, item)| !items[..i].contains(item));
                once.then_some(Value::Array(items))
            }
            Self::Path => found.as_str().filter(|path| !path.trim().is_empty()).map(Value::from),
            Self::Text => {
                let words = |text: &&str| !text.trim().is_empty() && !text.chars().any(char::is_control);
                found.as_str().filter(words).map(Value::from)
            }
            Self::Texts(longest) => {
                let items = found.as_array().filter(|items| items.len() <= longest)?;
                let texts = items.iter().map(|item| Self::Text.check(item.get_ref()));
                texts.collect::<Option<_>>().map(Value::Array)
            }
        }
    }

    /// What it says, as JSON Schema; a whole number with a point (`2.0`) is one there, and not here.
    pub(super) fn json_schema(&self) -> serde_json::Value {
        match *self {
            Self::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
            Self::IntegerOr(word, min, max) => {
                json!({ "anyOf": [{ "enum": [word] }, Self::Integer(min, max).json_schema()] })
            }
            Self::Positive(max) => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": max }),
            Self::FromZero(max) => json!({ "type": "number", "minimum": 0, "maximum": max }),
            Self::BelowOne => json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 1 }),
            Self::BelowOneEach => {
                let one = Self::BelowOne.json_schema();
                json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
            }
            Self::Eighths(max) => {
                json!({ "type": "number", "exclusiveMinimum": 0, "maximum": max, "multipleOf": 0.125 })
            }
            Self::Integers(longest, min, max) => {
                let item = Self::Integer(min, max).json_schema();
                json!({ "type": "array", "items": item, "minItems": 1, "maxItems": longest })
            }
            Self::Word(words) => json!({ "enum": words }),
            Self::Words(words) => {
                json!({ "type": "array", "items": { "enum": words }, "uniqueItems": true })
            }
            Self::Path => json!({ "type": "string", "pattern": "\\S" }),
            Self::Text => json!({ "type": "string", "pattern": "^.*\\S.*$" }),
            Self::Texts(longest) => {
                json!({ "type": "array", "items": Self::Text.json_schema(), "maxItems": longest })
            }
        }
    }
}

fn integer(found: &DeValue<'_>, min: u64, max: u64) -> Option<Value> {
    let digits = found.as_integer()?;
    let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok()?;
    u64::try_from(number).is_ok_and(|n| (min..=max).contains(&n)).then_some(Value::Integer(number))
}

/// A finite number that `legal` accepts; a whole one may be written without its point.
fn real(found: &DeValue<'_>, legal: impl Fn(f64) -> bool) -> Option<Value> {
    let number = match found {
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix()).ok()? as f64,
        DeValue::Float(digits) => digits.as_str().parse().ok()?,
        _ => return None,
    };
    (number.is_finite() && legal(number)).then_some(Value::Float(number))
}

fn word(found: &DeValue<'_>, words: &[&str]) -> Option<Value> {
    found.as_str().filter(|text| words.contains(text)).map(Value::from)
}

impl fmt::Display for Legal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(min, max) => write!(f, "a whole number from {min} to {max}"),
            Self::IntegerOr(word, min, max) => write!(f, "\"{word}\" or a whole number from {min} to {max}"),
            Self::Positive(max) => write!(f, "a number above 0, at most {max}"),
            Self::FromZero(max) => write!(f, "a number from 0 to {max}"),
            Self::BelowOne => f.write_str("a number from 0 to below 1"),
            Self::BelowOneEach => {
                f.write_str("a number from 0 to below 1, or a list of such numbers, one for each layer")
            }
            Self::Eighths(max) => write!(f, "a multiple of 1/8 (0.125) from 0.125 to {max}"),
            Self::Integers(longest, min, max) => {
                write!(f, "a list of 1 to {longest} whole numbers, each from {min} to {max}")
            }
            Self::Word(words) => write!(f, "one of {}", quoted(words)),
            Self::Words(words) => write!(f, "a list of some of {}, each at most once", quoted(words)),
            Self::Path => f.write_str("a path"),
            Self::Text => f.write_str("a text on one line"),
            Self::Texts(longest) => write!(f, "a list of {longest} texts at most, each on one line"),
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Legal {
        /// The least and the greatest legal value.
        pub(in crate::spec) fn ends(&self) -> [Value; 2] {
            let whole = |n: u64| Value::Integer(i64::try_from(n).unwrap());
            match *self {
                Self::Integer(min, max) => [whole(min), whole(max)],
                Self::IntegerOr(word, _, max) => [Value::from(word), whole(max)],
                Self::Positive(max) => [Value::Float(f64::MIN_POSITIVE), Value::Float(max)],
                Self::FromZero(max) => [Value::Float(0.0), Value::Float(max)],
                Self::BelowOne => [Value::Float(0.0), Value::Float(1.0f64.next_down())],
                Self::BelowOneEach => [Value::Float(0.0), vec![1.0f64.next_down(); 2].into()],
                Self::Eighths(max) => [Value::Float(0.125), Value::Float(max)],
                Self::Integers(longest, min, max) => {
                    [vec![whole(min)].into(), vec![whole(max); longest].into()]
                }
                Self::Word(words) => [Value::from(words[0]), Value::from(words[words.len() - 1])],
                Self::Words(words) => [Value::Array(Vec::new()), words.to_vec().into()],
                Self::Path => [Value::from("a"), Value::from("../b/c")],
                Self::Text => [Value::from("a"), Value::from("b c")],
                Self::Texts(longest) => [Value::Array(Vec::new()), vec!["a"; longest].into()],
            }
        }
    }

    #[test]
    fn the_ends_of_a_range_are_legal() {
        for legal in [
            Legal::Integer(1, 64),
            Legal::IntegerOr("auto", 1, 64),
            Legal::Positive(10.0),
            Legal::FromZero(10.0),
            Legal::BelowOne,
            Legal::BelowOneEach,
            Legal::Path,
            Legal::Text,
            Legal::Texts(2),
            Legal::Eighths(16.0),
            Legal::Integers(4, 1, 8),
            Legal::Word(&["a", "b"]),
            Legal::Words(&["a", "b"]),
        ] {
            for end in legal.ends() {
                assert!(accepts(&legal, &end.to_string()), "{legal}: {end}");
            }
        }
    }

    fn accepts(legal: &Legal, text: &str) -> bool {
        legal.check(DeValue::parse(text).unwrap().get_ref()).is_some()
    }

    #[test]
    fn each_range_ends_where_it_says() {
        let integer = Legal::Integer(1, 64);
        assert!(accepts(&integer, "1") && accepts(&integer, "64") && accepts(&integer, "0x10"));
        assert!(!accepts(&integer, "0") && !accepts(&integer, "65") && !accepts(&integer, "-1"));
        assert!(!accepts(&integer, "2.0") && !accepts(&integer, "99999999999999999999"));
        let share = Legal::BelowOne;
        assert!(accepts(&share, "0") && accepts(&share, "0.999") && !accepts(&share, "1.0"));
        assert!(!accepts(&share, "-0.1") && !accepts(&share, "nan") && !accepts(&share, "\"0.5\""));
        let positive = Legal::Positive(10.0);
        assert!(accepts(&positive, "1e-9") && accepts(&positive, "10"));
        assert!(!accepts(&positive, "0.0") && !accepts(&positive, "10.1") && !accepts(&positive, "inf"));
        let eighths = Legal::Eighths(16.0);
        assert!(accepts(&eighths, "1.125") && accepts(&eighths, "16") && accepts(&eighths, "0.125"));
        assert!(!accepts(&eighths, "1.1") && !accepts(&eighths, "0") && !accepts(&eighths, "16.125"));
    }

    #[test]
    fn levels_are_one_or_many_and_paths_say_something() {
        let levels = Legal::BelowOneEach;
        assert!(accepts(&levels, "0.5") && accepts(&levels, "[0, 0.999]"));
        assert!(!accepts(&levels, "[]") && !accepts(&levels, "[0.5, 1.0]") && !accepts(&levels, "[[0.5]]"));
        assert!(accepts(&Legal::Path, "\"a/b\"") && !accepts(&Legal::Path, "\" \""));
        assert!(!accepts(&Legal::Path, "3"));
        assert!(accepts(&Legal::Text, "\"a b\"") && !accepts(&Legal::Text, "\" \""));
        assert!(!accepts(&Legal::Text, "\"a\\nb\""));
    }

    #[test]
    fn lists_and_words_are_checked_item_by_item() {
        let depths = Legal::Integers(2, 1, 8);
        assert!(accepts(&depths, "[8]") && accepts(&depths, "[1, 8]"));
        assert!(!accepts(&depths, "[]") && !accepts(&depths, "[1, 2, 3]") && !accepts(&depths, "[9]"));
        let words = Legal::Words(&["q", "k"]);
        assert!(accepts(&words, "[]") && accepts(&words, "[\"k\", \"q\"]"));
        assert!(
            !accepts(&words, "[\"q\", \"q\"]") && !accepts(&words, "[\"z\"]") && !accepts(&words, "\"q\"")
        );
        let auto = Legal::IntegerOr("auto", 1, 8);
        assert!(accepts(&auto, "\"auto\"") && accepts(&auto, "3") && !accepts(&auto, "\"Auto\""));
    }

    #[test]
    fn each_range_reads_as_a_sentence() {
        assert_eq!(Legal::Positive(1.0).to_string(), "a number above 0, at most 1");
        assert_eq!(Legal::BelowOne.to_string(), "a number from 0 to below 1");
        assert_eq!(Legal::Word(&["a", "b"]).to_string(), "one of \"a\", \"b\"");
    }
}
