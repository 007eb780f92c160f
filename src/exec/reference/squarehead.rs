//! SquareHead: how far hidden states are from a teacher's, and the loss that counts it.

use std::borrow::Cow;

use crate::graph::SquareHead;

/// Mean of the squares of `values`.
fn mean_square(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.map(|value| value * value).sum::<f64>() / count
}

/// `mean((h - teacher)^2) / (mean(teacher^2) + eps)`, means over all tokens and features.
pub(super) fn distance(h: &[f64], teacher: &[f64], term: SquareHead) -> f64 {
    let apart = mean_square(h.iter().zip(teacher).map(|(h, teacher)| h - teacher));
    apart / (mean_square(teacher.iter().copied()) + term.eps)
}

/// `dh` of `weight` times [`distance`]: `2 weight (h - teacher) / (elements (mean(teacher^2) + eps))`.
pub(super) fn distance_grad(h: &[f64], teacher: &[f64], term: SquareHead) -> Vec<f64> {
    let scale = mean_square(teacher.iter().copied()) + term.eps;
    let factor = 2.0 * term.weight / (h.len() as f64 * scale);
    h.iter().zip(teacher).map(|(h, teacher)| factor * (h - teacher)).collect()
}

/// Cross-entropy, the first of `terms`, plus `weight` times the sum of the others.
pub(super) fn total(terms: &[Cow<'_, [f64]>], term: SquareHead) -> f64 {
    let distances: f64 = terms[1..].iter().map(|distance| distance[0]).sum();
    terms[0][0] + term.weight * distances
}
