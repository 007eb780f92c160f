//! The backward pass, derived: a rule per op kind, applied to the forward ops in reverse.
//!
//! A rule knows one op: given the gradient of its result it adds the ops that give the gradients of its
//! operands. Where a tensor feeds several ops, their contributions are added up before its producer's rule runs.

use super::build::Builder;
use super::{MatmulShape, Op, OpKind, Phase, TensorRole};
use crate::ids::{OpId, TensorId};

/// Adds the gradients of the loss with respect to every tensor that it depends on, tokens and a teacher excepted.
pub(super) fn differentiate(b: &mut Builder) {
    let forward_ops = b.next_op().0;
    let mut pass = Pass { contributions: vec![Vec::new(); b.gradients.len()], b };
    for id in (0..forward_ops).rev().map(OpId) {
        let op = pass.b.op(id).clone();
        if !pass.loss_rule(&op)
            && let Some(gradient) = pass.complete(op.outputs[0])
        {
            pass.rule(&op, gradient);
        }
    }
    for parameter in pass.b.parameters() {
        pass.complete(parameter);
    }
}

/// Gradients under way.
struct Pass<'a> {
    b: &'a mut Builder,
    /// By forward tensor: what its consumers have given so far.
    contributions: Vec<Vec<TensorId>>,
}

impl Pass<'_> {
    /// The rule of the loss or of a term of it, whose own gradient is a constant; whether `op` is one. What a term
    /// compares with, labels or a teacher, has no gradient.
    fn loss_rule(&mut self, op: &Op) -> bool {
        match op.kind {
            OpKind::CrossEntropy => {
                let (logits, labels) = (op.inputs[0], op.inputs[1]);
                self.data(op, "dx", OpKind::CrossEntropyGrad, &[logits, labels], &[logits]);
            }
            // The gradient of its sums is the rate, which the forward pass has made with the distance.
            OpKind::SquareHead(_) => self.contribute(op.inputs[0], op.outputs[1]),
            OpKind::TotalLoss(_) => {}
            _ => return false,
        }
        true
    }

    /// Gradients of the operands of `op` from `dy`, the gradient of its result.
    fn rule(&mut self, op: &Op, dy: TensorId) {
        let input = |index: usize| op.inputs[index];
        match op.kind {
            OpKind::Embedding => self.weight(op, "dw", OpKind::EmbeddingGrad, &[input(0), dy], input(1)),
            OpKind::PositionEmbedding => {
                self.weight(op, "dw", OpKind::PositionEmbeddingGrad, &[dy], input(0));
            }
            OpKind::RmsNorm(eps) => {
                let (x, weight) = (input(0), input(1));
                self.data(op, "dx", OpKind::RmsNormGradData(eps), &[x, weight, dy], &[x]);
                self.weight(op, "dw", OpKind::RmsNormGradWeight(eps), &[x, dy], weight);
            }
            OpKind::LayerNorm(eps) => {
                let (x, weight, bias) = (input(0), input(1), input(2));
                self.data(op, "dx", OpKind::LayerNormGradData(eps), &[x, weight, dy], &[x]);
                self.weight(op, "dw", OpKind::LayerNormGradWeight(eps), &[x, dy], weight);
                self.weight(op, "db", OpKind::BiasGrad, &[dy], bias);
            }
            OpKind::Linear(MatmulShape { batch, m, k, n }) => {
                let (x, weight) = (input(0), input(1));
                let data = MatmulShape { batch, m, k: n, n: k };
                self.data(op, "dx", OpKind::LinearGradData(data), &[dy, weight], &[x]);
                let product = MatmulShape { batch, m: n, k: m, n: k };
                self.weight(op, "dw", OpKind::LinearGradWeight(product), &[x, dy], weight);
            }
            OpKind::Bias => {
                self.contribute(input(0), dy);
                self.weight(op, "db", OpKind::BiasGrad, &[dy], input(1));
            }
            OpKind::Rope(rotation) => self.data(op, "dx", OpKind::RopeGrad(rotation), &[dy], &[input(0)]),
            OpKind::AttentionScores(attention) => {
                let (q, k) = (input(0), input(1));
                self.data(op, "dq", OpKind::AttentionScoresGradQ(attention), &[dy, k], &[q]);
                self.data(op, "dk", OpKind::AttentionScoresGradK(attention), &[dy, q], &[k]);
            }
            OpKind::Softmax(attention) => {
                self.data(op, "dx", OpKind::SoftmaxGrad(attention), &[op.outputs[0], dy], &[input(0)]);
            }
            OpKind::AttentionContext(attention) => {
                let (p, v) = (input(0), input(1));
                self.data(op, "dp", OpKind::AttentionContextGradP(attention), &[dy, v], &[p]);
                self.data(op, "dv", OpKind::AttentionContextGradV(attention), &[p, dy], &[v]);
            }
            OpKind::SwiGlu => {
                let (gate, up) = (input(0), input(1));
                self.data(op, "dx", OpKind::SwiGluGrad, &[gate, up, dy], &[gate, up]);
            }
            OpKind::Gelu => self.data(op, "dx", OpKind::GeluGrad, &[input(0), dy], &[input(0)]),
            OpKind::Add => {
                self.contribute(input(0), dy);
                self.contribute(input(1), dy);
            }
            OpKind::SquareHeadSums => {
                let (h, teacher) = (input(0), input(1));
                self.data(op, "dx", OpKind::SquareHeadGrad, &[h, teacher, dy], &[h]);
            }
            // The loss and its terms have their own rule, and the forward pass has no other kinds.
            OpKind::CrossEntropy
            | OpKind::CrossEntropyGrad
            | OpKind::SquareHead(_)
            | OpKind::SquareHeadGrad
            | OpKind::TotalLoss(_)
            | OpKind::EmbeddingGrad
            | OpKind::PositionEmbeddingGrad
            | OpKind::RmsNormGradData(_)
            | OpKind::RmsNormGradWeight(_)
            | OpKind::LayerNormGradData(_)
            | OpKind::LayerNormGradWeight(_)
            | OpKind::LinearGradData(_)
            | OpKind::LinearGradWeight(_)
            | OpKind::BiasGrad
            | OpKind::RopeGrad(_)
            | OpKind::AttentionScoresGradQ(_)
            | OpKind::AttentionScoresGradK(_)
            | OpKind::SoftmaxGrad(_)
            | OpKind::AttentionContextGradP(_)
            | OpKind::AttentionContextGradV(_)
            | OpKind::SwiGluGrad
            | OpKind::GeluGrad
            | OpKind::AdamW => {}
        }
    }

    /// Adds an op `{op}.{suffix}` that makes the gradients of the activations `of`.
    fn data(&mut self, op: &Op, suffix: &str, kind: OpKind, inputs: &[TensorId], of: &[TensorId]) {
        let name = format!("{}.{suffix}", op.name);
        let mut outputs = Vec::with_capacity(of.len());
        for (index, &target) in of.iter().enumerate() {
            let result = if of.len() == 1 { name.clone() } else { format!("{name}.{index}") };
            outputs.push(self.b.like(target, result, TensorRole::Gradient));
        }
        self.b.add_op(name, kind, op.layer, Phase::BackwardData, inputs, &outputs);
        for (&target, &gradient) in of.iter().zip(&outputs) {
            self.contribute(target, gradient);
        }
    }

    /// Adds an op `{op}.{suffix}` that makes the gradient of the parameter `of`.
    fn weight(&mut self, op: &Op, suffix: &str, kind: OpKind, inputs: &[TensorId], of: TensorId) {
        let name = format!("{}.{suffix}", op.name);
        let gradient = self.b.like(of, name.clone(), TensorRole::ParameterGradient);
        self.b.add_op(name, kind, op.layer, Phase::BackwardWeight, inputs, &[gradient]);
        self.contribute(of, gradient);
    }

    fn contribute(&mut self, to: TensorId, gradient: TensorId) {
        self.contributions[to.index()].push(gradient);
    }

    /// The sum of all contributions to the gradient of `of`, which from now on is complete.
    fn complete(&mut self, of: TensorId) -> Option<TensorId> {
        let contributions = std::mem::take(&mut self.contributions[of.index()]);
        let (&first, rest) = contributions.split_first()?;
        let (name, layer, role) = {
            let tensor = self.b.tensor(of);
            (tensor.name.clone(), tensor.layer, tensor.role)
        };
        let (role, phase) = if role == TensorRole::Parameter {
            (TensorRole::ParameterGradient, Phase::BackwardWeight)
        } else {
            (TensorRole::Gradient, Phase::BackwardData)
        };
        let mut sum = first;
        for (index, &contribution) in rest.iter().enumerate() {
            let name = format!("{name}.grad.{}", index + 1);
            let total = self.b.like(of, name.clone(), role);
            self.b.add_op(name, OpKind::Add, layer, phase, &[sum, contribution], &[total]);
            sum = total;
        }
        self.b.gradients[of.index()] = Some(sum);
        Some(sum)
    }
}
