//! Linears: `y = x weight^T` and its gradients, and biases.

use crate::graph::MatmulShape;

/// The array `[rows, columns]` whose element (r, c) is `element(r, c)`.
fn array(rows: u64, columns: u64, element: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let mut values = Vec::new();
    for r in 0..rows as usize {
        for c in 0..columns as usize {
            values.push(element(r, c));
        }
    }
    values
}

/// `y[t, o]`: sum over inputs i of `x[t, i] weight[o, i]`.
pub(super) fn linear(x: &[f64], weight: &[f64], shape: MatmulShape) -> Vec<f64> {
    let ins = shape.k as usize;
    array(shape.m, shape.n, |t, o| (0..ins).map(|i| x[t * ins + i] * weight[o * ins + i]).sum())
}

/// `dx[t, i]`: sum over outputs o of `dy[t, o] weight[o, i]`.
pub(super) fn grad_data(dy: &[f64], weight: &[f64], shape: MatmulShape) -> Vec<f64> {
    let (outs, ins) = (shape.k as usize, shape.n as usize);
    array(shape.m, shape.n, |t, i| (0..outs).map(|o| dy[t * outs + o] * weight[o * ins + i]).sum())
}

/// `dweight[o, i]`: sum over tokens t of `dy[t, o] x[t, i]`.
pub(super) fn grad_weight(x: &[f64], dy: &[f64], shape: MatmulShape) -> Vec<f64> {
    let (outs, tokens, ins) = (shape.m as usize, shape.k as usize, shape.n as usize);
    array(shape.m, shape.n, |o, i| (0..tokens).map(|t| dy[t * outs + o] * x[t * ins + i]).sum())
}

/// `y[t, c] = x[t, c] + bias[c]`.
pub(super) fn bias(x: &[f64], bias: &[f64]) -> Vec<f64> {
    x.iter().zip(bias.iter().cycle()).map(|(x, bias)| x + bias).collect()
}
