//! How far a machine result may be from the exact one, and how far it is.
//!
//! Sums of products are compared relative to the sum of the products' magnitudes, which is what the oracle makes of
//! the operands' magnitudes; other ops relative to their largest element. `roundings` says how far they may be.

use crate::exec::reference::{Reference, ReferenceError, Tensors};
use crate::graph::{Op, OpKind};
use crate::lower::shape::formats;
use crate::record::Check;
use crate::values::Wafer;
use crate::verify::roundings::Roundings;

/// What the oracle says of one op on the machine's operands.
pub(super) struct Bound {
    /// Exact results.
    pub(super) results: Vec<Vec<f64>>,
    /// What errors are relative to, element by element.
    pub(super) scales: Vec<Vec<f64>>,
    /// Largest relative error allowed.
    pub(super) tolerance: f64,
}

/// The bound of `op` on what `wafer` holds.
pub(super) fn of_op(oracle: &Reference<'_>, wafer: &Wafer<'_>, op: &Op) -> Result<Bound, ReferenceError> {
    let tensors = wafer.tensors();
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
    let formats = formats(wafer.workload.training.precision, &wafer.machine.numerics);
    let tolerance = Roundings::of(wafer.graph, op, wafer.mapping).tolerance(formats) * growth;
    Ok(Bound { results, scales, tolerance })
}

/// Whether magnitudes of the operands give the magnitudes of the terms.
fn is_sum_of_products(op: &Op) -> bool {
    op.kind.matmul().is_some()
        || matches!(op.kind, OpKind::Add | OpKind::Bias | OpKind::BiasGrad | OpKind::PositionEmbeddingGrad)
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
        OpKind::Embedding => "embedding",
        OpKind::EmbeddingGrad => "embedding, dw",
        OpKind::PositionEmbedding => "positions",
        OpKind::PositionEmbeddingGrad => "positions, dw",
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
}
