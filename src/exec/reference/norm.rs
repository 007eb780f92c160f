//! RMSNorm and LayerNorm. Both scale each token's features by `1 / sqrt(mean square + eps)`; LayerNorm first
//! takes the mean away.

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// `x` less its mean.
fn centered(x: &[f64]) -> Vec<f64> {
    let mean = mean(x.iter().copied());
    x.iter().map(|x| x - mean).collect()
}

/// `1 / sqrt(mean(x^2) + eps)`.
fn inverse_rms(x: &[f64], eps: f64) -> f64 {
    1.0 / (mean(x.iter().map(|x| x * x)) + eps).sqrt()
}

/// `x / sqrt(mean(x^2) + eps)`.
fn normalized(x: &[f64], eps: f64) -> Vec<f64> {
    let scale = inverse_rms(x, eps);
    x.iter().map(|x| x * scale).collect()
}

/// Gradient of the features of one token from `g`, that of the normalized features.
///
/// With `r = 1 / sqrt(mean(x^2) + eps)` and `n = r x`, the derivative of `n_i` by `x_j` is
/// `r (delta_ij - n_i n_j / width)`.
fn normalized_grad(x: &[f64], g: &[f64], eps: f64) -> Vec<f64> {
    let (r, n) = (inverse_rms(x, eps), normalized(x, eps));
    let along = mean(n.iter().zip(g).map(|(n, g)| n * g));
    n.iter().zip(g).map(|(n, g)| r * (g - n * along)).collect()
}

fn product(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

fn add_to(sums: &mut [f64], values: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

/// `y = weight n` of each token, n its normalized features.
pub(super) fn rms(x: &[f64], weight: &[f64], eps: f64) -> Vec<f64> {
    x.chunks_exact(weight.len()).flat_map(|x| product(weight, &normalized(x, eps))).collect()
}

/// `dx` of [`rms`].
pub(super) fn rms_grad_data(x: &[f64], weight: &[f64], dy: &[f64], eps: f64) -> Vec<f64> {
    let tokens = x.chunks_exact(weight.len()).zip(dy.chunks_exact(weight.len()));
    tokens.flat_map(|(x, dy)| normalized_grad(x, &product(weight, dy), eps)).collect()
}

/// `dweight` of [`rms`]: sum over tokens of `dy n`.
pub(super) fn rms_grad_weight(x: &[f64], dy: &[f64], width: usize, eps: f64) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for (x, dy) in x.chunks_exact(width).zip(dy.chunks_exact(width)) {
        add_to(&mut sums, &product(dy, &normalized(x, eps)));
    }
    sums
}

/// `y = weight n + bias` of each token, n its centered and normalized features.
pub(super) fn layer(x: &[f64], weight: &[f64], bias: &[f64], eps: f64) -> Vec<f64> {
    let token = |x: &[f64]| {
        let mut y = product(weight, &normalized(&centered(x), eps));
        add_to(&mut y, bias);
        y
    };
    x.chunks_exact(weight.len()).flat_map(token).collect()
}

/// `dx` of [`layer`]. To take a mean away is a symmetric projection, so its gradient does so again.
pub(super) fn layer_grad_data(x: &[f64], weight: &[f64], dy: &[f64], eps: f64) -> Vec<f64> {
    let tokens = x.chunks_exact(weight.len()).zip(dy.chunks_exact(weight.len()));
    tokens.flat_map(|(x, dy)| centered(&normalized_grad(&centered(x), &product(weight, dy), eps))).collect()
}

/// `dweight` of [`layer`]: sum over tokens of `dy n`.
pub(super) fn layer_grad_weight(x: &[f64], dy: &[f64], width: usize, eps: f64) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for (x, dy) in x.chunks_exact(width).zip(dy.chunks_exact(width)) {
        add_to(&mut sums, &product(dy, &normalized(&centered(x), eps)));
    }
    sums
}
