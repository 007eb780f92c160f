//! The record of one run: everything that a report prints, and nothing that it has to work out again.
//!
//! A record is written as `record.json`; units are in the key names. Reports, sweeps and comparisons read
//! records only, so a record says enough to repeat the run and to judge its numbers.

mod baseline;
mod campaign;
mod check;
mod cluster;
mod heatmap;
mod metrics;
mod open;
mod ops;
mod pareto;
mod parts;
mod sweep;

use serde::{Deserialize, Serialize};

pub use baseline::{BaselineKind, BaselineRow, GpuBaseline, GpuKernels, GpuZeros};
pub use campaign::{Amounts, CampaignPhase, CampaignRecord, FlopPair};
pub use cluster::{ClusterPoint, ClusterRecord, Scaling};
pub use heatmap::{CategoryColumns, ColumnProfile, Heatmap};
pub use metrics::{Better, Cell, Metric, better, is_of_host, side};
pub use open::{OpenError, RECORD, Record, open};
pub use ops::{CategoryCycles, Engine, FlopsByPhase, FlopsTable, OpRow, Phase, PhaseFlops, Simulated};
pub use parts::{
    CategoryShare, Check, Lane, Memory, MemoryRow, SamplingRow, Span, SpecEntry, ValidationRow, Verification,
    WaterfallStep,
};

pub use crate::spec::sweep::{Axis, AxisKey, AxisValue};
pub use pareto::unbeaten;
pub use sweep::{Column, PointRecord, PointStatus, SweepPoint, SweepRecord};

use crate::spec::wafer::WaferSpec;
use crate::spec::workload::{AttentionFlops, WorkloadSpec};
use crate::units::{Bytes, Cycles, Flops};

/// Everything that is known about one simulated training step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Short name, also of the run's folder.
    pub name: String,
    /// What was run, in one line: "Llama-2 7B, 70 % sparse, one training step on cs3".
    pub title: String,
    /// How to repeat the run.
    pub provenance: Provenance,
    /// The headline numbers.
    pub summary: Summary,
    /// Arithmetic of the step by phase, under both attention conventions.
    pub flops: FlopsTable,
    /// The ops of the step.
    pub ops: Vec<OpRow>,
    /// Where the PE-cycles of the step went; shares sum to 1.
    pub breakdown: Vec<CategoryShare>,
    /// From the theoretical speedup over the bound to the achieved one.
    pub waterfall: Vec<WaterfallStep>,
    /// SRAM of a PE at the fullest moment of the step.
    pub memory: Memory,
    /// What happened when.
    pub timeline: Vec<Span>,
    /// What PEs do by place on the wafer; absent in records of versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heatmap: Option<Heatmap>,
    /// The same step elsewhere.
    pub baselines: Vec<BaselineRow>,
    /// The machine, resolved.
    pub machine: WaferSpec,
    /// The workload, resolved.
    pub workload: WorkloadSpec,
    /// Values of the machine with unit, mark and source.
    pub machine_entries: Vec<SpecEntry>,
    /// Values of the workload with unit and origin.
    pub workload_entries: Vec<SpecEntry>,
    /// Whether the values that the lowered program computes are right.
    pub verification: Verification,
    /// Ops that were measured on a part of their rows.
    pub sampling: Vec<SamplingRow>,
    /// How well the models of the built-in machines fit what was published of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<ValidationRow>,
    /// What a reader must know beside the numbers.
    pub notes: Vec<String>,
}

/// How to repeat a run. It holds no date: records of the same run differ only in host, host threads, wall time and
/// host memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of wafersim.
    pub version: String,
    /// blake3 of the resolved specs, in hex.
    pub spec_hash: String,
    /// Seed of the masks.
    pub seed: u64,
    /// Threads that simulated; the results do not depend on it.
    pub host_threads: u32,
    /// Processor and system that simulated: "Intel Xeon, x86_64 linux"; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Command line.
    pub command: String,
}

/// The headline numbers of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Elapsed cycles of the training step.
    pub step_cycles: Cycles,
    /// `step_cycles` at the machine's clock, in seconds.
    pub step_seconds: f64,
    /// Sequences per second.
    pub samples_per_s: f64,
    /// Tokens per second.
    pub tokens_per_s: f64,
    /// Operations of the step as if no weight were zero, under the workload's attention convention.
    pub flops_dense: Flops,
    /// Operations of the step without the products with a zero weight.
    pub flops_effective: Flops,
    /// Ceiling by arithmetic: `flops_dense / flops_effective`.
    pub theoretical_speedup: f64,
    /// Ceiling by the dense step: its own cycles with each skippable op divided by its 1/density.
    pub bound_speedup: f64,
    /// Cycles of the dense step over cycles of this one.
    pub achieved_speedup: f64,
    /// Useful MACs over the MACs that the datapaths could have done in `step_cycles`, in [0, 1].
    pub utilization: f64,
    /// What sets the pace, in words.
    pub limiter: String,
    /// Whether the values of this program were compared and are right.
    pub verified: bool,
    /// Whether any number is sampled or composed rather than simulated whole.
    pub approximate: bool,
    /// Share of the kernels' cycles that is exact: simulated whole, with the kernel's own mask.
    pub exact_share: f64,
    /// Engines that gave the cycles: "fast and reference".
    pub engine: String,
    /// PEs of the wafer that the step has for itself.
    pub pe_count: u64,
    /// PE-cycles that the engines went through.
    pub pe_cycles_simulated: u64,
    /// Time of the simulation on the host, in seconds.
    pub wall_seconds: f64,
    /// Largest memory of the simulation on the host.
    pub peak_memory_bytes: Bytes,
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or not a record of this version.
    #[error("not a run record of wafersim {version} ({0}); run it again, or read it with the version that wrote it", version = env!("CARGO_PKG_VERSION"))]
    Json(#[from] serde_json::Error),
}

impl Summary {
    /// PE-cycles that the engines went through in a second on the host; absent where the time was not taken.
    pub fn simulated_per_second(&self) -> Option<f64> {
        (self.wall_seconds > 0.0).then(|| self.pe_cycles_simulated as f64 / self.wall_seconds)
    }
}

impl RunRecord {
    /// As indented JSON with a newline at the end. A number that is not finite becomes `null`, which
    /// [`RunRecord::validate_sums`] reports.
    pub fn to_json(&self) -> String {
        to_json(self)
    }

    /// From JSON.
    ///
    /// # Errors
    /// [`RecordError::Json`] with line and column where `text` is not a record.
    pub fn from_json(text: &str) -> Result<Self, RecordError> {
        Ok(serde_json::from_str(text)?)
    }

    /// Arithmetic by phase with attention counted as the summary counts it, and the name of that convention.
    pub fn counted_flops(&self) -> (&'static str, &FlopsByPhase) {
        match self.workload.training.attention_flops {
            AttentionFlops::Full => ("full_attention", &self.flops.full_attention),
            AttentionFlops::Causal => ("causal_attention", &self.flops.causal_attention),
        }
    }

    /// The record's own arithmetic: every sum, chain and ceiling that a report relies on. Returns one
    /// sentence for each that does not hold; empty when all do.
    pub fn validate_sums(&self) -> Vec<String> {
        check::faults(self)
    }
}

/// Indented JSON with a newline at the end.
fn to_json(record: &impl Serialize) -> String {
    let mut text =
        serde_json::to_string_pretty(record).expect("a record has string keys and no fallible field");
    text.push('\n');
    text
}
