//! Two runs beside each other: what was changed, and what that did.

use std::collections::BTreeMap;

use serde::Serialize;

use super::format::{bytes, number, percent, seconds, si, times};
use super::groups::groups;
use crate::record::{BaselineKind, RunRecord, SpecEntry};

/// What differs between two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// Title of the first.
    pub a: String,
    /// Title of the second.
    pub b: String,
    /// Values of the specs that differ, in the order of the specs.
    pub specs: Vec<SpecChange>,
    /// Metrics that differ, those with the largest factor first.
    pub metrics: Vec<MetricChange>,
    /// Metrics that are the same in both.
    pub same: usize,
}

/// A value of a spec that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpecChange {
    /// Key.
    pub key: String,
    /// Value of the first, with its unit; absent where it has none.
    pub a: Option<String>,
    /// Value of the second.
    pub b: Option<String>,
}

/// A metric that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricChange {
    /// What it is: "step", "cycles of gate".
    pub metric: String,
    /// Its unit; empty for a ratio.
    pub unit: &'static str,
    /// Value of the first; absent where that has no such metric.
    pub a: Option<f64>,
    /// Value of the second.
    pub b: Option<f64>,
    /// `b / a - 1`; absent where either is missing or the first is zero.
    pub change: Option<f64>,
}

/// What differs between `a` and `b`. Time and memory of the host are no part of it.
pub fn diff(a: &RunRecord, b: &RunRecord) -> Diff {
    let entries = |record: &RunRecord| -> Vec<SpecEntry> {
        record.machine_entries.iter().chain(&record.workload_entries).cloned().collect()
    };
    let all = metrics(a, b);
    let (mut metrics, same): (Vec<_>, Vec<_>) = all.into_iter().partition(|metric| metric.a != metric.b);
    metrics.sort_by(|first, second| second.size().total_cmp(&first.size()));
    Diff {
        a: a.title.clone(),
        b: b.title.clone(),
        specs: spec_changes(&entries(a), &entries(b)),
        metrics,
        same: same.len(),
    }
}

impl MetricChange {
    /// How far the two are apart, as a factor either way: a loss of half counts as much as a doubling. What one of them
    /// has not is farthest.
    fn size(&self) -> f64 {
        match (self.a, self.b) {
            (Some(a), Some(b)) if a > 0.0 && b > 0.0 => (b / a).ln().abs(),
            _ => f64::INFINITY,
        }
    }
}

/// Keys of either that differ in value or are missing in one.
fn spec_changes(a: &[SpecEntry], b: &[SpecEntry]) -> Vec<SpecChange> {
    let text = |entry: &SpecEntry| format!("{} {}", entry.value, entry.unit).trim_end().to_owned();
    let of = |entries: &[SpecEntry], key: &str| entries.iter().find(|entry| entry.key == key).map(text);
    let only_b = b.iter().filter(|entry| a.iter().all(|other| other.key != entry.key));
    a.iter()
        .chain(only_b)
        .map(|entry| SpecChange { key: entry.key.clone(), a: of(a, &entry.key), b: of(b, &entry.key) })
        .filter(|change| change.a != change.b)
        .collect()
}

/// Name and unit of a metric.
type Name = (String, &'static str);

/// Metrics of either, each once.
fn metrics(a: &RunRecord, b: &RunRecord) -> Vec<MetricChange> {
    let (of_a, of_b) = (values(a), values(b));
    let names_of_b: Vec<Name> = of_b.iter().map(|(name, _)| name.clone()).collect();
    let by_name = |values: Vec<(Name, f64)>| values.into_iter().collect::<BTreeMap<Name, f64>>();
    let names_of_a: Vec<Name> = of_a.iter().map(|(name, _)| name.clone()).collect();
    let (of_a, of_b) = (by_name(of_a), by_name(of_b));
    let only_b = names_of_b.into_iter().filter(|name| !of_a.contains_key(name));
    let names: Vec<Name> = names_of_a.into_iter().chain(only_b).collect();
    names
        .into_iter()
        .map(|name| {
            let (a, b) = (of_a.get(&name).copied(), of_b.get(&name).copied());
            let change = a.zip(b).filter(|(a, _)| *a != 0.0).map(|(a, b)| b / a - 1.0);
            MetricChange { metric: name.0, unit: name.1, a, b, change }
        })
        .collect()
}

/// Everything that a run is judged by.
fn values(record: &RunRecord) -> Vec<(Name, f64)> {
    let s = &record.summary;
    let sram: f64 = record.memory.rows.iter().map(|row| row.bytes_per_pe.as_f64()).sum();
    let mut values: Vec<(Name, f64)> = [
        ("step", "s", s.step_seconds),
        ("step", "cycles", s.step_cycles.as_f64()),
        ("samples", "1/s", s.samples_per_s),
        ("tokens", "1/s", s.tokens_per_s),
        ("dense work", "FLOP", s.flops_dense.as_f64()),
        ("effective work", "FLOP", s.flops_effective.as_f64()),
        ("theoretical speedup", "x", s.theoretical_speedup),
        ("bound speedup", "x", s.bound_speedup),
        ("achieved speedup", "x", s.achieved_speedup),
        ("utilization", "share", s.utilization),
        ("exact share of cycles", "share", s.exact_share),
        ("SRAM of the fullest PE", "B", sram),
    ]
    .into_iter()
    .map(|(name, unit, value)| ((name.to_owned(), unit), value))
    .collect();
    let mut add = |name: String, unit, value| values.push(((name, unit), value));
    for row in &record.breakdown {
        add(format!("PE-cycles, {}", row.category), "share", row.share);
    }
    for group in groups(record) {
        add(format!("cycles of {}", group.name), "cycles", group.cycles);
    }
    for row in record.baselines.iter().filter(|row| row.kind == BaselineKind::Gpu) {
        add(format!("speedup over {} x {}", row.devices, row.name), "x", row.wafer_speedup);
    }
    values
}

impl Diff {
    /// As indented JSON with a newline at the end.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).map_or_else(|_| String::new(), |json| json + "\n")
    }

    /// Tables for the terminal.
    pub fn text(&self) -> String {
        let mut text = format!("A  {}\nB  {}\n", self.a, self.b);
        let heading = |what: &str, none: bool| {
            if none { format!("\n{what}: the same\n") } else { format!("\n{what}\n") }
        };
        text += &heading("specs", self.specs.is_empty());
        let missing = || "-".to_owned();
        let specs = self.specs.iter().map(|change| {
            let [a, b] = [&change.a, &change.b].map(|value| value.clone().unwrap_or_else(missing));
            [change.key.clone(), a, b, String::new()]
        });
        text += &aligned(specs.collect());
        text += &heading("metrics, largest change first", self.metrics.is_empty());
        let metrics = self.metrics.iter().map(|change| {
            let [a, b] = [change.a, change.b]
                .map(|value| value.map_or_else(missing, |value| says(value, change.unit)));
            [change.metric.clone(), a, b, change.change.map(signed).unwrap_or_default()]
        });
        text += &aligned(metrics.collect());
        if self.same > 0 {
            text += &format!("\n{} metrics are the same\n", self.same);
        }
        text
    }
}

/// A value with its unit.
fn says(value: f64, unit: &str) -> String {
    match unit {
        "s" => seconds(value),
        "x" => times(value),
        "share" => percent(value),
        "B" => bytes(value),
        "1/s" => format!("{} /s", number(value)),
        _ => si(value, unit),
    }
}

/// A relative change: "+12.0 %", and as a factor from a doubling on.
fn signed(change: f64) -> String {
    if change >= 1.0 {
        return format!("x {}", number(change + 1.0));
    }
    let size = percent(change.abs());
    if change < 0.0 { format!("-{size}") } else { format!("+{size}") }
}

/// Columns as wide as what is in them, the first to the left.
fn aligned(rows: Vec<[String; 4]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [key, a, b, change] = [0, 1, 2, 3].map(width);
    let line = |row: &[String; 4]| {
        let line = format!("  {:key$}  {:>a$}  {:>b$}  {:>change$}", row[0], row[1], row[2], row[3]);
        line.trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
