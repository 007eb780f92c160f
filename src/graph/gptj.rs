//! Forward pass of GPT-J: one LayerNorm a block, attention and feed-forward beside each other on what it makes, rotary
//! positions on a part of each head, biases in the feed-forward alone, an output head of its own with a bias.
//!
//! Parameters have the names of Hugging Face's `GPTJForCausalLM`.

use super::build::Builder;
use super::parts::Block;
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
    let x =
        Block { b, model, layer: None, parameters: "transformer".to_owned() }.layer_norm("norm", "ln_f", x);
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
        let parameters = format!("transformer.h.{layer}");
        x = block(Block { b, model, layer: Some(layer), parameters }, x);
        states.push(x);
    }
    (x, states)
}

/// `x + attention(norm(x)) + feed_forward(norm(x))`.
fn block(mut block: Block<'_>, x: TensorId) -> TensorId {
    let normed = block.layer_norm("norm", "ln_1", x);
    let (hidden, kv_width) = (block.model.hidden, block.model.kv_width());
    let q = block.linear("attn.q", "attn.q_proj", Target::Q, normed, hidden);
    let k = block.linear("attn.k", "attn.k_proj", Target::K, normed, kv_width);
    let v = block.linear("attn.v", "attn.v_proj", Target::V, normed, kv_width);
    let q = block.rope("attn.q_rope", q);
    let k = block.rope("attn.k_rope", k);
    let context = block.attend([q, k, v]);
    let attended = block.linear("attn.o", "attn.out_proj", Target::O, context, hidden);
    let fed = block.gelu_feed_forward(["mlp.fc_in", "mlp.fc_out"], normed);
    let x = block.add("attn.residual", x, attended);
    block.add("mlp.residual", x, fed)
}
