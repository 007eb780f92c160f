//! An axis: one key or several together, and the values that they go through.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};

use super::{FILES, Placed, Reader};
use crate::error::Fault;
use crate::spec::check::{Checker, unknown_key};
use crate::spec::field::Field;
use crate::spec::legal::Legal;
use crate::spec::preset::{ARCH, WORKLOAD};

/// An axis of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// What it sets; several go in step.
    pub keys: Vec<AxisKey>,
    /// Values of the keys at each of its places.
    pub places: Vec<Vec<AxisValue>>,
}

/// A key that an axis sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisKey {
    /// Full key, or `workload` or `arch` for a whole file.
    pub key: String,
    /// Unit; empty for a plain number or a name.
    pub unit: String,
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AxisValue {
    /// A whole number.
    Integer(i64),
    /// Any other.
    Real(f64),
    /// A word, a path, or a list as TOML.
    Text(String),
}

impl fmt::Display for AxisValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<Value> for AxisValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Integer(number) => Self::Integer(number),
            Value::Float(number) => Self::Real(number),
            Value::String(text) => Self::Text(text),
            list => Self::Text(list.to_string()),
        }
    }
}

impl AxisValue {
    /// Whether the key is left alone.
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::Text(text) if text == UNSET)
    }
}

impl Axis {
    /// Masks from each of some seeds.
    pub(super) fn of_seeds(seeds: &[u64]) -> Self {
        let place = |seed: &u64| vec![AxisValue::Integer(i64::try_from(*seed).unwrap_or(i64::MAX))];
        Self {
            keys: vec![AxisKey { key: SEED.to_owned(), unit: String::new() }],
            places: seeds.iter().map(place).collect(),
        }
    }
}

/// In place of a value where keys go in step: the key is not set there.
const UNSET: &str = "unset";
const SEED: &str = "sparsity.seed";
/// Places of a range at most.
const MOST_PLACES: usize = 10_000;
const FORMS: &str = "an axis has `key` and one of `values = [...]`, `range = { from, to, step }`, `log = { from, to, places }`; \
                     or `keys = [...]` that go in step, with `values = [[...], ...]`, \"unset\" for a key that a place leaves alone";

impl Reader<'_> {
    /// `[[axes]]`
    pub(super) fn axes(&mut self, file: &DeTable<'_>) -> Vec<Placed<Axis>> {
        let Some(axes) = file.get("axes") else {
            self.faults.push(Fault::new(self.source, 0..0, "a sweep has axes").key("axes").help(FORMS));
            return Vec::new();
        };
        let items = axes.get_ref().as_array().filter(|items| !items.is_empty());
        let Some(items) = items else {
            self.fault(axes.span(), "a sweep has axes");
            return Vec::new();
        };
        let axes: Vec<Placed<Axis>> = items.iter().filter_map(|item| self.axis(item)).collect();
        let points = axes.iter().try_fold(1usize, |points, (axis, _)| points.checked_mul(axis.places.len()));
        if points.is_none_or(|points| points > super::MOST_POINTS) {
            self.fault(0..0, &format!("the axes have more than {} combinations", super::MOST_POINTS));
        }
        axes
    }

    fn fault(&mut self, span: std::ops::Range<usize>, message: &str) {
        self.faults.push(Fault::new(self.source, span, message).key("axes").help(FORMS));
    }

    fn axis(&mut self, item: &Spanned<DeValue<'_>>) -> Option<Placed<Axis>> {
        let Some(table) = item.get_ref().as_table() else {
            self.fault(item.span(), "an axis is a table");
            return None;
        };
        let before = self.faults.len();
        for (key, _) in table.iter() {
            if !["key", "keys", "values", "range", "log"].contains(&key.get_ref().as_ref()) {
                self.fault(key.span(), &format!("an axis has no `{}`", key.get_ref()));
            }
        }
        let (keys, span) = self.axis_keys(item, table)?;
        let fields: Vec<Option<Field>> = keys.iter().map(|(key, span)| self.field(key, span)).collect();
        let given: Vec<&str> =
            ["values", "range", "log"].into_iter().filter(|form| table.contains_key(*form)).collect();
        let places = match (given.as_slice(), keys.len()) {
            (["values"], 1) => self.values(&table["values"], &keys, &fields, false),
            (["values"], _) => self.values(&table["values"], &keys, &fields, true),
            (["range" | "log"], 1) => self.range(given[0], &table[given[0]], &keys[0], fields[0].as_ref()),
            _ => {
                self.fault(span.clone(), "an axis has one kind of values");
                Vec::new()
            }
        };
        if places.is_empty() && self.faults.len() == before {
            self.fault(span.clone(), "an axis has one value at least");
        }
        if self.faults.len() > before {
            return None;
        }
        let units = fields.iter().map(|field| field.as_ref().map_or("", |field| field.unit).to_owned());
        let keys = keys.into_iter().zip(units).map(|((key, _), unit)| AxisKey { key, unit });
        Some((Axis { keys: keys.collect(), places }, span))
    }

    /// `key` or `keys`.
    fn axis_keys(
        &mut self,
        item: &Spanned<DeValue<'_>>,
        table: &DeTable<'_>,
    ) -> Option<(Vec<Placed<String>>, std::ops::Range<usize>)> {
        let text = |value: &Spanned<DeValue<'_>>| Some((value.get_ref().as_str()?.to_owned(), value.span()));
        let found = match (table.get("key"), table.get("keys")) {
            (Some(key), None) => text(key).map(|key| (vec![key], key_span(table, "key"))),
            (None, Some(keys)) => keys
                .get_ref()
                .as_array()
                .filter(|keys| !keys.is_empty())
                .and_then(|keys| keys.iter().map(text).collect::<Option<Vec<_>>>())
                .map(|keys| (keys, key_span(table, "keys"))),
            _ => None,
        };
        if found.is_none() {
            self.fault(item.span(), "an axis has a `key`, or `keys`, in quotes");
        }
        found
    }

    /// The field of a key; `None` for a whole file, and where there is none.
    fn field(&mut self, key: &str, span: &std::ops::Range<usize>) -> Option<Field> {
        let field = self.fields.iter().find(|field| field.key == key).cloned();
        if field.is_none() && !FILES.contains(&key) {
            self.faults.push(unknown_key(self.source, span.clone(), key, self.fields));
        }
        field
    }

    /// `values`: one for a key, or a list of one for each key.
    fn values(
        &mut self,
        list: &Spanned<DeValue<'_>>,
        keys: &[Placed<String>],
        fields: &[Option<Field>],
        in_step: bool,
    ) -> Vec<Vec<AxisValue>> {
        let Some(items) = list.get_ref().as_array() else {
            self.fault(list.span(), "`values` is a list");
            return Vec::new();
        };
        let mut places = Vec::new();
        for item in items {
            let row: Vec<&Spanned<DeValue<'_>>> = match item.get_ref().as_array() {
                Some(row) if in_step => row.iter().collect(),
                _ => vec![item],
            };
            if row.len() != keys.len() {
                self.fault(
                    item.span(),
                    &format!("keys in step are {}, values here {}", keys.len(), row.len()),
                );
                continue;
            }
            let values: Option<Vec<AxisValue>> = row
                .into_iter()
                .zip(keys.iter().zip(fields))
                .map(|(value, ((key, _), field))| match value.get_ref().as_str() {
                    Some(UNSET) if in_step => Some(AxisValue::Text(UNSET.to_owned())),
                    _ => self.value(value, key, field.as_ref()),
                })
                .collect();
            places.extend(values);
        }
        places
    }

    /// A value, checked against its field; a file must be there.
    fn value(&mut self, value: &Spanned<DeValue<'_>>, key: &str, field: Option<&Field>) -> Option<AxisValue> {
        let Some(field) = field else {
            let library = match key {
                "workload" => &WORKLOAD,
                "arch" => &ARCH,
                _ => return None,
            };
            let Some(name) = value.get_ref().as_str() else {
                self.fault(value.span(), &format!("`{key}` is a preset or a path, in quotes"));
                return None;
            };
            let mut name = name.to_owned();
            self.name(library, &mut name, value.span());
            return Some(AxisValue::Text(name));
        };
        let mut checker =
            Checker { fields: self.fields, proven: false, text: self.source, faults: self.faults };
        checker.value(field, value).map(|given| given.value.into())
    }

    /// `range` or `log`: evenly spaced values, or values with an even ratio, ends included.
    fn range(
        &mut self,
        form: &str,
        item: &Spanned<DeValue<'_>>,
        (key, _): &Placed<String>,
        field: Option<&Field>,
    ) -> Vec<Vec<AxisValue>> {
        let third = if form == "range" { "step" } else { "places" };
        let table = item.get_ref().as_table();
        let number = |name: &str| {
            let value = table?.get(name)?.get_ref();
            Legal::FromZero(f64::MAX).check(value).and_then(|value| value.as_float())
        };
        let (Some(from), Some(to), Some(third_value), 3) =
            (number("from"), number("to"), number(third), table.map_or(0, DeTable::len))
        else {
            let message = format!("`{form}` has `from`, `to` and `{third}`, numbers from 0 on");
            self.fault(item.span(), &message);
            return Vec::new();
        };
        let places = match form {
            "range" if third_value > 0.0 && to >= from => ((to - from) / third_value + 1e-9).floor() + 1.0,
            "log" if from > 0.0 && to > from && third_value >= 2.0 && third_value.fract() == 0.0 => {
                third_value
            }
            _ => 0.0,
        };
        if !(1.0..=MOST_PLACES as f64).contains(&places) {
            let message = format!("this `{form}` has no values, or more than {MOST_PLACES}");
            self.fault(item.span(), &message);
            return Vec::new();
        }
        let Some(field) = field else {
            if FILES.contains(&key.as_str()) {
                self.fault(item.span(), &format!("`{key}` has no range: list its values"));
            }
            return Vec::new();
        };
        let at = |place: f64| match form {
            "range" => from + place * third_value,
            _ => from * (to / from).powf(place / (places - 1.0)),
        };
        let mut values: Vec<Vec<AxisValue>> = Vec::new();
        for place in 0..places as u32 {
            let text = written(at(place.into()), field);
            let Ok(value) = DeValue::parse(&text) else { continue };
            let value = Spanned::new(item.span(), value.into_inner());
            let Some(value) = self.value(&value, key, Some(field)) else { return Vec::new() };
            if values.last().is_none_or(|last| last[0] != value) {
                values.push(vec![value]);
            }
        }
        values
    }
}

/// A number of a range as TOML: a whole one where the field wants that, and no digit that comes from rounding.
fn written(number: f64, field: &Field) -> String {
    match field.legal {
        Legal::Integer(..) | Legal::IntegerOr(..) => format!("{:.0}", number.round()),
        _ => format!("{number:.11e}")
            .parse()
            .map_or_else(|_| number.to_string(), |short: f64| short.to_string()),
    }
}

/// Where a key stands in its table.
fn key_span(table: &DeTable<'_>, key: &str) -> std::ops::Range<usize> {
    table.get_key_value(key).map_or(0..0, |(key, _)| key.span())
}
