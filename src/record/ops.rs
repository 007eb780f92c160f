//! Rows of the op table, and the arithmetic of a step.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, Cycles, Flops, Macs};

/// Part of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Activations and loss.
    Forward,
    /// Activations of a teacher.
    Teacher,
    /// Gradients of activations.
    Dx,
    /// Gradients of weights.
    Dw,
    /// Update of the weights.
    Optimizer,
}

impl Phase {
    /// As printed and as written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Teacher => "teacher",
            Self::Dx => "dx",
            Self::Dw => "dw",
            Self::Optimizer => "optimizer",
        }
    }
}

/// How the cycles of an op came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Simulated {
    /// All of its rows, for itself.
    #[default]
    Whole,
    /// All of its rows, once for all ops with the same kernel and the same rows.
    Shared,
    /// Some of its rows, or another mask of its kind; the measured error says how well that stands for it.
    Sampled,
}

impl Simulated {
    /// As printed and as written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Shared => "shared",
            Self::Sampled => "sampled",
        }
    }
}

/// Engine that gave the cycles of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The one that knows some kernels and gives for them what the other gives.
    Fast,
    /// The one that knows every program.
    Reference,
}

impl Engine {
    /// As printed and as written in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Reference => "reference",
        }
    }
}

/// One op of the step, or `count` equal ones. Amounts are totals over all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpRow {
    /// Unique name: "layers.3.gate.dx".
    pub name: String,
    /// What it belongs to in figures: "q", "gate", "attention scores", "rmsnorm".
    pub group: String,
    /// Part of the step.
    pub phase: Phase,
    /// Decoder block; absent where the row stands for several, or for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// Layers times micro-batches that the row stands for.
    pub count: u64,
    /// Kernel that ran it.
    pub kernel: String,
    /// MACs as if no weight were zero.
    pub macs_dense: Macs,
    /// MACs done.
    pub macs_effective: Macs,
    /// Weights that it streams onto the wafer; none in records of versions that did not say.
    #[serde(default)]
    pub bytes_in: Bytes,
    /// Gradients that it sends off the wafer.
    #[serde(default)]
    pub bytes_out: Bytes,
    /// Elapsed cycles.
    pub cycles: Cycles,
    /// Elapsed cycles of the same op in the dense step.
    pub dense_cycles: Cycles,
    /// `dense_cycles / cycles`.
    pub speedup: f64,
    /// 1/density of its weights; 1 for an op that cannot skip.
    pub theory_speedup: f64,
    /// Useful MACs over possible MACs while it ran, in [0, 1].
    pub utilization: f64,
    /// How its cycles came about.
    pub simulated: Simulated,
    /// Engine that gave them; absent where nothing was simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// Every PE-cycle of the wafer while it ran, by category, "useful" and "idle" included:
    /// they sum to `cycles * pe_count`.
    pub stalls: Vec<CategoryCycles>,
}

/// PE-cycles of one category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryCycles {
    /// "useful", a named stall, or "idle".
    pub category: String,
    /// Cycles summed over PEs.
    pub pe_cycles: u64,
}

/// Arithmetic of the step under both ways to count attention; the workload says which one the summary uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlopsTable {
    /// All S x S pairs of tokens.
    pub full_attention: FlopsByPhase,
    /// The pairs that the causal mask leaves.
    pub causal_attention: FlopsByPhase,
}

/// Arithmetic of the step by phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlopsByPhase {
    /// Activations and loss.
    pub forward: PhaseFlops,
    /// Activations of a teacher; nothing without one.
    #[serde(default, skip_serializing_if = "PhaseFlops::is_nothing")]
    pub teacher: PhaseFlops,
    /// Gradients of activations.
    pub dx: PhaseFlops,
    /// Gradients of weights.
    pub dw: PhaseFlops,
    /// Update of the weights.
    pub optimizer: PhaseFlops,
}

/// Arithmetic of one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseFlops {
    /// As if no weight were zero.
    pub dense: Flops,
    /// Without the products with a zero weight.
    pub effective: Flops,
}

impl PhaseFlops {
    /// Whether there is none.
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl FlopsByPhase {
    /// The phases in order, a teacher's where there is one.
    pub fn phases(&self) -> impl Iterator<Item = (Phase, PhaseFlops)> + use<> {
        let phases = [
            (Phase::Forward, self.forward),
            (Phase::Teacher, self.teacher),
            (Phase::Dx, self.dx),
            (Phase::Dw, self.dw),
            (Phase::Optimizer, self.optimizer),
        ];
        phases.into_iter().filter(|(phase, flops)| *phase != Phase::Teacher || !flops.is_nothing())
    }

    /// All phases together. Saturates, so that a corrupt record cannot overflow.
    pub fn total(&self) -> PhaseFlops {
        let sum = |pick: fn(PhaseFlops) -> Flops| {
            Flops(self.phases().fold(0, |sum: u64, (_, flops)| sum.saturating_add(pick(flops).0)))
        };
        PhaseFlops { dense: sum(|f| f.dense), effective: sum(|f| f.effective) }
    }
}
