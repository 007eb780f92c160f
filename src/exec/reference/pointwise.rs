//! Ops that treat each element alone.

/// `a + b`.
pub(super) fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// `gate sigmoid(gate) up`.
pub(super) fn swiglu(gate: &[f64], up: &[f64]) -> Vec<f64> {
    gate.iter().zip(up).map(|(&gate, up)| gate * sigmoid(gate) * up).collect()
}

/// `[dgate, dup]`. The derivative of `g sigmoid(g)` is `sigmoid(g) (1 + g (1 - sigmoid(g)))`.
pub(super) fn swiglu_grad(gate: &[f64], up: &[f64], dy: &[f64]) -> [Vec<f64>; 2] {
    let gate_slope = |g: f64| sigmoid(g) * (1.0 + g * (1.0 - sigmoid(g)));
    let dgate = (0..dy.len()).map(|i| dy[i] * up[i] * gate_slope(gate[i])).collect();
    let dup = (0..dy.len()).map(|i| dy[i] * gate[i] * sigmoid(gate[i])).collect();
    [dgate, dup]
}

/// Coefficient of the cube in the tanh approximation of the normal distribution function.
const CUBE: f64 = 0.044715;

/// `sqrt(2 / pi) (x + 0.044715 x^3)` and its derivative.
fn inner(x: f64) -> (f64, f64) {
    let scale = (2.0 / std::f64::consts::PI).sqrt();
    (scale * (x + CUBE * x.powi(3)), scale * (1.0 + 3.0 * CUBE * x.powi(2)))
}

/// `x (1 + tanh(inner(x))) / 2`.
pub(super) fn gelu(x: &[f64]) -> Vec<f64> {
    x.iter().map(|&x| 0.5 * x * (1.0 + inner(x).0.tanh())).collect()
}

/// `dx` of [`gelu`]; the derivative of tanh is `1 - tanh^2`.
pub(super) fn gelu_grad(x: &[f64], dy: &[f64]) -> Vec<f64> {
    let slope = |x: f64| {
        let (inner, inner_slope) = inner(x);
        let tanh = inner.tanh();
        0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * inner_slope
    };
    x.iter().zip(dy).map(|(&x, dy)| dy * slope(x)).collect()
}
