//! The oracle: what it takes and refuses, and what its tests share.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy allows both in tests, but not in the functions that tests share"
)]

mod by_hand;
mod distilled;
mod gradients;
mod pruned;

use std::num::NonZeroU32;

use wafersim::dtype::Dtype;
use wafersim::exec::reference::{Reference, ReferenceError, Tensors, random_inputs};
use wafersim::graph::{Tensor, TrainGraph};
use wafersim::ids::{OpId, TensorId};
use wafersim::sparsity::{Mask, Masks};
use wafersim::spec::workload::{
    AdamW, AttentionFlops, Family, ModelSpec, Recompute, SparsitySpec, TrainingSpec, WorkloadSpec,
};

const SEQUENCES: u32 = 2;
const LENGTH: u32 = 5;
/// Round numbers, so that an update can be worked out by hand.
const ADAMW: AdamW = AdamW { learning_rate: 0.1, beta1: 0.5, beta2: 0.75, eps: 0.25, weight_decay: 0.5 };
const FIRST: NonZeroU32 = NonZeroU32::MIN;

fn model(family: Family) -> ModelSpec {
    let (layers, hidden, ffn, heads, kv_heads, vocab) = (2, 16, 20, 4, 2, 19);
    // Half of a head of 4 turns.
    let rotary_dim = (family == Family::Gptj).then_some(2);
    ModelSpec {
        family,
        layers,
        hidden,
        ffn,
        heads,
        kv_heads,
        vocab,
        norm_eps: 1e-5,
        rope_theta: 1e4,
        rotary_dim,
    }
}

fn graph(family: Family) -> TrainGraph {
    TrainGraph::build(&model(family), SEQUENCES, LENGTH).unwrap()
}

/// The same beside a teacher, with a factor of SquareHead.
fn distilled(family: Family, weight: f64) -> TrainGraph {
    TrainGraph::with_teacher(&model(family), SEQUENCES, LENGTH, weight).unwrap()
}

/// Masks of `model` with this share of zeros in all linears of its family.
fn masks(model: ModelSpec, level: f64) -> Masks {
    let targets = match model.family {
        Family::Llama => vec!["q", "k", "v", "o", "gate", "up", "down"],
        Family::Gpt3 | Family::Gptj => vec!["q", "k", "v", "o", "fc1", "fc2"],
    };
    let targets = targets.into_iter().map(str::to_owned).collect();
    let workload = WorkloadSpec {
        name: "toy".into(),
        model,
        training: TrainingSpec {
            batch_sequences: SEQUENCES,
            sequence_tokens: LENGTH,
            precision: Dtype::Bf16,
            micro_batch_sequences: None,
            recompute: Recompute::None,
            attention_flops: AttentionFlops::Full,
            distillation: None,
            squarehead_weight: None,
            optimizer: ADAMW,
        },
        sparsity: SparsitySpec::uniform(level, 5, targets),
    };
    Masks::new(&workload).unwrap()
}

fn reference(graph: &TrainGraph, level: f64) -> Reference<'_> {
    Reference::new(graph, &masks(graph.model().clone(), level), ADAMW, FIRST).unwrap()
}

fn loss(reference: &Reference<'_>, graph: &TrainGraph, inputs: &Tensors) -> f64 {
    reference.evaluate(inputs.clone()).unwrap().get(graph.ends().loss).unwrap()[0]
}

/// The loss with one element of a tensor moved by `step`.
fn moved(
    reference: &Reference<'_>,
    graph: &TrainGraph,
    inputs: &Tensors,
    (id, index): (TensorId, usize),
    step: f64,
) -> f64 {
    let mut inputs = inputs.clone();
    inputs.get_mut(id).unwrap()[index] += step;
    loss(reference, graph, &inputs)
}

/// Relative error that two results may have of sums of at most `terms` terms, added one after the other.
fn rounding(terms: u32) -> f64 {
    f64::from(terms) * f64::EPSILON / 2.0
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let tolerance = rounding(64) * expected.abs().max(1.0);
        assert!((found - expected).abs() <= tolerance, "{what}: found {found}, expected {expected}");
    }
}

#[test]
fn a_step_is_its_ops_one_at_a_time() {
    let graph = graph(Family::Gpt3);
    let reference = reference(&graph, 0.5);
    let step = reference.evaluate(random_inputs(&graph, 3)).unwrap();
    for op in graph.ops() {
        let results = reference.evaluate_op(op.id, &step).unwrap();
        assert_eq!(results.len(), op.outputs.len());
        for (&id, values) in op.outputs.iter().zip(&results) {
            assert_eq!(step.get(id), Some(values.as_slice()), "{}", op.name);
            assert_eq!(values.len() as u64, graph.tensor(id).elements(), "{}", op.name);
        }
    }
}

#[test]
fn random_inputs_are_seeded_and_complete() {
    let graph = graph(Family::Gpt3);
    let inputs = random_inputs(&graph, 7);
    assert_eq!(inputs, random_inputs(&graph, 7));
    assert_ne!(inputs, random_inputs(&graph, 8));
    assert_eq!(inputs.get(graph.ends().token_ids), inputs.get(graph.ends().labels));
    let given = |tensor: &Tensor| inputs.get(tensor.id).is_some();
    assert!(graph.tensors().iter().all(|tensor| given(tensor) == graph.producer(tensor.id).is_none()));
    // A model that knows nothing is right once in `vocab`.
    let guess = f64::from(graph.model().vocab).ln();
    assert!((loss(&reference(&graph, 0.0), &graph, &inputs) - guess).abs() < 1.0);
}

#[test]
fn a_missing_input_is_named() {
    for family in [Family::Llama, Family::Gpt3, Family::Gptj] {
        let graph = graph(family);
        let reference = reference(&graph, 0.5);
        for tensor in graph.tensors().iter().filter(|tensor| graph.producer(tensor.id).is_none()) {
            let mut inputs = random_inputs(&graph, 1);
            inputs.remove(tensor.id).unwrap();
            let op = graph.op(graph.consumers(tensor.id)[0]).name.clone();
            let missing = ReferenceError::Missing { op, tensor: tensor.name.clone() };
            assert_eq!(reference.evaluate(inputs.clone()), Err(missing));

            inputs.set(tensor.id, vec![0.0; tensor.elements() as usize - 1]);
            let (expected, found) = (tensor.elements(), tensor.elements() - 1);
            let length = ReferenceError::Length { tensor: tensor.name.clone(), expected, found };
            assert_eq!(reference.evaluate(inputs), Err(length));
        }
    }
}

#[test]
fn only_whole_numbers_of_the_vocabulary_are_tokens() {
    let graph = graph(Family::Llama);
    let reference = reference(&graph, 0.0);
    for id in [graph.ends().token_ids, graph.ends().labels] {
        for bad in [-1.0, 0.5, 19.0, f64::INFINITY, f64::NAN] {
            let mut inputs = random_inputs(&graph, 1);
            inputs.get_mut(id).unwrap()[3] = bad;
            let error = reference.evaluate(inputs).unwrap_err();
            let ReferenceError::Token { tensor, position, found, vocab } = error else {
                panic!("{error}");
            };
            assert_eq!((tensor, position, vocab), (graph.tensor(id).name.clone(), 3, 19));
            assert_eq!(found.to_bits(), bad.to_bits());
        }
    }
}

#[test]
fn ids_and_masks_of_another_graph_are_refused() {
    let graph = graph(Family::Llama);
    let reference = reference(&graph, 0.0);
    let op = OpId(graph.ops().len() as u32);
    assert_eq!(reference.evaluate_op(op, &Tensors::new()), Err(ReferenceError::UnknownOp(op)));
    let beyond = TensorId(graph.tensors().len() as u32);
    for id in [beyond, graph.ends().logits] {
        let refused = reference.clone().with_mask(id, Mask::dense(10, 19)).unwrap_err();
        assert_eq!(refused, ReferenceError::UnknownParameter(id));
    }
    let wider = ModelSpec { hidden: 32, ..model(Family::Llama) };
    let refused = Reference::new(&graph, &masks(wider, 0.5), ADAMW, FIRST).unwrap_err();
    let tensor = "model.layers.0.self_attn.q_proj.weight".to_owned();
    assert_eq!(refused, ReferenceError::Mask { tensor, rows: 32, cols: 32, shape: vec![16, 16] });
}
