//! Parts of a block that several families share.

use super::build::Builder;
use super::{Attention, OpKind, Rotation, Target};
use crate::ids::TensorId;
use crate::spec::workload::ModelSpec;

/// One decoder block being built, or what follows the last one.
pub(super) struct Block<'a> {
    pub(super) b: &'a mut Builder,
    pub(super) model: &'a ModelSpec,
    /// `None` behind the last block.
    pub(super) layer: Option<u32>,
    /// What the names of its parameters begin with: "model.layers.3".
    pub(super) parameters: String,
}

impl Block<'_> {
    /// LayerNorm.
    pub(super) fn layer_norm(&mut self, name: &str, parameter: &str, x: TensorId) -> TensorId {
        let shape = self.b.tensor(x).shape.clone();
        let [weight, bias] = ["weight", "bias"].map(|part| {
            let name = format!("{}.{parameter}.{part}", self.parameters);
            self.b.parameter(name, &shape[1..], self.layer, None)
        });
        self.op(name, OpKind::LayerNorm(self.model.norm_eps), &[x, weight, bias], &shape)
    }

    /// A linear to `features` features.
    pub(super) fn linear(
        &mut self,
        name: &str,
        parameter: &str,
        target: Target,
        x: TensorId,
        features: u32,
    ) -> TensorId {
        let weight = format!("{}.{parameter}.weight", self.parameters);
        self.b.linear(self.scoped(name), weight, self.layer, Some(target), x, u64::from(features))
    }

    /// The same and its bias.
    pub(super) fn biased_linear(
        &mut self,
        name: &str,
        parameter: &str,
        target: Target,
        x: TensorId,
        features: u32,
    ) -> TensorId {
        let product = self.linear(name, parameter, target, x, features);
        let parameter = format!("{}.{parameter}", self.parameters);
        self.b.bias(self.scoped(&format!("{name}.bias")), &parameter, self.layer, product)
    }

    /// Rotary positions.
    pub(super) fn rope(&mut self, name: &str, x: TensorId) -> TensorId {
        let shape = self.b.tensor(x).shape.clone();
        let rotation = Rotation::of(self.model, self.b.sequence_tokens());
        self.op(name, OpKind::Rope(rotation), &[x], &shape)
    }

    /// `softmax(q k^T / sqrt(head_dim)) v`.
    pub(super) fn attend(&mut self, [q, k, v]: [TensorId; 3]) -> TensorId {
        let attention = Attention {
            sequences: self.b.sequences(),
            tokens: self.b.sequence_tokens(),
            heads: u64::from(self.model.heads),
            kv_heads: u64::from(self.model.kv_heads),
            head_dim: u64::from(self.model.head_dim()),
        };
        let square = [attention.sequences, attention.heads, attention.tokens, attention.tokens];
        let stream = [self.b.tokens(), u64::from(self.model.hidden)];
        let scores = self.op("attn.scores", OpKind::AttentionScores(attention), &[q, k], &square);
        let probabilities = self.op("attn.softmax", OpKind::Softmax(attention), &[scores], &square);
        self.op("attn.context", OpKind::AttentionContext(attention), &[probabilities, v], &stream)
    }

    /// `fc2(gelu(fc1(x)))`, each with its bias.
    pub(super) fn gelu_feed_forward(&mut self, [fc1, fc2]: [&str; 2], x: TensorId) -> TensorId {
        let wide = self.biased_linear("mlp.fc1", fc1, Target::Fc1, x, self.model.ffn);
        let shape = self.b.tensor(wide).shape.clone();
        let activated = self.op("mlp.gelu", OpKind::Gelu, &[wide], &shape);
        self.biased_linear("mlp.fc2", fc2, Target::Fc2, activated, self.model.hidden)
    }

    /// The sum of two tensors of one shape.
    pub(super) fn add(&mut self, name: &str, a: TensorId, b: TensorId) -> TensorId {
        self.b.add(self.scoped(name), self.layer, a, b)
    }

    /// An op of the forward pass, its name after that of the block.
    pub(super) fn op(&mut self, name: &str, kind: OpKind, inputs: &[TensorId], shape: &[u64]) -> TensorId {
        self.b.forward(self.scoped(name), self.layer, kind, inputs, shape)
    }

    fn scoped(&self, name: &str) -> String {
        match self.layer {
            Some(layer) => format!("layers.{layer}.{name}"),
            None => name.to_owned(),
        }
    }
}

impl Builder {
    /// `x` plus the new parameter `{parameter}.bias`.
    pub(super) fn bias(
        &mut self,
        name: String,
        parameter: &str,
        layer: Option<u32>,
        x: TensorId,
    ) -> TensorId {
        let shape = self.tensor(x).shape.clone();
        let bias = self.parameter(format!("{parameter}.bias"), &shape[1..], layer, None);
        self.forward(name, layer, OpKind::Bias, &[x, bias], &shape)
    }
}
