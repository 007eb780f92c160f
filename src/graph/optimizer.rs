//! The update: one AdamW op per parameter.

use super::build::Builder;
use super::{OpKind, Phase, TensorRole};

/// Adds `(w, dw, m, v) -> (w', m', v')` for every parameter that has a gradient, in parameter order.
pub(super) fn update(b: &mut Builder) {
    for parameter in b.parameters() {
        let Some(gradient) = b.gradients[parameter.index()] else { continue };
        let (name, layer) = (b.tensor(parameter).name.clone(), b.tensor(parameter).layer);
        let mut state = |what: &str, role| b.like(parameter, format!("{name}.{what}"), role);
        let first = state("first_moment", TensorRole::Moment);
        let second = state("second_moment", TensorRole::Moment);
        let outputs = [
            state("next", TensorRole::UpdatedParameter),
            state("first_moment.next", TensorRole::UpdatedMoment),
            state("second_moment.next", TensorRole::UpdatedMoment),
        ];
        let inputs = [parameter, gradient, first, second];
        b.add_op(format!("{name}.adamw"), OpKind::AdamW, layer, Phase::Optimizer, &inputs, &outputs);
    }
}
