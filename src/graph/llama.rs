//! Forward pass of Llama-2: RMSNorm, rotary grouped-query attention, SwiGLU, no biases, untied output head.
//!
//! Parameters have the names of Hugging Face's `LlamaForCausalLM`.

use super::build::Builder;
use super::{Ends, Forward, OpKind, Target, TensorRole};
use crate::ids::TensorId;
use crate::spec::workload::ModelSpec;

/// Tokens to loss.
pub(super) fn forward(b: &mut Builder, model: &ModelSpec) -> Forward {
    let (hidden, vocab) = (u64::from(model.hidden), u64::from(model.vocab));
    let ids_shape = [b.sequences(), b.sequence_tokens()];
    let stream = [b.tokens(), hidden];

    let token_ids = b.outside("input_ids", TensorRole::Tokens, &ids_shape);
    let labels = b.outside("labels", TensorRole::Tokens, &ids_shape);
    let (x, states) = trunk(b, model, token_ids);
    let weight = b.parameter("model.norm.weight".to_owned(), &[hidden], None, None);
    let x = b.forward("norm".to_owned(), None, OpKind::RmsNorm(model.norm_eps), &[x, weight], &stream);
    let logits = b.linear("lm_head".to_owned(), "lm_head.weight".to_owned(), None, None, x, vocab);
    let loss = b.forward("loss".to_owned(), None, OpKind::CrossEntropy, &[logits, labels], &[1]);
    Forward { ends: Ends { token_ids, labels, logits, loss }, states }
}

/// Tokens to what the last block makes; with it what every block makes.
pub(super) fn trunk(b: &mut Builder, model: &ModelSpec, token_ids: TensorId) -> (TensorId, Vec<TensorId>) {
    let (hidden, vocab) = (u64::from(model.hidden), u64::from(model.vocab));
    let stream = [b.tokens(), hidden];
    let table = b.parameter("model.embed_tokens.weight".to_owned(), &[vocab, hidden], None, None);
    let mut x = b.forward("embed".to_owned(), None, OpKind::Embedding, &[token_ids, table], &stream);
    let mut states = Vec::new();
    for layer in 0..model.layers {
        let mut block = Block { b, model, layer };
        x = block.attention(x);
        x = block.feed_forward(x);
        states.push(x);
    }
    (x, states)
}

/// One decoder block being built.
struct Block<'a> {
    b: &'a mut Builder,
    model: &'a ModelSpec,
    layer: u32,
}

impl Block<'_> {
    /// `x + o(attention(norm(x)))`.
    fn attention(&mut self, x: TensorId) -> TensorId {
        let (hidden, kv_width) = (u64::from(self.model.hidden), u64::from(self.model.kv_width()));
        let normed = self.norm("attn.norm", "input_layernorm", x);
        let q = self.linear("attn.q", "self_attn.q_proj", Target::Q, normed, hidden);
        let k = self.linear("attn.k", "self_attn.k_proj", Target::K, normed, kv_width);
        let v = self.linear("attn.v", "self_attn.v_proj", Target::V, normed, kv_width);
        let q = self.b.rope(self.scoped("attn.q_rope"), Some(self.layer), self.model, q);
        let k = self.b.rope(self.scoped("attn.k_rope"), Some(self.layer), self.model, k);
        let context = self.b.attend(&self.scoped("attn"), Some(self.layer), self.model, [q, k, v]);
        let out = self.linear("attn.o", "self_attn.o_proj", Target::O, context, hidden);
        self.residual("attn.residual", x, out)
    }

    /// `x + down(silu(gate(norm(x))) * up(norm(x)))`.
    fn feed_forward(&mut self, x: TensorId) -> TensorId {
        let (hidden, ffn) = (u64::from(self.model.hidden), u64::from(self.model.ffn));
        let normed = self.norm("mlp.norm", "post_attention_layernorm", x);
        let gate = self.linear("mlp.gate", "mlp.gate_proj", Target::Gate, normed, ffn);
        let up = self.linear("mlp.up", "mlp.up_proj", Target::Up, normed, ffn);
        let wide = [self.b.tokens(), ffn];
        let activated = self.op("mlp.swiglu", OpKind::SwiGlu, &[gate, up], &wide);
        let out = self.linear("mlp.down", "mlp.down_proj", Target::Down, activated, hidden);
        self.residual("mlp.residual", x, out)
    }

    fn norm(&mut self, name: &str, parameter: &str, x: TensorId) -> TensorId {
        let shape = self.b.tensor(x).shape.clone();
        let name_of_weight = format!("model.layers.{}.{parameter}.weight", self.layer);
        let weight = self.b.parameter(name_of_weight, &shape[1..], Some(self.layer), None);
        self.op(name, OpKind::RmsNorm(self.model.norm_eps), &[x, weight], &shape)
    }

    fn linear(
        &mut self,
        name: &str,
        parameter: &str,
        target: Target,
        x: TensorId,
        features: u64,
    ) -> TensorId {
        let weight = format!("model.layers.{}.{parameter}.weight", self.layer);
        self.b.linear(self.scoped(name), weight, Some(self.layer), Some(target), x, features)
    }

    fn residual(&mut self, name: &str, x: TensorId, out: TensorId) -> TensorId {
        self.b.add(self.scoped(name), Some(self.layer), x, out)
    }

    fn op(&mut self, name: &str, kind: OpKind, inputs: &[TensorId], shape: &[u64]) -> TensorId {
        self.b.forward(self.scoped(name), Some(self.layer), kind, inputs, shape)
    }

    fn scoped(&self, name: &str) -> String {
        format!("layers.{}.{name}", self.layer)
    }
}
