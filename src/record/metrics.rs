//! The numbers of a run as named columns with units, for tables over many runs and for comparing two.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BaselineKind, PhaseFlops, RunRecord};
use crate::spec::sweep::AxisValue;

/// A value of a column. Its type is that of the whole column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// Yes or no.
    Flag(bool),
    /// A count.
    Integer(i64),
    /// A quantity.
    Real(f64),
    /// Words.
    Text(String),
}

impl Cell {
    /// As a number; a flag is 1 or 0, and words are none.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Flag(flag) => Some(f64::from(u8::from(*flag))),
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            Self::Text(_) => None,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => flag.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<AxisValue> for Cell {
    fn from(value: AxisValue) -> Self {
        match value {
            AxisValue::Integer(number) => Self::Integer(number),
            AxisValue::Real(number) => Self::Real(number),
            AxisValue::Text(text) => Self::Text(text),
        }
    }
}

/// Which values of a column are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Smaller ones.
    Lower,
    /// Larger ones.
    Higher,
}

/// One number of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Name with its unit at the end: `step_seconds`, `achieved_speedup_ratio`.
    pub name: String,
    /// Value.
    pub value: Cell,
}

/// Columns of which smaller values are better.
const LOWER: [&str; 8] = [
    "step_cycles",
    "step_seconds",
    "energy_j",
    "flops_effective_flop",
    "sram_used_bytes_per_pe",
    "link_bytes",
    "wall_seconds",
    "peak_memory_bytes",
];
/// Columns of which larger values are better.
const HIGHER: [&str; 7] = [
    "samples_per_s",
    "tokens_per_s",
    "bound_speedup_ratio",
    "achieved_speedup_ratio",
    "achieved_of_theory_ratio",
    "utilization_ratio",
    "exact_ratio",
];

/// Which values of a metric are better; `None` where neither is.
pub fn better(name: &str) -> Option<Better> {
    if LOWER.contains(&name) {
        Some(Better::Lower)
    } else if HIGHER.contains(&name) || name.starts_with("speedup_over_") {
        Some(Better::Higher)
    } else {
        None
    }
}

/// A column and which of its values are better, from its name with `min` or `max` before it, or from what it is.
pub fn side(text: &str) -> (String, Option<Better>) {
    let (name, said) = match text.split_once(' ') {
        Some(("min", name)) => (name.trim(), Some(Better::Lower)),
        Some(("max", name)) => (name.trim(), Some(Better::Higher)),
        _ => (text, None),
    };
    (name.to_owned(), said.or_else(|| better(name)))
}

/// Whether a metric is of the simulation on the host rather than of the machine: it differs from run to run.
pub fn is_of_host(name: &str) -> bool {
    matches!(name, "wall_seconds" | "peak_memory_bytes")
}

impl RunRecord {
    /// The run in numbers: what the summary has, what each phase saves, what the speedup lost to what, where the PE-cycles
    /// went, and the other machines.
    pub fn metrics(&self) -> Vec<Metric> {
        let s = &self.summary;
        let mut all = Metrics(Vec::new());
        all.integer("step_cycles", s.step_cycles.0);
        all.real("step_seconds", s.step_seconds);
        all.real("samples_per_s", s.samples_per_s);
        all.real("tokens_per_s", s.tokens_per_s);
        all.integer("flops_dense_flop", s.flops_dense.0);
        all.integer("flops_effective_flop", s.flops_effective.0);
        all.real("theoretical_speedup_ratio", s.theoretical_speedup);
        all.real("bound_speedup_ratio", s.bound_speedup);
        all.real("achieved_speedup_ratio", s.achieved_speedup);
        all.real("achieved_of_theory_ratio", s.achieved_speedup / s.theoretical_speedup);
        all.real("utilization_ratio", s.utilization);
        let this = self.baselines.iter().find(|row| row.kind == BaselineKind::ThisRun);
        if let Some(energy) = this.and_then(|row| row.energy_j) {
            all.real("energy_j", energy);
        }
        all.integer("link_bytes", this.map_or(0, |row| row.link_bytes.0));
        all.integer("sram_used_bytes_per_pe", self.memory.rows.iter().map(|row| row.bytes_per_pe.0).sum());
        for (phase, PhaseFlops { dense, effective }) in self.flops.full_attention.phases() {
            if dense.0 > 0 {
                let saved = 1.0 - effective.as_f64() / dense.as_f64();
                all.real(&format!("saved_{}_ratio", phase.name()), saved);
            }
        }
        for step in &self.waterfall {
            let name = format!("lost_to_{}_speedup", snake(&step.label));
            all.real(&name, step.speedup_before - step.speedup_after);
        }
        for part in &self.breakdown {
            all.real(&format!("pe_cycles_{}_ratio", snake(&part.category)), part.share);
        }
        for row in self.baselines.iter().filter(|row| row.kind == BaselineKind::Gpu) {
            all.real(&format!("speedup_over_{}_ratio", snake(&row.name)), row.wafer_speedup);
        }
        all.flag("verified", s.verified);
        all.real("exact_ratio", s.exact_share);
        all.integer("pe_cycles_simulated", s.pe_cycles_simulated);
        all.real("wall_seconds", s.wall_seconds);
        all.integer("peak_memory_bytes", s.peak_memory_bytes.0);
        all.0
    }
}

struct Metrics(Vec<Metric>);

impl Metrics {
    fn add(&mut self, name: &str, value: Cell) {
        self.0.push(Metric { name: name.to_owned(), value });
    }

    fn real(&mut self, name: &str, value: f64) {
        self.add(name, Cell::Real(value));
    }

    fn integer(&mut self, name: &str, value: u64) {
        self.add(name, Cell::Integer(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.add(name, Cell::Flag(value));
    }
}

/// A label as part of a column name: "row-end control" is `row_end_control`.
fn snake(label: &str) -> String {
    let words = label.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_")
}
