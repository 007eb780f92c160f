//! Work as an attribute of an op: dense and effective, matrix products apart from all else.
//!
//! Published FLOP figures count matrix products only, so those are what [`Work::theoretical_speedup`] and the per-token
//! figures use; the rest (norms, softmax, activations, optimizer) is counted beside them, per element.

use std::iter::Sum;
use std::ops::Add;

use serde::{Deserialize, Serialize};

use super::{Attention, MatmulShape, Op, OpKind, Phase, TrainGraph};
use crate::ids::TensorId;
use crate::spec::workload::AttentionFlops;
use crate::units::{Flops, Macs};

/// What an op, or several, have to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Multiply-accumulates of matrix products with every weight non-zero.
    pub dense_macs: Macs,
    /// Those among them whose weight is not zero.
    pub effective_macs: Macs,
    /// Floating-point operations outside matrix products; no zero is skipped there.
    pub other: Flops,
}

impl Work {
    /// FLOPs of matrix products, zeros included.
    pub fn dense(&self) -> Flops {
        self.dense_macs.flops()
    }

    /// FLOPs of matrix products, zeros skipped.
    pub fn effective(&self) -> Flops {
        self.effective_macs.flops()
    }

    /// Dense over effective matrix-product FLOPs; 1 where there are none.
    pub fn theoretical_speedup(&self) -> f64 {
        if self.dense_macs == self.effective_macs {
            1.0
        } else {
            self.dense_macs.as_f64() / self.effective_macs.as_f64()
        }
    }
}

impl Add for Work {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            dense_macs: self.dense_macs + other.dense_macs,
            effective_macs: self.effective_macs + other.effective_macs,
            other: self.other + other.other,
        }
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::default(), Add::add)
    }
}

/// Work of one training step by its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepWork {
    /// Tokens to loss.
    pub forward: Work,
    /// The forward pass of a teacher; nothing without one.
    pub teacher: Work,
    /// Gradients of activations.
    pub backward_data: Work,
    /// Gradients of parameters.
    pub backward_weight: Work,
    /// AdamW.
    pub optimizer: Work,
}

impl StepWork {
    /// All parts together. A teacher has no zeros to skip, so that its share lowers the speedup by theory.
    pub fn total(&self) -> Work {
        self.student() + self.teacher
    }

    /// All but the teacher: what published FLOP reductions count.
    pub fn student(&self) -> Work {
        self.forward + self.backward_data + self.backward_weight + self.optimizer
    }
}

impl TrainGraph {
    /// Work of one op. `nonzeros` says how many weights of a parameter are not zero, between 0 and its size.
    pub fn work(&self, op: &Op, attention: AttentionFlops, nonzeros: impl Fn(TensorId) -> u64) -> Work {
        let Some(shape) = op.kind.matmul() else {
            return Work { other: self.other_flops(op, attention), ..Work::default() };
        };
        let dense_macs = match op.kind.attention() {
            Some(heads) => attention_macs(shape, heads, attention),
            None => shape.macs(),
        };
        let effective_macs = match self.weight(op) {
            Some(weight) => Macs(nonzeros(weight) * self.tokens()),
            None => dense_macs,
        };
        Work { dense_macs, effective_macs, other: Flops::ZERO }
    }

    /// Work of the whole step.
    pub fn step_work(&self, attention: AttentionFlops, nonzeros: impl Fn(TensorId) -> u64) -> StepWork {
        let mut step = StepWork::default();
        for op in self.ops() {
            let part = match op.phase {
                Phase::Forward => &mut step.forward,
                Phase::Teacher => &mut step.teacher,
                Phase::BackwardData => &mut step.backward_data,
                Phase::BackwardWeight => &mut step.backward_weight,
                Phase::Optimizer => &mut step.optimizer,
            };
            *part = *part + self.work(op, attention, &nonzeros);
        }
        step
    }

    /// FLOPs of an op that is no matrix product: elements times operations per element.
    ///
    /// The factors count the arithmetic of the formulas in [`OpKind`], every elementary function (exp, root,
    /// reciprocal, tanh) as one; per-row terms are left out. They are orders of magnitude below the products.
    fn other_flops(&self, op: &Op, attention: AttentionFlops) -> Flops {
        let elements = |id: TensorId| self.tensor(id).elements();
        let pairs = |heads: Attention| match attention {
            AttentionFlops::Full => heads.sequences * heads.heads * heads.tokens * heads.tokens,
            AttentionFlops::Causal => heads.sequences * heads.heads * causal_pairs(heads.tokens),
        };
        Flops(match op.kind {
            OpKind::Embedding | OpKind::PositionEmbedding => 0,
            OpKind::EmbeddingGrad => elements(op.inputs[1]),
            OpKind::PositionEmbeddingGrad | OpKind::BiasGrad => elements(op.inputs[0]),
            OpKind::RmsNorm(_) => 4 * elements(op.inputs[0]),
            OpKind::RmsNormGradData(_) => 8 * elements(op.inputs[0]),
            OpKind::RmsNormGradWeight(_) => 3 * elements(op.inputs[0]),
            OpKind::LayerNorm(_) => 7 * elements(op.inputs[0]),
            OpKind::LayerNormGradData(_) => 11 * elements(op.inputs[0]),
            OpKind::LayerNormGradWeight(_) => 4 * elements(op.inputs[0]),
            OpKind::Bias | OpKind::Add => elements(op.outputs[0]),
            OpKind::Rope(turn) | OpKind::RopeGrad(turn) => {
                3 * elements(op.outputs[0]) / turn.head_dim * u64::from(turn.rotary)
            }
            OpKind::Softmax(heads) => 5 * pairs(heads),
            OpKind::SoftmaxGrad(heads) => 4 * pairs(heads),
            OpKind::SwiGlu => 5 * elements(op.outputs[0]),
            OpKind::SwiGluGrad => 11 * elements(op.outputs[0]),
            OpKind::Gelu => 9 * elements(op.outputs[0]),
            OpKind::GeluGrad => 16 * elements(op.outputs[0]),
            OpKind::CrossEntropy => 4 * elements(op.inputs[0]),
            OpKind::CrossEntropyGrad => 5 * elements(op.inputs[0]),
            OpKind::SquareHeadSums => 5 * elements(op.inputs[0]),
            OpKind::SquareHead(_) => elements(op.inputs[0]),
            OpKind::SquareHeadGrad => 2 * elements(op.inputs[0]),
            OpKind::TotalLoss(_) => op.inputs.len() as u64,
            OpKind::AdamW => 14 * elements(op.inputs[0]),
            OpKind::Linear(_)
            | OpKind::LinearGradData(_)
            | OpKind::LinearGradWeight(_)
            | OpKind::AttentionScores(_)
            | OpKind::AttentionScoresGradQ(_)
            | OpKind::AttentionScoresGradK(_)
            | OpKind::AttentionContext(_)
            | OpKind::AttentionContextGradP(_)
            | OpKind::AttentionContextGradV(_) => 0,
        })
    }
}

/// Every attention product pairs each token with each other one once per feature; the causal mask leaves the
/// pairs up to a token's own.
fn attention_macs(shape: MatmulShape, heads: Attention, convention: AttentionFlops) -> Macs {
    match convention {
        AttentionFlops::Full => shape.macs(),
        AttentionFlops::Causal => {
            Macs(heads.sequences * heads.heads * heads.head_dim * causal_pairs(heads.tokens))
        }
    }
}

/// Pairs of a token with itself or an earlier one.
fn causal_pairs(tokens: u64) -> u64 {
    // The product is even; it fits, as the square of the tokens does when a graph is built.
    tokens * (tokens + 1) / 2
}
