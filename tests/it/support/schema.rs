//! A checker of JSON Schema (draft 7): the keywords that our schemas have, and no others.

use serde_json::{Map, Value};

/// What is wrong with `value`: the place in it and the keyword that it breaks, one for each.
///
/// # Panics
/// On a keyword or pattern that it does not know, so that none is passed over.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut checker = Checker { root: schema, faults: Vec::new() };
    checker.check(schema, value, "");
    checker.faults
}

struct Checker<'a> {
    root: &'a Value,
    faults: Vec<String>,
}

impl<'a> Checker<'a> {
    fn check(&mut self, schema: &'a Value, value: &Value, at: &str) {
        let schema = match schema {
            Value::Bool(true) => return,
            Value::Bool(false) => return self.fault(at, "false"),
            Value::Object(schema) => schema,
            other => panic!("{other} is no schema"),
        };
        if let Some(name) = schema.get("$ref") {
            let path = name.as_str().unwrap().strip_prefix('#').unwrap();
            return self.check(self.root.pointer(path).unwrap(), value, at);
        }
        for (keyword, says) in schema {
            if !self.holds(schema, keyword, says, value, at) {
                self.fault(at, keyword);
            }
        }
    }

    fn fault(&mut self, at: &str, keyword: &str) {
        self.faults.push(format!("{at}: {keyword}"));
    }

    /// Whether `value` fits `schema`.
    fn fits(&self, schema: &'a Value, value: &Value) -> bool {
        let mut inner = Checker { root: self.root, faults: Vec::new() };
        inner.check(schema, value, "");
        inner.faults.is_empty()
    }

    /// Whether `value` keeps to a keyword of `schema`; faults further in are noted.
    fn holds(
        &mut self,
        schema: &'a Map<String, Value>,
        keyword: &str,
        says: &'a Value,
        value: &Value,
        at: &str,
    ) -> bool {
        let number = |value: &Value| value.as_f64();
        let limit =
            |holds: fn(f64, f64) -> bool| number(value).is_none_or(|n| holds(n, number(says).unwrap()));
        let length = |holds: fn(u64, u64) -> bool| {
            value.as_array().is_none_or(|items| holds(items.len() as u64, says.as_u64().unwrap()))
        };
        let options = || says.as_array().unwrap().iter();
        match keyword {
            "$schema" | "title" | "description" | "definitions" => true,
            "type" => match says.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "number" => value.is_number(),
                "integer" => {
                    value.is_i64() || value.is_u64() || number(value).is_some_and(|n| n.fract() == 0.0)
                }
                other => panic!("the checker does not know the type {other}"),
            },
            "enum" => options().any(|option| option == value),
            "minimum" => limit(|n, least| n >= least),
            "maximum" => limit(|n, most| n <= most),
            "exclusiveMinimum" => limit(|n, bound| n > bound),
            "exclusiveMaximum" => limit(|n, bound| n < bound),
            "multipleOf" => limit(|n, unit| (n / unit).fract() == 0.0),
            "minItems" => length(|items, least| items >= least),
            "maxItems" => length(|items, most| items <= most),
            "uniqueItems" => {
                let items = value.as_array();
                items.is_none_or(|items| (1..items.len()).all(|i| !items[..i].contains(&items[i])))
            }
            "pattern" => value.as_str().is_none_or(|text| matches(says.as_str().unwrap(), text)),
            "anyOf" => options().any(|option| self.fits(option, value)),
            "oneOf" => options().filter(|option| self.fits(option, value)).count() == 1,
            "if" => {
                let branch = schema.get(if self.fits(says, value) { "then" } else { "else" });
                branch.into_iter().for_each(|branch| self.check(branch, value, at));
                true
            }
            "then" | "else" => schema.contains_key("if"),
            "required" => has_all(value, says),
            "dependencies" => {
                let given = |key: &String| value.as_object().is_some_and(|value| value.contains_key(key));
                says.as_object().unwrap().iter().all(|(key, needs)| !given(key) || has_all(value, needs))
            }
            "items" => {
                for (place, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(says, item, &format!("{at}/{place}"));
                }
                true
            }
            "properties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    says.get(key)
                        .into_iter()
                        .for_each(|says| self.check(says, value, &format!("{at}/{key}")));
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(says, &Value::Bool(false));
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_none_or(|value| value.keys().all(|key| known.contains_key(key)))
            }
            other => panic!("the checker does not know `{other}`"),
        }
    }
}

/// Whether an object has all of `keys`.
fn has_all(value: &Value, keys: &Value) -> bool {
    let has = |key: &Value| value.get(key.as_str().unwrap()).is_some();
    !value.is_object() || keys.as_array().unwrap().iter().all(has)
}

/// The regular expressions that our schemas have.
fn matches(pattern: &str, text: &str) -> bool {
    let says_something = |text: &str| text.chars().any(|c| !c.is_whitespace());
    match pattern {
        r"\S" => says_something(text),
        r"^.*\S.*$" => says_something(text) && !text.contains(['\n', '\r']),
        r"/|\.toml$|\.json$" => text.contains('/') || text.ends_with(".toml") || text.ends_with(".json"),
        other => panic!("the checker does not know the pattern {other}"),
    }
}
