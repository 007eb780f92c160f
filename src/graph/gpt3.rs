//! Forward pass of GPT-3: LayerNorm, learned positions, GELU, biases, output head tied to the embedding.
//!
//! Parameters have the names of Hugging Face's `OPTForCausalLM`, the same block with one linear per projection.

use super::build::Builder;
use super::{Ends, Forward, OpKind, Target, TensorRole};
use crate::ids::TensorId;
use crate::spec::workload::ModelSpec;

/// Tokens to loss.
pub(super) fn forward(b: &mut Builder, model: &ModelSpec) -> Forward {
    let (sequences, length) = (b.sequences(), b.sequence_tokens());
    let token_ids = b.outside("input_ids", TensorRole::Tokens, &[sequences, length]);
    let labels = b.outside("labels", TensorRole::Tokens, &[sequences, length]);
    let (table, x, states) = trunk(b, model, token_ids);
    let x = Block { b, model, layer: None }.norm("norm", "final_layer_norm", x);
    let logits = b.linear_with("lm_head".to_owned(), None, x, table);
    let loss = b.forward("loss".to_owned(), None, OpKind::CrossEntropy, &[logits, labels], &[1]);
    Forward { ends: Ends { token_ids, labels, logits, loss }, states }
}

/// Tokens to what the last block makes: the table of tokens, that, and what every block makes.
pub(super) fn trunk(
    b: &mut Builder,
    model: &ModelSpec,
    token_ids: TensorId,
) -> (TensorId, TensorId, Vec<TensorId>) {
    let (hidden, vocab, length) = (u64::from(model.hidden), u64::from(model.vocab), b.sequence_tokens());
    let stream = [b.tokens(), hidden];
    let table = b.parameter("model.decoder.embed_tokens.weight".to_owned(), &[vocab, hidden], None, None);
    let places =
        b.parameter("model.decoder.embed_positions.weight".to_owned(), &[length, hidden], None, None);
    let words = b.forward("embed.tokens".to_owned(), None, OpKind::Embedding, &[token_ids, table], &stream);
    let positions =
        b.forward("embed.positions".to_owned(), None, OpKind::PositionEmbedding, &[places], &stream);
    let mut x = b.add("embed".to_owned(), None, words, positions);
    let mut states = Vec::new();
    for layer in 0..model.layers {
        let mut block = Block { b, model, layer: Some(layer) };
        x = block.attention(x);
        x = block.feed_forward(x);
        states.push(x);
    }
    (table, x, states)
}

/// One decoder block being built, or what follows the last one.
struct Block<'a> {
    b: &'a mut Builder,
    model: &'a ModelSpec,
    layer: Option<u32>,
}

impl Block<'_> {
    /// `x + o(attention(norm(x)))`.
    fn attention(&mut self, x: TensorId) -> TensorId {
        let (hidden, kv_width) = (u64::from(self.model.hidden), u64::from(self.model.kv_width()));
        let normed = self.norm("attn.norm", "self_attn_layer_norm", x);
        let q = self.linear("attn.q", "self_attn.q_proj", Target::Q, normed, hidden);
        let k = self.linear("attn.k", "self_attn.k_proj", Target::K, normed, kv_width);
        let v = self.linear("attn.v", "self_attn.v_proj", Target::V, normed, kv_width);
        let context = self.b.attend(&self.scoped("attn"), self.layer, self.model, [q, k, v]);
        let out = self.linear("attn.o", "self_attn.out_proj", Target::O, context, hidden);
        self.b.add(self.scoped("attn.residual"), self.layer, x, out)
    }

    /// `x + fc2(gelu(fc1(norm(x))))`.
    fn feed_forward(&mut self, x: TensorId) -> TensorId {
        let (hidden, ffn) = (u64::from(self.model.hidden), u64::from(self.model.ffn));
        let normed = self.norm("mlp.norm", "final_layer_norm", x);
        let wide = self.linear("mlp.fc1", "fc1", Target::Fc1, normed, ffn);
        let shape = [self.b.tokens(), ffn];
        let activated = self.b.forward(self.scoped("mlp.gelu"), self.layer, OpKind::Gelu, &[wide], &shape);
        let out = self.linear("mlp.fc2", "fc2", Target::Fc2, activated, hidden);
        self.b.add(self.scoped("mlp.residual"), self.layer, x, out)
    }

    fn norm(&mut self, name: &str, parameter: &str, x: TensorId) -> TensorId {
        let (name, parameter) = (self.scoped(name), self.parameter(parameter));
        self.b.layer_norm(name, &parameter, (self.layer, self.model.norm_eps), x)
    }

    /// A linear and its bias.
    fn linear(
        &mut self,
        name: &str,
        parameter: &str,
        target: Target,
        x: TensorId,
        features: u64,
    ) -> TensorId {
        let parameter = self.parameter(parameter);
        let weight = format!("{parameter}.weight");
        let product = self.b.linear(self.scoped(name), weight, self.layer, Some(target), x, features);
        self.b.bias(self.scoped(&format!("{name}.bias")), &parameter, self.layer, product)
    }

    fn scoped(&self, name: &str) -> String {
        match self.layer {
            Some(layer) => format!("layers.{layer}.{name}"),
            None => name.to_owned(),
        }
    }

    fn parameter(&self, name: &str) -> String {
        format!("model.decoder.{}", self.scoped(name))
    }
}
