//! Single ops against numbers worked out by hand: the conventions that a gradient check cannot see.

use std::num::NonZeroU32;

use wafersim::exec::reference::{Reference, Tensors, random_inputs};
use wafersim::graph::{OpKind, TrainGraph};
use wafersim::spec::workload::{Family, ModelSpec};

use super::{ADAMW, FIRST, LENGTH, assert_close, graph, masks, model, reference};

/// The one result of the op called `name` where its operands are as given.
fn result(graph: &TrainGraph, name: &str, operands: &[&[f64]]) -> Vec<f64> {
    results(graph, name, operands, FIRST).swap_remove(0)
}

fn results(graph: &TrainGraph, name: &str, operands: &[&[f64]], step: NonZeroU32) -> Vec<Vec<f64>> {
    let op = graph.op_named(name).unwrap();
    let mut tensors = Tensors::new();
    for (&id, values) in op.inputs.iter().zip(operands) {
        tensors.set(id, values.to_vec());
    }
    let masks = masks(graph.model().clone(), 0.0);
    Reference::new(graph, &masks, ADAMW, step).unwrap().evaluate_op(op.id, &tensors).unwrap()
}

/// One sequence of two tokens, four features in two query heads that share a key/value head.
fn tiny(family: Family) -> TrainGraph {
    let model = ModelSpec {
        layers: 1,
        hidden: 4,
        ffn: 2,
        heads: 2,
        kv_heads: 1,
        vocab: 2,
        norm_eps: 0.5,
        ..model(family)
    };
    TrainGraph::build(&model, 1, 2).unwrap()
}

#[test]
fn adamw_is_as_worked_out_by_hand() {
    let graph = tiny(Family::Llama);
    let name = "model.norm.weight.adamw";
    assert_eq!(graph.op_named(name).unwrap().kind, OpKind::AdamW);
    let [w, dw] = [[2.0; 4], [4.0, -4.0, 0.0, 2.0]];

    // Step 1: m = dw / 2 and v = dw^2 / 4; without bias dw and dw^2; w 0.95 - 0.1 dw / (|dw| + 1/4).
    let first = results(&graph, name, &[&w, &dw, &[0.0; 4], &[0.0; 4]], FIRST);
    assert_close(&first[0], &[1.9 - 1.6 / 17.0, 1.9 + 1.6 / 17.0, 1.9, 1.9 - 0.8 / 9.0], "weights");
    assert_eq!(first[1], [2.0, -2.0, 0.0, 1.0]);
    assert_eq!(first[2], [4.0, 4.0, 0.0, 1.0]);

    // Step 2, the gradient of the first weight turned round: m = 1 - 2 and v = 3 + 4; without bias -1 / (3/4) and
    // 7 / (7/16) = 4^2.
    let second = NonZeroU32::new(2).unwrap();
    let second = results(&graph, name, &[&w, &[-4.0; 4], &first[1], &first[2]], second);
    assert_close(&second[0][..1], &[1.9 + 0.1 * (4.0 / 3.0) / 4.25], "weight");
    assert_eq!((second[1][0], second[2][0]), (-1.0, 7.0));
}

#[test]
fn rotary_pairs_are_halves_of_a_head() {
    let model = ModelSpec { hidden: 8, heads: 2, kv_heads: 2, rope_theta: 100.0, ..model(Family::Llama) };
    let graph = TrainGraph::build(&model, 2, 2).unwrap();
    // Four tokens of two heads: feature 0 is 1 in the first head, feature 3 is 1 in the second.
    let x = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0].repeat(4);
    let y = result(&graph, "layers.0.attn.q_rope", &[&x]);
    // Pair 0 (features 0, 2) turns by 1 radian per token, pair 1 (features 1, 3) by 100^(-2/4) = 0.1.
    let second = [1_f64.cos(), 0.0, 1_f64.sin(), 0.0, 0.0, -(0.1_f64.sin()), 0.0, 0.1_f64.cos()];
    let sequence = [&x[..8], &second].concat();
    assert_close(&y, &sequence.repeat(2), "places start again in each sequence");
    let back = result(&graph, "layers.0.attn.q_rope.dx", &[&y]);
    assert_close(&back, &x, "the gradient turns back");
}

#[test]
fn rotary_pairs_of_gptj_are_neighbours_among_the_first_features() {
    let shape = ModelSpec { hidden: 12, heads: 2, kv_heads: 2, rope_theta: 100.0, ..model(Family::Gptj) };
    let turned = |rotary_dim, x: &[f64]| {
        let graph = TrainGraph::build(&ModelSpec { rotary_dim, ..shape.clone() }, 1, 2).unwrap();
        let y = result(&graph, "layers.0.attn.q_rope", &[&x.repeat(2)]);
        let back = result(&graph, "layers.0.attn.q_rope.dx", &[&y]);
        assert_close(&back, &x.repeat(2), "the gradient turns back");
        assert_close(&y[..12], x, "the first token is not turned");
        y[12..].to_vec()
    };
    // Features 0 and 3 of the first head, feature 5 of the second.
    let x = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    // Of 4 features that turn, pair 0 (features 0, 1) turns by 1 radian per token, pair 1 by 100^(-2/4) = 0.1.
    let mut expected = [0.0; 12];
    expected[..4].copy_from_slice(&[1_f64.cos(), 1_f64.sin(), -(0.1_f64.sin()), 0.1_f64.cos()]);
    expected[11] = 1.0;
    assert_close(&turned(Some(4), &x), &expected, "features 4 and 5 stay as they are");
    let slow = 100_f64.powf(-4.0 / 6.0);
    let last = turned(None, &x)[10..].to_vec();
    assert_close(&last, &[-slow.sin(), slow.cos()], "all of a head turns");
}

#[test]
fn attention_is_as_worked_out_by_hand() {
    let graph = tiny(Family::Llama);
    // Features of a head: 2, so scores are divided by sqrt(2). Both query heads read the one key head.
    let q = [1.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 2.0];
    let k = [1.0, 2.0, 3.0, 4.0];
    let s = result(&graph, "layers.0.attn.scores", &[&q, &k]);
    let expected = [1.0, 3.0, 2.0, 6.0, 2.0, 4.0, 4.0, 8.0].map(|s| s / 2_f64.sqrt());
    assert_close(&s, &expected, "scores [head, query, key]");
    let ln3 = 3_f64.ln();
    let p = result(&graph, "layers.0.attn.softmax", &[&[5.0, 7.0, 0.0, ln3, 0.0, 0.0, 800.0, 800.0]]);
    assert_close(&p, &[1.0, 0.0, 0.25, 0.75, 1.0, 0.0, 0.5, 0.5], "causal softmax");
    let c = result(&graph, "layers.0.attn.context", &[&p, &[1.0, 2.0, 3.0, 6.0]]);
    assert_close(&c, &[1.0, 2.0, 1.0, 2.0, 2.5, 5.0, 2.0, 4.0], "context [token, head, feature]");
}

#[test]
fn neighbouring_query_heads_share_a_key_head() {
    let model = ModelSpec { hidden: 8, ..model(Family::Llama) };
    let graph = TrainGraph::build(&model, 1, 2).unwrap();
    let k = [1.0, 0.0, 10.0, 0.0].repeat(2);
    let s = result(&graph, "layers.0.attn.scores", &[&[2_f64.sqrt(); 16], &k]);
    let heads: Vec<f64> = s.chunks(4).map(|head| head[0]).collect();
    assert_close(&heads, &[1.0, 1.0, 10.0, 10.0], "heads 0 and 1 share, and 2 and 3");
}

#[test]
fn norms_and_activations_are_as_worked_out_by_hand() {
    let (llama, gpt3) = (tiny(Family::Llama), tiny(Family::Gpt3));
    // eps is 1/2: mean squares 1 and 5/2 make roots of 3/2 and 3.
    let x = [1.0, -1.0, 1.0, 1.0, 3.0, 0.0, 0.0, 1.0];
    let y = result(&llama, "norm", &[&x, &[1.0, 2.0, 3.0, 4.0]]);
    let (a, b) = (1.5_f64.sqrt(), 3_f64.sqrt());
    assert_close(&y, &[1.0 / a, -2.0 / a, 3.0 / a, 4.0 / a, b, 0.0, 0.0, 4.0 / b], "RMSNorm");
    // Means 3 and 1, variances 1 and 3.
    let x = [2.0, 4.0, 2.0, 4.0, 0.0, 0.0, 0.0, 4.0];
    let y = result(&gpt3, "norm", &[&x, &[1.0, 2.0, 1.0, 1.0], &[0.0, 0.0, 0.5, 0.0]]);
    let b = 3.5_f64.sqrt();
    let expected = [-1.0 / a, 2.0 / a, 0.5 - 1.0 / a, 1.0 / a, -1.0 / b, -2.0 / b, 0.5 - 1.0 / b, 3.0 / b];
    assert_close(&y, &expected, "LayerNorm");
    // GELU in the tanh approximation at 1, -1, 2, 0, to 16 digits.
    let y = result(&gpt3, "layers.0.mlp.gelu", &[&[1.0, -1.0, 2.0, 0.0]]);
    let expected = [0.841_191_990_608_276_8, -0.158_808_009_391_723_24, 1.954_597_694_087_775, 0.0];
    assert_close(&y, &expected, "GELU");
    let ln3 = 3_f64.ln();
    let y = result(&llama, "layers.0.mlp.swiglu", &[&[ln3, -ln3, 0.0, 0.0], &[4.0, 4.0, 4.0, 0.0]]);
    assert_close(&y, &[3.0 * ln3, -ln3, 0.0, 0.0], "SwiGLU");
}

#[test]
fn the_loss_is_the_mean_over_tokens_that_have_a_next_one() {
    let model = ModelSpec { vocab: 2, ..model(Family::Llama) };
    let graph = TrainGraph::build(&model, 2, 3).unwrap();
    let ln3 = 3_f64.ln();
    // Every token gives probabilities 1/4 and 3/4, except that the last ones, which have no label, are sure.
    let logits = [0.0, ln3, 0.0, ln3, 50.0, 0.0].repeat(2);
    let labels = [0.0, 1.0, 1.0, 1.0, 0.0, 1.0];
    let loss = result(&graph, "loss", &[&logits, &labels]);
    // The next tokens are 1, 1 and 0, 1.
    assert_close(&loss, &[(3.0 * (4.0_f64 / 3.0).ln() + 4_f64.ln()) / 4.0], "loss");
    let gradient = result(&graph, "loss.dx", &[&logits, &labels]);
    let (one, zero) = ([0.0625, -0.0625], [-0.1875, 0.1875]);
    let expected = [one, one, [0.0; 2], zero, one, [0.0; 2]].concat();
    assert_close(&gradient, &expected, "gradient");
}

#[test]
fn no_token_sees_a_later_one_or_another_sequence() {
    for family in [Family::Llama, Family::Gpt3, Family::Gptj] {
        let graph = graph(family);
        let (reference, inputs) = (reference(&graph, 0.0), random_inputs(&graph, 4));
        let mut other = inputs.clone();
        let changed = (LENGTH + 2) as usize;
        let token = &mut other.get_mut(graph.ends().token_ids).unwrap()[changed];
        *token = 18.0 - *token;
        let logits = |inputs| reference.evaluate(inputs).unwrap().get(graph.ends().logits).unwrap().to_vec();
        let (before, after) = (logits(inputs), logits(other));
        for (token, (before, after)) in before.chunks(19).zip(after.chunks(19)).enumerate() {
            assert_eq!(before != after, token >= changed, "token {token}");
        }
    }
}
