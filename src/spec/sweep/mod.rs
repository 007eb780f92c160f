//! Many points: axes over any values of a machine and a workload, and what all points have in common.

mod axis;
mod expand;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use super::check::{Checker, Layer, missing};
use super::document::Document;
use super::field::{Field, Section, Spec, Values, section};
use super::legal::Legal::{Integers, Text, Texts};
use super::open::{open, open_named};
use super::overrides::Override;
use super::preset::{ARCH, Library, SWEEP, WORKLOAD};
use super::wafer::WaferSpec;
use super::workload::WorkloadSpec;
use crate::error::{Fault, Faults, SourceText};
use crate::expr::Condition;
pub use axis::{Axis, AxisKey, AxisValue};
pub use expand::{PointSpecs, Setting};

/// A sweep: its points are every combination of its axes that its conditions leave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SweepSpec {
    /// Preset or file stem, for titles and folders.
    pub name: String,
    /// What all points have in common.
    pub base: SweepBase,
    /// Values that all points set.
    pub set: Vec<Override>,
    /// In the order of the file; the last one changes fastest.
    pub axes: Vec<Axis>,
    /// What a point must fulfil.
    pub conditions: Vec<Condition>,
}

section! {
    /// What all points of a sweep have in common.
    pub struct SweepBase at "sweep" {
        /// The question that the sweep answers, in a sentence.
        pub asks: String = "asks", "", Text;
        /// Workload that points are made from: a preset or a path, relative to the folder of the sweep.
        pub workload: String = "workload", "", Text;
        /// Machine that points are made from: a preset or a path, relative to the folder of the sweep.
        pub arch: String = "arch", "", Text;
    optional {
        /// GPUs that each point is compared with: presets or paths.
        pub gpus: Vec<String> = "gpus", "", Texts(8);
        /// Seeds of masks: each point is run with each.
        pub seeds: Vec<u64> = "seeds", "", Integers(64, 0, i64::MAX as u64);
        /// Conditions on keys that a point fulfils, as `pe.sram_kib * fabric.width_pes <= 40e3`; others are left out.
        pub conditions: Vec<String> = "conditions", "", Texts(32);
        /// Two columns that trade against each other, as `step_seconds` and `pe.sram_kib`; `max` before one says that
        /// more of it is better.
        pub pareto: Vec<String> = "pareto", "", Texts(2);
    }
    }
}

/// More points than this are a mistake.
const MOST_POINTS: usize = 100_000;

/// Keys of a sweep that stand for a whole file.
pub(super) const FILES: [&str; 2] = ["workload", "arch"];

/// Reads and checks a sweep; names as in [`super::load_workload`].
///
/// # Errors
/// Every fault of the file: unknown keys, values that no point could have, conditions that cannot be read.
pub fn load_sweep(name_or_path: &str) -> Result<SweepSpec, Faults> {
    let opened = open_named(&SWEEP, name_or_path)?;
    let mut faults = Vec::new();
    let document = Document::parse(&SWEEP, opened.source, opened.stem, &mut faults);
    if !document.sound {
        return Err(Faults(faults));
    }
    let values = document.values();
    let fields = [WaferSpec::fields(), WorkloadSpec::fields()].concat();
    let mut reader =
        Reader { source: &document.source, fields: &fields, folder: opened.folder, faults: &mut faults };
    reader.keys(&values);
    let base = reader.base(&values);
    let set = reader.set(&values);
    let axes = reader.axes(&values);
    let conditions = reader.conditions(&values);
    reader.once(&set, &axes);
    match base {
        Some(base) if faults.is_empty() => {
            let seeds = base.seeds.as_deref().map(Axis::of_seeds);
            let axes = axes.into_iter().map(|(axis, _)| axis).chain(seeds).collect();
            let set = set.into_iter().map(|(given, _)| given).collect();
            Ok(SweepSpec { name: document.stem, base, set, axes, conditions })
        }
        _ => {
            faults.sort_by_key(|fault| fault.span.start);
            Err(Faults(faults))
        }
    }
}

/// A key with its place.
type Placed<T> = (T, std::ops::Range<usize>);

/// Reads one file.
struct Reader<'a> {
    source: &'a Arc<SourceText>,
    /// What points may set.
    fields: &'a [Field],
    /// Folder that paths are relative to.
    folder: Option<PathBuf>,
    faults: &'a mut Vec<Fault>,
}

const TABLES: &str =
    "a sweep has `[sweep]`, `[set]` for what all points set, and an `[[axes]]` for each axis";

impl Reader<'_> {
    /// Tables that a sweep does not have.
    fn keys(&mut self, file: &DeTable<'_>) {
        for (key, _) in
            file.iter().filter(|(key, _)| !["sweep", "set", "axes"].contains(&key.get_ref().as_ref()))
        {
            let fault = Fault::new(self.source, key.span(), format!("there is no key `{}`", key.get_ref()));
            self.faults.push(fault.key(key.get_ref().as_ref()).help(TABLES));
        }
    }

    /// `[sweep]`, with paths as seen from the working directory.
    fn base(&mut self, file: &DeTable<'_>) -> Option<SweepBase> {
        let table = self.table(file, "sweep", true)?;
        let (fields, mut layer) = (SweepBase::fields(), Layer::new());
        let before = self.faults.len();
        Checker { fields: &fields, proven: false, text: self.source, faults: self.faults }
            .table(table, "sweep.", &mut layer);
        let is_missing = |field: &&Field| !field.optional && !layer.contains_key(field.key);
        let span = file.get_key_value("sweep").map_or(0..0, |(key, _)| key.span());
        let faults = fields.iter().filter(is_missing).map(|field| missing(self.source, span.clone(), field));
        self.faults.extend(faults);
        let given = |key: &str| layer.get(key).and_then(Option::as_ref).map(|given| given.span.clone());
        let spans = [given("sweep.workload"), given("sweep.arch"), given("sweep.gpus")];
        if self.faults.len() > before {
            return None;
        }
        let values = layer.into_iter().filter_map(|(key, given)| Some((key, given?.value)));
        let mut base = SweepBase::read(&Values(values.collect()));
        let [workload, arch, gpus] = spans.map(Option::unwrap_or_default);
        self.name(&WORKLOAD, &mut base.workload, workload);
        self.name(&ARCH, &mut base.arch, arch);
        for gpu in base.gpus.iter_mut().flatten() {
            self.name(&ARCH, gpu, gpus.clone());
        }
        (self.faults.len() == before).then_some(base)
    }

    /// A table of the file.
    fn table<'t, 'd>(&mut self, file: &'t DeTable<'d>, key: &str, needed: bool) -> Option<&'t DeTable<'d>> {
        match file.get(key) {
            Some(value) => {
                let table = value.get_ref().as_table();
                if table.is_none() {
                    let fault = Fault::new(self.source, value.span(), format!("`{key}` must be a table"));
                    self.faults.push(fault.key(key).help(TABLES));
                }
                table
            }
            None => {
                if needed {
                    let fault = Fault::new(self.source, 0..0, format!("`[{key}]` is missing")).key(key);
                    self.faults.push(fault.help(TABLES));
                }
                None
            }
        }
    }

    /// A preset or a path, which must be there; a path becomes one from the working directory.
    fn name(&mut self, library: &Library, name: &mut String, span: std::ops::Range<usize>) {
        match open(library, name, self.folder.as_deref()) {
            Ok(opened) if opened.folder.is_some() => {
                let folder = self.folder.as_deref().unwrap_or(Path::new(""));
                *name = folder.join(name.strip_prefix("./").unwrap_or(name)).display().to_string();
                // A bare file name would be taken for a preset.
                if !name.contains('/') {
                    *name = format!("./{name}");
                }
            }
            Ok(_) => {}
            Err((message, help)) => self.faults.push(Fault::new(self.source, span, message).help(help)),
        }
    }

    /// `[set]`
    fn set(&mut self, file: &DeTable<'_>) -> Vec<Placed<Override>> {
        let Some(table) = self.table(file, "set", false) else { return Vec::new() };
        let mut layer = Layer::new();
        Checker { fields: self.fields, proven: false, text: self.source, faults: self.faults }
            .table(table, "", &mut layer);
        let given = layer.into_iter().filter_map(|(key, given)| Some((key, given?)));
        given.map(|(key, given)| (Override(format!("{key}={}", given.value)), given.span)).collect()
    }

    /// `sweep.conditions`
    fn conditions(&mut self, file: &DeTable<'_>) -> Vec<Condition> {
        let list = file.get("sweep").and_then(|sweep| sweep.get_ref().as_table()?.get("conditions"));
        let items = list.and_then(|list| list.get_ref().as_array());
        let texts =
            items.into_iter().flatten().filter_map(|item| Some((item.get_ref().as_str()?, item.span())));
        let mut conditions = Vec::new();
        for (text, span) in texts {
            // Places in a text that was written without escapes.
            let at = |at: std::ops::Range<usize>| span.start + 1 + at.start..span.start + 1 + at.end;
            let of_condition =
                |span, message: String| Fault::new(self.source, span, message).key("sweep.conditions");
            match Condition::parse(text) {
                Ok(condition) => {
                    for (name, place) in condition.names() {
                        let known =
                            FILES.contains(&name) || self.fields.iter().any(|field| field.key == name);
                        if !known {
                            let unknown =
                                super::check::unknown_key(self.source, at(place), name, self.fields);
                            self.faults.push(unknown);
                        }
                    }
                    conditions.push(condition);
                }
                Err(error) => {
                    let help = "write two sums of keys, numbers and \"texts\" with <, <=, >, >=, == or != between them";
                    self.faults.push(of_condition(at(error.at), error.message).help(help));
                }
            }
        }
        conditions
    }

    /// A key is set in one place.
    fn once(&mut self, set: &[Placed<Override>], axes: &[Placed<Axis>]) {
        let of_set = set.iter().map(|(given, span)| (given.0.split('=').next().unwrap_or_default(), span));
        let of_axes =
            axes.iter().flat_map(|(axis, span)| axis.keys.iter().map(move |key| (key.key.as_str(), span)));
        let mut seen: Vec<&str> = Vec::new();
        for (key, span) in of_set.chain(of_axes) {
            if seen.contains(&key) {
                let fault = Fault::new(self.source, span.clone(), format!("`{key}` is set twice")).key(key);
                self.faults.push(fault.help("a key is in `[set]` or in one axis"));
            }
            seen.push(key);
        }
    }
}
