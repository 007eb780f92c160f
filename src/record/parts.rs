//! The smaller tables of a record.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Cycles};

/// One category of the PE-cycles of the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryShare {
    /// "useful", a named stall, or "idle".
    pub category: String,
    /// Cycles summed over PEs.
    pub pe_cycles: u64,
    /// Those among them that ops of a teacher take; 0 without one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub teacher_pe_cycles: u64,
    /// Share of all PE-cycles, in [0, 1].
    pub share: f64,
}

fn is_zero(cycles: &u64) -> bool {
    *cycles == 0
}

/// One loss (or gain) on the way from the theoretical speedup to the achieved one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaterfallStep {
    /// What takes the speedup: "work mix", "row-end reduction".
    pub label: String,
    /// Speedup before this loss.
    pub speedup_before: f64,
    /// Speedup after it; the next step starts here.
    pub speedup_after: f64,
}

/// SRAM of a PE at the fullest moment of the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// SRAM of a PE.
    pub capacity_bytes_per_pe: Bytes,
    /// What lies in it.
    pub rows: Vec<MemoryRow>,
}

/// One use of SRAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryRow {
    /// "activations", "weight buffer", "program".
    pub what: String,
    /// Bytes in the fullest PE.
    pub bytes_per_pe: Bytes,
    /// Bytes on all PEs together.
    pub bytes_total: Bytes,
    /// `bytes_per_pe` over the capacity, in [0, 1].
    pub share: f64,
}

/// A resource that the timeline shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lane {
    /// The PEs.
    #[serde(rename = "compute")]
    Compute,
    /// The links onto the wafer.
    #[serde(rename = "weights in")]
    WeightsIn,
    /// The links off the wafer.
    #[serde(rename = "gradients out")]
    GradientsOut,
    /// The weight store, which updates weights.
    #[serde(rename = "weight store")]
    Store,
}

impl Lane {
    /// From top to bottom.
    pub const ALL: [Self; 4] = [Self::Compute, Self::WeightsIn, Self::GradientsOut, Self::Store];

    /// As printed and as written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::WeightsIn => "weights in",
            Self::GradientsOut => "gradients out",
            Self::Store => "weight store",
        }
    }
}

/// A stretch of work on one lane: cycles `start_cycle..end_cycle` of the step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// What happens.
    pub label: String,
    /// Where.
    pub lane: Lane,
    /// First cycle.
    pub start_cycle: Cycles,
    /// First cycle after it.
    pub end_cycle: Cycles,
    /// Group of the op that it serves, for its colour.
    pub group: String,
}

/// One resolved value of a spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecEntry {
    /// Full key: `fabric.hop_latency_cycles`.
    pub key: String,
    /// Value as text.
    pub value: String,
    /// Unit; empty for a plain number or a name.
    pub unit: String,
    /// How far to trust it: vendor, measured, simulator, inferred, calibrated; empty for a choice.
    pub mark: String,
    /// Who says so, or the file that set it.
    pub source: String,
}

/// Outcome of comparing the values of the program with a reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    /// One sentence: "values equal the reference within rounding".
    pub verdict: String,
    /// What was compared.
    pub checks: Vec<Check>,
    /// Rectangle of PEs that carried values: "24 x 16 PEs"; empty when nothing was compared.
    pub rectangle: String,
    /// What the comparison does not cover; may be empty.
    pub note: String,
}

/// One comparison of values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Tensor, or pair of engines.
    pub what: String,
    /// Elements compared.
    pub elements: u64,
    /// Largest relative error seen.
    pub largest_error: f64,
    /// Largest relative error allowed; derived from the format and the length of the sums.
    pub tolerance: f64,
    /// Whether it holds.
    pub ok: bool,
}

/// Errors of the models on one table of published measurements, as fractions of the published values, without signs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationRow {
    /// The table: "fabric", "gpu_training".
    pub table: String,
    /// Measurements in it.
    pub rows: u64,
    /// Mean of their errors.
    pub mean_error: f64,
    /// Half are not above it.
    pub median_error: f64,
    /// Nineteen in twenty are not above it.
    pub p95_error: f64,
    /// The largest.
    pub worst_error: f64,
}

/// How an op that was not simulated whole was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SamplingRow {
    /// Name of the op.
    pub op: String,
    /// Weight rows that were simulated.
    pub simulated_rows: u64,
    /// Weight rows that it has.
    pub total_rows: u64,
    /// Relative error of the cycles, measured on rows that were not used.
    pub measured_error: f64,
}
