//! Parts of a block that several families share.

use super::build::Builder;
use super::{Attention, OpKind, Rotation};
use crate::ids::TensorId;
use crate::spec::workload::ModelSpec;

impl Builder {
    /// LayerNorm with the new parameters `{parameter}.weight` and `{parameter}.bias`.
    pub(super) fn layer_norm(
        &mut self,
        name: String,
        parameter: &str,
        (layer, eps): (Option<u32>, f64),
        x: TensorId,
    ) -> TensorId {
        let shape = self.tensor(x).shape.clone();
        let weight = self.parameter(format!("{parameter}.weight"), &shape[1..], layer, None);
        let bias = self.parameter(format!("{parameter}.bias"), &shape[1..], layer, None);
        self.forward(name, layer, OpKind::LayerNorm(eps), &[x, weight, bias], &shape)
    }

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

    /// Rotary positions.
    pub(super) fn rope(
        &mut self,
        name: String,
        layer: Option<u32>,
        model: &ModelSpec,
        x: TensorId,
    ) -> TensorId {
        let shape = self.tensor(x).shape.clone();
        let rotation = Rotation::of(model, self.sequence_tokens());
        self.forward(name, layer, OpKind::Rope(rotation), &[x], &shape)
    }

    /// `softmax(q k^T / sqrt(head_dim)) v` as ops of the names `{scope}.scores`, `{scope}.softmax` and
    /// `{scope}.context`.
    pub(super) fn attend(
        &mut self,
        scope: &str,
        layer: Option<u32>,
        model: &ModelSpec,
        [q, k, v]: [TensorId; 3],
    ) -> TensorId {
        let attention = Attention {
            sequences: self.sequences(),
            tokens: self.sequence_tokens(),
            heads: u64::from(model.heads),
            kv_heads: u64::from(model.kv_heads),
            head_dim: u64::from(model.head_dim()),
        };
        let square = [attention.sequences, attention.heads, attention.tokens, attention.tokens];
        let stream = [self.tokens(), u64::from(model.hidden)];
        let name = |part: &str| format!("{scope}.{part}");
        let scores =
            self.forward(name("scores"), layer, OpKind::AttentionScores(attention), &[q, k], &square);
        let probabilities =
            self.forward(name("softmax"), layer, OpKind::Softmax(attention), &[scores], &square);
        let kind = OpKind::AttentionContext(attention);
        self.forward(name("context"), layer, kind, &[probabilities, v], &stream)
    }
}
