//! Forward pass of Llama-2: RMSNorm, rotary grouped-query attention, SwiGLU, no biases, untied output head.
//!
//! Parameters have the names of Hugging Face's `LlamaForCausalLM`.

use super::build::Builder;
use super::parts::Block;
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
        let parameters = format!("model.layers.{layer}");
        let mut block = Block { b, model, layer: Some(layer), parameters };
        x = attention(&mut block, x);
        x = feed_forward(&mut block, x);
        states.push(x);
    }
    (x, states)
}

/// `x + o(attention(norm(x)))`.
fn attention(block: &mut Block<'_>, x: TensorId) -> TensorId {
    let normed = norm(block, "attn.norm", "input_layernorm", x);
    let (hidden, kv_width) = (block.model.hidden, block.model.kv_width());
    let q = block.linear("attn.q", "self_attn.q_proj", Target::Q, normed, hidden);
    let k = block.linear("attn.k", "self_attn.k_proj", Target::K, normed, kv_width);
    let v = block.linear("attn.v", "self_attn.v_proj", Target::V, normed, kv_width);
    let q = block.rope("attn.q_rope", q);
    let k = block.rope("attn.k_rope", k);
    let context = block.attend([q, k, v]);
    let out = block.linear("attn.o", "self_attn.o_proj", Target::O, context, hidden);
    block.add("attn.residual", x, out)
}

/// `x + down(silu(gate(norm(x))) * up(norm(x)))`.
fn feed_forward(block: &mut Block<'_>, x: TensorId) -> TensorId {
    let normed = norm(block, "mlp.norm", "post_attention_layernorm", x);
    let (hidden, ffn) = (block.model.hidden, block.model.ffn);
    let gate = block.linear("mlp.gate", "mlp.gate_proj", Target::Gate, normed, ffn);
    let up = block.linear("mlp.up", "mlp.up_proj", Target::Up, normed, ffn);
    let wide = block.b.tensor(gate).shape.clone();
    let activated = block.op("mlp.swiglu", OpKind::SwiGlu, &[gate, up], &wide);
    let out = block.linear("mlp.down", "mlp.down_proj", Target::Down, activated, hidden);
    block.add("mlp.residual", x, out)
}

fn norm(block: &mut Block<'_>, name: &str, parameter: &str, x: TensorId) -> TensorId {
    let shape = block.b.tensor(x).shape.clone();
    let weight = format!("{}.{parameter}.weight", block.parameters);
    let weight = block.b.parameter(weight, &shape[1..], block.layer, None);
    block.op(name, OpKind::RmsNorm(block.model.norm_eps), &[x, weight], &shape)
}
