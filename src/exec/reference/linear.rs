//! Linears: `y = x weight^T` and its gradients, and biases. Each result is the sum of its products from the first
//! to the last; results beside each other in memory are summed side by side, rows on all cores.

use rayon::prelude::*;

use crate::graph::MatmulShape;

/// The array `[rows, columns]` whose row r starts from zeros and gets `factor(r, n)` times row n of `terms`
/// (`[count, columns]`), n by n.
fn sums(rows: usize, columns: usize, terms: &[f64], factor: impl Fn(usize, usize) -> f64 + Sync) -> Vec<f64> {
    let mut values = vec![0.0; rows * columns];
    values.par_chunks_mut(columns.max(1)).enumerate().for_each(|(r, row)| {
        for (n, terms) in terms.chunks_exact(columns.max(1)).enumerate() {
            let factor = factor(r, n);
            row.iter_mut().zip(terms).for_each(|(sum, term)| *sum += factor * term);
        }
    });
    values
}

/// `[columns, rows]` of `[rows, columns]`.
fn transposed(values: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).into_par_iter().flat_map_iter(|c| values.iter().skip(c).step_by(columns).copied()).collect()
}

/// `y[t, o]`: sum over inputs i of `x[t, i] weight[o, i]`.
pub(super) fn linear(x: &[f64], weight: &[f64], shape: MatmulShape) -> Vec<f64> {
    let [tokens, ins, outs] = [shape.m, shape.k, shape.n].map(|extent| extent as usize);
    let by_input = transposed(x, ins);
    transposed(&sums(outs, tokens, &by_input, |o, i| weight[o * ins + i]), tokens)
}

/// `dx[t, i]`: sum over outputs o of `dy[t, o] weight[o, i]`.
pub(super) fn grad_data(dy: &[f64], weight: &[f64], shape: MatmulShape) -> Vec<f64> {
    let [tokens, outs, ins] = [shape.m, shape.k, shape.n].map(|extent| extent as usize);
    sums(tokens, ins, weight, |t, o| dy[t * outs + o])
}

/// `dweight[o, i]`: sum over tokens t of `dy[t, o] x[t, i]`.
pub(super) fn grad_weight(x: &[f64], dy: &[f64], shape: MatmulShape) -> Vec<f64> {
    let [outs, ins] = [shape.m, shape.n].map(|extent| extent as usize);
    sums(outs, ins, x, |o, t| dy[t * outs + o])
}

/// `y[t, c] = x[t, c] + bias[c]`.
pub(super) fn bias(x: &[f64], bias: &[f64]) -> Vec<f64> {
    x.iter().zip(bias.iter().cycle()).map(|(x, bias)| x + bias).collect()
}
