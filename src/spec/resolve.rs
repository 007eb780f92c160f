//! From a chain of files and a list of overrides to one spec: the last word on each key wins.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chain::Chain;
use super::check::{self, Checker, Given, Layer};
use super::document::Document;
use super::field::{Field, Rule, Spec, Values};
use super::overrides::{self, Override};
use super::resolved::{Entry, Resolved};
use crate::error::{Fault, Faults};

/// The last word on each key, with the number of the layer that has it; `None` where it is at fault.
type Merged = BTreeMap<&'static str, (usize, Option<Given>)>;

/// Merges and checks; `faults` are those that reading the chain has found.
pub(super) fn resolve<T: Spec>(
    chain: &Chain,
    given: &[Override],
    proven: bool,
    mut faults: Vec<Fault>,
) -> Result<Resolved<T>, Faults> {
    let fields = T::fields();
    let mut merged = Merged::new();
    let from_files = chain.documents.iter().rev().map(|document| {
        let mut layer = Layer::new();
        let mut checker = Checker { fields: &fields, proven, text: &document.source, faults: &mut faults };
        checker.table(&document.values(), "", &mut layer);
        layer
    });
    let mut layers: Vec<Layer> = from_files.collect();
    layers.extend(overrides::layers(given, &fields, &mut faults));
    for (number, layer) in layers.into_iter().enumerate() {
        merged.extend(layer.into_iter().map(|(key, given)| (key, (number, given))));
    }

    let first = &chain.documents[0];
    if chain.complete {
        faults.extend(
            fields
                .iter()
                .filter(|field| !field.optional && !merged.contains_key(field.key))
                .map(|field| missing(first, field)),
        );
    }
    let known = |(key, (_, given)): (&&'static str, &(usize, Option<Given>))| {
        given.as_ref().map(|given| (*key, given.value.clone()))
    };
    let values = Values(merged.iter().filter_map(known).collect());
    // A value at fault has had its say: what depends on it cannot be judged.
    let sound = |rule: &&Rule| rule.keys.iter().all(|key| !matches!(merged.get(key), Some((_, None))));
    for rule in T::RULES.iter().filter(sound) {
        if let Some((message, help)) = (rule.broken)(&values) {
            let last = rule.keys.iter().rev().filter_map(|key| Some((merged.get(key)?, key)));
            if let Some(((_, Some(given)), key)) = last.max_by_key(|((number, _), _)| *number) {
                faults.push(Fault::new(&given.text, given.span.clone(), message).key(*key).help(help));
            }
        }
    }

    if !faults.is_empty() {
        return Err(Faults(in_order(faults, chain)));
    }
    let spec = T::read(first.stem.clone(), &values);
    let entries =
        fields.iter().filter_map(|field| Some(entry(field, merged.get(field.key)?.1.as_ref()?))).collect();
    Ok(Resolved { spec, entries })
}

/// A field that no layer gives: the caret goes to the section that should have it.
fn missing(document: &Document, field: &Field) -> Fault {
    let mut span = 0..0;
    let values = document.values();
    let mut table = Some(&values);
    for name in field.key.split('.') {
        let Some((key, value)) = table.and_then(|table| table.get_key_value(name)) else { break };
        span = key.span();
        table = value.get_ref().as_table();
    }
    check::missing(&document.source, span, field)
}

/// By file, the asked one first, and by place in the file; then the overrides as given.
fn in_order(mut faults: Vec<Fault>, chain: &Chain) -> Vec<Fault> {
    let files = &chain.documents;
    faults.sort_by_key(|fault| {
        match files.iter().position(|file| Arc::ptr_eq(&file.source, &fault.source)) {
            Some(file) => (file, fault.span.start),
            None => (files.len(), 0),
        }
    });
    faults
}

fn entry(field: &Field, given: &Given) -> Entry {
    let proof = given.proof.as_ref();
    Entry {
        key: field.key.to_owned(),
        value: given.value.to_string(),
        unit: field.unit.to_owned(),
        mark: proof.map(|proof| proof.mark),
        source: proof.map(|proof| proof.source.clone()).unwrap_or_default(),
        fitted_on: proof.map(|proof| proof.fitted_on.clone()).unwrap_or_default(),
        file: given.text.origin.clone(),
    }
}
