//! How far a machine result may be from the exact one, and how far it is.
//!
//! A sum of n products in floating point with unit roundoff u is within `n u` of the exact sum, relative to the
//! sum of the products' magnitudes; that sum is what the oracle makes of the operands' magnitudes. Other ops
//! are compared relative to their largest element.

use crate::dtype::Dtype;
use crate::exec::reference::{Reference, ReferenceError, Tensors};
use crate::graph::{Op, OpKind, TrainGraph};
use crate::lower::mapping::Mapping;
use crate::lower::timing::STATISTICS;
use crate::record::Check;

/// What the oracle says of one op on the machine's operands.
pub(super) struct Bound {
    /// Exact results.
    pub(super) results: Vec<Vec<f64>>,
    /// What errors are relative to, element by element.
    pub(super) scales: Vec<Vec<f64>>,
    /// Largest relative error allowed.
    pub(super) tolerance: f64,
}

/// The bound of `op` on the operands in `tensors`, with results in `precision`.
pub(super) fn of_op(
    oracle: &Reference<'_>,
    graph: &TrainGraph,
    op: &Op,
    tensors: &Tensors,
    mapping: &Mapping,
    precision: Dtype,
) -> Result<Bound, ReferenceError> {
    let results = oracle.evaluate_op(op.id, tensors)?;
    let scales = if is_sum_of_products(op) {
        let mut magnitudes = Tensors::new();
        for &id in &op.inputs {
            if let Some(values) = tensors.get(id) {
                magnitudes.set(id, values.iter().map(|value| value.abs()).collect());
            }
        }
        oracle.evaluate_op(op.id, &magnitudes)?
    } else {
        results.iter().map(|values| vec![largest(values); values.len()]).collect()
    };
    let growth = 1.0 + amplification(op, tensors);
    let tolerance = roundings(graph, op, mapping).error(precision) * growth;
    Ok(Bound { results, scales, tolerance })
}

/// Whether magnitudes of the operands give the magnitudes of the terms.
fn is_sum_of_products(op: &Op) -> bool {
    op.kind.matmul().is_some() || matches!(op.kind, OpKind::Add | OpKind::Bias | OpKind::BiasGrad)
}

/// Roundings between the operands of an op and any element of its result.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roundings {
    /// To the format of activations.
    stored: u64,
    /// To that of maxima, and of sums over features or tokens, outside of products.
    statistics: u64,
}

impl Roundings {
    /// The largest relative error that they make, where activations are stored in `precision`.
    pub(super) fn error(self, precision: Dtype) -> f64 {
        self.stored as f64 * precision.unit_roundoff() + self.statistics as f64 * STATISTICS.unit_roundoff()
    }
}

impl Roundings {
    /// The relative error that they are not likely to pass: roundings go up as often as down, so that many of them
    /// add up as their root, here with a margin of 4 standard deviations.
    pub(super) fn likely(self, precision: Dtype) -> f64 {
        let root = |count: u64| 4.0 * (count as f64).sqrt();
        root(self.stored) * precision.unit_roundoff() + root(self.statistics) * STATISTICS.unit_roundoff()
    }
}

impl std::ops::Add for Roundings {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { stored: self.stored + other.stored, statistics: self.statistics + other.statistics }
    }
}

/// The roundings of an op.
pub(super) fn roundings(graph: &TrainGraph, op: &Op, mapping: &Mapping) -> Roundings {
    // Terms of a sum that one PE adds up, and the PEs whose sums meet.
    let row = u64::from(mapping.width);
    let column = u64::from(mapping.rows()) + u64::from(mapping.tokens);
    let features = |input: usize| graph.tensor(op.inputs[input]).shape.last().copied().unwrap_or(1);
    let stored = |stored| Roundings { stored, statistics: 0 };
    match op.kind {
        // A term is in the sums of its own column, and then in those along the row.
        OpKind::Linear(shape) | OpKind::LinearGradData(shape) => {
            return stored(shape.k.div_ceil(row) + row + 2);
        }
        // Over the tokens of a PE, and then along the column.
        OpKind::LinearGradWeight(_) => return stored(column + 2),
        _ => {}
    }
    if let Some(shape) = op.kind.matmul() {
        return stored(shape.k + row.max(column) + 2);
    }
    match op.kind {
        OpKind::Embedding | OpKind::PositionEmbedding => stored(1),
        OpKind::EmbeddingGrad | OpKind::PositionEmbeddingGrad => stored(1),
        OpKind::Add | OpKind::Bias => stored(1),
        OpKind::Rope(_) | OpKind::RopeGrad(_) => stored(4),
        OpKind::SwiGlu | OpKind::Gelu => stored(10),
        OpKind::SwiGluGrad | OpKind::GeluGrad => stored(16),
        OpKind::RmsNorm(_)
        | OpKind::LayerNorm(_)
        | OpKind::Softmax(_)
        | OpKind::SoftmaxGrad(_)
        | OpKind::CrossEntropy
        | OpKind::CrossEntropyGrad => Roundings { stored: 8, statistics: features(0) + row },
        OpKind::RmsNormGradData(_) | OpKind::LayerNormGradData(_) => {
            Roundings { stored: 16, statistics: 2 * (features(0) + row) }
        }
        OpKind::SquareHeadSums => Roundings { stored: 4, statistics: features(0) + row },
        OpKind::SquareHead(_) => Roundings { stored: 0, statistics: graph.tokens() + column + 8 },
        OpKind::SquareHeadGrad => Roundings { stored: 2, statistics: 2 },
        OpKind::RmsNormGradWeight(_) | OpKind::LayerNormGradWeight(_) | OpKind::BiasGrad => {
            Roundings { stored: 8, statistics: graph.tokens() + column }
        }
        _ => Roundings::default(),
    }
}

/// How much an exponential makes of a relative error of its argument: as much as the argument is large.
fn amplification(op: &Op, tensors: &Tensors) -> f64 {
    let size = |input: usize| tensors.get(op.inputs[input]).map_or(0.0, largest);
    match op.kind {
        OpKind::Softmax(_)
        | OpKind::CrossEntropy
        | OpKind::CrossEntropyGrad
        | OpKind::SwiGlu
        | OpKind::SwiGluGrad
        | OpKind::Gelu
        | OpKind::GeluGrad => size(0),
        _ => 0.0,
    }
}

/// Compare element by element. A result that is not a number fails; so does anything but zero where the exact
/// result has no terms at all.
pub(super) fn compare(
    what: String,
    values: &[f64],
    reference: &[f64],
    scale: &[f64],
    tolerance: f64,
) -> Check {
    let mut largest_error = 0.0f64;
    let mut ok = values.len() == reference.len() && scale.len() == reference.len();
    for ((value, exact), scale) in values.iter().zip(reference).zip(scale) {
        let difference = (value - exact).abs();
        let error = if difference == 0.0 { 0.0 } else { difference / scale };
        // Written so that a NaN fails.
        ok &= error <= tolerance;
        largest_error = if error.is_nan() { f64::INFINITY } else { largest_error.max(error) };
    }
    Check { what, elements: reference.len() as u64, largest_error, tolerance, ok }
}

/// Largest magnitude.
pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// The kind of an op, for tables.
pub(super) fn label(op: &Op) -> &'static str {
    match op.kind {
        OpKind::Linear(_) => "linear",
        OpKind::LinearGradData(_) => "linear, dx",
        OpKind::LinearGradWeight(_) => "linear, dw",
        OpKind::AttentionScores(_) => "attention scores",
        OpKind::AttentionScoresGradQ(_) => "attention scores, dq",
        OpKind::AttentionScoresGradK(_) => "attention scores, dk",
        OpKind::AttentionContext(_) => "attention context",
        OpKind::AttentionContextGradP(_) => "attention context, dp",
        OpKind::AttentionContextGradV(_) => "attention context, dv",
        OpKind::Softmax(_) => "softmax",
        OpKind::SoftmaxGrad(_) => "softmax, dx",
        OpKind::Embedding | OpKind::PositionEmbedding => "embedding",
        OpKind::EmbeddingGrad | OpKind::PositionEmbeddingGrad => "embedding, dw",
        OpKind::RmsNorm(_) => "rmsnorm",
        OpKind::RmsNormGradData(_) => "rmsnorm, dx",
        OpKind::RmsNormGradWeight(_) => "rmsnorm, dw",
        OpKind::LayerNorm(_) => "layernorm",
        OpKind::LayerNormGradData(_) => "layernorm, dx",
        OpKind::LayerNormGradWeight(_) => "layernorm, dw",
        OpKind::Bias => "bias",
        OpKind::BiasGrad => "bias, db",
        OpKind::Rope(_) => "rope",
        OpKind::RopeGrad(_) => "rope, dx",
        OpKind::SwiGlu => "swiglu",
        OpKind::SwiGluGrad => "swiglu, dx",
        OpKind::Gelu => "gelu",
        OpKind::GeluGrad => "gelu, dx",
        OpKind::Add => "add",
        OpKind::CrossEntropy => "loss",
        OpKind::CrossEntropyGrad => "loss, dx",
        OpKind::SquareHeadSums => "squarehead, sums",
        OpKind::SquareHead(_) => "squarehead",
        OpKind::SquareHeadGrad => "squarehead, dx",
        OpKind::TotalLoss(_) => "total loss",
        OpKind::AdamW => "adamw",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_fails_on_what_is_wrong() {
        let ok = |values: &[f64], scale: &[f64]| compare(String::new(), values, &[1.0, 0.0], scale, 0.1).ok;
        assert!(ok(&[1.09, 0.0], &[1.0, 0.0]));
        assert!(!ok(&[1.11, 0.0], &[1.0, 0.0]), "beyond the tolerance");
        assert!(!ok(&[f64::NAN, 0.0], &[1.0, 0.0]), "no number");
        assert!(!ok(&[1.0, 1e-30], &[1.0, 0.0]), "something where there are no terms");
        assert!(!ok(&[1.0], &[1.0, 0.0]), "a value too few");
    }

    #[test]
    fn statistics_round_as_fp32_whatever_is_stored() {
        let statistics = Roundings { stored: 0, statistics: 4 };
        assert_eq!(statistics.error(Dtype::Bf16), 4.0 * Dtype::Fp32.unit_roundoff());
        let both = Roundings { stored: 2, statistics: 0 };
        assert_eq!(both.error(Dtype::Bf16), 2.0 * Dtype::Bf16.unit_roundoff());
    }
}
