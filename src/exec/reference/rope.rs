//! Rotary position embedding, features paired half and half as Hugging Face's Llama does.

use crate::graph::Rotation;

/// Each head of each token turned by its place in the sequence.
pub(super) fn rope(x: &[f64], width: usize, rotation: Rotation) -> Vec<f64> {
    turned(x, width, rotation, 1.0)
}

/// The gradient turned back: a rotation's transpose is its inverse.
pub(super) fn rope_grad(dy: &[f64], width: usize, rotation: Rotation) -> Vec<f64> {
    turned(dy, width, rotation, -1.0)
}

/// Features `i` and `i + head_dim / 2` of each head as a point of the plane, turned by
/// `sign * place * theta^(-2 i / head_dim)`.
fn turned(x: &[f64], width: usize, rotation: Rotation, sign: f64) -> Vec<f64> {
    let (length, head_dim) = (rotation.tokens as usize, rotation.head_dim as usize);
    let half = head_dim / 2;
    let mut turned = x.to_vec();
    for (token, features) in turned.chunks_exact_mut(width).enumerate() {
        let place = (token % length) as f64;
        for head in features.chunks_exact_mut(head_dim) {
            for i in 0..half {
                let speed = rotation.theta.powf(-2.0 * i as f64 / head_dim as f64);
                let (sin, cos) = (sign * place * speed).sin_cos();
                let (a, b) = (head[i], head[i + half]);
                (head[i], head[i + half]) = (a * cos - b * sin, a * sin + b * cos);
            }
        }
    }
    turned
}
