//! SquareHead: how far hidden states are from a teacher's, and the loss that counts it.

use std::borrow::Cow;

use crate::graph::SquareHead;

/// Of each token of `features` values: the sum of `(h - teacher)^2`, then that of `teacher^2`.
pub(super) fn sums(h: &[f64], teacher: &[f64], features: usize) -> Vec<f64> {
    let tokens = h.chunks(features).zip(teacher.chunks(features));
    let of_token = |(h, teacher): (&[f64], &[f64])| {
        let apart = h.iter().zip(teacher).map(|(h, teacher)| (h - teacher) * (h - teacher)).sum::<f64>();
        [apart, teacher.iter().map(|value| value * value).sum::<f64>()]
    };
    tokens.flat_map(of_token).collect()
}

/// From the sums of all tokens: `mean((h - teacher)^2) / (mean(teacher^2) + eps)`, means over all tokens and features,
/// and the gradient of `weight` times that with respect to any first sum.
pub(super) fn distance(sums: &[f64], term: SquareHead) -> (f64, f64) {
    let mean = |which: usize| sums.iter().skip(which).step_by(2).sum::<f64>() / term.elements as f64;
    let scale = mean(1) + term.eps;
    (mean(0) / scale, term.weight / (term.elements as f64 * scale))
}

/// `dh = 2 rate (h - teacher)`.
pub(super) fn distance_grad(h: &[f64], teacher: &[f64], rate: f64) -> Vec<f64> {
    h.iter().zip(teacher).map(|(h, teacher)| 2.0 * rate * (h - teacher)).collect()
}

/// Cross-entropy, the first of `terms`, plus `weight` times the sum of the others.
pub(super) fn total(terms: &[Cow<'_, [f64]>], term: SquareHead) -> f64 {
    let distances: f64 = terms[1..].iter().map(|distance| distance[0]).sum();
    terms[0][0] + term.weight * distances
}
