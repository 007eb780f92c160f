//! Rotary position embedding.

use crate::graph::Rotation;

/// Each head of each token turned by its place in the sequence.
pub(super) fn rope(x: &[f64], width: usize, rotation: Rotation) -> Vec<f64> {
    turned(x, width, rotation, 1.0)
}

/// The gradient turned back: a rotation's transpose is its inverse.
pub(super) fn rope_grad(dy: &[f64], width: usize, rotation: Rotation) -> Vec<f64> {
    turned(dy, width, rotation, -1.0)
}

/// Both features of each pair as a point of the plane, turned by `sign * place` times the speed of the pair.
fn turned(x: &[f64], width: usize, rotation: Rotation, sign: f64) -> Vec<f64> {
    let mut turned = x.to_vec();
    for (token, features) in turned.chunks_exact_mut(width).enumerate() {
        let place = (token % rotation.tokens as usize) as f64;
        for head in features.chunks_exact_mut(rotation.head_dim as usize) {
            for (pair, speed) in rotation.pairs() {
                let (sin, cos) = (sign * place * speed).sin_cos();
                let [first, second] = pair.map(|feature| feature as usize);
                let (a, b) = (head[first], head[second]);
                (head[first], head[second]) = (a * cos - b * sin, a * sin + b * cos);
            }
        }
    }
    turned
}
