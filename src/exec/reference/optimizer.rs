//! AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019).

use std::num::NonZeroU32;

use crate::spec::workload::AdamW;

/// `[w, m, v]` after step number `step` from `[w, dw, m, v]` before it. The weight decays by
/// `learning_rate * weight_decay` of itself, whatever its gradient.
pub(super) fn adamw([w, dw, m, v]: [&[f64]; 4], spec: AdamW, step: NonZeroU32) -> [Vec<f64>; 3] {
    let AdamW { learning_rate, beta1, beta2, eps, weight_decay } = spec;
    let step = f64::from(step.get());
    let (mut w_next, mut m_next, mut v_next) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..w.len() {
        let m = beta1 * m[i] + (1.0 - beta1) * dw[i];
        let v = beta2 * v[i] + (1.0 - beta2) * dw[i] * dw[i];
        // Moments start at zero; after `step` steps they hold this share of their sums' weights.
        let m_unbiased = m / (1.0 - beta1.powf(step));
        let v_unbiased = v / (1.0 - beta2.powf(step));
        let update = m_unbiased / (v_unbiased.sqrt() + eps);
        w_next.push(w[i] - learning_rate * weight_decay * w[i] - learning_rate * update);
        m_next.push(m);
        v_next.push(v);
    }
    [w_next, m_next, v_next]
}
