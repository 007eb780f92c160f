//! Forward pass of GPT-3: LayerNorm, learned positions, GELU, biases, output head tied to the embedding.
//!
//! Parameters have the names of Hugging Face's `OPTForCausalLM`, the same block with one linear per projection.

use super::build::Builder;
use super::parts::Block;
use super::{Ends, Forward, OpKind, Target, TensorRole};
use crate::ids::TensorId;
use crate::spec::workload::ModelSpec;

/// Tokens to loss.
pub(super) fn forward(b: &mut Builder, model: &ModelSpec) -> Forward {
    let (sequences, length) = (b.sequences(), b.sequence_tokens());
    let token_ids = b.outside("input_ids", TensorRole::Tokens, &[sequences, length]);
    let labels = b.outside("labels", TensorRole::Tokens, &[sequences, length]);
    let (table, x, states) = trunk(b, model, token_ids);
    let mut last = Block { b, model, layer: None, parameters: "model.decoder".to_owned() };
    let x = last.layer_norm("norm", "final_layer_norm", x);
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
        let parameters = format!("model.decoder.layers.{layer}");
        let mut block = Block { b, model, layer: Some(layer), parameters };
        x = attention(&mut block, x);
        x = feed_forward(&mut block, x);
        states.push(x);
    }
    (table, x, states)
}

/// `x + o(attention(norm(x)))`.
fn attention(block: &mut Block<'_>, x: TensorId) -> TensorId {
    let normed = block.layer_norm("attn.norm", "self_attn_layer_norm", x);
    let (hidden, kv_width) = (block.model.hidden, block.model.kv_width());
    let q = block.biased_linear("attn.q", "self_attn.q_proj", Target::Q, normed, hidden);
    let k = block.biased_linear("attn.k", "self_attn.k_proj", Target::K, normed, kv_width);
    let v = block.biased_linear("attn.v", "self_attn.v_proj", Target::V, normed, kv_width);
    let context = block.attend([q, k, v]);
    let out = block.biased_linear("attn.o", "self_attn.out_proj", Target::O, context, hidden);
    block.add("attn.residual", x, out)
}

/// `x + fc2(gelu(fc1(norm(x))))`.
fn feed_forward(block: &mut Block<'_>, x: TensorId) -> TensorId {
    let normed = block.layer_norm("mlp.norm", "final_layer_norm", x);
    let out = block.gelu_feed_forward(["fc1", "fc2"], normed);
    block.add("mlp.residual", x, out)
}
