//! Files as JSON Schema (draft 7), for editors: out of the tables that files are checked against.
//!
//! It says what may stand in one file, value by value. What must hold between values, and what a file inherits, only
//! reading it tells.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::check::PROOF_KEYS;
use super::document::PHASE_HEADER;
use super::field::{Field, Section, Spec};
use super::gpu::GpuSpec;
use super::preset::{ARCH, Library, RECIPE, SWEEP, WORKLOAD};
use super::recipe::PhaseSpec;
use super::resolved::Mark;
use super::sweep::{FILES, SweepBase};
use super::wafer::WaferSpec;
use super::workload::WorkloadSpec;

/// A kind of file that a user writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A machine: wafer or GPU.
    Arch,
    /// A workload.
    Workload,
    /// A recipe.
    Recipe,
    /// A sweep.
    Sweep,
}

/// The JSON Schema of a kind of file, as indented text.
pub fn json_schema(of: FileKind) -> String {
    let (library, schema) = match of {
        FileKind::Arch => (&ARCH, arch()),
        FileKind::Workload => (&WORKLOAD, file(&WORKLOAD, &WorkloadSpec::fields(), false)),
        FileKind::Recipe => (&RECIPE, recipe()),
        FileKind::Sweep => (&SWEEP, sweep()),
    };
    let head = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": format!("A {} of wafersim", library.what),
    });
    format!("{:#}\n", with(schema, head))
}

/// A machine: one of two kinds of files.
fn arch() -> Value {
    let kinds = json!({ "wafer": file(&ARCH, &WaferSpec::fields(), true), "gpu": file(&ARCH, &GpuSpec::fields(), true) });
    let [wafer, gpu] = ["wafer", "gpu"].map(|kind| json!({ "$ref": format!("#/definitions/{kind}") }));
    json!({
        "type": "object",
        "required": ["schema", "kind"],
        "if": { "required": ["kind"], "properties": { "kind": { "enum": ["gpu"] } } },
        "then": gpu,
        "else": wafer,
        // Anything fits this. It is for editors that look for keys in alternatives but not in conditions; alternatives
        // alone would make one fault of all that are in a file.
        "anyOf": [true, wafer, gpu],
        "definitions": kinds,
    })
}

/// A file with a header and values; one that inherits may leave out any of them.
fn file(library: &Library, fields: &[Field], proven: bool) -> Value {
    let mut header = Map::new();
    for &key in library.header {
        header.insert(key.to_owned(), head(library, key));
    }
    let required: Vec<&str> = library.header.iter().copied().filter(|key| *key != "inherits").collect();
    let mut schema = values(fields, "", proven, header);
    if library.header.contains(&"inherits") {
        schema = inheriting(schema, fields);
    }
    with(schema, json!({ "required": required }))
}

/// A key of the header.
fn head(library: &Library, key: &str) -> Value {
    match key {
        "schema" => json!({
            "description": "Which kind of file this is, and of which version.",
            "enum": [library.schema],
        }),
        "kind" => json!({ "description": "Which sort of machine.", "enum": library.kinds }),
        _ => {
            let presets: Vec<&str> = library.presets.iter().map(|preset| preset.name).collect();
            let what = "Preset, or path to a file, that gives the values that this file does not.";
            json!({
                "description": what,
                "anyOf": [{ "enum": presets }, { "type": "string", "pattern": "/|\\.toml$|\\.json$" }],
            })
        }
    }
}

/// A recipe: phases, each with a length and a workload as in a file of its own.
fn recipe() -> Value {
    let workload_fields = WorkloadSpec::fields();
    let header = PHASE_HEADER.iter().map(|&key| (key.to_owned(), head(&WORKLOAD, key))).collect();
    let workload = values(&workload_fields, "", false, header);
    let also = Map::from_iter([("workload".to_owned(), inheriting(workload, &workload_fields))]);
    let phase = values(&PhaseSpec::fields(), "phases.", false, also);
    let length = json!({
        "required": ["name", "workload"],
        "oneOf": [{ "required": ["tokens_billion"] }, { "required": ["samples", "epochs"] }],
        "dependencies": { "samples": ["epochs"], "epochs": ["samples"] },
    });
    let phases = json!({ "type": "array", "minItems": 1, "items": with(phase, length) });
    json!({
        "type": "object",
        "required": ["schema", "phases"],
        "properties": { "schema": head(&RECIPE, "schema"), "phases": phases },
        "additionalProperties": false,
    })
}

/// A sweep: what all points have in common, and axes over values of machine and workload.
fn sweep() -> Value {
    let fields = [WaferSpec::fields(), WorkloadSpec::fields()].concat();
    let base = SweepBase::fields();
    let asked = base.iter().filter(|field| !field.optional);
    let asked: Vec<&str> = asked.filter_map(|field| field.key.strip_prefix("sweep.")).collect();
    let keys: Vec<&str> = fields.iter().map(|field| field.key).chain(FILES).collect();
    let key = json!({ "description": "What the axis sets.", "enum": keys });
    let several =
        json!({ "description": "What the axis sets in step.", "type": "array", "items": key, "minItems": 1 });
    let list = json!({ "description": "Values; for keys in step, lists of one for each.", "type": "array", "minItems": 1 });
    let numbers = |third: &str, about: &str| {
        let number = json!({ "type": "number", "minimum": 0 });
        let mut names = Map::new();
        ["from", "to", third]
            .into_iter()
            .for_each(|name| drop(names.insert(name.to_owned(), number.clone())));
        json!({
            "description": about,
            "type": "object",
            "required": ["from", "to", third],
            "properties": names,
            "additionalProperties": false,
        })
    };
    let axis = json!({
        "type": "object",
        "properties": {
            "key": key,
            "keys": several,
            "values": list,
            "range": numbers("step", "Values that are evenly spaced."),
            "log": numbers("places", "Values with an even ratio, ends included."),
        },
        "additionalProperties": false,
        "oneOf": [
            { "required": ["key", "values"] },
            { "required": ["key", "range"] },
            { "required": ["key", "log"] },
            { "required": ["keys", "values"] },
        ],
        "dependencies": { "range": ["key"], "log": ["key"] },
    });
    json!({
        "type": "object",
        "required": ["schema", "sweep", "axes"],
        "properties": {
            "schema": head(&SWEEP, "schema"),
            "sweep": with(values(&base, "sweep.", false, Map::new()), json!({ "required": asked })),
            "set": values(&fields, "", false, Map::new()),
            "axes": { "type": "array", "items": axis, "minItems": 1 },
        },
        "additionalProperties": false,
    })
}

/// Keys of `schema` and those of `more`.
fn with(mut schema: Value, more: Value) -> Value {
    if let (Value::Object(schema), Value::Object(more)) = (&mut schema, more) {
        schema.extend(more);
    }
    schema
}

/// A table of fields, by the part of their keys after `prefix`, and of `also`.
fn values(fields: &[Field], prefix: &str, proven: bool, also: Map<String, Value>) -> Value {
    let mut properties = also;
    for (name, part) in parts(fields, prefix) {
        let value = match part {
            Part::Value(field) => value(&field, proven),
            Part::Table(inner) => values(&inner, &format!("{prefix}{name}."), proven, Map::new()),
        };
        properties.insert(name.to_owned(), value);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// `schema` of a file that says all of `fields` unless it inherits.
fn inheriting(schema: Value, fields: &[Field]) -> Value {
    with(schema, json!({ "if": { "required": ["inherits"] }, "else": complete(fields, "") }))
}

/// That nothing of `fields` is missing.
fn complete(fields: &[Field], prefix: &str) -> Value {
    let (mut required, mut tables) = (Vec::new(), Map::new());
    for (name, part) in parts(fields, prefix) {
        match part {
            Part::Value(field) if field.optional => {}
            Part::Table(inner) if inner.iter().all(|field| field.optional) => {}
            Part::Value(_) => required.push(name),
            Part::Table(inner) => {
                required.push(name);
                tables.insert(name.to_owned(), complete(&inner, &format!("{prefix}{name}.")));
            }
        }
    }
    json!({ "required": required, "properties": tables })
}

/// What a key of a table is.
enum Part {
    Value(Field),
    Table(Vec<Field>),
}

/// The keys of a table: `fields` by the first part of their keys after `prefix`.
fn parts<'a>(fields: &'a [Field], prefix: &str) -> BTreeMap<&'a str, Part> {
    let mut parts = BTreeMap::new();
    for field in fields {
        let rest: &'a str = field.key.strip_prefix(prefix).unwrap_or(field.key);
        match rest.split_once('.') {
            None => drop(parts.insert(rest, Part::Value(field.clone()))),
            Some((table, _)) => match parts.entry(table).or_insert(Part::Table(Vec::new())) {
                Part::Table(inner) => inner.push(field.clone()),
                Part::Value(_) => {}
            },
        }
    }
    parts
}

/// A value: alone, or with its mark and source.
fn value(field: &Field, proven: bool) -> Value {
    let unit = if field.unit.is_empty() { String::new() } else { format!(" Unit: {}.", field.unit) };
    let about = json!({ "description": format!("{}{unit} Legal: {}.", field.doc, field.legal) });
    let legal = field.legal.json_schema();
    if !proven {
        return with(legal, about);
    }
    let sentence = json!({ "type": "string", "pattern": "\\S" });
    let [value, mark, source, fitted_on] = PROOF_KEYS;
    let calibrated = json!({ "required": [mark], "properties": { mark: { "enum": [Mark::Calibrated] } } });
    let proof = json!({
        "type": "object",
        "required": [value, mark, source],
        "properties": {
            value: with(legal, about.clone()),
            mark: { "description": "How far to trust it.", "enum": Mark::OF_FILES },
            source: with(sentence.clone(), json!({ "description": "Who found the number, and where." })),
            fitted_on: with(sentence, json!({ "description": "What a calibrated number was fitted to." })),
        },
        "additionalProperties": false,
        "if": calibrated,
        "then": { "required": [fitted_on] },
        "else": { "properties": { fitted_on: false } },
    });
    with(proof, about)
}
