//! A file or an override against the field table: unknown keys, types, ranges, marks and sources.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use toml::Spanned;
use toml::Value;
use toml::de::{DeTable, DeValue};

use super::field::Field;
use super::legal::Legal;
use super::nearest::nearest;
use super::resolved::Mark;
use crate::error::{Fault, SourceText};

/// A legal value, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// The value.
    pub(super) value: Value,
    /// Its text.
    pub(super) text: Arc<SourceText>,
    /// Where in the text.
    pub(super) span: Range<usize>,
    /// How far to trust it, who says so and what it was fitted on: for the values of a machine.
    pub(super) proof: Option<Proof>,
}

/// How far to trust a value.
#[derive(Clone, Debug)]
pub(super) struct Proof {
    pub(super) mark: Mark,
    pub(super) source: String,
    pub(super) fitted_on: String,
}

/// The values that one text gives, by key; `None` where the value is at fault.
pub(super) type Layer = BTreeMap<&'static str, Option<Given>>;

/// Checks values against a field table.
pub(super) struct Checker<'a> {
    /// The table.
    pub(super) fields: &'a [Field],
    /// Whether each value must carry its mark and source.
    pub(super) proven: bool,
    /// The text that the values stand in.
    pub(super) text: &'a Arc<SourceText>,
    /// Where what is wrong goes.
    pub(super) faults: &'a mut Vec<Fault>,
}

const PROOF_FORM: &str = "{ value = ..., mark = \"...\", source = \"...\" }";
/// The parts of such a value.
pub(super) const PROOF_KEYS: [&str; 4] = ["value", "mark", "source", "fitted_on"];
const MARKS: &str = "vendor, measured, simulator, inferred or calibrated";

impl Checker<'_> {
    /// Checks every value of a table; `prefix` is its full key and a dot, or empty for the whole file.
    pub(super) fn table(&mut self, table: &DeTable<'_>, prefix: &str, layer: &mut Layer) {
        for (key, value) in table {
            let full = format!("{prefix}{}", key.get_ref());
            if let Some(field) = self.fields.iter().find(|field| field.key == full) {
                let given =
                    if self.proven { self.proven_value(field, value) } else { self.value(field, value) };
                layer.insert(field.key, given);
                continue;
            }
            let inner = format!("{full}.");
            let is_section = self.fields.iter().any(|field| field.key.starts_with(&inner));
            match value.get_ref() {
                DeValue::Table(section) if is_section => self.table(section, &inner, layer),
                _ if is_section => {
                    let fault = Fault::new(self.text, value.span(), format!("`{full}` must be a table"));
                    self.faults.push(fault.key(&full).help(format!("write its values under `[{full}]`")));
                }
                _ => {
                    let fault = unknown_key(self.text, key.span(), &full, self.fields);
                    self.faults.push(fault);
                }
            }
        }
    }

    /// Checks a value that stands alone.
    pub(super) fn value(&mut self, field: &Field, value: &Spanned<DeValue<'_>>) -> Option<Given> {
        let span = value.span();
        let Some(legal) = field.legal.check(value.get_ref()) else {
            let written = self.text.text.get(span.clone()).unwrap_or_default();
            let found = if written.is_empty() {
                "nothing".to_owned()
            } else if written.len() > 60 || written.contains('\n') {
                format!("this {}", value.get_ref().type_str())
            } else {
                written.to_owned()
            };
            let message = format!("`{}` must be {}, found {found}", field.key, field.legal);
            self.faults.push(Fault::new(self.text, span, message).key(field.key).help(meaning(field)));
            return None;
        };
        let value = match legal {
            Value::String(path) if matches!(field.legal, Legal::Path) => self.beside(&path),
            value => value,
        };
        Some(Given { value, text: Arc::clone(self.text), span, proof: None })
    }

    /// A path as seen from the working directory: one in a file is relative to the folder of that file, one of
    /// the command line already to the working directory.
    fn beside(&self, path: &str) -> Value {
        let folder = Path::new(&self.text.origin).parent().unwrap_or(Path::new(""));
        Value::String(folder.join(path).display().to_string())
    }

    /// Checks `{ value, mark, source }`.
    fn proven_value(&mut self, field: &Field, entry: &Spanned<DeValue<'_>>) -> Option<Given> {
        let DeValue::Table(parts) = entry.get_ref() else {
            let message = format!("`{}` has no mark and no source", field.key);
            let help = format!("write {PROOF_FORM}; marks are {MARKS}");
            self.faults.push(Fault::new(self.text, entry.span(), message).key(field.key).help(help));
            self.value(field, entry);
            return None;
        };
        for part in parts.keys().filter(|part| !PROOF_KEYS.contains(&part.get_ref().as_ref())) {
            let message = format!("`{}` has no part `{}`", field.key, part.get_ref());
            let help = match nearest(part.get_ref(), PROOF_KEYS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("parts are {}", PROOF_KEYS.join(", ")),
            };
            self.faults.push(Fault::new(self.text, part.span(), message).key(field.key).help(help));
        }
        let value = match parts.get("value") {
            Some(value) => self.value(field, value),
            None => self.missing_part(field, entry.span(), "value", &meaning(field)),
        };
        let proof = self.proof(field, entry, parts);
        Some(Given { proof: Some(proof?), ..value? })
    }

    fn proof(&mut self, field: &Field, entry: &Spanned<DeValue<'_>>, parts: &DeTable<'_>) -> Option<Proof> {
        let mark = match parts.get("mark") {
            Some(mark) => self.mark(field, mark),
            None => self.missing_part(field, entry.span(), "mark", &format!("marks are {MARKS}")),
        };
        let source = match parts.get("source") {
            Some(source) => self.sentence(field, source, "source"),
            None => self.missing_part(field, entry.span(), "source", "say who found the number, and where"),
        };
        let fitted_on = match (parts.get("fitted_on"), mark) {
            (Some(text), Some(Mark::Calibrated)) => self.sentence(field, text, "fitted_on"),
            (None, Some(Mark::Calibrated)) => self.missing_part(
                field,
                entry.span(),
                "fitted_on",
                "name the measurements that it was fitted to",
            ),
            (Some(text), Some(mark)) => {
                let message = format!("`{}` is {mark}, so it was not fitted", field.key);
                let help = "remove `fitted_on`, or mark the value as calibrated";
                self.faults.push(Fault::new(self.text, text.span(), message).key(field.key).help(help));
                None
            }
            (_, None) | (None, Some(_)) => Some(String::new()),
        };
        Some(Proof { mark: mark?, source: source?, fitted_on: fitted_on? })
    }

    fn mark(&mut self, field: &Field, mark: &Spanned<DeValue<'_>>) -> Option<Mark> {
        let word = mark.get_ref().as_str().map(IntoDeserializer::<Error>::into_deserializer);
        let known = word.and_then(|word: StrDeserializer<'_, Error>| Mark::deserialize(word).ok());
        let known = known.filter(|mark| Mark::OF_FILES.contains(mark));
        if known.is_none() {
            let message = format!("`{}` has no legal mark", field.key);
            let help = format!("marks are {MARKS}");
            self.faults.push(Fault::new(self.text, mark.span(), message).key(field.key).help(help));
            return None;
        }
        known
    }

    fn sentence(&mut self, field: &Field, text: &Spanned<DeValue<'_>>, part: &str) -> Option<String> {
        let sentence = text.get_ref().as_str().map(str::trim).filter(|sentence| !sentence.is_empty());
        if sentence.is_none() {
            let message = format!("`{part}` of `{}` must be a text that is not empty", field.key);
            self.faults.push(Fault::new(self.text, text.span(), message).key(field.key));
        }
        sentence.map(str::to_owned)
    }

    fn missing_part<T>(&mut self, field: &Field, span: Range<usize>, part: &str, help: &str) -> Option<T> {
        let message = format!("`{}` has no `{part}`", field.key);
        self.faults.push(Fault::new(self.text, span, message).key(field.key).help(help));
        None
    }
}

/// What a field means and which values it may have, for help.
pub(super) fn meaning(field: &Field) -> String {
    let unit = if field.unit.is_empty() { String::new() } else { format!(" [{}]", field.unit) };
    format!("{}{unit}: {}", field.key, field.doc)
}

/// A field that is not given; the caret goes to what should have it.
pub(super) fn missing(text: &Arc<SourceText>, span: Range<usize>, field: &Field) -> Fault {
    let fault = Fault::new(text, span, format!("`{}` is missing", field.key)).key(field.key);
    fault.help(format!("{} It must be {}.", meaning(field), field.legal))
}

/// A key that no field has.
pub(super) fn unknown_key(text: &Arc<SourceText>, span: Range<usize>, key: &str, fields: &[Field]) -> Fault {
    let mut sections: Vec<&str> =
        fields.iter().filter_map(|field| Some(field.key.rsplit_once('.')?.0)).collect();
    sections.dedup();
    let names = fields.iter().map(|field| field.key).chain(sections.iter().copied());
    let help = match nearest(key, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("sections are {}", sections.join(", ")),
    };
    Fault::new(text, span, format!("there is no key `{key}`")).key(key).help(help)
}
