//! What is trained phase by phase: a recipe, with a workload and an amount of training for each phase.
//!
//! The workload of a phase stands under `phases.workload` as it would in a file of its own, and is read and checked as
//! one: it inherits from a preset or a path and says what is different.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::chain::Chain;
use super::check::{Checker, Layer, missing};
use super::document::Document;
use super::field::{Field, Section, Values, section};
use super::legal::Legal::{Integer, Positive, Text};
use super::open::open_named;
use super::overrides::Override;
use super::preset::{RECIPE, WORKLOAD};
use super::resolve::resolve;
use super::resolved::Resolved;
use super::workload::{TrainingSpec, WorkloadSpec};
use crate::error::{Fault, Faults, SourceText};

/// A recipe, resolved: every value is known and legal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecipeSpec {
    /// Preset or file stem, for titles.
    pub name: String,
    /// In order; never empty.
    pub phases: Vec<RecipePhase>,
}

/// A phase and what is trained in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecipePhase {
    /// Its name and how long it is.
    pub phase: PhaseSpec,
    /// A step of it; `training.batch_sequences` are the sequences of all systems together.
    pub workload: Resolved<WorkloadSpec>,
}

section! {
    /// Name and length of a phase: a number of tokens, or epochs over a set of samples.
    pub struct PhaseSpec at "phases" {
        /// Name of the phase, for tables.
        pub name: String = "name", "", Text;
    optional {
        /// Tokens that it trains on, in 10^9.
        pub tokens_billion: f64 = "tokens_billion", "10^9 tokens", Positive(1e9);
        /// Samples of its data set, each filled up to a sequence.
        pub samples: u64 = "samples", "sequences", Integer(1, 1_000_000_000_000);
        /// How often it goes over them.
        pub epochs: u64 = "epochs", "", Integer(1, 1_000_000);
        /// Who says so, and where.
        pub source: String = "source", "", Text;
    }
    }
}

impl PhaseSpec {
    /// Steps of the phase. The last one of a budget of tokens, and of each epoch, may have less to do than the others;
    /// it takes as long.
    pub fn steps(&self, training: &TrainingSpec) -> u64 {
        let batch = u64::from(training.batch_sequences);
        match (self.tokens_billion, self.samples, self.epochs) {
            (Some(billion), ..) => {
                let of_step = batch as f64 * f64::from(training.sequence_tokens);
                (billion * 1e9 / of_step).ceil() as u64
            }
            (None, samples, epochs) => epochs.unwrap_or(1) * samples.unwrap_or(1).div_ceil(batch),
        }
    }
}

/// Reads and checks a recipe; `overrides` are of workloads, and hold in every phase.
///
/// `name_or_path` is a preset (`sparse-llama-7b`) or, with a `/` or ending in `.toml`, a path.
///
/// # Errors
/// Every fault of the file, of the workloads that it inherits from and of the overrides.
pub fn load_recipe(name_or_path: &str, overrides: &[Override]) -> Result<RecipeSpec, Faults> {
    let opened = open_named(&RECIPE, name_or_path)?;
    let mut faults = Vec::new();
    let document = Document::parse(&RECIPE, opened.source, opened.stem, &mut faults);
    let values = document.values();
    let mut phases = Vec::new();
    for (number, table) in tables(&document, &values, &mut faults).into_iter().enumerate() {
        let phase = phase(&document.source, table, &mut faults);
        let seen = vec![(opened.id.clone(), document.source.origin.clone())];
        let mut found = Vec::new();
        let workload = match workload_table(&document.source, table, &mut found) {
            None => Err(Faults(found)),
            Some(written) => {
                let first = document.workload_of(&WORKLOAD, number, written, &mut found);
                let chain = Chain::below(&WORKLOAD, first, opened.folder.clone(), seen, &mut found);
                resolve(&chain, overrides, false, found)
            }
        };
        match (phase, workload) {
            (Some(phase), Ok(workload)) => phases.push(RecipePhase { phase, workload }),
            (_, Ok(_)) => {}
            (_, Err(found)) => faults.extend(found.0),
        }
    }
    // What is wrong with an override or an inherited file is wrong in every phase, and is said once.
    let mut once: Vec<Fault> = Vec::new();
    for fault in faults {
        if !once.contains(&fault) {
            once.push(fault);
        }
    }
    once.sort_by_key(|fault| {
        let mine = Arc::ptr_eq(&fault.source, &document.source);
        (!mine, if mine { fault.span.start } else { 0 })
    });
    if once.is_empty() { Ok(RecipeSpec { name: document.stem, phases }) } else { Err(Faults(once)) }
}

/// The tables of all phases; what else the file has is at fault.
fn tables<'a, 'b>(
    document: &Document,
    values: &'a DeTable<'b>,
    faults: &mut Vec<Fault>,
) -> Vec<&'a Spanned<DeValue<'b>>> {
    let source = &document.source;
    for (key, _) in values.iter().filter(|(key, _)| key.get_ref() != "phases") {
        let fault = Fault::new(source, key.span(), format!("there is no key `{}`", key.get_ref()));
        faults.push(fault.key(key.get_ref().as_ref()).help(PHASES));
    }
    let phases = values.get("phases");
    let items = phases.and_then(|phases| phases.get_ref().as_array()).filter(|items| !items.is_empty());
    if items.is_none() && document.sound {
        let span = phases.map_or(0..0, Spanned::span);
        faults.push(Fault::new(source, span, "a recipe has phases").key("phases").help(PHASES));
    }
    items.map(|items| items.iter().collect()).unwrap_or_default()
}

const PHASES: &str =
    "write a table `[[phases]]` for each phase, with `name`, `tokens_billion` and `[phases.workload]`";

/// What a phase says beside its workload.
fn phase(
    source: &Arc<SourceText>,
    item: &Spanned<DeValue<'_>>,
    faults: &mut Vec<Fault>,
) -> Option<PhaseSpec> {
    let before = faults.len();
    let Some(table) = item.get_ref().as_table() else {
        faults.push(Fault::new(source, item.span(), "a phase is a table").key("phases").help(PHASES));
        return None;
    };
    let mut own = table.clone();
    own.remove("workload");
    let (fields, mut layer) = (PhaseSpec::fields(), Layer::new());
    Checker { fields: &fields, proven: false, text: source, faults }.table(&own, "phases.", &mut layer);
    let is_missing = |field: &&Field| !field.optional && !layer.contains_key(field.key);
    faults.extend(fields.iter().filter(is_missing).map(|field| missing(source, item.span(), field)));
    length(source, item, &layer, faults);
    if faults.len() > before {
        return None;
    }
    let values = layer.into_iter().filter_map(|(key, given)| Some((key, given?.value)));
    Some(PhaseSpec::read(&Values(values.collect())))
}

/// A phase has a length, and one only.
fn length(source: &Arc<SourceText>, item: &Spanned<DeValue<'_>>, layer: &Layer, faults: &mut Vec<Fault>) {
    let [tokens, samples, epochs] = ["phases.tokens_billion", "phases.samples", "phases.epochs"];
    let has = |key| layer.contains_key(key);
    let (message, at) = match (has(tokens), has(samples), has(epochs)) {
        (true, false, false) | (false, true, true) => return,
        (true, ..) => ("a phase has two lengths".to_owned(), tokens),
        (false, true, false) => (format!("`{epochs}` is missing beside `{samples}`"), samples),
        (false, false, true) => (format!("`{samples}` is missing beside `{epochs}`"), epochs),
        (false, false, false) => ("a phase has no length".to_owned(), ""),
    };
    let span = layer.get(at).and_then(Option::as_ref).map_or_else(|| item.span(), |given| given.span.clone());
    let help = format!("give `{tokens}`, or `{samples}` and `{epochs}`");
    faults.push(Fault::new(source, span, message).key("phases").help(help));
}

/// What the workload of a phase says.
fn workload_table<'a, 'b>(
    source: &Arc<SourceText>,
    item: &'a Spanned<DeValue<'b>>,
    faults: &mut Vec<Fault>,
) -> Option<&'a DeTable<'b>> {
    let table = item.get_ref().as_table()?;
    let workload = table.get("workload");
    let found = workload.and_then(|workload| workload.get_ref().as_table());
    if found.is_none() {
        let span = workload.map_or_else(|| item.span(), Spanned::span);
        let help = "write `[phases.workload]` with `inherits = \"...\"` and what is different, as in a workload file";
        let fault = Fault::new(source, span, "a phase trains a workload").key("phases.workload");
        faults.push(fault.help(help));
    }
    found
}
