//! Forward pass of GPT-J: one LayerNorm a block, attention and feed-forward beside each other on what it makes, rotary
//! positions on a part of each head, biases in the feed-forward alone, an output head of its own with a bias.
//!
//! Parameters have the names of Hugging Face's `GPTJForCausalLM`.

use super::build::Builder;
use super::{Ends, Forward, OpKind, Target, TensorRole};
use crate::ids::TensorId;
use crate::spec::workload::ModelSpec;

/// Tokens to loss.
pub(super) fn forward(b: &mut Builder, model: &ModelSpec) -> Forward {
    let vocab = u64::from(model.vocab);
    let ids_shape = [b.sequences(), b.sequence_tokens()];
    let token_ids = b.outside("input_ids", TensorRole::Tokens, &ids_shape);
    let labels = b.outside("labels", TensorRole::Tokens, &ids_shape);
    let (x, states) = trunk(b, model, token_ids);
    let x = b.layer_norm("norm".to_owned(), "transformer.ln_f", (None, model.norm_eps), x);
    let head = b.linear("lm_head".to_owned(), "lm_head.weight".to_owned(), None, None, x, vocab);
    let logits = b.bias("logits".to_owned(), "lm_head", None, head);
    let loss = b.forward("loss".to_owned(), None, OpKind::CrossEntropy, &[logits, labels], &[1]);
    Forward { ends: Ends { token_ids, labels, logits, loss }, states }
}

/// Tokens to what the last block makes; with it what every block makes.
pub(super) fn trunk(b: &mut Builder, model: &ModelSpec, token_ids: TensorId) -> (TensorId, Vec<TensorId>) {
    let (hidden, vocab) = (u64::from(model.hidden), u64::from(model.vocab));
    let stream = [b.tokens(), hidden];
    let table = b.parameter("transformer.wte.weight".to_owned(), &[vocab, hidden], None, None);
    let mut x = b.forward("embed".to_owned(), None, OpKind::Embedding, &[token_ids, table], &stream);
    let mut states = Vec::new();
    for layer in 0..model.layers {
        x = Block { b, model, layer }.whole(x);
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
    /// `x + attention(norm(x)) + feed_forward(norm(x))`.
    fn whole(&mut self, x: TensorId) -> TensorId {
        let (name, parameter) = (self.scoped("norm"), self.parameter("ln_1"));
        let normed = self.b.layer_norm(name, &parameter, (Some(self.layer), self.model.norm_eps), x);
        let attended = self.attention(normed);
        let fed = self.feed_forward(normed);
        let x = self.b.add(self.scoped("attn.residual"), Some(self.layer), x, attended);
        self.b.add(self.scoped("mlp.residual"), Some(self.layer), x, fed)
    }

    /// `out_proj(softmax(q k^T) v)`.
    fn attention(&mut self, normed: TensorId) -> TensorId {
        let (hidden, kv_width) = (u64::from(self.model.hidden), u64::from(self.model.kv_width()));
        let q = self.linear("attn.q", "attn.q_proj", Target::Q, normed, hidden);
        let k = self.linear("attn.k", "attn.k_proj", Target::K, normed, kv_width);
        let v = self.linear("attn.v", "attn.v_proj", Target::V, normed, kv_width);
        let q = self.b.rope(self.scoped("attn.q_rope"), Some(self.layer), self.model, q);
        let k = self.b.rope(self.scoped("attn.k_rope"), Some(self.layer), self.model, k);
        let context = self.b.attend(&self.scoped("attn"), Some(self.layer), self.model, [q, k, v]);
        self.linear("attn.o", "attn.out_proj", Target::O, context, hidden)
    }

    /// `fc2(gelu(fc1(x)))`, each with its bias.
    fn feed_forward(&mut self, normed: TensorId) -> TensorId {
        let (hidden, ffn) = (u64::from(self.model.hidden), u64::from(self.model.ffn));
        let wide = self.linear("mlp.fc1", "mlp.fc_in", Target::Fc1, normed, ffn);
        let wide = self.bias("mlp.fc1.bias", "mlp.fc_in", wide);
        let shape = [self.b.tokens(), ffn];
        let name = self.scoped("mlp.gelu");
        let activated = self.b.forward(name, Some(self.layer), OpKind::Gelu, &[wide], &shape);
        let out = self.linear("mlp.fc2", "mlp.fc_out", Target::Fc2, activated, hidden);
        self.bias("mlp.fc2.bias", "mlp.fc_out", out)
    }

    fn linear(
        &mut self,
        name: &str,
        parameter: &str,
        target: Target,
        x: TensorId,
        features: u64,
    ) -> TensorId {
        let weight = self.parameter(&format!("{parameter}.weight"));
        self.b.linear(self.scoped(name), weight, Some(self.layer), Some(target), x, features)
    }

    fn bias(&mut self, name: &str, parameter: &str, x: TensorId) -> TensorId {
        self.b.bias(self.scoped(name), &self.parameter(parameter), Some(self.layer), x)
    }

    fn scoped(&self, name: &str) -> String {
        format!("layers.{}.{name}", self.layer)
    }

    fn parameter(&self, name: &str) -> String {
        format!("transformer.h.{}.{name}", self.layer)
    }
}
